"""Exposures that are not there, as if a scan had just found them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from foreshore import facts, keys
from foreshore.cycle.supposed import SOURCE, Supposed
from foreshore.query.attributes import moment

if TYPE_CHECKING:
    import pyarrow as pa

_CONFIRMED = get_args(facts.Proof).index("confirmed")
# The strongest finding of the same weakness elsewhere tells component, way in and severity; without one, its CVSS score.
_FINDINGS = """
with told as (
    select w.exposure as wanted, f.* from wanted w join main.exposures e on e.weakness = w.weakness
    join main.finding_exposures fe on fe.exposure = e.exposure join main.findings f on f.finding = fe.finding
    qualify row_number() over (partition by w.exposure order by f.proof desc, f.cvss_score desc nulls last, f.finding) = 1
), scored as (
    select w.exposure, max(s.value) as score from wanted w
    join signals s on s.weakness = w.weakness and s.kind = 'cvss' group by 1
)
select w.finding, 0::BIGINT as run, w.asset, '{source}' as source, w.weakness as rule, told.check_id,
    coalesce(told.title, w.weakness) as title,
    coalesce(told.severity, case when score >= 9 then 4 when score >= 7 then 3 when score < 4 then 1 else 2 end)::TINYINT as severity,
    coalesce(told.kind, 'vulnerability') as kind, [w.weakness] as weaknesses,
    if(w.port > 0, 'port', coalesce(told.place_kind, 'none')) as place_kind,
    if(w.port > 0, 'tcp/' || w.port, coalesce(told.place, '')) as place,
    coalesce(told.component, '') as component, coalesce(told.component_name, '') as component_name,
    coalesce(told.version, '') as version, coalesce(told.fixed_version, '') as fixed_version, coalesce(told.fix, '') as fix,
    if(w.port > 0, w.port, coalesce(told.port, 0))::INTEGER as port, coalesce(told.protocol, 'tcp') as protocol,
    '' as url, '' as path, 0::INTEGER as line, coalesce(told.cvss_vector, '') as cvss_vector,
    coalesce(told.cvss_score, score) as cvss_score, {confirmed}::TINYINT as proof, 'open' as word, '' as evidence,
    1::INTEGER as instances, {now} as first_seen, {now} as observed_at
from wanted w left join told on told.wanted = w.exposure left join scored on scored.exposure = w.exposure
"""
_EXPOSURES = """
select w.exposure, w.asset, w.weakness, f.kind, f.place_kind, f.place, f.title, 0::BIGINT as run, {now} as first_seen
from wanted w join said f on f.finding = w.finding
"""


def with_exposures(found: Supposed, added: Sequence[tuple[str, int, int]]) -> Supposed:
    """Suppose that each (weakness, asset, port) is an open exposure, confirmed by a test; port 0: none is known.

    What else is known of the weakness (component, severity, check) comes from where it was found before, its
    likelihood from intelligence as for any other.
    """
    wanted = _wanted(added)
    now = moment(found.as_of)
    said = found.sql(_FINDINGS.format(source=SOURCE, confirmed=_CONFIRMED, now=now), wanted=wanted)
    opened = found.sql(_EXPOSURES.format(now=now), wanted=wanted, said=said)
    laid = found.with_tables(
        supposed_findings=said, supposed_exposures=opened, supposed_links=wanted.select(["finding", "exposure"]),
        states=found.sql("select * from states union all select exposure, 'open' as state from wanted", wanted=wanted),
    )  # fmt: skip
    last = f"select run from main.runs where observed_at <= {now} order by observed_at desc, run limit 1"
    views = {
        "findings": "select * from supposed_findings",
        "exposures": "select * from supposed_exposures",
        "finding_exposures": "select * from supposed_links",
        "seen": f"select r.run, e.exposure, {_CONFIRMED}::TINYINT as proof, 0::TINYINT as word "
        f"from supposed_exposures e, ({last}) r",
    }
    for name, more in views.items():
        laid = laid.through(name, f"select * from {{before}} union all by name {more}")  # type: ignore[attr-defined]
    return laid  # type: ignore[return-value]


def _wanted(added: Sequence[tuple[str, int, int]]) -> pa.Table:
    """Return the exposures to add, each once, with keys that no exposure of the facts has."""
    import pyarrow as pa

    rows = [
        {
            "exposure": keys.of(SOURCE, weakness, asset, port), "finding": keys.of(SOURCE, "finding", weakness, asset, port),
            "weakness": weakness, "asset": asset, "port": port,
        }
        for weakness, asset, port in dict.fromkeys(added)
    ]  # fmt: skip
    schema = pa.schema([
        ("exposure", pa.int64()), ("finding", pa.int64()), ("weakness", pa.string()), ("asset", pa.int64()),
        ("port", pa.int32()),
    ])  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)

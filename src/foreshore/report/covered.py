"""What the cycle looked at: imports by source with their age, what was skipped, and the feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from foreshore.store.ducklake import Lake

SHOWN = 40
_SOURCES = """
    select source, site, count(*) as imports, sum(findings)::BIGINT as findings,
        sum(skipped)::BIGINT as skipped, min(observed_at) as oldest, max(observed_at) as newest,
        list(distinct nullif(vantage, '') order by nullif(vantage, '')) as vantages,
        count(*) filter (coverage = 'none') as without_coverage
    from runs where observed_at is null or observed_at <= TIMESTAMP '{as_of}'
    group by source, site order by findings desc nulls last, source, site limit {limit}
"""
_TOTAL = """
    select count(*) as imports, count(distinct source) as sources, count(distinct site) as sites,
        coalesce(sum(findings), 0)::BIGINT as findings, coalesce(sum(skipped), 0)::BIGINT as skipped,
        coalesce(sum(relations), 0)::BIGINT as relations
    from runs where observed_at is null or observed_at <= TIMESTAMP '{as_of}'
"""
# What each feed is for, so that a missing one can say what is unknown without it.
EXPECTED = {
    "kev": ("No KEV list", "which weaknesses are used in attacks"),
    "epss": ("No EPSS scores", "how likely each weakness is to be tried"),
    "cve5": ("No CVE records", "how severe each CVE is, and what CISA makes of it"),
}


def covered(lake: Lake, as_of: datetime) -> dict[str, Any]:
    """Return `total`, `sources` (one row for each source and site), `feeds`, and the `missing` feeds."""
    from foreshore.intel.signals import feeds_at

    moment = f"{as_of:%Y-%m-%d %H:%M:%S.%f}"
    feeds = [dict(row) for row in feeds_at(lake.sql, as_of).to_pylist()]
    known = lake.sql("select distinct kind from signals where weakness <> '*'").to_pylist()
    kinds = {row["kind"] for row in known}
    named = {row["feed"] for row in feeds}
    missing = [
        {"feed": name, "sentence": f"{what} {'was' if name == 'kev' else 'were'} read: {unknown} is unknown here."}
        for name, (what, unknown) in EXPECTED.items()
        if name not in named and not kinds & _KINDS[name]
    ]
    return {
        "total": dict(lake.sql(_TOTAL.format(as_of=moment)).to_pylist()[0]),
        "sources": [dict(row) for row in lake.sql(_SOURCES.format(as_of=moment, limit=SHOWN)).to_pylist()],
        "feeds": feeds,
        "missing": missing,
    }


_KINDS = {"kev": {"kev"}, "epss": {"epss"}, "cve5": {"cvss", "ssvc_exploitation"}}

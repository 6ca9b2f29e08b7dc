"""The sources of facts: how much each says, how often, and how often people found it wrong."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from foreshore.query import lists
from foreshore.store import open_lake, serving

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.workspace import Workspace


_SOURCES = """
    with told as (
        select source, site, observed_at, findings, ports, coverage, zone_assumed,
            observed_at::DATE - lag(observed_at::DATE) over (partition by source order by observed_at) as gap from runs
        where reader <> 'records'
    ), said as (
        select source, count(*) as imports, min(observed_at) as first, max(observed_at) as last,
            median(gap) filter (gap > 0) as usual_days, sum(findings)::BIGINT as findings, sum(ports)::BIGINT as ports,
            count(*) filter (coverage <> 'none') as with_coverage, bool_or(zone_assumed) as zone_assumed
        from told group by source
    ), seen as (
        select r.source, count(distinct coalesce(n.canonical, s.asset)) as assets,
            count(distinct coalesce(n.canonical, s.asset)) filter (s.authenticated) as from_inside
        from sightings s join runs r using (run) left join asset_now n using (asset) group by r.source
    )
    select * from said left join seen using (source) order by source
"""
_CHECKS = """
    select f.source, f.rule, any_value(f.title) as title, count(distinct j.exposure) as exposures,
        count(distinct j.exposure) filter (j.wrong) as false_positives,
        count(distinct j.exposure) filter (j.judged) as judged
    from judged j join exposures e on e.exposure = j.member
    join finding_exposures x on x.exposure = e.exposure join findings f using (finding)
    group by f.source, f.rule having count(distinct j.exposure) filter (j.wrong) > 0
    order by false_positives desc, exposures, f.source, f.rule
"""


def sources(workspace: Workspace) -> list[dict[str, Any]]:
    """Return each source with its habits, what it saw, and how many of its exposures people called false positives.

    `judged` counts the exposures that a person or a test has spoken about; the rate is of those.
    """
    rates = _rates(workspace)
    with open_lake(workspace, read_only=True) as lake:
        rows = lake.sql(_SOURCES).to_pylist()
    return [row | rates.get(row["source"], {"exposures": 0, "judged": 0, "false_positives": 0}) for row in rows]


def checks(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the checks whose exposures people called false positives, with how many there are and were judged."""
    judged = _judged(workspace)
    if not judged.num_rows:
        return []
    with open_lake(workspace, read_only=True) as lake:
        members = lake.sql(
            """select j.*, j.exposure as member from judged j
            union all select j.*, n.exposure from judged j join exposure_now n on n.canonical = j.exposure""",
            judged=judged,
        )
        return list(lake.sql(_CHECKS, judged=members).to_pylist())


def _rates(workspace: Workspace) -> dict[str, dict[str, int]]:
    with closing(serving.connect(workspace)) as connection:
        lists.overlay(workspace, connection)
        rows = connection.execute(
            f"""select source, count(*), count(*) filter (judged), count(*) filter (wrong)
            from (select unnest(sources) as source, {_WORDS} from ({lists.LAID})) group by source"""
        ).fetchall()
    return {source: {"exposures": count, "judged": judged, "false_positives": wrong}
            for source, count, judged, wrong in rows}  # fmt: skip


_WORDS = """coalesce(disposition, '') <> '' or verdict in ('confirmed', 'refuted') as judged,
    coalesce(disposition = 'false_positive', false) or verdict = 'refuted' as wrong"""


def _judged(workspace: Workspace) -> pa.Table:
    with closing(serving.connect(workspace)) as connection:
        lists.overlay(workspace, connection)
        return connection.execute(
            f"select exposure, judged, wrong from (select exposure, {_WORDS} from ({lists.LAID})) where judged"
        ).to_arrow_table()

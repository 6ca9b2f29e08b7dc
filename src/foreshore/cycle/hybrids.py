"""Risk of cycles that never were: old facts under today's yardstick, then the world's news, then ours.

| | facts | world | yardstick |
|---|---|---|---|
| R0 | old | old | old, as it was published |
| R1 | old | old | new: policy, scope, decisions, seed, engine |
| R2 | old | new: signals, and exposures of weaknesses published since on assets known before | new |
| R3 | new, but what was fixed since is open and what was reopened is fixed | new | new |
| R4 | new | new | new, as it was published |

Each is the expected weighted losses a year of one model; R1 to R4 share the seed, so that luck is shared.
The order of the steps is part of the answer: what two causes did together goes to the later one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore.cycle import again, causes
from foreshore.cycle.inputs import Inputs, aliases
from foreshore.graph import simulate
from foreshore.prioritization.modelled import modelled
from foreshore.store import open_lake

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

Say = Callable[[str], None]

_STATES = """
    select coalesce(n.canonical, s.exposure) as exposure, arg_min(s.state, s.state in ('fixed', 'gone')) as state
    from states s left join exposure_now n on n.exposure = s.exposure group by 1
"""
_TURNED = """
    select coalesce(o.exposure, n.exposure) as exposure, o.state as was, n.state as state
    from was o full join states n on n.exposure = o.exposure
    where (o.state is not null and o.state <> 'fixed' and coalesce(n.state, 'fixed') = 'fixed'
        or o.state = 'fixed' and n.state <> 'fixed')
        -- What went with its asset is no fix: that the asset is gone is something that was seen.
        and o.state is distinct from 'gone' and n.state is distinct from 'gone'
"""
_UNTURNED = """
    select coalesce(s.exposure, t.exposure) as exposure,
        case when t.exposure is null then s.state when t.was in ('fixed', 'gone') then 'fixed' else 'open' end as state
    from states s full join turned t on t.exposure = s.exposure
"""
# Exposures that came since, of weaknesses that nobody could know before.
_OF_THE_WORLD = """
    with first as (
        select weakness, min(observed_at) as known from signals
        where weakness <> '*' and kind <> 'rejected' group by weakness
    )
    select s.exposure, coalesce(a.canonical, e.asset) as asset
    from states s join exposures e on e.exposure = s.exposure
    join first f on f.weakness = e.weakness and f.known > {before} and f.known <= {now}
    left join asset_now a on a.asset = e.asset
    where s.state not in ('fixed', 'gone') and s.exposure not in (select exposure from was)
"""


@dataclass(frozen=True)
class Cut:
    """What two cycles saw: their rows, inputs, and the moment when the old one's facts were last written."""

    old: dict[str, Any]
    new: dict[str, Any]
    before: Inputs
    now: Inputs
    written: datetime


@dataclass(frozen=True)
class Chain:
    """R0 to R4, and (exposure, was, state) of what was fixed or reopened; ids as they are now.

    `points` is the risk after each of `causes.CAUSES`.
    """

    risks: tuple[float, float, float, float, float]
    turned: pa.Table
    of_the_world: pa.Table
    points: tuple[float, ...]


def sql_time(moment: datetime) -> str:
    """Write a time as DuckDB's literal."""
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"


def chain(workspace: Workspace, cut: Cut, say: Say) -> Chain:
    """Compute what is not known yet of R0 to R4; a step at which nothing changed is not computed."""
    with open_lake(workspace, read_only=True) as newest:
        first, last = published(newest, cut.old), published(newest, cut.new)
        renamed = aliases(newest)
    later = cut.now._replace(decisions=_on_old_ids(cut.now, renamed))
    earlier = cut.before._replace(decisions=_on_old_ids(cut.before, renamed))
    points = list(causes.yardstick(workspace, cut, earlier, later, first, risk_of, say))
    row = {**cut.old, "seed": cut.new["seed"]}
    with again.snapshot(workspace, row, later) as then, again.snapshot(workspace, cut.new, cut.now) as now:
        was = now.sql(_STATES, states=then.laid["states"])
        turned = now.sql(_TURNED, was=was, states=now.laid["states"])
        born = now.sql(_OF_THE_WORLD.format(before=sql_time(cut.old["as_of"]), now=sql_time(cut.new["as_of"])), was=was)
        points += _world(then, now, born, cut, points[-1], say)
        points += _ours(now, turned, cut, last, say)
    return Chain((first, points[3], points[5], points[7], last), turned, born, tuple(points))


def _world(
    then: LakeSnapshot, now: LakeSnapshot, born: pa.Table, cut: Cut, before: float, say: Say
) -> tuple[float, float]:
    """Return the risk after new signals, and after weaknesses published since as well."""
    known = before
    if _signals_news(now, cut):
        say("the earlier cycle with what the world learned since")
        known = risk_of(_with_world(then, now, born.slice(0, 0), cut))
    if not born.num_rows:
        return known, known
    say("the earlier cycle with the weaknesses published since")
    return known, risk_of(_with_world(then, now, born, cut))


def _ours(now: LakeSnapshot, turned: pa.Table, cut: Cut, last: float, say: Say) -> tuple[float, float, float]:
    """Return the risk after what we saw but for the network, after that as well, and after the fixes."""
    unfixed, seen = now, last
    if turned.num_rows:
        say("the later cycle without the fixes")
        unfixed = now.with_tables(states=now.sql(_UNTURNED, states=now.laid["states"], turned=turned))
        seen = risk_of(unfixed)
    if not causes.network_news(now, cut):
        return seen, seen, last
    say("the later cycle with the network as it was known before")
    return risk_of(causes.with_old_network(unfixed, cut)), seen, last


def risk_of(snapshot: LakeSnapshot) -> float:
    """Return the expected weighted losses a year of a snapshot."""
    model = modelled(snapshot).model
    outcome = simulate(model.graph, model.profiles, model.targets, seed=model.seed, effort=model.effort)
    return float(outcome.events @ model.weights)


def published(lake: Lake, row: dict[str, Any]) -> float:
    """Return the expected weighted losses a year that the cycle of `row` published."""
    found = lake.sql(f"select value from measures where cycle = {int(row['cycle'])} and name = 'risk'").to_pylist()
    return float(found[0]["value"]) if found else 0.0


def yardstick_moved(cut: Cut) -> bool:
    """Did scope, policy, decisions, seed or engine change?"""
    same = all(cut.old[name] == cut.new[name] for name in ("scope_digest", "policy_digest", "seed", "engine"))
    return not same or said(cut.before) != said(cut.now)


def said(inputs: Inputs) -> dict[int, str]:
    """Return the words of people by exposure."""
    return {one.exposure: one.disposition for one in inputs.decisions}


def _on_old_ids(inputs: Inputs, renamed: dict[int, int]) -> tuple[Any, ...]:
    """Return the decisions on all ids that lead to theirs, so that they count before a renaming as well."""
    former: dict[int, list[int]] = {}
    for old, new in renamed.items():
        former.setdefault(new, []).append(old)
    return inputs.decisions + tuple(
        msgspec.structs.replace(one, exposure=old) for one in inputs.decisions for old in former.get(one.exposure, ())
    )


def _signals_news(now: LakeSnapshot, cut: Cut) -> bool:
    found = now.sql(
        f"select 1 from signals where (known_at > {sql_time(cut.written)} or observed_at > {sql_time(cut.old['as_of'])}) "
        f"and observed_at <= {sql_time(cut.new['as_of'])} limit 1"
    )
    return bool(found.num_rows)


def _with_world(then: LakeSnapshot, now: LakeSnapshot, born: pa.Table, cut: Cut) -> LakeSnapshot:
    """Lay what the world knows now over the old facts; its times are moved back, so that all lies before."""
    gap = int((cut.new["as_of"] - cut.old["as_of"]).total_seconds() * 1_000_000)
    signals = now.sql(f"select * replace (observed_at - to_microseconds({gap}::BIGINT) as observed_at) from signals")
    found = then.with_tables(signals=signals)
    return _with_born(found, now, born, cut) if born.num_rows else found


_BORN = {
    "exposures": """select e.* replace (b.old_asset as asset) from exposures e join born b on b.exposure = e.exposure""",
    "finding_exposures": """select fe.* replace (b.exposure as exposure) from finding_exposures fe
        left join exposure_now n on n.exposure = fe.exposure
        join born b on b.exposure = coalesce(n.canonical, fe.exposure)""",
    "findings": """select f.* replace (least(f.observed_at, {before}) as observed_at) from findings f
        semi join born_findings bf on bf.finding = f.finding where f.observed_at <= {now}""",
    "checks": "select c.* from checks c semi join born_checks bc on bc.check_id = c.check_id",
}


def _with_born(found: LakeSnapshot, now: LakeSnapshot, born: pa.Table, cut: Cut) -> LakeSnapshot:
    """Add exposures of weaknesses published since to assets that were known before, as if just seen."""
    placed = _on_old_assets(found, now, born)
    if not placed.num_rows:
        return found
    moments = {"before": sql_time(cut.old["as_of"]), "now": sql_time(cut.new["as_of"])}
    extra: dict[str, pa.Table] = {}
    for name in ("exposures", "finding_exposures", "findings", "checks"):
        given = {"born": placed}
        if "finding_exposures" in extra:
            given["born_findings"] = extra["finding_exposures"].select(["finding"])
        if "findings" in extra:
            given["born_checks"] = extra["findings"].select(["check_id"])
        extra[name] = now.sql(_BORN[name].format(**moments), **given)
    last = f"select run from runs where observed_at <= {moments['before']} order by observed_at desc, run limit 1"
    extra["seen"] = found.sql(
        f"select r.run, b.exposure, 0::TINYINT as proof, 0::TINYINT as word from born b, ({last}) r", born=placed
    )
    extra["states"] = found.sql("select exposure, 'open' as state from born", born=placed)
    laid = {name: _united(found, name, rows) for name, rows in extra.items()}
    return found.with_tables(**laid)


def _united(found: LakeSnapshot, name: str, extra: pa.Table) -> pa.Table:
    key = {"findings": "finding", "checks": "check_id"}.get(name)
    new = f" where {key} not in (select {key} from {name})" if key else ""
    return found.sql(f"select * from {name} union all by name select * from extra{new}", extra=extra)


def _on_old_assets(found: LakeSnapshot, now: LakeSnapshot, born: pa.Table) -> pa.Table:
    """Return (exposure, old_asset): the asset as it was known then; those on newer assets are left out."""
    known = found.sql(
        "select distinct coalesce(n.canonical, s.asset) as asset from sightings s "
        f"left join asset_now n on n.asset = s.asset where s.observed_at <= {sql_time(found.as_of)}"
    )
    return now.sql(
        "select b.exposure, min(k.asset) as old_asset from born b "
        "join (select k.asset, coalesce(n.canonical, k.asset) as now from known k "
        "left join asset_now n on n.asset = k.asset) k on k.now = b.asset group by b.exposure",
        born=born, known=known,
    )  # fmt: skip

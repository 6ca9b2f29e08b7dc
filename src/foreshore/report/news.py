"""New since last time: the last cycle beside the one before it, by the exposures' present keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore import facts

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake

SHOWN = 6  # rows of each kind
_BEFORE = """
    select cycle, as_of, known_at, policy_digest, scope_digest, engine, seed from cycles
    where cycle <> {cycle} and known_at < (select known_at from cycles where cycle = {cycle})
    order by known_at desc, cycle limit 1
"""
# What was open then and now; exposures that were merged since count as what they became.
_BOTH = """
    with was as (
        select coalesce(n.canonical, a.exposure) as exposure, min(a.rank) as rank,
            arg_min(a.treatment, a.rank) as treatment, arg_min(a.asset_name, a.rank) as asset_name,
            arg_min(a.weakness, a.rank) as weakness, arg_min(a.title, a.rank) as title
        from assessments a left join exposure_now n on n.exposure = a.exposure
        where a.cycle = {before} and a.treatment is not null group by 1
    ), is_now as (
        select coalesce(n.canonical, a.exposure) as exposure, min(a.rank) as rank,
            arg_min(coalesce(a.treatment, ''), a.rank) as treatment,
            arg_min(a.asset_name, a.rank) as asset_name, arg_min(a.weakness, a.rank) as weakness,
            arg_min(a.title, a.rank) as title, arg_min(a.reason, a.rank) as reason,
            arg_min(a.disposition, a.rank) as disposition, arg_min(a.state, a.rank) as state
        from assessments a left join exposure_now n on n.exposure = a.exposure
        where a.cycle = {cycle} group by 1
    ), last_event as (
        select exposure, arg_max(kind, happened_at) as kind, max(happened_at) as happened_at
        from exposure_events_now where happened_at <= TIMESTAMP '{as_of}' group by 1
    )
    select coalesce(i.exposure, w.exposure) as exposure, w.treatment as was, i.treatment as is_now,
        w.rank as old_rank, i.rank as new_rank, coalesce(i.asset_name, w.asset_name) as asset_name,
        coalesce(i.weakness, w.weakness) as weakness, coalesce(i.title, w.title) as title,
        i.reason, i.disposition, i.state, e.kind as event, e.happened_at,
        case when w.exposure is null then 'new'
             when i.exposure is null then case when e.kind = 'fixed' then 'fixed' else 'gone' end
             when i.treatment = '' then 'dismissed'
             when i.treatment <> w.treatment then 'moved' else 'same' end as what
    from was w full join is_now i on i.exposure = w.exposure
    left join last_event e on e.exposure = coalesce(i.exposure, w.exposure)
    where w.exposure is not null or i.treatment <> ''
"""
_COUNTS = "select what, was, is_now, count(*) as n from ({both}) group by all order by all"
_ROWS = """
    select * from ({both}) where what = '{what}' {more}
    order by coalesce(new_rank, old_rank), exposure limit {limit}
"""


def since_last_time(lake: Lake, cycle: int, as_of: Any, *, shown: int = SHOWN) -> dict[str, Any] | None:
    """Return what changed since the cycle before `cycle`, or None where there was none.

    `counts` has new, fixed, gone, dismissed, moved and same; `new`, `fixed`, `dismissed`, `rose` and
    `fell` hold the first rows of each; `treatments` the counts then and now; `yardstick` what changed of
    policy, scope, engine and seed.
    """
    found = lake.sql(_BEFORE.format(cycle=int(cycle))).to_pylist()
    if not found:
        return None
    before = found[0]
    both = _BOTH.format(cycle=int(cycle), before=int(before["cycle"]), as_of=f"{as_of:%Y-%m-%d %H:%M:%S.%f}")
    groups = lake.sql(_COUNTS.format(both=both)).to_pylist()
    kinds = ("new", "fixed", "gone", "dismissed", "moved", "same")
    return {
        "before": before,
        "counts": {kind: sum(row["n"] for row in groups if row["what"] == kind) for kind in kinds},
        "treatments": _treatments(groups),
        "moves": [row for row in groups if row["what"] == "moved"],
        "yardstick": _yardstick(lake, cycle, before),
        **{kind: _rows(lake, both, kind, "", shown) for kind in ("new", "fixed", "gone", "dismissed")},
        "rose": _rows(lake, both, "moved", f"and {_urgency('is_now')} < {_urgency('was')}", shown),
        "fell": _rows(lake, both, "moved", f"and {_urgency('is_now')} > {_urgency('was')}", shown),
    }


def _urgency(column: str) -> str:
    listed = ", ".join(f"'{name}'" for name in facts.TREATMENTS)
    return f"list_position([{listed}], {column})"


def _rows(lake: Lake, both: str, what: str, more: str, limit: int) -> list[dict[str, Any]]:
    rows = lake.sql(_ROWS.format(both=both, what=what, more=more, limit=int(limit))).to_pylist()
    return [dict(row) for row in rows]


def _treatments(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "treatment": name,
            "was": sum(row["n"] for row in groups if row["was"] == name),
            "is_now": sum(row["n"] for row in groups if row["is_now"] == name),
        }
        for name in facts.TREATMENTS
    ]


def _yardstick(lake: Lake, cycle: int, before: dict[str, Any]) -> list[str]:
    now = lake.sql(f"select * from cycles where cycle = {int(cycle)}").to_pylist()[0]
    names = {"policy_digest": "policy", "scope_digest": "scope", "engine": "program", "seed": "seed"}
    return [word for column, word in names.items() if now[column] != before[column]]

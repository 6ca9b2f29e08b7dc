"""From assessments to actions and a plan, with the engine asked for what each removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foreshore import facts
from foreshore.cycle import planning
from foreshore.mobilization import actions, plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.mobilization.actions import Action
    from foreshore.mobilization.plan import Plan
    from foreshore.mobilization.plan_worlds import Sampled
    from foreshore.prioritization.stage import Assessed

ALONE = 24  # actions for which the engine says what each removes alone; for others a lower bound stands


@dataclass(frozen=True)
class Acted:
    """Actions, the plan over them (`exact`: none is better on its years), how it is told, and the rows to append."""

    actions: list[Action]
    plan: Plan
    exact: bool
    told: dict[str, Any]
    batches: facts.Batches


def act(snapshot: LakeSnapshot, assessed: Assessed) -> Acted:
    """Group the exposures into actions, ask what the likeliest remove, plan, and link exposures to actions."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    table = assessed.batches["assessments"]
    found = actions.group(snapshot, table)
    model, ordered = assessed.modelled, planning.in_order(found)
    losses = planning.sampled(model, ordered, snapshot.seed, planning.worlds_of(model))
    _remove_alone(ordered, losses, assessed.flow)
    cycle = planning.Cycle(model, ordered, snapshot.cycle, snapshot.seed)
    best, told = planning.of_cycle(cycle, losses, snapshot.as_of)
    chosen = best.plan
    number = {one.action.key: place for place, one in enumerate(chosen.actions, start=1)}
    rows = [_row(snapshot.cycle, one, number.get(one.key)) for one in found]
    effects = _effects(found)
    place = pc.index_in(table.column("exposure"), value_set=effects.column("exposure").combine_chunks())
    assessed.batches["assessments"] = table.append_column("action", effects.column("action").take(place))  # type: ignore[index]
    batches = {
        "actions": pa.Table.from_pylist(rows, schema=_schema()),
        "action_effects": effects.add_column(0, "cycle", pa.array(np.full(effects.num_rows, snapshot.cycle))),
    }
    return Acted(found, chosen, best.exact, told, batches)


def _effects(found: list[Action]) -> pa.Table:
    """Return which action closes which exposure."""
    import numpy as np
    import pyarrow as pa

    closed = [action.closes for action in found]
    keys = np.array([action.key for action in found], np.int64)
    return pa.table({
        "action": pa.array(np.repeat(keys, [len(one) for one in closed])),
        "exposure": pa.array(np.concatenate([np.zeros(0, np.int64), *closed])),
    })  # fmt: skip


def _remove_alone(ordered: list[Action], losses: Sampled, flow: Mapping[int, float]) -> None:
    """Ask the engine what the likeliest actions remove alone; `ordered` are the numbers of `losses`."""
    share = plan.flow_of(ordered, flow)
    untouched = losses.left(frozenset())
    for number in sorted(range(len(ordered)), key=lambda one: (-share[ordered[one].key], ordered[one].key))[:ALONE]:
        action = ordered[number]
        if share[action.key] <= 0:
            break
        alone = untouched - losses.left(frozenset([number]))
        scale = alone / action.removes if action.removes > 0 else 0.0
        action.low, action.high = min(alone, action.low * scale), min(1.0, max(alone, action.high * scale))
        action.removes = alone


def _row(cycle: int, action: Action, number: int | None) -> dict[str, object]:
    due, rule = action.due
    return {
        "cycle": cycle, "action": action.key, "number": number, "title": action.title, "kind": action.kind,
        "what": action.what, "channel": action.channel, "team": action.team, "hours": action.hours,
        "hours_guessed": True, "due": due, "due_rule": rule, "treatment": action.treatment,
        "exposures": len(action.rows), "assets": action.assets, "removes": action.removes,
        "removes_low": action.low, "removes_high": action.high, "services": action.services,
    }  # fmt: skip


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([
        ("cycle", pa.int64()), ("action", pa.int64()), ("number", pa.int32()), ("title", pa.string()),
        ("kind", pa.string()), ("what", pa.string()), ("channel", pa.string()), ("team", pa.string()),
        ("hours", pa.float64()), ("hours_guessed", pa.bool_()), ("due", pa.date32()), ("due_rule", pa.string()),
        ("treatment", pa.string()), ("exposures", pa.int64()), ("assets", pa.int64()), ("removes", pa.float64()),
        ("removes_low", pa.float64()), ("removes_high", pa.float64()), ("services", pa.list_(pa.string())),
    ])  # fmt: skip

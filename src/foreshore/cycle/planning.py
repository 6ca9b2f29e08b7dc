"""A plan within given hours, from the cycle that is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foreshore import keys
from foreshore.cycle import again
from foreshore.cycle.acting import hours_of
from foreshore.errors import UsageError
from foreshore.mobilization import actions
from foreshore.mobilization import plan as plans
from foreshore.prioritization import stage

if TYPE_CHECKING:
    from foreshore import facts
    from foreshore.mobilization.actions import Action
    from foreshore.mobilization.plan import Plan
    from foreshore.workspace import Workspace

CHANGES = 10
UNIT = "share of modelled risk"


def plan(
    workspace: Workspace,
    *,
    hours: Mapping[str, float] | None = None,
    changes: int = CHANGES,
    on_note: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Return what `plan --json` prints: at most `changes` actions in order, what is left, and a bound.

    `hours` are what teams have for this plan; a team that is not named has four of the scope's weeks,
    or no limit. Raises UsageError for a team that nobody knows, NothingToRead before the first cycle.
    """
    row = again.served(workspace)
    on_note("computing the served cycle again, to ask what each action removes")
    with again.snapshot(workspace, row) as snapshot:
        assessed = stage.run(snapshot)
        found = actions.group(snapshot, assessed.batches["assessments"])
        _refuse_unknown(hours or {}, snapshot.scope, found)
        budget = {**hours_of(snapshot.scope), **(hours or {})}
        chosen = plans.choose(found, assessed.left, assessed.flow, hours=budget, most=changes)
    return {"cycle": keys.show("CYC", row["cycle"]), **as_json(chosen), "hours": budget}


def _refuse_unknown(hours: Mapping[str, float], scope: facts.Scope, found: Sequence[Action]) -> None:
    known = {team.name for team in scope.teams} | {action.team for action in found}
    for team in hours:
        if team not in known:
            raise UsageError(f"no team is called “{team}”", hint=", ".join(sorted(known)) or "name teams in scope.yaml")


def as_json(chosen: Plan) -> dict[str, Any]:
    """Return a plan in the shape that other programs may rely on."""
    rows = []
    for one in chosen.actions:
        action = one.action
        due, rule = action.due
        rows.append({
            "id": keys.show("ACT", action.key), "title": action.title, "kind": action.kind, "team": action.team,
            "channel": action.channel, "hours": round(action.hours, 2), "hours_guessed": True,
            "removes": one.removes, "left": one.left, "due": due, "due_rule": rule,
            "treatment": action.treatment, "assets": action.assets, "services": action.services,
            "exposures": [keys.show("EXP", key) for key in action.exposures],
        })  # fmt: skip
    return {"actions": rows, "before": chosen.before, "after": chosen.after, "bound": chosen.bound, "unit": UNIT}

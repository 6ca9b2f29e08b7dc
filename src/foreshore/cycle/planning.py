"""The best plan within given terms, from the cycle that is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foreshore import keys
from foreshore.cycle import again, opened, planned
from foreshore.errors import BadPolicy, UsageError
from foreshore.graph.replay import Replay
from foreshore.mobilization.plan_best import Best, best
from foreshore.mobilization.plan_terms import Pair, Terms
from foreshore.mobilization.plan_worlds import Sampled
from foreshore.mobilization.served import actions_of
from foreshore.query import windows

if TYPE_CHECKING:
    from foreshore import facts
    from foreshore.cycle.opened import Opened
    from foreshore.mobilization.actions import Action
    from foreshore.mobilization.plan import Plan
    from foreshore.policy import Policy
    from foreshore.prioritization.modelled import Graphed
    from foreshore.workspace import Workspace

CHANGES = 10
UNIT = "share of modelled risk"
_MOMENT = 1e-9  # hours that are none


class Wishes(NamedTuple):
    """What a person asks of a plan: hours by team, and actions by their keys or the beginnings of these.

    `excludes` and `needs` are pairs "ACT-…,ACT-…"; those of the policy count as well. `worlds`: simulated years, by
    default those of the policy.
    """

    hours: Mapping[str, float] = {}
    changes: int = CHANGES
    must: Sequence[str] = ()
    barred: Sequence[str] = ()
    excludes: Sequence[str] = ()
    needs: Sequence[str] = ()
    worlds: int | None = None

    @property
    def own(self) -> bool:
        """Is anything asked for but the plan that the cycle itself makes?"""
        said = (self.hours, self.must, self.barred, self.excludes, self.needs, self.worlds)
        return any(said) or self.changes != CHANGES


def plan(
    workspace: Workspace, wishes: Wishes | None = None, *, on_note: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return what `plan --json` prints: actions in order with what is left after each, and the proven bound.

    A team that is not named has the hours of the scope for the policy's weeks, or no limit; a team with change
    windows no more hours than they have. Without wishes of its own this is the plan that the cycle made. Raises
    UsageError for a team or action that nobody knows and for terms that no plan meets, NothingToRead before the
    first cycle.
    """
    row = again.served(workspace)
    asked = wishes or Wishes()
    return of_served(workspace, row, asked) or answered(workspace, opened.load(workspace, row), asked, on_note=on_note)


def of_served(workspace: Workspace, row: Mapping[str, Any], asked: Wishes | None = None) -> dict[str, Any] | None:
    """Return the plan that the cycle of `row` made, None where its terms are not those that are asked for today."""
    found = None if asked and asked.own else planned.read(workspace, row)
    if found is None:
        return None
    open_at = windows_of(found.teams, found.weeks, _begin(row))
    if _hours(found.teams, found.weeks, {}, open_at) != found.answer["hours"]:
        return None
    return _dated(found.answer, open_at)


def answered(
    workspace: Workspace, graph: Opened, asked: Wishes, *, on_note: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Answer on an opened cycle; see `plan`."""
    found, model = in_order(actions_of(workspace)), graph.found
    _refuse_unknown(asked.hours, model.scope, found)
    open_at = windows_of(model.scope.teams, weeks_of(model), _begin(graph.row))
    terms = _terms(found, asked, _hours(model.scope.teams, weeks_of(model), asked.hours, open_at), model.policy)
    worlds = asked.worlds or worlds_of(model)
    on_note(f"simulating {worlds:,} years twice: to choose on, and to judge the choice by")
    seed = int(graph.row["seed"])
    chosen = best_of(model, found, sampled(model, found, seed, worlds), terms)
    return _dated(_told(Cycle(model, found, graph.cycle, seed), chosen, worlds, terms.hours), open_at)


class Cycle(NamedTuple):
    """What plans of a cycle are made from: its model, its actions in order (see `in_order`), its number and seed."""

    model: Graphed
    found: Sequence[Action]
    number: int
    seed: int


def _told(cycle: Cycle, chosen: Best, worlds: int, hours: Mapping[str, float]) -> dict[str, Any]:
    """Return a plan as programs read it, judged on years that it was not chosen on, without dates."""
    gone = frozenset(one.action.key for one in chosen.plan.actions)
    fresh = sampled(cycle.model, cycle.found, keys.of("fresh years", cycle.seed), worlds).left(
        frozenset(number for number, one in enumerate(cycle.found) if one.key in gone)
    )
    return {
        "cycle": keys.show("CYC", cycle.number), **as_json(chosen.plan), "exact": chosen.exact, "worlds": worlds,
        "fresh": {"before": 1.0, "after": fresh, "removes": 1.0 - fresh}, "hours": dict(hours),
    }  # fmt: skip


def _begin(row: Mapping[str, Any]) -> date:
    """Return the first day on which something of a plan can be done."""
    begin: date = max(row["as_of"], datetime.now(UTC).replace(tzinfo=None)).date()
    return begin


def in_order(found: Sequence[Action]) -> list[Action]:
    """Return actions in the order in which plans are looked for: that of their keys, wherever they come from."""
    return sorted(found, key=lambda one: one.key)


def of_cycle(cycle: Cycle, losses: Sampled, as_of: datetime) -> tuple[Best, dict[str, Any]]:
    """Return the plan of a cycle, and as programs read it: within teams' hours, the policy's pairs, no wishes besides."""
    model, weeks = cycle.model, weeks_of(cycle.model)
    hours = _hours(model.scope.teams, weeks, {}, windows_of(model.scope.teams, weeks, as_of.date()))
    chosen = best_of(model, cycle.found, losses, _terms(cycle.found, Wishes(), hours, model.policy))
    return chosen, _told(cycle, chosen, worlds_of(model), hours)


def best_of(model: Graphed, found: Sequence[Action], losses: Sampled, terms: Terms) -> Best:
    """Look for the best plan for as long as the policy says."""
    return best(found, losses, terms, seconds=model.policy.number("plan.search.seconds").value)


def worlds_of(model: Graphed) -> int:
    """Return how many simulated years a plan is chosen on."""
    effort = model.model.effort
    return min(int(model.policy.number("plan.search.worlds").value), effort.worlds_per_draw * effort.draws)


def sampled(found: Graphed, actions: Sequence[Action], seed: int, worlds: int) -> Sampled:
    """Simulate years and keep their losses, with the actions that cut the ways to them."""
    model = found.model
    effort = replace(model.effort, worlds=worlds)
    kept = Replay(model.graph, model.profiles, model.targets, seed=seed, effort=effort, layers=("cause",))
    exposures = np.asarray(found.context.exposures.column("exposure").to_numpy(), np.int64)
    closed = [action.closes for action in actions]
    number = np.repeat(np.arange(len(actions)), [len(one) for one in closed])
    every = np.concatenate([np.zeros(0, np.int64), *closed])
    row = np.minimum(np.searchsorted(exposures, every), max(len(exposures) - 1, 0))
    known = exposures[row] == every if len(exposures) else np.zeros(len(every), np.bool_)
    action_of = np.full(len(exposures), -1, np.int64)
    action_of[row[known]] = number[known]
    return Sampled(kept, model.weights, action_of, effort.losses_per_year)


def weeks_of(model: Graphed) -> float:
    """Return for how many weeks plans are made, in whole days."""
    return round(7 * model.policy.number("plan.horizon.weeks").value) / 7


def windows_of(teams: Sequence[facts.Team], weeks: float, begin: date) -> dict[str, list[windows.Span]]:
    """Return the change windows of each team that has any, within so many weeks."""
    return {team.name: windows.spans(team.windows, begin, round(7 * weeks)) for team in teams if team.windows}


def _hours(
    teams: Sequence[facts.Team],
    weeks: float,
    given: Mapping[str, float],
    open_at: Mapping[str, Sequence[windows.Span]],
) -> dict[str, float]:
    """Return the hours of each team that has a limit."""
    usual = {team.name: team.hours_per_week * weeks for team in teams if team.hours_per_week is not None}
    hours = {**usual, **given}
    for team, spans in open_at.items():
        hours[team] = min(hours.get(team, np.inf), sum(span.hours for span in spans))
    return hours


def _refuse_unknown(hours: Mapping[str, float], scope: facts.Scope, found: Sequence[Action]) -> None:
    known = {team.name for team in scope.teams} | {action.team for action in found}
    for team in hours:
        if team not in known:
            raise UsageError(f"no team is called “{team}”", hint=", ".join(sorted(known)) or "name teams in scope.yaml")


def _terms(found: Sequence[Action], asked: Wishes, hours: Mapping[str, float], rules: Policy) -> Terms:
    def key(text: str) -> int:
        return _key(found, text)

    return Terms(
        most=asked.changes, hours=hours, must=frozenset(map(key, asked.must)), barred=frozenset(map(key, asked.barred)),
        excludes=_of_policy(rules, "excludes") + tuple(_pair(found, text) for text in asked.excludes),
        needs=_of_policy(rules, "needs") + tuple(_pair(found, text) for text in asked.needs),
    )  # fmt: skip


def _key(found: Sequence[Action], text: str) -> int:
    low, high = keys.parse(text, "ACT")
    meant = [action for action in found if low <= action.key <= high]
    if len(meant) == 1:
        return meant[0].key
    names = "; ".join(f"{keys.show('ACT', one.key)} {one.title}" for one in meant[:5])
    what = f"several actions begin with {text}: {names}" if meant else f"no action has the key {text}"
    raise UsageError(what, hint="foreshore actions lists them")


def _pair(found: Sequence[Action], text: str) -> Pair:
    one, comma, other = text.partition(",")
    if not comma:
        raise UsageError(f"“{text}” is not a pair of actions", hint="two keys with a comma between them: ACT-…,ACT-…")
    return _key(found, one), _key(found, other)


def refuse_pairs(rules: Policy) -> None:
    """Raise BadPolicy where a pair of the policy is none, before anything is computed."""
    for kind in ("excludes", "needs"):
        _of_policy(rules, kind)


def _of_policy(rules: Policy, kind: str) -> tuple[Pair, ...]:
    """Return the policy's pairs; keys of actions that are not open say nothing, what is no key is a mistake."""
    where, pairs = f"plan.toml, pairs.{kind}", []
    for pair in rules.values(f"plan.pairs.{kind}"):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            raise BadPolicy("a pair is a list of two keys of actions", where=where, hint='["ACT-…", "ACT-…"]')
        ends = []
        for text in pair:
            try:
                low, high = keys.parse(text, "ACT")
            except UsageError as error:
                raise BadPolicy(error.what, where=where, hint=error.hint) from error
            if low != high:
                raise BadPolicy(f"“{text}” is only the beginning of a key", where=where, hint="the whole key")
            ends.append(low)
        pairs.append((ends[0], ends[1]))
    return tuple(pairs)


def _dated(told: dict[str, Any], open_at: Mapping[str, Sequence[windows.Span]]) -> dict[str, Any]:
    """Say in which windows each action is done: those of its team are used up in the order of the plan."""
    rest = {team: list(spans) for team, spans in open_at.items()}
    for one in told["actions"]:
        spans, hours = rest.get(one["team"], []), one["hours"]
        used: list[datetime] = []
        while spans and hours > _MOMENT:
            taken = min(hours, spans[0].hours)
            hours -= taken
            used.append(spans[0].start)
            after = windows.Span(spans[0].start, spans[0].hours - taken)
            spans[:1] = [after] if after.hours > _MOMENT else []
        one["window"] = {"first": used[0], "last": used[-1]} if used else None
    return told


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

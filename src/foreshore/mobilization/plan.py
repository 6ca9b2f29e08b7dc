"""The plan: which actions first, chosen greedily by what they remove together, with a bound beside it.

No guarantee is claimed for the greedy choice: two parallel doors need both fixes, and each alone
removes nothing. The bound holds for any plan within the budget on the sampled worlds: a plan can
save a service in a world only if it cuts the one proof that was kept there, so what it removes is at
most the sum of its actions' shares of kept proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from foreshore.mobilization.actions import Action

Evaluate = Callable[[Sequence[int]], float]  # exposures that are gone -> risk that is left (1 = all)
CANDIDATES = 6  # evaluated exactly in each round; the rest stand behind by their bound


@dataclass(frozen=True)
class Planned:
    """One action of the plan: what it removes at its place, and what is left after it."""

    action: Action
    removes: float
    left: float


@dataclass(frozen=True)
class Plan:
    """The chosen actions in order, risk before and after (1 = all modelled risk), and the bound."""

    actions: tuple[Planned, ...]
    before: float
    after: float
    bound: float


def choose(
    actions: Sequence[Action],
    evaluate: Evaluate,
    flow: Mapping[int, float],
    *,
    hours: Mapping[str, float] | None = None,
    most: int = 10,
) -> Plan:
    """Choose up to `most` actions within the teams' `hours` (teams without an entry are not limited).

    `evaluate` gives the risk left without some exposures, `flow` each exposure's share of kept proofs.
    """
    left_hours = dict(hours or {})
    value = flow_of(actions, flow)
    waiting = [action for action in actions if value[action.key] > 0]
    gone: list[int] = []
    before = left = evaluate(())
    chosen: list[Planned] = []
    while waiting and len(chosen) < most:
        fitting = [one for one in waiting if one.hours <= left_hours.get(one.team, one.hours)]
        best, after = _best(fitting, value, evaluate, gone, left)
        if best is None:
            break
        chosen.append(Planned(best, left - after, after))
        gone += best.exposures
        left = after
        waiting.remove(best)
        if best.team in left_hours:
            left_hours[best.team] -= best.hours
    return Plan(tuple(chosen), before, left, _bound(actions, value, before, hours or {}, most))


def flow_of(actions: Sequence[Action], flow: Mapping[int, float]) -> dict[int, float]:
    """Return, by key of action, the share of kept proofs that its exposures are on."""
    on_proofs = {exposure: share for exposure, share in flow.items() if share}
    return {
        action.key: sum(map(on_proofs.__getitem__, filter(on_proofs.__contains__, action.exposures)))
        for action in actions
    }


def _best(
    actions: Sequence[Action], value: Mapping[int, float], evaluate: Evaluate, gone: list[int], left: float
) -> tuple[Action | None, float]:
    """Return the action that removes most, and the risk left after it; lazily, in order of bound."""
    best: Action | None = None
    best_left = left
    ranked = sorted(actions, key=lambda one: (-value[one.key], one.key))
    for number, action in enumerate(ranked):
        if number >= CANDIDATES and best is not None:
            break
        if best is not None and not gone and value[action.key] <= left - best_left:
            break  # nothing is fixed yet, so its bound holds, and the best one removes more than that
        after = evaluate([*gone, *action.exposures])
        if after < best_left - 1e-12:
            best, best_left = action, after
        if number >= 2 * CANDIDATES:
            break
    return best, best_left


def _bound(
    actions: Sequence[Action],
    value: Mapping[int, float],
    before: float,
    hours: Mapping[str, float],
    most: int,
) -> float:
    """Return the most that any plan within the budget can remove, by a knapsack that may split actions."""
    room = dict(hours)
    used = 0.0
    by_density = sorted(actions, key=lambda one: -value[one.key] / max(one.hours, 1e-9))
    for action in by_density:
        worth = value[action.key]
        if action.team in room:
            share = min(1.0, room[action.team] / action.hours) if action.hours else 1.0
            room[action.team] -= share * action.hours
            worth *= share
        used += worth
    by_count = sum(sorted(value.values(), reverse=True)[:most])
    return min(used, by_count, before)

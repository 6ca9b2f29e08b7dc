"""The best plan that is found within terms, in the order in which to do it, with a proven bound beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foreshore.mobilization import plan_local
from foreshore.mobilization.actions import Action
from foreshore.mobilization.plan import Plan, Planned
from foreshore.mobilization.plan_bound import Bound, Rows, bound
from foreshore.mobilization.plan_search import Search
from foreshore.mobilization.plan_terms import Budget, Terms
from foreshore.mobilization.plan_worlds import Losses

_EXACT = 1e-6  # shares of risk that differ by less are the same


@dataclass(frozen=True)
class Best:
    """A plan, what it leaves on losses that it was not chosen on (None: not asked), and whether none is better.

    `exact`: on the losses it was chosen on, no plan within the terms removes more (but for rounding).
    """

    plan: Plan
    fresh: float | None
    exact: bool


def best(
    actions: Sequence[Action], losses: Losses, terms: Terms, fresh: Losses | None = None, seconds: float = math.inf
) -> Best:
    """Find the plan within `terms` that removes most of `losses`, and bound what any could remove.

    After about `seconds`, half of them for the bound, the search ends with what it has; they are counted by what
    was asked (`Losses.seconds`), so that the same plan comes out again. Actions are numbered in `losses` by their
    place in `actions`. Raises UsageError for terms that no plan meets.
    """
    budget = Budget(actions, terms)
    rows = Rows.first(losses, budget)
    search = Search(rows, losses.seconds + seconds)
    start = search.filled(budget.must)
    before = losses.left(frozenset())
    found = bound(rows, before - losses.left(start), losses.seconds + seconds / 2)
    few = [] if found.exact else plan_local.among(rows, found.share, start, search.until)
    chosen = search.best([start, *found.plans[-3:], *few[-2:], _rounded(budget, found)])
    removed = before - losses.left(chosen)
    most = max(found.most, removed)
    plan = _told(search, chosen, before, most)
    return Best(plan, None if fresh is None else fresh.left(chosen), most - removed <= _EXACT)


def _rounded(budget: Budget, found: Bound) -> frozenset[int]:
    """Return the actions that the relaxation takes most of, as far as the terms allow."""
    plan = budget.must
    for number in np.argsort(-found.share, kind="stable").tolist():
        if found.share[number] <= _EXACT:
            break
        more = plan | budget.with_needs({number})
        if budget.fits(more):
            plan = more
    return plan


def _told(search: Search, chosen: frozenset[int], before: float, most: float) -> Plan:
    done: set[int] = set()
    shown, left = [], before
    for number in search.ordered(chosen):
        done.add(number)
        now = search.losses.left(frozenset(done))
        shown.append(Planned(search.budget.actions[number], left - now, now))
        left = now
    return Plan(tuple(shown), before, left, most)

"""The search for the best plan: greedy with bundles that only help together, whole plans of the bound, and swaps.

Cutting ways is not submodular (two parallel doors need both fixes), so no guarantee is claimed for the search itself:
how far it may be from the best is what `plan_bound` says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from foreshore.mobilization.plan_bound import Rows
from foreshore.mobilization.plan_worlds import Proof

TRIES = 12  # actions that are tried exactly in each round; others stand behind by what they could save at most
BUNDLES = 8  # groups of losses for which a bundle is looked for in each round
SWAPS = 400  # plans that are tried in place of the found one
_LEAST = 1e-12
Plan = frozenset[int]


class Search:
    """Looks for plans over sampled losses; `rows` holds the proofs that are known so far, `until` when to stop."""

    def __init__(self, rows: Rows, until: float = math.inf) -> None:
        self.rows, self.losses, self.budget = rows, rows.losses, rows.budget
        self.until = until  # by the count of what was asked, see `Losses.seconds`

    @property
    def late(self) -> bool:
        """Is the time for the search over? Then only what is needed to end with a plan is asked."""
        return self.losses.seconds >= self.until

    def best(self, starts: Iterable[Plan] = ()) -> Plan:
        """Return the best plan that is found, beginning from nothing and from `starts`."""
        found = [self.filled(self.budget.must)]
        found += [self.filled(start) for start in starts if self.budget.fits(start) and self.budget.must <= start]
        best = min(found, key=self._order)
        return self.pruned(self.swapped(best))

    def _order(self, plan: Plan) -> tuple[float, int, list[int]]:
        return round(self.losses.left(plan), 12), len(plan), sorted(plan)

    def filled(self, plan: Plan) -> Plan:
        """Add what removes most, one by one or in bundles, while the terms allow and anything helps."""
        while True:
            more = self._next(plan)
            if more is None:
                return plan
            plan = more

    def _next(self, plan: Plan) -> Plan | None:
        left = self.losses.left(plan)
        best, gain = None, _LEAST
        for number, most in self._ranked(plan)[: 1 if self.late else TRIES]:
            if most <= gain:
                break
            more = plan | self.budget.with_needs({number})
            if self.budget.fits(more) and (found := (left - self.losses.left(more)) / len(more - plan)) > gain:
                best, gain = more, found
        for bundle in () if self.late else self._bundles(plan):
            more = plan | bundle
            if (found := (left - self.losses.left(more)) / len(more - plan)) > gain + _LEAST:
                best, gain = more, found
        return best

    def _ranked(self, plan: Plan) -> list[tuple[int, float]]:
        """Return actions with the most that each can save on top of a plan, greatest first.

        It saves no loss of which a proof is known that neither it nor the plan cuts.
        """
        alone: dict[int, float] = {}
        proofs, worth, _ = self.rows.groups()
        unknown = 0.0
        for each, share in zip(proofs, worth.tolist(), strict=True):
            whole = [proof for proof in each if not proof & plan]
            if not whole:
                unknown += share
                continue
            for number in frozenset.intersection(*whole):
                alone[number] = alone.get(number, 0.0) + share
        saved = max(0.0, unknown - (self._worth - self.losses.left(plan)))
        ranked = sorted(alone.items(), key=lambda one: (-one[1], one[0]))
        return [(number, most + saved) for number, most in ranked if number not in plan]

    @property
    def _worth(self) -> float:
        return self.losses.left(frozenset())

    def _bundles(self, plan: Plan) -> list[Plan]:
        """Return sets of actions that each save some losses that no single action saves, those worth most first."""
        proofs, worth, of = self.rows.groups()
        shown: list[int] = []
        for group in np.argsort(-worth, kind="stable").tolist():
            whole = [proof for proof in proofs[group] if not proof & plan]
            if len(shown) < BUNDLES and (len(whole) > 1 and not frozenset.intersection(*whole)):
                shown.append(int(np.flatnonzero(of == group)[0]))
        return [found for place in shown if (found := self._bundle(plan, place)) is not None]

    def _bundle(self, plan: Plan, place: int) -> Plan | None:
        """Return a set of actions that together save one loss, if the terms allow one; finds its proofs on the way."""
        bundle: Plan = frozenset()
        while True:
            taken = plan | bundle
            whole = [proof for proof in self.rows.proofs[place] if not proof & taken]
            if not whole:
                if not self.rows.add(self.rows.weight(taken, 1e6), np.array([place])):
                    return self.budget.with_needs(bundle) or None
                if any(not proof for proof in self.rows.proofs[place]):
                    return None
                continue
            number = self._common(whole)
            if number is None:
                return None
            bundle |= self.budget.with_needs({number})
            if not self.budget.fits(plan | bundle):
                return None

    def _common(self, proofs: list[Proof]) -> int | None:
        count: dict[int, int] = {}
        for proof in proofs:
            for number in proof:
                count[number] = count.get(number, 0) + 1
        return min(count, key=lambda one: (-count[one], one)) if count else None

    def swapped(self, plan: Plan) -> Plan:
        """Put one action in the place of another while that helps."""
        tries = 0
        better = True
        while better and tries < SWAPS and not self.late:
            better = False
            for out in sorted(plan - self.budget.must):
                base = self._without(plan, out)
                for number, _ in self._ranked(base)[:TRIES]:
                    other = base | self.budget.with_needs({number})
                    tries += 1
                    if number != out and self.budget.fits(other) and self._order(other) < self._order(plan):
                        plan, better = self.filled(other), True
                        break
                if better or tries >= SWAPS or self.late:
                    break
        return plan

    def _without(self, plan: Plan, out: int) -> Plan:
        """Return a plan without an action and without what needs it."""
        gone = {out}
        while more := {one for one, other in self.budget.needs if other in gone and one in plan} - gone:
            gone |= more
        return plan - gone | self.budget.must

    def pruned(self, plan: Plan) -> Plan:
        """Leave out what removes nothing beside the others."""
        for number in sorted(plan - self.budget.must, key=lambda one: (-self.budget.hours[one], one)):
            less = self._without(plan, number)
            if number not in less and self.losses.left(less) <= self.losses.left(plan) + _LEAST:
                plan = less
        return plan

    def ordered(self, plan: Plan) -> list[int]:
        """Return the plan in the order in which to do it: each time what removes most next, needs first.

        Where none removes anything alone, the two that remove most together come next.
        """
        done: list[int] = []
        rest = set(plan)
        while rest:
            now = frozenset(done)
            ready = [one for one in sorted(rest) if not (self.budget.with_needs({one}) - {one}) & rest]
            ready = ready or sorted(rest)
            gains = {one: self.losses.left(now) - self.losses.left(now | {one}) for one in ready}
            first = max(ready, key=lambda one: (round(gains[one], 12), -self.budget.hours[one], -one))
            if gains[first] <= _LEAST and len(ready) > 1:
                pairs = [(one, other) for at, one in enumerate(ready) for other in ready[at + 1 :]]
                first = min(pairs, key=lambda pair: (round(self.losses.left(now | set(pair)), 12), pair))[0]
            done.append(first)
            rest.discard(first)
        return done

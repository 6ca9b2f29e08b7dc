"""How much any plan within the terms could remove at most, proven by linear programming on sampled losses.

Choose x in 0 to 1 for each action, within the terms, so that the worth of saved losses is greatest; a loss counts as
saved by s, with s at most 1 and, for each of its proofs, at most the sum of x over the actions that cut it. Every plan
is such an x, so the optimum bounds them all. Proofs are added lazily: those that the last optimum cuts too little.
Leaving proofs out only raises the optimum, so that the bound holds whenever the search for more of them ends.
With x whole the same rows give plans, and the bound of their search (branch and bound, HiGHS) is tighter still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreshore.mobilization.plan_terms import Budget
from foreshore.mobilization.plan_worlds import Losses, Proof

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROUNDS = 30  # of adding proofs
FEW, SOME = 60, 150  # actions up to which the search for whole ones goes to its end, and up to which it begins
NODES = {True: (40, 2000), False: (3, 20)}  # rounds of it, and nodes of branch and bound in each: few actions, or some
MANY = (
    20_000  # entries of known proofs from which each round takes seconds: then no more of them than make a difference
)
_SLOWLY = 2e-3  # less than that share of the bound makes none
_ENOUGH = 1e-4  # a bound that is this close to a plan says no more
_SLACK = 1e-7  # of the solver, in shares of all risk
_SAVED = 1e-6


@dataclass
class Rows:
    """The proofs that are known of each loss that some plan can save."""

    losses: Losses
    budget: Budget
    open: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    proofs: list[set[Proof]] = field(default_factory=list)  # by place in `open`
    usable: frozenset[int] = frozenset()

    @staticmethod
    def first(losses: Losses, budget: Budget) -> Rows:
        """Begin with the proof of each loss that the fewest actions cut; what none can cut is left out for good."""
        found = Rows(losses, budget, usable=frozenset(budget.possible()))
        every = np.flatnonzero(np.asarray(losses.worth) > 0)
        cut = [proof & found.usable for proof in losses.cheapest(found.weight(set(), 1.0), every)]
        keep = [bool(proof) for proof in cut]
        found.open = every[np.array(keep, np.bool_)] if keep else every
        found.proofs = [{proof} for proof in cut if proof]
        return found

    def weight(self, gone: set[int] | frozenset[int], price: float) -> Floats:
        """Return weights that are nothing for actions that no plan can hold, `price` for `gone`, and 1 for others."""
        found = np.zeros(len(self.budget.actions))
        found[sorted(self.usable)] = 1.0
        found[sorted(set(gone) & self.usable)] = price
        return found

    def add(self, weight: Floats, places: Ints) -> int:
        """Look for a lighter proof of the losses at `places`; returns how many were not known before."""
        new = 0
        for place, proof in zip(places.tolist(), self.losses.cheapest(weight, self.open[places]), strict=True):
            cut = proof & self.usable
            if cut not in self.proofs[place]:
                self.proofs[place].add(cut)
                new += 1
        return new

    @property
    def entries(self) -> int:
        """How many actions stand on all known proofs together."""
        return sum(len(proof) for each in self.proofs for proof in each)

    def groups(self) -> tuple[list[frozenset[Proof]], Floats, Ints]:
        """Put losses together of which the same proofs are known: the proofs, their worth, and each loss's group."""
        number: dict[frozenset[Proof], int] = {}
        of = np.array([number.setdefault(frozenset(one), len(number)) for one in self.proofs], np.int64)
        worth = np.bincount(of, np.asarray(self.losses.worth)[self.open], len(number)).astype(np.float64)
        return list(number), worth, of


@dataclass(frozen=True)
class Bound:
    """The most that any plan can remove of what was sampled, and whole plans that the search came by."""

    most: float
    share: Floats  # of each action, at the optimum of the relaxation
    plans: tuple[frozenset[int], ...]
    exact: bool  # is the last plan proven to be as good as any, but for the solver's rounding?


def bound(rows: Rows, best: float = 0.0, until: float = math.inf) -> Bound:
    """Bound what any plan removes; `best` is what one is known to remove, `until` when to look for no more proofs."""
    if not rows.open.size:
        return Bound(0.0, np.zeros(len(rows.budget.actions)), (), True)
    most, share = 1.0, np.zeros(len(rows.budget.actions))
    for _ in range(ROUNDS):
        solved = solve(rows)
        if solved is None:
            break
        slow = most - solved.most <= _SLOWLY * most and rows.entries > MANY
        most, share, saved = min(most, solved.most), solved.share, solved.saved
        asked = np.flatnonzero(saved > _SAVED)
        tight = most - best <= _ENOUGH * max(best, _SLACK)
        if tight or slow or not asked.size or rows.losses.seconds >= until or not _added(rows, share, saved, asked):
            break
    count = len({one for proofs in rows.proofs for proof in proofs for one in proof})
    if count > SOME or rows.losses.seconds >= until:
        return Bound(most, share, (), False)
    return _whole(rows, most, share, NODES[count <= FEW])


def _added(rows: Rows, share: Floats, saved: Floats, asked: Ints) -> int:
    """Add proofs that the optimum cuts too little for what it counts as saved."""
    weight = np.where(rows.weight(set(), 1.0) > 0, share + 1e-6, 0.0)
    new = 0
    for place, proof in zip(asked.tolist(), rows.losses.cheapest(weight, rows.open[asked]), strict=True):
        cut = proof & rows.usable
        if float(sum(share[one] for one in cut)) < saved[place] - _SAVED and cut not in rows.proofs[place]:
            rows.proofs[place].add(cut)
            new += 1
    return new


def _whole(rows: Rows, most: float, share: Floats, effort: tuple[int, int]) -> Bound:
    """Go on with whole actions until the best such plan is proven to save what it counts, or the rounds are over."""
    plans: list[frozenset[int]] = []
    for _ in range(effort[0]):
        solved = solve(rows, nodes=effort[1])
        if solved is None:
            break
        most = min(most, solved.most)
        chosen = frozenset(np.flatnonzero(solved.share > 0.5).tolist())
        plans.append(chosen)
        asked = np.flatnonzero(solved.saved > 0.5)
        if not asked.size or not rows.add(rows.weight(chosen, 1e6), asked):
            return Bound(most, share, tuple(plans), solved.done)
    return Bound(most, share, tuple(plans), False)


@dataclass(frozen=True)
class _Solved:
    most: float
    share: Floats
    saved: Floats  # by place
    done: bool


def solve(rows: Rows, *, nodes: int = 0, only: frozenset[int] | None = None) -> _Solved | None:
    """Maximise what is saved under the known proofs and the terms; None where the solver gives up.

    With `nodes` of branch and bound actions are whole; without, they may be done in part. `only` these actions may be
    taken besides those that must be.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, hstack, vstack

    proofs, worth, of = rows.groups()
    columns = sorted({one for each in proofs for proof in each for one in proof} | rows.budget.named)
    place = {number: at for at, number in enumerate(columns)}
    matrix, limit = rows.budget.rows(columns)
    covers = _covers(proofs, place, len(columns))
    terms = hstack([csr_array(matrix), csr_array((len(limit), len(proofs)))])
    low, high = np.zeros(len(columns) + len(proofs)), np.ones(len(columns) + len(proofs))
    low[[place[one] for one in rows.budget.must]] = 1.0
    able = rows.usable if only is None else rows.usable & only
    high[[at for one, at in place.items() if one not in able and one not in rows.budget.must]] = 0.0
    found: Any = milp(
        np.concatenate([np.zeros(len(columns)), -worth]),
        integrality=np.concatenate([np.full(len(columns), int(nodes > 0)), np.zeros(len(proofs))]),
        bounds=Bounds(low, high),
        constraints=LinearConstraint(vstack([covers, terms]), ub=np.concatenate([np.zeros(covers.shape[0]), limit])),
        options={"node_limit": nodes, "mip_rel_gap": 0.0} if nodes else {},
    )
    if found.x is None:
        return None
    dual = found.mip_dual_bound if nodes else found.fun
    if (not nodes and found.status != 0) or dual is None or not np.isfinite(dual):
        return None
    share = np.zeros(len(rows.budget.actions))
    share[columns] = np.clip(found.x[: len(columns)], 0.0, 1.0)
    most = min(1.0, -float(dual) + _SLACK)
    return _Solved(most, share, np.asarray(found.x[len(columns) :])[of], found.status == 0)


def _covers(proofs: Sequence[frozenset[Proof]], place: dict[int, int], columns: int) -> Any:
    """Return one row for each proof of each group: what is saved, less the actions that cut the proof, is at most 0."""
    from scipy.sparse import csr_array

    row, column, value = [], [], []
    number = 0
    for group, each in enumerate(proofs):
        for proof in sorted(each, key=sorted):
            row += [number] * (len(proof) + 1)
            column += [columns + group, *(place[one] for one in sorted(proof))]
            value += [1.0] + [-1.0] * len(proof)
            number += 1
    return csr_array((value, (row, column)), shape=(number, columns + len(proofs)))

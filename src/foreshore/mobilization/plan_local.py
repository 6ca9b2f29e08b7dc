"""Whole plans among few actions: those that the relaxation takes some of, and those of a plan that is known.

Among so few the best plan by the known proofs is found soon (branch and bound, HiGHS). What it leaves in truth is asked of
the losses; the proofs that it leaves whole are added, and it is looked for again. Nothing is proven by it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from foreshore.mobilization import plan_bound
from foreshore.mobilization.plan_bound import Rows

ROUNDS = 5
NODES, FEWER = 300, 30  # of branch and bound in each round; where many proofs are known each of them takes long
MOST = 100  # actions of the relaxation that are taken in, those with the largest parts
LEAST = 0.01  # of an action that the relaxation takes, to be among them
LARGE = 200_000  # entries of known proofs from which one solution takes too long


def among(
    rows: Rows, share: NDArray[np.float64], plan: frozenset[int], until: float = math.inf
) -> list[frozenset[int]]:
    """Return plans by the relaxation's `share` of each action and a known `plan`, the later the better by what is known."""
    found: list[frozenset[int]] = []
    some = np.argsort(-share, kind="stable")[:MOST]
    few = frozenset(some[share[some] > LEAST].tolist()) | plan
    nodes = NODES if rows.entries <= plan_bound.MANY else FEWER
    for _ in range(ROUNDS if few and 0 < rows.entries <= LARGE else 0):
        solved = plan_bound.solve(rows, nodes=nodes, only=few)
        if solved is None:
            break
        chosen = frozenset(np.flatnonzero(solved.share > 0.5).tolist())
        found.append(chosen)
        asked = np.flatnonzero(solved.saved > 0.5)
        if not asked.size or rows.losses.seconds >= until or not rows.add(rows.weight(chosen, 1e6), asked):
            break
    return found

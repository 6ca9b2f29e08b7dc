"""Which luck to force so that a rare target falls: ends of its proofs, found backwards from the target.

A leaf is a set of lucks that some proofs of a target need, and the states (fronts) that are left to prove.
Leaves grow like proofs do: the front that attackers hold most seldom is replaced by the premises of each
of its steps. As every step of the front gets a leaf, each proof of the target goes through some leaf,
unless the leaves run out first.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from foreshore.graph.model import Floats, Ints, Longs
from foreshore.graph.worlds import Worlds

OFTEN = 0.2  # share of attacks from which holding a state need not be forced any further
MOST_STEPS = 24  # steps of a leaf
EVEN = 0.1  # part of the share that goes to all leaves alike, so that a mass that is guessed too low costs little


@dataclass(frozen=True, eq=False)
class Mixture:
    """Leaves as one list of lucks: those of leaf `i` are `luck[start[i]:start[i + 1]]`; `share` adds up to 1.

    The lucks are first the `own` ones (keys of steps; `sample` is a step of the part with that key), then the
    `shared` ones (rows of the graph's draws). `chance` (leaves, draws): that all lucks of a leaf hold.
    """

    start: Longs
    luck: Longs
    share: Floats
    own: Longs
    sample: Ints
    shared: Ints
    chance: Floats

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return int(self.share.size)


@dataclass(frozen=True)
class _Leaf:
    mass: float
    steps: tuple[int, ...]
    fronts: frozenset[int]
    needed_by: tuple[tuple[int, int], ...]


class Leaves:
    """Finds leaves in the part of a run, given how often each state is held."""

    def __init__(self, worlds: Worlds, held: Floats) -> None:
        self.worlds, self.held = worlds, held
        self.steps = worlds.steps
        graph, step = worlds.graph, worlds.part.step
        self.own, self.key, self.shared = graph.p[step], graph.key[step], graph.shared[step]
        self.shared_p = graph.draws.p
        self.p = self.own * np.append(self.shared_p, 1.0)[self.shared]

    def of(self, target: int, most: int) -> list[tuple[float, tuple[int, ...]]]:
        """At most about `most` leaves of a target (number in the part): mass and steps."""
        heap: list[tuple[float, int, _Leaf]] = []
        done: list[tuple[float, tuple[int, ...]]] = []
        count = 0
        heapq.heappush(heap, (-1.0, count, _Leaf(1.0, (), frozenset([target]), ())))
        while heap and len(heap) + len(done) < most:
            _, _, leaf = heapq.heappop(heap)
            front = self._seldom(leaf)
            grown = [] if front < 0 else list(self._grown(leaf, front, most))
            if front < 0 or len(grown) + len(heap) + len(done) > 2 * most:
                done.append((leaf.mass, leaf.steps))
                continue
            for one in grown:
                count += 1
                heapq.heappush(heap, (-one.mass, count, one))
        done += [(leaf.mass, leaf.steps) for _, _, leaf in heap]
        return [one for one in done if one[0] > 0 and one[1]]

    def _seldom(self, leaf: _Leaf) -> int:
        """The front that is held most seldom, -1 where all are held often enough or the leaf is full."""
        if not leaf.fronts or len(leaf.steps) >= MOST_STEPS:
            return -1
        front = min(leaf.fronts, key=lambda state: (self.held[state], state))
        return front if self.held[front] < OFTEN else -1

    def _grown(self, leaf: _Leaf, front: int, most: int) -> Iterator[_Leaf]:
        s = self.steps
        into = s.back_ids[s.back_start[front] : s.back_start[front + 1]]
        after = set(self._line(leaf, front))
        proven = {int(s.dst[step]) for step in leaf.steps} | {front}
        for step in into[np.argsort(-self.p[into], kind="stable")][: 2 * most]:
            premises = {int(s.src[step]), *([int(s.guard[step])] if s.guard[step] >= 0 else [])}
            if premises & after or self.p[step] <= 0:
                continue
            fronts = (leaf.fronts - {front}) | (premises - proven)
            steps = (*leaf.steps, int(step))
            wants = (*leaf.needed_by, *((one, front) for one in sorted(premises - proven)))
            mass = self._chance(steps) * float(np.prod(self.held[list(fronts)]))
            yield _Leaf(mass, steps, frozenset(fronts), wants)

    def _chance(self, steps: tuple[int, ...]) -> float:
        """That all of some steps work, each luck counted once."""
        own = {int(self.key[step]): float(self.own[step]) for step in steps}
        shared = {int(self.shared[step]) for step in steps} - {-1}
        return float(np.prod(list(own.values())) * np.prod([self.shared_p[row] for row in shared]))

    def _line(self, leaf: _Leaf, front: int) -> Iterator[int]:
        """The front and the states for whose sake it is wanted."""
        why = dict(leaf.needed_by)
        at: int | None = front
        while at is not None:
            yield at
            at = why.get(at)


def mixture(worlds: Worlds, held: Floats, most: int) -> Mixture | None:
    """Leaves of all targets of a run, every target with the same share; None where nothing can be forced."""
    finder = Leaves(worlds, held)
    local = worlds.part.local[worlds.targets]
    each = max(8, most // max(1, local.size))
    shares: list[float] = []
    sets: list[list[tuple[int, int]]] = []
    for target in local[local >= 0]:
        leaves = [(mass, _lucks(worlds, steps)) for mass, steps in finder.of(int(target), each)]
        leaves = [one for one in leaves if one[1]]
        whole = sum(mass for mass, _ in leaves)
        shares += [(1 - EVEN) * mass / whole + EVEN / len(leaves) for mass, _ in leaves]
        sets += [lucks for _, lucks in leaves]
    if not sets:
        return None
    return _packed(worlds, np.array(shares) / sum(shares), sets)


def _lucks(worlds: Worlds, steps: tuple[int, ...]) -> list[tuple[int, int]]:
    """What must hold for steps to work and can be forced: (0, step) for own luck, (1, row) for shared luck."""
    graph, out = worlds.graph, {}
    for step in steps:
        number = int(worlds.part.step[step])
        if 0 < graph.p[number] < 1:
            out[(0, int(graph.key[number]))] = (0, step)
        shared = int(graph.shared[number])
        if shared >= 0 and not graph.draws.epistemic[shared] and 0 < graph.draws.p[shared] < 1:
            out[(1, shared)] = (1, shared)
    return [out[name] for name in sorted(out)]


def _packed(worlds: Worlds, share: Floats, sets: list[list[tuple[int, int]]]) -> Mixture | None:
    keys = worlds.steps.key
    own = {int(keys[step]): step for lucks in sets for kind, step in lucks if kind == 0}
    for key in _unlike(worlds, np.array(list(own), np.uint64)):
        del own[int(key)]
    names = np.array(sorted(own), np.uint64)
    shared = np.array(sorted({row for lucks in sets for kind, row in lucks if kind == 1}), np.int32)
    number: dict[tuple[int, int], int] = {(0, int(key)): i for i, key in enumerate(names)}
    number |= {(1, int(row)): names.size + i for i, row in enumerate(shared)}
    lists = [
        [number[name] for kind, one in lucks if (name := (kind, int(keys[one]) if kind == 0 else one)) in number]
        for lucks in sets
    ]
    keep = [i for i, one in enumerate(lists) if one]
    if not keep:
        return None
    start = np.cumsum([0, *(len(lists[i]) for i in keep)])
    flat = np.concatenate([np.array(lists[i], np.int64) for i in keep])
    sample = np.array([own[int(key)] for key in names], np.int32)
    p = np.concatenate([_by_draw(worlds.own, sample, worlds.draws), _by_draw(worlds.shared, shared, worlds.draws)])
    chance = np.multiply.reduceat(p[flat], start[:-1], axis=0)
    part = share[keep] / share[keep].sum()
    return Mixture(start, flat, part, names.view(np.int64), sample, shared, chance)


def _unlike(worlds: Worlds, keys: Any) -> Any:
    """Keys whose steps differ in their chance: one luck, but several bars."""
    rows = np.flatnonzero(np.isin(worlds.steps.key, keys))
    bars = np.stack([worlds.steps.key[rows], worlds.own.threshold[rows].astype(np.uint64),
                     worlds.own.kind[rows].astype(np.int64).view(np.uint64)])  # fmt: skip
    names, count = np.unique(np.unique(bars, axis=1)[0], return_counts=True)
    return names[count > 1]


def _by_draw(chances: Any, rows: Any, draws: int) -> Floats:
    """The exact chance under each draw, as the thresholds have it."""
    fixed = np.repeat(chances.threshold[rows].astype(np.float64)[:, None], draws, axis=1)
    varied = chances.kind[rows] >= 0
    fixed[varied] = chances.varied[chances.kind[rows][varied]]
    return np.asarray(np.where(fixed >= 2**32 - 1, 1.0, fixed * 2.0**-32))

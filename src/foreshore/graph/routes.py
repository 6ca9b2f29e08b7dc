"""The k likeliest different ways between given states, through some states and round others."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph.closures import _mask, states_of
from foreshore.graph.model import Bools, Floats, Graph, Ints, Longs

DIFFERENT = ("states", "causes", "apart")
MOST_THROUGH = 6


@dataclass(frozen=True, eq=False)
class Route:
    """One way: `states` from a source to a goal, and `chain`, the steps between them.

    `steps`: all steps that it takes, those that prove the guards on the way included, premises before
    what needs them. `chance` is the product along the chain, each other premise at its likeliest proof;
    what two of them share counts twice, so that it is a bound from below. `probability`: that all of
    `steps` work together, each luck counted once. Both at the central value of every parameter.
    """

    states: tuple[int, ...]
    chain: tuple[int, ...]
    steps: tuple[int, ...]
    chance: float
    probability: float
    causes: frozenset[int]


@dataclass(frozen=True, eq=False)
class Routes:
    """Ways by falling chance; `complete` is false when the search was given up before it was done."""

    found: tuple[Route, ...]
    complete: bool


@dataclass(frozen=True, eq=False)
class _Ask:
    """A question about ways, checked."""

    graph: Graph
    sources: Ints
    goals: Ints
    held: Ints
    through: Ints
    different: str
    weight: Floats


def routes(
    graph: Graph,
    sources: Ints,
    goals: Ints,
    k: int = 5,
    *,
    held: Ints | Sequence[int] = (),
    through: Ints | Sequence[int] = (),
    avoid: Ints | Sequence[int] = (),
    different: str = "states",
    step_mask: Bools | None = None,
    tries: int = 10_000,
) -> Routes:
    """Find the `k` likeliest ways from any of `sources` to any of `goals`, best first.

    A way is a chain of steps that comes to no state twice; a step with a guard may be taken from either of
    its premises, the other must be provable from `sources` and `held` (what the attacker holds anyway).
    `through`: states that must all be on the chain, in any order; `avoid`: states that nobody ever holds.
    `different`: no two ways have the same chain of states (`states`), the same set of causes (`causes`),
    or any cause in common (`apart`; ways without causes: any step). Ways come in the order of their chance
    (Yen's rule with A*); after `tries` candidates the search gives up and says so.

    Raises UsageError for states that are not there, or words and numbers that make no sense.
    """
    if different not in DIFFERENT:
        raise UsageError(f"ways cannot differ by “{different}”", hint=", ".join(DIFFERENT))
    if k < 1 or tries < 1:
        raise UsageError("at least one way and one try must be asked for")
    ask = _asked(graph, sources, goals, held, through, avoid, different, _mask(graph, step_mask))
    if different == "apart":
        return _apart(ask, k, tries)
    found: list[Route] = []
    seen: set[Any] = set()
    count = 0
    for count, one in enumerate(_Search(ask).ways(), 1):
        what = one.states if different == "states" else one.causes
        if what not in seen and _fits(one, ask):
            seen.add(what)
            found.append(one)
        if len(found) == k or count == tries:
            break
    return Routes(tuple(found), len(found) == k or count < tries)


def _asked(
    graph: Graph, sources: Any, goals: Any, held: Any, through: Any, avoid: Any, different: str, mask: Bools
) -> _Ask:
    names = {"sources": sources, "goals": goals, "held": held, "through": through, "avoid": avoid}
    chosen = {name: np.unique(states_of(graph, given, name)) for name, given in names.items()}
    if chosen["through"].size > MOST_THROUGH:
        raise UsageError(f"ways through {chosen['through'].size} states", hint=f"at most {MOST_THROUGH} at once")
    gone = np.zeros(graph.states + 1, np.bool_)
    gone[chosen["avoid"]] = True
    chance = np.where(mask & ~(gone[graph.src] | gone[graph.dst] | gone[graph.guard]), graph.p, 0.0)
    shared = np.flatnonzero(graph.shared >= 0)
    chance[shared] *= graph.draws.p[graph.shared[shared]]
    with np.errstate(divide="ignore"):
        weight = np.asarray(-np.log(chance) + 0.0)
    free = {name: states[~gone[states]] for name, states in chosen.items()}
    through = chosen["through"]  # what must be passed and may not be held leaves no way
    return _Ask(graph, free["sources"], free["goals"], free["held"], through, different, weight)


def _fits(one: Route, ask: _Ask) -> bool:
    """Whether a way comes to no state twice: in a search through states it might."""
    return not ask.through.size or len(set(one.states)) == len(one.states)


def _apart(ask: _Ask, k: int, tries: int) -> Routes:
    """The likeliest way, then the likeliest that has no cause in common with those before, and so on."""
    found: list[Route] = []
    gone = np.zeros(ask.graph.causes + 1, np.bool_)
    weight = ask.weight.copy()
    while len(found) < k:
        left = _Ask(ask.graph, ask.sources, ask.goals, ask.held, ask.through, "apart", weight)
        best = None
        for count, one in enumerate(_Search(left).ways(), 1):
            if _fits(one, left):
                best = one
                break
            if count == tries:
                return Routes(tuple(found), False)
        if best is None or not best.steps:
            return Routes((*found, best) if best is not None and not found else tuple(found), True)
        found.append(best)
        if best.causes:
            gone[list(best.causes)] = True
            weight[gone[ask.graph.cause]] = np.inf
        else:
            weight[list(best.steps)] = np.inf
    return Routes(tuple(found), True)


class _Search:
    """Yen's rule on the arcs of a question: nodes are states, once for each set of `through` already passed."""

    def __init__(self, ask: _Ask) -> None:
        self.ask = ask
        graph = ask.graph
        self.ahead, self.before = _costs(ask)
        self.order = {int(state): i for i, state in enumerate(ask.through)}
        copies = 1 << len(self.order)
        self.nodes = graph.states * copies + 2
        self.root, self.end = self.nodes - 2, self.nodes - 1
        src, dst, weight, step = self._arcs()
        if ask.different == "states":
            keep = _cheapest(src, dst, weight, step)
            src, dst, weight, step = src[keep], dst[keep], weight[keep], step[keep]
        self._lay_out(src, dst, weight, step)

    def _arcs(self) -> tuple[Longs, Longs, Floats, Longs]:
        """All arcs between states for every set of states passed, and those from the root and to the end."""
        ask, graph = self.ask, self.ask.graph
        src, dst, weight, step = _hops(ask, self.ahead)
        bit = np.zeros(graph.states, np.int64)
        bit[ask.through] = 1 << np.arange(ask.through.size)
        full = (1 << ask.through.size) - 1
        passed = np.arange(full + 1)[:, None]
        free = np.zeros(ask.sources.size + ask.goals.size)
        begin = ask.sources + bit[ask.sources] * graph.states
        finish = ask.goals + full * graph.states
        around = [np.full(begin.size, self.root), finish], [begin, np.full(finish.size, self.end)]
        return (
            np.concatenate([(src + passed * graph.states).ravel(), *around[0]]).astype(np.int64),
            np.concatenate([(dst + (passed | bit[dst]) * graph.states).ravel(), *around[1]]).astype(np.int64),
            np.concatenate([np.tile(weight, full + 1), free]),
            np.concatenate([np.tile(step, full + 1), free - 1]).astype(np.int64),
        )

    def _lay_out(self, src: Longs, dst: Longs, weight: Floats, step: Longs) -> None:
        from foreshore.graph import kernels, ways

        start, ids = kernels.group(src.astype(np.int32), self.nodes)
        self.start, self.src, self.dst = start, src[ids].astype(np.int32), dst[ids].astype(np.int32)
        self.weight, self.step = weight[ids], step[ids]
        into = kernels.group(self.dst, self.nodes)
        bare = np.full(ids.size, -1, np.int32)
        end = np.array([self.end], np.int32)
        rest, self.onward = ways.backward_costs(*into, self.src, bare, self.weight, np.zeros(self.nodes), end)
        self.blocked = np.asarray(~np.isfinite(rest))
        self.rest = np.where(self.blocked, np.inf, rest)
        self.rest[self.end] = -1.0
        self.scratch = (np.full(self.nodes, np.inf), np.zeros(self.nodes, np.int32))

    def ways(self) -> Iterator[Route]:
        """All ways, the cheapest first; equal ones in the order of their arcs."""
        best: list[tuple[float, tuple[int, ...], int]] = []
        done: list[tuple[int, ...]] = []
        known: set[tuple[int, ...]] = set()
        self._add(best, known, (), 0, [])
        while best:
            _, arcs, branch = heapq.heappop(best)
            yield self._route(arcs)
            done.append(arcs)
            for i in range(branch, len(arcs) - 1):
                barred = sorted({other[i] for other in done if other[:i] == arcs[:i] and len(other) > i})
                self._add(best, known, arcs[:i], i, barred)

    def _add(self, best: Any, known: Any, begun: tuple[int, ...], branch: int, barred: list[int]) -> None:
        from foreshore.graph import detours

        passed = [self.root, *(int(self.dst[arc]) for arc in begun)]
        at = passed[-1]
        was = self.blocked[passed].copy()
        self.blocked[passed] = True
        bars = np.array(barred, np.int32)
        arcs = detours.detour(self.start, self.dst, self.weight, self.rest, at, bars, self.blocked, self.scratch)
        self.blocked[passed] = was
        whole = (*begun, *(int(arc) for arc in arcs))
        if arcs.size and whole not in known:
            known.add(whole)
            heapq.heappush(best, (float(np.sum(self.weight[list(whole)])), whole, branch))

    def _route(self, arcs: tuple[int, ...]) -> Route:
        graph = self.ask.graph
        states = tuple(int(self.dst[arc]) % graph.states for arc in arcs[:-1])
        chain = tuple(int(self.step[arc]) for arc in arcs[1:-1])
        steps = self._proof(states[0], chain)
        cost = float(np.sum(self.weight[list(arcs)]))
        causes = graph.cause[list(steps)]
        return Route(
            states, chain, tuple(steps), float(np.exp(-cost)), together(graph, steps),
            frozenset(int(c) for c in causes if c >= 0),
        )  # fmt: skip

    def _proof(self, source: int, chain: tuple[int, ...]) -> list[int]:
        """The steps of a chain, each after the proofs of its premises."""
        held = {source, *map(int, self.ask.sources), *map(int, self.ask.held)}
        out: list[int] = []
        for step in chain:
            for premise in self._premises(step):
                self._prove(premise, held, out)
            if step not in out:
                out.append(step)
            held.add(int(self.ask.graph.dst[step]))
        return out

    def _premises(self, step: int) -> list[int]:
        guard = int(self.ask.graph.guard[step])
        return [int(self.ask.graph.src[step]), *([guard] if guard >= 0 else [])]

    def _prove(self, state: int, held: set[int], out: list[int]) -> None:
        todo = [state]
        while todo:
            at = todo[-1]
            step = int(self.before[at])
            missing = [] if at in held else [one for one in self._premises(step) if one not in held]
            if missing:
                todo += reversed(missing)
                continue
            todo.pop()
            if at not in held:
                held.add(at)
                out.append(step)


def together(graph: Graph, steps: Sequence[int] | Longs) -> float:
    """Probability that all of some steps work in one attack, at the central values: each luck counts once."""
    chosen = np.asarray(steps, np.int64)
    if not chosen.size:
        return 1.0
    _, first = np.unique(graph.key[chosen], return_inverse=True)
    least = np.ones(int(first.max()) + 1)
    np.minimum.at(least, first, graph.p[chosen])
    shared = np.unique(graph.shared[chosen])
    return float(np.prod(least) * np.prod(graph.draws.p[shared[shared >= 0]]))


def _costs(ask: _Ask) -> tuple[Floats, Ints]:
    from foreshore.graph import ways

    graph = ask.graph
    out, guards = graph.by_src, graph.by_guard
    entries = np.union1d(ask.sources, ask.held).astype(np.int32)
    return ways.forward_costs(
        out.start, out.ids, guards.start, guards.ids,
        graph.src, graph.dst, graph.guard, ask.weight, entries, graph.states,
    )  # fmt: skip


def _hops(ask: _Ask, ahead: Floats) -> tuple[Longs, Longs, Floats, Longs]:
    """Steps as arcs from either premise, the other paid for; none into what is held, none out of a goal."""
    graph = ask.graph
    given = np.zeros(graph.states, np.bool_)
    given[ask.sources] = given[ask.held] = True
    goal = np.zeros(graph.states, np.bool_)
    goal[ask.goals] = True
    guarded = graph.guard >= 0
    other = np.where(guarded & (graph.guard != graph.src), np.append(ahead, 0.0)[graph.guard], 0.0)
    price = ask.weight + other
    one = np.flatnonzero(np.isfinite(price) & np.isfinite(ahead[graph.src]) & ~given[graph.dst] & ~goal[graph.src])
    twin = guarded & (graph.guard != graph.src)
    price_twin = ask.weight + ahead[graph.src]
    reached = np.append(ahead, np.inf)[graph.guard]
    ends = np.append(goal, True)[graph.guard]
    two = np.flatnonzero(twin & np.isfinite(price_twin) & np.isfinite(reached) & ~given[graph.dst] & ~ends)
    return (
        np.concatenate([graph.src[one], graph.guard[two]]).astype(np.int64),
        np.concatenate([graph.dst[one], graph.dst[two]]).astype(np.int64),
        np.concatenate([price[one], price_twin[two]]),
        np.concatenate([one, two]).astype(np.int64),
    )


def _cheapest(src: Longs, dst: Longs, weight: Floats, step: Longs) -> Longs:
    """Of arcs between the same two nodes the cheapest, the first step among equals."""
    order = np.lexsort((step, weight, dst, src))
    first = np.ones(order.size, np.bool_)
    first[1:] = (src[order][1:] != src[order][:-1]) | (dst[order][1:] != dst[order][:-1])
    return np.asarray(order[first])

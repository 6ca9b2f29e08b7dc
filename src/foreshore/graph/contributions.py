"""What each cause adds to the yearly loss: the exact difference its removal makes on the same years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph.closures import states_of
from foreshore.graph.estimates import from_draws
from foreshore.graph.model import Floats, Graph, Ints, Longs, Profile, Words
from foreshore.graph.simulation import Effort, Outcome, Years, _unpack, check, refined
from foreshore.graph.worlds import Attack, Solved, Worlds, prepare

if TYPE_CHECKING:
    from foreshore.graph.kernels import Luck


@dataclass(frozen=True, eq=False)
class Ranked:
    """What causes of one kind add, one row per cause that was on the kept proof of some fall (others: exactly 0).

    `mean`: value-weighted losses per year that would not have happened without the cause, others
    staying; `low` and `high` over parameters and unknowns; `error` the 95 % half-width of sampling.
    `proof_flow`: value-weighted losses per year on whose kept proof the cause is, never below `mean`
    and not an estimate of anything else. `share` is `mean` over the value-weighted losses of all.
    Rows are ordered by falling mean, then proof flow, then cause.
    `pair_cause`, `pair_target` (row of the outcome), `pair_mean`: losses per year by cause and target.
    `by_draw` (rows, draws): the means of each draw of parameters and unknowns, for the stability of ranks.
    """

    cause: Ints
    mean: Floats
    low: Floats
    high: Floats
    error: Floats
    share: Floats
    proof_flow: Floats
    pair_cause: Ints
    pair_target: Ints
    pair_mean: Floats
    by_draw: Floats


@dataclass(frozen=True, eq=False)
class Contributions(Ranked):
    """What the causes of the column `cause` add; `layers` has the same for each further kind asked for."""

    outcome: Outcome
    layers: Mapping[str, Ranked]


def contributions(
    graph: Graph,
    profiles: Sequence[Profile],
    targets: Ints,
    *,
    seed: int,
    values: Floats | None = None,
    effort: Effort | None = None,
    removed: Ints | Longs | None = None,
    unknowns: str = "believed",
    watch: Ints | None = None,
    layers: Sequence[str] = (),
) -> Contributions:
    """Simulate and find, for every cause at once, the losses that vanish when it alone is removed.

    `values` weighs the targets (default 1 each). Exact on the sampled years, also with guards, with
    causes of several steps and with the cap on losses per year: it equals `simulate` less
    `simulate(removed=[cause])` on the same worlds. `layers`: further kinds of causes to answer for, names of
    the graph's layers or `state`. Raises UsageError as `simulate` does.
    """
    effort = effort or Effort()
    check(effort)
    chosen = states_of(graph, targets, "targets")
    worth = np.ones(chosen.size) if values is None else np.asarray(values, np.float64)
    if worth.shape != chosen.shape or not (np.isfinite(worth) & (worth >= 0)).all():
        raise UsageError("“values” needs one number of at least 0 for each target")
    worlds = prepare(
        graph,
        profiles,
        chosen,
        states_of(graph, [] if watch is None else watch, "watch"),
        seed=seed,
        draws=effort.draws,
        removed=removed,
        unknowns=unknowns,
        layers=("cause", *layers),
    )
    years = Years(worlds, effort)
    ledger = _Ledger(worlds, worth, effort.losses_per_year)
    while years.more():
        block = years.blocks
        solved = list(worlds.run(block, effort.threads, _Prover))
        ledger.add(block, solved, years.add(solved, block))
    return ledger.result(refined(years, removed, unknowns))


class _Prover:
    """Made for each word of lanes: keeps which causes each fall needed, as (cause, target, lanes) rows."""

    def __init__(self, worlds: Worlds, attack: Attack, cur: Words, luck: Luck) -> None:
        from foreshore.graph import kernels, proofs

        self.rows: tuple[Ints, Ints, Words, Words] | None = None
        local = worlds.part.local[worlds.targets]
        there = np.flatnonzero(local >= 0)
        asked = cur[local[there]]
        there, asked = there[asked > 0], asked[asked > 0]
        if not there.size:
            return
        part = proofs.live_part(
            worlds.steps,
            luck,
            cur,
            local[there],
            asked,
            *proofs.scratch(worlds),
        )
        into = kernels.group(part.dst, part.states.size)
        place = proofs.places(part, local[there])
        need, flow = proofs.necessary(part, into, proofs.entry(worlds, attack, part), place, asked)
        c, j = np.nonzero(flow[part.alike])
        kind = part.alike[c]
        self.rows = part.causes[c], there[j].astype(np.int32), need[kind, j], flow[kind, j]


class _Ledger:
    """Adds up, by cause and draw, what the proofs of each block say."""

    def __init__(self, worlds: Worlds, worth: Floats, most: int) -> None:
        self.worlds, self.worth, self.most = worlds, worth, most
        self.causes: list[Ints] = []
        self.by_draw: list[Floats] = []
        self.squares: list[Floats] = []
        self.flow: list[Floats] = []
        self.pairs: list[tuple[Any, Floats]] = []

    def add(self, block: int, solved: Sequence[Solved], hits: Ints) -> None:
        """Take in one block: `hits` says how often each target fell in each world."""
        rows = [one.extra.rows for one in solved if one.extra.rows is not None]
        if not rows:
            return
        cause, target = (np.concatenate([row[i] for row in rows]) for i in (0, 1))
        need, flow = (_unpack(np.concatenate([row[i] for row in rows])) for i in (2, 3))
        count = self.worlds.targets.size
        pair, at = np.unique(cause.astype(np.int64) * count + target, return_inverse=True)
        needed, on = (_sums(at, pair.size, bits) for bits in (need, flow))
        weight = self.worlds.weight[self.worlds.lanes(block)]
        fell = hits[pair % count]
        kept = np.minimum(self.most, fell)
        lost = (kept - np.minimum(self.most, fell - needed)) * weight
        upper = np.minimum(kept, on) * weight
        self.pairs.append((pair, lost.sum(axis=1)))
        causes, place = np.unique(pair // count, return_inverse=True)
        worth = self.worth[pair % count][:, None]
        total = _sums(place, causes.size, lost * worth)
        self.causes.append(causes.astype(np.int32))
        self.by_draw.append(self._draws(block, total))
        self.squares.append((total**2).sum(axis=1))
        self.flow.append(_sums(place, causes.size, upper * worth).sum(axis=1))

    def _draws(self, block: int, total: Floats) -> Floats:
        draws = self.worlds.draws
        if draws <= 64:
            return np.asarray(total.reshape(len(total), 64 // draws, draws).sum(axis=1))
        out = np.zeros((len(total), draws))
        out[:, self.worlds.lanes(block)] = total
        return out

    def result(self, outcome: Outcome) -> Contributions:
        """Turn the sums into means with intervals, best first, for each kind of causes."""
        names, first = self.worlds.tags.names, self.worlds.tags.first
        tables = {name: self._ranked(outcome, int(first[i]), int(first[i + 1])) for i, name in enumerate(names)}
        own = tables.pop("cause")
        columns = {one.name: getattr(own, one.name) for one in fields(Ranked)}
        return Contributions(**columns, outcome=outcome, layers=tables)

    @cached_property
    def _by_cause(self) -> tuple[Ints, Floats, Floats, Floats]:
        """All causes seen, and by cause: sums by draw, sums of squares, proof flow."""
        cause, at = np.unique(np.concatenate([np.zeros(0, np.int32), *self.causes]), return_inverse=True)
        sums = _sums(at, cause.size, np.concatenate([np.zeros((0, self.worlds.draws)), *self.by_draw]))
        squares = _sums(at, cause.size, np.concatenate([np.zeros(0), *self.squares]))
        return cause, sums, squares, _sums(at, cause.size, np.concatenate([np.zeros(0), *self.flow]))

    @cached_property
    def _by_pair(self) -> tuple[Longs, Floats]:
        chained = [np.zeros(0, np.int64), *(p for p, _ in self.pairs)]
        pair, where = np.unique(np.concatenate(chained), return_inverse=True)
        return pair, _sums(where, pair.size, np.concatenate([np.zeros(0), *(x for _, x in self.pairs)]))

    def _ranked(self, outcome: Outcome, start: int, end: int) -> Ranked:
        """The causes from `start` on and before `end`, numbered from 0."""
        worlds, draws = max(1, outcome.worlds), self.worlds.draws
        a, b = np.searchsorted(self._by_cause[0], [start, end])
        cause, sums, squares, flow = (column[a:b] for column in self._by_cause)
        each = max(1, outcome.worlds // draws)
        means = by_draw = sums / each
        within = np.maximum(squares / worlds - (means**2).mean(axis=1), 0) * each / max(1, each - 1)
        if not self.worlds.varies:
            means, within = means.mean(axis=1)[:, None], squares / worlds - means.mean(axis=1) ** 2
        top = float(self.worth.sum()) * self.most
        found = from_draws(means, within, worlds, top * float(outcome.weight.mean()), top)
        flow = flow / worlds
        order = np.lexsort((cause, -flow, -found.mean))
        whole = float(outcome.events @ self.worth)
        count = max(1, self.worlds.targets.size)
        pair, lost = self._by_pair
        mine = slice(*np.searchsorted(pair, [start * count, end * count]))
        return Ranked(
            (cause - start)[order].astype(np.int32),
            found.mean[order],
            found.low[order],
            found.high[order],
            found.error[order],
            found.mean[order] / whole if whole > 0 else found.mean[order],
            flow[order],
            (pair[mine] // count - start).astype(np.int32),
            (pair[mine] % count).astype(np.int32),
            lost[mine] / worlds,
            by_draw[order],
        )


def _sums(place: Any, count: int, rows: Any) -> Any:
    """Add rows of equal place, in a fixed order."""
    out = np.zeros((count, *rows.shape[1:]), rows.dtype)
    np.add.at(out, place, rows)
    return out

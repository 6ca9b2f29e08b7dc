"""The same sampled years again without some causes: much cheaper than to simulate them anew.

The first run keeps, for each word of lanes, only the live steps behind the losses of that word. A
cause that is not among them changes nothing there; the others are struck out and the small part is
solved again. It is exact: what is left equals `simulate(removed=…)` on the same years, because
removing steps can only take losses away, and every loss that stays has its proof in the kept part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.graph.model import Bools, Floats, Graph, Ints, Longs, Profile, Words
from foreshore.graph.simulation import Effort, Outcome, Years, _unpack, check
from foreshore.graph.worlds import Attack, Solved, Worlds, prepare

if TYPE_CHECKING:
    from foreshore.graph.closures import Tags
    from foreshore.graph.kernels import Luck
    from foreshore.graph.proofs import Laid, Live


_WORD = 2_000  # what it takes to begin a word at all, in steps


@dataclass(frozen=True, eq=False)
class Kept:
    """One word of lanes: its live part, entries, and the targets (rows, states of the part, lanes)."""

    part: Live | None
    entry: Words
    rows: Ints
    place: Ints
    asked: Words


class Replay:
    """Years that were simulated once, to be asked what is left of their losses without some causes."""

    def __init__(
        self,
        graph: Graph,
        profiles: Sequence[Profile],
        targets: Ints,
        *,
        seed: int,
        effort: Effort,
        layers: Sequence[str] | None = None,
    ) -> None:
        """Simulate the years that `effort` says; raises UsageError as `simulate` does.

        `layers`: the kinds of causes that may be removed (default: `cause` and all layers of the graph).
        """
        from foreshore.graph.closures import states_of

        check(effort)
        self._worlds = prepare(
            graph, profiles, states_of(graph, targets, "targets"), np.zeros(0, np.int32),
            seed=seed, draws=effort.draws, layers=("cause", *graph.layers) if layers is None else layers,
        )  # fmt: skip
        self._effort = effort
        self._scratch: Any = None
        self._blocks: list[list[tuple[Attack, Kept]]] = []
        years = Years(self._worlds, effort)
        while years.more():
            solved = list(self._worlds.run(years.blocks, 1, self._keep))
            self._blocks.append([(one.attack, one.extra) for one in solved])
            years.add(solved, years.blocks)
        self.graph = graph
        self.before: Outcome = years.outcome()
        self.events: Floats = self.before.events
        self.worlds: int = years.blocks * 64
        self._hits: Ints = np.concatenate(years.hits, axis=1)
        self.taken = 0  # steps that `without` has taken since, about

    @property
    def tags(self) -> Tags:
        """The numbering of `causes` in the kept parts: those of `cause` come first, with their own numbers."""
        return self._worlds.tags

    def kept(self) -> Iterator[tuple[Attack, Kept]]:
        """What is kept of each word of lanes, block by block, to be read and not changed."""
        for block in self._blocks:
            yield from block

    def without(self, removed: Ints | Longs) -> Floats:
        """Return the mean number of losses a year of each target when `removed` causes are gone."""
        from foreshore.graph import proofs

        laid, kinds = self._laid
        place = self._places_of(self._worlds.tags.among(self._worlds.graph, removed))
        if not place.size:
            return self.events
        struck = np.zeros(kinds, np.bool_)
        struck[self._kind[place]] = True
        words = np.unique(self._word[place]).astype(np.int32)
        self.taken += _WORD + 3 * int((laid.step[words + 1] - laid.step[words]).sum())
        lost = proofs.saved(laid, words, struck)
        some = np.flatnonzero(lost)
        hits = self._hits.reshape(len(self._hits), -1, 64).copy()
        np.subtract.at(hits, (self._rows[some], self._block[some]), _unpack(lost[some]))
        return self._mean(hits.reshape(self._hits.shape))

    def _mean(self, hits: Ints) -> Floats:
        """Losses a year as `estimates.estimate` adds them up, bit by bit."""
        draws = min(self._worlds.draws if self._worlds.varies else 1, self.worlds)
        losses = np.minimum(hits, self._effort.losses_per_year) * self.before.weight
        by_draw = losses.reshape(len(losses), self.worlds // draws, draws)
        return np.asarray(by_draw.mean(axis=1).mean(axis=1))

    @cached_property
    def _words(self) -> list[tuple[int, Kept]]:
        """All words of lanes with losses, and their blocks."""
        words = [(number, kept) for number, block in enumerate(self._blocks) for _, kept in block]
        return [(number, kept) for number, kept in words if kept.part is not None]

    @cached_property
    def _laid(self) -> tuple[Laid, int]:
        """The parts of all words one after another, and how many causes they have together."""
        from foreshore.graph import proofs

        parts = [kept.part for _, kept in self._words if kept.part is not None]
        first = _starts([part.kinds for part in parts])
        causes = [np.where(p.cause >= 0, p.cause + first[i], -1).astype(np.int32) for i, p in enumerate(parts)]
        wide = self._worlds.tags.column.shape[1]
        columns = {name: _joined([getattr(one, name) for one in parts], np.int32) for name in ("src", "dst", "guard")}
        kept = [one for _, one in self._words]
        laid = proofs.Laid(
            _starts([part.src.size for part in parts]), _starts([part.states.size for part in parts]),
            _starts([one.rows.size for one in kept]), **columns, bits=_joined([part.bits for part in parts], np.uint64),
            cause=np.concatenate([np.zeros((0, wide), np.int32), *causes]),
            entry=_joined([one.entry for one in kept], np.uint64), place=_joined([one.place for one in kept], np.int32),
            asked=_joined([one.asked for one in kept], np.uint64),
        )  # fmt: skip
        return laid, int(first[-1])

    @cached_property
    def _rows(self) -> Ints:
        """The row of each target of all words."""
        return np.asarray(_joined([kept.rows for _, kept in self._words], np.int32))

    @cached_property
    def _block(self) -> Longs:
        """The block of each target of all words."""
        return np.repeat(np.array([b for b, _ in self._words], np.int64), [one.rows.size for _, one in self._words])

    @cached_property
    def _causes(self) -> tuple[Ints, Longs]:
        """The causes that bear on losses in some word, and the order in which they ascend."""
        every = _joined([kept.part.causes for _, kept in self._words if kept.part is not None], np.int32)
        order = np.argsort(every, kind="stable")
        return every[order], order

    @cached_property
    def _word(self) -> Longs:
        """By cause of `_causes`, its word."""
        size = [kept.part.causes.size for _, kept in self._words if kept.part is not None]
        return np.repeat(np.arange(len(size)), size)[self._causes[1]]

    @cached_property
    def _kind(self) -> Longs:
        """By cause of `_causes`, its number among the causes of all parts."""
        parts = [kept.part for _, kept in self._words if kept.part is not None]
        first = _starts([part.kinds for part in parts])
        every = _joined([part.alike + first[i] for i, part in enumerate(parts)], np.int64)
        return np.asarray(every[self._causes[1]])

    def _places_of(self, gone: Bools) -> Longs:
        """Return where in `_causes` those are that are gone."""
        chosen = np.flatnonzero(gone)
        first, end = (np.searchsorted(self._causes[0], chosen, side=side) for side in ("left", "right"))
        count = end - first
        return np.asarray(np.repeat(first - np.cumsum(count) + count, count) + np.arange(int(count.sum())))

    def outcome(self, removed: Ints | Longs) -> Outcome:
        """What `simulate` would say of the same years when `removed` causes (removal numbers) are gone."""
        gone = self._worlds.tags.among(self._worlds.graph, removed)
        years = Years(self._worlds, replace(self._effort, worlds=self.worlds))
        nothing = np.zeros(0, np.uint64)
        for number, block in enumerate(self._blocks):
            words = [Solved(attack, self._left(kept, gone), nothing, None) for attack, kept in block]
            years.add(words, number)
        return years.outcome()

    def _keep(self, worlds: Worlds, attack: Attack, cur: Words, luck: Luck) -> Kept:
        """Keep of one word what bears on its losses."""
        from foreshore.graph import proofs

        local = worlds.part.local[worlds.targets]
        there = np.flatnonzero(local >= 0)
        asked = cur[local[there]]
        there, asked = there[asked > 0], asked[asked > 0]
        rows: Ints = np.asarray(there, np.int32)
        if not there.size:
            return Kept(None, asked, rows, rows, asked)
        if self._scratch is None:
            self._scratch = proofs.scratch(worlds)
        part = proofs.live_part(worlds.steps, luck, cur, local[there], asked, *self._scratch)
        place = proofs.places(part, local[there])
        return Kept(part, proofs.entry(worlds, attack, part), rows, place, asked)

    def _left(self, kept: Kept, gone: Any) -> Words:
        """Return the lanes in which each target still falls."""
        from foreshore.graph import proofs

        out = np.zeros(self._worlds.targets.size, np.uint64)
        if kept.part is None:
            return out
        struck = np.zeros(kept.part.kinds, np.bool_)
        struck[kept.part.alike[gone[kept.part.causes]]] = True
        out[kept.rows] = (
            proofs.fallen(kept.part, kept.entry, struck, kept.place) & kept.asked if struck.any() else kept.asked
        )
        return out


def _starts(sizes: Sequence[int]) -> Longs:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


def _joined(parts: Sequence[Any], kind: Any) -> Any:
    return np.concatenate([np.zeros(0, kind), *parts]).astype(kind, copy=False)

"""The same sampled years again without some causes: much cheaper than to simulate them anew.

The first run keeps, for each word of lanes, only the live steps behind the losses of that word. A
cause that is not among them changes nothing there; the others are struck out and the small part is
solved again. It is exact: what is left equals `simulate(removed=…)` on the same years, because
removing steps can only take losses away, and every loss that stays has its proof in the kept part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.graph.model import Floats, Graph, Ints, Longs, Profile, Words
from foreshore.graph.simulation import Effort, Outcome, Years, check
from foreshore.graph.worlds import Attack, Solved, Worlds, prepare

if TYPE_CHECKING:
    from foreshore.graph.closures import Tags
    from foreshore.graph.kernels import Luck
    from foreshore.graph.proofs import Live


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
        return self.outcome(removed).events

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

"""The simulated losses a plan is chosen on: each with its ways to happen, of which actions cut some.

A *fall* is one target that is harmed in one simulated attack, a *loss* what counts of the falls of a year. It is saved
when each of its proofs (the sets of steps that bring it about) loses a step to some action.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from foreshore.graph.replay import Kept, Replay

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Proof = frozenset[int]  # the actions any of which cuts it
STEPS = 4e7  # steps of kept parts that a slow core takes in a second (benchmarks)
LANES = 64  # cheap proofs are looked for lane by lane
WORD = 2_000  # what it takes to begin a word at all, in steps


class Losses(Protocol):
    """What the search and the bound ask of sampled losses; actions are numbers from 0."""

    @property
    def worth(self) -> Floats:
        """By loss: the share of all risk that it stands for."""

    def cheapest(self, weight: Floats, losses: Ints) -> list[Proof]:
        """Return, for each of `losses`, a proof whose actions weigh little (one weight per action)."""

    def left(self, chosen: frozenset[int]) -> float:
        """Return the share of risk that is left when these actions are done."""

    @property
    def seconds(self) -> float:
        """What has been asked so far, in seconds of a slow core: counted by steps that were taken, not by a clock."""


@dataclass(frozen=True)
class _Word:
    """One word of lanes: its kept part, and which actions each local cause of the part belongs to."""

    kept: Kept
    cause: Ints  # local causes that belong to actions, with `action`: one row for each such pair
    action: Ints


class Sampled:
    """The losses of kept years (`graph.replay`), with the actions that remove causes.

    `action_of` says by cause of the graph which action removes it, -1 for none; `weights` values the targets,
    `most` is how many losses of a target count in a year.
    """

    def __init__(self, replay: Replay, weights: Floats, action_of: Ints, most: int) -> None:
        self._replay, self._weights, self._action_of, self._most = replay, weights, action_of, most
        self.whole = float(replay.events @ weights)
        self._left: dict[frozenset[int], float] = {}
        self._steps = 0

    @property
    def seconds(self) -> float:
        """What has been asked so far, in seconds of a slow core; the same on every machine."""
        return (self._steps + self._replay.taken) / STEPS

    @cached_property
    def _words(self) -> list[_Word]:
        found = []
        for _, kept in self._replay.kept():
            causes = np.zeros(0, np.int64) if kept.part is None else np.asarray(kept.part.causes, np.int64)
            known = causes < len(self._action_of)
            action = np.where(known, self._action_of[np.where(known, causes, 0)], -1) if causes.size else causes
            alike = np.asarray(kept.part.alike, np.int64) if kept.part is not None else causes
            pairs = np.unique(np.stack([alike[action >= 0], action[action >= 0]]), axis=1)
            found.append(_Word(kept, pairs[0], pairs[1]))
        return found

    @cached_property
    def _places(self) -> tuple[Ints, Ints, Ints, Ints]:
        """By fall: its word, its place among the word's targets, its lane, and its target's row."""
        rows = []
        for number, word in enumerate(self._words):
            bits = _unpacked(word.kept.asked)
            place, lane = np.nonzero(bits)
            rows.append(
                np.stack([np.full(place.size, number), place, lane, np.asarray(word.kept.rows, np.int64)[place]])
            )
        every = np.concatenate([np.zeros((4, 0), np.int64), *rows], axis=1)
        return every[0], every[1], every[2], every[3]

    @cached_property
    def _years(self) -> tuple[Ints, Ints]:
        """By fall: the simulated year, and a number for the year and the target together."""
        word, _, lane, row = self._places
        block = np.array([attack.block for attack, _ in self._replay.kept()], np.int64)
        world = block[word] * 64 + lane if word.size else word
        return world, world * len(self._weights) + row

    @cached_property
    def _losses(self) -> tuple[Ints, Ints]:
        """By loss its first fall, and by fall its loss.

        Where one fall of a target counts in a year, all its falls of that year are one loss: it is saved when
        none of them happens. Else each is a loss of its own.
        """
        together = self._years[1]
        if self._most > 1:
            return np.arange(together.size), np.arange(together.size)
        _, first, of = np.unique(together, return_index=True, return_inverse=True)
        return np.asarray(first, np.int64), np.asarray(of.reshape(-1), np.int64)

    @cached_property
    def worth(self) -> Floats:
        """By loss, the share of risk: where a target falls more often in a year than counts, each counts for less.

        That is the least concave function above what saving some of them removes, and equal at none and all.
        """
        (world, together), row = self._years, self._places[3]
        weight = self._replay.before.weight[world] if world.size else np.zeros(0)
        share = np.ones(world.size)
        if self._most > 1 and world.size:
            share = np.minimum(1.0, self._most / np.bincount(together, minlength=1)[together])
        worth = weight * self._weights[row] * share / self._replay.worlds / (self.whole or 1.0)
        return np.asarray(worth[self._losses[0]])

    def cheapest(self, weight: Floats, losses: Ints) -> list[Proof]:
        """Return the proof of each loss whose steps weigh least; premises that several steps share count several times."""
        place_of = np.full(self._losses[0].size, -1, np.int64)
        place_of[losses] = np.arange(len(losses))
        at = place_of[self._losses[1]]
        falls = np.flatnonzero(at >= 0)
        found: list[Proof | None] = [None] * len(losses)
        least = np.full(len(losses), np.inf)
        for place, proof in zip(at[falls].tolist(), self._cheapest(weight, falls), strict=True):
            price = float(weight[list(proof)].sum())
            if price < least[place]:
                found[place], least[place] = proof, price
        return [proof if proof is not None else frozenset() for proof in found]

    def _cheapest(self, weight: Floats, falls: Ints) -> list[Proof]:
        found: list[Proof] = [frozenset()] * len(falls)
        word, place, lane, _ = (column[falls] for column in self._places)
        order = np.argsort(word, kind="stable")
        edges = np.flatnonzero(np.diff(word[order], prepend=-1))
        for at in np.split(order, edges[1:]) if order.size else []:
            one = self._words[int(word[at[0]])]
            self._steps += LANES * (0 if one.kept.part is None else int(one.kept.part.src.size)) + WORD
            for number, proof in zip(at.tolist(), _proofs(one, weight, place[at], lane[at]), strict=True):
                found[number] = proof
        return found

    def left(self, chosen: frozenset[int]) -> float:
        """Return the share of weighted losses that is left on these years, exactly."""
        if not self.whole:
            return 0.0
        if chosen not in self._left:
            causes = np.flatnonzero(np.isin(self._action_of, np.array(sorted(chosen), np.int64))).astype(np.int32)
            events = self._replay.without(causes) if causes.size else self._replay.events
            self._left[chosen] = float(events @ self._weights) / self.whole
        return self._left[chosen]


def _unpacked(words: Any) -> NDArray[np.uint8]:
    column = np.ascontiguousarray(words, "<u8").reshape(-1, 1).view(np.uint8)
    return np.unpackbits(column, axis=1, bitorder="little")


def _proofs(one: _Word, weight: Floats, place: Ints, lane: Ints) -> list[Proof]:
    """Find cheap proofs of losses of one word."""
    from foreshore.mobilization import plan_proofs

    part: Any = one.kept.part
    by_cause = np.zeros(part.kinds + 1)
    np.add.at(by_cause, one.cause, weight[one.action])
    cost = by_cause[part.cause].sum(axis=1) if part.cause.ndim > 1 else by_cause[part.cause]
    start = np.searchsorted(one.cause, np.arange(part.kinds + 1))
    wanted = np.bitwise_or.reduce(np.uint64(1) << lane.astype(np.uint64))
    size, flat = plan_proofs.cheapest(
        part.src, part.dst, part.guard, part.bits, np.ascontiguousarray(cost, np.float64), one.kept.entry, wanted,
        part.cause if part.cause.ndim > 1 else part.cause[:, None], start, one.action, len(weight),
        np.asarray(one.kept.place, np.int64)[place], lane,
    )  # fmt: skip
    return [frozenset(each.tolist()) for each in np.split(flat, np.cumsum(size)[:-1])]


class Listed:
    """Losses whose proofs are all listed: for tests, and for whoever has few of them."""

    def __init__(self, proofs: Sequence[Sequence[Proof]], worth: Sequence[float] | None = None) -> None:
        self._proofs = [list(one) for one in proofs]
        shares = np.ones(len(self._proofs)) if worth is None else np.asarray(worth, np.float64)
        self.worth = shares / (shares.sum() or 1.0)

    def cheapest(self, weight: Floats, losses: Ints) -> list[Proof]:
        """Return the lightest proof of each loss."""

        def heavy(proof: Proof) -> tuple[float, list[int]]:
            return float(sum(weight[one] for one in proof)), sorted(proof)

        return [min(self._proofs[loss], key=heavy) for loss in losses.tolist()]

    @property
    def seconds(self) -> float:
        """It takes no time."""
        return 0.0

    def left(self, chosen: frozenset[int]) -> float:
        """Return the share of the losses of which some proof is whole."""
        stays = [any(not proof & chosen for proof in proofs) for proofs in self._proofs]
        return float(self.worth @ np.array(stays, np.float64)) if stays else 0.0


Make = Callable[[int], Sampled]

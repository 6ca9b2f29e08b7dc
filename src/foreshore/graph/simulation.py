"""How likely each target is to fall in a year, with its intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore.errors import UsageError
from foreshore.graph.closures import states_of
from foreshore.graph.estimates import Estimate, estimate
from foreshore.graph.model import Bools, Floats, Graph, Ints, Longs, Profile
from foreshore.graph.worlds import Solved, Worlds, prepare

if TYPE_CHECKING:
    from foreshore.graph.rare import Rare


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a simulation, one row per target unless said otherwise.

    `probability` of at least one loss in a year, averaged over parameters, unknowns and luck; `low`
    and `high` its 5 % and 95 % points over draws (parameters and unknowns alone: the spread that
    sampling adds is taken out); `sampling_error` the 95 % half-width of the sampling error and
    `sampling_low`, `sampling_high` that interval (0 hits: up to three worlds' worth). `events` is
    the mean number of losses a year, at most `losses_per_year` each. `possible` is false where no
    path exists at all: then, and only then, probability is exactly 0.
    `watched` and `watched_error` (95 % half-width) belong to `watch`: probability per year of holding
    that state at least once. `losses` (targets, worlds) and `weight` (worlds) are the years
    themselves, for paired differences; world `w` belongs to draw `w % draws`. Where `rare` is given, the
    probability of its rows and their intervals come from its own weighted years; `events` and `losses` don't.
    """

    targets: Ints
    probability: Floats
    low: Floats
    high: Floats
    sampling_error: Floats
    sampling_low: Floats
    sampling_high: Floats
    events: Floats
    events_low: Floats
    events_high: Floats
    events_error: Floats
    possible: Bools
    watch: Ints
    watched: Floats
    watched_error: Floats
    losses: Ints
    weight: Floats
    draws: int
    worlds: int
    lanes: int
    settled: bool
    states_kept: int
    steps_kept: int
    rare: Rare | None = None


@dataclass(frozen=True)
class Effort:
    """How much to simulate.

    Worlds are added, `draws` (at least 64) at a time, until the 95 % half-width that more worlds can
    narrow is below `width` for every target, or `lane_budget` attacks or `worlds_per_draw` years per draw
    are reached; the first round always runs. `worlds` fixes the number instead (rounded up). `rare`: whether
    targets that fell in few years get years of their own (importance sampling), as many again at most;
    by default where `worlds` is not fixed.
    """

    draws: int = 64
    worlds_per_draw: int = 64
    lane_budget: int = 65_536
    width: float = 0.02
    worlds: int | None = None
    threads: int = 1
    losses_per_year: int = 1
    rare: bool | None = None


class Years:
    """Collects the years of a run block by block."""

    def __init__(self, worlds: Worlds, effort: Effort) -> None:
        self.worlds = worlds
        self.effort = effort
        self.lanes = 0
        self.blocks = 0
        self.rows: list[Ints] = []
        self.hits: list[Ints] = []
        self.watched = np.zeros((2, worlds.watch.size))

    def add(self, solved: Iterable[Solved], block: int) -> Ints:
        """Count the losses of one block; returns how often each target was hit, shape (targets, 64)."""
        hits = np.zeros((self.worlds.targets.size, 64), np.int32)
        held = np.zeros(self.worlds.watch.size, np.uint64)
        for one in solved:
            hits += _unpack(one.targets)
            held |= one.watch
            self.lanes += one.attack.lanes
        self.hits.append(hits)
        self.rows.append(np.minimum(hits, self.effort.losses_per_year))
        weight = self.worlds.weight[self.worlds.lanes(block)]
        if held.size:
            flags = _unpack(held)
            self.watched += np.stack([flags @ weight, flags @ weight**2])
        self.blocks += 1
        return hits

    def more(self) -> bool:
        """Whether another round of worlds is wanted."""
        effort, worlds = self.effort, self.worlds
        if self.blocks % worlds.round:
            return True
        if effort.worlds is not None:
            return self.blocks * 64 < effort.worlds
        if not self.blocks:
            return True
        rounds = self.blocks // worlds.round
        full = (self.blocks + worlds.round) * 64 > effort.worlds_per_draw * worlds.draws
        dear = self.lanes * (rounds + 1) > effort.lane_budget * rounds
        return not (full or dear or self.settled())

    def settled(self) -> bool:
        """Whether the part of the error that worlds can narrow is below the wanted width."""
        return bool((self.fallen().noise <= self.effort.width).all())

    @property
    def losses(self) -> Ints:
        """Losses by target and world."""
        empty = np.zeros((self.worlds.targets.size, 0), np.int32)
        return np.concatenate([empty, *self.rows], axis=1)

    @property
    def weight(self) -> Floats:
        """Weight of each world."""
        return np.asarray(self.worlds.weight[np.arange(self.blocks * 64) % self.worlds.draws])

    @property
    def _draws(self) -> int:
        return self.worlds.draws if self.worlds.varies else 1

    def fallen(self) -> Estimate:
        """The yearly probability of at least one loss."""
        return estimate((self.losses > 0) * self.weight, self._draws, self.weight, 1)

    def outcome(self, possible: Bools | None = None) -> Outcome:
        """Everything that was learnt; `possible` says which targets can fall at all, where the part does not."""
        worlds, share, count = self.worlds, self.fallen(), self.blocks * 64
        most = self.effort.losses_per_year
        events = estimate(self.losses * self.weight, self._draws, self.weight * most, most)
        possible = worlds.part.local[worlds.targets] >= 0 if possible is None else possible
        mean = self.watched[0] / max(1, count)
        spread = np.maximum(self.watched[1] / max(1, count) - mean**2, 0)
        floor = np.where(worlds.part.local[worlds.watch] >= 0, 3 * self.weight.mean() / max(1, count), 0.0)
        return Outcome(
            worlds.targets,
            share.mean,
            share.low,
            share.high,
            np.where(possible, share.error, 0.0),
            share.sampling_low,
            np.where(possible, share.sampling_high, 0.0),
            events.mean,
            events.low,
            events.high,
            np.where(possible, events.error, 0.0),
            possible,
            worlds.watch,
            mean,
            np.maximum(1.96 * np.sqrt(spread / max(1, count)), np.where(mean > 0, 0.0, floor)),
            self.losses,
            self.weight,
            worlds.draws,
            count,
            self.lanes,
            self.settled(),
            worlds.part.states,
            int(worlds.part.step.size),
        )


def _unpack(words: object) -> Ints:
    """The bits of each word, shape (words, 64)."""
    column = np.ascontiguousarray(words, "<u8").reshape(-1, 1).view(np.uint8)
    return np.asarray(np.unpackbits(column, axis=1, bitorder="little").astype(np.int32))


def check(effort: Effort) -> None:
    """Refuse an effort that makes no sense."""
    if effort.losses_per_year < 1 or effort.threads < 1 or effort.worlds_per_draw < 1:
        raise UsageError("losses_per_year, threads and worlds_per_draw are at least 1")
    if effort.worlds is not None and effort.worlds < 1:
        raise UsageError("at least one world must be simulated")
    if effort.width <= 0 or effort.lane_budget < 1:
        raise UsageError("width and lane_budget must be above 0")


def simulate(
    graph: Graph,
    profiles: Sequence[Profile],
    targets: Ints,
    *,
    seed: int,
    effort: Effort | None = None,
    removed: Ints | Longs | None = None,
    unknowns: str = "believed",
    watch: Ints | None = None,
) -> Outcome:
    """Simulate years of attacks and count in how many each target falls.

    `removed` names causes whose steps are gone, on the very same years (common random numbers);
    `unknowns` sets every unknown fact to `good` or `bad` for the defender instead of drawing it.
    Raises UsageError for states, words or efforts that make no sense.
    """
    effort = effort or Effort()
    check(effort)
    worlds = prepare(
        graph,
        profiles,
        states_of(graph, targets, "targets"),
        states_of(graph, [] if watch is None else watch, "watch"),
        seed=seed,
        draws=effort.draws,
        removed=removed,
        unknowns=unknowns,
    )
    years = Years(worlds, effort)
    while years.more():
        years.add(worlds.run(years.blocks, effort.threads), years.blocks)
    return refined(years, removed, unknowns)


def refined(years: Years, removed: Ints | Longs | None, unknowns: str) -> Outcome:
    """The outcome of a run, rare targets looked at more closely if the effort allows it."""
    from foreshore.graph import rare

    outcome, worlds, effort = years.outcome(), years.worlds, years.effort
    wanted = effort.worlds is None if effort.rare is None else effort.rare
    few = np.flatnonzero(outcome.possible & ((outcome.losses > 0).sum(axis=1) < rare.FEW))
    if not wanted or not few.size or not outcome.weight.any():
        return outcome
    limit = (
        effort if effort.worlds is None else replace(effort, worlds_per_draw=max(1, outcome.worlds // outcome.draws))
    )
    run = {"seed": worlds.seed, "removed": removed, "unknowns": unknowns}
    found = rare.years_for(worlds.graph, worlds.profiles, worlds.targets, few.astype(np.int32), effort=limit, run=run)
    return outcome if found is None else _with_rare(outcome, found)


def _with_rare(outcome: Outcome, found: Rare) -> Outcome:
    """Put in what the years for rare targets say, where they say anything."""
    seen = found.fallen.mean > 0
    rows = found.rows[seen]
    names = {"probability": "mean", "sampling_error": "error"}
    columns = {}
    for name in ("probability", "low", "high", "sampling_error", "sampling_low", "sampling_high"):
        columns[name] = getattr(outcome, name).copy()
        columns[name][rows] = getattr(found.fallen, names.get(name, name))[seen]
    return replace(outcome, **columns, rare=found.only(seen))


@dataclass(frozen=True, eq=False)
class Difference:
    """By how much the yearly probability falls from one outcome to another, with its intervals."""

    mean: Floats
    low: Floats
    high: Floats
    error: Floats


def difference(before: Outcome, after: Outcome) -> Difference:
    """Compare two outcomes of the same seed world by world: the yearly probability of at least one loss.

    Uses the worlds that both have. Raises UsageError when they were not drawn alike.
    """
    return _paired(before, after, lambda losses: losses > 0, 1)


def weighted(before: Outcome, after: Outcome, values: Floats) -> Difference:
    """Compare the value-weighted losses a year of all targets together, world by world; one row.

    Raises UsageError when the outcomes were not drawn alike or `values` is not one number per target.
    """
    worth = np.asarray(values, np.float64)
    if worth.shape != before.targets.shape or not (np.isfinite(worth) & (worth >= 0)).all():
        raise UsageError("“values” needs one number of at least 0 for each target")
    most = float(worth.sum()) * max(int(before.losses.max(initial=1)), int(after.losses.max(initial=1)))
    return _paired(before, after, lambda losses: worth[None, :] @ losses, most)


def _paired(before: Outcome, after: Outcome, measure: Callable[[Ints], NDArray[Any]], most: float) -> Difference:
    if before.draws != after.draws or not np.array_equal(before.targets, after.targets):
        raise UsageError("outcomes with other targets or draws cannot be compared world by world")
    count = min(before.worlds, after.worlds)
    gain = measure(before.losses[:, :count]) * before.weight[:count]
    gain = gain - measure(after.losses[:, :count]) * after.weight[:count]
    found = estimate(gain, before.draws, np.maximum(before.weight, after.weight)[:count], most, signed=True)
    return Difference(found.mean, found.low, found.high, found.error)

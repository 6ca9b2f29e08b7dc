"""Sampled years: which attacks they hold, their luck, and what falls in each attack.

A **draw** fixes parameters, unknown facts and attack rates. A **world** is one year under one draw,
a **lane** is one attack in one world. A block is 64 worlds, bit `l` of its words belongs to world
`64 * block + l`, whose draw is the remainder of the world's number by the number of draws. The
`k`-th attacks of the 64 worlds are evaluated together, in one machine word per state.

Years without any attack lose nothing, so only years with at least one attack are simulated (the
number comes from a Poisson law cut off at zero); each counts with the probability that a year of
its draw has an attack. That is importance sampling for rare attackers, and it is unbiased.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph import draws as luck
from foreshore.graph.closures import Part, Tags, cut, states_of, steps_of, tags, whole
from foreshore.graph.model import Bools, Floats, Graph, Ints, Longs, Profile, Words

if TYPE_CHECKING:
    from foreshore.graph.kernels import Steps

MAX_ATTACKS = 4096
UNKNOWNS = ("believed", "good", "bad")


@dataclass(frozen=True, eq=False)
class Attack:
    """The `k`-th attacks of a block: which lanes exist and where each profile enters."""

    block: int
    k: int
    lanes: int
    masks: Words


@dataclass(frozen=True, eq=False)
class Solved:
    """What one word of lanes gave: bits of targets and of watched states, the shared luck used."""

    attack: Attack
    targets: Words
    watch: Words
    extra: Any


@dataclass(frozen=True, eq=False)
class Worlds:
    """Everything that stays the same over all blocks of a run."""

    graph: Graph
    profiles: Sequence[Profile]
    targets: Ints
    watch: Ints
    seed: int
    draws: int
    part: Part
    steps: Steps
    factors: Floats
    rates: Floats
    shared: luck.Chances
    own: luck.Chances
    unknown_bits: Bools
    tags: Tags

    @property
    def round(self) -> int:
        """Blocks after which every draw has had equally many worlds."""
        return max(1, self.draws // 64)

    @cached_property
    def varies(self) -> bool:
        """Whether anything at all differs between draws."""
        changing: list[Any] = [self.rates, self.own.varied, self.shared.varied, self.unknown_bits]
        return any(rows.size and bool((rows != rows[:, :1]).any()) for rows in changing)

    @cached_property
    def weight(self) -> Floats:
        """Probability that a year of each draw has an attack at all."""
        return np.asarray(np.round(-np.expm1(-self.rates.sum(axis=0)), 12))

    @cached_property
    def _numbers(self) -> Floats:
        from scipy.special import pdtr

        total = self.rates.sum(axis=0)
        peak = float(total.max(initial=0.0))
        most = int(min(MAX_ATTACKS, peak + 12 * np.sqrt(peak) + 24))
        upto = pdtr(np.arange(most)[None, :], total[:, None])
        none = upto[:, :1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.round((upto - none) / (1 - none), 12))

    def lanes(self, block: int) -> Longs:
        """The draw of each of the 64 worlds of a block."""
        return (np.arange(64) + 64 * block) % self.draws

    def attacks(self, block: int) -> list[Attack]:
        """The attacks of the 64 years of a block."""
        world = np.arange(64, dtype=np.uint64) + np.uint64(64 * block)
        draw = self.lanes(block)
        u = luck.uniform(luck.salt(self.seed, luck.NUMBER), world)
        number = 1 + (self._numbers[draw][:, 1:] <= u[:, None]).sum(axis=1)
        number[self.weight[draw] <= 0] = 0
        bits = np.uint64(1) << np.arange(64, dtype=np.uint64)
        edges = np.cumsum(self.rates, axis=0)[:, draw]
        out = []
        for k in range(int(number.max(initial=0))):
            who = luck.uniform(luck.salt(self.seed, luck.WHO, k), world) * edges[-1]
            chosen = np.minimum((edges <= who[None, :]).sum(axis=0), len(self.profiles) - 1)
            there = number > k
            masks = [int((bits[there & (chosen == i)]).sum()) for i in range(len(self.profiles))]
            out.append(Attack(block, k, int(there.sum()), np.array(masks, np.uint64)))
        return out

    @cached_property
    def _tables(self) -> dict[tuple[int, int], Words]:
        return {}

    def _table(self, which: int, chances: luck.Chances, block: int) -> Words:
        place = (which, int(self.lanes(block)[0]))
        if place not in self._tables:
            self._tables[place] = chances.table(self.lanes(block))
        return self._tables[place]

    def own_table(self, block: int) -> Words:
        """Thresholds of the steps' own luck under the draws of a block."""
        return self._table(0, self.own, block)

    def shared_words(self, block: int) -> Words:
        """The shared luck of a block: one word per shared draw, bit `l` for world `l`."""
        from foreshore.graph import kernels

        draws = self.graph.draws
        salt = np.uint64(luck.salt(self.seed, luck.YEAR, block))
        words = kernels.lucky_words(
            draws.key.view(np.uint64),
            self.shared.threshold,
            self.shared.kind,
            self._table(1, self.shared, block),
            salt,
        )
        rows = np.flatnonzero(draws.epistemic)
        if rows.size:
            flags = self.unknown_bits[:, self.lanes(block)]
            words[rows] = luck.pack(flags)
        return np.asarray(words)

    def entry_states(self, profile: int) -> Ints:
        """Where a profile enters, in the numbers of the part."""
        local = self.part.local[self.profiles[profile].entries]
        return np.asarray(local[local >= 0])

    def run(self, block: int, threads: int = 1, follow: Any = None) -> Iterator[Solved]:
        """Evaluate all attacks of a block, in order; `follow(worlds, attack, cur, luck)` adds to each."""
        shared = self.shared_words(block)
        table = self.own_table(block)
        attacks = self.attacks(block)
        if threads <= 1 or len(attacks) < 2:
            scratch = Scratch(self.steps)
            for attack in attacks:
                yield self._solve(attack, shared, table, scratch, follow)
            return
        with ThreadPoolExecutor(threads) as pool:
            parts = [pool.submit(self._several, attacks[i::threads], shared, table, follow) for i in range(threads)]
            done = [part.result() for part in parts]
        for i in range(len(attacks)):
            yield done[i % threads][i // threads]

    def _several(self, attacks: list[Attack], shared: Words, table: Words, follow: Any) -> list[Solved]:
        scratch = Scratch(self.steps)
        return [self._solve(attack, shared, table, scratch, follow) for attack in attacks]

    def own_salt(self, attack: Attack) -> np.uint64:
        """What the steps' own luck in an attack is drawn from, besides their keys."""
        return np.uint64(luck.salt(self.seed, luck.OWN, attack.block, attack.k))

    def _solve(self, attack: Attack, shared: Words, table: Words, scratch: Scratch, follow: Any) -> Solved:
        from foreshore.graph import kernels

        cur = self.enter(attack, scratch)
        fate = kernels.Luck(table, self.own_salt(attack), shared, scratch.memo, scratch.known, *kernels.FREE)
        kernels.spread(self.steps, fate, cur, scratch.new, scratch.busy)
        extra = None if follow is None else follow(self, attack, cur, fate)
        return Solved(attack, self.bits(cur, self.targets), self.bits(cur, self.watch), extra)

    def enter(self, attack: Attack, scratch: Scratch) -> Words:
        """Put the attackers of a word at their entries."""
        cur = scratch.cur
        cur[:] = 0
        for i, mask in enumerate(attack.masks):
            cur[self.entry_states(i)] |= mask
        scratch.new[:] = cur
        scratch.busy[:] = 1
        scratch.known[:] = 0
        return cur

    def bits(self, cur: Words, states: Ints) -> Words:
        """The lanes in which each of some states of the graph is held."""
        local = self.part.local[states]
        out = np.zeros(states.size, np.uint64)
        out[local >= 0] = cur[local[local >= 0]]
        return out


class Scratch:
    """The arrays one thread works in: bits held, bits new, groups of 64 states with new bits, luck known."""

    def __init__(self, steps: Steps) -> None:
        states = steps.start.size - 1
        kinds = int(steps.luck.max(initial=-1)) + 1
        self.memo = np.zeros(kinds, np.uint64)
        self.known = np.zeros(kinds, np.uint8)
        self.cur = np.zeros(states, np.uint64)
        self.new = np.zeros(states, np.uint64)
        self.busy = np.zeros((states + 63) // 64, np.uint8)


def prepare(
    graph: Graph,
    profiles: Sequence[Profile],
    targets: Ints,
    watch: Ints,
    *,
    seed: int,
    draws: int,
    removed: Ints | Longs | None = None,
    unknowns: str = "believed",
    layers: Sequence[str] = ("cause",),
    all_steps: bool = False,
) -> Worlds:
    """Cut the graph to what matters (unless `all_steps` are to stay) and turn probabilities into thresholds.

    `draws` is rounded up to a power of two below 64 and to a multiple of 64 above; `layers` names the kinds of
    causes that proofs are asked for. Raises UsageError for
    states that are not there, an unknown word for `unknowns`, or two profiles of one name.
    """
    if unknowns not in UNKNOWNS:
        raise UsageError(f"unknowns cannot be “{unknowns}”", hint="believed, good or bad")
    if len({one.name for one in profiles}) != len(profiles):
        raise UsageError("two attacker profiles have the same name")
    draws = whole_draws(draws)
    profiles = [Profile(one.name, states_of(graph, one.entries, one.name), one.rate) for one in profiles]
    factors = luck.odds_factors(graph.params, seed, draws)
    chance, unknown_bits = _shared(graph, factors, seed, draws, unknowns)
    usable = graph.mask_without(removed if removed is not None else [])
    usable &= graph.p > 0
    usable &= np.append(chance > 0, True)[graph.shared]
    starts = [one.entries for one in profiles if one.rate.high > 0]
    part = whole(graph) if all_steps else cut(graph, starts, np.concatenate([targets, watch]), usable)
    own = luck.chances(graph.p[part.step], graph.param[part.step], factors)
    labels = tags(graph, part, layers)
    return Worlds(
        graph,
        profiles,
        targets,
        watch,
        seed,
        draws,
        part,
        steps_of(graph, part, own.threshold, own.kind, labels.column, remember=not all_steps),
        factors,
        luck.rates(profiles, seed, draws),
        luck.chances(chance, graph.draws.param, factors),
        own,
        unknown_bits,
        labels,
    )


def whole_draws(draws: int) -> int:
    """Round a number of draws so that blocks of 64 worlds hold them evenly."""
    if not 1 <= draws <= 65536:
        raise UsageError(f"{draws} draws cannot be simulated", hint="1 to 65536")
    return 1 << (draws - 1).bit_length() if draws <= 64 else -(-draws // 64) * 64


def _shared(graph: Graph, factors: Floats, seed: int, draws: int, unknowns: str) -> tuple[Floats, Bools]:
    chance = graph.draws.p.copy()
    rows = np.flatnonzero(graph.draws.epistemic)
    if unknowns == "good":
        chance[rows] = np.where(chance[rows] < 1, 0.0, 1.0)
    elif unknowns == "bad":
        chance[rows] = np.where(chance[rows] > 0, 1.0, 0.0)
    p, which = chance[rows][:, None], graph.draws.param[rows]
    factor = np.concatenate([factors, np.ones((1, draws))])[which]
    u = luck.strata(seed, luck.UNKNOWN, graph.draws.key[rows], draws)
    return chance, np.asarray(u < p * factor / (1 - p + p * factor))

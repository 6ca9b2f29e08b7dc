"""Importance sampling for rare targets: years in which what they hang on is made to happen, and weights that undo it.

Proposal: a mixture of ordinary years (share `PLAIN`) and, for each leaf `i` of `forcing`, years in which all
lucks of the leaf hold in one attack of the year, chosen evenly among its N. A year counts with the quotient
of its ordinary and its proposed probability,

    1 / (PLAIN + sum_i (1 - PLAIN) share_i / N * sum_k [lucks of i hold in attack k] / chance_i),

so that every mean is unbiased whatever the leaves are (multiple importance sampling with the balance
heuristic: Veach and Guibas 1995; the ordinary share keeps weights below 1 / PLAIN: Hesterberg 1995).
Where leaves are whole proofs this is the estimator of Karp and Luby (1983) for the union of proofs.
Parameters, unknown facts and the number of attacks are left as they are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.graph import draws as luck
from foreshore.graph.estimates import Estimate, estimate
from foreshore.graph.forcing import Mixture, mixture
from foreshore.graph.model import Bools, Floats, Graph, Ints, Longs, Profile, Words
from foreshore.graph.worlds import Attack, Scratch, Worlds, prepare

if TYPE_CHECKING:
    from foreshore.graph.simulation import Effort

FEW = 16  # years with a loss below which a target counts as rare
MOST_TARGETS = 32  # rare targets that are looked at together
LEAVES = 512
PLAIN = 0.2
ENOUGH = 0.1  # relative 95 % half-width at which no more years are wanted
_PILOT = 8  # words of lanes from which it is learnt how often states are held
_APART = 1 << 20  # rounds of blocks between the ordinary years and these


@dataclass(frozen=True, eq=False)
class Rare:
    """Years drawn for rare targets: `rows` of the outcome, `losses` (rows, worlds) and the weight of each world."""

    rows: Ints
    losses: Ints
    weight: Floats
    fallen: Estimate

    def only(self, rows: Bools) -> Rare:
        """The same years for some of the rows."""
        columns = {one.name: getattr(self.fallen, one.name)[rows] for one in fields(Estimate)}
        return Rare(self.rows[rows], self.losses[rows], self.weight, Estimate(**columns))


def years_for(
    graph: Graph, profiles: Sequence[Profile], targets: Ints, rows: Ints, *, effort: Effort, run: Any
) -> Rare | None:
    """Draw years for the targets in `rows`, within the lanes and worlds of `effort`; None where nothing helps.

    `run` holds seed, unknowns and removed, as `simulate` got them.
    """
    rows = rows[:MOST_TARGETS]
    nothing = np.zeros(0, np.int32)
    worlds = prepare(graph, profiles, targets[rows], nothing, draws=effort.draws, **run)
    leaves = mixture(worlds, _held(worlds), LEAVES)
    if leaves is None:
        return None
    sampler = _Sampler(worlds, leaves)
    hits: list[Ints] = []
    weights: list[Floats] = []
    while _more(sampler, hits, weights, effort):
        for _ in range(worlds.round):
            found, weight = sampler.block(len(hits))
            hits.append(np.minimum(found, effort.losses_per_year))
            weights.append(weight)
    losses, weight = np.concatenate(hits, axis=1), np.concatenate(weights)
    return Rare(rows, losses, weight, _estimate(worlds, losses, weight))


def _estimate(worlds: Worlds, losses: Ints, weight: Floats) -> Estimate:
    plain = worlds.weight[np.arange(weight.size) % worlds.draws]
    return estimate((losses > 0) * weight, worlds.draws if worlds.varies else 1, plain, 1)


def _more(sampler: _Sampler, hits: list[Ints], weights: list[Floats], effort: Effort) -> bool:
    blocks, worlds = len(hits), sampler.worlds
    if not blocks:
        return True
    full = (blocks + worlds.round) * 64 > effort.worlds_per_draw * worlds.draws
    dear = sampler.lanes * (blocks + worlds.round) > effort.lane_budget * blocks
    if full or dear:
        return False
    found = _estimate(worlds, np.concatenate(hits, axis=1), np.concatenate(weights))
    return bool((found.noise > ENOUGH * found.mean).any())


def _held(worlds: Worlds) -> Floats:
    """How often each state of the part is held in an attack: from a few words, and never below its best proof."""
    from foreshore.graph import kernels, ways

    part = worlds.part
    seen, lanes = np.zeros(part.states), 0
    for number in range(_PILOT):
        block = (2 * _APART + number) * worlds.round
        for solved in worlds.run(block, 1, lambda _worlds, _attack, cur, _luck: cur):
            seen += np.bitwise_count(solved.extra)
            lanes += solved.attack.lanes
            break
    p = worlds.graph.p[part.step] * np.append(worlds.graph.draws.p, 1.0)[worlds.graph.shared[part.step]]
    entries = np.unique(np.concatenate([np.zeros(0, np.int32), *map(worlds.entry_states, range(len(worlds.profiles)))]))
    with np.errstate(divide="ignore"):
        weight = np.asarray(-np.log(p) + 0.0)
    out, guards = kernels.group(part.src, part.states), kernels.group(part.guard, part.states)
    cost, _ = ways.forward_costs(*out, *guards, part.src, part.dst, part.guard, weight, entries, part.states)
    often = seen / max(1, lanes)
    return np.asarray(np.where(seen >= 4, often, np.maximum(np.minimum(np.exp(-cost), 1 / max(1, lanes)), 1e-300)))


class _Sampler:
    """Draws blocks of 64 years from the mixture."""

    def __init__(self, worlds: Worlds, leaves: Mixture) -> None:
        self.worlds, self.leaves = worlds, leaves
        self.lanes = 0
        self.scratch = Scratch(worlds.steps)
        order = np.argsort(leaves.own.view(np.uint64), kind="stable")
        place = np.searchsorted(leaves.own.view(np.uint64)[order], worlds.steps.key)
        place = np.minimum(place, max(0, order.size - 1))
        found = order[place] if order.size else np.zeros(worlds.steps.key.size, np.int64)
        same = leaves.own.view(np.uint64)[found] == worlds.steps.key if order.size else found < 0
        self.force = np.where(same, found, -1).astype(np.int32)

    def block(self, number: int) -> tuple[Ints, Floats]:
        """Hits of each target (targets, 64) and the weight of each of 64 years."""
        worlds, leaves = self.worlds, self.leaves
        block = _APART * worlds.round + number
        attacks = worlds.attacks(block)
        there = np.array([_flags(np.bitwise_or.reduce(one.masks, keepdims=True))[0] for one in attacks]).reshape(-1, 64)
        years = there.sum(axis=0)
        leaf, which = self._chosen(block, years)
        forced = self._forced(leaf)
        shared = worlds.shared_words(block)
        own = leaves.own.size
        shared[leaves.shared] |= forced[own:]
        hits = np.zeros((worlds.targets.size, 64), np.int32)
        hold = np.zeros((leaves.size, 64))
        for attack, present in zip(attacks, there, strict=True):
            mine = forced[:own] & luck.pack((which == attack.k)[None])[0]
            bits, lucks = self._solve(attack, shared, mine)
            hits += _flags(bits)
            hold += _flags(np.bitwise_and.reduceat(lucks[leaves.luck], leaves.start[:-1])) * present
            self.lanes += attack.lanes
        draw = worlds.lanes(block)
        odds = leaves.share @ (hold / leaves.chance[:, draw]) / np.maximum(years, 1)
        return hits, worlds.weight[draw] / (PLAIN + (1 - PLAIN) * odds)

    def _chosen(self, block: int, years: Longs) -> tuple[Longs, Longs]:
        """The leaf of each year (-1: an ordinary year) and the attack in which it is forced."""
        world = np.arange(64, dtype=np.uint64) + np.uint64(64 * block)
        seed = self.worlds.seed
        order = np.argsort(luck.hashed(luck.salt(seed, luck.MIX, 1), world), kind="stable")
        u = np.empty(64)
        u[order] = (np.arange(64) + luck.uniform(luck.salt(seed, luck.MIX, 2), world)) / 64
        edges = PLAIN + (1 - PLAIN) * np.cumsum(self.leaves.share)
        leaf = np.where(u < PLAIN, -1, np.minimum(np.searchsorted(edges, u, side="right"), self.leaves.size - 1))
        leaf[years == 0] = -1
        which = np.minimum(luck.uniform(luck.salt(seed, luck.WHICH), world) * years, years - 1)
        return leaf.astype(np.int64), which.astype(np.int64)

    def _forced(self, leaf: Longs) -> Words:
        """The lanes in which each luck is forced."""
        leaves = self.leaves
        forced = np.zeros(leaves.own.size + leaves.shared.size, np.uint64)
        for lane in np.flatnonzero(leaf >= 0):
            lucks = leaves.luck[leaves.start[leaf[lane]] : leaves.start[leaf[lane] + 1]]
            forced[lucks] |= np.uint64(1) << np.uint64(lane)
        return forced

    def _solve(self, attack: Attack, shared: Words, mine: Words) -> tuple[Words, Words]:
        """Bits of the targets, and the lanes in which each luck holds."""
        from foreshore.graph import kernels

        worlds, leaves = self.worlds, self.leaves
        table, salt = worlds.own_table(attack.block), worlds.own_salt(attack)
        own = kernels.lucky_words(
            leaves.own.view(np.uint64), worlds.own.threshold[leaves.sample], worlds.own.kind[leaves.sample], table, salt
        )
        cur = worlds.enter(attack, self.scratch)
        fate = kernels.Luck(table, salt, shared, self.scratch.memo, self.scratch.known, self.force, mine)
        kernels.spread(worlds.steps, fate, cur, self.scratch.new, self.scratch.busy)
        return worlds.bits(cur, worlds.targets), np.concatenate([own | mine, shared[leaves.shared]])


def _flags(words: Words) -> Ints:
    """The bits of each word, shape (words, 64)."""
    column = np.ascontiguousarray(words, "<u8").reshape(-1, 1).view(np.uint8)
    return np.asarray(np.unpackbits(column, axis=1, bitorder="little").astype(np.int32))

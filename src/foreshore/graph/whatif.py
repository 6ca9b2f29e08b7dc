"""The same sampled years after a change, from what was held before it: quick, and equal to a new simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.graph import draws as luck
from foreshore.graph.changes import Change, added_columns, applied, dropped, fresh_chances
from foreshore.graph.closures import reach, states_of
from foreshore.graph.model import Bools, Graph, Ints, Longs, Profile, Words
from foreshore.graph.simulation import Effort, Outcome, Years, check, simulate
from foreshore.graph.worlds import Attack, Scratch, Solved, Worlds, prepare

if TYPE_CHECKING:
    from foreshore.graph.kernels import Luck, Steps
    from foreshore.graph.rework import Tree

KEEP = 1 << 29  # bytes of held states that are kept; the years beyond are simulated anew
PER_STATE = 8  # words that are kept for each state, in about: what is held, and the steps of its proofs
MOST_TOUCHED = 0.1  # share of states in doubt from which a word is solved anew


@dataclass(frozen=True, eq=False)
class _Delta:
    """A change in the numbers of the laid-out graph.

    `whole` has every old step alive, `left` none of the `lost`; `same` says which of the steps to push (by
    `ends`, with luck `key`, `shared` and `own`) a lost step comes back as, -1: none.
    """

    whole: Steps
    left: Steps
    lost: Ints
    same: Longs
    ends: tuple[Ints, Ints, Ints]
    key: Words
    shared: Ints
    own: luck.Chances
    states: int


class _Work:
    """Arrays that a word of lanes is brought up to date in."""

    def __init__(self, states: int) -> None:
        self.cur, self.new = (np.zeros(states, np.uint64) for _ in range(2))
        self.gone = (np.zeros(states, np.uint64), np.zeros(states, np.uint64))
        self.busy = np.zeros((states + 63) // 64, np.uint8)


class WhatIf:
    """Years that were simulated once, to be asked what they would have been after a change.

    For each word of lanes it keeps what was held, with one proof. Lanes whose proof has a lost step are taken back and
    proven again, new steps push theirs: what is left is the least fixpoint of the changed graph, the same as
    `simulate(applied(graph, change))` gives on these years, bit by bit. Changes of parameters and of shared
    draws, and graphs too large to keep, are simulated anew.
    """

    def __init__(
        self,
        graph: Graph,
        profiles: Sequence[Profile],
        targets: Ints,
        *,
        seed: int,
        effort: Effort,
        unknowns: str = "believed",
    ) -> None:
        """Simulate the years that `effort` says; raises UsageError as `simulate` does."""
        check(effort)
        effort = replace(effort, rare=False)  # before and after are compared on the same years
        self._run: Any = {"seed": seed, "unknowns": unknowns}
        self._graph, self._profiles = graph, list(profiles)
        self._targets = states_of(graph, targets, "targets")
        self.before = simulate(graph, profiles, self._targets, effort=effort, **self._run)
        self._effort = replace(effort, worlds=self.before.worlds)
        self._kept: list[list[tuple[Attack, Words, Tree]]] = []
        self._worlds = self._keep(effort.draws) if self._fits() else None
        self._place = np.empty(graph.steps, np.int32)
        self._place[graph.by_src.ids] = np.arange(graph.steps, dtype=np.int32)

    def after(self, change: Change) -> Outcome:
        """What `simulate` would say of the same years after `change`; raises UsageError as `applied` does."""
        if self._worlds is None or not change.steps_only or self._worlds.own.rounded:
            return self._anew(change)
        delta = _delta(self._worlds, self._place, change)
        if delta.own.rounded or self._worlds.own.varied.shape[0] + delta.key.size > luck.KINDS:
            return self._anew(change)
        years = Years(self._worlds, self._effort)
        work = _Work(delta.states)
        for number in range(len(self._kept)):
            years.add(self._again(number, delta, work), number)
        return years.outcome(self._possible(change, years.losses))

    def _anew(self, change: Change) -> Outcome:
        changed = applied(self._graph, change)
        return simulate(changed, self._profiles, self._targets, effort=self._effort, **self._run)

    def _fits(self) -> bool:
        words = self.before.lanes / 64 + 1
        return bool(words * self._graph.states * 8 * PER_STATE <= KEEP)

    def _keep(self, draws: int) -> Worlds:
        """Solve the years once more over the whole graph and keep what is held, each lane of it with one proof."""
        from foreshore.graph import kernels, rework

        nothing = np.zeros(0, np.int32)
        worlds = prepare(self._graph, self._profiles, self._targets, nothing, draws=draws, all_steps=True, **self._run)
        scratch, bits = Scratch(worlds.steps), np.zeros(worlds.steps.src.size, np.uint64)
        for block in range(self.before.worlds // 64):
            shared, table = worlds.shared_words(block), worlds.own_table(block)
            kept: list[tuple[Attack, Words, Tree]] = []
            for attack in worlds.attacks(block):
                cur = worlds.enter(attack, scratch)
                bits[:] = 0
                fate = kernels.Luck(table, worlds.own_salt(attack), shared, scratch.memo, scratch.known, *kernels.FREE)
                rework.grow(worlds.steps, fate, cur, scratch.new, scratch.busy, bits)
                kept.append((attack, cur.copy(), rework.tree_of(worlds.steps, bits)))
            self._kept.append(kept)
        return worlds

    def _again(self, block: int, delta: _Delta, work: _Work) -> list[Solved]:
        from foreshore.graph import kernels, rework

        worlds = self._worlds
        assert worlds is not None
        shared, table = worlds.shared_words(block), worlds.own_table(block)
        fresh = delta.own.table(worlds.lanes(block))
        nothing, unknown = np.zeros(0, np.uint64), np.zeros(0, np.uint8)
        out = []
        for attack, held, tree in self._kept[block]:
            salt = np.uint64(luck.salt(worlds.seed, luck.OWN, block, attack.k))
            fate = kernels.Luck(table, salt, shared, nothing, unknown, *kernels.FREE)
            new = rework.drawn(delta.key, delta.own.threshold, delta.own.kind, fresh, salt, delta.shared, shared)
            cur = self._rework(delta, work, fate, (attack, held, tree), new)
            out.append(Solved(attack, cur[self._targets], nothing, None))
        return out

    def _rework(self, delta: _Delta, work: _Work, fate: Luck, kept: tuple[Attack, Words, Tree], new: Words) -> Words:
        from foreshore.graph import rework

        attack, held, tree = kept
        cur = work.cur
        cur[: held.size] = held
        cur[held.size :] = 0
        states = np.zeros(0, np.int32)
        if delta.lost.size:
            alive = rework.on_proofs(tree, delta.lost)
            again = delta.same >= 0
            alive[again] &= ~new[delta.same[again]]
            most = int(MOST_TOUCHED * delta.states) + 64
            states = rework.doubtful(delta.whole, tree, delta.lost, alive, work.gone, most)
        if states.size == 1 and states[0] < 0:
            self._enter(attack, cur)
            work.new[:] = cur
            work.busy[:] = 1
            states = states[:0]
        rework.restore(delta.left, fate, cur, states, work.gone[0], work.new, work.busy)
        rework.push(delta.left, fate, cur, work.new, work.busy, delta.ends, new)
        return cur

    def _enter(self, attack: Attack, cur: Words) -> None:
        """Hold what the attackers of a word start with, and nothing else."""
        assert self._worlds is not None
        cur[:] = 0
        for i, mask in enumerate(attack.masks):
            cur[self._worlds.entry_states(i)] |= mask

    def _possible(self, change: Change, losses: Ints) -> Bools:
        """Which targets can fall at all: those that did, and those that some attacker can reach."""
        possible = np.asarray((losses > 0).any(axis=1))
        if not possible.all():
            now = applied(self._graph, change)
            assert self._worlds is not None
            usable = (now.p > 0) & np.append(self._worlds.shared.threshold > 0, True)[now.shared]
            for one in self._profiles:
                if one.rate.high > 0:
                    possible |= reach(now, one.entries, usable)[self._targets]
        return possible


def _delta(worlds: Worlds, place: Ints, change: Change) -> _Delta:
    graph = worlds.graph
    gone = dropped(graph, change)
    rows, p = fresh_chances(graph, change)
    p, rows = p[~gone[rows]], rows[~gone[rows]]
    more = added_columns(graph, change)
    lost = np.concatenate([np.flatnonzero(gone), rows])
    same = np.concatenate([np.full(int(gone.sum()), -1), np.arange(rows.size)])
    states = max(graph.states, change.states)
    columns: dict[str, Any] = {name: np.concatenate([getattr(graph, name)[rows], more[name]]) for name in _OWN}
    # the same checks as for a whole graph: states, draws and parameters that are there
    fresh = Graph(states, **columns, p=np.concatenate([p, more["p"]]), draws=graph.draws, params=graph.params)
    whole = _wider(worlds.steps, states)
    threshold, kind = whole.threshold.copy(), whole.kind.copy()
    threshold[place[lost]], kind[place[lost]] = 0, -1
    return _Delta(
        whole,
        whole._replace(threshold=threshold, kind=kind),
        place[lost],
        same.astype(np.int64),
        (fresh.src, fresh.dst, fresh.guard),
        fresh.key.view(np.uint64),
        fresh.shared,
        luck.chances(fresh.p, fresh.param, worlds.factors),
        states,
    )


_OWN = ("src", "dst", "key", "guard", "shared", "cause", "param")


def _wider(steps: Steps, states: int) -> Steps:
    """Lay out more states, without any steps."""
    starts = {}
    for name in ("start", "guard_start", "back_start"):
        column = getattr(steps, name)
        starts[name] = np.append(column, np.full(states + 1 - column.size, column[-1]))
    return steps._replace(**starts)

"""Blast radius: what an attacker gains who holds some states besides where it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph.closures import reach, states_of
from foreshore.graph.model import Bools, Floats, Graph, Ints, Profile, Range
from foreshore.graph.simulation import Effort, Outcome, difference, simulate, weighted

_ONCE = 1e-9  # attacks a year: so few that every sampled year holds exactly one


@dataclass(frozen=True, eq=False)
class Blast:
    """What holding some states is worth to an attacker, per attack.

    By state: `reached`, newly held at all; `first`, newly held after a single step. By target: `given`, the
    probability that an attack takes it when the states are held from the start; `before`, when not;
    `gain` their difference on the same luck, `low` and `high` its 5 % and 95 % points over parameters and
    unknowns, `error` the 95 % half-width of sampling. `weighted` and its ends: value times gain, summed.
    """

    reached: Bools
    first: Bools
    targets: Ints
    given: Floats
    before: Floats
    gain: Floats
    low: Floats
    high: Floats
    error: Floats
    weighted: float
    weighted_low: float
    weighted_high: float
    weighted_error: float


def blast(
    graph: Graph,
    states: Ints,
    targets: Ints,
    *,
    seed: int,
    entries: Ints | None = None,
    values: Floats | None = None,
    effort: Effort | None = None,
    unknowns: str = "believed",
) -> Blast:
    """Compare an attack that starts at `entries` and holds `states` too with one that only starts at `entries`.

    Without `entries` the attacker has nothing but `states`. `values` weighs the targets (default 1 each).
    The gain of a target is never below 0, and 0 where `states` add nothing. Raises UsageError for states
    that are not there.
    """
    held = states_of(graph, states, "states")
    start = states_of(graph, [] if entries is None else entries, "entries")
    goals = states_of(graph, targets, "targets")
    if not held.size:
        raise UsageError("the blast radius of nothing was asked for", hint="name at least one state")
    usable = (graph.p > 0) & np.append(graph.draws.p > 0, True)[graph.shared]
    already = reach(graph, start, usable)
    both = np.union1d(start, held).astype(np.int32)
    now = reach(graph, both, usable)
    new = now & ~already
    new[held] = False
    after, before = _attacks(graph, (both, start), goals, seed, effort or Effort(), unknowns)
    scale = 1 / float(after.weight[0])
    gain = difference(after, before)
    total = weighted(after, before, np.ones(goals.size) if values is None else values)
    return Blast(
        new,
        new & _next(graph, held, already, usable),
        goals,
        (after.losses > 0).mean(axis=1),
        (before.losses > 0).mean(axis=1),
        gain.mean * scale,
        gain.low * scale,
        gain.high * scale,
        gain.error * scale,
        *(float(column[0] * scale) for column in (total.mean, total.low, total.high, total.error)),
    )


def _next(graph: Graph, held: Ints, already: Bools, usable: Bools) -> Bools:
    """States that one step gives to somebody who holds `held` and whatever is held already."""
    mine = np.zeros(graph.states + 1, np.bool_)
    mine[held] = True
    have = np.append(already, True) | mine
    ready = usable & have[graph.src] & have[graph.guard] & (mine[graph.src] | mine[graph.guard])
    out = np.zeros(graph.states, np.bool_)
    out[graph.dst[ready]] = True
    return out


def _attacks(
    graph: Graph, starts: tuple[Ints, Ints], goals: Ints, seed: int, effort: Effort, unknowns: str
) -> tuple[Outcome, Outcome]:
    """One attack in each sampled year, from either start, on the same luck."""
    once = [Profile("one attack", entries, Range.exactly(_ONCE)) for entries in starts]
    effort = replace(effort, width=effort.width * _ONCE, losses_per_year=1, rare=False)
    first = simulate(graph, once[:1], goals, seed=seed, effort=effort, unknowns=unknowns)
    effort = replace(effort, worlds=first.worlds)
    return first, simulate(graph, once[1:], goals, seed=seed, effort=effort, unknowns=unknowns)

"""From the compiled steps to risk: chances a year, what each exposure carries, and three-valued answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import facts, keys
from foreshore.graph import Graph, Params, Profile, Range, Shared, contributions, reach, simulate
from foreshore.graph.paths import BestPaths, best_paths_each
from foreshore.graph.replay import Replay
from foreshore.graph.simulation import Effort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foreshore.graph import Outcome
    from foreshore.graph.contributions import Contributions
    from foreshore.policy import Policy
    from foreshore.prioritization.compile import Compiled

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
PLAN_WORLDS = 512  # simulated years on which plans are compared


@dataclass(frozen=True)
class Model:
    """The graph of a cycle with its attackers and services, ready to be run again.

    `certain` marks steps that hang on no unknown fact; `critical` the services that count as such.
    """

    graph: Graph
    profiles: tuple[Profile, ...]
    entries: NDArray[np.int32]
    targets: NDArray[np.int32]
    weights: Floats
    critical: Bools
    certain: Bools
    effort: Effort
    seed: int

    def left(self, removed: Sequence[int]) -> float:
        """Return the share of weighted losses that is left when the causes `removed` are gone.

        Both sides are the same few worlds, so that their luck cancels out.
        """
        whole = float(self._replay.events @ self.weights)
        if not len(removed) or whole == 0:
            return 1.0 if whole else 0.0
        return float(self._replay.without(np.array(sorted(removed), np.int32)) @ self.weights) / whole

    @cached_property
    def _replay(self) -> Replay:
        effort = replace(self.effort, worlds=min(self.effort.worlds or PLAN_WORLDS, PLAN_WORLDS))
        return Replay(self.graph, self.profiles, self.targets, seed=self.seed, effort=effort)


@dataclass(frozen=True)
class Risk:
    """What was computed: the model, its outcome as believed and at both ends, and answers by exposure.

    `services_of` is exposures by services: the best way through the exposure to the service has at
    least the chance that the policy calls leading somewhere.
    """

    model: Model
    believed: Contributions
    good: Outcome
    bad: Outcome
    reachable: NDArray[np.object_]
    leads: NDArray[np.object_]
    services_of: Bools
    best: BestPaths
    to_service: tuple[BestPaths, ...]
    surely: Bools  # by state: held over known steps alone
    at_worst: Floats  # exposures by services: chance of the best way through it if every unknown were open

    @property
    def whole(self) -> float:
        """All modelled risk: weighted losses per year."""
        return float(self.believed.outcome.events @ self.model.weights)

    def share_at_worst(self) -> Floats:
        """Return, by exposure, the share of risk that its best way alone would carry if the unknowns were open.

        Attacks a year, times the chance of the way to each service, weighted; over all modelled risk.
        """
        attacks = sum(one.rate.mean for one in self.model.profiles)
        losses = np.minimum(attacks * self.at_worst, 1.0) @ self.model.weights
        return np.clip(losses / self.whole, 0.0, 1.0) if self.whole else losses


def model_of(
    compiled: Compiled,
    services: tuple[facts.Service, ...],
    attackers: tuple[facts.Attacker, ...],
    policy: Policy,
    seed: int,
) -> Model:
    """Turn compiled steps into an engine's graph with profiles, targets and weights."""
    steps = compiled.steps
    numbers = [policy.number(name) for name in steps.params]
    params = Params(
        key=np.array([keys.of("param", name) for name in steps.params], np.int64),
        value=np.array([one.value for one in numbers], np.float64),
        low=np.array([one.low for one in numbers], np.float64),
        high=np.array([one.high for one in numbers], np.float64),
    )
    shared = Shared(steps.shared.key, steps.shared.p, _int32(steps.shared.param), steps.shared.epistemic)
    graph = Graph(
        states=compiled.states.total, src=_int32(steps.columns["src"]), dst=_int32(steps.columns["dst"]),
        p=steps.p, key=steps.key, guard=_int32(steps.columns["guard"]), shared=_int32(steps.columns["shared"]),
        cause=_int32(steps.columns["cause"]), param=_int32(steps.columns["param"]), draws=shared, params=params,
    )  # fmt: skip
    profiles = tuple(_profile(one, compiled, policy) for one in attackers)
    entries = np.unique(np.concatenate([np.zeros(0, np.int32), *(one.entries for one in profiles)]))
    hangs = steps.columns["shared"]
    certain = np.ones(len(hangs), np.bool_)
    certain[hangs >= 0] = ~shared.epistemic[hangs[hangs >= 0]]
    return Model(
        graph=graph, profiles=profiles, entries=entries,
        targets=_int32(compiled.states.harm(np.arange(len(services)))), weights=weights_of(services, policy),
        critical=np.array([is_critical(one, services, policy) for one in services], np.bool_),
        certain=certain, effort=_effort(len(steps), policy), seed=seed,
    )  # fmt: skip


def _int32(values: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.ascontiguousarray(values, np.int32)


def _profile(attacker: facts.Attacker, compiled: Compiled, policy: Policy) -> Profile:
    """Place an attacker; how competent it is scales how many of its attacks are carried through."""
    names = [place.name for place in compiled.reach.places]
    entries = []
    for word in attacker.enters:
        if word == "user":
            entries.append(compiled.states.opened)
        elif word in names:
            entries.append(int(compiled.states.place(names.index(word))))
    effort = policy.number(f"attackers.capability.{attacker.capability}.effort").value
    rate = attacker.attacks_per_year
    return Profile(
        attacker.name,
        np.array(entries, np.int32),
        Range(rate.low * effort, rate.likely * effort, rate.high * effort),
    )


def weights_of(services: tuple[facts.Service, ...], policy: Policy) -> Floats:
    """Return each service's weight by tier; a foundation counts through what stands on it, if anything does."""
    business = any(not one.foundation for one in services)
    found = [
        0.0 if one.foundation and business else policy.number(f"treatment.weight.tier_{one.tier}").value
        for one in services
    ]
    return np.array(found, np.float64)


def is_critical(service: facts.Service, services: tuple[facts.Service, ...], policy: Policy) -> bool:
    """Is the service critical: a foundation, of a high tier, or the highest that there is?"""
    tier = policy.number("treatment.critical.tier").value
    highest = max(one.tier for one in services)
    return service.foundation or service.tier >= min(tier, highest)


_STEP_YEARS = 12.5e6  # steps times simulated years that one slow core does in a second (benchmarks)
_LARGE = 50_000  # steps from which a second thread is worth starting


def _effort(steps: int, policy: Policy) -> Effort:
    """Fewer worlds for large graphs, within what the policy allows; the sampling error says what that costs.

    The number of worlds follows from the size alone, not from a clock, so that answers can be had again.
    """
    number = {name: policy.number(f"treatment.simulation.{name}").value for name in (
        "least_worlds", "most_worlds", "width", "seconds")}  # fmt: skip
    draws = 64
    affordable = number["seconds"] * _STEP_YEARS / max(steps, 1)
    worlds = min(number["most_worlds"], max(number["least_worlds"] / 4, affordable))
    return Effort(
        draws=draws, worlds_per_draw=max(1, int(worlds // draws)), width=number["width"],
        lane_budget=max(64 * 8, int(worlds * 12)), threads=2 if steps > _LARGE else 1,
        losses_per_year=int(policy.number("treatment.loss.most_per_year").value),
    )  # fmt: skip


def assess(model: Model, compiled: Compiled, exposures: int, policy: Policy) -> Risk:
    """Run the model and answer, for each of `exposures` rows: who gets there, and what it leads to."""
    run = (model.graph, model.profiles, model.targets)
    believed = contributions(*run, seed=model.seed, values=model.weights, effort=model.effort)
    fixed = Effort(
        draws=model.effort.draws, worlds=believed.outcome.worlds, threads=model.effort.threads,
        losses_per_year=model.effort.losses_per_year, rare=True,
    )  # fmt: skip
    good = simulate(*run, seed=model.seed, effort=fixed, unknowns="good")
    bad = simulate(*run, seed=model.seed, effort=fixed, unknowns="bad")
    again = replace(model, effort=fixed)
    least = policy.number("treatment.critical.leads").value
    each = [one[None] for one in model.targets]
    best, *ways = best_paths_each(model.graph, model.entries, [model.targets, *each])
    known = best_paths_each(model.graph, model.entries, each, model.certain)
    likely = _through(ways, exposures) >= least
    surely = _through(known, exposures) >= least
    critical = model.critical[None, :]
    leads = _answer(np.any(surely & critical, axis=1), np.any(likely & critical, axis=1))
    held = reach(model.graph, model.entries, model.certain)
    worst = best_paths_each(_all_open(model.graph), model.entries, each)
    return Risk(
        again, believed, good, bad, _reachable(model, compiled, exposures, held), leads, likely,
        best, tuple(ways), held, _through(worst, exposures),
    )  # fmt: skip


def _all_open(graph: Graph) -> Graph:
    """Return the graph in which every unknown fact went against the defender."""
    draws = replace(graph.draws, p=np.where(graph.draws.epistemic, 1.0, graph.draws.p))
    return replace(graph, draws=draws)


def _through(paths: list[BestPaths], exposures: int) -> Floats:
    """Return the best chance through each exposure to each service: exposures by services."""
    found = np.zeros((exposures, len(paths)))
    for number, one in enumerate(paths):
        found[: len(one.through_cause), number] = one.through_cause
    return found


def _reachable(model: Model, compiled: Compiled, exposures: int, surely: Bools) -> NDArray[np.object_]:
    """Return yes where known steps alone lead to a position, unknown where unknown ones would."""
    perhaps = reach(model.graph, model.entries)
    yes = np.zeros(exposures, np.bool_)
    maybe = np.zeros(exposures, np.bool_)
    yes[compiled.position_row[surely[compiled.position_state]]] = True
    maybe[compiled.position_row[perhaps[compiled.position_state]]] = True
    return _answer(yes, maybe)


def _answer(yes: Any, maybe: Any) -> NDArray[np.object_]:
    return np.where(yes, "yes", np.where(maybe, "unknown", "no")).astype(object)


def by_exposure(found: Contributions, weights: Floats, count: int) -> dict[str, Floats]:
    """Return mean, low, high, error and proof flow by exposure row, as shares of all modelled risk."""
    whole = float(found.outcome.events @ weights)
    columns = {}
    for name in ("mean", "low", "high", "error", "proof_flow"):
        column = np.zeros(count)
        column[found.cause] = getattr(found, name)
        columns[name] = np.clip(column / whole, 0.0, 1.0) if whole > 0 else column
    return columns

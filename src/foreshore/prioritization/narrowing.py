"""Which answers would narrow a service's best and worst case most, and where each answer would come from.

An unknown fact is a way between two places, or the condition of a right. Facts are put together by what
would answer them: a scan from a place, the firewall rules of a site, the conditions that a source left
out, one test of one way. Each group is set to good and to bad on the same simulated years.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foreshore.graph import Graph
from foreshore.graph.replay import Replay
from foreshore.prioritization.places import INTERNET

if TYPE_CHECKING:
    from foreshore.prioritization.modelled import Modelled
    from foreshore.prioritization.risk import Model, Risk

Ints = NDArray[np.int64]
WORLDS = 512
GROUPS = 60  # groups of facts that are asked about, the largest first


@dataclass(frozen=True)
class Group:
    """Unknown facts that one answer settles: in words what to bring, what kind of source that is, and their draws."""

    what: str
    kind: str  # scan, rules, conditions, test
    draws: Ints


@dataclass(frozen=True)
class Narrower:
    """What one answer does to the bounds of a service.

    `worst_if_good` is the worst case left when the answer is good for the defender, `best_if_bad` the best case
    left when it is bad; `narrows` is by how much the bounds come together, on average over both answers.
    """

    service: str
    what: str
    kind: str
    facts: int
    best: float
    worst: float
    worst_if_good: float
    best_if_bad: float

    @property
    def narrows(self) -> float:
        """By how much best and worst case come together, on average over the two answers."""
        return (self.worst - self.worst_if_good + self.best_if_bad - self.best) / 2


def find(found: Modelled, risk: Risk) -> list[Narrower]:
    """Return, service by service, the answers that narrow its bounds, those that narrow most first."""
    groups = sorted(_distinct(groups_of(found)), key=lambda one: -len(one.draws))[:GROUPS]
    if not groups:
        return []
    years = _Bounds(risk.model)
    best, worst = years.chances(years.unknown), years.chances(np.zeros(0, np.int64))
    rows: list[Narrower] = []
    for one in groups:
        good, bad = years.chances(one.draws), years.chances(np.setdiff1d(years.unknown, one.draws))
        rows += [
            Narrower(service.name, one.what, one.kind, len(one.draws), *(float(x[number]) for x in (best, worst, good, bad)))
            for number, service in enumerate(found.context.services)
        ]  # fmt: skip
    order = {service.name: number for number, service in enumerate(found.context.services)}
    told = [row for row in rows if row.narrows > 1e-9]
    return sorted(told, key=lambda row: (order[row.service], -row.narrows, row.facts, row.what))


def _distinct(groups: Iterator[Group]) -> list[Group]:
    """Keep one answer for the same facts: one test rather than a scan or an export that says no more."""
    kept: dict[tuple[int, ...], Group] = {}
    for one in groups:
        facts = tuple(one.draws.tolist())
        if facts not in kept or one.kind == "test":
            kept[facts] = one
    return list(kept.values())


class _Bounds:
    """Years in which every unknown fact is bad; taking facts away makes them good."""

    def __init__(self, model: Model) -> None:
        graph = model.graph
        self.unknown = np.flatnonzero(graph.draws.epistemic).astype(np.int64)
        hangs = graph.shared
        fact = np.where((hangs >= 0) & np.append(graph.draws.epistemic, False)[hangs], hangs, -1).astype(np.int32)
        draws = replace(graph.draws, p=np.where(graph.draws.epistemic, 1.0, graph.draws.p),
                        param=np.where(graph.draws.epistemic, -1, graph.draws.param).astype(np.int32))  # fmt: skip
        self.graph: Graph = replace(graph, draws=draws, layers={"fact": fact})
        effort = replace(model.effort, worlds=min(model.effort.worlds or WORLDS, WORLDS))
        self._replay = Replay(self.graph, model.profiles, model.targets, seed=model.seed, effort=effort)

    def chances(self, good: Ints) -> NDArray[np.float64]:
        """Return each service's chance a year when the facts `good` are good and every other one bad."""
        removed = self.graph.numbers("fact", good.astype(np.int32))
        return np.asarray(self._replay.outcome(removed).probability, np.float64)


def groups_of(found: Modelled) -> Iterator[Group]:
    """Yield the unknown facts of a compiled snapshot, put together by what would answer them."""
    answers, first = found.compiled.reach, len(found.chances.usable)
    hanging = answers.prior >= 0
    pairs = np.unique(np.stack([answers.prior, answers.source, answers.target])[:, hanging], axis=1)
    homes = _homes(found)
    places = answers.places
    source, target = pairs[1], homes[pairs[2]]
    for here in np.unique(source).tolist():
        name = "the internet" if places[here].name == INTERNET else places[here].name
        yield Group(f"a scan from {name}", "scan", np.unique(pairs[0][source == here]) + first)
    sites = np.array([place.site for place in places], dtype=object)
    for site in sorted(set(sites[target].tolist())):
        chosen = sites[target] == site
        if site not in _ruled(found):
            yield Group(f"the firewall rules of site {site}", "rules", np.unique(pairs[0][chosen]) + first)
    for prior in np.unique(pairs[0]).tolist():
        here, there = (int(column[pairs[0] == prior][0]) for column in (source, target))
        where = "the internet" if places[here].name == INTERNET else places[here].name
        what = (
            f"what is in {where} reaches its neighbours" if here == there else f"{where} reaches {places[there].name}"
        )
        yield Group(f"a test whether {what}", "test", np.array([prior + first], np.int64))
    yield from _conditions(found, first + len(answers.priors))
    yield from _unseen(found, first + len(answers.priors) + len(found.compiled.ruled.unsure))


def _homes(found: Modelled) -> Ints:
    """The place of each endpoint."""
    answers = found.compiled.reach
    first: dict[int, int] = {}
    for asset, group in enumerate(answers.group_of.tolist()):
        first.setdefault(group, asset)
    return np.array([answers.place_of[first[group]] for group, *_ in answers.endpoint_of], np.int64)


def _ruled(found: Modelled) -> set[str]:
    """Sites whose firewall rules are known."""
    rules = found.context.rules
    sites, closes = rules.column("site").to_pylist(), rules.column("closes").to_pylist()
    return {site for site, closed in zip(sites, closes, strict=True) if closed}


def _unseen(found: Modelled, first: int) -> Iterator[Group]:
    """Ports of machines on which somebody has the right to a session, and that nobody looked at: by site."""
    rows = found.compiled.ruled.unseen[0]
    sites = np.array([place.site for place in found.compiled.reach.places], dtype=object)
    site = sites[found.compiled.reach.place_of[rows]] if len(rows) else sites[:0]
    for name in sorted(set(site.tolist())):
        chosen = np.flatnonzero(site == name)
        machines = len(np.unique(rows[chosen]))
        noun = "machine" if machines == 1 else "machines"
        yield Group(f"a scan of the ports of {machines:,} {noun} of site {name}", "scan", chosen + first)


def _conditions(found: Modelled, first: int) -> Iterator[Group]:
    """Rights under a condition, by the source that told them; their draws follow those of the ways, in order."""
    unsure = found.compiled.ruled.unsure
    if not len(unsure):
        return
    notes = np.array(found.context.ties.column("note").take(unsure).to_pylist(), dtype=object)
    unknown = np.array([str(note).startswith("unknown role ") for note in notes], np.bool_)
    for note in sorted(set(notes[unknown].tolist())):
        name = note.removeprefix("unknown role ").removesuffix(", under a condition")
        yield Group(f"the definition of the role “{name}”", "conditions", np.flatnonzero(notes == note) + first)
    told_by = np.array(found.context.ties.column("told_by").take(unsure).to_pylist(), dtype=object)
    for source in sorted(set(told_by[~unknown].tolist())):
        rows = np.flatnonzero((told_by == source) & ~unknown)
        noun = "right" if len(rows) == 1 else "rights"
        yield Group(
            f"whether the conditions of {len(rows):,} {noun} hold that {source} reports", "conditions", rows + first
        )

"""What readers say as the tables that rules are matched against, without a workspace, and a plain search over steps.

Slow and simple on purpose: laws compare what the product does with this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from foreshore.facts import Finding, Record, Relation, Sighting
from foreshore.policy.rulebook import Rulebook
from foreshore.prioritization import matching

State = tuple[str, int]  # (admin or user, row of the asset)
JOINING = ("sid", "cloud_id", "artifact", "arn", "fqdn")


@dataclass
class Known:
    """Assets by row, and what is said of them."""

    kinds: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ties: set[tuple[str, int, int, str]] = field(default_factory=set)
    attributes: dict[tuple[int, str], str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)  # key of a sighting -> row
    exposures: set[tuple[int, str, str]] = field(default_factory=set)  # row, check, weakness

    def asset(self, name: str, kind: str = "identity", **attributes: str) -> int:
        """Add an asset and return its row."""
        self.kinds.append(kind)
        self.names.append(name)
        self.rows[name] = len(self.names) - 1
        for key, value in attributes.items():
            self.attributes[self.rows[name], key] = value
        return self.rows[name]


class _Parts:
    """Sets of handles that are one asset."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        while self.parent.setdefault(name, name) != name:
            name = self.parent[name]
        return name

    def join(self, one: str, other: str) -> None:
        self.parent[self.find(other)] = self.find(one)


def told(reports: Iterable[Iterable[Record]]) -> Known:
    """Return what readers' records say; sightings that share an identifier are one asset."""
    records = [one for report in reports for one in report]
    known = Known()
    _sighted(known, [one for one in records if isinstance(one, Sighting)])
    for tie in (one for one in records if isinstance(one, Relation)):
        ends = [known.rows.get(end.removeprefix("asset:"), -1) for end in (tie.source, tie.target)]
        if min(ends) >= 0:
            known.ties.add((tie.kind, ends[0], ends[1], tie.note))
    for finding in (one for one in records if isinstance(one, Finding)):
        for weakness in finding.weaknesses or (finding.rule,):
            known.exposures.add((known.rows[finding.asset], finding.rule, weakness))
    return known


def _sighted(known: Known, sightings: list[Sighting]) -> None:
    parts = _Parts()
    for one in sightings:
        for kind, value in one.identifiers:
            if kind in JOINING:
                parts.join(f"key {one.key}", f"{kind} {value.lower()}")
    row: dict[str, int] = {}
    for one in sightings:
        root = parts.find(f"key {one.key}")
        if root not in row:
            row[root] = known.asset(one.name or one.key, one.kind)
        known.rows[one.key] = row[root]
        if one.kind != "identity":  # what is known by its key only is called an identity
            known.kinds[row[root]] = one.kind
        known.names[row[root]] = one.name or known.names[row[root]]
        known.attributes.update({(row[root], key): value for key, value in one.attributes})


def context(known: Known) -> Any:
    """Return what rules are matched against."""
    count = len(known.kinds)
    empty = pa.array([[]] * count, pa.list_(pa.string()))
    ties = sorted(known.ties)
    attributes = sorted(known.attributes.items())
    return SimpleNamespace(
        assets=pa.table({
            "asset": pa.array(range(count), pa.int64()), "kind": pa.array(known.kinds, pa.string()),
            "name": pa.array(known.names, pa.string()), "names": empty,
            "site": pa.array(["main"] * count, pa.string()), "tags": empty,
        }),
        ties=pa.table({
            "kind": pa.array([one[0] for one in ties], pa.string()),
            "source": pa.array([one[1] for one in ties], pa.int64()),
            "target": pa.array([one[2] for one in ties], pa.int64()),
            "note": pa.array([one[3] for one in ties], pa.string()),
        }),
        attributes=pa.table({
            "asset": pa.array([row for (row, _), _ in attributes], pa.int64()),
            "name": pa.array([key for (_, key), _ in attributes], pa.string()),
            "value": pa.array([value for _, value in attributes], pa.string()),
        }),
        controls=pa.table({name: pa.array([], kind) for name, kind in
                           (("asset", pa.int64()), ("kind", pa.string()), ("state", pa.string()))}),
        exposures=pa.table({
            name: pa.array([one[number] for one in sorted(known.exposures)], kind) for number, (name, kind) in
            enumerate((("asset", pa.int64()), ("rule", pa.string()), ("weakness", pa.string())))
        }),
    )  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What one application of a rule needs and gives; `assumed` where it holds under a condition."""

    rule: str
    needs: frozenset[State]
    gives: State
    assumed: bool


def steps(known: Known, rulebook: Rulebook) -> list[Step]:
    """Return every application of every rule, and what holds without any: an administrator is a user."""
    found = []
    for one in matching.match(cast(Any, context(known)), rulebook):
        rows = {name: column.tolist() for name, column in one.things.items()}
        for number, unsure in enumerate(one.unsure.tolist()):
            held = [term for term in one.rule.holds if not term.if_known]  # of ports nothing is known here
            needs = frozenset((term.name, rows[term.things[0]][number]) for term in held)
            for gain in one.rule.gains:
                found.append(Step(one.rule.name, needs, (gain.name, rows[gain.things[0]][number]), unsure >= 0))
    for row, kind in enumerate(known.kinds):
        found.append(Step("foothold", frozenset({("admin", row)}), ("user", row), False))
        if kind == "host":
            found.append(Step("escalate", frozenset({("user", row)}), ("admin", row), False))
    return found


class Search:
    """A search over steps: which states lead to which."""

    def __init__(self, found: Sequence[Step]) -> None:
        self.steps = found
        self.using: Mapping[State, list[int]] = defaultdict(list)
        for number, one in enumerate(found):
            for state in one.needs:
                self.using[state].append(number)

    def forward(self, start: Iterable[State]) -> set[State]:
        """Return all that is held in the end by whoever holds `start`."""
        missing = [len(one.needs) for one in self.steps]
        held: set[State] = set()
        todo = list(start)
        while todo:
            state = todo.pop()
            if state in held:
                continue
            held.add(state)
            for number in self.using.get(state, ()):
                missing[number] -= 1
                if not missing[number]:
                    todo.append(self.steps[number].gives)
        return held

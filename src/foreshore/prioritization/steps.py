"""The steps an attacker can take, compiled set by set from facts, rules and policy into arrays.

A step needs its source state, and its guard where it has one; it succeeds with its own chance
and, where it hangs on something shared (a working exploit, an unknown way between two places),
only in worlds where that holds. Rules and their ATT&CK techniques stand in policy/rules.csv (those that are code) and policy/rules/ (data).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import keys
from foreshore.prioritization.states import Ints, States

if TYPE_CHECKING:
    from foreshore.policy import Policy

Floats = NDArray[np.float64]
COLUMNS = ("rule", "src", "dst", "guard", "shared", "cause", "param", "asset", "place", "port", "why", "tie")


@dataclass(frozen=True)
class Shared:
    """Draws that several steps hang on: key, chance, policy number, and whether it is an unknown fact."""

    key: Ints
    p: Floats
    param: Ints
    epistemic: NDArray[np.bool_]


@dataclass(frozen=True)
class Steps:
    """All steps as columns of equal length (int32), with own chance `p` and stable public `key`.

    `rule` indexes `rules`; `cause` is a row of the exposures or -1, `tie` a row of the ties; `asset`, `place`, `port`
    and `why` (row of reach answers, or of where a rule applies) say what the step is about; -1 where it is not about one.
    """

    rules: tuple[str, ...]
    params: tuple[str, ...]
    columns: dict[str, NDArray[Any]]
    p: Floats
    key: Ints
    shared: Shared

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name in COLUMNS:
            return self.columns[name]
        raise AttributeError(name)

    def __len__(self) -> int:
        return len(self.p)


@dataclass
class Builder:
    """Collects steps rule by rule."""

    policy: Policy
    states: States
    rules: list[str] = field(default_factory=list)
    params: dict[str, int] = field(default_factory=dict)
    _chunks: dict[str, list[NDArray[Any]]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    _p: list[Floats] = field(default_factory=list)
    _key: list[Ints] = field(default_factory=list)

    def param(self, name: str) -> int:
        """Number of the policy parameter `name`, so that its uncertainty moves all its steps together."""
        self.policy.number(name)
        return self.params.setdefault(name, len(self.params))

    def chance(self, name: str) -> float:
        """Believed value of the policy parameter `name`."""
        return float(self.policy.number(name).value)

    def add(self, rule: str, src: Ints, dst: Ints, *, p: Floats | float, key: Ints, **more: Ints | int) -> None:
        """Add steps of `rule`; everything is broadcast to the length of `src` and `dst`."""
        shape = np.broadcast_shapes(np.shape(src), np.shape(dst), np.shape(key))
        number = self.rules.index(rule) if rule in self.rules else len(self.rules)
        if number == len(self.rules):
            self.rules.append(rule)
        values: dict[str, Ints | int] = {"rule": number, "src": src, "dst": dst, **more}
        for name in COLUMNS:
            column = np.asarray(values.get(name, -1)).astype(np.int32, copy=False)
            self._chunks[name].append(np.broadcast_to(column, shape))
        self._p.append(np.broadcast_to(np.asarray(p, np.float64), shape))
        self._key.append(np.broadcast_to(np.asarray(key, np.int64), shape))

    def build(self, shared: Shared) -> Steps:
        """Return all steps, those with no chance left out; the builder is empty afterwards.

        What was collected goes column by column, so that little stands in memory twice.
        """
        keep = [part > 0 for part in self._p]
        p, key = _joined(self._p, keep, np.float64), _joined(self._key, keep, np.int64)
        columns = {name: _joined(self._chunks.pop(name), keep, np.int32) for name in COLUMNS}
        return Steps(tuple(self.rules), tuple(self.params), columns, p, key, shared)


def _joined(parts: list[Any], keep: list[NDArray[np.bool_]], kind: Any) -> NDArray[Any]:
    """Join the kept rows of `parts`, each of which is given up as soon as it is copied."""
    ends = np.cumsum([0, *(int(np.count_nonzero(one)) for one in keep)])
    found = np.empty(int(ends[-1]), kind)
    for number, kept in enumerate(keep):
        part = parts[number]
        place = found[ends[number] : ends[number + 1]]
        place[:] = part if len(place) == len(kept) else part[kept]
        parts[number] = None
    return found


def key_of(rule: str, *identifiers: Ints) -> Ints:
    """Return stable keys of steps from the rule's name and public identifiers, vectorised."""
    mixed = np.full(np.broadcast_shapes(*(np.shape(one) for one in identifiers)), keys.of(rule), np.uint64)
    for one in identifiers:
        mixed = _mix(mixed ^ np.asarray(one).astype(np.int64).view(np.uint64))
    return (mixed & np.uint64(keys.MASK)).astype(np.int64)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        value = value + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))

"""The attack graph as arrays: states, steps, shared draws, parameters and attacker profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from foreshore.errors import UsageError

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]


_NOT_GIVEN = cast(Ints, None)


@dataclass(frozen=True, eq=False)
class Params:
    """Policy parameters that are not known exactly.

    `value`, `low` and `high` are probabilities (median, 5 % and 95 %), one row per parameter; `key`
    is a stable public key, so that a parameter keeps its luck when others come and go.
    """

    key: Longs
    value: Floats
    low: Floats
    high: Floats

    @staticmethod
    def none() -> Params:
        """No uncertain parameters."""
        empty = np.zeros(0)
        return Params(np.zeros(0, np.int64), empty, empty, empty)


@dataclass(frozen=True, eq=False)
class Shared:
    """Luck that several steps share, such as one weakness that works everywhere or nowhere.

    `epistemic` rows are unknown facts, the same in all years of one parameter draw; the others are
    drawn anew for every year. `param` is -1 or a row of `Params`.
    """

    key: Longs
    p: Floats
    param: Ints
    epistemic: Bools

    @staticmethod
    def none() -> Shared:
        """No shared draws."""
        return Shared(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32), np.zeros(0, np.bool_))


@dataclass(frozen=True)
class Range:
    """A number that is known as a range.

    `pert`: low and high are the least and greatest values, likely the mode. `lognormal`: low and
    high are the 5 % and 95 % points (likely is not used). `low == high` is a fixed number.
    """

    low: float
    likely: float
    high: float
    shape: str = "pert"

    def __post_init__(self) -> None:
        """Refuse ranges that are not in order."""
        if self.shape not in ("pert", "lognormal"):
            raise UsageError(f"unknown shape of a range: {self.shape}", hint="pert or lognormal")
        if not 0 <= self.low <= self.high or not np.isfinite(self.high):
            raise UsageError(f"a range must have 0 <= low <= high, not {self.low} and {self.high}")
        if self.shape == "pert" and not self.low <= self.likely <= self.high:
            raise UsageError(f"likely {self.likely} lies outside {self.low} to {self.high}")
        if self.shape == "lognormal" and self.low <= 0 < self.high:
            raise UsageError("a lognormal range must start above 0")

    @property
    def mean(self) -> float:
        """Mean: of a PERT (low + 4 likely + high) / 6; of a lognormal exp(mu + sigma²/2) from its 5 and 95 % points."""
        if self.low == self.high:
            return self.low
        if self.shape == "pert":
            return (self.low + 4 * self.likely + self.high) / 6
        mu = (np.log(self.low) + np.log(self.high)) / 2
        sigma = (np.log(self.high) - np.log(self.low)) / 3.2897
        return float(np.exp(mu + sigma**2 / 2))

    @staticmethod
    def exactly(value: float) -> Range:
        """A number that is known."""
        return Range(value, value, value)


@dataclass(frozen=True, eq=False)
class Profile:
    """A kind of attacker: where it starts and how many attacks it makes in a year."""

    name: str
    entries: Ints
    rate: Range


@dataclass(frozen=True, eq=False)
class Index:
    """Steps grouped by one of their columns: those of state `v` are `ids[start[v]:start[v + 1]]`."""

    start: Longs
    ids: Ints


@dataclass(frozen=True, eq=False)
class Graph:
    """States and the steps between them.

    A step leads from `src` to `dst`, if an attacker who holds `src` and (unless -1) `guard` tries and
    its own luck `p` and (unless -1) its shared draw allow it. `key` names its luck: steps with equal
    keys succeed together. `cause` is -1 or the number of what must be removed for the step to go.
    `param` is -1 or the parameter that moves `p`. More than two premises: an extra state that is
    reached by a step of probability 1 under a guard.

    Raises UsageError when arrays differ in length or point outside.
    """

    states: int
    src: Ints
    dst: Ints
    p: Floats
    key: Longs
    guard: Ints = _NOT_GIVEN
    shared: Ints = _NOT_GIVEN
    cause: Ints = _NOT_GIVEN
    param: Ints = _NOT_GIVEN
    draws: Shared = field(default_factory=Shared.none)
    params: Params = field(default_factory=Params.none)

    def __post_init__(self) -> None:
        """Bring the arrays into one form and check them."""
        for name in ("src", "dst"):
            self._set(name, getattr(self, name), np.int32)
        for name in ("guard", "shared", "cause", "param"):
            given: Any = getattr(self, name)
            self._set(name, np.full(self.src.size, -1, np.int32) if given is None else given, np.int32)
        self._set("p", self.p, np.float64)
        self._set("key", self.key, np.int64)
        object.__setattr__(self, "draws", _arrays(self.draws))
        object.__setattr__(self, "params", _arrays(self.params))
        self._check()

    def _set(self, name: str, values: Any, dtype: Any) -> None:
        object.__setattr__(self, name, _column(name, values, dtype))

    def _check(self) -> None:
        if not 0 <= self.states < 2**31 or self.src.size >= 2**31:
            raise UsageError("a graph holds fewer than 2^31 states and steps")
        for name in ("dst", "guard", "p", "key", "shared", "cause", "param"):
            _same_length("graph", name, getattr(self, name), self.src)
        _inside("src", self.src, 0, self.states)
        _inside("dst", self.dst, 0, self.states)
        _inside("guard", self.guard, -1, self.states)
        _inside("shared", self.shared, -1, self.draws.key.size)
        _inside("cause", self.cause, -1, 2**31)
        _inside("param", self.param, -1, self.params.key.size)
        _inside("shared.param", self.draws.param, -1, self.params.key.size)
        for name, values in (("p", self.p), ("shared.p", self.draws.p), ("params.value", self.params.value)):
            _probabilities(name, values)
        if not ((self.params.low <= self.params.value) & (self.params.value <= self.params.high)).all():
            raise UsageError("a parameter's value lies outside its low and high", where="graph.params")
        _probabilities("params.low", self.params.low)
        _probabilities("params.high", self.params.high)

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return int(self.src.size)

    @cached_property
    def causes(self) -> int:
        """One more than the greatest cause."""
        return int(self.cause.max(initial=-1)) + 1

    @cached_property
    def by_src(self) -> Index:
        """Steps by the state they leave."""
        return _index(self.src, self.states)

    @cached_property
    def by_dst(self) -> Index:
        """Steps by the state they give."""
        return _index(self.dst, self.states)

    @cached_property
    def by_guard(self) -> Index:
        """Steps by the second state they need."""
        return _index(self.guard, self.states)

    def mask_without(self, causes: Iterable[int] | Ints) -> Bools:
        """Which steps stay when `causes` are removed."""
        gone = np.zeros(self.causes + 1, np.bool_)
        chosen = np.asarray(list(causes) if not isinstance(causes, np.ndarray) else causes, np.int64)
        gone[chosen[(chosen >= 0) & (chosen < self.causes)]] = True
        return np.asarray(~gone[self.cause])

    def without(self, causes: Iterable[int] | Ints) -> Graph:
        """The same graph, lacking every step of `causes`; states, keys and causes keep their numbers."""
        stay = self.mask_without(causes)
        return Graph(
            self.states,
            self.src[stay],
            self.dst[stay],
            self.p[stay],
            self.key[stay],
            self.guard[stay],
            self.shared[stay],
            self.cause[stay],
            self.param[stay],
            self.draws,
            self.params,
        )


_Table = TypeVar("_Table", Shared, Params)
_TYPES = {"key": np.int64, "param": np.int32, "epistemic": np.bool_}


def _arrays(table: _Table) -> _Table:
    kind = type(table)
    names = [one.name for one in fields(table)]
    columns = {name: _column(name, getattr(table, name), _TYPES.get(name, np.float64)) for name in names}
    for name, values in columns.items():
        _same_length(kind.__name__, name, values, columns["key"])
    return kind(**columns)


def _column(name: str, values: Any, dtype: Any) -> NDArray[Any]:
    try:
        given = np.asarray(values)
        if given.size and not np.can_cast(given.dtype, dtype, "same_kind"):
            raise UsageError(f"“{name}” holds {given.dtype}, not {np.dtype(dtype)}", where="graph")
        if dtype is np.int32 and given.dtype != np.int32:
            _inside(name, given, -(2**31), 2**31)
        column = np.ascontiguousarray(given, dtype)
    except (TypeError, ValueError) as error:
        raise UsageError(f"“{name}” is not an array of {np.dtype(dtype)}", where="graph") from error
    if column.ndim != 1:
        raise UsageError(f"“{name}” has {column.ndim} dimensions, not one", where="graph")
    return column


def _same_length(where: str, name: str, values: NDArray[Any], other: NDArray[Any]) -> None:
    if values.size != other.size:
        raise UsageError(f"“{name}” has {values.size} rows where {other.size} are needed", where=where)


def _inside(name: str, values: NDArray[Any], low: int, end: int) -> None:
    if values.size and (int(values.min()) < low or int(values.max()) >= end):
        raise UsageError(
            f"“{name}” runs from {values.min()} to {values.max()}", where="graph", hint=f"{low} to {end - 1}"
        )


def _probabilities(name: str, values: Floats) -> None:
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise UsageError(f"“{name}” holds numbers that are no probabilities", where="graph", hint="0 to 1")


def _index(column: Ints, states: int) -> Index:
    from foreshore.graph import kernels

    start, ids = kernels.group(column, states)
    return Index(start, ids)

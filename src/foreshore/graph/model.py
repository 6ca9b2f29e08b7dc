"""The attack graph as arrays: states, steps, shared draws, parameters and attacker profiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
_LAYER = 32  # bits of a removal number below the number of its layer


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
    `layers` are further kinds of causes by name (a right, an identity, a control that is missing), each
    with numbers of its own: a column as long as `src`, or several side by side (steps, m) where a step has
    more than one of a kind. A step goes when any of its causes of any kind goes.

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
    layers: Mapping[str, Ints] = field(default_factory=dict)

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
        layers = {name: _layer(name, given, self.src.size) for name, given in self.layers.items()}
        object.__setattr__(self, "layers", layers)
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

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of all kinds of causes: `cause` itself, `state` (steps into a state), then the layers."""
        return ("cause", "state", *self.layers)

    def layer(self, name: str) -> Ints:
        """The causes of one kind, shape (steps, causes of a step); raises UsageError for a kind that is not there."""
        if name not in self.kinds:
            raise UsageError(f"the graph has no layer “{name}”", hint=", ".join(self.kinds))
        columns = {"cause": self.cause, "state": self.dst, **self.layers}
        return columns[name].reshape(self.steps, -1) if self.steps else np.zeros((0, 1), np.int32)

    def numbers(self, layer: str, ids: Iterable[int] | Ints | Longs) -> Longs:
        """Removal numbers of the causes `ids` of a layer, as `removed` and `without` take them.

        Those of `cause` are the causes themselves. `state`: nobody can step into it any more.
        """
        if layer not in self.kinds:
            raise UsageError(f"the graph has no layer “{layer}”", hint=", ".join(self.kinds))
        return np.asarray(_longs(ids) + (self.kinds.index(layer) << _LAYER))

    def by_kind(self, removed: Iterable[int] | Ints | Longs) -> Iterator[tuple[str, Longs]]:
        """Split removal numbers into kinds and causes; those below 0 are passed over."""
        chosen = _longs(removed)
        chosen = np.unique(chosen[chosen >= 0])
        for number in np.unique(chosen >> _LAYER):
            if number >= len(self.kinds):
                raise UsageError("a removal number is of a kind that the graph does not have")
            yield self.kinds[number], chosen[chosen >> _LAYER == number] & ((1 << _LAYER) - 1)

    def mask_without(self, causes: Iterable[int] | Ints | Longs) -> Bools:
        """Which steps stay when `causes` (removal numbers, see `numbers`) are removed; others are passed over."""
        stay = np.ones(self.steps, np.bool_)
        for kind, ids in self.by_kind(causes):
            column = self.layer(kind)
            gone = np.zeros(int(column.max(initial=-1)) + 2, np.bool_)
            gone[ids[ids < gone.size - 1]] = True
            stay &= ~gone[column].any(axis=1)
        return stay

    def without(self, causes: Iterable[int] | Ints | Longs) -> Graph:
        """The same graph, lacking every step of `causes`; states, keys and causes keep their numbers."""
        return self.only(self.mask_without(causes))

    def only(self, stay: Bools) -> Graph:
        """The same graph with the steps in `stay` alone."""
        columns = {name: getattr(self, name)[stay] for name in COLUMNS}
        layers = {name: column[stay] for name, column in self.layers.items()}
        return Graph(self.states, **columns, draws=self.draws, params=self.params, layers=layers)


COLUMNS = ("src", "dst", "p", "key", "guard", "shared", "cause", "param")


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


def _layer(name: str, values: Any, steps: int) -> Ints:
    if name in ("cause", "state"):
        raise UsageError(f"a layer cannot be called “{name}”", where="graph")
    given = np.asarray(values)
    if given.ndim not in (1, 2) or given.shape[:1] != (steps,):
        raise UsageError(f"layer “{name}” has the shape {given.shape} for {steps} steps", where="graph")
    column = _column(name, given.reshape(-1), np.int32)
    _inside(name, column, -1, 2**31)
    return column.reshape(given.shape)


def _longs(numbers: Iterable[int] | Ints | Longs) -> Longs:
    return np.asarray(list(numbers) if not isinstance(numbers, np.ndarray) else numbers, np.int64).reshape(-1)


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

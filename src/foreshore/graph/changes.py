"""What-if changes of a graph: steps lost, added or made likelier, parameters and shared draws moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreshore.errors import UsageError
from foreshore.graph.model import COLUMNS, Bools, Floats, Graph, Ints, Longs, Params, Shared

_NO_INTS = np.zeros(0, np.int64)
_NO_FLOATS = np.zeros(0)


@dataclass(frozen=True, eq=False)
class Change:
    """What shall be other than it is; everything left out stays.

    `states`: their new number (new states come after the old). `drop`: steps that go, as numbers or a mask;
    `removed`: causes that go, as removal numbers. `step` and `p`: steps with a new chance of their own.
    `param` with `value`, `low`, `high`: parameters that move; the odds of their steps and shared draws move
    by as much as the odds of the value. `draw` and `draw_p`: shared draws with a new chance. `added`: new
    steps by column (`src`, `dst`, `p`, `key`; `guard`, `shared`, `cause`, `param` and layers are -1 where
    left out); `draws`: shared draws to append, numbered after those there are.
    """

    states: int = 0
    drop: Any = field(default_factory=lambda: _NO_INTS)
    removed: Any = field(default_factory=lambda: _NO_INTS)
    step: Any = field(default_factory=lambda: _NO_INTS)
    p: Any = field(default_factory=lambda: _NO_FLOATS)
    param: Any = field(default_factory=lambda: _NO_INTS)
    value: Any = field(default_factory=lambda: _NO_FLOATS)
    low: Any = field(default_factory=lambda: _NO_FLOATS)
    high: Any = field(default_factory=lambda: _NO_FLOATS)
    draw: Any = field(default_factory=lambda: _NO_INTS)
    draw_p: Any = field(default_factory=lambda: _NO_FLOATS)
    added: Mapping[str, Any] = field(default_factory=dict)
    draws: Shared = field(default_factory=Shared.none)

    @property
    def steps_only(self) -> bool:
        """Whether nothing but steps changes: no parameter, no shared draw."""
        return not (np.size(self.param) or np.size(self.draw) or np.size(self.draws.key))


def dropped(graph: Graph, change: Change) -> Bools:
    """Which steps go, as a mask; raises UsageError for steps that are not there."""
    given = np.asarray(change.drop)
    gone = ~graph.mask_without(np.asarray(change.removed, np.int64))
    if given.dtype == np.bool_:
        if given.shape != gone.shape:
            raise UsageError(f"“drop” has {given.size} flags for {graph.steps} steps")
        return np.asarray(gone | given)
    gone[_rows("drop", given, graph.steps)] = True
    return gone


def fresh_chances(graph: Graph, change: Change) -> tuple[Longs, Floats]:
    """Steps with a new chance, and the chance."""
    return _rows("step", change.step, graph.steps), _numbers("p", change.p, np.size(change.step))


def added_columns(graph: Graph, change: Change) -> dict[str, NDArray[Any]]:
    """The new steps as full columns; raises UsageError for columns that are missing, unknown or too short."""
    given = {name: np.asarray(column) for name, column in change.added.items()}
    known = (*COLUMNS, *graph.layers)
    for name in given:
        if name not in known:
            raise UsageError(f"steps have no column “{name}”", where="added", hint=", ".join(known))
    count = int(given["src"].size) if "src" in given else 0
    missing = [name for name in COLUMNS[:4] if given and name not in given]
    if missing or any(len(column) != count for column in given.values()):
        raise UsageError("added steps need src, dst, p and key, all of one length", where="added")
    out: dict[str, NDArray[Any]] = {}
    for name in known:
        shape = (count, *graph.layers[name].shape[1:]) if name in graph.layers else (count,)
        kind = np.float64 if name == "p" else np.int64
        out[name] = given[name].reshape(shape) if name in given else np.full(shape, -1, kind)
    return out


def applied(graph: Graph, change: Change) -> Graph:
    """The graph after a change: old states, causes and draws keep their numbers, luck stays with its key.

    Raises UsageError for rows that are not there and for numbers that are no probabilities.
    """
    stay = ~dropped(graph, change)
    moved, p, draws = _moved(graph, change)
    rows, chance = fresh_chances(graph, change)
    p[rows] = chance
    more = added_columns(graph, change)
    columns: dict[str, Any] = {
        name: np.concatenate([(p if name == "p" else getattr(graph, name))[stay], more[name]]) for name in COLUMNS
    }
    layers = {name: np.concatenate([column[stay], more[name]]) for name, column in graph.layers.items()}
    return Graph(max(graph.states, change.states), **columns, draws=draws, params=moved, layers=layers)


def _moved(graph: Graph, change: Change) -> tuple[Params, Floats, Shared]:
    """Parameters as they are now, and the chances of steps and shared draws that move with them."""
    params, chosen = graph.params, _rows("param", change.param, graph.params.key.size)
    columns = {name: getattr(params, name).copy() for name in ("value", "low", "high")}
    for name, column in columns.items():
        column[chosen] = _numbers(name, getattr(change, name), chosen.size)
    now = replace(params, **columns)
    p = _follow(graph.p, graph.param, params.value, now.value, chosen)
    draw_p = _follow(graph.draws.p, graph.draws.param, params.value, now.value, chosen)
    draw_p[_rows("draw", change.draw, draw_p.size)] = _numbers("draw_p", change.draw_p, np.size(change.draw))
    both = {name: np.concatenate([getattr(graph.draws, name), getattr(change.draws, name)]) for name in
            ("key", "param", "epistemic")}  # fmt: skip
    return now, p, Shared(p=np.concatenate([draw_p, change.draws.p]), **both)


def _follow(p: Floats, param: Ints, before: Floats, after: Floats, chosen: Longs) -> Floats:
    """Chances under moved parameters: their odds change by as much as the odds of the parameter."""
    out = p.copy()
    rows = np.flatnonzero(np.isin(param, chosen) & (p > 0) & (p < 1))
    old, new, chance = before[param[rows]], after[param[rows]], p[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = new * (1 - old) / (old * (1 - new))
        moved = chance * factor / (1 - chance + chance * factor)
    moved = np.where((new >= 1) | ~np.isfinite(factor), np.where(new > old, 1.0, chance), moved)
    out[rows] = np.where(new == old, chance, np.where(chance == old, new, moved))
    return out


def _rows(name: str, given: Any, end: int) -> Longs:
    rows = np.asarray(given, np.int64).reshape(-1)
    if rows.size and (rows.min() < 0 or rows.max() >= end):
        raise UsageError(f"“{name}” names a row that is not there", hint=f"0 to {end - 1}")
    if np.unique(rows).size != rows.size:
        raise UsageError(f"“{name}” names a row twice")
    return rows


def _numbers(name: str, given: Any, count: int) -> Floats:
    numbers = np.asarray(given, np.float64).reshape(-1)
    if numbers.size != count or not ((numbers >= 0) & (numbers <= 1)).all():
        raise UsageError(f"“{name}” needs {count} probabilities", hint="0 to 1")
    return numbers

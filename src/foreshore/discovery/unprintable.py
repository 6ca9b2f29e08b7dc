"""The character with the number zero: no text means it, and stores stumble over it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

ZERO = "\0"


def without_zero(values: pa.Array) -> pa.Array:
    """Return the texts, lists or maps of texts without the character zero; those that hold none as they are."""
    if not any(_holds_zero(part) for part in _texts(values)):
        return values
    return pa.array([_freed(one) for one in values.to_pylist()], values.type)


def _texts(values: pa.Array) -> list[pa.Array]:
    kind = values.type
    if pa.types.is_string(kind):
        return [values]
    if pa.types.is_map(kind):
        return [values.keys, values.items]
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return [values.values]
    return []


def _holds_zero(texts: pa.Array) -> bool:
    # The bytes as they lie in memory: a look over all at once costs nothing beside reading the report.
    data = texts.buffers()[2]
    return data is not None and b"\0" in data.to_pybytes()


def _freed(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(ZERO, "")
    if isinstance(value, list | tuple):
        return type(value)(_freed(one) for one in value)
    return value

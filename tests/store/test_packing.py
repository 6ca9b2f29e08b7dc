"""What is packed comes back the same, or not at all."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from foreshore.store import packing


@dataclass(frozen=True)
class Thing:
    """A dataclass for the tests."""

    name: str
    numbers: Any
    parts: tuple[Any, ...] = ()


class Odd:
    """A class that is written as text."""

    def __init__(self, text: str) -> None:
        self.text = text


KINDS = packing.Kinds((Thing,), {Odd: packing.Word(lambda one: one.text, Odd)})
_plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.floats(allow_nan=False)
_arrays = arrays.arrays(
    st.sampled_from([np.bool_, np.int8, np.int32, np.int64, np.uint64, np.float64]),
    arrays.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=5),
)
_values = st.recursive(
    _plain | _arrays | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.builds(Thing, st.text(max_size=3), inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Are both of the same type and content?"""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, Thing):
        return same(vars(one), vars(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def back(value: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "value.graph"
        packing.write(path, value, KINDS, {"form": "1"})
        assert [one.name for one in Path(folder).iterdir()] == [path.name]
        return packing.read(path, KINDS, {"form": "1"})


@settings(deadline=None, max_examples=60)
@given(_values)
def test_values_come_back_the_same(value: Any) -> None:
    assert same(back({"value": value}), {"value": value})


def test_tables_long_lists_and_keys_of_several_parts_come_back() -> None:
    table = pa.table({"a": pa.chunked_array([[1, None], [3]]), "b": pa.array(["x", "y", "x"]).dictionary_encode()})
    found = back({
        "table": table, "empty": table.slice(0, 0), "column": table.column("a"), "names": tuple(map(str, range(50))),
        "ends": {(1, 2, "x"): 4, (1, 3, ""): 5}, "set": frozenset({3, 1}), "words": np.array(["yes", "no"]),
    })  # fmt: skip
    assert found["table"].equals(table.combine_chunks())
    assert found["empty"].num_rows == 0
    assert found["empty"].schema == table.schema
    assert found["column"].to_pylist() == [1, None, 3]
    assert found["names"] == tuple(map(str, range(50)))
    assert found["ends"] == {(1, 2, "x"): 4, (1, 3, ""): 5}
    assert found["set"] == {1, 3}
    assert found["words"].tolist() == ["yes", "no"]


def test_arrays_may_be_written_to(tmp_path: Path) -> None:
    found = back({"a": np.arange(3)})
    found["a"][0] = 7
    assert found["a"].tolist() == [7, 1, 2]


def test_a_class_by_its_text_and_a_moment() -> None:
    found = back({"odd": Odd("x"), "at": datetime(2026, 1, 2, 3, 4, 5, 6)})
    assert found["odd"].text == "x"
    assert found["at"] == datetime(2026, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("value", [object(), np.array([object()]), {"a": Path()}, pa.table({})])
def test_what_is_of_no_known_kind_is_refused_and_leaves_nothing(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError):
        packing.write(tmp_path / "a.graph", value, KINDS, {})
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_make_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.graph"
    packing.write(path, {"a": Thing("x", np.arange(4))}, KINDS, {"form": "1"})
    assert packing.read(path, KINDS, {"form": "1"}) is not None
    assert packing.read(path, KINDS, {"form": "2"}) is None
    assert packing.read(path, packing.Kinds(()), {"form": "1"}) is None
    assert packing.read(tmp_path / "b.graph", KINDS, {"form": "1"}) is None


def test_a_damaged_file_is_none_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.graph"
    packing.write(path, {"a": np.arange(400)}, KINDS, {"form": "1"})
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert packing.read(path, KINDS, {"form": "1"}) is None


def test_another_shape_of_a_class_has_another_digest() -> None:
    @dataclass(frozen=True)
    class Thing:
        name: str
        more: int

    assert packing.Kinds((Thing,)).shape != KINDS.shape

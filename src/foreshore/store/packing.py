"""Values of known kinds in one Arrow file: arrays, tables, and dataclasses made of them. Nothing of it is ever run.

The file is one row of lists, one column for each array or table, and a tree beside them (JSON, in the schema's
metadata) that says how they stood together. Classes are named, and only those that the reader knows are made.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foreshore.workspace import owner_mark

if TYPE_CHECKING:
    import pyarrow as pa

Node = Any  # what JSON can say
_MANY = 32  # texts from which they are a column of their own
_PLAIN = (str, int, float, bool, type(None))


class Word(NamedTuple):
    """How values of a class that is no dataclass are written as text, and made of it again."""

    write: Callable[[Any], str]
    make: Callable[[str], Any]


@dataclass(frozen=True)
class Kinds:
    """What may stand in a file: dataclasses, and other classes as text."""

    classes: tuple[type, ...]
    words: Mapping[type, Word] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, type]:
        """All classes by name."""
        return {one.__name__: one for one in (*self.classes, *self.words)}

    @property
    def shape(self) -> str:
        """Return a digest of the classes' fields: another one means that an older file is of another make."""
        told = [(one.__name__, [(each.name, str(each.type)) for each in fields(one)]) for one in self.classes]
        return hashlib.sha256(repr(sorted(told)).encode()).hexdigest()[:16]


def write(path: Path, value: Any, kinds: Kinds, about: Mapping[str, str]) -> None:
    """Write `value` to `path`, which appears whole or not at all; `about` is what `about_of` reads.

    Raises TypeError for a value of a kind that is not known, OSError when the disk refuses.
    """
    import pyarrow as pa

    packer = _Packer(kinds)
    told = {b"about": json.dumps(dict(about)).encode(), b"tree": json.dumps(packer.node(value)).encode()}
    names = [str(number) for number in range(len(packer.columns))]
    row = pa.record_batch([_listed(one) for one in packer.columns], names).replace_schema_metadata(told)
    beside = path.with_name(f".{path.name}{owner_mark()}")
    try:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.OSFile(str(beside), "wb") as sink, pa.ipc.new_file(sink, row.schema, options=options) as writer:
            writer.write_batch(row)
        beside.chmod(0o600)
        with beside.open("rb+") as stream:
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path, kinds: Kinds, about: Mapping[str, str]) -> Any:
    """Return what `write` wrote to `path`, None where there is nothing of that make or what is there is damaged.

    `about` is what was to be written with it: a file of another one is none.
    """
    import pyarrow as pa

    try:
        with pa.OSFile(str(path), "rb") as source, pa.ipc.open_file(source) as reader:
            told = reader.schema.metadata or {}
            if json.loads(told.get(b"about", b"{}")) != dict(about):
                return None
            return _Unpacker(kinds, reader.get_batch(0)).value(json.loads(told[b"tree"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # pa.ArrowInvalid is a ValueError
        return None


def _listed(values: Any) -> Any:
    """Return a column of one row: all values as a list."""
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


class _Packer:
    """Puts arrays and tables into columns, and says in a tree where they belong."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds, self.columns = kinds, list[Any]()
        self.names = {each: name for name, each in kinds.by_name.items()}

    def node(self, value: Any) -> Node:
        """Return the node of a value."""
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            return {"array": self._array(value), "shape": value.shape, "type": value.dtype.str}
        if isinstance(value, datetime):
            return {"moment": value.isoformat()}
        if type(value) in self.kinds.words:
            return {"word": self.names[type(value)], "as": self.kinds.words[type(value)].write(value)}
        if type(value) in self.names:
            return {"of": self.names[type(value)], "with": {
                one.name: self.node(getattr(value, one.name)) for one in fields(value)}}  # fmt: skip
        return self._several(value)

    def _several(self, value: Any) -> Node:
        import pyarrow as pa

        if isinstance(value, pa.Table):
            return {"table": self._table(value)}
        if isinstance(value, pa.ChunkedArray):
            return {"column": self._add(value.combine_chunks())}
        if isinstance(value, dict):
            return self._dict(value)
        name = next((one.__name__ for one in (tuple, list, frozenset) if isinstance(value, one)), None)
        if name is None or is_dataclass(value):
            raise TypeError(f"no value of {type(value).__name__} can be kept")
        members = sorted(value) if name == "frozenset" else value
        if len(members) >= _MANY and all(type(one) is str for one in members):
            return {"many": name, "texts": self._add(pa.array(members, pa.string()))}
        return {"many": name, "nodes": [self.node(one) for one in members]}

    def _dict(self, value: dict[Any, Any]) -> Node:
        import pyarrow as pa

        if not value or not all(isinstance(one, tuple) for one in value):
            return {"keys": [self.node(one) for one in value], "values": [self.node(one) for one in value.values()]}
        columns = {str(number): pa.array(list(one)) for number, one in enumerate(zip(*value, strict=True))}
        return {"tuples": self._table(pa.table(columns)), "values": self.node(np.array(list(value.values())))}

    def _array(self, value: np.ndarray[Any, Any]) -> int:
        import pyarrow as pa

        if value.dtype.kind not in "biufU":
            raise TypeError(f"no array of {value.dtype} can be kept")
        return self._add(pa.array(value.reshape(-1)))

    def _table(self, table: pa.Table) -> int:
        import pyarrow as pa

        whole = table.unify_dictionaries().combine_chunks()
        columns = [one.chunk(0) if one.num_chunks else pa.array([], one.type) for one in whole.columns]
        if not columns:
            raise TypeError("no table without columns can be kept")
        return self._add(
            pa.StructArray.from_arrays(columns, fields=[pa.field(one.name, one.type) for one in whole.schema])
        )

    def _add(self, values: Any) -> int:
        self.columns.append(values)
        return len(self.columns) - 1


class _Unpacker:
    """Makes values of a tree and its columns."""

    def __init__(self, kinds: Kinds, row: Any) -> None:
        self.kinds, self.row, self.names = kinds, row, kinds.by_name

    def value(self, node: Node) -> Any:
        """Return the value of a node; raises KeyError and the like for a tree of another make."""
        if isinstance(node, _PLAIN):
            return node
        if "of" in node:
            return self.names[node["of"]](**{name: self.value(one) for name, one in node["with"].items()})
        if "array" in node:
            values = self._values(node["array"]).to_numpy(zero_copy_only=False)
            return np.array(values, np.dtype(node["type"])).reshape(
                node["shape"]
            )  # a copy: arrays that may be written to
        if "word" in node:
            return self.kinds.words[self.names[node["word"]]].make(node["as"])
        if "moment" in node:
            return datetime.fromisoformat(node["moment"])
        return self._several(node)

    def _several(self, node: Node) -> Any:
        import pyarrow as pa

        if "table" in node:
            return pa.Table.from_struct_array(self._values(node["table"]))
        if "column" in node:
            return pa.chunked_array([self._values(node["column"])])
        if "many" in node:
            members = self._values(node["texts"]).to_pylist() if "texts" in node else map(self.value, node["nodes"])
            made: Callable[[Any], Sequence[Any]] = {"tuple": tuple, "list": list, "frozenset": frozenset}[node["many"]]
            return made(members)
        if "tuples" in node:
            columns = pa.Table.from_struct_array(self._values(node["tuples"])).columns
            return dict(zip(zip(*(one.to_pylist() for one in columns), strict=True),
                            self.value(node["values"]).tolist(), strict=True))  # fmt: skip
        return dict(zip(map(self.value, node["keys"]), map(self.value, node["values"]), strict=True))

    def _values(self, number: int) -> Any:
        return self.row.column(number).values

"""The serving file, kept open for pages: one read-only DuckDB for each process, a cursor for each request.

A page never queries the lake. When a cycle publishes a new file it is opened in place of the old one; when a
person decides something, what was decided since (`overlay`, a few rows) is laid anew over the same open file.
Requests under way finish on what they began with. What is counted over the whole file is counted once: the few
rows that were decided about since are taken out of the count as they were and put in as they are now.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore.errors import NothingToRead
from foreshore.query import lists
from foreshore.store import serving

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from foreshore.workspace import Workspace

_REMEMBERED = 512  # answers that are kept for one state of the shelf
_MADE = 64  # tables that are kept for one: many more than requests under way may hold
LAID = "{laid}"  # in a query of `counts`: the rows that are counted


class State(NamedTuple):
    """Of what the shelf was made: the serving file, and the last link of the decisions' audit chain."""

    file: str
    head: str


class _Kept:
    """Answers by question, the least used forgotten; safe to ask from several threads."""

    def __init__(self, most: int, forget: Callable[[Any], None] = lambda _: None) -> None:
        self._most, self._forget = most, forget
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        found = make()
        with self._lock:
            self._held[key] = found
            gone = [self._held.popitem(last=False)[1] for _ in range(len(self._held) - self._most)]
        for one in gone:
            self._forget(one)
        return found


class _File:
    """An open serving file, with what is known of it whatever anybody decides."""

    def __init__(self, workspace: Workspace, path: str) -> None:
        self.path = path
        self.connection: duckdb.DuckDBPyConnection = serving.connect(workspace)
        self.kept = _Kept(_REMEMBERED)
        self.made = _Kept(_MADE)
        self.numbers = itertools.count(1)
        held = self.connection.execute("select table_name from duckdb_tables() where database_name = 'serving'")
        if ("at_exposure",) not in held.fetchall():  # a file that an older version wrote
            self.connection.execute(
                "create view memory.main.at_exposure as select exposure, rank from serving.main.exposures"
            )


class Shelf:
    """An open serving file with what was decided since; rows of fixed queries with parameters.

    Tables are those of the file, and over them `laid` (exposures as decided now), `overlay` (what was decided),
    `before` and `after`: the exposures that were decided about, as the file has them and as they are now.
    """

    def __init__(self, workspace: Workspace, state: State, file: _File) -> None:
        self.workspace = workspace
        self.state = state
        self._file = file
        self._schema = f"memory.s{next(file.numbers)}"
        self._path = f"set search_path = 'serving.main,{self._schema},memory.main'"
        self._kept = _Kept(_REMEMBERED)
        self._made = _Kept(_MADE)
        self.decided_since = self._lay()
        weakref.finalize(self, _drop, file.connection, self._schema).atexit = False

    def _lay(self) -> int:
        cursor = self._file.connection.cursor()
        try:
            cursor.execute("use serving")
            lists.overlay(self.workspace, cursor)
            cursor.execute(f"create schema {self._schema}")
            cursor.execute(f"create table {self._schema}.overlay as from overlay")
            cursor.unregister("overlay")
            held = cursor.execute(f"select count(*) from {self._schema}.overlay").fetchone()
            decided = int(held[0]) if held else 0
            cursor.execute(self._path)
            cursor.execute(f"create view {self._schema}.laid as {lists.LAID if decided else 'select * from exposures'}")
            for name, of in (("before", "exposures"), ("after", "laid")):
                rows = f"select * from {of} where exposure in (select exposure from overlay)" if decided else f"from {of} limit 0"  # fmt: skip
                cursor.execute(f"create table {self._schema}.{name} as {rows}")
        finally:
            cursor.close()
        return decided

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query over the served tables, `laid` among them (exposures as decided now)."""
        cursor = self._file.connection.cursor()
        try:
            cursor.execute(self._path)
            found = cursor.execute(query, list(values))
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        finally:
            cursor.close()

    def table(self, query: str, values: Sequence[Any] = ()) -> pa.Table:
        """The same as `ask` as an Arrow table: for exports, a window at a time."""
        cursor = self._file.connection.cursor()
        try:
            cursor.execute(self._path)
            return cursor.execute(query, list(values)).to_arrow_table()
        finally:
            cursor.close()

    def remembered(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The same as `ask`, computed once for this state of the shelf: for charts and first pages."""
        return list(self._kept.get((query, repr(values)), lambda: self.ask(query, values)))

    def counts(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query that groups `{laid}` and counts each group as `n`; groups of none are left out.

        The whole file is counted once, not again after each decision. Rows come in no order.
        """
        key = (query, repr(values))
        whole = self._file.kept.get(key, lambda: self.ask(query.replace(LAID, "exposures"), values))
        if not self.decided_since:
            return list(whole)
        gone = self.remembered(query.replace(LAID, "before"), values)
        come = self.remembered(query.replace(LAID, "after"), values)
        counted: dict[tuple[Any, ...], int] = {}
        names = [name for name in (whole or come or [{}])[0] if name != "n"]
        for rows, sign in ((whole, 1), (gone, -1), (come, 1)):
            for row in rows:
                group = tuple(row[name] for name in names)
                counted[group] = counted.get(group, 0) + sign * row["n"]
        return [{**dict(zip(names, group, strict=True)), "n": n} for group, n in counted.items() if n]

    def made(self, body: str, values: Sequence[Any], *, of_file: bool = False) -> str:
        """Return the name of a table with the rows of `body`, made at the first call.

        With `of_file` it is kept for as long as the file is open, and must not read `laid`.
        """
        kept, schema = (self._file.made, "memory.main") if of_file else (self._made, self._schema)

        def make() -> _Table:
            table = _Table(self._file.connection, f"{schema}.made_{next(self._file.numbers)}")
            self.ask(f"create table {table.name} as {body}", values)
            return table

        return str(kept.get((body, repr(values)), make).name)


class _Table:
    """A table that is dropped when nobody holds it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self.name = name
        weakref.finalize(self, _drop, connection, name, "table").atexit = False


def _drop(connection: duckdb.DuckDBPyConnection, name: str, kind: str = "schema") -> None:
    import duckdb

    with suppress(duckdb.Error):  # the file may be closed by now
        connection.cursor().execute(f"drop {kind} if exists {name} cascade")


_open: dict[Path, Shelf] = {}
_opening = threading.Lock()


def of(workspace: Workspace) -> Shelf:
    """Return the shelf of the workspace, laid anew where it is out of date; raises NothingToRead before a cycle."""
    state = _state(workspace)
    held = _open.get(workspace.root)
    if held is not None and held.state == state:
        return held
    with _opening:
        held = _open.get(workspace.root)
        if held is None or held.state != state:
            # The old one is not closed here: requests may be reading it. It goes when the last of them lets go.
            same = held is not None and held.state.file == state.file
            file = held._file if held is not None and same else _File(workspace, state.file)
            _open[workspace.root] = held = Shelf(workspace, state, file)
    return held


def _state(workspace: Workspace) -> State:
    file = serving.current(workspace)
    if file is None:
        raise NothingToRead("no cycle has run yet", where=str(workspace.root), hint="start one")
    from foreshore import decisions

    with decisions.open(workspace) as opened:
        return State(str(file), opened.audit_head())

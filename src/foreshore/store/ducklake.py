"""The lake: pinned reads, one writer, appends that are whole or not there.

Sums that are reported must be taken over DECIMAL or integers (or in a fixed order): a sum of doubles
depends on how threads met, and the same question would get several answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from foreshore.errors import Conflict, UsageError, WorkspaceError
from foreshore.store import catalog, incoming, views
from foreshore.workspace import Workspace

OnWait = Callable[[str], None]


class Lake:
    """An opened lake, pinned to one version; see `foreshore.store.open_lake`.

    Every read sees exactly `version`, whatever others commit meanwhile. An own `append` moves the pin
    to what it committed, `refresh` to the newest. Not to be shared between threads.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        read_only: bool = False,
        version: int | None = None,
        on_wait: OnWait | None = None,
    ) -> None:
        self.workspace = workspace
        self.read_only = read_only
        self._on_wait = on_wait
        self._connection: catalog.Connection | None = None
        self._version = self._attached = -1
        self._views_of: object = None
        self._ibis: Any = None
        self._open(version)

    @property
    def version(self) -> int:
        """The version that reads see."""
        return self._version

    def sql(self, query: str, **arrow: pa.Table) -> pa.Table:
        """Run `query` over the views (see `store.views`) and the given Arrow tables, by their names.

        Returns an Arrow table. A given table hides a view of the same name for this query. Raises
        WorkspaceError when the files are damaged or the memory budget does not suffice.
        """
        with self._given(arrow) as connection:
            return connection.execute(query).to_arrow_table()

    def batches(self, query: str, rows: int = 100_000, **arrow: pa.Table) -> pa.RecordBatchReader:
        """Run `query` and return its rows as a stream of batches, without holding all of them.

        The stream has a connection of its own, so that the lake can be used meanwhile; it must be read
        before the lake is refreshed, appended to or closed.
        """
        connection = self._settled().cursor()
        for name, table in arrow.items():
            connection.register(name, table)
        return connection.execute(query).to_arrow_reader(rows)

    def table(self, name: str) -> Any:
        """Return the named table or view as an Ibis expression, valid while this lake is open."""
        settled = self._settled()
        if self._ibis is None:
            import ibis

            self._ibis = ibis.duckdb.from_connection(settled)
        return self._ibis.table(name)

    def run(self, expression: Any, **arrow: pa.Table) -> pa.Table:
        """Run an Ibis expression made from `table`, and return an Arrow table (Ibis' own needs pandas)."""
        import ibis

        return self.sql(str(ibis.to_sql(expression, dialect="duckdb")), **arrow)

    def jobs(self) -> pa.Table:
        """Return what was committed up to this version: job, tables, row_count, version, committed_at."""
        return self.sql("FROM jobs ORDER BY version")

    def append(
        self,
        batches: Mapping[str, pa.Table],
        *,
        job: str,
        expect: int | None = None,
        tables_read: Collection[str] | None = None,
        on_wait: OnWait | None = None,
    ) -> int:
        """Add rows to tables in one transaction under the writer lock, and return the version this made.

        A `job` that is in the lake already changes nothing and returns the version it made then: so
        any caller may try again after a crash. With `expect`, the version that was read, raises
        Conflict when another job has committed since (to one of `tables_read`, where given): read again
        and redo. Rows go by column name; missing columns are NULL (`known_at` and `generation`: see
        `store.incoming.insert`). Raises UsageError for unknown names, WorkspaceError for colliding keys.
        """
        if self.read_only:
            raise UsageError("this lake was opened for reading", hint="open it without read_only and version")
        if not job:
            raise UsageError("an append needs the id of its job")
        ready = incoming.prepare(batches)
        with self.workspace.lock(on_wait or self._on_wait):
            version = self._retried(lambda: self._commit(ready, job, expect, tables_read))
        self._version = max(version, self._version)  # the pin itself moves with the next read
        return version

    def refresh(self) -> int:
        """Pin the newest version and return it."""
        newest = self._newest()
        if newest != self._attached:
            self._pin(newest)
        return newest

    def maintain(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one maintenance statement on the attached writer; for `store.upkeep`."""
        if self.read_only:
            raise UsageError("this lake was opened for reading")
        return catalog.patiently(lambda: self._live().execute(statement).fetchall())

    def copy_to(self, statements: Collection[str], **arrow: pa.Table) -> None:
        """Run statements that copy from the views into a database they attach; for `store.serving`."""
        with self._given(arrow) as connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within this, all reads are one transaction: the catalogue is asked once and not by each of them.

        Not for an `append` or a `refresh`.
        """
        connection = self._settled()
        connection.execute("BEGIN")
        try:
            yield
        finally:
            catalog.roll_back(connection)

    def use(self, threads: int) -> None:
        """Answer with that many threads, of the budget's, until told otherwise."""
        self._live().execute(f"SET threads = {max(1, min(threads, self.workspace.threads))}")

    def close(self) -> None:
        """Close the connection; closing twice is fine."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._ibis = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, version: int | None) -> None:
        connection = self._connection = catalog.connect(self.workspace)
        try:
            if not catalog.path(self.workspace).exists():
                self._make(connection)
            elif not self.read_only:
                catalog.attach_writer(connection, self.workspace)
            self._pin(self._newest() if version is None else version)
        except BaseException:
            self.close()
            raise

    def _newest(self) -> int:
        live = self._live()
        return catalog.newest(live, self.workspace) if self.read_only else catalog.current(live)

    def _make(self, connection: catalog.Connection) -> None:
        with self.workspace.lock(self._on_wait):
            catalog.attach_writer(connection, self.workspace)
            catalog.migrate(connection)
        if self.read_only:
            connection.execute(f"DETACH {catalog.WRITER}")

    def _pin(self, version: int) -> None:
        connection = self._live()
        catalog.attach_reader(connection, self.workspace, version)
        present = catalog.columns(connection, catalog.READER)
        stored = catalog.schema_version(connection, catalog.READER, present)
        catalog.check_version(self.workspace, stored)
        if catalog.outdated(stored) and not self.read_only:
            with self.workspace.lock(self._on_wait):
                catalog.migrate(connection)
            return self._pin(catalog.current(connection))
        if present != self._views_of:
            views.create(connection, present)
            self._views_of = present
        self._version = self._attached = version
        return None

    def _settled(self) -> catalog.Connection:
        """The connection, with the pin at `version`; an own append cannot have changed any schema."""
        connection = self._live()
        if self._attached != self._version:
            catalog.attach_reader(connection, self.workspace, self._version)
            self._attached = self._version
        return connection

    def _live(self) -> catalog.Connection:
        if self._connection is None:
            raise UsageError("this lake is closed")
        return self._connection

    @contextmanager
    def _given(self, arrow: Mapping[str, pa.Table]) -> Iterator[catalog.Connection]:
        """The connection at `version`, with the given tables known by their names meanwhile."""
        connection = self._settled()
        for name, table in arrow.items():
            connection.register(name, table)
        try:
            yield connection
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise _unreadable(self.workspace, error) from error
        finally:
            for name in arrow:
                connection.unregister(name)

    def _retried(self, action: Callable[[], int]) -> int:
        """Commit, with a new connection after each failure: a failed one may hold on to the catalogue."""

        def attempt() -> int:
            if self._connection is None:
                self._open(self._version if self._version >= 0 else None)
            try:
                return action()
            except duckdb.Error:
                self._discard()
                raise

        try:
            return catalog.patiently(attempt)
        except duckdb.Error as error:
            self._open(self._version)
            raise WorkspaceError(
                f"the facts could not be written: {str(error).splitlines()[0]}",
                where=str(self.workspace.facts_dir),
                hint="free disk space and memory; nothing was changed",
            ) from error

    def _discard(self) -> None:
        self._views_of = None
        self.close()

    def _commit(self, ready: Mapping[str, pa.Table], job: str, expect: int | None, read: Collection[str] | None) -> int:
        connection = self._live()
        version = catalog.current(connection) + 1
        connection.execute("BEGIN")
        try:
            done = _done(connection, job)
            if done is None:
                _refuse_conflict(connection, expect, read)
                now = datetime.now(UTC).replace(tzinfo=None)
                rows = sum(
                    incoming.insert(connection, name, table, version=version, now=now) for name, table in ready.items()
                )
                connection.execute(
                    f"INSERT INTO {catalog.WRITER}.main.jobs VALUES (?, ?, ?, ?, ?)",
                    [job, sorted(ready), rows, version, now],
                )
            connection.execute("COMMIT")
        except BaseException:
            catalog.roll_back(connection)
            raise
        return version if done is None else done


def _done(connection: catalog.Connection, job: str) -> int | None:
    row = connection.execute(f"SELECT min(version) FROM {catalog.WRITER}.main.jobs WHERE job = ?", [job]).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _refuse_conflict(connection: catalog.Connection, expect: int | None, read: Collection[str] | None) -> None:
    if expect is None:
        return
    condition = "" if read is None else "AND list_has_any(tables, ?)"
    values = [expect] if read is None else [expect, sorted(read)]
    row = connection.execute(
        f"SELECT job FROM {catalog.WRITER}.main.jobs WHERE version > ? {condition} ORDER BY version LIMIT 1",
        values,
    ).fetchone()
    if row is not None:
        raise Conflict(f"the job {row[0]} has committed since version {expect}", hint="read again and redo the work")


def _unreadable(workspace: Workspace, error: duckdb.Error) -> WorkspaceError:
    short = str(error).splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return WorkspaceError(
            f"the memory budget of {workspace.memory} does not suffice: {short}",
            where=str(workspace.root),
            hint="a larger memory in foreshore.toml, section budget",
        )
    return WorkspaceError(
        f"the facts cannot be read: {short}",
        where=str(workspace.facts_dir),
        hint="a newer version where this one has expired; else a backup",
    )

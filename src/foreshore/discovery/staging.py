"""Where the rows of runs wait before they are settled: a scratch database that spills to disk."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from foreshore.workspace import Workspace

_TABLES = {
    "runs": """run BIGINT, read_key VARCHAR, digest VARCHAR, source VARCHAR, reader VARCHAR, reader_version
        INTEGER,
        tool VARCHAR, scanner VARCHAR, site VARCHAR, vantage VARCHAR, file VARCHAR, size BIGINT, observed_at
            TIMESTAMP,
        observed_text VARCHAR, zone_assumed BOOLEAN, coverage VARCHAR, coverage_text VARCHAR, findings BIGINT,
        ports BIGINT, assets BIGINT, relations BIGINT, skipped BIGINT""",
    "sightings": """run BIGINT, no INTEGER, kind VARCHAR, name VARCHAR, os VARCHAR, owner VARCHAR, internet
        VARCHAR,
        tags VARCHAR[], attributes MAP(VARCHAR, VARCHAR), authenticated BOOLEAN, observed_at TIMESTAMP,
            anchor VARCHAR""",
    "identifiers": "run BIGINT, no INTEGER, kind VARCHAR, value VARCHAR, observed_at TIMESTAMP",
    "ports": """run BIGINT, no INTEGER, port INTEGER, protocol VARCHAR, state VARCHAR, service VARCHAR,
        product VARCHAR,
        version VARCHAR, cpe VARCHAR, tls BOOLEAN, observed_at TIMESTAMP""",
    "findings": """run BIGINT, no INTEGER, rule VARCHAR, check_id BIGINT, title VARCHAR, severity TINYINT,
        kind VARCHAR,
        weaknesses VARCHAR[], names VARCHAR[], place_kind VARCHAR, place VARCHAR, component VARCHAR,
        component_name VARCHAR, version VARCHAR, fixed_version VARCHAR, fix VARCHAR, port INTEGER, protocol
            VARCHAR,
        url VARCHAR, path VARCHAR, line INTEGER, cvss_vector VARCHAR, cvss_score DOUBLE, proof TINYINT, word
            VARCHAR,
        evidence VARCHAR, instances INTEGER, first_seen TIMESTAMP, fixed_at TIMESTAMP, observed_at
            TIMESTAMP""",
    "checks": """run BIGINT, check_id BIGINT, rule VARCHAR, title VARCHAR, description VARCHAR, solution
        VARCHAR,
        links VARCHAR[], cwes INTEGER[]""",
    "relations": """run BIGINT, kind VARCHAR, source_kind VARCHAR, source VARCHAR, target_kind VARCHAR,
        target VARCHAR,
        ports VARCHAR, protocol VARCHAR, allowed BOOLEAN, position INTEGER, note VARCHAR, observed_at
            TIMESTAMP""",
    "controls": "run BIGINT, no INTEGER, kind VARCHAR, state VARCHAR, name VARCHAR, observed_at TIMESTAMP",
    "covered": "run BIGINT, no INTEGER, checks VARCHAR, floor TINYINT, authenticated BOOLEAN, places VARCHAR",
    "listed": "run BIGINT, no INTEGER, extent VARCHAR",
    "ended": "run BIGINT, no INTEGER, reason VARCHAR, observed_at TIMESTAMP",
    "check_sets": "run BIGINT, checks VARCHAR, rule VARCHAR",
    "skipped": "run BIGINT, place VARCHAR, why VARCHAR",
}


class Staging:
    """A scratch database with one table `st_NAME` for each kind of staged row; see `_TABLES`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.findings = 0
        self.runs = 0
        self.reviewing = False  # people's words are settled for their own sake, not only where sightings touch them
        connection.execute("SET TimeZone = 'UTC'")
        for name, columns in _TABLES.items():
            connection.execute(f"CREATE TABLE st_{name} ({columns})")

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """A new one within the workspace's budget."""
        return cls(workspace.connect())

    def take(self, name: str, table: pa.Table) -> None:
        """Add staged rows."""
        self.connection.register("incoming", table)
        listed = ", ".join(table.column_names)
        self.connection.execute(f"INSERT INTO st_{name} ({listed}) SELECT {listed} FROM incoming")
        self.connection.unregister("incoming")
        self.findings += table.num_rows if name == "findings" else 0

    def drop(self, run: int) -> None:
        """Remove everything of one run."""
        for name in _TABLES:
            self.connection.execute(f"DELETE FROM st_{name} WHERE run = ?", [run])

    def clear(self) -> None:
        """Remove everything."""
        for name in _TABLES:
            self.connection.execute(f"TRUNCATE st_{name}")
        self.findings = self.runs = 0
        self.reviewing = False

    def rows(self, query: str) -> pa.Table:
        """Run a query over the scratch tables."""
        return self.connection.execute(query).to_arrow_table()

    def hold(self, name: str, table: pa.Table) -> None:
        """Make `table` a scratch table called `name`."""
        self.connection.register("held_rows", table)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM held_rows")
        self.connection.unregister("held_rows")

    def make(self, name: str, query: str) -> None:
        """Make the result of `query` a scratch table called `name`."""
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")

    def value(self, query: str) -> Any:
        """The one value that `query` gives."""
        row = self.connection.execute(query).fetchone()
        return None if row is None else row[0]

    def use(self, threads: int) -> None:
        """Work with that many threads until told otherwise."""
        self.connection.execute(f"SET threads = {max(1, threads)}")

    def close(self) -> None:
        """Give the memory back."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

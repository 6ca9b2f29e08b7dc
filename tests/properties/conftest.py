"""A small lake in memory and generated worlds of records, for the laws of discovery.

The lake here has the real tables and is asked the real queries; only the storage below it is left
out, because a law needs hundreds of imports. `tests/discovery/test_importing.py` uses the real one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import duckdb
import pyarrow as pa
import pytest

from foreshore import facts, policy, tables
from foreshore.discovery import assets, settling, states
from foreshore.discovery.imported import ImportResult
from foreshore.discovery.importing import Importer, Origin
from foreshore.query import gone
from foreshore.store import views
from foreshore.workspace import Workspace

NOW = datetime(2027, 1, 1, tzinfo=UTC)
POLICY = policy.load()


class MemoryLake:
    """The lake's tables in one DuckDB database in memory."""

    def __init__(self) -> None:
        self.version = 0
        self._connection = duckdb.connect(config={"threads": "1"})
        for name, columns in tables.TABLES.items():
            listed = ", ".join(f"{one.name} {one.type}" for one in columns)
            self._connection.execute(f"CREATE TABLE {name} ({listed})")
        self._connection.execute(
            """CREATE VIEW exposure_events_now AS SELECT e.* FROM exposure_events e
            JOIN (SELECT exposure, max(generation) AS generation FROM exposure_events GROUP BY exposure)
            USING (exposure, generation)"""
        )
        for view, column, table in (
            ("asset_now", "asset", "asset_aliases"),
            ("exposure_now", "exposure", "exposure_aliases"),
        ):
            self._connection.execute(f"CREATE VIEW {view} AS {views.resolved(column, table)}")

    def sql(self, query: str, **arrow: pa.Table) -> pa.Table:
        for name, table in arrow.items():
            self._connection.register(name, table)
        found = self._connection.execute(query).to_arrow_table()
        for name in arrow:
            self._connection.unregister(name)
        return found

    def append(self, batches: Mapping[str, pa.Table], **_how: Any) -> int:
        self.version += 1
        moment = f"TIMESTAMP '2030-01-01' + INTERVAL {self.version} SECOND"
        for name, table in batches.items():
            known = {column: column for column in table.column_names}
            if "known_at" in tables.names(name):
                known["known_at"] = moment
            if "generation" in tables.names(name):
                known["generation"] = str(self.version)
            self._connection.register("given_rows", table)
            self._connection.execute(
                f"INSERT INTO {name} ({', '.join(known)}) SELECT {', '.join(known.values())} FROM given_rows"
            )
            self._connection.unregister("given_rows")
        return self.version

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        yield

    def use(self, threads: int) -> None:
        self._connection.execute(f"SET threads = {int(threads)}")

    def refresh(self) -> int:
        return self.version


class World:
    """A workspace into which runs are taken, and its state told without ids."""

    def __init__(self, workspace: Workspace) -> None:
        self.lake = MemoryLake()
        self.reviews: list[facts.AssetReview] = []
        self._workspace = workspace

    def take(
        self,
        *runs: tuple[str, Sequence[facts.Record], Origin],
        claims: Sequence[facts.Decision] = (),
        reviewed: str = "",
    ) -> ImportResult:
        """Take runs (name, records, origin) in one commit; `reviewed` settles `self.reviews` under that name."""
        importer = Importer(self._workspace, claims=claims, reviews=self.reviews, now=NOW, lake=cast(Any, self.lake))
        for name, records, origin in runs:
            importer.take(records, origin, file=name, digest=name)
        if reviewed:
            importer.review(reviewed)
        found = importer.finish()
        importer._staging.close()
        return found

    def canonical(self, table: str) -> dict[int, int]:
        rows = assets.latest_aliases(cast(Any, self.lake), table).to_pylist()
        return {row["old"]: row["new"] for row in rows}

    def parts(self) -> dict[int, frozenset[tuple[str, str]]]:
        """Canonical asset -> the sightings (run, name) that it was seen in."""
        alias = self.canonical("asset_aliases")
        parts: dict[int, set[tuple[str, str]]] = {}
        for row in self.rows("SELECT r.digest, s.name, s.asset FROM sightings s JOIN runs r USING (run)"):
            parts.setdefault(alias.get(row["asset"], row["asset"]), set()).add((row["digest"], row["name"]))
        return {asset: frozenset(held) for asset, held in parts.items()}

    def state(self) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
        """(sightings of the asset, weakness, place) -> events, for all exposures in force."""
        parts, alias = self.parts(), self.canonical("exposure_aliases")
        assert not set(alias) & set(alias.values()), "an alias leads to what is an alias itself"
        events: dict[int, list[tuple[Any, ...]]] = {}
        for row in self.rows("FROM exposure_events_now ORDER BY exposure, happened_at, kind"):
            told = (row["happened_at"], row["kind"], row["source"], row["reason"])
            events.setdefault(row["exposure"], []).append(told)
        found = {}
        for row in self.rows("FROM exposures"):
            if row["exposure"] not in alias:
                place = (row["place_kind"], row["place"])
                key = (parts[row["asset"]], row["weakness"], *place)
                assert key not in found, "one exposure stands twice"
                found[key] = events[row["exposure"]]
        return found

    def gone(self, as_of: datetime = NOW) -> dict[frozenset[tuple[str, str]], tuple[datetime, str]]:
        """Sightings of the asset -> when and why it is gone as of a moment."""
        parts = self.parts()
        rows = gone.gone(self.lake.sql, as_of, POLICY).to_pylist()
        return {parts[row["asset"]]: (row["gone_at"], row["why"]) for row in rows}

    def states_at(self, as_of: datetime = NOW) -> dict[tuple[Any, ...], str]:
        """(sightings of the asset, weakness, place) -> state at a moment, as a cycle would see it."""
        moment, parts = as_of.replace(tzinfo=None), self.parts()
        found = states.at(
            self.lake.sql, moment, rules=settling.from_policy(POLICY).rules,
            gone=gone.gone(self.lake.sql, moment, POLICY), returned=gone.returned(self.lake.sql, moment),
        )  # fmt: skip
        of = dict(zip(found.column("exposure").to_pylist(), found.column("state").to_pylist(), strict=True))
        alias = self.canonical("exposure_aliases")
        return {
            (parts[row["asset"]], row["weakness"], row["place_kind"], row["place"]): of[row["exposure"]]
            for row in self.rows("FROM exposures")
            if row["exposure"] not in alias and row["exposure"] in of
        }

    def now(self, as_of: datetime = NOW) -> dict[str, str]:
        """weakness -> state at a moment, where each weakness stands once."""
        return {str(key[1]): state for key, state in self.states_at(as_of).items()}

    def rows(self, query: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.lake.sql(query).to_pylist())

    def states(self) -> dict[str, str]:
        """weakness -> last event, where each weakness stands once."""
        return {str(key[1]): str(events[-1][1]) for key, events in self.state().items()}


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One workspace for all worlds: they only take its settings."""
    return Workspace.create(tmp_path_factory.mktemp("ws") / "w", seed=7)


@pytest.fixture
def world(workspace: Workspace) -> World:
    """An empty world."""
    return World(workspace)


@pytest.fixture(scope="session")
def new_world(workspace: Workspace) -> type[World]:
    """Makes empty worlds, for tests that need many."""

    class Fresh(World):
        def __init__(self) -> None:
            super().__init__(workspace)

    return cast("type[World]", Fresh)

"""Signals for tests without a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest

Ask = Callable[..., Any]


@pytest.fixture
def ask_of() -> Iterator[Callable[[list[tuple[Any, ...]]], Ask]]:
    """Return a function that takes rows (weakness, kind, value, text, source, model, day) and gives one that asks them."""
    import duckdb

    opened = []

    def made(rows: list[tuple[Any, ...]]) -> Ask:
        connection = duckdb.connect()
        opened.append(connection)
        from foreshore import tables

        for name in ("signals", "exposures"):
            columns = ", ".join(f"{one.name} {one.type}" for one in tables.TABLES[name])
            connection.execute(f"create table {name} ({columns})")
        full = [(*row[:6], _moment(row[6]), _moment(row[6]), f"feed-{number}") for number, row in enumerate(rows)]
        if full:
            connection.executemany("insert into signals values (?, ?, ?, ?, ?, ?, ?, ?, ?)", full)

        def ask(query: str, **given: Any) -> Any:
            for name, table in given.items():
                connection.register(name, table)
            return connection.execute(query).to_arrow_table()

        return ask

    yield made
    for connection in opened:
        connection.close()


def _moment(day: date | datetime) -> datetime:
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)

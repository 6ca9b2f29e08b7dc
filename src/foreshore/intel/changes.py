"""Which of a feed's signals are news: compared, by date, with all that is known already."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from foreshore.intel.rows import Wanted

# Signals of one point: the later replaces the earlier. Exploits add up instead, one by one, each
# version of CVSS is a point of its own, and of markers every date counts.
_POINT = """weakness, kind, source, CASE WHEN kind[:8] = 'exploit_' THEN text WHEN kind = 'cvss' THEN model
    WHEN weakness = '*' THEN CAST(observed_at AS VARCHAR) END"""
_COLUMNS = "weakness, kind, value, text, source, model, observed_at, feed"

_NEWS = f"""
CREATE OR REPLACE TEMP TABLE news AS
SELECT {_COLUMNS} FROM (
    SELECT *,
        lag(value) OVER w AS was_value, lag(text) OVER w AS was_text, lag(model) OVER w AS was_model,
        lag(weakness) OVER w IS NOT NULL AS had,
        bool_or(NOT fresh) OVER (PARTITION BY weakness, kind, source, observed_at, value, text, model)
            AS stored
    FROM (
        SELECT {_COLUMNS}, false AS fresh FROM known
            WHERE weakness IN (SELECT weakness FROM incoming) AND kind IN (SELECT kind FROM incoming)
        UNION ALL
        SELECT DISTINCT weakness, kind, value, text, source, model, observed_at, $digest, true
            FROM incoming WHERE observed_at IS NOT NULL
    ) WINDOW w AS (PARTITION BY {_POINT} ORDER BY observed_at, fresh, value, text, model)
) WHERE fresh AND NOT stored AND NOT (had AND was_value IS NOT DISTINCT FROM value
    AND was_text IS NOT DISTINCT FROM text AND was_model IS NOT DISTINCT FROM model)
"""

# A late, older file must not change what a newer one said when it repeated the value before: the
# newer file's word is written down now, at its own date.
_RESTORED = """
INSERT INTO news
SELECT n.weakness, n.kind, old.value, old.text, n.source, old.model, later.day, later.feed
FROM news n
ASOF JOIN (SELECT * FROM known WHERE kind = 'epss') old
    ON old.weakness = n.weakness AND old.source = n.source AND old.observed_at < n.observed_at
ASOF JOIN (SELECT observed_at AS day, feed FROM known WHERE weakness = '*' AND kind = 'feed:epss') later
    ON later.day > n.observed_at
WHERE n.kind = 'epss' AND NOT EXISTS (
    SELECT 1 FROM known k WHERE k.weakness = n.weakness AND k.kind = 'epss' AND k.source = n.source
        AND k.observed_at > n.observed_at AND k.observed_at <= later.day)
"""

# In a source that lists all it knows, what was there and is missing no longer holds.
_GONE = """
INSERT INTO news
SELECT weakness, kind, 0, '', source, '', $day, $digest FROM (
    SELECT weakness, kind, source, arg_max(value, observed_at) AS value FROM known
    WHERE kind IN (SELECT unnest($kinds)) AND observed_at <= $day GROUP BY ALL
) WHERE value > 0 AND (weakness, kind) NOT IN (SELECT (weakness, kind) FROM incoming)
    AND ($all OR weakness IN (SELECT weakness FROM wanted))
    AND $day > (SELECT coalesce(max(observed_at), TIMESTAMP '1970-01-01') FROM known
                WHERE weakness = '*' AND kind = 'feed:kev')
"""


class Known:
    """All signals known so far, in memory; `take` adds what a feed brings, `added` returns the news."""

    def __init__(self, signals: pa.Table) -> None:
        import duckdb

        self._connection = duckdb.connect(config={"threads": "2"})
        self._connection.register("stored", signals)
        self._connection.execute(f"CREATE TABLE known AS SELECT {_COLUMNS} FROM stored")
        self._connection.execute("CREATE TABLE added AS FROM known LIMIT 0")

    def take(self, table: pa.Table, digest: str, complete: tuple[str, ...], wanted: Wanted) -> int:
        """Add what is new in `table` (layout of `rows.SCHEMA`) and return how many signals that are."""
        connection = self._connection
        connection.register("incoming", table)
        connection.execute(_NEWS, {"digest": digest})
        connection.execute(_RESTORED)
        day = date_of(table)
        if complete and day is not None:
            connection.register("wanted", pa.table({"weakness": pa.array(sorted(wanted or ()), pa.string())}))
            connection.execute(_GONE, {"day": day, "digest": digest, "kinds": list(complete), "all": wanted is None})
        connection.execute(f"INSERT INTO known SELECT {_COLUMNS} FROM news")
        connection.execute(f"INSERT INTO added SELECT {_COLUMNS} FROM news")
        found = connection.sql("SELECT count(*) FROM news WHERE weakness <> '*'").fetchone()
        return int(found[0]) if found else 0

    def added(self) -> pa.Table:
        """Return all news so far, in a fixed order."""
        return self._connection.sql(f"SELECT {_COLUMNS} FROM added ORDER BY ALL").to_arrow_table()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def date_of(table: pa.Table) -> datetime | None:
    """Return the date of a feed's newest content, from its markers."""
    found = pc.max(table.filter(pc.equal(table["weakness"], "*"))["observed_at"]).as_py()
    return found if isinstance(found, datetime) else None


def markers(table: pa.Table) -> int:
    """Return how many rows of `table` are markers and not signals."""
    return int(pc.sum(pc.equal(table["weakness"], "*")).as_py() or 0)

"""Which of a feed's signals are news: compared, by date, with what is known already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc

from foreshore import scratch
from foreshore.intel.rows import SCHEMA, Wanted

if TYPE_CHECKING:
    import duckdb

    from foreshore.store.ducklake import Lake

# Signals of one point: the later replaces the earlier. Exploits add up instead, one by one, each
# version of CVSS is a point of its own, and of markers every date counts. What is said of several packages,
# products, references and techniques stands side by side; a later range of the same package replaces the earlier.
BY_TEXT = ("affected", "not_affected", "product", "reference", "tactic")
BY_TEXT_AND_MODEL = ("fixed_in", "technique")
# Dated by their own record, and taken back or replaced by words of other kinds: each date counts, also
# where the word is the same as the last. So it does not matter which record was read first.
RECORDS = (
    "affected", "not_affected", "fixed_in", "cvss", "cwe", "rejected", "ssvc_exploitation", "ssvc_automatable",
    "ssvc_impact", "kev", "exploited",
)  # fmt: skip


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_POINT = f"""weakness, kind, source, CASE WHEN kind[:8] = 'exploit_' THEN text WHEN kind = 'cvss' THEN model
    WHEN kind IN ({_listed(BY_TEXT)}) THEN text
    WHEN kind IN ({_listed(BY_TEXT_AND_MODEL)}) THEN concat_ws(chr(31), text, model)
    WHEN weakness = '*' THEN CAST(observed_at AS VARCHAR) END"""
_COLUMNS = "weakness, kind, value, text, source, model, observed_at, feed"
STORED = SCHEMA.append(pa.field("feed", pa.string()))

# What news has to be compared with: every word from the first day of what comes on, and before
# that day only the last word on each point.
_BASE = f"""
WITH near AS (SELECT {_COLUMNS} FROM signals s SEMI JOIN incoming_kinds USING (kind) $names)
SELECT * FROM near WHERE weakness = '*' OR observed_at >= $since
UNION ALL
SELECT last.weakness, last.kind, last.value, last.text, last.source, last.model, last.observed_at, last.feed FROM (
    SELECT arg_max(n, {{day: observed_at, value: value, text: text, model: model}}) AS last FROM near n
    WHERE weakness <> '*' AND observed_at < $since GROUP BY {_POINT})
"""

_NEWS = f"""
CREATE OR REPLACE TEMP TABLE news AS
WITH fresh AS (
    SELECT DISTINCT weakness, kind, value, text, source, model, observed_at FROM incoming i
    WHERE observed_at IS NOT NULL
), unseen AS (
    SELECT * FROM fresh f WHERE NOT EXISTS (
        SELECT 1 FROM known k WHERE k.weakness = f.weakness AND k.kind = f.kind AND k.source = f.source
            AND k.observed_at = f.observed_at AND k.value IS NOT DISTINCT FROM f.value
            AND k.text IS NOT DISTINCT FROM f.text AND k.model IS NOT DISTINCT FROM f.model)
), whole AS (
    SELECT observed_at FROM incoming WHERE weakness = '*' AND kind = 'feed:epss'
    UNION SELECT observed_at FROM known WHERE weakness = '*' AND kind = 'feed:epss'
)
SELECT {_COLUMNS} FROM (
    SELECT *,
        lag(value) OVER w AS was_value, lag(text) OVER w AS was_text, lag(model) OVER w AS was_model,
        lag(weakness) OVER w IS NOT NULL AS had
    FROM (
        SELECT {_COLUMNS}, false AS fresh FROM known k SEMI JOIN unseen USING (weakness, kind, source)
        UNION ALL
        SELECT weakness, kind, value, text, source, model, observed_at, $feed, true FROM unseen
    ) WINDOW w AS (PARTITION BY {_POINT} ORDER BY observed_at, fresh, value, text, model)
) WHERE fresh AND NOT (had AND was_value IS NOT DISTINCT FROM value
    AND was_text IS NOT DISTINCT FROM text AND was_model IS NOT DISTINCT FROM model
    AND kind NOT IN ({_listed(RECORDS)})
    -- A score that is repeated goes without saying only on a day of which all scores were read.
    AND (kind <> 'epss' OR observed_at IN (SELECT observed_at FROM whole)))
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

# A source that lists all it knows. On the day of a list exactly what it lists holds; between two lists an
# entry holds from its own date, which counts also where it is the very moment of a list without it. So the
# lists may be read in any order: whatever one brings, what held on the day of every other holds there still.
# The lack of an entry says something only where its weakness was asked for. What others said is theirs to take back.
_LISTS = """
CREATE OR REPLACE TEMP TABLE turned AS
WITH lists AS (
    SELECT observed_at AS day, min(feed) AS feed, bool_or(fresh) AS fresh FROM known
    WHERE weakness = '*' AND kind IN (SELECT kind FROM incoming WHERE weakness = '*') GROUP BY 1
), old AS (
    SELECT weakness, kind, source, observed_at, max(value) AS value FROM known
    WHERE kind IN (SELECT unnest($kinds)) AND source IN (SELECT source FROM incoming) AND weakness <> '*' GROUP BY ALL
), new AS (
    SELECT weakness, kind, source, observed_at, max(value) AS value FROM news
    WHERE kind IN (SELECT unnest($kinds)) AND weakness <> '*' GROUP BY ALL
), said AS (
    SELECT weakness, kind, source, observed_at, max(value) AS value FROM (FROM old UNION ALL FROM new) GROUP BY ALL
), subjects AS (
    SELECT weakness, kind, source, least(coalesce(min(since), $day), $day) AS since,
        $all_asked OR weakness IN (SELECT weakness FROM asked) AS asked_before
    FROM (SELECT weakness, kind, source, NULL AS since FROM old UNION ALL
        SELECT weakness, kind, source, observed_at FROM new)
    WHERE $all OR weakness IN (SELECT weakness FROM wanted) GROUP BY ALL
), others AS (
    SELECT s.*, l.day, l.feed, s.asked_before OR l.fresh AS was_asked FROM subjects s JOIN lists l ON l.day >= s.since
    WHERE l.day <= (SELECT coalesce(min(day), $day) FROM lists WHERE day > $day)
), held AS (
    SELECT o.weakness, o.kind, o.source, o.day, o.feed, coalesce(old.value, 0) AS value
    FROM others o ASOF LEFT JOIN old ON old.weakness = o.weakness AND old.kind = o.kind AND old.source = o.source
        AND o.day >= old.observed_at
    WHERE o.was_asked OR old.value > 0
    UNION ALL
    SELECT weakness, kind, source, $day, $feed, value FROM incoming
    WHERE kind IN (SELECT unnest($kinds)) AND value > 0
    UNION ALL
    SELECT weakness, kind, source, $day, $feed, 0 FROM subjects WHERE $day NOT IN (SELECT day FROM lists)
    UNION ALL
    SELECT s.weakness, s.kind, s.source, l.day, l.feed, s.value FROM said s
    JOIN (SELECT day, feed FROM lists UNION ALL SELECT $day, $feed) l ON l.day = s.observed_at
    WHERE s.value > 0
), followed AS (
    SELECT *, lag(day) OVER w AS last_day, lag(value) OVER w AS last_value FROM (
        -- Lists of the same moment say together what holds then.
        SELECT weakness, kind, source, day, min(h.feed) AS feed, max(value) AS value
        FROM held h SEMI JOIN subjects USING (weakness, kind, source) GROUP BY ALL
    ) WINDOW w AS (PARTITION BY weakness, kind, source ORDER BY day)
)
SELECT f.weakness, f.kind, f.value, f.source, f.day, f.feed
FROM followed f ASOF LEFT JOIN said s ON s.weakness = f.weakness AND s.kind = f.kind AND s.source = f.source
    AND f.day >= s.observed_at
WHERE (f.value > 0) <> (CASE WHEN s.observed_at > f.last_day OR f.last_day IS NULL THEN coalesce(s.value, 0)
        ELSE f.last_value END > 0)
"""
# What a file says itself is counted, and what no longer holds by it; not what other lists go on to say.
_COUNTED = """
SELECT count(*) + (SELECT count(*) FROM turned t WHERE t.day = $day
    AND NOT EXISTS (SELECT 1 FROM news n WHERE n.weakness = t.weakness AND n.kind = t.kind AND n.source = t.source))
FROM news WHERE weakness <> '*'
"""
# Of a list and an entry of the same moment the entry counts.
_OUTDONE = """
DELETE FROM known WHERE fresh AND value = 0 AND kind IN (SELECT unnest($kinds)) AND EXISTS (
    SELECT 1 FROM news n WHERE n.weakness = known.weakness AND n.kind = known.kind AND n.source = known.source
        AND n.observed_at = known.observed_at AND n.value > 0)
"""
_NOTHING_TURNED = """
CREATE OR REPLACE TEMP TABLE turned AS
SELECT weakness, kind, value, source, observed_at AS day, feed FROM news WHERE false
"""


class Known:
    """What is known already, in memory; `take` adds what a feed brings, `added` returns what was new.

    `signals` has the layout `STORED`. The connection (of the workspace's budget) is closed at the end. Its
    table `known` says with `fresh` what came since; files are numbers there, for their digests are long.
    """

    def __init__(self, signals: pa.Table, connection: duckdb.DuckDBPyConnection | None = None) -> None:

        self.connection = connection or scratch.connect(threads=2)
        self.connection.register("stored", signals)
        self.connection.execute(
            """CREATE TABLE digests AS
            SELECT (row_number() OVER ())::INTEGER AS number, feed AS digest FROM (SELECT DISTINCT feed FROM stored)"""
        )
        self.connection.execute(
            f"""CREATE TABLE known AS SELECT {_COLUMNS.replace("feed", "number AS feed")}, false AS fresh
            FROM stored LEFT JOIN digests ON digest = feed"""
        )
        self.connection.unregister("stored")

    def take(
        self, table: pa.Table, digest: str, complete: tuple[str, ...], wanted: Wanted, asked: Wanted = None
    ) -> int:
        """Add what is new in `table` (layout of `rows.SCHEMA`) and return how many signals that are.

        `complete` are the kinds of which it lists all there is, of the `wanted` weaknesses (None: of all); of
        those `asked` (None: all) the readings before this connection's were complete too.
        """
        connection = self.connection
        connection.register("incoming", table)
        feed = self._number(digest)
        connection.execute(_NEWS, {"feed": feed})
        if pc.any(pc.equal(table["kind"], "epss")).as_py():
            connection.execute(_RESTORED)
        day = date_of(table)
        connection.execute(_NOTHING_TURNED)
        if complete and day is not None:
            self._follow(day, feed, complete, wanted, asked)
        found = connection.execute(_COUNTED, {"day": day}).fetchone()
        connection.execute(f"INSERT INTO known SELECT {_COLUMNS}, true FROM news")
        connection.execute(
            "INSERT INTO known SELECT weakness, kind, value, '', source, '', day, feed, true FROM turned"
        )
        connection.execute("DROP TABLE news")
        connection.unregister("incoming")
        return int(found[0]) if found else 0

    def _follow(self, day: datetime, feed: int, complete: tuple[str, ...], wanted: Wanted, asked: Wanted) -> None:
        """Fill the table `turned` with what the list of `day` turns on its day and on those of other lists."""
        kinds = list(complete)
        for name, names in (("wanted", wanted), ("asked", asked)):
            self.connection.register(name, pa.table({"weakness": pa.array(sorted(names or ()), pa.string())}))
        every = {"all": wanted is None, "all_asked": asked is None}
        self.connection.execute(_LISTS, {"day": day, "feed": feed, "kinds": kinds, **every})
        self.connection.execute(_OUTDONE, {"kinds": kinds})

    def added(self) -> pa.Table:
        """Return all news so far, in a fixed order (layout `STORED`)."""
        return self.connection.sql(
            f"""SELECT {_COLUMNS.replace("feed", "digest AS feed")} FROM known JOIN digests ON number = feed
            WHERE fresh ORDER BY weakness, kind, observed_at, source, text, value, model"""
        ).to_arrow_table()

    def _number(self, digest: str) -> int:
        self.connection.execute(
            """INSERT INTO digests SELECT coalesce(max(number), 0) + 1, $digest FROM digests
            HAVING count(*) FILTER (digest = $digest) = 0""",
            {"digest": digest},
        )
        found = self.connection.execute("SELECT number FROM digests WHERE digest = ?", [digest]).fetchone()
        return int(found[0]) if found else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


def stored(lake: Lake, coming: Sequence[pa.Table], complete: tuple[str, ...], wanted: Wanted) -> pa.Table:
    """Return what `coming` has to be compared with: the lake's words of the same kinds, no older than needed."""
    kinds = {*complete, *(kind for table in coming for kind in pc.unique(table["kind"]).to_pylist())}
    kinds |= {"feed:epss"} if "epss" in kinds else set()  # of which days all scores are known
    days = [day for table in coming if (day := pc.min(table["observed_at"]).as_py()) is not None]
    given = {"incoming_kinds": pa.table({"kind": pa.array(sorted(kinds), pa.string())})}
    if wanted is not None:
        given["incoming_names"] = _names(coming, wanted)
    since = f"TIMESTAMP '{min(days).isoformat(sep=' ')}'" if days else "TIMESTAMP '1970-01-01'"
    names = "SEMI JOIN incoming_names USING (weakness)" if wanted is not None else ""
    return lake.sql(_BASE.replace("$names", names).replace("$since", since), **given)


def _names(coming: Sequence[pa.Table], wanted: frozenset[str]) -> pa.Table:
    """The names whose signals can matter: the wanted ones, and those that come whether wanted or not."""
    parts = [pa.array([*sorted(wanted), "*"], pa.string())]
    others = [pc.unique(table["weakness"]) for table in coming]
    return pa.table({"weakness": pc.unique(pa.chunked_array([*parts, *others]))})


def date_of(table: pa.Table) -> datetime | None:
    """Return the date of a feed's newest content, from its markers."""
    found = pc.max(table.filter(pc.equal(table["weakness"], "*"))["observed_at"]).as_py()
    return found if isinstance(found, datetime) else None


def newest(tables: Iterable[pa.Table]) -> datetime | None:
    """Return the newest date of several tables of one feed."""
    return max((day for table in tables if (day := date_of(table)) is not None), default=None)


def markers(table: pa.Table) -> int:
    """Return how many rows of `table` are markers and not signals."""
    return int(pc.sum(pc.equal(table["weakness"], "*")).as_py() or 0)

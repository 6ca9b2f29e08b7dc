"""Would this news change too much at once? What it moves among the weaknesses that are present, and the rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb

    from foreshore.intel.kept import FeedState
    from foreshore.policy import Policy

EXAMPLES = 10
# What a weakness is, by what is said of it: one row for each kind that decides what is done. Where nothing
# was said it is the lowest; EPSS counts by its band.
_LEVELS = """
SELECT weakness, kind, CASE
    WHEN kind = 'ssvc_exploitation' THEN CASE arg_max(text, observed_at) WHEN 'none' THEN 'no' ELSE
        arg_max(text, observed_at) END
    WHEN kind = 'epss' THEN CASE
        WHEN arg_max(value, observed_at) >= $high THEN 'highest band' WHEN arg_max(value, observed_at) >= $middle
        THEN 'upper band' WHEN arg_max(value, observed_at) >= $low THEN 'middle band' ELSE 'no' END
    WHEN bool_or(value > 0) THEN 'yes' ELSE 'no' END AS level
FROM (
    SELECT weakness, kind, source, max(observed_at) AS observed_at,
        arg_max(value, {day: observed_at, value: value}) AS value, arg_max(text, {day: observed_at, text: text}) AS text
    FROM known SEMI JOIN asked USING (weakness)
    WHERE $which AND (kind[:8] = 'exploit_'
        OR kind IN ('kev', 'exploited', 'ransomware', 'ssvc_exploitation', 'epss', 'rejected'))
    GROUP BY weakness, kind, source
) GROUP BY weakness, kind
"""
_MOVED = """
CREATE OR REPLACE TEMP TABLE moved AS
SELECT weakness, kind, coalesce(b.level, 'no') AS was, coalesce(a.level, 'no') AS becomes
FROM ($before) b FULL JOIN ($after) a USING (weakness, kind)
WHERE coalesce(b.level, 'no') <> coalesce(a.level, 'no')
"""


@dataclass(frozen=True)
class Verdict:
    """What news moves: `moved` of `present` weaknesses, by kind, with examples; `reasons` to hold it, or none."""

    moved: int
    present: int
    kinds: dict[str, int]
    examples: tuple[dict[str, Any], ...]
    weaknesses: pa.Table
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lists:
    """Of a feed that lists all it knows: how many entries its newest file has, and that file's date."""

    entries: int | None = None
    date: datetime | None = None


def judge(
    connection: duckdb.DuckDBPyConnection, asked: pa.Table, policy: Policy, was: FeedState, now: Lists
) -> Verdict:
    """Compare the table `known` without and with its fresh rows, for the weaknesses of `asked` (column `weakness`).

    `was` is what the feed's last complete list held, `now` what its newest one does. Where `asked` is empty
    (a feed that was never read, a workspace without exposures) nothing moves.
    """
    bands = {name: policy.number(f"intelligence.band.{name}").value for name in ("low", "middle", "high")}
    connection.register("asked", asked)
    levels = _LEVELS
    for name, value in bands.items():
        levels = levels.replace(f"${name}", repr(value))
    query = _MOVED.replace("$before", levels.replace("$which", "NOT fresh"))
    connection.execute(query.replace("$after", levels.replace("$which", "true")))
    weaknesses = connection.sql("SELECT DISTINCT weakness FROM moved ORDER BY 1").to_arrow_table()
    kinds = connection.sql("SELECT kind, count(*) AS n FROM moved GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    examples = connection.sql(
        f"SELECT weakness, kind, was, becomes FROM moved ORDER BY md5(weakness), kind LIMIT {EXAMPLES}"
    ).to_arrow_table()
    models = _models(connection)
    connection.unregister("asked")
    reasons = (
        *_too_many(len(weaknesses), len(asked), policy),
        *_shrinks(was, now, policy),
        *_another_model(models, len(weaknesses), policy),
    )
    return Verdict(
        len(weaknesses), len(asked), {kind: int(count) for kind, count in kinds},
        tuple(examples.to_pylist()), weaknesses, reasons,
    )  # fmt: skip


def _too_many(moved: int, present: int, policy: Policy) -> tuple[str, ...]:
    share, least, most = (policy.number(f"intelligence.flood.{name}").value for name in ("share", "least", "most"))
    if moved >= most or (moved >= least and moved > share * present):
        return (f"it would move {moved:,} of the {present:,} weaknesses that are present",)
    return ()


def _shrinks(was: FeedState, now: Lists, policy: Policy) -> tuple[str, ...]:
    """A list that got shorter; an older file than the one that was counted says nothing."""
    if was.entries is None or now.entries is None or now.date is None or was.entries_at is None:
        return ()
    lost = was.entries - now.entries
    share, least = (policy.number(f"intelligence.flood.shrinks_{name}").value for name in ("share", "least"))
    if now.date <= was.entries_at or lost < least or lost <= share * was.entries:
        return ()
    return (f"the list has shrunk from {was.entries:,} entries to {now.entries:,}",)


def _models(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """The models of the newest EPSS scores before and after."""
    found = [
        connection.sql(
            f"""SELECT coalesce(arg_max(model, observed_at), '') FROM known
            WHERE kind = 'epss' AND source = 'first-epss' AND {which}"""
        ).fetchone()
        for which in ("NOT fresh", "true")
    ]
    before, after = (str(one[0]) if one else "" for one in found)
    return before, after


def _another_model(models: tuple[str, str], moved: int, policy: Policy) -> tuple[str, ...]:
    before, after = models
    if not before or before == after or moved < policy.number("intelligence.flood.model_least").value:
        return ()
    return (f"EPSS comes from another model ({after} after {before}), and {moved:,} weaknesses change their band",)

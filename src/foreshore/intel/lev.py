"""LEV: a lower bound of the chance that a weakness has been exploited already (NIST CSWP 41, May 2025).

LEV(v, d0, dn) >= 1 - product over windows of (1 - EPSS(v, di) * weight(di)), with a window of 30 days beginning
on each di = d0, d0 + 30, ... up to dn, and weight = min(30, days left, dn included) / 30. d0 is the day of the
first EPSS score. It says what may have happened, never what will; it takes no part in the ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

Ask = Callable[..., pa.Table]
WINDOW = 30  # days that an EPSS score speaks of; part of LEV's definition

_QUERY = f"""
WITH scored AS (
    -- One score a day: of what was said again later, the latest word.
    SELECT s.weakness, observed_at::DATE AS day,
        arg_max(value, {{known: known_at, feed: feed}}) AS p, arg_max(model, {{known: known_at, feed: feed}}) AS model
    FROM signals s SEMI JOIN wanted_weaknesses USING (weakness)
    WHERE kind = 'epss' AND value IS NOT NULL AND observed_at <= TIMESTAMP '$as_of' GROUP BY 1, 2
),
first AS (SELECT weakness, min(day) AS d0 FROM scored GROUP BY 1),
windows AS (
    SELECT weakness, d0, (d0 + CAST(n AS INTEGER) * {WINDOW}) AS day,
        least({WINDOW}, date_diff('day', d0, DATE '$last') + 1 - n * {WINDOW}) / {WINDOW}.0 AS weight
    FROM first, unnest(generate_series(0, date_diff('day', d0, DATE '$last') // {WINDOW})) AS g(n)
),
filled AS (
    -- The score in force on the window's first day; one older than a window no longer speaks of it.
    SELECT w.weakness, w.d0, w.weight, CASE WHEN s.day > w.day - {WINDOW} THEN s.p END AS p,
        CASE WHEN s.day > w.day - {WINDOW} THEN s.day END AS used, CASE WHEN s.day > w.day - {WINDOW} THEN s.model END AS model
    FROM windows w ASOF LEFT JOIN scored s ON s.weakness = w.weakness AND s.day <= w.day
),
found AS (
    SELECT weakness, 1 - product(1 - coalesce(p, 0) * weight) AS lev, any_value(d0) AS first, count(*) AS windows,
        count(*) FILTER (p IS NULL) AS missing, max(used) AS newest,
        list_sort(list(DISTINCT model) FILTER (model <> '')) AS models
    FROM filled GROUP BY weakness
)
SELECT w.weakness, f.lev, f.first, DATE '$last' AS last, coalesce(f.windows, 0) AS windows,
    coalesce(f.missing, 0) AS missing, CASE WHEN f.windows > 0 THEN f.missing / f.windows END AS missing_share,
    f.newest, coalesce(f.models, []) AS models
FROM (SELECT DISTINCT weakness FROM wanted_weaknesses) w LEFT JOIN found f USING (weakness) ORDER BY w.weakness
"""


def windows(first: date, last: date) -> list[tuple[date, float]]:
    """Return the first day of each window from `first` to `last` (included) and its weight, 1/30 to 1."""
    days = (last - first).days + 1
    return [(first + timedelta(start), min(WINDOW, days - start) / WINDOW) for start in range(0, days, WINDOW)]


def lev(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Return LEV of one weakness: `scores` are EPSS (0..1) on each window's first day, `weights` the windows'."""
    left = 1.0
    for score, weight in zip(scores, weights, strict=True):
        left *= 1.0 - score * weight
    return 1.0 - left


def lev_at(ask: Ask, as_of: datetime, weaknesses: pa.Table) -> pa.Table:
    """Return LEV of each weakness (column `weakness`) as of a moment, one row each, ordered by name.

    Columns: lev (0..1; NULL: EPSS never scored it), first (d0) and last day, windows, missing (windows on
    whose first day no score of the 30 days before is known: they count as 0, so that LEV stays a lower bound),
    missing_share, newest (day of the newest score used), models (versions of EPSS that were compounded).
    """
    when = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    query = _QUERY.replace("$as_of", when.isoformat(sep=" ")).replace("$last", f"{when:%Y-%m-%d}")
    return ask(query, wanted_weaknesses=weaknesses.select(["weakness"]))


def composite(epss: float | None, kev: bool | None, found: float | None) -> float | None:
    """Return NIST's composite probability: the greatest of EPSS, KEV (1 or 0) and LEV; None where nothing is known."""
    known = [one for one in (epss, None if kev is None else float(kev), found) if one is not None]
    return max(known, default=None)


def expected_exploited(found: Iterable[float | None]) -> tuple[float, int]:
    """Return (how many of them at least were exploited: the sum of LEV, of how many with a LEV)."""
    known = [one for one in found if one is not None]
    return sum(known), len(known)

"""LEV: a lower bound of the chance that a weakness has been exploited already (NIST CSWP 41, May 2025).

LEV(v, d0, dn) >= 1 - product over windows of (1 - EPSS(v, di) * weight(di)), with a window of 30 days beginning
on each di = d0, d0 + 30, ... up to dn, and weight = min(30, days left, dn included) / 30. d0 is the day of the
first EPSS score. It says what may have happened, never what will; it takes no part in the ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

Ask = Callable[..., pa.Table]
WINDOW = 30  # days that an EPSS score speaks of; part of LEV's definition

# Of what was said of a day again later, the latest word counts: sorted out by numbers, which is quicker.
_SCORES = """
WITH feeds AS (
    SELECT feed, row_number() OVER (ORDER BY feed) AS number FROM (SELECT DISTINCT feed FROM signals WHERE kind = 'epss')
)
SELECT w.number, date_diff('day', DATE '1970-01-01', observed_at::DATE)::BIGINT AS day,
    coalesce(epoch_us(known_at), 0) AS known, coalesce(f.number, 0) AS feed, value AS p, model
FROM signals s JOIN numbered_weaknesses w ON w.weakness = s.weakness LEFT JOIN feeds f ON f.feed = s.feed
WHERE kind = 'epss' AND value IS NOT NULL AND observed_at <= TIMESTAMP '$as_of'
"""
_EPOCH = date(1970, 1, 1)


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
    import numpy as np

    when = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    names = sorted(set(weaknesses.column("weakness").to_pylist()) - {None})
    numbered = pa.table({"number": pa.array(np.arange(len(names))), "weakness": pa.array(names, pa.string())})
    scores = _one_a_day(ask(_SCORES.replace("$as_of", when.isoformat(sep=" ")), numbered_weaknesses=numbered))
    last = when.date()
    found = _compounded(scores, len(names), (last - _EPOCH).days)
    models = _models(scores, found.pop("used"), len(names))
    return pa.table({
        "weakness": numbered.column("weakness"), **found, "last": pa.array([last] * len(names), pa.date32()),
        "models": models,
    }).select(_COLUMNS)  # fmt: skip


_COLUMNS = ["weakness", "lev", "first", "last", "windows", "missing", "missing_share", "newest", "models"]


def _one_a_day(said: pa.Table) -> pa.Table:
    """Return the latest word on each number and day, in their order."""
    import numpy as np

    number, day, known, feed = (said.column(name).to_numpy() for name in ("number", "day", "known", "feed"))
    order = np.lexsort((feed, known, day, number))
    number, day = number[order], day[order]
    last = np.append((number[1:] != number[:-1]) | (day[1:] != day[:-1]), True)[: len(order)]
    return said.take(pa.array(order[last]))


def _compounded(scores: pa.Table, count: int, last: int) -> dict[str, Any]:
    """Return the columns of `lev_at` that numbers give, by number of the weakness; `used` marks the rows of `scores`
    that a window used. `scores` are ordered by number and day (since 1970-01-01), one for each day; `last` is a day.
    """
    import numpy as np

    number, day = (scores.column(name).to_numpy().astype(np.int64) for name in ("number", "day"))
    p = scores.column("p").to_numpy()
    known, at = np.unique(number, return_index=True)
    first = day[at]
    many = (last - first) // WINDOW + 1
    which = np.repeat(np.arange(len(known)), many)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(many) - many, many)
    start = first[which] + nth * WINDOW
    weight = np.minimum(WINDOW, last + 1 - start) / WINDOW
    # Scores are in order of (number, day), so one search finds the score in force on each window's first day.
    span = last + 2
    row = np.searchsorted(number * span + day, known[which] * span + start, side="right") - 1
    # One older than a window no longer speaks of it.
    speaks = day[row] > start - WINDOW
    left = 1.0 - np.where(speaks, p[row], 0.0) * weight
    begins = np.flatnonzero(nth == 0)
    lev_of = 1.0 - np.multiply.reduceat(left, begins) if len(begins) else np.zeros(0)
    missing = np.add.reduceat((~speaks).astype(np.int64), begins) if len(begins) else np.zeros(0, np.int64)
    newest = np.maximum.reduceat(np.where(speaks, day[row], -1), begins) if len(begins) else np.zeros(0, np.int64)
    whole = {name: _spread(values, known, count) for name, values in (
        ("lev", lev_of), ("first", first), ("windows", many), ("missing", missing), ("newest", newest))}  # fmt: skip
    windows, gaps = (np.nan_to_num(whole[name]).astype(np.int64) for name in ("windows", "missing"))
    with np.errstate(invalid="ignore"):
        share = np.where(windows > 0, gaps / np.maximum(windows, 1), np.nan)
    nothing = {
        name: pa.array(values, from_pandas=True) for name, values in (("lev", whole["lev"]), ("missing_share", share))
    }
    days = {name: _days(whole[name]) for name in ("first", "newest")}
    used = np.unique(row[speaks])
    return {**nothing, **days, "windows": pa.array(windows), "missing": pa.array(gaps), "used": used}


def _models(scores: pa.Table, used: Any, count: int) -> pa.Array:
    """Return the distinct models of the used scores of each weakness, sorted."""
    rows = scores.select(["number", "model"]).take(pa.array(used)).group_by(["number", "model"]).aggregate([])
    found: list[list[str]] = [[] for _ in range(count)]
    for number, model in zip(rows.column("number").to_pylist(), rows.column("model").to_pylist(), strict=True):
        if model:
            found[number].append(model)
    return pa.array([sorted(one) for one in found], pa.list_(pa.string()))


def _spread(values: Any, known: Any, count: int) -> Any:
    """Return `values` of the `known` numbers as floats for all, NaN where nothing is known."""
    import numpy as np

    found = np.full(count, np.nan)
    found[known] = values
    return found


def _days(values: Any) -> pa.Array:
    """Return days since 1970-01-01 as dates, NULL for NaN and for less than 0."""
    import numpy as np

    return pa.array(np.nan_to_num(values, nan=-1.0).astype(np.int32), pa.int32(), mask=~(values >= 0)).cast(pa.date32())


def composite(epss: float | None, kev: bool | None, found: float | None) -> float | None:
    """Return NIST's composite probability: the greatest of EPSS, KEV (1 or 0) and LEV; None where nothing is known."""
    known = [one for one in (epss, None if kev is None else float(kev), found) if one is not None]
    return max(known, default=None)

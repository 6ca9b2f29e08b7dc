"""Past days, and who stood on the list each day: only what was known then, and no sample that knew better.

Three things can betray the future although no later fact is read. A file collected later may hold just
those weaknesses that became news (*selected records*). A panel of scores kept for weaknesses that were
attacked has fresh scores for them alone (*partial days*). And a truth that ends before the horizon does
calls a late arrival a miss. All three are closed here, by counting and not by hope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore.errors import NothingToRead

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake

Ask = Callable[..., "pa.Table"]
Bools = NDArray[np.bool_]
_NEVER = np.datetime64("9999-01-01", "us")
PLACINGS = ("auto", "rolling", "snapshots")
AMONG = ("published", "scored")


@dataclass(frozen=True)
class Design:
    """What is compared: the days, the horizon, and who stands on the list.

    `placing` rolling puts a day every `every` days; snapshots on the days with scores of all weaknesses;
    auto takes the second where the first would rank by old scores. `among` published takes weaknesses
    with a dated record, scored those with an EPSS score. `records` names the sources whose records
    count (none: all). `present` keeps those that reports had found by then; `learned` counts a fact
    only from the day on which this workspace read it.
    """

    first: date
    last: date
    horizon: int
    every: int
    placing: str = "auto"
    among: str = "published"
    records: tuple[str, ...] = ()
    present: bool = False
    learned: bool = False


@dataclass(frozen=True)
class Origin:
    """One past day: the list as of its end, what came true within the horizon, and who was left out.

    `members` are places in `Past.names`. `left_out` counts weaknesses not on the list by reason,
    `missed` the same for those added to KEV within the horizon.
    """

    day: date
    until: date
    epss_day: date | None
    epss_model: str
    members: NDArray[np.int32]
    truth: Bools
    left_out: dict[str, int]
    missed: dict[str, int]
    trusted: dict[str, Bools]  # by source of records: whose of all weaknesses hindsight cannot have chosen

    @property
    def moment(self) -> datetime:
        """The end of the day: what was known then counts."""
        return end_of(self.day)


@dataclass
class Past:
    """The dates of every weakness, read once: publication by source, addition to KEV, first score."""

    names: pa.Array
    years: NDArray[np.int32]
    kev: NDArray[np.datetime64]
    dated: dict[str, NDArray[np.datetime64]]  # by source: publication
    brought: dict[str, NDArray[np.datetime64]]  # by source: newest content of the file that said so
    scored: NDArray[np.datetime64]
    epss_days: list[tuple[date, str]]  # days with scores of all, and their model
    truth_until: date
    seen: NDArray[np.datetime64] = field(default_factory=lambda: np.zeros(0, "datetime64[us]"))


def end_of(day: date) -> datetime:
    """Return the last moment of `day` in UTC, without zone."""
    return datetime.combine(day, time.max)


_NAMES = "SELECT DISTINCT weakness FROM signals WHERE weakness LIKE 'CVE-%' ORDER BY 1"
# Dates by weakness. $clock is the observed date, or the later of it and the day we learned it.
_DATED = """
    WITH files AS (SELECT feed, max(observed_at) AS newest FROM signals WHERE weakness = '*' GROUP BY 1)
    SELECT weakness, source, min($clock) AS day, min(coalesce(newest, known_at)) AS brought
    FROM signals s LEFT JOIN files USING (feed) WHERE kind = 'published' AND weakness LIKE 'CVE-%'
    GROUP BY 1, 2 ORDER BY 2, 1
"""
_KEV = "SELECT weakness, min(observed_at) AS day FROM signals WHERE kind = 'kev' AND value > 0 GROUP BY 1"
_SCORED = "SELECT weakness, min($clock) AS day FROM signals s WHERE kind = 'epss' GROUP BY 1"
# A daily file says its model in its mark; a panel of many days cannot.
_EPSS_DAYS = """
    SELECT observed_at::DATE AS day, arg_max(model, known_at) AS model FROM signals
    WHERE weakness = '*' AND kind = 'feed:epss' AND model <> '' GROUP BY 1 ORDER BY 1
"""
_KEV_UNTIL = "SELECT max(observed_at)::DATE AS day FROM signals WHERE weakness = '*' AND kind = 'feed:kev'"
_SEEN = """
    SELECT weakness, min(observed_at) AS day
    FROM (SELECT unnest(weaknesses) AS weakness, observed_at FROM findings) WHERE weakness LIKE 'CVE-%' GROUP BY 1
"""
# Which source of records each file is of: its rows say more than when something was published.
_FILES = """
    SELECT DISTINCT feed, source AS record FROM signals
    WHERE source IN (SELECT source FROM signals WHERE kind = 'published') AND (kind = 'published' OR weakness = '*')
"""
# What could be known that day. Of EPSS the newest day with scores of all, for everyone alike; of records
# those that hindsight cannot have chosen; beside the list also what was in KEV, whose past is known.
_WORLD = """
    SELECT s.* FROM signals s LEFT JOIN files f ON f.feed = s.feed
    WHERE $clock <= TIMESTAMP '$now' AND s.kind <> 'epss' AND (
        NOT starts_with(s.weakness, 'CVE-')
        OR s.weakness IN (SELECT weakness FROM looked_at)
            AND (f.record IS NULL OR (s.weakness, f.record) IN (SELECT (weakness, record) FROM trusted)))
    UNION ALL BY NAME
    SELECT * REPLACE (TIMESTAMP '$epss'::DATE::TIMESTAMP AS observed_at) FROM signals s
    WHERE kind = 'epss' AND observed_at <= TIMESTAMP '$epss' AND $clock <= TIMESTAMP '$now'
        AND weakness IN (SELECT weakness FROM looked_at)
    QUALIFY row_number() OVER (PARTITION BY weakness, source
        ORDER BY s.observed_at DESC, known_at DESC, feed, value) = 1
"""


def read(lake: Lake, design: Design) -> Past:
    """Read the dates of all weaknesses. Raises NothingToRead without KEV or any record."""
    names = lake.sql(_NAMES)["weakness"].combine_chunks()
    until = lake.sql(_KEV_UNTIL)["day"][0].as_py()
    if until is None or not len(names):
        raise NothingToRead(
            "no catalogue of known exploited weaknesses was read: nothing says what came true",
            hint="foreshore intel update --all",
        )
    clock = _clock(design)
    dated = lake.sql(_DATED.replace("$clock", clock))
    sources = sorted(set(dated["source"].to_pylist()))
    by_source = {one: dated.filter(np.array(dated["source"].to_pylist()) == one) for one in sources}
    return Past(
        names=names,
        years=np.array([int(name[4:8]) for name in names.to_pylist()], np.int32),
        kev=_dates(names, lake.sql(_KEV)),
        dated={one: _dates(names, table) for one, table in by_source.items()},
        brought={one: _dates(names, table, "brought") for one, table in by_source.items()},
        scored=_dates(names, lake.sql(_SCORED.replace("$clock", clock))),
        epss_days=[(row["day"], row["model"]) for row in lake.sql(_EPSS_DAYS).to_pylist()],
        truth_until=until,
        seen=_dates(names, lake.sql(_SEEN)) if design.present else np.zeros(0, "datetime64[us]"),
    )


def days(past: Past, design: Design, fresh: float) -> tuple[list[date], str]:
    """Return the days to rank on, and in words how they were placed.

    A day whose horizon ends after the catalogue does is left out. `fresh` is how many days old a score
    of all weaknesses may be. Raises NothingToRead when no day is left.
    """
    last = min(design.last, past.truth_until - timedelta(days=design.horizon))
    rolling = [design.first + timedelta(days=count) for count in range(0, (last - design.first).days + 1, design.every)]
    full = [day for day, _ in past.epss_days]
    snapshots: list[date] = []
    for day in full:
        at = max(day, design.first)
        if (at - day).days <= fresh and at <= last and (not snapshots or (at - snapshots[-1]).days >= design.every):
            snapshots.append(at)
    old = [one for one in rolling if _age(full, one) is None or (_age(full, one) or 0) > fresh]
    placed = design.placing
    if placed == "auto":
        placed = "snapshots" if snapshots and old else "rolling"
    chosen, words = (
        (snapshots, "on days with EPSS scores of all weaknesses")
        if placed == "snapshots"
        else (rolling, f"every {design.every} days")
    )
    if not chosen:
        raise NothingToRead(
            f"no day between {design.first} and {design.last} can be judged: the catalogue of known exploited "
            f"weaknesses ends on {past.truth_until}, and the horizon is {design.horizon} days",
            hint="earlier days, a shorter --horizon, or foreshore intel update",
        )
    return chosen, words


def origin(past: Past, design: Design, day: date, complete: float) -> Origin:
    """Return the list of `day` and what came true; `complete` is the share from which records are no selection."""
    now, until = np.datetime64(end_of(day), "us"), day + timedelta(days=design.horizon)
    epss = next((pair for pair in reversed(past.epss_days) if pair[0] <= day), None)
    in_kev = past.kev <= now
    came = (past.kev > now) & (past.kev <= np.datetime64(end_of(until), "us"))
    scored = past.scored <= np.datetime64(end_of(epss[0]), "us") if epss else np.zeros(len(in_kev), bool)
    known, by_then, trusted = _recorded(past, design, day, scored, complete)
    seen = past.seen <= now if design.present else np.ones(len(in_kev), bool)
    by_record = design.among == "published"
    # The first reason that applies is the one counted.
    reasons = {
        "already in KEV": in_kev,
        "not found here by then": ~seen,
        "published after that day": ~by_then & known & ~scored,
        "publication unknown": ~known & ~scored,
        "no record dates it by then": scored & ~by_then & by_record,
        "not scored by EPSS by then": ~scored & (not by_record),
        "its records are a selection": by_then & ~_any(trusted, len(in_kev)) & by_record,
    }
    left = np.zeros(len(in_kev), bool)
    left_out, missed = {}, {}
    for reason, applies in reasons.items():
        fresh = applies & ~left
        left_out[reason], missed[reason] = int(fresh.sum()), int((fresh & came).sum())
        left |= fresh
    members = np.flatnonzero(~left).astype(np.int32)
    return Origin(day, until, epss[0] if epss else None, epss[1] if epss else "", members, came[members],
                  left_out, missed, trusted)  # fmt: skip


def world(lake: Lake, past: Past, design: Design, one: Origin) -> tuple[Ask, pa.Table]:
    """Return a way to ask a lake whose `signals` end with that day, and the table of those on the list."""
    import pyarrow as pa

    listed = pa.table({"weakness": past.names.take(pa.array(one.members))})
    in_kev = np.flatnonzero(past.kev <= np.datetime64(one.moment, "us"))
    looked_at = np.union1d(one.members, in_kev)
    pairs = [(source, np.intersect1d(looked_at, np.flatnonzero(whose))) for source, whose in one.trusted.items()]
    query = (
        _WORLD.replace("$clock", _clock(design))
        .replace("$now", one.moment.isoformat(sep=" "))
        .replace("$epss", end_of(one.epss_day or date.min).isoformat(sep=" "))
    )
    found = lake.sql(
        query,
        files=lake.sql(_FILES),
        looked_at=pa.table({"weakness": past.names.take(pa.array(looked_at))}),
        trusted=pa.table({
            "weakness": pa.concat_arrays([past.names.take(pa.array(whose)) for _, whose in pairs] or [past.names[:0]]),
            "record": pa.array([source for source, whose in pairs for _ in whose], pa.string()),
        }),
    )  # fmt: skip
    return partial(lake.sql, signals=found), listed


def _recorded(
    past: Past, design: Design, day: date, scored: Bools, complete: float
) -> tuple[Bools, Bools, dict[str, Bools]]:
    """Whom any counting source dates at all, whom by that day, and whose records hindsight cannot have chosen.

    It cannot where the file itself was of that day or before, or where the source dates the share
    `complete` of those of a CVE year that EPSS had scored by then. Where nothing of a year is scored
    nothing can be compared, and its records are trusted.
    """
    now = np.datetime64(end_of(day), "us")
    known, by_then = (np.zeros(len(past.names), bool) for _ in range(2))
    trusted = {}
    for one, published in past.dated.items():
        if not design.records or one in design.records:
            dated = published <= now
            known |= published < _NEVER
            by_then |= dated
            trusted[one] = dated & ((past.brought[one] <= now) | _complete(past.years, dated, scored, complete))
    return known, by_then, trusted


def _any(masks: dict[str, Bools], size: int) -> Bools:
    found = np.zeros(size, bool)
    for mask in masks.values():
        found |= mask
    return found


def _complete(years: NDArray[np.int32], dated: Bools, scored: Bools, least: float) -> Bools:
    if not scored.any():
        return np.ones(len(years), bool)
    size = int(years.max()) + 1
    all_of = np.bincount(years[scored], minlength=size)
    with_record = np.bincount(years[scored & dated], minlength=size)
    enough = with_record >= least * all_of
    result: Bools = enough[years]
    return result


def _age(full: Sequence[date], day: date) -> int | None:
    return min(((day - one).days for one in full if one <= day), default=None)


def _clock(design: Design) -> str:
    return "greatest(s.observed_at, s.known_at)" if design.learned else "s.observed_at"


def _dates(names: pa.Array, table: pa.Table, column: str = "day") -> NDArray[np.datetime64]:
    """Return the dates of `table` in the order of `names`; far in the future where there is none."""
    import pyarrow.compute as pc

    places: Any = pc.index_in(table["weakness"], value_set=names).to_numpy(zero_copy_only=False).astype(np.float64)
    values = table[column].cast("timestamp[us]").to_numpy().astype("datetime64[us]")
    found = np.full(len(names), _NEVER)
    there = ~np.isnan(places) & ~np.isnat(values)
    found[places[there].astype(np.int64)] = values[there]
    return found


def selected(past: Past, design: Design, found: Sequence[Origin], factor: float, least: float) -> list[dict[str, Any]]:
    """Return the sources whose records look chosen with hindsight: `source`, `count`, `came_true`, `factor`.

    Of the weaknesses that a source alone dates, `factor` times as many came true as of the others, and
    at least `least` did.
    """
    listed, came = (np.zeros(len(past.names), bool) for _ in range(2))
    for one in found:
        listed[one.members] = True
        came[one.members[one.truth]] = True
    dated = {one: days < _NEVER for one, days in past.dated.items() if not design.records or one in design.records}
    suspects = []
    for source, own in dated.items():
        others = np.logical_or.reduce([np.zeros_like(own), *(days for one, days in dated.items() if one != source)])
        alone = listed & own & ~others
        rest = listed & (own | others) & ~alone
        hits, count = int((alone & came).sum()), int(alone.sum())
        if hits >= least and rest.any():
            ratio = (hits / count) / (max(int((rest & came).sum()), 1) / int(rest.sum()))
            if ratio >= factor:
                suspects.append({"source": source, "count": count, "came_true": hits, "factor": ratio})
    return suspects

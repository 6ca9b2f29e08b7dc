"""Change windows in words: when a team may change things, once or every week.

| written | means |
|---|---|
| `sat 22:00-04:00` | every Saturday evening, into Sunday; days are mon to sun, several as `mon,wed 20:00-22:00` |
| `2026-12-05 22:00-02:00` | that night |

Times are those of the team's place: nothing is reckoned from one zone to another. A window that ends at or before
the time at which it begins ends the next day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from foreshore.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WRITTEN = re.compile(
    r"(?P<days>[a-z]{3}(,[a-z]{3})*|\d{4}-\d{2}-\d{2}) (?P<start>\d{1,2}:\d{2})-(?P<end>\d{1,2}:\d{2})"
)
_EXAMPLE = "“sat 22:00-04:00” or “2026-12-05 22:00-02:00”"


class Window(NamedTuple):
    """One window as it was written: weekdays (0 is Monday), or a day, and from when to when."""

    weekdays: tuple[int, ...]
    day: date | None
    start: time
    end: time


class Span(NamedTuple):
    """One occurrence of a window: when it begins, and how many hours it has."""

    start: datetime
    hours: float


def parse(text: str) -> Window:
    """Read one window; raises UsageError for what is none."""
    read = _WRITTEN.fullmatch(" ".join(text.lower().split()))
    if read is None:
        raise UsageError(f"“{text}” is not a change window", hint=_EXAMPLE)
    try:
        start, end = (_time(read[name]) for name in ("start", "end"))
        if read["days"][0].isdigit():
            return Window((), date.fromisoformat(read["days"]), start, end)
        return Window(tuple(sorted({DAYS.index(one) for one in read["days"].split(",")})), None, start, end)
    except ValueError as error:
        raise UsageError(f"“{text}” is not a change window ({error})", hint=_EXAMPLE) from error


def _time(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(0 if (hour, minute) == ("24", "00") else int(hour), int(minute))


def spans(written: Sequence[str], begin: date, days: int) -> list[Span]:
    """Return when the windows occur in the `days` days from `begin` on, in order of time.

    Windows that overlap count once. Raises UsageError for a text that is no window.
    """
    found = sorted(span for text in written for span in _of(parse(text), begin, days))
    kept: list[Span] = []
    for one in found:
        end = kept[-1].start + timedelta(hours=kept[-1].hours) if kept else None
        if end is not None and one.start < end:
            last = max(end, one.start + timedelta(hours=one.hours))
            kept[-1] = Span(kept[-1].start, (last - kept[-1].start).total_seconds() / 3600)
        else:
            kept.append(one)
    return kept


def _of(window: Window, begin: date, days: int) -> Iterator[Span]:
    for number in range(days):
        day = begin + timedelta(days=number)
        if day.weekday() in window.weekdays or day == window.day:
            start, end = (datetime.combine(day, one) for one in (window.start, window.end))
            if end <= start:
                end += timedelta(days=1)
            yield Span(start, (end - start).total_seconds() / 3600)

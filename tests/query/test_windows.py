"""Change windows in words: when they occur, and what is none."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.errors import UsageError
from foreshore.query.windows import DAYS, spans

MONDAY = date(2026, 11, 23)


def test_a_weekly_window_occurs_every_week_and_may_end_the_next_day() -> None:
    found = spans(["sat 22:00-04:00"], MONDAY, 14)
    assert [one.start for one in found] == [datetime(2026, 11, 28, 22), datetime(2026, 12, 5, 22)]
    assert [one.hours for one in found] == [6, 6]


def test_a_dated_window_occurs_once_or_not_at_all() -> None:
    assert [one.hours for one in spans(["2026-11-30 20:00-21:30"], MONDAY, 14)] == [1.5]
    assert spans(["2026-12-30 20:00-21:30"], MONDAY, 14) == []


def test_what_overlaps_counts_once() -> None:
    found = spans(["mon 20:00-23:00", "mon,tue 22:00-00:00"], MONDAY, 2)
    assert [(one.start, one.hours) for one in found] == [
        (datetime(2026, 11, 23, 20), 4), (datetime(2026, 11, 24, 22), 2),
    ]  # fmt: skip


@given(st.lists(st.sampled_from([f"{day} {at:02}:00-{(at + 5) % 24:02}:00" for day in DAYS for at in (3, 8, 21)])))
def test_spans_are_in_order_apart_and_within_the_days(written: list[str]) -> None:
    found = spans(written, MONDAY, 10)
    ends = [one.start + timedelta(hours=one.hours) for one in found]
    assert all(end <= later.start for end, later in zip(ends, found[1:], strict=False))
    assert all(MONDAY <= one.start.date() < MONDAY + timedelta(days=10) and one.hours > 0 for one in found)


@pytest.mark.parametrize(
    "text", ["", "sat", "sat 22-04", "someday 20:00-21:00", "2026-13-01 20:00-21:00", "sat 25:00-26:00"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="change window"):
        spans([text], MONDAY, 7)

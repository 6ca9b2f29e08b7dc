"""EPSS over other horizons, and its change, which is never taken across versions of the model."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.intel import horizon

CHANCE = st.floats(0, 1, allow_nan=False)
DAYS = st.floats(0, 3650, allow_nan=False)


@pytest.mark.corpus
def test_the_known_answers(shared_data: Path) -> None:
    known = json.loads((shared_data / "reference" / "risk" / "known_answers.json").read_text("utf-8"))["epss_window"]
    for days in (1, 90, 365):
        assert horizon.over(known["p30"], days) == pytest.approx(known[f"p{days}"], rel=1e-12)


@given(CHANCE)
def test_thirty_days_are_the_score_itself(p: float) -> None:
    assert horizon.over(p, 30) == pytest.approx(p)
    assert horizon.over(p, 0) == 0


@given(CHANCE, DAYS, DAYS)
def test_two_horizons_after_each_other_are_the_one_over_both(p: float, first: float, second: float) -> None:
    either = 1 - (1 - horizon.over(p, first)) * (1 - horizon.over(p, second))
    assert horizon.over(p, first + second) == pytest.approx(either, abs=1e-12)


@given(CHANCE, CHANCE, DAYS, DAYS)
def test_it_is_a_chance_that_rises_with_both(p: float, other: float, days: float, more: float) -> None:
    low, high = sorted((p, other))
    short, long = sorted((days, more))
    assert 0 <= horizon.over(low, short) <= horizon.over(high, short) <= 1
    assert horizon.over(high, short) <= horizon.over(high, long)


def rows(*scores: tuple[str, float, str]) -> list[tuple[Any, ...]]:
    return [("CVE-2024-1", "epss", p, "", "first-epss", model, date.fromisoformat(day)) for day, p, model in scores]


SERIES = rows(
    ("2024-12-01", 0.4, "v2023.03.01"), ("2025-03-23", 0.02, "v2025.03.14"), ("2025-08-17", 0.31, "v2025.03.14")
)


def test_a_model_without_a_name_is_compared_with_nothing(ask_of: Any) -> None:
    ask = ask_of(rows(("2025-01-01", 0.1, ""), ("2025-02-01", 0.2, "")))
    assert horizon.change_within_model(ask, "CVE-2024-1", date(2025, 2, 1)) is None


def test_the_change_shown_begins_with_the_newest_version(ask_of: Any) -> None:
    ask = ask_of(SERIES)
    found = horizon.change_within_model(ask, "CVE-2024-1", date(2025, 9, 1))
    assert found is not None
    assert (found.from_day, found.to_day) == (date(2025, 3, 23), date(2025, 8, 17))
    assert (found.before, found.after, found.model) == (0.02, 0.31, "v2025.03.14")
    assert found.sentence == "since 2025-03-23, within model v2025.03.14: 0.02 → 0.31"
    assert horizon.change_within_model(ask, "CVE-2024-1", date(2025, 4, 1)) is None
    assert horizon.change_within_model(ask, "CVE-2024-2", date(2025, 9, 1)) is None

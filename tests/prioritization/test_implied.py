"""What figures imply, held against what happened."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.prioritization import implied


def history(times: int, years: float = 10.0) -> facts.History:
    return facts.History("Card payments", times, years, "incident register")


def test_years_between_events_follow_from_a_yearly_chance() -> None:
    assert implied.once_in(0.0) is None
    assert implied.once_in(1 - math.exp(-0.5)) == pytest.approx(2.0)
    assert implied.once_in(1.0) is not None


def test_nothing_in_ten_years_contradicts_once_a_year_but_not_once_in_ten() -> None:
    often, seldom = 1 - math.exp(-1.0), 1 - math.exp(-0.1)
    found = implied.against(history(0), (often, often, often), 0.05)
    assert found["contradicts"]
    assert found["chance"] == pytest.approx(math.exp(-10))
    assert "was never lost in 10 years" in found["sentence"]
    assert "contradict" in found["sentence"]
    assert not implied.against(history(0), (seldom, seldom, seldom), 0.05)["contradicts"]
    # A range that reaches down to once in ten years explains it, whatever is believed.
    assert not implied.against(history(0), (often, seldom, often), 0.05)["contradicts"]


def test_many_losses_contradict_a_small_chance() -> None:
    small = 0.001
    found = implied.against(history(5), (small, small, small), 0.05)
    assert found["contradicts"]
    assert found["chance"] < 1e-9
    assert "was lost 5 times" in found["sentence"]


@given(times=st.integers(0, 30), years=st.floats(0.5, 50), chances=st.tuples(*[st.floats(0, 0.999)] * 3))
def test_the_chance_of_a_history_is_one_and_wider_ranges_contradict_less(
    times: int, years: float, chances: tuple[float, float, float]
) -> None:
    low, believed, high = sorted(chances)
    wide = implied.against(history(times, years), (believed, low, high), 0.05)
    narrow = implied.against(history(times, years), (believed, believed, believed), 0.05)
    assert 0 <= wide["chance"] <= 1 + 1e-12
    assert wide["chance"] >= narrow["chance"] - 1e-12
    assert wide["contradicts"] <= narrow["contradicts"]


def test_ranges_count_only_where_a_person_confirmed_them() -> None:
    loss = facts.Range(1.0, 2.0, 3.0)
    services = (facts.Service("A", loss=loss, confirmed_by="chief"), facts.Service("B", loss=loss), facts.Service("C"))
    found = implied.ranges_of(services)
    assert found[0] is not None
    assert found[1:] == [None, None]

"""Figures and drawings: laws that hold for all numbers and paths."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.query import safe
from foreshore.report import chains, drawing, figures

SHARES = st.floats(0, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0.0, "0 %"), (1e-9, "< 0.05 %"), (0.0123, "1.2 %"), (0.0994, "9.9 %"), (0.0996, "10 %"),
     (0.5, "50 %"), (0.9999, "> 99 %"), (1.0, "100 %")],
)  # fmt: skip
def test_percent(value: float | None, said: str) -> None:
    assert figures.percent(value) == said


@given(SHARES)
def test_only_zero_is_zero_and_only_all_is_all(value: float) -> None:
    said = figures.percent(value)
    assert (said == "0 %") == (value == 0)
    assert (said == "100 %") == (value == 1)


@given(SHARES, SHARES, st.none() | SHARES)
def test_an_interval_never_shows_a_bare_zero(low: float, high: float, floor: float | None) -> None:
    said = figures.interval(low, high, floor)
    assert said.endswith(" %")
    assert not said.startswith("0 ")
    assert " 0 %" not in said


@pytest.mark.parametrize(
    ("value", "error", "possible", "said"),
    [(None, 0.1, True, "unknown"), (0.0, 0.004, True, "< 0.4 %"), (0.0, None, True, "< 0.05 %"),
     (0.0, 0.004, False, "no path known"), (0.2, 0.004, True, "20 %"), (0.0, 0.0001, True, "< 0.05 %")],
)  # fmt: skip
def test_chance(value: float | None, error: float | None, possible: bool, said: str) -> None:
    assert figures.chance(value, error, possible=possible) == said


def test_ages() -> None:
    now = datetime(2026, 3, 1)
    assert figures.age(None, now) == "age unknown"
    assert figures.old(None, now)
    assert figures.age(now + timedelta(hours=1), now) == "today"
    assert figures.age(now - timedelta(days=1), now) == "1 day"
    assert not figures.old(now - timedelta(days=30), now)
    assert figures.old(now - timedelta(days=31), now)


@given(st.text(), st.integers(1, 50))
def test_short_text_is_printable_and_short(text: str, width: int) -> None:
    said = figures.short(text, width)
    assert len(said) <= width
    assert said.isprintable()


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
def test_a_stacked_bar_is_full_and_shows_whatever_is_there(counts: list[int]) -> None:
    parts = drawing.stack([{"count": count} for count in counts])
    assert len(parts) == sum(count > 0 for count in counts)
    if parts:
        assert sum(part["width"] for part in parts) == pytest.approx(100, abs=0.01)
        assert all(part["width"] > 0.1 for part in parts)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=6))
def test_funnel_bars_stay_within_the_picture(steps: list[tuple[int, int]]) -> None:
    drawn = drawing.funnel([{"step": "x", "count": yes, "unknown": maybe} for yes, maybe in steps])
    for one in drawn:
        assert one["yes"] + one["maybe"] <= 100 + drawing.LEAST + 0.01
        assert (one["yes"] > 0) == (one["count"] > 0)
        assert (one["maybe"] > 0) == (one["unknown"] > 0)


@given(st.dictionaries(st.sampled_from(["probability", "low", "high", "best_case", "worst_case"]), SHARES | st.none()))
def test_intervals_lie_on_their_scale(given_: dict[str, float | None]) -> None:
    names = ("probability", "low", "high", "best_case", "worst_case")
    service = {name: given_.get(name) for name in names} | {"possible": True}
    end = drawing.scale_end([service])
    for name, place in drawing.span(service, end).items():
        assert (place is None) == (service[name] is None)
        assert place is None or 0 <= place <= 100


STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "rule": st.sampled_from(["enter", "reach", "exploit", "login", "local", "harvest", "harm", "foundation"]),
            "asset": st.integers(0, 3),
            "assumed": st.booleans(),
        }
    ),
    max_size=14,
)


def full(step: dict[str, Any]) -> dict[str, Any]:
    more = {"zone": "dmz", "weakness": "", "fact": "", "service": "Shop", "asset_name": f"host-{step['asset']}"}
    return step | more


@given(STEPS)
def test_a_chain_draws_every_node_inside_its_picture(steps: list[dict[str, Any]]) -> None:
    nodes = chains.chain(full(step) for step in steps)
    for picture in drawing.chain(nodes).values():
        assert len(picture["nodes"]) == len(nodes)
        assert len(picture["links"]) == max(len(nodes) - 1, 0)
        for box in picture["nodes"]:
            assert 0 <= box["x"] <= box["x"] + box["width"] <= picture["width"]
            assert 0 <= box["y"] <= box["y"] + box["height"] <= picture["height"]


def test_an_assumed_step_makes_its_link_assumed() -> None:
    steps = [
        {"rule": "enter", "asset": 0, "assumed": False, "zone": "internet"},
        {"rule": "reach", "asset": 0, "assumed": True},
        {"rule": "exploit", "asset": 1, "assumed": False, "weakness": "CVE-2026-1"},
        {"rule": "local", "asset": 1, "assumed": False, "weakness": "CVE-2026-2"},
        {"rule": "harm", "asset": 1, "assumed": False, "fact": "host-1 belongs to Directory"},
        {"rule": "foundation", "asset": 0, "assumed": False, "fact": "Shop stands on Directory"},
    ]
    nodes = chains.chain({**full(step), **step} for step in steps)
    assert [node.label for node in nodes] == ["Internet", "host-1", "Directory", "Shop"]
    assert [node.assumed for node in nodes] == [False, True, False, False]
    assert nodes[1].link_text == "network, CVE-2026-1"
    assert nodes[1].notes == ["CVE-2026-2"]


def test_who_is_written_to_stands_on_the_way() -> None:
    steps = [
        {"rule": "enter", "asset": 0, "assumed": False, "zone": ""},
        {"rule": "phish", "asset": 0, "assumed": True, "zone": "office"},
        {"rule": "login", "asset": 2, "assumed": True},
        {"rule": "harm", "asset": 2, "assumed": False, "fact": "host-2 belongs to Shop"},
    ]
    nodes = chains.chain({**full(step), **step} for step in steps)
    assert [node.label for node in nodes] == ["People", "A user in office", "host-2", "Shop"]
    assert [node.assumed for node in nodes] == [False, True, True, False]


@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    said = str(safe.cell(text))
    assert not said.lstrip().startswith(("=", "+", "-", "@"))
    assert said.endswith(text)

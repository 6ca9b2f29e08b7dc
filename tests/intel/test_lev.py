"""LEV: NIST's examples, its laws, and the same answer from the signals as from the formula."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreshore.intel import lev

CHANCE = st.floats(0, 1, allow_nan=False)
START = date(2024, 1, 1)


def scored(name: str, *scores: tuple[int, float], model: str = "v2025.03.14") -> list[tuple[Any, ...]]:
    return [(name, "epss", p, "", "first-epss", model, START + timedelta(day)) for day, p in scores]


def one(ask: Any, last: int, name: str = "CVE-2024-1") -> dict[str, Any]:
    as_of = datetime(2024, 1, 1, 12) + timedelta(last)
    (row,) = lev.lev_at(ask, as_of, pa.table({"weakness": [name]})).to_pylist()
    return dict(row)


@pytest.mark.corpus
def test_the_examples_of_the_paper(shared_data: Path) -> None:
    text = (shared_data / "reference" / "lev" / "nist_cswp41_examples.json").read_text("utf-8")
    examples = json.loads(text)["examples"]
    assert len(examples) == 2
    for example in examples:
        windows = lev.windows(date.fromisoformat(example["d0"]), date.fromisoformat(example["dn"]))
        found = lev.lev(example["epss"], [weight for _, weight in windows])
        assert found == pytest.approx(example["lev_paper"], abs=0.003)
        if "last_weight" in example:
            assert windows[-1][1] == pytest.approx(21 / 30)


@pytest.mark.corpus
def test_the_examples_of_the_paper_from_signals(shared_data: Path, ask_of: Any) -> None:
    text = (shared_data / "reference" / "lev" / "nist_cswp41_examples.json").read_text("utf-8")
    for example in json.loads(text)["examples"]:
        first = date.fromisoformat(example["d0"])
        rows = [
            (example["cve"], "epss", p, "", "first-epss", "v3", first + timedelta(30 * number))
            for number, p in enumerate(example["epss"])
        ]
        last = datetime.fromisoformat(example["dn"])
        (row,) = lev.lev_at(ask_of(rows), last, pa.table({"weakness": [example["cve"]]})).to_pylist()
        assert row["lev"] == pytest.approx(example["lev_paper"], abs=0.003)
        assert (row["first"], row["last"], row["missing"]) == (first, last.date(), 0)


@given(CHANCE)
def test_thirty_days_of_one_score_are_that_score(p: float) -> None:
    (window,) = lev.windows(START, START + timedelta(29))
    assert lev.lev([p], [window[1]]) == pytest.approx(p)


@given(CHANCE)
def test_fifteen_days_are_half_of_it(p: float) -> None:
    (window,) = lev.windows(START, START + timedelta(14))
    assert lev.lev([p], [window[1]]) == pytest.approx(p / 2)


@given(st.integers(0, 2000))
def test_windows_cover_every_day_once(days: int) -> None:
    found = lev.windows(START, START + timedelta(days))
    assert sum(weight for _, weight in found) * 30 == pytest.approx(days + 1)
    assert all(0 < weight <= 1 for _, weight in found)
    assert all(weight == 1 for _, weight in found[:-1])


@given(st.lists(st.tuples(CHANCE, CHANCE), min_size=1, max_size=30), st.integers(0, 29), CHANCE)
def test_it_is_a_chance_and_never_falls_with_a_score(pairs: list[tuple[float, float]], at: int, more: float) -> None:
    scores, weights = [p for p, _ in pairs], [weight for _, weight in pairs]
    found = lev.lev(scores, weights)
    assert -1e-12 <= found <= 1 + 1e-12
    higher = list(scores)
    higher[at % len(scores)] = max(more, higher[at % len(scores)])
    assert lev.lev(higher, weights) >= found - 1e-12
    assert found >= max(p * weight for p, weight in pairs) - 1e-12
    assert found <= sum(p * weight for p, weight in pairs) + 1e-9


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.integers(0, 400), CHANCE, min_size=1, max_size=12), st.integers(0, 500))
def test_signals_and_formula_agree(ask_of: Any, series: dict[int, float], last: int) -> None:
    known = {day: p for day, p in series.items() if day <= last}
    row = one(ask_of(scored("CVE-2024-1", *series.items())), last)
    if not known:
        assert (row["lev"], row["first"], row["windows"]) == (None, None, 0)
        return
    windows = lev.windows(START + timedelta(min(known)), START + timedelta(last))
    used: list[float | None] = []
    for day, _ in windows:
        place = (day - START).days
        newest = max(one for one in known if one <= place)
        used.append(known[newest] if newest > place - 30 else None)
    assert row["lev"] == pytest.approx(lev.lev([p or 0.0 for p in used], [weight for _, weight in windows]))
    assert (row["windows"], row["missing"]) == (len(windows), used.count(None))


def test_what_comes_later_changes_no_earlier_answer(ask_of: Any) -> None:
    before = one(ask_of(scored("CVE-2024-1", (0, 0.1), (30, 0.2))), 45)
    after = one(ask_of(scored("CVE-2024-1", (0, 0.1), (30, 0.2), (46, 0.9))), 45)
    assert before == after


def test_gaps_are_counted_and_the_models_named(ask_of: Any) -> None:
    rows = scored("CVE-2024-1", (0, 0.5), model="v3") + scored("CVE-2024-1", (90, 0.5), model="v4")
    row = one(ask_of(rows), 119)
    assert (row["windows"], row["missing"], row["models"]) == (4, 2, ["v3", "v4"])
    assert row["missing_share"] == pytest.approx(0.5)
    assert row["lev"] == pytest.approx(0.75)


def test_each_weakness_has_a_row_and_one_never_scored_has_none(ask_of: Any) -> None:
    asked = pa.table({"weakness": ["CVE-2024-2", "CVE-2024-1"]})
    found = lev.lev_at(ask_of(scored("CVE-2024-1", (0, 0.3))), datetime(2024, 1, 30), asked).to_pylist()
    assert [(row["weakness"], row["lev"]) for row in found] == [
        ("CVE-2024-1", pytest.approx(0.3)),
        ("CVE-2024-2", None),
    ]


@pytest.mark.parametrize(
    ("epss", "kev", "found", "expected"),
    [
        (0.2, False, 0.4, 0.4),
        (0.5, False, 0.4, 0.5),
        (0.1, True, 0.2, 1.0),
        (None, None, None, None),
        (None, False, None, 0.0),
    ],
)
def test_the_composite_is_the_greatest_that_is_known(
    epss: float | None, kev: bool | None, found: float | None, expected: float | None
) -> None:
    assert lev.composite(epss, kev, found) == expected

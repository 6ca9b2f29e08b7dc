"""The likelihood model: directions that hold, reasons that add up, a file that needs nothing but numpy."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.errors import BadFeed
from foreshore.intel.opinion import fit, learning, prediction
from foreshore.intel.opinion.features import SCHEMA

NOW = datetime.fromisoformat("2026-01-01")
PRESENT = prediction.models()[-1]
SIGNS = {one.name: one.sign for one in prediction.USED} | {"epss_rank": 1}
VALUES = {
    "epss_rank": st.floats(0, 5),
    "age": st.floats(0, 9),
    "kev_vendor": st.floats(0, 6),
    "kev_product": st.floats(0, 5),
    "impact": st.sampled_from((0.0, 1 / 3, 0.5, 1.0)),
}
NAMES = ("epss_rank", *prediction.NAMES)


def known(*rows: dict[str, Any]) -> pa.Table:
    facts = {"weakness": "CVE-2025-1000", "vendor": "Example", "vendor_entries": 3, "product_entries": 1,
             "epss_percentile": 0.5, "in_kev": False, "rejected": False}  # fmt: skip
    return pa.Table.from_pylist([dict.fromkeys(SCHEMA.names) | facts | row for row in rows], schema=SCHEMA)


def judged(*rows: dict[str, Any], model: prediction.Model = PRESENT, reasons: bool = False) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = prediction.judged(known(*rows), model, reasons=reasons, as_of=NOW).to_pylist()
    return found


@st.composite
def weakness(draw: st.DrawFn) -> dict[str, float | None]:
    return {name: draw(st.one_of(st.none(), VALUES.get(name, st.sampled_from((0.0, 1.0))))) for name in NAMES}


@settings(max_examples=100)
@given(weakness(), st.sampled_from([name for name in NAMES if SIGNS[name]]), st.data())
def test_more_evidence_never_lowers_the_chance(row: dict[str, Any], name: str, data: st.DataObject) -> None:
    one, other = sorted(data.draw(st.tuples(*[VALUES.get(name, st.sampled_from((0.0, 1.0)))] * 2)))
    for model in prediction.models():
        low, high = judged(row | {name: one}, row | {name: other}, model=model)
        if SIGNS[name] < 0:
            low, high = high, low
        assert low["p30"] <= high["p30"] * (1 + 1e-9)
        assert low["order"] <= high["order"] + 1e-9
        assert low["own_p30"] <= high["own_p30"] * (1 + 1e-9)


@settings(max_examples=100)
@given(st.lists(weakness(), min_size=1, max_size=4))
def test_chances_are_chances_and_rank_as_the_order_does(rows: list[dict[str, Any]]) -> None:
    found = judged(*rows)
    for one in found:
        assert 0 < one["p30"] < 1
        assert 0 < one["own_p30"] < 1
    for one in found:
        for other in found:
            if one["order"] > other["order"] + 1e-6:
                assert one["p30"] >= other["p30"] * (1 - 1e-6)


@settings(max_examples=100)
@given(weakness())
def test_the_reasons_add_up_to_the_chance(row: dict[str, Any]) -> None:
    (found,) = judged(row, reasons=True)
    said = json.loads(found["reasons"])
    total = sum(one["log_odds"] for one in said)
    assert total == pytest.approx(np.log(found["p30"] / (1 - found["p30"])), abs=1e-4)
    assert all(one["because"] for one in said)


def test_reasons_have_their_dates_and_counts() -> None:
    row = {"poc": 1.0, "poc_at": datetime.fromisoformat("2025-03-02"), "kev_vendor": float(np.log(42)),
           "vendor_entries": 41, "age": 9.0, "impact": 1.0}  # fmt: skip
    (found,) = judged(row, reasons=True)
    words = [one["because"] for one in json.loads(found["reasons"])]
    assert words[0] == "an average weakness"
    assert "proof of concept since 2025-03-02" in words
    assert "its vendor Example had 41 other entries in KEV" in words


def test_unknown_weighs_as_the_average_and_not_as_no() -> None:
    unknown, no, yes = judged({}, {"poc": 0.0}, {"poc": 1.0})
    assert no["own_p30"] < unknown["own_p30"] < yes["own_p30"]
    assert unknown["log_odds"] == pytest.approx(PRESENT.fit.intercept)


def test_a_past_day_is_answered_by_the_fit_of_its_time() -> None:
    fits = prediction.models()
    assert [one.trained_through for one in fits] == sorted(one.trained_through for one in fits)
    assert prediction.model_for(fits[0].trained_through - timedelta(days=1)) is None
    assert prediction.model_for(fits[1].trained_through - timedelta(days=1)) == fits[0]
    assert prediction.model_for(NOW) == fits[-1]


def test_the_model_needs_no_scikit_learn_at_run_time() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; sys.modules['scipy'] = None\n"
        "from foreshore.intel.opinion import prediction\n"
        "print(len(prediction.models()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(prediction.models())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": ["age"], "fits": []}', '{"features": 3}'])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(BadFeed):
        prediction.parsed(text, "model.json")


def made(seed: int, size: int = 4000) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(size, 3))
    y = (random.random(size) < fit.chance(-1.0 + x @ np.array([1.0, -0.5, 0.0]))).astype(float)
    x[random.random(x.shape) < 0.2] = np.nan
    return x, y, np.ones(size)


def test_the_fit_finds_what_is_there_and_keeps_the_directions() -> None:
    x, y, weight = made(1)
    free = fit.fit(x, y, weight, np.array([0, 0, 0]), 1.0)
    assert free.weights[0] == pytest.approx(1.0, abs=0.15)
    assert free.weights[1] == pytest.approx(-0.5, abs=0.15)
    held = fit.fit(x, y, weight, np.array([1, 1, -1]), 1.0)
    assert held.weights[1] == 0
    assert held.weights[0] > 0
    assert held.weights[2] <= 0


@settings(max_examples=20)
@given(st.integers(0, 1000), st.lists(st.sampled_from((-1, 0, 1)), min_size=3, max_size=3))
def test_no_direction_is_ever_broken_and_the_slope_is_nought_at_the_best(seed: int, signs: list[int]) -> None:
    x, y, weight = made(seed, 500)
    found = fit.fit(x, y, weight, np.array(signs), 2.0)
    assert all(one * sign >= 0 for one, sign in zip(found.weights, signs, strict=True))
    z = np.nan_to_num((x - found.centres) / found.scales, nan=0.0)
    error = fit.chance(fit.log_odds(found, x)[0]) - y
    slope = z.T @ error + 2.0 * found.weights * found.scales
    for one, sign, at in zip(slope, signs, found.weights, strict=True):
        assert one * sign >= -1e-2 if sign and at == 0 else abs(one) < 1e-2


@settings(max_examples=20)
@given(st.floats(-2, 2), st.floats(0.5, 2))
def test_calibration_undoes_a_shift(shift: float, slope: float) -> None:
    random = np.random.default_rng(0)
    logit = random.normal(-1, 1.5, 20_000)
    p = fit.chance(logit)
    found = learning.calibration((logit - shift) / slope, p, np.ones(len(p)))
    assert found[0] == pytest.approx(shift, abs=0.1)
    assert found[1] == pytest.approx(slope, abs=0.1)


GOLDEN = [
    {"poc": 1.0, "age": 3.0, "pr_none": 1.0, "ui_none": 1.0, "impact": 1.0, "av_network": 1.0, "kev_vendor": 3.0},
    {"poc": 0.0, "age": 8.0, "says_denial": 1.0, "ui_none": 0.0, "epss_rank": 0.2},
    {"epss_rank": 3.0, "weaponized": 1.0, "poc": 1.0},
]


# What the shipped file said when it was made; it changes only with a new training.
GOLDEN_P30 = [7.683055593e-04, 1.630885589e-06, 1.373865933e-03]


def test_the_same_facts_have_the_same_chance_as_when_the_model_was_made() -> None:
    assert [one["p30"] for one in judged(*GOLDEN)] == pytest.approx(GOLDEN_P30, rel=1e-6)

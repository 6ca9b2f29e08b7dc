"""The model card says what the training wrote down, and nothing else."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from foreshore.intel.opinion import prediction

CARD = Path(__file__).resolve().parents[2] / "docs" / "explain" / "own-model.md"
_FIGURE = re.compile(r"^\| .*\| [+-]?\d[^|]*\|$")  # a row of a table that ends in a figure
KEYS = ("auc", "recall_5", "recall_10", "recall_15", "pr_auc")
WORDS = {"epss": "EPSS", "own": "model alone", "joined": "joined", "trees": "trees, joined", "cvss": "CVSS base",
         "rank_sum": "rank sum of EPSS, CVSS, SSVC"}  # fmt: skip


def _number(key: str, value: float) -> str:
    return f"{value:.4f}" if key == "pr_auc" else f"{value:.3f}"


def measure_row(name: str, measures: dict[str, float], intervals: dict[str, list[float]]) -> str:
    cells = [
        f"{_number(key, measures[key])} ({' to '.join(_number(key, end) for end in intervals[key])})" for key in KEYS
    ]
    return f"| {WORDS[name]} | {' | '.join(cells)} |"


def difference_row(name: str, better: dict[str, list[float]]) -> str:
    cells = []
    for key in KEYS:
        point, low, high = (f"{'+' if one >= 0 else ''}{_number(key, one)}" for one in better[key])
        cells.append(f"{point} ({low} to {high})")
    return f"| {WORDS[name]} | {' | '.join(cells)} |"


def window_row(window: dict[str, Any]) -> str:
    areas = " | ".join(f"{window['orders'][name]['auc']:.3f}" for name in ("epss", "own", "joined", "trees"))
    return f"| {window['from']} | {window['to']} | {window['eligible']:,} | {window['entries']} | {areas} |"


def reliability_row(own: dict[str, float], joined: dict[str, float]) -> str:
    counts = f"{own['expected']:.1f} | {own['observed']:.0f} | {joined['expected']:.1f} | {joined['observed']:.0f}"
    return f"| {own['decile']:.0f} | {counts} |"


def fixed_row(name: str, measures: dict[str, float]) -> str:
    return f"| {WORDS[name]} | {' | '.join(_number(key, measures[key]) for key in KEYS)} |"


def _figures() -> dict[str, Any]:
    found = json.loads(resources.files("foreshore.intel.opinion").joinpath("figures.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_card_and_the_figures_agree() -> None:
    figures, lines = _figures(), CARD.read_text("utf-8").splitlines()
    rows = [window_row(one) for one in figures["windows"]]
    for part in ("all", "recorded"):
        found = figures[part]
        rows += [measure_row(name, found["orders"][name], found["interval"][name]) for name in found["orders"]]
        rows += [difference_row(name, better) for name, better in found["better_than_epss"].items()]
    rows += [reliability_row(*both) for both in zip(*figures["reliability"].values(), strict=True)]
    rows += [fixed_row(name, measures) for name, measures in figures["t0"]["orders"].items()]
    tables = [line for line in lines if _FIGURE.search(line)]
    assert [row for row in rows if row not in lines] == []
    assert [line for line in tables if line not in rows] == []


def test_the_claim_about_epss_is_the_one_that_the_intervals_bear() -> None:
    low = _figures()["all"]["better_than_epss"]["joined"]["auc"][1]
    assert ("the joined order beats EPSS" in CARD.read_text("utf-8")) == (low > 0)


def test_the_card_names_the_day_and_the_fits() -> None:
    text = CARD.read_text("utf-8")
    assert all(one.trained_through.date().isoformat() in text for one in prediction.models())
    assert _figures()["trained_through"] == prediction.models()[-1].trained_through.date().isoformat()

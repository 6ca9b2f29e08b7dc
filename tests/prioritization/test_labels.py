"""Labels: the tables row by row, both outcomes where a fact is unknown, deadlines from what is known."""

from __future__ import annotations

import csv
from datetime import date, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import policy
from foreshore.prioritization import labels

POLICY = policy.load()
TABLES = {
    "deployer": (labels.deployer(POLICY), "deployer_patch_application_priority_1_0_0.csv"),
    "bod": (labels.bod_26_04(POLICY), "cisa_bod_26_04_1_0_0.csv"),
    "cisa": (labels.coordinator(POLICY), "cisa_coordinator_2_0_3.csv"),
}
FACT = {
    "exploit": "attacks",
    "internet": "yes",
    "elsewhere": "yes",
    "automatable": "yes",
    "human_impact": "high",
    "kev": True,
    "kev_at": datetime(2025, 3, 10),
    "impact": "total",
    "first_seen": datetime(2025, 3, 1, 9),
}
TYPES = {"kev": pa.bool_(), "kev_at": pa.timestamp("us"), "first_seen": pa.timestamp("us")}


def facts(*rows: dict[str, Any]) -> pa.Table:
    full = [FACT | one for one in rows]
    columns = {name: pa.array([row[name] for row in full], TYPES.get(name, pa.string())) for name in FACT}
    return pa.table({"row": pa.array(range(len(full)), pa.int64()), **columns})


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_row_of_the_reference_has_its_outcome(shared_data: Path, name: str) -> None:
    table, file = TABLES[name]
    with (shared_data / "reference" / "ssvc" / file).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    for row in rows:
        found = table.outcome(*row[1:-1])
        assert (found.mildest, found.strictest, found.settled_by) == (row[-1], row[-1], ())


@pytest.mark.parametrize("name", sorted(TABLES))
def test_unknown_gives_the_span_of_all_that_may_be(name: str) -> None:
    table = TABLES[name][0]
    for known in product(*((None, *table.values[point]) for point in table.points)):
        found = table.outcome(*known)
        options = [
            table.values[point] if fact is None else (fact,) for point, fact in zip(table.points, known, strict=True)
        ]
        ranks = [table.order.index(table.outcome(*each).mildest) for each in product(*options)]
        assert (table.order.index(found.mildest), table.order.index(found.strictest)) == (
            min(ranks),
            max(ranks),
        )
        # What decides is named exactly when there is something to decide.
        assert bool(found.settled_by) == (min(ranks) < max(ranks))
        assert all(known[table.points.index(point)] is None for point in found.settled_by)


def test_unknown_reach_shows_both_outcomes_and_what_decides() -> None:
    (row,) = labels.label(facts({"internet": "unknown"}), POLICY).to_pylist()
    assert row["label"] == "out-of-cycle or immediate"
    assert (row["mildest"], row["strictest"]) == ("out-of-cycle", "immediate")
    assert row["settled_by"] == "whether it can be reached from the internet"


def test_unknown_reach_never_counts_as_open() -> None:
    assert labels.exposure("unknown") == "controlled or open"
    assert labels.exposure("unknown", "unknown") == "small or controlled or open"
    assert labels.exposure("yes") == "open"
    assert labels.exposure("no") == "controlled"
    assert labels.exposure("no", "no") == "small"


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "exploit": st.sampled_from([*labels.EXPLOITATION, "unknown"]),
                "internet": st.sampled_from(["yes", "no", "unknown"]),
                "elsewhere": st.sampled_from(["yes", "no", "unknown"]),
                "automatable": st.sampled_from(["yes", "no", None]),
                "human_impact": st.sampled_from(["low", "medium", "high", "very high", None]),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_table_of_labels_is_that_of_single_outcomes(rows: list[dict[str, Any]]) -> None:
    table = labels.deployer(POLICY)
    found = labels.label(facts(*rows), POLICY).to_pylist()
    assert [one["row"] for one in found] == list(range(len(rows)))
    for row, one in zip(rows, found, strict=True):
        exposure = labels.exposure(row["internet"], row["elsewhere"])
        expected = table.outcome(
            labels.EXPLOITATION.get(row["exploit"]), exposure, row["automatable"], row["human_impact"]
        )
        assert one["label"] == expected.label


@pytest.mark.parametrize(
    ("tier", "safety", "mission", "expected"),
    [
        (1, "none", "none", "low"),
        (4, "none", "none", "medium"),
        (5, "none", "none", "very high"),
        (4, "none", "degraded", "low"),
        (1, "critical", "mef failure", "high"),
        (1, "catastrophic", "none", "very high"),
        (9, "nonsense", "nonsense", "very high"),
    ],
)
def test_human_impact(tier: int, safety: str, mission: str, expected: str) -> None:
    assert labels.human_impact(POLICY, tier, safety, mission) == expected


@pytest.mark.parametrize(
    ("change", "due", "rule", "if_bad"),
    [
        # In the catalogue after it was first seen: the clock starts then.
        ({}, date(2025, 3, 13), "CISA BOD 26-04: 3 days & forensic investigation", date(2025, 3, 13)),
        (
            {"kev_at": datetime(2024, 1, 1)},
            date(2025, 3, 4),
            "CISA BOD 26-04: 3 days & forensic investigation",
            date(2025, 3, 4),
        ),
        ({"kev": False, "kev_at": None}, date(2025, 3, 4), "CISA BOD 26-04: 3 days", date(2025, 3, 4)),
        (
            {"internet": "unknown", "kev": False},
            date(2025, 4, 30),
            "CISA BOD 26-04: 60 days",
            date(2025, 3, 4),
        ),
        ({"internet": "no", "kev": False, "automatable": "no"}, None, "", None),
        ({"kev": None, "internet": "no", "automatable": "no"}, None, "", date(2025, 3, 15)),
        ({"first_seen": None}, None, "", None),
    ],
)
def test_bod_26_04(change: dict[str, Any], due: date | None, rule: str, if_bad: date | None) -> None:
    (row,) = labels.due("bod-26-04", facts(change), POLICY).to_pylist()
    assert (row["due"], row["due_if_bad"]) == (due, if_bad)
    assert row["due_rule"] == (rule if due else "")


def test_the_own_rule_follows_the_label() -> None:
    rows = labels.due(
        "own",
        facts(
            {},
            {"internet": "unknown"},
            {"exploit": "none_known", "automatable": "no", "internet": "no", "human_impact": "low"},
        ),
        POLICY,
    )
    assert rows["due"].to_pylist() == [date(2025, 3, 4), date(2025, 3, 15), None]
    assert rows["due_rule"].to_pylist() == ["Own policy: immediate", "Own policy: out-of-cycle", ""]
    assert rows["due_if_bad"].to_pylist()[1] == date(2025, 3, 4)

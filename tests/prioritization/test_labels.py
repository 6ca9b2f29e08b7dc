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
    "cisa": (labels.table_of(POLICY, "cisa_coordinator"), "cisa_coordinator_2_0_3.csv"),
}
EXPLOITATION = {
    "none_known": "none", "poc": "public poc", "weaponized": "public poc", "built_in": "public poc",
    "attacks": "active", "ransomware": "active",
}  # fmt: skip
FACT = {
    "exploit": "attacks",
    "internet": "yes",
    "elsewhere": "yes",
    "automatable": "yes",
    "human_impact": "high",
    "kev": True,
    "kev_at": datetime(2025, 3, 10),
    "impact": "total",
    "severity": "critical",
    "published": datetime(2025, 2, 20),
    "first_seen": datetime(2025, 3, 1, 9),
}
TYPES = {
    "kev": pa.bool_(), "kev_at": pa.timestamp("us"), "first_seen": pa.timestamp("us"), "published": pa.timestamp("us"),
}  # fmt: skip
POINTS = labels.Points(POLICY)


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
    def exposure(internet: str, elsewhere: str = "yes") -> str | None:
        return POINTS.value("exposure", labels.reach(internet, elsewhere))

    assert exposure("unknown") == "controlled or open"
    assert exposure("unknown", "unknown") == "small or controlled or open"
    assert exposure("yes") == exposure("yes", "unknown") == "open"
    assert exposure("no") == "controlled"
    assert exposure("no", "no") == "small"
    assert exposure("no", "unknown") == "small or controlled"


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "exploit": st.sampled_from([*EXPLOITATION, "unknown"]),
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
        exposure = POINTS.value("exposure", labels.reach(row["internet"], row["elsewhere"]))
        expected = table.outcome(EXPLOITATION.get(row["exploit"]), exposure, row["automatable"], row["human_impact"])
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


@pytest.mark.corpus
def test_human_impact_is_that_of_every_row_of_the_reference(shared_data: Path) -> None:
    with (shared_data / "reference" / "ssvc" / "human_impact_1_0_0.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    assert len(rows) == 16
    for _, safety, mission, impact in rows:
        assert labels.human_impact(POLICY, 1, safety, mission) == impact


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "count"), [("deployer", 72), ("cisa", 36), ("bod", 16)])
def test_no_row_is_missing_and_none_is_ours_alone(shared_data: Path, name: str, count: int) -> None:
    table, file = TABLES[name]
    with (shared_data / "reference" / "ssvc" / file).open(encoding="utf-8", newline="") as lines:
        rows = {tuple(row[1:-1]) for row in list(csv.reader(lines))[1:]}
    assert rows == set(product(*table.values.values()))
    assert len(rows) == count


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_worse_fact_never_gives_a_milder_outcome(name: str) -> None:
    from foreshore.policy.outcomes import POINTS

    table = TABLES[name][0]
    steps = POINTS[{"deployer": "ssvc_deployer", "bod": "bod_26_04", "cisa": "cisa_coordinator"}[name]]
    for choice in product(*steps.values()):
        here = table.order.index(table.outcome(*choice).mildest)
        for number, values in enumerate(steps.values()):
            for worse in values[values.index(choice[number]) + 1 :]:
                other = (*choice[:number], worse, *choice[number + 1 :])
                assert table.order.index(table.outcome(*other).mildest) >= here


@pytest.mark.parametrize(
    ("change", "due"),
    [
        ({}, date(2025, 3, 22)),
        ({"severity": "high"}, date(2025, 5, 21)),
        ({"severity": "medium"}, None),
        ({"severity": None}, None),
        ({"published": None}, date(2025, 3, 31)),
    ],
)
def test_pci_counts_from_publication_and_asks_by_severity(change: dict[str, Any], due: date | None) -> None:
    (row,) = labels.due("pci-dss", facts(change), POLICY).to_pylist()
    assert row["due"] == due
    assert row["due_rule"].startswith("PCI DSS" if due else "")


@given(st.lists(st.floats(0, 10), max_size=20))
def test_ratings_are_those_of_the_standard(scores: list[float]) -> None:
    import numpy as np

    found = labels.ratings(np.array(scores, float), POLICY)
    for score, place in zip(scores, found, strict=True):
        expected = sum(score >= least for least in (0.1, 4.0, 7.0, 9.0))
        assert place == expected


def known(**change: Any) -> dict[str, Any]:
    from foreshore.prioritization import labelling

    return {name: (FACT | change)[name] for name in labelling.PACKED}


def test_facts_come_out_of_their_text_as_they_went_in() -> None:
    from foreshore.prioritization import labelling

    table = facts({}, {"kev": None, "internet": "unknown"}, {}, {"severity": None, "kev": False})
    texts = labelling.packed(table)
    assert len(set(texts.to_pylist())) == 3
    assert labelling.unpacked(texts).to_pylist() == table.select(labelling.PACKED).to_pylist()


def test_the_service_goes_into_the_text_and_changes_no_decision() -> None:
    import json

    from foreshore.prioritization import labelling

    table = facts({}, {})
    placed = table.append_column("serves", pa.array(["Card payments", None])).append_column("tier", pa.array([4, None]))
    texts = labelling.packed(placed)
    assert [json.loads(text)["tier"] for text in texts.to_pylist()] == [4, None]
    assert labelling.unpacked(texts).to_pylist() == table.select(labelling.PACKED).to_pylist()


def test_an_asset_counts_by_its_most_important_service() -> None:
    from types import SimpleNamespace

    from foreshore import facts as words
    from foreshore.prioritization import labelling

    services = (words.Service("Shop", tier=3), words.Service("Cards", tier=5), words.Service("Pay", tier=5))
    context = SimpleNamespace(
        exposures=pa.table({"asset": [1, 2, 3, 1]}), services=services,
        members=pa.table({"number": [0, 0, 1, 2], "asset": [1, 2, 1, 1]}),
    )  # fmt: skip
    named: Any = SimpleNamespace(context=context, scope=words.Scope("Example", services=services))
    assert {name: column.to_pylist() for name, column in labelling.serves(named).items()} == {
        "serves": ["Cards", "Shop", None, "Cards"], "tier": [5, 3, None, 5],
    }  # fmt: skip
    nothing: Any = SimpleNamespace(context=context, scope=words.Scope("Example"))
    assert labelling.serves(nothing)["tier"].to_pylist() == [None] * 4


def test_ended_support_is_said_where_no_feed_speaks_of_it() -> None:
    from foreshore.prioritization import maturity

    assert "support has ended" in maturity.of_class("", "tool:1", POLICY, "end_of_life")
    assert maturity.of_class("", "tool:1", POLICY, "vulnerability") == maturity.NAMELESS


def test_decision_points_name_value_fact_and_source() -> None:
    import json

    from foreshore.prioritization import labelling

    row = {
        "points": json.dumps(known(internet="unknown", automatable=None)), "reach_fact": "no firewall rule was read",
        "leads_to": ["Card payments"],
    }  # fmt: skip
    signals = {
        "exploit_since": datetime(2025, 1, 2),
        "exploit_sources": ["cisa-kev"],
        "kev_at": datetime(2025, 3, 10),
        "cvss": 9.8,
    }
    found = {one["table"]: one for one in labelling.decision_points(row, signals, POLICY)}
    assert set(found) == {"SSVC Deployer", "CISA's SSVC", "CISA BOD 26-04"}
    deployer = found["SSVC Deployer"]
    points = {one["point"]: one for one in deployer["points"]}
    assert points["exploitation"]["value"] == "active"
    assert points["exploitation"]["source"] == "cisa-kev"
    assert "since 2025-01-02" in points["exploitation"]["fact"]
    assert (points["exposure"]["value"], points["exposure"]["known"]) == ("controlled or open", False)
    assert "no firewall rule was read" in points["exposure"]["fact"]
    assert (points["automatable"]["value"], points["automatable"]["known"]) == ("no or yes", False)
    assert deployer["outcome"] == "out-of-cycle or immediate"
    assert deployer["decided_by"] == "whether it can be reached from the internet"
    assert labelling.decision_points({"points": None}, signals, POLICY) == []


def test_the_mapping_is_the_policys(tmp_path: Path) -> None:
    from importlib import resources

    text = (resources.files("foreshore.policy") / "decision_points.csv").read_text("utf-8")
    stricter = text.replace("exploitation,exploit,weaponized,public poc", "exploitation,exploit,weaponized,active")
    (tmp_path / "decision_points.csv").write_text(stricter, encoding="utf-8")
    table = facts({"exploit": "weaponized"})
    ours, theirs = (labels.label(table, one)["label"].to_pylist() for one in (POLICY, policy.load(tmp_path)))
    assert (ours, theirs) == (["out-of-cycle"], ["immediate"])


def test_an_obligation_speaks_of_a_service_a_zone_an_entity_or_all() -> None:
    from types import SimpleNamespace

    from foreshore import facts as words
    from foreshore.prioritization import labelling

    scope = words.Scope(
        "Example", sites=(words.Site("north", "Example North"), words.Site("south")),
        zones=(words.Zone("dmz", "north"), words.Zone("Shop", "north")), services=(words.Service("Shop"),),
    )  # fmt: skip
    context: Any = SimpleNamespace(
        exposures=pa.table({"asset": [1, 2, 3]}), services=scope.services, members=pa.table({"number": [0], "asset": [2]}),
        assets=pa.table({"asset": [1, 2, 3], "zone": ["dmz", None, "Shop"], "site": ["north", "south", "north"]}),
    )  # fmt: skip
    expected = {
        "all": [True, True, True], "zone:dmz": [True, False, False], "dmz": [True, False, False],
        "service:Shop": [False, True, False], "Shop": [False, True, False], "zone:Shop": [False, False, True],
        "entity:Example North": [True, False, True], "Example North": [True, False, True], "nothing": [False] * 3,
    }  # fmt: skip
    for where, rows in expected.items():
        assert labelling.applies_to(where, context, scope).tolist() == rows, where

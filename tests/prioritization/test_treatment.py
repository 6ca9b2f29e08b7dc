"""Every open exposure gets exactly one treatment, with a reason; and what moved is told."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foreshore import policy
from foreshore.facts import TREATMENTS
from foreshore.prioritization import treatment
from foreshore.query.moved import moved

POLICY = policy.load(None)
ROW = st.tuples(
    st.floats(0, 0.5), st.floats(0, 0.5), st.sampled_from(["yes", "no", "unknown"]),
    st.sampled_from(["yes", "no", "unknown"]), st.sampled_from(["none_known", "poc", "attacks", "unknown"]),
    st.sampled_from(["", "", "", "accepted", "mitigated", "false_positive"]), st.booleans(),
)  # fmt: skip


def judged(rows: list[Any]) -> treatment.Judged:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    text = [np.array(column, dtype=object) for column in columns[2:6]]
    empty = np.array([""] * len(rows), dtype=object)
    return treatment.Judged(
        contribution=np.array(columns[0], float), if_reachable=np.array(columns[1], float), reachable=text[0],
        leads=text[1], exploit=text[2], disposition=text[3], has_fix=np.array(columns[6], bool),
        in_scope=np.ones(len(rows), bool), question=empty, services=empty, because=empty,
    )  # fmt: skip


@given(st.lists(ROW, max_size=40))
def test_every_exposure_has_one_treatment_and_sentences(rows: list[Any]) -> None:
    given_rows = judged(rows)
    found = treatment.decide(given_rows, POLICY)
    assert len(found) == len(rows)
    assert set(found) <= set(TREATMENTS)
    assert all(treatment.reasons(given_rows, found))
    assert all(treatment.would_lower(given_rows, found))


def test_what_leads_somewhere_critical_already_is_not_told_to_begin_with_it() -> None:
    rows = [(0.01, 0.01, "yes", leads, "poc", "", False) for leads in ("yes", "no")]
    there, not_there = treatment.would_lower(judged(rows), np.array(["watch", "watch"], dtype=object))
    assert "becomes part of a way" not in there
    assert "more of the modelled risk" in there
    assert "becomes part of a way to something critical" in not_there


@given(st.lists(ROW, min_size=1, max_size=40))
def test_nothing_ruled_out_or_accepted_is_acted_on(rows: list[Any]) -> None:
    found = treatment.decide(judged(rows), POLICY)
    for row, word in zip(rows, found, strict=True):
        if word == "act_now":
            assert row[0] > 0
            assert row[2] != "no"
            assert row[3] != "no"
            assert row[5] not in ("accepted", "mitigated")
        if row[5] in ("accepted", "mitigated"):
            assert word == "accepted"


@given(st.lists(ROW, min_size=1, max_size=40))
def test_a_larger_contribution_is_never_treated_later_than_a_smaller_one(rows: list[Any]) -> None:
    alike = [(share, bad, "yes", "yes", "poc", "", True) for share, bad, *_ in rows]
    found = treatment.decide(judged(alike), POLICY)
    acted = [row[0] for row, word in zip(alike, found, strict=True) if word == "act_now"]
    waiting = [row[0] for row, word in zip(alike, found, strict=True) if word != "act_now"]
    assert not acted or not waiting or min(acted) >= max(waiting)


def test_one_unknown_fact_that_could_matter_makes_it_unknown() -> None:
    rows = [(0.0001, 0.2, "unknown", "yes", "poc", "", True), (0.3, 0.3, "yes", "yes", "attacks", "", True)]
    assert treatment.decide(judged(rows), POLICY).tolist() == ["unknown", "act_now"]


def test_percentages_are_never_a_bare_zero_for_something() -> None:
    assert treatment.percent(0) == "0 %"
    assert treatment.percent(1e-9) == "less than 0.05 %"
    assert treatment.percent(0.034) == "3.4 %"
    assert treatment.percent(0.5) == "50 %"


def _row(**more: Any) -> dict[str, Any]:
    return {
        "exposure": 1, "rank": 1, "scanner_rank": 1, "title": "t", "asset_name": "a", "weakness": "CVE-2024-1",
        "severity": 4, "cvss": 9.8, "treatment": "routine", "reachable": "yes", "leads": "yes", "exploit": "poc",
        "disposition": "", "reach_fact": "no firewall rule allows it", "leads_to": ["Shop"], **more,
    }  # fmt: skip


def test_what_fell_and_what_rose_is_told_with_its_reason() -> None:
    fell = _row(rank=400, reachable="no")
    rose = _row(exposure=2, rank=2, scanner_rank=900, severity=2, cvss=6.5, exploit="ransomware")
    stayed = _row(exposure=3, rank=3, scanner_rank=2)
    found = moved([fell, rose, stayed])
    assert [(one.exposure, one.direction) for one in found] == [(1, "fell"), (2, "rose")]
    assert "no attacker gets to a: no firewall rule allows it" in found[0].sentence
    assert "used in ransomware attacks" in found[1].sentence
    assert "6.5" in found[1].sentence

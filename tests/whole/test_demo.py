"""The demo through the front door: the eight points that it has to show, and that a second run changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
TREATMENTS = ("act_now", "routine", "watch", "accepted", "unknown")


def foreshore(*arguments: str, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "foreshore.cli.main", *arguments],
        cwd=cwd, capture_output=True, encoding="utf-8", timeout=1200,
        env={**os.environ, "COLUMNS": "120", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tour")


@pytest.fixture(scope="module")
def told(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(foreshore("demo", "company", "--json", cwd=place))
    return found


def test_company_is_read_without_errors(told: dict[str, Any]) -> None:
    assert 380 <= told["company"]["assets"] <= 420
    assert told["imports"]["errors"] == []
    assert told["imports"]["files"] == told["company"]["reports"]
    formats = {"nessus", "nmap", "nuclei", "trivy", "cyclonedx_json", "prowler", "defender", "generic_csv"}
    assert formats <= set(told["company"]["formats"])


def test_funnel_narrows_and_shows_unknowns(told: dict[str, Any]) -> None:
    steps = {step["step"]: step for step in told["first"]["cycle"]["funnel"]}
    counts = [
        steps[name]["count"] for name in ("exposures", "in_scope", "exploitable", "reachable", "leads_to_critical")
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] > 0
    assert steps["reachable"]["unknown"] > 0


def test_services_have_a_chance_within_an_interval(told: dict[str, Any]) -> None:
    services = told["first"]["cycle"]["services"]
    assert {"Card payments", "Web shop"} <= {one["name"] for one in services}
    for one in services:
        assert 0 <= one["low"] <= one["probability_per_year"] <= one["high"] <= 1


def test_ten_exposures_and_five_actions_with_their_answers(told: dict[str, Any]) -> None:
    first = told["first"]
    assert [row["rank"] for row in first["exposures"]] == list(range(1, 11))
    for row in first["exposures"]:
        assert row["reachable"] in {"yes", "no", "unknown"}
        assert row["exploit"]
    assert len(first["actions"]) == 5
    assert all(one["removes"] > 0 for one in first["actions"])


def test_a_one_fell_and_one_rose_with_reasons(told: dict[str, Any]) -> None:
    moved = told["first"]["moved"]
    fell = [one for one in moved if one["direction"] == "fell" and (one["cvss"] or 0) >= 9.0]
    rose = [one for one in moved if one["direction"] == "rose" and one["cvss"] is not None and one["cvss"] < 7.6]
    assert fell
    assert rose
    assert all(one["sentence"].endswith(".") for one in fell + rose)
    assert {one["exposure"] for one in fell + rose} & set(told["first"]["shown_moved"])


def test_b_one_unknown_and_the_answer_that_decides_it(told: dict[str, Any]) -> None:
    settled = told["firewall"]["settled"]
    assert settled["before"].startswith("not known")
    assert settled["answer"] in {"yes", "no"}
    assert settled["after"] != settled["before"]


def test_c_false_positive_is_gone_for_good(told: dict[str, Any], place: Path) -> None:
    false = told["points"]["false_positive"]
    assert false["gone"]
    assert false["copies"] == 1
    assert false["before"] in TREATMENTS
    again = told["points"]["again"]
    assert again["duplicates"] == again["files"] == told["imports"]["files"]
    assert again["new"] == 0
    rows = json.loads(foreshore("exposures", "-w", "company/workspace", "--json", cwd=place))
    row = next(one for one in rows if one["id"] == false["id"])
    assert row["disposition"] == "false_positive"
    assert row["treatment"] is None
    assert rows.index(row) >= sum(one["treatment"] is not None for one in rows)


def test_d_filtered_export_closes_nothing(told: dict[str, Any]) -> None:
    filtered = told["points"]["filtered"]
    assert 0 < filtered["findings"] < told["imports"]["findings"]
    assert filtered["fixed"] == 0
    assert filtered["coverage"] == ["none"]


def test_e_fix_is_dated_at_the_claim(told: dict[str, Any]) -> None:
    claims = told["points"]["claims"]
    fixed = [one for one in claims if one["kind"] == "fixed"]
    assert fixed
    for one in fixed:
        assert one["happened_at"] == one["claimed_at"]
        assert "verified by" in one["reason"]
    vain = [one for one in claims if one["weakness"] == "CVE-2020-14882"]
    assert [one["kind"] for one in vain] == ["reopened"]


def test_f_ticket_says_what_where_when_and_why(told: dict[str, Any], place: Path) -> None:
    ticket = told["points"]["ticket"]
    text = (place / ticket["file"]).read_text("utf-8")
    assert text == ticket["text"]
    places = [
        text.index(f"## {name}")
        for name in ("What to change", "Where", "By when", "Why", "How", "How it will be checked")
    ]
    assert places == sorted(places)


def test_g_firewall_sharpens_the_list(told: dict[str, Any]) -> None:
    firewall = told["firewall"]
    assert firewall["unknown_after"] < firewall["unknown_before"]
    widths = [[high - low for low, high in (one["before"], one["after"])] for one in firewall["bounds"]]
    assert sum(after for _, after in widths) < sum(before for before, _ in widths)


def test_h_every_exposure_has_a_treatment_with_a_reason(told: dict[str, Any]) -> None:
    accounted = told["points"]["accounted"]
    assert accounted["open"] + accounted["dismissed"] == accounted["all"]
    assert accounted["without_reason"] == 0
    assert accounted["dismissed"] == 1
    for cycle in (told["first"]["cycle"], told["firewall"]["cycle"], told["points"]["cycle"]):
        steps = {step["step"]: step["count"] for step in cycle["funnel"]}
        assert sum(cycle["treatments"].values()) == steps["exposures"]


def test_report_is_one_file_and_the_commands_shown_work(told: dict[str, Any], place: Path) -> None:
    page = (place / told["report"]).read_text("utf-8")
    assert "Card payments" in page
    for command in told["try"][:3]:
        assert foreshore(*_words(command), cwd=place).strip()


def _words(command: str) -> list[str]:
    import shlex

    return shlex.split(command)[1:]


def test_second_run_says_that_nothing_changed(told: dict[str, Any], place: Path) -> None:
    again = json.loads(foreshore("demo", "company", "--json", cwd=place))
    assert again["imports"]["duplicates"] == again["imports"]["files"] > told["imports"]["files"]
    assert again["imports"]["new"] == 0
    assert again["same_answers"]
    assert not again["changed"]


def test_another_seed_does_not_touch_the_company(told: dict[str, Any], place: Path) -> None:
    assert told["changed"]
    foreshore("demo", "company", "--seed", "8", cwd=place, code=2)


def test_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", "utf-8")
    foreshore("demo", "mine", cwd=tmp_path, code=2)
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["notes.txt"]

"""One's own reports, as a user goes: init, intel, cycle, lists, reasons, a decision, a plan, a report, a difference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foreshore.estate import write_demo

pytestmark = pytest.mark.slow


class User:
    """Somebody at a shell without a terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def runs(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "foreshore.cli.main", *arguments], cwd=self.home, capture_output=True,
            stdin=subprocess.DEVNULL, encoding="utf-8", timeout=1200,
            env={**os.environ, "COLUMNS": "120", "PYTHONUTF8": "1", "FORESHORE_WORKSPACE": "ws"},
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}: {done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def asks(self, *arguments: str) -> Any:
        return json.loads(self.runs(*arguments, "--json"))


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with a small estate's reports of one site, imported, with intelligence, after one cycle."""
    home = tmp_path_factory.mktemp("own")
    files = write_demo(home / "company", 11, assets=80)
    someone = User(home)
    someone.begun = someone.asks(  # type: ignore[attr-defined]
        "init", "ws", "company/reports/hq", "--organization", "Example Stores", "--site", "hq"
    )
    someone.runs("intel", "update", "--from", str(files.signals))
    someone.first = someone.asks("cycle")  # type: ignore[attr-defined]
    return someone


def test_init_proposes_with_evidence(user: User) -> None:
    begun: dict[str, Any] = user.begun  # type: ignore[attr-defined]
    assert begun["errors"] == []
    assert begun["imports"]["exposures"]["new"] > 0
    assert {"foundations", "services", "zones"} <= {one["section"] for one in begun["proposal"]}
    assert all(one["evidence"] and one["taken"] for one in begun["proposal"])
    text = (user.home / "ws" / "scope.yaml").read_text("utf-8")
    assert "organization: Example Stores" in text
    assert "# Proposed" in text


def test_init_again_is_refused(user: User) -> None:
    assert "workspace already" in user.runs("init", "ws", code=1)


def test_init_with_wrong_flags_makes_nothing(user: User) -> None:
    assert "NAME=SELECTOR" in user.runs("init", "other", "--service", "Shop", code=2)
    assert "no such file" in user.runs("init", "other", "missing", code=3)
    assert not (user.home / "other").exists()


def test_init_takes_services_by_flags(user: User) -> None:
    begun = user.asks(
        "init", "flagged", "company/reports/hq/nessus-full.nessus", "--site", "hq", "--service", "Shop=name:shop-*",
        "--foundation", "Directory=name:dc-*",
    )  # fmt: skip
    taken = {
        (one["section"], one["name"]) for one in begun["proposal"] if one["taken"] and one["section"] == "services"
    }
    assert taken <= {("services", "Shop")}
    scope = user.asks("scope", "check", "-w", "flagged")
    assert not [one for one in scope if one["level"] == "error"]
    text = (user.home / "flagged" / "scope.yaml").read_text("utf-8")
    assert "name: Shop" in text
    assert "name: Directory" in text


def test_init_without_reports_makes_an_empty_scope(user: User) -> None:
    begun = user.asks("init", "empty")
    assert begun["proposal"] == []
    assert "organization: empty" in (user.home / "empty" / "scope.yaml").read_text("utf-8")
    user.runs("cycle", "-w", "empty", code=3)


def test_cycle_adds_up(user: User) -> None:
    cycle: dict[str, Any] = user.first  # type: ignore[attr-defined]
    steps = {step["step"]: step["count"] for step in cycle["funnel"]}
    assert sum(cycle["treatments"].values()) == steps["exposures"] > 0
    assert cycle["services"]
    assert len(user.asks("exposures")) == steps["exposures"]


def test_explain_answers_three_questions(user: User) -> None:
    first = user.asks("exposures", "--top", "1")[0]
    told = user.asks("explain", first["id"])
    assert told["id"] == first["id"]
    assert len(told["answers"]) == 3
    assert told["facts"]
    assert told["would_lower"]


def test_decision_counts_at_once_and_in_the_next_cycle(user: User) -> None:
    last = user.asks("exposures")[-1]
    user.runs("decide", last["id"], "--as", "not-applicable", "--because", "the program is switched off there")
    now = next(one for one in user.asks("exposures") if one["id"] == last["id"])
    assert now["disposition"] == "not_applicable"
    before: dict[str, Any] = user.first  # type: ignore[attr-defined]
    after = user.asks("cycle")
    assert after["dismissed"] == before.get("dismissed", 0) + 1
    assert sum(after["treatments"].values()) == sum(before["treatments"].values()) - 1


def test_plan_actions_moved_and_report(user: User) -> None:
    plan = user.asks("plan", "--changes", "3")
    assert 0 < len(plan["actions"]) <= 3
    assert plan["after"] < plan["before"]
    assert plan["before"] - plan["after"] <= plan["bound"] + 1e-9
    action = user.asks("actions", "--top", "1")[0]
    assert user.runs("actions", "--ticket", action["id"]).startswith("# ")
    assert isinstance(user.asks("moved"), list)
    user.runs("report", "--out", "report.html")
    assert "Example Stores" in (user.home / "report.html").read_text("utf-8")


def test_difference_between_two_cycles(user: User) -> None:
    user.asks("cycle")
    told = user.asks("diff")
    assert {"old", "new", "changed"} <= set(told)


def test_doctor_finds_all_well(user: User) -> None:
    assert not [one for one in user.asks("doctor") if one["state"] == "bad"]

"""The plan through the command line: within terms, with a bound, dated by change windows, judged on fresh years."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from foreshore.cycle import planning
from foreshore.query import lists
from foreshore.store import serving
from foreshore.workspace import Workspace

Cli = Callable[..., Any]


def plan(cli: Cli, workspace: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = cli("plan", "--json", *words, "-w", str(workspace)).json()
    assert found.keys() >= {"actions", "before", "after", "bound", "unit", "exact", "fresh", "worlds", "hours"}
    left = found["before"]
    for one in found["actions"]:
        assert one.keys() >= {"id", "title", "team", "hours", "removes", "left", "exposures", "window"}
        assert one["left"] == pytest.approx(left - one["removes"], abs=1e-9)
        left = one["left"]
    assert left == pytest.approx(found["after"], abs=1e-9)
    assert found["before"] - found["after"] <= found["bound"] + 1e-9
    return found


@pytest.mark.slow
def test_the_plan_keeps_what_it_is_told(cli: Cli, company: Path) -> None:
    whole = plan(cli, company)
    first, second = whole["actions"][:2]
    assert whole["exact"]
    assert whole["fresh"]["removes"] > 0.5
    assert first["removes"] > 0.5

    one = plan(cli, company, "--changes", "1")
    assert [action["id"] for action in one["actions"]] == [first["id"]]
    assert one["bound"] == pytest.approx(first["removes"], abs=1e-5)

    barred = plan(cli, company, "--not", first["id"], "--must", second["id"][:12])
    assert first["id"] not in [action["id"] for action in barred["actions"]]
    assert second["id"] in [action["id"] for action in barred["actions"]]

    never = plan(cli, company, "--hours", "web-team=0")
    assert all(action["team"] != "web-team" for action in never["actions"])

    either = plan(cli, company, "--excludes", f"{first['id']},{second['id']}")
    assert len({first["id"], second["id"]} & {action["id"] for action in either["actions"]}) == 1

    after = plan(cli, company, "--needs", f"{first['id']},{second['id']}")
    order = [action["id"] for action in after["actions"]]
    assert order.index(second["id"]) < order.index(first["id"])


@pytest.mark.slow
def test_change_windows_date_the_plan_and_limit_it(cli: Cli, copy: Path) -> None:
    scope = copy / "scope.yaml"
    text = scope.read_text("utf-8")
    web = 'assets: ["name:web-*"], hours_per_week: 10}'
    assert text.count(web) == 1
    scope.write_text(text.replace(web, web[:-1] + ', windows: ["sat 22:00-02:00"]}'), encoding="utf-8")
    assert cli("cycle", "-w", str(copy)).code == 0
    found = plan(cli, copy)
    assert found["hours"]["web-team"] == pytest.approx(16)
    for one in found["actions"]:
        if one["team"] == "web-team":
            assert one["window"]["first"][11:16] == "22:00"
        else:
            assert one["window"] is None
    assert "22:00" in cli("plan", "-w", str(copy)).out

    scope.write_text(text.replace(web, web[:-1] + ', windows: ["someday"]}'), encoding="utf-8")
    said = cli("scope", "check", "-w", str(copy))
    assert said.code == 1
    assert "change window" in said.out + said.err


def test_wrong_words_are_refused(cli: Cli, company: Path) -> None:
    for words, hint in (
        (("--hours", "web-team"), "--hours payments-team=20"), (("--hours", "nobody=4"), "web-team"),
        (("--must", "ACT-ZZZZ"), "foreshore actions"), (("--excludes", "ACT-1"), "ACT-…,ACT-…"),
    ):  # fmt: skip
        said = cli("plan", *words, "-w", str(company))
        assert said.code == 2, said.err
        assert hint in said.err


def test_a_pair_of_the_policy_that_is_none_is_refused(cli: Cli, copy: Path) -> None:
    from importlib import resources

    text = (resources.files("foreshore.policy") / "plan.toml").read_text("utf-8")
    (copy / "policy" / "plan.toml").write_text(
        text.replace("excludes = []", 'excludes = [["ACT-1"]]'), encoding="utf-8"
    )
    said = cli("cycle", "-w", str(copy))
    assert said.code == 1
    assert "pairs.excludes" in said.err


def test_without_wishes_it_is_the_plan_of_the_cycle(cli: Cli, company: Path) -> None:
    found = plan(cli, company)
    actions = cli("actions", "--json", "-w", str(company)).json()
    planned = sorted((one for one in actions if one["number"]), key=lambda one: one["number"])
    assert [one["id"] for one in found["actions"]] == [one["id"] for one in planned]
    row = lists.rows(Workspace.open(company), "select result from cycle")[0]
    kept = json.loads(row["result"])["plan"]
    assert kept["left"] == [one["left"] for one in found["actions"]]
    assert (kept["before"], kept["after"], kept["bound"], kept["exact"]) == (
        found["before"], found["after"], found["bound"], found["exact"],
    )  # fmt: skip


def test_the_kept_plan_of_the_cycle_is_what_is_computed_anew(cli: Cli, copy: Path) -> None:
    """What the cycle kept, what any engine finds without it, and what a damaged or foreign file gives are the same."""
    assert cli("cycle", "-w", str(copy)).code == 0
    held = Workspace.open(copy)
    row = lists.rows(held, "select * from cycle")[0]
    file = serving.kept_file(held, row["cycle"], "plan")
    notes: list[str] = []
    quick = planning.plan(held, on_note=notes.append)
    assert not notes, "nothing is simulated"
    text = file.read_bytes()
    for content in (b"{", text.replace(str(row["cycle"]).encode(), b"1"), None):
        file.unlink() if content is None else file.write_bytes(content)
        notes.clear()
        assert planning.plan(held, on_note=notes.append) == quick, "to the day and the last digit"
        assert notes
    file.write_bytes(text)
    assert len(planning.plan(held, planning.Wishes(changes=1))["actions"]) == 1, "wishes of one's own are computed"


def test_a_kept_plan_is_of_no_use_once_windows_give_other_hours(cli: Cli, copy: Path) -> None:
    """A window in the past is in the terms of the cycle that was made then, and no longer in those of today."""
    scope = copy / "scope.yaml"
    web = 'assets: ["name:web-*"], hours_per_week: 10}'
    day = f"{datetime.now(UTC) + timedelta(days=3):%F}"
    windows = f', windows: ["{day} 01:00-02:00"]}}'
    scope.write_text(scope.read_text("utf-8").replace(web, web[:-1] + windows), encoding="utf-8")
    assert cli("cycle", "-w", str(copy)).code == 0
    held = Workspace.open(copy)
    row = lists.rows(held, "select * from cycle")[0]
    found = planning.of_served(held, row)
    assert found is not None
    assert found["hours"]["web-team"] == 1.0
    assert planning.of_served(held, row | {"as_of": row["as_of"] + timedelta(days=9)}) is None

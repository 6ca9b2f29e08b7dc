"""Exceptions that name what they rest on: refused where it is not so, revoked once when it stops holding, told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
FLAW = "CVE-2023-2454"  # on db-1, behind the web server
WEB = "CVE-2021-44228"  # on web-1, which the internet reaches
UNTIL = f"{datetime.now(UTC) + timedelta(days=60):%Y-%m-%d}"
ACCEPT = ("--as", "accepted", "--until", UNTIL, "--because", "it is replaced in the next release")


def rows(cli: Cli, workspace: Path) -> dict[str, dict[str, Any]]:
    return {one["weakness"]: one for one in cli("exposures", "--json", "-w", str(workspace)).json()}


def accept(cli: Cli, workspace: Path, weakness: str, *assumptions: str) -> Any:
    words = [word for text in assumptions for word in ("--assume", text)]
    return cli("decide", rows(cli, workspace)[weakness]["id"], *ACCEPT, *words, "-w", str(workspace))


def cycle(cli: Cli, workspace: Path, *words: str) -> dict[str, Any]:
    return dict(cli("cycle", "--json", *words, "-w", str(workspace)).json())


def signal(cli: Cli, workspace: Path, path: Path, *lines: str) -> Any:
    """Bring newer intelligence, as a table."""
    head = "weakness,kind,value,text,source,model,observed_at\n"
    path.write_text(head + "".join(line + "\n" for line in lines), encoding="utf-8")
    return cli("intel", "update", "--from", str(path), "-w", str(workspace))


def kev(path: Path, *names: str) -> Path:
    """Write a catalogue of known exploited weaknesses of today."""
    today = datetime.now(UTC)
    entries = [{"cveID": name, "dateAdded": f"{today:%Y-%m-%d}", "knownRansomwareCampaignUse": "Unknown"}
               for name in names]  # fmt: skip
    content = {"catalogVersion": "1", "dateReleased": f"{today:%Y-%m-%dT00:00:00Z}", "count": len(entries),
               "vulnerabilities": entries}  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not reachable from the internet", "the internet reaches it"),
        ("not in KEV", "it is in KEV"),
        ("not used in attacks", "used in attacks (since 2021-12-10, says cisa-kev)"),
        ("epss < 0.5", "epss = 0.97"),
        ("tag pci", "tag = none"),
        ("control edr on", "control = none"),
    ],
)
def test_what_is_not_so_now_cannot_be_assumed(cli: Cli, company: Path, text: str, told: str) -> None:
    said = accept(cli, company, WEB, text)
    assert said.code == 2
    assert "what is assumed is not so" in said.err
    assert told in said.err
    assert rows(cli, company)[WEB]["disposition"] is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("the moon is full", "neither a known phrase nor a condition"),
        ("treatment = watch", "it cannot be assumed"),
        ("reachable", "has to be compared"),
        ("   ", "nothing is assumed"),
    ],
)
def test_what_nobody_can_check_is_refused(cli: Cli, company: Path, text: str, told: str) -> None:
    said = accept(cli, company, FLAW, text)
    assert said.code == 2
    assert told in said.err
    assert "--assume" in said.err


def test_only_exceptions_rest_on_assumptions(cli: Cli, company: Path) -> None:
    key = rows(cli, company)[FLAW]["id"]
    words = ("--because", "the vendor's patch was backported", "--assume", "not in KEV")
    said = cli("decide", key, "--as", "false-positive", *words, "-w", str(company))
    assert said.code == 2
    assert "rests on no assumptions" in said.err


def test_an_exception_that_holds_stays_and_is_explained(cli: Cli, copy: Path) -> None:
    said = accept(cli, copy, FLAW, "not reachable from the internet", "epss < 10%", "no known exploit")
    assert said.code == 0
    assert 'Assumed: not reachable from the internet (not internet = "yes")' in said.out
    for _ in range(2):
        found = cycle(cli, copy)
        assert found["revoked"] == []
    row = rows(cli, copy)[FLAW]
    assert (row["treatment"], row["disposition"]) == ("accepted", "accepted")
    told = cli("explain", row["id"], "--json", "-w", str(copy)).json()["decisions"]
    assert [one["said"] for one in told[0]["assumes"]] == [
        "not reachable from the internet", "epss < 10%", "no known exploit"
    ]  # fmt: skip
    assert "rests on: not reachable from the internet" in cli("explain", row["id"], "-w", str(copy)).out


def test_news_revokes_at_once_and_the_next_cycle_treats_it_as_open(cli: Cli, copy: Path, tmp_path: Path) -> None:
    before = rows(cli, copy)[FLAW]
    assert accept(cli, copy, FLAW, "not in KEV").code == 0
    assert cycle(cli, copy)["treatments"]["accepted"] == 1
    news = kev(tmp_path / "kev.json", WEB, FLAW)
    out = cli("intel", "update", "--from", str(news), "-w", str(copy)).out
    assert "No longer holds" in out
    assert "assumed “not in KEV”; now it is in KEV" in out
    served = rows(cli, copy)[FLAW]
    assert (served["treatment"], served["disposition"]) == ("unknown", None)
    assert served["reason"].startswith("What a person decided was revoked: ")
    assert "assumed “not in KEV”; now it is in KEV" in served["reason"]
    assert "has ended" not in served["reason"]
    impact = cli("intel", "impact", FLAW, "--json", "-w", str(copy)).json()
    assert impact["revoked"] == []
    assert "assumed “not in KEV”" in impact["revoked_before"][0]["because"]
    assert any("Nobody has decided anew" in one for one in impact["sentences"])
    found = cycle(cli, copy)
    assert found["revoked"] == []  # taken down before
    assert found["treatments"]["accepted"] == 0
    after = rows(cli, copy)[FLAW]
    assert after["treatment"] in ("act_now", "routine", "unknown", "watch")
    assert after["likelihood"] > before["likelihood"]
    told = cli("explain", after["id"], "-w", str(copy)).out
    assert "revoked by foreshore" in told


def test_the_report_tells_of_revoked_exceptions_until_somebody_answers(cli: Cli, copy: Path, tmp_path: Path) -> None:
    def report(form: str) -> str:
        path = tmp_path / f"report.{form}"
        assert cli("report", "--format", form, "--out", str(path), "-w", str(copy)).code == 0
        return path.read_text("utf-8")

    assert accept(cli, copy, FLAW, "not in KEV").code == 0
    assert cycle(cli, copy)["treatments"]["accepted"] == 1
    assert json.loads(report("json"))["revoked"] == {"count": 0, "first": []}
    assert "Exceptions that no longer hold" not in report("html") + report("md")
    assert cli("intel", "update", "--from", str(kev(tmp_path / "kev.json", WEB, FLAW)), "-w", str(copy)).code == 0
    for _ in range(2):  # before the next cycle, and after it
        found = json.loads(report("json"))["revoked"]
        (one,) = found["first"]
        assert (found["count"], one["weakness"], one["asset_name"]) == (1, FLAW, "db-1")
        assert (one["disposition"], one["assumed"]) == ("accepted", ["not in KEV"])
        assert "now it is in KEV" in one["difference"]
        assert one["author"] not in ("", "foreshore")
        assert one["because"] == ACCEPT[-1]
        for form in ("html", "md"):
            text = report(form).replace("\\", "")
            assert "Exceptions that no longer hold" in text
            assert "now it is in KEV" in text
            assert f"accepted by {one['author']}" in text
        cycle(cli, copy)
    assert accept(cli, copy, FLAW).code == 0
    assert json.loads(report("json"))["revoked"]["count"] == 0


def test_a_cycle_revokes_once_and_a_new_decision_renews(cli: Cli, copy: Path, tmp_path: Path) -> None:
    from foreshore import decisions, keys
    from foreshore.workspace import Workspace

    day = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    key = rows(cli, copy)[FLAW]["id"]
    assert accept(cli, copy, FLAW, "not reachable from the internet").code == 0
    assert cycle(cli, copy)["treatments"]["accepted"] == 1
    scope = (copy / "scope.yaml").read_text("utf-8")
    opened = scope.replace(
        "    - {from: dmz, to: data", "    - {from: internet, to: data, ports: [5432]}\n    - {from: dmz, to: data"
    )
    (copy / "scope.yaml").write_text(opened, encoding="utf-8")
    human = cli("cycle", "-w", str(copy))
    assert "Exceptions that no longer hold" in human.out
    assert "assumed “not reachable from the internet”; now the internet reaches it" in human.out
    row = rows(cli, copy)[FLAW]
    assert (row["disposition"], row["treatment"] == "accepted") == (None, False)
    assert cycle(cli, copy)["revoked"] == []  # once
    with decisions.open(Workspace.open(copy)) as book:
        history = book.history(keys.parse(key, "EXP")[0])
        assert [(one.disposition, one.author == "foreshore") for one in history] == [
            ("accepted", False), ("revoked", True)
        ]  # fmt: skip
        assert book.audit_verify() is None
    # What it rested on is so again: it does not come back by itself.
    (copy / "scope.yaml").write_text(scope, encoding="utf-8")
    assert cycle(cli, copy)["treatments"]["accepted"] == 0
    assert accept(cli, copy, FLAW, "not reachable from the internet").code == 0
    assert cycle(cli, copy)["treatments"]["accepted"] == 1
    # A look back has no say in what holds today.
    (copy / "scope.yaml").write_text(opened, encoding="utf-8")
    assert cycle(cli, copy, "--as-of", day)["revoked"] == []


def test_without_assumptions_kev_reopens_only_where_the_policy_says_so(cli: Cli, copy: Path, tmp_path: Path) -> None:
    assert accept(cli, copy, FLAW).code == 0
    news = kev(tmp_path / "kev.json", WEB, FLAW)
    out = cli("intel", "update", "--from", str(news), "-w", str(copy)).out
    assert "Look again" in out
    assert cycle(cli, copy)["treatments"]["accepted"] == 1
    (copy / "policy" / "exceptions.toml").write_text('on_kev = "reopen"\n', encoding="utf-8")
    (told,) = cycle(cli, copy)["revoked"]
    assert "given when CVE-2023-2454 was not known to be in KEV" in told["difference"]
    assert rows(cli, copy)[FLAW]["disposition"] is None
    # Who accepts it now knows of the entry: that stands.
    assert accept(cli, copy, FLAW).code == 0
    found = cycle(cli, copy)
    assert (found["revoked"], found["treatments"]["accepted"]) == ([], 1)
    (copy / "policy" / "exceptions.toml").write_text('on_kev = "shrug"\n', encoding="utf-8")
    refused = cli("cycle", "-w", str(copy))
    assert refused.code == 1
    assert "look again or reopen" in refused.err


def test_an_exception_on_many_is_revoked_only_where_it_fails(cli: Cli, copy: Path, tmp_path: Path) -> None:
    found = rows(cli, copy)
    few = [found[f"CVE-2020-{1000 + number}"]["id"] for number in range(1, 4)]
    said = cli("decide", *few, *ACCEPT, "--assume", "no known exploit", "--json", "-w", str(copy))
    assert len(said.json()) == 3
    line = f"CVE-2020-1002,exploit_poc,1,poc-in-github,poc_index,,{datetime.now(UTC):%Y-%m-%d}"
    out = signal(cli, copy, tmp_path / "poc.csv", line).out
    assert "No longer holds" in out
    assert "a proof of concept is public" in out
    after = rows(cli, copy)
    assert [after[f"CVE-2020-{1000 + number}"]["disposition"] for number in range(1, 4)] == [
        "accepted", None, "accepted"
    ]  # fmt: skip

"""News: what an update means here at once, and what the next cycle then says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
BECAUSE = ("--because", "it is behind the proxy until the move")
FLAW = "CVE-2023-2454"  # on db-1, which is Card payments


def catalogue(path: Path, *names: str, ransomware: str = "Unknown") -> Path:
    """Write a catalogue of known exploited vulnerabilities with these entries."""
    today = datetime.now(UTC)
    entries = [
        {"cveID": name, "dateAdded": f"{today - timedelta(days=1):%Y-%m-%d}", "knownRansomwareCampaignUse": ransomware}
        for name in names
    ]
    content = {"catalogVersion": "1", "dateReleased": f"{today:%Y-%m-%dT00:00:00Z}", "count": len(entries),
               "vulnerabilities": entries}  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def update(cli: Cli, workspace: Path, *words: str) -> Any:
    return cli("intel", "update", *words, "-w", str(workspace))


def impact(cli: Cli, workspace: Path, name: str) -> dict[str, Any]:
    return dict(cli("intel", "impact", name, "--json", "-w", str(workspace)).json())


def exposures(cli: Cli, workspace: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in cli("exposures", "--json", "-w", str(workspace)).json()}


def test_before_anything_new_the_impact_is_what_the_cycle_said(cli: Cli, company: Path) -> None:
    found = impact(cli, company, FLAW.lower())
    (row,) = found["rows"]
    served = exposures(cli, company)[row["id"]]
    assert (found["present"], found["exposures"], found["assets"], found["news"]) == (True, 1, 1, [])
    assert row["treatment"] == {"was": served["treatment"], "is": served["treatment"], "may_be": [served["treatment"]]}
    assert row["contribution"]["mean"] == pytest.approx(served["contribution"]["mean"])
    assert row["contribution"]["low"] == pytest.approx(row["contribution"]["high"])
    assert row["likelihood"]["is"] == pytest.approx(served["likelihood"])
    assert row["label"]["is"] == served["label"]
    assert "nothing new since the last cycle" in found["sentences"][0]
    assert impact(cli, company, "CVE-2021-44228")["leads_to"][0]["service"] == "Web shop"


def test_an_update_says_at_once_what_the_next_cycle_says_later(cli: Cli, copy: Path, tmp_path: Path) -> None:
    before = exposures(cli, copy)
    kev = catalogue(tmp_path / "kev.json", "CVE-2021-44228", FLAW)
    out = update(cli, copy, "--from", str(kev)).out
    assert f"{FLAW} was added to KEV" in out
    assert "1 open exposure on 1 asset" in out
    assert "CVE-2021-44228 was added" not in out  # it was there before
    assert update(cli, copy, "--from", str(kev)).out.count(FLAW) == 0  # nothing new the second time
    found = impact(cli, copy, FLAW)
    (row,) = found["rows"]
    assert found["news"][0]["kind"] == "kev"
    assert row["exploit"]["is"] == "attacks"
    assert row["likelihood"]["is"] > row["likelihood"]["was"]
    assert row["contribution"]["low"] <= row["contribution"]["mean"] <= row["contribution"]["high"]
    assert [one["team"] for one in found["actions"]] == ["data-team"]
    assert any("KEV" in one for one in found["sentences"])
    assert exposures(cli, copy) == before  # nothing is written by telling
    assert cli("cycle", "-w", str(copy)).code == 0
    after = exposures(cli, copy)[row["id"]]
    assert after["treatment"] in row["treatment"]["may_be"]
    assert after["likelihood"] == pytest.approx(row["likelihood"]["is"])
    assert (after["exploit"], after["kev"]) == ("attacks", True)
    assert after["label"] == row["label"]["is"] or not row["label"]["certain"]
    assert row["contribution"]["low"] <= after["contribution"]["mean"] <= row["contribution"]["high"]
    moved = [
        one for one in cli("diff", "--json", "-w", str(copy)).json()["biggest"]["moved"] if one["weakness"] == FLAW
    ]
    assert bool(moved) == (after["treatment"] != before[row["id"]]["treatment"])
    assert all(one["because"].startswith("intelligence: exploit") for one in moved)
    again = impact(cli, copy, FLAW)
    assert again["news"] == []
    assert again["moves"] == []


def test_an_acceptance_given_when_less_was_known_is_named(cli: Cli, copy: Path, tmp_path: Path) -> None:
    key = impact(cli, copy, FLAW)["rows"][0]["id"]
    until = f"{datetime.now(UTC) + timedelta(days=60):%Y-%m-%d}"
    assert cli("decide", key, "--as", "accepted", "--until", until, *BECAUSE, "-w", str(copy)).code == 0
    assert impact(cli, copy, FLAW)["exceptions"] == []
    kev = catalogue(tmp_path / "kev.json", "CVE-2021-44228", FLAW, ransomware="Known")
    out = update(cli, copy, "--from", str(kev)).out
    assert "Look again" in out
    assert until in out
    found = impact(cli, copy, FLAW)
    (given,) = found["exceptions"]
    assert given["exposures"] == [key]
    assert (str(given["until"])[:10], given["exploit_now"]) == (until, "ransomware")
    assert found["actions"] == []  # a person accepted it: nothing is to be done until that ends
    assert found["rows"][0]["treatment"]["is"] == "accepted"
    assert cli("decide", key, "--as", "withdrawn", *BECAUSE, "-w", str(copy)).code == 0
    assert impact(cli, copy, FLAW)["exceptions"] == []


def test_what_is_not_here_says_what_was_looked_at(cli: Cli, company: Path) -> None:
    found = impact(cli, company, "CVE-1999-0001")
    assert (found["present"], found["exposures"], found["rows"]) == (False, 0, [])
    assert found["coverage"]["imports"] == 2
    said = cli("intel", "impact", "CVE-1999-0001", "-w", str(company))
    assert said.code == 0
    assert "was not found in anything imported; last looked" in said.out


def test_another_name_of_the_same_weakness_gives_the_same_answer(cli: Cli, copy: Path) -> None:
    import pyarrow as pa

    from foreshore.store import open_lake
    from foreshore.workspace import Workspace

    alias = "GHSA-3p6q-7w8x-9r2c"
    with open_lake(Workspace.open(copy)) as lake:
        row = {"alias": [alias], "weakness": [FLAW], "source": ["test"], "observed_at": [datetime(2026, 1, 1)]}
        lake.append({"weakness_aliases": pa.table(row)}, job="alias")
    one, other = impact(cli, copy, alias), impact(cli, copy, FLAW)
    assert one["rows"] == other["rows"]
    assert set(one["names"]) == set(other["names"]) == {alias, FLAW}


def test_exposures_that_came_since_are_told_but_not_counted(cli: Cli, copy: Path, make: Any, tmp_path: Path) -> None:
    line = make.db.replace("db-1", "db-2").replace("10.20.0.5", "10.20.0.6")
    path = make.csv(tmp_path / "more.csv", line)
    assert cli("import", str(path), "--source", "agents", "-w", str(copy)).code == 0
    found = impact(cli, copy, FLAW)
    assert (found["exposures"], found["not_counted"]) == (1, 1)
    assert any("came with imports since" in one for one in found["sentences"])


def test_without_a_cycle_the_reader_is_told_what_to_do(cli: Cli, tmp_path: Path, make: Any) -> None:
    from foreshore.workspace import Workspace

    Workspace.create(tmp_path / "ws", seed=3)
    where = ("-w", str(tmp_path / "ws"))
    assert cli("import", str(make.csv(tmp_path / "a.csv", make.db)), *where).code == 0
    kev = catalogue(tmp_path / "kev.json", FLAW)
    assert cli("intel", "update", "--from", str(kev), *where).code == 0
    said = cli("intel", "impact", FLAW, *where)
    assert said.code == 3
    assert "foreshore cycle" in said.err
    assert cli("intel", "impact", " ", *where).code == 2


def test_what_a_release_lets_in_is_told_at_once(cli: Cli, copy: Path, tmp_path: Path) -> None:
    text = (resources.files("foreshore.policy") / "intelligence.toml").read_text("utf-8")
    few = re.sub(r"(?m)^least = \{ value = 20, low = 5,", "least = { value = 2, low = 1,", text)
    assert few != text
    (copy / "policy" / "intelligence.toml").write_text(few, encoding="utf-8")
    first = catalogue(tmp_path / "kev.json", "CVE-2021-44228")
    assert update(cli, copy, "--from", str(first)).code == 0
    many = catalogue(tmp_path / "more.json", "CVE-2021-44228", FLAW, *(f"CVE-2020-{1000 + one}" for one in range(1, 7)))
    said = update(cli, copy, "--from", str(many), "--json")
    assert said.code == 10
    assert FLAW not in json.dumps(json.loads(said.out)["impact"])  # what is held means nothing yet
    assert impact(cli, copy, FLAW)["news"] == []
    (one,) = json.loads(said.out)["held"]
    told = cli("intel", "release", one["id"], "--because", "checked with its makers", "-w", str(copy))
    assert told.code == 0
    assert "7 statements are new" in told.out
    assert f"{FLAW} was added to KEV" in told.out
    assert "1 open exposure on 1 asset" in told.out
    assert impact(cli, copy, FLAW)["news"][0]["kind"] == "kev"


def test_what_vendors_settle_is_counted_until_a_later_range_takes_it_back(
    cli: Cli, copy: Path, make: Any, tmp_path: Path
) -> None:
    def settled(*ranges: tuple[str, int]) -> int:
        lines = [
            f"CVE-2021-44228,affected,,pkg:maven/org.apache.logging.log4j/log4j-core,vendor,{text},{make.day(days)}"
            for text, days in ranges
        ]
        path = make.signals(tmp_path / f"{len(ranges)}.csv", *lines)
        assert update(cli, copy, "--from", str(path)).code == 0
        result = cli("cycle", "--json", "-w", str(copy)).json()
        assert sum(result["treatments"].values()) == 8  # nothing is deleted
        return int(result["vendor_settled"])

    outside, inside = "vers:maven/>=2.15.0|<2.17.1", "vers:maven/>=2.0.0|<2.17.1"
    assert settled((inside, 7)) == 0
    assert settled((inside, 7), (outside, 6)) == 1
    assert "1 of these is fixed or not affected" in cli("cycle", "-w", str(copy)).out
    report = tmp_path / "report.md"
    assert cli("report", "--out", str(report), "-w", str(copy)).code == 0
    assert "By their vendors' own data 1 " in report.read_text("utf-8")
    assert settled((inside, 7), (outside, 6), (inside, 5)) == 0

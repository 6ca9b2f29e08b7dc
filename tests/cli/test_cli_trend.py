"""The trend: four causes that add up exactly, each told apart from the others."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Cli = Callable[..., Any]
WORLD, SIGHT, FIXES, YARDSTICK = "the world changed", "we saw more", "we fixed", "we changed the yardstick"
RISK = st.floats(min_value=0, max_value=1e7, allow_nan=False)


def cycle(cli: Cli, workspace: Path) -> None:
    assert cli("cycle", "-w", str(workspace)).code == 0


def diff(cli: Cli, workspace: Path, *words: str) -> tuple[dict[str, Any], dict[str, float]]:
    found = cli("diff", "--json", *words, "-w", str(workspace)).json()
    assert found.keys() >= {"old", "new", "changed", "change", "parts", "exposures"}
    assert [one["cause"] for one in found["parts"]] == [WORLD, SIGHT, FIXES, YARDSTICK]
    assert sum(Decimal(str(one["change"])) for one in found["parts"]) == Decimal(str(found["change"]))
    assert all(one["what"] for one in found["parts"])
    for part in found["parts"]:
        finer = [Decimal(str(one["change"])) for one in found["causes"] if one["part"] == part["cause"]]
        assert sum(finer) == Decimal(str(part["change"]))
    return found, {one["cause"]: one["change"] for one in found["parts"]}


def only(parts: dict[str, float], *causes: str) -> bool:
    return all(share == 0 for cause, share in parts.items() if cause not in causes)


@settings(deadline=None)
@given(risks=st.tuples(RISK, RISK, RISK, RISK, RISK))
def test_the_parts_always_add_up_to_the_whole(risks: tuple[float, float, float, float, float]) -> None:
    from foreshore.cycle.trend import shares

    *parts, whole = shares(risks)
    assert sum(parts) == whole
    if risks[0] == risks[4]:
        assert whole == 0


@settings(deadline=None)
@given(points=st.tuples(*[RISK] * 10))
def test_the_finer_causes_add_up_to_their_parts(points: tuple[float, ...]) -> None:
    from foreshore.cycle.trend import caused, shares

    found = caused(points)
    assert len(found) == len({one["cause"] for one in found}) == 9
    *parts, whole = shares((points[0], points[4], points[6], points[8], points[9]), points)
    for part, change in zip((WORLD, SIGHT, FIXES, YARDSTICK), parts, strict=True):
        assert sum(Decimal(str(one["change"])) for one in found if one["part"] == part) == pytest.approx(
            change, abs=1e-9
        )
    assert sum(Decimal(str(one["change"])) for one in found) == pytest.approx(whole, abs=1e-9)


@pytest.mark.slow
def test_a_second_cycle_over_the_same_facts_changed_nothing(cli: Cli, copy: Path) -> None:
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert found["changed"] is False
    assert only(parts)
    assert set(found["exposures"].values()) == {0}
    assert "Nothing changed." in cli("diff", "-w", str(copy)).out


@pytest.mark.slow
def test_news_about_a_weakness_is_the_world(cli: Cli, copy: Path, make: Any) -> None:
    news = make.signals(
        copy.parent / "news.csv", f"CVE-2023-2454,kev,1,,cisa-kev,,{make.day(0)}",
        f"CVE-2023-2454,epss,0.96,,first-epss,v2025,{make.day(0)}",
    )  # fmt: skip
    assert cli("intel", "update", "--from", str(news), "-w", str(copy)).code == 0
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert found["changed"] is True
    assert only(parts, WORLD)
    assert parts[WORLD] > 0
    assert [one["cause"] for one in found["causes"] if one["change"]] == ["new intelligence"]
    assert "CVE-2023-2454" in found["parts"][0]["what"]


@pytest.mark.slow
def test_connecting_a_scanner_is_better_sight(cli: Cli, copy: Path, make: Any) -> None:
    more = make.csv(
        copy.parent / "more.csv",
        make.row("web-2", "203.0.113.20", "CVE-2021-44228,Log4j remote code execution,critical,,,,,443,version", 1),
    )
    assert cli("import", str(more), "--source", "third", "-w", str(copy)).code == 0
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert only(parts, SIGHT)
    assert parts[SIGHT] > 0
    assert [one["cause"] for one in found["causes"] if one["change"]] == ["new exposures and assets"]
    assert found["exposures"]["new"] == 1
    assert "third" in found["parts"][1]["what"]
    assert "CVE-2021-44228 on web-2" in found["parts"][1]["what"]


@pytest.mark.slow
def test_a_verified_fix_is_ours_and_its_return_undoes_it(cli: Cli, copy: Path, make: Any) -> None:
    where = ("-w", str(copy))
    for number, source in enumerate(("agents", "probes")):
        rest = (
            (make.db, make.others)
            if source == "agents"
            else (make.row("web-1", "203.0.113.10", "CVE-2019-1,Old,low,,,,,443,banner", 3),)
        )
        report = make.csv(copy.parent / f"fixed{number}.csv", *(one.replace(make.day(9), make.day(3)) for one in rest))
        assert cli("import", str(report), "--source", source, "--coverage", "site", *where).code == 0
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert parts[FIXES] < -50
    assert found["exposures"]["fixed"] == 1
    assert parts[WORLD] == parts[YARDSTICK] == 0
    again = make.csv(copy.parent / "again.csv", make.web.replace(make.day(9), make.day(1)))
    assert cli("import", str(again), "--source", "agents", *where).code == 0
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert found["exposures"]["reopened"] == 1
    assert parts[FIXES] > 0
    assert parts[WORLD] == parts[YARDSTICK] == 0


@pytest.mark.slow
def test_scope_and_decisions_are_the_yardstick(cli: Cli, copy: Path) -> None:
    scope = copy / "scope.yaml"
    scope.write_text(scope.read_text("utf-8").replace("tier: 4", "tier: 5", 1), encoding="utf-8")
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert only(parts, YARDSTICK)
    assert parts[YARDSTICK] > 0
    assert [one["cause"] for one in found["causes"] if one["change"]] == ["changed scope"]
    assert "Web shop: impact tier 4 → 5" in found["parts"][3]["what"]
    assert found["risk"]["old_by_todays_yardstick"] == pytest.approx(found["risk"]["new"])
    key = cli("exposures", "--json", "--top", "1", "-w", str(copy)).json()[0]["id"]
    assert (
        cli("decide", key, "--as", "false-positive", "--because", "the class is not there", "-w", str(copy)).code == 0
    )
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert only(parts, YARDSTICK)
    assert parts[YARDSTICK] < 0
    assert [one["cause"] for one in found["causes"] if one["change"]] == ["decisions"]
    assert "1 decision was made" in found["parts"][3]["what"]


@pytest.mark.slow
def test_a_firewall_rule_that_came_is_the_network(cli: Cli, copy: Path, make: Any) -> None:
    rules = copy.parent / "rules.csv"
    rules.write_text("order,source,destination,ports,action\n1,0.0.0.0/0,10.20.0.0/16,5432,allow\n", encoding="utf-8")
    assert cli("import", str(rules), "--source", "firewall", "-w", str(copy)).code == 0
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert parts[WORLD] == parts[FIXES] == parts[YARDSTICK] == 0
    assert [one["cause"] for one in found["causes"] if one["change"]] == ["changed network, rights and controls"]


@pytest.mark.slow
def test_other_numbers_are_the_policy(cli: Cli, copy: Path) -> None:
    path = copy / "policy" / "treatment.toml"
    text = path.read_text("utf-8")
    tier = next(line for line in text.splitlines() if line.startswith("tier_4"))
    path.write_text(
        text.replace(tier, 'tier_4 = { value = 5, low = 5, high = 5, unit = "weight", source = "test" }'), "utf-8"
    )
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert only(parts, YARDSTICK)
    assert [one["cause"] for one in found["causes"] if one["change"]] == ["changed policy"]


@pytest.mark.slow
def test_a_weakness_published_since_on_a_known_asset_is_the_world(cli: Cli, copy: Path, make: Any) -> None:
    where = ("-w", str(copy))
    assert cli("cycle", "--as-of", make.day(5), *where).code == 0
    fresh = make.row(
        "web-1",
        "203.0.113.10",
        "CVE-2026-0001,Proxy login bypass,critical,pkg:generic/proxy,proxy,1.0,1.1,443,package",
        2,
    )
    old = make.row(
        "web-1", "203.0.113.10", "CVE-2019-0001,Proxy crash,critical,pkg:generic/proxy,proxy,1.0,1.1,443,package", 2
    )
    news = make.signals(
        copy.parent / "published.csv", f"CVE-2026-0001,published,,,cna,,{make.day(3)}",
        f"CVE-2026-0001,kev,1,,cisa-kev,,{make.day(3)}", "CVE-2019-0001,published,,,cna,,2019-01-01",
    )  # fmt: skip
    for name, line in (("fresh", fresh), ("old", old)):
        assert cli("import", str(make.csv(copy.parent / f"{name}.csv", line)), "--source", "agents", *where).code == 0
    assert cli("intel", "update", "--from", str(news), *where).code == 0
    cycle(cli, copy)
    found, parts = diff(cli, copy)
    assert found["exposures"]["new"] == 2
    assert parts[WORLD] > 0
    assert parts[YARDSTICK] == parts[FIXES] == 0
    assert "1 exposure to weaknesses published since" in found["parts"][0]["what"]
    assert "1 exposure for the first time" in found["parts"][1]["what"]


def test_one_cycle_has_nothing_to_be_compared_with(cli: Cli, company: Path) -> None:
    found = cli("diff", "-w", str(company))
    assert found.code == 3
    assert "only one cycle has run" in found.err
    assert cli("diff", "CYC-ZZZZ", "CYC-YYYY", "-w", str(company)).code in (2, 3)

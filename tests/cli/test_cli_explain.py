"""Why an exposure stands where it stands: plain for what has no CVE number, and CVSS as it counts on the asset."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
WEB, FLAW = "CVE-2021-44228", "CVE-2023-2454"  # on web-1 (tier 4) and db-1 (tier 4)
OFFICE = "CVE-2020-1001"  # on a computer of no service
VECTOR = "CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:U/C:L/I:L/A:N"


@pytest.fixture(scope="module")
def told(cli: Cli, company: Path, make: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company with vectors, and with findings that have no CVE number."""
    import shutil

    root = tmp_path_factory.mktemp("explain")
    workspace = Path(shutil.copytree(company, root / "ws"))
    where = ("-w", str(workspace))
    lines = [f"{name},cvss,4.2,{VECTOR},nvd,3.1,{make.day(8)}" for name in (FLAW, OFFICE)]
    signals = make.signals(root / "vectors.csv", *lines)
    assert cli("intel", "update", "--from", str(signals), *where).code == 0
    finding = ",{},critical,,,,,443,probe"
    report = make.csv(
        root / "review.csv",
        *(
            make.row("web-1", "203.0.113.10", finding.format(title), 2)
            for title in ("Default credentials of the console", "S3 bucket open to everyone")
        ),
    )
    assert cli("import", str(report), "--source", "review", *where).code == 0
    assert cli("cycle", *where).code == 0
    return workspace


def key(cli: Cli, workspace: Path, text: str) -> str:
    rows = cli("exposures", "--json", "-w", str(workspace)).json()
    return next(str(one["id"]) for one in rows if text in one["weakness"] or text in one["title"])


def explained(cli: Cli, workspace: Path, text: str) -> tuple[dict[str, Any], str]:
    one = key(cli, workspace, text)
    said = dict(cli("explain", one, "--json", "-w", str(workspace)).json())
    return said, str(cli("explain", one, "-w", str(workspace)).out)


def test_cvss_on_the_asset_stands_beside_the_published_one(cli: Cli, told: Path) -> None:
    found, words = explained(cli, told, FLAW)
    score = found["cvss_environmental"]
    assert score["requirements"] == {"CR": "H", "IR": "H", "AR": "H"}
    assert (score["tier"], score["service"]) == (4, "Card payments")
    assert (score["policy"], score["source"]) == ("standards.requirement.tier_4", "own convention")
    # By the specification of CVSS 3.1: MISS = 1 - (1 - 1.5 * 0.22)^2 = 0.5511, impact 6.42 * 0.5511 = 3.538,
    # exploitability 8.22 * 0.85 * 0.44 * 0.62 * 0.85 = 1.620; their sum, rounded up, is 5.2.
    assert (score["base"], score["published"], score["score"]) == (4.2, 4.2, 5.2)
    assert "CVSS 3.1 on this asset 5.2 (environmental; the base score is 4.2) with CR:H, IR:H, AR:H" in words
    assert "it is part of Card payments, tier 4 (policy standards.requirement.tier_4, own convention" in words


def test_where_no_tier_or_no_vector_is_known_nothing_is_said(cli: Cli, told: Path) -> None:
    for name in (OFFICE, WEB):
        found, words = explained(cli, told, name)
        assert found["cvss_environmental"] is None
        assert "on this asset" not in words


def test_the_requirement_is_the_policys_and_the_report_says_the_same(cli: Cli, told: Path, tmp_path: Path) -> None:
    text = (resources.files("foreshore.policy") / "standards.toml").read_text("utf-8")
    own = text.replace('tier_4 = "H"', 'tier_4 = "L"').replace('source = "own convention"', 'source = "our board"')
    (told / "policy" / "standards.toml").write_text(own, "utf-8")
    try:
        score = explained(cli, told, FLAW)[0]["cvss_environmental"]
        assert (score["requirements"]["CR"], score["source"]) == ("L", "our board")
        assert score["score"] < score["base"]
        files = {name: tmp_path / f"report.{name}" for name in ("json", "md", "html")}
        for name, path in files.items():
            assert cli("report", "--format", name, "--out", str(path), "-w", str(told)).code == 0
        shown = {one["weakness"]: one for one in json.loads(files["json"].read_text("utf-8"))["exposures"]}
        assert shown[FLAW]["cvss_environmental"]["score"] == score["score"]
        assert shown[WEB]["cvss_environmental"] is None
        assert score["sentence"].partition(" with ")[0] in files["md"].read_text("utf-8").replace("\\", "")
        assert f"CVSS 4.2 (on this asset {score['score']:.1f}: Card payments, tier 4" in files["html"].read_text(
            "utf-8"
        )
    finally:
        (told / "policy" / "standards.toml").unlink()


@pytest.mark.parametrize("title", ["Default credentials", "S3 bucket"])
def test_what_needs_no_exploit_is_not_said_to_have_one(cli: Cli, told: Path, title: str) -> None:
    found, words = explained(cli, told, title)
    assert [one["answer"] for one in found["answers"]][:2] == ["yes", "yes"]
    (point,) = (one for one in found["decision_points"][0]["points"] if one["point"] == "exploitation")
    assert point["fact"].startswith("no exploit has to be developed: ordinary tools are enough")
    assert point["source"] == "policy"
    assert "a ready exploit is public" not in words
    assert "the catalogue lists CVEs alone, and this has no CVE number" in words
    assert "no catalogue was read" not in words

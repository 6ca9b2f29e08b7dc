"""What a report says never runs: markup, template tags, formulas and addresses in every field, on every page and export."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.company import day, run
from tests.served import Service, serving
from tests.server.addresses import placed, routes_of

MARK = "<img src=x onerror=alert('canary')><script>canary()</script>"
TEMPLATE = '{{ "canarytag"|upper }}{% load canary %}${7*7}'
ODD = "\u202ertl\x07\x1b[31m\u0000"
NASTY = (f"=1+1{MARK}", f"+cmd|' /C canary'!A0{TEMPLATE}", f"@SUM(1){MARK}{ODD}", f"-2+3{TEMPLATE}{MARK}")
JAVASCRIPT = "javascript:canary()//"
# What no answer may hold as it is: markup of the report, and a template tag that was obeyed.
ALIVE = re.compile(r"(?i:<img src=x|<script>canary|(href|src)=[\"']?\s*javascript:|</script>\s*<img)|CANARYTAG")
_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?")
_FIELDS = (
    "title", "rule", "component_name", "version", "fixed_version", "fix", "resource", "parameter", "path", "context",
    "description", "os", "owner", "asset_tags", "status_note", "unheard_of",
)  # fmt: skip


def _rows() -> list[dict[str, Any]]:
    """Findings of several kinds, each text of which is hostile in turn."""
    rows: list[dict[str, Any]] = []
    for number, nasty in enumerate(NASTY):
        base = {
            "asset": f"web-{number}{MARK}" if number % 2 else f"web-{number}", "address": f"10.10.0.{number + 40}",
            "severity": "critical", "last_seen": day(9), **{name: f"{nasty} {name}" for name in _FIELDS},
        }  # fmt: skip
        rows += [
            {**base, "weakness": "CVE-2021-44228", "component": "pkg:generic/canary" + str(number)},
            {**base, "kind": "misconfiguration", "rule": f"{nasty} set"},
            {**base, "kind": "code", "line": 7, "rule": f"{nasty} code"},
            {**base, "url": f"https://web-{number}.shop.example.com/{JAVASCRIPT}?q={MARK}", "method": "GET"},
            {**base, "url": JAVASCRIPT, "rule": f"{nasty} address", "description": "long " * 20_000},
        ]
    return rows


@pytest.fixture(scope="module")
def hostile(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service over a company that read the hostile report."""
    root = tmp_path_factory.mktemp("hostile")
    workspace = Path(shutil.copytree(company, root / "ws"))
    (root / "report.json").write_text(json.dumps(_rows()), encoding="utf-8")
    said = run("import", str(root / "report.json"), "--source", "stranger", "--workspace", str(workspace))
    assert said.code == 0, said.err
    assert run("cycle", "--workspace", str(workspace)).code == 0
    with serving(workspace) as running:
        yield running


@pytest.fixture(scope="module")
def things(hostile: Service) -> list[dict[str, str]]:
    """An exposure of each kind that came with the report, its asset and its action."""
    rows = run("exposures", "--json", "--workspace", str(hostile.workspace)).json()
    mine = [one for one in rows if "stranger" in str(one.get("sources"))]
    actions = run("actions", "--json", "--workspace", str(hostile.workspace)).json()
    assert len({one["kind"] for one in mine}) >= 3, "the report was read"
    assert any("<img" in json.dumps(one) for one in mine), "its texts are kept as they were"
    firsts = {one["kind"]: one for one in reversed(mine)}
    return [
        {"asset": one["asset"], "exposure": one["id"], "action": action["id"], "service": "Web shop"}
        for one, action in zip(firsts.values(), actions, strict=False)
    ]


def _texts(client: httpx.Client, paths: set[str]) -> Iterator[tuple[str, httpx.Response]]:
    for path in sorted(paths):
        yield path, client.get(path)


def test_no_page_lets_a_report_speak_markup(hostile: Service, things: list[dict[str, str]]) -> None:
    routes = [one for one in routes_of(hostile) if not one.startswith(("accounts", "i18n", "api", "join", "guest"))]
    paths = {placed(route, some, "CVE-2021-44228") for route in routes for some in things}
    paths |= {"/exposures/?show=rows", "/exposures/?where=" + "title+~+canary", "/assets/?where=web", "/actions/?due="}
    alive, nothing = [], True
    with closing(hostile.client("admin@example.com")) as client:
        for path, answer in _texts(client, paths):
            if "html" not in answer.headers.get("content-type", ""):
                continue
            alive += [(path, found.group()) for found in ALIVE.finditer(answer.text)][:2]
            alive += [(path, "500")] if answer.status_code == 500 else []
            nothing = nothing and "&lt;img src=x" not in answer.text
    assert not alive, alive
    assert not nothing, "the hostile texts were shown somewhere, as text"


def test_no_export_holds_a_formula(hostile: Service, things: list[dict[str, str]]) -> None:
    paths = {"/actions/export.csv", "/reports/export/?format=csv"}
    paths |= {f"/actions/{some['action']}/ticket.csv" for some in things}
    with closing(hostile.client("admin@example.com")) as client:
        for path, answer in _texts(client, paths):
            assert answer.status_code == 200, path
            rows = list(csv.reader(io.StringIO(answer.text)))
            assert len(rows) > 1, path
            for cell in (cell for row in rows for cell in row):
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or _NUMBER.fullmatch(cell), (
                    path,
                    cell[:60],
                )


def test_written_reports_hold_it_as_text(hostile: Service, tmp_path: Path) -> None:
    where = ("--workspace", str(hostile.workspace))
    for form in ("html", "md", "json"):
        said = run("report", "--format", form, "--out", str(tmp_path / f"report.{form}"), *where)
        assert said.code == 0, said.err
    page = (tmp_path / "report.html").read_text("utf-8")
    assert not ALIVE.findall(page)
    assert not re.search(r"(?<!\\)<(img|script)", (tmp_path / "report.md").read_text("utf-8"))
    json.loads((tmp_path / "report.json").read_text("utf-8"))


def test_the_terminal_is_not_written_to_by_a_report(hostile: Service) -> None:
    said = run("exposures", "--top", "50", "--workspace", str(hostile.workspace))
    assert said.code == 0
    assert "\x1b[31m" not in said.out
    assert "\u202e" not in said.out

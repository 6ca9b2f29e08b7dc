"""`foreshore backtest`: the whole way from a file of intelligence to a sentence, a table, JSON and a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Cli = Callable[..., Any]
FIRST = date(2024, 3, 1)
_HEAD = "weakness,kind,value,text,source,model,observed_at\n"
_NETWORK, _LOCAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"


def name(number: int) -> str:
    return f"CVE-2023-{1000 + number}"


def signals(entered: Callable[[int], int | None]) -> str:
    """Two hundred weaknesses with records; EPSS is full on three days and ranks them by their number.

    `entered` says how many days after the first one was added to KEV, None for never.
    """

    def row(weakness: str, kind: str, value: object, text: str, source: str, model: str, days: int) -> str:
        return f"{weakness},{kind},{value},{text},{source},{model},{FIRST + timedelta(days=days)}\n"

    rows = [row("*", "feed:kev", "", "", "cisa-kev", "", 400), row("*", "feed:cve5", "", "", "cve", "", 399)]
    for day in (0, 60, 120):
        rows.append(row("*", "feed:epss", "", "", "first-epss", "v3", day))
    for number in range(200):
        rows.append(row(name(number), "published", "", "day", "cve", "", -300 + number))
        rows.append(row(name(number), "epss", (number + 1) / 1000, "", "first-epss", "v3", 0))
        vector = _NETWORK if number % 2 else _LOCAL
        rows.append(row(name(number), "cvss", 9.8 if number % 2 else 2.0, vector, "cna", "3.1", -50))
        if (when := entered(number)) is not None:
            rows.append(row(name(number), "kev", 1, "", "cisa-kev", "", when))
    return _HEAD + "".join(rows)


@pytest.fixture(scope="module")
def workspace(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EPSS is right: the upper tenth comes true, some soon, some late; CVSS knows nothing of it."""
    from foreshore.workspace import Workspace

    root = tmp_path_factory.mktemp("backtest")
    Workspace.create(root / "ws", seed=5)
    feed = root / "signals.csv"
    feed.write_text(signals(lambda number: 10 + 8 * (number - 180) if number >= 180 else None), encoding="utf-8")
    assert cli("intel", "update", "--all", "--from", str(feed), "-w", str(root / "ws")).code == 0
    return root / "ws"


def asked(workspace: Path, *more: str) -> tuple[str, ...]:
    return ("backtest", "--from", f"{FIRST}", "--to", f"{FIRST + timedelta(days=130)}", "--samples", "100",
            "--horizon", "60", *more, "-w", str(workspace))  # fmt: skip


@pytest.fixture(scope="module")
def found(cli: Cli, workspace: Path) -> Any:
    """The answer as programs get it."""
    return cli(*asked(workspace, "--json")).json()


def order(found: dict[str, Any], text: str) -> dict[str, Any]:
    return next(one for one in found["orders"] if one["name"] == text)


def test_the_order_that_was_right_is_told_from_the_one_that_was_not(found: dict[str, Any]) -> None:
    assert [one["day"] for one in found["days"]] == [str(FIRST + timedelta(days=days)) for days in (0, 60, 120)]
    assert [one["came_true"] for one in found["days"]] == [7, 7, 6]
    assert found["came_true"] == 20
    epss, random = order(found, "EPSS")["measures"], order(found, "random")["measures"]
    assert epss["recall_10"]["value"] == pytest.approx(1, abs=0.05)
    assert epss["auc"]["value"] > 0.95
    assert random["auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert random["recall_15"]["value"] == pytest.approx(0.15, abs=0.005)
    assert abs(order(found, "CVSS")["measures"]["auc"]["value"] - 0.5) < 0.1
    difference = next(one for one in found["differences"]
                      if (one["order"], one["against"], one["measure"]) == ("EPSS", "CVSS", "recall_10"))  # fmt: skip
    assert 0 < difference["low"] <= difference["value"] <= difference["high"]
    assert any("too good" in one for one in found["cautions"])  # nothing real is that right
    assert any("not known to be harmless" in one for one in found["cautions"])
    coverage = [point["coverage"] for point in order(found, "EPSS")["curve"]]
    assert coverage == sorted(coverage)
    assert coverage[-1] == pytest.approx(1)


def test_the_same_question_has_the_same_answer(cli: Cli, workspace: Path, found: dict[str, Any]) -> None:
    assert cli(*asked(workspace, "--json")).json() == found


def test_people_read_a_sentence_then_the_table_and_what_has_to_be_said(cli: Cli, workspace: Path) -> None:
    said = cli(*asked(workspace, "--capacity", "20"))
    assert said.code == 0
    assert said.out.startswith("Working through the first 10 % of the list, our order finds ")
    assert "of the 20 weaknesses that came to be known exploited within 60 days" in said.out
    assert re.search(r"Ours minus CVSS, found in the first 10 %: [+−]0\.\d\d \([+−]0\.\d\d … [+−]0\.\d\d\)", said.out)
    for word in ("of capacity", "first 15 %", "KEV only", "SSVC Deployer", "rank sum", "newest", "log-loss"):
        assert word in said.out
    assert "from addition to KEV to known here: not measurable; 16 were dated before" in said.out


def test_the_page_draws_every_curve_and_loads_nothing(cli: Cli, workspace: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = cli(*asked(workspace, "--html", str(page)))
    assert f"written: {page}" in said.err
    text = page.read_text("utf-8")
    assert "Would the ranking have worked?" in text
    assert not re.search(r"(src|href)=|@import|url\(", text)
    drawing = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    lines = drawing.findall("polyline")
    assert len(lines) == len([one for one in drawing.findall("text") if one.get("class")])
    points = [[float(part) for part in pair.split(",")] for pair in lines[-1].get("points", "").split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)


def test_wrong_questions_are_answered_with_what_to_write(cli: Cli, workspace: Path) -> None:
    where = ("-w", str(workspace))
    days = ("--from", "2024-03-01", "--to", "2024-06-01")
    for words, told in (
        (("--from", "yesterday", "--to", "2024-06-01"), "--from is no day: yesterday"),
        (("--from", "2024-06-01", "--to", "2024-03-01"), "the last day lies before the first"),
        ((*days, "--effort", "ten"), "--effort is no list of percentages"),
        ((*days, "--effort", "0"), "between 0 and 100"),
        ((*days, "--horizon", "0"), "at least 1"),
        ((*days, "--among", "all"), "no answer to --among"),
        ((*days, "--placing", "daily"), "no answer to --placing"),
        ((*days, "--records", "nobody"), "no source of records is called nobody"),
    ):
        said = cli("backtest", *words, *where)
        assert (said.code, told in said.err) == (2, True), said.err


def test_where_nothing_came_true_nothing_is_claimed(cli: Cli, workspace: Path, tmp_path: Path) -> None:
    late = cli("backtest", "--from", "2025-03-20", "--to", "2025-12-31", "-w", str(workspace))
    assert (late.code, "no day between 2025-03-20" in late.err) == (3, True)
    quiet = cli("backtest", "--from", "2024-09-01", "--to", "2024-10-01", "--placing", "rolling", "--horizon", "30",
                "-w", str(workspace))  # fmt: skip
    assert (quiet.code, "nothing on the list came to be known exploited" in quiet.err) == (3, True)
    from foreshore.workspace import Workspace

    Workspace.create(tmp_path / "empty", seed=1)
    empty = cli("backtest", "--from", "2024-03-01", "--to", "2024-06-01", "-w", str(tmp_path / "empty"))
    assert (empty.code, "no catalogue of known exploited weaknesses was read" in empty.err) == (3, True)


def test_only_what_reports_had_found_by_then_stands_on_the_list(
    cli: Cli, copy: Path, make: Any, tmp_path: Path
) -> None:
    """The company's reports are of days ago: Log4j was found then, and was in KEV long before."""
    feed = tmp_path / "signals.csv"
    rows = [f"CVE-2023-2454,published,,day,cve,,{make.day(500)}", f"CVE-2023-2454,kev,1,,cisa-kev,,{make.day(2)}",
            f"CVE-2020-1001,published,,day,cve,,{make.day(900)}", f"CVE-2020-9999,published,,day,cve,,{make.day(900)}"]  # fmt: skip
    make.signals(feed, *rows)
    marks = (
        feed.read_text("utf-8") + f"*,feed:kev,,,cisa-kev,,{make.day(0)}\n*,feed:epss,,,first-epss,v4,{make.day(8)}\n"
    )
    feed.write_text(marks, encoding="utf-8")
    assert cli("intel", "update", "--all", "--from", str(feed), "-w", str(copy)).code == 0
    words = ("backtest", "--from", make.day(7), "--to", make.day(7), "--horizon", "6", "--placing", "rolling", "--json")
    everyone = cli(*words, "-w", str(copy)).json()["days"][0]
    here = cli(*words, "--present", "-w", str(copy)).json()["days"][0]
    assert (everyone["weaknesses"], here["weaknesses"]) == (3, 2)
    assert here["left_out"]["not found here by then"] >= 1

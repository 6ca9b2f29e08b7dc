"""The HTML report: whole, in order, self-contained, and deaf to what reports say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree
from lxml import html as lxml_html

from foreshore.report import writing
from foreshore.workspace import Workspace

Finish = Callable[..., None]
SECTIONS = (
    "new", "funnel", "treatments", "services", "ways", "moved", "exposures", "actions", "unknowns", "blind", "covered", "method",
    "words",
)  # fmt: skip
TREATMENTS = ("act_now", "unknown", "routine", "watch", "accepted")


def page(workspace: Workspace, tmp_path: Path) -> Any:
    path = writing.write(workspace, "html", tmp_path / "report.html")
    return lxml_html.document_fromstring(path.read_bytes())


def text(element: Any) -> str:
    return " ".join(element.text_content().split())


def section(tree: Any, name: str) -> str:
    (found,) = tree.xpath(f"//section[@id='{name}']")
    return text(found)


def many(made: SimpleNamespace, count: int = 23) -> list[dict[str, Any]]:
    """Exposures of all treatments and answers, one dismissed."""
    rows = [
        made.exposure(
            key, key, TREATMENTS[key % 5], reachable=("yes", "no", "unknown")[key % 3],
            exploit=("attacks", "unknown", "none_known", "poc")[key % 4], severity=key % 5, cvss=None,
        )
        for key in range(1, count + 1)
    ]  # fmt: skip
    return [*rows, made.exposure(99, 99, None, disposition="false_positive", disposition_because="backported")]


@pytest.fixture
def finished(workspace: Workspace, finish: Finish, made: SimpleNamespace) -> Workspace:
    finish(
        5, many(made), steps=[*made.path_of(1, way=1), *made.path_of(0, way=1), *made.path_of(0, way=2)], facts=made.imports(),
        services=[made.service("Card payments", loss=120000.0), made.service("Directory", foundation=True)],
        actions=[made.action(900 + number, number) for number in range(1, 8)],
    )  # fmt: skip
    return workspace


def test_all_sections_stand_in_their_order(finished: Workspace, tmp_path: Path) -> None:
    tree = page(finished, tmp_path)
    assert tuple(tree.xpath("//main/section/@id")) == SECTIONS
    links = [link.removeprefix("#") for link in tree.xpath("//nav/a/@href")]
    assert links == list(SECTIONS)
    assert text(tree.xpath("//h1")[0]) == "Example Stores"
    assert len(tree.xpath("//ol[@id='summary']/li/span[normalize-space()]")) == 3
    for name in SECTIONS:
        assert len(section(tree, name)) > 40


def test_nothing_is_loaded_and_nothing_runs(finished: Workspace, tmp_path: Path) -> None:
    body = writing.write(finished, "html", tmp_path / "r.html").read_text("utf-8")
    tree: Any = lxml_html.document_fromstring(body)
    assert not tree.xpath("//script | //link | //iframe | //object | //embed | //img | //base | //form")
    assert not tree.xpath("//@*[starts-with(name(), 'on')]")
    assert not tree.xpath("//@src | //@srcset | //@*[name()='xlink:href']")
    assert all(link.startswith("#") for link in tree.xpath("//@href"))
    assert "@import" not in body
    assert "http://" not in body
    assert "https://" not in body
    assert all(part.startswith("#") for part in _urls(body))
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def _urls(body: str) -> list[str]:
    return [part.split(")")[0].strip("'\" ") for part in body.split("url(")[1:]]


def test_every_id_is_there_once_and_every_link_leads_somewhere(finished: Workspace, tmp_path: Path) -> None:
    tree = page(finished, tmp_path)
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in tree.xpath("//a/@href")} <= set(ids)


def test_the_printed_treatments_add_up_to_the_open_exposures(finished: Workspace, tmp_path: Path) -> None:
    tree = page(finished, tmp_path)
    rows = tree.xpath("//section[@id='treatments']//tbody/tr")
    counts = [_count(row.xpath("td[1]")[0]) for row in rows]
    total = _count(tree.xpath("//*[@id='open-total']")[0])
    assert len(rows) == 5
    assert sum(counts) == total == 23
    funnel = [text(step) for step in tree.xpath("//section[@id='funnel']//div[@class='step']")]
    assert funnel[1] == "open exposures 23"
    assert "people dismissed 1: 1 false positive" in section(tree, "treatments")


def _count(element: Any) -> int:
    return int("".join(one for one in text(element) if one.isdigit()))


def test_the_bar_of_treatments_is_full(finished: Workspace, tmp_path: Path) -> None:
    tree = page(finished, tmp_path)
    widths = [float(one.rstrip("%")) for one in tree.xpath("//*[contains(@class, 'stack')]/rect/@width")]
    assert len(widths) == 5
    assert sum(widths) == pytest.approx(100, abs=0.01)


def test_a_path_is_drawn_from_entry_to_service_with_assumed_links_dashed(finished: Workspace, tmp_path: Path) -> None:
    tree = page(finished, tmp_path)
    drawings = tree.xpath("//section[@id='exposures']//svg[contains(@class, 'chain')]")
    assert len(drawings) == 2  # one for wide windows and print, one for narrow ones
    for drawing in drawings:
        labels = [text(one) for one in drawing.xpath("g/title")]
        assert labels == ["Internet", "host-1.example.com", "db.example.com", "Card payments"]
        links = [("assumed" in one) for one in drawing.xpath("path/@class")]
        assert links == [False, True, False]
    assert len(tree.xpath("//article[1]//details//li")) == 6


def test_each_first_exposure_has_its_three_answers(finished: Workspace, tmp_path: Path) -> None:
    cards = page(finished, tmp_path).xpath("//section[@id='exposures']/article")
    assert len(cards) == 10
    for card in cards:
        questions = [text(one) for one in card.xpath(".//dt")]
        assert questions == [
            "Can an attacker get to it?", "Is there a working exploit?", "Does it lead to something critical?",
        ]  # fmt: skip
        assert {text(one) for one in card.xpath(".//dd/b")} <= {"yes", "no", "unknown"}


def test_no_hit_is_below_x_and_only_no_path_is_none(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    zero = {"probability": 0.0, "low": 0.0, "high": 0.0, "best_case": 0.0, "worst_case": 0.0, "sampling_error": 0.003}
    services = [made.service("Possible", **zero), made.service("Impossible", **zero, path=0.0)]
    finish(5, many(made), services=services)
    rows = page(workspace, tmp_path).xpath("//section[@id='services']//tbody/tr")
    said = {text(row.xpath("td[1]/b")[0]): row for row in rows}
    assert "< 0.3 %" in text(said["Possible"])
    assert " 0 %" not in text(said["Possible"])
    assert said["Possible"].xpath(".//circle")
    assert "no path known" in text(said["Impossible"])
    assert not said["Impossible"].xpath(".//circle")


def test_money_stands_only_where_it_was_confirmed(finished: Workspace, tmp_path: Path) -> None:
    rows = page(finished, tmp_path).xpath("//section[@id='services']//tbody/tr")
    cells = {text(row.xpath("td[1]/b")[0]): text(row.xpath("td[last()]")[0]) for row in rows}
    assert cells["Directory"] == "–"
    assert cells["Card payments"].endswith("EUR")


def test_hostile_text_in_every_field_stays_text(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    bad = made.hostile
    texts = ("asset_name", "site", "zone", "weakness", "title", "place", "reach_fact", "reason", "would_lower",
             "label", "due_rule", "owner", "disposition_because", "fix")  # fmt: skip
    spoiled: dict[str, Any] = dict.fromkeys(texts, bad) | {"leads_to": [bad], "sources": [bad]}
    rows = [made.exposure(key, key, TREATMENTS[key % 5], reachable="unknown", **spoiled) for key in range(1, 30)]
    steps = [
        {**step, "step": bad, "fact": bad, "source": bad, "zone": bad, "service": bad, "technique": bad}
        for key in (0, 1, 2)
        for step in made.path_of(key)
    ]
    facts = made.imports(source=bad, site=bad, vantage=bad)
    facts["signals"][0]["kind"] = f"feed:{bad}"
    facts["sightings"][0]["name"] = bad
    result = {"organization": bad, "currency": bad, "attackers": [
        {"name": bad, "attacks_per_year": {"low": 1.0, "likely": 2.0, "high": 3.0}}]}  # fmt: skip
    more = {"services": [made.service(bad, owner=bad, loss=1.0)], "result": result}
    finish(4, rows[3:], known_at=datetime(2026, 2, 1), facts=facts, scope="other", **more)
    finish(5, rows, steps=steps, actions=[made.action(901, 1, title=bad, what=bad, team=bad, due_rule=bad,
                                                      services=[bad], channel=bad)], **more)  # fmt: skip
    tree = page(workspace, tmp_path)
    assert not tree.xpath("//script | //img | //@*[starts-with(name(), 'on')]")
    assert tree.xpath("//main/section/@id") == list(SECTIONS)
    assert "<script>alert(1)</script>" in text(tree.xpath("//h1")[0])  # as text, not as markup
    assert "49" not in text(tree.xpath("//h1")[0])  # and no template of its own
    parser = etree.HTMLParser(recover=False)
    etree.fromstring((tmp_path / "report.html").read_bytes().replace(b"<!doctype html>", b""), parser)
    errors = [one for one in parser.error_log if "Tag" not in one.message]  # it does not know SVG's names
    assert not errors


def test_long_and_unprintable_text_is_cut(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    rows = [made.exposure(key, key, "act_now", title="A" * 100_000 + "\x00\x1b[31m", asset_name="b" * 9999)
            for key in range(1, 12)]  # fmt: skip
    finish(5, rows, facts=made.imports())
    path = writing.write(workspace, "html", tmp_path / "r.html")
    body = path.read_text("utf-8")
    assert path.stat().st_size < 200_000
    assert "\x1b" not in body
    assert "\x00" not in body


def test_the_first_cycle_says_so(finished: Workspace, tmp_path: Path) -> None:
    assert "first cycle" in section(page(finished, tmp_path), "new")


def test_what_changed_since_the_cycle_before(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    before = [made.exposure(key, key, "watch") for key in range(1, 8)]
    finish(4, before, known_at=datetime(2026, 2, 1), facts={
        **made.imports(), "exposure_aliases": [{"old": 7, "new": 6, "run": 1, "reason": "the same"}],
        "exposure_events": [{"exposure": 1, "happened_at": datetime(2026, 2, 20), "kind": "fixed", "run": 1,
                             "generation": 1}]})  # fmt: skip
    after = [
        made.exposure(3, 2, "act_now", reason="It is used in attacks now."),
        made.exposure(4, 3, "watch"), made.exposure(5, 4, None, disposition="not_ours"),
        made.exposure(6, 5, "watch"), made.exposure(20, 1, "routine", asset_name="fresh.example.com"),
    ]  # fmt: skip
    finish(5, after, scope="changed")
    tree = page(workspace, tmp_path)
    tiles = {text(tile.xpath("span")[0]): int(text(tile.xpath("b")[0])) for tile in tree.xpath("//*[@class='tile']")}
    assert tiles == {
        "new": 1, "fixed": 1, "treated differently": 1, "dismissed by people": 1, "no longer counted": 1, "as before": 2,
    }  # fmt: skip
    news = section(tree, "new")
    assert "fresh.example.com" in news
    assert "host-1.example.com: 2026-02-20" in news
    assert "Watch → Act now. It is used in attacks now." in news
    assert "host-5.example.com: not ours" in news
    assert "The scope changed in between" in news
    totals = [text(cell) for cell in tree.xpath("//section[@id='new']//tfoot//td")]
    assert totals == ["6", "4", "−2"]


def test_a_cycle_that_changed_nothing_says_so(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    rows = [made.exposure(key, key, "watch") for key in range(1, 4)]
    finish(4, rows, known_at=datetime(2026, 2, 1))
    finish(5, rows)
    assert "Nothing changed" in section(page(workspace, tmp_path), "new")


def test_no_service_is_named(workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path) -> None:
    finish(5, [made.exposure(1, 1, "act_now", leads_to=[], leads="no")], facts=made.imports())
    tree = page(workspace, tmp_path)
    assert "No service is named yet" in section(tree, "services")
    assert tree.xpath("//main/section/@id") == list(SECTIONS)


def test_nothing_is_open(workspace: Workspace, finish: Finish, tmp_path: Path) -> None:
    finish(5, [])
    tree = page(workspace, tmp_path)
    assert "Nothing is open" in text(tree.xpath("//ol[@id='summary']")[0])
    assert "No exposure is open" in section(tree, "exposures")
    assert text(tree.xpath("//*[@id='open-total']")[0]) == "0"
    assert tree.xpath("//main/section/@id") == list(SECTIONS)


def test_old_sources_and_missing_feeds_are_said(finished: Workspace, tmp_path: Path) -> None:
    tree = page(finished, tmp_path)
    rows = [[text(cell) for cell in row] for row in tree.xpath("//section[@id='covered']//table[1]/tbody/tr")]
    assert ["nessus", "hq", "office", "1", "30", "–", "2026-02-25", "4 days"] in rows
    assert ["trivy", "hq", "office", "1", "4", "–", "2025-06-01", "273 days · old"] in rows
    assert ["kev", "2026-02-28", "1 day", "2026-02-28"] in rows
    covered = section(tree, "covered")
    assert "No EPSS scores were read: how likely each weakness is to be tried is unknown here." in covered
    assert "No KEV list" not in covered


def test_one_question_gathers_all_that_it_decides(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    asked = {"reachable": "unknown", "reach_fact": "not known whether office reaches payments"}
    rows = [made.exposure(key, key, "unknown", **asked) for key in range(1, 6)]
    rows.append(made.exposure(9, 9, "unknown", exploit="unknown", contribution_if_reachable=0.9))
    finish(5, rows, facts=made.imports())
    tree = page(workspace, tmp_path)
    found = [text(row.xpath("td[1]/b")[0]) for row in tree.xpath(
        "//section[@id='unknowns']//tbody/tr")]  # fmt: skip
    assert found == ["is a working exploit known?", "not known whether office reaches payments"]
    assert "2 answers would decide 6 exposures" in section(tree, "unknowns")
    assert "answers to 2 open questions, which decide 6 exposures" in text(tree.xpath("//ol[@id='summary']")[0])


@pytest.mark.parametrize(
    ("bound", "said"), [(0.7, "can remove more than 70 %"), (1.0, "is not known"), (None, "is not known")]
)
def test_the_bound_of_the_plan_is_said_where_it_says_something(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path, bound: float | None, said: str
) -> None:
    plan = {"before": 1.0, "after": 0.4, "bound": bound}
    finish(5, [made.exposure(1, 1, "act_now")], actions=[made.action(901, 1)], result={"plan": plan})
    actions = section(page(workspace, tmp_path), "actions")
    assert "Together they leave 40 % of the modelled risk" in actions
    assert said in actions


def test_the_same_cycle_gives_the_same_file(finished: Workspace, tmp_path: Path) -> None:
    first = writing.write(finished, "html", tmp_path / "a.html").read_bytes()
    assert writing.write(finished, "html", tmp_path / "b.html").read_bytes() == first


def test_a_decision_since_the_cycle_moves_its_exposure_and_is_told(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    from foreshore import decisions

    finish(5, [made.exposure(key, key, "act_now") for key in range(1, 5)])
    with decisions.open(workspace) as opened:
        opened.decide([2], "false_positive", because="the fix is backported", author="analyst")
    tree = page(workspace, tmp_path)
    counts = [_count(row.xpath("td[1]")[0]) for row in tree.xpath("//section[@id='treatments']//tbody/tr")]
    assert sum(counts) == _count(tree.xpath("//*[@id='open-total']")[0]) == 3
    assert "1 exposure had a decision made or withdrawn after this cycle" in text(tree.xpath("//main")[0])
    assert "people dismissed 1: 1 false positive" in section(tree, "treatments")
    assert "host-2.example.com" not in section(tree, "exposures")

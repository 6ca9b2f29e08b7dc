"""The picture of several ways: every box once, nothing over anything else, arrows that go down."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from foreshore.report import waymaps, writing
from foreshore.workspace import Workspace

Finish = Callable[..., None]


def steps(*hosts: str, assumed: bool = False) -> list[dict[str, Any]]:
    """A way from the internet over hosts to a service."""
    plain: dict[str, Any] = {
        "zone": "dmz", "asset": 0, "asset_name": "", "weakness": "", "fact": "", "rule_title": "", "assumed": assumed,
    }  # fmt: skip
    rows = [plain | {"rule": "enter", "zone": "internet"}]
    for number, host in enumerate(hosts, 1):
        rows.append(plain | {"rule": "reach", "step": ""})
        rows.append(
            plain | {"rule": "exploit", "asset": number, "asset_name": host, "weakness": f"CVE-2026-100{number}"}
        )
    return [*rows, plain | {"rule": "harm", "asset": 9, "fact": f"{hosts[-1]} belongs to Card payments"}]


ROUTES = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=5, unique=True), min_size=1, max_size=4)


@given(ROUTES)
def test_boxes_stand_once_apart_and_inside_and_arrows_go_down(routes: list[list[str]]) -> None:
    drawn = waymaps.picture([steps(*hosts) for hosts in routes])
    names = [one["full"] for one in drawn["nodes"]]
    assert len(set(names)) == len(names) <= waymaps.MOST_BOXES
    assert set(names) == {"Internet", "Card payments"} | {host for hosts in routes[: drawn["ways"]] for host in hosts}
    for left, right in combinations(drawn["nodes"], 2):
        beside = left["x"] + left["width"] <= right["x"] or right["x"] + right["width"] <= left["x"]
        below = left["y"] + left["height"] <= right["y"] or right["y"] + right["height"] <= left["y"]
        assert beside or below
    for one in drawn["nodes"]:
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= drawn["width"]
        assert one["y"] + one["height"] <= drawn["height"]
    for link in drawn["links"]:
        heights = [float(text) for text in re.findall(r"[MCV ](?:-?[\d.]+ )?(-?[\d.]+)(?=[CV]|$)", link["d"])]
        assert heights == sorted(heights)
        assert 1 <= len(link["lines"]) <= waymaps.LINES


def test_ways_that_meet_share_their_boxes_and_an_arrow_is_assumed_only_where_all_its_steps_are() -> None:
    drawn = waymaps.picture([steps("a", "c"), steps("b", "c", assumed=True), steps("a", "c", assumed=True)])
    assert len(drawn["nodes"]) == 5
    assert len(drawn["links"]) == 5
    assert sum(one["assumed"] for one in drawn["links"]) == 1 + 1
    label = waymaps.label("Card payments", [steps("a", "c")])
    assert label == "The likeliest ways to Card payments. 1: Internet → a → c → Card payments."


def test_a_picture_of_nothing_is_empty() -> None:
    assert waymaps.picture([])["nodes"] == []


def test_too_many_boxes_leave_the_last_ways_out() -> None:
    many = [steps(*(f"host-{way}-{number}" for number in range(7))) for way in range(4)]
    drawn = waymaps.picture(many)
    assert drawn["ways"] == 2
    assert len(drawn["nodes"]) == 2 + 2 * 7


def test_the_report_draws_the_ways_to_services_with_words_for_those_who_do_not_see_them(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    rows = [*made.path_of(0, way=1), *made.path_of(0, way=2)]
    finish(
        5, [made.exposure(1, 1, "act_now")], steps=rows, services=[made.service("Card payments")], facts=made.imports()
    )
    tree: Any = lxml_html.document_fromstring(writing.write(workspace, "html", tmp_path / "r.html").read_bytes())
    (picture,) = tree.xpath("//section[@id='ways']//svg")
    assert picture.get("role") == "img"
    assert "Card payments" in picture.get("aria-label")
    assert "2: Internet" in picture.get("aria-label")
    assert picture.xpath(".//path[@stroke-dasharray]")
    assert picture.xpath(".//path[not(@stroke-dasharray)]")
    assert next(one.text for one in picture.xpath(".//g/title")) == "Internet"

"""Tickets and versions: what an engineer gets is enough, and no text from a report can do harm in it."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.mobilization import tickets, versions
from foreshore.mobilization.actions import Action
from foreshore.query import safe


def ticket(**more: Any) -> Action:
    row = {
        "exposure": 5, "asset": 7, "asset_name": "web-01.example.com", "weakness": "CVE-2021-41773", "version": "2.4.49",
        "component": "cpe:apache:http_server", "component_name": "http_server", "fix": "", "solution": "Upgrade.",
        "treatment": "act_now", "due": date(2026, 2, 1), "due_rule": "Own policy: immediate", "leads_to": ["Web shop"],
        **more,
    }  # fmt: skip
    what = "http_server 2.4.49 → 2.4.51"
    return Action(3, "patch", "Update http_server to 2.4.51", what, "shop", "ticket", 2.25, [row])


def test_a_ticket_says_everything_in_its_order() -> None:
    text = tickets.markdown(ticket())
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "What to change", "Where", "By when", "Why", "How", "Restart and side effects", "Way back",
        "How it will be checked", "Answer with one of",
    ]  # fmt: skip
    assert "2.4.49 → 2.4.51" in text
    assert "web-01.example.com" in text
    assert "2026-02-01" in text
    assert "Web shop" in text
    assert "false positive" in text


@given(st.text(max_size=60))
def test_text_from_reports_stays_text_in_markdown(text: str) -> None:
    shown = safe.markdown(text)
    assert "\n" not in shown
    assert "<" not in shown.replace("\\<", "")
    assert "](" not in shown


@given(st.text(max_size=40))
def test_no_cell_of_the_host_list_is_a_formula(text: str) -> None:
    out = tickets.csv_text([ticket(asset_name=text, version=text, weakness=text)])
    rows = list(csv.reader(io.StringIO(out)))
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows[1:] for cell in row)


@pytest.mark.parametrize(
    ("installed", "fixed", "ecosystem", "wanted"),
    [
        ("1.2.0", "1.2.5, 2.0.1", "npm", "1.2.5"),
        ("1.10.0", "1.9.9, 1.10.1", "pypi", "1.10.1"),
        ("1:2.3-1", "1:2.3-1+deb12u2", "deb", "1:2.3-1+deb12u2"),
        ("1.9", "2.0.3", "npm", "2.0.3"),
        ("", "3.1", "", "3.1"),
        ("7.0 build 5", "7.0 build 12", "", "7.0 build 12"),
        ("1.2.9-r0", "1.2.8-r5, 1.2.10-r0", "apk", "1.2.10-r0"),
        ("1.36.1-r9", "1.36.1-r10, 1.36.1-r11", "apk", "1.36.1-r10"),
        ("2.0_rc1-r0", "2.0-r0", "apk", "2.0-r0"),
    ],
)
def test_the_smallest_version_that_is_enough(installed: str, fixed: str, ecosystem: str, wanted: str) -> None:
    assert versions.enough(installed, fixed, ecosystem) == wanted


@given(
    st.sampled_from(["", "apk", "npm", "deb"]),
    st.lists(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2}", fullmatch=True), min_size=1, max_size=6),
)
def test_the_greatest_is_never_below_the_least(ecosystem: str, listed: list[str]) -> None:
    least, greatest = versions.least(listed, ecosystem), versions.greatest(listed, ecosystem)
    assert {least, greatest} <= set(listed)
    # Nothing listed lies above the greatest, or below the least.
    assert all(versions.enough(greatest, one, ecosystem) == "" for one in listed)
    assert all(versions.enough(one, least, ecosystem) == "" for one in listed)

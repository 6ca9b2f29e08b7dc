"""Scanners of cloud workloads: laws of spreadsheets, and what a status, a time and a package's name mean."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.discovery.readers import _deepfence_rows, _sheets, _sysdig, _wiz_packages, _wiz_rows
from foreshore.discovery.reports import FileReport, Limits
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Word

_SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=12)
_ROWS = st.lists(st.lists(_TEXTS, min_size=2, max_size=4), min_size=1, max_size=6)


def letters(number: int) -> str:
    shown = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        shown = chr(ord("A") + rest) + shown
    return shown


def book(rows: list[list[str]], *, shared: bool, level: int = zipfile.ZIP_DEFLATED, before: str = "") -> bytes:
    """A spreadsheet with one sheet, its texts shared or within their cells."""
    texts = [text for row in rows for text in row]
    lines = []
    for number, row in enumerate(rows, 1):
        cells = []
        for place, text in enumerate(row):
            name = f"{letters(place)}{number}"
            if shared:
                cells.append(f'<c r="{name}" t="s"><v>{texts.index(text)}</v></c>')
            else:
                cells.append(f'<c r="{name}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>')
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    strings = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in texts)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", level) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        if shared:
            archive.writestr("xl/sharedStrings.xml", f'{before}<sst xmlns="{_SPACE}">{strings}</sst>')
        sheet = f'<worksheet xmlns="{_SPACE}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
        archive.writestr("xl/worksheets/sheet1.xml", before + sheet)
    return out.getvalue()


def all_rows(data: bytes, limits: Limits | None = None) -> list[dict[str, str]]:
    report = FileReport("sheet.xlsx", data, limits or Limits())
    return [row for _where, row in _sheets.rows(report, lambda _columns: True)]


@given(rows=_ROWS, shared=st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(rows: list[list[str]], shared: bool) -> None:
    columns = ["one", "two", "three", "four"]
    expected = [dict(zip(columns, [*row, "", ""], strict=False)) for row in rows]
    assert all_rows(book([columns, *rows], shared=shared)) == expected


@given(data=st.data(), rows=_ROWS)
@settings(max_examples=60, deadline=None)
def test_a_damaged_spreadsheet_is_rows_or_an_error(data: st.DataObject, rows: list[list[str]]) -> None:
    whole = bytearray(book([["one", "two"], *rows], shared=True))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(1, len(whole)))
    for broken in (bytes(whole), bytes(whole[:cut])):
        assert isinstance(_sheets.beginning(broken[:65536]), str)
        assert read_or_refused(broken)


def read_or_refused(data: bytes) -> str:
    try:
        return f"{len(all_rows(data))} rows"
    except BadReport as error:
        return error.where


def test_a_spreadsheet_that_unpacks_to_far_too_much_is_refused() -> None:
    data = book([["one"], *(["x" * 1000] for _ in range(3000))], shared=False)
    assert len(all_rows(data)) == 3000
    with pytest.raises(BadReport, match="zip bomb"):
        all_rows(data, Limits(ratio=20, ratio_from=100_000))
    with pytest.raises(BadReport, match="zip bomb"):
        all_rows(data, Limits(file=1_000_000))


def test_entities_in_a_spreadsheet_are_refused() -> None:
    data = book([["one"], ["two"]], shared=False, before='<!DOCTYPE x [<!ENTITY a "b">]>')
    with pytest.raises(BadReport, match="entities"):
        all_rows(data)


@pytest.mark.parametrize("level", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("shared", [True, False])
def test_the_columns_of_a_spreadsheet_are_recognised(shared: bool, level: int) -> None:
    columns = ["CVE ID", "Severity", "Caused By Package", "Type", "Node Name", "Node Type", "Masked"]
    row = ["CVE-2099-1", "high", "org.example:parser:1.2", "java", "node-1.example.com", "host", "0"]
    found = findings(book([columns, row], shared=shared, level=level))
    assert [(one.component, one.version, one.word) for one in found] == [
        ("pkg:maven/org.example/parser", "1.2", "open")
    ]
    with pytest.raises(BadReport, match="no known format"):
        pick(FileReport("other.xlsx", book([["a", "b"], ["c", "d"]], shared=shared, level=level)))


def findings(data: bytes) -> list[Finding]:
    return [one for one in records(data) if isinstance(one, Finding)]


def records(data: bytes) -> list[Record]:
    report = FileReport("report", data)
    return list(pick(report)[1].read(report))


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("OPEN", "", "open"),
        ("IN_PROGRESS", "", "open"),
        ("RESOLVED", "ISSUE_FIXED", "fixed"),
        ("Resolved", "", "fixed"),
        ("RESOLVED", "CONTROL_DISABLED", "suppressed"),
        ("REJECTED", "FALSE_POSITIVE", "false_positive"),
        ("REJECTED", "WONT_FIX", "accepted"),
        ("REJECTED", "", "suppressed"),
    ],
)
def test_what_a_status_of_wiz_means(status: str, reason: str, expected: Word) -> None:
    assert _wiz_rows.word(status, reason) == expected


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))
def test_times_as_go_writes_them(when: datetime) -> None:
    shown = f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond:06d} +0000 UTC"
    assert _wiz_rows.moment(shown) == when.replace(tzinfo=UTC)


def test_packages_meet_at_one_name() -> None:
    alpine = "https://security.alpinelinux.org/vuln/CVE-2099-1"
    assert _wiz_packages.component("os", "libssl3", link=alpine) == "pkg:apk/alpine/libssl3"
    assert _wiz_packages.component("PACKAGE", "libssl3", os="Debian GNU/Linux 12") == "pkg:deb/debian/libssl3"
    assert _wiz_packages.component("OS", "libssl3", link="https://alpinelinux.org.example.com/") == ""
    assert _wiz_packages.component("LIBRARY", "flask", path="/app/requirements.txt") == "pkg:pypi/flask"
    assert _wiz_packages.component("LIBRARY", "unknown") == ""
    assert _sysdig.component("golang", "", "example.com/mod") == "pkg:golang/example.com/mod"
    assert _sysdig.version("python", "v2.0") == "2.0"
    assert _sysdig.version("golang", "v2.0") == "v2.0"
    assert _deepfence_rows.package("tar:1:2.3+deb12u1", "base") == ("pkg:deb/debian/tar", "tar", "1:2.3+deb12u1")
    assert _deepfence_rows.package("parser:1.0", "java") == ("", "parser", "1.0")


def test_a_risk_whose_acceptance_is_over_is_open_again() -> None:
    def scan(status: str) -> bytes:
        one = {"name": "CVE-2099-1", "severity": "high", "riskAcceptRefs": ["r"]}
        result = {
            "metadata": {"pullString": "shop/web:1", "baseOs": "alpine 3.20"},
            "packages": {"p": {"type": "os", "name": "musl", "version": "1", "vulnerabilitiesRefs": ["v"]}},
            "vulnerabilities": {"v": one},
            "riskAccepts": {"r": {"status": status}},
        }
        head = {"info": {"scanTime": "2026-03-01T10:00:00Z"}, "scanner": {"name": "sysdig-cli-scanner"}}
        return json.dumps(head | {"result": result}).encode()

    assert [one.word for one in findings(scan("active"))] == ["accepted"]
    assert [one.word for one in findings(scan("expired"))] == ["open"]


@pytest.mark.parametrize(("end", "severity"), [("2020-01-01", "high"), ("2030-01-01", "info")])
def test_an_end_of_life_ahead_is_only_notice(end: str, severity: str) -> None:
    match = {"Cycle": {"ProductName": "Example", "ReleaseCycle": "1", "Eol": end}, "artifact": {"name": "x"}}
    source = {"type": "directory", "target": "/srv/shop"}
    stated = {"name": "xeol", "timestamp": "2026-03-01T10:00:00Z"}
    report = {"matches": [match], "source": source, "descriptor": stated}
    assert [one.severity for one in findings(json.dumps(report).encode())] == [severity]

"""Paths become reports: folders, links, sizes, encodings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.discovery.reports import FileReport, Limits, decode, encoding_of, lines, open_text, reports
from foreshore.errors import BadReport


def names(found: list[FileReport | BadReport]) -> list[str]:
    return [f"bad {Path(one.where).name}" if isinstance(one, BadReport) else Path(one.name).name for one in found]


def test_a_folder_is_read_in_sorted_order_and_errors_stand_in_place(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.json").write_text("{}")
    (tmp_path / "a.csv").write_text("x,y\n")
    (tmp_path / "empty.xml").write_text("")
    (tmp_path / ".DS_Store").write_text("x")
    found = list(reports([tmp_path]))
    assert names(found) == ["a.csv", "bad empty.xml", "2.json"]
    assert isinstance(found[1], BadReport)
    assert "is empty" in found[1].what


def test_a_path_that_is_not_there_is_an_error_not_an_exception(tmp_path: Path) -> None:
    (found,) = reports([tmp_path / "nothing"])
    assert isinstance(found, BadReport)
    assert "cannot be opened" in found.what
    (odd,) = reports(["a\0b"])
    assert isinstance(odd, BadReport)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no symbolic links")
def test_links_that_lead_out_are_refused_and_those_inside_are_read(tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("outside")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("inside")
    (folder / "b.txt").symlink_to(folder / "a.txt")
    (folder / "c.txt").symlink_to(outside)
    (folder / "d.txt").symlink_to(folder / "d.txt")
    (folder / "up").symlink_to(tmp_path)
    found = list(reports([folder]))
    assert names(found) == ["bad up", "a.txt", "b.txt", "bad c.txt", "bad d.txt"]
    # Named by a person, a link is followed.
    (named,) = reports([folder / "c.txt"])
    assert isinstance(named, FileReport)
    assert named.read() == b"outside"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (found,) = reports([tmp_path])
    assert isinstance(found, BadReport)
    assert "not a regular file" in found.what


def test_reading_whole_is_refused_above_the_limit_but_streams_go_on() -> None:
    report = FileReport("big.json", b"x" * 101, Limits(read=100))
    with pytest.raises(BadReport, match="101 bytes"):
        report.read()
    with report.open() as one, report.open() as two:
        assert one.read(1) == b"x"
        assert len(two.read()) == 101


def test_a_line_longer_than_the_limit_is_refused_with_its_number() -> None:
    report = FileReport("log.jsonl", b"short\n" + b"y" * 50, Limits(line=20))
    found = lines(report)
    assert next(found) == "short\n"
    with pytest.raises(BadReport, match=r"log\.jsonl, line 2"):
        next(found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(encoding: str) -> None:
    text = "Name,Größe\nPrüfung,12 €\n"
    report = FileReport("x", text.encode(encoding))
    assert report.text().lstrip("\ufeff") == text
    with open_text(report) as stream:
        assert stream.read() == text


def test_what_is_not_utf_8_is_windows_1252_also_beyond_the_head() -> None:
    data = b"a" * 70_000 + "Prüfung – €\x81".encode("cp1252", "ignore") + b"\x81"
    report = FileReport("x", data)
    assert encoding_of(report) == "cp1252"
    assert "Prüfung – €" in report.text()


@given(st.binary(max_size=300))
def test_any_bytes_decode(data: bytes) -> None:
    decode(data)
    with open_text(FileReport("x", data)) as stream:
        stream.read()
    list(lines(FileReport("x", data)))

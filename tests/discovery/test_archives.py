"""Archives by content; hostile ones end in a sentence, not in memory or on disk."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.discovery.reports import FileReport, Limits, reports
from foreshore.discovery.sniffing import looks_like
from foreshore.errors import BadReport

Found = list[tuple[str, bytes] | str]


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def read(folder: Path, data: bytes, limits: Limits | None = None) -> Found:
    path = folder / "reports.bin"
    path.write_bytes(data)
    return [
        one.what if isinstance(one, BadReport) else (one.name.rpartition("reports.bin")[2], one.read())
        for one in reports([path], limits or Limits())
    ]


NOISE = random.Random(7).randbytes(2000)


@pytest.mark.parametrize("pack", [zipped, tarred, lambda members: gzip.compress(tarred(members))])
def test_members_are_read_whatever_the_file_is_called(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    found = read(tmp_path, pack({"a/one.xml": b"<one/>", "two.csv": b"x,y\n", "__MACOSX/x": b"no"}))
    assert [one[1] for one in found] == [b"<one/>", b"x,y\n"]
    assert found[0][0] == "!a/one.xml"


def test_gzip_of_one_file_and_archives_in_archives(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"<r/>")) == [("", b"<r/>")]
    inner = zipped({"deep.xml": b"<deep/>"})
    assert read(tmp_path, zipped({"in.zip": inner})) == [("!in.zip!deep.xml", b"<deep/>")]
    (refused,) = read(tmp_path, zipped({"in.zip": zipped({"in2.zip": inner})}))
    assert "more than 2 deep" in refused


def test_an_archive_that_holds_itself_ends(tmp_path: Path) -> None:
    nested = b"<r/>"
    for _ in range(50):
        nested = gzip.compress(nested)
    (refused,) = read(tmp_path, nested)
    assert "deep" in refused


@pytest.mark.parametrize("pack", [lambda data: zipped({"bomb.xml": data, "next.xml": b"<n/>"}), gzip.compress])
def test_bombs_by_ratio(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    limits = Limits(ratio=20, ratio_from=100_000)
    found = read(tmp_path, pack(b"0" * 3_000_000), limits)
    assert "was not unpacked: it unpacks to more than 20 times its size" in found[0]


def test_many_members_that_share_their_bytes_count_together(tmp_path: Path) -> None:
    limits = Limits(ratio=5, ratio_from=100_000)
    found = read(tmp_path, zipped({f"{n}.xml": b"1" * 60_000 for n in range(20)}), limits)
    # The archive is given up once it goes too far; what came before is there.
    assert [isinstance(one, str) for one in found] == [False, True]


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(file=1000), "more than 1,000 bytes"),
        (Limits(total=1500), "all files together"),
        (Limits(members=1), "more than 1 files"),
    ],
)
def test_caps(tmp_path: Path, limits: Limits, why: str) -> None:
    found = read(tmp_path, zipped({"a": NOISE, "b": NOISE, "c": NOISE}), limits)
    assert any(why in one for one in found if isinstance(one, str))


def test_names_never_become_paths(tmp_path: Path) -> None:
    before = set(tmp_path.parent.rglob("*"))
    for pack in (zipped, tarred):
        found = read(tmp_path, pack({"../../escape.xml": b"<e/>", "/etc/absolute.xml": b"<a/>", "C:\\x.xml": b"<c/>"}))
        assert [one[0] for one in found] == ["!escape.xml", "!etc/absolute.xml", "!C:/x.xml"]
    assert set(tmp_path.parent.rglob("*")) - before == {tmp_path / "reports.bin"}


def test_names_are_shown_without_control_characters(tmp_path: Path) -> None:
    (found,) = read(tmp_path, tarred({"a\x1b[2Jb\nc.xml": b"<r/>"}))
    assert found[0] == "!a?[2Jb?c.xml"


def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("passwd")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    found = read(tmp_path, out.getvalue())
    assert len(found) == 4
    assert all("link or device" in one for one in found)


def test_encrypted_members_and_office_documents_say_what_they_are(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.xml": b"<a/>"}))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + place] |= 1
    assert read(tmp_path, bytes(data)) == ["is encrypted"]
    (office,) = read(tmp_path, zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}))
    assert "office document" in office


def test_a_spreadsheet_is_a_report_of_its_own(tmp_path: Path) -> None:
    data = zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<w/>"})
    assert read(tmp_path, data) == [("", data)]
    assert "spreadsheet" in looks_like(data)


def test_large_members_go_to_files_that_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    path = tmp_path / "x.zip"
    path.write_bytes(zipped({"a": NOISE, "b": NOISE * 2}))
    for one in reports([path], Limits(memory=100)):
        assert isinstance(one, FileReport)
        assert len(list(spool.iterdir())) >= 1
        with one.open() as first, one.open() as second:
            assert first.read() == second.read()
    del one
    assert not list(spool.iterdir())


def test_a_refused_member_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    read(tmp_path, zipped({"a": NOISE}), Limits(memory=100, file=1000))
    assert not list(spool.iterdir())


WHOLE = {
    "zip": zipped({"a.xml": NOISE[:600], "b.xml": b"<b/>" * 40}),
    "tar": tarred({"a.xml": NOISE[:600], "b.xml": b"<b/>" * 40}),
    "gz": gzip.compress(NOISE[:900]),
    "tgz": gzip.compress(tarred({"a.xml": NOISE[:600]})),
}


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_anywhere_gives_reports_or_errors(kind: str, data: st.DataObject) -> None:
    whole = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    with tempfile.TemporaryDirectory() as folder:
        for one in read(Path(folder), bytes(whole[:cut])):
            assert one


@pytest.mark.parametrize("kind", ["gz", "tgz"])
def test_a_cut_gzip_gives_nothing_half(kind: str, tmp_path: Path) -> None:
    for cut in range(20, len(WHOLE[kind]), 37):
        found = read(tmp_path, WHOLE[kind][:cut])
        assert all(isinstance(one, str) for one in found), cut

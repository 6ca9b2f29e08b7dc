"""Office spreadsheets (.xlsx) as rows by column name, streamed, from files that may be hostile.

A sheet is a zip of XML parts. Every byte that comes out of it is counted; parts are parsed as reports in
XML are, so entities and endless elements are refused; text that rows share is held once, up to a limit.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from lxml import etree

from foreshore import facts
from foreshore.discovery import reports, xmlstream
from foreshore.discovery.patterns import regex
from foreshore.errors import BadReport

MAGIC = b"PK\x03\x04"
MOST_COLUMNS = 1_000
MOST_SHARED = 256 * reports.MIB  # characters of text that rows share
_SHARED = "xl/sharedStrings.xml"
_SHEET = regex(r"^xl/worksheets/sheet(\d{1,4})\.xml$", re.IGNORECASE)
_LETTERS = regex(r"^([A-Z]{1,3})\d")
_LOCAL = struct.Struct("<4s5H3L2H")  # what stands before each part within the file
_LARGEST_START = 256 * reports.KIB  # of one part, for recognising a format
_MOST_PARTS = 64  # that are looked at for recognising a format
_BROKEN = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, NotImplementedError,
    ValueError, OverflowError, LookupError, struct.error,
)  # fmt: skip
Row = tuple[str, dict[str, str]]  # where it stands, and its cells by column


def beginning(head: bytes) -> str:
    """The texts at the beginning of the parts that hold cells, as far as `head` reaches; '' for no sheet."""
    if not head.startswith(MAGIC) or b"xl/" not in head:
        return ""
    found: list[str] = []
    place = 0
    for _number in range(_MOST_PARTS):
        part = _part_at(head, place)
        if part is None:
            break
        name, body, place = part
        if name == _SHARED or _SHEET.match(name):
            found.append(body.decode("utf-8", "replace"))
    return "\n".join(found)


def _part_at(head: bytes, place: int) -> tuple[str, bytes, int] | None:
    """(name, beginning of its content, where the next begins) of the part at `place`; None after the last."""
    if place + _LOCAL.size > len(head):
        return None
    magic, _need, flags, method, _time, _date, _crc, packed, _size, name_length, extra = _LOCAL.unpack_from(head, place)
    if magic != MAGIC or method not in (0, 8) or flags & 1:
        return None
    start = place + _LOCAL.size
    name = head[start : start + name_length].decode("utf-8", "replace")
    start += name_length + extra
    if method == 0:
        return name, head[start : start + min(packed, _LARGEST_START)], start + packed if packed else len(head)
    opener = zlib.decompressobj(-15)
    try:
        body = opener.decompress(head[start:], _LARGEST_START)
    except zlib.error:
        return None
    if packed and not flags & 8:
        return name, body, start + packed
    if not opener.eof:  # the sizes stand behind the part, and it is longer than what may be opened here
        return name, body, len(head)
    behind = len(head) - len(opener.unused_data)
    following = head.find(MAGIC, behind, behind + 32)
    return name, body, following if following >= 0 else len(head)


def rows(report: facts.Report, wanted: Callable[[tuple[str, ...]], bool]) -> Iterator[Row]:
    """Yield the rows of all sheets whose first row that says something holds `wanted` column names.

    Cells are texts; a cell that is missing is ''. Raises BadReport where no sheet has such columns, and for
    a file that is broken, encrypted, or unpacks to more than the limits of the report allow.
    """
    found = False
    try:
        with report.open() as stream, zipfile.ZipFile(stream) as archive:
            book = _Book(report, archive)
            shared = book.shared()
            for part in book.sheets():
                columns: tuple[str, ...] = ()
                for where, cells in _cells(part, shared):
                    if columns:
                        yield where, {name: cells.get(place, "") for place, name in enumerate(columns) if name}
                    elif any(cells.values()):
                        columns = tuple(cells.get(place, "").strip() for place in range(max(cells) + 1))
                        if not wanted(columns):
                            break
                        found = True
    except _BROKEN as error:
        if isinstance(error, BadReport):
            raise
        raise BadReport(
            f"the spreadsheet is broken ({error})", where=report.name, hint="download it again, or save it as CSV"
        ) from error
    if not found:
        raise BadReport(
            "has no sheet with the columns of a report",
            where=report.name,
            hint="keep the first row with the names of the columns",
        )


class _Book:
    """The parts of one file, with what was unpacked of all of them so far."""

    def __init__(self, report: facts.Report, archive: zipfile.ZipFile) -> None:
        self._report, self._archive = report, archive
        self._limits = reports.limits_of(report)
        self._packed = sum(one.compress_size for one in archive.infolist())
        self.taken = 0

    def part(self, name: str) -> _Part:
        return _Part(f"{self._report.name}!{name}", self, name, self._limits)

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._archive.open(name))

    def count(self, size: int) -> None:
        """Take note of bytes that came out; raises BadReport where they are too many."""
        self.taken += size
        limits = self._limits
        if self.taken > limits.file or (
            self.taken > limits.ratio_from and self.taken > limits.ratio * max(self._packed, 1)
        ):
            raise BadReport(
                "unpacks to far more than a report holds, as a zip bomb does",
                where=self._report.name,
                hint="check where the file came from; save the sheet as CSV",
            )

    def sheets(self) -> list[_Part]:
        named = [(int(found.group(1)), name) for name in self._archive.namelist() if (found := _SHEET.match(name))]
        return [self.part(name) for _number, name in sorted(set(named))]

    def shared(self) -> list[str]:
        if _SHARED not in self._archive.namelist():
            return []
        found: list[str] = []
        held = 0
        for _event, element in xmlstream.elements(self.part(_SHARED), ("si",), namespaces=True):
            text = _text(element)
            held += len(text) + 64
            if held > MOST_SHARED:
                raise BadReport("holds more text than is read at once", where=self._report.name, hint="save it as CSV")
            found.append(text)
        return found


class _Part:
    """One part of a spreadsheet as a report of its own."""

    def __init__(self, name: str, book: _Book, inner: str, limits: reports.Limits) -> None:
        self.name, self.limits = name, limits
        self._book, self._inner = book, inner

    @property
    def head(self) -> bytes:
        with self.open() as stream:
            return stream.read(reports.HEAD)

    def open(self) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(_Counted(self._book.open(self._inner), self._book)))

    def read(self) -> bytes:
        with self.open() as stream:
            return stream.read(self.limits.read)

    def text(self) -> str:
        return reports.decode(self.read())


class _Counted(io.RawIOBase):
    """A stream whose bytes are counted against the limits."""

    def __init__(self, stream: BinaryIO, book: _Book) -> None:
        super().__init__()
        self._stream, self._book = stream, book

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._book.count(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _cells(part: _Part, shared: list[str]) -> Iterator[tuple[str, dict[int, str]]]:
    """Yield (where, texts by number of the column) for each row."""
    for count, (_event, row) in enumerate(xmlstream.elements(part, ("row",), namespaces=True), 1):
        found: dict[int, str] = {}
        place = -1
        for cell in row.iterchildren("{*}c"):
            place = _column(cell.get("r") or "", place + 1)
            if place < MOST_COLUMNS and (value := _value(cell, shared)):
                found[place] = value
        yield f"row {row.get('r') or count}", found


def _column(reference: str, following: int) -> int:
    """The number of a column by its letters, as `B` in `B7` is 1; cells without them stand one after another."""
    found = _LETTERS.match(reference)
    if not found:
        return following
    number = 0
    for letter in found.group(1):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _value(cell: etree._Element, shared: list[str]) -> str:
    kind = cell.get("t") or "n"
    if kind == "inlineStr":
        return "".join(_text(one) for one in cell.iterchildren("{*}is"))
    value = cell.findtext("{*}v") or ""
    if kind == "s":
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1
        return shared[number] if 0 <= number < len(shared) else ""
    if kind == "b":
        return "true" if value == "1" else "false"
    return "" if kind == "e" else value


def _text(element: etree._Element) -> str:
    """The text of a string, its runs joined; how it is spoken is left out."""
    return "".join(
        one.text or ""
        for one in element.iter("{*}t")
        if (above := one.getparent()) is None or not str(above.tag).endswith("}rPh")
    )

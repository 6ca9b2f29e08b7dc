"""Which reader a report is for, by its first bytes; and what an unknown file looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from foreshore import facts, plugins
from foreshore.discovery import csvrows, xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.reports import decode_head
from foreshore.errors import BadReport

READERS = "foreshore.discovery.readers"
_KEY = regex(r'"((?:[^"\\]|\\.){1,60})"\s*:')


@runtime_checkable
class Reader(Protocol):
    """A reader plugin; where several recognise a file, the highest `priority` (default 0) reads it."""

    @property
    def version(self) -> int:
        """Raised whenever the reader yields something else for the same bytes."""

    def sniff(self, head: bytes) -> bool:
        """Does the file beginning with `head` (at most 64 KiB) belong to this reader?"""

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the records; raises BadReport, after which nothing that was yielded may be kept."""


def readers() -> Mapping[str, Reader]:
    """All readers by name."""
    return plugins.load(READERS)


def pick(report: facts.Report, among: Mapping[str, Reader] | None = None) -> tuple[str, Reader]:
    """Return name and reader for `report`: highest `priority`, then first by name, of those that sniff it.

    Raises BadReport, saying what the file looks like and what to try, where there is none.
    """
    head = report.head
    if not head:
        raise BadReport("is empty", where=report.name, hint="export the report again")
    found = [
        (-int(getattr(reader, "priority", 0)), name, reader)
        for name, reader in (readers() if among is None else among).items()
        if reader.sniff(head)
    ]
    if not found:
        raise BadReport(f"is of no known format: it {looks_like(head)}", where=report.name, hint=_HINT)
    _order, name, reader = min(found, key=lambda one: one[:2])
    return name, reader


_HINT = (
    "export it from the tool in another format, or bring it into the columns of the generic CSV or JSON; "
    "`foreshore inspect FILE` shows what is understood"
)


def looks_like(head: bytes) -> str:
    """Describe a file's beginning for people: "looks like JSON with keys a, b, c"."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return f"looks like {kind}"
    text = decode_head(head)
    if _binary(text):
        return "looks binary"
    start = text.lstrip()
    if not start:
        return "holds only white space"
    if start[0] in "{[":
        keys = list(dict.fromkeys(_KEY.findall(start)))[:5]
        return "looks like JSON" + (f" with keys {', '.join(keys)}" if keys else "")
    if start[0] == "<":
        root = xmlstream.root_of(head)
        return f"looks like XML with root element {_shown(root)}" if root else "looks like XML or HTML"
    return _like_table(head)


def _like_table(head: bytes) -> str:
    rows = csvrows.header_lines(head)
    if rows and len(rows[0]) > 1:
        names = [_shown(name) for name in rows[0] if name][:5]
        return f"looks like CSV with columns {', '.join(names)}"
    return "looks like plain text"


def _binary(text: str) -> bool:
    sample = text[:4096]
    odd = sum(1 for letter in sample if letter < " " and letter not in "\t\r\n\f\x1b")
    return odd * 20 > len(sample)


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:40]


_MAGIC = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"PAR1", "a Parquet file"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ", "an xz archive; unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"PK\x03\x04", "a spreadsheet; save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old office document; save it as CSV"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)

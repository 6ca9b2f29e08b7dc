"""CSV as rows by column name, from files that may be hostile or cut short."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from typing import NamedTuple

from foreshore import facts
from foreshore.discovery.reports import decode_head, limits_of, lines
from foreshore.errors import BadReport

DELIMITERS = ",;\t|"
HEADER_WITHIN = 20  # a report may begin with a few lines about itself
MOST_COLUMNS = 5_000
_NO_LIMIT = 2**31 - 1  # the module's own field limit is global; rows are bounded here instead

Row = dict[str, str]


class Table(NamedTuple):
    """A CSV file: its columns, the rows before the header, and its rows with their line numbers."""

    columns: tuple[str, ...]
    before: tuple[tuple[str, ...], ...]
    rows: Iterator[tuple[int, Row]]


def has_columns(head: bytes, *names: str) -> bool:
    """Is there a header line in `head` with all of `names`, in any letter case?"""
    wanted = _folded(names)
    return any(wanted <= _folded(line) for line in header_lines(head))


def header_lines(head: bytes) -> list[tuple[str, ...]]:
    """The first rows of `head` as they would be headers; [] where it is not text."""
    text = decode_head(head)
    if "\0" in text or text.lstrip()[:1] in ("<", "{"):
        return []
    csv.field_size_limit(_NO_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    found: list[tuple[str, ...]] = []
    try:
        for row in reader:
            found.append(tuple(cell.strip() for cell in row))
            if len(found) >= HEADER_WITHIN:
                break
    except csv.Error:
        pass
    return found


def delimiter_of(text: str) -> str:
    """The delimiter that cuts the widest of the first lines into most cells; the comma for none."""
    first = text.splitlines()[:HEADER_WITHIN]
    # Quoted text is left out: descriptions are full of commas.
    bare = ["".join(line.split('"')[::2]) for line in first]
    counts = {one: max((line.count(one) for line in bare[:5]), default=0) for one in DELIMITERS}
    return max(DELIMITERS, key=lambda one: counts[one])


def table(report: facts.Report, *, find: Collection[str] = (), fold: bool = False) -> Table:
    """Open a CSV report: the header is the first row, or the first that has all columns of `find`.

    Rows are dicts by column name, stripped (lower case with `fold`); a repeated name gets "#2", "#3";
    cells that are missing are '', cells beyond the header are joined under ''. Lines without any
    content are left out. Raises BadReport where there is no such header, and while iterating for a
    row that is too long, a quote that is never closed, and a last row that is cut short.
    """
    raw = _Records(report)
    before: list[tuple[str, ...]] = []
    wanted = _folded(find)
    for _line, cells in raw:
        names = tuple(cell.strip() for cell in cells)
        if wanted <= _folded(names) and any(names):
            columns = _unique([name.lower() for name in names] if fold else list(names))
            return Table(columns, tuple(before), _rows(raw, columns))
        before.append(names)
        if len(before) >= HEADER_WITHIN:
            break
    missing = ", ".join(find) or "column names"
    raise BadReport(f"has no header row with {missing}", where=report.name, hint="export again with column names")


def _folded(names: Collection[str]) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in names)


def _unique(names: list[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    found = []
    for place, name in enumerate(names[:MOST_COLUMNS]):
        base = name or f"column {place + 1}"
        seen[base] = seen.get(base, 0) + 1
        found.append(base if seen[base] == 1 else f"{base}#{seen[base]}")
    return tuple(found)


def _rows(raw: _Records, columns: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    width = len(columns)
    for line, cells in raw:
        if not any(cells):
            continue
        if len(cells) < width:
            if raw.unfinished:
                raise raw.cut(line)
            cells.extend([""] * (width - len(cells)))
        row = dict(zip(columns, cells, strict=False))
        if len(cells) > width:
            row[""] = " ".join(cells[width:]).strip()
        yield line, row


class _Records:
    """The rows as lists of cells, with the line they begin on."""

    def __init__(self, report: facts.Report) -> None:
        self.name = report.name
        self.unfinished = False  # the last line that was read has no line end
        self._report = report
        self._longest = limits_of(report).line
        self._since = 0
        self._ended = False
        csv.field_size_limit(_NO_LIMIT)
        text = decode_head(report.head)
        self._reader = csv.reader(self._lines(), delimiter=delimiter_of(text))

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        line = self._reader.line_num + 1
        self._since = 0
        try:
            cells = next(self._reader)
        except csv.Error as error:
            raise BadReport(
                f"the CSV is broken ({error})", where=f"{self.name}, line {line}", hint="export it again"
            ) from error
        if self._ended and cells:
            raise self.cut(line)
        return line, cells

    def cut(self, line: int) -> BadReport:
        """The error of a file that ends within a row."""
        return BadReport(
            "ends in the middle of a row",
            where=f"{self.name}, line {line}",
            hint="export or copy the report again; nothing of it was kept",
        )

    def _lines(self) -> Iterator[str]:
        for line in lines(self._report):
            self._since += len(line)
            if self._since > self._longest:
                raise BadReport(
                    f"a row is longer than {self._longest:,} characters",
                    where=self.name,
                    hint="check for a quote that is never closed",
                )
            self.unfinished = not line.endswith(("\n", "\r"))
            yield line
        # A reader that asks for more while it holds half a row sees the end here.
        self._ended = True


def distinct(report: facts.Report, columns: Collection[str], *, find: Collection[str] = ()) -> set[str]:
    """All values that stand in any of `columns` (lower case), in one quick pass; for times mostly."""
    raw = _Records(report)
    wanted = _folded(find)
    places: list[int] | None = None
    found: set[str] = set()
    for _line, cells in raw:
        if places is None:
            names = [cell.strip() for cell in cells]
            if wanted <= _folded(names) and any(names):
                places = [place for place, name in enumerate(names) if name.casefold() in columns]
                if not places:
                    break
        else:
            found.update(cells[place] for place in places if place < len(cells))
    return found

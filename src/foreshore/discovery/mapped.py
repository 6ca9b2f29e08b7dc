"""The reader that a mapping file makes: rows into the generic words, and those into records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, jsonpath, reports
from foreshore.discovery.jsonpath import Element
from foreshore.discovery.mapping import Field, MappingFile
from foreshore.discovery.readers import _decoding, _generic, _naming
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_MOST_NAMES = 200  # names of JSON members that are remembered as not read
_RAW: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
Skip = Callable[[Skipped], None]
Values = Callable[[str], list[Any]]  # the values of a column or path in one row


class Mapped:
    """Reads CSV or JSON as a mapping file says; the records come from the generic words."""

    version = 2
    priority = 100  # who writes a mapping for a file wants it to be used

    def __init__(self, mapping: MappingFile) -> None:
        self.mapping = mapping
        # A bar parts the members of a read's key.
        self.name = f"mapping {mapping.name}".replace("|", "_")

    def sniff(self, head: bytes) -> bool:
        """Whether `head` has all columns or keys that the mapping asks for; False where it asks for none."""
        if self.mapping.columns:
            return csvrows.has_columns(head, *self.mapping.columns)
        opening = reports.decode_head(head)
        if not self.mapping.keys or opening.lstrip()[:1] not in ("{", "["):
            return False
        return all(re.search(rf'"{re.escape(key)}"\s*:', opening) for key in self.mapping.keys)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, assets each once, and one finding for each row and asset."""
        if not report.head.strip():
            raise BadReport("is empty", where=report.name, hint="export the report again")
        waiting: list[Skipped] = []
        rows = self._rows(report, waiting.append)
        yield self._run(rows.observed())
        reading = _generic.Reading(waiting.append, self.mapping.tool)
        for where, values in rows.rows():
            row = self._row(where, values, waiting.append)
            if row is None:
                waiting.append(Skipped(where, "has nothing in the columns or paths of the mapping"))
            else:
                for one in reading.of(where, row):
                    if isinstance(one, Finding) and not one.rule:
                        waiting.append(Skipped(where, "says nothing that could be the name of a finding"))
                    else:
                        yield _without_secret(one)
            yield from waiting
            waiting.clear()
        yield from (*waiting, *rows.unread())

    def _rows(self, report: facts.Report, skip: Skip) -> _Csv | _Json:
        form = self.mapping.format
        if not form:
            form = "json" if reports.decode_head(report.head).lstrip()[:1] in ("{", "[") else "csv"
        return _Csv(self.mapping, report) if form == "csv" else _Json(self.mapping, report, form, skip)

    def _row(self, where: str, values: Values, skip: Skip) -> dict[str, Any] | None:
        """A row in the generic words; None where it gives a value to none of them itself."""
        said = [(field, _value(field, values, where, skip)) for field in self.mapping.fields]
        if all(value is None for _field, value in said):
            return None
        whole = {
            field.name: field.constant if field.constant is not None else field.default if value is None else value
            for field, value in said
        }
        return {name: value for name, value in whole.items() if value is not None}

    def _run(self, text: str) -> RunSeen:
        field = self.mapping.observed_at
        stamp = _timed(field, text) if field is not None and text else None
        observed, assumed = _naming.moment(stamp or text) if text else (None, False)
        return RunSeen(
            tool=self.mapping.tool,
            observed_at=observed,
            observed_text=text,
            zone_assumed=assumed,
            settings=(("mapping", self.mapping.digest),),
        )


class _Csv:
    """The rows of a CSV file by column."""

    def __init__(self, mapping: MappingFile, report: facts.Report) -> None:
        sources = [name for field in mapping.fields for name in field.sources]
        needed = [name for field in mapping.fields if not field.optional for name in field.sources]
        try:
            self._table = csvrows.table(report, find=needed)
        except BadReport as error:
            raise _lacking(report, needed, error) from error
        # Letter case does not count, as in the search for the header.
        own = {column.casefold(): column for column in reversed(self._table.columns)}
        self._names = {name: own.get(name.strip().casefold(), "") for name in sources}

    def observed(self) -> str:
        return ""

    def rows(self) -> Iterator[tuple[str, Values]]:
        for line, row in self._table.rows:

            def values(name: str, row: csvrows.Row = row) -> list[Any]:
                return [row[self._names[name]]] if self._names[name] else []

            yield f"line {line}", values

    def unread(self) -> Iterator[Skipped]:
        used = set(self._names.values())
        left = [name for name in self._table.columns if name not in used]
        if left:
            yield Skipped("columns", "not read by the mapping: " + ", ".join(left[:20]))


def _lacking(report: facts.Report, needed: list[str], error: BadReport) -> BadReport:
    """Which columns of the mapping the file has not: what a person looks for who mistyped one."""
    lines = csvrows.header_lines(report.head)
    wanted = {name.strip().casefold(): name for name in needed}
    best = max(lines, key=lambda line: len(wanted.keys() & {one.casefold() for one in line}), default=())
    missing = [name for folded, name in wanted.items() if folded not in {one.casefold() for one in best}]
    if not best or not missing:
        return error
    return BadReport(
        f"has no column {' and no column '.join(missing[:5])}",
        where=report.name,
        hint=f"it has {', '.join(best[:20])}; a column that may be missing is marked optional = true",
    )


class _Json:
    """The elements of a JSON document's list, of a plain list, or of lines."""

    def __init__(self, mapping: MappingFile, report: facts.Report, form: str, skip: Skip) -> None:
        self._mapping, self._report, self._skip = mapping, report, skip
        try:
            self._paths = {text: jsonpath.parse(text) for field in mapping.fields for text in field.sources}
            self._each = jsonpath.parse(mapping.each).steps if mapping.each else ()
        except ValueError as error:
            raise BadReport(
                f"is JSON, and the mapping is not made for that: {error}", where=report.name, hint="correct the path"
            ) from error
        self._found: set[str] = set()
        self._members: set[str] = set()
        self._any = False
        self._top_of: msgspec.Raw | None = None
        self._top: dict[str, list[Any]] = {}
        self._document: msgspec.Raw | None = None
        if mapping.each and form != "lines":
            self._document = _decoding.whole(report, _RAW)

    def observed(self) -> str:
        field = self._mapping.observed_at
        if field is None or field.constant is not None:
            return "" if field is None else field.constant or ""
        if self._document is None:
            return ""
        try:
            path = jsonpath.parse(f"$.{field.sources[0].removeprefix('$.')}")
            found = jsonpath.values(path, Element(None, ""), self._document)
        except (ValueError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""
        return _naming.text(found[0]) if found else ""

    def rows(self) -> Iterator[tuple[str, Values]]:
        try:
            yield from self._rows()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _decoding.broken(self._report, error) from error

    def _rows(self) -> Iterator[tuple[str, Values]]:
        for where, document, found in self._elements():
            if isinstance(found, Exception):
                self._skip(Skipped(where, _decoding.why(found)))
                continue
            self._any = True
            if isinstance(found.value, dict) and len(self._members) < _MOST_NAMES:
                self._members.update(found.value)

            def values(text: str, found: Element = found, document: msgspec.Raw = document) -> list[Any]:
                said = self._at(text, found, document)
                if said:
                    self._found.add(text)
                return said

            yield where, values

    def _at(self, text: str, found: Element, document: msgspec.Raw) -> list[Any]:
        """The values at a path; those of the document itself are looked up once for each document."""
        path = self._paths[text]
        if not path.top:
            return jsonpath.values(path, found, document)
        if self._top_of is not document:
            self._top_of, self._top = document, {}
        if text not in self._top:
            self._top[text] = jsonpath.values(path, found, document)
        return self._top[text]

    def _elements(self) -> Iterator[tuple[str, msgspec.Raw, Element | Exception]]:
        if self._document is not None:
            for name, found in jsonpath.elements(self._document, self._each):
                yield f"element {name}", self._document, found
            return
        for number, raw in enumerate(_decoding.rows(self._report, _RAW, self._skip), 1):
            # Without `each`, a line or member of the list is an element itself.
            for name, found in jsonpath.elements(raw, self._each):
                yield f"element {number}" + (f".{name}" if name else ""), raw, found

    def unread(self) -> Iterator[Skipped]:
        if not self._any:
            yield Skipped(self._mapping.each or "the document", "holds no element")
            return
        for field in self._mapping.fields:
            if not field.optional and field.sources and not self._found & {*field.sources}:
                yield Skipped(f"mapping, {field.name}", f"no element has {' or '.join(field.sources)}")
        used = {str(path.steps[0]) for path in self._paths.values() if path.steps and not path.up and not path.top}
        if left := sorted(self._members - used):
            yield Skipped("members", "not read by the mapping: " + ", ".join(left[:20]))


# -- values --------------------------------------------------------------------------------------


def _value(field: Field, values: Values, where: str, skip: Skip) -> Any:
    """What a row itself says for one of our words; None for nothing."""
    found = _gathered(field, values)
    if field.values:
        found = [_translated(field, one) for one in found]
    if field.date:
        found = [_dated(field, one, where, skip) for one in found]
    if field.split:
        found = [part.strip() for one in found for part in _naming.text(one).split(field.split)]
    found = [one for one in found if one is not None and one not in ("", [])]
    if not found:
        return None
    return found[0] if len(found) == 1 else found


def _gathered(field: Field, values: Values) -> list[Any]:
    if field.joined:
        texts = [_naming.text(one).strip() for name in field.sources for one in values(name)]
        return [field.with_.join(text for text in texts if text)]
    for name in field.sources:
        said = [one for value in values(name) for one in (value if isinstance(value, list) else [value])]
        said = [one.strip() if isinstance(one, str) else one for one in said]
        if found := [one for one in said if one is not None and one != ""]:
            return found
    return []


def _translated(field: Field, value: Any) -> Any:
    """What the mapping says for a value, else its default, else the value itself."""
    text = "true" if value is True else "false" if value is False else _naming.text(value).strip()
    said = field.values.get(text.casefold())
    if said is not None:
        return said
    return field.default if field.default is not None and text else value


def _timed(field: Field, text: str) -> str | None:
    """The time in ISO form, where the mapping has a format; None where the text is not of that format."""
    return _parsed(field.date, text.strip()) if field.date else text


@lru_cache(maxsize=16384)
def _parsed(form: str, text: str) -> str | None:
    """The time in UTC, a missing zone taken as UTC."""
    try:
        found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is looked at below
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


def _dated(field: Field, value: Any, where: str, skip: Skip) -> str | None:
    text = _naming.text(value).strip()
    found = _timed(field, text) if text else None
    if text and found is None:
        skip(Skipped(f"{where}: {field.name}", f"“{text[:40]}” is not a time as {field.date} writes it"))
    return found


def _without_secret(record: Record) -> Record:
    """A finding of a secret never carries it."""
    if isinstance(record, Finding) and record.kind == "secret":
        return msgspec.structs.replace(record, evidence="", description="", context="")
    return record

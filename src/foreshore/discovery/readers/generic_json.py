"""JSON with documented fields, for what no other reader knows (docs/reference/generic.md).

A list of objects, an object with a list `findings`, or one object per line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _generic, _generic_columns, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, RunSeen, Skipped

_FINDINGS = regex(r'"findings"\s*:\s*\[\s*')
_STRING = regex(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_KEY = regex(r'"([A-Za-z][\w .-]{0,40})"\s*:\s*(?=["\d-]|true|false|null)')
_ABOUT = frozenset({"name", "title", "type", "version", "description", "generated", "date"})
_EMPTY = regex(r"\s*\[\s*\]\s*$")


class _Document(msgspec.Struct, gc=False):
    findings: list[msgspec.Raw] | None = None
    name: Scalar = None
    type: Scalar = None
    version: Scalar = None
    generated: Scalar = None
    date: Scalar = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])

_NOTHING = Skipped("the whole list", "is empty: nothing says which tool wrote it or what it looked at")


@dataclass(frozen=True)
class GenericJson:
    """Reads JSON objects that name what was found and where or how bad, by their field names."""

    version: int = 2
    priority: int = -100

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins objects with fields that make findings, or an empty list."""
        opening = reports.decode_head(head)
        if _EMPTY.fullmatch(opening):
            return True
        start = opening.lstrip()
        if start.startswith("["):
            return _fits(start[1:].lstrip())
        if not start.startswith("{"):
            return False
        found = _FINDINGS.search(start)
        if found is not None and _at_top(start[: found.start()]):
            rest = start[found.end() :]
            return _fits(rest) if rest[:1] != "]" else set(_KEY.findall(start)) <= _ABOUT
        first = start.split("\n", 1)[0]
        return first.rstrip().endswith("}") and _fits(first)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, assets each once, and one finding for each object and asset."""
        skipped: list[Skipped] = []
        opening = reports.decode_head(report.head).lstrip()
        found = _FINDINGS.search(opening)
        if opening.startswith("{") and found is not None and _at_top(opening[: found.start()]):
            document = _decoding.whole(report, _DECODER)
            if document.findings is None:
                raise BadReport("has no list of findings", where=report.name, hint="an object with a list `findings`")
            yield _run(document)
            if not document.findings:
                skipped.append(_NOTHING)
            subject = _naming.text(document.name) or _naming.text(document.type)
            rows = _decoding.each(_ROW, document.findings, "findings", skipped.append)
        else:
            yield RunSeen(tool="generic json")
            subject = ""
            rows = _decoding.rows(report, _ROW, skipped.append)
            if _EMPTY.fullmatch(opening):
                skipped.append(_NOTHING)
        reading = _generic.Reading(skipped.append, subject)
        for number, row in enumerate(rows, 1):
            yield from reading.of(f"object {number}", row)
        yield from skipped


def _at_top(before: str) -> bool:
    """Whether a key after `before` is one of the outermost object."""
    bare = _STRING.sub("", before)
    return bare.count("{") == 1 and not {"}", "[", "]"} & set(bare)


def _fits(text: str) -> bool:
    """Whether the object that `text` begins with has mostly fields of ours, and plain values in them."""
    if not text.startswith("{"):
        return False
    try:
        first, _end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # longer than the beginning of a file: by its names with plain values, as far as it is seen
        return _generic_columns.fits(list(dict.fromkeys(_KEY.findall(text))))
    plain = [name for name, value in first.items() if not _nested(name, value)]
    return _generic_columns.fits([*plain, *["{}"] * (len(first) - len(plain))])


def _nested(name: str, value: object) -> bool:
    """Whether a value is an object, or a list of them where ours is not one of addresses."""
    if isinstance(value, list):
        return any(isinstance(one, dict) for one in value) and _generic_columns.columns([name]) != {"url"}
    return isinstance(value, dict)


def _run(document: _Document) -> RunSeen:
    stamp = _naming.text(document.generated) or _naming.text(document.date)
    observed, assumed = _naming.moment(stamp)
    return RunSeen(
        tool=_naming.text(document.type) or _naming.text(document.name) or "generic json",
        version=_naming.text(document.version),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


PLUGIN = GenericJson()

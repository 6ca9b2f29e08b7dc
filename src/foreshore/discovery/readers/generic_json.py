"""JSON with documented fields, for what no other reader knows (docs/reference/generic.md).

A list of objects, an object with a list `findings`, or one object per line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.readers import _decoding, _generic, _generic_columns, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, RunSeen, Skipped

_FINDINGS = re.compile(r'"findings"\s*:\s*\[')
_KEY = re.compile(r'"([A-Za-z][\w .-]{0,40})"\s*:')
_EMPTY = re.compile(r"\s*\[\s*\]\s*$")


class _Document(msgspec.Struct, gc=False):
    findings: list[msgspec.Raw] | None = None
    name: Scalar = None
    type: Scalar = None
    version: Scalar = None
    generated: Scalar = None
    date: Scalar = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class GenericJson:
    """Reads JSON objects that name what was found and where or how bad, by their field names."""

    version: int = 1
    priority: int = -100

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins objects with fields that make findings, or an empty list."""
        opening = reports.decode_head(head)
        if _EMPTY.fullmatch(opening):
            return True
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if opening.lstrip()[0] == "{" and _FINDINGS.search(opening):
            return '"title"' in opening or _generic_columns.enough(
                _generic_columns.columns(_KEY.findall(opening))
            )
        return _generic_columns.enough(_generic_columns.columns(_first_keys(opening)))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, assets each once, and one finding for each object and asset."""
        skipped: list[Skipped] = []
        opening = reports.decode_head(report.head).lstrip()
        if opening.startswith("{") and '"findings"' in opening:
            document = _decoding.whole(report, _DECODER)
            if document.findings is None:
                raise BadReport(
                    "has no list of findings", where=report.name, hint="an object with a list `findings`"
                )
            yield _run(document)
            subject = _naming.text(document.name) or _naming.text(document.type)
            rows = _decoding.each(_ROW, document.findings, "findings", skipped.append)
        else:
            yield RunSeen(tool="generic json")
            subject = ""
            rows = _decoding.rows(report, _ROW, skipped.append)
            if _EMPTY.fullmatch(opening):
                skipped.append(
                    Skipped(
                        "the whole list", "is empty: nothing says which tool wrote it or what it looked at"
                    )
                )
        reading = _generic.Reading(skipped.append, subject)
        for number, row in enumerate(rows, 1):
            yield from reading.of(f"object {number}", row)
        yield from skipped


def _first_keys(opening: str) -> list[str]:
    """The names in the first object, as far as it goes without an object inside."""
    start = opening.find("{")
    end = opening.find("}", start)
    return _KEY.findall(opening[start : end if end > 0 else len(opening)])


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

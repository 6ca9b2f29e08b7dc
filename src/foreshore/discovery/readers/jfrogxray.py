"""JFrog Xray's older export of security issues as JSON, one element for each issue of each component."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _jfrog, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, Skipped

_DATA = regex(r'"data"\s*:\s*(\[|null)')
_ROW = regex(r'"(source_comp_id|component_versions)"\s*:')
_EMPTY = regex(r'^\s*\{\s*"total_count"\s*:\s*0\s*,\s*"data"\s*:\s*(null|\[\s*\])\s*\}\s*$')


class _Details(msgspec.Struct, gc=False):
    cves: list[_jfrog.Cve] | None = None
    description: Scalar = None


class _Versions(msgspec.Struct, gc=False):
    id: Scalar = None
    fixed_versions: list[Scalar] | None = None
    more_details: _Details | None = None


class _Row(msgspec.Struct, gc=False):
    id: Scalar = None
    severity: Scalar = None
    summary: Scalar = None
    component: Scalar = None
    source_id: Scalar = None
    source_comp_id: Scalar = None
    component_versions: _Versions | None = None


class _Document(msgspec.Struct, gc=False):
    data: list[msgspec.Raw] | None = None
    total_count: Scalar = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ELEMENT: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class Jfrogxray:
    """Reads Xray's older export; it does not say what was scanned, so that goes by the file."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such an export."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        return bool(_DATA.search(opening) and _ROW.search(opening)) or bool(_EMPTY.match(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the artifact, and one finding for each element."""
        document = _decoding.whole(report, _DECODER)
        if document.data is None and document.total_count is None:
            raise BadReport(
                "is JSON of JFrog Xray without data",
                where=report.name,
                hint="export the security issues as JSON and keep the whole file",
            )
        yield _images.run("jfrog xray", ())
        sighting = _images.unnamed("jfrog xray", report.name, "code_component")
        yield sighting
        skipped: list[Skipped] = []
        for number, row in enumerate(_decoding.each(_ELEMENT, document.data, "data", skipped.append)):
            versions = row.component_versions or _Versions()
            details = versions.more_details or _Details()
            issue = _jfrog.Issue(
                _naming.text(row.id),
                row.severity,
                details.cves or [],
                _naming.text(row.summary),
                _naming.text(details.description),
            )
            if not _jfrog.rule(issue):
                skipped.append(Skipped(f"data[{number}]", "names no weakness"))
                continue
            written = row.source_comp_id or row.source_id or row.component
            part = _jfrog.component(_naming.text(written))
            yield _jfrog.finding(sighting.key, issue, part, _jfrog.fixed(versions.fixed_versions))
        yield from skipped


PLUGIN = Jfrogxray()

"""JFrog Xray's vulnerabilities report as JSON: one row for each issue of each component of an artifact."""

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

_TOTAL = regex(r'"total_rows"\s*:')
_ROWS = regex(r'"rows"\s*:')
_ROW = regex(r'"(vulnerable_component|impacted_artifact)"\s*:')


class _Row(msgspec.Struct, gc=False):
    cves: list[_jfrog.Cve] | None = None
    summary: Scalar = None
    severity: Scalar = None
    vulnerable_component: Scalar = None
    impacted_artifact: Scalar = None
    path: Scalar = None
    fixed_versions: list[Scalar] | None = None
    artifact_scan_time: Scalar = None
    issue_id: Scalar = None
    description: Scalar = None
    references: list[Scalar] | None = None


class _Document(msgspec.Struct, gc=False):
    total_rows: Scalar = None
    rows: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ELEMENT: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class JfrogXrayUnified:
    """Reads Xray's vulnerabilities report; the artifacts that were scanned are the assets."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such a report, with rows or without."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{" or not _ROWS.search(opening):
            return False
        return bool(_TOTAL.search(opening) or _ROW.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each artifact once, and one finding for each row."""
        document = _decoding.whole(report, _DECODER)
        if document.rows is None and document.total_rows is None:
            raise BadReport(
                "is JSON of JFrog Xray without rows",
                where=report.name,
                hint="export the vulnerabilities report as JSON and keep the whole file",
            )
        skipped: list[Skipped] = []
        rows = list(_decoding.each(_ELEMENT, document.rows, "rows", skipped.append))
        yield _images.run("jfrog xray", (row.artifact_scan_time for row in rows))
        said: set[str] = set()
        for number, row in enumerate(rows):
            issue = _issue(row)
            if not _jfrog.rule(issue) or not (row.impacted_artifact or row.path):
                skipped.append(Skipped(f"rows[{number}]", "names no weakness, or no artifact"))
                continue
            sighting = _jfrog.asset(_naming.text(row.impacted_artifact), _naming.text(row.path))
            if sighting.key not in said:
                said.add(sighting.key)
                yield sighting
            part = _jfrog.component(_naming.text(row.vulnerable_component))
            found = _jfrog.finding(sighting.key, issue, part, _jfrog.fixed(row.fixed_versions))
            yield msgspec.structs.replace(found, observed_at=_naming.when(row.artifact_scan_time))
        yield from skipped


def _issue(row: _Row) -> _jfrog.Issue:
    return _jfrog.Issue(
        _naming.text(row.issue_id),
        row.severity,
        row.cves or [],
        _naming.text(row.summary),
        _naming.text(row.description),
        _jfrog.texts(row.references),
    )


PLUGIN = JfrogXrayUnified()

"""KICS' JSON: queries with the places where each found something, and bills of materials of cloud resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _iac_rows, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_COUNTS = regex(r'"(queries_total|queries_failed_to_execute|kics_version)"\s*:')
_QUERY = regex(r'"query_id"\s*:')
_PLACES = regex(r'"(similarity_id|search_key|files)"\s*:')


class _File(msgspec.Struct, gc=False):
    file_name: Scalar = None
    line: Scalar = None
    resource_type: Scalar = None
    resource_name: Scalar = None
    issue_type: Scalar = None
    search_key: Scalar = None
    search_value: Scalar = None
    expected_value: Scalar = None
    actual_value: Scalar = None


class _Query(msgspec.Struct, gc=False):
    query_name: Scalar = None
    query_id: Scalar = None
    query_url: Scalar = None
    severity: Scalar = None
    platform: Scalar = None
    cloud_provider: Scalar = None
    category: Scalar = None
    description: Scalar = None
    cwe: Scalar = None
    files: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    kics_version: Scalar = None
    files_scanned: Scalar = None
    files_failed_to_scan: Scalar = None
    queries_total: Scalar = None
    queries_failed_to_execute: Scalar = None
    paths: Any = None
    start: Scalar = None
    end: Scalar = None
    queries: list[msgspec.Raw] | None = None
    bill_of_materials: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_QUERIES: msgspec.json.Decoder[_Query] = msgspec.json.Decoder(_Query)
_FILES: msgspec.json.Decoder[_File] = msgspec.json.Decoder(_File)


@dataclass(frozen=True)
class Kics:
    """Reads KICS' JSON; each place that a query found is a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of KICS."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        return bool(_COUNTS.search(opening) or (_QUERY.search(opening) and _PLACES.search(opening)))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the project, and a finding for each place of each query."""
        document = _decoding.whole(report, _DECODER)
        if document.queries is None and document.queries_total is None:
            raise BadReport("holds no queries", where=report.name, hint="export with `kics scan --report-formats json`")
        yield _run(document)
        paths = sorted(one for one in _naming.texts(document.paths) if len(one.strip("/.")) > 1)
        project = _iac_rows.project("kics", ", ".join(paths))
        yield project
        skipped: list[Skipped] = []
        for name, raws in (("queries", document.queries), ("bill_of_materials", document.bill_of_materials)):
            for number, query in enumerate(_decoding.each(_QUERIES, raws, name, skipped.append)):
                where = f"{name}[{number}].files"
                for file in _decoding.each(_FILES, query.files, where, skipped.append):
                    yield _finding(project.key, query, file, name == "bill_of_materials")
        if failed := _naming.whole_number(document.files_failed_to_scan):
            skipped.append(Skipped("files_failed_to_scan", f"{failed} files could not be scanned"))
        if failed := _naming.whole_number(document.queries_failed_to_execute):
            skipped.append(Skipped("queries_failed_to_execute", f"{failed} queries could not be made"))
        yield from skipped


def _run(document: _Document) -> RunSeen:
    stamp = _naming.text(document.end) or _naming.text(document.start)
    observed, assumed = _naming.moment(stamp)
    counts = (("files", document.files_scanned), ("queries", document.queries_total))
    return RunSeen(
        tool="kics",
        version=_naming.text(document.kics_version).removeprefix("v"),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=tuple((name, text) for name, value in counts if (text := _naming.text(value))),
    )


def _finding(asset: str, query: _Query, file: _File, inventory: bool) -> Finding:
    rule = _naming.text(query.query_id) or _naming.text(query.query_name) or "unknown"
    path = _iac_rows.file_of(_naming.text(file.file_name))
    platform = _naming.text(query.platform).lower()
    secret = _naming.text(query.category) == "Secret Management" and platform == "common"
    named = " ".join(part for value in (file.resource_type, file.resource_name) if (part := _naming.text(value)))
    kind: facts.ExposureKind = "observation" if inventory else "secret" if secret else "misconfiguration"
    tags = (
        ("category", query.category), ("platform", query.platform), ("provider", query.cloud_provider),
        ("issue", file.issue_type),
    )  # fmt: skip
    # The key and the values of a secret can hold the line it stands in; what the query expects does not.
    key = "" if secret else _naming.text(file.search_key) or named
    value = "" if secret else _naming.text(file.search_value)
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(query.query_name) or rule,
        severity="info" if inventory else _naming.severity(query.severity),
        weaknesses=() if inventory else (rule,),
        kind=kind,
        resource=_iac_rows.place(path, key, value),
        path=path,
        line=max(_naming.whole_number(file.line), 0),
        cwes=_naming.cwes(query.cwe) if query.cwe else (),
        proof="configuration",
        description=_naming.text(query.description),
        solution=_naming.text(file.expected_value),
        references=(link,) if (link := _naming.text(query.query_url)).startswith("http") else (),
        evidence="" if secret else _naming.text(file.actual_value),
        tags=tuple(f"{name}={text}" for name, value in tags if (text := _naming.text(value))),
    )


PLUGIN = Kics()

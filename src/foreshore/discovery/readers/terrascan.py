"""Terrascan's JSON: violations, what was skipped by comments, what passed, and vulnerabilities of images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _iac_rows, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

# Of all versions: the first wrote only violations and how many there are
_SIGN = regex(
    r'"(policies_validated|violated_policies|iac_type|plan_root|scanned_at|scan_errors|rule_name)"\s*:'
    r'|"count"\s*:\s*\{\s*"(low|medium|high|total)"\s*:'
)
_LIST = regex(r'"(violations|skipped_violations|passed_rules|scan_summary)"\s*:')


class _Row(msgspec.Struct, gc=False):
    rule_name: Scalar = None
    description: Scalar = None
    rule_id: Scalar = None
    severity: Scalar = None
    category: Scalar = None
    skip_comment: Scalar = None
    resource_name: Scalar = None
    resource_type: Scalar = None
    module_name: Scalar = None
    file: Scalar = None
    line: Scalar = None


class _Results(msgspec.Struct, gc=False):
    scan_errors: list[Any] | None = None
    passed_rules: list[msgspec.Raw] | None = None
    violations: list[msgspec.Raw] | None = None
    skipped_violations: list[msgspec.Raw] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    scan_summary: dict[str, Any] | None = None


class _Document(msgspec.Struct, gc=False):
    results: _Results | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)
_ANY: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class Terrascan:
    """Reads Terrascan's JSON; a violation is a finding at its file and resource."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of Terrascan."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{" or '"results"' not in opening:
            return False
        return bool(_LIST.search(opening) and _SIGN.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the project, findings, what was checked, and what could not be scanned."""
        results = _decoding.whole(report, _DECODER).results
        if results is None:
            raise BadReport("is JSON without results", where=report.name, hint="export with `terrascan scan -o json`")
        summary = results.scan_summary or {}
        stamp = re.sub(r" \+0000 UTC$", "+00:00", _naming.text(summary.get("scanned_at")))
        observed, assumed = _naming.moment(stamp)
        yield RunSeen(tool="terrascan", observed_at=observed, observed_text=stamp, zone_assumed=assumed)
        yield from _Reading(results, _naming.text(summary.get("file/folder"))).records()


class _Reading:
    """One document: its project and its rows."""

    def __init__(self, results: _Results, folder: str) -> None:
        self.results = results
        self.folder = folder.rstrip("/") if len(folder.rstrip("/")) > 1 else ""
        self.project = _iac_rows.project("terrascan", self.folder)
        self.coverage = _cloud_rows.Coverage("terrascan")
        self.skipped: list[Skipped] = []

    def records(self) -> Iterator[Record]:
        yield self.project
        results = self.results
        for name, raws in (("violations", results.violations), ("skipped_violations", results.skipped_violations)):
            for number, row in enumerate(_decoding.each(_ROW, raws, name, self.skipped.append)):
                yield from self.row(row, f"{name}[{number}]", suppressed=name.startswith("skipped"))
        for row in _decoding.each(_ROW, results.passed_rules, "passed_rules", self.skipped.append):
            self.looked(_naming.text(row.rule_id))
        yield from self.vulnerabilities()
        yield from self.coverage.records()
        for number, error in enumerate(results.scan_errors or ()):
            why = _naming.text(_cloud_rows.mapping(error).get("errMsg")) or "an error"
            self.skipped.append(Skipped(f"scan_errors[{number}]", f"the scanner could not look: {why}"))
        yield from self.skipped

    def looked(self, rule: str) -> None:
        """Only where the folder has a name is it known that the same code was looked at again."""
        if self.folder:
            self.coverage.looked(self.project.key, rule)

    def row(self, row: _Row, where: str, suppressed: bool) -> Iterator[Finding]:
        rule = _naming.text(row.rule_id) or _naming.text(row.rule_name)
        if not rule:
            self.skipped.append(Skipped(where, "names no rule"))
            return
        if not suppressed:
            self.looked(rule)
        path = _iac_rows.file_of(_naming.text(row.file))
        kind, name = _naming.text(row.resource_type), _naming.text(row.resource_name)
        resource = "/".join(part for part in (kind, name) if part)
        yield Finding(
            asset=self.project.key,
            rule=rule,
            title=_naming.text(row.rule_name) or rule,
            severity=_naming.severity(row.severity),
            weaknesses=(rule,),
            kind="misconfiguration",
            resource=_iac_rows.place(path, resource, _module(row)),
            path=path,
            line=max(_naming.whole_number(row.line), 0),
            proof="configuration",
            word="suppressed" if suppressed else "open",
            description=_naming.text(row.description),
            evidence="\n".join(part for part in (resource, _naming.text(row.skip_comment)) if part),
            tags=(f"category={category}",) if (category := _naming.text(row.category)) else (),
        )

    def vulnerabilities(self) -> Iterator[Record]:
        """Vulnerabilities of the images that the code names, where the scanner was asked for them."""
        said: set[str] = set()
        for row in _decoding.each(_ANY, self.results.vulnerabilities, "vulnerabilities", self.skipped.append):
            image = _naming.text(row.get("image"))
            rule = _naming.text(row.get("vulnerability_id"))
            if not image or not rule:
                self.skipped.append(Skipped("vulnerabilities", "names no image or no vulnerability"))
                continue
            key = f"image {image}"
            if key not in said:
                said.add(key)
                yield Sighting(key=key, name=image, kind="image", identifiers=(("image_ref", image),))
            yield _vulnerability(key, rule, row)


def _module(row: _Row) -> str:
    module = _naming.text(row.module_name)
    return "" if module in ("", "root") else f"module {module}"


def _vulnerability(asset: str, rule: str, row: dict[str, Any]) -> Finding:
    name = _naming.text(row.get("package"))
    scores = _cloud_rows.mapping(row.get("cvss_score"))
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{rule} in {name}" if name else rule,
        severity=_naming.severity(row.get("severity")),
        weaknesses=_naming.weakness(rule),
        component_name=name,
        version=_naming.text(row.get("version")),
        cvss_score=_naming.score(scores.get("Score") or scores.get("score") or row.get("cvss_score")),
        proof="package",
        description=_naming.text(row.get("description")),
        references=(link,) if (link := _naming.text(row.get("primary_url"))).startswith("http") else (),
    )


PLUGIN = Terrascan()

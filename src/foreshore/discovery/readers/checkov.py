"""Checkov's JSON: one object or a list of them, one for each kind of file that was checked."""

from __future__ import annotations

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
from foreshore.facts import Finding, Record, RunSeen, Skipped

_SIGN = regex(r'"(checkov_version|bc_check_id)"\s*:|"check_class"\s*:\s*"checkov\.')
_TYPE = regex(r'"check_type"\s*:')
_LISTS = regex(r'"(passed_checks|failed_checks|skipped_checks|parsing_errors)"\s*:')
_EMPTY = regex(r'^\s*\[?\s*\{\s*"passed"\s*:\s*\d+\s*,\s*"failed"\s*:\s*\d+\s*,\s*"skipped"\s*:')
_SECRET = regex(r"^CKV2?_SECRET_")


class _Results(msgspec.Struct, gc=False):
    passed_checks: list[msgspec.Raw] | None = None
    failed_checks: list[msgspec.Raw] | None = None
    skipped_checks: list[msgspec.Raw] | None = None
    parsing_errors: list[Scalar] | None = None


class _Part(msgspec.Struct, gc=False):
    check_type: Scalar = None
    results: _Results | None = None
    summary: dict[str, Any] | None = None
    checkov_version: Scalar = None
    passed: Scalar = None


class _Check(msgspec.Struct, gc=False):
    check_id: Scalar = None
    check_name: Scalar = None
    check_result: Any = None
    code_block: Any = None
    file_path: Scalar = None
    file_abs_path: Scalar = None
    file_line_range: Any = None
    resource: Scalar = None
    resource_address: Scalar = None
    severity: Scalar = None
    guideline: Scalar = None
    description: Scalar = None
    short_description: Scalar = None
    bc_category: Scalar = None
    vulnerability_details: Any = None
    cwe: Any = None


_DOCUMENT: msgspec.json.Decoder[_Part | list[msgspec.Raw]] = msgspec.json.Decoder(_Part | list[msgspec.Raw])
_PART: msgspec.json.Decoder[_Part] = msgspec.json.Decoder(_Part)
_CHECK: msgspec.json.Decoder[_Check] = msgspec.json.Decoder(_Check)


@dataclass(frozen=True)
class Checkov:
    """Reads Checkov's JSON; failed checks are findings, skipped ones are suppressed, passed ones are coverage."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins JSON of Checkov."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _EMPTY.match(opening) and '"checkov_version"' in opening:
            return True
        return bool(_TYPE.search(opening) and (_LISTS.search(opening) or _SIGN.search(opening)))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the projects each once, a finding for each check that failed, and what was checked."""
        skipped: list[Skipped] = []
        parts = _parts(report, skipped)
        versions = [_version(part) for part in parts]
        kinds = sorted({kind for part in parts if (kind := _naming.text(part.check_type))})
        yield RunSeen(
            tool="checkov",
            version=next((one for one in versions if one), ""),
            settings=(("check_types", ", ".join(kinds)),) if kinds else (),
        )
        reading = _Reading(skipped)
        for number, part in enumerate(parts):
            reading.part(part, f"report {number + 1}")
        yield from reading.records()


def _parts(report: facts.Report, skipped: list[Skipped]) -> list[_Part]:
    document = _decoding.whole(report, _DOCUMENT)
    raws = document if isinstance(document, list) else None
    parts = [document] if isinstance(document, _Part) else list(_decoding.each(_PART, raws, "report ", skipped.append))
    if not any(part.results is not None or part.summary is not None or part.passed is not None for part in parts):
        raise BadReport(
            "is JSON of Checkov without results",
            where=report.name,
            hint="export with `checkov --output json` and keep the whole file",
        )
    return parts


def _version(part: _Part) -> str:
    return _naming.text((part.summary or {}).get("checkov_version")) or _naming.text(part.checkov_version)


class _Reading:
    """The state of one reading: projects, findings and coverage."""

    def __init__(self, skipped: list[Skipped]) -> None:
        self.skipped = skipped
        self.assets = _cloud_rows.Assets()
        self.coverage = _cloud_rows.Coverage("checkov")
        self.findings: list[Finding] = []

    def part(self, part: _Part, where: str) -> None:
        results = part.results
        if results is None:
            self.assets.see(_iac_rows.project("checkov"))
            return
        kind = _naming.text(part.check_type)
        for name in ("passed", "failed", "skipped"):
            raws: list[msgspec.Raw] | None = getattr(results, f"{name}_checks")
            for check in _decoding.each(_CHECK, raws, f"{where}.{name}_checks", self.skipped.append):
                self.check(check, name, kind, f"{where}.{name}_checks")
        if not (results.passed_checks or results.failed_checks or results.skipped_checks):
            self.assets.see(_iac_rows.project("checkov"))
        for path in results.parsing_errors or ():
            self.skipped.append(Skipped(_naming.text(path) or where, "could not be parsed by the scanner"))

    def check(self, check: _Check, outcome: str, kind: str, where: str) -> None:
        rule = _naming.text(check.check_id)
        if not rule:
            self.skipped.append(Skipped(where, "a check without an identifier"))
            return
        root = _iac_rows.root_of(_naming.text(check.file_abs_path), _naming.text(check.file_path))
        asset = self.assets.see(_iac_rows.project("checkov", root))
        # Only where the folder has a name is it known that the same code was looked at again.
        if root and outcome != "skipped":
            self.coverage.looked(asset, _identifier(check) or rule)
        if outcome != "passed":
            self.findings.append(_finding(asset, rule, check, kind, "open" if outcome == "failed" else "suppressed"))

    def records(self) -> Iterator[Record]:
        yield from self.assets.sightings()
        yield from self.findings
        yield from self.coverage.records()
        yield from self.skipped


def _identifier(check: _Check) -> str:
    """The vulnerability that a check of a package found; '' for other checks."""
    details = _cloud_rows.mapping(check.vulnerability_details)
    return _naming.text(details.get("id")) if details.get("package_name") else ""


def _finding(asset: str, rule: str, check: _Check, kind: str, word: facts.Word) -> Finding:
    details = check.vulnerability_details
    if isinstance(details, dict) and details.get("package_name"):
        return _vulnerability(asset, rule, check, details, word)
    path = _iac_rows.file_of(_naming.text(check.file_path))
    name = _naming.text(check.check_name) or rule
    secret = kind == "secrets" or bool(_SECRET.match(rule))
    code = kind.startswith("sast")
    resource = _naming.text(check.resource_address) or _naming.text(check.resource)
    told = _naming.text(check.description) or _naming.text(check.short_description)
    tags = (("check_type", kind), ("category", _naming.text(check.bc_category)))
    return Finding(
        asset=asset,
        rule=rule,
        title=name,
        severity=_naming.severity(check.severity) if check.severity else "medium",
        weaknesses=(rule,),
        kind="secret" if secret else "code" if code else "misconfiguration",
        resource="" if secret else _iac_rows.place(path, resource),
        path=path,
        line=_line(check.file_line_range),
        context=_code(check.code_block) if code else "",
        cwes=_naming.cwes(check.cwe) if check.cwe else (),
        proof="configuration",
        word=word,
        description=told or name,
        references=(link,) if (link := _naming.text(check.guideline)).startswith("http") else (),
        evidence="" if secret else _evidence(check, resource),
        tags=tuple(f"{label}={text}" for label, text in tags if text),
    )


def _vulnerability(asset: str, rule: str, check: _Check, details: dict[str, Any], word: facts.Word) -> Finding:
    identifier = _naming.text(details.get("id")) or rule
    name = _naming.text(details.get("package_name"))
    vector = _naming.text(details.get("vector"))
    return Finding(
        asset=asset,
        rule=identifier,
        title=f"{identifier} in {name}",
        severity=_naming.severity(details.get("severity") or check.severity),
        weaknesses=_naming.weakness(identifier),
        component=_naming.built_package(_naming.text(details.get("package_type")), name),
        component_name=name,
        version=_naming.text(details.get("package_version")),
        fixed_version=_naming.text(details.get("lowest_fixed_version")),
        path=_iac_rows.file_of(_naming.text(check.file_path)),
        line=_line(check.file_line_range),
        cvss_vector=vector if "/" in vector else "",
        cvss_score=_naming.score(details.get("cvss")),
        proof="package",
        word=word,
        description=_naming.text(details.get("description")),
        solution=_naming.text(details.get("status")),
        references=(link,) if (link := _naming.text(details.get("link"))).startswith("http") else (),
    )


def _line(value: Any) -> int:
    first = value[0] if isinstance(value, list) and value else None
    return max(_naming.whole_number(first), 0)


def _code(block: Any) -> str:
    """The lines of a code block, without their numbers."""
    rows = block if isinstance(block, list) else ()
    return "".join(_naming.text(row[1]) for row in rows if isinstance(row, list) and len(row) > 1)


def _evidence(check: _Check, resource: str) -> str:
    """What was looked at, and why somebody said that it may stay."""
    result = _cloud_rows.mapping(check.check_result)
    keys = ", ".join(_naming.texts(result.get("evaluated_keys")))
    reason = _naming.text(result.get("suppress_comment"))
    said = (resource, f"looked at: {keys}" if keys else "", f"skipped because: {reason}" if reason else "")
    return "\n".join(part for part in said if part)


PLUGIN = Checkov()

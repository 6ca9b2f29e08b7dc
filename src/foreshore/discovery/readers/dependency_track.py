"""Dependency-Track: the finding packaging format (FPF, all versions) and the lists of its programming interface."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _decoding, _hosts, _naming, _packages
from foreshore.discovery.readers._code_scans import Row, inner, objects, text
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Severity, Sighting, Skipped, Word

_APPLICATION = regex(r'"application"\s*:\s*"Dependency-Track"')
_FINDING = regex(r'"(matrix|attribution|severityRank|analysis)"\s*:')
_VULNERABILITY = regex(r'"vulnId"\s*:')
_LINK = regex(r"https?://[^\s()<>\[\]\"']{3,500}")
_PUBLIC_SOURCES = frozenset({"SNYK", "OSV", "SONATYPE", "VULNDB", "OSSINDEX"})
_STATES: dict[str, Word] = {
    "FALSE_POSITIVE": "false_positive", "NOT_AFFECTED": "suppressed", "RESOLVED": "fixed",
}  # fmt: skip
_UNNAMED = "project in Dependency-Track"
_ALIASES = ("cveId", "ghsaId", "osvId", "snykId", "sonatypeId", "gsdId", "vulnDbId")


class _Document(msgspec.Struct, gc=False):
    meta: Any = None
    project: Any = None
    findings: list[msgspec.Raw] | None = None
    version: _decoding.Scalar = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)


@dataclass(frozen=True)
class DependencyTrack:
    """Reads each finding of a project, suppressed ones and those that were judged with that word."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is `head` the beginning of a file of Dependency-Track, or of a list of its findings?"""
        opening = reports.decode_head(head)
        start = opening.lstrip()[:1]
        if start == "{" and _APPLICATION.search(opening):
            return True
        return start in ("{", "[") and bool(_VULNERABILITY.search(opening) and _FINDING.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each project once, and one finding for each vulnerability of a component."""
        if reports.decode_head(report.head).lstrip()[:1] == "[":
            document = _Document(findings=_decoding.whole(report, _LIST))
        else:
            document = _decoding.whole(report, _DECODER)
            if document.findings is None and document.meta is None and document.project is None:
                raise BadReport(
                    "has neither findings nor the project that was asked about",
                    where=report.name,
                    hint="export the findings of a project from Dependency-Track and keep the whole file",
                )
        yield _run(document)
        skipped: list[Skipped] = []
        said: set[str] = set()
        if isinstance(document.project, dict):
            project = _project(document.project)
            said.add(project.key)
            yield project
        rows = _decoding.each(_ROW, document.findings, "findings", skipped.append)
        for number, row in enumerate(rows):
            rule = text(row, "vulnerability", "vulnId")
            if not rule:
                skipped.append(Skipped(f"findings, {number + 1}. that is readable", "names no vulnerability"))
                continue
            place = _project(document.project) if isinstance(document.project, dict) else _project_of(row)
            if place.key not in said:
                said.add(place.key)
                yield place
            yield _finding(place.key, rule, row)
        yield from skipped


def _run(document: _Document) -> RunSeen:
    stamp = text(document.meta, "timestamp")
    observed, assumed = _naming.moment(stamp)
    address = text(document.meta, "baseUrl")
    return RunSeen(
        tool="dependency-track",
        version=text(document.meta, "version"),
        scanner=address,
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


def _project(project: Row) -> Sighting:
    """The project by its name; the number that the platform gave it is only for this platform."""
    pairs = (("version", "version"), ("project_id", "uuid"), ("purl", "purl"))
    return _packages.project(
        text(project, "name") or _UNNAMED, attributes=[(name, text(project, key)) for name, key in pairs]
    )


def _project_of(row: Row) -> Sighting:
    """The project that a row of a list names, by its name or only by the number that the platform gave it."""
    number = text(row, "component", "project") or text(row, "matrix").partition(":")[0]
    name = text(row, "component", "projectName") or number or _UNNAMED
    version = text(row, "component", "projectVersion")
    return _packages.project(name, attributes=(("version", version), ("project_id", number)))


def _finding(asset: str, rule: str, row: Row) -> Finding:
    said, part, analysis = inner(row, "vulnerability"), inner(row, "component"), inner(row, "analysis")
    purl, plain, _ = _naming.package(text(part, "purl"))
    name = plain or ":".join(filter(None, (text(part, "group"), text(part, "name"))))
    vector, score = _cvss(said)
    recommended = text(said, "recommendation")
    detail = text(analysis, "detail") or text(analysis, "analysisDetails")
    return Finding(
        asset=asset,
        rule=rule,
        title=_code_scans.title(text(said, "title"), f"{rule} in {name}" if name else rule),
        severity=_severity(text(said, "severity"), score),
        weaknesses=_weaknesses(rule, said),
        component=purl or text(part, "cpe"),
        component_name=name,
        version=text(part, "version"),
        fixed_version=text(said, "patchedVersions"),
        cvss_vector=vector,
        cvss_score=score,
        epss=_naming.number(inner(said, "epssScore")),
        cwes=_cwes(said),
        proof="package" if purl else "version" if text(part, "version") else "unknown",
        word=_word(analysis),
        description=text(said, "description"),
        solution=recommended,
        references=tuple(dict.fromkeys(_LINK.findall(text(said, "references")[:20_000]))),
        evidence=detail,
        first_seen=_attributed(row),
        tags=_tags(said, row),
    )


def _attributed(row: Row) -> Any:
    """When the platform first tied the vulnerability to the component."""
    value = inner(row, "attribution", "attributedOn")
    return _hosts.when(_naming.text(value)) if value else None


def _tags(said: Any, row: Row) -> tuple[str, ...]:
    state = text(row, "analysis", "state")
    pairs = (
        ("source", text(said, "source")),
        ("analysis", "" if state == "NOT_SET" else state),
        ("analyzer", text(row, "attribution", "analyzerIdentity").removesuffix("_ANALYZER")),
    )
    return tuple(f"{key}={value.lower()}" for key, value in pairs if value)


def _weaknesses(rule: str, said: Any) -> tuple[str, ...]:
    """The vulnerability's own CVE, else those it is also known by; a bare number of a closed list is none."""
    own = _naming.public_ids(rule)
    if own and own[0].startswith("CVE-"):
        return own
    others = [text(one, key) for one in objects(inner(said, "aliases")) for key in _ALIASES]
    known = _naming.public_ids(rule, *others)
    if known:
        return known
    public = text(said, "source").upper() in _PUBLIC_SOURCES or re.match(r"^[A-Za-z]+-", rule)
    return (rule,) if public and text(said, "source").upper() != "INTERNAL" else ()


def _cvss(said: Any) -> tuple[str, float | None]:
    """The newest version of CVSS that is given."""
    for version in ("V4", "V3", "V2"):
        vector = text(said, f"cvss{version}Vector").strip("()")
        score = _naming.score(inner(said, f"cvss{version}BaseScore") or inner(said, f"cvss{version}Score"))
        if vector or score is not None:
            return vector, score
    return "", None


def _cwes(said: Any) -> tuple[int, ...]:
    many = [inner(one, "cweId") for one in objects(inner(said, "cwes"))]
    return _code_scans.cwes([one for one in [*many, inner(said, "cweId")] if one])


def _severity(word: str, score: float | None) -> Severity:
    """The platform's severity; one that nobody assigned is that of the score."""
    if not word or word.upper() == "UNASSIGNED":
        return _naming.of_score(score) if score is not None else "info"
    return _naming.severity(word)


def _word(analysis: Any) -> Word:
    """The state of the analysis where it decides; else whether the finding was suppressed."""
    found = _STATES.get(text(analysis, "state").upper(), "open")
    return "suppressed" if found == "open" and inner(analysis, "isSuppressed") is True else found


PLUGIN = DependencyTrack()

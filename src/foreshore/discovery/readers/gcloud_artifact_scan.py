"""Google's Artifact Analysis: `gcloud artifacts docker images describe … --format=json`, and lists of occurrences."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Severity, Sighting, Skipped, Word

_SUMMARY = regex(r'"(package_vulnerability_summary|image_summary)"\s*:\s*\{')
_SUMMARY_ALSO = regex(r'"(fully_qualified_digest|discovery_summary|package_vulnerability_summary)"\s*:')
_OCCURRENCE = regex(r'"noteName"\s*:\s*"projects/')
_RESOURCE = regex(r'"resourceUri"\s*:')
_NOTE = regex(r"/notes/([^/]+)$")
_VECTOR = regex(r"\bCVSS:3\.[01](?:/[A-Za-z]{1,3}:[A-Za-z]){8}")
_SEVERITIES: dict[str, Severity] = {"minimal": "info", "severity_unspecified": "info"}
_VEX: dict[str, Word] = {"NOT_AFFECTED": "suppressed", "FIXED": "fixed"}
# What the parts of a vector are called, in their order, and the letters of their values
_METRICS = (
    ("AV", "attackVector"), ("AC", "attackComplexity"), ("PR", "privilegesRequired"), ("UI", "userInteraction"),
    ("S", "scope"), ("C", "confidentialityImpact"), ("I", "integrityImpact"), ("A", "availabilityImpact"),
)  # fmt: skip
_LETTERS = {
    "ADJACENT": "A", "NETWORK": "N", "LOCAL": "L", "PHYSICAL": "P", "LOW": "L", "HIGH": "H", "NONE": "N",
    "REQUIRED": "R", "CHANGED": "C", "UNCHANGED": "U",
}  # fmt: skip
# What else Artifact Analysis keeps about an image; none of it is a weakness.
_OTHERS = frozenset({"DISCOVERY", "PACKAGE", "IMAGE", "BUILD", "ATTESTATION", "DEPLOYMENT", "UPGRADE", "SBOM_REFERENCE",
                     "DSSE_ATTESTATION"})  # fmt: skip


class _Summary(msgspec.Struct, gc=False):
    digest: Scalar = None
    fully_qualified_digest: Scalar = None
    registry: Scalar = None
    repository: Scalar = None


class _Vulnerabilities(msgspec.Struct, gc=False):
    vulnerabilities: dict[str, list[msgspec.Raw]] | None = None


class _Document(msgspec.Struct, gc=False):
    image_summary: _Summary | None = None
    discovery_summary: Any = None
    package_vulnerability_summary: _Vulnerabilities | None = None
    occurrences: list[msgspec.Raw] | None = None


class _Url(msgspec.Struct, gc=False):
    url: Scalar = None


class _Version(msgspec.Struct, gc=False):
    epoch: Scalar = None
    name: Scalar = None
    revision: Scalar = None
    fullName: Scalar = None
    kind: Scalar = None


class _File(msgspec.Struct, gc=False):
    filePath: Scalar = None


class _Issue(msgspec.Struct, gc=False):
    affectedCpeUri: Scalar = None
    affectedPackage: Scalar = None
    affectedVersion: _Version | None = None
    fixedVersion: _Version | None = None
    effectiveSeverity: Scalar = None
    packageType: Scalar = None
    fileLocation: list[_File] | None = None


class _Vulnerability(msgspec.Struct, gc=False):
    packageIssue: list[msgspec.Raw] | None = None
    effectiveSeverity: Scalar = None
    severity: Scalar = None
    cvssScore: Scalar = None
    cvssv3: Any = None
    longDescription: Scalar = None
    relatedUrls: list[_Url] | None = None
    vexAssessment: Any = None


class _Occurrence(msgspec.Struct, gc=False):
    kind: Scalar = None
    noteName: Scalar = None
    resourceUri: Scalar = None
    createTime: Scalar = None
    updateTime: Scalar = None
    vulnerability: _Vulnerability | None = None
    discovery: Any = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_ROW: msgspec.json.Decoder[_Occurrence] = msgspec.json.Decoder(_Occurrence)
_ISSUE: msgspec.json.Decoder[_Issue] = msgspec.json.Decoder(_Issue)


@dataclass(frozen=True)
class GcloudArtifactScan:
    """Reads Google's scans of images; each package with a vulnerability is a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a description of an image or occurrences of Artifact Analysis."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _SUMMARY.search(opening) and _SUMMARY_ALSO.search(opening):
            return True
        return bool(_OCCURRENCE.search(opening) and _RESOURCE.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, images once each, and a finding for each package that has a vulnerability."""
        document = _decoding.whole(report, _DECODER)
        skipped: list[Skipped] = []
        rows = list(_occurrences(document, report.name, skipped))
        yield _images.run("google artifact analysis", _stamps(document, rows))
        said: set[str] = set()
        if isinstance(document, _Document) and document.image_summary is not None:
            seen = _of_summary(document.image_summary)
            said.add(seen.key)
            yield seen
        for where, one in rows:
            if one.vulnerability is None:
                if _naming.text(one.kind) not in _OTHERS:
                    skipped.append(Skipped(where, f"holds no vulnerability ({_naming.text(one.kind) or 'no kind'})"))
                continue
            seen = _image(_naming.text(one.resourceUri))
            if seen.key not in said:
                said.add(seen.key)
                yield seen
            for issue in _decoding.each(
                _ISSUE, one.vulnerability.packageIssue, f"{where}.packageIssue", skipped.append
            ):
                yield _finding(seen.key, one, one.vulnerability, issue)
            if not one.vulnerability.packageIssue:
                yield _finding(seen.key, one, one.vulnerability, _Issue())
        yield from skipped


def _occurrences(
    document: _Document | list[msgspec.Raw], name: str, skipped: list[Skipped]
) -> Iterator[tuple[str, _Occurrence]]:
    if isinstance(document, list):
        lists = {"element": document}
    elif document.occurrences is not None:
        lists = {"occurrences": document.occurrences}
    elif document.package_vulnerability_summary is not None or document.discovery_summary is not None:
        summary = document.package_vulnerability_summary or _Vulnerabilities()
        lists = {f"vulnerabilities.{level}": raws for level, raws in (summary.vulnerabilities or {}).items()}
    else:
        raise BadReport(
            "was not asked for vulnerabilities",
            where=name,
            hint="describe the image with --show-package-vulnerability",
        )
    for where, raws in lists.items():
        for number, one in enumerate(_decoding.each(_ROW, raws, where, skipped.append)):
            yield f"{where}[{number}]", one


def _stamps(document: _Document | list[msgspec.Raw], rows: list[tuple[str, _Occurrence]]) -> Iterator[Any]:
    """When the images were last scanned: stated by discoveries, else by the newest occurrence."""
    found = [_cloud_rows.mapping(one.discovery) for _where, one in rows]
    if isinstance(document, _Document):
        summary = _cloud_rows.mapping(document.discovery_summary)
        for row in _cloud_rows.objects(summary.get("discovery")):
            found.append(_cloud_rows.mapping(row.get("discovery")))
    scanned = [one["lastScanTime"] for one in found if one.get("lastScanTime")]
    yield from scanned or (one.updateTime or one.createTime for _where, one in rows)


def _of_summary(said: _Summary) -> Sighting:
    reference = _naming.text(said.fully_qualified_digest)
    if not reference:
        parts = (_naming.text(said.registry), _naming.text(said.repository))
        reference = "/".join(one for one in parts if one)
    return _images.image([reference], [reference, _naming.text(said.digest)])


def _image(uri: str) -> Sighting:
    reference = uri.partition("://")[2] or uri
    return _images.image([reference], [reference])


def _finding(asset: str, row: _Occurrence, said: _Vulnerability, issue: _Issue) -> Finding:
    note = _naming.text(row.noteName)
    found = _NOTE.search(note)
    rule = found.group(1) if found else note or "unknown"
    name, kind = _naming.text(issue.affectedPackage), _naming.text(issue.packageType)
    system = kind in ("OS", "")
    path = next((text for one in issue.fileLocation or () if (text := _naming.text(one.filePath))), "")
    description = _naming.text(said.longDescription)
    state = _naming.text(_cloud_rows.mapping(said.vexAssessment).get("state"))
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_severity(said, issue),
        weaknesses=_naming.weakness(rule),
        component=_component(kind, _naming.text(issue.affectedCpeUri), name),
        component_name=name,
        version=_version(issue.affectedVersion),
        fixed_version=_version(issue.fixedVersion),
        path="" if system else path,
        cvss_vector=_vector(_cloud_rows.mapping(said.cvssv3), description),
        cvss_score=_naming.score(said.cvssScore),
        proof="package",
        word=_VEX.get(state, "open"),
        description=description,
        references=tuple(dict.fromkeys(text for one in said.relatedUrls or () if (text := _naming.text(one.url)))),
        first_seen=_naming.when(row.createTime),
        tags=(f"vex={state}",) if state else (),
    )


def _severity(said: _Vulnerability, issue: _Issue) -> Severity:
    """The distribution's or language's own word where Google has one, else that of the note."""
    for value in (said.effectiveSeverity, issue.effectiveSeverity, said.severity):
        word = _naming.text(value).lower()
        if word and word != "severity_unspecified":
            return _SEVERITIES.get(word) or _naming.severity(word)
    return "info"


def _component(kind: str, cpe: str, name: str) -> str:
    if kind in ("OS", ""):
        product = re.sub(r"[_:]+", " ", cpe.removeprefix("cpe:/o:"))
        return _images.component("os", product, name)
    return _cloud_rows.package(kind.replace("RUBYGEMS", "gem").replace("RUST", "cargo"), "", name)


def _version(said: _Version | None) -> str:
    """A version as package managers write it; the greatest of all means that there is no fix."""
    if said is None or _naming.text(said.kind) in ("MAXIMUM", "MINIMUM"):
        return ""
    full = _naming.text(said.fullName)
    return full or _cloud_rows.full_version(_naming.text(said.name), _naming.text(said.revision), said.epoch)


def _vector(said: Mapping[str, Any], description: str) -> str:
    if found := _VECTOR.search(description):
        return found.group(0)
    parts = []
    for short, name in _METRICS:
        letter = _LETTERS.get(_naming.text(said.get(name)).rpartition("_")[2])
        if letter is None:
            return ""
        parts.append(f"{short}:{letter}")
    return "CVSS:3.0/" + "/".join(parts)


PLUGIN = GcloudArtifactScan()

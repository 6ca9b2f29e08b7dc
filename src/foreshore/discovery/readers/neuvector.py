"""NeuVector's scan report of an image, container or node as JSON: packages, checks, secrets, set-id files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Covered, ExposureKind, Finding, Record, Severity, Sighting, Skipped

_REPORT = regex(r'"report"\s*:\s*\{')
_MARKS = regex(r'"(cvedb_version|cvedb_create_time|feed_rating|in_base_image|setid_perms|base_os)"\s*:')
_LEVELS: dict[str, tuple[Severity, ExposureKind]] = {
    "error": ("high", "misconfiguration"),
    "high": ("high", "misconfiguration"),
    "warn": ("medium", "misconfiguration"),
    "note": ("low", "observation"),
    "info": ("info", "observation"),
}
# Modules of applications begin with their language; otherwise the file tells
_PREFIXES = {
    "python": "python", "ruby": "gem", "jar": "java", "java": "java", ".net": "nuget", "go": "go",
    "npm": "npm", "node.js": "npm", "php": "php",
}  # fmt: skip
_FILES = (
    ("package.json", "npm"), (".jar", "java"), (".war", "java"), (".ear", "java"), ("pom.properties", "java"),
    ("METADATA", "python"), ("PKG-INFO", "python"), (".egg-info", "python"), (".gemspec", "gem"),
    (".deps.json", "nuget"), ("composer.lock", "php"),
)  # fmt: skip


class _Vulnerability(msgspec.Struct, gc=False):
    name: Scalar = None
    score: Scalar = None
    severity: Scalar = None
    vectors: Scalar = None
    description: Scalar = None
    file_name: Scalar = None
    package_name: Scalar = None
    package_version: Scalar = None
    fixed_version: Scalar = None
    link: Scalar = None
    score_v3: Scalar = None
    vectors_v3: Scalar = None
    cves: list[Scalar] | None = None
    tags: list[Scalar] | None = None


class _Check(msgspec.Struct, gc=False):
    catalog: Scalar = None
    level: Scalar = None
    test_number: Scalar = None
    description: Scalar = None
    message: list[Scalar] | None = None
    remediation: Scalar = None


class _Spot(msgspec.Struct, gc=False):
    type: Scalar = None
    path: Scalar = None


class _Report(msgspec.Struct, gc=False):
    image_id: Scalar = None
    digest: Scalar = None
    registry: Scalar = None
    repository: Scalar = None
    tag: Scalar = None
    base_os: Scalar = None
    cvedb_version: Scalar = None
    vulnerabilities: list[msgspec.Raw] | None = None
    checks: list[msgspec.Raw] | None = None
    secrets: list[msgspec.Raw] | None = None
    setid_perms: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    report: _Report | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
_CHECK: msgspec.json.Decoder[_Check] = msgspec.json.Decoder(_Check)
_SPOT: msgspec.json.Decoder[_Spot] = msgspec.json.Decoder(_Spot)


@dataclass(frozen=True)
class Neuvector:
    """Reads NeuVector's scan reports; a report that names no image goes by its file."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such a report."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_REPORT.search(opening) and _MARKS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the image, and one finding for each row; headings of the checks are left out."""
        document = _decoding.whole(report, _DECODER).report
        if document is None:
            raise BadReport(
                "is JSON of NeuVector without a report",
                where=report.name,
                hint="ask the API for the scan report again and keep the whole answer",
            )
        feed = _naming.text(document.cvedb_version)
        run = _images.run("neuvector", ())
        yield msgspec.structs.replace(run, settings=(("cvedb_version", feed),)) if feed else run
        sighting = _asset(document, report.name)
        yield sighting
        skipped: list[Skipped] = []
        yield from _weaknesses(sighting.key, document, skipped)
        yield from _checked(sighting.key, document, skipped)
        yield from _spots(sighting.key, document, skipped)
        yield from skipped


def _asset(document: _Report, file: str) -> Sighting:
    image_id, os = _naming.text(document.image_id), _naming.text(document.base_os)
    repository, tag = _naming.text(document.repository), _naming.text(document.tag)
    host = _naming.text(document.registry).partition("://")[2].strip("/")
    name = f"{host}/{repository}" if host and repository else repository
    name = f"{name}:{tag}" if name and tag else name
    digest = _naming.text(document.digest)
    if not (name or digest or image_id):
        return msgspec.structs.replace(_images.unnamed("neuvector", file), os=os.replace(":", " "))
    attributes = (("image_id", image_id),)
    return _images.image([name], [digest, image_id], os=os.replace(":", " "), attributes=attributes)


def _weaknesses(asset: str, document: _Report, skipped: list[Skipped]) -> Iterator[Record]:
    os = _naming.text(document.base_os)
    rows = _decoding.each(_VULNERABILITY, document.vulnerabilities, "vulnerabilities", skipped.append)
    for number, row in enumerate(rows):
        if row.name:
            yield _weakness(asset, os, row)
        else:
            skipped.append(Skipped(f"vulnerabilities[{number}]", "names no weakness"))


def _weakness(asset: str, os: str, row: _Vulnerability) -> Finding:
    rule, link = _naming.text(row.name), _naming.text(row.link)
    path = _naming.text(row.file_name)
    name, component = _package(_naming.text(row.package_name), path, os)
    related = _naming.public_ids(*(_naming.text(one) for one in row.cves or ()))
    vector, score = _naming.text(row.vectors_v3), _naming.score(row.score_v3)
    if not vector and score is None:
        vector, score = _naming.text(row.vectors), _naming.score(row.score)
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(row.severity),
        weaknesses=_naming.weakness(rule) if rule.startswith("CVE-") or not related else related,
        component=component,
        component_name=name,
        version=_naming.text(row.package_version),
        fixed_version=_naming.text(row.fixed_version),
        path=path,
        cvss_vector=vector,
        cvss_score=score,
        proof="package",
        word="accepted" if "accepted" in (row.tags or ()) else "open",
        description=_naming.text(row.description),
        references=(link,) if link else (),
    )


def _package(written: str, path: str, os: str) -> tuple[str, str]:
    """(plain name, purl) of a package, of the distribution where nothing says that it is an application's."""
    language, colon, rest = written.partition(":")
    if colon and rest and (kind := _PREFIXES.get(language.lower())):
        return rest, _images.component(kind, os, rest)
    kind = next((kind for ending, kind in _FILES if path.endswith(ending)), "")
    if not kind and path:
        return written, ""
    return written, _images.component(kind or "os", os, written)


def _checked(asset: str, document: _Report, skipped: list[Skipped]) -> Iterator[Record]:
    """Checks that did not pass; all that were made are said to be covered."""
    made: list[str] = []
    found: list[Finding] = []
    for number, row in enumerate(_decoding.each(_CHECK, document.checks, "checks", skipped.append)):
        rule, level = _naming.text(row.test_number), _naming.text(row.level).lower()
        if level not in _LEVELS and level != "pass":
            skipped.append(Skipped(f"checks[{number}]", f"the level is {level or 'missing'}"))
        elif not rule or "." not in rule:
            skipped.append(Skipped(f"checks[{number}]", "is a heading and no check"))
        else:
            made.append(rule)
            if level != "pass":
                found.append(_check(asset, rule, level, row))
    yield from found
    if made:
        listed = tuple(sorted(set(made)))
        name = "neuvector:" + sha256("\n".join(listed).encode()).hexdigest()[:16]
        yield Covered(asset=asset, checks=name, check_list=listed)


def _check(asset: str, rule: str, level: str, row: _Check) -> Finding:
    severity, kind = _LEVELS[level]
    catalog = _naming.text(row.catalog)
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(row.description) or rule,
        severity=severity,
        kind=kind,
        proof="configuration",
        solution=_naming.text(row.remediation),
        evidence="; ".join(text for one in row.message or () if (text := _naming.text(one))),
        tags=(f"catalog={catalog}",) if catalog else (),
    )


def _spots(asset: str, document: _Report, skipped: list[Skipped]) -> Iterator[Record]:
    """Files with secrets, of which only kind and place are taken, and files that run as their owner."""
    for name, raws, kind in (("secrets", document.secrets, "secret"), ("setid_perms", document.setid_perms, "")):
        for number, row in enumerate(_decoding.each(_SPOT, raws, name, skipped.append)):
            path, called = _naming.text(row.path), _naming.text(row.type)
            if not path:
                skipped.append(Skipped(f"{name}[{number}]", "names no file"))
                continue
            called = called or kind or "setid"
            yield Finding(
                asset=asset,
                rule=f"{kind or 'setid'}: {called}",
                title=f"{called} in {path}" if kind else f"{path} is {called}",
                severity="high" if kind else "info",
                kind="secret" if kind else "observation",
                resource=path,
                path=path,
                proof="configuration",
            )


PLUGIN = Neuvector()

"""What JFrog's reports share: names of components, CVEs with their ratings, and rows as findings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Finding, Sighting

_SYSTEMS = {"deb", "rpm", "alpine"}
_RELEASE = regex(r"^v?\d+(\.\d+)*$")
_RATED = regex(r"^(\d{1,2}(?:\.\d{1,2})?)(?:/(.*))?$")
_ARCHIVE = regex(r"^([A-Za-z][\w.+]*(?:-[A-Za-z][\w.+]*)*)-(\d[\w.+-]*)\.(?:jar|war|ear|whl|gem|tgz|nupkg)$")
_RANGE = "[]()≥>=<≤ "


class Component(NamedTuple):
    """A component as JFrog names it, taken apart."""

    kind: str  # word for `_images.component`; '' where JFrog names none
    os: str
    name: str
    version: str
    written: str

    @property
    def purl(self) -> str:
        """The purl without version, or nothing."""
        return _images.component(self.kind, self.os, self.name) if self.kind else ""


class Cve(msgspec.Struct, gc=False):
    """One weakness of an issue, in the forms of all reports."""

    cve: Scalar = None
    id: Scalar = None
    cwe: list[Scalar] | Scalar = None
    cvss_v2: Scalar = None
    cvss_v3: Scalar = None
    cvss_v2_score: Scalar = None
    cvss_v2_vector: Scalar = None
    cvss_v3_score: Scalar = None
    cvss_v3_vector: Scalar = None
    cvssV2: Scalar = None  # noqa: N815 - named as the format names it
    cvssV3: Scalar = None  # noqa: N815


@lru_cache(maxsize=65536)
def component(written: str) -> Component:
    """Take apart `deb://debian:bookworm:name:2:1.6`, `rpm://7:name:0:1.1`, `gav://group:name:1`, `npm://@a/b:1`."""
    scheme, divider, rest = written.partition("://")
    if not divider:
        return _bare(written)
    scheme = scheme.lower()
    if scheme in _SYSTEMS:
        return _of_system(scheme, rest, written)
    name, _colon, version = rest.rpartition(":")
    if not name:
        name, version = rest, ""
    return Component(scheme, "", name, version, written)


def _of_system(scheme: str, rest: str, written: str) -> Component:
    """Release (for Debian's, distribution and release), name, and a version that may hold colons."""
    parts = rest.split(":")
    os = "alpine" if scheme == "alpine" else ""
    if parts and _images.family(parts[0]):
        os = parts.pop(0)
        release = len(parts) > 2 or (scheme != "deb" and len(parts) > 1 and _RELEASE.match(parts[0]))
        parts = parts[1:] if release and len(parts) > 1 else parts
    elif len(parts) > 1 and _RELEASE.match(parts[0]):
        parts.pop(0)
    name = parts[0] if parts else ""
    return Component("os", os, name, ":".join(parts[1:]), written)


def _bare(written: str) -> Component:
    """A name without its kind, as the path of an impact ends: what it is shows in its form."""
    parts = written.split(":")
    if len(parts) >= 3 and _images.family(parts[0]):
        return _of_system("deb", written, written)
    if len(parts) >= 3 and _RELEASE.match(parts[0]):
        alpine = bool(re.search(r"-r\d+$", parts[-1])) and len(parts) == 3
        return _of_system("alpine" if alpine else "rpm", written, written)
    if len(parts) == 3 and "." in parts[0]:
        return Component("gav", "", f"{parts[0]}:{parts[1]}", parts[2], written)
    if len(parts) == 2:
        return Component("", "", parts[0], parts[1], written)
    if found := _ARCHIVE.match(written):
        return Component("", "", found.group(1), found.group(2), written)
    return Component("", "", written, "", written)


def asset(written: str, path: str = "", sha256: str = "") -> Sighting:
    """What was scanned, by its name (`docker://shop/web:1.0`) and its place in the registry."""
    scheme, divider, rest = written.partition("://")
    if scheme.lower() == "docker" and divider:
        attributes = (("registry_path", path),) if path else ()
        return _images.image([rest], [sha256], attributes=attributes)
    return _images.artifact(path.rstrip("/") or written or "artifact", "code_component", scheme if divider else "")


def fixed(values: Iterable[Scalar] | None) -> str:
    """The versions with the fix, without signs of ranges (`≥ 1.2`, `[1.2]`)."""
    found = (_naming.text(one).strip(_RANGE) for one in values or ())
    return ", ".join(dict.fromkeys(one for one in found if one))


def rating(cves: Iterable[Cve]) -> tuple[str, float | None]:
    """Vector and score of the worst weakness; version 3 before version 2."""
    rows = list(cves)
    for version in ("3", "2"):
        found = [
            _rated(getattr(one, f"cvss_v{version}_vector"), getattr(one, f"cvss_v{version}_score"), either)
            for one in rows
            for either in (getattr(one, f"cvss_v{version}") or getattr(one, f"cvssV{version}"),)
        ]
        found = [one for one in found if one[0] or one[1] is not None]
        if found:
            return max(found, key=lambda one: one[1] or 0)
    return "", None


def _rated(vector: Scalar, score: Scalar, either: Scalar) -> tuple[str, float | None]:
    """Vector and score, given apart or as `7.5/CVSS:3.0/AV:N/...`."""
    written, number = _naming.text(vector), _naming.score(score)
    if not written and number is None and (found := _RATED.match(_naming.text(either).strip())):
        number, written = _naming.score(found.group(1)), found.group(2) or ""
    return written.removeprefix("CVSS:2.0/"), number


def names(cves: Iterable[Cve]) -> tuple[str, ...]:
    """The CVE identifiers, each once."""
    return _naming.public_ids(*(_naming.text(one.cve) or _naming.text(one.id) for one in cves))


def cwes(cves: Iterable[Cve]) -> tuple[int, ...]:
    """The CWE numbers of all weaknesses."""
    found: list[Scalar] = []
    for one in cves:
        found.extend(one.cwe if isinstance(one.cwe, list) else [one.cwe])
    return _naming.cwes([_naming.text(one) for one in found])


class Issue(NamedTuple):
    """What all reports say of one issue."""

    number: str  # XRAY-…, or nothing
    severity: Scalar
    cves: list[Cve]
    summary: str
    description: str = ""
    references: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def rule(issue: Issue) -> str:
    """JFrog's number of the issue; before it had one the CVE, and without either the summary."""
    return issue.number or next(iter(names(issue.cves)), "") or issue.summary


def finding(asset: str, issue: Issue, part: Component, fixed_version: str, path: str = "") -> Finding:
    """One issue in one component of one asset."""
    found = names(issue.cves)
    called = rule(issue)
    vector, score = rating(issue.cves)
    shown = ", ".join(found[:3]) or issue.number
    return Finding(
        asset=asset,
        rule=called,
        title=_images.title(shown, part.name) if shown else issue.summary,
        severity=_naming.severity(issue.severity),
        weaknesses=found or ((issue.number,) if issue.number else ()),
        component=part.purl,
        component_name=part.name,
        version=part.version,
        fixed_version=fixed_version,
        path=path,
        cvss_vector=vector,
        cvss_score=score,
        cwes=cwes(issue.cves),
        proof="package",
        description=issue.description or issue.summary,
        references=issue.references,
        evidence=part.written,
        tags=issue.tags,
    )


def texts(values: Iterable[Scalar] | None) -> tuple[str, ...]:
    """The texts of a list that may hold others."""
    return tuple(dict.fromkeys(found for one in values or () if (found := _naming.text(one))))

"""Audits of npm 7 and later (`npm audit --json`): packages, each with advisories or with what it is vulnerable by."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._host_scans import by_file
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_VERSION = regex(r'"auditReportVersion"\s*:')


class _Cvss(msgspec.Struct, gc=False):
    score: Scalar = None
    vectorString: Scalar = None


class _Via(msgspec.Struct, gc=False):
    source: Scalar = None
    id: Scalar = None  # what the first of version 7 called it
    name: Scalar = None
    title: Scalar = None
    url: Scalar = None
    severity: Scalar = None
    cwe: list[Scalar] | Scalar = None
    cvss: _Cvss | None = None
    range: Scalar = None
    vulnerable_versions: Scalar = None


class _Upgrade(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    isSemVerMajor: Scalar = None


class _Package(msgspec.Struct, gc=False):
    name: Scalar = None
    severity: Scalar = None
    isDirect: Scalar = None
    via: list[_Via | str] | None = None
    effects: list[Scalar] | None = None
    range: Scalar = None
    nodes: list[Scalar] | None = None
    fixAvailable: _Upgrade | bool | None = None


class _Document(msgspec.Struct, gc=False):
    auditReportVersion: Scalar = None
    vulnerabilities: dict[str, msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_PACKAGE: msgspec.json.Decoder[_Package] = msgspec.json.Decoder(_Package)


@dataclass(frozen=True)
class NpmAudit7Plus:
    """Reads audits of npm 7 and later; each advisory is a finding in each place where its package lies.

    A package that is only vulnerable because of one that it depends on is no finding: the finding of
    that one names it.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins an audit of npm 7 or later."""
        opening = reports.decode_head(head).lstrip()
        return opening[:1] == "{" and bool(_VERSION.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the project, and one finding for each advisory and place."""
        document = _decoding.whole(report, _DECODER)
        if document.vulnerabilities is None:
            raise BadReport(
                "has no table of vulnerabilities",
                where=report.name,
                hint="run `npm audit --json` again and keep the whole output",
            )
        yield RunSeen(tool="npm audit")
        sighting = _packages.project(by_file("npm audit", report.name))
        yield sighting
        skipped: list[Skipped] = []
        names = set(document.vulnerabilities)
        for name, raw in document.vulnerabilities.items():
            for package in _decoding.each(_PACKAGE, [raw], f"vulnerabilities.{name}", skipped.append):
                yield from _findings(sighting.key, name, package, names)
        yield from skipped


def _findings(asset: str, name: str, package: _Package, names: set[str]) -> Iterator[Finding]:
    via = package.via or []
    advisories = [one for one in via if isinstance(one, _Via)]
    causes = [one for one in via if isinstance(one, str)]
    if not advisories and not any(cause in names and cause != name for cause in causes):
        # Nothing else in the report says why: the row stands for itself
        told = f"Depends on vulnerable versions of {', '.join(causes)}" if causes else "Vulnerable versions"
        cause = f"dependency {', '.join(causes)}".strip()
        advisories = [_Via(source=cause, title=told, severity=package.severity, range=package.range)]
    places = [text for one in package.nodes or () if (text := _naming.text(one))] or [""]
    for advisory in advisories:
        for place in places:
            yield _finding(asset, name, package, advisory, place)


def _finding(asset: str, name: str, package: _Package, advisory: _Via, place: str) -> Finding:
    name = _naming.text(package.name) or _naming.text(advisory.name) or name
    url = _naming.text(advisory.url)
    public = _naming.public_ids(url)
    rule = next(iter(public), "") or f"npm:{_naming.text(advisory.source) or _naming.text(advisory.id) or 'unknown'}"
    affected = _naming.text(advisory.range or advisory.vulnerable_versions) or _naming.text(package.range)
    effects = [text for one in package.effects or () if (text := _naming.text(one))]
    cvss = advisory.cvss or _Cvss()
    title = _naming.text(advisory.title) or rule
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{name}: {title}",
        severity=_naming.severity(advisory.severity or package.severity),
        weaknesses=public or (() if rule.startswith("npm:dependency") else (rule,)),
        component=_packages.component("npm", name),
        component_name=name,
        path=place,
        cvss_vector=_naming.text(cvss.vectorString),
        cvss_score=_naming.score(cvss.score),
        cwes=_packages.cwes(advisory.cwe),
        proof="package",
        description=f"affected versions: {affected}" if affected else "",
        solution=_solution(package.fixAvailable),
        references=(url,) if url else (),
        evidence=f"packages that are vulnerable by it: {', '.join(effects)}" if effects else "",
        tags=("direct",) if package.isDirect is True else (),
    )


def _solution(fix: _Upgrade | bool | None) -> str:
    if isinstance(fix, _Upgrade) and fix.name:
        breaks = ", which may break what uses it" if fix.isSemVerMajor is True else ""
        return f"upgrade {_naming.text(fix.name)} to {_naming.text(fix.version)}{breaks}"
    return "run `npm audit fix`" if fix is True else ""


PLUGIN = NpmAudit7Plus()

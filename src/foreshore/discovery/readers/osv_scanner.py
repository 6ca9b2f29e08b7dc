"""OSV-Scanner's JSON (`osv-scanner --format json`), version 1 and 2: lock files, SBOMs, repositories and images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages, _packages_osv
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._host_scans import by_file
from foreshore.discovery.readers._packages_osv import Osv
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_RESULTS = regex(r'"results"\s*:\s*\[')
_EMPTY = regex(r'"results"\s*:\s*(\[\s*\]|null)')
_SOURCE = regex(r'"source"\s*:\s*\{\s*"(path|type)"\s*:')
_PACKAGES = regex(r'"packages"\s*:\s*\[')
_CONFIG = regex(r'"(experimental_config|experimental_generic_findings|image_metadata)"\s*:')


class _Source(msgspec.Struct, gc=False):
    path: Scalar = None
    type: Scalar = None


class _Package(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    ecosystem: Scalar = None
    commit: Scalar = None


class _Group(msgspec.Struct, gc=False):
    ids: list[Scalar] | None = None
    aliases: list[Scalar] | None = None
    max_severity: Scalar = None
    experimental_analysis: dict[str, Any] | None = None
    experimentalAnalysis: dict[str, Any] | None = None  # noqa: N815 - its name in version 1


class _Found(msgspec.Struct, gc=False):
    package: _Package | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    groups: list[_Group] | None = None
    dependency_groups: list[Scalar] | None = None
    license_violations: list[Scalar] | None = None


class _Result(msgspec.Struct, gc=False):
    source: _Source | None = None
    packages: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None
    image_metadata: dict[str, Any] | None = None
    experimental_config: Any = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_RESULT: msgspec.json.Decoder[_Result] = msgspec.json.Decoder(_Result)
_PACKAGE: msgspec.json.Decoder[_Found] = msgspec.json.Decoder(_Found)
_OSV: msgspec.json.Decoder[Osv] = msgspec.json.Decoder(Osv)


@dataclass(frozen=True)
class OsvScanner:
    """Reads OSV-Scanner's JSON; each record that a package matches is a finding, with its group's other names."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of OSV-Scanner."""
        opening = reports.decode_head(head).lstrip()
        if opening[:1] != "{":
            return False
        if _CONFIG.search(opening) and (_RESULTS.search(opening) or _EMPTY.search(opening)):
            return True
        return bool(_RESULTS.search(opening) and _SOURCE.search(opening) and _PACKAGES.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, what was scanned, and one finding for each record and package."""
        document = _decoding.whole(report, _DECODER)
        if document.results is None and document.experimental_config is None:
            raise BadReport(
                "has no list of results",
                where=report.name,
                hint="run `osv-scanner --format json` again and keep the whole output",
            )
        yield RunSeen(tool="osv-scanner")
        skipped: list[Skipped] = []
        own = _own(document, report.name)
        said: set[str] = set()
        results = list(_decoding.each(_RESULT, document.results, "results", skipped.append))
        for number, result in enumerate(results):
            source = result.source or _Source()
            sighting = _image(_naming.text(source.path)) if source.type == "docker" else own
            if sighting.key not in said:
                said.add(sighting.key)
                yield sighting
            path = "" if source.type in ("docker", "git", "os") else _packages.slashed(_naming.text(source.path))
            for found in _decoding.each(_PACKAGE, result.packages, f"results[{number}].packages", skipped.append):
                yield from _findings(sighting.key, found, path, skipped)
        if not results:
            yield own
        yield from skipped


def _own(document: _Document, name: str) -> Sighting:
    """What a report that names neither image nor project is of; version 2 says that it scanned an image."""
    if document.image_metadata is None:
        return _packages.project(by_file("osv-scanner", name))
    return _image(by_file("image scanned by osv-scanner", name), _naming.text(document.image_metadata.get("os")))


def _image(name: str, os: str = "") -> Sighting:
    shown = name or "image"
    kind = "artifact" if " " in shown else "image_ref"
    return Sighting(
        key=f"image {shown}", name=shown, kind="image", identifiers=((kind, shown),), os=os, authenticated=True
    )


def _findings(asset: str, found: _Found, path: str, skipped: list[Skipped]) -> Iterator[Finding]:
    package = found.package or _Package()
    name = _naming.text(package.name) or _naming.text(package.commit)
    for record in _decoding.each(_OSV, found.vulnerabilities, f"vulnerabilities of {name}", skipped.append):
        yield _finding(asset, found, package, record, path)
    for licence in found.license_violations or ():
        shown = _naming.text(licence) or "unknown"
        yield Finding(
            asset=asset,
            rule=f"license:{shown}",
            title=f"{name}: license {shown} is not allowed",
            severity="info",
            kind="observation",
            component=_packages.component(_naming.text(package.ecosystem), name),
            component_name=name,
            version=_naming.text(package.version),
            path=path,
            proof="package",
        )


def _finding(asset: str, found: _Found, package: _Package, record: Osv, path: str) -> Finding:
    rule = _naming.text(record.id) or "unknown"
    group = next((one for one in found.groups or () if rule in (one.ids or ())), _Group())
    names = [*_packages_osv.names(record), *(_naming.text(one) for one in group.aliases or ())]
    public = _packages.weaknesses(*names)
    name = _naming.text(package.name) or _naming.text(package.commit)
    score = _naming.score(group.max_severity)
    said = _packages_osv.severity(record)
    summary = _naming.text(record.summary) or rule
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{name}: {summary}" if name else summary,
        severity=said or (_naming.of_score(score) if score is not None else _packages.unrated(public)),
        weaknesses=public,
        component=_packages.component(_naming.text(package.ecosystem), name),
        component_name=name,
        version=_naming.text(package.version) or _naming.text(package.commit),
        fixed_version=_packages_osv.fixed(record, name),
        path=path,
        cvss_vector=_packages_osv.vector(record),
        cvss_score=score,
        cwes=_packages_osv.cwes(record),
        proof="package",
        description=_naming.text(record.details),
        references=_packages_osv.references(record),
        tags=(*_called(group, rule), *(text for one in found.dependency_groups or () if (text := _naming.text(one)))),
    )


def _called(group: _Group, rule: str) -> tuple[str, ...]:
    """What the analysis of calls said, where it was on."""
    held = group.experimental_analysis or group.experimentalAnalysis or {}
    said = held.get(rule)
    if not isinstance(said, dict):
        return ()
    called, unimportant = said.get("called"), said.get("unimportant") is True
    words = {True: "called", False: "not called"}
    told = words.get(called) if isinstance(called, bool) else None
    return (*((told,) if told else ()), *(("unimportant",) if unimportant else ()))


PLUGIN = OsvScanner()

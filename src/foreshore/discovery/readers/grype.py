"""Grype's JSON (`grype -o json`), from version 0.7 to now."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Proof, Record, RunSeen, Sighting, Skipped, Word

_LISTS = regex(r'"(matches|ignoredMatches)"\s*:')
_MARKERS = regex(r'"(vulnerability|relatedVulnerabilities)"\s*:|"name"\s*:\s*"grype"')


class _Metrics(msgspec.Struct, gc=False):
    baseScore: Scalar = None


class _Cvss(msgspec.Struct, gc=False):
    version: Scalar = None
    vector: Scalar = None
    metrics: _Metrics | None = None
    type: Scalar = None


class _OldCvss(msgspec.Struct, gc=False):
    baseScore: Scalar = None
    vector: Scalar = None


class _Fix(msgspec.Struct, gc=False):
    versions: list[Scalar] | None = None
    state: Scalar = None


class _Epss(msgspec.Struct, gc=False):
    epss: Scalar = None


class _Cwe(msgspec.Struct, gc=False):
    cwe: Scalar = None


class _Vulnerability(msgspec.Struct, gc=False):
    id: Scalar = None
    dataSource: Scalar = None
    namespace: Scalar = None
    severity: Scalar = None
    urls: list[Scalar] | None = None
    links: list[Scalar] | None = None
    description: Scalar = None
    cvss: list[_Cvss] | None = None
    cvssV2: _OldCvss | None = None
    cvssV3: _OldCvss | None = None
    fix: _Fix | None = None
    fixedInVersion: Scalar = None
    epss: list[_Epss] | None = None
    cwes: list[_Cwe] | None = None


class _Location(msgspec.Struct, gc=False):
    path: Scalar = None


class _Artifact(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    type: Scalar = None
    language: Scalar = None
    purl: Scalar = None
    locations: list[_Location] | None = None


class _Detail(msgspec.Struct, gc=False):
    type: Scalar = None
    matcher: Scalar = None


class _Rule(msgspec.Struct, gc=False):
    vulnerability: Scalar = None
    reason: Scalar = None
    namespace: Scalar = None
    vex_status: Scalar = msgspec.field(name="vex-status", default=None)


class _Match(msgspec.Struct, gc=False):
    vulnerability: _Vulnerability
    artifact: _Artifact
    relatedVulnerabilities: list[_Vulnerability] | None = None
    matchDetails: list[_Detail] | _Detail | None = None
    appliedIgnoreRules: list[_Rule] | None = None


class _Distro(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None


class _Source(msgspec.Struct, gc=False):
    type: Scalar = None
    target: Any = None


class _Descriptor(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    timestamp: Scalar = None


class _Document(msgspec.Struct, gc=False):
    matches: list[msgspec.Raw] | None = None
    ignoredMatches: list[msgspec.Raw] | None = None
    source: _Source | None = None
    distro: _Distro | None = None
    descriptor: _Descriptor | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_MATCH: msgspec.json.Decoder[_Match] = msgspec.json.Decoder(_Match)


@dataclass(frozen=True)
class Grype:
    """Reads Grype's JSON; each match is a finding on the image or folder that was scanned."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of Grype."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_LISTS.search(opening) and _MARKERS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the scanned thing, and one finding for each match, ignored ones with that word."""
        document = _decoding.whole(report, _DECODER)
        if document.matches is None and document.ignoredMatches is None:
            raise BadReport(
                "has no list of matches",
                where=report.name,
                hint="export with `grype … -o json` and keep the whole file",
            )
        yield _run(document)
        sighting = _sighting(document)
        yield sighting
        skipped: list[Skipped] = []
        for match in _decoding.each(_MATCH, document.matches, "matches", skipped.append):
            yield _finding(sighting.key, match, "open", ())
        for match in _decoding.each(_MATCH, document.ignoredMatches, "ignoredMatches", skipped.append):
            yield _ignored(sighting.key, match)
        yield from skipped


def _run(document: _Document) -> RunSeen:
    descriptor = document.descriptor or _Descriptor()
    stamp = _naming.text(descriptor.timestamp)
    observed, assumed = _naming.moment(stamp)
    return RunSeen(
        tool="grype",
        version=_naming.text(descriptor.version),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


def _sighting(document: _Document) -> Sighting:
    source = document.source or _Source()
    distro = document.distro or _Distro()
    os = f"{_naming.text(distro.name)} {_naming.text(distro.version)}".strip()
    target = source.target
    if isinstance(target, dict):
        name = _naming.text(target.get("userInput"))
        tags = _naming.texts(target.get("tags"))
        digests = _naming.texts(target.get("repoDigests"))
        image_id = _naming.text(target.get("imageID"))
        identifiers = _naming.image_identifiers(
            [*tags, name], [*digests, _naming.text(target.get("manifestDigest")), image_id]
        )
        shown = name or next(iter(tags), "") or image_id or "image"
        return Sighting(
            key=f"image {identifiers[0][1] if identifiers else shown}",
            name=shown,
            kind="image",
            identifiers=identifiers or (("artifact", shown),),
            os=os,
            attributes=(("image_id", image_id),) if image_id else (),
            authenticated=True,
        )
    shown = _naming.text(target) or "artifact"
    kind = _naming.text(source.type)
    return Sighting(
        key=f"artifact {shown}",
        name=shown,
        kind="repository",
        identifiers=(("artifact", shown),),
        os=os,
        attributes=(("artifact_type", kind),) if kind else (),
        authenticated=True,
    )


@lru_cache(maxsize=65536)
def _component(purl: str, kind: str, name: str) -> tuple[str, str]:
    component = _naming.package(purl)[0] or _naming.built_package(kind, name)
    return component, name or _naming.package(purl)[1]


def _finding(asset: str, match: _Match, word: Word, extra: tuple[str, ...]) -> Finding:
    said, artifact = match.vulnerability, match.artifact
    related = match.relatedVulnerabilities or []
    rule = _naming.text(said.id) or "unknown"
    component, name = _component(_naming.text(artifact.purl), _naming.text(artifact.type), _naming.text(artifact.name))
    vector, score = _cvss([said, *related])
    fixed, state = _fix(said)
    cwes = said.cwes or next((one.cwes for one in related if one.cwes), None)
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{rule} in {name}",
        severity=_naming.severity(said.severity),
        weaknesses=_weaknesses(rule, related),
        component=component,
        component_name=name,
        version=_naming.text(artifact.version),
        fixed_version=fixed,
        path=_path(artifact),
        cvss_vector=vector,
        cvss_score=score,
        epss=_epss([said, *related]),
        cwes=_naming.cwes([one.cwe for one in cwes]) if cwes else (),
        proof=_proof(match.matchDetails),
        word=word,
        description=_naming.text(said.description)
        or next((text for one in related if (text := _naming.text(one.description))), ""),
        references=_references(said),
        tags=(*((f"status={state}",) if state else ()), *extra),
    )


def _weaknesses(rule: str, related: list[_Vulnerability]) -> tuple[str, ...]:
    """CVE where the match or what it is related to has one; else the match's own identifier."""
    if rule.startswith("CVE-") or not related:
        return _naming.weakness(rule)
    found = _naming.public_ids(*(_naming.text(one.id) for one in related))
    return found if found and found[0].startswith("CVE-") else _naming.weakness(rule)


def _cvss(places: list[_Vulnerability]) -> tuple[str, float | None]:
    """The newest version of CVSS that the match itself gives, else what it is related to."""
    for one in places:
        best = max(
            one.cvss or (),
            key=lambda cvss: (_naming.text(cvss.version), cvss.type == "Primary"),
            default=None,
        )
        if best is not None and best.vector:
            return _naming.text(best.vector), _naming.score(best.metrics.baseScore if best.metrics else None)
        for old in (one.cvssV3, one.cvssV2):
            if old is not None and old.vector:
                return _naming.text(old.vector), _naming.score(old.baseScore)
    return "", None


def _fix(said: _Vulnerability) -> tuple[str, str]:
    if said.fix is not None:
        return ", ".join(_naming.text(one) for one in said.fix.versions or ()), _naming.text(said.fix.state)
    return _naming.text(said.fixedInVersion), ""


def _epss(places: list[_Vulnerability]) -> float | None:
    values = [value for one in places for row in one.epss or () if (value := _naming.number(row.epss)) is not None]
    return max(values, default=None)


def _path(artifact: _Artifact) -> str:
    """Where a library lies; the package database of a distribution says nothing about the place."""
    if _naming.text(artifact.type) in ("deb", "rpm", "apk", "alpm", "portage"):
        return ""
    return next((_naming.text(one.path) for one in artifact.locations or () if one.path), "")


def _proof(details: list[_Detail] | _Detail | None) -> Proof:
    """A match by the package itself, or only by a product name that was guessed from it (CPE)."""
    rows = details if isinstance(details, list) else [details] if details is not None else []
    if rows and all(_naming.text(one.type) == "cpe-match" or one.matcher == "stock-matcher" for one in rows):
        return "version"
    return "package"


def _references(said: _Vulnerability) -> tuple[str, ...]:
    values = [said.dataSource, *(said.urls or ()), *(said.links or ())]
    return tuple(dict.fromkeys(text for one in values if (text := _naming.text(one))))


def _ignored(asset: str, match: _Match) -> Finding:
    """A match that a rule of the user or a VEX file took out of the report, kept with that word."""
    status = next((_naming.text(one.vex_status) for one in match.appliedIgnoreRules or () if one.vex_status), "")
    word: Word = {"fixed": "fixed", "not_affected": "suppressed"}.get(status, "suppressed")  # type: ignore[assignment]
    return _finding(asset, match, word, (f"vex={status}",) if status else ("ignored",))


PLUGIN = Grype()

"""Wiz's command line (JSON of `wizcli … scan -o FILE,json`): images, folders and machines, infrastructure as code."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _host_scans, _iac_rows, _images, _naming, _wiz_packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Sighting, Skipped

_RESULT = regex(r'"__typename"\s*:\s*"CICD(Disk|IAC)ScanResult"', re.IGNORECASE)
_ORIGIN = regex(r'"__typename"\s*:\s*"CICDScanOrigin(\w{1,60})"')
_OWN = regex(r'"(reportUrl|outdatedPolicies|scanOriginResource|policies)"\s*:')
_SECRETS = regex(r"\b(secrets?|passwords?|credentials?|private keys?)\b", re.IGNORECASE)
# A date or a time within the name that an unnamed scan is given
_STAMP = regex(r"\s*\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z?\s*$")


class _Vulnerability(msgspec.Struct, gc=False):
    name: Scalar = None
    severity: Scalar = None
    fixedVersion: Scalar = None
    source: Scalar = None
    description: Scalar = None
    score: Scalar = None
    hasExploit: Scalar = None
    hasCisaKevExploit: Scalar = None
    epssProbability: Scalar = None
    ignoredPolicyMatches: Any = None


class _Package(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    path: Scalar = None
    detectionMethod: Scalar = None
    vulnerabilities: list[msgspec.Raw] | None = None


class _Secret(msgspec.Struct, gc=False):
    path: Scalar = None
    lineNumber: Scalar = None
    type: Scalar = None
    severity: Scalar = None
    ignoredPolicyMatches: Any = None


class _Classifier(msgspec.Struct, gc=False):
    id: Scalar = None
    name: Scalar = None
    category: Scalar = None
    severity: Scalar = None


class _Data(msgspec.Struct, gc=False):
    dataClassifier: _Classifier
    path: Scalar = None
    severity: Scalar = None
    matchCount: Scalar = None


class _Rule(msgspec.Struct, gc=False):
    id: Scalar = None
    shortId: Scalar = None
    name: Scalar = None
    description: Scalar = None


class _Match(msgspec.Struct, gc=False):
    resourceName: Scalar = None
    fileName: Scalar = None
    lineNumber: Scalar = None
    expected: Scalar = None
    found: Scalar = None
    fileType: Scalar = None
    remediationInstructions: Scalar = None


class _RuleMatch(msgspec.Struct, gc=False):
    rule: _Rule
    severity: Scalar = None
    matches: list[msgspec.Raw] | None = None


class _Assessment(msgspec.Struct, gc=False):
    rule: _Rule | None = None
    severity: Scalar = None
    result: Scalar = None


class _Result(msgspec.Struct, gc=False):
    osPackages: list[msgspec.Raw] | None = None
    libraries: list[msgspec.Raw] | None = None
    applications: list[msgspec.Raw] | None = None
    cpes: list[msgspec.Raw] | None = None
    secrets: list[msgspec.Raw] | None = None
    dataFindings: list[msgspec.Raw] | None = None
    ruleMatches: list[msgspec.Raw] | None = None
    hostConfiguration: Any = None


class _Origin(msgspec.Struct, gc=False):
    kind: Scalar = msgspec.field(name="__typename", default=None)
    name: Scalar = None
    id: Scalar = None
    digest: Scalar = None
    url: Scalar = None


class _Status(msgspec.Struct, gc=False):
    state: Scalar = None
    verdict: Scalar = None


class _Document(msgspec.Struct, gc=False):
    createdAt: Scalar = None
    scanOriginResource: _Origin | None = None
    status: _Status | None = None
    result: _Result | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_PACKAGE: msgspec.json.Decoder[_Package] = msgspec.json.Decoder(_Package)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
_SECRET: msgspec.json.Decoder[_Secret] = msgspec.json.Decoder(_Secret)
_DATA: msgspec.json.Decoder[_Data] = msgspec.json.Decoder(_Data)
_RULE_MATCH: msgspec.json.Decoder[_RuleMatch] = msgspec.json.Decoder(_RuleMatch)
_MATCH: msgspec.json.Decoder[_Match] = msgspec.json.Decoder(_Match)
_SORTS = (("osPackages", "os"), ("libraries", "library"), ("applications", "application"), ("cpes", "cpe"))

Skip = Callable[[Skipped], None]


def sort_of(head: bytes) -> str:
    """What was scanned: "img", "iac" or "dir" (any other disk); '' where `head` begins no scan of the tool."""
    opening = reports.decode_head(head)
    if opening.lstrip()[:1] != "{" or not _OWN.search(opening):
        return ""
    origin, result = _ORIGIN.search(opening), _RESULT.search(opening)
    if not origin and not result:
        return ""
    word = origin.group(1) if origin else ""
    if word == "ContainerImage":
        return "img"
    return "iac" if word == "IAC" or (result and result.group(1).upper() == "IAC") else "dir"


def read(report: facts.Report) -> Iterator[Record]:
    """Yield the run, what was scanned, and a finding for each vulnerability, secret, match of a rule, data found."""
    document = _decoding.whole(report, _DECODER)
    result = document.result
    if result is None:
        status = document.status or _Status()
        raise BadReport(
            f"holds no result; the scan is {_naming.text(status.state).lower() or 'not finished'}",
            where=report.name,
            hint="scan again and keep the file that -o writes",
        )
    yield _images.run("wizcli", [document.createdAt])
    seen = _sighting(document.scanOriginResource or _Origin(), report.name)
    yield seen
    skipped: list[Skipped] = []
    for field, method in _SORTS:
        yield from _packages(seen.key, getattr(result, field), field, method, skipped.append)
    for secret in _decoding.each(_SECRET, result.secrets, "secrets", skipped.append):
        yield _secret(seen.key, secret)
    for data in _decoding.each(_DATA, result.dataFindings, "dataFindings", skipped.append):
        yield _data(seen.key, data)
    yield from _matches(seen.key, result.ruleMatches, skipped.append)
    yield from _assessments(seen.key, result.hostConfiguration, skipped)
    yield from skipped


def _sighting(origin: _Origin, file: str) -> Sighting:
    name, kind = _naming.text(origin.name), _naming.text(origin.kind).removeprefix("CICDScanOrigin")
    if kind == "ContainerImage":
        content = _naming.text(origin.id)
        return _images.image([name], [_naming.text(origin.digest), content], attributes=(("image_id", content),))
    if kind == "IAC":
        # A scan without a name is called by its time, and two of them need not be of one project.
        name = "" if _STAMP.search(name) else name
        return _iac_rows.project("wizcli", name or _host_scans.by_file("wizcli", file), _naming.text(origin.url))
    if kind.startswith("VirtualMachine") and name:
        own = _naming.text(origin.id)
        return Sighting(
            key=f"host {own or name}",
            name=name,
            identifiers=(*((("cloud_id", own.lower()),) if own else ()), *_naming.host_identifiers(name)),
            authenticated=True,
        )
    return _images.artifact(name or _host_scans.by_file("wizcli", file), detail=kind)


def _packages(asset: str, raws: list[msgspec.Raw] | None, field: str, method: str, skip: Skip) -> Iterator[Finding]:
    for number, package in enumerate(_decoding.each(_PACKAGE, raws, field, skip)):
        where = f"{field}[{number}].vulnerabilities"
        for one in _decoding.each(_VULNERABILITY, package.vulnerabilities, where, skip):
            yield _vulnerability(asset, package, method, one)


def _vulnerability(asset: str, package: _Package, method: str, one: _Vulnerability) -> Finding:
    rule, name = _naming.text(one.name) or "unknown", _naming.text(package.name)
    link, path = _naming.text(one.source), _naming.text(package.path)
    flags = (("exploit", one.hasExploit), ("kev", one.hasCisaKevExploit))
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(one.severity),
        weaknesses=_naming.weakness(rule),
        component=_wiz_packages.component(method, name, link=link, path=path),
        component_name=name,
        version=_naming.text(package.version),
        fixed_version=_naming.text(one.fixedVersion),
        path="" if method == "os" else path,
        cvss_score=_naming.score(one.score),
        epss=_epss(one.epssProbability),
        proof="package",
        word="suppressed" if one.ignoredPolicyMatches else "open",
        description=_naming.text(one.description),
        references=(link,) if link else (),
        tags=tuple(name for name, value in flags if value is True),
    )


def _epss(value: Scalar) -> float | None:
    found = _naming.number(value)
    return found if found is not None and 0 <= found <= 1 else None


def _secret(asset: str, said: _Secret) -> Finding:
    """Sort and place only: the description holds parts of what was found."""
    rule, path = _naming.text(said.type).lower() or "secret", _iac_rows.file_of(_naming.text(said.path))
    return Finding(
        asset=asset,
        rule=rule,
        title=f"Secret in {path or 'a file'}: {rule.replace('_', ' ')}",
        severity=_naming.severity(said.severity) if said.severity else "high",
        kind="secret",
        path=path,
        line=max(_naming.whole_number(said.lineNumber), 0),
        proof="confirmed",
        word="suppressed" if said.ignoredPolicyMatches else "open",
    )


def _data(asset: str, said: _Data) -> Finding:
    """Data that should not lie there; what was found is left where it is."""
    classifier, path = said.dataClassifier, _iac_rows.file_of(_naming.text(said.path))
    name = _naming.text(classifier.name) or "sensitive data"
    return Finding(
        asset=asset,
        rule=_naming.text(classifier.id) or name,
        title=f"Data in {path or 'a file'}: {name}",
        severity=_naming.severity(said.severity or classifier.severity),
        kind="misconfiguration",
        resource=path,
        path=path,
        proof="confirmed",
        tags=(f"category={category}",) if (category := _naming.text(classifier.category)) else (),
    )


def _matches(asset: str, raws: list[msgspec.Raw] | None, skip: Skip) -> Iterator[Finding]:
    for number, found in enumerate(_decoding.each(_RULE_MATCH, raws, "ruleMatches", skip)):
        for match in _decoding.each(_MATCH, found.matches, f"ruleMatches[{number}].matches", skip):
            yield _match(asset, found, match)


def _match(asset: str, found: _RuleMatch, match: _Match) -> Finding:
    name, path = _naming.text(found.rule.name), _iac_rows.file_of(_naming.text(match.fileName))
    rule = _naming.text(found.rule.id) or _naming.text(found.rule.shortId) or name or "unknown"
    secret = bool(_SECRETS.search(name))
    # A rule about secrets writes out what it found, also as the name of the resource.
    resource = "" if secret else _naming.text(match.resourceName)
    texts = [_naming.text(one) for one in (match.found, match.expected)]
    return Finding(
        asset=asset,
        rule=rule,
        title=name or rule,
        severity=_naming.severity(found.severity),
        kind="secret" if secret else "misconfiguration",
        resource=_iac_rows.place(path, resource),
        path=path,
        line=max(_naming.whole_number(match.lineNumber), 0),
        proof="configuration",
        description=_naming.text(found.rule.description),
        solution=_naming.text(match.remediationInstructions),
        evidence="" if secret else ". Expected: ".join(one for one in texts if one),
        tags=(f"type={sort}",) if (sort := _naming.text(match.fileType)) else (),
    )


def _assessments(asset: str, value: Any, skipped: list[Skipped]) -> Iterator[Finding]:
    """Rules for the configuration of a machine that were not passed."""
    rows = value.get("hostConfigurationRuleAssessments") if isinstance(value, dict) else None
    for number, row in enumerate(rows if isinstance(rows, list) else ()):
        where = f"hostConfiguration[{number}]"
        try:
            one = msgspec.convert(row, _Assessment)
        except (msgspec.MsgspecError, RecursionError) as error:
            skipped.append(Skipped(where, _decoding.why(error)))
            continue
        if _naming.text(one.result).upper().startswith("PASS"):
            continue
        rule = one.rule or _Rule()
        name = _naming.text(rule.name)
        yield Finding(
            asset=asset,
            rule=_naming.text(rule.shortId) or _naming.text(rule.id) or name or "unknown",
            title=name or "Configuration rule not passed",
            severity=_naming.severity(one.severity),
            kind="misconfiguration",
            proof="configuration",
            description=_naming.text(rule.description),
        )

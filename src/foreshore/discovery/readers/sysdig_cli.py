"""Sysdig's command line scanner (`sysdig-cli-scanner --output-json`), both forms of its JSON."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _host_scans, _images, _naming, _sysdig
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Sighting, Skipped

_SCANNER = regex(r'"name"\s*:\s*"sysdig-cli-scanner"')
_OWN = regex(r'"(scanTime|resultId|pullString|resultUrl)"\s*:')
_SECRET = regex(r"secret|sensitive", re.IGNORECASE)


class _Info(msgspec.Struct, gc=False):
    scanTime: Scalar = None


class _Scanner(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None


class _Metadata(msgspec.Struct, gc=False):
    pullString: Scalar = None
    imageId: Scalar = None
    digest: Scalar = None
    baseOs: Scalar = None
    hostName: Scalar = None
    hostId: Scalar = None


class _Result(msgspec.Struct, gc=False):
    type: Scalar = None
    assetType: Scalar = None
    metadata: _Metadata | None = None
    packages: list[msgspec.Raw] | dict[str, msgspec.Raw] | None = None
    vulnerabilities: dict[str, msgspec.Raw] | None = None
    policyEvaluations: Any = None
    policies: Any = None
    riskAccepts: Any = None
    riskAcceptanceDefinitions: Any = None


class _Document(msgspec.Struct, gc=False):
    info: _Info | None = None
    scanner: _Scanner | None = None
    result: _Result | None = None


class _Package(msgspec.Struct, gc=False):
    type: Scalar = None
    name: Scalar = None
    version: Scalar = None
    path: Scalar = None
    isRunning: Scalar = None
    suggestedFix: Scalar = None
    vulns: list[msgspec.Raw] | None = None
    vulnerabilitiesRefs: list[Scalar] | None = None
    riskAcceptRefs: Any = None


class _Vulnerability(msgspec.Struct, gc=False):
    name: Scalar
    severity: Any = None
    cvssScore: Any = None
    exploitable: Scalar = None
    exploit: Any = None
    cisaKev: Any = None
    fixedInVersion: Scalar = None
    fixVersion: Scalar = None
    acceptedRisks: Any = None
    riskAcceptRefs: Any = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_PACKAGE: msgspec.json.Decoder[_Package] = msgspec.json.Decoder(_Package)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
Skip = Callable[[Skipped], None]


@dataclass(frozen=True)
class SysdigCli:
    """Reads scans of images and machines; each vulnerability of each package is a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a scan of Sysdig's command line."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_SCANNER.search(opening) and _OWN.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the image or machine, its vulnerabilities, and settings that a policy does not allow."""
        document = _decoding.whole(report, _DECODER)
        result = document.result
        if result is None:
            raise BadReport("holds no result", where=report.name, hint="scan again with --output-json FILE")
        scanner, info = document.scanner or _Scanner(), document.info or _Info()
        yield _images.run("sysdig-cli-scanner", [info.scanTime], version=_naming.text(scanner.version))
        seen = _sighting(result, report.name)
        yield seen
        skipped: list[Skipped] = []
        yield from _packages(seen, result, skipped.append)
        yield from _settings(seen.key, result)
        yield from skipped


def _sighting(result: _Result, file: str) -> Sighting:
    said = result.metadata or _Metadata()
    os, name = _naming.text(said.baseOs), _naming.text(said.hostName)
    if name or "host" in (_naming.text(result.type) or _naming.text(result.assetType)).lower():
        return _sysdig.host(name or _host_scans.by_file("sysdig", file), os, _naming.text(said.hostId))
    content = _naming.text(said.imageId)
    return _images.image(
        [_naming.text(said.pullString)],
        [_naming.text(said.digest), content],
        os=os,
        attributes=(("image_id", content),),
    )


def _packages(seen: Sighting, result: _Result, skip: Skip) -> Iterator[Finding]:
    """Vulnerabilities stand within each package, or apart and are referred to by its list of references."""
    held = result.packages
    raws = list(held.values()) if isinstance(held, dict) else held
    inactive = _inactive(result)
    apart = dict(_vulnerabilities(result.vulnerabilities or {}, skip))
    for number, package in enumerate(_decoding.each(_PACKAGE, raws, "packages", skip)):
        whole = _holds(package.riskAcceptRefs, inactive)
        for one in _decoding.each(_VULNERABILITY, package.vulns, f"packages[{number}].vulns", skip):
            yield _finding(seen, package, one, whole or _is_accepted(one, inactive))
        for reference in package.vulnerabilitiesRefs or ():
            found = apart.get(_naming.text(reference))
            if found is None:
                skip(Skipped(f"packages[{number}]", f"refers to “{reference}”, which is not in the report"))
            else:
                yield _finding(seen, package, found, whole or _is_accepted(found, inactive))


def _inactive(result: _Result) -> set[str]:
    """Acceptances of a risk that are over, by their name or by their number."""
    held = result.riskAccepts
    rows = list(held.items()) if isinstance(held, dict) else []
    definitions = result.riskAcceptanceDefinitions
    rows += enumerate(definitions) if isinstance(definitions, list) else []
    said = ((name, _naming.text(_cloud_rows.mapping(one).get("status"))) for name, one in rows)
    return {str(name) for name, status in said if status and status.lower() != "active"}


def _holds(references: Any, inactive: set[str]) -> bool:
    """Whether one of the acceptances that are referred to still holds."""
    for one in references if isinstance(references, list) else ():
        name = one.get("index", one.get("ref")) if isinstance(one, dict) else one
        if _naming.text(name) not in inactive:
            return True
    return False


def _is_accepted(one: _Vulnerability, inactive: set[str]) -> bool:
    return _holds(one.acceptedRisks, inactive) or _holds(one.riskAcceptRefs, inactive)


def _vulnerabilities(raws: Mapping[str, msgspec.Raw], skip: Skip) -> Iterator[tuple[str, _Vulnerability]]:
    for name, raw in raws.items():
        for one in _decoding.each(_VULNERABILITY, [raw], f"vulnerabilities.{name}", skip):
            yield name, one


def _value(said: Any) -> Any:
    """What the older form wraps together with its source."""
    return said["value"] if isinstance(said, dict) and "value" in said else said


def _finding(seen: Sighting, package: _Package, one: _Vulnerability, accepted: bool) -> Finding:
    rule, name, kind = _naming.text(one.name) or "unknown", _naming.text(package.name), _naming.text(package.type)
    score = _cloud_rows.mapping(_value(one.cvssScore))
    flags = (
        ("exploit", one.exploitable is True or bool(one.exploit)), ("kev", bool(one.cisaKev)),
        ("running", package.isRunning is True),
    )  # fmt: skip
    return Finding(
        asset=seen.key,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(_value(one.severity)),
        weaknesses=_naming.weakness(rule),
        component=_sysdig.component(kind, seen.os, name),
        component_name=name,
        version=_naming.text(package.version),
        fixed_version=_sysdig.version(kind, _naming.text(one.fixedInVersion) or _naming.text(one.fixVersion)),
        path="" if _sysdig.is_system(kind) else _naming.text(package.path),
        cvss_vector=_naming.text(score.get("vector")),
        cvss_score=_naming.score(score.get("score")),
        proof="package",
        word="accepted" if accepted else "open",
        tags=tuple(name for name, value in flags if value),
    )


def _settings(asset: str, result: _Result) -> Iterator[Finding]:
    """Settings of the image that a policy does not allow; what it says of packages stands with the packages."""
    policies = _cloud_rows.mapping(result.policies).get("evaluations") or result.policyEvaluations
    for policy in _cloud_rows.objects(policies):
        for bundle in _cloud_rows.objects(policy.get("bundles")):
            for rule in _cloud_rows.objects(bundle.get("rules")):
                if _naming.text(rule.get("failureType")) == "imageConfigFailure" and rule.get("failures"):
                    yield _setting(asset, policy, bundle, rule)


def _setting(asset: str, policy: Mapping[str, Any], bundle: Mapping[str, Any], rule: Mapping[str, Any]) -> Finding:
    sort = _naming.text(rule.get("ruleType"))
    name = sort or _naming.text(rule.get("ruleId")) or "image configuration"
    title = _naming.text(rule.get("description")) or name
    secret = bool(_SECRET.search(sort) or _SECRET.search(title))
    failures = _cloud_rows.objects(rule.get("failures"))
    said = [] if secret else [_naming.text(one.get("description")) for one in failures]
    repair = [] if secret else [_naming.text(one.get("remediation")) for one in failures]
    tags = (("policy", policy.get("name")), ("bundle", bundle.get("name")))
    return Finding(
        asset=asset,
        rule=name,
        title=title,
        severity="medium",
        kind="secret" if secret else "misconfiguration",
        resource="" if secret else "image configuration",
        proof="configuration",
        solution="\n".join(dict.fromkeys(one for one in repair if one)),
        evidence="\n".join(dict.fromkeys(one for one in said if one)),
        instances=max(len(failures), 1),
        tags=tuple(f"{name}={text}" for name, value in tags if (text := _naming.text(value))),
    )


PLUGIN = SysdigCli()

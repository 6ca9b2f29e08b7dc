"""The rows of Trivy's results: packages, misconfigurations, secrets and licences."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Finding, Record, Skipped, Word


class _Cvss(msgspec.Struct, gc=False):
    V2Vector: str | None = None
    V3Vector: str | None = None
    V40Vector: str | None = None
    V2Score: float | None = None
    V3Score: float | None = None
    V40Score: float | None = None


class _PkgIdentifier(msgspec.Struct, gc=False):
    PURL: str | None = None


class _Vulnerability(msgspec.Struct, gc=False):
    VulnerabilityID: Scalar = None
    PkgName: Scalar = None
    PkgPath: Scalar = None
    PkgIdentifier: _PkgIdentifier | None = None
    Ref: Scalar = None
    InstalledVersion: Scalar = None
    FixedVersion: Scalar = None
    Status: Scalar = None
    SeveritySource: Scalar = None
    Severity: Scalar = None
    PrimaryURL: Scalar = None
    Title: Scalar = None
    Description: Scalar = None
    CweIDs: list[str] | None = None
    CVSS: dict[str, _Cvss] | None = None
    References: list[str] | None = None


class _Cause(msgspec.Struct, gc=False):
    Resource: Scalar = None
    Provider: Scalar = None
    Service: Scalar = None
    StartLine: Scalar = None


class _Misconfiguration(msgspec.Struct, gc=False):
    ID: Scalar = None
    AVDID: Scalar = None
    Type: Scalar = None
    Title: Scalar = None
    Description: Scalar = None
    Message: Scalar = None
    Resolution: Scalar = None
    Severity: Scalar = None
    PrimaryURL: Scalar = None
    References: list[Scalar] | None = None
    Status: Scalar = None
    CauseMetadata: _Cause | None = None


class _Secret(msgspec.Struct, gc=False):
    RuleID: Scalar = None
    Category: Scalar = None
    Severity: Scalar = None
    Title: Scalar = None
    StartLine: Scalar = None


class _License(msgspec.Struct, gc=False):
    Severity: Scalar = None
    Category: Scalar = None
    PkgName: Scalar = None
    FilePath: Scalar = None
    Name: Scalar = None
    Link: Scalar = None


class _Modified(msgspec.Struct, gc=False):
    Type: Scalar = None
    Status: Scalar = None
    Statement: Scalar = None
    Source: Scalar = None
    Finding: Any = None


class Result(msgspec.Struct, gc=False):
    """One target of a report, its rows still undecoded."""

    Target: Scalar = None
    Class: Scalar = None
    Type: Scalar = None
    Vulnerabilities: list[msgspec.Raw] | None = None
    Misconfigurations: list[msgspec.Raw] | None = None
    Secrets: list[msgspec.Raw] | None = None
    Licenses: list[msgspec.Raw] | None = None
    ExperimentalModifiedFindings: list[msgspec.Raw] | None = None


RESULT: msgspec.json.Decoder[Result] = msgspec.json.Decoder(Result)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability, strict=False)
_MISCONFIGURATION: msgspec.json.Decoder[_Misconfiguration] = msgspec.json.Decoder(_Misconfiguration)
_SECRET: msgspec.json.Decoder[_Secret] = msgspec.json.Decoder(_Secret)
_LICENSE: msgspec.json.Decoder[_License] = msgspec.json.Decoder(_License)
_MODIFIED: msgspec.json.Decoder[_Modified] = msgspec.json.Decoder(_Modified)

# A VEX file given to Trivy: its word on the row. The distribution's own statuses (will_not_fix,
# fix_deferred, end_of_life, ...) are about the fix, not about the exposure: they become a tag.
_WORDS: dict[str, Word] = {"not_affected": "suppressed"}
_VEX_WORDS: dict[str, Word] = {"not_affected": "suppressed", "fixed": "fixed", "ignored": "accepted"}


def of_result(asset: str, result: Result, where: str) -> Iterator[Record]:
    """Yield the findings of one result on `asset`, and what was skipped with its place."""
    skipped: list[Skipped] = []
    skip = skipped.append
    target = _naming.text(result.Target)
    kind = _naming.text(result.Type)
    lists = _naming.text(result.Class) == "lang-pkgs"
    for row in _decoding.each(_VULNERABILITY, result.Vulnerabilities, f"{where}.Vulnerabilities", skip):
        yield _vulnerability(asset, target, kind, row, lists)
    for place, check in enumerate(
        _decoding.each(_MISCONFIGURATION, result.Misconfigurations, f"{where}.Misconfigurations", skip)
    ):
        if check.Status in (None, "FAIL", "EXCEPTION", ""):
            yield _misconfiguration(asset, target, check)
        elif check.Status != "PASS":
            skip(Skipped(f"{where}.Misconfigurations[{place}]", f"the status is {check.Status}"))
    for secret in _decoding.each(_SECRET, result.Secrets, f"{where}.Secrets", skip):
        yield _secret(asset, target, secret)
    for licence in _decoding.each(_LICENSE, result.Licenses, f"{where}.Licenses", skip):
        yield _licence(asset, target, kind, licence)
    for changed in _decoding.each(_MODIFIED, result.ExperimentalModifiedFindings, f"{where}.Modified", skip):
        yield from _modified(asset, target, kind, changed, lists)
    yield from skipped


@lru_cache(maxsize=65536)
def _component(purl: str, kind: str, name: str) -> tuple[str, str]:
    component, plain, _version = _naming.package(purl)
    return component or _naming.built_package(kind, name), name or plain


@lru_cache(maxsize=1024)
def _tags(status: str) -> tuple[str, ...]:
    return (f"status={status}",) if status else ()


def _vulnerability(asset: str, target: str, kind: str, row: _Vulnerability, lists: bool) -> Finding:
    rule = _naming.text(row.VulnerabilityID) or "unknown"
    identifier = row.PkgIdentifier
    purl = (identifier.PURL if identifier is not None else None) or row.Ref
    name = _naming.text(row.PkgName)
    component, name = _component(purl if type(purl) is str else "", kind, name)
    version = row.InstalledVersion
    status = row.Status if type(row.Status) is str else ""
    vector, score = best_cvss(row.CVSS, row.SeveritySource) if row.CVSS else ("", None)
    path = row.PkgPath
    references = row.References
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(row.Title) or f"{rule} in {name}",
        severity=_naming.severity(row.Severity),
        weaknesses=_naming.weakness(rule),
        component=component,
        component_name=name,
        version=version if type(version) is str else _naming.text(version),
        fixed_version=_naming.text(row.FixedVersion),
        path=_naming.text(path) if path else (target if lists else ""),
        cvss_vector=vector,
        cvss_score=score,
        cwes=_naming.cwes(tuple(row.CweIDs)) if row.CweIDs else (),
        proof="package",
        word=_WORDS.get(status, "open"),
        description=_naming.text(row.Description),
        references=tuple(references) if references else _link(row.PrimaryURL),
        tags=_tags(status),
    )


def _link(url: Scalar) -> tuple[str, ...]:
    return (url,) if isinstance(url, str) and url else ()


def best_cvss(scores: dict[str, _Cvss], source: Scalar) -> tuple[str, float | None]:
    """Vector and score: version 4 before 3 of the source of the severity, else the newest of the others.

    Among the others the order is NVD, GitHub, Red Hat, then by name; version 2 counts last.
    """
    own = scores.get(source) if type(source) is str else None
    if own is not None:
        if own.V40Vector:
            return own.V40Vector, own.V40Score
        if own.V3Vector:
            return own.V3Vector, own.V3Score
    others = [scores[name] for name in ("nvd", "ghsa", "redhat") if name in scores]
    if len(others) < len(scores):
        others.extend(scores[name] for name in sorted(scores) if name not in ("nvd", "ghsa", "redhat"))
    every = others if own is None else [*others, own]
    for vector, score in (("V40Vector", "V40Score"), ("V3Vector", "V3Score"), ("V2Vector", "V2Score")):
        for one in every:
            if found := getattr(one, vector):
                return found, getattr(one, score)
    return "", None


def _misconfiguration(asset: str, target: str, check: _Misconfiguration) -> Finding:
    cause = check.CauseMetadata or _Cause()
    rule = _naming.text(check.ID) or _naming.text(check.AVDID) or "unknown"
    resource = _naming.text(cause.Resource)
    message = _naming.text(check.Message)
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(check.Title) or rule,
        severity=_naming.severity(check.Severity),
        weaknesses=(rule,),
        kind="misconfiguration",
        resource=" ".join(part for part in (target, resource, _container(message)) if part),
        path=target,
        line=_naming.whole_number(cause.StartLine),
        proof="configuration",
        word="accepted" if check.Status == "EXCEPTION" else "open",
        description=_naming.text(check.Description),
        solution=_naming.text(check.Resolution),
        references=tuple(_naming.text(one) for one in check.References or ()) or _link(check.PrimaryURL),
        evidence=message,
    )


def _container(message: str) -> str:
    """The container that a Kubernetes check is about, which only its message names in quotes."""
    if not message.startswith("Container "):
        return ""
    parts = message.split("'", 2)
    return f"container {parts[1]}" if len(parts) == 3 else ""


def _secret(asset: str, target: str, secret: _Secret) -> Finding:
    """The matched text is never taken: rule, file and line say where to look."""
    rule = _naming.text(secret.RuleID) or "secret"
    return Finding(
        asset=asset,
        rule=rule,
        title=f"Secret in {target}: {_naming.text(secret.Title) or rule}",
        severity=_naming.severity(secret.Severity),
        weaknesses=(rule,),
        kind="secret",
        resource=target,
        path=target,
        line=_naming.whole_number(secret.StartLine),
        proof="configuration",
        tags=(f"category={_naming.text(secret.Category)}",) if secret.Category else (),
    )


def _licence(asset: str, target: str, kind: str, licence: _License) -> Finding:
    name = _naming.text(licence.Name) or "unknown licence"
    package = _naming.text(licence.PkgName)
    path = _naming.text(licence.FilePath)
    return Finding(
        asset=asset,
        rule=f"licence:{name}",
        title=f"Licence {name} of {package or path or target}",
        severity=_naming.severity(licence.Severity),
        weaknesses=(f"licence:{name}",),
        kind="observation",
        component=_naming.built_package(kind, package),
        component_name=package,
        resource=package or path,
        path=path,
        proof="package",
        references=_link(licence.Link),
        tags=("licence", f"category={_naming.text(licence.Category)}"),
    )


def _modified(asset: str, target: str, kind: str, changed: _Modified, lists: bool) -> Iterator[Record]:
    """A row that a VEX file or an ignore file took out of the report: kept with that word."""
    if changed.Type not in (None, "vulnerability"):
        return
    try:
        row = msgspec.convert(changed.Finding, _Vulnerability, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        yield Skipped(f"{target}: modified finding", _decoding.why(error))
        return
    status = _naming.text(changed.Status)
    found = _vulnerability(asset, target, kind, row, lists)
    evidence = ": ".join(part for part in (_naming.text(changed.Source), _naming.text(changed.Statement)) if part)
    yield msgspec.structs.replace(
        found,
        word=_VEX_WORDS.get(status, "suppressed"),
        evidence=evidence,
        tags=(*found.tags, f"vex={status}"),
    )

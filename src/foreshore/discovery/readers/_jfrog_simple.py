"""JFrog CLI's simple form: lists by kind, of packages, licences, secrets, infrastructure code and code."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Iterator

import msgspec

from foreshore import facts
from foreshore.discovery.readers import _decoding, _images, _jfrog, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import ExposureKind, Finding, Record, Skipped


class _Row(msgspec.Struct, gc=False):
    severity: Scalar = None
    impactedPackageName: Scalar = None
    impactedPackageVersion: Scalar = None
    impactedPackageType: Scalar = None
    impactedDependencyName: Scalar = None
    impactedDependencyVersion: Scalar = None
    impactedDependencyType: Scalar = None
    summary: Scalar = None
    applicable: Scalar = None
    fixedVersions: list[Scalar] | None = None
    cves: list[_jfrog.Cve] | None = None
    issueId: Scalar = None
    references: list[Scalar] | None = None
    licenseKey: Scalar = None
    riskReason: Scalar = None


class _Place(msgspec.Struct, gc=False):
    severity: Scalar = None
    file: Scalar = None
    startLine: Scalar = None
    snippet: Scalar = None
    finding: Scalar = None
    ruleId: Scalar = None
    scannerDescription: Scalar = None
    cwe: list[Scalar] | None = None


_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)
_PLACE: msgspec.json.Decoder[_Place] = msgspec.json.Decoder(_Place)
_LIST: msgspec.json.Decoder[list[msgspec.Raw] | None] = msgspec.json.Decoder(list[msgspec.Raw] | None)
_PACKAGES = ("vulnerabilities", "securityViolations")
_OBSERVED = (("licensesViolations", "license"), ("operationalRiskViolations", "operational_risk"))
_PLACES: tuple[tuple[str, ExposureKind], ...] = (
    ("secrets", "secret"), ("secretsViolations", "secret"), ("iac", "misconfiguration"),
    ("iacViolations", "misconfiguration"), ("sast", "code"), ("sastViolations", "code"),
)  # fmt: skip


def records(document: dict[str, msgspec.Raw], report: facts.Report) -> Iterator[Record]:
    """Yield the project, which the form does not name, and one finding for each row of its lists."""
    sighting = _images.unnamed("jfrog cli", report.name, "repository")
    yield sighting
    skipped: list[Skipped] = []
    said: set[tuple[object, ...]] = set()
    found = (
        *_packages(sighting.key, document, report, skipped),
        *_observed(sighting.key, document, report, skipped),
        *_places(sighting.key, document, report, skipped),
    )
    for one in found:
        # Violations of a watch repeat the rows that it is about
        place = (one.rule, one.component, one.component_name, one.version, one.path, one.line)
        if place not in said:
            said.add(place)
            yield one
    yield from skipped


def _raws(document: dict[str, msgspec.Raw], name: str, report: facts.Report) -> list[msgspec.Raw]:
    raw = document.get(name)
    if raw is None:
        return []
    try:
        return _LIST.decode(raw) or []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _decoding.broken(report, error) from error


def _part(row: _Row) -> _jfrog.Component:
    kind = _naming.text(row.impactedPackageType or row.impactedDependencyType).lower()
    name = _naming.text(row.impactedPackageName or row.impactedDependencyName)
    version = _naming.text(row.impactedPackageVersion or row.impactedDependencyVersion)
    os = kind if kind in ("debian", "alpine", "ubuntu") else ""
    return _jfrog.Component(kind, os, name, version, "")


def _packages(
    asset: str, document: dict[str, msgspec.Raw], report: facts.Report, skipped: list[Skipped]
) -> Iterator[Finding]:
    for name in _PACKAGES:
        rows = _decoding.each(_ROW, _raws(document, name, report), name, skipped.append)
        for number, row in enumerate(rows):
            applicable = _naming.text(row.applicable).lower()
            issue = _jfrog.Issue(
                _naming.text(row.issueId),
                row.severity,
                row.cves or [],
                _naming.text(row.summary),
                references=_jfrog.texts(row.references),
                tags=(f"applicable={applicable}",) if applicable else (),
            )
            part = _part(row)
            if not _jfrog.rule(issue) or not part.name:
                skipped.append(Skipped(f"{name}[{number}]", "names no weakness, or no package"))
                continue
            yield _jfrog.finding(asset, issue, part, _jfrog.fixed(row.fixedVersions))


def _observed(
    asset: str, document: dict[str, msgspec.Raw], report: facts.Report, skipped: list[Skipped]
) -> Iterator[Finding]:
    for name, kind in _OBSERVED:
        rows = _decoding.each(_ROW, _raws(document, name, report), name, skipped.append)
        for number, row in enumerate(rows):
            licence, part = _naming.text(row.licenseKey), _part(row)
            rule = f"licence:{licence}" if licence else _naming.text(row.issueId) or _naming.text(row.riskReason)
            if rule and part.name:
                yield observation(asset, kind, rule, row.severity, part, row.summary)
            else:
                skipped.append(Skipped(f"{name}[{number}]", f"is a violation ({kind}) that names no package"))


def observation(asset: str, kind: str, rule: str, severity: Scalar, part: _jfrog.Component, summary: Scalar) -> Finding:
    """A component that breaks a rule of its users and is no weakness: its licence, or its age."""
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{rule.replace('licence:', 'Licence ')} of {part.name}",
        severity=_naming.severity(severity),
        kind="observation",
        component=part.purl,
        component_name=part.name,
        version=part.version,
        proof="package",
        description=_naming.text(summary),
        tags=(f"violation={kind}",),
    )


def _places(
    asset: str, document: dict[str, msgspec.Raw], report: facts.Report, skipped: list[Skipped]
) -> Iterator[Finding]:
    for name, kind in _PLACES:
        rows = _decoding.each(_PLACE, _raws(document, name, report), name, skipped.append)
        for number, row in enumerate(rows):
            if not row.file:
                skipped.append(Skipped(f"{name}[{number}]", "names no file"))
            elif kind == "secret":
                yield _secret(asset, row)
            else:
                yield _place(asset, kind, row)


def _secret(asset: str, row: _Place) -> Finding:
    """Where a secret lies; the text that was found is never taken."""
    path = _naming.text(row.file)
    return Finding(
        asset=asset,
        rule=_naming.text(row.ruleId) or "secret",
        title=f"Secret in {path}",
        severity=_naming.severity(row.severity),
        kind="secret",
        path=path,
        line=_naming.whole_number(row.startLine),
        proof="configuration",
    )


def _place(asset: str, kind: ExposureKind, row: _Place) -> Finding:
    path, said = _naming.text(row.file), _naming.text(row.finding)
    rule = _naming.text(row.ruleId) or said or kind
    return Finding(
        asset=asset,
        rule=rule,
        title=said or rule,
        severity=_naming.severity(row.severity),
        kind=kind,
        resource=path if kind == "misconfiguration" else "",
        path=path,
        line=_naming.whole_number(row.startLine),
        context=_naming.text(row.snippet),
        cwes=_naming.cwes([_naming.text(one) for one in row.cwe or ()]),
        proof="configuration" if kind == "misconfiguration" else "unknown",
        description=_naming.text(row.scannerDescription),
    )

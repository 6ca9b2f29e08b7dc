"""The three kinds of GitHub's REST alerts as findings; the secret of an alert is never decoded."""

from __future__ import annotations

from typing import Any

import msgspec

from foreshore.discovery.readers import _github_alerts, _naming, _packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Finding, Severity


class _Package(msgspec.Struct, gc=False):
    ecosystem: Scalar = None
    name: Scalar = None


class _Dependency(msgspec.Struct, gc=False):
    package: _Package | None = None
    manifest_path: Scalar = None
    scope: Scalar = None
    relationship: Scalar = None


class _Cvss(msgspec.Struct, gc=False):
    vector_string: Scalar = None
    score: Scalar = None


class _Severities(msgspec.Struct, gc=False):
    cvss_v3: _Cvss | None = None
    cvss_v4: _Cvss | None = None


class _Identifier(msgspec.Struct, gc=False):
    value: Scalar = None


class _Link(msgspec.Struct, gc=False):
    url: Scalar = None


class _Cwe(msgspec.Struct, gc=False):
    cwe_id: Scalar = None


class _Epss(msgspec.Struct, gc=False):
    percentage: Scalar = None


class _Advisory(msgspec.Struct, gc=False):
    ghsa_id: Scalar = None
    cve_id: Scalar = None
    summary: Scalar = None
    description: Scalar = None
    severity: Scalar = None
    identifiers: list[_Identifier] | None = None
    references: list[_Link] | None = None
    cvss: _Cvss | None = None
    cvss_severities: _Severities | None = None
    cwes: list[_Cwe] | None = None
    epss: _Epss | list[_Epss] | None = None


class _Patched(msgspec.Struct, gc=False):
    identifier: Scalar = None


class _Vulnerability(msgspec.Struct, gc=False):
    package: _Package | None = None
    severity: Scalar = None
    vulnerable_version_range: Scalar = None
    first_patched_version: _Patched | str | None = None


class _Rule(msgspec.Struct, gc=False):
    id: Scalar = None
    name: Scalar = None
    severity: Scalar = None
    security_severity_level: Scalar = None
    description: Scalar = None
    full_description: Scalar = None
    help: Scalar = None
    help_uri: Scalar = None
    tags: list[Scalar] | None = None


class _Tool(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None


class _Location(msgspec.Struct, gc=False):
    path: Scalar = None
    start_line: Scalar = None


class _Message(msgspec.Struct, gc=False):
    text: Scalar = None


class _Instance(msgspec.Struct, gc=False):
    ref: Scalar = None
    category: Scalar = None
    message: _Message | None = None
    location: _Location | None = None
    classifications: list[Scalar] | None = None


class Alert(msgspec.Struct, gc=False):
    """One alert of any kind; `secret` and what stands around it are left out on purpose."""

    number: Scalar = None
    state: Scalar = None
    url: Scalar = None
    html_url: Scalar = None
    created_at: Scalar = None
    fixed_at: Scalar = None
    resolved_at: Scalar = None
    dismissed_reason: Scalar = None
    resolution: Scalar = None
    repository: dict[str, Any] | None = None
    dependency: _Dependency | None = None
    security_advisory: _Advisory | None = None
    security_vulnerability: _Vulnerability | None = None
    rule: _Rule | None = None
    tool: _Tool | None = None
    most_recent_instance: _Instance | None = None
    secret_type: Scalar = None
    secret_type_display_name: Scalar = None
    validity: Scalar = None
    publicly_leaked: Scalar = None
    first_location_detected: _Location | None = None


_LEVELS: dict[str, Severity] = {"error": "high", "warning": "medium", "note": "low", "none": "info"}


def dependency(asset: str, alert: Alert) -> Finding:
    """The finding of a vulnerable dependency."""
    advisory = alert.security_advisory or _Advisory()
    said = alert.security_vulnerability or _Vulnerability()
    where = alert.dependency or _Dependency()
    package = where.package or said.package or _Package()
    name = _naming.text(package.name)
    names = [_naming.text(advisory.cve_id), _naming.text(advisory.ghsa_id)]
    names.extend(_naming.text(one.value) for one in advisory.identifiers or ())
    rule = next(iter(_naming.public_ids(names[1])), "") or next((one for one in names if one), "") or "unknown"
    vector, score = _cvss(advisory)
    affected = _naming.text(said.vulnerable_version_range)
    links = (alert.html_url, *(one.url for one in advisory.references or ()))
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(advisory.summary) or f"{rule} in {name}",
        severity=_naming.severity(said.severity or advisory.severity),
        weaknesses=_packages.weaknesses(*names) or (rule,),
        component=_packages.component(_naming.text(package.ecosystem), name),
        component_name=name,
        fixed_version=_patched(said),
        path=_naming.text(where.manifest_path),
        cvss_vector=vector,
        cvss_score=score,
        epss=_epss(advisory),
        cwes=_naming.cwes([one.cwe_id for one in advisory.cwes or ()]),
        proof="package",
        word=_github_alerts.word(alert.state, alert.dismissed_reason),
        description=_naming.text(advisory.description),
        references=tuple(dict.fromkeys(text for one in links if (text := _naming.text(one)))),
        evidence=f"affected versions: {affected}" if affected else "",
        first_seen=_naming.when(alert.created_at),
        fixed_at=_naming.when(alert.fixed_at),
        tags=tuple(text for one in (where.scope, where.relationship) if (text := _naming.text(one))),
    )


def _patched(said: _Vulnerability) -> str:
    found = said.first_patched_version
    return _naming.text(found.identifier) if isinstance(found, _Patched) else _naming.text(found)


def _cvss(advisory: _Advisory) -> tuple[str, float | None]:
    several = advisory.cvss_severities or _Severities()
    for one in (several.cvss_v4, several.cvss_v3, advisory.cvss):
        if one is not None and (_naming.text(one.vector_string) or _naming.score(one.score) is not None):
            return _naming.text(one.vector_string), _naming.score(one.score)
    return "", None


def _epss(advisory: _Advisory) -> float | None:
    held = advisory.epss
    first = next(iter(held), None) if isinstance(held, list) else held
    chance = _naming.number(first.percentage) if first is not None else None
    return chance if chance is not None and 0 <= chance <= 1 else None


def _numbered(alert: Alert) -> str:
    """GitHub's number stays with an alert when its lines move, and keeps two in one file apart."""
    return f"alert {_naming.text(alert.number)}" if alert.number is not None else ""


def code(asset: str, alert: Alert) -> Finding:
    """The finding of a rule of code scanning, in the place where it was seen last."""
    rule = alert.rule or _Rule()
    instance = alert.most_recent_instance or _Instance()
    place = instance.location or _Location()
    name = _naming.text(rule.id) or _naming.text(rule.name) or "unknown"
    public = _naming.public_ids(name)
    level = _naming.text(rule.security_severity_level)
    tags = [text for one in rule.tags or () if (text := _naming.text(one))]
    told = _naming.text(instance.message.text) if instance.message is not None else ""
    kinds = [text for one in instance.classifications or () if (text := _naming.text(one))]
    links = (alert.html_url, rule.help_uri)
    hides = any("secret" in tag.lower() for tag in tags) and not any("cwe" in tag.lower() for tag in tags)
    return Finding(
        asset=asset,
        rule=name,
        title=_naming.text(rule.description) or name,
        severity=_naming.severity(level) if level else _LEVELS.get(_naming.text(rule.severity), "info"),
        weaknesses=public,
        kind="secret" if hides else "vulnerability" if public else "code",
        path=_naming.text(place.path),
        line=max(0, _naming.whole_number(place.start_line)),
        context=_numbered(alert),
        cwes=_naming.cwes([tag.rpartition("/")[2] for tag in tags if "cwe-" in tag.lower()]),
        word=_github_alerts.word(alert.state, alert.dismissed_reason),
        description="" if hides else told or _naming.text(rule.full_description),
        solution=_naming.text(rule.help),
        references=tuple(text for one in links if (text := _naming.text(one))),
        first_seen=_naming.when(alert.created_at),
        fixed_at=_naming.when(alert.fixed_at),
        tags=tuple(dict.fromkeys([*tags, *kinds])),
    )


def secret(asset: str, alert: Alert) -> Finding:
    """The finding of a secret: its kind and where it lies, never itself."""
    place = alert.first_location_detected or _Location()
    path = _naming.text(place.path)
    rule = _naming.text(alert.secret_type) or "unknown"
    validity = _naming.text(alert.validity)
    word = _github_alerts.word(alert.state, alert.resolution)
    tags = [f"validity={validity}"] if validity else []
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(alert.secret_type_display_name) or rule,
        # GitHub rates no secret: one that was tried and works, or that is in public, is worst
        severity="critical" if validity == "active" or alert.publicly_leaked is True else "high",
        kind="secret",
        resource="" if path else _numbered(alert),
        path=path,
        line=max(0, _naming.whole_number(place.start_line)),
        context=_numbered(alert),
        proof="confirmed" if validity == "active" else "unknown",
        word=word,
        references=(_naming.text(alert.html_url),) if alert.html_url else (),
        first_seen=_naming.when(alert.created_at),
        fixed_at=_naming.when(alert.resolved_at) if word == "fixed" else None,
        tags=(*tags, "public") if alert.publicly_leaked is True else tuple(tags),
    )

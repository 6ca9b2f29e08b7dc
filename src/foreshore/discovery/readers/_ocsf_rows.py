"""Findings of OCSF events: vulnerabilities, checks, and what was detected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _asff_rows, _cloud_rows, _hosts, _naming
from foreshore.discovery.readers._cloud_rows import Resource, mapping, objects
from foreshore.discovery.readers._ocsf_assets import Event, moment
from foreshore.facts import ExposureKind, Finding, Severity, Word

_SEVERITIES: dict[int, Severity] = {1: "info", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "critical"}
_WORDS: dict[str, Word] = {
    "suppressed": "suppressed", "resolved": "fixed", "archived": "fixed", "deleted": "fixed", "closed": "fixed",
    "fixed": "fixed", "remediated": "fixed", "3": "suppressed", "4": "fixed", "5": "fixed", "6": "fixed",
    "false positive": "false_positive", "risk accepted": "accepted", "accepted": "accepted",
}  # fmt: skip
_EVENTS = ("TTPs", "Effects", "Unusual Behaviors", "Sensitive Data Identifications")
_SECRET = regex(r"\b(secret|credential|password|api[ _-]?key|private[ _-]?key)s?\b", re.IGNORECASE)


def about(event: Event) -> Event:
    """What describes the finding; the deprecated class has it under another name."""
    return mapping(event.get("finding_info")) or mapping(event.get("finding"))


def outcome(event: Event) -> str:
    """PASS, FAIL, WARN, OTHER for an event of a check; '' for what is no check."""
    said = mapping(event.get("compliance"))
    number = _naming.whole_number(said.get("status_id"))
    if number in (1, 2, 3):
        return ("PASS", "WARN", "FAIL")[number - 1]
    words = (said.get("status"), said.get("status_code"), event.get("status_code"))
    word = next((text for one in words if (text := _naming.text(one).upper())), "")
    for start in ("PASS", "FAIL", "WARN"):
        if word.startswith(start):
            return start
    return ("OTHER" if word else "FAIL") if said.get("control") else ""


def rule(event: Event) -> str:
    """The stable identifier of the check or detection."""
    info, said = about(event), mapping(event.get("compliance"))
    analytic = mapping(info.get("analytic")) or mapping(event.get("analytic"))
    checks = objects(said.get("checks"))
    known = (
        said.get("control"), mapping(event.get("metadata")).get("event_code"),
        checks[0].get("uid") if checks else None, analytic.get("uid"), analytic.get("name"),
        next(iter(_naming.texts(info.get("types"))), None), info.get("title"),
    )  # fmt: skip
    return next((text for one in known if (text := _naming.text(one).strip())), "")


def severity(event: Event) -> Severity:
    """The event's severity by its number, else by its word."""
    found = _SEVERITIES.get(_naming.whole_number(event.get("severity_id"), -1))
    return found or _naming.severity(event.get("severity"))


def word(event: Event) -> Word:
    """The state of the finding: by its word, else by its number; a closing event says that it is fixed."""
    if event.get("is_suppressed") is True:
        return "suppressed"
    if _naming.whole_number(event.get("activity_id")) == 3:
        return "fixed"
    for name in ("status", "state", "status_id", "state_id"):
        found = _WORDS.get(_naming.text(event.get(name)).lower())
        if found is not None:
            return found
    return "open"


def findings(event: Event, found: Resource) -> Iterator[Finding]:
    """The findings of one event on one resource: for each vulnerability and package, else one."""
    listed = objects(event.get("vulnerabilities"))
    for one in listed:
        yield from _vulnerable(event, found, one)
    if not listed:
        yield _plain(event, found)


def _plain(event: Event, found: Resource) -> Finding:
    name = rule(event)
    result = outcome(event)
    return Finding(
        rule=name,
        title=_naming.text(about(event).get("title")) or name,
        severity="info" if result in ("WARN", "OTHER") else severity(event),
        weaknesses=_naming.weakness(name),
        kind=_kind(event, result),
        resource=f"{found.key} {found.region}" if found.whole_account and found.region else found.key,
        proof="configuration" if result else "unknown",
        **_shared(event, found),
    )


def _kind(event: Event, result: str) -> ExposureKind:
    """A check that failed is a wrong setting; what was detected has happened, and is an observation."""
    number = _naming.whole_number(event.get("class_uid"))
    kinds = _naming.texts(about(event).get("types"))
    if result in ("WARN", "OTHER"):
        return "observation"
    if number == 2008:
        return "identity"
    if result == "FAIL" or number in (2003, 2007) or any(kind.startswith("Exposure") for kind in kinds):
        return "misconfiguration"
    if number == 2001 and not event.get("malware") and not event.get("process"):
        return "observation" if any(kind.startswith(_EVENTS) for kind in kinds) else "misconfiguration"
    return "observation"


def _vulnerable(event: Event, found: Resource, one: Event) -> Iterator[Finding]:
    cve, advisory = mapping(one.get("cve")), mapping(one.get("advisory"))
    named = (
        cve.get("uid"), one.get("uid"), advisory.get("uid"), mapping(one.get("cwe")).get("uid"), one.get("title"),
    )  # fmt: skip
    identifier = next((text for value in named if (text := _naming.text(value).strip())), "") or rule(event)
    identifier = identifier or "unnamed vulnerability"
    related = [_naming.text(advisory.get("uid")), *_naming.texts(one.get("related_vulnerabilities"))]
    names = _asff_rows.names(identifier, related)
    shared = _shared(event, found) | _details(event, one, cve)
    shared["title"] = _naming.text(one.get("title")) or _naming.text(about(event).get("title")) or identifier
    code = objects(one.get("affected_code"))
    for place in code:
        yield _code(identifier, place, shared)
    packages = objects(one.get("affected_packages")) or objects(one.get("packages"))
    for package in packages or ([] if code else [{}]):
        yield _package(identifier, names, package, shared)


def _details(event: Event, one: Event, cve: Event) -> dict[str, Any]:
    """What a vulnerability says of itself, where the event says it of all."""
    vector, score = _cvss([*objects(cve.get("cvss")), *objects(one.get("cvss"))])
    said = _naming.text(one.get("severity"))
    info = about(event)
    links = (*_naming.texts(one.get("references")), *_naming.texts(cve.get("references")), *_links(event))
    known: dict[str, Any] = {
        "severity": _naming.severity(said) if said and said.lower() != "unknown" else severity(event),
        "references": tuple(dict.fromkeys(links)),
        "cwes": _cwes(one, cve),
        "cvss_vector": vector,
        "cvss_score": score,
        "epss": _epss(cve),
        "fix": ", ".join(_articles(one)),
        "first_seen": moment(one, "first_seen_time") or moment(info, "first_seen_time"),
    }
    optional = {
        "description": _naming.text(one.get("desc")) or _naming.text(cve.get("desc")),
        "solution": _naming.text(mapping(one.get("remediation")).get("desc")),
    }
    return known | {name: text for name, text in optional.items() if text}


def _package(identifier: str, names: tuple[str, ...], package: Event, shared: dict[str, Any]) -> Finding:
    name = _naming.text(package.get("name"))
    component = _naming.package(_naming.text(package.get("purl")))[0]
    component = component or _hosts.cpe(_naming.text(package.get("cpe_name")))[0]
    remedy = package.get("remediation")
    fix = _naming.text(remedy) or _naming.text(mapping(remedy).get("desc"))
    return Finding(
        rule=identifier,
        weaknesses=names,
        component=component or _cloud_rows.package(_naming.text(package.get("package_manager")), "", name),
        component_name=name,
        version=_cloud_rows.full_version(
            _naming.text(package.get("version")), _naming.text(package.get("release")), package.get("epoch")
        ),
        fixed_version=_cloud_rows.fixed_version(_naming.text(package.get("fixed_in_version"))),
        path=_naming.text(package.get("path")),
        proof="package" if name else "unknown",
        **shared | ({"solution": fix} if fix else {}),
    )


def _code(identifier: str, place: Event, shared: dict[str, Any]) -> Finding:
    file = mapping(place.get("file"))
    secret = bool(_SECRET.search(f"{identifier} {shared['title']}"))
    return Finding(
        rule=identifier,
        weaknesses=_naming.weakness(identifier),
        kind="secret" if secret else "code",
        path=_naming.text(file.get("path")) or _naming.text(file.get("name")),
        line=max(_naming.whole_number(place.get("start_line")), 0),
        **shared | {"evidence": ""},
    )


def _articles(one: Event) -> list[str]:
    """Names of the articles that hold the fix, of either version of the format."""
    listed = [_naming.text(article.get("uid")) for article in objects(one.get("kb_article_list"))]
    return [name for name in (*listed, *_naming.texts(one.get("kb_articles"))) if name and "://" not in name]


def _cvss(listed: list[dict[str, Any]]) -> tuple[str, float | None]:
    """Vector and base score, version 3 before 4 and 2."""
    for start in ("3", "4", "2", ""):
        for one in listed:
            if _naming.text(one.get("version")).startswith(start):
                return _naming.text(one.get("vector_string")), _naming.score(one.get("base_score"))
    return "", None


def _epss(cve: Event) -> float | None:
    found = _naming.number(mapping(cve.get("epss")).get("score"))
    return found if found is not None and 0 <= found <= 1 else None


def _cwes(one: Event, cve: Event) -> tuple[int, ...]:
    known = [mapping(one.get("cwe")), mapping(cve.get("cwe")), *objects(cve.get("related_cwes"))]
    return _naming.cwes([*(entry.get("uid") for entry in known), cve.get("cwe_uid")])


def _advice(event: Event) -> Event:
    return mapping(event.get("remediation")) or mapping(about(event).get("remediation"))


def _links(event: Event) -> list[str]:
    advice = _advice(event)
    links = (
        *_naming.texts(advice.get("references")), *_naming.texts(advice.get("kb_articles")),
        _naming.text(about(event).get("src_url")),
    )  # fmt: skip
    return list(dict.fromkeys(link for link in links if link.startswith("http")))


def _shared(event: Event, found: Resource) -> dict[str, Any]:
    """Fields that all findings of an event have in common."""
    info, said = about(event), mapping(event.get("compliance"))
    details = (event.get("status_detail"), said.get("status_detail"), *_naming.texts(said.get("status_details")))
    state = word(event)
    last = moment(info, "last_seen_time") or moment(info, "modified_time") or moment(event, "time")
    standards = ", ".join(_naming.texts(said.get("standards")))
    tags = (("type", next(iter(_naming.texts(info.get("types"))), "")), ("standard", standards))
    return {
        "asset": found.key,
        "word": state,
        "description": _naming.text(info.get("desc")) or _naming.text(event.get("message")),
        "solution": _naming.text(_advice(event).get("desc")),
        "references": tuple(_links(event)),
        "evidence": "\n".join(dict.fromkeys(text for one in details if (text := _naming.text(one)))),
        "first_seen": moment(info, "first_seen_time") or moment(info, "created_time"),
        "fixed_at": last if state == "fixed" else None,
        "observed_at": last,
        "tags": tuple(f"{name}={value}" for name, value in tags if value),
    }

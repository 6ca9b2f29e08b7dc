"""OWASP Dependency-Check: one dependency with its vulnerabilities, in one form for XML and JSON, as records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _naming, _packages
from foreshore.discovery.readers._code_scans import Row, inner, objects, text
from foreshore.facts import Finding, Record, RunSeen, Severity, Sighting, Skipped, Word

_PUBLIC = regex(r"^(?:[A-Za-z]+-){1,4}\d{4}-\d+$")
_V2 = (
    ("AV", "accessVector"), ("AC", "accessComplexity"), ("Au", "authenticationr"), ("C", "confidentialityImpact"),
    ("I", "integrityImpact"), ("A", "availabilityImpact"),
)  # fmt: skip
_V3 = (
    ("AV", "attackVector"), ("AC", "attackComplexity"), ("PR", "privilegesRequired"), ("UI", "userInteraction"),
    ("S", "scope"), ("C", "confidentialityImpact"), ("I", "integrityImpact"), ("A", "availabilityImpact"),
)  # fmt: skip
# Names that the formats spell otherwise: the misspelt one is the older schemas' own.
_ALSO = {"authenticationr": "authentication", "confidentialityImpact": "confidentialImpact"}
_UNNAMED = "project scanned by Dependency-Check"
_TRUST = {"HIGHEST": 0, "HIGH": 1, "MEDIUM": 2, "LOW": 3}
_LISTS = (("vulnerabilities", "open"), ("suppressedVulnerabilities", "suppressed"))


class _Software(NamedTuple):
    component: str
    name: str
    version: str


def start(scan: object, project: object) -> tuple[RunSeen, Sighting]:
    """The run, and the project that was scanned."""
    stamp = text(project, "reportDate")
    observed, assumed = _naming.moment(stamp)
    if observed is None and re.search(r"[+-]\d{4}$", stamp):
        observed, assumed = _naming.moment(f"{stamp[:-2]}:{stamp[-2:]}")
    feeds = [f"{text(one, 'name')}={text(one, 'timestamp')}" for one in objects(inner(scan, "dataSource"))]
    run = RunSeen(
        tool="dependency-check",
        version=text(scan, "engineVersion"),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=tuple(("data", one) for one in feeds[:50]),
    )
    group, artifact = text(project, "groupID"), text(project, "artifactID")
    coordinates = ":".join(filter(None, (group, artifact)))
    version = text(project, "version") or text(project, "applicationVersion")
    attributes = (("coordinates", coordinates), ("version", version))
    return run, _packages.project(text(project, "name") or coordinates or _UNNAMED, attributes=attributes)


def findings(asset: str, row: Row, where: str) -> Iterator[Record]:
    """Yield a finding for each vulnerability of a dependency, suppressed ones with that word."""
    software = _software(row)
    for name, word in _LISTS:
        for number, said in enumerate(objects(inner(row, name))):
            rule = " ".join(text(said, "name").split())
            if rule:
                yield _finding(asset, rule, software, row, said, "suppressed" if word == "suppressed" else "open")
            else:
                yield Skipped(f"{where}, {name}[{number}]", "has no name")


def _finding(asset: str, rule: str, software: _Software, row: Row, said: Row, word: Word) -> Finding:
    vector, score, word_of_score = _cvss(said)
    known = _naming.public_ids(rule) or ((rule,) if _PUBLIC.match(rule) else ())
    source, notes = text(said, "source"), text(said, "notes")
    tags = [f"source={source.lower()}"] if source else []
    if inner(said, "knownExploitedVulnerability"):
        tags.append("known_exploited")
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{rule} in {software.name}" if software.name else rule,
        severity=_severity(word_of_score or text(said, "severity"), score),
        weaknesses=known,
        component=software.component,
        component_name=software.name,
        version=software.version,
        fixed_version=_fixed(said),
        path=_packages.slashed(text(row, "filePath") or text(row, "fileName")),
        cvss_vector=vector,
        cvss_score=score,
        cwes=_code_scans.cwes(inner(said, "cwes") or inner(said, "cwe")),
        # The national database knows products by CPE, which the tool guesses from the file
        proof="version" if source in ("", "NVD") or not software.component.startswith("pkg:") else "package",
        word=word,
        description=text(said, "description"),
        references=_references(said),
        evidence=f"notes on the suppression: {notes}" if notes and word == "suppressed" else "",
        tags=tuple(tags),
    )


def _severity(word: str, score: float | None) -> Severity:
    number = _naming.number(word)
    if number is not None:
        return _naming.of_score(number)
    if not word or not _naming.is_severity(word) or word.lower() in ("unknown", "undefined"):
        return _naming.of_score(score) if score is not None else "info"
    return _naming.severity(word)


# -- the software --


def _software(row: Row) -> _Software:
    """The package by its purl, else by Maven coordinates, else the product by CPE, else the file's name."""
    names = [text(one, "id") for one in objects(inner(row, "packages"))]
    for name in names:
        component, plain, version = _naming.package(name)
        if component:
            return _Software(component, plain, version)
    for name in names:  # group:artifact:version of the older schemas
        parts = name.split(":")
        if len(parts) >= 2 and not name.startswith(("cpe:", "pkg:")):
            component = _packages.component("maven", ":".join(parts[:2])) if len(parts) == 3 else ""
            return _Software(component, ":".join(parts[:-1]), parts[-1])
    for one in objects(inner(row, "vulnerabilityIds")):
        found = _product(text(one, "id"))
        if found is not None:
            return found
    if product := _evidence(row, "product"):
        return _Software("", product, _evidence(row, "version"))
    file = text(row, "fileName") or text(row, "filePath").rpartition("/")[2]
    plain, colon, version = file.rpartition(":")
    return _Software("", plain, version) if colon and " " not in version else _Software("", file, "")


def _evidence(row: Row, kind: str) -> str:
    """What the tool saw of the product or version, by what it trusts most; texts that no name is are left out."""
    held = objects(inner(row, "evidenceCollected", f"{kind}Evidence"))
    values = [text(one, "value") for one in sorted(held, key=lambda one: _TRUST.get(text(one, "confidence"), 4))]
    return next((one for one in values if one and len(one) <= 100 and "\n" not in one), "")


def _product(cpe: str) -> _Software | None:
    words = re.split(r"(?<!\\):", cpe)
    words = words[2:] if words[1:2] and words[1].startswith("/") else words[3:]
    if not cpe.startswith("cpe:") or len(words) < 2:
        return None
    vendor, product = (word.replace("\\", "") for word in words[:2])
    version = words[2].replace("\\", "") if len(words) > 2 and words[2] not in ("*", "-") else ""
    return _Software(_naming.product("" if vendor == "*" else vendor, product), product, version)


def _fixed(said: Row) -> str:
    """The version before which all are vulnerable, of the range that the software was matched with."""
    rows = [inner(one, "software") if isinstance(inner(one, "software"), dict) else one
            for one in objects(inner(said, "vulnerableSoftware"))]  # fmt: skip
    matched = [one for one in rows if text(one, "vulnerabilityIdMatched").lower() == "true"]
    chosen = matched or (rows if len(rows) == 1 else [])
    return next((end for one in chosen if (end := text(one, "versionEndExcluding"))), "")


def _references(said: Row) -> tuple[str, ...]:
    urls = (" ".join(text(one, "url").split()) for one in objects(inner(said, "references")))
    return tuple(dict.fromkeys(one for one in urls if one))


# -- CVSS --


def _cvss(said: Row) -> tuple[str, float | None, str]:
    """(vector, score, severity) of the newest version of CVSS; vectors are put together from their parts."""
    for names in (("cvssv4", "cvssV4"), ("cvssv3", "cvssV3"), ("cvssv2", "cvssV2")):
        held = next((part for name in names if isinstance(part := inner(said, name), dict)), None)
        if held is None:
            continue
        score = _naming.score(inner(held, "baseScore") or inner(held, "score"))
        vector = text(held, "vectorString") or _assembled(held, names[0])
        if vector or score is not None:
            return vector, score, text(held, "baseSeverity")
    score = _naming.score(inner(said, "cvssScore"))
    old = {key.removeprefix("cvss")[:1].lower() + key[5:]: value for key, value in said.items() if key[:4] == "cvss"}
    return _assembled(old, "cvssv2"), score, ""


def _assembled(held: dict[str, Any], kind: str) -> str:
    metrics = {"cvssv2": _V2, "cvssv3": _V3}.get(kind, ())
    parts = []
    for short, name in metrics:
        value = text(held, name) or text(held, _ALSO.get(name, name))
        if not value:
            return ""
        parts.append(f"{short}:{_letter(short, value)}")
    if kind == "cvssv2" or not parts:
        return "/".join(parts)
    version = text(held, "version")
    # Versions 3.0 and 3.1 score the base metrics alike; older schemas do not say which it is
    return f"CVSS:{version if version in ('3.0', '3.1') else '3.1'}/{'/'.join(parts)}"


def _letter(short: str, value: str) -> str:
    """A metric's letter: the first of its word, but for the network that is only next door."""
    return "A" if short == "AV" and value.upper().startswith("ADJ") else value[:1].upper()

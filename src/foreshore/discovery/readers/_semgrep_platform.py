"""Lists of findings as Semgrep's platform gives them: code and dependencies of many repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from foreshore.discovery.readers import _code_scans, _decoding, _naming, _packages, _semgrep_rules
from foreshore.discovery.readers._code_scans import Row, inner, objects, text
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped, Word

_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_WORDS: dict[str, Word] = {
    "fixed": "fixed", "removed": "fixed", "closed": "fixed", "ignored": "suppressed", "muted": "suppressed",
    "dismissed": "suppressed",
}  # fmt: skip
_REASONS: dict[str, Word] = {"false_positive": "false_positive", "acceptable_risk": "accepted"}
Skip = Callable[[Skipped], None]


class _Repositories:
    """The repositories that were named so far."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def at(self, name: str, url: str = "") -> tuple[str, list[Sighting]]:
        """The handle of a repository, and its sighting where it was not named before."""
        sighting = _packages.project(name, url) if name or url else _code_scans.unnamed("Semgrep")
        if sighting.key in self._said:
            return sighting.key, []
        self._said.add(sighting.key)
        return sighting.key, [sighting]


def vulnerabilities(raws: list[msgspec.Raw], skip: Skip) -> Iterator[Record]:
    """Yield the run, the repositories, and one finding for each vulnerability of a dependency."""
    yield RunSeen(tool="semgrep")
    repositories = _Repositories()
    for number, row in enumerate(_decoding.each(_ROW, raws, "vulns", skip)):
        advisory = inner(row, "advisory")
        rule = text(advisory, "ruleId")
        if not rule:
            skip(Skipped(f"vulns, {number + 1}. that is readable", "names no advisory"))
            continue
        asset, before = repositories.at(text(row, "repositoryName"))
        yield from before
        yield _vulnerability(asset, rule, row)


def _vulnerability(asset: str, rule: str, row: Row) -> Finding:
    advisory, found = inner(row, "advisory"), inner(row, "matchedDependency")
    known, package = inner(advisory, "references"), text(found, "name")
    place = inner(row, "dependencyFileLocation")
    urls = _naming.texts(inner(known, "urls"))
    version = text(found, "versionSpecifier")
    pairs = (("reachability", text(row, "exposureType")), ("transitivity", text(row, "transitivity")))
    return Finding(
        asset=asset,
        rule=rule,
        title=_code_scans.title(text(row, "title"), text(advisory, "title"), rule),
        severity=_naming.severity(text(advisory, "severity")),
        weaknesses=_packages.weaknesses(*_naming.texts(inner(known, "cveIds")), *_naming.public_ids(*urls)),
        component=_semgrep_rules.component(text(advisory, "ecosystem"), package),
        component_name=package,
        version=version,
        fixed_version=text(row, "closestSafeDependency", "versionSpecifier"),
        path=_packages.slashed(text(place, "path")),
        line=max(0, _naming.whole_number(inner(place, "startLine"))),
        cwes=_code_scans.cwes(inner(known, "cweIds")),
        proof="package" if version else "unknown",
        word=_word(text(row, "triage", "status"), text(row, "triage", "dismissReason")),
        description=text(advisory, "description"),
        references=tuple(urls),
        evidence=_usages(row),
        first_seen=_naming.when(text(row, "openedAt")),
        tags=tuple(f"{key}={value.lower()}" for key, value in pairs if value),
    )


def _usages(row: Row) -> str:
    places = [inner(one, "location") for one in objects(inner(row, "usages"))]
    shown = [f"{text(one, 'path')}:{text(one, 'startLine')}" for one in places if text(one, "path")]
    return f"used at {', '.join(shown[:20])}" if shown else ""


def _word(status: str, reason: str) -> Word:
    found = _WORDS.get(status.lower(), "open")
    return _REASONS.get(reason.lower(), found) if found == "suppressed" else found


def findings(raws: list[msgspec.Raw], skip: Skip) -> Iterator[Record]:
    """Yield the run, the repositories, and one finding for each that the platform lists."""
    yield RunSeen(tool="semgrep")
    repositories = _Repositories()
    for number, row in enumerate(_decoding.each(_ROW, raws, "findings", skip)):
        rule = text(row, "rule_name") or text(row, "rule", "name")
        if not rule:
            skip(Skipped(f"findings, {number + 1}. that is readable", "names no rule"))
            continue
        asset, before = repositories.at(text(row, "repository", "name"), text(row, "repository", "url"))
        yield from before
        yield _finding(asset, rule, row)


def _finding(asset: str, rule: str, row: Row) -> Finding:
    message = text(row, "rule_message") or text(row, "rule", "message")
    numbers = _code_scans.cwes(inner(row, "rule", "cwe_names"))
    found, word = inner(row, "found_dependency"), _state(row)
    path = text(row, "location", "file_path")
    line = max(0, _naming.whole_number(inner(row, "location", "line")))
    severity = _semgrep_rules.severity(text(row, "severity"), None)
    created = text(row, "created_at")
    if not isinstance(found, dict) and _semgrep_rules.is_secret(rule, None, numbers):
        return _code_scans.secret(
            asset, rule, path, line=line, severity=severity, word=word, cwes=numbers or (798,), first_seen=created
        )
    package, identifier = text(found, "package"), text(row, "vulnerability_identifier")
    confidence, reach = text(row, "confidence"), text(row, "reachability")
    pairs = (("confidence", confidence), ("reachability", reach), ("transitivity", text(found, "transitivity")))
    return Finding(
        asset=asset,
        rule=rule,
        title=_code_scans.title(f"{identifier or rule} in {package}" if package else "", message, rule),
        severity=severity,
        weaknesses=_packages.weaknesses(identifier),
        kind="vulnerability" if package else "code",
        component=_semgrep_rules.component(text(found, "ecosystem"), package),
        component_name=package,
        version=text(found, "version"),
        fixed_version=next((text(one, "version") for one in objects(inner(row, "fix_recommendations"))), ""),
        path=_packages.slashed(path),
        line=line,
        context="" if package else text(row, "match_based_id") or text(row, "syntactic_id"),
        epss=_naming.number(inner(row, "epss_score", "score")),
        cwes=numbers,
        proof="package" if package else "unknown",
        word=word,
        description=message,
        references=tuple(filter(None, [text(row, "line_of_code_url")])),
        first_seen=_naming.when(created),
        fixed_at=_naming.when(text(row, "state_updated_at")) if word == "fixed" else None,
        tags=tuple(f"{key}={value.lower()}" for key, value in pairs if value),
    )


def _state(row: Row) -> Word:
    """The word of triage where someone gave one, else what the scan last saw."""
    for name in ("status", "state", "triage_state"):
        word = _word(text(row, name), text(row, "triage_reason"))
        if word != "open":
            return word
    return "open"

"""Semgrep's words on a rule and on what it matched: severities, secrets, packages and what stays when lines move."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _naming, _packages
from foreshore.discovery.readers._code_scans import Row, inner, objects, text
from foreshore.facts import ExposureKind, Finding, Proof, Severity

# The older three levels stand for high, medium and low by the maker's own words.
_SEVERITIES: dict[str, Severity] = {"error": "high", "warning": "medium", "info": "low"}
_ECOSYSTEMS = {"swiftpm": "swift", "mix": "hex", "pipy": "pypi"}
_REGISTRY = regex(r"^https://semgrep\.dev/r/([\w.+/-]{3,300})$")
_SECRET_RULE = regex(r"(?:^|\.)secrets?\.|(?:^|\.)detected-|hard-?coded-(?:secret|password|credential|token|key)")


def severity(word: str, metadata: object) -> Severity:
    """Semgrep's severity; that of the advisory where the rule is about a dependency."""
    word = text(metadata, "sca-severity") or word
    return _SEVERITIES.get(word.lower()) or _naming.severity(word)


def name(rule: str, metadata: object) -> str:
    """The rule's name in the registry; rules from a folder are called by that folder's path as well."""
    match = _REGISTRY.match(text(metadata, "source"))
    return match.group(1) if match and rule.endswith("." + match.group(1)) else rule


def kind(metadata: object, numbers: tuple[int, ...]) -> ExposureKind:
    """Code, or an observation where the rule itself says that it is about style, speed or correctness."""
    category = text(metadata, "category").lower()
    return "observation" if category not in ("", "security") and not numbers else "code"


def references(metadata: object) -> tuple[str, ...]:
    """What the rule refers to, and its own page last."""
    value = inner(metadata, "references")
    listed = _naming.texts(value) if isinstance(value, list) else [_naming.text(value)]
    return tuple(dict.fromkeys(one for one in [*listed, text(metadata, "shortlink")] if one))


def replacement(extra: object) -> str:
    """The replacement by pattern that the rule proposes, in words."""
    pattern, by = text(extra, "fix_regex", "regex"), text(extra, "fix_regex", "replacement")
    return f"replace `{pattern}` by `{by}`" if pattern else ""


def bound(extra: object) -> str:
    """What the rule's variables stand for: the code of the match where its lines are left out."""
    held = inner(extra, "metavars")
    if not isinstance(held, dict):
        return ""
    parts = [f"{key}={value}" for key in sorted(held) if (value := text(held, key, "abstract_content"))]
    return _code_scans.code(" ".join(parts))


def tags(extra: object) -> tuple[str, ...]:
    """What the rule says of how sure and how likely it is."""
    metadata = inner(extra, "metadata")
    said = [
        f"{key}={value.lower()}" for key in ("confidence", "likelihood", "impact") if (value := text(metadata, key))
    ]
    engine = text(extra, "engine_kind")
    return (*said, *((f"engine={engine.lower()}",) if engine else ()))


# -- secrets --


def is_secret(rule: str, extra: object, numbers: tuple[int, ...]) -> bool:
    """Does the match hold a secret? Then nothing of the code is taken."""
    if text(extra, "validation_state") not in ("", "NO_VALIDATOR") or inner(extra, "historical_info"):
        return True
    return _code_scans.is_secret(numbers) or bool(_SECRET_RULE.search(rule))


def secret(asset: str, rule: str, row: Row, numbers: tuple[int, ...]) -> Finding:
    """A secret by rule and place; messages repeat what was matched and are left out."""
    extra = inner(row, "extra")
    metadata, past = inner(extra, "metadata"), inner(extra, "historical_info")
    state = text(extra, "validation_state")
    state = "" if state == "NO_VALIDATOR" else state.lower()
    commit = text(past, "git_commit")
    rule = name(rule, metadata)
    return _code_scans.secret(
        asset,
        rule,
        text(row, "path"),
        line=max(0, _naming.whole_number(inner(row, "start", "line"))),
        severity=severity(text(extra, "severity"), metadata),
        proof="confirmed" if state == "confirmed_valid" else "unknown",
        word="suppressed" if inner(extra, "is_ignored") is True else "open",
        cwes=numbers or (798,),
        references=references(metadata),
        first_seen=text(past, "git_commit_timestamp"),
        tags=(*((f"validation={state}",) if state else ()), *((f"commit={commit}",) if commit else ())),
    )


# -- dependencies --


def packages(extra: object) -> Row | None:
    """What a supply-chain rule matched, in its form of today or of before 2023; None for other rules."""
    said = inner(extra, "sca_info")
    if isinstance(said, dict):
        return said
    old = objects(inner(extra, "dependency_matches"))
    if not old:
        return None
    return {"dependency_match": old[0], "reachable": inner(extra, "dependency_match_only") is False}


def component(ecosystem: str, package: str) -> str:
    """The purl, without version, of a package in Semgrep's word for its ecosystem."""
    word = ecosystem.lower()
    return _packages.component(_ECOSYSTEMS.get(word, word), package)


def dependency(asset: str, rule: str, row: Row, said: Row) -> Finding:
    """A vulnerable package, and whether the code reaches what is vulnerable in it."""
    extra, match = inner(row, "extra"), inner(said, "dependency_match")
    metadata, found = inner(extra, "metadata"), inner(match, "found_dependency") or inner(match, "found")
    package = text(found, "package") or text(found, "name") or text(match, "dependency_pattern", "package")
    ecosystem = text(found, "ecosystem") or text(found, "namespace") or text(match, "dependency_pattern", "ecosystem")
    version = text(found, "version")
    lockfile = text(match, "lockfile") or text(found, "lockfile_path") or text(row, "path")
    used = _used(row, lockfile)
    ids = [text(metadata, key) for key in ("sca-vuln-database-identifier", "cve", "ghsa")]
    reachable = inner(said, "reachable")
    message = text(extra, "message")
    return Finding(
        asset=asset,
        rule=rule,
        title=_code_scans.title(f"{next(filter(None, ids), rule)} in {package}" if package else "", message, rule),
        severity=severity(text(extra, "severity"), metadata),
        weaknesses=_packages.weaknesses(*ids),
        component=component(ecosystem, package),
        component_name=package,
        version=version,
        fixed_version=_fixed(inner(metadata, "sca-fix-versions"), package),
        path=_packages.slashed(lockfile),
        line=max(0, _naming.whole_number(inner(found, "line_number"))),
        cwes=_code_scans.cwes(inner(metadata, "cwe")),
        proof=_proof(version),
        word="suppressed" if inner(extra, "is_ignored") is True else "open",
        description=message,
        references=references(metadata),
        evidence=f"used at {used}" if used and reachable is True else "",
        tags=_reach(reachable, text(metadata, "sca-kind"), text(found, "transitivity")),
    )


def _proof(version: str) -> Proof:
    return "package" if version else "unknown"


def _used(row: Row, lockfile: str) -> str:
    path = text(row, "path")
    return f"{path}:{_naming.whole_number(inner(row, 'start', 'line'))}" if path != lockfile else ""


def _reach(reachable: Any, rule_kind: str, transitivity: str) -> tuple[str, ...]:
    """How the code comes to the package; a rule that looks only at versions says nothing of it."""
    word = "" if rule_kind == "upgrade-only" or not isinstance(reachable, bool) else "no"
    if reachable is True:
        word = "yes"
    pairs = (("reachable", word), ("rule", rule_kind), ("transitivity", transitivity.lower()))
    return tuple(f"{key}={value}" for key, value in pairs if value)


def _fixed(value: object, package: str) -> str:
    """The versions that mend `package`, from `[{"package": "version"}]`."""
    rows: Iterable[Row] = objects(value)
    return ", ".join(dict.fromkeys(found for row in rows if (found := text(row, package))))

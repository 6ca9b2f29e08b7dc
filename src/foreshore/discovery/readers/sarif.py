"""SARIF 2.1.0: results of code scanners, and of others that write the format."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _sarif_rules
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._sarif_rules import Message, Rule, Rules, Tool
from foreshore.errors import BadReport
from foreshore.facts import Covered, ExposureKind, Finding, Record, RunSeen, Severity, Sighting, Skipped, Word

_RUNS = regex(r'"runs"\s*:\s*\[')
_MARKERS = regex(r'"(driver|ruleId|physicalLocation)"\s*:|sarif', re.IGNORECASE)
_LEVELS: dict[str, Severity] = {"error": "high", "warning": "medium", "note": "info", "none": "info"}
_PACKAGE_LINES = regex(r"^(Package|Installed Version|Fixed Version): (.*)$", re.MULTILINE)
_SECRET_TOOLS = regex(r"gitleaks|trufflehog|detect-secrets|ggshield|gitguardian|whispers|noseyparker", re.I)
_LONGEST_TITLE = 160


class _Artifact(msgspec.Struct, gc=False):
    uri: Scalar = None
    index: int | None = None


class _Snippet(msgspec.Struct, gc=False):
    text: Scalar = None


class _Region(msgspec.Struct, gc=False):
    startLine: Scalar = None
    snippet: _Snippet | None = None


class _Physical(msgspec.Struct, gc=False):
    artifactLocation: _Artifact | None = None
    region: _Region | None = None
    contextRegion: _Region | None = None


class _Logical(msgspec.Struct, gc=False):
    fullyQualifiedName: Scalar = None
    name: Scalar = None


class _Location(msgspec.Struct, gc=False):
    physicalLocation: _Physical | None = None
    logicalLocations: list[_Logical] | None = None


class _Suppression(msgspec.Struct, gc=False):
    kind: Scalar = None
    status: Scalar = None
    justification: Scalar = None


class _Fix(msgspec.Struct, gc=False):
    description: Message | None = None


class _RuleReference(msgspec.Struct, gc=False):
    id: Scalar = None
    index: int | None = None


class _Result(msgspec.Struct, gc=False):
    ruleId: Scalar = None
    ruleIndex: int | None = None
    rule: _RuleReference | None = None
    kind: Scalar = None
    level: Scalar = None
    message: Message | None = None
    locations: list[_Location] | None = None
    fingerprints: dict[str, Scalar] | None = None
    partialFingerprints: dict[str, Scalar] | None = None
    suppressions: list[_Suppression] | None = None
    baselineState: Scalar = None
    occurrenceCount: Scalar = None
    hostedViewerUri: Scalar = None
    properties: dict[str, Any] | None = None
    taxa: list[_RuleReference] | None = None
    fixes: list[_Fix] | None = None


class _Provenance(msgspec.Struct, gc=False):
    repositoryUri: Scalar = None
    revisionId: Scalar = None
    branch: Scalar = None


class _Automation(msgspec.Struct, gc=False):
    id: Scalar = None


class _Invocation(msgspec.Struct, gc=False):
    endTimeUtc: Scalar = None
    startTimeUtc: Scalar = None
    executionSuccessful: Scalar = None


class _ListedArtifact(msgspec.Struct, gc=False):
    location: _Artifact | None = None
    roles: list[Scalar] | None = None


class _Run(msgspec.Struct, gc=False):
    tool: Tool | None = None
    results: list[msgspec.Raw] | None = None
    artifacts: list[_ListedArtifact] | None = None
    versionControlProvenance: list[_Provenance] | None = None
    automationDetails: _Automation | None = None
    automationId: _Automation | None = None
    originalUriBaseIds: dict[str, _Artifact] | None = None
    invocations: list[_Invocation] | None = None
    properties: dict[str, Any] | None = None


class _Document(msgspec.Struct, gc=False):
    version: Scalar = None
    runs: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_RUN: msgspec.json.Decoder[_Run] = msgspec.json.Decoder(_Run)
_RESULT: msgspec.json.Decoder[_Result] = msgspec.json.Decoder(_Result)


@dataclass(frozen=True)
class Sarif:
    """Reads SARIF 2.1.0; each result is a finding in the repository, code or image it is about."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a SARIF log."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if re.search(r'"\$schema"\s*:\s*"[^"]*sarif', opening, re.IGNORECASE):
            return True
        return bool(_RUNS.search(opening) and _MARKERS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, what was scanned, and one finding for each result."""
        document = _decoding.whole(report, _DECODER)
        version = _naming.text(document.version)
        if document.runs is None or version.startswith("1."):
            raise BadReport(
                f"is SARIF {version}, which is too old" if document.runs is not None else "has no list of runs",
                where=report.name,
                hint="export SARIF 2.1.0",
            )
        skipped: list[Skipped] = []
        runs = list(_decoding.each(_RUN, document.runs, "runs", skipped.append))
        if skipped and not runs:
            raise BadReport(
                f"holds no run that can be read: {skipped[0].why}",
                where=report.name,
                hint="export SARIF 2.1.0",
            )
        yield _run_seen(runs)
        said: set[str] = set()
        for number, run in enumerate(runs):
            sighting = _sighting(run)
            if sighting.key not in said:
                said.add(sighting.key)
                yield sighting
            yield from _Reading(run, sighting.key).records(f"runs[{number}].results")
        yield from skipped


def _run_seen(runs: list[_Run]) -> RunSeen:
    drivers = [run.tool.driver for run in runs if run.tool is not None and run.tool.driver is not None]
    names = dict.fromkeys(_naming.text(driver.name) for driver in drivers)
    versions = dict.fromkeys(_naming.text(driver.semanticVersion or driver.version) for driver in drivers)
    stamps = [
        text
        for run in runs
        for one in run.invocations or ()
        if (text := _naming.text(one.endTimeUtc) or _naming.text(one.startTimeUtc))
    ]
    stamp = max(stamps, default="")
    observed, assumed = _naming.moment(stamp)
    return RunSeen(
        tool=", ".join(name for name in names if name) or "sarif",
        version=", ".join(version for version in versions if version),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


# -- what was scanned ---------------------------------------------------------------------------


def _sighting(run: _Run) -> Sighting:
    """The repository of the run, or its image, else the code as the run calls it."""
    properties = run.properties or {}
    image = _naming.text(properties.get("imageName"))
    if image:
        identifiers = _naming.image_identifiers(
            [*_texts(properties.get("repoTags")), image],
            [*_texts(properties.get("repoDigests")), _naming.text(properties.get("imageID"))],
        )
        return Sighting(key=f"image {image}", name=image, kind="image", identifiers=identifiers)
    for place in run.versionControlProvenance or ():
        if url := _naming.text(place.repositoryUri).strip():
            plain = url.removesuffix("/").removesuffix(".git")
            attributes = [(name, text) for name in ("branch",) if (text := _naming.text(getattr(place, name)))]
            return Sighting(
                key=f"repository {plain.lower()}",
                name=plain.rpartition("://")[2],
                kind="repository",
                identifiers=(("repo_url", plain.lower()),),
                attributes=tuple(attributes),
            )
    name = _called(run)
    return Sighting(key=f"code {name}", name=name, kind="code_component", identifiers=(("artifact", name),))


def _called(run: _Run) -> str:
    """What the run calls itself: its automation category, its source root, else only its tool."""
    driver = run.tool.driver if run.tool is not None else None
    tool = (_naming.text(driver.name) if driver is not None else "") or "a scanner"
    details = run.automationDetails or run.automationId
    category = _naming.text(details.id).rpartition("/")[0] if details is not None else ""
    for base, place in sorted((run.originalUriBaseIds or {}).items()):
        root = _naming.text(place.uri).strip().removesuffix("/")
        if base.strip("%").upper() in ("SRCROOT", "PROJECTROOT", "ROOTPATH", "WORKDIR") and len(root) > 8:
            return f"{category} {root}".strip()
    return category or f"code scanned by {tool}"


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


# -- results ------------------------------------------------------------------------------------


class _Reading:
    """One run of the log: its rules, and where its results lie."""

    def __init__(self, run: _Run, asset: str) -> None:
        self.run = run
        self.asset = asset
        self.rules = Rules(run.tool)
        self.secrets = bool(_SECRET_TOOLS.search(self.rules.tool))

    def records(self, where: str) -> Iterator[Record]:
        skipped: list[Skipped] = []
        passed = 0
        for result in _decoding.each(_RESULT, self.run.results, where, skipped.append):
            if result.kind in ("pass", "notApplicable"):
                passed += 1
                continue
            yield self.finding(result)
        if passed:
            yield Skipped(where, f"{passed} results say that a check passed or does not apply")
        yield from self.covered()
        yield from skipped

    def covered(self) -> Iterator[Record]:
        """The files that the run calls targets of the analysis, for its rules: not those of a run that failed."""
        run = self.run
        targets = {
            _naming.text(one.location.uri)
            for one in run.artifacts or ()
            if one.location is not None and "analysisTarget" in (one.roles or ())
        } - {""}
        ended = run.invocations and all(one.executionSuccessful is True for one in run.invocations)
        rules = self.rules.names()
        if targets and ended and rules:
            yield Covered(asset=self.asset, checks="rules of the run", check_list=rules, paths=tuple(sorted(targets)))

    def finding(self, result: _Result) -> Finding:
        rule = self.rule(result)
        message = self.rules.message(rule, result.message)
        physical, logical = _place(result)
        kind: ExposureKind = "secret" if self.secrets or rule.secret else rule.kind
        properties = result.properties
        package = _package(message) if "\nInstalled Version: " in message else rule.package
        path = self.path(physical)
        line = physical.region.startLine if physical is not None and physical.region is not None else None
        return Finding(
            asset=self.asset,
            rule=rule.id,
            title=rule.title if kind == "secret" else _title(message, rule),
            severity=self.severity(result, rule),
            weaknesses=rule.weaknesses,
            kind=kind,
            component_name=package[0] or (_file_name(path) if kind == "vulnerability" else ""),
            version=package[1],
            fixed_version=package[2],
            url=path if path.startswith(("http://", "https://")) else "",
            path=path,
            line=line if type(line) is int else _naming.whole_number(line),
            context=_context(result, physical, logical),
            cvss_score=rule.score or (_score(properties) if properties else None),
            cwes=_cwes(rule, result, message),
            proof="package" if package[0] else "configuration" if kind == "misconfiguration" else "unknown",
            word=_word(result),
            description=rule.description if kind == "secret" else message,
            solution=_fix(result) or rule.help,
            references=rule.references,
            evidence=_justification(result),
            instances=max(1, _naming.whole_number(result.occurrenceCount, 1)),
            tags=rule.tags,
        )

    def rule(self, result: _Result) -> Rule:
        reference = result.rule
        identifier = result.ruleId if type(result.ruleId) is str else _naming.text(result.ruleId)
        index = result.ruleIndex
        if reference is not None:
            identifier = identifier or _naming.text(reference.id)
            index = reference.index if index is None else index
        return self.rules.of(identifier, index)

    def severity(self, result: _Result, rule: Rule) -> Severity:
        properties = result.properties
        if properties and (own := _sarif_rules.security_severity(properties)) is not None:
            return own
        if rule.severity is not None:
            return rule.severity
        return _LEVELS.get(_naming.text(result.level) or rule.level, "medium")

    def path(self, physical: _Physical | None) -> str:
        place = physical.artifactLocation if physical is not None else None
        if place is None:
            return ""
        if not place.uri and place.index is not None and self.run.artifacts:
            if 0 <= place.index < len(self.run.artifacts):
                listed = self.run.artifacts[place.index].location
                return _naming.text(listed.uri) if listed is not None else ""
            return ""
        return _naming.text(place.uri)


def _package(message: str) -> tuple[str, str, str]:
    """Package, version and fix as Trivy writes them into its message."""
    found = dict(_PACKAGE_LINES.findall(message))
    return found.get("Package", ""), found.get("Installed Version", ""), found.get("Fixed Version", "")


def _file_name(path: str) -> str:
    """A weakness of software in a file sits in that file where the tool names no package."""
    return path.rstrip("/").rpartition("/")[2]


def _place(result: _Result) -> tuple[_Physical | None, list[_Logical]]:
    for location in result.locations or ():
        return location.physicalLocation, location.logicalLocations or []
    return None, []


def _title(message: str, rule: Rule) -> str:
    """The message where it is one short sentence; else the rule's own short name; else its beginning."""
    line = " ".join(message.split())
    if line and (len(line) <= _LONGEST_TITLE or not rule.titled):
        return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"
    return rule.title


def _context(result: _Result, physical: _Physical | None, logical: list[_Logical]) -> str:
    """What stays when lines move: the tool's own fingerprint, else the code's digest, else the function."""
    for prints in (result.fingerprints, result.partialFingerprints):
        for name in sorted(prints or ()):
            if not name.endswith("StartColumnFingerprint") and (text := _naming.text((prints or {})[name])):
                return f"{name}:{text}"
    if physical is not None:
        for region in (physical.region, physical.contextRegion):
            snippet = region.snippet.text if region is not None and region.snippet is not None else None
            if snippet:
                return _sarif_rules.digest(_naming.text(snippet))
    for one in logical:
        if text := _naming.text(one.fullyQualifiedName) or _naming.text(one.name):
            return text
    return ""


def _word(result: _Result) -> Word:
    """Suppressed where every word on it stands; a review that is not over suppresses nothing."""
    if result.baselineState == "absent":
        return "fixed"
    suppressions = result.suppressions
    if suppressions and all(one.status in (None, "accepted") for one in suppressions):
        return "suppressed"
    return "open"


def _fix(result: _Result) -> str:
    """The result's own proposals for a fix, in words."""
    return "\n".join(
        text
        for one in result.fixes or ()
        if one.description is not None and (text := _naming.text(one.description.text))
    )


def _justification(result: _Result) -> str:
    return "\n".join(text for one in result.suppressions or () if (text := _naming.text(one.justification)))


def _cwes(rule: Rule, result: _Result, message: str) -> tuple[int, ...]:
    found = rule.cwes
    if "CWE-" in message:
        found += _naming.cwes(re.findall(r"CWE-\d+", message))
    if result.taxa:
        found += _naming.cwes([_naming.text(one.id).upper().removeprefix("CWE-") for one in result.taxa])
    return tuple(dict.fromkeys(found))


def _score(properties: dict[str, Any]) -> float | None:
    for name in ("cvssv4_baseScore", "cvssv3_baseScore", "cvssv2_score"):
        if (found := _naming.score(properties.get(name))) is not None:
            return found
    return None


PLUGIN = Sarif()

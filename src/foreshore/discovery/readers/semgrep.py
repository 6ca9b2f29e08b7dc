"""Semgrep: the JSON of its command line (all versions, open and pro), and lists of findings from its platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _decoding, _naming, _packages, _semgrep_platform, _semgrep_rules
from foreshore.discovery.readers._code_scans import Row, inner, text
from foreshore.errors import BadReport
from foreshore.facts import Covered, Finding, Record, RunSeen, Skipped

_RESULTS = regex(r'"results"\s*:\s*\[')
_FRAME = regex(r'"(interfile_languages_used|skipped_rules)"\s*:\s*\[|"paths"\s*:\s*\{[^{}]{0,200}"scanned"\s*:')
_ERRORS = regex(r'^\s*\{\s*"errors"\s*:\s*\[\s*\{')
_ERROR = regex(r'"level"\s*:\s*"(?:warn|error|info)"')
_NOTHING = regex(r'^\s*\{\s*"results"\s*:\s*\[\s*\]\s*,\s*"errors"\s*:\s*\[\s*\]\s*[,}]')  # of old versions
_VULNS = regex(r'"vulns"\s*:\s*\[')
_FINDINGS = regex(r'"findings"\s*:\s*\[')
_VULN = regex(r'"(matchedDependency|exposureType|hasMore)"\s*:')
_FINDING = regex(r'"(match_based_id|syntactic_id|relevant_since)"\s*:')
_RULE = regex(r'"check_id"\s*:')
_LOGIN = "requires login"
_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)


class _Paths(msgspec.Struct, gc=False):
    scanned: list[_decoding.Scalar] | None = None


class _Time(msgspec.Struct, gc=False):
    """What `--time` adds: among the times, which rules were run; before version 1.0 each was an object."""

    rules: list[_decoding.Scalar | dict[str, _decoding.Scalar]] | None = None


class _Document(msgspec.Struct, gc=False):
    version: _decoding.Scalar = None
    results: list[msgspec.Raw] | None = None
    errors: list[msgspec.Raw] | None = None
    paths: _Paths | None = None
    time: _Time | None = None
    vulns: list[msgspec.Raw] | None = None
    findings: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)


@dataclass(frozen=True)
class Semgrep:
    """Reads Semgrep's results: code, secrets (place only) and dependencies."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is `head` the beginning of Semgrep's JSON, or of a list from its platform?"""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if _RESULTS.search(opening) and _RULE.search(opening):
            return True
        if _NOTHING.match(opening) or (_FRAME.search(opening) and '"errors"' in opening):
            return True
        if _ERRORS.match(opening) and _ERROR.search(opening) and ('"spans"' in opening or '"rule_id"' in opening):
            return True  # sorted by name, with many errors first
        return bool(
            (_VULNS.search(opening) and _VULN.search(opening))
            or (_FINDINGS.search(opening) and _FINDING.search(opening))
        )

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each repository once, and one finding for each result."""
        document = _decoding.whole(report, _DECODER)
        skipped: list[Skipped] = []
        if document.results is not None:
            yield from _scan(document, skipped.append)
        elif document.vulns is not None:
            yield from _semgrep_platform.vulnerabilities(document.vulns, skipped.append)
        elif document.findings is not None:
            yield from _semgrep_platform.findings(document.findings, skipped.append)
        else:
            raise BadReport(
                "has no list of results",
                where=report.name,
                hint="export with `semgrep scan --json` and keep the whole file",
            )
        yield from skipped


def _scan(document: _Document, skip: Callable[[Skipped], None]) -> Iterator[Record]:
    errors = len(document.errors or ())
    yield RunSeen(
        tool="semgrep",
        version=_naming.text(document.version),
        settings=(("errors", str(errors)),) if errors else (),
    )
    # The report never says whose code it is
    sighting = _code_scans.unnamed("Semgrep")
    yield sighting
    renamed: dict[str, str] = {}
    for number, row in enumerate(_decoding.each(_ROW, document.results, "results", skip)):
        found = _result(sighting.key, row)
        if found is None:
            skip(Skipped(f"results, {number + 1}. that is readable", "names no rule or no file"))
            continue
        renamed[text(row, "check_id")] = found.rule
        yield found
    yield from _covered(sighting.key, document, renamed)


def _covered(asset: str, document: _Document, renamed: dict[str, str]) -> Iterator[Record]:
    """Which rules looked at which files; only a scan with `--time` says the rules, and one that failed nothing."""
    listed = (document.time.rules if document.time else None) or []
    rules = [_naming.text(one.get("id") if isinstance(one, dict) else one) for one in listed]
    paths = [_naming.text(one) for one in (document.paths.scanned if document.paths else None) or []]
    known = tuple(sorted({renamed.get(rule, rule) for rule in rules if rule}))
    scanned = tuple(sorted({_packages.slashed(path) for path in paths if path}))
    if known and scanned and not document.errors:
        yield Covered(asset=asset, checks="semgrep: rules", check_list=known, paths=scanned)


def _result(asset: str, row: Row) -> Finding | None:
    rule, path = text(row, "check_id"), text(row, "path")
    if not rule or not path:
        return None
    extra = inner(row, "extra")
    packages = _semgrep_rules.packages(extra)
    if packages is not None:
        return _semgrep_rules.dependency(asset, rule, row, packages)
    numbers = _code_scans.cwes(inner(extra, "metadata", "cwe"))
    if _semgrep_rules.is_secret(rule, extra, numbers):
        return _semgrep_rules.secret(asset, rule, row, numbers)
    return _code(asset, rule, row, numbers)


def _code(asset: str, rule: str, row: Row, numbers: tuple[int, ...]) -> Finding:
    extra = inner(row, "extra")
    metadata, message = inner(extra, "metadata"), text(extra, "message")
    lines = _known(text(extra, "lines"))
    fix = text(extra, "fix") or _semgrep_rules.replacement(extra)
    return Finding(
        asset=asset,
        rule=_semgrep_rules.name(rule, metadata),
        title=_code_scans.title(text(metadata, "shortDescription"), message, _code_scans.words(rule)),
        severity=_semgrep_rules.severity(text(extra, "severity"), metadata),
        weaknesses=_naming.public_ids(text(metadata, "cve"), text(metadata, "ghsa")),
        kind=_semgrep_rules.kind(metadata, numbers),
        path=_packages.slashed(text(row, "path")),
        line=max(0, _naming.whole_number(inner(row, "start", "line"))),
        context=_code_scans.code(lines) or _known(text(extra, "fingerprint")) or _semgrep_rules.bound(extra),
        cwes=numbers,
        word="suppressed" if inner(extra, "is_ignored") is True else "open",
        description=message,
        solution=fix,
        references=_semgrep_rules.references(metadata),
        evidence=lines,
        tags=_semgrep_rules.tags(extra),
    )


def _known(value: str) -> str:
    """A value that is left out, with these words instead, unless one is logged in."""
    return "" if value.lower() == _LOGIN else value


PLUGIN = Semgrep()

"""Gitleaks: JSON and CSV of version 8, and JSON and CSV of versions 2 to 7.

Only rule and place are taken: neither the secret nor the line, the commit's message or its author. The
tool gives no severity of its own: what it finds is high unless the report says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _decoding, _hosts, _naming, _packages, _pipelines
from foreshore.discovery.readers._code_scans import Row, inner, text
from foreshore.facts import Finding, Record, RunSeen, Severity, Sighting, Skipped

_NEW = regex(r'"RuleID"\s*:')
_NEW_ALSO = regex(r'"(Secret|SymlinkFile|Entropy)"\s*:')  # others have rules and lines as well
_OLD = regex(r'"offender"\s*:')
_OLD_ALSO = regex(r'"(rule|reason|commit|leakURL)"\s*:')
_NEW_COLUMNS = ("RuleID", "File", "StartLine")
_OLD_COLUMNS = ("offender", "commit", "file")
# The address of a line in a repository's web pages begins with the repository's own.
_BROWSED = regex(r"^(https?://[^\s?#]{3,400}?)(?:/-)?/(?:blob|src)/")
_COMMIT = regex(r"^[0-9a-fA-F]{7,64}$")
_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)


@dataclass(frozen=True)
class Gitleaks:
    """Reads every leak as a rule, a file and a commit."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is `head` the beginning of Gitleaks' JSON or CSV?"""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("[", "{"):
            return bool(
                (_NEW.search(opening) and _NEW_ALSO.search(opening))
                or (_OLD.search(opening) and _OLD_ALSO.search(opening))
            )
        return csvrows.has_columns(head, *_NEW_COLUMNS) or csvrows.has_columns(head, *_OLD_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each repository once, and one finding for each leak."""
        yield RunSeen(tool="gitleaks")
        skipped: list[Skipped] = []
        said: set[str] = set()
        owners: set[tuple[str, str]] = set()
        for where, row in _rows(report, skipped):
            rule = _first(row, "ruleid", "rule", "reason")
            if not rule:
                skipped.append(Skipped(where, "names no rule"))
                continue
            project = _project(row)
            if project.key not in said:
                said.add(project.key)
                yield project
            yield _finding(project.key, rule, row)
            key = (project.key, text(row, "secret"))
            if rule.lower().startswith("aws") and key not in owners:
                owners.add(key)
                yield from _pipelines.owner_of_key(*key)
        if not said:
            yield _code_scans.unnamed("Gitleaks")
        yield from skipped


def _rows(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, Row]]:
    """Yield (where, row with names in lower case) of any form."""
    opening = reports.decode_head(report.head).lstrip()
    if opening.startswith(("[", "{", "null")) or not opening:
        if opening.strip() == "null":  # what version 8 wrote where it found nothing
            return
        for number, row in enumerate(_decoding.rows(report, _ROW, skipped.append), 1):
            yield f"leak {number}", {key.lower(): value for key, value in row.items()}
        return
    find = _NEW_COLUMNS if csvrows.has_columns(report.head, *_NEW_COLUMNS) else _OLD_COLUMNS
    for line, cells in csvrows.table(report, find=find, fold=True).rows:
        yield f"line {line}", dict(cells)


def _first(row: Row, *names: str) -> str:
    return next((value for name in names if (value := text(row, name))), "")


def _project(row: Row) -> Sighting:
    """The repository, by its own address or by that of the line; version 8 may say neither."""
    browsed = _BROWSED.match(_first(row, "link", "leakurl"))
    url = _packages.repository_url(text(row, "repourl")) or _packages.repository_url(
        browsed.group(1) if browsed else ""
    )
    name = text(row, "repo")
    if "://" in name:
        url, name = url or _packages.repository_url(name), ""
    name = name.rstrip("/").rpartition("/")[2]
    return _packages.project(name, url) if name or url else _code_scans.unnamed("Gitleaks")


def _finding(asset: str, rule: str, row: Row) -> Finding:
    commit, link = text(row, "commit"), _first(row, "link", "leakurl")
    line = _naming.whole_number(inner(row, "startline") or inner(row, "linenumber"))
    listed = inner(row, "tags")
    words = (
        _naming.texts(listed) if isinstance(listed, list) else re.split(r"[,;]\s*", _naming.text(listed).strip("[]"))
    )
    return _code_scans.secret(
        asset,
        rule,
        _first(row, "file", "symlinkfile"),
        title=_code_scans.title(text(row, "description"), rule),
        line=max(0, line),
        severity=_severity(text(row, "severity")),
        references=(link,) if link.startswith(("https://", "http://")) and "@" not in link.split("/")[2] else (),
        first_seen=_hosts.when(text(row, "date")),
        tags=(*((f"commit={commit}",) if _COMMIT.match(commit) else ()), *(word for word in words if word)),
    )


def _severity(word: str) -> Severity:
    return _naming.severity(word) if word and _naming.is_severity(word) else "high"


PLUGIN = Gitleaks()

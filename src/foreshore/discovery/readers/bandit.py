"""Bandit (version 1 to now): the JSON and the CSV report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _decoding, _naming, _packages
from foreshore.discovery.readers._code_scans import Row, inner, text
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_RESULT = regex(r'"issue_(severity|confidence|text)"\s*:')
_METRICS = regex(r'"metrics"\s*:\s*\{\s*"[^"]{1,2000}"\s*:\s*\{\s*"(?:CONFIDENCE|SEVERITY)\.[A-Z]')
_COLUMNS = ("filename", "test_name", "issue_severity", "issue_confidence", "line_number")
_NUMBERED = regex(r"^\s*(\d{1,9})(?: |\t|$)(.*)$")
_PASSWORDS = frozenset({"B105", "B106", "B107"})  # their text repeats the password
_CWE_PAGE = regex(r"definitions/(\d{1,5})")


class _Document(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None
    errors: list[msgspec.Raw] | None = None
    generated_at: _decoding.Scalar = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)


@dataclass(frozen=True)
class Bandit:
    """Reads every issue; of hard-coded passwords only the place."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is `head` the beginning of Bandit's JSON or CSV?"""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] == "{":
            return bool(_METRICS.search(opening) or (_RESULT.search(opening) and '"test_name"' in opening))
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the code that was scanned, and one finding for each issue."""
        skipped: list[Skipped] = []
        if reports.decode_head(report.head).lstrip()[:1] == "{":
            document = _decoding.whole(report, _DECODER)
            if document.results is None:
                raise BadReport(
                    "has no list of results", where=report.name, hint="export with `bandit -r … -f json -o report.json`"
                )
            run = _run(document)
            rows: Iterator[tuple[str, Any]] = (
                (f"results, {number + 1}. that is readable", row)
                for number, row in enumerate(_decoding.each(_ROW, document.results, "results", skipped.append))
            )
        else:
            run = RunSeen(tool="bandit")
            rows = ((f"line {line}", row) for line, row in csvrows.table(report, find=_COLUMNS, fold=True).rows)
        yield run
        project = _code_scans.unnamed("Bandit")  # the report never says whose code it is
        yield project
        for where, row in rows:
            found = _finding(project.key, row)
            if found is None:
                skipped.append(Skipped(where, "names no test or no file"))
            else:
                yield found
        yield from skipped


def _run(document: _Document) -> RunSeen:
    stamp = _naming.text(document.generated_at)
    observed, assumed = _naming.moment(stamp)
    errors = len(document.errors or ())
    return RunSeen(
        tool="bandit",
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=(("errors", str(errors)),) if errors else (),
    )


def _finding(asset: str, row: Row) -> Finding | None:
    name, path = text(row, "test_name"), text(row, "filename")
    rule = text(row, "test_id") or name
    if not rule or not path:
        return None
    confidence, more = text(row, "issue_confidence").lower(), text(row, "more_info")
    line = max(0, _naming.whole_number(inner(row, "line_number")))
    tags = (f"confidence={confidence}",) if confidence else ()
    references = (more,) if more else ()
    numbers = _cwes(row)
    if rule in _PASSWORDS or name.startswith("hardcoded_password") or _code_scans.is_secret(numbers):
        return _code_scans.secret(
            asset,
            rule,
            path,
            title=_code_scans.words(name),
            line=line,
            severity=_naming.severity(text(row, "issue_severity")),
            cwes=numbers or (259,),
            references=references,
            tags=tags,
        )
    code = _lines(row, line)
    return Finding(
        asset=asset,
        rule=rule,
        title=_code_scans.title(text(row, "issue_text"), _code_scans.words(name)),
        severity=_naming.severity(text(row, "issue_severity")),
        kind="code",
        path=_packages.slashed(path),
        line=line,
        context=code,
        cwes=numbers,
        description=text(row, "issue_text"),
        references=references,
        evidence=code,
        tags=(*tags, *((f"test={name}",) if name else ())),
    )


def _lines(row: Row, line: int) -> str:
    """The lines that the issue is about, of those that are shown with it and numbered."""
    held = inner(row, "line_range")
    about = {_naming.whole_number(one) for one in held[:1000]} if isinstance(held, list) else set()
    about.add(line)
    snippet = _naming.text(inner(row, "code"))[:20_000]
    shown = [match.groups() for one in snippet.splitlines() if (match := _NUMBERED.match(one))]
    chosen = [code for number, code in shown if int(number) in about]
    return _code_scans.code("\n".join(chosen)) or _code_scans.code(snippet, numbered=True)


def _cwes(row: Row) -> tuple[int, ...]:
    """The CWE, which is an object in JSON and the address of its page in CSV."""
    said = inner(row, "issue_cwe")
    if isinstance(said, dict):
        return _code_scans.cwes(inner(said, "id"))
    match = _CWE_PAGE.search(_naming.text(said))
    return _code_scans.cwes(match.group(1) if match else _naming.text(said))


PLUGIN = Bandit()

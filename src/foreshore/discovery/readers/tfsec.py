"""tfsec's JSON, of all its versions (before 1.0 with `WARNING` and `ERROR`, and after)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _iac_rows, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Severity, Skipped

_RULE = regex(r'"rule_(id|description|provider)"\s*:')
_PLACE = regex(r'"(start_line|filename)"\s*:')
_EMPTY = regex(r'\s*\{\s*"results"\s*:\s*null\s*\}\s*')
_LINK = regex(r"https?://\S+")
_NAMED = regex(r"(?:Resource|Block|Variable|Local|Data|Module) '([^']{1,300})'")
# tfsec before 1.0 had three words of its own
_OLD: dict[str, Severity] = {"ERROR": "high", "WARNING": "medium", "INFO": "low"}
_SECRET = regex(r"^(GEN00[1-4]|general-secrets-.*)$")


class _Location(msgspec.Struct, gc=False):
    filename: Scalar = None
    start_line: Scalar = None


class _Row(msgspec.Struct, gc=False):
    rule_id: Scalar = None
    long_id: Scalar = None
    legacy_rule_id: Scalar = None
    rule_description: Scalar = None
    rule_provider: Scalar = None
    rule_service: Scalar = None
    impact: Scalar = None
    resolution: Scalar = None
    link: Scalar = None
    links: list[Scalar] | None = None
    description: Scalar = None
    severity: Scalar = None
    status: Scalar = None
    passed: Scalar = None
    resource: Scalar = None
    location: _Location | None = None


class _Document(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class Tfsec:
    """Reads tfsec's JSON; a result is a finding at its file and resource."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of tfsec."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if len(opening) < 200 and _EMPTY.fullmatch(opening):
            return True
        return '"results"' in opening and bool(_RULE.search(opening) and _PLACE.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the project, and a finding for each result that did not pass."""
        document = _decoding.whole(report, _DECODER)
        if document.results is None and '"results"' not in reports.decode_head(report.head):
            raise BadReport("is JSON without results", where=report.name, hint="export with `tfsec --format json`")
        yield RunSeen(tool="tfsec")
        project = _iac_rows.project("tfsec")
        yield project
        skipped: list[Skipped] = []
        for number, row in enumerate(_decoding.each(_ROW, document.results, "results", skipped.append)):
            if not _rule(row):
                skipped.append(Skipped(f"results[{number}]", "names no rule"))
            elif row.passed is not True and row.status not in (1, "passed"):
                yield _finding(project.key, row)
        yield from skipped


def _rule(row: _Row) -> str:
    return _naming.text(row.long_id) or _naming.text(row.rule_id)


def _finding(asset: str, row: _Row) -> Finding:
    location = row.location or _Location()
    path = _iac_rows.file_of(_naming.text(location.filename))
    rule = _rule(row)
    message = _naming.text(row.description)
    named = _NAMED.search(message)
    resource = _naming.text(row.resource) or (named.group(1) if named else "")
    links = [_naming.text(one) for one in (*(row.links or ()), row.link)]
    word = _naming.text(row.severity).upper()
    secret = bool(_SECRET.match(rule))
    tags = (("provider", row.rule_provider), ("service", row.rule_service), ("legacy_rule", row.legacy_rule_id))
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(row.rule_description) or rule,
        severity=_OLD.get(word) or _naming.severity(word),
        weaknesses=(rule,),
        kind="secret" if secret else "misconfiguration",
        resource=_iac_rows.place(path, resource),
        path=path,
        line=max(_naming.whole_number(location.start_line), 0),
        proof="configuration",
        word="suppressed" if row.status in (2, "ignored") else "open",
        description=_naming.text(row.impact),
        solution=_naming.text(row.resolution),
        references=tuple(dict.fromkeys(found.group(0) for one in links if (found := _LINK.search(one)))),
        evidence="" if secret else message,
        tags=tuple(f"{name}={text}" for name, value in tags if (text := _naming.text(value))),
    )


PLUGIN = Tfsec()

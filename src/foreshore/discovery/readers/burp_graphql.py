"""Burp Enterprise's GraphQL interface: the issues of a scan as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _burp, _decoding, _naming, _web_scans
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_LIST = regex(r'"[Ii]ssues"\s*:\s*\[')
_TYPE = regex(r'"issue_type"\s*:\s*\{')
_EMPTY = regex(r'\s*\{\s*"Issues"\s*:\s*\[\s*\]\s*\}\s*')


class _Type(msgspec.Struct, gc=False):
    name: Scalar = None
    type_index: Scalar = None
    description_html: Scalar = None
    remediation_html: Scalar = None
    vulnerability_classifications_html: Scalar = None
    references_html: Scalar = None


class _Issue(msgspec.Struct, gc=False):
    issue_type: _Type
    description_html: Scalar = None
    remediation_html: Scalar = None
    severity: Scalar = None
    confidence: Scalar = None
    path: Scalar = None
    origin: Scalar = None


class _Scan(msgspec.Struct, gc=False):
    id: Scalar = None
    end_time: Scalar = None
    start_time: Scalar = None
    issues: list[msgspec.Raw] | None = None


class _Data(msgspec.Struct, gc=False):
    scan: _Scan | None = None


class _Document(msgspec.Struct, gc=False):
    Issues: list[msgspec.Raw] | None = None
    issues: list[msgspec.Raw] | None = None
    data: _Data | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ISSUE: msgspec.json.Decoder[_Issue] = msgspec.json.Decoder(_Issue)


@dataclass(frozen=True)
class BurpGraphql:
    """Reads the issues of one scan, as the interface answers or collected into a list `Issues`."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a list of issues with their types."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{" or not _LIST.search(opening):
            return False
        return bool(_TYPE.search(opening) or _EMPTY.fullmatch(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site once, and one finding for each issue.

        Raises BadReport where there are issues and not one of them can be read.
        """
        document = _decoding.whole(report, _DECODER)
        scan = (document.data.scan if document.data is not None else None) or _Scan()
        raws = next((one for one in (document.Issues, document.issues, scan.issues) if one is not None), None)
        if raws is None:
            raise BadReport("has no list of issues", where=report.name, hint="ask for scan { issues { … } }")
        skipped: list[Skipped] = []
        issues = [one for one in _decoding.each(_ISSUE, raws, "Issues", skipped.append) if _whole(one, skipped)]
        if raws and not issues:
            raise BadReport(
                f"holds no issue that can be read: {skipped[0].where} {skipped[0].why}",
                where=report.name,
                hint="ask for issue_type { name type_index }, severity, path and origin of each issue",
            )
        yield _run(scan)
        applications = _web_scans.Applications()
        for issue in issues:
            asset, before = applications.at(_naming.text(issue.origin))
            yield from before
            yield _finding(issue, asset)
        yield from skipped


def _run(scan: _Scan) -> RunSeen:
    stamp = _naming.text(scan.end_time) or _naming.text(scan.start_time)
    observed, assumed = _naming.moment(stamp)
    return RunSeen(
        tool="burp",
        scanner=f"scan {text}" if (text := _naming.text(scan.id)) else "",
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


def _rule(issue: _Issue) -> str:
    return _burp.rule(_naming.text(issue.issue_type.type_index), _naming.text(issue.issue_type.name))


def _whole(issue: _Issue, skipped: list[Skipped]) -> bool:
    """Does the issue name its type and its site? If not, that is said."""
    where = _web_scans.bare_url(f"issue at {_naming.text(issue.origin)}{_naming.text(issue.path)}"[:500])
    if not _rule(issue):
        skipped.append(Skipped(where, "names no type"))
    elif not _naming.text(issue.origin).strip():
        skipped.append(Skipped(where, "names no site"))
    else:
        return True
    return False


def _finding(issue: _Issue, asset: str) -> Finding:
    text, kind = _naming.text, issue.issue_type
    rule = _rule(issue)
    return _burp.finding(
        asset,
        rule=rule,
        name=text(kind.name) or rule,
        severity=text(issue.severity),
        confidence=text(issue.confidence),
        url=_web_scans.joined(text(issue.origin), text(issue.path) or "/"),
        caption=text(issue.path),
        classifications=text(kind.vulnerability_classifications_html),
        detail=text(issue.description_html),
        background=text(kind.description_html),
        solution=text(issue.remediation_html) or text(kind.remediation_html),
        references=_web_scans.links(text(kind.references_html)),
    )


PLUGIN = BurpGraphql()

"""Burp's REST interface (Enterprise and Professional): the JSON of one scan with its issue events."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _burp, _decoding, _naming, _web_scans
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_EVENTS = regex(r'"issue_events"\s*:\s*\[')
_MARKERS = regex(r'"(?:scan_status|scan_metrics|task_id|issue_found)"')
_METHOD = regex(rb"^([A-Z]{3,10}) ")


class _Issue(msgspec.Struct, gc=False):
    name: Scalar = None
    type_index: Scalar = None
    origin: Scalar = None
    path: Scalar = None
    severity: Scalar = None
    confidence: Scalar = None
    description: Scalar = None
    issue_background: Scalar = None
    remediation: Scalar = None
    remediation_background: Scalar = None
    remediation_detail: Scalar = None
    caption: Scalar = None
    vulnerability_classifications: Scalar = None
    references: Scalar = None
    evidence: Any = None


class _Event(msgspec.Struct, gc=False):
    id: Scalar = None
    type: Scalar = None
    issue: _Issue | None = None


class _Document(msgspec.Struct, gc=False):
    task_id: Scalar = None
    scan_status: Scalar = None
    issue_events: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_EVENT: msgspec.json.Decoder[_Event] = msgspec.json.Decoder(_Event)


@dataclass(frozen=True)
class BurpApi:
    """Reads the issues that a scan has found so far; the requests and responses beside them are left out."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins the answer about one scan."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        return bool(_EVENTS.search(opening) and _MARKERS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site once, and one finding for each issue that was found."""
        document = _decoding.whole(report, _DECODER)
        if document.issue_events is None:
            raise BadReport(
                "has no list of issue events",
                where=report.name,
                hint="save the whole answer of GET /scan/ID",
            )
        skipped: list[Skipped] = []
        events = list(_decoding.each(_EVENT, document.issue_events, "issue_events", skipped.append))
        yield _run(document, events)
        applications = _web_scans.Applications()
        for event in events:
            yield from _records(event, applications)
        yield from skipped


def _run(document: _Document, events: list[_Event]) -> RunSeen:
    """The run; its time is the last one at which a request was sent for evidence."""
    stamps = [stamp for event in events if event.issue is not None for stamp in _times(event.issue.evidence)]
    stamp = max(stamps, default="")
    observed, _assumed = _naming.moment(stamp)
    return RunSeen(
        tool="burp",
        scanner=f"scan {text}" if (text := _naming.text(document.task_id)) else "",
        observed_at=observed,
        observed_text=stamp,
        settings=(("status", text),) if (text := _naming.text(document.scan_status)) else (),
    )


def _records(event: _Event, applications: _web_scans.Applications) -> Iterator[Record]:
    where = f"event {_naming.text(event.id)}".strip()
    issue = event.issue
    if issue is None:
        yield Skipped(where, f"is of type {_naming.text(event.type) or 'unknown'} and holds no issue")
        return
    name, base = _naming.text(issue.name), _naming.text(issue.origin)
    rule = _burp.rule(_naming.text(issue.type_index), name)
    if not rule or not base:
        yield Skipped(where, "names no type of issue" if base else "names no site")
        return
    asset, before = applications.at(base)
    yield from before
    yield _finding(issue, asset, rule, name or rule, _web_scans.joined(base, _naming.text(issue.path) or "/"))


def _finding(issue: _Issue, asset: str, rule: str, name: str, url: str) -> Finding:
    text = _naming.text
    return _burp.finding(
        asset,
        rule=rule,
        name=name,
        severity=text(issue.severity),
        confidence=text(issue.confidence),
        url=url,
        caption=text(issue.caption),
        method=_method(issue.evidence),
        classifications=text(issue.vulnerability_classifications),
        detail=text(issue.description),
        background=text(issue.issue_background),
        solution=text(issue.remediation) or text(issue.remediation_detail) or text(issue.remediation_background),
        references=_web_scans.links(text(issue.references)),
        evidence=_web_scans.proof(*_items(issue.evidence)),
    )


def _exchanges(evidence: Any) -> Iterator[dict[str, Any]]:
    for one in evidence if isinstance(evidence, list) else ():
        held = one.get("request_response") if isinstance(one, dict) else None
        if isinstance(held, dict):
            yield held


def _times(evidence: Any) -> list[str]:
    stamps = (_naming.text(one.get("request_time")) for one in _exchanges(evidence))
    return [stamp for stamp in stamps if stamp.isascii() and stamp.isdigit() and len(stamp) == 13]


def _method(evidence: Any) -> str:
    """The method of the first request, whose text comes in base64 segments."""
    for one in _exchanges(evidence):
        segments = one.get("request")
        first = segments[0] if isinstance(segments, list) and segments else None
        data = _naming.text(first.get("data")) if isinstance(first, dict) else ""
        try:
            found = _METHOD.match(base64.b64decode(data[:24], validate=True))
        except (binascii.Error, ValueError):
            continue
        if found:
            return found.group(1).decode()
    return ""


def _items(evidence: Any) -> list[str]:
    """The short items that Burp lists as information, such as names of cookies."""
    found: list[str] = []
    for one in evidence if isinstance(evidence, list) else ():
        items = one.get("information_items") if isinstance(one, dict) else None
        found.extend(_naming.texts(items)[:10])
    return found


PLUGIN = BurpApi()

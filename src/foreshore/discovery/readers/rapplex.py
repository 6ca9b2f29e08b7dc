"""Rapplex: the JSON report of one scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming, _web_scans
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_SEVERITIES = regex(r'"Severities"\s*:\s*\{')
_MARKERS = regex(r'"(?:ScanId|ScanPolicy|ScanTimeAsStr|IssueGroups)"\s*:')
_METHOD = regex(r"^([A-Z]{3,10}) ")


class _Classification(msgspec.Struct, gc=False):
    Foundation: Scalar = None
    Value: Scalar = None


class _Reference(msgspec.Struct, gc=False):
    Title: Scalar = None
    Link: Scalar = None


class _Definition(msgspec.Struct, gc=False):
    Sections: dict[str, Scalar] | None = None
    References: list[_Reference] | None = None
    Classifications: list[_Classification] | None = None


class _Point(msgspec.Struct, gc=False):
    Name: Scalar = None


class _Issue(msgspec.Struct, gc=False):
    """One place; of the request only its first word is taken."""

    Title: Scalar = None
    Severity: Scalar = None
    Url: Scalar = None
    HttpRequest: Scalar = None
    Active: Scalar = None
    Exploitable: Scalar = None
    Payload: Scalar = None
    InjectionPoint: _Point | None = None


class _Group(msgspec.Struct, gc=False):
    Group: Scalar = None
    Severity: Scalar = None
    Definition: _Definition | None = None
    Issues: list[msgspec.Raw] | None = None


class _Level(msgspec.Struct, gc=False):
    IssueGroups: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    Target: Scalar = None
    CreatedDate: Scalar = None
    StartedDate: Scalar = None
    Severities: dict[str, _Level] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_GROUP: msgspec.json.Decoder[_Group] = msgspec.json.Decoder(_Group)
_ISSUE: msgspec.json.Decoder[_Issue] = msgspec.json.Decoder(_Issue)


@dataclass(frozen=True)
class Rapplex:
    """Reads every issue of every group; the check is known by the name of its group."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such a report."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{" or not _MARKERS.search(opening):
            return False
        # Long policies and fingerprints may push the severities beyond the head
        return bool(_SEVERITIES.search(opening)) or ('"ScanPolicy"' in opening and '"ScanTimeAsStr"' in opening)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the target and other sites once, and one finding for each issue."""
        document = _decoding.whole(report, _DECODER)
        if document.Severities is None:
            raise BadReport("has no issues by severity", where=report.name, hint="export the scan as JSON")
        yield _run(document)
        applications = _web_scans.Applications()
        target = _naming.text(document.Target)
        if target:
            yield from applications.at(target)[1]
        skipped: list[Skipped] = []
        for name, level in document.Severities.items():
            for group in _decoding.each(_GROUP, level.IssueGroups, f"{name}, IssueGroups", skipped.append):
                where = f"{name}, {_naming.text(group.Group)} "
                for issue in _decoding.each(_ISSUE, group.Issues, where, skipped.append):
                    yield from _records(issue, group, name, target, applications)
        yield from skipped


def _run(document: _Document) -> RunSeen:
    """The run; Rapplex writes month-day-year in every language, in the computer's own time."""
    stamp = _naming.text(document.StartedDate) or _naming.text(document.CreatedDate)
    observed, assumed = _web_scans.Dates((), day_first=False).read(stamp)
    return RunSeen(tool="rapplex", observed_at=observed, observed_text=stamp, zone_assumed=assumed)


def _records(
    issue: _Issue, group: _Group, level: str, target: str, applications: _web_scans.Applications
) -> Iterator[Record]:
    rule = (_naming.text(group.Group) or _naming.text(issue.Title)).strip()
    url = _naming.text(issue.Url).strip() or target
    if not rule:
        yield Skipped(f"an issue under {level}", "names no group")
        return
    asset, before = applications.at(url, called="site scanned by Rapplex")
    yield from before
    yield _finding(issue, group, level, rule, url, asset)


def _finding(issue: _Issue, group: _Group, level: str, rule: str, url: str, asset: str) -> Finding:
    said = group.Definition or _Definition()
    severity = _naming.severity(_naming.text(issue.Severity) or _naming.text(group.Severity) or level)
    cwes = _naming.cwes([one.Value for one in said.Classifications or () if _naming.text(one.Foundation) == "CWE"])
    kind = _web_scans.kind_of(severity, cwes)
    sections = said.Sections or {}
    active = _naming.text(issue.Active).lower() == "true"
    exploited = _naming.text(issue.Exploitable).lower() == "true"
    method = _METHOD.match(_naming.text(issue.HttpRequest))
    found = _web_scans.origin(url)
    vector = next((text for one in said.References or () if (text := _hosts.vector(_naming.text(one.Title)))), "")
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(issue.Title).strip() or rule,
        severity=severity,
        kind=kind,
        port=found.port,
        protocol="tcp" if found.port else "",
        url=_web_scans.bare_url(url),
        method=method.group(1) if method else "",
        parameter=_naming.text(issue.InjectionPoint.Name) if issue.InjectionPoint is not None else "",
        cvss_vector=vector,
        cwes=cwes,
        proof="confirmed" if exploited else "probe" if active or kind != "misconfiguration" else "configuration",
        description=_section(sections, "Summary", "Description"),
        solution=_section(sections, "Remediation", "Actions", "Solution"),
        references=tuple(_web_scans.each_once(_naming.text(one.Link) for one in said.References or ())),
        evidence=_web_scans.proof(_naming.text(issue.Payload)),
    )


def _section(sections: dict[str, Any], *names: str) -> str:
    return next((_web_scans.plain(text) for name in names if (text := _naming.text(sections.get(name)))), "")


PLUGIN = Rapplex()

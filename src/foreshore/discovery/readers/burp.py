"""Burp Suite Professional (version 1.5 to now): the XML report of issues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.readers import _burp, _hosts, _web_scans
from foreshore.facts import Finding, Record, RunSeen, Skipped

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True)
class Burp:
    """Reads every issue of the XML report; requests and responses are left out."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is the root element the list of issues that Burp writes?"""
        if "burpVersion" not in reports.decode_head(head):
            return False
        from foreshore.discovery import xmlstream

        return xmlstream.looks_like(head, "issues")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site once, and one finding for each issue."""
        from foreshore.discovery import xmlstream

        applications = _web_scans.Applications()
        began, count = False, 0
        for event, element in xmlstream.elements(report, ("issue",), starts=("issues",)):
            if event == "start":
                if not began:
                    yield _run(element)
                began = True
                continue
            count += 1
            yield from _issue(element, count, applications)


def _run(element: _Element) -> RunSeen:
    stamp = element.get("exportTime") or ""
    observed, assumed = _hosts.moment(stamp)
    parts = stamp.split()
    if observed is None and len(parts) == 6:  # Fri Apr 30 11:45:49 IST 2021
        bare = f"{' '.join(parts[:4])} {parts[5]}"
        # The letters of some zones mean different zones in different countries: then UTC is assumed
        for text in (f"{bare} {parts[4]}", bare):
            observed, assumed = _hosts.moment(text)
            if observed is not None:
                break
    return RunSeen(
        tool="burp",
        version=element.get("burpVersion") or "",
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


def _issue(element: _Element, count: int, applications: _web_scans.Applications) -> Iterator[Record]:
    from foreshore.discovery.xmlstream import text_of

    host = element.find("host")
    base = "" if host is None else (host.text or "").strip()
    name = text_of(element, "name")
    rule = _burp.rule(text_of(element, "type"), name)
    if not rule or not base:
        yield Skipped(f"issue {count}, line {element.sourceline}", "names no type" if base else "names no host")
        return
    asset, before = applications.at(base, address="" if host is None else host.get("ip") or "")
    yield from before
    yield _finding(element, asset, _web_scans.joined(base, text_of(element, "path") or "/"), rule)


def _finding(element: _Element, asset: str, url: str, rule: str) -> Finding:
    from foreshore.discovery.xmlstream import text_of

    request = element.find("requestresponse/request")
    name = text_of(element, "name")
    items = [(one.text or "").strip() for one in element.iterfind("issueDetailItems/issueDetailItem")]
    links = (text_of(element, "references"), text_of(element, "remediationBackground"))
    return _burp.finding(
        asset,
        rule=rule,
        name=name or rule,
        severity=text_of(element, "severity"),
        confidence=text_of(element, "confidence"),
        url=url,
        caption=text_of(element, "location"),
        method="" if request is None else request.get("method") or "",
        classifications=text_of(element, "vulnerabilityClassifications"),
        detail=text_of(element, "issueDetail"),
        background=text_of(element, "issueBackground"),
        solution=text_of(element, "remediationDetail") or text_of(element, "remediationBackground"),
        references=_web_scans.links(*links),
        evidence=_web_scans.proof(*items[:10]),
    )


PLUGIN = Burp()

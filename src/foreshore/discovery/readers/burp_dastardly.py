"""Dastardly and Burp Suite DAST in a pipeline: JUnit XML, a suite for each URL that was scanned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _burp, _web_scans
from foreshore.facts import Finding, Record, RunSeen, Skipped

if TYPE_CHECKING:
    from lxml.etree import _Element

_OURS = regex(
    r'<testsuites?\b[^<>]{0,2000}\bname="[^"<>]{0,200}(?:Dastardly|Burp)|Confidence: (?:Certain|Firm|Tentative)'
)
_FIELD = regex(r"^(Severity|Confidence|Host|Path): *(.*)$", re.MULTILINE)
_HEADINGS = (
    "Issue Detail", "Issue Background", "Issue Remediation", "Remediation Detail", "Remediation Background",
    "References", "Vulnerability Classifications", "Evidence", "Request", "Response", "Reporting details",
)  # fmt: skip
_HEADING = regex(rf"^({'|'.join(_HEADINGS)}):?[ \t]*$", re.MULTILINE | re.IGNORECASE)
_LINK = regex(r"https?://[^\s()<>\"']{4,500}")


@dataclass(frozen=True)
class BurpDastardly:
    """Reads the failures; a suite without any says only that its URL was scanned."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is it JUnit XML whose failures are Burp's issues?"""
        opening = reports.decode_head(head)
        if "<testsuite" not in opening or not _OURS.search(opening):
            return False
        from foreshore.discovery import xmlstream

        return xmlstream.looks_like(head, "testsuites", "testsuite")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site that was scanned once, and one finding for each failure."""
        from foreshore.discovery import xmlstream

        yield RunSeen(tool="burp")
        applications = _web_scans.Applications()
        for _event, suite in xmlstream.elements(report, ("testsuite",)):
            url = (suite.get("name") or "").strip()
            if "://" in url:
                yield from applications.at(url)[1]
            for case in suite.iterfind("testcase"):
                for failure in case.iterfind("failure"):
                    yield from _issue(url, case.get("name") or "", failure, applications)


def _issue(url: str, name: str, failure: _Element, applications: _web_scans.Applications) -> Iterator[Record]:
    text = failure.text or ""
    said = {key: value.strip() for key, value in _FIELD.findall(text[:4000])}
    if "://" not in url:
        url = _web_scans.joined(said.get("Host", ""), said.get("Path", "") or "/") if said.get("Host") else ""
    if not name or not url:
        yield Skipped(f"failure, line {failure.sourceline}", "names no issue" if url else "names no site")
        return
    asset, before = applications.at(url)
    yield from before
    yield _finding(asset, url, name, said, failure)


def _finding(asset: str, url: str, name: str, said: dict[str, str], failure: _Element) -> Finding:
    parts = _sections(failure.text or "")
    return _burp.finding(
        asset,
        rule=name,
        name=name,
        severity=said.get("Severity") or failure.get("type") or "",
        confidence=said.get("Confidence", ""),
        url=url,
        classifications=parts.get("vulnerability classifications", ""),
        detail=parts.get("issue detail", ""),
        background=parts.get("issue background", ""),
        solution=parts.get("remediation detail", "")
        or parts.get("issue remediation", "")
        or parts.get("remediation background", ""),
        references=tuple(_web_scans.each_once(_LINK.findall(parts.get("references", "")))),
    )


def _sections(text: str) -> dict[str, str]:
    """The parts of a failure's text by their headings in lower case."""
    pieces = _HEADING.split(text)
    found: dict[str, str] = {}
    for heading, body in zip(pieces[1::2], pieces[2::2], strict=False):
        found.setdefault(heading.lower(), body.strip())
    return found


PLUGIN = BurpDastardly()

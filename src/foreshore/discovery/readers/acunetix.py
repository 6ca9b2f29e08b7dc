"""Acunetix (version 8 to the current Premium): the XML export of one scan or of a group of scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts, _naming, _web_scans
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Skipped

if TYPE_CHECKING:
    from lxml.etree import _Element

_COOKIE_NAME = regex(r"(?i)\bset-cookie: {0,4}([^=;\s]{1,200})=")
_METHOD = regex(r"^\s*([A-Z]{3,10}) ")
_VERIFIED = " (verified)"


@dataclass(frozen=True)
class Acunetix:
    """Reads every alert of every scan; the check is known by its name, the only one the export gives."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is the root element that of a group of scans?"""
        if "<ScanGroup" not in reports.decode_head(head):
            return False
        from foreshore.discovery import xmlstream

        return xmlstream.looks_like(head, "ScanGroup")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site once, and one finding for each alert."""
        from foreshore.discovery import xmlstream

        yield _run(report)
        applications = _web_scans.Applications()
        site = _Site()
        tags = ("StartURL", "WebServer", "SiteFile", "ReportItem", "Scan")
        within = {"StartURL": "Scan", "WebServer": "Scan"}
        for event, element in xmlstream.elements(report, tags, starts=("Crawler",), within=within):
            if event == "start":
                site.url = element.get("StartUrl") or site.url
            elif element.tag == "StartURL":
                site.url = (element.text or "").strip()
            elif element.tag == "WebServer":
                site.server = (element.text or "").strip()
            elif element.tag == "ReportItem":
                site.alerts += 1
                yield from _alert(element, site, applications)
            elif element.tag == "Scan":
                if not site.alerts and site.url:
                    yield from applications.at(site.url, server=site.server)[1]
                site = _Site()


@dataclass
class _Site:
    """What stands before the alerts of a scan."""

    url: str = ""
    server: str = ""
    alerts: int = 0


def _run(report: facts.Report) -> RunSeen:
    """The run, by a first pass over the times; the product writes them with the day first."""
    from foreshore.discovery import xmlstream

    begun: list[str] = []
    ended: list[str] = []
    tags = ("StartTime", "FinishTime", "SiteFile", "ReportItem")
    within = {"StartTime": "Scan", "FinishTime": "Scan"}
    for _event, element in xmlstream.elements(report, tags, within=within):
        if element.tag in ("StartTime", "FinishTime") and (text := (element.text or "").strip()):
            (begun if element.tag == "StartTime" else ended).append(text)
    dates = _web_scans.Dates([*begun, *ended])
    if dates.day_first is None:
        dates = _web_scans.Dates((), day_first=True)
    found = [(at, text, assumed) for text in ended or begun for at, assumed in [dates.read(text)] if at is not None]
    at, text, assumed = max(found, default=(None, next(iter(ended or begun), ""), False))
    return RunSeen(tool="acunetix", observed_at=at, observed_text=text, zone_assumed=assumed)


def _alert(element: _Element, site: _Site, applications: _web_scans.Applications) -> Iterator[Record]:
    from foreshore.discovery.xmlstream import text_of

    name = text_of(element, "Name")
    if not name:
        yield Skipped(f"alert {site.alerts}, line {element.sourceline}", "names no check")
        return
    affects = text_of(element, "Affects")
    # Alerts of the server as a whole have a phrase there instead of a path
    url = _web_scans.joined(site.url, "/" if " " in affects and not affects.startswith("/") else affects or "/")
    asset, before = applications.at(url, called="site scanned by Acunetix", server=site.server)
    yield from before
    yield _finding(element, asset, url, name)


def _finding(element: _Element, asset: str, url: str, name: str) -> Finding:
    from foreshore.discovery.xmlstream import text_of

    details = text_of(element, "Details")
    severity = _naming.severity(text_of(element, "Severity"))
    cwes = _naming.cwes(" ".join(_texts(element, "CWEList/CWE")))
    weaknesses = _naming.public_ids(*_texts(element, "CVEList/CVE"), *_ids(element, "CVEList/CVE"))
    kind: ExposureKind = "vulnerability" if weaknesses else _web_scans.kind_of(severity, cwes)
    vector, score = _cvss(element)
    method = _METHOD.match(element.findtext("TechnicalDetails/Request") or "")
    found = _web_scans.origin(url)
    return Finding(
        asset=asset,
        rule=name.removesuffix(_VERIFIED),
        title=name,
        severity=severity,
        weaknesses=weaknesses,
        kind=kind,
        port=found.port,
        protocol="tcp" if found.port else "",
        url=_web_scans.bare_url(url),
        method=method.group(1) if method else "",
        parameter=_parameter(text_of(element, "Parameter"), details),
        path=text_of(element, "AOP_SourceFile"),
        line=_naming.whole_number(text_of(element, "AOP_SourceLine")),
        cvss_vector=vector,
        cvss_score=score,
        cwes=cwes,
        proof="confirmed" if name.endswith(_VERIFIED) else "configuration" if kind == "misconfiguration" else "probe",
        word="false_positive" if text_of(element, "IsFalsePositive").lower() in ("true", "1", "yes") else "open",
        description=_web_scans.plain(text_of(element, "Description")),
        solution=_web_scans.plain(text_of(element, "Recommendation")),
        references=tuple(_web_scans.each_once(_texts(element, "References/Reference/URL"))),
        evidence=_web_scans.proof(details),
    )


def _texts(element: _Element, path: str) -> list[str]:
    return [text for one in element.iterfind(path) if (text := "".join(str(part) for part in one.itertext()).strip())]


def _ids(element: _Element, path: str) -> list[str]:
    return [one.get("id") or "" for one in element.iterfind(path)]


def _cvss(element: _Element) -> tuple[str, float | None]:
    """The newest version of CVSS that the alert gives."""
    for name in ("CVSS4", "CVSS3", "CVSS"):
        if vector := _hosts.vector((element.findtext(f"{name}/Descriptor") or "").strip()):
            return vector, _naming.score((element.findtext(f"{name}/Score") or "").strip())
    return "", None


def _parameter(written: str, details: str) -> str:
    """The parameter; for an alert on a cookie the name of the cookie, which stands in the details alone."""
    if written and not written.startswith("<"):
        return written
    cookie = _COOKIE_NAME.search(details[:4000])
    return cookie.group(1) if cookie else ""


PLUGIN = Acunetix()

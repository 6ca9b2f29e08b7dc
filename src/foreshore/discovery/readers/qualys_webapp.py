"""Qualys Web Application Scanning, XML report (WAS_SCAN_REPORT, WAS_WEBAPP_REPORT)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _qualys as qualys
from foreshore.discovery.readers._qualys import Check

_ROOTS = ("WAS_SCAN_REPORT", "WAS_WEBAPP_REPORT")
_ITEMS = ("VULNERABILITY", "INFORMATION_GATHERED", "SENSITIVE_CONTENT")
MOST_EVIDENCE = 65_536


@dataclass(frozen=True)
class QualysWebApp:
    """Reads vulnerabilities, sensitive content and information gathered of web applications.

    A report is filtered by its template, which it does not prove to be complete: nothing is covered.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is the root element one of Web Application Scanning?"""
        return xmlstream.looks_like(head, *_ROOTS)

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, each web application once, one finding an item."""
        about = _about(report)
        at, text, assumed = hosts.latest([about.ended] if hosts.when(about.ended) else [about.made])
        yield facts.RunSeen(
            tool="Qualys Web Application Scanning", observed_at=at, observed_text=text, zone_assumed=assumed
        )
        seen: set[str] = set()
        for _event, element in xmlstream.elements(report, _ITEMS):
            if element.find("QID") is not None:
                yield from _item(element, about, seen)


PLUGIN = QualysWebApp()


@dataclass
class _About:
    """What stands around the items, found in a first pass."""

    checks: dict[str, Check]
    made: str = ""
    ended: str = ""
    application: str = ""
    host: str = ""  # of the first item that names an address


def _about(report: facts.Report) -> _About:
    about = _About(checks={})
    tags = (*_ITEMS, "GENERATION_DATETIME", "END_DATE", "WEB_APPLICATION", "QID_LIST")
    for _event, element in xmlstream.elements(report, tags):
        text = (element.text or "").strip()
        if element.tag == "QID_LIST":
            about.checks.update((xmlstream.text_of(one, "QID"), _check(one)) for one in element)
        elif element.tag == "GENERATION_DATETIME":
            about.made = about.made or text
        elif element.tag == "END_DATE":
            about.ended = max(about.ended, text, key=lambda one: str(hosts.when(one) or ""))
        elif element.tag == "WEB_APPLICATION":
            about.application = about.application or text or xmlstream.text_of(element, "NAME")
        elif not about.host:
            about.host = naming.split_url(xmlstream.text_of(element, "URL"))[0]
    return about


def _check(element: etree._Element) -> Check:
    text = xmlstream.text_of
    return Check(
        title=text(element, "TITLE"),
        level=text(element, "SEVERITY"),
        category=text(element, "CATEGORY"),
        threat=qualys.plain(text(element, "DESCRIPTION")),
        impact=qualys.plain(text(element, "IMPACT")),
        solution=qualys.plain(text(element, "SOLUTION")),
        weaknesses=naming.public_ids(text(element, "CVE"), text(element, "CVE_ID")),
        cvss3=text(element, "CVSS_V3/BASE") or text(element, "CVSS3_BASE"),
        cvss2=text(element, "CVSS_BASE"),
        cwes=naming.cwes(text(element, "CWE")),
    )


def _item(element: etree._Element, about: _About, seen: set[str]) -> Iterator[facts.Record]:
    text = xmlstream.text_of
    url = text(element, "URL")
    host, port, _path = naming.split_url(url)
    key = host or about.host or about.application or "web application"
    at = hosts.when(text(element, "DETECTION_DATE") or text(element, "LAST_TIME_DETECTED"))
    if key not in seen:
        seen.add(key)
        yield facts.Sighting(
            key=key,
            name=key,
            kind="web_application",
            identifiers=hosts.named("fqdn", host or about.host),
            attributes=(("application", about.application),) if about.application else (),
            observed_at=at,
        )
    yield _finding(element, about.checks.get(text(element, "QID"), Check()), key, url, port)


def _finding(element: etree._Element, check: Check, asset: str, url: str, port: int) -> facts.Finding:
    text = xmlstream.text_of
    rule = text(element, "QID")
    kind = "Ig" if element.tag == "INFORMATION_GATHERED" else check.category or "Vuln"
    score, vector = qualys.cvss(check.cvss3, check.cvss2)
    title = check.title or f"QID {rule}"
    potential = "potential" in kind.lower()
    proof: facts.Proof = "unknown" if kind == "Ig" else "banner" if potential else "probe"
    return facts.Finding(
        asset=asset,
        rule=rule,
        title=title,
        severity=qualys.severity(check.level, kind),
        weaknesses=check.weaknesses,
        kind="observation" if kind == "Ig" else "vulnerability",
        port=port,
        protocol="tcp" if port else "",
        url=url,
        method=text(element, "PAYLOADS/PAYLOAD/REQUEST/METHOD"),
        parameter=qualys.filled(text(element, "PARAM")),
        cvss_score=score,
        cvss_vector=vector,
        cwes=check.cwes,
        proof=proof,
        word=_word(element),
        description=check.threat,
        solution=check.solution,
        evidence=_evidence(element),
        first_seen=hosts.when(text(element, "FIRST_TIME_DETECTED")),
        observed_at=hosts.when(text(element, "DETECTION_DATE") or text(element, "LAST_TIME_DETECTED")),
    )


def _word(element: etree._Element) -> facts.Word:
    if xmlstream.text_of(element, "IGNORED").lower() == "true":
        reason = xmlstream.text_of(element, "IGNORE_REASON").upper()
        return {"FALSE_POSITIVE": "false_positive", "RISK_ACCEPTED": "accepted"}.get(reason, "suppressed")  # type: ignore[return-value]
    return qualys.word_of(xmlstream.text_of(element, "STATUS"))


def _evidence(element: etree._Element) -> str:
    """What was sent and what came back, bounded: responses are whole pages."""
    payload = qualys.filled(element.findtext("PAYLOADS/PAYLOAD/PAYLOAD"))
    body = element.find("PAYLOADS/PAYLOAD/RESPONSE/CONTENTS")
    if body is None:
        body = element.find("DATA")
    text = "" if body is None else (body.text or "").strip()
    if body is not None and body.get("base64") == "true":
        try:
            text = base64.b64decode(text, validate=False).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            text = ""
    return "\n".join(one for one in (payload, text[:MOST_EVIDENCE].strip()) if one)

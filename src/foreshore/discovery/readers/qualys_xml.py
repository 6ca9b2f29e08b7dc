"""Qualys, host-based scan report as XML (ASSET_DATA_REPORT)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _qualys as qualys
from foreshore.discovery.readers._qualys import Check


@dataclass(frozen=True)
class QualysXML:
    """Reads every detection of a host-based report, information gathered included, and open ports.

    Such reports are made from templates that choose checks, levels and states; the file does not
    prove what was left out, so nothing counts as covered.
    """

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is the root element ASSET_DATA_REPORT?"""
        return xmlstream.looks_like(head, "ASSET_DATA_REPORT")

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then each host with its ports and detections; the glossary is read first."""
        checks, made, template = _glossary(report)
        at, assumed = hosts.moment(made)
        yield facts.RunSeen(
            tool="Qualys",
            observed_at=at,
            observed_text=made,
            zone_assumed=assumed,
            settings=(("template", template),),
        )
        for number, (_event, element) in enumerate(xmlstream.elements(report, ("HOST",)), start=1):
            yield from _host(element, checks, number)


PLUGIN = QualysXML()


def _glossary(report: facts.Report) -> tuple[dict[str, Check], str, str]:
    """(checks by number, when the report was made, its template): they stand before and after the hosts."""
    checks: dict[str, Check] = {}
    made = template = ""
    for _event, element in xmlstream.elements(report, ("VULN_DETAILS", "GENERATION_DATETIME", "TEMPLATE", "HOST")):
        if element.tag == "VULN_DETAILS":
            checks[xmlstream.text_of(element, "QID")] = _check(element)
        elif element.tag == "GENERATION_DATETIME":
            made = made or (element.text or "").strip()
        elif element.tag == "TEMPLATE":
            template = template or (element.text or "").strip()
    return checks, made, template


def _check(element: etree._Element) -> Check:
    text = xmlstream.text_of
    vendor = [(text(one, "ID"), text(one, "URL")) for one in element.iter("VENDOR_REFERENCE")]
    return Check(
        title=text(element, "TITLE"),
        level=text(element, "SEVERITY"),
        category=text(element, "CATEGORY"),
        threat=qualys.plain(text(element, "THREAT")),
        impact=qualys.plain(text(element, "IMPACT")),
        solution=qualys.plain(text(element, "SOLUTION")),
        weaknesses=naming.public_ids(*(text(one, "ID") for one in element.iter("CVE_ID"))),
        vendor=tuple(name for name, _url in vendor if name),
        links=tuple(url for _name, url in vendor if url),
        cvss3=text(element, "CVSS3_SCORE/CVSS3_BASE"),
        cvss2=text(element, "CVSS_SCORE/CVSS_BASE"),
    )


def _host(element: etree._Element, checks: dict[str, Check], number: int) -> Iterator[facts.Record]:
    text = xmlstream.text_of
    address, name = text(element, "IP"), text(element, "DNS")
    netbios = text(element, "NETBIOS")
    key = " ".join(one for one in (address, name) if one) or netbios or f"host {number}"
    found = list(element.iter("VULN_INFO"))
    times = [at for one in found if (at := hosts.when(text(one, "LAST_FOUND"))) is not None]
    tracking = text(element, "TRACKING_METHOD")
    yield facts.Sighting(
        key=key,
        name=name or netbios or address or key,
        identifiers=hosts.gather(
            [hosts.agent("qualys", text(element, "QG_HOSTID") or text(element, "HOST_ID"))],
            _cloud(element),
            hosts.named("fqdn", name),
            hosts.named("netbios", netbios),
            hosts.named("ip", address),
        ),
        os=text(element, "OPERATING_SYSTEM"),
        tags=tuple((one.text or "").strip() for one in element.iter("ASSET_TAG") if one.text),
        authenticated=True if "AGENT" in tracking.upper() else None,
        observed_at=max(times, default=None),
    )
    seen: set[tuple[int, str]] = set()
    for one in found:
        yield from _detection(one, key, checks, tracking, seen)


def _cloud(element: etree._Element) -> list[tuple[str, str]]:
    found = []
    for path in ("EC2_INSTANCE_ID", "CLOUD_PROVIDER_TAGS/EC2_INSTANCE_ID"):
        found.append(("cloud_id", xmlstream.text_of(element, path).lower()))
    return found


def _detection(
    element: etree._Element, asset: str, checks: dict[str, Check], tracking: str, seen: set[tuple[int, str]]
) -> Iterator[facts.Record]:
    text = xmlstream.text_of
    rule, kind, result = text(element, "QID"), text(element, "TYPE"), text(element, "RESULT")
    check = checks.get(rule, Check())
    at = hosts.when(text(element, "LAST_FOUND"))
    port, protocol = naming.port(text(element, "PORT")), text(element, "PROTOCOL").lower()
    ports = [(port, text(element, "SERVICE"), protocol)] if port and protocol else []
    if rule in qualys.PORT_LISTS:
        listed = qualys.PORT_LISTS[rule]
        ports = [(number, service, listed) for number, service in qualys.listed_ports(result)]
    for number, service, spoken in ports:
        if (number, spoken) not in seen:
            seen.add((number, spoken))
            yield facts.PortSeen(
                asset=asset,
                port=number,
                protocol=spoken,
                service=service,
                tls=text(element, "SSL") == "true",
                observed_at=at,
            )
    score, vector = qualys.cvss(check.cvss3, check.cvss2)
    installed, fixed = hosts.versions(result)
    title = check.title or f"QID {rule}"
    yield facts.Finding(
        asset=asset,
        rule=rule,
        title=title,
        severity=qualys.severity(check.level, kind),
        weaknesses=check.weaknesses,
        kind=qualys.kind_of(title, kind, check.weaknesses, check.vendor),
        version=installed,
        fixed_version=fixed,
        fix=qualys.fix_of(title, check.vendor),
        port=port,
        protocol=protocol,
        cvss_score=score,
        cvss_vector=vector,
        proof=qualys.proof_of(kind, check.category, tracking),
        word=qualys.word_of(text(element, "VULN_STATUS")),
        description=check.threat,
        solution=check.solution,
        references=check.links,
        evidence=result,
        first_seen=hosts.when(text(element, "FIRST_FOUND")),
        fixed_at=hosts.when(text(element, "LAST_FIXED")),
        observed_at=at,
    )

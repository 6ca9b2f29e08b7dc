"""Qualys, scan results as XML (SCAN), as saved from the web interface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _qualys as qualys
from foreshore.discovery.reports import decode_head

_KINDS = {"VULN": "Vuln", "PRACTICE": "Practice", "INFO": "Ig", "SERVICE": "Ig"}


@dataclass(frozen=True)
class QualysScan:
    """Reads vulnerabilities, practices and informational items by host, and the ports they name.

    An option profile decides what is looked for and is not in the file: nothing counts as covered.
    """

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is the root element SCAN, as Qualys writes it?"""
        text = decode_head(head[:8192])
        return xmlstream.looks_like(head, "SCAN") and ("qualys" in text.lower() or "<KEY value=" in text)

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then each address with its items."""
        header: dict[str, str] = {}
        at: datetime | None = None
        begun = False
        for _event, element in xmlstream.elements(report, ("HEADER", "IP", "ERROR")):
            if element.tag == "HEADER":
                header = {one.get("value", ""): (one.text or "").strip() for one in element.iterchildren("KEY")}
            elif not begun:
                begun = True
                at = hosts.when(header.get("DATE"))
                yield _run(header)
            if element.tag == "IP":
                yield from _host(element, at)
            elif element.tag == "ERROR":
                yield facts.Skipped(f"line {element.sourceline}", (element.text or "an error").strip())
        if not begun:
            yield _run(header)


PLUGIN = QualysScan()


def _run(header: dict[str, str]) -> facts.RunSeen:
    text = header.get("DATE", "")
    at, assumed = hosts.moment(text)
    settings = tuple((name.lower(), header[name]) for name in ("TITLE", "TARGET", "STATUS") if header.get(name))
    return facts.RunSeen(tool="Qualys", observed_at=at, observed_text=text, zone_assumed=assumed, settings=settings)


def _host(element: etree._Element, at: datetime | None) -> Iterator[facts.Record]:
    address, name = element.get("value", "").strip(), element.get("name", "").strip()
    netbios = xmlstream.text_of(element, "NETBIOS_HOSTNAME")
    key = " ".join(one for one in (address, name) if one)
    if not key:
        yield facts.Skipped(f"line {element.sourceline}", "names no host")
        return
    names = hosts.named("fqdn", "" if name.lower().startswith("no registered") else name)
    yield facts.Sighting(
        key=key,
        name=names[0][1] if names else (netbios or address),
        identifiers=hosts.gather(names, hosts.named("netbios", netbios), hosts.named("ip", address)),
        os=xmlstream.text_of(element, "OS"),
        observed_at=at,
    )
    seen: set[tuple[int, str]] = set()
    for category in element.iter("CAT"):
        for item in category:
            if item.tag in _KINDS:
                yield from _item(item, category, key, at, seen)


def _item(
    item: etree._Element,
    category: etree._Element,
    asset: str,
    at: datetime | None,
    seen: set[tuple[int, str]],
) -> Iterator[facts.Record]:
    text = xmlstream.text_of
    kind, rule, result = _KINDS[str(item.tag)], item.get("number", ""), text(item, "RESULT")
    port = naming.port(item.get("port") or category.get("port") or "")
    protocol = (item.get("protocol") or category.get("protocol") or "").lower()
    ports = [(port, "")] if port and protocol else []
    listed = qualys.PORT_LISTS.get(rule, "")
    for number, service in qualys.listed_ports(result) if listed else ports:
        if (number, listed or protocol) not in seen:
            seen.add((number, listed or protocol))
            yield facts.PortSeen(asset=asset, port=number, protocol=listed or protocol, service=service, observed_at=at)
    listed_ids = (text(one, "ID") for one in item.iter("CVE_ID"))
    weaknesses = naming.public_ids(*listed_ids) or naming.public_ids(item.get("cveid", ""))
    vendor = [(text(one, "ID"), text(one, "URL")) for one in item.iter("VENDOR_REFERENCE")]
    names = tuple(name for name, _url in vendor if name)
    score, vector = qualys.cvss(text(item, "CVSS3_BASE"), text(item, "CVSS_BASE"))
    installed, fixed = hosts.versions(result)
    title = text(item, "TITLE") or f"QID {rule}"
    yield facts.Finding(
        asset=asset,
        rule=rule,
        title=title,
        severity=qualys.severity(item.get("severity", ""), kind),
        weaknesses=weaknesses,
        kind=qualys.kind_of(title, kind, weaknesses, names),
        version=installed,
        fixed_version=fixed,
        fix=qualys.fix_of(title, names),
        port=port,
        protocol=protocol,
        cvss_score=score,
        cvss_vector=vector,
        proof=qualys.proof_of(kind, category.get("value", ""), ""),
        description=qualys.plain(text(item, "DIAGNOSIS")),
        solution=qualys.plain(text(item, "SOLUTION")),
        references=tuple(url for _name, url in vendor if url),
        evidence=result,
        observed_at=at,
    )

"""Qualys, answers of its interface as XML: detections by host (HOST_LIST_VM_DETECTION_OUTPUT) and the list of hosts."""

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
from foreshore.facts import Finding, PortSeen, Record, RunSeen, Sighting, Skipped

_ROOTS = ("HOST_LIST_VM_DETECTION_OUTPUT", "HOST_LIST_OUTPUT")
_SEEN = ("LAST_VM_SCANNED_DATE", "LAST_SCAN_DATETIME", "LAST_VULN_SCAN_DATETIME")
_ATTRIBUTES = (
    ("asset-id", "ASSET_ID"), ("host-id", "ID"), ("tracking", "TRACKING_METHOD"), ("network", "NETWORK_NAME"),
    ("trurisk", "TRURISK_SCORE"), ("criticality", "ASSET_CRITICALITY_SCORE"), ("cloud", "CLOUD_PROVIDER"),
)  # fmt: skip


@dataclass(frozen=True)
class QualysHosts:
    """Reads every detection on every host, fixed and ignored ones with that word, and open ports.

    These answers give checks by number only; title and CVE stand in Qualys' knowledge base. The query
    chose levels and states and is not in the file, so nothing counts as covered.
    """

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is the root element one of the two lists of hosts?"""
        return xmlstream.looks_like(head, *_ROOTS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, then each host with its ports and detections."""
        made = ""
        for _event, element in xmlstream.elements(report, ("DATETIME", "HOST"), within={"DATETIME": "RESPONSE"}):
            if element.tag == "DATETIME":
                made = (element.text or "").strip()
                break
        at, assumed = hosts.moment(made)
        yield RunSeen(tool="Qualys", observed_at=at, observed_text=made, zone_assumed=assumed)
        said: set[str] = set()
        rows = xmlstream.elements(report, ("HOST", "WARNING"))
        for number, (_event, element) in enumerate(rows, start=1):
            if element.tag == "HOST":
                yield from _host(element, number, said)
            else:
                yield Skipped(
                    "the rest of the list", xmlstream.text_of(element, "TEXT") or "the answer was cut into pages"
                )


PLUGIN = QualysHosts()


def _host(element: etree._Element, number: int, said: set[str]) -> Iterator[Record]:
    text = xmlstream.text_of
    own, address = text(element, "ID"), text(element, "IP") or text(element, "IPV6")
    name = text(element, "DNS_DATA/FQDN") or text(element, "DNS") or text(element, "DNS_DATA/HOSTNAME")
    key = " ".join(one for one in (address, name, own) if one) or f"host {number}"
    tracking = text(element, "TRACKING_METHOD")
    scanned = max((at for tag in _SEEN if (at := hosts.when(text(element, tag)))), default=None)
    if key not in said:
        said.add(key)
        yield _sighting(element, key, name, scanned)
    ports: set[tuple[int, str]] = set()
    for one in element.iterfind("DETECTION_LIST/DETECTION"):
        if not text(one, "QID"):
            yield Skipped(f"{key}, a detection", "names no check")
            continue
        yield from _ports(one, key, ports)
        yield _finding(one, key, tracking)


def _sighting(element: etree._Element, key: str, name: str, scanned: datetime | None) -> Sighting:
    text = xmlstream.text_of
    netbios, address = text(element, "NETBIOS"), text(element, "IP")
    logged = hosts.when(text(element, "LAST_VM_AUTH_SCANNED_DATE"))
    agent = "AGENT" in text(element, "TRACKING_METHOD").upper()
    tags = [text(one, "NAME") for one in element.iterfind("TAGS/TAG")]
    known = hosts.gather(
        _cloud(element),
        [hosts.agent("qualys", text(element, "QG_HOSTID") or text(element, "ID"))],
        hosts.named("fqdn", name),
        hosts.named("fqdn", text(element, "DNS")),
        hosts.named("netbios", netbios),
        hosts.named("ip", address),
        hosts.named("ip", text(element, "IPV6")),
    )
    return Sighting(
        key=key,
        name=name or netbios or address or key,
        identifiers=known or (("artifact", f"qualys {key}"),),
        os=text(element, "OS"),
        tags=tuple(tag for tag in tags if tag),
        attributes=tuple((label, value) for label, tag in _ATTRIBUTES if (value := text(element, tag))),
        authenticated=True if agent or (logged is not None and scanned is not None and logged >= scanned) else None,
        observed_at=scanned,
    )


def _cloud(element: etree._Element) -> list[tuple[str, str]]:
    """The instance in Amazon's cloud; other clouds' numbers are called otherwise by other tools."""
    text = xmlstream.text_of
    found = text(element, "EC2_INSTANCE_ID")
    if not found and text(element, "CLOUD_PROVIDER").upper() == "AWS":
        found = text(element, "CLOUD_RESOURCE_ID")
    return [("cloud_id", found.lower())]


def _place(element: etree._Element) -> tuple[int, str]:
    text = xmlstream.text_of
    return naming.port(text(element, "PORT")), text(element, "PROTOCOL").lower()


def _ports(element: etree._Element, key: str, seen: set[tuple[int, str]]) -> Iterator[Record]:
    text = xmlstream.text_of
    rule, (port, protocol) = text(element, "QID"), _place(element)
    listed = [(port, "", protocol)] if port and protocol else []
    if rule in qualys.PORT_LISTS:
        spoken = qualys.PORT_LISTS[rule]
        listed = [(number, service, spoken) for number, service in qualys.listed_ports(text(element, "RESULTS"))]
    if text(element, "STATUS").lower() == "fixed":
        return
    for number, service, spoken in listed:
        if (number, spoken) not in seen:
            seen.add((number, spoken))
            tls = text(element, "SSL").lower() in ("1", "true")
            at = hosts.when(text(element, "LAST_FOUND_DATETIME"))
            yield PortSeen(asset=key, port=number, protocol=spoken, service=service, tls=tls, observed_at=at)


def _finding(element: etree._Element, key: str, tracking: str) -> Finding:
    text = xmlstream.text_of
    rule, kind, result = text(element, "QID"), text(element, "TYPE"), text(element, "RESULTS")
    port, protocol = _place(element)
    installed, fixed = hosts.versions(result)
    title = text(element, "TITLE") or f"QID {rule}"
    hidden = "1" in (text(element, "IS_IGNORED"), text(element, "IS_DISABLED"))
    score = text(element, "QDS")
    word = qualys.word_of(text(element, "STATUS"))
    return Finding(
        asset=key,
        rule=rule,
        title=title,
        severity=qualys.severity(text(element, "SEVERITY"), kind),
        kind="observation" if qualys.is_information(kind) else "vulnerability",
        version=installed,
        fixed_version=fixed,
        port=port,
        protocol=protocol,
        resource=text(element, "INSTANCE"),
        proof=qualys.proof_of(kind, "", tracking),
        word="suppressed" if hidden and word == "open" else word,
        evidence=result,
        first_seen=hosts.when(text(element, "FIRST_FOUND_DATETIME")),
        fixed_at=hosts.when(text(element, "LAST_FIXED_DATETIME")) if word == "fixed" else None,
        observed_at=hosts.when(text(element, "LAST_FOUND_DATETIME")),
        tags=(f"qds={score}",) if score else (),
    )

"""Nexpose's short form of its XML export (`NeXposeSimpleXML`): devices, services and results of tests by code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _host_scans as scans
from foreshore.discovery.readers import _host_scans_rapid7 as rapid7
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import Finding, PortSeen, Record, Sighting, Skipped


def device(element: etree._Element, key: str, at: datetime | None) -> Iterator[Record]:
    """Yield a device, its ports, its findings, and what it is covered for; the short form has no titles."""
    yield _sighting(element, key, at)
    tested: dict[str, set[str]] = {"positive": set(), "negative": set(), "failed": set()}
    yield from _tests(element, key, 0, "", at, tested)
    for service in element.iterfind("services/service"):
        port, protocol = naming.port(service.get("port")), service.get("protocol", "tcp").lower()
        if port:
            name = service.get("name", "")
            yield PortSeen(
                asset=key,
                port=port,
                protocol=protocol,
                service="" if name.lower() in ("unknown", "<unknown>") else name,
                product=xmlstream.text_of(service, "fingerprint/product"),
                version=xmlstream.text_of(service, "fingerprint/version"),
                tls=name.upper() in ("HTTPS", "IMAPS", "POP3S", "LDAPS", "SMTPS"),
                observed_at=at,
            )
        yield from _tests(service, key, port, protocol, at, tested)
    looked = (tested["positive"] | tested["negative"]) - tested["failed"]
    if tested["negative"] and (said := scans.covered("nexpose", key, looked)):
        yield said


def _sighting(element: etree._Element, key: str, at: datetime | None) -> Sighting:
    text = xmlstream.text_of
    parts = [text(element, f"fingerprint/{name}") for name in ("vendor", "product", "version")]
    address = element.get("address", "").strip()
    return Sighting(
        key=key,
        name=address or key,
        kind=hosts.kind_of(text(element, "fingerprint/device-class")),
        identifiers=hosts.named("ip", address) or (("artifact", key),),
        os=" ".join(dict.fromkeys(part for part in parts if part)) or text(element, "fingerprint/description"),
        attributes=(("device-id", number),) if (number := element.get("id", "")) else (),
        observed_at=at,
    )


def _tests(
    parent: etree._Element, key: str, port: int, protocol: str, at: datetime | None, tested: dict[str, set[str]]
) -> Iterator[Record]:
    for one in parent.iterfind("vulnerabilities/vulnerability"):
        rule, status = one.get("id", "").strip().lower(), rapid7.status_of(one.get("resultCode", ""))
        if not rule:
            yield Skipped(f"{key}, a test without identifier", "names no check")
        elif rapid7.is_positive(status):
            tested["positive"].add(rule)
            yield _finding(one, key, rule, status, port, protocol, at)
        elif status.startswith("not-"):
            tested["negative"].add(rule)
        else:
            tested["failed"].add(rule)
            yield Skipped(f"{key}, {rule}", f"the test gave no answer ({status or 'no status'})")


def _finding(
    one: etree._Element, key: str, rule: str, status: str, port: int, protocol: str, at: datetime | None
) -> Finding:
    names = [(ref.get("type", "").lower(), (ref.text or "").strip()) for ref in one.iterfind("id")]
    weaknesses = naming.public_ids(*(text for kind, text in names if kind == "cve"), rule)
    severity: facts.Severity = "info"
    return Finding(
        asset=key,
        rule=rule,
        title=rule,
        severity=severity,  # the short form has none
        weaknesses=weaknesses,
        kind=rapid7.kind_of("", rule, weaknesses),
        fix=hosts.fix_name(*(text for kind, text in names if kind in ("ms", "redhat", "mskb"))),
        port=port,
        protocol=protocol,
        proof=rapid7.proof_of(status),
        word=rapid7.word_of(status),
        references=tuple(text for kind, text in names if kind == "url" and text),
        observed_at=at,
    )

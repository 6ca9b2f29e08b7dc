"""Outpost24 (OUTSCAN and HIAB), vulnerability report as XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.reports import decode_head
from foreshore.facts import Finding, PortSeen, Record, RunSeen, Sighting, Skipped

_MARKS = ("<reportinfo", "<detaillist", "<hostlist", "XMLReport.dtd")
_ZONE = regex(r"GMT ?([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
_VERSIONS = regex(
    r"detected version of [^\n]{1,200}?,\s{1,4}(\d[\w.:~+-]{0,60}),? is (less than or equal to|less than)\s{1,4}"
    r"(\d[\w.:~+-]{0,60})"
)
# Levels where no score says more: information, low, medium, high, and critical of later versions.
_RISKS: dict[str, facts.Severity] = {"0": "info", "1": "low", "2": "medium", "3": "high", "4": "high", "5": "critical"}
_NONE = frozenset({"", "0", "false", "no"})
_END = regex(r"\bend[ -]of[ -]life\b|\bunsupported\b|\bobsolete\b", re.IGNORECASE)
_TLS = frozenset({"https", "ssl", "imaps", "pop3s", "ldaps", "smtps"})


@dataclass(frozen=True)
class Outpost24:
    """Reads hosts, ports and every detail of a report, those marked as false or accepted with that word.

    The severity is the rating of the CVSS 3 score; the report's own level follows version 2 and is
    taken where there is no score of version 3. Nothing says what was left out: nothing is covered.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is it a `main` element with the parts of an OUTSCAN report?"""
        return xmlstream.looks_like(head, "main") and any(mark in decode_head(head) for mark in _MARKS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each host once, its ports and its details."""
        yield from _Reading(report).records()


PLUGIN = Outpost24()


@dataclass
class _Host:
    names: list[str] = field(default_factory=list)
    platform: str = ""
    end: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)


class _Reading:
    """One reading: a first pass for the zone and the list of hosts, a second one for the rest."""

    def __init__(self, report: facts.Report) -> None:
        self._report = report
        self._shift: timedelta | None = None
        self._made = ""
        self._hosts: dict[str, _Host] = {}
        self._said: set[str] = set()
        self._ports: set[tuple[str, int, str]] = set()

    def records(self) -> Iterator[Record]:
        self._about()
        text = max((host.end for host in self._hosts.values()), default="") or self._made
        yield RunSeen(
            tool="Outpost24",
            observed_at=self._when(text),
            observed_text=text,
            zone_assumed=bool(text) and self._shift is None,
        )
        for address in self._hosts:
            yield from self._sighting(address, "", "")
        for _event, element in xmlstream.elements(self._report, ("portlist-host", "detail")):
            yield from self._detail(element) if element.tag == "detail" else self._listed(element)

    def _about(self) -> None:
        tags = ("timezone", "reportdate", "host", "detail", "portlist-host")
        for _event, element in xmlstream.elements(self._report, tags):
            text = (element.text or "").strip()
            if element.tag == "timezone":
                self._zone(text)
            elif element.tag == "reportdate":
                self._made = self._made or text
            elif element.tag == "host" and xmlstream.text_of(element, "ip"):
                host = self._hosts.setdefault(xmlstream.text_of(element, "ip"), _Host())
                host.names.extend(name for name in (xmlstream.text_of(element, "name"),) if name)
                host.platform = host.platform or xmlstream.text_of(element, "platform")
                host.end = host.end or xmlstream.text_of(element, "end")
                for name in ("template", "completescan"):
                    if value := xmlstream.text_of(element, name):
                        host.attributes.append((name, value))

    def _zone(self, text: str) -> None:
        if match := _ZONE.match(text):
            shift = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
            self._shift = -shift if match[1] == "-" else shift

    def _when(self, text: str) -> datetime | None:
        found = hosts.when(text)
        try:
            return found - self._shift if found and self._shift else found
        except OverflowError:
            return None

    def _sighting(self, address: str, name: str, platform: str) -> Iterator[Record]:
        if address in self._said:
            return
        self._said.add(address)
        host = self._hosts.get(address, _Host())
        names = [one for one in (*host.names, name) if one]
        known = hosts.gather(
            (one for text in names for one in hosts.named("fqdn", text)),
            hosts.named("fqdn", address),
        )
        yield Sighting(
            key=address,
            name=names[0] if names else address,
            identifiers=known or (("artifact", f"outpost24 target {address}"),),
            os=host.platform or platform,
            attributes=tuple(host.attributes),
            observed_at=self._when(host.end) or self._when(self._made),
        )

    def _listed(self, element: etree._Element) -> Iterator[Record]:
        address = xmlstream.text_of(element, "ip")
        if not address:
            yield Skipped("a list of ports", "names no host")
            return
        yield from self._sighting(address, xmlstream.text_of(element, "name"), "")
        at = self._when(xmlstream.text_of(element, "date"))
        for info in element.iterchildren("portinfo"):
            yield from self._port(address, info, at)

    def _port(self, address: str, info: etree._Element | None, at: datetime | None) -> Iterator[Record]:
        number = naming.port(xmlstream.text_of(info, "portnumber")) if info is not None else 0
        if info is None or not number:
            return
        protocol = xmlstream.text_of(info, "protocol").lower() or "tcp"
        if protocol in ("tcp", "udp", "sctp") and (address, number, protocol) not in self._ports:
            self._ports.add((address, number, protocol))
            service = xmlstream.text_of(info, "service")
            tls = service.lower() in _TLS
            yield PortSeen(asset=address, port=number, protocol=protocol, service=service, tls=tls, observed_at=at)

    def _detail(self, element: etree._Element) -> Iterator[Record]:
        text = xmlstream.text_of
        address = text(element, "ip") or text(element, "hostname")
        rule = text(element, "id") or text(element, "name")
        if not address or not rule:
            yield Skipped(f"detail {rule or '?'}", "names no host or no check")
            return
        yield from self._sighting(address, text(element, "hostname"), text(element, "platform"))
        at = self._when(text(element, "history/lastseen")) or self._when(text(element, "date"))
        info = element.find("portinfo")
        yield from self._port(address, info, at)
        yield self._finding(element, address, rule, at)

    def _finding(self, element: etree._Element, address: str, rule: str, at: datetime | None) -> Finding:
        text = xmlstream.text_of
        title = text(element, "name") or rule
        output = text(element, "information")
        cves = naming.public_ids(*((one.text or "") for one in element.iterfind("cve/id")))
        score, vector, severity = _rating(element)
        match = _VERSIONS.search(output)
        virtual = text(element, "virtualhost")
        return Finding(
            asset=address,
            rule=rule,
            title=title,
            severity=severity,
            weaknesses=cves,
            kind=_kind(title, severity, cves, text(element, "category")),
            component_name=text(element, "product") if cves else "",
            version=match[1].rstrip(".,") if match else "",
            fixed_version=match[3].rstrip(".,") if match and match[2] == "less than" else "",
            fix=hosts.fix_name(title, text(element, "solutiontitle")),
            port=naming.port(text(element, "portinfo/portnumber")),
            protocol=text(element, "portinfo/protocol").lower(),
            cvss_score=score,
            cvss_vector=vector,
            proof="version" if match else "unknown",
            word=_word(element),
            description=text(element, "description"),
            solution=text(element, "solution") or text(element, "solutiontitle"),
            references=tuple(
                dict.fromkeys(url for one in element.iterfind("referencelist/reference") if (url := text(one, "url")))
            ),
            evidence=output,
            first_seen=self._when(text(element, "history/firstseen")),
            observed_at=at,
            tags=(f"virtualhost={virtual}",) if virtual and virtual != address else (),
        )


def _rating(element: etree._Element) -> tuple[float | None, str, facts.Severity]:
    """(score, vector, severity): version 3 where it is, else the report's own level."""
    text = xmlstream.text_of
    score, vector = naming.score(text(element, "cvss_v3_score")), hosts.vector(text(element, "cvss_v3_vector"))
    if score is not None:
        return score, vector, naming.of_score(score)
    score, vector = naming.score(text(element, "cvss_score")), hosts.vector(text(element, "cvss_vector"))
    risk = text(element, "risk")
    level = _RISKS.get(risk) if risk.isdigit() else (naming.severity(risk) if risk else None)
    return score, vector, level or naming.of_score(score or 0.0)


def _kind(title: str, severity: facts.Severity, cves: tuple[str, ...], category: str) -> facts.ExposureKind:
    if severity == "info" and not cves:
        return "observation"
    if _END.search(title) and not cves:
        return "end_of_life"
    return "vulnerability" if cves or category.lower() in ("update", "patch", "upgrade") else "misconfiguration"


def _word(element: etree._Element) -> facts.Word:
    text = xmlstream.text_of
    if text(element, "falsepositive").lower() not in _NONE:
        return "false_positive"
    if text(element, "accepted").lower() not in _NONE or text(element, "acceptedrisk").lower() not in _NONE:
        return "accepted"
    return "fixed" if text(element, "history/removed").lower() not in _NONE else "open"

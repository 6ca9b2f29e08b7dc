"""Nexpose and InsightVM, XML exports: `NexposeReport` (versions 1.0 and 2.0) and the short `NeXposeSimpleXML`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _host_scans as scans
from foreshore.discovery.readers import _host_scans_simple as simple
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import Finding, PortSeen, Record, RunSeen, Sighting, Skipped

_TIME = regex(r"^(\d{8})T(\d{6})(\d{3})?$")
_BREAKS = frozenset({"Paragraph", "ListItem", "UnorderedList", "OrderedList", "ContainerBlockElement", "TableRow"})
_PROOFS: dict[str, facts.Proof] = {"exploited": "probe", "version": "version", "potential": "banner"}
_END = regex(r"\bobsolete\b|\bend[ -]of[ -]life\b|\bunsupported\b", re.IGNORECASE)
_STATES = ("open", "closed", "filtered")


@dataclass(frozen=True)
class Nexpose:
    """Reads hosts, ports and every test that was positive; tests that failed to run are skipped aloud.

    The tool's severity from 1 to 10 is the rounded CVSS score and read on that scale. Where the export
    also lists the tests that were negative, a host is covered for exactly the tests it lists.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is the root element NexposeReport or that of the short form?"""
        return xmlstream.looks_like(head, "NexposeReport", "NeXposeSimpleXML")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, then each host with its ports, findings and coverage; definitions are read first."""
        about = _about(report)
        yield RunSeen(
            tool="Nexpose",
            version="",
            observed_at=about.ended,
            observed_text=about.text,
            zone_assumed=about.ended is not None,
            settings=(("scans", ", ".join(sorted(set(about.names)))),) if about.names else (),
        )
        keys: dict[str, int] = {}
        for _event, element in xmlstream.elements(report, ("node", "device", *_TOP), within=_WITHIN):
            if element.tag == "node":
                yield from _Node(element, about, keys).records()
            elif element.tag == "device":
                yield from simple.device(element, _key(element, keys), about.ended)


PLUGIN = Nexpose()
_TOP = ("vulnerability", "generated")
# In the short form a device holds its vulnerabilities, which must stay until the device is read.
_WITHIN = {"vulnerability": "VulnerabilityDefinitions", "generated": "NeXposeSimpleXML"}


def _key(element: etree._Element, keys: dict[str, int], name: str = "") -> str:
    """The handle of a host: its address, with a number where the report has it several times."""
    name = element.get("address", "").strip() or name or "host"
    count = keys[name] = keys.get(name, 0) + 1
    return name if count == 1 else f"{name}#{count}"


@dataclass
class _About:
    """Definitions of tests by identifier, and when the scans ended."""

    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    ended: datetime | None = None
    text: str = ""


def _when(text: str | None) -> datetime | None:
    """The time in UTC of `20210228T225351463` (the export writes no zone)."""
    match = _TIME.match((text or "").strip())
    if not match:
        return hosts.when(text)
    try:
        return datetime.strptime(f"{match[1]}{match[2]}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _about(report: facts.Report) -> _About:
    about = _About()
    for _event, element in xmlstream.elements(report, ("scan", "node", "device", *_TOP), within=_WITHIN):
        if element.tag == "generated":
            about.text = (element.text or "").strip()
            about.ended = _when(about.text)
        elif element.tag == "vulnerability":
            about.checks.setdefault(element.get("id", "").lower(), _check(element))
        elif element.tag == "scan":
            about.names.extend(name for name in (element.get("name"),) if name)
            text = element.get("endTime") or element.get("startTime") or ""
            if ended := _when(text):
                about.ends[element.get("id", "")] = ended
                if about.ended is None or ended > about.ended:
                    about.ended, about.text = ended, text
    return about


def _check(element: etree._Element) -> dict[str, Any]:
    """What a definition says, as fields of a finding."""
    pairs = [
        (one.get("source", "").upper(), (one.text or "").strip()) for one in element.iterfind("references/reference")
    ]

    def of(*names: str) -> list[str]:
        return [text for source, text in pairs if source in names and text]

    weaknesses = naming.public_ids(*of("CVE"))
    title = " ".join(element.get("title", "").split()) or element.get("id", "")
    number = naming.number(element.get("severity"))
    score, vector = _cvss(element)
    severity = naming.of_score(score or 0.0 if number is None else number)
    articles = of("MSKB")
    tags = tuple(dict.fromkeys((tag.text or "").strip() for tag in element.iterfind("tags/tag") if tag.text))
    return {
        "title": title,
        "severity": severity,
        "weaknesses": weaknesses,
        "kind": "end_of_life" if _END.search(title) and not weaknesses else _kind(weaknesses, number),
        "fix": f"KB{articles[0].removeprefix('KB')}"
        if len(articles) == 1
        else hosts.fix_name(*of("MS", "REDHAT"), title),
        "cvss_score": score,
        "cvss_vector": vector,
        "cwes": naming.cwes(of("CWE")),
        "description": scans.prose(element.find("description"), _BREAKS),
        "solution": scans.prose(element.find("solution"), _BREAKS),
        "references": tuple(dict.fromkeys(of("URL"))),
        "tags": tags,
    }


def _kind(weaknesses: tuple[str, ...], severity: float | None) -> facts.ExposureKind:
    if weaknesses:
        return "vulnerability"
    return "observation" if severity == 0 else "misconfiguration"


def _cvss(element: etree._Element) -> tuple[float | None, str]:
    for prefix, kind in (("cvssV3", "CVSS:3.0"), ("cvss", "")):
        score = naming.score(element.get(f"{prefix}Score"))
        vector = hosts.vector(element.get(f"{prefix}Vector", ""), kind)
        if score is not None or vector:
            return score, vector
    return None, ""


class _Node:
    """One host of the report."""

    def __init__(self, element: etree._Element, about: _About, keys: dict[str, int]) -> None:
        self._element = element
        self._about = about
        self._address = element.get("address", "").strip()
        self._names = [name for one in element.iterfind("names/name") if (name := (one.text or "").strip())]
        self.key = _key(element, keys, self._names[0] if self._names else "")
        self._positive: set[str] = set()
        self._negative: set[str] = set()
        self._failed: set[str] = set()

    def records(self) -> Iterator[Record]:
        yield self._sighting()
        for endpoint in self._element.iterfind("endpoints/endpoint"):
            if port := self._port(endpoint):
                yield port
        for test in self._element.iter("test"):
            yield from self._test(test)
        looked = (self._positive | self._negative) - self._failed
        if self._negative and (said := scans.covered("nexpose", self.key, looked)):
            yield said

    def _sighting(self) -> Sighting:
        get = self._element.get
        systems = sorted(
            self._element.iterfind("fingerprints/os"), key=lambda one: -(naming.number(one.get("certainty")) or 0)
        )
        best = systems[0] if systems else None
        attributes = [
            (name, value)
            for name in ("device-id", "site-name", "site-importance", "scan-template", "risk-score")
            if (value := get(name, "").strip())
        ]
        identifiers = hosts.gather(
            scans.macs(get("hardware-address", "")),
            (one for name in self._names for one in hosts.named("fqdn", name)),
            hosts.named("ip", self._address),
        )
        return Sighting(
            key=self.key,
            name=self._names[0] if self._names else self._address or self.key,
            kind=hosts.kind_of(best.get("device-class", "") if best is not None else ""),
            identifiers=identifiers or (("artifact", self.key),),
            os="" if best is None else _system(best),
            attributes=tuple(attributes),
            observed_at=self._seen(),
        )

    def _seen(self) -> datetime | None:
        ends = [self._about.ends.get(test.get("scan-id", "")) for test in self._element.iter("test")]
        return max((end for end in ends if end), default=self._about.ended)

    def _port(self, endpoint: etree._Element) -> PortSeen | None:
        number = naming.port(endpoint.get("port"))
        if not number:
            return None
        service = endpoint.find("services/service")
        print_ = endpoint.find("services/service/fingerprints/fingerprint")
        name = "" if service is None else service.get("name", "")
        word = endpoint.get("status", "open").lower()
        return PortSeen(
            asset=self.key,
            port=number,
            protocol=endpoint.get("protocol", "tcp").lower(),
            state=word if word in _STATES else "open",  # type: ignore[arg-type]
            service="" if name.lower() in ("<unknown>", "unknown") else name,
            product="" if print_ is None else print_.get("product", ""),
            version="" if print_ is None else print_.get("version", ""),
            tls=name.upper() in ("HTTPS", "IMAPS", "POP3S", "LDAPS", "SMTPS", "FTPS"),
            observed_at=self._about.ended,
        )

    def _test(self, test: etree._Element) -> Iterator[Record]:
        rule, status = test.get("id", "").strip().lower(), test.get("status", "").strip().lower()
        where = f"{self.key}, {rule or 'a test without identifier'}"
        if not rule:
            yield Skipped(where, "names no check")
        elif status.startswith(("not-", "overridden")):  # overridden: another test knew better
            self._negative.add(rule)
        elif "vulnerable" in status or "potential" in status:
            self._positive.add(rule)
            yield self._finding(test, rule, status)
        else:
            self._failed.add(rule)
            yield Skipped(where, f"the test gave no answer ({status or 'no status'})")

    def _finding(self, test: etree._Element, rule: str, status: str) -> Finding:
        static = self._about.checks.get(rule) or {"title": rule, "severity": "info"}
        endpoint = next(test.iterancestors("endpoint"), None)
        key = test.get("key", "").strip()
        output = scans.prose(test, _BREAKS)
        url = _url(endpoint, self._address, key)
        return Finding(
            asset=self.key,
            rule=rule,
            port=0 if endpoint is None else naming.port(endpoint.get("port")),
            protocol="" if endpoint is None else endpoint.get("protocol", "").lower(),
            resource="" if url else key,
            url=url,
            proof=next((proof for word, proof in _PROOFS.items() if word in status), "unknown"),
            word="accepted" if "exception" in status else "open",
            evidence=output,
            first_seen=_when(test.get("vulnerable-since")),
            observed_at=self._about.ends.get(test.get("scan-id", ""), self._about.ended),
            **static,
        )


def _system(best: etree._Element) -> str:
    parts = (best.get(name, "").strip() for name in ("vendor", "product", "version"))
    return " ".join(dict.fromkeys(part for part in parts if part))


def _url(endpoint: etree._Element | None, address: str, key: str) -> str:
    """The URL of a test of a web service whose key is a path."""
    if endpoint is None or not key.startswith("/"):
        return ""
    service = endpoint.find("services/service")
    scheme = "" if service is None else service.get("name", "").lower()
    if scheme not in ("http", "https"):
        return ""
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{endpoint.get('port', '')}{key}"

"""OpenVAS and Greenbone, XML report (GMP)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._openvas import kind_of, place_of, proof_of, threat
from foreshore.discovery.reports import decode_head

# A result may hold another: the detection that it rests on.
_WITHIN = {"result": "results"}


@dataclass(frozen=True)
class OpenVASXML:
    """Reads every result of a report; hosts with name, operating system and times; open ports.

    A host counts as covered only where the report's own filter shows that nothing was left out: all
    levels with log, all rows, quality of detection from 0, a finished scan, and the host's own end.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is it a GMP report, alone or in the answer to get_reports?"""
        root = xmlstream.root_of(head)
        if root in ("get_reports_response", "get_results_response"):
            return True
        text = decode_head(head)
        return root == "report" and any(mark in text for mark in ("<gmp>", "<omp>", "format_id="))

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, each host before its first result, results, then what proves coverage."""
        yield from _Reading(report).records()


PLUGIN = OpenVASXML()


@dataclass
class _About:
    """What the report says about itself, found in a first pass: part of it stands after the results."""

    version: str = ""
    task: str = ""
    filter: str = ""
    status: str = ""
    start: str = ""
    end: str = ""
    truncated: bool = False
    hosts: dict[str, _Host] = field(default_factory=dict)


@dataclass
class _Host:
    """A host of the report's own list: when its scan ended and details by name."""

    end: str = ""
    details: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


_SIMPLE = ("version", "term", "scan_run_status", "scan_start", "scan_end", "creation_time")


def _about(report: facts.Report) -> _About:
    """First pass: everything but the results."""
    about = _About()
    created = ""
    for _event, element in xmlstream.elements(report, ("result", "host", *_SIMPLE), within=_WITHIN):
        parent = element.getparent()
        above = "" if parent is None else str(parent.tag)
        text = (element.text or "").strip()
        if element.tag == "host":
            _listed(element, above, about)
        elif element.tag == "version" and above in ("gmp", "omp"):
            about.version = text
        elif element.tag == "term" and above == "filters":
            about.filter = " ".join(text.split())
        elif element.tag == "scan_run_status":
            about.status = text
        elif element.tag == "scan_start":
            about.start = about.start or text
        elif element.tag == "scan_end":
            about.end = about.end or text
        elif element.tag == "creation_time" and above == "report":
            created = created or text
    about.start = about.start or created
    return about


def _listed(element: etree._Element, above: str, about: _About) -> None:
    """A host element with an address of its own belongs to the list of hosts; others stand in results."""
    if above not in ("report", "hosts") or element.find("ip") is None:
        return
    host = about.hosts.setdefault(xmlstream.text_of(element, "ip"), _Host())
    host.end = host.end or xmlstream.text_of(element, "end")
    for detail in element.iterchildren("detail"):
        name, value = xmlstream.text_of(detail, "name"), xmlstream.text_of(detail, "value")
        if name in ("hostname", "DNS-via-TargetDefinition") and value:
            host.names.append(value)
        elif value:
            host.details.setdefault(name, value)


class _Reading:
    """The second pass."""

    def __init__(self, report: facts.Report) -> None:
        self._report = report
        self._about = _about(report)
        self._at = hosts.when(self._about.end) or hosts.when(self._about.start)
        self._seen: dict[str, str] = {}
        self._ports: set[tuple[str, int, str]] = set()
        self._logs = False

    def records(self) -> Iterator[facts.Record]:
        about = self._about
        text = about.end or about.start
        at, assumed = hosts.moment(text)
        yield facts.RunSeen(
            tool="OpenVAS",
            version=about.version,
            observed_at=at,
            observed_text=text,
            zone_assumed=assumed,
            settings=(("filter", about.filter), ("status", about.status)),
        )
        for address in about.hosts:
            yield from self._sighting(address, "")
        for _event, element in xmlstream.elements(self._report, ("result",), within=_WITHIN):
            yield from self._result(element)
        yield from self._covered()

    def _sighting(self, address: str, name: str) -> Iterator[facts.Record]:
        if address in self._seen:
            return
        self._seen[address] = name
        host = self._about.hosts.get(address, _Host())
        names = [one for one in (*host.names, name) if one]
        details = host.details
        yield facts.Sighting(
            key=address,
            name=names[0] if names else address,
            identifiers=hosts.gather(
                [("mac", mac) for mac in hosts.macs(details.get("MAC", ""))],
                (one for text in names for one in hosts.named("fqdn", text)),
                hosts.named("ip", address),
            ),
            os=details.get("best_os_txt", "") or details.get("OS", ""),
            authenticated=_authenticated(details),
            observed_at=hosts.when(host.end) or self._at,
        )

    def _result(self, element: etree._Element) -> Iterator[facts.Record]:
        host = element.find("host")
        address = (host.text or "").strip() if host is not None else ""
        name = xmlstream.text_of(host, "hostname") if host is not None else ""
        if not address and not name:
            yield facts.Skipped(f"result {element.get('id', '')}", "names no host")
            return
        key = address or name
        yield from self._sighting(key, name)
        port, protocol = place_of(xmlstream.text_of(element, "port"))
        at = hosts.when(self._about.hosts.get(key, _Host()).end) or self._at
        if port and (key, port, protocol) not in self._ports:
            self._ports.add((key, port, protocol))
            yield facts.PortSeen(asset=key, port=port, protocol=protocol, observed_at=at)
        found = _finding(element, key, port, protocol, at)
        self._logs = self._logs or found.severity == "info"
        yield found

    def _covered(self) -> Iterator[facts.Record]:
        if not self._logs or not _unfiltered(self._about):
            return
        for address, host in self._about.hosts.items():
            if host.end:
                yield facts.Covered(asset=address, authenticated=_authenticated(host.details))


def _authenticated(details: dict[str, str]) -> bool | None:
    """Did a login by SSH or SMB work, as the host's details say?"""
    success = any(name.startswith("Auth-") and name.endswith("Success") for name in details)
    failure = any(name.startswith("Auth-") and name.endswith("Failure") for name in details)
    return True if success else False if failure else None


_HARMLESS = frozenset(
    {"apply_overrides", "levels", "rows", "min_qod", "first", "sort", "sort-reverse", "notes", "overrides",
     "result_hosts_only", "timezone", "details", "ignore_pagination", "delta_states"}
)  # fmt: skip


def _unfiltered(about: _About) -> bool:
    """Does the report's filter show that it left nothing out? Anything not understood means no."""
    words = dict(word.split("=", 1) for word in about.filter.split() if "=" in word)
    if about.status != "Done" or not about.filter:
        return False
    if any("=" not in word for word in about.filter.split()):
        return False
    levels = set(words.get("levels", ""))
    return (
        set(words) <= _HARMLESS
        and {"h", "m", "l", "g"} <= levels | ({"h"} if "c" in levels else set())
        and words.get("rows") == "-1"
        and words.get("first", "1") in ("0", "1")
        and words.get("min_qod") == "0"
        and words.get("apply_overrides", "0") == "0"
    )


def _tags(nvt: etree._Element | None) -> dict[str, str]:
    text = "" if nvt is None else xmlstream.text_of(nvt, "tags")
    return dict(part.split("=", 1) for part in text.split("|") if "=" in part)


def _finding(element: etree._Element, asset: str, port: int, protocol: str, at: datetime | None) -> facts.Finding:
    nvt = element.find("nvt")
    tags = _tags(nvt)
    refs = [] if nvt is None else [(r.get("type", ""), r.get("id", "")) for r in nvt.iterfind("refs/ref")]
    old = "" if nvt is None else xmlstream.text_of(nvt, "cve")
    weaknesses = naming.public_ids(*(ref for kind, ref in refs if kind == "cve"), old)
    rule = "" if nvt is None else nvt.get("oid", "")
    title = xmlstream.text_of(element, "name") or (xmlstream.text_of(nvt, "name") if nvt is not None else "")
    score = naming.score(xmlstream.text_of(element, "severity"))
    severity = threat(xmlstream.text_of(element, "threat"), score)
    output = xmlstream.text_of(element, "description")
    component = hosts.cpe(_detected(element))
    installed, fixed = hosts.versions(output)
    quality = xmlstream.text_of(element, "qod/value")
    return facts.Finding(
        asset=asset,
        rule=rule or title,
        title=title,
        severity=severity,
        weaknesses=weaknesses,
        kind=kind_of(title, severity, weaknesses, tags.get("solution_type", "")),
        component=component[0],
        component_name=component[1],
        version=installed or component[2],
        fixed_version=fixed,
        fix=hosts.fix_name(title),
        port=port,
        protocol=protocol,
        path=_path(element),
        cvss_vector=hosts.vector(_vector(nvt, tags)),
        cvss_score=score,
        epss=naming.number(nvt.findtext("epss/max_severity/score")) if nvt is not None else None,
        proof=proof_of(xmlstream.text_of(element, "qod/type"), quality),
        description=tags.get("summary", "").strip() or output,
        solution=tags.get("solution", "").strip(),
        references=tuple(ref for kind, ref in refs if kind == "url"),
        evidence=output,
        observed_at=at,
    )


def _vector(nvt: etree._Element | None, tags: dict[str, str]) -> str:
    found = "" if nvt is None else (nvt.findtext("severities/severity/value") or "")
    return found or tags.get("cvss_base_vector", "")


def _detected(element: etree._Element) -> str:
    """The product that the detection found, as CPE."""
    for detail in element.iterfind("detection/result/details/detail"):
        if xmlstream.text_of(detail, "name") == "product":
            return xmlstream.text_of(detail, "value")
    return ""


def _path(element: etree._Element) -> str:
    for detail in element.iterfind("detection/result/details/detail"):
        if xmlstream.text_of(detail, "name") == "location":
            found = xmlstream.text_of(detail, "value")
            return found if "/" in found[:3] or ":\\" in found[:3] else ""
    return ""

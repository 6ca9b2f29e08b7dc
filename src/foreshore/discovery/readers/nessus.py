"""Nessus and Tenable Web App Scanning, XML (`.nessus`, version 2)."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._nessus_items import Items
from foreshore.discovery.reports import MIB, encoding_of_head

SCAN_INFORMATION = "19506"
# Plugins that list open ports: from outside, and from within the machine (netstat, SNMP).
OUTSIDE = frozenset({"11219", "10335", "34277"})
TLS = frozenset({"10863", "56984", "21643", "62563"})
_TIME = regex(rb'<tag name="HOST_END(_TIMESTAMP)?">([^<]{1,64})</tag>')
_INFORMATION = regex(rb"Information about this scan :([^<]{1,4000})<")
_SETTINGS = {
    "Nessus version": "version",
    "Plugin feed version": "feed",
    "Scan policy used": "policy",
    "Scan name": "scan",
    "Port range": "ports",
    "Paranoia level": "paranoia",
    "Thorough tests": "thorough",
    "Scan type": "type",
    "Scanner IP": "scanner",
}
_OVERLAP = 8192


@dataclass(frozen=True)
class Nessus:
    """Reads NessusClientData_v2: one finding for each item on each host, open ports, host identifiers.

    A host counts as covered only if the report proves that nothing was filtered out: its "Nessus Scan
    Information" (19506) is there, so are other informational items, its end is stated, and the report
    holds more than informational items. Times come from the epoch stamps where they are written.
    """

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is the root element NessusClientData_v2?"""
        return xmlstream.looks_like(head, "NessusClientData_v2")

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then each host with its findings and ports, then what proves coverage."""
        yield _run(report)
        yield from _Reading(report).records()


PLUGIN = Nessus()


def _run(report: facts.Report) -> facts.RunSeen:
    """The run's time is the latest end of a host, found by a quick look over the bytes."""
    latest: tuple[datetime, str, bool] | None = None
    exact: tuple[datetime, str, bool] | None = None
    settings: dict[str, str] = {}
    for chunk in _chunks(report):
        for stamp, raw in _TIME.findall(chunk):
            text = raw.decode("utf-8", "replace").strip()
            found, assumed = hosts.moment(text)
            if found is not None and stamp:
                exact = max(exact or (found, text, False), (found, text, False))
            elif found is not None:
                latest = max(latest or (found, text, assumed), (found, text, assumed))
        if not settings and (match := _INFORMATION.search(chunk)):
            settings = _settings(match.group(1).decode("utf-8", "replace"))
    chosen = exact or latest
    return facts.RunSeen(
        tool="Nessus",
        version=settings.pop("version", ""),
        scanner=settings.pop("scanner", ""),
        observed_at=chosen[0] if chosen else None,
        observed_text=(latest or chosen or (None, ""))[1],
        zone_assumed=chosen[2] if chosen else False,
        settings=tuple(sorted(settings.items())),
    )


def _chunks(report: facts.Report) -> Iterator[bytes]:
    """The text as UTF-8 in pieces that overlap, so that a short pattern is whole in one of them."""
    encoding = encoding_of_head(report.head)
    wide = None if encoding.startswith("utf-8") else codecs.getincrementaldecoder(encoding)("replace")
    with report.open() as stream:
        before = b""
        while chunk := stream.read(MIB):
            piece = chunk if wide is None else wide.decode(chunk).encode("utf-8", "replace")
            yield before + piece
            before = piece[-_OVERLAP:]


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {
        _SETTINGS[name.strip()]: value.strip()
        for name, _colon, value in pairs
        if name.strip() in _SETTINGS and value.strip()
    }


class _Host:
    """What is known of the host being read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = name
        self.tags: dict[str, str] = {}
        self.seen_at: datetime | None = None
        self.yielded = False
        self.ended = False
        self.information = False
        self.others = False
        self.authenticated: bool | None = None
        self.ports: dict[tuple[int, str], facts.PortSeen] = {}


class _Reading:
    """One pass over one report."""

    def __init__(self, report: facts.Report) -> None:
        self._report = report
        self._items = Items(report.name)
        self._host: _Host | None = None
        self._names: dict[str, int] = {}
        self._plugins: tuple[str, ...] = ()
        self._complete: list[tuple[str, bool | None]] = []
        self._above_info = False

    def records(self) -> Iterator[facts.Record]:
        tags = ("ReportItem", "HostProperties", "ReportHost", "preference")
        for event, element in xmlstream.elements(self._report, tags, starts=("ReportHost",)):
            name = element.tag
            if name == "ReportItem":
                yield from self._item(element)
            elif name == "HostProperties":
                self._properties(element)
            elif name == "preference":
                self._preference(element)
            elif event == "start":
                self._host = self._begin(element.get("name", ""))
            elif self._host is not None:
                yield from self._finish(self._host)
                self._host = None
        yield from self._covered()

    def _begin(self, name: str) -> _Host:
        host = _Host(name.strip())
        count = self._names[host.name] = self._names.get(host.name, 0) + 1
        host.key = host.name if count == 1 else f"{host.name}#{count}"
        return host

    def _preference(self, element: etree._Element) -> None:
        if xmlstream.text_of(element, "name") == "plugin_set":
            listed = xmlstream.text_of(element, "value").split(";")
            self._plugins = tuple(sorted({one for one in map(str.strip, listed) if one}))

    def _properties(self, element: etree._Element) -> None:
        host = self._host
        if host is None:
            return
        host.tags = {tag.get("name", ""): (tag.text or "").strip() for tag in element.iterchildren("tag")}
        stamp, text = host.tags.get("HOST_END_TIMESTAMP", ""), host.tags.get("HOST_END", "")
        host.ended = bool(stamp or text)
        host.seen_at = hosts.when(stamp) or hosts.when(text)
        stated = host.tags.get("Credentialed_Scan", "").lower()
        host.authenticated = {"true": True, "false": False}.get(stated)

    def _item(self, element: etree._Element) -> Iterator[facts.Record]:
        host = self._host
        if host is None:
            raise xmlstream.misplaced(self._report, element, "ReportHost")
        if not host.yielded:
            host.yielded = True
            yield sighting(host.key, host.name, host.tags, host.authenticated, host.seen_at)
        found = self._items.read(element, host.key, host.seen_at)
        yield found
        if not isinstance(found, facts.Finding):
            return
        self._note(host, found)
        if found.port and (found.proof != "package" or found.rule in OUTSIDE):
            self._port(host, found, element.get("svc_name", ""))

    def _note(self, host: _Host, found: facts.Finding) -> None:
        if found.rule == SCAN_INFORMATION:
            host.information = True
            if "Credentialed checks : yes" in found.evidence:
                host.authenticated = True
            elif "Credentialed checks : no" in found.evidence and host.authenticated is None:
                host.authenticated = False
        elif found.severity == "info":
            host.others = True
        else:
            self._above_info = True

    def _port(self, host: _Host, found: facts.Finding, service: str) -> None:
        place = (found.port, found.protocol)
        tls = found.rule in TLS or service.startswith("https")
        known = host.ports.get(place)
        if known is None or (tls and not known.tls):
            name = service.rstrip("?")
            host.ports[place] = facts.PortSeen(
                asset=host.key,
                port=found.port,
                protocol=found.protocol or "tcp",
                service="" if name in ("general", "unknown") else name,
                tls=tls,
                observed_at=host.seen_at,
            )

    def _finish(self, host: _Host) -> Iterator[facts.Record]:
        if not host.yielded:
            yield sighting(host.key, host.name, host.tags, host.authenticated, host.seen_at)
        yield from host.ports.values()
        if host.information and host.others and host.ended:
            self._complete.append((host.key, host.authenticated))

    def _covered(self) -> Iterator[facts.Record]:
        if not self._above_info:
            # Only informational items: a clean estate, or a filter. It cannot be told, so it proves nothing.
            return
        listed = self._plugins
        digest = hashlib.sha256(";".join(listed).encode()).hexdigest()[:16]
        checks = f"nessus-{digest}" if listed else "*"
        for key, authenticated in self._complete:
            yield facts.Covered(asset=key, checks=checks, check_list=listed, authenticated=authenticated)
            listed = ()


def sighting(
    key: str, name: str, tags: dict[str, str], authenticated: bool | None, at: datetime | None
) -> facts.Sighting:
    """A host from its HostProperties; web applications are named by their address."""
    kind = hosts.kind_of(tags.get("system-type", ""))
    if kind == "web_application" or "://" in name:
        place = naming.split_url(name)[0]
        return facts.Sighting(
            key=key,
            name=name,
            kind="web_application",
            identifiers=hosts.named("fqdn", place),
            observed_at=at,
        )
    fqdn, netbios = tags.get("host-fqdn", ""), tags.get("netbios-name", "")
    shown = name if not naming.address(name) else (fqdn or netbios or name)
    return facts.Sighting(
        key=key,
        name=shown,
        kind=kind,
        identifiers=identifiers(name, tags),
        os=tags.get("operating-system", "").partition("\n")[0].strip(),
        attributes=(("system_type", tags["system-type"]),) if tags.get("system-type") else (),
        authenticated=authenticated,
        observed_at=at,
    )


_AGENTS = ("tenable_uuid", "tenable-uuid", "agent-uuid", "agent_uuid", "host-uuid")
# Azure's and Google's ids are left out: other tools name the same machines by resource path instead.
_CLOUD = ("aws-instance-instance-id", "aws-instance-id")


def identifiers(name: str, tags: dict[str, str]) -> hosts.Identifiers:
    """All identifiers of a host, strong ones first; shared hardware addresses and empty UUIDs left out."""
    get = tags.get
    agents = [hosts.agent("tenable", get(tag, "")) for tag in _AGENTS]
    cloud = [("cloud_id", get(tag, "").lower()) for tag in _CLOUD]
    return hosts.gather(
        _arn(tags),
        cloud,
        agents,
        [("bios_uuid", hosts.uuid(get("bios-uuid", "")))],
        [("mac", mac) for mac in hosts.macs(get("mac-address", ""))],
        hosts.named("fqdn", get("host-fqdn", "")),
        (one for text in _more_names(tags) for one in hosts.named("fqdn", text)),
        hosts.named("fqdn", name),
        hosts.named("hostname", get("hostname", "")),
        hosts.named("netbios", get("netbios-name", "")),
        hosts.named("ip", get("host-ip", "")),
    )


def _arn(tags: dict[str, str]) -> list[tuple[str, str]]:
    account, region = tags.get("aws-instance-accountId", ""), tags.get("aws-instance-region", "")
    instance = tags.get("aws-instance-instance-id", "")
    if not (account and region and instance):
        return []
    return [("arn", f"arn:aws:ec2:{region}:{account}:instance/{instance}".lower())]


def _more_names(tags: dict[str, str]) -> list[str]:
    """Names from `host-fqdns`, without those that only the reverse lookup gave: providers name many alike."""
    try:
        listed = _decoding.within(tags.get("host-fqdns", "") or "[]")
        names = [str(one["FQDN"]) for one in listed]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return [name for name in names[:20] if name != tags.get("host-rdns")]

"""masscan's reports: JSON (`-oJ`), JSON lines (`-oD`), XML (`-oX`), list (`-oL`) and grepable (`-oG`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from foreshore import facts
from foreshore.discovery import reports, xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import TLS_SERVICES, State, by_address, first_row, server, software
from foreshore.errors import BadReport

_STATES: dict[str, State] = {"open": "open", "closed": "closed", "filtered": "filtered"}
_PROTOCOLS = frozenset(("tcp", "udp", "sctp"))
_BEGINNING = regex(r"#(?:masscan\b| Masscan \S{1,20} scan initiated )")
_NOTHING = regex(r"\[\s*\{finished: 1\}\s*\]\s*$")  # how versions before 1.3 write that nothing answered
_LISTED = regex(r"^(open|closed|filtered|banner)\s+(\w+)\s+(\d+)\s+(\S+)\s+(\d+)(?:\s+(\S+)\s?(.*))?$")
_HOST = regex(r"^(?:Timestamp: (\d+)\s+)?Host: (\S+) \([^)]*\)\s+(.*)$")
_PORTS = regex(r"Ports: (\d+)/(\w+)/(\w+)/")
_BANNER = regex(r"Port: (\d+)\s+Service: (\S+)\s+Banner: ?(.*)$")
# Versions before 1.3 end with this, and a comma before it, which is no JSON.
_FINISHED = regex(r"(?:,\s*)?(?:\{\s*\"?finished\"?\s*:\s*\"?1\"?\s*\}\s*)?\]?\s*$")


class _Service(msgspec.Struct, gc=False):
    name: Scalar = None
    banner: Scalar = None


class _Port(msgspec.Struct, gc=False):
    port: Scalar = None
    proto: Scalar = None
    status: Scalar = None
    service: _Service | None = None


class _Data(msgspec.Struct, gc=False):
    status: Scalar = None
    service_name: Scalar = None
    banner: Scalar = None


class _Host(msgspec.Struct, gc=False):
    """A host of the JSON, or a line of the JSON lines."""

    ip: Scalar = None
    timestamp: Scalar = None
    ports: list[_Port] | None = None
    port: Scalar = None
    proto: Scalar = None
    data: _Data | None = None


_HOST_ROW: msgspec.json.Decoder[_Host] = msgspec.json.Decoder(_Host)
_RAWS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


class _Seen(NamedTuple):
    """One row: the answer of a port, or what its service said."""

    where: str
    address: str
    port: str
    protocol: str
    state: str
    time: str
    service: str = ""
    banner: str = ""


@dataclass(frozen=True)
class Masscan:
    """Reads ports with the answers that came; what a service said is put together with its port."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins one of masscan's five forms."""
        text = reports.decode_head(head).lstrip()
        if text.startswith("<"):
            return 'scanner="masscan"' in text[:8192] and xmlstream.looks_like(head, "nmaprun")
        if text.startswith("#"):
            return _BEGINNING.match(text) is not None
        row = first_row(head)
        if text.startswith("[") and (row.keys() == {"ip", "timestamp", "ports"} or _NOTHING.match(text)):
            return True
        return {"ip", "port", "proto", "rec_type"} <= row.keys()

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then each host with its ports; the time of the run is that of the last answer."""
        skipped: list[facts.Skipped] = []
        collected = _Collected(skipped)
        for seen in _rows(report, skipped):
            collected.take(seen)
        yield facts.RunSeen(tool="masscan", observed_at=naming.when(collected.last), observed_text=collected.last)
        yield from collected.records()
        yield from skipped


PLUGIN = Masscan()


def _rows(report: facts.Report, skipped: list[facts.Skipped]) -> Iterator[_Seen]:
    opening = reports.decode_head(report.head).lstrip()[:1]
    if opening == "<":
        return _of_xml(report)
    if opening == "#":
        return _of_lines(report, skipped)
    return _of_json(report, skipped)


def _of_json(report: facts.Report, skipped: list[facts.Skipped]) -> Iterator[_Seen]:
    if reports.decode_head(report.head).lstrip().startswith("["):
        found = _decoding.each(_HOST_ROW, _whole(report), "element ", skipped.append)
    else:
        found = _decoding.rows(report, _HOST_ROW, skipped.append)
    for number, host in enumerate(found, 1):
        for port in host.ports or [_Port(host.port, host.proto)]:
            said = host.data or _Data()
            service = port.service or _Service(said.service_name, said.banner)
            yield _Seen(
                f"row {number}",
                naming.text(host.ip),
                naming.text(port.port),
                naming.text(port.proto),
                naming.text(port.status) or naming.text(said.status) or "open",
                naming.text(host.timestamp),
                naming.text(service.name),
                naming.text(service.banner),
            )


def _whole(report: facts.Report) -> list[msgspec.Raw]:
    """The list of hosts; a list as versions before 1.3 ended it is read as it was meant."""
    data = _decoding.utf8(report.read())
    try:
        return _RAWS.decode(data)
    except msgspec.DecodeError as error:
        tail = data[-200:].decode("utf-8", "replace")
        end = _FINISHED.search(tail)
        if end is None or not end.group(0).rstrip().endswith(("]", "}")):
            raise _decoding.broken(report, error) from error
        try:
            return _RAWS.decode(data[: len(data) - len(end.group(0).encode())] + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise _decoding.broken(report, error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _decoding.broken(report, error) from error


def _of_xml(report: facts.Report) -> Iterator[_Seen]:
    number = 0
    for _event, element in xmlstream.elements(report, ("host", "runstats")):
        if element.tag != "host":
            continue
        number += 1
        address = element.find("address")
        for port in element.iterfind("ports/port"):
            state, service = port.find("state"), port.find("service")
            yield _Seen(
                f"host {number}",
                "" if address is None else address.get("addr", ""),
                port.get("portid", ""),
                port.get("protocol", ""),
                "open" if state is None else state.get("state", ""),
                element.get("endtime", ""),
                "" if service is None else service.get("name", ""),
                "" if service is None else service.get("banner", ""),
            )


def _of_lines(report: facts.Report, skipped: list[facts.Skipped]) -> Iterator[_Seen]:
    number = 0
    for number, text in enumerate(reports.lines(report), 1):
        line = text.strip("\ufeff \t\r\n")
        if not line or line.startswith("#"):
            continue
        seen = _listed(line, number) or _grepable(line, number)
        if seen is not None:
            yield seen
        elif not text.endswith("\n"):
            raise BadReport(
                f"line {number} ends in the middle",
                where=f"{report.name}, line {number}",
                hint="copy or export the whole file again",
            )
        else:
            skipped.append(facts.Skipped(f"line {number}", "is no line of masscan"))


def _listed(line: str, number: int) -> _Seen | None:
    found = _LISTED.match(line)
    if found is None:
        return None
    word, protocol, port, address, time, service, banner = found.groups(default="")
    state = "open" if word == "banner" else word
    return _Seen(f"line {number}", address, port, protocol, state, time, service, banner)


def _grepable(line: str, number: int) -> _Seen | None:
    found = _HOST.match(line)
    if found is None:
        return None
    time, address, rest = found.groups(default="")
    if ports := _PORTS.match(rest):
        port, state, protocol = ports.groups()
        return _Seen(f"line {number}", address, port, protocol, state, time)
    if said := _BANNER.match(rest):
        port, service, banner = said.groups()
        return _Seen(f"line {number}", address, port, "tcp", "open", time, service, banner)
    return None


class _Collected:
    """The hosts and ports of a report; several rows about one port become one."""

    def __init__(self, skipped: list[facts.Skipped]) -> None:
        self.last = ""
        self._skipped = skipped
        self._hosts: dict[str, dict[tuple[str, int], list[str]]] = {}

    def take(self, seen: _Seen) -> None:
        """Keep one row; the state is that of the last row, the service that of the row that says most."""
        address = naming.address(seen.address)
        if not address:
            self._skipped.append(facts.Skipped(seen.where, f"“{seen.address[:60]}” is no address"))
            return
        if naming.whole_number(seen.time) > naming.whole_number(self.last):
            self.last = seen.time
        ports = self._hosts.setdefault(address, {})
        protocol, port, state = seen.protocol.lower(), naming.port(seen.port), seen.state.lower()
        if protocol not in _PROTOCOLS:
            return  # an answer to ping or ARP says that the host is there, which is told by its sighting
        if not port or state not in _STATES:
            self._skipped.append(facts.Skipped(seen.where, f"port “{seen.port[:20]}” is “{seen.state[:20]}”"))
            return
        held = ports.setdefault((protocol, port), ["", "", "", "", "", ""])
        held[0], held[1] = state, seen.time
        named = software if not seen.service.endswith(".server") else server
        product, version = named(seen.banner)
        secure = "tls" if seen.service.lower() in TLS_SERVICES else ""
        # The certificate and its like say less of a service than its own greeting.
        weak = secure or seen.service.lower() in ("title", "vuln", "unknown")
        service = "" if weak else seen.service.partition(".")[0]
        for place, value in enumerate((service, product, version, secure), 2):
            held[place] = held[place] or value

    def records(self) -> Iterator[facts.Record]:
        """Yield each host, then its ports."""
        for address, ports in self._hosts.items():
            yield by_address(address)
            for (protocol, port), (state, time, service, product, version, secure) in ports.items():
                yield facts.PortSeen(
                    asset=address,
                    port=port,
                    protocol=protocol,
                    state=_STATES[state],
                    service=service,
                    product=product,
                    version=version,
                    tls=bool(secure),
                    observed_at=hosts.when(time),
                )

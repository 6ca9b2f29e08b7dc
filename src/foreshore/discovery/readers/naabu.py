"""naabu's JSON lines (`-json`) and CSV (`-csv`), version 2; the JSON also as one list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import TLS_SERVICES, Said, first_row
from foreshore.discovery.reports import decode_head

# Every key that naabu writes: a row with another key is of another tool.
_KEYS = frozenset(
    (
        "host", "ip", "port", "protocol", "tls", "cdn", "cdn-name", "timestamp", "mac_address", "device_type",
        "extra_info", "high_version", "hostname", "low_version", "method", "name", "os_type", "product", "proto",
        "rpc_num", "service_fp", "tunnel", "version", "confidence", "cpes", "service",
    )
)  # fmt: skip
_COLUMNS = ("host", "ip", "port")
_TIME = regex(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}) [A-Z]{1,5}")  # as Go writes a time


class _Port(msgspec.Struct, gc=False):
    """The port as versions 2.0 and 2.1 write it."""

    port: Scalar = msgspec.field(name="Port", default=None)
    protocol: Scalar = msgspec.field(name="Protocol", default=None)
    tls: Scalar = msgspec.field(name="TLS", default=None)


class _Row(msgspec.Struct, gc=False):
    host: Scalar = None
    ip: Scalar = None
    port: _Port | Scalar = None
    protocol: Scalar = None
    tls: Scalar = None
    cdn: Scalar = None
    cdn_name: Scalar = msgspec.field(name="cdn-name", default=None)
    timestamp: Scalar = None
    mac_address: Scalar = None
    device_type: Scalar = None
    name: Scalar = None
    os_type: Scalar = None
    product: Scalar = None
    version: Scalar = None
    tunnel: Scalar = None
    cpes: list[Scalar] | None = None


_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class Naabu:
    """Reads hosts with their open ports; an address of a content delivery network is not taken for the host's own."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether the first row has a host and a port, and no key but those of naabu."""
        if decode_head(head).lstrip()[:1] in ("{", "["):
            row = first_row(head)
            return bool(row) and "port" in row and ("ip" in row or "host" in row) and row.keys() <= _KEYS
        return any(
            csvrows.has_columns(head, *_COLUMNS, own) and csvrows.has_columns(head, *_COLUMNS, "timestamp")
            for own in ("cdn-name", "tls")
        )

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run at the first row's time, each host once, and each of its open ports once."""
        skipped: list[facts.Skipped] = []
        json = decode_head(report.head).lstrip()[:1] in ("{", "[")
        rows = _decoding.rows(report, _ROW, skipped.append) if json else _of_csv(report)
        first = list(islice(rows, 1))
        stamp = naming.text(first[0].timestamp) if first else ""
        yield facts.RunSeen(tool="naabu", observed_at=_when(stamp), observed_text=stamp)
        said = Said()
        for number, row in enumerate(chain(first, rows), 1):
            yield from _row(row, number, said)
        yield from skipped


PLUGIN = Naabu()


def _of_csv(report: facts.Report) -> Iterator[_Row]:
    for _line, cells in csvrows.table(report, find=_COLUMNS, fold=True).rows:
        yield _Row(
            host=cells["host"],
            ip=cells["ip"],
            port=cells["port"],
            protocol=cells.get("protocol"),
            tls=cells.get("tls"),
            cdn=cells.get("cdn"),
            cdn_name=cells.get("cdn-name"),
            timestamp=cells.get("timestamp"),
            mac_address=cells.get("mac_address"),
        )


def _when(stamp: str) -> datetime | None:
    found = _TIME.match(stamp)
    return naming.when(found.group(1) if found else stamp)


def _row(row: _Row, number: int, said: Said) -> Iterator[facts.Record]:
    delivered = _true(row.cdn) or bool(naming.text(row.cdn_name))
    address = naming.text(row.ip)
    identifiers = hosts.gather(
        [("mac", mac) for mac in hosts.macs(naming.text(row.mac_address))],
        hosts.named("fqdn", naming.text(row.host)),
        () if delivered and row.host else hosts.named("ip", address),
    )
    if not identifiers:
        yield facts.Skipped(f"row {number}", "names no host")
        return
    host = naming.text(row.host).strip().lower()
    key = host if not address or host == address else f"{host} {address}".strip()
    at = _when(naming.text(row.timestamp))
    network = naming.text(row.cdn_name) or ("yes" if delivered else "")
    yield from said.host(
        facts.Sighting(
            key=key,
            name=host or address,
            kind=hosts.kind_of(naming.text(row.device_type)),
            identifiers=identifiers,
            os=naming.text(row.os_type),
            attributes=(("content_delivery_network", network),) if network else (),
            authenticated=False,
            observed_at=at,
        )
    )
    yield from _port(row, number, key, at, said)


def _port(row: _Row, number: int, key: str, at: datetime | None, said: Said) -> Iterator[facts.Record]:
    inner = row.port if isinstance(row.port, _Port) else _Port(row.port, row.protocol, row.tls)
    found = naming.port(inner.port)
    if not found:
        if naming.text(inner.port) not in ("", "0"):  # a host that answered without a port is written with 0
            yield facts.Skipped(f"row {number}", f"“{naming.text(inner.port)[:20]}” is no port")
        return
    cpe = hosts.best_cpe(naming.text(one) for one in row.cpes or ())
    service = naming.text(row.name).lower()
    yield from said.port(
        facts.PortSeen(
            asset=key,
            port=found,
            protocol=_PROTOCOLS.get(naming.text(inner.protocol).lower(), "tcp"),
            service=service,
            product=naming.text(row.product),
            version=naming.text(row.version),
            cpe=cpe[0],
            tls=_true(inner.tls) or naming.text(row.tunnel) == "ssl" or service in TLS_SERVICES,
            observed_at=at,
        )
    )


_PROTOCOLS = {"0": "tcp", "tcp": "tcp", "1": "udp", "udp": "udp", "sctp": "sctp"}


def _true(value: Scalar) -> bool:
    return value is True or naming.text(value).lower() == "true"

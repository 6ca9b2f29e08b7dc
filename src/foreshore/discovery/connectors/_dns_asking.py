"""Questions to name servers and handshakes with TLS servers, each answered with plain values."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.zone

from foreshore.discovery.connectors._asking import Busy
from foreshore.discovery.connectors._collection import NotAllowed
from foreshore.errors import UsageError

Place = tuple[str, int]
_MOST = 200_000  # records of one zone


def system_resolver() -> Place:
    """The first name server that this machine is set to ask; raises UsageError where there is none."""
    try:
        found = dns.resolver.Resolver().nameservers
    except dns.exception.DNSException as error:
        raise UsageError(f"this machine names no resolver ({error})", where="resolver", hint="set resolver") from error
    for one in found:
        if (isinstance(one, str) and ":" not in one.partition("%")[0]) or _is_address(str(one)):
            return str(one), 53
    raise UsageError("this machine names no resolver", where="resolver", hint='resolver = "192.0.2.53"')


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def lookup(server: Place, name: str, kind: str, seconds: float) -> dict[str, Any]:
    """Ask `server` once for `name` and `kind`; the status and all records of the answer.

    Raises Busy for silence, NotAllowed where the server says that it cannot or will not tell.
    """
    try:
        question = dns.message.make_query(name, kind)
        answer, _ = dns.query.udp_with_fallback(question, server[0], timeout=seconds, port=server[1])
    except dns.exception.Timeout as error:
        raise Busy("no answer in time") from error
    except (OSError, dns.exception.DNSException) as error:
        raise Busy(str(error) or type(error).__name__) from error
    status = dns.rcode.to_text(answer.rcode())
    if status not in ("NOERROR", "NXDOMAIN"):
        raise NotAllowed(status)
    records = [
        [_shown(found.name), found.ttl, dns.rdatatype.to_text(found.rdtype), one.to_text()]
        for found in answer.answer
        for one in found
    ]
    return {"status": status, "records": sorted(records, key=str)}


def transfer(server: Place, domain: str, seconds: float) -> dict[str, Any]:
    """Take the whole zone `domain` from `server` (AXFR, RFC 5936). Raises NotAllowed where it is not given."""
    origin = dns.name.from_text(domain)
    records: list[list[Any]] = []
    try:
        messages = dns.query.xfr(server[0], origin, port=server[1], relativize=False, timeout=seconds, lifetime=300.0)
        for message in messages:
            for found in message.answer:
                kind = dns.rdatatype.to_text(found.rdtype)
                records += [[_shown(found.name), found.ttl, kind, one.to_text()] for one in found]
            if len(records) > _MOST:
                raise NotAllowed(f"the zone has more than {_MOST} records")
    except (dns.exception.Timeout, OSError) as error:
        raise NotAllowed(f"no answer ({error or type(error).__name__})") from error
    except (dns.query.TransferError, dns.exception.DNSException) as error:
        raise NotAllowed(f"the transfer is refused ({error or type(error).__name__})") from error
    return {"records": sorted({tuple(one) for one in records}, key=str)}


def certificate(address: str, port: int, name: str, seconds: float) -> dict[str, Any]:
    """Shake hands with `address` as for `name`: the certificate as base64 of DER, or why there is none."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    told: dict[str, Any] = {"address": address, "port": port, "der": "", "why": ""}
    try:
        with (
            socket.create_connection((address, port), timeout=seconds) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            found = secured.getpeercert(binary_form=True)
            return told | {"der": base64.b64encode(found or b"").decode(), "version": secured.version() or ""}
    except (OSError, ValueError) as error:
        return told | {"why": (getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error))[:200]}


def _shown(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True)).lower()

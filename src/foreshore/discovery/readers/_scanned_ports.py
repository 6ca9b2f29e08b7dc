"""What port scanners share: the first row of a report for recognising it, ports said once, and banners."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.discovery.reports import decode_head
from foreshore.facts import PortSeen, Record, Sighting

State = Literal["open", "closed", "filtered"]
TLS_SERVICES = frozenset({"https", "ssl", "tls", "x509", "imaps", "pop3s", "smtps", "ldaps", "ftps", "https-alt"})

_DECODER = json.JSONDecoder()
_SSH = regex(r"^SSH-[\d.]{1,8}-([A-Za-z][A-Za-z0-9.+]{0,40}?)(?:[_-]v?(\d[\w.+-]{0,40}))?(?:\s|$)")
_SERVER = regex(r"^([A-Za-z][\w.+ -]{0,60}?)(?:/v?(\d[\w.+-]{0,40}))?(?=$|[\s;,(])")
_HEADER = regex(r"(?:^|[\r\n]|\\x0a|\\n)server:[ \t]*([^\r\n\\]{1,200})", re.IGNORECASE)


def first_row(head: bytes) -> dict[str, Any]:
    """The first object of a file of JSON lines or of a JSON list of objects; empty where there is none."""
    text = decode_head(head)
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == "[":
        start += 1
        start += len(text[start:]) - len(text[start:].lstrip())
    if text[start : start + 1] != "{":
        return {}
    try:
        found, _end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def software(banner: str) -> tuple[str, str]:
    """(product, version) that a banner names: an SSH greeting, or the `Server` header of a web server."""
    banner = banner.strip()
    if found := _SSH.match(banner):
        return found.group(1), found.group(2) or ""
    if header := _HEADER.search(banner):
        return server(header.group(1))
    return "", ""


def server(value: str) -> tuple[str, str]:
    """(product, version) of the value of a `Server` header such as `nginx/1.25.3 (Ubuntu)`."""
    found = _SERVER.match(value.strip())
    return (found.group(1).strip(), found.group(2) or "") if found else ("", "")


class Said:
    """Hosts and ports of one report, each said once; a scanner that asks twice repeats itself."""

    def __init__(self) -> None:
        self._hosts: set[str] = set()
        self._ports: set[tuple[str, str, int]] = set()

    def host(self, sighting: Sighting) -> Iterator[Record]:
        """Yield `sighting` where its key is new."""
        if sighting.key not in self._hosts:
            self._hosts.add(sighting.key)
            yield sighting

    def port(self, seen: PortSeen) -> Iterator[Record]:
        """Yield `seen` where the host's port is new."""
        key = (seen.asset, seen.protocol, seen.port)
        if key not in self._ports:
            self._ports.add(key)
            yield seen


def by_address(address: str, at: datetime | None = None) -> Sighting:
    """The sighting of a host that is known by its address alone."""
    return Sighting(
        key=address, name=address, identifiers=_naming.host_identifiers(address), authenticated=False, observed_at=at
    )

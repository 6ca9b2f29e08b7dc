"""Names, addresses and certificates of domains that are ours, asked of a resolver and of approved servers."""

from __future__ import annotations

import base64
import importlib.util
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from foreshore.discovery.connectors._asking import Busy
from foreshore.discovery.connectors._collection import NotAllowed
from foreshore.discovery.connectors._desk import Desk, Planned
from foreshore.discovery.patterns import regex
from foreshore.errors import ForeshoreError, Refused, UsageError

COMMON = (
    "www", "mail", "smtp", "imap", "webmail", "autodiscover", "owa", "mx", "mx1", "mx2", "ns1", "ns2", "vpn",
    "remote", "gateway", "gw", "fw", "proxy", "sso", "auth", "login", "id", "api", "app", "apps", "portal",
    "intranet", "extranet", "admin", "cms", "shop", "store", "pay", "blog", "news", "docs", "help", "support",
    "status", "static", "assets", "cdn", "img", "media", "files", "ftp", "sftp", "cloud", "backup", "db", "sql",
    "git", "gitlab", "svn", "jenkins", "ci", "build", "jira", "wiki", "confluence", "grafana", "kibana", "monitor",
    "nagios", "dev", "test", "stage", "staging", "uat", "demo", "beta", "old", "new", "m", "mobile", "crm", "erp",
    "hr",
)  # fmt: skip
_OF_DOMAIN = ("SOA", "NS", "MX", "TXT", "CAA")
_OF_NAME = ("A", "AAAA")
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_DOMAIN = regex(rf"{_LABEL}(\.{_LABEL})+")
_NOBODY = "foreshore-asks-for-no-such-name"  # what answers to it answers to every name


@dataclass(frozen=True)
class DNS:
    """Asks for the names of domains: zone transfer where allowed, else names that are known or common.

    `resolver` is the address of the name server to ask, with `:port` or without; else that of the system.
    `transfer_from` are servers that give the whole zone. `certificates` fetches the TLS certificates of
    the names on `tls_ports`. Servers are touched only where they are approved targets (53 for a transfer).
    """

    version: int = 1
    domains: tuple[str, ...] = ()
    resolver: str = ""
    transfer_from: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    common: bool = True
    certificates: bool = True
    tls_ports: tuple[str, ...] = ("443",)
    wait: float = 5.0

    def check(self) -> None:
        """Raise UsageError, `where` naming the setting, for what cannot be."""
        if not self.domains:
            raise UsageError("no domains are named", where="domains", hint='domains = ["example.com"]')
        self._check_texts()
        for one in self.tls_ports:
            if not re.fullmatch(r"[0-9]{1,5}", one) or not 1 <= int(one) <= 65535:
                raise UsageError(f"“{one}” is no port", where="tls_ports", hint='tls_ports = ["443", "8443"]')
        if not 0.1 <= self.wait <= 60:
            raise UsageError(f"wait = {self.wait:g} is out of range", where="wait", hint="from 0.1 to 60 seconds")

    def _check_texts(self) -> None:
        for setting, listed in (("domains", self.domains), ("names", self.names)):
            for one in listed:
                if len(one) > 253 or not _DOMAIN.fullmatch(one.rstrip(".")):
                    raise UsageError(f"“{one}” is no name of a domain", where=setting, hint='"example.com"')
        asked = [("resolver", self.resolver)] if self.resolver else []
        for setting, one in (*asked, *(("transfer_from", server) for server in self.transfer_from)):
            if place(one) is None:
                raise UsageError(f"“{one}” is no address", where=setting, hint='"192.0.2.53" or "192.0.2.53:5353"')

    def plan(self) -> Iterator[Planned]:
        """Yield what would be asked of whom."""
        asked = self.resolver or "the system's resolver"
        for domain in self._domains():
            for server in self.transfer_from:
                yield Planned("transfer", domain, server, "if port 53 of the server is approved")
            count = 1 + len(self.named(domain)) + (len(COMMON) if self.common else 0)
            yield Planned("lookup", domain, asked, f"{count} names, and those that the workspace knows below it")
            if self.certificates:
                yield Planned("certificate", domain, "", f"of approved hosts, port {', '.join(self.tls_ports)}")

    def collect(self, desk: Desk) -> None:
        """Ask domain by domain; what is refused is kept with its reason."""
        if importlib.util.find_spec("dns") is None or importlib.util.find_spec("dns.query") is None:
            raise UsageError("dnspython is not installed", where="dns", hint="pip install 'foreshore[dns]'")
        from foreshore.discovery.connectors._dns_asking import system_resolver

        server = (place(self.resolver) if self.resolver else None) or system_resolver()
        for domain in self._domains():
            _Domain(self, desk, server, domain).collect()

    def reports(self, name: str, bodies: Iterator[Any]) -> Iterator[bytes]:
        """Yield nothing: the collection itself is the report."""
        yield from ()

    def _domains(self) -> list[str]:
        return list(dict.fromkeys(one.rstrip(".").lower() for one in self.domains))

    def named(self, domain: str) -> list[str]:
        """The names of the settings that lie in `domain`."""
        return [found for one in self.names if below(found := one.rstrip(".").lower(), domain)]


class _Domain:
    """The questions about one domain."""

    def __init__(self, settings: DNS, desk: Desk, server: tuple[str, int], domain: str) -> None:
        self._settings = settings
        self._desk = desk
        self._server = server
        self._domain = domain
        self._addresses: dict[str, list[str]] = {}  # of names that were asked for

    def collect(self) -> None:
        """Transfer or look up, then certificates; names that these hold are looked up too."""
        for kind in _OF_DOMAIN:
            self._lookup(self._domain, kind, first=kind == "SOA")
        self._lookup(f"{_NOBODY}.{self._domain}", "A")
        self._lookup(f"{_NOBODY}.{self._domain}", "AAAA")
        known = [one for one in self._desk.names(self._domain) if _DOMAIN.fullmatch(one)]
        self._look_up_all([self._domain, *self._transferred(), *self._settings.named(self._domain), *known])
        if self._settings.common:
            self._look_up_all((f"{one}.{self._domain}" for one in COMMON), guessed=True)
        self._desk.note(f"{self._domain}: {sum(map(bool, self._addresses.values()))} names have an address")
        if self._settings.certificates:
            self._look_up_all(self._certified(list(self._addresses)))

    def _transferred(self) -> list[str]:
        """The names of the zone, from the first server that gives it."""
        from foreshore.discovery.connectors._dns_asking import transfer

        for text in self._settings.transfer_from:
            host, port = place(text) or ("", 0)

            def ask(_token: str, host: str = host, port: int = port) -> tuple[Any, str]:
                try:
                    address = self._desk.leave.address(host, [port])
                except Refused as error:
                    raise NotAllowed(error.what) from error
                return transfer((address, port), self._domain, self._settings.wait), ""

            for body in self._pages("transfer", ask, {"server": text}):
                return [str(one[0]) for one in body["records"] if _DOMAIN.fullmatch(str(one[0]))]
        return []

    def _look_up_all(self, names: Iterable[str], guessed: bool = False) -> None:
        for name in dict.fromkeys(names):
            if name not in self._addresses and below(name, self._domain):
                found = [
                    row[3] for kind in _OF_NAME for row in self._lookup(name, kind, guessed=guessed) if row[2] == kind
                ]
                self._addresses[name] = [str(one) for one in found]

    def _lookup(self, name: str, kind: str, first: bool = False, guessed: bool = False) -> list[list[Any]]:
        """The records of the answer. Silence ends the run at the first question only: later it may be the name's."""
        from foreshore.discovery.connectors._dns_asking import lookup

        def ask(_token: str) -> tuple[Any, str]:
            for left in (2, 1, 0):
                try:
                    found = lookup(self._server, name, kind, self._settings.wait)
                    return found | ({"guessed": True} if guessed else {}), ""
                except Busy as busy:
                    if first:
                        raise
                    if not left:
                        raise NotAllowed(str(busy)) from busy
            raise AssertionError

        return [row for body in self._pages("lookup", ask, {"name": name, "type": kind}) for row in body["records"]]

    def _certified(self, names: list[str]) -> list[str]:
        """Fetch the certificates of approved hosts; return the names in them that lie below the domain."""
        from foreshore.discovery.connectors._dns_asking import certificate

        found: list[str] = []
        for name in names:
            for port in map(int, self._settings.tls_ports):
                if not self._addresses[name]:
                    continue

                def ask(_token: str, name: str = name, port: int = port) -> tuple[Any, str]:
                    return certificate(self._cleared(name, port), port, name, self._settings.wait), ""

                for body in self._pages("certificate", ask, {"name": name, "port": str(port)}):
                    found += names_of(base64.b64decode(body["der"]))
        return [one for one in dict.fromkeys(found) if _DOMAIN.fullmatch(one)]

    def _cleared(self, name: str, port: int) -> str:
        """The address to shake hands with: one that the name has and that is approved itself, or by the name."""
        why = ""
        for host in (*self._addresses[name], name):
            try:
                return self._desk.leave.address(host, [port])
            except ForeshoreError as error:
                why = why or error.what
        raise NotAllowed(why)

    def _pages(self, call: str, ask: Callable[[str], tuple[Any, str]], about: dict[str, str]) -> Iterator[Any]:
        yield from self._desk.pages(call, {"account": self._domain}, ask, about)


def below(name: str, domain: str) -> bool:
    """Is `name` the domain or a name in it?"""
    return name == domain or name.endswith(f".{domain}")


def place(text: str) -> tuple[str, int] | None:
    """(address, port) of `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`; None for others."""
    match = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}))?|([0-9.]+)(?::(\d{1,5}))?|([0-9A-Fa-f:.]+)", text)
    if match is None:
        return None
    host, port = match[1] or match[3] or match[5], int(match[2] or match[4] or 53)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return (host, port) if 1 <= port <= 65535 else None


def names_of(der: bytes) -> list[str]:
    """The host names that a certificate is for, in small letters, stars left out; none where it cannot be read."""
    from cryptography import x509

    try:
        extensions = x509.load_der_x509_certificate(der).extensions
        listed = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return []
    return [one.lower().removeprefix("*.") for one in listed.get_values_for_type(x509.DNSName)]


PLUGIN = DNS()

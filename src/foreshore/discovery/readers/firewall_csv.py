"""Firewall rules as plain CSV, in columns of our own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.patterns import regex
from foreshore.errors import BadReport

_ALLOW = frozenset({"allow", "accept", "permit", "pass", "yes", "true", "1"})
_DENY = frozenset({"deny", "drop", "reject", "block", "discard", "no", "false", "0"})
_ANY = frozenset({"", "any", "all", "*", "0.0.0.0/0", "::/0", "0.0.0.0"})  # noqa: S104
_SOURCE = ("source", "src", "source address", "from")
_TARGET = ("destination", "dst", "dest", "target", "destination address", "to")
_PORTS = ("ports", "port", "service", "services", "destination port", "dport")
_ORDER = ("order", "position", "number", "rule", "sequence", "id", "#")
_COMMENT = ("comment", "description", "name", "note")
_SERVICES = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "dns": 53, "domain": 53, "http": 80, "kerberos": 88,
    "pop3": 110, "ntp": 123, "msrpc": 135, "netbios": 139, "imap": 143, "snmp": 161, "ldap": 389,
    "https": 443, "smb": 445, "cifs": 445, "microsoft-ds": 445, "syslog": 514, "ldaps": 636, "imaps": 993,
    "pop3s": 995, "mssql": 1433, "ms-sql-s": 1433, "oracle": 1521, "nfs": 2049, "mysql": 3306, "rdp": 3389,
    "postgresql": 5432, "postgres": 5432, "vnc": 5900, "winrm": 5985, "winrm-https": 5986, "redis": 6379,
    "elasticsearch": 9200, "mongodb": 27017,
}  # fmt: skip
_PORT = regex(r"^(\d{1,5})(?:\s*[-:–]\s*(\d{1,5}))?$")
_PROTOCOL = regex(r"^(?:(tcp|udp|icmp|sctp)[/:])?(.*?)(?:[/:](tcp|udp|sctp))?$")


@dataclass(frozen=True)
class FirewallCSV:
    """Reads firewall rules: which sources may reach which destinations.

    Columns, in any order and letter case: `source` and `destination` (an address, a range such as
    10.0.0.0/8 or 10.0.0.1-10.0.0.9, the name of a zone of the scope, `internet` or `any`; several
    separated by blanks, commas or semicolons), `ports` (80, 8000-8100, https; several likewise; empty
    or `any`: all), `protocol` (tcp, udp, any), `action` (allow or deny), and if rules are tried in
    order `order`; `comment` and `enabled` where there are. Each pair of ends gives one relation.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is there a header with source, destination and action?"""
        return any(_is_header(line) for line in csvrows.header_lines(head))

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then the relations of each rule; one that is not understood is skipped with why."""
        header = next((line for line in csvrows.header_lines(report.head) if _is_header(line)), ())
        if not header:
            raise BadReport(
                "has no header with source, destination and action",
                where=report.name,
                hint="export the rules with these three column names in the first lines",
            )
        table = csvrows.table(report, find=[name for name in header if name], fold=True)
        yield facts.RunSeen(tool="Firewall rules")
        for number, (line, row) in enumerate(table.rows, start=1):
            yield from _rule(f"{report.name}, line {line}", number, row)


PLUGIN = FirewallCSV()


def _is_header(line: tuple[str, ...]) -> bool:
    names = {name.casefold() for name in line}
    return bool(names & set(_SOURCE)) and bool(names & set(_TARGET)) and "action" in names


def _first(row: csvrows.Row, names: tuple[str, ...]) -> str:
    return next((row[name].strip() for name in names if row.get(name)), "")


def _rule(where: str, number: int, row: csvrows.Row) -> Iterator[facts.Record]:
    action = row.get("action", "").strip().lower()
    if action not in _ALLOW | _DENY:
        yield facts.Skipped(where, f"the action “{action[:40]}” is neither allow nor deny")
        return
    if row.get("enabled", "").strip().lower() in ("no", "false", "0", "disabled"):
        yield facts.Skipped(where, "the rule is switched off")
        return
    try:
        sources, targets = _ends(_first(row, _SOURCE)), _ends(_first(row, _TARGET))
        ports, spoken = _ports(_first(row, _PORTS))
        protocol = _protocol(row.get("protocol", ""), spoken)
    except ValueError as error:
        yield facts.Skipped(where, str(error))
        return
    order = _first(row, _ORDER)
    position = int(order) if order.isascii() and order.isdigit() and len(order) < 10 else number
    for source in sources:
        for target in targets:
            yield facts.Relation(
                kind="may_reach",
                source=source,
                target=target,
                ports=ports,
                protocol=protocol,
                allowed=action in _ALLOW,
                position=position,
                note=_first(row, _COMMENT),
            )


def _ends(text: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"[;\n]+|,\s*|\s+(?![-–])(?<![-–]\s)", text) if part.strip()]
    return list(dict.fromkeys(_end(part) for part in parts)) or ["any"]


def _end(text: str) -> str:
    """An end as relations write it: `any`, an address range, or `zone:NAME`."""
    word = text.strip().lower()
    if word in _ANY:
        return "any"
    try:
        network = ipaddress.ip_network(word, strict=False)
        return str(network)
    except ValueError:
        pass
    if re.fullmatch(r"[0-9a-f:.]+\s*[-–]\s*[0-9a-f:.]+", word):
        low, high = (ipaddress.ip_address(one.strip()) for one in re.split("[-–]", word))
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"“{text[:60]}” is no range of addresses")
        return f"{low}-{high}"
    if re.fullmatch(r"[\d./:]+", word):
        raise ValueError(f"“{text[:60]}” is no address")
    return f"zone:{text.strip().removeprefix('zone:')}"


def _ports(text: str) -> tuple[str, str]:
    """(ports as relations write them, the protocol where it stands with them)."""
    found: list[tuple[int, int]] = []
    spoken = ""
    for part in re.split(r"[,;\s]+(?![-–])", text.strip().lower()):
        if part in ("any", "all", "*"):
            return "", spoken
        if not part:
            continue
        match = _PROTOCOL.match(part)
        before, middle, after = match.groups() if match else ("", part, "")
        spoken = spoken or before or after or ""
        if middle:
            found.append(_range(middle))
        elif part in ("tcp", "udp", "icmp"):
            spoken = part
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in sorted(set(found))), spoken


def _range(text: str) -> tuple[int, int]:
    if text in _SERVICES:
        return _SERVICES[text], _SERVICES[text]
    match = _PORT.match(text)
    if not match:
        raise ValueError(f"“{text[:40]}” is neither a port nor a service that is known")
    low = int(match.group(1))
    high = int(match.group(2) or low)
    if not 0 < low <= high < 65536:
        raise ValueError(f"“{text[:40]}” is no range of ports")
    return low, high


def _protocol(text: str, spoken: str) -> str:
    word = text.strip().lower() or spoken
    if word in _ANY or word == "ip":
        return "any"
    if word not in ("tcp", "udp", "icmp", "sctp"):
        raise ValueError(f"the protocol “{text[:40]}” is not known")
    return word

"""Nmap XML: hosts that were up, their open ports, services and versions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

from foreshore.estate import catalogue
from foreshore.estate.model import Host, Port


def write(path: Path, hosts: Iterable[Host], when: datetime, *, ports: frozenset[int] | None = None) -> int:
    """Write a scan of `hosts` that began at `when` (UTC); return the number of open ports.

    `ports` limits what was reached from where the scanner stood; None means all that are open.
    """
    begun = when.replace(tzinfo=UTC)
    stamp = begun.strftime("%a %b %d %H:%M:%S %Y")
    count = up = 0
    body: list[str] = []
    for number, host in enumerate(hosts):
        seen = [port for port in host.ports if ports is None or port.number in ports]
        body.append(_host(host, seen, begun + timedelta(seconds=3 * number)))
        count += len(seen)
        up += 1
    ended = begun + timedelta(seconds=3 * up + 5)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE nmaprun>\n')
        out.write(f"<!-- Nmap 7.94 scan initiated {stamp} as: nmap -sS -sV -O -oX - -iL targets -->\n")
        out.write(
            '<nmaprun scanner="nmap" args="nmap -sS -sV -O -oX - -iL targets" '
            f'start="{int(begun.timestamp())}" startstr="{stamp}" version="7.94" xmloutputversion="1.05">\n'
            '<scaninfo type="syn" protocol="tcp" numservices="65535" services="1-65535"/>\n'
            '<verbose level="0"/>\n<debugging level="0"/>\n'
        )
        out.writelines(body)
        done = ended.strftime("%a %b %d %H:%M:%S %Y")
        out.write(
            f'<runstats><finished time="{int(ended.timestamp())}" timestr="{done}" '
            f'summary="Nmap done at {done}; {up} IP addresses ({up} hosts up) scanned" '
            f'elapsed="{3 * up + 5}.00" '
            f'exit="success"/><hosts up="{up}" down="0" total="{up}"/>\n</runstats>\n</nmaprun>\n'
        )
    return count


def _host(host: Host, seen: list[Port], begun: datetime) -> str:
    start = int(begun.timestamp())
    closed = 65535 - len(seen)
    system, _, cpe = catalogue.SYSTEMS[host.os]
    internal = host.zone != "dmz"
    hardware = f'<address addr="{host.mac.upper()}" addrtype="mac"/>\n' if internal else ""
    return (
        f'<host starttime="{start}" endtime="{start + 3}">'
        f'<status state="up" reason="echo-reply" reason_ttl="63"/>\n'
        f'<address addr="{host.ip}" addrtype="ipv4"/>\n{hardware}'
        f'<hostnames>\n<hostname name={quoteattr(host.fqdn)} type="PTR"/>\n</hostnames>\n'
        f'<ports><extraports state="closed" count="{closed}">\n'
        f'<extrareasons reason="reset" count="{closed}"/>\n'
        "</extraports>\n"
        + "".join(_port(port) for port in seen)
        + f'</ports>\n<os><osmatch name={quoteattr(system)} accuracy="95" line="1">'
        f'<osclass type="general purpose" '
        f'vendor="" osfamily="" accuracy="95"><cpe>{cpe}</cpe></osclass></osmatch></os>\n'
        '<times srtt="1204" rttvar="310" to="100000"/>\n</host>\n'
    )


def _port(port: Port) -> str:
    words = f"name={quoteattr(port.service.removeprefix('ssl/'))}"
    if port.product:
        words += f" product={quoteattr(port.product)}"
    if port.version:
        words += f" version={quoteattr(port.version)}"
    if port.tls:
        words += ' tunnel="ssl"'
    cpe = f"<cpe>{port.cpe.replace('&', '&amp;')}</cpe>" if port.cpe else ""
    return (
        f'<port protocol="tcp" portid="{port.number}"><state state="open" reason="syn-ack" reason_ttl="63"/>'
        f'<service {words} method="probed" conf="10">{cpe}</service></port>\n'
    )

"""Nessus XML, version 2: policy with its plugin set, host properties, items, scan information."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from foreshore.estate import catalogue
from foreshore.estate.model import SITES, Flaw, Host, Noise

SCAN_INFORMATION = 19506
SYN_SCANNER = 11219
_LEVEL = {"info": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}
_RISK = ("None", "Low", "Medium", "High", "Critical")
_OFFSET = {"win10": 0, "win2019": 1, "win2022": 2, "win2008r2": 3}
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One result of one check on one host and port."""

    plugin: int
    name: str
    family: str
    severity: int
    port: int
    service: str
    synopsis: str = ""
    description: str = ""
    solution: str = "n/a"
    output: str = ""
    score: float = 0.0
    vector: str = ""
    cves: tuple[str, ...] = ()
    cwes: tuple[int, ...] = ()
    cpe: str = ""
    kb: str = ""
    published: str = ""
    inside: bool = False  # found by looking inside, not at the port it is reported on


def items(host: Host) -> list[Item]:
    """What a full credentialed scan says about `host`, without the scan information itself."""
    groups: dict[tuple[int, int], list[Flaw]] = {}
    for flaw in host.flaws:
        offset = _OFFSET.get(host.os, 0) if flaw.month else 0
        groups.setdefault((flaw.plugin_id + offset, _port(flaw, host)), []).append(flaw)
    found = [_check(check) for check in host.noise]
    found += [_open(port.number, port.service) for port in host.ports]
    found += [_weak(plugin, port, members, host) for (plugin, port), members in groups.items()]
    return sorted(found, key=lambda item: (item.port, item.plugin))


def _port(flaw: Flaw, host: Host) -> int:
    """Return where Nessus reports it: its service, else 445 for checks inside Windows, else no port."""
    if flaw.port and any(port.number == flaw.port for port in host.ports):
        return flaw.port
    return 445 if host.os.startswith("win") else 0


def _check(check: Noise) -> Item:
    return Item(
        plugin=check.plugin_id, name=check.title, family=check.family, severity=check.severity,
        port=check.port, service=check.service, synopsis=check.synopsis, description=check.synopsis,
        solution=check.solution, score=check.score, vector=check.vector,
        output="" if check.severity else f"{check.title} : done",
    )  # fmt: skip


def _open(port: int, service: str) -> Item:
    return Item(
        plugin=SYN_SCANNER, name="Nessus SYN scanner", family="Port scanners", severity=0, port=port,
        service=service, synopsis="It is possible to determine which TCP ports are open.",
        description="This check is a SYN half-open port scanner.",
        solution="Protect your target with an IP filter.", output=f"Port {port}/tcp was found to be open",
    )  # fmt: skip


def _weak(plugin: int, port: int, flaws: list[Flaw], host: Host) -> Item:
    worst = max(flaws, key=lambda flaw: (flaw.score, flaw.cve))
    update = catalogue.update_name(worst, host.os)
    name = _title(worst, flaws, host.os)
    fix = f"Apply security update {update}." if update else "Contact the vendor or change the configuration."
    if worst.fixed_version:
        fix = f"Upgrade to {worst.vendor} {worst.product} {worst.fixed_version} or later."
    titles = "\n".join(f"  - {flaw.title} ({flaw.cve})" for flaw in flaws)
    return Item(
        plugin=plugin, name=name, family=worst.family, severity=_LEVEL[worst.severity], port=port,
        service="cifs" if port == 445 else (worst.service or "general"),
        synopsis=f"The remote host is affected by {len(flaws)} known weaknesses.",
        description=f"The {worst.product} on the remote host is affected by:\n\n{titles}",
        solution=fix, output=_output(worst, update), score=worst.score, vector=worst.vector,
        cves=tuple(flaw.cve for flaw in flaws), cwes=tuple(sorted({flaw.cwe for flaw in flaws})),
        cpe=catalogue.SYSTEMS[host.os][2] if worst.month else worst.cpe.replace("cpe:2.3:", "cpe:/"),
        inside=not worst.port or port != worst.port, kb=update.removeprefix("KB"), published=worst.published,
    )  # fmt: skip


def _title(worst: Flaw, flaws: list[Flaw], system: str) -> str:
    update = catalogue.update_name(worst, system)
    if worst.group == "windows" and update:
        year, month = worst.month.split("-")
        when = f"{_MONTH_NAMES[int(month) - 1]} {year}"
        return f"{update}: {catalogue.WINDOWS_NAMES[system]} Security Update ({when})"
    if len(flaws) > 1 and worst.fixed_version:
        return f"{worst.product} < {worst.fixed_version} Multiple Vulnerabilities"
    if worst.fixed_version:
        return f"{worst.product} < {worst.fixed_version} {worst.title}"
    return worst.title


def _output(flaw: Flaw, update: str) -> str:
    if update:
        return f"The remote host is missing update {update}.\n\n  Should be : the files of {update}"
    if flaw.version and flaw.fixed_version:
        return f"  Installed version : {flaw.version}\n  Fixed version     : {flaw.fixed_version}"
    return f"  Detected : {flaw.product} {flaw.version}".rstrip()


def write(
    path: Path,
    hosts: Iterable[Host],
    when: datetime,
    *,
    name: str,
    keep: Callable[[Host, Item], bool] = lambda host, item: True,
    information: bool = True,
) -> int:
    """Write a scan of `hosts` that began at `when` (UTC); return the number of items.

    `keep` filters items as a filtered export does; `information` says whether the scan's own
    description of each host (19506) and other informational items are in the export.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write('<?xml version="1.0" ?>\n<NessusClientData_v2>\n')
        out.write(_policy())
        out.write(f'<Report name={quoteattr(name)} xmlns:cm="http://www.nessus.org/cm">\n')
        for number, host in enumerate(hosts):
            begun = when + timedelta(seconds=40 * number)
            kept = [item for item in items(host) if keep(host, item)]
            if not information:
                kept = [item for item in kept if item.severity > 0]
                if not kept:
                    continue
            count += _host(out, host, begun, kept, information)
        out.write("</Report>\n</NessusClientData_v2>\n")
    return count


def _policy() -> str:
    return (
        "<Policy><policyName>Advanced Network Scan</policyName>\n<Preferences><ServerPreferences>\n"
        f"<preference><name>plugin_set</name>\n"
        f"<value>{';'.join(map(str, plugin_set()))}</value>\n</preference>\n"
        "<preference><name>scan.enable_utf8_output</name>\n<value>no</value>\n</preference>\n"
        "<preference><name>port_range</name>\n<value>1-65535</value>\n</preference>\n"
        "</ServerPreferences>\n<PluginsPreferences></PluginsPreferences>\n</Preferences>\n"
        "<FamilySelection><FamilyItem><FamilyName>Windows : Microsoft Bulletins</FamilyName>\n"
        "<Status>enabled</Status>\n</FamilyItem>\n</FamilySelection>\n"
        "<IndividualPluginSelection></IndividualPluginSelection>\n</Policy>\n"
    )


def plugin_set() -> list[int]:
    """All checks that a full scan runs."""
    numbers = {SCAN_INFORMATION, SYN_SCANNER}
    numbers.update(check.plugin_id for check in catalogue.noise())
    for flaw in catalogue.flaws():
        numbers.update(flaw.plugin_id + offset for offset in (range(4) if flaw.month else range(1)))
    return sorted(numbers)


def _host(out: TextIO, host: Host, begun: datetime, found: list[Item], information: bool) -> int:
    ended = begun + timedelta(seconds=280)
    out.write(f"<ReportHost name={quoteattr(host.fqdn if host.role != 'printer' else host.ip)}><HostProperties>\n")
    for tag, value in _properties(host, begun, ended, found):
        out.write(f'<tag name="{tag}">{escape(value)}</tag>\n')
    out.write("</HostProperties>\n")
    for item in found:
        out.write(_item(item))
    if information:
        out.write(_item(_information(host, begun)))
    out.write("</ReportHost>\n")
    return len(found) + information


def _properties(host: Host, begun: datetime, ended: datetime, found: list[Item]) -> Iterator[tuple[str, str]]:
    inside = host.role not in ("printer", "device", "gateway")
    yield "HOST_END_TIMESTAMP", str(_epoch(ended))
    yield "HOST_END", ended.strftime("%a %b %d %H:%M:%S %Y")
    yield "patch-summary-total-cves", str(sum(len(item.cves) for item in found))
    yield "cpe", catalogue.SYSTEMS[host.os][2]
    yield "os", "windows" if host.os.startswith("win") else "linux"
    yield "operating-system", catalogue.SYSTEMS[host.os][0]
    yield "system-type", "printer" if host.role == "printer" else "general-purpose"
    yield "Credentialed_Scan", "true" if inside else "false"
    yield "policy-used", "Advanced Network Scan"
    yield "mac-address", host.mac.upper()
    if inside:
        yield "bios-uuid", host.uuid
    if host.os.startswith("win"):
        yield "netbios-name", host.name.upper()[:15]
    if host.role != "printer":
        yield "host-fqdn", host.fqdn
        yield "host-rdns", host.fqdn
    yield "host-ip", host.ip
    yield "HOST_START_TIMESTAMP", str(_epoch(begun))
    yield "HOST_START", begun.strftime("%a %b %d %H:%M:%S %Y")


def _epoch(when: datetime) -> int:
    return int((when.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001 - both are UTC


def _information(host: Host, begun: datetime) -> Item:
    inside = host.role not in ("printer", "device", "gateway")
    via = "SMB" if host.os.startswith("win") else "SSH"
    scanner = f"10.10.0.{200 + SITES.index(host.site)}"
    lines = (
        "Information about this scan :\n",
        "Nessus version : 10.7.2",
        "Nessus build : 20021",
        f"Plugin feed version : {begun:%Y%m%d}0600",
        "Scanner edition used : Nessus",
        "Scanner OS : LINUX",
        "Scan type : Normal",
        f"Scan name : {host.site} full scan",
        "Scan policy used : Advanced Network Scan",
        f"Scanner IP : {scanner}",
        "Port scanner(s) : nessus_syn_scanner",
        "Port range : 1-65535",
        "Ping RTT : 1.204 ms",
        "Thorough tests : no",
        "Experimental tests : no",
        "Paranoia level : 1",
        "Report verbosity : 1",
        "Safe checks : yes",
        f"Credentialed checks : {f'yes, as svc-scan via {via}' if inside else 'no'}",
        "Patch management checks : None",
        "Max hosts : 30",
        "Max checks : 4",
        f"Scan Start Date : {begun:%Y/%m/%d %H:%M} UTC",
        "Scan duration : 280 sec",
    )
    return Item(
        plugin=SCAN_INFORMATION, name="Nessus Scan Information", family="Settings", severity=0, port=0,
        service="general", synopsis="This check displays information about the scan.",
        description="For each tested host, information about the scan itself.", output="\n".join(lines),
    )  # fmt: skip


def _item(item: Item) -> str:
    parts = [
        f'<ReportItem port="{item.port}" svc_name={quoteattr(item.service)} protocol="tcp" '
        f'severity="{item.severity}" pluginID="{item.plugin}" pluginName={quoteattr(item.name)} '
        f"pluginFamily={quoteattr(item.family)}>\n"
    ]
    parts += [f"<{tag}>{escape(value)}</{tag}>\n" for tag, value in _children(item) if value]
    parts.append("</ReportItem>\n")
    return "".join(parts)


def _children(item: Item) -> Iterator[tuple[str, str]]:
    yield "cpe", item.cpe
    for cve in item.cves:
        yield "cve", cve
    if item.vector:
        yield "cvss3_base_score", f"{item.score:.1f}"
        yield "cvss3_vector", item.vector
    for cwe in item.cwes:
        yield "cwe", str(cwe)
    yield "description", item.description
    yield "fname", f"check_{item.plugin}.nasl"
    yield "plugin_modification_date", "2025/08/20"
    yield "plugin_name", item.name
    yield "plugin_publication_date", (item.published or "2020-01-15").replace("-", "/")
    yield "plugin_type", "local" if item.inside or not item.port else "remote"
    yield "risk_factor", _RISK[item.severity]
    yield "script_version", "1.4"
    yield "solution", item.solution
    yield "synopsis", item.synopsis
    if item.cves:
        yield "vuln_publication_date", item.published.replace("-", "/")
    if item.kb:
        yield "msft", f"MS-{item.kb}"
        yield "xref", f"MSKB:{item.kb}"
    yield "plugin_output", item.output

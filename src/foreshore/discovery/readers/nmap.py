"""Nmap, XML output (`-oX`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.reports import decode_head

State = Literal["open", "closed", "filtered"]
# Nmap's "open|filtered" and "closed|filtered" mean that no answer told them apart.
_STATES: dict[str, State] = {
    "open": "open",
    "closed": "closed",
    "filtered": "filtered",
    "unfiltered": "closed",
    "open|filtered": "filtered",
    "closed|filtered": "filtered",
}
_VULNERS = regex(r"^\s*((?:CVE-\d{4}-\d{4,19}))\s+(\d{1,2}(?:\.\d)?)\b", re.MULTILINE)
_STATE = regex(r"^\s*State: ((?:LIKELY )?VULNERABLE(?: \([^)\r\n]*\))?)", re.MULTILINE)
_TITLE = regex(r"VULNERABLE:\s*\n\s*([^\r\n]{1,300})")


@dataclass(frozen=True)
class Nmap:
    """Reads hosts that are up: names, addresses, operating system, ports, and findings of `vuln` scripts.

    Nmap never proves that a weakness is gone, so nothing counts as covered. Ports stand as PortSeen;
    those that were only counted together ("extraports") are told in the run's settings.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is the root element nmaprun, written by Nmap itself?"""
        return xmlstream.looks_like(head, "nmaprun") and 'scanner="masscan"' not in decode_head(head[:8192])

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then each host that is up with its ports and findings."""
        tags = ("host", "scaninfo", "runstats")
        root: dict[str, str] = {}
        scanned: list[tuple[str, str]] = []
        begun = ended = False
        number = 0
        for event, element in xmlstream.elements(report, tags, starts=("nmaprun",)):
            if event == "start":
                root = {str(name): str(value) for name, value in element.attrib.items()}
            elif element.tag == "scaninfo":
                scanned.append((f"scanned_{element.get('protocol', '')}", element.get("services", "")))
            elif element.tag == "runstats":
                ended = True
            else:
                if not begun:
                    begun = True
                    yield _run(root, scanned)
                number += 1
                yield from _host(element, number)
        if not begun:
            yield _run(root, scanned)
        if not ended:
            yield facts.Skipped(report.name, "the scan did not end by itself; later hosts are not in it")


PLUGIN = Nmap()


def _run(root: dict[str, str], scanned: list[tuple[str, str]]) -> facts.RunSeen:
    return facts.RunSeen(
        tool="Nmap",
        version=root.get("version", ""),
        observed_at=hosts.when(root.get("start")),
        observed_text=root.get("startstr", "") or root.get("start", ""),
        settings=(*scanned, ("arguments", root.get("args", ""))),
    )


def _host(element: etree._Element, number: int) -> Iterator[facts.Record]:
    status = element.find("status")
    if status is not None and status.get("state") != "up":
        return
    found = {one.get("addrtype", ""): one.get("addr", "") for one in element.iterchildren("address")}
    address = found.get("ipv4") or found.get("ipv6") or found.get("mac", "")
    names = [(one.get("name", ""), one.get("type", "")) for one in element.iterfind("hostnames/hostname")]
    at = hosts.when(element.get("endtime") or element.get("starttime"))
    key = address or f"host {number}"
    own = [name for name, kind in names if kind != "PTR"] or [name for name, _kind in names]
    yield facts.Sighting(
        key=key,
        name=own[0] if own and own[0] else key,
        kind=_kind(element),
        identifiers=hosts.gather(
            [("mac", mac) for mac in hosts.macs(found.get("mac", ""))],
            (one for name in own for one in hosts.named("fqdn", name)),
            (one for kind in ("ipv4", "ipv6") for one in hosts.named("ip", found.get(kind, ""))),
        ),
        os=_system(element),
        authenticated=False,
        observed_at=at,
    )
    for port in element.iterfind("ports/port"):
        yield from _port(port, key, at)
    for script in element.iterfind("hostscript/script"):
        yield from _script(script, key, 0, "", at)


def _system(element: etree._Element) -> str:
    """The best match, only where Nmap itself was sure enough."""
    best = max(element.iterfind("os/osmatch"), key=lambda one: _whole(one.get("accuracy")), default=None)
    return best.get("name", "") if best is not None and _whole(best.get("accuracy")) >= 90 else ""


def _kind(element: etree._Element) -> facts.AssetKind:
    found = element.find("os/osmatch/osclass")
    return hosts.kind_of(found.get("type", "") if found is not None else "")


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else 0


def _port(element: etree._Element, asset: str, at: datetime | None) -> Iterator[facts.Record]:
    number, protocol = _whole(element.get("portid")), element.get("protocol", "")
    state = element.find("state")
    word = state.get("state", "") if state is not None else ""
    if not 0 < number < 65536 or word not in _STATES:
        yield facts.Skipped(f"{asset}, port {element.get('portid', '')}", f"has the state “{word}”")
        return
    service = element.find("service")
    told = {} if service is None else {str(k): str(v) for k, v in service.attrib.items()}
    named = [one.text or "" for one in element.iterfind("service/cpe")]
    cpe = hosts.best_cpe(named)
    yield facts.PortSeen(
        asset=asset,
        port=number,
        protocol=protocol,
        state=_STATES[word],
        service=told.get("name", ""),
        product=told.get("product", ""),
        version=told.get("version", ""),
        cpe=cpe[0],
        tls=told.get("tunnel") == "ssl" or told.get("name") in ("https", "imaps", "pop3s", "ldapssl", "smtps"),
        observed_at=at,
    )
    for script in element.iterfind("script"):
        yield from _script(script, asset, number, protocol, at, cpe)


def _script(
    script: etree._Element,
    asset: str,
    port: int,
    protocol: str,
    at: datetime | None,
    cpe: tuple[str, str, str] = ("", "", ""),
) -> Iterator[facts.Record]:
    name, output = script.get("id", ""), script.get("output", "")
    if name == "vulners":
        yield from _vulners(script, asset, port, protocol, at, cpe)
    elif (state := _STATE.search(output)) or output.lstrip().startswith("VULNERABLE"):
        title = _TITLE.search(output)
        sure = state is not None and not state.group(1).startswith("LIKELY")
        yield facts.Finding(
            asset=asset,
            rule=name,
            title=(title.group(1).strip() if title else "") or name,
            severity=_risk(output),
            weaknesses=naming.public_ids(output),
            port=port,
            protocol=protocol,
            proof="confirmed" if sure and "Exploitable" in output else "probe",
            evidence=output.strip(),
            observed_at=at,
        )


def _risk(output: str) -> facts.Severity:
    match = re.search(r"Risk factor: (\w+)", output)
    return naming.severity(match.group(1)) if match else "high"


def _vulners(
    script: etree._Element,
    asset: str,
    port: int,
    protocol: str,
    at: datetime | None,
    cpe: tuple[str, str, str],
) -> Iterator[facts.Finding]:
    """One finding for each CVE that the script looked up for the version it read from the banner."""
    output = script.get("output", "")
    listed: dict[str, float] = {}
    for table in script.iterfind("table"):
        product = hosts.cpe(table.get("key", ""))
        cpe = product if product[0] else cpe
        for row in table.iterfind("table"):
            values = {one.get("key", ""): (one.text or "").strip() for one in row.iterchildren("elem")}
            if values.get("type") == "cve":
                listed.setdefault(values.get("id", "").upper(), naming.score(values.get("cvss")) or 0.0)
    if not listed:
        listed = {cve: float(score) for cve, score in reversed(_VULNERS.findall(output))}
    for cve, score in sorted(listed.items()):
        if naming.public_ids(cve):
            yield facts.Finding(
                asset=asset,
                rule=f"vulners:{cve}",
                title=f"{cve} in {cpe[1] or 'the service'} {cpe[2]}".strip(),
                severity=naming.of_score(score),
                weaknesses=(cve,),
                component=cpe[0],
                component_name=cpe[1],
                version=cpe[2],
                port=port,
                protocol=protocol,
                cvss_score=score or None,
                proof="banner",
                observed_at=at,
            )

"""Microsoft Defender: vulnerabilities and machines, from its interface, its exports and its portal.

JSON as `{"value": [...]}`, as a list, or one object per line; CSV of the portal and of advanced
hunting. In the two-file form machines and vulnerabilities meet by the machine's identifier, which is
an agent's and so joins across files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.errors import BadReport
from foreshore.facts import ControlSeen, Finding, Record, RunSeen, Sighting, Skipped

_VULNERABILITY = regex(r'"cveId"\s*:', re.IGNORECASE)
_PRODUCT = regex(r'"(machineId|deviceId|productVendor|softwareVendor)"\s*:', re.IGNORECASE)
_MACHINE = regex(r'"(computerDnsName|aadDeviceId|onboardingStatus|isAadJoined)"\s*:')
_MACHINE_ALSO = regex(r'"(osPlatform|healthStatus|lastIpAddress|agentVersion)"\s*:')
_SERVICE = regex(r'"@odata\.context"\s*:\s*"[^"]*(securitycenter|security\.microsoft|WindowsDefenderATP)', re.I)
_ADDRESS = regex(r"ipAddress=([^;}]*)")
_MAC = regex(r"macAddress=([^;}]*)")


class _Document(msgspec.Struct, gc=False):
    value: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])

# Names of the same thing in the interface, the exports, advanced hunting and the portal, folded.
_FIELDS: dict[str, tuple[str, ...]] = {
    "cve": ("cveid", "cve", "vulnerabilityid", "weakness"),
    "machine": ("machineid", "deviceid"),
    "host": ("computerdnsname", "devicename", "machinename", "hostname", "name"),
    "vendor": ("productvendor", "softwarevendor", "vendor"),
    "product": ("productname", "softwarename", "software", "product"),
    "version": ("productversion", "softwareversion", "version"),
    "severity": ("severity", "vulnerabilityseveritylevel", "severitylevel"),
    "kb": ("fixingkbid", "recommendedsecurityupdateid"),
    "update": ("recommendedsecurityupdate",),
    "url": ("recommendedsecurityupdateurl",),
    "score": ("cvssscore", "cvssv3", "cvss"),
    "first": ("firstseentimestamp", "firstseen", "firstdetected"),
    "last": ("lastseentimestamp", "lastseen", "lastdetected"),
    "os": ("osplatform",),
    "osversion": ("osversion",),
    "group": ("rbacgroupname", "devicegroup"),
    "ip": ("lastipaddress", "ipaddress"),
    "level": ("exploitabilitylevel",),
    "paths": ("diskpaths", "evidence"),
}
_OF: dict[str, str] = {synonym: field for field, names in _FIELDS.items() for synonym in names}


@dataclass(frozen=True)
class Defender:
    """Reads machines and software vulnerabilities of Microsoft Defender, JSON or CSV."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins machines or vulnerabilities as Defender writes them."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            if _VULNERABILITY.search(opening) and _PRODUCT.search(opening):
                return True
            if _MACHINE.search(opening) and _MACHINE_ALSO.search(opening):
                return True
            return '"value"' in opening and bool(_SERVICE.search(opening))
        return any(_is_header(line) for line in csvrows.header_lines(head)[:1])

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, machines each once, and one finding for each row of a vulnerability."""
        yield RunSeen(tool="microsoft defender")
        reading = _Reading()
        for where, row in _rows(report, reading.skipped):
            yield from reading.of(where, row)
        yield from reading.skipped


def _is_header(columns: tuple[str, ...]) -> bool:
    fields = {_OF.get(_fold(column)) for column in columns}
    folded = {_fold(column) for column in columns}
    return {"cve", "product"} <= fields and bool(
        fields & {"machine"} or folded & {"devicename", "computerdnsname", "softwarevendor", "productvendor"}
    )


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _rows(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    opening = reports.decode_head(report.head).lstrip()
    if opening[:1] not in ("{", "["):
        for line, cells in csvrows.table(report).rows:
            yield f"line {line}", dict(cells)
        return
    if opening[0] == "{" and not re.search(r'"value"\s*:\s*\[', opening):  # one object per line, or only one
        for number, row in enumerate(_decoding.rows(report, _ROW, skipped.append), 1):
            yield f"object {number}", row
        return
    document = _decoding.whole(report, _DECODER)
    raws = document if isinstance(document, list) else document.value
    if raws is None:
        raise BadReport(
            "has no list called “value”",
            where=report.name,
            hint="keep the whole answer of the interface, one page a file",
        )
    for number, row in enumerate(_decoding.each(_ROW, raws, "value", skipped.append)):
        yield f"value[{number}]", row


class _Reading:
    """The state of one reading: which machines were said already."""

    def __init__(self) -> None:
        self.said: set[str] = set()
        self.skipped: list[Skipped] = []
        self.folded: dict[str, str] = {}

    def of(self, where: str, row: Mapping[str, Any]) -> Iterator[Record]:
        fields = self.fields(row)
        if "computerDnsName" in row or "onboardingStatus" in row or "aadDeviceId" in row:
            yield from self.machine(where, row)
        elif _naming.text(fields.get("cve")):
            yield from self.vulnerability(where, fields)
        elif fields.get("machine") or fields.get("product"):
            self.skipped.append(Skipped(where, "software without a vulnerability"))
        else:
            self.skipped.append(Skipped(where, "neither a machine nor a vulnerability"))

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in row.items():
            folded = self.folded.get(name)
            if folded is None:
                folded = self.folded[name] = _OF.get(_fold(name), "")
            if folded and value not in (None, ""):
                found.setdefault(folded, value)
        return found

    def machine(self, where: str, row: Mapping[str, Any]) -> Iterator[Record]:
        agent = _naming.text(row.get("id")) or _naming.text(row.get("machineId"))
        if not agent:
            self.skipped.append(Skipped(where, "a machine without an identifier"))
            return
        if agent in self.said:
            return
        self.said.add(agent)
        sighting = _machine(agent, row)
        yield sighting
        if control := _sensor(agent, row, sighting):
            yield control

    def vulnerability(self, where: str, fields: Mapping[str, Any]) -> Iterator[Record]:
        host = _naming.text(fields.get("host"))
        key = _naming.text(fields.get("machine")) or host.lower()
        if not key:
            self.skipped.append(Skipped(where, "names no machine"))
            return
        if key not in self.said:
            self.said.add(key)
            yield _named(key, host, fields)
        yield _finding(key, fields)


def _machine(agent: str, row: Mapping[str, Any]) -> Sighting:
    name = _naming.text(row.get("computerDnsName"))
    addresses, macs = _addresses(row.get("ipAddresses"))
    last = _naming.address(_naming.text(row.get("lastIpAddress")))
    cloud = row.get("vmMetadata")
    resource = _naming.text(cloud.get("resourceId")) if isinstance(cloud, dict) else ""
    identifiers = [("agent_id", f"defender:{agent}")]
    if resource:
        identifiers.append(("cloud_id", resource.lower()))
    identifiers.extend(_naming.host_identifiers(name))
    identifiers.extend(("mac", mac) for mac in macs)
    identifiers.extend(("ip", one) for one in dict.fromkeys([last, *addresses]) if one)
    os = " ".join(_naming.text(row.get(field)) for field in ("osPlatform", "version") if row.get(field))
    attributes = [
        (field, text)
        for field in (
            "healthStatus", "onboardingStatus", "exposureLevel", "riskScore", "deviceValue", "osBuild",
            "lastExternalIpAddress", "rbacGroupName", "managedBy", "aadDeviceId",
        )
        if (text := _naming.text(row.get(field)))
    ]  # fmt: skip
    tags = row.get("machineTags")
    return Sighting(
        key=agent,
        name=name or last or agent,
        identifiers=tuple(identifiers),
        os=os,
        tags=tuple(_naming.text(one) for one in tags if one) if isinstance(tags, list) else (),
        attributes=tuple(attributes),
        authenticated=row.get("onboardingStatus") in (None, "Onboarded"),
        observed_at=_naming.when(row.get("lastSeen")),
    )


def _sensor(agent: str, row: Mapping[str, Any], sighting: Sighting) -> ControlSeen | None:
    """The sensor of the machine: on while it reports, off where it never was put in, else not known."""
    health, onboarded = _naming.text(row.get("healthStatus")), _naming.text(row.get("onboardingStatus"))
    if not health and not onboarded:
        return None
    state: Literal["on", "off", "unknown"] = "unknown"
    if onboarded in ("CanBeOnboarded", "Unsupported"):
        state = "off"
    elif health == "Active" and onboarded in ("", "Onboarded"):
        state = "on"
    return ControlSeen(
        asset=agent,
        kind="edr",
        state=state,
        name="Microsoft Defender for Endpoint",
        observed_at=sighting.observed_at,
    )


def _addresses(values: Any) -> tuple[list[str], list[str]]:
    """Addresses and hardware addresses of interfaces that are up, as objects or as PowerShell writes them."""
    addresses: list[str] = []
    macs: list[str] = []
    for one in values if isinstance(values, list) else ():
        if isinstance(one, dict):
            ip, mac, up = one.get("ipAddress"), one.get("macAddress"), one.get("operationalStatus")
        elif isinstance(one, str):
            found, hard = _ADDRESS.search(one), _MAC.search(one)
            ip, mac = found and found.group(1), hard and hard.group(1)
            up = "Down" if "operationalStatus=Down" in one else "Up"
        else:
            continue
        address = _naming.address(_naming.text(ip))
        if up == "Down" or not address or address.startswith(("127.", "169.254.", "fe80:")) or address == "::1":
            continue
        addresses.append(address)
        digits = re.sub(r"[^0-9a-f]", "", _naming.text(mac).lower())
        macs.extend(_hosts.macs(":".join(digits[place : place + 2] for place in range(0, len(digits), 2))))
    return list(dict.fromkeys(addresses)), list(dict.fromkeys(macs))


def _named(key: str, host: str, fields: Mapping[str, Any]) -> Sighting:
    """A machine as a row of a vulnerability names it."""
    agent = _naming.text(fields.get("machine"))
    identifiers = [("agent_id", f"defender:{agent}")] if agent else []
    identifiers.extend(_naming.host_identifiers(host))
    if address := _naming.address(_naming.text(fields.get("ip"))):
        identifiers.append(("ip", address))
    group = _naming.text(fields.get("group"))
    return Sighting(
        key=key,
        name=host or key,
        identifiers=tuple(identifiers),
        os=f"{_naming.text(fields.get('os'))} {_naming.text(fields.get('osversion'))}".strip(),
        attributes=(("rbacGroupName", group),) if group else (),
        authenticated=True,
    )


def _finding(key: str, fields: Mapping[str, Any]) -> Finding:
    cve = _naming.text(fields.get("cve"))
    product = _naming.text(fields.get("product"))
    kb = _naming.text(fields.get("kb"))
    paths = fields.get("paths")
    return Finding(
        asset=key,
        rule=cve,
        title=f"{cve} in {product}" if product else cve,
        severity=_naming.severity(fields.get("severity")),
        weaknesses=_naming.weakness(cve),
        component=_naming.product(_naming.text(fields.get("vendor")), product),
        component_name=product,
        version=_naming.text(fields.get("version")),
        fix=f"KB{kb}" if kb.isdigit() else kb,
        path=_naming.text(paths[0]) if isinstance(paths, list) and paths else "",
        cvss_score=_naming.score(fields.get("score")),
        proof="package",
        solution=_naming.text(fields.get("update")),
        references=(url,) if (url := _naming.text(fields.get("url"))) else (),
        first_seen=_naming.when(fields.get("first")),
        observed_at=_naming.when(fields.get("last")),
        tags=(f"exploitability={level}",) if (level := _naming.text(fields.get("level"))) else (),
    )


PLUGIN = Defender()

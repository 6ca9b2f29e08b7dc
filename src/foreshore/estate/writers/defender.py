"""Microsoft Defender: machines and their software vulnerabilities as its interface answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from foreshore.estate import catalogue
from foreshore.estate.model import Flaw, Host

_WINDOWS_VERSION = {"win10": "22H2", "win2019": "1809", "win2022": "21H2", "win2008r2": "R2"}
_HOST = "https://api.security.microsoft.com/api/$metadata"
# What an agent sees inside: not what only a look from outside, at another product's service, can tell.
_INSIDE = frozenset(
    {"windows", "windows-smb", "windows-dc", "windows-msmq", "windows-rdp", "windows-http", "windows-rdl",
     "windows-server", "windows-dns", "windows-ntlm", "office", "office-new", "outlook", "chrome", "chrome-old",
     "edge", "firefox", "winrar", "7zip", "acrobat", "acrobat-old", "dotnet", "mssql", "exchange", "sharepoint"}
)  # fmt: skip


def seen(host: Host) -> tuple[Flaw, ...]:
    """The weaknesses of `host` that its agent reports."""
    return tuple(flaw for flaw in host.flaws if flaw.group in _INSIDE)


def write_machines(path: Path, hosts: Iterable[Host], when: datetime) -> int:
    """Write the list of machines as of `when` (UTC); return how many."""
    rows = [_machine(host, when) for host in hosts]
    _write(path, "Machines", rows)
    return len(rows)


def write_vulnerabilities(path: Path, hosts: Iterable[Host]) -> int:
    """Write one row for each machine, product and weakness; return how many."""
    rows = [_vulnerability(host, flaw) for host in hosts for flaw in seen(host)]
    _write(path, "Collection(microsoft.windowsDefenderATP.api.PublicAssetVulnerabilityDto)", rows)
    return len(rows)


def write_export(path: Path, hosts: Iterable[Host], when: datetime) -> int:
    """Write the export “software vulnerabilities by machine” as of `when` (UTC); return how many rows."""
    rows = [_export(host, flaw, when) for host in hosts for flaw in seen(host)]
    _write(path, "Collection(microsoft.windowsDefenderATP.api.AssetVulnerability)", rows)
    return len(rows)


def _write(path: Path, what: str, rows: list[dict[str, object]]) -> None:
    document = {"@odata.context": f"{_HOST}#{what}", "value": rows}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8", newline="\n")


def _machine(host: Host, when: datetime) -> dict[str, object]:
    system = catalogue.SYSTEMS[host.os]
    return {
        "id": host.agent,
        "mergedIntoMachineId": None,
        "isPotentialDuplication": False,
        "isExcluded": False,
        "exclusionReason": None,
        "computerDnsName": host.fqdn,
        "firstSeen": f"{when - timedelta(days=400):%Y-%m-%dT%H:%M:%S}.0000000Z",
        "lastSeen": f"{when - timedelta(hours=3):%Y-%m-%dT%H:%M:%S}.1234567Z",
        "osPlatform": system[1],
        "osVersion": None,
        "osProcessor": "x64",
        "version": _WINDOWS_VERSION.get(host.os, ""),
        "lastIpAddress": host.ip,
        "lastExternalIpAddress": "203.0.113.254",
        "agentVersion": "10.8760.19041.4780",
        "osBuild": int(system[0].rsplit(" ", 1)[-1]) if "Build" in system[0] else None,
        "healthStatus": "Active",
        "deviceValue": "High" if host.role == "dc" else "Normal",
        "rbacGroupId": 12,
        "rbacGroupName": host.zone,
        "riskScore": "None",
        "exposureLevel": "Medium",
        "isAadJoined": host.role == "workstation",
        "aadDeviceId": str(uuid.uuid5(uuid.NAMESPACE_OID, host.agent)) if host.role == "workstation" else None,
        "machineTags": list(host.tags),
        "defenderAvStatus": "Updated",
        "onboardingStatus": "Onboarded",
        "osArchitecture": "64-bit",
        "managedBy": "Intune" if host.role == "workstation" else "Unknown",
        "managedByStatus": "Success",
        "ipAddresses": [
            {
                "ipAddress": host.ip,
                "macAddress": host.mac.replace(":", "").upper(),
                "type": "Ethernet",
                "operationalStatus": "Up",
            }
        ],
        "vmMetadata": None,
    }


def _software(flaw: Flaw, host: Host) -> tuple[str, str, str]:
    """Vendor, product and version in Defender's own spelling."""
    version = catalogue.SYSTEMS[host.os][0].rsplit(" ", 1)[-1] if flaw.month else flaw.version
    if flaw.month:
        return "microsoft", catalogue.SYSTEMS[host.os][2].split(":")[3], version
    _, _, _, vendor, product = flaw.cpe.split(":")
    return vendor, product, version


def _vulnerability(host: Host, flaw: Flaw) -> dict[str, object]:
    vendor, product, version = _software(flaw, host)
    update = catalogue.update_name(flaw, host.os).removeprefix("KB") or None
    return {
        "id": f"{host.agent}-_-{flaw.cve}-_-{vendor}-_-{product}-_-{version}-_-{update or ''}",
        "cveId": flaw.cve,
        "machineId": host.agent,
        "fixingKbId": update,
        "productName": product,
        "productVendor": vendor,
        "productVersion": version,
        "severity": flaw.severity.capitalize(),
    }


def _export(host: Host, flaw: Flaw, when: datetime) -> dict[str, object]:
    vendor, product, version = _software(flaw, host)
    update = catalogue.update_name(flaw, host.os).removeprefix("KB")
    fix = f"Security Updates KB{update}" if update else f"Update {flaw.product} to {flaw.fixed_version}"
    return {
        "id": f"{host.agent}_{vendor}_{product}_{version}_{flaw.cve}",
        "deviceId": host.agent,
        "rbacGroupName": host.zone,
        "deviceName": host.fqdn,
        "osPlatform": catalogue.SYSTEMS[host.os][1],
        "osVersion": catalogue.SYSTEMS[host.os][0].rsplit(" ", 1)[-1],
        "osArchitecture": "x64",
        "softwareVendor": vendor,
        "softwareName": product,
        "softwareVersion": version,
        "cveId": flaw.cve,
        "vulnerabilitySeverityLevel": flaw.severity.capitalize(),
        "recommendedSecurityUpdate": fix,
        "recommendedSecurityUpdateId": update or None,
        "recommendedSecurityUpdateUrl": None,
        "diskPaths": [] if flaw.month else [f"C:\\Program Files\\{flaw.product}"],
        "registryPaths": [],
        "lastSeenTimestamp": f"{when - timedelta(hours=3):%Y-%m-%d %H:%M:%S}.000",
        "firstSeenTimestamp": f"{when - timedelta(days=45):%Y-%m-%d %H:%M:%S}.000",
        "exploitabilityLevel": "NoExploit",
        "recommendationReference": f"va-_-{vendor}-_-{product}",
        "securityUpdateAvailable": bool(update or flaw.fixed_version),
        "cvssScore": flaw.score,
    }

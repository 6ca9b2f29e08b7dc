"""The rows of large reports as bytes: written once for each check, then joined for each host."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

_SEVERITIES = ("info", "low", "medium", "high", "critical")
_SCORES = (0.0, 3.1, 5.3, 7.5, 9.8)
_VECTORS = (
    "",
    "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
)
_RISKS = ("None", "Low", "Medium", "High", "Critical")
_PORTS = (
    (445, "cifs"),
    (443, "www"),
    (0, "general"),
    (22, "ssh"),
    (3389, "msrdp"),
    (80, "www"),
    (0, "general"),
)
# Severity of a check that names a weakness, by its number: about 5 % critical, 30 % high, 55 % medium.
_LEVELS = (2, 3, 2, 2, 3, 2, 1, 2, 3, 2, 2, 3, 2, 4, 2, 3, 2, 2, 1, 3)
_PRODUCTS = (
    "Directory Agent", "Print Suite", "Media Player", "Runtime", "Archive Tool", "Office Viewer",
    "Database Client",
    "Remote Console", "Web Server", "Mail Filter", "Scripting Engine", "Image Library", "Font Engine",
    "Kernel",
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One check that a scanner makes, the same wherever it finds something."""

    number: int
    plugin: int
    title: str
    product: str
    version: str
    fixed: str
    level: int  # index of facts.SEVERITIES
    port: int
    service: str
    cves: tuple[str, ...]


@dataclass(frozen=True)
class BulkHost:
    """One host of a large report."""

    number: int
    name: str
    fqdn: str
    ip: str
    mac: str
    uuid: str


def check(number: int, cves: tuple[str, ...]) -> Check:
    """Return check `number`, which names `cves`."""
    product = f"{_PRODUCTS[number % len(_PRODUCTS)]} {number // len(_PRODUCTS)}"
    port, service = _PORTS[number % len(_PORTS)]
    major = 1 + number % 9
    fixed = f"{major}.{number % 17 + 1}.0"
    return Check(
        number=number,
        plugin=930_000 + number,
        title=f"{product} < {fixed} Multiple Vulnerabilities" if cves else f"{product} Detection",
        product=product,
        version=f"{major}.{number % 17}.3",
        fixed=fixed,
        level=_LEVELS[number % len(_LEVELS)] if cves else 0,
        port=port,
        service=service,
        cves=cves,
    )


def host(seed: int, number: int) -> BulkHost:
    """Return host `number` of the estate made from `seed`."""
    digest = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=16).digest()
    name = f"n{seed}-{number:07d}"
    return BulkHost(
        number=number,
        name=name,
        fqdn=f"{name}.servers.example.com",
        ip=f"10.{(number >> 16) & 255}.{(number >> 8) & 255}.{number & 255}",
        mac="00:50:56:" + digest[:3].hex(":"),
        uuid=str(uuid.UUID(bytes=digest, version=4)),
    )


# -- Nessus ---------------------------------------------------------------------------------------


def nessus_head(plugins: list[int]) -> bytes:
    """The policy with its plugin set, and the beginning of the report."""
    listed = ";".join(map(str, [19506, *plugins]))
    return (
        '<?xml version="1.0" ?>\n<NessusClientData_v2>\n'
        "<Policy><policyName>Advanced Network Scan</policyName>\n"
        "<Preferences><ServerPreferences>\n<preference><name>plugin_set</name>\n"
        f"<value>{listed}</value>\n</preference>\n</ServerPreferences>\n<PluginsPreferences></PluginsPreferences>\n"
        "</Preferences>\n<FamilySelection></FamilySelection>\n<IndividualPluginSelection></IndividualPluginSelection>\n"
        '</Policy>\n<Report name="large scan" xmlns:cm="http://www.nessus.org/cm">\n'
    ).encode()


def nessus_item(one: Check) -> bytes:
    """One ReportItem."""
    cves = "".join(f"<cve>{cve}</cve>\n" for cve in one.cves)
    score = ""
    if one.level:
        score = (
            f"<cvss3_base_score>{_SCORES[one.level]}</cvss3_base_score>\n"
            f"<cvss3_vector>{_VECTORS[one.level]}</cvss3_vector>\n"
        )
    cpe = f"<cpe>cpe:/a:example:{one.product.lower().replace(' ', '_')}</cpe>\n" if one.cves else ""
    return (
        f'<ReportItem port="{one.port}" svc_name="{one.service}" protocol="tcp" severity="{one.level}" '
        f'pluginID="{one.plugin}" pluginName={quoteattr(one.title)} pluginFamily="General">\n'
        f"{cpe}{cves}{score}"
        f"<description>The version of {one.product} on the remote host is older than {one.fixed}. "
        "It is affected by "
        "weaknesses that its vendor describes in its advisories. Note that the scanner "
        "has not tested for these "
        "but has relied only on the version that the application reports about itself.</description>\n"
        f"<fname>check_{one.plugin}.nasl</fname>\n<plugin_modification_date>2025/08/20</plugin_modification_date>\n"
        f"<plugin_name>{escape(one.title)}</plugin_name>\n"
        "<plugin_publication_date>2024/02/13</plugin_publication_date>\n"
        f"<plugin_type>{'remote' if one.port else 'local'}</plugin_type>\n"
        f"<risk_factor>{_RISKS[one.level]}</risk_factor>\n"
        f"<script_version>1.{one.number % 12}</script_version>\n"
        f"<solution>{f'Upgrade to {one.product} {one.fixed} or later.' if one.cves else 'n/a'}</solution>\n"
        f"<synopsis>An application on the remote host is affected.</synopsis>\n"
        f"<plugin_output>\n  Installed version : {one.version}\n"
        f"  Fixed version     : {one.fixed}\n</plugin_output>\n"
        "</ReportItem>\n"
    ).encode()


def _stamps(when: datetime) -> tuple[int, int]:
    begun = int((when - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001 - both are UTC
    return begun, begun + 280


def nessus_host(one: BulkHost, when: datetime) -> bytes:
    """The beginning of a host's part."""
    begun, ended = _stamps(when)
    finish = (when + timedelta(seconds=280)).strftime("%a %b %d %H:%M:%S %Y")
    return (
        f'<ReportHost name="{one.fqdn}"><HostProperties>\n<tag name="HOST_END_TIMESTAMP">{ended}</tag>\n'
        f'<tag name="HOST_END">{finish}</tag>\n<tag name="os">linux</tag>\n'
        '<tag name="operating-system">Linux Kernel 5.15 on Ubuntu 22.04</tag>\n'
        f'<tag name="Credentialed_Scan">true</tag>\n<tag name="mac-address">{one.mac.upper()}</tag>\n'
        f'<tag name="bios-uuid">{one.uuid}</tag>\n<tag name="host-fqdn">{one.fqdn}</tag>\n'
        f'<tag name="host-ip">{one.ip}</tag>\n<tag name="HOST_START_TIMESTAMP">{begun}</tag>\n'
        f'<tag name="HOST_START">{when.strftime("%a %b %d %H:%M:%S %Y")}</tag>\n</HostProperties>\n'
    ).encode()


def nessus_host_end(when: datetime) -> bytes:
    """The scan information (19506) and the end of a host's part."""
    return (
        '<ReportItem port="0" svc_name="general" protocol="tcp" severity="0" pluginID="19506" '
        'pluginName="Nessus Scan Information" pluginFamily="Settings">\n'
        "<description>Information about the scan itself.</description>\n<plugin_output>"
        "Information about this scan :\n\nNessus version : 10.7.2\nPlugin feed version : 202601140600\n"
        "Scanner edition used : Nessus\nScan type : Normal\nScan name : large scan\n"
        "Scan policy used : Advanced Network Scan\nScanner IP : 10.255.0.1\nPort range : 1-65535\n"
        "Thorough tests : no\nCredentialed checks : yes, as svc-scan via SSH\n"
        f"Scan Start Date : {when:%Y/%m/%d %H:%M} UTC\nScan duration : 280 sec\n</plugin_output>\n"
        "</ReportItem>\n</ReportHost>\n"
    ).encode()


# -- Nuclei, generic CSV, Trivy -------------------------------------------------------------------


def nuclei_row(one: Check) -> bytes:
    """A match up to what is the host's own."""
    info: dict[str, object] = {
        "name": one.title,
        "author": ["team"],
        "tags": ["cve" if one.cves else "tech"],
        "description": f"{one.product} {one.version} answers as the versions before {one.fixed} do.",
        "severity": _SEVERITIES[one.level],
    }
    if one.cves:
        info["classification"] = {
            "cve-id": [cve.lower() for cve in one.cves],
            "cwe-id": ["cwe-79"],
            "cvss-metrics": _VECTORS[one.level],
            "cvss-score": _SCORES[one.level],
        }
    template = one.cves[0] if one.cves else f"detect-{one.number}"
    row = {"template-id": template, "template-path": f"http/{template}.yaml", "info": info, "type": "http"}
    text = json.dumps(row, separators=(",", ":"))
    return f'{text[:-1]},"path":"/app/{one.number}",'.encode()


def nuclei_host(one: BulkHost, when: datetime) -> bytes:
    """What is the host's own, up to the end of the line."""
    return (
        f'"host":"{one.fqdn}","port":"443","scheme":"https","url":"https://{one.fqdn}",'
        f'"matched-at":"https://{one.fqdn}/","ip":"{one.ip}",'
        f'"timestamp":"{when:%Y-%m-%dT%H:%M:%S}.000000Z","matcher-status":true}}\n'
    ).encode()


GENERIC_HEAD = (
    b"date,hostname,ip,mac,title,cve,severity,cvss_vector,port,component_name,component_version,fix_version,"
    b"description,active\n"
)


def generic_host(one: BulkHost, when: datetime) -> bytes:
    """The beginning of a row."""
    return f"{when:%Y-%m-%d},{one.fqdn},{one.ip},{one.mac},".encode()


def generic_row(one: Check) -> bytes:
    """The rest of a row."""
    return (
        f"{one.title},{one.cves[0]},{_SEVERITIES[one.level]},{_VECTORS[one.level]},"
        f"{one.port or ''},{one.product},"
        f'{one.version},{one.fixed},"{one.product} {one.version} is affected, see its advisories.",true\n'
    ).encode()


def trivy_row(one: Check) -> bytes:
    """One vulnerability."""
    name = one.product.lower().replace(" ", "-")
    return json.dumps(
        {
            "VulnerabilityID": one.cves[0],
            "PkgID": f"{name}@{one.version}",
            "PkgName": name,
            "PkgIdentifier": {"PURL": f"pkg:deb/debian/{name}@{one.version}?distro=debian-12.1"},
            "InstalledVersion": one.version,
            "FixedVersion": one.fixed,
            "Status": "fixed",
            "SeveritySource": "nvd",
            "PrimaryURL": f"https://avd.aquasec.com/nvd/{one.cves[0].lower()}",
            "Title": one.title,
            "Description": f"{one.product} {one.version} is affected, see its vendor's advisories.",
            "Severity": _SEVERITIES[one.level].upper(),
            "CweIDs": ["CWE-787"],
            "CVSS": {"nvd": {"V3Vector": _VECTORS[one.level], "V3Score": _SCORES[one.level]}},
            "References": [f"https://nvd.nist.gov/vuln/detail/{one.cves[0]}"],
            "PublishedDate": "2023-05-09T00:00:00Z",
            "LastModifiedDate": "2024-11-21T00:00:00Z",
        },
        separators=(",", ":"),
    ).encode()


def _target(one: BulkHost) -> dict[str, object]:
    return {
        "Target": f"registry.example.com/{one.name}:1.0 (debian 12.1)",
        "Class": "os-pkgs",
        "Type": "debian",
    }


def _metadata(one: BulkHost) -> dict[str, object]:
    digest = hashlib.sha256(one.name.encode()).hexdigest()
    return {
        "OS": {"Family": "debian", "Name": "12.1"},
        "ImageID": f"sha256:{hashlib.sha256(digest.encode()).hexdigest()}",
        "RepoTags": [f"registry.example.com/{one.name}:1.0"],
        "RepoDigests": [f"registry.example.com/{one.name}@sha256:{digest}"],
    }


def trivy_workload(one: BulkHost) -> bytes:
    """The beginning of one workload of a cluster's report."""
    row = {"Namespace": "default", "Kind": "Deployment", "Name": one.name, "Metadata": [_metadata(one)]}
    text = json.dumps(row | {"Results": [_target(one)]}, separators=(",", ":"))
    return f'{text[:-3]},"Vulnerabilities":['.encode()


def trivy_image(one: BulkHost, when: datetime) -> bytes:
    """The beginning of one image's report."""
    row = {
        "SchemaVersion": 2,
        "CreatedAt": f"{when:%Y-%m-%dT%H:%M:%S}.000000000Z",
        "ArtifactName": f"registry.example.com/{one.name}:1.0",
        "ArtifactType": "container_image",
        "Metadata": _metadata(one),
        "Results": [_target(one)],
    }
    return f'{json.dumps(row, separators=(",", ":"))[:-3]},"Vulnerabilities":['.encode()

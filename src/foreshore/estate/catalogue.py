"""The tables from which companies are made: weaknesses, Windows updates, noise and kinds of hosts."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from foreshore.estate.model import Flaw, Noise

# Names of the operating systems as Nessus, Nmap and Defender write them, CPE last.
SYSTEMS: dict[str, tuple[str, str, str]] = {
    "win10": ("Microsoft Windows 10 Pro Build 19045", "Windows10", "cpe:/o:microsoft:windows_10"),
    "win2019": (
        "Microsoft Windows Server 2019 Standard Build 17763",
        "WindowsServer2019",
        "cpe:/o:microsoft:windows_server_2019",
    ),
    "win2022": (
        "Microsoft Windows Server 2022 Standard Build 20348",
        "WindowsServer2022",
        "cpe:/o:microsoft:windows_server_2022",
    ),
    "win2008r2": (
        "Microsoft Windows Server 2008 R2 Standard Service Pack 1",
        "WindowsServer2008R2",
        "cpe:/o:microsoft:windows_server_2008:r2",
    ),
    "ubuntu22": (
        "Linux Kernel 5.15.0-25-generic on Ubuntu 22.04",
        "Linux",
        "cpe:/o:canonical:ubuntu_linux:22.04",
    ),
    "debian12": ("Linux Kernel 6.1.0-18-amd64 on Debian 12", "Linux", "cpe:/o:debian:debian_linux:12"),
    "esxi": ("VMware ESXi 7.0.3 build-20328353", "Other", "cpe:/o:vmware:esxi:7.0"),
    "vcenter": ("VMware Photon OS 3.0", "Linux", "cpe:/o:vmware:photon_os:3.0"),
    "netscaler": ("Citrix NetScaler", "Other", "cpe:/o:citrix:netscaler"),
    "fortios": ("Fortinet FortiOS", "Other", "cpe:/o:fortinet:fortios"),
    "ios": ("Cisco IOS 15.2", "Other", "cpe:/o:cisco:ios:15.2"),
    "printer": ("HP LaserJet printer", "Other", "cpe:/h:hp:laserjet"),
    "camera": ("Embedded Linux network camera", "Other", "cpe:/o:linux:linux_kernel"),
    "android": ("Android 11", "Android", "cpe:/o:google:android:11"),
}
WINDOWS_NAMES = {
    "win10": "Windows 10 22H2",
    "win2019": "Windows Server 2019",
    "win2022": "Windows Server 2022",
    "win2008r2": "Windows Server 2008 R2",
}
PORT_NAMES: dict[int, tuple[str, str]] = {
    22: ("ssh", "OpenSSH"),
    25: ("smtp", "Microsoft Exchange smtpd"),
    53: ("domain", "Simple DNS Plus"),
    80: ("http", ""),
    88: ("kerberos-sec", "Microsoft Windows Kerberos"),
    135: ("msrpc", "Microsoft Windows RPC"),
    389: ("ldap", "Microsoft Windows Active Directory LDAP"),
    427: ("svrloc", ""),
    443: ("https", ""),
    445: ("microsoft-ds", "Microsoft Windows SMB"),
    636: ("ldapssl", "Microsoft Windows Active Directory LDAP"),
    902: ("vmware-auth", "VMware Authentication Daemon"),
    1433: ("ms-sql-s", "Microsoft SQL Server"),
    1801: ("msmq", ""),
    3000: ("ppp", "Grafana"),
    3306: ("mysql", "MySQL"),
    3389: ("ms-wbt-server", "Microsoft Terminal Services"),
    4786: ("smart-install", ""),
    5432: ("postgresql", "PostgreSQL DB"),
    6379: ("redis", "Redis key-value store"),
    7001: ("afs3-callback", "Oracle WebLogic admin httpd"),
    7860: ("http", "Uvicorn"),
    8009: ("ajp13", "Apache Jserv"),
    8040: ("http", "ScreenConnect httpd"),
    8080: ("http", "Jetty"),
    8090: ("http", "Atlassian Confluence"),
    8111: ("http", "JetBrains TeamCity"),
    9000: ("http", "MinIO"),
    9100: ("jetdirect", ""),
    9191: ("http", "PaperCut NG"),
    9392: ("msrpc", "Veeam Backup Service"),
    9401: ("ssl/unknown", ""),
    10000: ("ndmp", "Veritas Backup Exec ndmp"),
    61616: ("apachemq", "ActiveMQ OpenWire transport"),
}
TLS_PORTS = frozenset({443, 636, 9401})


@dataclass(frozen=True)
class Kind:
    """A kind of host, one row of `hosts.csv`: how many, where, with which software and weaknesses."""

    name: str
    first: int
    count: int
    site: str
    zone: str
    os: str
    role: str
    software: tuple[str, ...]
    flaws: tuple[str, ...]
    ports: tuple[int, ...]
    patched: tuple[str, ...]  # months of the last update, each as often as it is likely; the laggard first
    seen: tuple[str, ...]
    tags: tuple[str, ...]


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the tables that are shipped beside this module."""
    text = files("foreshore.estate").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def flaws() -> tuple[Flaw, ...]:
    """All weaknesses of the catalogue, in its order."""
    return tuple(_flaw(row) for row in rows("catalogue.csv"))


def _flaw(row: dict[str, str]) -> Flaw:
    numbers: dict[str, int] = {name: int(row[name]) for name in ("port", "cwe", "plugin_id")}
    words = {name: text for name, text in row.items() if name not in numbers and name != "score"}
    return Flaw(**words, **numbers, score=float(row["score"]))  # type: ignore[arg-type]


@cache
def by_group() -> dict[str, tuple[Flaw, ...]]:
    """The weaknesses of each product group."""
    groups: dict[str, list[Flaw]] = {}
    for flaw in flaws():
        groups.setdefault(flaw.group, []).append(flaw)
    return {name: tuple(members) for name, members in groups.items()}


@cache
def noise() -> tuple[Noise, ...]:
    """The checks that report on many hosts."""
    return tuple(
        Noise(
            plugin_id=int(row["plugin_id"]),
            title=row["title"],
            family=row["family"],
            severity=int(row["severity"]),
            port=int(row["port"]),
            service=row["service"],
            on=row["on"],
            share=float(row["share"]),
            score=float(row["score"] or 0),
            vector=row["vector"],
            synopsis=row["synopsis"],
            solution=row["solution"],
        )
        for row in rows("noise.csv")
    )


@cache
def bulletins() -> dict[tuple[str, str], str]:
    """The number of the Windows update by (month, system)."""
    return {
        (row["month"], system): row[system]
        for row in rows("bulletins.csv")
        for system in ("win10", "win2019", "win2022", "win2008r2")
        if row[system]
    }


@cache
def kinds() -> tuple[Kind, ...]:
    """The kinds of hosts of the demo company."""
    return tuple(
        Kind(
            name=row["name"],
            first=int(row["first"]),
            count=int(row["count"]),
            site=row["site"],
            zone=row["zone"],
            os=row["os"],
            role=row["role"],
            software=tuple(row["software"].split()),
            flaws=tuple(row["flaws"].split()),
            ports=tuple(int(port) for port in row["ports"].split()),
            patched=_months(row["patched"]),
            seen=tuple(row["seen"].split()),
            tags=tuple(row["tags"].split()),
        )
        for row in rows("hosts.csv")
    )


def _months(text: str) -> tuple[str, ...]:
    """Read `2024-07 2024-09*3` as one July and three Septembers."""
    parts = (part.partition("*") for part in text.split())
    return tuple(month for month, _, times in parts for _ in range(int(times or 1)))


def update_name(flaw: Flaw, system: str) -> str:
    """The Windows update that fixes `flaw` on `system`, for example KB5046613; '' where none does."""
    return bulletins().get((flaw.month, system), "") if flaw.month else ""


def fix_of(flaw: Flaw, system: str) -> str:
    """What fixes `flaw` on `system`: an update number or a version."""
    return update_name(flaw, system) or flaw.fixed_version

"""Makes the company: the same seed makes the same company, to the last MAC address."""

from __future__ import annotations

import ipaddress
import uuid
from random import Random

from foreshore.estate import catalogue, things
from foreshore.estate.catalogue import Kind
from foreshore.estate.model import NETWORKS, Company, Flaw, Host, Noise, Port

_VIRTUAL = "00:50:56"  # the address prefix of virtual machines; others are those of office machines
# Software that no update service reaches: whoever has it, has all of its weaknesses.
_BY_HAND = frozenset(
    {"winrar", "7zip", "acrobat", "acrobat-old", "chrome-old", "firefox", "java", "dotnet", "camera", "laserjet"}
)
_WEB = frozenset({80, 443, 8080, 8090, 8111, 3000, 9000, 7860})


def make(seed: int = 7, assets: int = 400) -> Company:
    """Make the company with about `assets` assets from `seed`.

    What is planted is always there; the number of ordinary workstations and servers follows `assets`.
    """
    images, repositories, cloud = things.make(seed)
    fixed = len(images) + len(repositories) + len(cloud)
    hosts: list[Host] = []
    for kind, count in _counts(max(assets - fixed, 0)):
        hosts.extend(_host(kind, number, seed) for number in range(count))
    return Company(
        seed=seed,
        hosts=tuple(hosts),
        images=images,
        repositories=repositories,
        cloud=cloud,
        by_name={f"{host.site}/{host.name}": host for host in hosts},
    )


def _counts(wanted: int) -> list[tuple[Kind, int]]:
    """Return each kind with its number: kinds with many members grow or shrink to meet `wanted`."""
    kinds = catalogue.kinds()
    planted = sum(kind.count for kind in kinds if kind.count < 5)
    many = sum(kind.count for kind in kinds if kind.count >= 5)
    factor = max(wanted - planted, 0) / many
    return [(kind, kind.count if kind.count < 5 else max(3, round(kind.count * factor))) for kind in kinds]


def _host(kind: Kind, number: int, seed: int) -> Host:
    name = kind.name.format(number + 1)
    draw = Random(f"{seed}/{kind.site}/{kind.zone}/{name}")  # noqa: S311 - a company, not a secret
    found = _flaws(kind, number, draw)
    return Host(
        name=name,
        site=kind.site,
        zone=kind.zone,
        ip=_address(kind, number),
        mac=_mac(kind, number, draw),
        uuid=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        agent=f"{draw.getrandbits(160):040x}",
        os=kind.os,
        role=kind.role,
        ports=tuple(_port(port, found) for port in kind.ports),
        flaws=found,
        noise=_noise(kind, draw),
        seen=kind.seen,
        tags=kind.tags,
    )


def _address(kind: Kind, number: int) -> str:
    network = ipaddress.ip_network(NETWORKS[kind.site, kind.zone])
    return str(network.network_address + kind.first + number)


def _mac(kind: Kind, number: int, draw: Random) -> str:
    draw.getrandbits(24)  # spent, so that the machine's other numbers do not depend on how this one is made
    place = int(ipaddress.IPv4Address(_address(kind, number))) & 0x3FFFFF
    tail = place | (0x400000 if kind.site == "south" else 0)  # two sites use the same addresses, never the same card
    prefix = _VIRTUAL if kind.role not in ("workstation", "device", "printer") else "d4:be:d9"
    return f"{prefix}:{tail >> 16:02x}:{(tail >> 8) & 255:02x}:{tail & 255:02x}"


def _flaws(kind: Kind, number: int, draw: Random) -> tuple[Flaw, ...]:
    """Return what is wrong with one host: what its updates lack, and what is planted."""
    patched = _patched(kind, number, draw)
    found: list[Flaw] = []
    for entry in kind.software:
        group, _, share = entry.partition(":")
        # The first of a kind has all of its optional software, so that none is left to chance.
        if not share or number == 0 or draw.random() < float(share):
            found.extend(_lacking(group, kind.os, "" if group in _BY_HAND else patched))
    for entry in kind.flaws:
        cve, _, group = entry.partition("@")
        members = catalogue.by_group()[group or cve]
        found.extend(flaw for flaw in members if not group or flaw.cve == cve)
    return tuple(dict.fromkeys(found))


def _patched(kind: Kind, number: int, draw: Random) -> str:
    """Return the month of the last update; the first of a kind is the one that lags most."""
    if number == 0 or not kind.patched:
        return kind.patched[0] if kind.patched else ""
    return draw.choice(kind.patched)


def _lacking(group: str, system: str, patched: str) -> list[Flaw]:
    """Return the weaknesses of `group` that were published after the host was last updated."""
    return [
        flaw
        for flaw in catalogue.by_group()[group]
        if (flaw.month or flaw.published[:7]) > patched and (not flaw.month or catalogue.update_name(flaw, system))
    ]


def _noise(kind: Kind, draw: Random) -> tuple[Noise, ...]:
    return tuple(check for check in catalogue.noise() if _applies(check, kind) and draw.random() < check.share)


def _applies(check: Noise, kind: Kind) -> bool:
    windows = kind.os.startswith("win")
    server = kind.role not in ("workstation", "device", "printer")
    applies = {
        "all": True,
        "server": server,
        "web": 443 in kind.ports,
        "linux": 22 in kind.ports and not windows,
        "windows": windows,
        "server-windows": windows and server and 3389 in kind.ports,
        "device": kind.role in ("device", "printer"),
        "win2008r2": kind.os == "win2008r2",
    }
    return applies[check.on]


def _port(number: int, found: tuple[Flaw, ...]) -> Port:
    service, product = catalogue.PORT_NAMES[number]
    tls = number in catalogue.TLS_PORTS
    for flaw in found:
        if flaw.port == number and flaw.group != "tls" and not flaw.month:
            cpe = flaw.cpe.replace("cpe:2.3:", "cpe:/").replace("\\", "")
            named = f"{flaw.vendor} {flaw.product}" if number in _WEB else flaw.product
            return Port(number, service, named, flaw.version, f"{cpe}:{flaw.version.split()[0]}", tls)
    return Port(number, service, product, "", "", tls)

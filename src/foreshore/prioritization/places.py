"""Where an attacker can stand: the internet, the zones of the scope, and the unzoned rest of each site."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foreshore import facts

if TYPE_CHECKING:
    from foreshore.prioritization.context import Context

INTERNET = "internet"
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """Where an attacker can stand: the internet, a zone, or the unzoned rest of a site."""

    name: str
    site: str = ""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    addressed: str = "private"  # public, private, or none where its assets have no address
    zoned: bool = True


def places_of(context: Context, scope: facts.Scope) -> tuple[tuple[Place, ...], Ints]:
    """Return all places, the internet first, and the place of each asset by its row."""
    places: dict[tuple[str, str], Place] = {("", INTERNET): Place(INTERNET, addressed="public")}
    for zone in scope.zones:
        nets = tuple(ipaddress.ip_network(text, strict=False) for text in zone.networks)
        public = bool(nets) and any(not _private(net) for net in nets)
        places[zone.site, zone.name] = Place(zone.name, zone.site, nets, "public" if public else "private")
    index = {key: number for number, key in enumerate(places)}
    place_of = np.empty(context.assets.num_rows, np.int64)
    columns = (context.assets.column(name).to_pylist() for name in ("site", "zone", "addresses"))
    for number, (site, zone, addresses) in enumerate(zip(*columns, strict=True)):
        key = (site, zone)
        if key not in index:
            kind = _kind(addresses)
            key = (site, f"{site}, {_REST[kind]}")
            if key not in index:
                index[key] = len(places)
                places[key] = Place(key[1], site, (), kind, zoned=False)
        place_of[number] = index[key]
    return tuple(places.values()), place_of


_REST = {"public": "public addresses", "private": "not in a zone", "none": "without address"}
# Documentation ranges stand for public ones in examples and demos.
_DOCUMENTATION = tuple(
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)


def _private(net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    if any(net.version == one.version and net.subnet_of(one) for one in _DOCUMENTATION):  # type: ignore[arg-type]
        return False
    return net.is_private


def _kind(addresses: list[str]) -> str:
    kinds = {_kind_of(text) for text in addresses}
    return "public" if "public" in kinds else "private" if "private" in kinds else "none"


# Private ranges are, but for one, at least as wide as 256 addresses.
_WIDE = re.compile(r"(?!192\.0\.0\.|255\.255\.255\.)(\d{1,3}\.\d{1,3}\.\d{1,3})\.(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])")


def _kind_of(text: str) -> str:
    wide = _WIDE.fullmatch(text)
    return _network_kind(f"{wide[1]}.0" if wide else text)


@cache
def _network_kind(text: str) -> str:
    try:
        return "private" if _private(ipaddress.ip_network(text)) else "public"
    except ValueError:
        return "none"

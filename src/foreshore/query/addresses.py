"""Addresses as bit strings, so that one prefix comparison serves both families and whole columns.

`192.0.2.1` is 32 characters of 0 and 1, an IPv6 address 128. A network holds an address when the
network's bits are the beginning of the address's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Four numbers of 0 to 255 between dots; anything else is taken apart by Python, or is no address.
_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_V4 = rf"^({_OCTET}\.){{3}}{_OCTET}$"
_V4_NUMBER = " + ".join(f"split_part(value, '.', {place})::BIGINT * {256 ** (4 - place)}" for place in (1, 2, 3, 4))


def bits(address: str) -> str | None:
    """Return the bit string of one address, None where the text is none."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return f"{int(parsed):0{parsed.max_prefixlen}b}"


def network_bits(network: str) -> str:
    """Return the bits that all addresses of `network` begin with; raises ValueError for no network."""
    parsed = ipaddress.ip_network(network, strict=False)
    return f"{int(parsed.network_address):0{parsed.max_prefixlen}b}"[: parsed.prefixlen]


def networks(texts: Iterable[str]) -> pa.Table:
    """Return (number, family, length, prefix) of networks, one row each, numbered as they come."""
    import pyarrow as pa

    rows = [(network_bits(text), 128 if ":" in text else 32) for text in texts]
    return pa.table(
        {
            "number": pa.array(range(len(rows)), pa.int64()),
            "family": pa.array([family for _, family in rows], pa.int64()),
            "length": pa.array([len(prefix) for prefix, _ in rows], pa.int64()),
            "prefix": pa.array([prefix for prefix, _ in rows], pa.string()),
        }
    )


def unfold(connection: duckdb.DuckDBPyConnection, assets: pa.Table) -> None:
    """Make the table `places` (asset, site, address, bits) of every address of `assets`.

    `assets` has columns asset, site and addresses (a list); what is no address is left out.
    """
    connection.register("assets_of_places", assets)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE places_raw AS "
        "SELECT asset, site, trim(value) AS value FROM "
        "(SELECT asset, site, unnest(addresses) AS value FROM assets_of_places) WHERE value IS NOT NULL"
    )
    rare = connection.execute(
        "SELECT DISTINCT value FROM places_raw WHERE NOT regexp_matches(value, ?)", [_V4]
    ).fetchall()
    connection.execute("CREATE OR REPLACE TEMP TABLE places_rare (value VARCHAR, bits VARCHAR)")
    known = [(value, found) for (value,) in rare if (found := bits(value)) is not None]
    if known:
        connection.executemany("INSERT INTO places_rare VALUES (?, ?)", known)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE places AS
        SELECT asset, site, value AS address, lpad(bin({_V4_NUMBER}), 32, '0') AS bits
        FROM places_raw WHERE regexp_matches(value, '{_V4}')
        UNION ALL SELECT asset, site, value, r.bits FROM places_raw JOIN places_rare r USING (value)
        """
    )
    connection.unregister("assets_of_places")

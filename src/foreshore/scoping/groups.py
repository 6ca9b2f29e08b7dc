"""Groups that assets fall into by themselves: address ranges into zones, tags and names into services."""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from foreshore import keys, scratch
from foreshore.query.assets import Sql
from foreshore.query.selectors import is_pattern
from foreshore.scoping import signs
from foreshore.scoping.notes import number

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ZONES = 40
MOST_SERVICES = 12
LEAST_ASSETS = 3


_INSIDE = tuple(
    ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


class Group(NamedTuple):
    """A proposed zone."""

    name: str
    site: str
    networks: tuple[str, ...]
    assets: int
    sentence: str


class Candidate(NamedTuple):
    """A proposed service."""

    name: str
    selectors: tuple[str, ...]
    assets: frozenset[int]
    sentence: str


def zones(assets: pa.Table) -> list[Group]:
    """Propose zones: /16 groups of private addresses, /24 where a site has only one, and public /24s.

    The largest groups first, at most `MOST_ZONES`.
    """
    counted = _counted(assets)
    several = len({site for site, _ in counted}) > 1
    wide: dict[str, set[str]] = defaultdict(set)
    for site, network in counted:
        if is_inside(network):
            wide[site].add(str(ipaddress.ip_network(network).supernet(new_prefix=16)))
    merged: Counter[tuple[str, str]] = Counter()
    for (site, network), count in counted.items():
        merge = str(ipaddress.ip_network(network).supernet(new_prefix=16))
        merged[site, merge if merge in wide[site] and len(wide[site]) > 1 else network] += count
    found = []
    for (site, network), count in sorted(merged.items(), key=lambda one: (-one[1], one[0]))[:MOST_ZONES]:
        name = _zone_name(site if several else "", network)
        sentence = f"{number(count, 'address', 'addresses')} seen in {network}."
        found.append(Group(name, site, (network,), count, sentence))
    return sorted(found)


def is_inside(network: str) -> bool:
    """Tell whether `network` lies in the ranges that organisations use inside (RFC 1918, RFC 6598)."""
    given = ipaddress.IPv4Network(network)
    return any(given.subnet_of(one) for one in _INSIDE)


def _counted(assets: pa.Table) -> Counter[tuple[str, str]]:
    """Distinct usable IPv4 addresses by site and /24."""

    connection = scratch.connect()
    try:
        connection.register("present", assets)
        rows = connection.execute(
            r"""
            SELECT site, regexp_replace(address, '\.[0-9]+$', '.0/24') AS network, count(DISTINCT address)
            FROM (SELECT site, unnest(addresses) AS address FROM present)
            WHERE regexp_matches(address, '^([0-9]{1,3}\.){3}[0-9]{1,3}$')
                AND NOT regexp_matches(address, '^(0|127|169\.254|22[4-9]|23[0-9]|24[0-9]|25[0-5])\.')
            GROUP BY ALL
            """
        ).fetchall()
    finally:
        connection.close()
    return Counter({(str(site), str(net)): int(count) for site, net, count in rows if _is_network(str(net))})


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _zone_name(site: str, network: str) -> str:
    address, prefix = network.split("/")
    numbers = address.split(".")[: int(prefix) // 8]
    return "-".join([site or "net", *numbers])


def is_plain(text: str) -> bool:
    """Tell whether `text` stands for itself in a selector: no wildcard, nothing that would be trimmed."""
    return bool(text) and text == text.strip() and text.isprintable() and not is_pattern(text)


def handles(assets: pa.Table) -> dict[int, str]:
    """Return the selector that picks each asset alone: its name where no other has it, else its key."""
    names = [str(name or "").lower() for name in assets.column("name").to_pylist()]
    labels = Counter(name.split(".")[0] for name in names) + Counter(name for name in names if "." in name)
    ids = assets.column("asset").to_pylist()
    return {
        asset: f"name:{name}" if is_plain(name) and labels[name] == 1 else f"id:{keys.show('AST', asset)}"
        for asset, name in zip(ids, names, strict=True)
    }


_TAGGED = """
    WITH carried AS (SELECT asset, unnest(tags) AS tag FROM present), told AS (
        SELECT asset, lower(split_part(tag, '=', 1)) AS key, substr(tag, strpos(tag, '=') + 1) AS shown
        FROM carried WHERE contains(tag, '='))
    SELECT key, lower(shown) AS value, min(shown) AS shown, list(DISTINCT asset ORDER BY asset) AS assets
    FROM told WHERE trim(shown) <> '' AND regexp_matches(key,
        (SELECT any_value(pattern) FROM signs WHERE role = 'service'))
    GROUP BY key, lower(told.shown) ORDER BY count(DISTINCT asset) DESC, value, key
"""
_ALIKE = """
    WITH labels AS (
        SELECT DISTINCT asset, split_part(lower(value), '.', 1) AS label FROM (
            SELECT asset, unnest(list_append(names, name)) AS value FROM present WHERE kind = 'host')
        WHERE NOT regexp_matches(value, '^[0-9.:]+$')
    ), cut AS (
        SELECT asset, regexp_extract(label, '^([a-z][a-z0-9]*)[-_]', 1) AS stem,
            regexp_replace(label, '[-_]?[0-9]+$', '') AS family
        FROM labels
    )
    SELECT stem, list(DISTINCT asset ORDER BY asset) AS assets,
        list(DISTINCT family ORDER BY family) AS families
    FROM cut WHERE stem <> '' AND NOT regexp_matches(regexp_replace(stem, '[0-9]+$', ''),
            (SELECT any_value(pattern) FROM signs WHERE role = 'generic'))
    GROUP BY stem HAVING count(DISTINCT asset) >= {least} AND count(DISTINCT family) >= 2
    ORDER BY count(DISTINCT asset) DESC, stem
"""


def services(sql: Sql, assets: pa.Table) -> list[Candidate]:
    """Propose services: each value of a tag that names one, then names of several kinds that begin alike.

    Names are left out where most of their assets are in a tagged service already. At most
    `MOST_SERVICES`, the largest first.
    """
    known = signs.table()
    found: list[Candidate] = []
    names: set[str] = set()
    for row in sql(_TAGGED, present=assets, signs=known).to_pylist():
        tag = f"{row['key']}={row['value']}"
        sentence = f"{number(len(row['assets']), 'asset')} with the tag {tag}."
        if is_plain(tag) and is_plain(row["shown"]) and row["value"] not in names:
            names.add(row["value"])
            found.append(Candidate(row["shown"], (f"tag:{tag}",), frozenset(row["assets"]), sentence))
    tagged: set[int] = set().union(*(one.assets for one in found))
    for row in sql(_ALIKE.format(least=LEAST_ASSETS), present=assets, signs=known).to_pylist():
        members = frozenset(row["assets"])
        if row["stem"] in names or 2 * len(members & tagged) >= len(members):
            continue
        kinds = ", ".join(row["families"][:4])
        stem = row["stem"]
        sentence = f"{len(members):,} assets whose names begin with “{stem}” and go on differently: {kinds}."
        selector = f"name:{stem}-*" if "-" in kinds else f"name:{stem}_*"
        found.append(Candidate(stem, (selector,), members, sentence))
    return sorted(found, key=lambda one: (-len(one.assets), one.name))[:MOST_SERVICES]

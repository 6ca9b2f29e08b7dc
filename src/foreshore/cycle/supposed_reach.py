"""Reach as it would be: a way between two places cut or opened, whatever scans and rules say of it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foreshore.cycle.supposed import SOURCE, Supposed, keys_of
from foreshore.query.attributes import moment

if TYPE_CHECKING:
    import pyarrow as pa

INTERNET = "internet"


@dataclass(frozen=True)
class Way:
    """Traffic from a place to assets (keys, by site) on ports ("" for all), and whether it may pass.

    `target` is the zone when all assets of a zone are meant, else empty. `claims` says what sources state of
    the internet exposure of each asset; it matters for ways from the internet alone.
    """

    source: str
    target: str
    assets: dict[str, tuple[int, ...]]
    ports: str
    allowed: bool
    claims: dict[int, str]

    @property
    def every(self) -> list[int]:
        """Keys of all assets that are meant."""
        return [asset for assets in self.assets.values() for asset in assets]


def with_ways(found: Supposed, ways: Sequence[Way]) -> Supposed:
    """Lay cut and opened ways over the facts: as first rules of their sites, and without what speaks against them.

    Of two that speak of the same, the later one holds.
    """
    if not ways:
        return found
    rules = [rule for way in reversed(ways) for rule in _rules(way)]
    sites = sorted({str(rule["site"]) for rule in rules})
    runs = {site: -1 - number for number, site in enumerate(sites)}
    for number, rule in enumerate(rules):
        rule["run"] = runs[str(rule["site"])]
        rule["position"] = number - 2**30
    found = found.with_tables(supposed_rules=_table(rules))  # type: ignore[assignment]
    now = moment(found.as_of)
    found = found.through(
        "relations",
        f"""
        select * from {{before}} union all by name
        select *, 'may_reach' as kind, '' as protocol, {now} as observed_at from supposed_rules
    """,
    )
    found = found.through(
        "runs",
        f"""
        select * from {{before}} union all by name select distinct run, site, '{SOURCE}' as source, '{SOURCE}' as reader,
            '' as vantage, 1::BIGINT as relations, {now} as observed_at, {now} as known_at from supposed_rules
    """,
    )
    for way in ways:
        found = _without_evidence(found, way)
    return found


def _rules(way: Way) -> list[dict[str, object]]:
    """Return the rule of a way, and behind it what sources stated of the internet exposure of its assets."""
    found = [_rule(way, site, kind, target, way.ports, way.allowed) for site, kind, target in _targets(way)]
    if way.source == INTERNET and way.ports:
        site_of = {asset: site for site, assets in way.assets.items() for asset in assets}
        for asset, claim in way.claims.items():
            if claim in ("yes", "no"):
                found.append(_rule(way, site_of[asset], "asset", str(asset), "", claim == "yes"))
    return found


def _targets(way: Way) -> list[tuple[str, str, str]]:
    if way.target:
        return [(site, "zone", way.target) for site in way.assets]
    return [(site, "asset", str(asset)) for site, assets in way.assets.items() for asset in assets]


def _rule(way: Way, site: str, kind: str, target: str, ports: str, allowed: bool) -> dict[str, object]:
    return {
        "site": site, "source_kind": "any" if way.source == "any" else "zone", "source": way.source,
        "target_kind": kind, "target": target, "ports": ports, "allowed": allowed, "note": SOURCE,
    }  # fmt: skip


def _table(rules: list[dict[str, object]]) -> pa.Table:
    import pyarrow as pa

    schema = pa.schema([
        ("run", pa.int64()), ("site", pa.string()), ("source_kind", pa.string()), ("source", pa.string()),
        ("target_kind", pa.string()), ("target", pa.string()), ("ports", pa.string()), ("allowed", pa.bool_()),
        ("position", pa.int32()), ("note", pa.string()),
    ])  # fmt: skip
    return pa.Table.from_pylist(rules, schema=schema)


def _without_evidence(found: Supposed, way: Way) -> Supposed:
    """Leave out what was seen from the place itself, and statements of internet exposure that the rules replace."""
    place = "'" + way.source.replace("'", "''") + "'"
    listed = keys_of(way.every)
    own = "coalesce((select n.canonical from main.asset_now n where n.asset = p.asset), p.asset)"
    ports = "" if not way.ports else f" and ({_covers(way.ports)})"
    seen = f"{own} in ({listed}){ports}"
    found = found.through(
        "ports_seen",
        f"""
        select * from {{before}} p where not ({seen} and p.run in (select run from main.runs where vantage = {place}))
    """,
    )
    found = found.through(
        "verdicts",
        f"""
        select * from {{before}} p where not (p.check_name = 'tcp_reach' and p.vantage = {place} and {seen})
    """,
    )
    if way.source == INTERNET:
        found = found.through(
            "sightings",
            f"""
            select p.* replace (if({own} in ({listed}), 'unknown', p.internet) as internet) from {{before}} p
        """,
        )
    return found


def _covers(ports: str) -> str:
    """Write "80,443,8000-8100" as a condition on p.port."""
    parts = []
    for part in ports.split(","):
        low, _, high = part.partition("-")
        parts.append(f"p.port between {int(low)} and {int(high or low)}")
    return " or ".join(parts)

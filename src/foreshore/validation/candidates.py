"""What could be tested: open exposures whose reach is not known, and those that a TLS handshake decides.

Ranked by what the answer decides about; for the few best ones the addresses, ports, names and tags are
read beside.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from foreshore.store import serving
from foreshore.validation.guard import FRAGILE_TAGS

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

LEAST, MORE = 4000, 40  # candidates read, at least and for each test wanted: many share a port or cannot be tested
_UNKNOWN = r"^not known whether (.+) reaches (.+)$"

# `claims` are the rows of tls_claims.csv, the first that matches counts.
_RANKED = f"""
    with open as (
        select exposure, asset, asset_name, site, zone, weakness, title, place_kind, place, reachable, way_in,
            reach_fact, verdict, state, rank, coalesce(contribution, 0) as contribution,
            coalesce(contribution_if_reachable, 0) as if_reachable
        from exposures where treatment is not null and treatment <> 'accepted' and in_scope
    ), handshakes as (
        select o.exposure, arg_min(c.claim, c.number) as claim
        from open o join claims c on case c.field when 'weakness' then regexp_matches(o.weakness, c.pattern)
            else regexp_matches(o.title, c.pattern, 'i') and not regexp_matches(o.weakness, '^(CVE|GHSA)-') end
        where o.place_kind = 'port' and (o.verdict not in ('confirmed', 'refuted')
            or o.state = 'pending_verification')
        group by 1
    )
    select o.*, h.claim, regexp_extract(o.reach_fact, '{_UNKNOWN}', 1) as decided_from,
        case when h.claim is null then o.if_reachable else greatest(o.contribution, o.if_reachable) end as moves
    from open o left join handshakes h on h.exposure = o.exposure
    where h.claim is not null or (o.reachable = 'unknown' and o.way_in in ('network', 'library')
        and regexp_matches(o.reach_fact, '{_UNKNOWN}') and ($vantage = '' or
        regexp_extract(o.reach_fact, '{_UNKNOWN}', 1) = $vantage))
    order by moves desc, o.rank limit $most
"""

_PORTS = """
    with resolved as (
        select w.exposure, e.exposure as old from exposures e
        left join exposure_now n on n.exposure = e.exposure
        join wanted w on w.exposure = coalesce(n.canonical, e.exposure)
    )
    select r.exposure, list_sort(list(distinct f.port)) as ports, any_value(f.component_name) as component_name
    from resolved r join finding_exposures x on x.exposure = r.old join findings f on f.finding = x.finding
    where coalesce(f.protocol, '') in ('', 'tcp') and f.port > 0 group by 1
"""

_ASSETS = """
    with now as (
        select s.asset as old, coalesce(n.canonical, s.asset) as asset
        from (select distinct asset from sightings) s left join asset_now n on n.asset = s.asset
    ), kept as (select n.* from now n where n.asset in (select asset from wanted)),
    ids as (
        select k.asset, i.kind, i.value, max(i.observed_at) as seen from kept k join identifiers i on i.asset = k.old
        where i.kind in ('ip', 'fqdn') group by all
    ), named as (
        select asset, list(value order by seen desc, value) filter (kind = 'ip') as addresses,
            list(value order by seen desc, value) filter (kind = 'fqdn') as names
        from ids group by 1
    ), seen as (
        select k.asset, arg_max(s.kind, (s.kind = 'ot_device', s.observed_at)) as kind,
            list_sort(list_distinct(flatten(list(s.tags)))) as tags
        from kept k join sightings s on s.asset = k.old group by 1
    ), ports as (
        select asset, list_sort(list(port) filter (state = 'open')) as open_ports from (
            select k.asset, p.port, arg_max(p.state, p.observed_at) as state
            from kept k join ports_seen p on p.asset = k.old where p.protocol = 'tcp' group by 1, 2)
        group by 1
    )
    select s.asset, s.kind, coalesce(s.tags, []) as tags, coalesce(n.addresses, []) as addresses,
        coalesce(n.names, []) as names, coalesce(p.open_ports, []) as open_ports
    from seen s left join named n on n.asset = s.asset left join ports p on p.asset = s.asset
"""

_FRAGILE = """
    with fragile as (
        select distinct asset from sightings where kind = 'ot_device'
            or len(list_filter(coalesce(tags, []), t -> len(list_intersect(
                list_transform(string_split(lower(t), '='), x -> trim(x)), $words)) > 0)) > 0
    ), all_of as (
        select coalesce(n.canonical, f.asset) as asset from fragile f left join asset_now n on n.asset = f.asset
    )
    select distinct i.value from identifiers i left join asset_now n on n.asset = i.asset
    where i.kind = 'ip' and coalesce(n.canonical, i.asset) in (select asset from all_of) order by 1
"""


def read(workspace: Workspace, lake: Lake, policy: Policy, vantage: str, top: int) -> list[dict[str, Any]]:
    """Return the best candidates as rows, with `ports`, `addresses`, `names`, `tags`, `asset_kind`.

    Raises NothingToRead before the first cycle.
    """
    import pyarrow as pa

    connection = serving.connect(workspace)
    try:
        connection.register("claims", claims())
        given = {"vantage": vantage, "most": max(LEAST, MORE * top)}
        ranked = connection.execute(_RANKED, given).to_arrow_table()
    finally:
        connection.close()
    wanted = pa.table({"exposure": ranked.column("exposure"), "asset": ranked.column("asset")})
    ports = {row["exposure"]: row for row in lake.sql(_PORTS, wanted=wanted).to_pylist()}
    assets = {row["asset"]: row for row in lake.sql(_ASSETS, wanted=wanted).to_pylist()}
    return [_joined(row, ports.get(row["exposure"]), assets.get(row["asset"]), policy) for row in ranked.to_pylist()]


def fragile_addresses(lake: Lake) -> frozenset[str]:
    """Return the addresses of all devices that must never be touched."""
    words = ", ".join(f"'{word}'" for word in sorted(FRAGILE_TAGS))
    found = lake.sql(_FRAGILE.replace("$words", f"[{words}]"))
    return frozenset(found.column("value").to_pylist())


def _joined(
    row: dict[str, Any], ports: dict[str, Any] | None, asset: dict[str, Any] | None, policy: Policy
) -> dict[str, Any]:
    asset = asset or {"kind": "", "tags": [], "addresses": [], "names": [], "open_ports": []}
    own = list(ports["ports"]) if ports else _port_of(row["place_kind"], row["place"])
    text = f"{row['title']} | {row['place']}".lower()
    found = own or product_ports(text, asset["open_ports"], policy)
    return {**row, **asset, "asset_kind": asset["kind"], "ports": found, "asset": row["asset"]}


def _port_of(kind: str, place: str) -> list[int]:
    found = re.fullmatch(r"tcp/(\d{1,5})", place or "") if kind == "port" else None
    return [int(found[1])] if found and found[1] != "0" else []


def product_ports(text: str, open_ports: list[int], policy: Policy) -> list[int]:
    """Return the ports of the first product of the policy that `text` names: those seen open, else the first."""
    for row in policy.table("products"):
        if row["ports"] and _compiled(row["pattern"]).search(text):
            usual = [int(port) for port in row["ports"].split()]
            return [port for port in usual if port in open_ports] or usual[:1]
    return []


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def claims() -> pa.Table:
    """Return the table that says which findings a handshake decides: field, pattern, claim, note, number."""
    import pyarrow as pa

    text = files("foreshore.validation").joinpath("tls_claims.csv").read_text(encoding="utf-8")
    rows = [{**row, "number": number} for number, row in enumerate(csv.DictReader(text.splitlines()))]
    return pa.Table.from_pylist(rows)

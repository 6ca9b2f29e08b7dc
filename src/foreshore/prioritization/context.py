"""What prioritization looks at: the assets and open exposures of a snapshot, with all that was said of them.

Everything here is set-based SQL over the snapshot; nothing is scored yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.policy.rulebook import Text
from foreshore.query import attributes, selectors, zones

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy.rulebook import Rulebook

_ASSETS = """
with named as (
    select coalesce(n.canonical, i.asset) as asset, i.kind, i.value, max(i.observed_at) as seen
    from identifiers i left join asset_now n on n.asset = i.asset
    where i.observed_at <= $as_of group by all
), ids as (
    select asset,
        list(value order by seen desc, value) filter (kind = 'ip') as addresses,
        list(value order by seen desc, value) filter (kind in ('fqdn', 'hostname', 'netbios', 'image_ref',
            'artifact', 'arn', 'cloud_id', 'repo_url')) as names
    from named group by asset
), seen as ($in_force)
select seen.asset, coalesce(seen.name, ids.addresses[1], '') as name, seen.kind,
    coalesce(a.site, 'main') as site, coalesce(seen.os, '') as os, coalesce(seen.owner, '') as owner,
    coalesce(seen.internet, 'unknown') as internet, coalesce(seen.tags, []) as tags, seen.last_seen,
    coalesce(ids.addresses, []) as addresses,
    list_distinct(list_concat(coalesce(ids.names, []), seen.called)) as names
from seen left join ids on ids.asset = seen.asset
left join assets a on a.asset = seen.asset
where seen.asset not in (select asset from gone_assets where cycle = $cycle)
order by seen.asset
"""

# One row per open exposure: the latest and the strongest of what its findings say.
_EXPOSURES = """
with resolved as (
    select coalesce(n.canonical, e.exposure) as exposure, e.exposure as old
    from exposures e left join exposure_now n on n.exposure = e.exposure
), said as (
    select r.exposure, f.* from resolved r
    join finding_exposures fe on fe.exposure = r.old
    join findings f on f.finding = fe.finding
    where f.observed_at <= $as_of
), folded as (
    select exposure, max(severity) as severity,
        max(cvss_score) as cvss, arg_max(cvss_vector, cvss_score) filter (cvss_vector <> '') as cvss_vector,
        max(proof) as proof,
        list_sort(list(distinct port) filter (port > 0)) as ports,
        arg_max(component, (component <> '', observed_at, component)) as component,
        arg_max(component_name, (component_name <> '', observed_at, component_name)) as component_name,
        arg_max(version, (version <> '', observed_at, version)) as version,
        arg_max(fixed_version, (fixed_version <> '', observed_at, fixed_version)) as fixed_version,
        arg_max(fix, (fix <> '', observed_at, fix)) as fix,
        arg_max(rule, (proof, observed_at, rule)) as rule,
        arg_max(check_id, (proof, observed_at, check_id)) as check_id,
        arg_max(word, (observed_at, word)) as word,
        list_sort(list(distinct source)) as sources
    from said group by exposure
), looked as (
    select r.exposure, max(runs.observed_at) as last_seen, min(runs.observed_at) as first_seen
    from resolved r join seen s on s.exposure = r.old join runs on runs.run = s.run
    where runs.observed_at <= $as_of group by r.exposure
)
select st.exposure, coalesce(an.canonical, e.asset) as asset, e.weakness, e.kind, e.title, e.place_kind,
    e.place, st.state, f.* exclude (exposure), l.first_seen, l.last_seen,
    coalesce(c.cwes, []) as cwes
from states st
join exposures e on e.exposure = st.exposure
join folded f on f.exposure = st.exposure
join looked l on l.exposure = st.exposure
left join asset_now an on an.asset = e.asset
left join checks c on c.check_id = f.check_id
where st.state not in ('fixed', 'gone')
order by st.exposure
"""

# Ports that were seen, the latest word per place where the scanner or the test stood.
_PORTS = """
with said as (
    select p.asset, p.port, p.protocol, runs.vantage, p.state, p.service, p.observed_at, runs.source, 0 as tested
    from ports_seen p join runs on runs.run = p.run
    union all
    select v.asset, v.port, 'tcp', v.vantage, if(v.outcome = 'confirmed', 'open', 'closed'), '', v.observed_at,
        'test from that place', 1
    from verdicts v where v.check_name = 'tcp_reach' and v.outcome in ('confirmed', 'refuted')
)
select coalesce(n.canonical, p.asset) as asset, p.port, p.protocol, p.vantage,
    arg_max(p.state, (p.observed_at, p.tested)) as state,
    coalesce(arg_max(p.service, p.observed_at) filter (p.tested = 0), '') as service,
    max(p.observed_at) as observed_at, arg_max(p.source, (p.observed_at, p.tested)) as source
from said p left join asset_now n on n.asset = p.asset
where p.observed_at <= $as_of
group by all order by 1, 2, 3, 4
"""

_RULES = """
select r.site, r.source_kind, r.source, r.target_kind, r.target, r.ports, lower(r.protocol) as protocol, r.allowed,
    r.position, r.note, r.observed_at, runs.source as told_by, runs.reader = 'firewall_csv' as closes
from relations r join runs on runs.run = r.run
where r.kind = 'may_reach' and r.observed_at <= $as_of
    and runs.observed_at = (select max(x.observed_at) from runs x
        where x.source = runs.source and x.site = runs.site and x.relations > 0 and x.observed_at <= $as_of)
order by r.site, r.position
"""

# Groups that rules name and no zone is: a cloud's security groups, network tags.
_GROUPS = """
select distinct coalesce(a.canonical, r.source::BIGINT) as asset, r.site, r.target as name
from relations r join runs on runs.run = r.run
left join asset_now a on a.asset = try_cast(r.source as BIGINT)
where r.kind = 'member_of' and r.source_kind = 'asset' and r.target_kind = 'zone' and r.observed_at <= $as_of
    and runs.observed_at = (select max(x.observed_at) from runs x
        where x.source = runs.source and x.site = runs.site and x.relations > 0 and x.observed_at <= $as_of)
order by all
"""
# Ports that were only ever spoken of as UDP: rules for TCP say nothing of them, nor the other way round.
_UDP = """
select port from (
    select port, lower(protocol) = 'udp' as udp from ports_seen where observed_at <= $as_of
    union all select port, lower(protocol) = 'udp' from findings where port > 0 and observed_at <= $as_of
) group by port having bool_and(udp) order by port
"""

# Relations between assets. What a run says holds until a later run of the same source lists the same extents whole.
_TIES = """
with extents as (
    select l.run, list_sort(list(distinct l.extent)) as extents, any_value(r.source) as source, any_value(r.site) as site,
        any_value(r.observed_at) as observed_at
    from listed l join runs r on r.run = l.run where r.observed_at <= $as_of group by l.run
), outdated as (
    select old.run from extents old where exists (
        select 1 from extents new where new.source = old.source and new.site = old.site
            and new.observed_at > old.observed_at and list_has_all(new.extents, old.extents))
)
select r.kind, coalesce(a.canonical, try_cast(r.source as BIGINT)) as source,
    coalesce(b.canonical, try_cast(r.target as BIGINT)) as target, r.note, max(r.observed_at) as observed_at,
    arg_max(runs.source, (r.observed_at, runs.source)) as told_by
from relations r join runs on runs.run = r.run
left join asset_now a on a.asset = try_cast(r.source as BIGINT)
left join asset_now b on b.asset = try_cast(r.target as BIGINT)
where r.kind in ('admin_of', 'runs_as', 'trusts', 'runs', 'depends_on', 'member_of', 'controls', 'logged_on')
    and r.source_kind = 'asset' and r.target_kind = 'asset' and r.observed_at <= $as_of and r.allowed
    and r.run not in (select run from outdated)
group by all order by 1, 2, 3, 4
"""

# The latest word on each attribute that a rule asks for.
_ATTRIBUTES = """
with said as (
    select coalesce(n.canonical, s.asset) as asset, unnest(map_entries(s.attributes), recursive := true),
        s.observed_at, s.sighting
    from sightings s left join asset_now n on n.asset = s.asset
    where s.observed_at <= $as_of and list_has_any(list_transform(map_keys(s.attributes), lambda x: lower(x)), [$names])
)
select asset, lower(key) as name, arg_max(value, (observed_at, sighting)) as value
from said where lower(key) in ($names) group by all order by 1, 2
"""

# The latest word on each control; of the same moment the worse one.
_CONTROLS = """
select coalesce(n.canonical, c.asset) as asset, c.kind,
    arg_max(c.state, (c.observed_at, case c.state when 'off' then 2 when 'unknown' then 1 else 0 end)) as state
from controls c left join asset_now n on n.asset = c.asset
where c.observed_at <= $as_of group by all order by 1, 2
"""


@dataclass(frozen=True)
class Context:
    """Arrow tables: assets (with zone), open exposures, ports, firewall rules, ties, memberships, groups."""

    assets: pa.Table
    exposures: pa.Table
    ports: pa.Table
    rules: pa.Table
    ties: pa.Table
    members: pa.Table  # service number, asset
    owners: pa.Table  # asset, team
    services: tuple[facts.Service, ...]
    groups: pa.Table  # asset, site, name of a group that rules may name
    attributes: pa.Table  # asset, name (lower case), value: those that rules of the attack graph ask for
    controls: pa.Table  # asset, kind, state
    udp: frozenset[int]  # ports that are only known as UDP


def gather(snapshot: facts.Snapshot) -> Context:
    """Read the snapshot; needs a table `states` (exposure, state) among the snapshot's tables."""
    moment = attributes.moment(snapshot.as_of)

    def ask(query: str) -> pa.Table:
        return snapshot.sql(query.replace("$as_of", moment).replace("$cycle", str(int(snapshot.cycle))))

    in_force = attributes.in_force(snapshot.policy.table("precedence"), as_of=snapshot.as_of)
    placed = zones.assign(ask(_ASSETS.replace("$in_force", in_force)), snapshot.scope)
    assets = attributes.tagged(placed, snapshot.scope)
    services = services_of(snapshot.scope, assets)
    return Context(
        assets=assets,
        exposures=ask(_EXPOSURES),
        ports=ask(_PORTS),
        rules=ask(_RULES),
        ties=ask(_TIES),
        members=selectors.members(assets, [service.assets for service in services]),
        owners=_owners(assets, snapshot.scope),
        services=services,
        groups=ask(_GROUPS),
        attributes=ask(_ATTRIBUTES.replace("$names", _asked(snapshot.policy.rulebook))),
        controls=ask(_CONTROLS),
        udp=frozenset(ask(_UDP).column("port").to_pylist()),
    )


def _asked(rulebook: Rulebook) -> str:
    """Return the names of attributes that rules ask for, as a list of SQL; a pattern asks by its beginning."""
    terms = (term.arguments[1] for rule in rulebook.rules for term in rule.where if term.name == "attribute")
    names = {name for term in terms if isinstance(term, Text) for name in term.alternatives}
    return ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(names)) or "''"


def services_of(scope: facts.Scope, assets: pa.Table) -> tuple[facts.Service, ...]:
    """Return the scope's services and foundations; with none named, everything is one service."""
    if scope.services:
        return scope.services
    kinds = sorted(set(assets.column("kind").to_pylist())) or ["host"]
    selectors_of_all = tuple(f"kind:{kind}" for kind in kinds)
    return (facts.Service(name="Everything", tier=3, assets=selectors_of_all),)


def _owners(assets: pa.Table, scope: facts.Scope) -> pa.Table:
    """Return (asset, team): the first team of the scope whose selectors match the asset."""
    import pyarrow.compute as pc

    hits = selectors.members(assets, [team.assets for team in scope.teams])
    first = hits.group_by("asset").aggregate([("number", "min")])
    names = [team.name for team in scope.teams]
    import pyarrow as pa

    picked = first.column("number_min").to_pylist()
    teams = pa.array([names[number] for number in picked], pa.string())
    return pa.table({"asset": first.column("asset"), "team": pc.cast(teams, pa.string())})

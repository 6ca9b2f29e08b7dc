"""What nobody looks at: assets, ranges, accounts and sources about which the facts say too little.

A blind spot is a statement that can be checked: what is not known, about how many assets, what it would
take, and how near it lies to what is critical. Nothing that is missing counts as good.

Kinds: `no_scanner`, `not_lately`, `no_edr`, `no_edr_source`, `no_owner`, `no_zone`, `no_login`, `silent`,
`empty_range`, `account`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore import facts

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = 5


class Known(NamedTuple):
    """What the cycle worked out of the assets, as Arrow tables; see `prioritization.context`.

    `assets`: asset, name, kind, site, zone, owner. `members`: number of the service, asset. `owners`: asset,
    team. `critical`: the numbers of the services that are critical.
    """

    assets: pa.Table
    members: pa.Table
    owners: pa.Table
    critical: Sequence[int]


def find(snapshot: facts.Snapshot, known: Known) -> facts.Batches:
    """Return the rows of `blind_spots` (one a statement, in order of what they hide) and `blind_assets`."""
    days = int(snapshot.policy.number("proof.veto.stale_days").value)
    words = {"moment": f"TIMESTAMP '{snapshot.as_of:%Y-%m-%d %H:%M:%S.%f}'", "days": days, "examples": EXAMPLES,
             "scanned": _listed(facts.SCANNED), "addressed": _listed(facts.ADDRESSED)}  # fmt: skip

    def ask(query: str, **tables: pa.Table) -> pa.Table:
        return snapshot.sql(query.format(**words), **tables)

    placed = ask(
        _ASSETS, given=known.assets, members=known.members, owners=known.owners, critical=_numbers(known.critical)
    )
    edr = ask(_EDR)
    hidden = ask(_HIDDEN, placed=placed, looks=ask(_LOOKS), edr=edr)
    rows = [_of_assets(row, days) for row in ask(_GROUPED, hidden=hidden, placed=placed).to_pylist()]
    if not edr.num_rows:
        rows += _without_edr_source(ask(_HOSTS, placed=placed).to_pylist()[0])
    rows += [_of_login(row) for row in ask(_LOGINS, placed=placed).to_pylist()]
    rows += [_of_silence(row) for row in ask(_SILENT).to_pylist()]
    rows += _empty_ranges(snapshot.scope, placed)
    rows += [_of_account(row) for row in ask(_ACCOUNTS).to_pylist()]
    cycle = f"select {int(snapshot.cycle)}::BIGINT as cycle, asset, kind from hidden order by asset, kind"
    return {"blind_spots": _table(snapshot.cycle, rows), "blind_assets": snapshot.sql(cycle, hidden=hidden)}


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _numbers(numbers: Sequence[int]) -> pa.Table:
    import pyarrow as pa

    return pa.table({"number": pa.array(numbers, pa.int64())})


# Each asset with its place, its owner, and how near it lies to something critical: 2 part of it, 1 in its zone.
_ASSETS = """
    with part as (select distinct m.asset from members m semi join critical c using (number)),
    zones as (select distinct g.site, g.zone from given g semi join part using (asset) where g.zone <> '')
    select g.asset, g.name, g.kind, g.site, g.zone, coalesce(nullif(o.team, ''), g.owner, '') as owner,
        case when part.asset is not null then 2 when zones.zone is not null then 1 else 0 end as near
    from given g left join owners o using (asset) left join part using (asset)
    left join zones on zones.site = g.site and zones.zone = g.zone
"""
# When a source that looks for weaknesses last saw each asset: one that reported findings or stated coverage.
_LOOKS = """
    select coalesce(n.canonical, s.asset) as asset, max(s.observed_at) as at
    from sightings s join runs r on r.run = s.run left join asset_now n on n.asset = s.asset
    where s.observed_at <= {moment} and (r.findings > 0 or r.coverage <> 'none') group by 1
"""
_EDR = """
    select coalesce(n.canonical, c.asset) as asset, arg_max(c.state, c.observed_at) as state
    from controls c left join asset_now n on n.asset = c.asset
    where c.kind = 'edr' and c.observed_at <= {moment} group by 1
"""
_HOSTS = """
    select count(*) as assets, count(*) filter (near = 2) as critical, coalesce(max(near), 0) as near
    from placed where kind = 'host'
"""
_HIDDEN = """
    select p.asset, 'no_scanner' as kind, null::TIMESTAMP as since from placed p anti join looks using (asset)
        where p.kind in ({scanned})
    union all select p.asset, 'not_lately', l.at from placed p join looks l using (asset)
        where l.at < {moment} - INTERVAL {days} DAY and p.kind in ({scanned})
    union all select p.asset, 'no_edr', null from placed p left join edr e using (asset)
        where p.kind = 'host' and coalesce(e.state, 'off') <> 'on' and exists (select 1 from edr)
    union all select asset, 'no_owner', null from placed where owner = '' and kind <> 'identity'
    union all select asset, 'no_zone', null from placed where zone = '' and kind in ({addressed})
"""
_GROUPED = """
    select h.kind, p.site, p.zone, count(*) as assets, count(*) filter (p.near = 2) as critical,
        max(p.near) as near, min(h.since) as since,
        (list(p.name order by p.near desc, p.name, p.asset))[1:{examples}] as examples
    from hidden h join placed p using (asset) group by h.kind, p.site, p.zone
"""
# Sources that look at hosts and logged in on none of them.
_LOGINS = """
    with told as (
        select r.source, r.site, coalesce(n.canonical, s.asset) as asset, s.authenticated
        from sightings s join runs r on r.run = s.run left join asset_now n on n.asset = s.asset
        where s.observed_at <= {moment} and r.findings > 0 and s.kind = 'host' and s.authenticated is not null
    )
    select t.source, t.site, count(distinct t.asset) as assets, max(p.near) as near,
        count(distinct t.asset) filter (p.near = 2) as critical
    from told t join placed p using (asset) group by t.source, t.site having not bool_or(t.authenticated)
"""
# Sources that have not reported for twice as long as they usually take, or for long where no habit is known.
_SILENT = """
    with told as (
        select distinct source, site, observed_at::DATE as day from runs
        where observed_at <= {moment} and reader <> 'records'
    ), gaps as (
        select *, day - lag(day) over (partition by source, site order by day) as gap from told
    ), habits as (
        select source, site, max(day) as last, median(gap) as usual, count(*) as runs from gaps group by all
    )
    select source, site, last::TIMESTAMP as since, usual, {moment}::DATE - last as days from habits
    where {moment}::DATE - last > case when runs > 1 then greatest(2 * usual, 2) else {days} end
"""
# Cloud accounts that are named somewhere and that no run was collected from.
_ACCOUNTS = """
    with named as (
        select split_part(value, ':', 5) as account, coalesce(n.canonical, i.asset) as asset
        from identifiers i left join asset_now n on n.asset = i.asset
        where kind = 'arn' and i.observed_at <= {moment}
        union all
        select split_part(one, ':', 5), null from (
            select unnest([source, target]) as one from relations where observed_at <= {moment})
        where starts_with(one, 'arn:')
    ), collected as (
        select distinct split_part(i.value, ':', 5) as account from identifiers i join runs r on r.run = i.run
        where i.kind = 'arn' and contains(r.scanner, split_part(i.value, ':', 5))
            and (r.findings > 0 or r.relations > 0 or r.coverage <> 'none')
    )
    select account, count(distinct asset) as assets from named
    where regexp_full_match(account, '[0-9]{{12}}') and account not in (select account from collected)
    group by account
"""

_SAID = {
    "no_scanner": ("No scanner has ever looked at {what}", "a scan of them, or an agent; then import its report"),
    "not_lately": (
        "Nobody has looked at {what} for more than {days} days",
        "a new scan; if they are gone, an export of all assets that no longer names them (--coverage assets)",
    ),
    "no_edr": (
        "No endpoint protection is seen on {what}",
        "its sensor there, or an export of the console that knows them",
    ),
    "no_owner": ("Nobody owns {what}", "a team in scope.yaml that selects them, or an inventory export with owners"),
    "no_zone": ("What can reach {what} is a guess: no zone holds them", "their address ranges in scope.yaml"),
}


def _of_assets(row: dict[str, Any], days: int) -> dict[str, Any]:
    said, take = _SAID[row["kind"]]
    count = f"{row['assets']:,} asset{'s' if row['assets'] > 1 else ''}"
    where = f" in {row['zone']}" if row["zone"] else "" if row["kind"] == "no_zone" else " in no zone"
    sentence = said.format(what=f"{count}{where} ({row['site']})", days=days)
    return {**row, "subject": row["zone"], "sentence": sentence, "would_take": take}


def _without_edr_source(row: dict[str, Any]) -> list[dict[str, Any]]:
    if not row["assets"]:
        return []
    said = f"No source says which of {row['assets']:,} hosts have endpoint protection"
    return [_row("no_edr_source", "", "", said, "an export of the console of the endpoint protection", **row)]


def _row(kind: str, subject: str, site: str, sentence: str, would_take: str, **more: Any) -> dict[str, Any]:
    """One statement; what is not given about assets is none."""
    plain: dict[str, Any] = {"zone": "", "assets": 0, "critical": 0, "near": 0, "since": None}
    said = {"kind": kind, "subject": subject, "site": site, "sentence": sentence, "would_take": would_take}
    return plain | more | said


def _of_login(row: dict[str, Any]) -> dict[str, Any]:
    said = (
        f"{row['source']} logged in nowhere: {row['assets']:,} hosts ({row['site']}) were only looked at from outside"
    )
    counts = {name: row[name] for name in ("assets", "critical", "near")}
    return _row("no_login", row["source"], row["site"], said, "credentials for its scans, or an agent", **counts)


def _of_silence(row: dict[str, Any]) -> dict[str, Any]:
    usual = f"; it usually reports every {row['usual']:.0f}" if row["usual"] else ""
    said = f"{row['source']} ({row['site']}) has said nothing for {row['days']} days{usual}"
    take = "its newest export, or the word that it was retired"
    return _row("silent", row["source"], row["site"], said, take, since=row["since"])


def _empty_ranges(scope: facts.Scope, placed: pa.Table) -> list[dict[str, Any]]:
    filled = set(zip(placed.column("site").to_pylist(), placed.column("zone").to_pylist(), strict=True))
    return [
        _row("empty_range", zone.name, zone.site,
             f"Nothing was ever seen in {zone.name} ({zone.site}; {', '.join(zone.networks)})",
             "a scan of the range, or its removal from scope.yaml", zone=zone.name)
        for zone in scope.zones
        if zone.networks and (zone.site, zone.name) not in filled
    ]  # fmt: skip


def _of_account(row: dict[str, Any]) -> dict[str, Any]:
    said = f"Cloud account {row['account']} is named by others and was never collected itself"
    return _row("account", row["account"], "", said, "a collection of the account", assets=row["assets"])


def _table(cycle: int, rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    def weight(row: dict[str, Any]) -> tuple[Any, ...]:
        return -row["critical"], -row["near"], -row["assets"], row["kind"], row["site"], row["subject"]

    rows = sorted(rows, key=weight)
    count = len(rows)
    texts = ("kind", "subject", "site", "zone", "sentence", "would_take")
    return pa.table({
        "cycle": pa.array([cycle] * count, pa.int64()), "number": pa.array(range(1, count + 1), pa.int32()),
        **{name: pa.array([row[name] for row in rows], pa.string()) for name in texts},
        **{name: pa.array([row[name] for row in rows], pa.int64()) for name in ("assets", "critical")},
        "near": pa.array([row["near"] > 0 for row in rows], pa.bool_()),
        "since": pa.array([row["since"] for row in rows], pa.timestamp("us")),
        "examples": pa.array([row.get("examples") or [] for row in rows], pa.list_(pa.string())),
    })  # fmt: skip

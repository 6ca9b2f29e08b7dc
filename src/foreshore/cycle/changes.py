"""What came, went and moved between two cycles, counted and told in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foreshore import keys
from foreshore.cycle.hybrids import Chain, Cut, said, sql_time
from foreshore.scoping.difference import difference

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake

NAMED = 3  # items that a sentence names

_ASSESSED = """
    select coalesce(n.canonical, a.exposure) as exposure,
        arg_max({{'weakness': a.weakness, 'asset_name': a.asset_name, 'title': a.title, 'treatment': a.treatment,
            'contribution': a.contribution, 'state': a.state, 'asset': a.asset, 'exploit': a.exploit}}, (a.contribution, -a.rank)) as what,
        min(a.first_seen) as first_seen
    from assessments a left join exposure_now n on n.exposure = a.exposure
    where a.cycle = {cycle} group by 1
"""
_MOVES = """
    with old as ({old}), new as ({new}), known as (
        select coalesce(n.canonical, e.exposure) as exposure
        from exposures e join runs r on r.run = e.run left join exposure_now n on n.exposure = e.exposure
        where r.known_at <= {written} and e.first_seen <= {before} group by 1
    ), life as (
        select coalesce(n.canonical, e.exposure) as exposure,
            arg_max(e.kind, (e.happened_at, e.kind <> 'opened', e.kind = 'reopened')) as kind
        from exposure_events_now e left join exposure_now n on n.exposure = e.exposure
        where e.happened_at <= {now} and (n.canonical is null or n.canonical = e.exposure) group by 1
    ), both_of as (
        select coalesce(new.exposure, old.exposure) as exposure, old.what as was, new.what as became, case
            when new.exposure is null then case when life.kind = 'fixed' then 'fixed'
                when exists (select 1 from gone_assets g where g.cycle = {cycle} and g.asset = coalesce(
                    (select n.canonical from asset_now n where n.asset = old.what.asset), old.what.asset)) then 'gone'
                else 'recounted' end
            when old.exposure is null and (life.kind = 'reopened' or new.what.state = 'reopened') then 'reopened'
            when old.exposure is null then case when known.exposure is null then 'new' else 'recounted' end
            when old.what.treatment is distinct from new.what.treatment then 'moved' end as kind
        from old full join new on new.exposure = old.exposure left join known on known.exposure = new.exposure
        left join life on life.exposure = coalesce(new.exposure, old.exposure)
    )
    select * from both_of where kind is not null
    order by greatest(coalesce(became.contribution, 0), coalesce(was.contribution, 0)) desc, exposure
"""
_NEWS = "({table}.known_at > {written} or {table}.observed_at > {before}) and {table}.observed_at <= {now}"
_IMPORTS = "select count(*) as n, list_sort(list(distinct source)) as sources from runs where {news}"
_ASSETS = """
    select count(*) as n from (
        select coalesce(n.canonical, s.asset) as asset, min(s.observed_at) as seen, min(runs.known_at) as known
        from sightings s join runs on runs.run = s.run left join asset_now n on n.asset = s.asset
        where s.observed_at <= {now} group by 1 having min(runs.known_at) > {written} or min(s.observed_at) > {before})
"""
_PARTS_SEEN = """
    select coalesce(sum(ports), 0)::BIGINT as ports, coalesce(sum(relations), 0)::BIGINT as relations
    from runs where {news}
"""
_SIGNALS = """
    with news as (
        select weakness, kind, value, observed_at > {before} as since from signals
        where {news} and weakness <> '*'
        and weakness in (select weakness from assessments where cycle in ({cycles}))
    )
    select list_sort(list(distinct weakness) filter (kind = 'kev' and value > 0)) as attacked,
        list_sort(list(distinct weakness) filter (kind in ('exploit_poc', 'exploit_weaponized') and value > 0)) as exploits,
        count(distinct weakness) filter (kind = 'epss') as chances,
        count(distinct weakness) as weaknesses, count(distinct weakness) filter (not since) as late
    from news
"""


@dataclass(frozen=True)
class Changes:
    """Counts of exposures, with the biggest of each kind; imports and signals.

    Kinds are new, fixed, reopened, gone (with their assets), moved (treated otherwise) and recounted: there before and after, but
    counted in only one of the two cycles, because what counts was changed.
    """

    counts: dict[str, int]
    biggest: dict[str, list[dict[str, Any]]]
    imports: int
    sources: list[str]
    assets: int
    ports: int
    relations: int
    signals: dict[str, Any]
    by_news: int = 0  # of those moved, how many for what is known of their exploits

    @property
    def anything(self) -> bool:
        """Did any exposure, asset or piece of intelligence come, go or move?"""
        return any(self.counts.values()) or bool(self.assets or self.signals["weaknesses"] or self.relations)


def between(lake: Lake, cut: Cut) -> Changes:
    """Count what differs between the two cycles of `cut`."""
    moments = {
        "written": sql_time(cut.written), "before": sql_time(cut.old["as_of"]), "now": sql_time(cut.new["as_of"]),
    }  # fmt: skip
    runs, signals = (_NEWS.format(table=name, **moments) for name in ("runs", "signals"))
    old, new = (_ASSESSED.format(cycle=int(row["cycle"])) for row in (cut.old, cut.new))
    rows = lake.sql(_MOVES.format(old=old, new=new, cycle=int(cut.new["cycle"]), **moments)).to_pylist()
    imports = lake.sql(_IMPORTS.format(news=runs)).to_pylist()[0]
    parts = lake.sql(_PARTS_SEEN.format(news=runs)).to_pylist()[0]
    cycles = f"{int(cut.old['cycle'])}, {int(cut.new['cycle'])}"
    kinds = ("new", "fixed", "reopened", "gone", "moved", "recounted")
    by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in kinds}
    return Changes(
        counts={kind: len(found) for kind, found in by_kind.items()}, by_news=sum(map(_by_news, by_kind["moved"])),
        biggest={kind: [_item(row) for row in found[:NAMED]] for kind, found in by_kind.items()},
        imports=imports["n"], sources=imports["sources"] or [], ports=parts["ports"], relations=parts["relations"],
        assets=lake.sql(_ASSETS.format(**moments)).column("n")[0].as_py(),
        signals=lake.sql(_SIGNALS.format(news=signals, before=moments["before"], cycles=cycles)).to_pylist()[0],
    )  # fmt: skip


def _by_news(row: dict[str, Any]) -> bool:
    """Is an exposure treated otherwise after more, or less, became known of its exploit?"""
    return bool(row["was"] and row["became"] and row["was"]["exploit"] != row["became"]["exploit"])


def _item(row: dict[str, Any]) -> dict[str, Any]:
    what = row["became"] or row["was"]
    return {
        "id": keys.show("EXP", row["exposure"]), "weakness": what["weakness"], "asset_name": what["asset_name"],
        "title": what["title"], "contribution": what["contribution"],
        "treatment": {"old": row["was"]["treatment"] if row["was"] else None,
                      "new": row["became"]["treatment"] if row["became"] else None},
        "because": f"intelligence: exploit {row['was']['exploit']} → {row['became']['exploit']}" if _by_news(row) else "",
    }  # fmt: skip


def told(lake: Lake, cut: Cut, chain: Chain, seen: Changes) -> tuple[str, str, str, str]:
    """Return a sentence for each cause: the world, our sight, our fixes, our yardstick."""
    return _world(chain, seen), _sight(chain, seen), _fixes(seen), yardstick(cut, seen.counts["recounted"])


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _big(items: list[dict[str, Any]]) -> str:
    told = [f"{one['weakness']} on {one['asset_name']}" for one in items if one["contribution"]]
    return f"; the biggest: {', '.join(told)}" if told else ""


def _world(chain: Chain, seen: Changes) -> str:
    signals, parts = seen.signals, []
    if attacked := signals["attacked"] or []:
        parts.append(
            f"{_count(len(attacked), 'weakness', 'weaknesses')} newly known to be used in attacks ({_some(attacked)})"
        )
    if exploits := signals["exploits"] or []:
        parts.append(f"{_count(len(exploits), 'weakness', 'weaknesses')} with a new public exploit ({_some(exploits)})")
    if signals["chances"]:
        parts.append(f"{_count(signals['chances'], 'changed chance', 'changed chances')} of exploitation (EPSS)")
    if chain.of_the_world.num_rows:
        parts.append(f"{_count(chain.of_the_world.num_rows, 'exposure')} to weaknesses published since")
    if not parts:
        return "Nothing new is known of the weaknesses here." if not signals["weaknesses"] else (
            f"More is known of {_count(signals['weaknesses'], 'weakness', 'weaknesses')}.")  # fmt: skip
    if seen.by_news:
        parts.append(f"{_count(seen.by_news, 'exposure is', 'exposures are')} treated otherwise for it")
    late = f" ({signals['late']:,} of it older than the earlier cycle, but read only now)" if signals["late"] else ""
    return _sentence(parts) + late + "."


def _sight(chain: Chain, seen: Changes) -> str:
    if not seen.imports:
        return "Nothing was imported."
    parts = [f"{_count(seen.imports, 'import')} of {_some(seen.sources)}"]
    if seen.assets:
        parts.append(f"{_count(seen.assets, 'asset')} for the first time")
    fresh = max(0, seen.counts["new"] - chain.of_the_world.num_rows)
    parts.append(f"{_count(fresh, 'exposure')} for the first time" if fresh else "no new exposures")
    if seen.counts["gone"]:
        parts.append(f"{_count(seen.counts['gone'], 'exposure')} gone with assets that exist no more")
    if seen.relations:
        parts.append(_count(seen.relations, "firewall rule or tie", "firewall rules and ties"))
    return _sentence(parts) + _big(seen.biggest["new"] if fresh else []) + "."


def _fixes(seen: Changes) -> str:
    fixed, again = seen.counts["fixed"], seen.counts["reopened"]
    if not fixed and not again:
        return "No fix was verified."
    back = f", {again:,} came back" if again else ""
    return f"{_count(fixed, 'exposure')} fixed{back}{_big(seen.biggest['fixed'])}."


def yardstick(cut: Cut, recounted: int = 0) -> str:
    """Return what changed in scope, policy, decisions, seed and engine, and how many exposures it recounts."""
    parts = [one.rstrip(".") for one in difference(cut.before.scope, cut.now.scope)][:NAMED]
    if cut.old["policy_digest"] != cut.new["policy_digest"]:
        parts.append("the policy's numbers changed")
    before, now = said(cut.before), said(cut.now)
    made = sum(1 for key, word in now.items() if before.get(key) != word)
    ended = sum(1 for key in before if key not in now)
    if made:
        parts.append(_count(made, "decision was made", "decisions were made"))
    if ended:
        parts.append(_count(ended, "decision ended", "decisions ended"))
    if cut.old["seed"] != cut.new["seed"]:
        parts.append("another seed")
    if cut.old["engine"] != cut.new["engine"]:
        parts.append("another version of the engine")
    if recounted:
        parts.append(_count(recounted, "exposure counted otherwise", "exposures counted otherwise"))
    return _sentence(parts) + "." if parts else "Scope, policy and decisions are the same."


def _sentence(parts: list[str]) -> str:
    joined = "; ".join(parts)
    return joined[:1].upper() + joined[1:]

"""What newer intelligence means here, before the next cycle: for one weakness, and after each update.

No cycle is run. The served cycle's answers are weighed again with the signals of now; see
`prioritization.renewed` for what is exact in the result and what is preliminary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foreshore import decisions, policy
from foreshore.cycle import assuming, holding, news_parts, news_words, revoking
from foreshore.cycle.inputs import aliases
from foreshore.decisions.checks import EXCEPTIONS
from foreshore.discovery.weakness import normal
from foreshore.errors import NothingToRead, UsageError
from foreshore.intel.signals import signals_at
from foreshore.query import impact as reading
from foreshore.query import lists
from foreshore.store import open_lake

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

SHOWN = 10  # lines after an update
MOST = 500  # weaknesses with news that one update weighs again; the rest wait for the next cycle, and are counted
_SIGNALS = """
    select * from signals where weakness = '*' or weakness in (select weakness from asked_names)
"""
# What an update brought of weaknesses that are open here: those known to be attacked first, then by what is at stake.
_NEWS = """
    select s.weakness, max(case when s.kind in ('kev', 'ransomware', 'exploited') then 3
            when s.kind in ('exploit_weaponized', 'ssvc_exploitation') then 2 when s.kind = 'exploit_poc' then 1
            else 0 end) as grade
    from signals s where s.known_at >= TIMESTAMP '{since}'
        and s.kind in ('kev', 'ransomware', 'exploited', 'exploit_weaponized', 'exploit_poc', 'ssvc_exploitation',
            'ssvc_automatable', 'ssvc_impact', 'epss', 'cvss', 'own_model', 'cwe')
    group by 1
"""
_STAKES = """
    select n.weakness, n.grade, max(e.contribution_if_reachable) as stake
    from exposures e join asked_news n on n.weakness = e.weakness
    where e.treatment is not null group by all order by n.grade desc, stake desc, n.weakness
"""

_EXCEPTED = f"""
    select distinct weakness from ({lists.LAID}) where disposition in ('accepted', 'mitigated')
        and weakness in (select weakness from asked_news)
"""


def impact(workspace: Workspace, name: str, *, now: datetime | None = None) -> dict[str, Any]:
    """Return what `intel impact --json` prints of the weakness `name` (a CVE, GHSA or any name that reports use).

    `sentences` tell it in words. A weakness that nobody found here has `present` false and says when
    reports last looked. Raises UsageError for an empty name, NothingToRead before the first cycle.
    """
    asked = normal(name)
    if not asked:
        raise UsageError("no weakness was named", hint="foreshore intel impact CVE-2021-44228")
    moment = _naive(now)
    with open_lake(workspace, read_only=True) as lake:
        every = reading.names(lake, [asked])
        weighed = _weigh(workspace, lake, every, moment)
        later = reading.later(lake, every, weighed.served.cycle["known_at"])
        coverage = reading.looked(lake) | {"never_scanned": weighed.served.unscanned}
        ever = reading.ever(lake, every) if not weighed.served.rows.num_rows else 0
    (found,) = news_parts.told(workspace, weighed, [every])
    whole = {**found, "weakness": asked, "names": every, "not_counted": later, "ever": ever, "coverage": coverage}
    return {**whole, "sentences": news_words.sentences(whole)}


def after_update(
    workspace: Workspace, since: datetime, *, now: datetime | None = None, record: bool = True
) -> dict[str, Any]:
    """Return what the intelligence taken in since `since` means here: `lines`, `more`, `unchanged`, `impact`.

    `lines` has at most ten, the most important first, and `more` counts the rest; `unchanged` counts the
    open weaknesses with news that changes nothing. Nothing new, and no cycle yet, give empty lists.
    Exceptions that no longer hold are revoked here, and stand first; without `record` they are only told.
    """
    nothing: dict[str, Any] = {"lines": [], "more": 0, "unchanged": 0, "impact": []}
    try:
        with open_lake(workspace, read_only=True) as lake:
            fresh = lake.sql(_NEWS.format(since=f"{_naive(since):%Y-%m-%d %H:%M:%S.%f}"))
            if not fresh.num_rows:
                return nothing
            chosen, left = _chosen(workspace, fresh)
            if not chosen:
                return nothing
            weighed = _weigh(workspace, lake, chosen, _naive(now))
            every = news_parts.told(workspace, weighed, [[one] for one in chosen])
            if record:
                revoking.record(workspace, lake, weighed.broken)
    except NothingToRead:
        return nothing
    moved = sorted((one for one in every if one["matters"]), key=news_words.order)
    lines = [news_words.line(one) for one in moved]
    quiet = len(every) - len(moved) + left
    return {"lines": lines[:SHOWN], "more": max(0, len(lines) - SHOWN), "unchanged": quiet, "impact": moved[:SHOWN]}


def _chosen(workspace: Workspace, fresh: pa.Table) -> tuple[list[str], int]:
    """Return the weaknesses with news that are open here, most important first, and how many are left out."""
    from contextlib import closing

    from foreshore.store import serving

    with closing(serving.connect(workspace)) as connection:
        lists.overlay(workspace, connection)
        connection.register("asked_news", fresh)
        names = [row[0] for row in connection.execute(_STAKES).fetchall()]
        excepted = {row[0] for row in connection.execute(_EXCEPTED).fetchall()}
    # None that an exception speaks of is left for later: one may have to be revoked.
    chosen = [name for number, name in enumerate(names) if number < MOST or name in excepted]
    return chosen, len(names) - len(chosen)


def _weigh(workspace: Workspace, lake: Lake, names: Sequence[str], moment: datetime) -> news_parts.Weighed:
    import pyarrow as pa

    asked = pa.table({"weakness": pa.array(list(names), pa.string())})
    said = lake.sql(_SIGNALS, asked_names=asked)
    ask = _over(lake, said)
    served, signals, rules = (
        reading.served(workspace, names),
        signals_at(ask, moment, asked),
        policy.load(workspace.policy_dir),
    )
    return news_parts.Weighed(served, signals, said, rules, _broken(workspace, lake, served, signals, rules, moment))


def _broken(
    workspace: Workspace, lake: Lake, served: reading.Served, signals: pa.Table, rules: policy.Policy, moment: datetime
) -> revoking.Broken:
    """Return the exceptions on the served exposures that do not hold by the signals of now."""
    if not set(EXCEPTIONS) & set(served.rows.column("disposition").to_pylist()):
        return {}
    present = set(served.rows.column("exposure").to_pylist())
    with decisions.open(workspace) as opened:
        words = [one for one in opened.effective(moment, aliases(lake)) if one.exposure in present]
    seen = holding.seen(workspace, lake, served.rows, signals, rules, moment)
    return assuming.broken(seen, words)


def _over(lake: Lake, said: pa.Table) -> Callable[..., pa.Table]:
    """Ask the lake with only the signals that matter: the rest is not read."""

    def ask(query: str, **tables: pa.Table) -> pa.Table:
        return lake.sql(query, **{"signals": said, **tables})

    return ask


def _naive(moment: datetime | None) -> datetime:
    if moment is None:
        return datetime.now(UTC).replace(tzinfo=None)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment

"""Actions: a team's work with its deadlines, what each protects, its hosts, ticket and export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from foreshore import keys, policy
from foreshore.cycle import deciding
from foreshore.errors import NothingToRead, UsageError
from foreshore.mobilization import actions as grouping
from foreshore.mobilization import lists as tickets
from foreshore.query.safe import cell
from foreshore.server import exposures, tallies
from foreshore.server.access import Access
from foreshore.server.shelf import Shelf
from foreshore.store import open_lake

PAGE = 50
HOSTS = 2_000  # of one action that a page shows
_CHANNELS = ("ticket", "routine")
_ORDER = "order by due is null, due, number nulls last, rank, action"
_TEAMS = """
    select team, count(*) as actions, count(*) filter (due < date '{today}') as overdue,
        count(*) filter (due >= date '{today}' and due < date '{today}' + 14) as soon, sum(hours) as hours
    from ({listed}) group by 1 order by 1
"""
_HOSTS = """
    select asset, any_value(asset_name) as host, any_value(site) as site, any_value(zone) as zone,
        list(distinct weakness order by weakness) as weaknesses, min(rank) as rank, count(*) as exposures,
        count(*) filter (state = 'pending_verification') as claimed, min(due) as due
    from laid where action = ? and ({scope}) group by 1 order by rank, asset limit {limit}
"""


class Wanted(NamedTuple):
    """Which actions: of teams (none: all that one may see), in a channel, by when."""

    teams: tuple[str, ...] = ()
    channel: str = ""
    due: str = ""  # overdue, soon or any


EVERYTHING = Wanted()


def _today() -> date:
    return datetime.now(UTC).date()


def own_teams(access: Access) -> list[str]:
    """Return the teams that a person's roles name: their own work."""
    parts = [part for name in ("decide", "see") for part in access.parts.get(name, ())]
    return sorted({team for part in parts for team in part.teams})


def _listed(shelf: Shelf, access: Access) -> str:
    return tallies.JOINED.format(tallies=tallies.of_all(shelf, tallies.undismissed(access)))


def _filtered(shelf: Shelf, access: Access, wanted: Wanted) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    if wanted.teams:
        parts.append("list_contains(?, team)")
        values.append(list(wanted.teams))
    if wanted.channel:
        if wanted.channel not in _CHANNELS:
            raise UsageError(f"“{wanted.channel[:40]}” is no channel", hint=", ".join(_CHANNELS))
        parts.append("channel = ?")
        values.append(wanted.channel)
    today = f"date '{_today()}'"
    days = {"overdue": f"due < {today}", "soon": f"due < {today} + 14", "dated": "due is not null", "": ""}
    if wanted.due not in days:
        raise UsageError(f"“{wanted.due[:40]}” is no choice of deadlines", hint="overdue, soon, dated")
    parts += [days[wanted.due]] if wanted.due else []
    return f"select * from ({_listed(shelf, access)}) where {' and '.join(parts) or 'true'}", values


def listed(
    shelf: Shelf,
    access: Access,
    wanted: Wanted = EVERYTHING,
    *,
    after: int = 0,
    size: int = PAGE,
) -> dict[str, Any]:
    """Return actions with a date first, then those of the plan, then by what they touch; and how many there are."""
    query, values = _filtered(shelf, access, wanted)
    counted = shelf.remembered(f"select count(*) as n, sum(hours) as hours from ({query})", values)[0]
    rows = shelf.remembered(f"{query} {_ORDER} limit {int(size)} offset {max(0, int(after))}", values)
    rows = tallies.beside(shelf, tallies.undismissed(access), rows)
    whole = access.everywhere()
    return {
        "actions": [told(row, whole=whole) for row in rows], "count": counted["n"],
        "hours": counted["hours"] if whole else None,
        "next": after + size if after + size < counted["n"] else 0,
    }  # fmt: skip


def told(row: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return an action as pages and API show it, with how it stands to its deadline."""
    due: date | None = row["due"]
    days = (due - _today()).days if due else None
    standing = "" if days is None else "overdue" if days < 0 else "soon" if days < 14 else "later"
    return {**exposures.action(row, whole=whole), "claimed": row["claimed"], "days_left": days, "standing": standing}


def teams(shelf: Shelf, access: Access) -> list[dict[str, Any]]:
    """Return the teams with work that one may see: actions, overdue, due within 14 days."""
    return shelf.remembered(_TEAMS.format(listed=_listed(shelf, access), today=_today()))


def one(shelf: Shelf, access: Access, text: str) -> dict[str, Any]:
    """Return one action with its hosts, as far as one may see it; raises NothingToRead where that is nothing."""
    key = key_of(text)
    asked = tallies.undismissed(access)
    rows = tallies.beside(shelf, asked, shelf.ask(f"select * from ({_listed(shelf, access)}) where action = ?", [key]))
    if not rows:
        raise NothingToRead("there is no such action that you may see", hint="it may be done by now: look in the list")
    scope = access.exposures()
    hosts = shelf.ask(_HOSTS.format(scope=scope.sql, limit=HOSTS), [key, *scope.values])
    return {
        **told(rows[0], whole=access.everywhere()),
        "hosts": [{**host, "asset": keys.show("AST", host["asset"])} for host in hosts],
        "more_hosts": max(0, rows[0]["assets"] - len(hosts)),
    }  # fmt: skip


def key_of(text: str) -> int:
    """Return the key that a whole `ACT-…` names."""
    low, high = keys.parse(text, "ACT")
    if low != high:
        raise NothingToRead(f"“{text[:40]}” is no whole key of an action", hint="look for it in the list")
    return low


def named(text: str) -> str:
    """Return the key of an action as it is shown, for the name of a file."""
    return keys.show("ACT", key_of(text))


def ticket(shelf: Shelf, access: Access, text: str, form: str) -> str:
    """Return the ticket of an action as md, json or csv, about those of its exposures that one may see."""
    key, scope = key_of(text), access.exposures()
    rows = shelf.ask(f"select exposure from laid where action = ? and ({scope.sql})", [key, *scope.values])
    if not rows:
        raise NothingToRead("there is no such action that you may see", hint="it may be done by now")
    found = _regrouped(shelf, [row["exposure"] for row in rows])
    action = next((one for one in found if one.key == key), None)
    if action is None:
        raise NothingToRead("nothing of this action is left to do", hint="it may be done by now")
    return tickets.shown(action, form)


def _regrouped(shelf: Shelf, chosen: Sequence[int]) -> list[grouping.Action]:
    import orjson

    cycle = shelf.remembered("select cycle from cycle")[0]["cycle"]
    wanted = ", ".join(str(int(key)) for key in chosen)
    with open_lake(shelf.workspace, read_only=True) as lake:
        where = f"where cycle = {int(cycle)}"
        assessed = lake.sql(f"select * from assessments {where} and exposure in ({wanted})")
        kept = lake.sql(f"select payload from decisions_at {where} and kind = 'policy'").to_pylist()
        rules = policy.restore(orjson.loads(kept[0]["payload"])) if kept else policy.load(None)
        return grouping.group(_Facts(lake, rules), assessed)  # type: ignore[arg-type]


class _Facts(NamedTuple):
    """Just enough of a snapshot to put exposures together again."""

    lake: Any
    policy: policy.Policy

    def sql(self, query: str, **tables: Any) -> Any:
        return self.lake.sql(query, **tables)


_CELLS = ("action", "title", "team", "due", "due_rule", "change", "host", "site", "zone", "weaknesses", "exposures")


def export(shelf: Shelf, access: Access, wanted: Wanted) -> Iterator[str]:
    """Yield the actions with their hosts as CSV that is safe to open in a spreadsheet, some rows at a time."""
    yield _line(_CELLS)
    scope, after = access.exposures(), 0
    while True:
        page = listed(shelf, access, wanted, after=after)
        for action in page["actions"]:
            query = _HOSTS.format(scope=scope.sql, limit=1_000_000)
            for host in shelf.ask(query, [key_of(action["id"]), *scope.values]):
                yield _line([
                    action["id"], action["title"], action["team"], action["due"], action["due_rule"], action["what"],
                    host["host"], host["site"], host["zone"], " ".join(host["weaknesses"]), host["exposures"],
                ])  # fmt: skip
        if not page["next"]:
            return
        after = page["next"]


def _line(values: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([cell(value) for value in values])
    return out.getvalue()


def claim(shelf: Shelf, access: Access, text: str, because: str) -> list[dict[str, Any]]:
    """Say that an action is done: its exposures wait for the next look of the sources; returns what was taken down."""
    access.need("decide")
    scope = access.exposures("decide")
    rows = shelf.ask(
        f"select * from laid where action = ? and ({scope.sql}) and treatment is not null"
        " and state <> 'pending_verification' order by rank, exposure",
        [key_of(text), *scope.values],
    )
    if not rows:
        raise UsageError("nothing of this action is yours to claim", hint="it may be claimed already")
    return deciding.decide(
        shelf.workspace, exposures.with_ids(rows), "claimed_fixed", because=because, author=access.person,
        like_this=f"action {text.upper()}",
    )  # fmt: skip

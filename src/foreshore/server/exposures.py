"""The queue of exposures: the actions worth doing first, the rows, and what is alike, within what one may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from foreshore import facts as facts_
from foreshore import keys
from foreshore.errors import NothingToRead
from foreshore.query import lists, words
from foreshore.server import paging, tallies
from foreshore.server.access import Access, Condition
from foreshore.server.shelf import LAID, Shelf

FIRST = 50  # actions that the queue shows
NEW = 5  # exposures that are new since the last visit, shown first
ALIKE = 20
_QUEUE = (
    tallies.JOINED
    + """
    where a.number is not null or t.act_now > 0 or t.unknown > 0 or t.due is not null
    order by a.number nulls last, t.rank limit {limit}
"""
)


def key_of(text: str) -> int:
    """Return the key of the exposure that a whole `EXP-…` names; raises NothingToRead for other text."""
    low, high = keys.parse(text, "EXP")
    if low != high:
        raise NothingToRead(f"“{text[:40]}” is no whole key of an exposure", hint="look for it in the list")
    return low


def shown(row: dict[str, Any], since: datetime | None = None) -> dict[str, Any]:
    """Return a row of `laid` as pages and API show it; `new` says whether it was first seen after `since`."""
    return {**lists.as_json(row), "new": bool(since and row["first_seen"] and row["first_seen"] > since)}


def page(
    shelf: Shelf, access: Access, where: str = "", *, after: str = "", size: int = paging.PAGE,
    since: datetime | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return one page of rows with how many match in all."""
    found = paging.exposures(shelf, access, where, after=after, size=size)
    return {
        "rows": [shown(row, since) for row in found.rows], "next": found.next,
        "count": paging.count(shelf, access, where),
    }  # fmt: skip


def queue(shelf: Shelf, access: Access, where: str = "", most: int = FIRST) -> dict[str, Any]:
    """Return the actions worth doing first that close something that matches, at most `most`, and how many there are.

    Worth doing first are those of the plan and those that close something to act on now, unknown or due.
    Where somebody sees only a part of an action, what the whole of it removes is None.
    """
    asked = paging.condition(shelf, access, where)
    table = tallies.of_query(shelf, asked) if where.strip() else tallies.of_all(shelf, asked)
    rows = shelf.remembered(_QUEUE.format(tallies=table, limit=int(most)))
    every = shelf.remembered(f"select count(*) as n from {table}")[0]["n"]
    rows = tallies.beside(shelf, asked, rows)
    return {"actions": [action(row, whole=access.everywhere()) for row in rows], "count": every}


def action(row: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return an action as pages and API show it; without `whole` nothing that counts hidden exposures."""
    seen = whole or row["exposures"] >= row["all_exposures"]
    removes = {"mean": row["removes"], "low": row["removes_low"], "high": row["removes_high"]} if seen else None
    return {
        "id": keys.show("ACT", row["action"]), "number": row["number"] if seen else None, "title": row["title"],
        "kind": row["kind"], "what": row["what"], "channel": row["channel"], "team": row["team"],
        "hours": row["hours"] if seen else None, "hours_guessed": row["hours_guessed"], "due": row["due"],
        "due_rule": row["due_rule"] if row["due"] else "", "exposures": row["exposures"], "assets": row["assets"],
        "act_now": row["act_now"], "unknown": row["unknown"], "removes": removes, "partly": not seen,
        "services": list(row["services"] or []) if seen else [], "weakness": row["weakness"],
        "weaknesses": row["weaknesses"], "asset_name": row["asset_name"],
        "first_exposure": keys.show("EXP", row["first_exposure"]),
    }  # fmt: skip


def fresh(shelf: Shelf, access: Access, since: datetime | None, where: str = "", most: int = NEW) -> dict[str, Any]:
    """Return how many open exposures were first seen after `since`, by treatment, and the first of them."""
    if since is None:
        return {"count": 0, "treatments": {}, "first": [], "since": None}
    asked = paging.condition(shelf, access, where)
    where_new, values = f"({asked.sql}) and first_seen > ?", [*asked.values, since]
    counted = shelf.counts(f"select treatment, count(*) as n from {LAID} where {where_new} group by 1", values)
    rows = shelf.remembered(f"select * from laid where {where_new} order by rank, exposure limit {int(most)}", values)
    return {
        "count": sum(row["n"] for row in counted), "treatments": {row["treatment"]: row["n"] for row in counted},
        "first": [shown(row, since) for row in rows], "since": since,
    }  # fmt: skip


def refined(where: str, name: str, value: Any) -> str:
    """Return the query that asks for what `where` asks and also that the field `name` has this value."""
    if isinstance(value, bool):
        said = "yes" if value else "no"
    elif value is None or value == "":
        said = "none"
    elif name == "severity" and isinstance(value, int):
        said = facts_.SEVERITIES[value]
    else:
        said = words.show(str(value), percent=False)
    rest = where.strip()
    if not rest:
        return f"{name} = {said}"
    return f"({rest}) and {name} = {said}" if " or " in rest.lower() else f"{rest} and {name} = {said}"


def facets(shelf: Shelf, access: Access, where: str = "") -> list[dict[str, Any]]:
    """Return the facets with their values, counts, and the query that each value would ask for."""
    found = paging.facets(shelf, access, where, [name for name in paging.FACETS if name != "leads"], most=8)
    return [
        {"name": name, "values": [
            {"value": _said(name, one["value"]), "count": one["count"], "where": refined(where, name, one["value"])}
            for one in values]}
        for name, values in found.items() if len(values) > 1
    ]  # fmt: skip


def _said(name: str, value: Any) -> str:
    if name == "severity" and isinstance(value, int):
        return str(facts_.SEVERITIES[value])
    return str(value or "")


def alike(shelf: Shelf, access: Access, row: dict[str, Any], permission: str = "see") -> Condition:
    """Return the condition on other open exposures of the same weakness in the same component or kind of place."""
    scope = access.exposures(permission)
    place = "place" if row["place_kind"] == "component" else "place_kind"
    sql = (
        f"weakness = ? and place_kind = ? and {place} = ? and exposure <> ? and treatment is not null and ({scope.sql})"
    )
    return Condition(sql, [row["weakness"], row["place_kind"], row[place], row["exposure"], *scope.values])


def who_else(shelf: Shelf, access: Access, row: dict[str, Any]) -> dict[str, Any]:
    """Return on how many assets the same weakness is open, and the first of these exposures."""
    scope = access.exposures()
    where = f"weakness = ? and exposure <> ? and treatment is not null and ({scope.sql})"
    values = [row["weakness"], row["exposure"], *scope.values]
    same = alike(shelf, access, row)
    counted = shelf.remembered(
        f"select count(*) as exposures, count(distinct asset) as assets, count(*) filter ({same.sql}) as alike, "
        f"min(rank, {ALIKE}) as first from laid where {where}",
        [*same.values, *values],
    )[0]
    ranks = ", ".join(str(rank) for rank in counted["first"] or []) or "0"
    first = shelf.remembered(f"select * from laid where rank in ({ranks}) and {where} order by rank, exposure", values)
    return {
        "assets": counted["assets"], "exposures": counted["exposures"], "first": [shown(one) for one in first],
        "alike": counted["alike"],
    }  # fmt: skip


def rows_of(shelf: Shelf, access: Access, chosen: Iterable[int], permission: str = "see") -> list[dict[str, Any]]:
    """Return the rows of `laid` among `chosen` for which the permission holds, in the canonical order, with `id`."""
    scope = access.exposures(permission)
    rows = shelf.ask(
        f"select * from laid where exposure in (select unnest(?)) and ({scope.sql}) order by rank, exposure",
        [list(chosen), *scope.values],
    )
    return with_ids(rows)


def with_ids(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with `id`, as `cycle.deciding` takes them."""
    return [{"id": keys.show("EXP", row["exposure"]), **row} for row in rows]

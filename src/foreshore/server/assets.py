"""Assets for pages and API: the list with its facets, one asset, and what is known of it with source and age.

Lists come from the serving file alone. What all sources said of one asset is in the facts, and is read for
one asset at a time. Names of persons in directories are shown to those who may see them, keys to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.query import compiling, language
from foreshore.query.fields import ASSETS, Field
from foreshore.server import paging
from foreshore.server.access import Access, Condition
from foreshore.server.shelf import Shelf

if TYPE_CHECKING:
    from foreshore.query.language import Node

FACETS = ("kind", "site", "zone", "owner", "os")
EVENTS = 200  # of a timeline, the newest
# What the serving file knows of each asset; the other fields are looked up in the served cycle's graph.
_SERVED = ("id", "name", "kind", "site", "zone", "os", "owner", "last_seen", "unseen")
_COUNTS = {
    name: Field(name, "number", meaning)
    for name, meaning in (
        ("open_exposures", "how many exposures are open on it"), ("act_now", "how many of them are to act on now"),
        ("unknown", "how many wait for an answer"), ("routine", "how many the routine closes"),
        ("watch", "how many are watched"), ("accepted", "how many are accepted"),
    )
}  # fmt: skip
FIELDS: Mapping[str, Field] = {**ASSETS, **_COUNTS}
_ORDER = "act_now desc, open_exposures desc, last_seen desc nulls last, name, asset"


class Page(NamedTuple):
    """Rows of one page, and where the next one begins; "" where this is the last."""

    rows: list[dict[str, Any]]
    next: str


def key(text: str) -> int:
    """Return the number of a whole key AST-…; raises UsageError."""
    low, high = keys.parse(text, "AST")
    if low != high:
        raise UsageError(f"“{text}” is only the beginning of a key", hint="the whole key")
    return low


def source(access: Access) -> Condition:
    """Return the assets that `access` may see, as a relation with the columns of the served table.

    Who sees a part alone gets counts of the exposures that they may see, not of all.
    """
    scope = access.assets()
    name = "name" if access.may("names") else "case when kind = 'identity' then '' else name end as name"
    name = f"* replace ({name})" if " as " in name else "*"
    if access.everywhere():
        return Condition(f"(select {name} from assets where {scope.sql})", list(scope.values))
    seen = access.exposures()
    counted = ", ".join(f"count(*) filter (treatment = '{one}') as {one}" for one in list(_COUNTS)[1:])
    own = f"select asset, count(*) filter (treatment is not null) as open_exposures, {counted} from laid where {seen.sql} group by 1"
    counts = ", ".join(f"coalesce(own.{one}, 0) as {one}" for one in _COUNTS)
    sql = (
        f"(select a.* exclude ({', '.join(_COUNTS)}), {counts} "
        f"from (select {name} from assets where {scope.sql}) a left join ({own}) own using (asset))"
    )
    return Condition(sql, [*scope.values, *seen.values])


def listed(shelf: Shelf, access: Access, where: str = "", *, after: str = "", size: int = paging.PAGE) -> Page:
    """Return one page of assets that match `where`, those with most to do first; `after` is the cursor."""
    begin, size = _begin(after), max(1, min(size, paging.MOST))
    of, asked = source(access), condition(shelf, access, where)
    rows = shelf.remembered(
        f"select * from {of.sql} where {asked.sql} order by {_ORDER} limit {size + 1} offset {begin}",
        [*of.values, *asked.values],
    )
    return Page([shown(row) for row in rows[:size]], str(begin + size) if len(rows) > size else "")


def _begin(after: str) -> int:
    if after and not after.isdecimal():
        raise UsageError(f"“{after[:40]}” is no cursor", hint="take `next` of the page before")
    return min(int(after or 0), 1 << 40)


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a served row as pages and the API show it."""
    return {**row, "id": keys.show("AST", row["asset"]), "name": row["name"] or keys.show("AST", row["asset"])}


def count(shelf: Shelf, access: Access, where: str = "") -> int:
    """Return how many assets match."""
    of, asked = source(access), condition(shelf, access, where)
    query = f"select count(*) as n from {of.sql} where {asked.sql}"
    return int(shelf.remembered(query, [*of.values, *asked.values])[0]["n"])


def facets(shelf: Shelf, access: Access, where: str = "", most: int = 10) -> dict[str, list[dict[str, Any]]]:
    """Return for each facet its values with the number of assets that have them, the most first."""
    of, asked = source(access), condition(shelf, access, where)
    sets = ", ".join(f"({name})" for name in FACETS)
    rows = shelf.remembered(
        f"select {', '.join(FACETS)}, grouping_id({', '.join(FACETS)}) as level, count(*) as n "
        f"from {of.sql} where {asked.sql} group by grouping sets ({sets})",
        [*of.values, *asked.values],
    )
    whole = (1 << len(FACETS)) - 1
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in FACETS}
    for row in rows:
        name = FACETS[len(FACETS) - (whole & ~row["level"]).bit_length()]
        found[name].append({"value": row[name] or "", "count": row["n"]})
    return {name: sorted(some, key=lambda one: (-one["count"], one["value"]))[:most] for name, some in found.items()}


def condition(shelf: Shelf, access: Access, where: str) -> Condition:
    """Return the condition that a query over `FIELDS` stands for; raises UsageError for one that is wrong."""
    if not where.strip():
        return Condition("true", [])
    return _compiled(shelf, access, language.parse(where, FIELDS))


def _compiled(shelf: Shelf, access: Access, node: Node) -> Condition:
    if isinstance(node, language.Test):
        setting = compiling.Setting(datetime.now(UTC).replace(tzinfo=None))
        if node.field in _SERVED or node.field in _COUNTS:
            found = compiling.compile_node(node, setting, FIELDS)
            return Condition(found.sql, list(found.parameters))
        return Condition("asset in (select unnest(?::bigint[]))", [_looked_up(shelf, access, node, setting)])
    if isinstance(node, language.Not):
        inner = _compiled(shelf, access, node.inner)
        return Condition(f"not ({inner.sql})", inner.values)
    parts = [_compiled(shelf, access, one) for one in node.parts]
    word = " and " if isinstance(node, language.All) else " or "
    return Condition("(" + word.join(one.sql for one in parts) + ")", [each for one in parts for each in one.values])


def _looked_up(shelf: Shelf, access: Access, node: Node, setting: compiling.Setting) -> list[int]:
    """Return the assets that a test on names, addresses, tags or services picks, from the served cycle's graph."""
    from foreshore import scratch
    from foreshore.cycle import opened

    asked = compiling.compile_node(node, setting, FIELDS)
    persons = "" if access.may("names") else " and kind is distinct from 'identity'"
    connection = scratch.connect()
    try:
        connection.register("here", opened.current(shelf.workspace).assets)
        rows = connection.execute(
            f"select asset from here where {asked.sql}{persons}", list(asked.parameters)
        ).fetchall()
    finally:
        connection.close()
    return [int(one) for (one,) in rows]


def one(shelf: Shelf, access: Access, number: int) -> dict[str, Any] | None:
    """Return the served row of an asset, None where there is none that `access` may see."""
    of = source(access)
    rows = shelf.ask(f"select * from {of.sql} where asset = ?", [*of.values, number])
    return shown(rows[0]) if rows else None


def visible(shelf: Shelf, access: Access, assets: list[int], permission: str = "see") -> set[int]:
    """Return those of `assets` for which the permission holds."""
    scope = access.assets(permission)
    query = f"select asset from assets where asset in (select unnest(?::bigint[])) and ({scope.sql})"
    return {row["asset"] for row in shelf.ask(query, [assets, *scope.values])}


def exposures(shelf: Shelf, access: Access, number: int, *, after: str = "", size: int = paging.PAGE) -> paging.Page:
    """Return one page of the open exposures of an asset, the most important first."""
    return paging.exposures(shelf, access, asset=number, after=after, size=size)


def known(shelf: Shelf, access: Access, number: int, as_of: datetime | None = None) -> dict[str, Any]:
    """Return all that sources said of an asset until `as_of` (now): see `reviewing.show`, and its `timeline`.

    Raises UsageError where `access` may not see it.
    """
    from foreshore.cycle import reviewing

    row = one(shelf, access, number)
    if row is None:
        raise UsageError("there is no such asset, or it is not yours to see", hint="the list of assets")
    if row["kind"] == "identity" and not access.may("names"):
        return {"attributes": [], "identifiers": [], "history": [], "parts": [], "end_of_support": None,
                "timeline": [], "withheld": True}  # fmt: skip
    text = keys.show("AST", number)
    found = reviewing.show(shelf.workspace, text, as_of=as_of)
    events = reviewing.timeline(shelf.workspace, text, as_of=as_of, most=EVENTS)
    if not access.everywhere():
        seen = paging.visible(shelf, access, [keys.parse(one["exposure"], "EXP")[0] for one in events])
        events = [one for one in events if keys.parse(one["exposure"], "EXP")[0] in seen]
    return {**found, "timeline": events, "withheld": False}


def moment(text: str) -> datetime | None:
    """Return the end of the day that `text` names (YYYY-MM-DD, UTC), None for ""; raises UsageError."""
    if not text.strip():
        return None
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"“{text[:40]}” is no day", hint="2026-03-31") from None
    return day.replace(hour=23, minute=59, second=59, microsecond=999_999)


def hidden(shelf: Shelf, access: Access, kind: str, *, after: str = "", size: int = paging.PAGE) -> Page:
    """Return one page of the assets behind the blind spots of a kind, by name."""
    begin = _begin(after)
    of = source(access)
    rows = shelf.remembered(
        f"select * from {of.sql} where asset in (select asset from blind_assets where kind = ?) "
        f"order by name, asset limit {size + 1} offset {begin}",
        [*of.values, kind],
    )
    return Page([shown(row) for row in rows[:size]], str(begin + size) if len(rows) > size else "")


def reviews(shelf: Shelf, access: Access) -> list[dict[str, Any]]:
    """Return the pairs of assets of which nobody said yet whether they are one; both have to be visible."""
    from foreshore.cycle import reviewing

    access.need("identity")
    found = reviewing.queue(shelf.workspace)
    if access.everywhere("identity"):
        return found
    ends = {keys.parse(one[end]["id"], "AST")[0] for one in found for end in ("left", "right")}
    seen = {keys.show("AST", one) for one in visible(shelf, access, sorted(ends), "identity")}
    return [one for one in found if one["left"]["id"] in seen and one["right"]["id"] in seen]


def review(shelf: Shelf, access: Access, left: str, right: str, *, same: bool, because: str) -> dict[str, Any]:
    """Take down whether two assets are one; raises NotAllowed unless `access` may say so of both."""
    from foreshore.cycle import reviewing

    access.need("identity")
    pair = [key(left), key(right)]
    if not access.everywhere("identity") and visible(shelf, access, pair, "identity") != set(pair):
        access.need_everywhere("identity")
    return reviewing.answer(shelf.workspace, left, right, same=same, because=because, author=access.person)

"""One page of a long list: keys first by walking the ranks, then the rows of the page.

The served exposures lie in order of rank, so a page is found by reading windows of ranks that grow until
enough rows match: the first page of ten million rows reads a few thousand of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from foreshore import facts
from foreshore.query import compiling, language, lists
from foreshore.server.access import Access, Condition
from foreshore.server.shelf import LAID, Shelf

PAGE = 50
MOST = 1_000
_WINDOW = 4_096
_GROWS = 8
# `exposures` and not `laid` decides the window, so that DuckDB skips what lies outside it.
_KEYS = """
    select exposure, rank from laid where rank > ? and rank <= ? and ({where}) order by rank, exposure limit {limit}
"""
_ROWS = "select * from laid where exposure in (select unnest(?)) and rank between ? and ? order by rank, exposure"
_TREATMENTS = "select treatment, count(*) as n from {laid} where {where} group by 1"
_AT = "rank in (select rank from at_exposure where exposure = ?)"
FACETS = ("treatment", "severity", "exploit", "reachable", "leads", "owner", "site", "zone", "kind", "state")


class Page(NamedTuple):
    """Rows of one page, and the cursor of the next; "" where this is the last."""

    rows: list[dict[str, Any]]
    next: str


def condition(shelf: Shelf, access: Access, where: str = "", *, dismissed: bool = False) -> Condition:
    """Return the condition on `laid` of what `access` may see and `where`, a query, asks for."""
    scope = access.exposures()
    parts, values = [scope.sql], list(scope.values)
    if where.strip():
        now = datetime.now(UTC).replace(tzinfo=None)
        compiled = compiling.compile_node(language.parse(where), compiling.Setting(now))
        parts.append(compiled.sql)
        values += compiled.parameters
    if not dismissed:
        parts.append(f"coalesce(disposition, '') not in ({lists.DISMISSED})")
    return Condition(" and ".join(f"({part})" for part in parts), values)


def exposures(
    shelf: Shelf, access: Access, where: str = "", *, after: str = "", size: int = PAGE, asset: int | None = None
) -> Page:
    """Return one page of open exposures in the canonical order; `after` is the cursor of the page before.

    `asset` narrows to those of one asset.
    """
    asked = condition(shelf, access, where)
    if asset is not None:  # alone and first, so that DuckDB skips what has no such asset
        asked = Condition(f"asset = ? and {asked.sql}", [asset, *asked.values])
    size = max(1, min(size, MOST))
    low, width = _rank(after), _WINDOW
    last = shelf.remembered("select coalesce(max(rank), 0) as rank from exposures")[0]["rank"]
    found: list[dict[str, Any]] = []
    while low < last and len(found) <= size:
        high = low + width
        wanted = size + 1 - len(found)
        found += shelf.remembered(_KEYS.format(where=asked.sql, limit=wanted), [low, high, *asked.values])
        low, width = high, width * _GROWS
    more, found = len(found) > size, found[:size]
    if not found:
        return Page([], "")
    rows = shelf.ask(_ROWS, [[one["exposure"] for one in found], found[0]["rank"], found[-1]["rank"]])
    return Page(rows, str(found[-1]["rank"]) if more else "")


def _rank(after: str) -> int:
    try:
        return max(0, int(after or 0))
    except ValueError:
        from foreshore.errors import UsageError

        raise UsageError(f"“{after[:40]}” is no cursor", hint="take `next` of the page before") from None


def count(shelf: Shelf, access: Access, where: str = "") -> int:
    """Return how many open exposures match."""
    asked = condition(shelf, access, where)
    return sum(row["n"] for row in shelf.counts(_TREATMENTS.format(where=asked.sql, laid=LAID), asked.values))


def treatments(shelf: Shelf, access: Access, where: str = "") -> dict[str, int]:
    """Return how many open exposures have each treatment."""
    asked = condition(shelf, access, where)
    rows = shelf.counts(_TREATMENTS.format(where=asked.sql, laid=LAID), asked.values)
    counted = {row["treatment"]: row["n"] for row in rows}
    return {name: counted.get(name, 0) for name in facts.TREATMENTS}


def facets(
    shelf: Shelf, access: Access, where: str = "", names: Sequence[str] = FACETS, most: int = 12
) -> dict[str, list[dict[str, Any]]]:
    """Return for each facet its values with the number of exposures that have them, the most first."""
    asked = condition(shelf, access, where)
    sets = ", ".join(f"({name})" for name in names)
    rows = shelf.counts(
        f"select {', '.join(names)}, grouping_id({', '.join(names)}) as level, count(*) as n from {LAID} "
        f"where {asked.sql} group by grouping sets ({sets})",
        asked.values,
    )
    whole = (1 << len(names)) - 1
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for row in rows:
        missing = whole & ~row["level"]
        name = names[len(names) - missing.bit_length()]
        found[name].append({"value": row[name], "count": row["n"]})
    return {
        name: sorted(some, key=lambda one: (-one["count"], str(one["value"])))[:most] for name, some in found.items()
    }


def one(shelf: Shelf, access: Access, key: int) -> dict[str, Any] | None:
    """Return the served row of an exposure, None where there is none that `access` may see."""
    scope = access.exposures()
    rows = shelf.ask(f"select * from laid where {_AT} and ({scope.sql})", [key, *scope.values])
    return rows[0] if rows else None


def visible(shelf: Shelf, access: Access, exposures: Sequence[int], permission: str = "see") -> set[int]:
    """Return those of `exposures` for which the permission holds."""
    scope = access.exposures(permission)
    one_alone = len(exposures) == 1
    rows = shelf.ask(
        f"select exposure from laid where {_AT if one_alone else 'exposure in (select unnest(?))'} and ({scope.sql})",
        [exposures[0] if one_alone else list(exposures), *scope.values],
    )
    return {row["exposure"] for row in rows}

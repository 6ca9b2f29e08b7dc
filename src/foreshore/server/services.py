"""Services for pages and API: the list with bounds, one service, what it stands on, and its scope changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from foreshore import facts
from foreshore.server import assets, paging
from foreshore.server.access import Access
from foreshore.server.shelf import Shelf

MEMBERS = 200  # assets of a service that are listed on its page


def listed(shelf: Shelf, access: Access) -> list[dict[str, Any]]:
    """Return the services that `access` may see, those that carry most risk first, with what would narrow their bounds.

    Who sees a part alone gets no `narrowed_by`: it names facts about assets of others.
    """
    scope = access.services()
    rows = shelf.remembered(
        f"select * exclude (cycle) from services where {scope.sql} order by foundation, share desc nulls last, service",
        scope.values,
    )
    known = _results(shelf) if access.everywhere() else {}
    return [{**row, "narrowed_by": known.get(row["service"], {}).get("narrowed_by", [])} for row in rows]


def _results(shelf: Shelf) -> Mapping[str, dict[str, Any]]:
    text = shelf.remembered("select result from cycle")[0]["result"]
    return {one["name"]: one for one in orjson.loads(text or "{}").get("services", [])}


def one(shelf: Shelf, access: Access, name: str) -> dict[str, Any] | None:
    """Return a service, None where there is none of this name that `access` may see."""
    return next((row for row in listed(shelf, access) if row["service"] == name), None)


def dependencies(scope: facts.Scope, name: str) -> dict[str, list[str]]:
    """Return what a service stands on (`on`) and what stands on it (`under`), by the scope."""
    foundations = [each.name for each in scope.services if each.foundation]

    def on(service: facts.Service) -> list[str]:
        if service.depends_on is not None:
            return list(service.depends_on)
        return [] if service.foundation else foundations

    found = {each.name: on(each) for each in scope.services}
    return {"on": found.get(name, []), "under": [each for each, needs in found.items() if name in needs]}


def members(shelf: Shelf, access: Access, name: str) -> list[dict[str, Any]]:
    """Return the first assets of a service that `access` may see, those with most to do first."""
    from foreshore.cycle import opened

    graph = opened.current(shelf.workspace)
    if name not in graph.service_names:
        return []
    table = graph.found.context.members
    import pyarrow.compute as pc

    own = table.filter(pc.equal(table.column("number"), graph.service_names.index(name)))
    of = assets.source(access)
    rows = shelf.ask(
        f"select * from {of.sql} where asset in (select unnest(?::bigint[])) "
        f"order by act_now desc, open_exposures desc, name limit {MEMBERS}",
        [*of.values, own.column("asset").to_pylist()],
    )
    return [assets.shown(row) for row in rows]


def exposures(shelf: Shelf, access: Access, name: str, size: int = 10) -> list[dict[str, Any]]:
    """Return the first open exposures that lead to a service."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return paging.exposures(shelf, access, f'leads_to = "{quoted}"', size=size).rows


def density(span: facts.Range, points: int = 60) -> list[list[float]]:
    """Return how likely each amount of a loss is, as points of a curve whose area is one.

    Amounts are drawn as the simulation draws them: a beta distribution between low and high with its mode at
    likely (PERT).
    """
    import numpy as np
    from scipy import stats

    low, high = span.low, span.high
    if not low < high:
        return [[low, 1.0]]
    width = high - low
    grid = np.linspace(low, high, points)
    a, b = 1 + 4 * (span.likely - low) / width, 1 + 4 * (high - span.likely) / width
    heights = stats.beta.pdf((grid - low) / width, a, b) / width
    return [[round(float(x), 2), float(y)] for x, y in zip(grid, np.nan_to_num(heights), strict=True)]

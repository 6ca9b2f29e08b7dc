"""Intelligence for pages and API: what is new and what it means here, feeds, held news, one weakness and who has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from foreshore.errors import UsageError
from foreshore.server import paging, questions
from foreshore.server.access import Access
from foreshore.server.models import Job
from foreshore.server.shelf import Shelf
from foreshore.workspace import Workspace

OWNERS = 12  # assets of a weakness that its page lists


def feeds(workspace: Workspace) -> dict[str, Any]:
    """Return the state of feeds and sources; see `intel.status`."""
    from foreshore.intel import status

    return status.status(workspace)


def held(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the news that waits for a person, the oldest first."""
    from foreshore.intel import held as waiting

    found: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in waiting.listed(workspace)]
    return found


def decide(workspace: Workspace, access: Access, ident: str, verdict: str, because: str) -> dict[str, Any]:
    """Release held news, or discard it; returns id, decided and how many statements were new."""
    from foreshore.intel import held as waiting
    from foreshore.intel import taking

    access.need_everywhere("run")
    found = waiting.find(workspace, ident)
    if verdict == "release":
        new = taking.release(workspace, found, because=because, author=access.person)
    elif verdict == "discard":
        waiting.discard(workspace, found, because=because, author=access.person)
        new = 0
    else:
        raise UsageError(f"“{verdict}” is no word on news", hint="release, discard")
    return {"id": found.id, "decided": verdict, "new": new}


def since(access: Access, moment: datetime) -> Job:
    """Ask what the intelligence since `moment` means here; only for who sees everything."""
    return questions.ask(access, "news", {"since": moment.replace(second=0, microsecond=0).isoformat()})


def open_here(shelf: Shelf, access: Access, name: str) -> dict[str, Any]:
    """Return who has a weakness: how many exposures and assets, by treatment, and the first of them."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    where = f'weakness = "{quoted}"'
    asked = paging.condition(shelf, access, where)
    row = shelf.remembered(
        f"select count(*) as exposures, count(distinct asset) as assets, max(contribution) as most, "
        f"min(first_seen) as first_seen from laid where {asked.sql}",
        asked.values,
    )[0]
    page = paging.exposures(shelf, access, where, size=OWNERS)
    return {**row, "treatments": paging.treatments(shelf, access, where), "rows": page.rows, "where": where}


def known(workspace: Workspace, shelf: Shelf, access: Access, name: str) -> Mapping[str, Any]:
    """Return what is known of a weakness (see `intel.show`), with `present` as this person may count it."""
    from foreshore.intel import show
    from foreshore.store import open_lake

    with open_lake(workspace, read_only=True) as lake:
        found = show.show(lake, name)
    return {**found, "present": open_here(shelf, access, name)["exposures"]}


def talked_of(shelf: Shelf, access: Access, most: int = 15) -> list[dict[str, Any]]:
    """Return the weaknesses that are open here and attacked in the world, those with most at stake first."""
    asked = paging.condition(shelf, access)
    return shelf.remembered(
        "select weakness, any_value(title) as title, max(exploit) as exploit, bool_or(kev) as kev, max(epss) as epss, "
        "count(*) as exposures, count(distinct asset) as assets, sum(contribution) as share from laid "
        f"where ({asked.sql}) and exploit in ('attacks', 'ransomware') and weakness <> '' "
        f"group by weakness order by share desc nulls last, exposures desc, weakness limit {most}",
        asked.values,
    )

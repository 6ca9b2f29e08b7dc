"""What of each action is open, added up over the exposures that one may see.

Half a million actions over ten million exposures are added up once for each serving file and data scope; after a
decision only the actions that it touched are added up again. What a page shows of its few actions beyond that
(different assets, the first of them) is asked for those alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foreshore.query import lists
from foreshore.server.access import Access, Condition
from foreshore.server.shelf import Shelf

_ADDED = """
    select action, count(*) as exposures, min(rank) as rank, min(due) as due,
        count(*) filter (treatment = 'act_now') as act_now, count(*) filter (treatment = 'unknown') as unknown,
        count(*) filter (state = 'pending_verification') as claimed
    from {rows} where {where} and coalesce(action, 0) <> 0 group by 1
"""
_BESIDE = """
    select action, count(distinct asset) as assets, count(distinct weakness) as weaknesses,
        arg_min(exposure, rank) as first_exposure, arg_min(weakness, rank) as weakness,
        arg_min(asset_name, rank) as asset_name
    from laid where action in ({actions}) and {where} group by 1
"""
# Added up: t; the action as the cycle put it together: a.
JOINED = """
    select t.*, a.number, a.title, a.kind, a.what, a.channel, a.team, a.hours, a.hours_guessed, a.services,
        a.exposures as all_exposures, a.removes, a.removes_low, a.removes_high, a.due_rule
    from {tallies} t join actions a on a.action = t.action
"""


def undismissed(access: Access) -> Condition:
    """Return the condition on the exposures that one may see and nobody dismissed."""
    scope = access.exposures()
    return Condition(f"({scope.sql}) and coalesce(disposition, '') not in ({lists.DISMISSED})", list(scope.values))


def of_all(shelf: Shelf, asked: Condition) -> str:
    """Return the name of a table with what of each action is open: action, exposures, rank, due, and counts.

    `asked` is a data scope: it is added up for the whole file, and mended after each decision.
    """
    whole = shelf.made(_ADDED.format(rows="serving.main.exposures", where=asked.sql), asked.values, of_file=True)
    if not shelf.decided_since:
        return whole
    touched = ", ".join(str(row["action"]) for row in shelf.remembered("select distinct action from before"))
    again = _ADDED.format(rows="laid", where=f"action in ({touched or 0}) and {asked.sql}")
    body = f"select * from {whole} where action not in ({touched or 0}) union all select * from ({again})"
    return shelf.made(body, asked.values)


def of_query(shelf: Shelf, asked: Condition) -> str:
    """The same for a query that somebody wrote: added up for this state of the shelf."""
    return shelf.made(_ADDED.format(rows="laid", where=asked.sql), asked.values)


def beside(shelf: Shelf, asked: Condition, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of actions with their assets, weaknesses, and the first exposure of each."""
    if not rows:
        return []
    actions = ", ".join(str(int(row["action"])) for row in rows)
    found = shelf.remembered(_BESIDE.format(actions=actions, where=asked.sql), asked.values)
    by_action = {row["action"]: row for row in found}
    return [{**row, **by_action[row["action"]]} for row in rows if row["action"] in by_action]

"""Actions and tickets of the served cycle, for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.mobilization import tickets
from foreshore.query import lists

if TYPE_CHECKING:
    from foreshore.mobilization.actions import Action
    from foreshore.workspace import Workspace


def actions(workspace: Workspace, *, team: str = "", top: int | None = None) -> list[dict[str, Any]]:
    """Return the served actions in the order of the plan, then by what each removes alone."""
    found = lists.rows(workspace, "select * exclude (cycle) from actions order by number nulls last, action")
    chosen = [row for row in found if not team or row["team"] == team]
    for row in chosen:
        row["id"] = keys.show("ACT", row.pop("action"))
    return chosen[:top]


def _chosen(workspace: Workspace, *, text: str = "", team: str = "") -> list[Action]:
    """Return actions with all their rows, made again from the cycle's own facts."""
    from foreshore.mobilization.served import actions_of

    found = actions_of(workspace)
    if team:
        found = [action for action in found if action.team == team]
    if text:
        low, high = keys.parse(text, "ACT")
        found = [action for action in found if low <= action.key <= high]
        if len(found) != 1:
            names = "; ".join(f"{keys.show('ACT', one.key)} {one.title}" for one in found[:5])
            what = f"several actions begin with {text}: {names}" if found else f"no action has the key {text}"
            raise UsageError(what, hint="foreshore actions lists them")
    return found


def ticket(workspace: Workspace, text: str, form: str) -> str:
    """Return one action's ticket as md, json or csv."""
    return shown(_chosen(workspace, text=text)[0], form)


def shown(action: Action, form: str) -> str:
    """Return an action's ticket as md, json or csv."""
    if form == "md":
        return tickets.markdown(action)
    if form == "json":
        return orjson.dumps(tickets.content(action), option=orjson.OPT_INDENT_2).decode() + "\n"
    if form == "csv":
        return tickets.csv_text([action])
    raise UsageError(f"a ticket cannot be written as “{form}”", hint="md, json or csv")


def csv(workspace: Workspace, *, team: str = "") -> str:
    """Return the host lists of all actions (of a team) as CSV."""
    return tickets.csv_text(_chosen(workspace, team=team))

"""What people, and the system where an exception ended, said on one exposure: for those who ask why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore import decisions, keys
from foreshore.cycle.inputs import aliases
from foreshore.store import open_lake

if TYPE_CHECKING:
    from foreshore.workspace import Workspace


def words(workspace: Workspace, exposure: str) -> list[dict[str, Any]]:
    """Return every word on an exposure (its whole key), oldest first, on whichever of its ids it was said."""
    if not decisions.exist(workspace):
        return []
    low, _ = keys.parse(exposure, "EXP")
    with decisions.open(workspace) as opened:
        said = opened.history(low)
        with open_lake(workspace, read_only=True) as lake:
            former = [old for old, new in aliases(lake).items() if new == low and old != low]
        if former:
            said = opened.history(low, *former)
    return [
        {
            "disposition": one.disposition, "because": one.because, "author": one.author,
            "decided_at": one.decided_at, "until": one.until,
            "assumes": [{"said": each.said, "query": each.query} for each in one.assumes],
        }
        for one in said
    ]  # fmt: skip


def sentence(one: dict[str, Any]) -> str:
    """Tell one word in a line."""
    word = one["disposition"].replace("_", " ")
    until = f" until {one['until']}" if one["until"] else ""
    rests = "; rests on: " + ", ".join(each["said"] for each in one["assumes"]) if one["assumes"] else ""
    return f"{one['decided_at']:%Y-%m-%d}: {word} by {one['author']}{until}: {one['because']}{rests}"

"""The moved list of the served cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore import keys
from foreshore.query import lists
from foreshore.query.moved import moved

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

# The scanners' order is their own severity, then the published score; equals by title and key.
_EITHER = """
    with ranked as (
        select *, row_number() over (order by severity desc, cvss desc nulls last, title, exposure) as scanner_rank
        from exposures where treatment is not null
    )
    select * from ranked where scanner_rank <= {top} or rank <= {top} order by rank
"""


def from_serving(workspace: Workspace, top: int) -> list[dict[str, Any]]:
    """Return what fell from the scanners' first `top` and what rose into ours, as plain values."""
    found = []
    for move in moved(lists.rows(workspace, _EITHER.format(top=int(top))), top):
        row = move._asdict()
        row["exposure"] = keys.show("EXP", move.exposure)
        row["score"] = f"{move.cvss:.1f}" if move.cvss is not None else move.severity
        found.append(row)
    return found

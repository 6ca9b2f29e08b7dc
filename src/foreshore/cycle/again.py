"""A cycle made again: its own version of the facts, with the copies of what it read beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from foreshore.errors import WorkspaceError
from foreshore.query import lists
from foreshore.store import open_lake

if TYPE_CHECKING:
    from foreshore.cycle.inputs import Inputs
    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.workspace import Workspace


def served(workspace: Workspace) -> dict[str, Any]:
    """Return the row of `cycles` of the cycle that is served; raises NothingToRead before the first."""
    return lists.rows(workspace, "select * from cycle")[0]


def inputs_of(workspace: Workspace, row: dict[str, Any]) -> Inputs:
    """Return scope, policy and decisions as the cycle of `row` read them."""
    from foreshore.cycle import running

    with open_lake(workspace, read_only=True) as lake:
        return running.restored(lake, row)


@contextmanager
def snapshot(workspace: Workspace, row: dict[str, Any], read: Inputs | None = None) -> Iterator[LakeSnapshot]:
    """Yield the snapshot that the cycle of `row` saw, or the same facts under other inputs.

    Raises WorkspaceError where that version of the facts has been removed since.
    """
    from foreshore.cycle import running

    inputs = read or inputs_of(workspace, row)
    try:
        lake = open_lake(workspace, read_only=True, version=row["snapshot"])
    except WorkspaceError as error:
        raise WorkspaceError(
            f"the facts as this cycle read them are no longer kept ({error.what})", where=error.where,
            hint="foreshore cycle, and compare with that",
        ) from error  # fmt: skip
    with lake:
        yield running.snapshot_of(lake, row["cycle"], row["as_of"], row["seed"], inputs)

"""Facts: append-only tables in a lake, raw evidence, and the files that reading verbs use.

    lake = store.open_lake(workspace)                   # newest, may append
    lake = store.open_lake(workspace, read_only=True, version=12)

`store.evidence`, `store.serving` and `store.upkeep` are modules of their own, imported when needed.
Order of a job: evidence is on disk, then `Lake.append` with the job's id, then the receipt among the
decisions; each step may be repeated, and `reconcile` clears what a crash left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreshore.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from foreshore.store.ducklake import Lake

__all__ = ["open_lake", "reconcile"]


def open_lake(
    workspace: Workspace,
    *,
    read_only: bool = False,
    version: int | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Lake:
    """Open the workspace's facts, pinned to `version` (None: the newest); the first open makes the tables.

    An older lake is migrated when it is opened for writing; opened for reading, it shows the newer
    columns as NULL. With a `version` the lake is always read-only. `on_wait` is told who holds the
    writer lock. Raises WorkspaceError when the lake is damaged, newer than this program, or has no
    such version.
    """
    from foreshore.store.ducklake import Lake

    return Lake(workspace, read_only=read_only or version is not None, version=version, on_wait=on_wait)


def reconcile(workspace: Workspace) -> list[str]:
    """Clear what crashed processes left behind; see `foreshore.store.startup.reconcile`."""
    from foreshore.store import startup

    return startup.reconcile(workspace)

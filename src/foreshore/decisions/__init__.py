"""What people decided: small, precious, versioned, kept apart from facts in a database of its own.

`open(workspace)` brings the database up to date and returns `Decisions`, whose calls take and give
plain values; nothing of Django leaves this package. Several workspaces may be open in one process:
each gets its own named connection, and Django itself is set up once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreshore.decisions.places import HasDecisions, configure, elsewhere

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions


def open(workspace: HasDecisions, *, url: str = "") -> Decisions:
    """Return the decisions of `workspace`, its database created or migrated where it is behind.

    `url`, or `DATABASE_URL` of the environment, names another database
    (`postgresql://user:password@host:port/name`) in place of the workspace's own file. Opening again is cheap and
    harmless. Raises `WorkspaceError` for a database that cannot be read or that a newer Foreshore wrote.
    """
    alias = configure(workspace.decisions_file, url or elsewhere())
    from foreshore.decisions.opened import Decisions, bring_up_to_date

    bring_up_to_date(alias, workspace.decisions_file)
    return Decisions(alias)


def exist(workspace: HasDecisions) -> bool:
    """Whether there is a database of decisions already; one that the environment names is taken to be there."""
    return bool(elsewhere()) or workspace.decisions_file.exists()


__all__ = ["HasDecisions", "exist", "open"]

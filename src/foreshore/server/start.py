"""Bringing the service up: Django's settings, the database, and the first administrator's token."""

from __future__ import annotations

import os
from pathlib import Path

MODULE = "foreshore.server.settings"
_LABEL = "foreshore_server"  # of our application in Django


def setup(root: Path | str = "") -> None:
    """Set Django up for the workspace at `root`, or the one that the environment names."""
    import django

    if root:
        os.environ["FORESHORE_WORKSPACE"] = str(root)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", MODULE)
    django.setup()


def migrate() -> None:
    """Bring the service database up to date; one process at a time does so.

    Raises WorkspaceError for a database that a newer Foreshore wrote: it is left as it is.
    """
    from django.core.management import call_command
    from filelock import FileLock

    from foreshore import decisions
    from foreshore.server.place import workspace

    with FileLock(str(workspace().root / "server.lock")):
        # First, for in a shared database the other migrations would note these as done without making tables.
        decisions.open(workspace()).close()
        _refuse_newer()
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)


def _refuse_newer() -> None:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    from foreshore.errors import WorkspaceError

    loader = MigrationLoader(connection)
    newer = sorted(name for app, name in set(loader.applied_migrations) - set(loader.graph.nodes) if app == _LABEL)
    if newer:
        raise WorkspaceError(
            f"a newer Foreshore wrote this service's database ({newer[-1]})",
            where=str(connection.settings_dict["NAME"]),
            hint="that version of Foreshore, or a newer one",
        )


def first_run(address: str) -> str:
    """Return the link for the first administrator's account, "" where there is somebody already."""
    from foreshore.server import people

    token = people.first_token()
    return f"{address}/join/{token}/" if token else ""

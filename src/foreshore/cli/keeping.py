"""The verbs that keep a workspace safe: backup and restore."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, open_workspace, print_json, say


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(backup)
    app.command()(restore)


def backup(
    target: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The tar file to write.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write a workspace into one file, while it is served; imports and cycles wait, reading goes on.

    The file holds the workspace's key: keep it as safe as the workspace.

    Example: foreshore backup /backups/shop.tar
    """
    from foreshore.cycle import backing

    opened = open_workspace(workspace)
    place = target or Path(f"foreshore-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.tar")
    found = backing.backup(opened, place, say)
    for one in found["without"]:
        say(f"not in it: {one}")
    if json:
        print_json(found)
        return
    typer.echo(f"{found['file']}: {found['files']:,} files, {found['bytes']:,} bytes. It holds the key: keep it safe.")


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file that backup wrote.")],
    target: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    json: JsonOption = False,
) -> None:
    """Make the workspace of a backup in a new folder; every file is compared with its digest.

    Example: foreshore restore /backups/shop.tar shop-again
    """
    from foreshore.cycle import backing

    found = backing.restore(source, target)
    if json:
        print_json(found)
    else:
        typer.echo(f"{found['workspace']}: {found['files']:,} files, all as they were.")
    if found["trail"]:
        say(f"the audit trail was broken when it was backed up: {found['trail']}")
        raise typer.Exit(1)

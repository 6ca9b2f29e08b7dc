"""The verb that lets a build go out or not: gate."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, note, open_workspace, print_json, say
from foreshore.errors import PolicyStop


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(gate)


def gate(
    reports: Annotated[
        list[Path] | None, typer.Argument(metavar="[REPORT]...", help="Reports of the build; read, judged, not kept.")
    ] = None,
    stop: Annotated[str, typer.Option(help="The query that stops a build.")] = "treatment = act_now",
    where: Annotated[str, typer.Option(help="Only exposures that match this query are looked at.")] = "",
    baseline: Annotated[
        str, typer.Option(help="The cycle (CYC-…) that is compared with; default: the last, or the one before it.")
    ] = "",
    source: Annotated[str, typer.Option(help="Whose reports these are, as for import.")] = "",
    site: Annotated[str, typer.Option(help="The site of the reports, as for import.")] = "",
    asset: Annotated[str, typer.Option(help="The asset of the reports, as for import.")] = "",
    break_glass: Annotated[
        str,
        typer.Option(
            "--break-glass", help="Let it pass all the same, with this reason; it is kept in the audit trail."
        ),
    ] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether a build may go out: only exposures that are new count. Exit code 10 when it may not.

    With reports, these are judged in a copy of the workspace and nothing is kept; without, the last cycle is
    compared with the one before it.

    Example: foreshore gate trivy.json --source build --stop 'treatment = act_now or kev = yes'
    """
    from foreshore.cycle import gating

    opened = open_workspace(workspace)
    asked = gating.Asked(stop, where, baseline, source, site, asset)
    found = gating.gate(opened, asked, reports or (), on_note=note if json else say)
    if break_glass:
        found = gating.broken_glass(opened, found, break_glass, getpass.getuser())
    if json:
        print_json(found)
    else:
        _show(found)
    if not found["passes"]:
        raise PolicyStop(f"{found['new']:,} new exposures match “{stop}”")


def _show(found: dict[str, Any]) -> None:
    from foreshore.cli.reading import show_exposures

    since = found["baseline"] or "no earlier cycle"
    typer.echo(f"{found['matching']:,} exposures match “{found['stop']}”; {found['new']:,} are new since {since}.")
    if found["exposures"]:
        show_exposures(found["exposures"])
    if glass := found["broken_glass"]:
        typer.echo(f"Let pass by {glass['author']}: {glass['because']}")
    elif found["passes"]:
        typer.echo("It may go out.")

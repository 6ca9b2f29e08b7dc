"""The verb that runs live connectors: collect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, note, open_workspace, print_json, say, table
from foreshore.errors import UsageError

if TYPE_CHECKING:
    from foreshore.discovery.connectors._sources import Source
    from foreshore.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(collect)


def collect(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Sources; all without a name.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show the sources and the connectors there are.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be asked; ask and write nothing.")
    ] = False,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Also take over what was decided there (DefectDojo), each word once.")
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the live sources of sources.toml, and import what they answer.

    An interrupted run goes on where it stopped. Calls that are not allowed are named, the others go on.

    Example: foreshore collect cloud --dry-run
    """
    from foreshore.cycle import gathering
    from foreshore.discovery import collecting

    opened = open_workspace(workspace)
    if listed:
        _show_list(opened, json)
        return
    chosen = collecting.sources(opened, names or ())
    if dry_run:
        _show_plan(chosen, json)
        return
    if decisions and not any(source.kind in gathering.DECIDING for source in chosen):
        raise UsageError("these sources have no decisions to take over", where="--decisions", hint="leave it out")
    results = [_one(opened, source, quiet=json, decisions=decisions) for source in chosen]
    if json:
        print_json(results)
    if any(one["error"] or (one["import"] or {}).get("errors") for one in results):
        raise typer.Exit(1)


def _one(workspace: Workspace, source: Source, quiet: bool, decisions: bool = False) -> dict[str, Any]:
    """Collect one source and show what came of it."""
    from foreshore.cycle import gathering

    shown = gathering.one(workspace, source, decisions=decisions, note=note if quiet else say, say=say)
    if not quiet:
        _show_result(shown)
    return shown


def _show_list(workspace: Workspace, json: bool) -> None:
    from foreshore.discovery.connectors import _sources

    found = _sources.load(workspace.root)
    helps = {name: (type(one).__doc__ or "").strip().splitlines()[0] for name, one in _sources.connectors().items()}
    if json:
        rows = [{"source": one.name, "connector": one.kind, "site": one.site} for one in found.values()]
        print_json({"sources": rows, "connectors": [{"name": name, "does": text} for name, text in helps.items()]})
        return
    table(("source", "connector", "site"), [(one.name, one.kind, one.site) for one in found.values()])
    typer.echo("")
    table(("connector", "does"), list(helps.items()))


def _show_plan(chosen: list[Source], json: bool) -> None:
    import msgspec

    from foreshore.discovery import collecting

    plans = [(source, collecting.plan(source)) for source in chosen]
    if json:
        print_json([
            {"source": source.name, "connector": source.kind, "calls": msgspec.to_builtins(calls)}
            for source, calls in plans
        ])  # fmt: skip
        return
    rows = [(source.name, one.call, one.account, one.region, one.note) for source, calls in plans for one in calls]
    table(("source", "call", "account", "region", "note"), rows)
    typer.echo("Nothing was asked.")


def _show_result(shown: dict[str, Any]) -> None:
    from foreshore.cli.setup import show_import

    typer.echo(f"{shown['source']} ({shown['connector']}): {shown['answers']} answers, {len(shown['refused'])} refused")
    for one in shown["refused"]:
        where = ", ".join(part for part in (one["account"], one["region"], one["about"]) if part)
        say(f"refused: {one['call']} ({where}): {one['why']}")
    if shown["import"]:
        show_import(shown["import"])

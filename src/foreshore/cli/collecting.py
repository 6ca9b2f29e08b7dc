"""The verb that runs live connectors: collect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, note, open_workspace, print_json, say, table
from foreshore.errors import ForeshoreError, UsageError

if TYPE_CHECKING:
    from foreshore.discovery.collecting import Collected
    from foreshore.discovery.connectors._sources import Source
    from foreshore.workspace import Workspace


DECIDING = ("defectdojo",)  # connectors of products in which people decide


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
    from foreshore.discovery import collecting

    opened = open_workspace(workspace)
    if listed:
        _show_list(opened, json)
        return
    chosen = collecting.sources(opened, names or ())
    if dry_run:
        _show_plan(chosen, json)
        return
    if decisions and not any(source.kind in DECIDING for source in chosen):
        raise UsageError("these sources have no decisions to take over", where="--decisions", hint="leave it out")
    results = [_one(opened, source, quiet=json, decisions=decisions) for source in chosen]
    if json:
        print_json(results)
    if any(one["error"] or (one["import"] or {}).get("errors") for one in results):
        raise typer.Exit(1)


def _one(workspace: Workspace, source: Source, quiet: bool, decisions: bool = False) -> dict[str, Any]:
    """Collect and import one source; an error of one source does not stop the others."""
    from foreshore.cycle import leave
    from foreshore.discovery import collecting

    shown: dict[str, Any] = {"source": source.name, "connector": source.kind, "answers": 0, "resumed": 0,
                             "refused": [], "import": None, "error": None}  # fmt: skip
    try:
        with collecting.held(workspace, source):
            found = collecting.collect(
                workspace, source, on_note=note if quiet else say, leave=leave.of(workspace, source.kind)
            )
            shown |= {"answers": found.answers, "resumed": found.resumed, "refused": _told(found)}
            shown["import"] = _imported(workspace, found)
            if shown["import"]["errors"]:
                say(f"{source.name}: kept aside in {collecting.put_aside(workspace, source)}")
            else:
                if decisions and source.kind in DECIDING:
                    shown["decisions"] = _decided(workspace, found)
                collecting.clear(workspace, source)
                if found.resumed == found.answers:
                    say(f"{source.name}: this was the collection of {found.collected_at}; run again for the present")
    except ForeshoreError as error:
        shown["error"] = error.sentence()
        say(f"foreshore: {error.sentence()}")
    if not quiet:
        _show_result(shown)
    return shown


def _decided(workspace: Workspace, found: Collected) -> dict[str, Any]:
    """Take over the words that people gave in the source."""
    import msgspec

    from foreshore.cycle import bringing

    told: dict[str, Any] = msgspec.to_builtins(bringing.bring(workspace, found))
    for one in told["left_out"]:
        say(f"not taken over: {one}")
    say(f"{found.source}: {told['taken']} decisions taken over, {told['known']} exposures had a word already")
    return told


def _told(found: Collected) -> list[dict[str, str]]:
    import msgspec

    told: list[dict[str, str]] = msgspec.to_builtins(found.refused)
    return told


def _imported(workspace: Workspace, found: Collected) -> dict[str, Any]:
    """Import the reports of a collection, each under its source, and add up what that did."""
    import msgspec

    from foreshore.cycle import scopes, taking

    site = scopes.site_of_import(workspace, found.site or None, found.vantage, say)
    total: dict[str, Any] = {}
    for path, source in found.reports:
        result = taking.take(
            workspace, [Path(path)], source=source or None, site=site, vantage=found.vantage, on_note=note
        )
        total = _sum(total, msgspec.to_builtins(result))
    return total


def _sum(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    if not left:
        return right
    counts = {name: {key: left[name][key] + right[name][key] for key in left[name]} for name in ("exposures", "assets")}
    lists = {name: [*left[name], *right[name]] for name in ("runs", "errors", "skipped")}
    return lists | counts


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

"""Verbs that begin: demo, init, inspect, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, note, open_workspace, print_json, say, table
from foreshore.errors import NothingToRead

SourceOption = Annotated[str | None, typer.Option("--source", help="Who says so (default: the tool's name).")]
SiteOption = Annotated[str | None, typer.Option("--site", help="The site whose addresses these are.")]
VantageOption = Annotated[
    str | None,
    typer.Option("--from-zone", help="The zone in which the scanner stood: what it saw open is open from there."),
]
CoverageOption = Annotated[
    str | None,
    typer.Option(
        "--coverage",
        help="What you know these files to cover: none, complete (all results for the hosts in them) or site "
        "(all hosts of the site), with a floor if there is one, such as complete:high; or assets (they name all "
        "assets that the source knows, so that others of it are gone).",
    ),
]
MappingOption = Annotated[
    Path | None,
    typer.Option("--mapping", help="A mapping file (TOML) that says which of its columns or paths is which word."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(demo)
    app.command()(init)
    app.command()(inspect)
    app.command(name="import")(import_)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put the made-up company.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Another number makes another company.")] = 7,
    json: JsonOption = False,
) -> None:
    """Make a company with real-format reports, run a cycle, and print what matters.

    Example: foreshore demo demo
    """
    from foreshore.cli import tour

    result = tour.run(folder, seed, note if json else typer.echo, quiet=json)
    if json:
        print_json(result)


def init(
    folder: Annotated[Path, typer.Argument(help="The new workspace.")],
    reports: Annotated[list[Path] | None, typer.Argument(help="Reports to read first.")] = None,
    organization: Annotated[str | None, typer.Option(help="Name of the organisation.")] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="A service: NAME=SELECTOR[,SELECTOR…], for example 'Shop=name:web-*'.")
    ] = None,
    foundation: Annotated[list[str] | None, typer.Option(help="A shared foundation, in the same form.")] = None,
    site: SiteOption = None,
    from_zone: VantageOption = None,
    accept: Annotated[
        bool | None, typer.Option("--accept/--no-accept", help="Take the proposal as it is, or leave it out.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a workspace, read reports, and propose foundations and services with evidence.

    Asks at a terminal; elsewhere takes flags and defaults.

    Example: foreshore init ws reports/ --organization "Example Stores"
    """
    from foreshore.cli import beginning

    result = beginning.begin(
        folder, reports or [], organization=organization, services=service or [], foundations=foundation or [],
        site=site, vantage=from_zone, accept=accept, quiet=json,
    )  # fmt: skip
    if json:
        print_json(result)
    if result["errors"]:
        raise typer.Exit(1)


def inspect(
    files: Annotated[list[Path], typer.Argument(help="Files, folders or archives.")],
    mapping: MappingOption = None,
    json: JsonOption = False,
) -> None:
    """Tell what files are and what is in them, without storing anything.

    With --mapping, all files are read as the mapping says, and the first records are shown.

    Example: foreshore inspect scan.nessus
    """
    import msgspec

    from foreshore.discovery import inspection

    found = [msgspec.to_builtins(one) for one in inspection.inspect(files, mapping=mapping)]
    if json:
        print_json(found)
    else:
        head = ("file", "reader", "assets", "ports", "findings", "relations", "skipped", "what is wrong")
        rows = [
            (one["file"], one["reader"] or "–", *(str(one[name]) for name in head[2:6]), str(len(one["skipped"])),
             one["error"] or "")
            for one in found
        ]  # fmt: skip
        table(head, rows, right=(2, 3, 4, 5, 6))
        for one in found:
            show_sample(one)
    if not found:
        raise NothingToRead("there is no file to read", hint="name a report or a folder of reports")
    if any(one["error"] or not one["reader"] for one in found):
        raise typer.Exit(1)


def show_sample(one: dict[str, Any]) -> None:
    """Print the first records of a file that was read by a mapping, and what was not taken of it."""
    if "sample" not in one:
        return
    for record in one["sample"]:
        typer.echo(f"\n{record['record']}")
        for name, value in record.items():
            if name != "record":
                typer.echo(f"  {name}: {_plain(value)}")
    if one["skipped"]:
        typer.echo("")
    for part in one["skipped"][:10]:
        typer.echo(f"skipped, {part['where']}: {part['why']}")
    if len(one["skipped"]) > 10:
        typer.echo(f"and {len(one['skipped']) - 10} more; --json lists them")


def _plain(value: Any) -> str:
    if not isinstance(value, (list, tuple)):
        return str(value)
    return ", ".join("=".join(map(str, part)) if isinstance(part, (list, tuple)) else str(part) for part in value)


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files, folders or archives of reports.")],
    source: SourceOption = None,
    site: SiteOption = None,
    from_zone: VantageOption = None,
    coverage: CoverageOption = None,
    mapping: MappingOption = None,
    asset: Annotated[
        str,
        typer.Option("--asset", help="What the reports are about (repository, cluster, host) where they name none."),
    ] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Read reports into the workspace; the format is found by content, or said by a mapping.

    Example: foreshore import scans/ --site hq --from-zone office
    """
    import msgspec

    from foreshore.cycle import scopes, taking

    opened = open_workspace(workspace)
    result = taking.take(
        opened, paths, source=source, site=scopes.site_of_import(opened, site, from_zone or "", say),
        vantage=from_zone or "", coverage=coverage or "", on_note=note, mapping=mapping,
        asset=asset,
    )  # fmt: skip
    shown = msgspec.to_builtins(result)
    if json:
        print_json(shown)
    else:
        show_import(shown)
    if result.errors:
        raise typer.Exit(1)


def show_import(result: dict[str, Any]) -> None:
    """Print what an import did, and what it could not read."""
    rows = [
        (run["run"], run["file"], run["reader"], str(run["findings"]),
         "known already" if run["duplicate"] else run["coverage"])
        for run in result["runs"]
    ]  # fmt: skip
    table(("import", "file", "reader", "findings", "coverage"), rows, right=(3,))
    counts = result["exposures"]
    assets = result["assets"]
    typer.echo(
        f"Exposures: {counts['new']} new, {counts['seen']} seen again, {counts['fixed']} fixed, "
        f"{counts['reopened']} reopened. Assets: {assets['new']} new, {assets['seen']} seen again"
        + (f", {assets['review']} to review." if assets["review"] else ".")
    )
    open_only = [run for run in result["runs"] if run["coverage"] == "none" and not run["duplicate"]]
    if open_only:
        typer.echo(f"{len(open_only)} of these cannot show that anything was fixed: they do not say what they covered.")
    for error in result["errors"]:
        say(f"foreshore: {error['error']}")
    for part in result["skipped"][:5]:
        say(f"skipped in {part['file']}, {part['where']}: {part['why']}")
    if len(result["skipped"]) > 5:
        say(f"and {len(result['skipped']) - 5} more parts were skipped; --json lists them")

"""Verbs that answer questions: explain, report, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foreshore.cli.shared import (
    JsonOption,
    WorkspaceOption,
    interval,
    open_workspace,
    percent,
    print_json,
)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(explain)
    app.command()(report)
    app.command()(export)


def explain(
    exposure: Annotated[str, typer.Argument(help="The key of an exposure, or its beginning.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say why an exposure stands where it stands, and what would move it.

    Example: foreshore explain EXP-7Q2M
    """
    from foreshore.cycle import explaining

    found = explaining.explain(open_workspace(workspace), exposure)
    if json:
        print_json(found)
    else:
        show_explanation(found)


def show_explanation(found: dict[str, Any]) -> None:
    """Print the three answers, the facts and the path."""
    row = found["exposure"]
    typer.echo(f"{found['id']}  {row['weakness']}  {row['title']}")
    typer.echo(
        f"on {row['asset_name']} ({row['zone'] or 'in no zone'}, {row['site']}), seen by {', '.join(row['sources'])}"
    )
    typer.echo("")
    for one in found["answers"]:
        typer.echo(f"{one['question']}  {one['answer'].upper()}: {one['why']}")
    typer.echo("")
    share = row["contribution"]
    if share["mean"]:
        likely = interval(share["low"], share["high"])
        typer.echo(f"Removes {percent(share['mean'])} of the modelled risk if fixed (likely {likely}).")
    else:
        typer.echo("Fixing it removes too little of the modelled risk to be measured (less than 0.05 %).")
    typer.echo(row["reason"])
    typer.echo(row["would_lower"])
    for one in found["decision_points"]:
        typer.echo(
            f"{one['table']}: {one['outcome']}" + (f", decided by {one['decided_by']}" if one["decided_by"] else "")
        )
        for point in one["points"]:
            typer.echo(
                f"    {point['point'].replace('_', ' ')} = {point['value']}: {point['fact']} ({point['source']})"
            )
    if row["label"] and not found["decision_points"]:
        typer.echo(f"SSVC: {row['label']}")
    typer.echo("")
    for fact in found["facts"]:
        typer.echo(f"- {fact['fact']} ({fact['source']}{', ' + fact['age'] if fact['age'] else ''})")
    show_words(found["decisions"])
    if found["path"]:
        typer.echo("")
        typer.echo("The likeliest way:")
    for number, step in enumerate(found["path"], start=1):
        assumed = " [assumed]" if step["assumed"] else ""
        age = f", {step['age']}" if step["age"] else ""
        typer.echo(f"{number:>2}. {step['step']}{assumed}")
        typer.echo(f"    {step['fact']} ({step['source']}{age})")


def show_words(words: list[dict[str, Any]]) -> None:
    """Print what was decided on an exposure, oldest first."""
    from foreshore.cycle import spoken

    if words:
        typer.echo("")
        typer.echo("What was decided:")
    for one in words:
        typer.echo(f"- {spoken.sentence(one)}")


def report(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write it.")] = None,
    format: Annotated[str, typer.Option("--format", "-f", help="html, pdf, md, json or csv.")] = "html",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write the report of the last cycle: one file that a manager can read and print.

    Example: foreshore report --out report.html
    """
    from foreshore.report import writing

    path = writing.write(open_workspace(workspace), format, out)
    if json:
        print_json({"file": str(path), "format": format, "bytes": path.stat().st_size})
    else:
        typer.echo(f"Written: {path}")


def export(
    format: Annotated[str, typer.Option("--format", "-f", help="ocsf, cyclonedx, openvex, csv or parquet.")],
    where: Annotated[str, typer.Option(help="A query: only exposures that match it.")] = "",
    out: Annotated[str, typer.Option("--out", "-o", help="The file (or folder, for csv and parquet); - prints.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write exposures for other programs, or every table as CSV or Parquet.

    Example: foreshore export --format openvex --where 'kev = true' --out kev.openvex.json
    """
    from foreshore.report import exports

    found = exports.write(open_workspace(workspace), format, where=where, out=out)
    if out == "-":
        return
    if json:
        print_json(found)
        return
    count = f"{len(found['tables'])} tables" if "tables" in found else f"{found['exposures']:,} exposures"
    typer.echo(f"Written: {found['file']} ({count})")
    for why, number in found["left_out"].items():
        typer.echo(f"  {number:,} left out: {why}")

"""Verbs that answer questions: explain, paths, plan, diff, report, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foreshore.cli.shared import (
    JsonOption,
    WorkspaceOption,
    interval,
    note,
    open_workspace,
    percent,
    print_json,
    table,
)
from foreshore.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(explain)
    app.command()(paths)
    app.command()(plan)
    app.command()(diff)
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
    if found["path"]:
        typer.echo("")
        typer.echo("The likeliest way:")
    for number, step in enumerate(found["path"], start=1):
        assumed = " [assumed]" if step["assumed"] else ""
        age = f", {step['age']}" if step["age"] else ""
        typer.echo(f"{number:>2}. {step['step']}{assumed}")
        typer.echo(f"    {step['fact']} ({step['source']}{age})")


def paths(
    to: Annotated[str, typer.Option(help="Only to this service.")] = "",
    from_: Annotated[str, typer.Option("--from", help="Only from this place.")] = "",
    through: Annotated[str, typer.Option(help="Only through an asset with this in its name.")] = "",
    avoid: Annotated[str, typer.Option(help="Not through an asset with this in its name.")] = "",
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="How many.")] = 5,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show the likeliest ways of an attacker to services.

    Example: foreshore paths --to "Card payments"
    """
    from foreshore.prioritization import answers

    found = answers.paths(open_workspace(workspace), to=to, start=from_, through=through, avoid=avoid, top=top)
    if json:
        print_json(found)
        return
    for one in found:
        typer.echo(f"To {one['service']}: about {percent(one['probability'])} for one attack along this way")
        for number, step in enumerate(one["path"], start=1):
            assumed = " [assumed]" if step["assumed"] else ""
            typer.echo(f"{number:>3}. {step['step']}{assumed}")
        typer.echo("")
    if not found:
        typer.echo("No such way is known.")


def plan(
    hours: Annotated[list[str] | None, typer.Option(help="Hours a team has: TEAM=N. May be repeated.")] = None,
    changes: Annotated[int, typer.Option(min=1, help="At most so many actions.")] = 10,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Choose the actions that remove most within the teams' hours, with a bound on what any plan could do.

    Example: foreshore plan --hours payments-team=20 --changes 5
    """
    from foreshore.cycle import planning

    found = planning.plan(open_workspace(workspace), hours=_hours(hours or []), changes=changes, on_note=note)
    if json:
        print_json(found)
    else:
        show_plan(found)


def _hours(texts: list[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        team, sign, number = text.rpartition("=")
        try:
            found[team] = float(number)
        except ValueError:
            sign = ""
        if not sign or not team or found[team] < 0:
            raise UsageError(f"“{text}” is not TEAM=HOURS", hint="--hours payments-team=20")
    return found


def show_plan(found: dict[str, Any]) -> None:
    """Print the plan in order, with the risk left after each action."""
    rows = [
        (str(number), one["id"], one["title"], one["team"], f"{one['hours']:.1f}", percent(one["removes"]), percent(one["left"]))
        for number, one in enumerate(found["actions"], start=1)
    ]  # fmt: skip
    table(("#", "action", "what to do", "team", "hours", "removes", "risk left"), rows, right=(0, 4, 5, 6))
    typer.echo(
        f"Together {percent(found['before'] - found['after'])} of the modelled risk; "
        f"no plan within this budget can remove more than {percent(found['bound'])}."
    )


def diff(
    old: Annotated[str | None, typer.Argument(help="The earlier cycle (default: the last but one).")] = None,
    new: Annotated[str | None, typer.Argument(help="The later cycle (default: the last).")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two cycles: how much the world, our sight, our fixes and our yardstick changed the risk.

    Example: foreshore diff
    """
    from foreshore.cycle import trend

    found = trend.diff(open_workspace(workspace), old or "", new or "", on_note=note)
    if json:
        print_json(found)
    else:
        show_diff(found)


def show_diff(found: dict[str, Any]) -> None:
    """Print the change, its four parts, and what came and went."""
    typer.echo(f"From {found['old']} to {found['new']}")
    if not found["changed"]:
        typer.echo("Nothing changed.")
        return
    rows = [(one["cause"], _signed(one["change"]), one["what"]) for one in found["parts"]]
    rows.append(("together", _signed(found["change"]), "of the earlier cycle's modelled risk"))
    table(("cause", "risk", "what happened"), rows, right=(1,))
    counts = found["exposures"]
    typer.echo(
        f"Exposures: {counts['new']:,} new, {counts['fixed']:,} fixed, {counts['reopened']:,} reopened, "
        f"{counts['moved']:,} treated otherwise."
    )


def _signed(share: float) -> str:
    return f"{share:+.2f} %" if share else "0 %"


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

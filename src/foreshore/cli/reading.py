"""Verbs that read the last cycle: exposures, moved, actions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from foreshore.cli.shared import (
    EXPLOITS,
    JsonOption,
    WorkspaceOption,
    day,
    interval,
    open_workspace,
    percent,
    print_json,
    table,
)
from foreshore.errors import PolicyStop
from foreshore.facts import TREATMENT_WORDS

TopOption = Annotated[int | None, typer.Option("--top", "-n", min=1, help="Only the first so many.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(exposures)
    app.command()(moved)
    app.command()(actions)


def exposures(
    where: Annotated[str, typer.Option(help="A query, such as 'treatment = act_now and owner = shop'.")] = "",
    top: TopOption = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="Exit with 10 if any open exposure matches this query.")
    ] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List exposures in order: what to look at first stands first.

    Example: foreshore exposures --where 'reachable = yes and exploit != none_known' --top 20
    """
    from foreshore.query import lists

    opened = open_workspace(workspace)
    if json:
        print_json(list(lists.exposures(opened, where=where, top=top)))
    else:
        show_exposures(list(lists.exposures(opened, where=where, top=top or 20)))
    if fail_on and any(True for _ in lists.exposure_rows(opened, where=fail_on, top=1, dismissed=False)):
        raise PolicyStop(f"an open exposure matches “{fail_on}”")


def show_exposures(rows: list[dict[str, Any]]) -> None:
    """Print exposures for people."""
    head = ("#", "exposure", "what", "where", "reachable?", "exploit?", "leads to", "risk it carries", "treatment")
    table(head, [exposure_row(row) for row in rows], right=(0,))
    if not rows:
        typer.echo("No exposure matches.")


def exposure_row(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of one exposure for people."""
    what = row["weakness"] if row["weakness"] in row["title"] else f"{row['weakness']} {row['title']}"
    share = row["contribution"]
    risk = f"{percent(share['mean'])} ({interval(share['low'], share['high'])})" if share["mean"] else "–"
    treatment = row["disposition"] if row["treatment"] is None else TREATMENT_WORDS[row["treatment"]]
    return (
        str(row["rank"]), row["id"], _short(what, 46), _short(row["asset_name"], 30), row["reachable"],
        EXPLOITS.get(row["exploit"], row["exploit"]), _short(", ".join(row["leads_to"]) or "nothing critical", 26),
        risk, str(treatment).replace("_", " "),
    )  # fmt: skip


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def moved(
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="How many of each list to compare.")] = 20,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Compare the scanners' first exposures with ours: what fell and what rose, and why.

    Example: foreshore moved
    """
    from foreshore.query import moves

    found = moves.from_serving(open_workspace(workspace), top)
    if json:
        print_json(found)
        return
    head = ("", "scanners", "ours", "what", "where", "why")
    rows = [
        ("↓" if one["direction"] == "fell" else "↑", str(one["scanner_rank"]), str(one["our_rank"]),
         f"{one['weakness'] if one['weakness'].startswith(('CVE-', 'GHSA-')) else one['title']} ({one['score']})", one["asset_name"], one["sentence"])
        for one in found
    ]  # fmt: skip
    table(head, rows, right=(1, 2))
    if not found:
        typer.echo(f"The scanners' first {top} and ours are the same.")


def actions(
    team: Annotated[str, typer.Option(help="Only this team's.")] = "",
    ticket: Annotated[str, typer.Option(help="Show this action's ticket.")] = "",
    format: Annotated[str, typer.Option("--format", help="Of the ticket or list: md, json or csv.")] = "md",
    top: TopOption = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List actions, one fix each; or show one as the ticket that an engineer gets.

    Examples: foreshore actions --team payments-team · foreshore actions --ticket ACT-7Q2M
    """
    from foreshore.mobilization import lists as action_lists

    opened = open_workspace(workspace)
    if ticket:
        typer.echo(action_lists.ticket(opened, ticket, "json" if json else format), nl=False)
        return
    if format == "csv" and not json:
        typer.echo(action_lists.csv(opened, team=team), nl=False)
        return
    found = action_lists.actions(opened, team=team, top=top)
    if json:
        print_json(found)
        return
    show_actions(found[: top or 20])


def show_actions(found: list[dict[str, Any]]) -> None:
    """Print actions for people."""
    head = ("action", "what to do", "team", "through", "hours", "due", "exposures", "removes alone")
    rows = [
        (one["id"], _short(one["title"], 60), one["team"], one["channel"], f"{one['hours']:.1f}",
         day(one["due"]), str(one["exposures"]), percent(one["removes"]))
        for one in found
    ]  # fmt: skip
    table(head, rows, right=(4, 6, 7))
    typer.echo("Hours are guesses until a team gives its own (policy/effort.toml).")

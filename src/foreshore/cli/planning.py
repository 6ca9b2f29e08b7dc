"""The verbs that look ahead and back: plan and diff."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, note, open_workspace, percent, print_json, table
from foreshore.errors import UsageError

Several = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(plan)
    app.command()(diff)


def plan(
    hours: Annotated[Several, typer.Option(help="Hours a team has: TEAM=N. May be repeated.")] = None,
    changes: Annotated[int, typer.Option(min=1, help="At most so many actions.")] = 10,
    must: Annotated[Several, typer.Option(help="An action that is done in any case: ACT-…. May be repeated.")] = None,
    barred: Annotated[
        Several, typer.Option("--not", help="An action that is not done: ACT-…. May be repeated.")
    ] = None,
    excludes: Annotated[Several, typer.Option(help="Two of which at most one is done: ACT-…,ACT-….")] = None,
    needs: Annotated[Several, typer.Option(help="The first is done only with the second: ACT-…,ACT-….")] = None,
    worlds: Annotated[int | None, typer.Option(min=64, help="Simulated years to choose on (default: 512).")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Choose the actions that remove most within hours, windows and changes, with a proven bound on what any plan could do.

    Example: foreshore plan --hours payments-team=20 --changes 5 --not ACT-7Q2M
    """
    from foreshore.cycle import planning

    wishes = planning.Wishes(
        _hours(hours or []), changes, must or (), barred or (), excludes or (), needs or (), worlds
    )
    found = planning.plan(open_workspace(workspace), wishes, on_note=note)
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
        if not sign or not team or not 0 <= found[team] < float("inf"):
            raise UsageError(f"“{text}” is not TEAM=HOURS", hint="--hours payments-team=20")
    return found


def show_plan(found: dict[str, Any]) -> None:
    """Print the plan in order, with the risk left after each action."""
    dated = any(one.get("window") for one in found["actions"])
    rows = [
        (str(number), one["id"], one["title"], one["team"], f"{one['hours']:.1f}", percent(one["removes"]),
         percent(one["left"]), *((_window(one["window"]),) if dated else ()))
        for number, one in enumerate(found["actions"], start=1)
    ]  # fmt: skip
    head = ("#", "action", "what to do", "team", "hours", "removes", "risk left", *(("when",) if dated else ()))
    table(head, rows, right=(0, 4, 5, 6))
    removed = percent(found["before"] - found["after"])
    if found["exact"]:
        limit = "no plan within these terms removes more on the same simulated years"
    else:
        limit = f"no plan within these terms can remove more than {percent(found['bound'])} on the same simulated years"
    typer.echo(f"Together {removed} of the modelled risk; {limit}.")
    typer.echo(
        f"On {found['worlds']:,} fresh years, on which it was not chosen, it removes {percent(found['fresh']['removes'])}."
    )


def _window(when: dict[str, Any] | None) -> str:
    if not when:
        return "any time"
    first, last = when["first"], when["last"]
    return f"{first:%Y-%m-%d %H:%M}" + (f" to {last:%Y-%m-%d}" if last.date() != first.date() else "")


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
    rows = []
    for one in found["parts"]:
        rows.append((one["cause"], _signed(one["change"]), one["what"]))
        finer = [cause for cause in found["causes"] if cause["part"] == one["cause"] and cause["change"]]
        rows += [(f"  {cause['cause']}", _signed(cause["change"]), "") for cause in finer]
    rows.append(("together", _signed(found["change"]), "of the earlier cycle's modelled risk"))
    table(("cause", "risk", "what happened"), rows, right=(1,))
    counts = found["exposures"]
    typer.echo(
        f"Exposures: {counts['new']:,} new, {counts['fixed']:,} fixed, {counts['reopened']:,} reopened, "
        f"{counts['moved']:,} treated otherwise."
    )


def _signed(share: float) -> str:
    return f"{share:+.2f} %" if share else "0 %"

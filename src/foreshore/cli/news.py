"""What newer intelligence means here: `intel impact`, and the list after an update."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from foreshore.cli.shared import (
    JsonOption,
    WorkspaceOption,
    open_workspace,
    percent,
    print_json,
    say,
    table,
)
from foreshore.facts import TREATMENT_WORDS


def register(group: typer.Typer) -> None:
    """Add `impact` to the group of intelligence's verbs."""
    group.command()(impact)


def impact(
    weakness: Annotated[str, typer.Argument(help="A public name, such as CVE-2021-44228 or GHSA-jfh8-c2jp-5v3q.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Tell what a weakness means here by the intelligence of now, without a cycle.

    Example: foreshore intel impact CVE-2021-44228
    """
    from foreshore.cycle import news

    found = news.impact(open_workspace(workspace), weakness)
    if json:
        print_json(found)
    else:
        show_impact(found)


def show_impact(found: dict[str, Any]) -> None:
    """Print the sentences, and the exposures with their treatment as it was and would be."""
    for sentence in found["sentences"]:
        typer.echo(sentence)
    if not found["rows"]:
        return
    typer.echo("")
    table(
        ("exposure", "asset", "treatment", "would be", "share of risk", "would be", "between", "due"),
        [_row(one) for one in found["rows"]], right=(4, 5),
    )  # fmt: skip
    rest = found["exposures"] - len(found["rows"])
    if rest > 0:
        say(f"and {rest:,} more (--json lists as many; foreshore exposures --where 'weakness = …' lists all)")
    typer.echo("Shares and treatments are preliminary until the next cycle: foreshore cycle")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    share, treated = one["contribution"], one["treatment"]
    others = [TREATMENT_WORDS[name] for name in treated["may_be"] if name != treated["is"]]
    now = TREATMENT_WORDS[treated["is"]] + (f" (or {', '.join(others)})" if others else "")
    mean = percent(share["mean"]) if share["mean"] is not None else "not known"
    return (
        one["id"], one["asset_name"], TREATMENT_WORDS[treated["was"]], now, percent(share["was"]), mean,
        f"{percent(share['low'])} to {percent(share['high'])}", str(one["due"]["is"] or ""),
    )  # fmt: skip


def show_after(told: dict[str, Any]) -> None:
    """Print what an update means here, most important first."""
    if not told["lines"]:
        return
    typer.echo("")
    typer.echo("What this means here (preliminary until the next cycle):")
    for line in told["lines"]:
        typer.echo(f"  {line}")
    if told["more"]:
        typer.echo(f"  and {told['more']:,} more weaknesses: foreshore intel impact NAME")

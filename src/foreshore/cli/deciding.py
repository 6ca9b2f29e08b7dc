"""The verb that takes a person's word: decide."""

from __future__ import annotations

import getpass
from datetime import date
from typing import Annotated

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, open_workspace, print_json
from foreshore.errors import UsageError

WORDS = {
    "false-positive": "false_positive", "not-applicable": "not_applicable", "accepted": "accepted",
    "mitigated": "mitigated", "duplicate": "duplicate", "not-ours": "not_ours", "done": "claimed_fixed",
    "withdrawn": "withdrawn",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(decide)


def decide(
    exposures: Annotated[list[str], typer.Argument(help="Keys of exposures, or their beginnings.")],
    as_: Annotated[str, typer.Option("--as", help=", ".join(WORDS))],
    because: Annotated[str, typer.Option(help="The reason, for those who ask later.")],
    until: Annotated[str | None, typer.Option(help="End of an acceptance, such as 2026-12-31.")] = None,
    like_this: Annotated[
        bool, typer.Option("--like-this", help="Also all open exposures of the same weakness and component.")
    ] = False,
    assume: Annotated[
        list[str] | None,
        typer.Option(help="What an exception rests on: a phrase (see the manual) or a query. May be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask after the preview of --like-this.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a person decided about exposures; no import ever changes that.

    An exception (accepted, mitigated) may name what it rests on; when that stops holding, it is revoked and told.

    Example: foreshore decide EXP-7Q2M --as false-positive --because "the fix is backported"

    Example: foreshore decide EXP-7Q2M --as accepted --until 2026-12-31 --because "replaced in December" --assume "not reachable from the internet"
    """
    from foreshore.cycle import deciding

    if as_ not in WORDS:
        raise UsageError(f"“{as_}” is not a decision", hint=", ".join(WORDS))
    opened = open_workspace(workspace)
    chosen = deciding.chosen(opened, exposures, like_this=like_this)
    if like_this:
        for row in chosen:
            typer.echo(f"{row['id']}  {row['weakness']}  {row['asset_name']}", err=True)
        if not yes and not typer.confirm(f"Decide all {len(chosen)}?", err=True):
            raise typer.Exit(1)
    result = deciding.decide(
        opened, chosen, WORDS[as_], because=because, until=_day(until), author=getpass.getuser(),
        like_this="same weakness and component" if like_this else "", assume=assume or [],
    )  # fmt: skip
    if json:
        print_json(result)
        return
    for row in result:
        typer.echo(f"{row['id']} {row['weakness']} on {row['asset_name']}: {as_}")
    for one in result[0]["assumes"]:
        meant = "" if one["said"] == one["query"] else f" ({one['query']})"
        typer.echo(f"Assumed: {one['said']}{meant}. When that stops holding, this is revoked and told.")
    typer.echo("The next cycle counts with this; lists show it now.")


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"“{text}” is not a date", hint="2026-12-31") from None

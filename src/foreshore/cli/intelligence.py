"""The verbs of intelligence: update, show, status, held, release, discard."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from foreshore.cli import news
from foreshore.cli.shared import (
    EXPLOITS,
    JsonOption,
    WorkspaceOption,
    day,
    note,
    open_workspace,
    percent,
    print_json,
    say,
    table,
)
from foreshore.errors import PolicyStop, UsageError

intel_app = typer.Typer(no_args_is_help=True, help="What the world knows of weaknesses.", rich_markup_mode=None)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of what is held, or its beginning.")]
BecauseOption = Annotated[str, typer.Option(help="The reason, for those who ask later.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    news.register(intel_app)
    app.add_typer(intel_app, name="intel")


@intel_app.command()
def update(
    sources: Annotated[
        list[str] | None, typer.Option("--from", help="A file, folder or address to read in place of the usual ones.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Keep all weaknesses, not only those present here.")
    ] = False,
    from_evidence: Annotated[
        bool, typer.Option("--from-evidence", help="Read again all that was ever read and is still kept.")
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Read threat intelligence: known exploitation, chances of exploitation, exploits, scores.

    Only what changed since the last time is fetched. News that would move too much at once is held for a
    person (exit code 10); see `foreshore intel held`.

    Example: foreshore intel update --from feeds/
    """
    from foreshore.cycle import feeding

    if from_evidence and sources:
        raise UsageError("either new sources or what is kept", where="--from-evidence", hint="leave out --from")
    result, told = feeding.update(
        open_workspace(workspace),
        sources=sources or (),
        everything=everything,
        from_evidence=from_evidence,
        on_note=note,
    )
    if json:
        print_json(result)
    else:
        show_update(result)
        news.show_after(told)
    if result["errors"]:
        raise typer.Exit(1)
    if result["held"]:
        raise typer.Exit(PolicyStop.exit_code)


def show_update(result: dict[str, Any]) -> None:
    """Print what each feed brought, what is held, and what stays unknown."""
    rows = [
        (one["feed"], one["file"], str(one["observed_at"] or "")[:10], f"{one['read']:,}", f"{one['new']:,}")
        for one in result["feeds"]
    ]
    table(("feed", "from", "as of", "statements here", "new"), rows, right=(3, 4))
    for where in result["unchanged"]:
        typer.echo(f"Unchanged since the last time: {where}")
    for name in result["never_read"]:
        typer.echo(f"Never read: {name}. What only it would tell is unknown, not zero.")
    for one in result["held"]:
        say(f"HELD {one['id']}: {'; '.join(one['reasons'])}. Nothing of it counts yet. See: foreshore intel held")
    for one in result["skipped"][:5]:
        say(f"not taken: {one['file']}: {one['why']}")
    for one in result["errors"]:
        say(f"foreshore: {one['error']}")


@intel_app.command()
def status(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show how fresh each feed is, and what is unknown because one is old or was never read.

    Example: foreshore intel status
    """
    from foreshore.intel import status as looking

    found = looking.status(open_workspace(workspace))
    if json:
        print_json(found)
        return
    rows = [
        (one["feed"], day(one["date"]) or "never", "" if one["age_days"] is None else f"{one['age_days']:,}",
         f"{one['stale_after_days']:,.0f}", _MARKS[one["stale"]], day(one["read_at"]), one["unknown"])
        for one in found["feeds"]
    ]  # fmt: skip
    table(("feed", "as of", "days old", "old after", "old", "last read", "so this is not known"), rows, right=(2, 3))
    for one in found["sources"]:
        if one["failure"]:
            say(f"failed on {day(one['failed_at'])}: {one['failure']}")
    if found["held"]:
        say(f"{len(found['held'])} held for a person: foreshore intel held")


_MARKS = {True: "yes", False: "no", None: "never read"}


@intel_app.command()
def held(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the news that waits for a person: why, what it would move, whom it touches.

    Example: foreshore intel held
    """
    from foreshore.cycle import feeding

    found = feeding.held(open_workspace(workspace))
    if json:
        print_json(found)
        return
    for one in found:
        _show_held(one)
    if not found:
        typer.echo("Nothing is held.")


def _show_held(one: dict[str, Any]) -> None:
    typer.echo(f"{one['id']}  held since {str(one['held_at'])[:10]}")
    for reason in one["reasons"]:
        typer.echo(f"  because {reason}")
    kinds = ", ".join(f"{count:,} by {kind}" for kind, count in one["kinds"].items())
    typer.echo(
        f"  {one['moved']:,} weaknesses would change ({kinds or 'none'}); {one['exposures']:,} exposures have them"
    )
    table(
        ("weakness", "what", "is", "would be"),
        [(row["weakness"], row["kind"], row["was"], row["becomes"]) for row in one["examples"]],
    )
    typer.echo(
        f"  foreshore intel release {one['id']} --because …   or   foreshore intel discard {one['id']} --because …"
    )


@intel_app.command()
def release(
    ident: IdArgument, because: BecauseOption, workspace: WorkspaceOption = None, json: JsonOption = False
) -> None:
    """Let news that was held into the facts; who did so and why is kept with the decisions.

    Example: foreshore intel release kev-3f9a12cd --because "confirmed with the catalogue's makers"
    """
    from foreshore.cycle import feeding

    found, told = feeding.release(open_workspace(workspace), ident, because=because, author=getpass.getuser())
    if json:
        print_json(found)
        return
    typer.echo(f"{found['id']} is released: {found['new']:,} statements are new. The next cycle counts with them.")
    news.show_after(told)


@intel_app.command()
def discard(
    ident: IdArgument, because: BecauseOption, workspace: WorkspaceOption = None, json: JsonOption = False
) -> None:
    """Turn away news that was held; the same bytes are not asked about again.

    Example: foreshore intel discard kev-3f9a12cd --because "the file was cut off at its makers"
    """
    from foreshore.cycle import feeding

    found = feeding.discard(open_workspace(workspace), ident, because=because, author=getpass.getuser())
    if json:
        print_json(found)
        return
    typer.echo(f"{found['id']} is discarded; nothing was changed.")


@intel_app.command()
def show(
    weakness: Annotated[str, typer.Argument(help="A public name, such as CVE-2021-44228.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Tell what is known of one weakness, since when, and by whom.

    Example: foreshore intel show CVE-2021-44228
    """
    from foreshore.intel import show as showing
    from foreshore.store import open_lake

    with open_lake(open_workspace(workspace), read_only=True) as lake:
        found = showing.show(lake, weakness)
    if json:
        print_json(found)
    else:
        show_weakness(found)


_OF = {"weakness": "named for this weakness", "cwe": "by its kind of weakness"}


def show_weakness(found: dict[str, Any]) -> None:
    """Print the summary of one weakness and the statements it comes from."""
    summary = found["summary"]
    typer.echo(f"{summary['weakness']}  {summary['description'][:300]}".rstrip())
    typer.echo(f"On {found['present']:,} places here.")
    score = f"{summary['cvss']:.1f} ({summary['cvss_vector']})" if summary["cvss"] is not None else "unknown"
    chance = f"{percent(summary['epss'])} ({day(summary['epss_at'])})" if summary["epss"] is not None else "unknown"
    known = {True: f"yes, since {day(summary['kev_at'])}", False: "no", None: "unknown: no catalogue was read"}
    typer.echo(
        f"Exploit: {EXPLOITS.get(summary['exploit'], summary['exploit'])}. Known to be exploited: {known[summary['kev']]}."
    )
    typer.echo(f"EPSS: {chance}. CVSS: {score}.")
    typer.echo(found["exploit"]["sentence"])
    if summary["own"] is not None:
        typer.echo(f"Own model ({summary['own_model']}): {percent(summary['own'])} in the next 30 days.")
    for line in found["standards"]["sentences"]:
        typer.echo(line)
    for one in found["techniques"]:
        typer.echo(f"ATT&CK {one['id']} {one['name']} ({_OF[one['of']]})".replace("  ", " "))
    rows = [
        (one["kind"], "" if one["value"] is None else f"{one['value']:g}", (one["text"] or "")[:60], one["source"],
         day(one["observed_at"]))
        for one in found["signals"] if one["kind"] != "description"
    ]  # fmt: skip
    table(("what", "value", "text", "source", "since"), rows[:40], right=(1,))

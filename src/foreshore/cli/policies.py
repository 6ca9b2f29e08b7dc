"""Verbs about the policy: show, copy, check, diff, history, preview."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foreshore.cli.shared import (
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
from foreshore.errors import UsageError
from foreshore.facts import TREATMENT_WORDS

policy_app = typer.Typer(
    no_args_is_help=True, help="The numbers and tables that everything is counted with.", rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.add_typer(policy_app, name="policy")


@policy_app.command()
def show(
    name: Annotated[str, typer.Argument(help="A file, such as treatment or obligations.toml.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List the policy's files: which are the organisation's own, what they change, their digests; or print one.

    Example: foreshore policy show treatment
    """
    from foreshore.policy import files

    folder = open_workspace(workspace).policy_dir
    rows = [{**one, "changes": [change._asdict() for change in one["changes"]]} for one in files.listed(folder)]
    if name:
        wanted = files.named(name)
        found = next(one for one in rows if one["file"] == wanted)
        text = _text(folder / wanted) if found["own"] else files.shipped(wanted)
        if json:
            print_json({**found, "text": text})
        else:
            typer.echo(text, nl=False)
        return
    if json:
        print_json(rows)
        return
    head = ("file", "whose", "changes", "digest")
    table(
        head,
        [
            (one["file"], "own copy" if one["own"] else "shipped", str(len(one["changes"])) if one["own"] else "",
             (one["digest"] or "cannot be read")[:12])
            for one in rows
        ],
        right=(2,),
    )  # fmt: skip
    if not any(one["own"] for one in rows):
        typer.echo("All as shipped. To change one: foreshore policy copy NAME")


def _text(path: Path) -> str:
    from foreshore import policy

    return policy.text_of(path)


@policy_app.command()
def copy(
    name: Annotated[str, typer.Argument(help="A file, such as treatment or obligations.toml.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Put a copy of a shipped file into the workspace's folder policy/, to edit; the next cycle reads it.

    Example: foreshore policy copy treatment
    """
    from foreshore.policy import files

    path = files.copy(open_workspace(workspace).policy_dir, name)
    if json:
        print_json({"file": path.name, "path": str(path)})
    else:
        typer.echo(f"{path}: edit it, then: foreshore policy check, foreshore policy diff")


@policy_app.command()
def check(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Check the own files: each mistake with its file and line, what is wrong, and what to try. Exit 1 if any.

    Example: foreshore policy check
    """
    from foreshore.policy import files

    found = files.problems(open_workspace(workspace).policy_dir)
    if json:
        print_json(found)
    for one in [] if json else found:
        hint = f" Try: {one['hint']}" if one["hint"] else ""
        typer.echo(f"{one['where']}: {one['what']}{hint}")
    if found:
        raise typer.Exit(1)
    if not json:
        typer.echo("The policy is valid.")


@policy_app.command()
def diff(
    from_: Annotated[
        str, typer.Option("--from", help="A folder of policy files, or the key of an earlier cycle (default: policy/).")
    ] = "",
    top: Annotated[int | None, typer.Option("--top", "-n", min=1, help="Only the first so many exposures.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Tell which exposures the edited policy would move, and why, before it takes effect. Nothing is written.

    Example: foreshore policy diff
    """
    from foreshore.cycle import policies

    found = policies.diff(open_workspace(workspace), from_, top=top if json else top or 20, say=note)
    if json:
        print_json(found)
    else:
        _show_diff(found)


def _show_diff(found: dict[str, Any]) -> None:
    if not found["changes"]:
        typer.echo(f"The policy is that of the last cycle ({found['cycle']}): nothing would move.")
        return
    table(
        ("file", "entry", "in the last cycle", "edited"),
        [(one["file"], one["key"], one["old"] or "–", one["new"] or "–") for one in found["changes"]],
    )
    typer.echo("")
    by = found["moved_by"]
    typer.echo(
        f"{found['moved']:,} exposures of {found['cycle']} would move: {by['treatment']:,} treated otherwise, "
        f"{by['label']:,} with another label, {by['due']:,} with another deadline, {by['place']:,} within the first 50."
    )
    if not found["moved"]:
        return
    for one in found["exposures"]:
        typer.echo(f"{one['id']}  {one['weakness']} on {one['asset_name']}: {one['sentence']}")
    if found["moved"] > len(found["exposures"]):
        typer.echo(f"and {found['moved'] - len(found['exposures']):,} more: --top, or --json")
    typer.echo("")
    table(
        ("treatment", "before", "after"),
        [(TREATMENT_WORDS.get(one["treatment"], one["treatment"]), f"{one['before']:,}", f"{one['after']:,}")
         for one in found["treatments"]],
        right=(1, 2),
    )  # fmt: skip
    typer.echo("")
    table(
        ("service", "falls in a year", "would be", "share of risk", "would be"),
        [
            (one["service"], percent(one["probability_before"]), percent(one["probability_after"]),
             percent(one["share_before"]), percent(one["share_after"]))
            for one in found["services"]
        ],
        right=(1, 2, 3, 4),
    )  # fmt: skip
    say("Nothing was written: the next foreshore cycle takes the policy as it is in policy/.")


@policy_app.command()
def history(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Tell with which policy each cycle was counted, when it changed, and what.

    Example: foreshore policy history
    """
    from foreshore.cycle import yardsticks
    from foreshore.store import open_lake

    with open_lake(open_workspace(workspace), read_only=True) as lake:
        found = yardsticks.history(lake)
    if json:
        print_json(found)
        return
    for one in found:
        if one["changed"] or one is found[0]:
            changed = "changed" if one["changed"] else "first cycle"
            typer.echo(f"{day(one['run_at'])}  {one['cycle']}  policy {one['digest'][:12]}  {changed}")
            for change in one["changes"]:
                typer.echo(f"    {change['file']}: {change['key']} {change['old'] or '–'} → {change['new'] or '–'}")
            if one["changed"] and not one["changes"]:
                typer.echo("    sources, or entries that a newer program brought; no number or table of before")
    same = sum(1 for one in found if not one["changed"]) - 1
    if same > 0:
        typer.echo(f"{same:,} more cycles were counted with the same policy as the one before.")
    if not found:
        typer.echo("No cycle has run yet.")


@policy_app.command()
def preview(
    rule: Annotated[str, typer.Argument(help="A deadline rule of obligations.toml, such as bod-26-04 or pci-dss.")],
    service: Annotated[str, typer.Option(help="Only what is on the assets of this service.")] = "",
    zone: Annotated[str, typer.Option(help="Only what is in this zone.")] = "",
    entity: Annotated[str, typer.Option(help="Only what is at the sites of this entity.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Tell what a deadline rule would make due when, against the teams' hours, before the scope names it.

    Example: foreshore policy preview bod-26-04 --zone dmz
    """
    from foreshore.cycle import deadlines

    places = [f"{kind}:{name}" for kind, name in (("service", service), ("zone", zone), ("entity", entity)) if name]
    if len(places) > 1:
        raise UsageError("only one of --service, --zone and --entity can be said", hint=f"--{places[0].split(':')[0]}")
    found = deadlines.preview(open_workspace(workspace), rule, places[0] if places else "all")
    if json:
        print_json(found)
    else:
        _show_preview(found)


def _show_preview(found: dict[str, Any]) -> None:
    on = ", ".join(found["in_force"])
    typer.echo(f"{found['title']}, for {found['applies_to']}: {f'switched on for {on}' if on else 'not switched on'}.")
    typer.echo(f"Of {found['exposures']:,} open exposures, {found['no_deadline']:,} would have no deadline.")
    table(
        ("due", "until", "exposures", "actions", "hours"),
        [
            (one["due"], day(one["until"]), f"{one['exposures']:,}", f"{one['actions']:,}", f"{one['hours']:,.0f}")
            for one in found["buckets"]
        ],
        right=(2, 3, 4),
    )
    if found["sooner_if_bad"]:
        typer.echo(f"{found['sooner_if_bad']:,} would be due sooner if what is not known went badly.")
    typer.echo("")
    days = [f"{one['days']} days" for one in found["teams"][0]["until"]] if found["teams"] else []
    table(
        ("team", "hours a week", *(f"needs (has) in {one}" for one in days)),
        [
            (one["team"] or "nobody", "not said" if one["hours_per_week"] is None else f"{one['hours_per_week']:g}",
             *(_need(until) for until in one["until"]))
            for one in found["teams"]
        ],
        right=tuple(range(1, 2 + len(days))),
    )  # fmt: skip
    if not found["in_force"]:
        say("Nothing was written. To switch it on: obligations in scope.yaml.")


def _need(until: dict[str, Any]) -> str:
    if until["has"] is None:
        return f"{until['hours']:.0f}"
    return f"{until['hours']:.0f} ({until['has']:.0f})" + ("" if until["enough"] else " short")

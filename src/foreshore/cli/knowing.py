"""Verbs about what is known: assets with their review queue, what nobody looks at, and the facts read again."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foreshore.cli.reading import TopOption
from foreshore.cli.shared import JsonOption, WorkspaceOption, day, note, open_workspace, print_json, table
from foreshore.errors import UsageError

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

ANSWERS = {"same": True, "different": False}


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(assets)
    group.command()(review)
    group.command()(show)
    app.add_typer(group, name="assets")
    app.command()(coverage)
    app.command()(sources)
    app.command()(rebuild)


def assets(
    context: typer.Context,
    top: TopOption = None,
    gone: Annotated[bool, typer.Option(help="List the assets that exist no more, and why, instead.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List assets with their zone, owner and open exposures; the most urgent first. Gone ones are counted alone.

    Example: foreshore assets --top 20
    """
    if context.invoked_subcommand:
        return
    from foreshore import keys
    from foreshore.query import lists

    if gone:
        _gone(open_workspace(workspace), top, json)
        return
    limit = "" if json and top is None else f" limit {top or 20}"
    found = lists.rows(
        open_workspace(workspace),
        'select * from assets order by act_now desc, "unknown" desc, open_exposures desc, name, asset' + limit,
    )
    for row in found:
        row["asset"] = keys.show("AST", row["asset"])
    if json:
        print_json(found)
        return
    head = ("asset", "name", "kind", "site", "zone", "owner", "open", "act now", "unknown")
    rows = [
        (one["asset"], one["name"], one["kind"], one["site"], one["zone"] or "–", one["owner"] or "–",
         str(one["open_exposures"]), str(one["act_now"]), str(one["unknown"]))
        for one in found
    ]  # fmt: skip
    table(head, rows, right=(6, 7, 8))
    left = _left(open_workspace(workspace), "count(*) as n")
    if left and (count := left[0]["n"]):
        typer.echo(f"{count:,} more exist no more (foreshore assets --gone lists them)", err=True)


_WHY = {
    "not_listed": "no longer listed by {source}", "ended": "{source} says: {detail}",
    "silent": "short-lived, and nobody has seen it", "superseded": "followed by a newer image of {detail}",
}  # fmt: skip


def _left(opened: Workspace, what: str, rest: str = "") -> list[dict[str, Any]]:
    """Ask the served assets that exist no more; an older cycle's answer has none, and gives no row."""
    from foreshore.query import lists

    known = "select 1 from duckdb_tables() where table_name = 'gone_assets' and database_name = 'serving'"
    return lists.rows(opened, f"select {what} from gone_assets {rest}") if lists.rows(opened, known) else []


def _gone(opened: Workspace, top: int | None, json: bool) -> None:
    """Print the assets that exist no more, the latest first."""
    from foreshore import keys

    limit = "" if json and top is None else f" limit {top or 20}"
    found = _left(opened, "* exclude (cycle)", "order by gone_at desc, name, asset" + limit)
    for row in found:
        row["asset"] = keys.show("AST", row["asset"])
    if json:
        print_json(found)
        return
    rows = [
        (one["asset"], one["name"], one["kind"], one["site"], day(one["gone_at"]), day(one["last_seen"]),
         _WHY[one["why"]].format(source=one["source"], detail=one["detail"] or "it has ended"))
        for one in found
    ]  # fmt: skip
    table(("asset", "name", "kind", "site", "gone since", "last seen", "why"), rows)


def review(
    pair: Annotated[list[str] | None, typer.Argument(help="Two assets, or parts of one, to answer about.")] = None,
    as_: Annotated[str, typer.Option("--as", help="same or different.")] = "",
    because: Annotated[str, typer.Option(help="The reason, for those who ask later.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List assets that share an identifier and contradict each other, or say whether two are the same.

    An answer is settled at once and obeyed by every later import; decisions on their exposures stay.

    Example: foreshore assets review AST-7Q2M AST-4KXH --as different --because "a cloned disk image"
    """
    from foreshore.cycle import reviewing

    opened = open_workspace(workspace)
    if not pair and not as_:
        _show_queue(reviewing.queue(opened), json)
        return
    if len(pair or []) != 2 or as_ not in ANSWERS:
        raise UsageError(
            "an answer names two assets and says same or different",
            hint='foreshore assets review A B --as same --because "…"',
        )
    left, right = pair or ("", "")
    found = reviewing.answer(opened, left, right, same=ANSWERS[as_], because=because, author=getpass.getuser())
    if json:
        print_json(found)
        return
    now = "one asset" if len(found["assets"]) == 1 else "two assets"
    typer.echo(f"{found['left']} and {found['right']} are {now} now: {', '.join(found['assets'])}")
    typer.echo("Later imports obey this; the next cycle counts with it.")


def _show_queue(rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(rows)
        return
    if not rows:
        typer.echo("No two assets are in question.")
        return
    head = ("one", "other", "both have", "but", "since")
    table(
        head,
        [
            (f"{row['left']['id']} {row['left']['name']}", f"{row['right']['id']} {row['right']['name']}",
             f"{row['shares']} {row['value']}", row["why"], day(row["since"]))
            for row in rows
        ],
    )  # fmt: skip
    typer.echo('Answer with: foreshore assets review ONE OTHER --as same|different --because "…"')


def show(
    asset: Annotated[str, typer.Argument(help="The key of an asset, its beginning, or its name.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show all that is known of one asset: every attribute and identifier with its source and age, and its parts.

    Where sources contradict each other, the policy's table precedence says whose word counts.

    Example: foreshore assets show pay-db-01.example.com
    """
    from foreshore.cycle import reviewing

    found = reviewing.show(open_workspace(workspace), asset)
    if json:
        print_json(found)
        return
    typer.echo(f"{found['id']}  {found['name']}")
    if found["end_of_support"]:
        typer.echo(f"{found['end_of_support']['sentence']} (endoflife.date)")
    typer.echo("")
    table(
        ("what", "value", "counts", "said by", "last"),
        [
            (one["attribute"], one["value"], "yes" if one["in_force"] else "", one["source"], day(one["last_seen"]))
            for one in found["attributes"]
        ],
    )
    typer.echo("")
    table(
        ("identifier", "value", "said by", "first", "last", "part"),
        [
            (one["kind"], one["value"], ", ".join(one["sources"]), day(one["first_seen"]), day(one["last_seen"]),
             one["part"])
            for one in found["identifiers"]
        ],
    )  # fmt: skip
    for one in found["history"]:
        typer.echo(f"{day(one['observed_at'])}: {one['old']} → {one['new']} ({one['reason']})")


def coverage(
    list_: Annotated[str, typer.Option("--list", help="The assets of one kind, such as no_scanner.")] = "",
    top: TopOption = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say how complete the picture is, and what nobody looks at: what hides most near what matters comes first.

    Example: foreshore coverage --list no_scanner
    """
    from foreshore.query import coverage as asked

    opened = open_workspace(workspace)
    if list_:
        _show_hidden(asked.hidden(opened, list_)[: top or None], json)
        return
    found = asked.coverage(opened)
    if json:
        print_json(found)
        return
    typer.echo(f"As of {day(found['as_of'])} ({found['cycle']}), of {found['assets']:,} assets:")
    for one in found["stated"]:
        known = "unknown" if one["known"] is None else f"{one['known']:,}"
        typer.echo(f"  {known} of {one['of']:,} {one['what']}")
    typer.echo("")
    shown = found["blind_spots"][: top or 15]
    table(
        ("", "blind spot", "near what is critical", "it would take", "such as"),
        [
            (str(one["number"]), one["sentence"], _near(one), one["would_take"], ", ".join(one["examples"][:2]))
            for one in shown
        ],
        right=(0,),
    )
    if len(found["blind_spots"]) > len(shown):
        typer.echo(f"and {len(found['blind_spots']) - len(shown)} more: --top, or --json")


def _show_hidden(rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(rows)
        return
    head = ("asset", "name", "kind", "site", "zone", "owner", "last seen")
    table(
        head,
        [
            (one["id"], one["name"], one["kind"], one["site"], one["zone"] or "–", one["owner"] or "–",
             day(one["last_seen"]))
            for one in rows
        ],
    )  # fmt: skip


def _near(one: dict[str, Any]) -> str:
    if one["critical"]:
        return f"{one['critical']:,} part of it"
    return "in its zone" if one["near"] else ""


def rebuild(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Read all kept evidence again and compare: the facts have to come out the same. Nothing is changed.

    Example: foreshore rebuild
    """
    from foreshore.cycle import rebuilding

    found = rebuilding.rebuild(open_workspace(workspace), on_note=note)
    if json:
        print_json(found)
    else:
        equal = "they come out the same" if found["equal"] else "they come out otherwise"
        typer.echo(f"{found['imports']:,} imports were read again from the evidence: {equal}.")
        for one in found["lost"]:
            typer.echo(f"  cannot be read again: {one['file']}: {one['why']}")
        for one in found["differences"]:
            typer.echo(f"  {one['what']}: {one['only_here']:,} only here, {one['only_rebuilt']:,} only rebuilt")
    if not found["equal"]:
        raise typer.Exit(1)


def sources(
    checks: Annotated[bool, typer.Option("--checks", help="The checks that people found wrong.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List the sources of facts: what each sees, how often it reports, and how often people found it wrong.

    Example: foreshore sources --checks
    """
    from foreshore.query import sources as asked

    opened = open_workspace(workspace)
    if checks:
        _show_checks(asked.checks(opened), json)
        return
    rows = asked.sources(opened)
    if json:
        print_json(rows)
        return
    head = ("source", "imports", "last", "usually every", "assets", "from inside", "exposures", "judged", "found wrong")
    table(
        head,
        [
            (one["source"], f"{one['imports']:,}", day(one["last"]),
             f"{one['usual_days']:.0f} days" if one["usual_days"] else "–", f"{one['assets'] or 0:,}",
             f"{one['from_inside'] or 0:,}", f"{one['exposures']:,}", f"{one['judged']:,}",
             _rate(one["false_positives"], one["judged"]))
            for one in rows
        ],
        right=(1, 4, 5, 6, 7, 8),
    )  # fmt: skip


def _show_checks(rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(rows)
        return
    table(
        ("source", "check", "title", "exposures judged", "found wrong"),
        [
            (one["source"], one["rule"], one["title"], f"{one['judged']:,}",
             _rate(one["false_positives"], one["judged"]))
            for one in rows
        ],
        right=(3, 4),
    )  # fmt: skip
    if not rows:
        typer.echo("Nobody found a check wrong yet.")


def _rate(wrong: int, judged: int) -> str:
    return f"{wrong:,} of {judged:,}" if judged else "–"

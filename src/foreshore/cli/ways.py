"""Verbs about the ways of attackers: paths, blast radius, key junctions, unknown facts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, interval, open_workspace, percent, print_json, say, table

TopOption = Annotated[int, typer.Option("--top", "-n", min=1, help="How many of each kind.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(paths)
    app.command()(blast)
    app.command()(junctions)
    app.command()(unknowns)


def paths(
    to: Annotated[str, typer.Option(help="Where ways end: a service, a zone, or assets by any name.")] = "",
    from_: Annotated[
        str, typer.Option("--from", help="Where ways start: internet, a zone, an asset that is held.")
    ] = "",
    through: Annotated[
        list[str] | None, typer.Option(help="Only through this asset, zone, technique, rule, CVE or exposure.")
    ] = None,
    avoid: Annotated[list[str] | None, typer.Option(help="Not through this; may be repeated.")] = None,
    where: Annotated[str, typer.Option(help="A query over ways, such as 'assumed = 0 and hops <= 5'.")] = "",
    top: Annotated[int, typer.Option("-k", "--top", "-n", min=1, max=100, help="How many different ways.")] = 5,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show the likeliest different ways of an attacker from one thing to another.

    Example: foreshore paths --from web-1 --to "Card payments" --avoid T1566
    """
    from foreshore.cycle import pathing

    asked = pathing.Asked(from_, to, tuple(through or ()), tuple(avoid or ()), where, top)
    found = pathing.paths(open_workspace(workspace), asked)
    if json:
        print_json(found)
    else:
        show_paths(found)


_WAYS = {
    "yes": "A way of known steps exists.",
    "unknown": "Possible under unknowns: every way hangs on facts that nobody knows yet.",
    "no": "No path: not even if every unknown fact were against you.",
}


def show_paths(found: dict[str, Any]) -> None:
    """Print the ways hop by hop, or that there is none."""
    for text in found["notes"]:
        say(text)
    typer.echo(f"From {found['from']} to {found['to']}. {_WAYS[found['reachable']]}")
    for number, one in enumerate(found["paths"], start=1):
        typer.echo("")
        unknown = "" if one["known"] else ", under unknowns"
        typer.echo(f"{number}. To {one['to']}: {percent(one['probability'])} for one attack along this way{unknown}")
        for place, hop in enumerate(one["hops"], start=1):
            assumed = " [assumed]" if hop["assumed"] else ""
            technique = f" ({hop['technique']})" if hop["technique"] else ""
            age = f", {hop['age']}" if hop["age"] else ""
            typer.echo(f"{place:>5}. {hop['step']}{technique}{assumed}")
            typer.echo(f"       {hop['fact']} ({hop['source']}{age})")
    if not found["paths"] and found["reachable"] != "no":
        typer.echo("None of the likeliest ways matches the query.")


def blast(
    what: Annotated[str, typer.Argument(help="What the attacker holds: an asset or identity by any name, a zone.")],
    top: TopOption = 20,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show what an attacker gains who holds an asset or identity: its blast radius.

    Examples: foreshore blast web-1 · foreshore blast user:pc-3
    """
    from foreshore.cycle import blasting

    found = blasting.blast(open_workspace(workspace), what, top)
    if json:
        print_json(found)
        return
    for text in found["notes"]:
        say(text)
    one, every = found["assets"]["one_hop"], found["assets"]["any"]
    typer.echo(f"Who holds {found['of']} newly gets to {one:,} assets in one hop and to {every:,} at all.")
    rows = [
        (one["name"], percent(one["before"]), percent(one["given"]), interval(one["low"], one["high"]))
        for one in found["services"]
    ]
    table(("service", "an attack today", "an attack from there", "more by"), rows, right=(1, 2, 3))
    typer.echo(f"Weighted by impact: {percent(found['weighted'])} of all that could be lost to one attack.")
    if found["names"]:
        typer.echo(f"First of those assets: {', '.join(found['names'])}.")


def junctions(
    top: TopOption = 10,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show key junctions: exposures, assets, identities and relations that many ways need.

    Example: foreshore junctions --top 5
    """
    from foreshore.cycle import junctions as of_cycle

    found = of_cycle.junctions(open_workspace(workspace), top)
    if json:
        print_json(found)
        return
    for kind, words in (("exposures", "Exposures"), ("assets", "Assets"), ("identities", "Identities"),
                        ("relations", "Relations")):  # fmt: skip
        typer.echo(f"{words} on every way, or that carry most of the risk:")
        rows = [
            (one["name"], percent(one["share"]), interval(one["low"], one["high"]), ", ".join(one["strict"]) or "–",
             ", ".join(each["name"] for each in one["services"]) or "–")
            for one in found[kind]
        ]  # fmt: skip
        if rows:
            table(("what", "risk through it", "likely", "no way without it to", "matters for"), rows, right=(1, 2))
        else:
            typer.echo("  none")
        typer.echo("")


def unknowns(
    service: Annotated[str, typer.Option(help="Only this service.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show which answers would narrow each service's best and worst case most, and where to get them.

    Example: foreshore unknowns --service "Card payments"
    """
    from foreshore.cycle import unknowns as of_cycle

    found = of_cycle.unknowns(open_workspace(workspace), service)
    if json:
        print_json(found)
        return
    for one in found:
        bounds = interval(one["best_case"], one["worst_case"])
        typer.echo(f"{one['name']}: {bounds} a year between best and worst case")
        rows = [
            (each["what"], str(each["facts"]), percent(each["narrows"]), interval(one["best_case"], each["worst_if_good"]),
             interval(each["best_if_bad"], one["worst_case"]))
            for each in one["narrowed_by"]
        ]  # fmt: skip
        if rows:
            head = ("bring", "unknown facts it settles", "narrows by", "then, if the answer is good", "if it is bad")
            table(head, rows, right=(1, 2, 3, 4))
        else:
            typer.echo("  no single answer would narrow this")
        typer.echo("")

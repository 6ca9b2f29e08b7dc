"""The verbs of suppositions: what-if, and scenarios, which are suppositions with a name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, note, open_workspace, percent, print_json, say, table
from foreshore.errors import UsageError

Several = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command(name="what-if")(what_if)
    app.command()(scenarios)


def what_if(
    fix: Annotated[Several, typer.Option(help="Fixed: EXP-…, ACT-…, or every open exposure of a CVE.")] = None,
    add: Annotated[Several, typer.Option(help="An exposure that is not there: CVE@ASSET or CVE@ASSET:PORT.")] = None,
    cut: Annotated[
        Several, typer.Option(help="No way from a zone to a zone or asset: FROM:TO or FROM:TO:PORTS.")
    ] = None,
    open_: Annotated[Several, typer.Option("--open", help="A way that is open: FROM:TO or FROM:TO:PORTS.")] = None,
    remove_right: Annotated[
        Several, typer.Option(help="A right taken away: SOURCE:RIGHT:TARGET; RIGHT may be *.")
    ] = None,
    lose: Annotated[
        Several, typer.Option(help="A control off: CONTROL (everywhere) or CONTROL@asset, zone or selector.")
    ] = None,
    gain: Annotated[Several, typer.Option(help="A control on: CONTROL@asset, zone or selector.")] = None,
    lose_asset: Annotated[
        Several, typer.Option(help="An asset that exists no more: AST-…, a name or a selector.")
    ] = None,
    lose_sensor: Annotated[Several, typer.Option(help="A source whose reports were never read.")] = None,
    set_: Annotated[Several, typer.Option("--set", help="A number of the policy: NAME=VALUE.")] = None,
    name: Annotated[str, typer.Option(help="A saved scenario; what is given besides is added to it.")] = "",
    save: Annotated[str, typer.Option(help="Keep all that is supposed under this name.")] = "",
    worlds: Annotated[int | None, typer.Option(min=1, help="Simulated years (default: as many as the cycle).")] = None,
    moves: Annotated[bool, typer.Option("--moves/--no-moves", help="Also say what would be treated otherwise.")] = True,
    quick: Annotated[bool, typer.Option("--quick", help="A preliminary answer: 256 years, without moves.")] = False,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="So many exposures that move.")] = 10,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say what would change if …, on the same simulated years; options may be repeated and combined, nothing is written.

    Example: foreshore what-if --fix EXP-7Q2M --cut internet:dmz:443 --save "before the audit"
    """
    from foreshore.cycle import whatif
    from foreshore.cycle.scenarios import Suppose

    given = {
        "fix": fix, "add": add, "cut": cut, "open": open_, "remove_right": remove_right, "lose": lose, "gain": gain,
        "lose_asset": lose_asset, "lose_sensor": lose_sensor, "set": set_,
    }  # fmt: skip
    suppose = Suppose(**{kind: tuple(texts or ()) for kind, texts in given.items()})
    found = whatif.what_if(
        open_workspace(workspace), suppose, name=name, save=save,
        worlds=worlds or (whatif.QUICK if quick else None), moves=moves and not quick, top=top, say=note,
    )  # fmt: skip
    if json:
        print_json(found)
    else:
        show_difference(found)


def show_difference(found: dict[str, Any]) -> None:
    """Print the difference by service and in all, and what would be treated otherwise."""
    for one in found["gone"]:
        was = f" ({one['was']})" if one.get("was") else ""
        say(f"left out, it no longer exists: {one['what']}{was}: {one['why']}")
    for text in found["notes"]:
        say(text)
    rows = [
        (one["name"], percent(one["before"]), percent(one["after"]), _points(one["change"]), _span(one), f"± {100 * one['sampling_error']:.2g}")
        for one in found["services"]
    ]  # fmt: skip
    table(("service", "a year now", "then", "change", "likely", "by chance"), rows, right=(1, 2, 3, 4, 5))
    total = found["total"]
    typer.echo(f"All modelled risk: {100 * total['share']:+.1f} % ({_figure(total['change'])} {total['unit']}, "
               f"likely {_figure(total['low'])} to {_figure(total['high'])}, ± {total['sampling_error']:.2g} by chance).")  # fmt: skip
    if found["preliminary"]:
        typer.echo(f"Preliminary: only {found['worlds']:,} simulated years.")
    _show_moves(found)


def _show_moves(found: dict[str, Any]) -> None:
    if "moved" not in found:
        return
    if not found["moved"]:
        typer.echo("No exposure would be treated otherwise.")
        return
    changed = [one for one in found["treatments"] if one["before"] != one["after"]]
    for one in changed:
        typer.echo(f"{one['treatment'].replace('_', ' ')}: {one['before']:,} → {one['after']:,}")
    rows = [(one["id"], one["weakness"], one["asset_name"], one["sentence"]) for one in found["exposures"]]
    table(("exposure", "weakness", "on", "what would be"), rows)
    if found["moved"] > len(rows):
        typer.echo(f"… and {found['moved'] - len(rows):,} more")


def _points(change: float) -> str:
    return f"{100 * change:+.2g}" if abs(change) >= 0.00005 else "0"


def _span(one: dict[str, Any]) -> str:
    return f"{_points(one['low'])} to {_points(one['high'])}"


def _figure(value: float) -> str:
    return f"{value:+.3g}" if value else "0"


def scenarios(
    name: Annotated[str, typer.Argument(help="Only this scenario.")] = "",
    export: Annotated[Path | None, typer.Option("--export", help="Write it to this file, to be shared.")] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Take in a scenario from this file (as NAME, if given).")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget it.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List the saved scenarios, or share one as a file.

    Example: foreshore scenarios "before the audit" --export audit.toml
    """
    from foreshore.cycle import scenarios as kept

    opened = open_workspace(workspace)
    if (export or remove) and not name:
        raise UsageError("which scenario is meant?", hint='foreshore scenarios "before the audit" --export audit.toml')
    if import_ is not None:
        found = [kept.imported(opened, import_, name)]
        say(f"taken in: {found[0].name}")
    elif name:
        found = [kept.load(opened, name)]
    else:
        found = kept.listed(opened)
    if export is not None:
        say(f"written: {kept.exported(opened, name, export)}")
    if remove:
        kept.remove(opened, name)
        say(f"forgotten: {name}")
    if json:
        print_json([
            {"name": one.name, "saved_at": one.saved_at, "cycle": one.cycle, "suppose": one.suppose.as_json(), "was": one.was}
            for one in found
        ])  # fmt: skip
        return
    rows = [
        (one.name, one.saved_at[:10], "; ".join(f"{kind.replace('_', '-')} {text}" for kind, text in one.suppose.parts()))
        for one in found
    ]  # fmt: skip
    table(("scenario", "saved", "what is supposed"), rows)
    if not found:
        typer.echo("No scenario is saved. Keep one with: foreshore what-if … --save NAME")

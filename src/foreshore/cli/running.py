"""Verbs that run: cycle, scope, validate, doctor."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from foreshore.cli.shared import (
    FUNNEL,
    JsonOption,
    WorkspaceOption,
    interval,
    note,
    open_workspace,
    percent,
    print_json,
    say,
    table,
)
from foreshore.errors import UsageError
from foreshore.facts import TREATMENT_WORDS

scope_app = typer.Typer(no_args_is_help=True, help="What the programme looks at.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(cycle)
    app.add_typer(scope_app, name="scope")
    app.command()(validate)
    app.command()(doctor)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"“{text}” is not a date", hint="2026-01-31 or 2026-01-31T12:00:00") from None


def cycle(
    as_of: Annotated[str | None, typer.Option(help="Look at what had been observed by this date.")] = None,
    known_at: Annotated[str | None, typer.Option(help="Read the facts as an earlier cycle (CYC-…) knew them.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the workspace's.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Run all five stages over what was imported.

    Example: foreshore cycle
    """
    from foreshore.cycle import running as cycles

    result = cycles.run(
        open_workspace(workspace), as_of=_moment(as_of), known_at=known_at or "", seed=seed,
        on_note=note if json else say,
    )  # fmt: skip
    if json:
        print_json(result)
    else:
        show_cycle(result)


def show_cycle(result: dict[str, Any]) -> None:
    """Print the funnel, the treatments and the services."""
    typer.echo(f"Cycle {result['cycle']}, as of {str(result['as_of'])[:10]}")
    typer.echo("")
    show_funnel(result)
    typer.echo("")
    show_treatments(result)
    typer.echo("")
    show_services(result)
    show_narrowers(result)
    show_revoked(result)
    show_limits(result)


_FEEDS = {
    "kev": "known exploitation",
    "epss": "chances of exploitation",
    "cvss": "scores",
    "exploits": "public exploits",
}


def show_losses(result: dict[str, Any]) -> None:
    """Print the distribution of the yearly loss where ranges were confirmed, and how steady the order is."""
    found = result.get("losses") or {}
    if found.get("total"):
        one, currency = found["total"], found["currency"]
        mean, p50, p90, p95 = (f"{float(f'{one[name]:.3g}'):,.0f}" for name in ("mean", "p50", "p90", "p95"))
        typer.echo(
            f"Loss in a year: {mean} {currency} on average; in one year of two no more than {p50}, in one of ten more "
            f"than {p90}, in one of twenty more than {p95}"
        )
        typer.echo(
            f"(services with a confirmed range only; they carry {percent(found['covers'])} of the modelled risk)."
        )
    steady = (result.get("stability") or {}).get("stays")
    if steady is not None:
        count = len(result["stability"]["exposures"])
        typer.echo(
            f"Over everything uncertain, the first {count} exposures keep their place among them with {percent(steady)}."
        )


def show_limits(result: dict[str, Any]) -> None:
    """Print what the figures imply, to be held against one's own history, and what was never read."""
    show_losses(result)
    years = result["implies"]["once_in_years"]
    if years is not None:
        often = f"about once in {years:.0f} years" if years >= 1.5 else f"about {1 / years:.1f} times a year"
        typer.echo(f"These figures imply that some service is hurt {often}; if your history says otherwise, change")
        typer.echo("the attackers in scope.yaml or policy/attackers.toml.")
    for one in result["implies"].get("history", []):
        typer.echo(one["sentence"] if not one["contradicts"] else f"Warning: {one['sentence']}")
    missing = [_FEEDS.get(name, name) for name in result["intelligence"]["missing"]]
    if missing:
        typer.echo(f"Never read, so unknown and not zero: {', '.join(missing)}. Try: foreshore intel update")


def show_funnel(result: dict[str, Any]) -> None:
    """Print the funnel with its unknowns."""
    rows = [
        (FUNNEL[step["step"]], f"{step['count']:,}", f"{step['unknown']:,}" if step["unknown"] else "")
        for step in result["funnel"]
    ]
    table(("from findings to what matters", "yes", "not known"), rows, right=(1, 2))


def show_treatments(result: dict[str, Any]) -> None:
    """Print the treatments and their sum."""
    treatments = result["treatments"]
    rows = [(TREATMENT_WORDS[name], f"{treatments[name]:,}", _MEANING[name]) for name in TREATMENT_WORDS]
    rows.append(("all open exposures", f"{sum(treatments.values()):,}", ""))
    table(("treatment", "exposures", "what it means"), rows, right=(1,))
    settled = result.get("vendor_settled", 0)
    if settled:
        typer.echo(
            f"By their vendors' own data {settled:,} of these {'is' if settled == 1 else 'are'} fixed or not affected."
        )
    dismissed = result.get("dismissed", 0)
    if dismissed:
        typer.echo(
            f"Beside these, people dismissed {dismissed:,} (false positive, not applicable, duplicate, not ours)."
        )


_MEANING = {
    "act_now": "few; a ticket each, or one for many",
    "unknown": "could matter much; one fact decides each",
    "routine": "the usual patching is enough",
    "watch": "nothing to do until something changes",
    "accepted": "a person accepted it, with an end date",
}


def show_services(result: dict[str, Any]) -> None:
    """Print each service with its chance a year and interval."""
    rows = []
    for one in result["services"]:
        chance = percent(one["probability_per_year"])
        if one["probability_per_year"] == 0 and one.get("possible"):
            chance = f"< {percent(one['sampling_error'])}"
        money = f"{one['loss']:,.0f} {result.get('currency', '')}" if one["loss"] is not None else ""
        rows.append((one["name"], str(one["impact"]["tier"]), chance, interval(one["low"], one["high"]),
                     interval(one["best_case"], one["worst_case"]), percent(one["share"]), money))  # fmt: skip
    table(
        ("service", "tier", "falls in a year", "likely between", "best to worst case", "share of risk", "loss a year"),
        rows, right=(1, 2, 5, 6),
    )  # fmt: skip


def show_narrowers(result: dict[str, Any]) -> None:
    """Print the few answers that would narrow best and worst case most."""
    rows = [(one["name"], each) for one in result["services"] for each in one.get("narrowed_by", [])[:1]]
    rows = [row for row in rows if row[1]["narrows"] >= _NARROW]
    if rows:
        typer.echo("What would narrow best and worst case most (all of it: foreshore unknowns):")
    for name, each in sorted(rows, key=lambda row: -float(row[1]["narrows"]))[:3]:
        typer.echo(f"  {each['what']}: {name} by {percent(each['narrows'])}")


_NARROW = 0.005  # half a percent a year: less is not worth a line of the summary


def show_revoked(result: dict[str, Any]) -> None:
    """Print the exceptions that no longer hold, with what was assumed and is now so."""
    revoked = result.get("revoked", [])
    if revoked:
        typer.echo("Exceptions that no longer hold; they count no more until somebody decides anew:")
    for one in revoked[:_REVOKED]:
        owner = f", owned by {one['owner']}" if one["owner"] else ""
        typer.echo(
            f"  {one['id']} {one['weakness']} on {one['asset_name']}{owner}: {one['disposition']} by {one['author']}"
            f"{' until ' + str(one['until']) if one['until'] else ''}; {one['difference']}"
        )
    if len(revoked) > _REVOKED:
        typer.echo(f"  and {len(revoked) - _REVOKED:,} more (--json lists all)")


_REVOKED = 10


@scope_app.command(name="show")
def scope_show(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show the scope in force.

    Example: foreshore scope show
    """
    import msgspec

    from foreshore.cycle import scopes

    scope = scopes.scope_in_force(open_workspace(workspace))
    if json:
        print_json(msgspec.to_builtins(scope))
        return
    from foreshore.scoping import writing

    typer.echo(writing.to_yaml(scope), nl=False)


@scope_app.command(name="check")
def scope_check(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Tell what in scope.yaml matches nothing, and which assets fall in no zone.

    Example: foreshore scope check
    """
    from foreshore.cycle import scopes

    notes = scopes.check_scope(open_workspace(workspace))
    if json:
        print_json(notes)
    else:
        for one in notes:
            line = f"scope.yaml:{one['line']}: " if one["line"] else ""
            typer.echo(f"{one['level']:<8} {line}{one['sentence']}")
        if not notes:
            typer.echo("The scope fits what was imported.")
    if any(one["level"] == "error" for one in notes):
        raise typer.Exit(1)


@scope_app.command(name="apply")
def scope_apply(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Make scope.yaml the scope in force, as a new version with its difference.

    Example: foreshore scope apply
    """
    from foreshore.cycle import scopes

    changes = scopes.apply_scope(open_workspace(workspace))
    if json:
        print_json({"changes": changes})
        return
    for change in changes:
        typer.echo(change)
    if not changes:
        typer.echo("scope.yaml is in force already.")


@scope_app.command(name="approve")
def scope_approve(
    because: Annotated[str, typer.Option(help="Why these targets may be tested.")],
    until: Annotated[str | None, typer.Option(help="Until when, such as 2026-12-31.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Approve the scope's targets for active tests; nothing is tested without this.

    Example: foreshore scope approve --because "agreed with the owner" --until 2026-12-31
    """
    from foreshore.cycle import scopes

    moment = _moment(until)
    approved = scopes.approve_targets(
        open_workspace(workspace), because=because, until=moment.date() if moment else None
    )
    if json:
        print_json(approved)
        return
    for one in approved:
        typer.echo(f"{one['what']} may be tested until {one['until'] or 'this is taken back'}")
    if not approved:
        typer.echo("scope.yaml names no targets.")


@scope_app.command(name="revoke")
def scope_revoke(
    because: Annotated[str, typer.Option(help="Why these targets may no longer be tested.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Take back the leave to test the scope's targets, at once.

    Example: foreshore scope revoke --because "the owner asked us to stop"
    """
    from foreshore.cycle import scopes

    left = scopes.revoke_targets(open_workspace(workspace), because=because)
    if json:
        print_json({"may_be_tested": left})
        return
    typer.echo("Nothing of the scope may be tested now." if not left else f"Still to be tested: {', '.join(left)}")


def validate(
    run: Annotated[bool, typer.Option("--run", help="Run the tests that the scope's approved targets allow.")] = False,
    from_zone: Annotated[str, typer.Option("--from-zone", help="The zone that this machine stands in.")] = "",
    top: Annotated[int, typer.Option("--next", "-n", min=1, help="How many of the next tests to show.")] = 10,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show the tests whose answers would move most; with --run, run those that are allowed.

    Example: foreshore validate --run --from-zone office
    """
    from foreshore.cycle import validating

    found = validating.validate(open_workspace(workspace), run=run, vantage=from_zone, top=top)
    if json:
        print_json(found)
        return
    head = ("check", "target", "from", "about", "allowed", "result")
    rows = [
        (one["check"], one["target"], one["vantage"] or "here", one["about"], one["allowed"], one["outcome"])
        for one in found
    ]
    table(head, rows)
    if not found:
        typer.echo("No test would tell anything new.")


def doctor(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Look whether all is well: versions, files, feeds, decisions, the trail.

    Example: foreshore doctor
    """
    from foreshore.cycle import health

    found = health.doctor(open_workspace(workspace))
    if json:
        print_json(found)
    else:
        for one in found:
            typer.echo(f"{one['state']:<8} {one['what']}: {one['detail']}")
    if any(one["state"] == "bad" for one in found):
        raise typer.Exit(1)

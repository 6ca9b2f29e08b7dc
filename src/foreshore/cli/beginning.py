"""The beginning with one's own reports: a workspace, a first import, and a scope proposed with evidence."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from foreshore import facts
from foreshore.cli.shared import table
from foreshore.errors import NothingToRead, UsageError, WorkspaceError

if TYPE_CHECKING:
    from foreshore.scoping.propose import Evidence, Proposal
    from foreshore.workspace import Workspace

_SENTENCES = 2  # shown for each part; scope.yaml has all of them


@dataclass(frozen=True)
class Wishes:
    """What a person gave by flags, and whether to ask about the rest."""

    services: tuple[facts.Service, ...]
    foundations: tuple[facts.Service, ...]
    accept: bool
    asks: bool
    quiet: bool


def begin(
    folder: Path,
    reports: Sequence[Path],
    *,
    organization: str | None = None,
    services: Sequence[str] = (),
    foundations: Sequence[str] = (),
    site: str | None = None,
    vantage: str | None = None,
    accept: bool | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Make a workspace in `folder`, import `reports`, and write a proposed scope.yaml.

    `services` and `foundations` are `NAME=SELECTOR[,SELECTOR…]` and stand in place of the proposed
    ones. `accept` takes (or leaves) the whole proposal; None asks at a terminal and takes it elsewhere.
    Raises WorkspaceError where there is a workspace already, UsageError for a flag that is wrong,
    NothingToRead where no report exists; then nothing was made.
    """
    from foreshore.workspace import SETTINGS, Workspace

    if (folder / SETTINGS).exists():
        raise WorkspaceError(
            "there is a workspace already", where=str(folder), hint=f"foreshore import REPORTS -w {folder}"
        )
    asks = accept is None and not quiet and sys.stdin.isatty() and sys.stdout.isatty()
    wishes = Wishes(_given(services, False), _given(foundations, True), accept is not False, asks, quiet)
    missing = [path for path in reports if not path.exists()]
    if missing:
        raise NothingToRead("there is no such file or folder", where=str(missing[0]), hint="the path of your reports")
    name = organization or (typer.prompt("Name of the organisation", default=_name(folder)) if asks else _name(folder))
    workspace = Workspace.create(folder)
    imported = _import(workspace, reports, site or "main", vantage or "", quiet)
    proposal, parts = _propose(workspace, name, wishes)
    _write(workspace, proposal)
    result = {
        "workspace": str(folder), "organization": name, "imports": imported, "proposal": parts,
        "scope_file": str(workspace.scope_file), "errors": [one["error"] for one in imported["errors"]],
    }  # fmt: skip
    if not quiet:
        _next(result, bool(reports))
    return result


def _name(folder: Path) -> str:
    return folder.resolve().name


def _given(texts: Sequence[str], foundation: bool) -> tuple[facts.Service, ...]:
    """Return services from `NAME=SELECTOR[,SELECTOR…]`."""
    from foreshore.query import selectors

    found = []
    option = "--foundation" if foundation else "--service"
    for text in texts:
        name, sign, rest = text.partition("=")
        chosen = tuple(one.strip() for one in rest.split(",") if one.strip())
        if not sign or not name.strip() or not chosen:
            raise UsageError(
                f"“{text}” is not NAME=SELECTOR", where=option, hint=f"{option} 'Shop=name:web-*,tag:service=shop'"
            )
        for selector in chosen:
            selectors.parse(selector)
        found.append(
            facts.Service(name=name.strip(), assets=chosen, foundation=foundation, tier=5 if foundation else 3)
        )
    return tuple(found)


def _import(workspace: Workspace, reports: Sequence[Path], site: str, vantage: str, quiet: bool) -> dict[str, Any]:
    import msgspec

    from foreshore.cli import setup
    from foreshore.cycle import taking
    from foreshore.discovery.imported import ImportResult

    found = ImportResult()
    if reports:
        found = taking.take(workspace, list(reports), site=site, vantage=vantage)
    shown: dict[str, Any] = msgspec.to_builtins(found)
    if reports and not quiet:
        setup.show_import(shown)
    return shown


def _propose(workspace: Workspace, organization: str, wishes: Wishes) -> tuple[Proposal, list[dict[str, Any]]]:
    """Return what goes into scope.yaml, and the proposal with its evidence as plain values."""
    from foreshore.scoping import propose
    from foreshore.store import open_lake

    with open_lake(workspace, read_only=True) as lake:
        proposal = propose.propose(lake.sql, organization)
    shown = [one for one in proposal.evidence if one.section != "zones" or wishes.accept]
    if not wishes.quiet and shown:
        _show(shown)
    chosen = _chosen(proposal, wishes)
    kept = {("foundations" if one.foundation else "services", one.name) for one in chosen.services}
    kept |= {("zones", zone.name) for zone in chosen.zones}
    parts = [
        {"section": one.section, "name": one.name, "assets": one.assets, "evidence": list(one.sentences),
         "taken": (one.section, one.name) in kept or one.section == "internet-facing"}
        for one in proposal.evidence
    ]  # fmt: skip
    return propose.Proposal(chosen, proposal.evidence), parts


def _chosen(proposal: Proposal, wishes: Wishes) -> facts.Scope:
    """Return the scope with the parts that a person named, confirmed, or left to the defaults."""
    import msgspec

    scope = proposal.scope
    services: list[facts.Service] = []
    for given, foundation in ((wishes.services, False), (wishes.foundations, True)):
        proposed = [one for one in scope.services if one.foundation == foundation]
        services += given or [one for one in proposed if _wanted(f"“{one.name}”", wishes)]
    zones = scope.zones if scope.zones and _wanted(f"the {len(scope.zones)} zones", wishes) else ()
    return msgspec.structs.replace(scope, services=tuple(services), zones=zones)


def _wanted(what: str, wishes: Wishes) -> bool:
    return typer.confirm(f"Take {what}?", default=True) if wishes.asks else wishes.accept


def _show(evidence: Iterable[Evidence]) -> None:
    typer.echo("")
    typer.echo("Proposed from these reports; each part with what it was guessed from:")
    rows = []
    for one in evidence:
        said = " ".join(sentence.rstrip(".") + "." for sentence in one.sentences[:_SENTENCES])
        more = len(one.sentences) - _SENTENCES
        rows.append((one.section, one.name, str(one.assets), said + (f" And {more} more." if more > 0 else "")))
    table(("part", "name", "assets", "because"), rows, right=(2,))


def _write(workspace: Workspace, proposal: Proposal) -> None:
    """Write scope.yaml, once it is read back as a valid scope."""
    from foreshore.scoping import scope
    from foreshore.workspace import write_atomically

    text = proposal.yaml()
    scope.parse(text)
    write_atomically(workspace.scope_file, text.encode())


def _next(result: dict[str, Any], read: bool) -> None:
    folder = result["workspace"]
    typer.echo("")
    typer.echo(
        f"Written: {result['scope_file']}. It is a proposal: read it, correct it; a cycle takes it as it then is."
    )
    typer.echo("Next:")
    if not read:
        typer.echo(f"  foreshore import REPORTS -w {folder}")
    typer.echo(f"  foreshore intel update -w {folder}")
    typer.echo(f"  foreshore cycle -w {folder}")
    typer.echo(f"  foreshore exposures -w {folder} --top 20")

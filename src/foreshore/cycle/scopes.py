"""The scope between its file and what is in force: shown, checked against what was imported, applied."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import decisions, facts, policy
from foreshore.errors import BadScope, UsageError
from foreshore.scoping import applying, check
from foreshore.scoping.scope import Parsed, read, text_of

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions
    from foreshore.decisions.records import ScopeInForce
    from foreshore.workspace import Workspace

Say = Callable[[str], None]


def scope_in_force(workspace: Workspace) -> facts.Scope:
    """Return the scope applied last, with its approved targets; before the first, that of a bare name."""
    if not decisions.exist(workspace):
        return bare(workspace)
    with decisions.open(workspace) as opened:
        current = opened.current_scope()
    return current.scope if current else bare(workspace)


def bare(workspace: Workspace) -> facts.Scope:
    """Return the scope of a workspace that has none: its folder's name, one site, one service of everything."""
    return facts.Scope(organization=workspace.root.resolve().name)


def check_scope(workspace: Workspace) -> list[dict[str, Any]]:
    """Return remarks on scope.yaml (`level`, `line`, `sentence`) measured against what was imported.

    Raises BadScope, naming the line, where the file is missing or not valid.
    """
    from foreshore.query import assets
    from foreshore.store import open_lake

    rules = policy.load(workspace.policy_dir)
    parsed = parsed_file(workspace, rules)
    with open_lake(workspace, read_only=True) as lake:
        present = assets.present(lake.sql, precedence=rules.table("precedence"))
    return [msgspec.to_builtins(note) for note in check.check(parsed, present)]


def parsed_file(workspace: Workspace, rules: policy.Policy) -> Parsed:
    """Read and check scope.yaml; raises BadScope."""
    return read(workspace.scope_file, shipped=_shipped_attackers(rules), obligations=rules.names("obligations"))


def site_of_import(workspace: Workspace, site: str | None, vantage: str, say: Say) -> str:
    """Return the site whose addresses a report holds: as said, else the only one there is.

    A site or zone that the scope does not have is remarked on, as the scope may be written later. Raises
    UsageError where there are several sites and none was said.
    """
    try:
        written = workspace.scope_file.exists()
        rules = policy.load(workspace.policy_dir)
        scope = parsed_file(workspace, rules).scope if written else scope_in_force(workspace)
    except BadScope as error:
        say(f"{error.sentence()} (the import goes on; a cycle will not)")
        scope = scope_in_force(workspace)
    sites, zones = [one.name for one in scope.sites], ["internet", *(one.name for one in scope.zones)]
    if vantage and vantage not in zones:
        say(f"the scope has no zone {vantage} yet: what was seen from there counts once it has")
    if site is None:
        if len(sites) > 1:
            raise UsageError(
                "there are several sites: whose addresses are these?", where="--site", hint=", ".join(sites)
            )
        return sites[0]
    if site not in sites:
        say(f"the scope has no site {site} yet: its assets are out of scope until it has")
    return site


def apply_scope(workspace: Workspace, *, author: str = "") -> list[str]:
    """Make scope.yaml the scope in force and return how it differs from the one before; nothing new: [].

    `author` is who says so, by default the user of this machine.
    """
    rules = policy.load(workspace.policy_dir)
    with decisions.open(workspace) as opened:
        applied = _applied(workspace, opened, rules, author)
    return list(applied.difference) if applied.new else []


def taken(workspace: Workspace, opened: Decisions, rules: policy.Policy, say: Say) -> facts.Scope:
    """Return the scope that a cycle reads; a changed scope.yaml is applied first, and said."""
    if workspace.scope_file.exists():
        applied = _applied(workspace, opened, rules)
        if applied.new and len(opened.scope_versions()) > 1:
            say("scope.yaml has changed and is applied: " + "; ".join(applied.difference[:3]))
        return applied.scope
    current = opened.current_scope()
    return current.scope if current else bare(workspace)


def _applied(workspace: Workspace, opened: Decisions, rules: policy.Policy, author: str = "") -> ScopeInForce:
    return applying.apply(
        opened, text_of(workspace.scope_file), author=author or getpass.getuser(), shipped=_shipped_attackers(rules),
        obligations=rules.names("obligations"),
    )  # fmt: skip


def approve_targets(workspace: Workspace, *, because: str, until: date | None = None) -> list[dict[str, Any]]:
    """Give leave to test the targets of the scope in force and return all that may be tested now.

    Raises UsageError where there is no scope in force, or the reason says too little.
    """
    with decisions.open(workspace) as opened:
        current = opened.current_scope()
        if current is None:
            raise UsageError("no scope is in force yet", hint="foreshore scope apply")
        if not current.written.targets:
            return []
        held = opened.approve_targets(current.written.targets, because=because, author=getpass.getuser(), until=until)
    return [
        {"what": one.what, "ports": list(one.ports), "until": min(filter(None, (one.until, until)), default=None),
         "authorised_by": one.authorised_by}
        for one in held
    ]  # fmt: skip


def revoke_targets(workspace: Workspace, *, because: str) -> list[str]:
    """Take back the leave to test the targets of the scope in force; return what may still be tested.

    Raises UsageError where there is no scope in force, or the reason says too little.
    """
    with decisions.open(workspace) as opened:
        current = opened.current_scope()
        if current is None:
            raise UsageError("no scope is in force yet", hint="foreshore scope apply")
        if not current.written.targets:
            return []
        held = opened.revoke_targets(current.written.targets, because=because, author=getpass.getuser())
    return [one.what for one in held]


def _shipped_attackers(rules: policy.Policy) -> dict[str, facts.Attacker]:
    # Imported here: an import of reports needs this module, and not the attack graph behind it.
    from foreshore.prioritization.modelled import shipped_attackers

    return shipped_attackers(rules)

"""The whole text of scope.yaml from elsewhere: compared with the scope in force, and put in its place."""

from __future__ import annotations

from typing import Any, NamedTuple

from foreshore import policy
from foreshore.cycle import scopes as library
from foreshore.errors import BadScope, Conflict
from foreshore.scoping import scope
from foreshore.scoping.difference import difference
from foreshore.server.access import Access
from foreshore.server.scopes import digest
from foreshore.workspace import Workspace, write_atomically


class Compared(NamedTuple):
    """How a text differs from the scope in force, and the digest of the file that it would replace."""

    differs: list[str]
    remarks: list[dict[str, Any]]
    rests_on: str


def text(workspace: Workspace) -> str:
    """Return scope.yaml as it stands, "" where there is none; raises BadScope for what is no text."""
    return scope.text_of(workspace.scope_file) if workspace.scope_file.exists() else ""


def compared(workspace: Workspace, access: Access, said: str) -> Compared:
    """Return how the scope would differ, with the reader's remarks; raises BadScope where it is not valid."""
    access.need_everywhere("scope")
    parsed = _parsed(workspace, said)
    now = library.scope_in_force(workspace)
    remarks = [{"what": str(one)} for one in getattr(parsed, "notes", ())]
    return Compared(difference(now, parsed.scope), remarks, digest(text(workspace)))


def _parsed(workspace: Workspace, said: str) -> scope.Parsed:
    from foreshore.prioritization.modelled import shipped_attackers

    rules = policy.load(workspace.policy_dir)
    return scope.parse(said, shipped=shipped_attackers(rules), obligations=rules.names("obligations"))


def replace(workspace: Workspace, access: Access, said: str, rests_on: str) -> list[str]:
    """Make a text the scope in force, in the name of who asks, and return how it differs.

    Raises BadScope where it is not valid, Conflict where the file changed since `rests_on` was read: then
    the file stays as it was.
    """
    access.need_everywhere("scope")
    before = text(workspace)
    if rests_on != digest(before):
        raise Conflict("scope.yaml was changed meanwhile", where="digest", hint="read it again and edit that")
    _parsed(workspace, said)
    write_atomically(workspace.scope_file, said.encode())
    try:
        return library.apply_scope(workspace, author=access.person)
    except BadScope:
        write_atomically(workspace.scope_file, before.encode())
        raise

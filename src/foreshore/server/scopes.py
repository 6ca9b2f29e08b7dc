"""Changing scope.yaml from a page: one service at a time, its difference shown before it counts.

The file stays people's own: only the lines of the service that changed are written anew, comments and all
else stay as they are. Where that cannot be done so that reading gives exactly what was meant, the whole file
is written anew from what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
import yaml

from foreshore import facts, policy
from foreshore.cycle import scopes as library
from foreshore.errors import BadScope, UsageError
from foreshore.scoping import parts, scope, writing
from foreshore.scoping.difference import difference
from foreshore.server.access import Access
from foreshore.workspace import Workspace, write_atomically


class Wanted(NamedTuple):
    """What somebody wants a service to be; `loss` counts because they confirm it by their name."""

    name: str
    tier: int = 3
    owner: str = ""
    assets: tuple[str, ...] = ()
    loss: tuple[float, float, float] | None = None
    depends_on: tuple[str, ...] | None = None
    organization: str = ""  # only where there is no scope yet


class Change(NamedTuple):
    """A change that was not made yet: the text of the file, what would differ, and a digest of file and text."""

    text: str
    differs: list[str]
    remarks: list[dict[str, Any]]
    rests_on: str


def written(workspace: Workspace) -> tuple[str, facts.Scope]:
    """Return the text of scope.yaml and what it says; ("", a bare scope) where there is none. Raises BadScope."""
    if not workspace.scope_file.exists():
        return "", library.bare(workspace)
    text = scope.text_of(workspace.scope_file)
    return text, _reading(workspace)(text).scope


def _reading(workspace: Workspace) -> Callable[[str], scope.Parsed]:
    """Return what reads a scope under the policy of the workspace, which is loaded once."""
    from foreshore.prioritization.modelled import shipped_attackers

    rules = policy.load(workspace.policy_dir)
    return partial(scope.parse, shipped=shipped_attackers(rules), obligations=rules.names("obligations"))


def digest(text: str) -> str:
    """Return what a change rests on."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def proposed(workspace: Workspace, access: Access, wanted: Wanted) -> Change:
    """Return the change that makes a service as `wanted`; nothing is written.

    Raises NotAllowed without the permission `scope`, UsageError and BadScope where the wish says nothing
    that a scope can hold.
    """
    access.need_everywhere("scope")
    read = _reading(workspace)
    text = scope.text_of(workspace.scope_file) if workspace.scope_file.exists() else ""
    now = read(text).scope if text else library.bare(workspace)
    meant = _with(now, wanted, access.person)
    new = _edited(read, text, meant, wanted.name)
    return Change(
        new,
        difference(now if text else None, meant),
        [msgspec.to_builtins(note) for note in read(new).notes],
        digest(f"{text}\0{new}"),
    )


def apply(workspace: Workspace, access: Access, wanted: Wanted, rests_on: str) -> list[str]:
    """Write the change and make it the scope in force, in the name of who asks; returns how it differs.

    Raises UsageError where the file or the wish changed since the difference was shown (`rests_on`).
    """
    change = proposed(workspace, access, wanted)
    if change.rests_on != rests_on:
        raise UsageError("this is not the change that you looked at", hint="look at the difference again")
    before = workspace.scope_file.read_bytes() if workspace.scope_file.exists() else None
    write_atomically(workspace.scope_file, change.text.encode())
    try:
        differs = library.apply_scope(workspace, author=access.person)
    except Exception:
        if before is None:
            workspace.scope_file.unlink(missing_ok=True)
        else:
            write_atomically(workspace.scope_file, before)
        raise
    return differs


def _with(now: facts.Scope, wanted: Wanted, person: str) -> facts.Scope:
    name = wanted.name.strip()
    if not name or not name.isprintable() or len(name) > 120:
        raise UsageError("a service needs a name", hint="for example Web shop")
    if not 1 <= wanted.tier <= 5:
        raise UsageError(f"an impact tier lies between 1 and 5, not {wanted.tier}")
    old = next((one for one in now.services if one.name == name), None)
    loss, by = _loss(old, wanted, person)
    made = msgspec.structs.replace(
        old or facts.Service(name), tier=wanted.tier, owner=wanted.owner.strip(), assets=wanted.assets, loss=loss,
        confirmed_by=by, depends_on=wanted.depends_on,
    )  # fmt: skip
    services = tuple(made if one.name == name else one for one in now.services) if old else (*now.services, made)
    organization = wanted.organization.strip() or now.organization
    return msgspec.structs.replace(now, services=services, organization=organization)


def _loss(old: facts.Service | None, wanted: Wanted, person: str) -> tuple[facts.Range | None, str]:
    """Return the loss and who confirmed it; one that is left as it was keeps the person behind it."""
    if wanted.loss is None:
        return None, ""
    low, likely, high = wanted.loss
    if not 0 <= low <= likely <= high <= parts.MOST_MONEY:
        raise UsageError("a loss is a range: low, likely and high in that order", hint="20000, 80000, 400000")
    span = facts.Range(low, likely, high)
    if old is not None and old.loss == span and old.confirmed_by:
        return span, old.confirmed_by
    return span, person


def _edited(read: Callable[[str], scope.Parsed], text: str, meant: facts.Scope, name: str) -> str:
    """Return the file with the lines of one service written anew, else the whole file written anew."""
    whole = writing.to_yaml(meant)
    for new in (_spliced(text, meant, name), whole):
        try:
            if new is not None and read(new).scope == meant:
                return new
        except (BadScope, UsageError):
            if new is whole:
                raise
    raise UsageError("this cannot be written as a scope", hint="scope.yaml")


def _spliced(text: str, meant: facts.Scope, name: str) -> str | None:
    """Return the text with one service replaced or added in its place, None where its lines cannot be told apart."""
    service = next(one for one in meant.services if one.name == name.strip())
    section = "foundations" if service.foundation else "services"
    lines = writing.entry(service)
    root = yaml.compose(text, yaml.SafeLoader) if text.strip() else None
    if not isinstance(root, yaml.MappingNode):
        return None
    found = next((value for key, value in root.value if key.value == section), None)
    if found is None:
        return text.rstrip("\n") + f"\n{section}:\n" + "".join(f"  {line}\n" for line in lines)
    if not isinstance(found, yaml.SequenceNode) or found.flow_style or not found.value:
        return None
    entry = next((one for one in found.value if _named(one) == service.name), None)
    return _replaced(text.splitlines(keepends=True), found.value, entry, lines)


def _named(node: yaml.Node) -> str:
    if not isinstance(node, yaml.MappingNode):
        return ""
    return next((str(value.value) for key, value in node.value if key.value == "name"), "")


def _replaced(lines: list[str], entries: Sequence[yaml.Node], entry: yaml.Node | None, new: list[str]) -> str | None:
    at = entry or entries[-1]
    first = at.start_mark.line
    dash = lines[first].find("-")
    if dash < 0 or lines[first][:dash].strip():
        return None
    end = at.end_mark  # of a block: where the next thing begins, on a line that is not part of it
    last = end.line + (end.line < len(lines) and bool(lines[end.line][: end.column].strip()))
    while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1  # comments and empty lines below belong to what comes next
    if lines[last - 1][-1:] != "\n":
        lines[last - 1] += "\n"
    put = [" " * dash + line + "\n" for line in new]
    begin = first if entry is not None else last
    return "".join([*lines[:begin], *put, *lines[last:]])


def matched(workspace: Workspace, selectors: Sequence[str]) -> dict[str, Any]:
    """Return how many of the imported assets the selectors pick (`count` of `of`), with some `names`; raises UsageError.

    Zones and tags are those of scope.yaml as it stands.
    """
    from foreshore.query import assets, attributes, zones
    from foreshore.query import selectors as picking
    from foreshore.store import open_lake

    for one in selectors:
        picking.parse(one)
    now = written(workspace)[1]
    with open_lake(workspace, read_only=True) as lake:
        present = attributes.tagged(zones.assign(assets.present(lake.sql), now), now)
    hits = set(picking.matches(present, list(selectors)).column("asset").to_pylist()) if selectors else set()
    pairs = zip(present.column("asset").to_pylist(), present.column("name").to_pylist(), strict=True)
    names = [name for asset, name in pairs if asset in hits]
    return {"count": len(hits), "of": present.num_rows, "names": sorted(names)[:12]}

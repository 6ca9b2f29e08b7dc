"""What a cycle reads besides facts: scope, policy and decisions, as values with digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from foreshore import decisions, facts, policy
from foreshore.cycle import scopes

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

Say = Callable[[str], None]


class Inputs(NamedTuple):
    """Scope in force, policy and effective decisions, and the scope's digest."""

    scope: facts.Scope
    policy: policy.Policy
    decisions: tuple[facts.Decision, ...]
    scope_digest: str


def read(workspace: Workspace, lake: Lake, as_of: datetime, say: Say) -> Inputs:
    """Return what is in force; a changed scope.yaml is applied first, and said."""
    rules = policy.load(workspace.policy_dir)
    with decisions.open(workspace) as opened:
        scope = scopes.taken(workspace, opened, rules, say)
        words = opened.effective(as_of, aliases(lake))
    return Inputs(scope, rules, tuple(words), digest_of(scope))


def aliases(lake: Lake) -> dict[int, int]:
    """Return where the ids of exposures lead that were renamed or merged."""
    table = lake.sql("select exposure, canonical from exposure_now")
    return dict(zip(table.column("exposure").to_pylist(), table.column("canonical").to_pylist(), strict=True))


def digest_of(scope: facts.Scope) -> str:
    """Return a digest of what the scope says, whatever its layout."""
    return hashlib.sha256(msgspec.json.encode(scope, order="sorted")).hexdigest()

"""The compiled graph of a cycle, kept beside its serving file, so that questions need not compile the facts anew.

The file holds what the cycle compiled and the names of its parts; it is of use only to the same engine and the same
policy, scope and facts. Without one that fits, the cycle's own version of the facts is compiled again, with the same result.
"""

from __future__ import annotations

import ipaddress
import json
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import __version__, facts, policy
from foreshore.errors import ForeshoreError
from foreshore.policy import Policy
from foreshore.prioritization import matching, reach, ruled, states, steps
from foreshore.prioritization.compile import Chances, Compiled
from foreshore.prioritization.context import Context
from foreshore.prioritization.modelled import Graphed, modelled_again
from foreshore.prioritization.places import Place
from foreshore.store import packing, serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.workspace import Workspace

FORM = "1"
_FROM_ROW = ("cycle", "snapshot", "seed", "policy_digest", "scope_digest", "engine")
_IDENTIFIERS = """
    select coalesce(n.canonical, i.asset) as asset, list(distinct i.value order by i.value) as identifiers
    from identifiers i left join asset_now n on n.asset = i.asset where i.observed_at <= $as_of group by 1 order by 1
"""


@dataclass(frozen=True)
class Kept:
    """A compiled cycle with all identifiers of its assets (asset, identifiers)."""

    found: Graphed
    identifiers: pa.Table


def of(snapshot: LakeSnapshot, found: Graphed) -> Kept:
    """Take what is kept out of a snapshot and what was compiled from it."""
    from foreshore.query import attributes

    moment = attributes.moment(snapshot.as_of)
    return Kept(found, snapshot.sql(_IDENTIFIERS.replace("$as_of", moment)))


def write(workspace: Workspace, row: Mapping[str, Any], kept: Kept) -> bool:
    """Keep what the cycle of `row` compiled; says whether that was possible, for all works without it."""
    import pyarrow as pa

    with suppress(OSError, pa.ArrowException):
        workspace.serving_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        kinds = _kinds()
        packing.write(_path(workspace, row), _parts(kept, int(row["seed"])), kinds, _about(row, kinds))
        return True
    return False


def read(workspace: Workspace, row: Mapping[str, Any]) -> Kept | None:
    """Return what the cycle of `row` compiled, None where no file fits."""
    kinds = _kinds()
    parts = packing.read(_path(workspace, row), kinds, _about(row, kinds))
    if not isinstance(parts, dict):
        return None
    try:
        return _whole(parts)
    except (KeyError, TypeError, ForeshoreError):
        return None


def _path(workspace: Workspace, row: Mapping[str, Any]) -> Path:
    return serving.kept_file(workspace, int(row["cycle"]), "graph")


def about(row: Mapping[str, Any]) -> dict[str, str]:
    """What something kept of a cycle has to fit: engine, policy, scope, facts."""
    own = {"form": FORM, "version": __version__, "shipped": policy.shipped_digest()}
    return own | {name: str(row[name]) for name in _FROM_ROW}


def _about(row: Mapping[str, Any], kinds: packing.Kinds) -> dict[str, str]:
    """What a kept graph has to fit: the shape of the classes as well."""
    return about(row) | {"shape": kinds.shape}


def _kinds() -> packing.Kinds:
    """What may stand in the file."""
    return packing.Kinds(
        (Context, Chances, Compiled, states.States, steps.Steps, steps.Shared, reach.Reach, reach.Reasons,
         reach.Tellers, Place, ruled.Ruled),
        {
            Policy: packing.Word(
                lambda one: json.dumps(one.content()), lambda text: Policy(**json.loads(text))
            ),
            facts.Scope: _json(facts.Scope), facts.Service: _json(facts.Service),
            ipaddress.IPv4Network: packing.Word(str, ipaddress.IPv4Network),
            ipaddress.IPv6Network: packing.Word(str, ipaddress.IPv6Network),
        },
    )  # fmt: skip


def _json(kind: type) -> packing.Word:
    """How a whole that msgspec knows is written."""
    return packing.Word(
        lambda one: msgspec.json.encode(one).decode(), lambda text: msgspec.json.decode(text, type=kind)
    )


def _parts(kept: Kept, seed: int) -> dict[str, Any]:
    """Return what is written: rules go by their names, for the policy has them."""
    found = kept.found
    matched = [
        {one.name: getattr(each, one.name) for one in fields(each)} | {"rule": each.rule.name}
        for each in found.compiled.ruled.matched
    ]
    return {
        "scope": found.scope, "policy": found.policy, "context": found.context, "chances": found.chances,
        "compiled": replace(found.compiled, ruled=replace(found.compiled.ruled, matched=())), "matched": matched,
        "seed": seed, "identifiers": kept.identifiers,
    }  # fmt: skip


def _whole(parts: dict[str, Any]) -> Kept:
    rules = {rule.name: rule for rule in parts["policy"].rulebook.rules}
    matched = tuple(matching.Matched(**{**one, "rule": rules[one["rule"]]}) for one in parts["matched"])
    compiled = replace(parts["compiled"], ruled=replace(parts["compiled"].ruled, matched=matched))
    scope, numbers, context = (parts[name] for name in ("scope", "policy", "context"))
    model = modelled_again(compiled, context, scope, numbers, parts["seed"])
    return Kept(Graphed(scope, numbers, context, parts["chances"], compiled, model), parts["identifiers"])

"""Exceptions that no longer hold: not counted in the cycle that finds out, taken down, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from foreshore import decisions, facts, keys
from foreshore.cycle import assuming, deciding, inputs
from foreshore.cycle.assuming import Seen

if TYPE_CHECKING:
    from foreshore.cycle.inputs import Inputs
    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.decisions.records import Entry
    from foreshore.prioritization.stage import Assessed
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

Broken = dict[facts.Decision, str]  # the exception, and what was assumed and is now so


def broken_in(workspace: Workspace, snapshot: LakeSnapshot, assessed: Assessed) -> Broken:
    """Return the exceptions among the snapshot's decisions that do not hold by what was assessed."""
    found = assessed.modelled
    seen = Seen(
        rows=assessed.batches["assessments"], signals=found.signals, rules=snapshot.policy, now=snapshot.as_of,
        assets=lambda: found.context, known_then=lambda asked: known_then(workspace, snapshot.lake, asked),
    )  # fmt: skip
    return assuming.broken(seen, snapshot.decisions)


def without(read: Inputs, broken: Broken) -> Inputs:
    """Return the same inputs without the exceptions that do not hold."""
    return read._replace(decisions=tuple(one for one in read.decisions if one not in broken))


def known_then(workspace: Workspace, lake: Lake, exposures: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Return by exposure what was written down of it when it was decided on last."""
    with decisions.open(workspace) as opened:
        made_on = deciding.made_on(opened, exposures, inputs.aliases(lake))
        return {key: words[-1].evidence for key, old in made_on.items() if (words := opened.history(old))}


def record(workspace: Workspace, lake: Lake, broken: Broken) -> list[Entry]:
    """Take down, in the system's name, what no longer holds; what a newer word has answered is left alone."""
    if not broken:
        return []
    with decisions.open(workspace) as opened:
        made_on = deciding.made_on(opened, [one.exposure for one in broken], inputs.aliases(lake))
        return opened.revoke({one: (made_on[one.exposure], why) for one, why in broken.items()})


def told(broken: Broken, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what `cycle --json` prints of each; `rows` say what the exposures are (exposure, weakness, asset_name, owner)."""
    known = {row["exposure"]: row for row in rows}
    return [
        {
            "id": keys.show("EXP", one.exposure),
            **{name: known.get(one.exposure, {}).get(name) or "" for name in ("weakness", "asset_name", "owner")},
            "disposition": one.disposition, "because": one.because, "author": one.author, "until": one.until,
            "decided_at": one.decided_at, "assumed": [each.said for each in one.assumes], "difference": why,
        }
        for one, why in broken.items()
    ]  # fmt: skip


def of(assessed: Assessed, broken: Broken) -> list[dict[str, Any]]:
    """Return `told` of the exceptions that a cycle found broken."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not broken:
        return []
    table = assessed.batches["assessments"].select(["exposure", "weakness", "asset_name", "owner"])
    asked = pa.array([one.exposure for one in broken], pa.int64())
    return told(broken, table.filter(pc.is_in(table.column("exposure"), value_set=asked)).to_pylist())


def copies(broken: Broken) -> list[tuple[str, int, str]]:
    """Return the rows of `decisions_at` that say which words a cycle did not count, and why."""
    import msgspec

    return [
        ("revoked", one.exposure, msgspec.json.encode({"decision": one, "difference": why}).decode())
        for one, why in broken.items()
    ]


def unanswered(workspace: Workspace, since: datetime | None = None) -> list[Entry]:
    """Return the revocations that nobody has answered by a newer word, oldest first."""
    if not decisions.exist(workspace):
        return []
    with decisions.open(workspace) as opened:
        return opened.revoked(since)

"""One pass through the stages, from a pinned version of the facts to a published answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import __version__, facts, keys
from foreshore.cycle import acting, inputs, kept, planned, planning, results, revoking, yardsticks
from foreshore.cycle.snapshot import LakeSnapshot
from foreshore.discovery import blindspots, states
from foreshore.discovery.identity import RECIPE
from foreshore.discovery.settling import from_policy
from foreshore.errors import NothingToRead, UsageError
from foreshore.prioritization import stage
from foreshore.query import gone
from foreshore.store import open_lake, serving, upkeep

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.cycle.inputs import Inputs
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

Say = Callable[[str], None]
ENGINE = f"foreshore {__version__}, graph 1"


def run(
    workspace: Workspace,
    *,
    as_of: datetime | None = None,
    known_at: str = "",
    seed: int | None = None,
    on_note: Say = lambda _: None,
) -> dict[str, Any]:
    """Run a cycle and return what `cycle --json` prints.

    `as_of` filters by observed time, with present knowledge; `known_at` names an earlier cycle whose
    version of the facts is read. Raises NothingToRead where nothing was imported, BadScope where
    scope.yaml is not valid: then nothing is computed.
    """
    started = time.monotonic()
    with open_lake(workspace) as lake:
        moment = _naive(as_of)
        read = inputs.read(workspace, lake, moment, on_note)
        planning.refuse_pairs(read.policy)
        version = lake.version
        cycle = keys.of(workspace.seed, "cycle", _count(lake))
        with _source(workspace, lake, known_at) as source:
            _refuse_nothing(source)
            view = (source, cycle, moment, workspace.seed if seed is None else seed)
            snapshot = snapshot_of(*view, read)
            assessed = stage.run(snapshot)
            if broken := revoking.broken_in(workspace, snapshot, assessed):
                read = revoking.without(read, broken)
                snapshot = snapshot_of(*view, read)
                assessed = stage.run(snapshot)
            assessed = stage.checked(assessed)
            acted = acting.act(snapshot, assessed)
            blind = blindspots.find(snapshot, _known(assessed))
            result = results.summary(snapshot, assessed, acted) | {"revoked": revoking.of(assessed, broken)}
            graph = kept.of(snapshot, assessed.modelled)
        result["seconds"] = round(time.monotonic() - started, 2)
        row = _row(snapshot, read, version if not known_at else source.version, result)
        batches = {**assessed.batches, **acted.batches, **blind, **_copies(snapshot, read, broken), "cycles": row}
        batches["measures"] = results.measures(snapshot, assessed, result)
        batches["gone_assets"] = snapshot.laid["gone_assets"]
        lake.append(batches, job=f"cycle:{cycle}")
        _keep(workspace, row.to_pylist()[0], graph, acted)
        serving.publish(lake, cycle, assets=assessed.modelled.context.assets, weighed=assessed.weighed)
        if as_of is None and not known_at:  # a look back finds out nothing about today
            revoking.record(workspace, lake, broken)
        if yardsticks.took_effect(workspace, lake, cycle, read.policy):
            on_note("the policy has changed since the last cycle: foreshore policy history")
        _tend(workspace, lake, on_note)
    _acknowledge(workspace, cycle, result)
    return result


def _keep(workspace: Workspace, row: dict[str, Any], graph: kept.Kept, acted: acting.Acted) -> None:
    """Keep what answers questions quickly: the compiled graph, and the plan."""
    kept.write(workspace, row, graph)
    planned.write(workspace, row, graph.found.scope.teams, planning.weeks_of(graph.found), acted.told)


def _tend(workspace: Workspace, lake: Lake, on_note: Say) -> None:
    """Merge small files of facts, and erase raw evidence that is older than the workspace keeps its kind."""
    from foreshore.store import evidence

    if tended := upkeep.tend(lake):
        on_note(f"many small files of facts were merged ({tended.merged} groups), so that reading stays quick")
    if erased := evidence.expire(workspace, datetime.now(UTC)):
        which = "1 piece" if len(erased) == 1 else f"{len(erased):,} pieces"
        on_note(f"{which} of raw evidence erased, older than [retention] in foreshore.toml; digests and facts stay")


def snapshot_of(lake: Lake, cycle: int, as_of: datetime, seed: int, read: Inputs) -> LakeSnapshot:
    """Return the snapshot of a pinned lake, with the states of its exposures at `as_of` and the assets gone then."""
    found = LakeSnapshot(lake, cycle, as_of, seed, read.scope, read.policy, read.decisions)
    rules = from_policy(read.policy).rules
    left = gone.gone(found.sql, as_of, read.policy)
    back = gone.returned(found.sql, as_of)
    return found.with_tables(
        states=states.at(found.sql, as_of, read.decisions, rules, gone=left, returned=back),
        gone_assets=gone.described(found.sql, left, cycle, as_of, read.policy),
    )


def _known(assessed: stage.Assessed) -> blindspots.Known:
    context = assessed.modelled.context
    critical = assessed.risk.model.critical.nonzero()[0].tolist()
    return blindspots.Known(context.assets, context.members, context.owners, critical)


def _naive(moment: datetime | None) -> datetime:
    if moment is None:
        return datetime.now(UTC).replace(tzinfo=None)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _count(lake: Lake) -> int:
    return int(lake.sql("select count(*) as n from cycles").column("n")[0].as_py())


def _source(workspace: Workspace, lake: Lake, known_at: str) -> Any:
    """Return the lake to read: the open one, or one pinned to what an earlier cycle read."""
    from contextlib import nullcontext

    if not known_at:
        return nullcontext(lake)
    return open_lake(workspace, read_only=True, version=find(lake, known_at)["snapshot"])


def find(lake: Lake, text: str) -> dict[str, Any]:
    """Return the row of the cycle that `text` (a key or its beginning) names."""
    low, high = keys.parse(text, "CYC")
    rows = lake.sql(f"select * from cycles where cycle between {low} and {high}").to_pylist()
    if len(rows) != 1:
        raise UsageError(
            f"{'several cycles begin with' if rows else 'no cycle has the key'} {text}",
            hint="the key as the cycle printed it",
        )
    return dict(rows[0])


def _refuse_nothing(lake: Lake) -> None:
    if not lake.sql("select 1 from runs limit 1").num_rows:
        raise NothingToRead("nothing was imported yet", hint="foreshore import reports/")


def _row(snapshot: LakeSnapshot, read: Inputs, version: int, result: dict[str, Any]) -> pa.Table:
    import orjson
    import pyarrow as pa

    row = {
        "cycle": snapshot.cycle, "as_of": snapshot.as_of, "known_at": datetime.now(UTC).replace(tzinfo=None),
        "snapshot": version, "seed": snapshot.seed, "engine": ENGINE, "identity_recipe": RECIPE,
        "policy_digest": read.policy.digest, "scope_digest": read.scope_digest,
        "result": orjson.dumps(result, default=str).decode(), "job": f"cycle:{snapshot.cycle}",
    }  # fmt: skip
    return pa.table({name: [value] for name, value in row.items()})


def _copies(snapshot: LakeSnapshot, read: Inputs, broken: revoking.Broken) -> facts.Batches:
    """Copy the values that the cycle read, so that it can be computed again."""
    import orjson
    import pyarrow as pa

    rows = [("scope", 0, msgspec.json.encode(read.scope).decode())]
    rows.append(("policy", 0, orjson.dumps(read.policy.content()).decode()))
    rows += [("disposition", one.exposure, msgspec.json.encode(one).decode()) for one in read.decisions]
    rows += revoking.copies(broken)
    return {
        "decisions_at": pa.table({
            "cycle": pa.array([snapshot.cycle] * len(rows), pa.int64()),
            "kind": [row[0] for row in rows], "subject": pa.array([row[1] for row in rows], pa.int64()),
            "payload": [row[2] for row in rows],
        })
    }  # fmt: skip


def _acknowledge(workspace: Workspace, cycle: int, result: dict[str, Any]) -> None:
    from foreshore import decisions

    with decisions.open(workspace) as opened:
        opened.acknowledge(f"cycle:{cycle}", "cycle", {"cycle": result["cycle"]})


def restored(lake: Lake, row: dict[str, Any]) -> Inputs:
    """Return the inputs that an earlier cycle copied, as values."""
    import orjson

    from foreshore import policy

    copies = lake.sql(f"select kind, payload from decisions_at where cycle = {int(row['cycle'])}").to_pylist()
    by_kind: dict[str, list[str]] = {}
    for one in copies:
        by_kind.setdefault(one["kind"], []).append(one["payload"])
    scope = msgspec.json.decode(by_kind["scope"][0].encode(), type=facts.Scope)
    words = [msgspec.json.decode(text.encode(), type=facts.Decision) for text in by_kind.get("disposition", [])]
    rules = policy.restore(orjson.loads(by_kind["policy"][0]))
    return inputs.Inputs(scope, rules, tuple(words), row["scope_digest"])

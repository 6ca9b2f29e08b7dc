"""The stage: from a snapshot to assessments, services and explained paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore import facts
from foreshore.prioritization import assessments, implied, wayfinding, weighed
from foreshore.prioritization.explain import Narrator
from foreshore.prioritization.modelled import Modelled, modelled
from foreshore.prioritization.risk import Risk, assess

if TYPE_CHECKING:
    import pyarrow as pa

EXPLAINED = 2000  # exposures whose likeliest way is kept with the cycle
WAYS = 4  # different ways kept for each service


@dataclass(frozen=True)
class Assessed:
    """What the stage returns: rows to append, and the model for the plan.

    `row_of` gives, by key, the row of an open exposure (the engine's cause); `flow` its share of
    kept proofs, which bounds what removing it can save; `weighed` what news is weighed from (`weighed.rows`).
    """

    batches: facts.Batches
    modelled: Modelled
    risk: Risk
    row_of: dict[int, int]
    flow: dict[int, float]
    weighed: pa.Table

    def left(self, exposures: Sequence[int]) -> float:
        """Return the share of modelled risk that is left without these exposures (keys)."""
        return self.risk.model.left([self.row_of[key] for key in exposures if key in self.row_of])


def run(snapshot: facts.Snapshot) -> Assessed:
    """Assess every open exposure of the snapshot."""
    found = modelled(snapshot)
    count = found.context.exposures.num_rows
    risk = assess(found.model, found.compiled, count, snapshot.policy)
    judged, shares = assessments.judge(found, risk)
    assessed = assessments.table(snapshot, found, risk, judged, shares)
    keys = found.context.exposures.column("exposure").to_pylist()
    narrator = Narrator(found.context, found.compiled, found.chances, risk, snapshot.policy)
    batches = {
        "assessments": assessed,
        "services_at": services(snapshot, found, risk),
        "steps": steps(snapshot, narrator, assessed, {key: row for row, key in enumerate(keys)}),
    }
    flow = dict(zip(keys, shares["proof_flow"].tolist(), strict=True))
    said = weighed.rows(found, risk, shares["proof_flow"])
    return Assessed(batches, found, risk, {key: row for row, key in enumerate(keys)}, flow, said)


def checked(assessed: Assessed) -> Assessed:
    """Return the same with what would move the first exposures down, each change tried by the engine."""
    from foreshore.prioritization import lowering

    found = assessed.modelled
    table = lowering.applied(found, assessed.risk, assessed.batches["assessments"], found.policy)
    return replace(assessed, batches={**assessed.batches, "assessments": table})


def services(snapshot: facts.Snapshot, found: Modelled, risk: Risk) -> pa.Table:
    """Return the rows of `services_at`: chances a year with their intervals and bounds."""
    import pyarrow as pa

    outcome = risk.believed.outcome
    whole = risk.whole
    members = np.bincount(
        np.asarray(found.context.members.column("number"), np.int64), minlength=len(found.context.services)
    )
    rows: list[dict[str, Any]] = []
    spread = implied.spread_of(found, risk)
    for number, service in enumerate(found.context.services):
        events = float(outcome.events[number])
        rows.append({
            "cycle": snapshot.cycle, "service": service.name, "foundation": service.foundation,
            "tier": service.tier, "owner": service.owner, "assets": int(members[number]),
            "probability": float(outcome.probability[number]), "low": float(outcome.low[number]),
            "high": float(outcome.high[number]), "sampling_error": float(outcome.sampling_error[number]),
            "best_case": float(risk.good.probability[number]),
            "worst_case": float(risk.bad.probability[number]),
            "loss": float(spread.each.mean[number]) if spread is not None and spread.known[number] else None,
            "weight": float(risk.model.weights[number]),
            "share": events * float(risk.model.weights[number]) / whole if whole else 0.0,
            "path": float(risk.best.to_target[number]),
        })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_services_schema())


def _services_schema() -> pa.Schema:
    import pyarrow as pa

    types = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
    }
    from foreshore import tables

    return pa.schema([(column.name, types[column.type]) for column in tables.TABLES["services_at"]])


def steps(snapshot: facts.Snapshot, narrator: Narrator, assessed: pa.Table, row_of: dict[int, int]) -> pa.Table:
    """Return the told steps of the first exposures' likeliest ways, and of each service's."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    for key in assessed.column("exposure").slice(0, EXPLAINED).to_pylist():
        path = narrator.through(row_of[key])
        service = narrator.end_of(path)
        rows += [{"exposure": key, "service": service, "way": 1, **row} for row in narrator.told(path)]
    for number, service in enumerate(narrator.services):
        for way, path in enumerate(_ways(narrator, number), start=1):
            rows += [{"exposure": 0, "service": service, "way": way, **row} for row in narrator.told(path)]
    for row in rows:
        row["cycle"] = snapshot.cycle
    schema = pa.schema([
        ("cycle", pa.int64()), ("exposure", pa.int64()), ("service", pa.string()), ("way", pa.int32()), ("number", pa.int32()),
        ("step", pa.string()), ("rule", pa.string()), ("technique", pa.string()), ("asset", pa.int64()),
        ("zone", pa.string()), ("probability", pa.float64()), ("fact", pa.string()), ("source", pa.string()),
        ("observed_at", pa.timestamp("us")), ("assumed", pa.bool_()), ("cause", pa.int64()),
    ])  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def _ways(narrator: Narrator, number: int) -> list[list[int]]:
    """Return the likeliest way to a service, then those that differ from it."""
    first = narrator.to_service(number)
    if not first:
        return []
    model = narrator.risk.model
    starts = tuple(dict.fromkeys(tuple(map(int, one.entries)) for one in model.profiles))
    usable = np.ones(model.graph.steps, np.bool_)
    question = wayfinding.Question(starts, (int(model.targets[number]),), usable)
    alike = wayfinding.likeness(narrator.compiled.steps)
    more = wayfinding.ways(model.graph, question, alike, WAYS)
    return [first, *(list(one.steps) for one in more if alike(one.steps) != alike(first))][:WAYS]

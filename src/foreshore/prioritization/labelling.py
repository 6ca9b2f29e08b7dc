"""The facts that labels and deadlines need, taken from the model, exposure by exposure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore.prioritization import labels

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore import facts
    from foreshore.policy import Policy
    from foreshore.prioritization.modelled import Modelled
    from foreshore.prioritization.risk import Risk

_IMPACTS = ("low", "medium", "high", "very high")


def labelled(snapshot: facts.Snapshot, modelled: Modelled, risk: Risk) -> dict[str, Any]:
    """Return the columns label, due and due_rule; deadlines only of obligations that the scope switches on."""
    known = label_facts(modelled, risk, snapshot.policy)
    found = labels.label(known, snapshot.policy)
    text = [
        f"{name}, decided by {fact}" if fact and " or " in name else name
        for name, fact in zip(found.column("label").to_pylist(), found.column("settled_by").to_pylist(), strict=True)
    ]
    return {"label": text, **_deadlines(snapshot, modelled, known)}


def label_facts(modelled: Modelled, risk: Risk, policy: Policy) -> pa.Table:
    """Return the table that `labels.label` and `labels.due` take, one row for each exposure."""
    import pyarrow as pa
    import pyarrow.compute as pc

    exposures, signals = modelled.context.exposures, modelled.signals
    place = pc.index_in(exposures.column("weakness"), value_set=signals.column("weakness").combine_chunks())
    taken = signals.select(["ssvc_automatable", "ssvc_impact", "kev", "kev_at"]).take(place)
    internet, elsewhere = direct_reach(modelled)
    return pa.table({
        "row": pa.array(np.arange(exposures.num_rows)),
        "exploit": modelled.judged.column("exploit"),
        "internet": pa.array(internet.tolist(), pa.string()),
        "elsewhere": pa.array(elsewhere.tolist(), pa.string()),
        "automatable": taken.column("ssvc_automatable"),
        "human_impact": pa.array(_impact(modelled, risk, policy), pa.string()),
        "kev": taken.column("kev"), "kev_at": taken.column("kev_at"), "impact": taken.column("ssvc_impact"),
        "first_seen": exposures.column("first_seen"),
    })  # fmt: skip


def direct_reach(modelled: Modelled) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return, for each exposure, whether the internet and whether any other place reaches it directly."""
    compiled = modelled.compiled
    answers = compiled.reach
    count = modelled.context.exposures.num_rows
    endpoints = len(answers.endpoint_of)
    rank = np.zeros((2, endpoints), np.int64)  # 0 no, 1 unknown, 2 yes
    strength = np.where(answers.answer == 1, 2, 1)
    inside = (answers.source != 0).astype(np.int64)
    np.maximum.at(rank, (inside, answers.target), strength)
    base = int(compiled.states.endpoint(0))
    at = compiled.position_state - base
    network = (at >= 0) & (at < endpoints)
    found = np.zeros((2, count), np.int64)
    for side in (0, 1):
        np.maximum.at(found[side], compiled.position_row[network], rank[side, at[network]])
    found[1, compiled.position_row[compiled.position_state == compiled.states.opened]] = 2
    words = np.array(["no", "unknown", "yes"], dtype=object)
    return words[found[0]], words[found[1]]


def _impact(modelled: Modelled, risk: Risk, policy: Policy) -> list[str]:
    """Return SSVC's human impact: the worst among the services that an exposure leads to."""
    services = modelled.context.services
    ranks = np.array(
        [_IMPACTS.index(labels.human_impact(policy, one.tier, one.safety, one.mission)) for one in services]
    )
    worst = np.where(risk.services_of, ranks[None, :], 0).max(axis=1, initial=0)
    return [_IMPACTS[rank] for rank in worst]


def _deadlines(snapshot: facts.Snapshot, modelled: Modelled, known: pa.Table) -> dict[str, Any]:
    count = known.num_rows
    dates: list[date | None] = [None] * count
    rules = [""] * count
    for obligation in snapshot.scope.obligations:
        applies = _applies(obligation.applies_to, modelled)
        found = labels.due(obligation.name, known, snapshot.policy)
        columns = (found.column("due").to_pylist(), found.column("due_rule").to_pylist())
        for row, (day, rule) in enumerate(zip(*columns, strict=True)):
            before = dates[row]
            if day is not None and applies[row] and (before is None or day < before):
                dates[row], rules[row] = day, rule
    import pyarrow as pa

    return {"due": pa.array(dates, pa.date32()), "due_rule": rules}


def _applies(where: str, modelled: Modelled) -> NDArray[np.bool_]:
    """Return which exposures an obligation speaks of: all, those of a zone, or of a service's assets."""
    context = modelled.context
    assets = context.exposures.column("asset").to_pylist()
    if where == "all":
        return np.ones(len(assets), np.bool_)
    kind, _, name = where.partition(":")
    if kind == "zone":
        columns = (context.assets.column(one).to_pylist() for one in ("asset", "zone"))
        chosen = {asset for asset, zone in zip(*columns, strict=True) if zone == name}
    else:
        numbers = [number for number, one in enumerate(context.services) if one.name == (name or kind)]
        columns = (context.members.column(one).to_pylist() for one in ("number", "asset"))
        chosen = {asset for number, asset in zip(*columns, strict=True) if number in numbers}
    return np.array([asset in chosen for asset in assets], np.bool_)

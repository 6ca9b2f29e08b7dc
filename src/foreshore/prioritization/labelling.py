"""The facts that labels and deadlines need, taken from the model, exposure by exposure."""

from __future__ import annotations

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
    import pyarrow.compute as pc

    name, fact = found.column("label"), found.column("settled_by")
    open_fact = pc.and_(pc.not_equal(pc.fill_null(fact, ""), ""), pc.match_substring(name, " or "))
    both = pc.binary_join_element_wise(name, fact, ", decided by ")
    return {"label": pc.if_else(open_fact, both, name), **_deadlines(snapshot, modelled, known)}


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
    return list(np.array(_IMPACTS, dtype=object)[worst])


def _deadlines(snapshot: facts.Snapshot, modelled: Modelled, known: pa.Table) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    count = known.num_rows
    dates: Any = pa.nulls(count, pa.date32())
    rules: Any = pa.array(np.full(count, ""), pa.string())
    for obligation in snapshot.scope.obligations:
        applies = pa.array(_applies(obligation.applies_to, modelled))
        found = labels.due(obligation.name, known, snapshot.policy)
        day, rule = found.column("due"), found.column("due_rule")
        earlier = pc.or_(pc.is_null(dates), pc.fill_null(pc.less(day, dates), False))
        better = pc.and_(pc.and_(pc.is_valid(day), applies), earlier)
        dates, rules = pc.if_else(better, day, dates), pc.if_else(better, rule, rules)
    return {"due": dates, "due_rule": rules}


def _applies(where: str, modelled: Modelled) -> NDArray[np.bool_]:
    """Return which exposures an obligation speaks of: all, those of a zone, or of a service's assets."""
    import pyarrow.compute as pc

    context = modelled.context
    assets = context.exposures.column("asset").to_numpy()
    if where == "all":
        return np.ones(len(assets), np.bool_)
    kind, _, name = where.partition(":")
    if kind == "zone":
        inside = np.asarray(pc.equal(context.assets.column("zone"), name), np.bool_)
        chosen = context.assets.column("asset").to_numpy()[inside]
    else:
        numbers = [number for number, one in enumerate(context.services) if one.name == (name or kind)]
        inside = np.isin(context.members.column("number").to_numpy(), numbers)
        chosen = context.members.column("asset").to_numpy()[inside]
    return np.isin(assets, chosen)

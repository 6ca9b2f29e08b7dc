"""The assessments table: every open exposure in the canonical order, with its answers and its treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import facts, tables
from foreshore.intel.signals import feeds_at
from foreshore.prioritization import labelling, maturity, treatment
from foreshore.prioritization.reach import numbered
from foreshore.prioritization.risk import by_exposure
from foreshore.prioritization.treatment import Judged

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.prioritization.modelled import Modelled
    from foreshore.prioritization.risk import Risk

Texts = NDArray[np.object_]
PROBE = 5  # rank in policy/proof.toml from which a report's own evidence counts as shown

_VERDICTS = """
    select coalesce(n.canonical, v.exposure) as exposure, arg_max(v.outcome, (v.outcome <> 'inconclusive', v.observed_at)) as outcome
    from verdicts v left join exposure_now n on n.exposure = v.exposure
    where v.exposure <> 0 and v.outcome in ('confirmed', 'refuted', 'inconclusive')
    group by 1
"""


def texts(column: pa.ChunkedArray, missing: str = "") -> Texts:
    """Return a column of text as an object array, NULL as `missing`."""
    return np.array([missing if one is None else one for one in column.to_pylist()], dtype=object)


def judge(modelled: Modelled, risk: Risk) -> tuple[Judged, dict[str, NDArray[np.float64]]]:
    """Return what the treatment looks at, and the shares of risk of each exposure."""
    exposures = modelled.context.exposures
    count = exposures.num_rows
    shares = by_exposure(risk.believed, risk.model.weights, count)
    at_worst = np.maximum(risk.share_at_worst(), shares["mean"])
    words, reasons = _decided(modelled)
    names = np.array([service.name for service in modelled.context.services], dtype=object)
    judged = Judged(
        contribution=shares["mean"], if_reachable=at_worst, reachable=risk.reachable, leads=risk.leads,
        exploit=texts(modelled.judged.column("exploit"), "unknown"),
        disposition=words,
        has_fix=_has_fix(exposures), in_scope=in_scope(modelled),
        question=questions(modelled, risk, at_worst),
        services=_joined_rows(names, risk.services_of), because=reasons,
        vendor=texts(modelled.judged.column("vendor")),
        vendor_because=texts(modelled.judged.column("vendor_because")),
    )  # fmt: skip
    return judged, shares


def _decided(modelled: Modelled) -> tuple[Texts, Texts]:
    """Return each exposure's disposition and its reason, '' where nobody has spoken."""
    keys = modelled.context.exposures.column("exposure").to_numpy()
    words, reasons = np.full(len(keys), "", dtype=object), np.full(len(keys), "", dtype=object)
    for row in np.flatnonzero(np.isin(keys, np.array(sorted(modelled.decided), np.int64))).tolist():
        one = modelled.decided[int(keys[row])]
        words[row], reasons[row] = _word(one), one.because
    return words, reasons


def _distinct(flags: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the distinct rows of a table of flags, and which of them each row is."""
    if not flags.size:
        return flags[:1], np.zeros(len(flags), np.int64)
    packed = np.packbits(flags, axis=1)
    words = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").reshape(-1)
    _, first, inverse = np.unique(words, return_index=True, return_inverse=True)
    return flags[first], inverse.reshape(-1)


def _joined_rows(names: Texts, flags: NDArray[np.bool_]) -> Texts:
    rows, which = _distinct(flags)
    texts_of = np.array([_joined(names[row]) for row in rows], dtype=object)
    return np.asarray(texts_of[which], dtype=object)


def _word(decision: facts.Decision | None) -> str:
    return decision.disposition if decision and decision.disposition != "claimed_fixed" else ""


def _joined(names: Texts) -> str:
    few = list(names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(few) + more


def _has_fix(exposures: pa.Table) -> NDArray[np.bool_]:
    fixed = texts(exposures.column("fixed_version")) != ""
    return np.asarray(fixed | (texts(exposures.column("fix")) != ""), np.bool_)


def in_scope(modelled: Modelled) -> NDArray[np.bool_]:
    """Is the exposure on an asset of a site of the scope, and not dismissed?"""
    import pyarrow as pa
    import pyarrow.compute as pc

    assets, exposures = modelled.context.assets, modelled.context.exposures
    sites = pa.array([site.name for site in modelled.scope.sites], pa.string())
    here = assets.filter(pc.is_in(assets.column("site"), value_set=sites)).column("asset").combine_chunks()
    dismissed = np.array(sorted(modelled.dismissed), np.int64)
    inside = np.asarray(pc.is_in(exposures.column("asset"), value_set=here), np.bool_)
    return inside & ~np.isin(exposures.column("exposure").to_numpy(), dismissed)


def reach_facts(modelled: Modelled, risk: Risk) -> Texts:
    """Return, for each exposure, the fact that settles whether an attacker gets there, or would."""
    compiled = modelled.compiled
    count = modelled.context.exposures.num_rows
    found = np.full(count, "", dtype=object)
    why_of = _endpoint_facts(compiled, risk)
    base = int(compiled.states.endpoint(0))
    endpoints = compiled.states.endpoints
    sentences = [why_of.get(endpoint, "no way to it is known") for endpoint in range(endpoints)]
    sentences += ["a foothold on the machine is needed first", "people can be sent something to open"]
    at = compiled.position_state - base
    which = np.where((at >= 0) & (at < endpoints), at, endpoints)
    which[compiled.position_state == compiled.states.opened] = endpoints + 1
    found[compiled.position_row] = np.array(sentences, dtype=object)[which]
    return found


def questions(modelled: Modelled, risk: Risk, at_worst: NDArray[np.float64]) -> Texts:
    """Return, where something is open that could matter, the first unknown on the likeliest way through it."""
    found = np.full(len(at_worst), "", dtype=object)
    open_one = (risk.reachable == "unknown") | (risk.leads == "unknown")
    least = modelled.policy.number("treatment.unknown.least_if_bad").value
    rows = np.flatnonzero(open_one & (at_worst >= least))
    rows = rows[rows < len(risk.best.step_of_cause)]
    first = risk.best.step_of_cause[rows].astype(np.int64)
    rows, first = rows[first >= 0], first[first >= 0]
    # Ways whose first own step has the same ends, and is known itself, are the same from there on.
    graph, certain = risk.model.graph, risk.model.certain
    ends = [graph.src[first], graph.guard[first], graph.dst[first], np.where(certain[first], -1, first)]
    alike, place = numbered(np.stack(ends).astype(np.int64))
    before: dict[int, str] = {}
    sentences = [_question(modelled, risk, (row, state), before) for row, state in zip(
        rows[place].tolist(), graph.src[first[place]].tolist(), strict=True)]  # fmt: skip
    found[rows] = np.array(sentences, dtype=object)[alike]
    return found


def _question(modelled: Modelled, risk: Risk, at: tuple[int, int], before: dict[int, str]) -> str:
    """Return the first unknown on the way through an exposure (row, state that its use needs), '' for none."""
    row, state = at
    if state not in before:
        before[state] = _first_unknown(modelled, risk, risk.best.steps_to_state(state))
    return before[state] or _first_unknown(modelled, risk, risk.best.steps_through_cause(row))


def _first_unknown(modelled: Modelled, risk: Risk, way: list[int]) -> str:
    column = modelled.compiled.steps.columns["why"]
    step = next((one for one in way if not risk.model.certain[one]), -1)
    return modelled.compiled.reach.why[int(column[step])] if step >= 0 else ""


def _endpoint_facts(compiled: Any, risk: Risk) -> dict[int, str]:
    """Return, by endpoint, why it is surely reached, or the one unknown on its likeliest way that decides."""
    answers, base = compiled.reach, int(compiled.states.endpoint(0))
    found: dict[int, str] = {}
    standing = risk.surely[compiled.states.place(answers.source)] & (answers.answer == 1)
    for number in np.flatnonzero(standing).tolist():
        found.setdefault(int(answers.target[number]), answers.why[number])
    waiting = set(np.unique(answers.target).tolist()) - set(found)
    column = compiled.steps.columns["why"]
    for endpoint in sorted(waiting):
        open_questions = [step for step in risk.best.steps_to_state(base + endpoint) if not risk.model.certain[step]]
        if open_questions:
            found[endpoint] = answers.why[int(column[open_questions[0]])]
    return found


def table(snapshot: facts.Snapshot, modelled: Modelled, risk: Risk, judged: Judged, shares: dict[str, Any]) -> pa.Table:
    """Return the rows of `assessments` in the canonical order; dismissed ones last, without treatment."""
    import pyarrow as pa

    decision = treatment.decide(judged, snapshot.policy)
    exposures = modelled.context.exposures
    dismissed = np.isin(judged.disposition, facts.DISMISSALS)
    order = _order(decision, dismissed, shares, risk, np.asarray(exposures.column("exposure")))
    assets = _asset_columns(modelled)
    outcome = labelling.labelled(snapshot, modelled, risk)
    columns: dict[str, Any] = {
        "cycle": np.full(len(order), snapshot.cycle, np.int64),
        **{name: exposures.column(name) for name in (
            "exposure", "asset", "weakness", "kind", "title", "place_kind", "place", "state", "severity",
            "first_seen", "last_seen", "sources")},
        **assets,
        **_signal_columns(modelled),
        "exploit_because": maturity.sentences(
            exposures, modelled.judged, modelled.signals,
            feeds_at(snapshot.sql, snapshot.as_of).to_pylist(), snapshot.policy,
        ),
        **_verdict_column(snapshot, exposures),
        "in_scope": judged.in_scope, "way_in": modelled.judged.column("way_in"),
        "reachable": judged.reachable, "reach_fact": reach_facts(modelled, risk), "exploit": judged.exploit,
        "leads_to": _names(modelled, risk), "leads": judged.leads,
        "likelihood": modelled.likelihood, "contribution": shares["mean"], "low": shares["low"],
        "high": shares["high"], "sampling_error": shares["error"],
        "contribution_if_reachable": judged.if_reachable, "best_path": _best(risk, len(order)),
        "treatment": pa.array(decision.tolist(), pa.string(), mask=dismissed),
        "reason": treatment.reasons(judged, decision), "would_lower": treatment.would_lower(judged, decision),
        "disposition": judged.disposition, "disposition_because": judged.because,
        **{name: modelled.judged.column(name) for name in ("vendor", "vendor_because")},
        "fix": _fixes(exposures), **outcome,
    }  # fmt: skip
    built = pa.table({name: _array(values) for name, values in columns.items()}).take(pa.array(order))
    ranked = built.append_column("rank", pa.array(np.arange(1, len(order) + 1)))
    return ranked.select([name for name in tables.names("assessments") if name in ranked.column_names])


def _array(values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype == object:
        return pa.array(values.tolist(), pa.string())
    return values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)


def _order(
    decision: Texts, dismissed: NDArray[np.bool_], shares: dict[str, Any], risk: Risk, keys: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Treatment, contribution, proof flow, best path, key; what people dismissed last."""
    urgency = np.zeros(len(decision), np.int64)
    for number, name in enumerate(facts.TREATMENTS):
        urgency[decision == name] = number
    urgency[dismissed] = len(facts.TREATMENTS)
    best = _best(risk, len(keys))
    found = np.lexsort((keys, -best, -shares["proof_flow"], -shares["mean"], urgency))
    return np.asarray(found, np.int64)


def _best(risk: Risk, count: int) -> NDArray[np.float64]:
    found = np.zeros(count)
    found[: len(risk.best.through_cause)] = risk.best.through_cause
    return found


def _names(modelled: Modelled, risk: Risk) -> pa.Array:
    import pyarrow as pa

    names = np.array([service.name for service in modelled.context.services], dtype=object)
    heavy = np.argsort(-risk.model.weights, kind="stable")
    rows, which = _distinct(risk.services_of[:, heavy])
    lists = pa.array([names[heavy][row].tolist() for row in rows], pa.list_(pa.string()))
    return lists.take(pa.array(which))


def _asset_columns(modelled: Modelled) -> dict[str, Any]:
    import pyarrow.compute as pc

    context = modelled.context
    place = pc.index_in(context.exposures.column("asset"), value_set=context.assets.column("asset").combine_chunks())
    taken = context.assets.select(["name", "site", "zone", "owner"]).take(place)
    team = pc.index_in(context.exposures.column("asset"), value_set=context.owners.column("asset").combine_chunks())
    owner = pc.coalesce(context.owners.column("team").take(team), taken.column("owner"))
    return {
        "asset_name": taken.column("name"),
        "site": taken.column("site"),
        "zone": taken.column("zone"),
        "owner": owner,
    }


def _signal_columns(modelled: Modelled) -> dict[str, Any]:
    import pyarrow.compute as pc

    exposures, signals = modelled.context.exposures, modelled.signals
    place = pc.index_in(exposures.column("weakness"), value_set=signals.column("weakness").combine_chunks())
    taken = signals.select(["cvss", "epss", "epss_model", "kev"]).take(place)
    return {
        "cvss": pc.coalesce(taken.column("cvss"), exposures.column("cvss")),
        "epss": taken.column("epss"), "epss_model": taken.column("epss_model"), "kev": taken.column("kev"),
    }  # fmt: skip


def _verdict_column(snapshot: facts.Snapshot, exposures: pa.Table) -> dict[str, Any]:
    import pyarrow.compute as pc

    found = snapshot.sql(_VERDICTS)
    place = pc.index_in(exposures.column("exposure"), value_set=found.column("exposure").combine_chunks())
    shown = pc.if_else(pc.greater_equal(exposures.column("proof"), PROBE), "confirmed", "not_run")
    return {"verdict": pc.coalesce(found.column("outcome").take(place), shown)}


def _fixes(exposures: pa.Table) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    fix, name, version, fixed = (
        pc.fill_null(exposures.column(one).cast(pa.string()), "")
        for one in ("fix", "component_name", "version", "fixed_version")
    )
    to = pc.utf8_trim_whitespace(pc.binary_join_element_wise(name, " ", version, " → ", fixed, ""))
    return pc.if_else(pc.not_equal(fix, ""), fix, pc.if_else(pc.not_equal(fixed, ""), to, ""))

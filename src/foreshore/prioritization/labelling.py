"""The facts that labels and deadlines need, taken from the model, exposure by exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import facts, scratch
from foreshore.prioritization import labels

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy
    from foreshore.prioritization.context import Context
    from foreshore.prioritization.modelled import Modelled
    from foreshore.prioritization.risk import Risk

_IMPACTS = ("low", "medium", "high", "very high")


def labelled(snapshot: facts.Snapshot, modelled: Modelled, risk: Risk) -> dict[str, Any]:
    """Return the columns label, points, due and due_rule; deadlines only of obligations that the scope switches on.

    `points` is JSON of the facts that decision tables hang on, so that any rule can be asked again later.
    """
    known = label_facts(modelled, risk, snapshot.policy)
    found = labels.label(known, snapshot.policy)
    import pyarrow.compute as pc

    name, fact = found.column("label"), found.column("settled_by")
    open_fact = pc.and_(pc.not_equal(pc.fill_null(fact, ""), ""), pc.match_substring(name, " or "))
    both = pc.binary_join_element_wise(name, fact, ", decided by ")
    packable = known
    for column, values in serves(modelled).items():
        packable = packable.append_column(column, values)
    return {
        "label": pc.if_else(open_fact, both, name), "points": packed(packable), **_deadlines(snapshot, modelled, known)
    }  # fmt: skip


PACKED = ("exploit", "internet", "elsewhere", "automatable", "human_impact", "kev", "impact", "severity")
SERVES = ("serves", "tier")


def packed(known: pa.Table) -> pa.Array:
    """Return the facts of each row as one JSON text; each distinct combination is written once.

    The columns SERVES go in where `known` has them: no decision hangs on them, but scores shown beside it do.
    """
    import orjson
    import pyarrow as pa

    names = [*PACKED, *(name for name in SERVES if name in known.column_names)]
    facts_of = known.select(names)
    distinct = facts_of.group_by(names).aggregate([])
    texts = [orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode() for row in distinct.to_pylist()]
    on = " AND ".join(f"f.{name} IS NOT DISTINCT FROM d.{name}" for name in names)
    with scratch.connect(threads=1) as connection:
        connection.register("f", facts_of.append_column("_order", pa.array(range(len(facts_of)), pa.int64())))
        connection.register("d", distinct.append_column("text", pa.array(texts, pa.string())))
        found = connection.sql(f"SELECT d.text FROM f JOIN d ON {on} ORDER BY _order").to_arrow_table()
    return found.column("text")


def unpacked(texts: pa.ChunkedArray) -> pa.Table:
    """Return the columns of `packed` again; a NULL text gives NULLs."""
    import orjson
    import pyarrow as pa
    import pyarrow.compute as pc

    distinct = pc.unique(texts)
    rows = [orjson.loads(text) if text else dict.fromkeys(PACKED) for text in distinct.to_pylist()]
    types = {"kev": pa.bool_()}
    table = pa.table({name: pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in PACKED})
    return table.take(pc.index_in(texts, value_set=distinct)) if len(texts) else table


def serves(modelled: Modelled) -> dict[str, pa.Array]:
    """Return the columns SERVES of each exposure: the service of the highest tier that its asset is part of, and that tier.

    Both are NULL where the scope names no service of which the asset is part.
    """
    import pyarrow as pa

    context = modelled.context
    exposed = context.exposures.column("asset").to_numpy()
    services = context.services if modelled.scope.services else ()
    order = sorted(range(len(services)), key=lambda number: -services[number].tier)
    found = np.full(len(exposed), -1, np.int64)
    number, asset = (context.members.column(name).to_numpy() for name in ("number", "asset"))
    for one in reversed(order):
        found[np.isin(exposed, asset[number == one])] = one
    names = pa.array([one.name for one in services], pa.string())
    tiers = pa.array([one.tier for one in services], pa.int64())
    place = pa.array(found, pa.int64(), mask=found < 0)
    return {"serves": names.take(place), "tier": tiers.take(place)}


def label_facts(modelled: Modelled, risk: Risk, policy: Policy) -> pa.Table:
    """Return the table that `labels.label` and `labels.due` take, one row for each exposure."""
    import pyarrow as pa
    import pyarrow.compute as pc

    exposures, signals = modelled.context.exposures, modelled.signals
    place = pc.index_in(exposures.column("weakness"), value_set=signals.column("weakness").combine_chunks())
    taken = signals.select(["ssvc_automatable", "ssvc_impact", "kev", "kev_at", "published", "cvss"]).take(place)
    internet, elsewhere = direct_reach(modelled)
    return pa.table({
        "row": pa.array(np.arange(exposures.num_rows)),
        "exploit": modelled.judged.column("exploit"),
        "internet": pa.array(internet.tolist(), pa.string()),
        "elsewhere": pa.array(elsewhere.tolist(), pa.string()),
        "automatable": taken.column("ssvc_automatable"),
        "human_impact": pa.array(_impact(modelled, risk, policy), pa.string()),
        "kev": taken.column("kev"), "kev_at": taken.column("kev_at"), "impact": taken.column("ssvc_impact"),
        "severity": severities(taken.column("cvss"), exposures.column("severity"), policy),
        "first_seen": exposures.column("first_seen"), "published": taken.column("published"),
    })  # fmt: skip


def severities(scores: pa.ChunkedArray, told: pa.ChunkedArray, policy: Policy) -> pa.Array:
    """Return each exposure's rating in words: of its weakness's CVSS base score, else the scanners' highest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rated = pa.array(labels.ratings(pc.fill_null(scores, 0.0).to_numpy(), policy), pa.int64())
    place = pc.if_else(pc.is_valid(scores), rated, told.cast(pa.int64()))
    return pa.array(facts.SEVERITIES).take(place)


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
        speaks_of = pa.array(applies(obligation.applies_to, modelled))
        found = labels.due(obligation.name, known, snapshot.policy)
        day, rule = found.column("due"), found.column("due_rule")
        earlier = pc.or_(pc.is_null(dates), pc.fill_null(pc.less(day, dates), False))
        better = pc.and_(pc.and_(pc.is_valid(day), speaks_of), earlier)
        dates, rules = pc.if_else(better, day, dates), pc.if_else(better, rule, rules)
    return {"due": dates, "due_rule": rules}


def applies(where: str, modelled: Modelled) -> NDArray[np.bool_]:
    """Return which exposures of a model an obligation speaks of; see `applies_to`."""
    return applies_to(where, modelled.context, modelled.scope)


def applies_to(where: str, context: Context, scope: facts.Scope) -> NDArray[np.bool_]:
    """Return which exposures an obligation speaks of.

    `where` is all, entity:NAME (of sites), service:NAME or zone:NAME; a bare name is that of a service,
    else of a zone, else of an entity. A name that nothing has picks none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    assets = context.exposures.column("asset").to_numpy()
    if where == "all":
        return np.ones(len(assets), np.bool_)
    kind, name = facts.subject(where, scope)
    if kind == "service":
        numbers = [number for number, one in enumerate(context.services) if one.name == name]
        inside = np.isin(context.members.column("number").to_numpy(), numbers)
        return np.isin(assets, context.members.column("asset").to_numpy()[inside])
    column, names = "zone", [name]
    if kind == "entity":
        column, names = "site", [site.name for site in scope.sites if site.entity == name]
    there = context.assets.column(column)
    inside = np.asarray(pc.is_in(there, value_set=pa.array(names, pa.string())), np.bool_)
    return np.isin(assets, context.assets.column("asset").to_numpy()[inside])


_TOLD = {
    "exploit": "nobody says whether an exploit exists", "automatable": "nobody says whether attacks can be automated",
    "impact": "nobody says how much control it gives", "kev": "no catalogue was read",
    "human_impact": "no service is known", "severity": "nobody rated it",
}  # fmt: skip
_SOURCES = {
    "exploit": "intelligence", "automatable": "SSVC statement on the weakness", "impact": "SSVC statement on the weakness",
    "kev": "CISA KEV", "human_impact": "scope and attack graph", "reach": "scope, reports and policy",
    "severity": "CVSS, else the reports",
}  # fmt: skip


def decision_points(row: Mapping[str, Any], signals: Mapping[str, Any], policy: Policy) -> list[dict[str, Any]]:
    """Return, for each decision table, its outcome for one exposure and what each of its points hangs on.

    `row` is a served exposure with `points` (see `packed`), `signals` its row of `signals_at`. Each entry:
    table, outcome, mildest, strictest, decided_by (the open fact, in words, '' where none is) and points
    with point, value ("a or b" where it is open), known, fact, source. Empty for cycles that kept no points.
    """
    import orjson

    if not row.get("points"):
        return []
    known: dict[str, Any] = orjson.loads(row["points"])
    points = labels.Points(policy)
    found = []
    for name, title in labels.TITLES.items():
        if name == "severity":
            continue
        table, values = labels.table_of(policy, name), points.of(name, known)
        outcome = table.outcome(*values.values())
        told = []
        for point, value in values.items():
            fact = points.fact_of[point]
            either = value or " or ".join(table.values[point])
            told.append({
                "point": point, "value": either, "known": value is not None and " or " not in either,
                "fact": _fact(fact, known, row, signals), "source": _source(fact, row, signals),
            })  # fmt: skip
        found.append({
            "table": title, "outcome": outcome.label, "mildest": outcome.mildest, "strictest": outcome.strictest,
            "decided_by": labels.settled(outcome), "points": told,
        })  # fmt: skip
    return found


def _fact(fact: str, known: Mapping[str, Any], row: Mapping[str, Any], signals: Mapping[str, Any]) -> str:
    """Say in words what a point hangs on."""
    word = labels.word_of(fact, known)
    if fact == "reach":
        open_one = known["internet"] == "unknown"
        return ("not known: " if open_one else "") + str(row.get("reach_fact") or "no way to it is known")
    if word is None or word == "unknown":
        nameless = fact == "kev" and not str(row.get("weakness") or "CVE-").startswith("CVE-")
        return "the catalogue lists CVEs alone, and this has no CVE number" if nameless else _TOLD[fact]
    if fact == "exploit":
        if _by_kind(row, signals):
            return _inside(str(row["exploit_because"]))
        since = signals.get("exploit_since")
        return EXPLOIT_WORDS.get(word, word) + (f" since {since:%Y-%m-%d}" if since and word != "none_known" else "")
    if fact == "kev":
        day = signals.get("kev_at")
        return f"in the catalogue since {day:%Y-%m-%d}" if word == "yes" and day else "not in the catalogue"
    if fact == "human_impact":
        names = ", ".join(row.get("leads_to") or []) or "no service"
        return f"the worst harm among what it leads to ({names}) is {word}"
    if fact == "severity":
        return f"{word} (CVSS {signals['cvss']:.1f})" if signals.get("cvss") is not None else word
    return _STATED[fact].get(word, word)


_STATED = {
    "automatable": {"yes": "attacks on it can be automated", "no": "attacks on it cannot be automated"},
    "impact": {"total": "it gives control of all of it", "partial": "it gives control of a part of it"},
}  # fmt: skip


def _by_kind(row: Mapping[str, Any], signals: Mapping[str, Any]) -> bool:
    """Does what is told of exploits follow from the kind of weakness, since no feed speaks of it?"""
    return (
        not signals.get("exploit_sources") and signals.get("exploit") == "unknown" and bool(row.get("exploit_because"))
    )


def _inside(sentence: str) -> str:
    """Return a sentence as a part of another one."""
    return f"{sentence[:1].lower()}{sentence[1:]}".rstrip(".")


EXPLOIT_WORDS = {
    "none_known": "no exploit is known", "poc": "a proof of concept is public", "weaponized": "a ready exploit is public",
    "built_in": "no special exploit is needed", "attacks": "used in attacks", "ransomware": "used by ransomware",
}  # fmt: skip


def _source(fact: str, row: Mapping[str, Any], signals: Mapping[str, Any]) -> str:
    if fact == "exploit" and _by_kind(row, signals):
        return "policy"
    sources = ", ".join(signals.get("exploit_sources") or [])
    return sources if fact == "exploit" and sources else _SOURCES[fact]

"""The parts of an impact: what is new, how it is treated, what closes it, and which words of people to look at again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore import facts, keys
from foreshore.prioritization import labels, likelihood
from foreshore.prioritization.renewed import Others, Renewed, renew

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.cycle.revoking import Broken
    from foreshore.policy import Policy
    from foreshore.query.impact import Served
    from foreshore.workspace import Workspace

Row = dict[str, Any]
LISTED = 20  # exposures that are listed with all their values
UNIT = "share of modelled risk"
TAKEN = ("accepted", "mitigated")
_GRADES = list(likelihood.MATURITY)  # from no exploit known to ransomware


class Weighed(NamedTuple):
    """Everything that is read once for a set of weaknesses."""

    served: Served
    signals: pa.Table  # a row of `signals_at` for each weakness
    said: pa.Table  # the statements behind them
    rules: Policy
    broken: Broken  # exceptions on the served exposures that do not hold by these signals


def told(workspace: Workspace, weighed: Weighed, groups: Sequence[Sequence[str]]) -> list[Row]:
    """Return what is known of each group of names that mean one weakness, weighed together."""
    rows = _renewed(weighed)
    words = _words(workspace, [row for row in rows if row["disposition"]])
    signals = {row["weakness"]: row for row in weighed.signals.to_pylist()}
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_name[row["weakness"]].append(row)
    models = _models(weighed.said)
    ended = {one.exposure: (one, why) for one, why in weighed.broken.items()}
    answered = _answered(workspace, rows)
    found = []
    for names in groups:
        own = [row for name in names for row in by_name[name]]
        spoken = [signals[name] for name in names if name in signals]
        one = _one(weighed, names, [row for row in own if row["exposure"] not in ended], spoken, words, models, own)
        one["revoked"] = _revoked([(row, *ended[row["exposure"]]) for row in own if row["exposure"] in ended])
        one["revoked_before"] = [answered[row["exposure"]] for row in own if row["exposure"] in answered]
        one["matters"] = one["matters"] or bool(one["revoked"])
        found.append(one)
    return found


def _renewed(weighed: Weighed) -> list[Row]:
    """Return the served exposures as rows, each with its values of now beside those of the cycle."""
    import numpy as np

    served = weighed.served
    if not served.rows.num_rows:
        return []
    rows = _uncovered(served.rows, weighed.broken)
    others = Others(*(np.asarray(served.others.column(name)) for name in ("exposure", "urgent")))
    found = renew(rows, weighed.signals, others, weighed.rules, served.cycle["seed"])
    dated = _dated(served.rows, found, weighed)
    rows = [row | more for row, more in zip(served.rows.to_pylist(), _columns(found), strict=True)]
    return [row | more for row, more in zip(rows, dated, strict=True)]


def _uncovered(rows: pa.Table, broken: Broken) -> pa.Table:
    """Return the rows without the words of people that do not hold, so that they are treated as if nobody had spoken."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not broken:
        return rows
    ended = pc.is_in(rows.column("exposure"), value_set=pa.array([one.exposure for one in broken], pa.int64()))
    words = pc.if_else(ended, pa.scalar(None, pa.string()), rows.column("disposition"))
    return rows.set_column(rows.column_names.index("disposition"), "disposition", words)


def _columns(found: Renewed) -> list[Row]:
    columns = {
        "new_exploit": found.weighed.column("exploit").to_pylist(), "new_likelihood": found.likelihood.tolist(),
        "mean": found.contribution.mean.tolist(), "least": found.contribution.low.tolist(),
        "most": found.contribution.high.tolist(), "new_leads": found.leads.tolist(),
        "new_treatment": found.treatment.tolist(), "may_be": found.may_be, "anew": found.anew.tolist(),
    }  # fmt: skip
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _dated(rows: pa.Table, found: Renewed, weighed: Weighed) -> list[Row]:
    """Return label, deadline and its rule of now, from the facts that the cycle decided them from.

    `certain` where they stay the same whichever services the exposure leads to by now.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    place = pc.index_in(rows.column("weakness"), value_set=weighed.signals.column("weakness").combine_chunks())
    known = {name[5:]: rows.column(name) for name in rows.column_names if name.startswith("fact_")}
    fresh = {"kev": "kev", "kev_at": "kev_at", "automatable": "ssvc_automatable", "impact": "ssvc_impact",
             "published": "published"}  # fmt: skip
    known |= {name: weighed.signals.column(source).take(place) for name, source in fresh.items() if name in known}
    known |= {"exploit": found.weighed.column("exploit")}
    table = pa.table({"row": pa.array(np.arange(rows.num_rows)), **known})
    result = _deadlines(rows, table, weighed)
    for flags, word in ((found.further, "very high"), (found.nearer, "low")):
        told = np.where(flags, word, np.array(table.column("human_impact").to_pylist(), dtype=object)).tolist()
        at = table.column_names.index("human_impact")
        ends = _deadlines(rows, table.set_column(at, "human_impact", pa.array(told, pa.string())), weighed)
        for one, end in zip(result, ends, strict=True):
            same = all(one[name] == end[name] for name in ("new_label", "new_due", "new_due_rule"))
            one["certain"] = one.get("certain", True) and same
    return result


def _deadlines(rows: pa.Table, table: pa.Table, weighed: Weighed) -> list[Row]:
    """Return label, deadline and rule from a table of facts, of the obligations that speak of each row."""
    result: list[Row] = [
        {"new_label": _worded(one), "new_due": None, "new_due_rule": ""}
        for one in labels.label(table, weighed.rules).to_pylist()
    ]
    obliged = rows.column("obliged").to_pylist()
    for rule in dict.fromkeys(name for names in obliged for name in names or ()):
        for at, one in enumerate(labels.due(rule, table, weighed.rules).to_pylist()):
            day, before = one["due"], result[at]["new_due"]
            if rule in (obliged[at] or ()) and day is not None and (before is None or day < before):
                result[at] |= {"new_due": day, "new_due_rule": one["due_rule"]}
    return result


def _worded(one: Row) -> str:
    both = " or " in (one["label"] or "") and one["settled_by"]
    return f"{one['label']}, decided by {one['settled_by']}" if both else str(one["label"])


def _models(said: pa.Table) -> dict[tuple[str, float], str]:
    """Return which model gave a score, by weakness and score: scores of different models are not compared."""
    rows = [row for row in said.to_pylist() if row["kind"] == "epss" and row["value"] is not None]
    return {(row["weakness"], row["value"]): row["model"] or "" for row in rows}


def _one(
    weighed: Weighed, names: Sequence[str], rows: list[Row], signals: list[Row], words: dict[int, Row],
    models: dict[tuple[str, float], str], every: list[Row],
) -> Row:  # fmt: skip
    """Return the impact of one weakness; `rows` are those of `every` whose exception, if any, still holds."""
    exceptions = _exceptions(rows, signal := _loudest(signals), words)
    rows = every
    live = [row for row in rows if row["treatment"] is not None]
    moves = Counter(
        (row["treatment"], row["new_treatment"]) for row in live if row["treatment"] != row["new_treatment"]
    )
    news = _news(live, signal, models)
    return {
        "weakness": names[0], "present": bool(live), "dismissed": len(rows) - len(live),
        "preliminary": True, "cycle": keys.show("CYC", weighed.served.cycle["cycle"]),
        "as_of": weighed.served.cycle["as_of"], "news": news, "signal": _signal(signal),
        "exposures": len(live), "assets": len({row["asset"] for row in live}), "leads_to": _leads(live, weighed.served.services),
        "treatments": {"was": _counted(live, "treatment"), "is": _counted(live, "new_treatment")},
        "moves": [{"from": was, "to": now, "exposures": count} for (was, now), count in moves.most_common()],
        "open_until_next_cycle": sum(len(row["may_be"]) > 1 for row in live),
        "may_act": sum("act_now" in row["may_be"] and row["new_treatment"] != "act_now" for row in live),
        "rows": [_listed(row) for row in sorted(live, key=_first)[:LISTED]], "unit": UNIT,
        "actions": _actions(live, weighed.served.actions), "exceptions": exceptions, "due": _due(live),
        "matters": bool(moves or exceptions or news or any(set(row["may_be"]) - {row["treatment"]} for row in live)),
    }  # fmt: skip


def _revoked(rows: Sequence[tuple[Row, facts.Decision, str]]) -> list[Row]:
    """Return the exceptions that no longer hold, by who gave them and what is now so."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row, word, why in rows:
        groups[(word.author, word.until, word.disposition, word.because, why)].append(row)
    return [
        {"author": author, "until": until, "disposition": word, "because": because, "difference": why,
         "exposures": [keys.show("EXP", row["exposure"]) for row in own[:LISTED]], "count": len(own),
         "owners": sorted({row["owner"] for row in own if row["owner"]})}
        for (author, until, word, because, why), own in groups.items()
    ]  # fmt: skip


def _answered(workspace: Workspace, rows: list[Row]) -> dict[int, Row]:
    """Return by exposure the revocations that nobody has answered yet."""
    from foreshore.cycle import revoking

    present = {row["exposure"] for row in rows}
    return {
        one.exposure: {"id": keys.show("EXP", one.exposure), "revoked_at": one.decided_at, "because": one.because}
        for one in (revoking.unanswered(workspace) if present else [])
        if one.exposure in present
    }


def _loudest(signals: list[Row]) -> Row:
    """Of several names of one weakness, the one that most is known of."""
    order = {word: number for number, word in enumerate(("unknown", *_GRADES))}
    return max(signals, key=lambda one: (order.get(one["exploit"], 0), one["kev"] or False, one["epss"] or 0.0))


def _signal(signal: Row) -> Row:
    kept = (
        "exploit",
        "exploit_since",
        "exploit_sources",
        "kev",
        "kev_at",
        "ransomware",
        "epss",
        "epss_at",
        "epss_model",
    )
    return {name: signal[name] for name in kept}


def _news(rows: list[Row], signal: Row, models: dict[tuple[str, float], str]) -> list[Row]:
    """Return what is known now and was not when the cycle looked: kind, from, to, since, sources."""
    if not rows:
        return []
    found: list[Row] = []
    if signal["kev"] and not all(row["kev"] for row in rows):
        found.append({"kind": "kev", "to": True, "since": signal["kev_at"], "ransomware": signal["ransomware"]})
    elif signal["kev"] is False and any(row["kev"] for row in rows):
        found.append({"kind": "kev", "to": False, "since": None, "ransomware": False})
    grades = {row["exploit"] for row in rows}
    became = {row["new_exploit"] for row in rows}
    if grades != became and not any(one["kind"] == "kev" and one["to"] for one in found):
        found.append({"kind": "exploit", "from": max(grades, key=_grade), "to": max(became, key=_grade),
                      "since": signal["exploit_since"], "sources": list(signal["exploit_sources"] or [])})  # fmt: skip
    was = next((row["epss"] for row in rows if row["epss"] is not None), None)
    if signal["epss"] is not None and signal["epss"] != was:
        model = models.get((rows[0]["weakness"], was), "") if was is not None else ""
        same = was is not None and model == (signal["epss_model"] or "")
        found.append({"kind": "epss", "from": was if same else None, "to": signal["epss"],
                      "since": signal["epss_at"], "model": signal["epss_model"]})  # fmt: skip
    # A score that changed alone is news only where the chance of success moved with it.
    moved = any(abs(row["new_likelihood"] - row["likelihood"]) > 0.01 * row["likelihood"] for row in rows)
    return [one for one in found if one["kind"] != "epss" or moved]


def _grade(word: str) -> int:
    return _GRADES.index(word) if word in _GRADES else -1


def _leads(rows: list[Row], order: Sequence[str]) -> list[Row]:
    """Return how many of the exposures lead to each service, surely and perhaps, in the given order."""
    sure, maybe = Counter[str](), Counter[str]()
    for row in rows:
        counter = sure if row["leads"] == "yes" else maybe
        counter.update(row["leads_to"] or [])
    names = [name for name in order if name in sure or name in maybe]
    return [{"service": name, "exposures": sure[name], "perhaps": maybe[name]} for name in names]


def _counted(rows: list[Row], column: str) -> dict[str, int]:
    counted = Counter(row[column] for row in rows)
    return {name: counted[name] for name in facts.TREATMENTS if counted[name]}


def _first(row: Row) -> tuple[int, float, int]:
    return facts.TREATMENTS.index(row["new_treatment"]), -row["mean"], row["rank"]


def _listed(row: Row) -> Row:
    return {
        "id": keys.show("EXP", row["exposure"]), "weakness": row["weakness"], "asset": keys.show("AST", row["asset"]),
        "asset_name": row["asset_name"], "title": row["title"], "owner": row["owner"], "reachable": row["reachable"],
        "leads": row["leads"], "leads_to": row["leads_to"] or [],
        "exploit": {"was": row["exploit"], "is": row["new_exploit"]},
        "likelihood": {"was": row["likelihood"], "is": row["new_likelihood"]},
        "contribution": {"was": row["contribution"], "mean": None if row["anew"] else row["mean"],
                         "low": row["least"], "high": row["most"]},
        "treatment": {"was": row["treatment"], "is": row["new_treatment"], "may_be": list(row["may_be"])},
        "label": {"was": row["label"], "is": row["new_label"], "certain": row["certain"]},
        "due": {"was": row["due"], "is": row["new_due"], "rule": row["new_due_rule"], "certain": row["certain"]},
        "disposition": row["disposition"] or None,
        "action": keys.show("ACT", row["action"]) if row["action"] else None,
    }  # fmt: skip


def _actions(rows: list[Row], actions: list[Row]) -> list[Row]:
    """Return what closes the exposures, most of them first."""
    closed = Counter(row["action"] for row in rows if row["action"] and row["new_treatment"] != "accepted")
    known = {one["action"]: one for one in actions}
    return [
        {"id": keys.show("ACT", key), "title": known[key]["title"], "team": known[key]["team"],
         "hours": known[key]["hours"], "hours_guessed": known[key]["hours_guessed"], "closes": count,
         "exposures": known[key]["exposures"]}
        for key, count in sorted(closed.items(), key=lambda one: (-one[1], one[0])) if key in known
    ]  # fmt: skip


def _due(rows: list[Row]) -> Row | None:
    """Return the earliest deadline of now, its rule, and the earliest of the cycle."""
    dated = [
        (row["new_due"], row["new_due_rule"]) for row in rows if row["new_due"] and row["new_treatment"] != "accepted"
    ]
    if not dated:
        return None
    day, rule = min(dated)
    was = min((row["due"] for row in rows if row["due"] and row["treatment"] != "accepted"), default=None)
    certain = all(row["certain"] for row in rows if row["new_due"] == day)
    return {"due": day, "rule": rule, "was": was, "exposures": sum(one[0] == day for one in dated), "certain": certain}


def _words(workspace: Workspace, rows: list[Row]) -> dict[int, Row]:
    """Return who decided on the exposures that a person accepted, until when, and what was known then."""
    from foreshore import decisions

    if not rows or not decisions.exist(workspace):
        return {}
    wanted = [row["exposure"] for row in rows if row["disposition"] in TAKEN]
    with decisions.open(workspace) as opened:
        entries = [entry for at in range(0, len(wanted), 500) for entry in opened.history(*wanted[at : at + 500])]
    return {
        one.exposure: {"author": one.author, "until": one.until, "because": one.because, "at": one.decided_at,
                       "exploit": one.evidence.get("exploit")}
        for one in entries
    }  # fmt: skip


def _exceptions(rows: list[Row], signal: Row, words: dict[int, Row]) -> list[Row]:
    """Return the acceptances that were given when less was known of the exploit than now, by who gave them."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["disposition"] not in TAKEN:
            continue
        word = words.get(row["exposure"], {})
        then = word.get("exploit") or row["exploit"]
        given, added = word.get("at"), signal["kev_at"]
        since = bool(signal["kev"] and added and given and added > given)
        if since or _grade(row["new_exploit"]) > _grade(then):
            who = (word.get("author"), word.get("until"), row["disposition"], row["disposition_because"], then)
            groups[who].append(row)
    return [
        {"author": author, "until": until, "disposition": word, "because": because, "exploit_then": then,
         "exploit_now": own[0]["new_exploit"], "exposures": [keys.show("EXP", row["exposure"]) for row in own[:LISTED]],
         "count": len(own)}
        for (author, until, word, because, then), own in groups.items()
    ]  # fmt: skip

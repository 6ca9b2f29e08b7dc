"""Answers to “why?”: one exposure with its three questions, facts and likeliest way.

All of it is of the cycle that is served: the serving file says what was computed, the cycle's own
version of the facts says who saw what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foreshore import keys
from foreshore.prioritization import evidence
from foreshore.prioritization.evidence import age
from foreshore.query import lists

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

Row = Mapping[str, Any]
Retell = Callable[[int], Sequence[Row]]  # an exposure's key -> the steps of its likeliest way

QUESTIONS = (
    "Can an attacker get to it?", "Is there a working exploit?", "Does it lead to something critical?",
)  # fmt: skip
_STEPS = "select * from steps where exposure = {key} order by service, number"
_EXPLOITS = {
    "none_known": "no", "poc": "yes", "weaponized": "yes", "attacks": "yes", "ransomware": "yes", "built_in": "yes",
    "unknown": "unknown",
}  # fmt: skip


def explain(workspace: Workspace, text: str, retell: Retell | None = None) -> dict[str, Any]:
    """Return what `explain --json` prints of the exposure that `text` (a key or its beginning) names.

    The likeliest way is kept for the first exposures of the order; for others `retell` finds it.
    Raises UsageError for a key that names none or several, NothingToRead before the first cycle.
    """
    row = lists.find(workspace, [text])[0]
    now = datetime.now(UTC).replace(tzinfo=None)
    steps: Sequence[Row] = lists.rows(workspace, _STEPS.format(key=int(row["exposure"])))
    if not steps and retell is not None and row["best_path"]:
        steps = retell(row["exposure"])
    known = evidence.gather(workspace, row)
    return {
        "id": keys.show("EXP", row["exposure"]),
        "answers": answers(row, known, steps, now),
        "facts": evidence.told(row, known, steps, now),
        "decision_points": known.points,
        "techniques": known.techniques,
        "cvss_environmental": known.environmental,
        "would_lower": row["would_lower"],
        "path": [step_json(step, now) for step in steps],
        "exposure": lists.as_json(row),
    }


def answers(row: Row, known: evidence.Known, steps: Sequence[Row], now: datetime) -> list[dict[str, Any]]:
    """Return the three questions, each answered yes, no or unknown with its evidence and its age."""
    return [
        {"question": question, **answer}
        for question, answer in zip(
            QUESTIONS, (_reach(row, steps, now), _exploit(row, known, now), _leads(row, steps)), strict=True
        )
    ]


def _reach(row: Row, steps: Sequence[Row], now: datetime) -> dict[str, Any]:
    fact = row["reach_fact"] or "no way to it is known"
    told = next((one for one in steps if one["rule"] == "reach" and one["fact"] == fact), None)
    seen = told["observed_at"] if told else None
    source = told["source"] if told else ""
    place = row["zone"] or "no zone"
    if row["reachable"] == "unknown":
        why = (
            f"It is not known whether anyone gets to {row['asset_name']} ({place}): {fact}. An answer would settle it."
        )
    elif row["reachable"] == "no":
        why = f"No attacker of the scope gets to {row['asset_name']} ({place}): {fact}."
    else:
        why = f"{fact[:1].upper()}{fact[1:]} ({row['asset_name']}, {place})."
    return {"answer": row["reachable"], "why": why, "source": source, "age": age(seen, now)}


def _exploit(row: Row, known: evidence.Known, now: datetime) -> dict[str, Any]:
    """The feeds' ladder where one speaks of the weakness, else what its class says; EPSS or the own model beside it."""
    signals, told = known.signals, known.exploit
    heard = told["kind"] != "unknown"
    answer = told["answer"] if heard else _EXPLOITS.get(row["exploit"], "unknown")
    sentences = [told["sentence"] if heard else known.unspoken]
    if signals.get("epss") is not None:
        sentences.append(
            f"EPSS gives it {100 * signals['epss']:.2g} % in the next 30 days ({signals['epss_at']:%Y-%m-%d})."
        )
    elif signals.get("own") is not None:
        sentences.append(evidence.own_words(signals))
    newest = max((day for day in (signals.get("exploit_since"), signals.get("epss_at")) if day), default=None)
    return {
        "answer": answer, "why": " ".join(sentences), "source": ", ".join(told["sources"]), "age": age(newest, now),
        "kind": told["kind"] if heard else row["exploit"], "rungs": told["rungs"], "looked": told["looked"],
    }  # fmt: skip


def _leads(row: Row, steps: Sequence[Row]) -> dict[str, Any]:
    names = row["leads_to"] or []
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    assumed = sum(1 for one in steps if one["assumed"])
    if row["leads"] == "yes":
        why = f"From {row['asset_name']} known steps lead on to {listed}."
    elif row["leads"] == "unknown":
        rest = f"; {assumed} of {len(steps)} steps of the likeliest way are assumed" if assumed else ""
        why = f"It would lead to {listed or 'something critical'} if steps that nobody has proved are possible{rest}."
    elif names:
        why = f"It leads to {listed}, which does not count as critical."
    else:
        why = f"Nothing critical can be reached from {row['asset_name']} with more than a tiny chance."
    return {"answer": row["leads"], "why": why, "source": "attack graph", "age": ""}


def step_json(step: Row, now: datetime) -> dict[str, Any]:
    """Return one step of a way in the shape that other programs may rely on."""
    return {
        "step": step["step"], "fact": step["fact"], "source": step["source"], "age": age(step["observed_at"], now),
        "assumed": step["assumed"], "rule": step["rule"], "technique": step["technique"],
        "probability": step["probability"], "zone": step["zone"],
        "asset": keys.show("AST", step["asset"]) if step["asset"] else None,
        "exposure": keys.show("EXP", step["cause"]) if step["cause"] else None,
    }  # fmt: skip

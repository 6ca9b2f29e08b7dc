"""The content of a report as plain values: the same for HTML, Markdown and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore import facts, keys
from foreshore.report import beside, covered, figures, news, sentences, wording
from foreshore.report.served import Served

if TYPE_CHECKING:
    from datetime import datetime

    from foreshore.workspace import Workspace

MOVED = 20  # of each list that are compared
MOVED_SHOWN = 8  # of those that fell, and of those that rose
BLIND_SHOWN = 12
PICTURED = 4  # services whose ways are drawn
TEXT = 200  # characters of a text from a report that are shown


def gather(workspace: Workspace) -> dict[str, Any]:
    """Return the content of the report of the served cycle.

    Figures of risk are the cycle's; treatments and lists have what was decided since laid over them, and
    `decided_since` counts that. Raises NothingToRead before the first cycle.
    """
    from foreshore.query import coverage, moves
    from foreshore.store import open_lake

    with Served(workspace) as served:
        row, first = served.cycle(), served.first()
        result, as_of = row["result"], row["as_of"]
        content = {
            "cycle": keys.show("CYC", row["cycle"]),
            "as_of": as_of,
            "organization": result.get("organization") or "",
            "currency": result.get("currency") or "",
            "funnel": _funnel(result.get("funnel", [])),
            **_treatments(served),
            "vendor_settled": result.get("vendor_settled", 0),
            "services": [_service(one, result) for one in served.services()],
            "ways": _ways(served, as_of),
            "exposures": [_exposure(one, as_of) for one in first],
            "plan": _plan(served, result),
            "questions": _questions(served),
            "revoked": beside.revoked(workspace, served.connection),
            "assets": served.assets(),
            "validated": result.get("validated", {}),
            "attackers": result.get("attackers", []),
            "implied": _implied(result),
            "method": _method(row),
            "unit": result.get("unit") or "share of modelled risk",
        }
    with open_lake(workspace, read_only=True) as lake:
        content["news"] = _news(news.since_last_time(lake, row["cycle"], as_of))
        scores = beside.environmental(workspace, lake, first, as_of)
        content["covered"] = _covered(covered.covered(lake, as_of), as_of)
    for one in content["exposures"]:
        one["cvss_environmental"] = scores.get(one["id"])
    content["blind"] = _blind(coverage.coverage(workspace))
    content["moved"] = _moved(moves.from_serving(workspace, MOVED))
    content["sentences"] = sentences.three(content)
    return content


def _blind(found: dict[str, Any]) -> dict[str, Any]:
    """Return the statement of completeness and the first blind spots, their texts cut to what is shown."""
    spots = found["blind_spots"]
    shown = [
        {**one, "sentence": figures.short(one["sentence"], TEXT), "would_take": figures.short(one["would_take"], TEXT),
         "examples": [figures.short(name, 60) for name in one["examples"][:3]]}
        for one in spots[:BLIND_SHOWN]
    ]  # fmt: skip
    return {"stated": found["stated"], "count": len(spots), "first": shown}


def _funnel(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**step, "label": wording.FUNNEL.get(step["step"], step["step"])} for step in steps]


def _treatments(served: Served) -> dict[str, Any]:
    counts = served.treatments()
    total = sum(counts.get(name, 0) for name in facts.TREATMENTS)
    dismissed = [
        {
            "disposition": wording.DISPOSITIONS.get(row["disposition"], row["disposition"] or "dismissed"),
            "count": row["n"],
        }
        for row in served.dismissed()
    ]
    return {
        "open": total,
        "treatments": [
            {
                "treatment": name,
                "label": wording.TREATMENTS[name][0],
                "meaning": wording.TREATMENTS[name][1],
                "count": counts.get(name, 0),
                "share": counts.get(name, 0) / total if total else 0.0,
            }
            for name in facts.TREATMENTS
        ],
        "dismissed": dismissed,
        "decided_since": served.decided_since(),
    }


def _service(row: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = next((one for one in result.get("services", []) if one["name"] == row["service"]), {})
    possible = bool(row["path"]) or bool(row["probability"])
    impact = said.get("impact", {})
    harm = [wording.HARM.get(str(impact.get(name)), "") for name in ("safety", "mission")]
    return {
        "name": figures.short(row["service"], 80),
        "foundation": bool(row["foundation"]),
        "tier": row["tier"],
        "harm": "; ".join(one for one in harm if one),
        "owner": figures.short(row["owner"], 60),
        "assets": row["assets"],
        "probability": row["probability"],
        "chance_text": figures.chance(row["probability"], row["sampling_error"], possible=possible),
        "low": row["low"],
        "high": row["high"],
        "sampling_error": row["sampling_error"],
        "best_case": row["best_case"],
        "worst_case": row["worst_case"],
        "share": None if row["foundation"] and not row["share"] else row["share"],
        "loss": row["loss"],
        "possible": possible,
    }


NARROWERS = 6  # answers shown that would narrow what is not known
NARROW = 0.005  # half a percent a year: less is not worth a line


def _implied(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the figures imply: how often, at which cost, how steady, and which answers would narrow them."""
    implies, steady = result.get("implies", {}), result.get("stability") or {}
    rows = [
        {**each, "service": figures.short(one["name"], 80), "best_case": one["best_case"],
         "worst_case": one["worst_case"], "what": figures.short(each["what"], TEXT)}
        for one in result.get("services", [])
        for each in one.get("narrowed_by", [])
        if each["narrows"] >= NARROW
    ]  # fmt: skip
    losses = result.get("losses") or {}
    return {
        "once_in_years": implies.get("once_in_years"),
        "history": [{**one, "sentence": figures.short(one["sentence"], 400)} for one in implies.get("history", [])],
        "losses": losses if losses.get("total") else None,
        "steady": steady.get("stays"), "steady_count": len(steady.get("exposures", [])),
        "narrowers": sorted(rows, key=lambda one: -one["narrows"])[:NARROWERS],
    }  # fmt: skip


def _ways(served: Served, as_of: datetime) -> list[dict[str, Any]]:
    """Return the ways to the services that carry most of the risk, foundations only where nothing else is named."""
    rows, found = served.services(), served.ways()
    named = [one for one in rows if not one["foundation"]] or rows
    return [
        {
            "service": figures.short(one["service"], 80),
            "ways": [[_step(step, as_of) for step in way] for way in found[one["service"]]],
            "chances": [_chance(way) for way in found[one["service"]]],
        }
        for one in named
        if found.get(one["service"])
    ][:PICTURED]


def _chance(way: list[dict[str, Any]]) -> float:
    chance = 1.0
    for step in way:
        chance *= step["probability"]
    return chance


def _exposure(row: dict[str, Any], as_of: datetime) -> dict[str, Any]:
    leads_to = [figures.short(name, 80) for name in row["leads_to"] or []]
    return {
        "id": keys.show("EXP", row["exposure"]),
        "rank": row["rank"],
        "weakness": figures.short(row["weakness"], 80),
        "title": figures.short(row["title"], TEXT),
        "asset": keys.show("AST", row["asset"]),
        "asset_name": figures.short(row["asset_name"], 120),
        "site": figures.short(row["site"], 60),
        "zone": figures.short(row["zone"], 60),
        "place": figures.short(row["place"], 80),
        "owner": figures.short(row["owner"], 60),
        "treatment": row["treatment"],
        "treatment_label": wording.TREATMENTS[row["treatment"]][0],
        "reason": figures.short(row["reason"], 400),
        "would_lower": figures.short(row["would_lower"], 400),
        "label": row["label"] or "",
        "due": row["due"],
        "due_rule": figures.short(row["due_rule"], 120),
        "contribution": {"mean": row["contribution"], "low": row["low"], "high": row["high"]},
        "sampling_error": row["sampling_error"],
        "best_path": row["best_path"],
        "severity": facts.SEVERITIES[row["severity"]] if row["severity"] is not None else "",
        "cvss": row["cvss"],
        "epss": row["epss"],
        "kev": bool(row["kev"]),
        "state": (row["state"] or "").replace("_", " "),
        "first_seen": row["first_seen"],
        "last_seen": row["last_seen"],
        "last_seen_age": figures.age(row["last_seen"], as_of),
        "sources": [figures.short(one, 40) for one in row["sources"] or []],
        "fix": figures.short(row["fix"], TEXT),
        "action": keys.show("ACT", row["action"]) if row["action"] else None,
        "leads_to": leads_to,
        "answers": _answers(row, leads_to),
        "vendor": figures.short(row.get("vendor_because") or "", 400) if row.get("vendor") == "disputed" else "",
        "path": [_step(step, as_of) for step in row["steps"]],
    }


def _answers(row: dict[str, Any], leads_to: list[str]) -> list[dict[str, str]]:
    exploit = str(row["exploit"] or "unknown")
    verdict = wording.VERDICTS.get(str(row["verdict"] or ""), "")
    reach = figures.short(row["reach_fact"], TEXT)
    return [
        {
            "question": "Can an attacker get to it?",
            "answer": row["reachable"] or "unknown",
            "why": f"{reach}; {verdict}" if reach and verdict else reach or verdict,
        },
        {
            "question": "Is there a working exploit?",
            "answer": {"none_known": "no", "unknown": "unknown"}.get(exploit, "yes"),
            "why": figures.short(row.get("exploit_because") or wording.EXPLOITS.get(exploit, exploit), 400).rstrip("."),
        },
        {
            "question": "Does it lead to something critical?",
            "answer": row["leads"] or "unknown",
            "why": _leads(str(row["leads"]), leads_to),
        },
    ]


def _leads(answer: str, services: list[str]) -> str:
    if not services:
        return "no service is known to depend on it"
    return f"{'perhaps to ' if answer == 'unknown' else ''}{figures.few(services)}"


def _step(step: dict[str, Any], as_of: datetime) -> dict[str, Any]:
    return {
        "number": step["number"],
        "step": figures.short(step["step"], 300),
        "rule": step["rule"],
        "rule_title": figures.short(step.get("rule_title"), 40),
        "technique": step["technique"] or "",
        "asset": step["asset"] or 0,
        "asset_name": figures.short(step["asset_name"], 120),
        "asset_kind": step["asset_kind"] or "",
        "zone": figures.short(step["zone"], 60),
        "weakness": figures.short(step["weakness"], 80),
        "service": figures.short(step["service"], 80),
        "probability": step["probability"],
        "fact": figures.short(step["fact"], TEXT),
        "source": figures.short(step["source"], 80),
        "age": figures.age(step["observed_at"], as_of) if step["observed_at"] else "",
        "assumed": bool(step["assumed"]),
    }


def _plan(served: Served, result: dict[str, Any]) -> dict[str, Any]:
    plan = result.get("plan", {})
    return {
        "actions": [_action(one) for one in served.actions()],
        "all": served.action_count(),
        "before": plan.get("before"),
        "after": plan.get("after"),
        "bound": plan.get("bound"),
        "left": plan.get("left") or [],
    }


def _action(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": keys.show("ACT", row["action"]),
        "number": row["number"],
        "title": figures.short(row["title"], TEXT),
        "what": figures.short(row["what"], TEXT),
        "kind": row["kind"] or "",
        "channel": row["channel"] or "",
        "team": figures.short(row["team"], 60),
        "hours": row["hours"],
        "hours_guessed": bool(row["hours_guessed"]),
        "due": row["due"],
        "due_rule": figures.short(row["due_rule"], 120),
        "treatment": row["treatment"],
        "exposures": row["exposures"],
        "assets": row["assets"],
        "removes": row["removes"],
        "low": row["removes_low"],
        "high": row["removes_high"],
        "services": [figures.short(one, 80) for one in row["services"] or []],
    }


def _questions(served: Served) -> dict[str, Any]:
    counts = served.treatments()
    return {
        "count": served.question_count(),
        "exposures": counts.get("unknown", 0),
        "first": [
            {
                "fact": figures.short(row["fact"], TEXT),
                "about": row["missing"],
                "exposures": row["exposures"],
                "assets": row["assets"],
                "worst": row["worst"],
                "example": keys.show("EXP", row["exposure"]),
                "example_name": f"{figures.short(row['weakness'], 60)} on {figures.short(row['asset_name'], 80)}",
                "leads_to": [figures.short(one, 80) for one in row["leads_to"] or []],
                "would_lower": figures.short(row["would_lower"], 300),
            }
            for row in served.questions()
        ],
    }


def _moved(found: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        {**one, "title": figures.short(one["title"], TEXT), "asset_name": figures.short(one["asset_name"], 120),
         "weakness": figures.short(one["weakness"], 80), "sentence": figures.short(one["sentence"], 400),
         "treatment_label": wording.TREATMENTS[one["treatment"]][0]}
        for one in found
    ]  # fmt: skip
    fell = [one for one in rows if one["direction"] == "fell"]
    rose = [one for one in rows if one["direction"] == "rose"]
    return {
        "top": MOVED, "fell_count": len(fell), "rose_count": len(rose),
        "fell": fell[:MOVED_SHOWN], "rose": rose[:MOVED_SHOWN],
    }  # fmt: skip


def _news(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    before = found["before"]
    shown = {kind: [_news_row(one) for one in found[kind]] for kind in _NEWS_KINDS}
    return {
        "cycle": keys.show("CYC", before["cycle"]),
        "as_of": before["as_of"],
        "counts": found["counts"],
        "treatments": [{**one, "label": wording.TREATMENTS[one["treatment"]][0]} for one in found["treatments"]],
        "yardstick": found["yardstick"],
        **shown,
    }


_NEWS_KINDS = ("new", "fixed", "gone", "dismissed", "rose", "fell")


def _news_row(row: dict[str, Any]) -> dict[str, Any]:
    label = {name: words[0] for name, words in wording.TREATMENTS.items()}
    return {
        "id": keys.show("EXP", row["exposure"]),
        "weakness": figures.short(row["weakness"], 80),
        "title": figures.short(row["title"], TEXT),
        "asset_name": figures.short(row["asset_name"], 120),
        "was": label.get(row["was"] or "", ""),
        "is_now": label.get(row["is_now"] or "", ""),
        "reason": figures.short(row["reason"], 300),
        "disposition": wording.DISPOSITIONS.get(row["disposition"] or "", row["disposition"] or ""),
        "happened_at": row["happened_at"] if row["what"] in ("fixed", "gone") else None,
    }


def _covered(found: dict[str, Any], as_of: datetime) -> dict[str, Any]:
    for one in found["sources"]:
        one["source"], one["site"] = figures.short(one["source"], 60), figures.short(one["site"], 60)
        one["vantages"] = [figures.short(name, 40) for name in one["vantages"] or [] if name]
        one["age"], one["old"] = figures.age(one["newest"], as_of), figures.old(one["newest"], as_of)
    for one in found["feeds"]:
        one["feed"] = figures.short(one["feed"], 60)
        one["age"], one["old"] = figures.age(one["date"], as_of), figures.old(one["date"], as_of)
    return found


def _method(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "engine": row["engine"] or "",
        "seed": row["seed"],
        "policy_digest": row["policy_digest"] or "",
        "scope_digest": row["scope_digest"] or "",
        "identity_recipe": row["identity_recipe"] or "",
        "facts_version": row["snapshot"],
        "known_at": row["known_at"],
    }

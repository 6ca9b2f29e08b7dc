"""Three plain sentences: what matters now, what the first actions would buy, what is asked."""

from __future__ import annotations

from typing import Any

from foreshore.report import figures

FIRST_ACTIONS = 5


def three(content: dict[str, Any]) -> list[str]:
    """Return the three sentences from a report's content (see `contents.gather`)."""
    return [_matters(content), _buys(content), _asked(content)]


def _matters(content: dict[str, Any]) -> str:
    total, now = content["open"], content["treatments"][0]["count"]
    if not total:
        return "Nothing is open: no import so far has shown an exposure that is still there."
    many = figures.plural(total, "open exposure")
    if not now:
        return f"None of the {many} needs action now; what is left is routine, watched, accepted or unknown."
    worst = [one for one in content["services"] if one["probability"] and not one["foundation"]]
    worst = worst or [one for one in content["services"] if one["probability"]]
    words = f"{figures.number(now)} of {many} {'needs' if now == 1 else 'need'} action now"
    if not worst:
        return words + "."
    top = worst[0]
    return (
        f"{words}; most is at stake for {top['name']}, which an attacker harms in "
        f"{top['chance_text']} of simulated years (likely {figures.between(top['low'], top['high'], top['sampling_error'])})."
    )


def _buys(content: dict[str, Any]) -> str:
    plan = content["plan"]
    actions = plan["actions"]
    if not actions:
        return "No single action is known that would lower the modelled risk."
    left = plan["left"]
    count = min(FIRST_ACTIONS, len(actions)) if left else len(actions)
    after = left[count - 1] if left else plan["after"]
    hours = sum(one["hours"] or 0.0 for one in actions[:count])
    effort = f"about {figures.hours(hours)} of work, a guess"
    if after is None or plan["before"] is None:
        return f"The first {figures.plural(count, 'action')} would take {effort}."
    removed = figures.percent(plan["before"] - after)
    which = "first action" if count == 1 else f"first {count} actions together"
    return f"The {which} ({effort}) {'removes' if count == 1 else 'remove'} {removed} of the modelled risk."


def _asked(content: dict[str, Any]) -> str:
    actions = content["plan"]["actions"][:FIRST_ACTIONS]
    teams = list(dict.fromkeys(one["team"] for one in actions if one["team"] and one["team"] != "nobody yet"))
    dues = sorted(one["due"] for one in actions if one["due"])
    by = f" by {figures.day(dues[0])}" if dues else ""
    asked = f"Asked of {figures.few(teams)}: their part of these actions{by}" if teams else ""
    asks = [asked] if asked else []
    homeless = sum(one["team"] == "nobody yet" or not one["team"] for one in actions)
    if homeless:
        asks.append(f"an owner for {figures.plural(homeless, 'action')} that nobody has yet")
    questions = content["questions"]
    if questions["count"]:
        decided = figures.plural(questions["exposures"], "exposure")
        many = questions["count"] > 1
        asks.append(
            f"{'answers' if many else 'an answer'} to {figures.plural(questions['count'], 'open question')}, "
            f"which {'decide' if many else 'decides'} {decided}"
        )
    if not asks:
        return "Nothing is asked now."
    return ("" if asked else "Asked: ") + "; ".join(asks) + "."

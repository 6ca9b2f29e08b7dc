"""An impact in words: sentences for one weakness, and one line for the list after an update."""

from __future__ import annotations

from collections import Counter
from typing import Any

from foreshore.facts import TREATMENT_WORDS
from foreshore.prioritization.treatment import percent

Row = dict[str, Any]
EXPLOITS = {
    "none_known": "no exploit known", "poc": "a proof of concept is public", "weaponized": "a ready exploit is public",
    "attacks": "used in attacks", "ransomware": "used by ransomware", "unknown": "not known whether an exploit exists",
    "built_in": "needs no exploit",
}  # fmt: skip
_FEW = 3


def sentences(one: Row) -> list[str]:
    """Return the impact of one weakness as sentences, what is new first."""
    if not one["present"]:
        return [*_known(one), *_absent(one), *_later(one)]
    told = [
        *_news(one), _here(one), *_treated(one), *_closing(one), *_revoked(one), *_exceptions(one), *_deadline(one),
        *_later(one),
    ]  # fmt: skip
    if one["dismissed"]:
        told.append(f"People dismissed {_count(one['dismissed'], 'exposure')} of it; that stays.")
    return told


def line(one: Row) -> str:
    """Return the impact of one weakness as one line for the list after an update."""
    parts = [
        *_news(one), _here(one), *_treated(one), *_closing(one), *_revoked(one), *_exceptions(one), *_deadline(one),
    ]  # fmt: skip
    return " ".join(parts)


def order(one: Row) -> tuple[Any, ...]:
    """Return what sorts impacts: revoked exceptions first, then most to act on now, then what is at stake."""
    act = sum(move["exposures"] for move in one["moves"] if move["to"] == "act_now")
    attacked = any(news["kind"] == "kev" and news["to"] for news in one["news"])
    most = max((row["contribution"]["high"] for row in one["rows"]), default=0.0)
    return not one["revoked"], -act, -len(one["exceptions"]), not attacked, -one["may_act"], -most, one["weakness"]


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _news(one: Row) -> list[str]:
    if not one["news"]:
        return [f"{one['weakness']}: nothing new since the last cycle ({one['as_of']:%Y-%m-%d})."]
    parts = [_piece(news) for news in one["news"]]
    return [f"{one['weakness']} {' and '.join(parts)}."]


def _piece(news: Row) -> str:
    since = f" on {news['since']:%Y-%m-%d}" if news["since"] else ""
    if news["kind"] == "kev" and news["to"]:
        ransomware = {True: "known", False: "not known"}.get(news["ransomware"], "unknown")
        return f"was added to KEV{since} (use by ransomware: {ransomware})"
    if news["kind"] == "kev":
        return "is no longer in KEV"
    if news["kind"] == "exploit":
        by = f", says {', '.join(news['sources'])}" if news["sources"] else ""
        dated = f" since {news['since']:%Y-%m-%d}" if news["since"] else ""
        return f"is now: {EXPLOITS[news['to']]}{dated}{by} (before: {EXPLOITS[news['from']]})"
    went = f"went from {percent(news['from'])} to" if news["from"] is not None else "is now"
    model = f", model {news['model']}" if news["model"] else ""
    return f"has an EPSS that {went} {percent(news['to'])} ({news['since']:%Y-%m-%d}{model})"


def _here(one: Row) -> str:
    sure = [lead for lead in one["leads_to"] if lead["exposures"]]
    maybe = [lead for lead in one["leads_to"] if not lead["exposures"] and lead["perhaps"]]
    told = f"You have {_count(one['exposures'], 'open exposure')} on {_count(one['assets'], 'asset')}"
    if sure:
        told += "; " + ", ".join(f"{_leading(lead['exposures'])} to {lead['service']}" for lead in sure[:_FEW])
    elif maybe:
        told += "; perhaps " + ", ".join(f"{_leading(lead['perhaps'])} to {lead['service']}" for lead in maybe[:_FEW])
    else:
        told += "; none is known to lead to a service"
    return told + "."


def _leading(count: int) -> str:
    return f"{count:,} leads" if count == 1 else f"{count:,} lead"


def _treated(one: Row) -> list[str]:
    """Say what would change for how many, and for how many more it may."""
    changes = [
        f"{TREATMENT_WORDS[move['from']]} → {TREATMENT_WORDS[move['to']]} for {move['exposures']:,}"
        for move in one["moves"]
    ]
    waiting, more = one["open_until_next_cycle"], one["may_act"]
    told = []
    if changes:
        told.append(f"Treatment would change: {', '.join(changes)} (preliminary until the next cycle).")
    elif not more:
        now = ", ".join(f"{TREATMENT_WORDS[name]} {count:,}" for name, count in one["treatments"]["is"].items())
        told.append(f"Treatment {'most likely ' if waiting else ''}stays as it is ({now}).")
    if more:
        told.append(f"{more:,} {'more ' if changes else ''}may have to be acted on now: only the next cycle can say.")
    return told


def _hours(hours: float) -> str:
    return f"{hours:,.0f} h" if hours >= 10 else f"{hours:.2g} h"


def _closing(one: Row) -> list[str]:
    if not one["actions"]:
        return []
    first = one["actions"][:_FEW]
    told = "; ".join(
        f"{act['id']} {act['title']} ({act['team']}, {_hours(act['hours'])}{', guessed' if act['hours_guessed'] else ''})"
        for act in first
    )
    rest = len(one["actions"]) - len(first)
    more = f"; and {rest:,} more" if rest else ""
    what = "This action closes it" if len(one["actions"]) == 1 and one["exposures"] == 1 else "This closes them"
    return [f"{what}: {told}{more}."]


def _revoked(one: Row) -> list[str]:
    """Tell which exceptions no longer hold, and which were revoked before and wait for an answer."""
    told = []
    for given in one["revoked"]:
        until = f" until {given['until']}" if given["until"] else ""
        owners = f" (owner: {', '.join(given['owners'])})" if given["owners"] else ""
        told.append(
            f"No longer holds: {given['author']}'s word “{given['disposition']}”{until} on "
            f"{_count(given['count'], 'exposure')}{owners}: {given['difference']}."
        )
    for why, count in Counter(each["because"] for each in one["revoked_before"]).items():
        told.append(f"An exception on {_count(count, 'exposure')} was revoked: {why}. Nobody has decided anew.")
    return told


def _exceptions(one: Row) -> list[str]:
    told = []
    for given in one["exceptions"]:
        until = f" until {given['until']}" if given["until"] else ""
        who = f"{given['author']}'s word “{given['disposition']}”{until}" if given["author"] else "an acceptance"
        told.append(
            f"Look again: {who} on {_count(given['count'], 'exposure')} was given when it was known as: "
            f"{EXPLOITS[given['exploit_then']]}; now: {EXPLOITS[given['exploit_now']]}. It stands until it is withdrawn."
        )
    return told


def _deadline(one: Row) -> list[str]:
    due = one["due"]
    if due is None or due["due"] == due["was"]:
        return []
    before = f", before {due['was']}" if due["was"] else ""
    sure = "" if due["certain"] else " (preliminary)"
    return [f"Due {due['due']} under {due['rule']}{before}{sure}."]


def _later(one: Row) -> list[str]:
    if not one.get("not_counted"):
        return []
    return [f"{_count(one['not_counted'], 'exposure')} of it came with imports since; the next cycle counts them."]


def _known(one: Row) -> list[str]:
    signal = one["signal"]
    if signal["kev"]:
        return [f"{one['weakness']} is in KEV since {signal['kev_at']:%Y-%m-%d}."]
    return [] if signal["exploit"] == "unknown" else [f"{one['weakness']}: {EXPLOITS[signal['exploit']]}."]


def _absent(one: Row) -> list[str]:
    """Say what was looked at, so that nothing found is not taken for nothing there."""
    looked = one["coverage"]
    if one["dismissed"]:
        told = f"No open exposure of it counts: people dismissed {_count(one['dismissed'], 'exposure')}."
    elif one["ever"] and not one["not_counted"]:
        told = f"None of it is open: {_count(one['ever'], 'exposure')} of it was fixed or is gone."
    elif one["not_counted"]:
        told = "The last cycle knew none of it."
    else:
        told = f"{one['weakness']} was not found in anything imported."
    last = f"; last looked {looked['last']:%Y-%m-%d}" if looked["last"] else "; no report was imported yet"
    blind = looked["never_scanned"]
    never = f"; {_count(blind, 'asset was', 'assets were')} never scanned" if blind else ""
    return [told[:-1] + last + never + "."]

"""The ticket of an action, as the engineer who does the work sees it: Markdown, JSON and CSV.

Order: what to change, where, by when, why, how, side effects, way back, how it will be checked,
and the answers that are possible. Attack paths stay in Foreshore. Text from reports is shown as
plain text: Markdown marks are escaped, and no CSV cell can be read as a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from foreshore import keys
from foreshore.mobilization.actions import Action
from foreshore.query.safe import cell as safe_cell
from foreshore.query.safe import markdown as safe_markdown

REPLIES = (
    ("done", "it is fixed; the next scan will check it"),
    ("not ours", "another team owns this"),
    ("false positive", "the weakness is not there, and how you know"),
    ("cannot because …", "what stands in the way"),
    ("need until …", "a date, and why"),
)
_REBOOT = re.compile(r"(?i)windows|kb\d{6,}|kernel|linux-image|firmware|hypervisor|esxi")


def content(action: Action) -> dict[str, Any]:
    """Return the ticket as plain values; `hosts` are names that the owner knows, each with its weaknesses."""
    due, rule = action.due
    hosts: dict[str, dict[str, Any]] = {}
    for row in action.rows:
        host = hosts.setdefault(row["asset_name"], {"host": row["asset_name"], "weaknesses": [], "version": ""})
        if row["weakness"] not in host["weaknesses"]:
            host["weaknesses"].append(row["weakness"])
        host["version"] = host["version"] or row["version"] or ""
    solution = next((row["solution"] for row in action.rows if row["solution"]), "")
    return {
        "id": keys.show("ACT", action.key),
        "title": action.title,
        "team": action.team,
        "channel": action.channel,
        "change": action.what,
        "hosts": list(hosts.values()),
        "due": due.isoformat() if due else None,
        "due_rule": rule,
        "why": _why(action),
        "how": " ".join(solution.split()) or _HOW[action.kind],
        "reboot": _reboot(action),
        "rollback": _ROLLBACK[action.kind],
        "verification": _CHECKED,
        "hours": round(action.hours, 1),
        "hours_guessed": True,
        "replies": [word for word, _ in REPLIES],
        "exposures": [keys.show("EXP", one) for one in action.exposures],
    }


_HOW = {
    "patch": "Use the usual way of installing updates on these machines.",
    "reboot": "Restart the machine in its window: the fix is installed, and what runs is still older.",
    "rebuild": "Build the image again from a current base image, push it, and roll it out.",
    "configure": "Change the setting where it is managed, so that it is not set back.",
    "rotate": "Issue a new secret, change its users, revoke the old one, and remove it from the place.",
    "code": "Change the code as the finding says, with a test.",
    "replace": "Plan the move to a version that is supported; shield it until then.",
    "mitigate": "Close the way to it (firewall, service switched off), until a fix exists.",
}
_ROLLBACK = {
    "patch": "Take a snapshot or note the present version before; go back to it if a service check fails.",
    "reboot": "Start the machine with the version before (an earlier kernel, say) if it does not come up.",
    "rebuild": "Roll out the previous image digest again.",
    "configure": "Note the present value; set it back.",
    "rotate": "Keep the old secret valid for the change window, then revoke it.",
    "code": "Revert the change.",
    "replace": "Keep the old system ready until the new one has carried a full day.",
    "mitigate": "Remove the rule, or switch the service on again.",
}
_CHECKED = (
    "The next import of the source that reported it closes it, if it looked and no longer finds it. "
    "“Done” means: waiting for that check."
)


def _why(action: Action) -> str:
    services = action.services
    count = len({row["weakness"] for row in action.rows})
    what = f"It closes {count} weakness{'es' if count > 1 else ''} on {action.assets} asset{_s(action.assets)}"
    if not services:
        return f"{what}. None of them is known to lead to a critical service today."
    names = " and ".join(services[:2])
    return f"{what}. From there an attacker can go on to {names}."


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _reboot(action: Action) -> str:
    if action.kind == "reboot":
        return "The restart is the change."
    if action.kind not in ("patch", "replace"):
        return "No restart of the machine is expected."
    text = " ".join(str(row[name] or "") for row in action.rows[:20] for name in ("component", "component_name", "fix"))
    if _REBOOT.search(text):
        return "A restart of the machine is needed."
    return "The program has to be restarted; the machine as a rule not."


def markdown(action: Action) -> str:
    """Return the ticket as Markdown."""
    ticket = content(action)
    lines = [
        f"# {safe_markdown(ticket['title'])}",
        "",
        f"{ticket['id']} · for **{safe_markdown(ticket['team'])}**",
        "",
    ]
    lines += ["## What to change", "", safe_markdown(ticket["change"]), "", "## Where", ""]
    for host in ticket["hosts"]:
        version = f" (now {safe_markdown(host['version'])})" if host["version"] else ""
        names = ", ".join(safe_markdown(one) for one in host["weaknesses"])
        lines.append(f"- {safe_markdown(host['host'])}{version}: {names}")
    by_when = f"By {ticket['due']}, because of {safe_markdown(ticket['due_rule'])}." if ticket["due"] else (
        "No rule sets a date; it stands first because of what it removes."
        if action.treatment == "act_now" else "No rule sets a date.")  # fmt: skip
    lines += ["", "## By when", "", by_when, "", "## Why", "", safe_markdown(ticket["why"])]
    lines += [
        "",
        "## How",
        "",
        safe_markdown(ticket["how"]),
        "",
        "## Restart and side effects",
        "",
        ticket["reboot"],
    ]
    lines += [
        "",
        "## Way back",
        "",
        ticket["rollback"],
        "",
        "## How it will be checked",
        "",
        ticket["verification"],
    ]
    lines += ["", f"Estimated effort: {ticket['hours']} hours (a guess).", "", "## Answer with one of", ""]
    lines += [f"- **{word}**: {meaning}" for word, meaning in REPLIES]
    return "\n".join(lines) + "\n"


_CELLS = ("action", "title", "team", "host", "version", "weaknesses", "change", "due", "due_rule", "hours")


def csv_text(actions: Iterable[Action]) -> str:
    """Return a host list as CSV, one row for each action and host, safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_CELLS)
    for action in actions:
        ticket = content(action)
        for host in ticket["hosts"]:
            row = (
                ticket["id"], ticket["title"], ticket["team"], host["host"], host["version"],
                " ".join(host["weaknesses"]), ticket["change"], ticket["due"], ticket["due_rule"], ticket["hours"],
            )  # fmt: skip
            writer.writerow([safe_cell(value) for value in row])
    return out.getvalue()

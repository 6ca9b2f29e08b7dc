"""What the tour says: short sections for a terminal of 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from foreshore.cli import shared
from foreshore.cli.shared import EXPLOITS, FUNNEL, interval, percent
from foreshore.facts import TREATMENT_WORDS

if TYPE_CHECKING:
    from foreshore.cli.tour_points import Picture
    from foreshore.workspace import Workspace

WIDTH = 118
_TREATED = {
    "act_now": "few; a ticket each, or one for many", "unknown": "could matter much; one fact decides each",
    "routine": "the usual patching is enough", "watch": "nothing to do until something changes",
    "accepted": "a person accepted it, with an end date",
}  # fmt: skip


@dataclass(frozen=True)
class Voice:
    """Whom the tour tells; `quiet` keeps tables from a terminal that expects JSON."""

    say: Callable[[str], None]
    quiet: bool = False

    def head(self, text: str) -> None:
        """Begin a section."""
        self.say("")
        self.say(typer.style(text, bold=True))

    def tell(self, text: str) -> None:
        """Say a sentence that may need a second line."""
        self.say(textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Show a table."""
        if not self.quiet:
            shared.table(head, rows, right=right)


def opening(voice: Voice, result: dict[str, Any]) -> None:
    """Say what the company is and where its reports are."""
    company = result["company"]
    voice.say(
        f"A made-up company of {company['assets']} assets on two sites that use the same addresses. Its scanners wrote "
        f"{company['reports']} reports:"
    )
    voice.say(
        f"{result['folder']}/company/reports. Foreshore reads these first, and nothing else: no firewall rules, no money."
    )


def scanners_only(voice: Voice, workspace: Workspace, cycle: dict[str, Any], imports: dict[str, Any]) -> dict[str, Any]:
    """Show the first cycle: funnel, treatments, services, exposures, actions, moved list."""
    from foreshore.mobilization import lists as actions
    from foreshore.query import lists, moves

    exposures = list(lists.exposures(workspace, top=10, dismissed=False))
    first = actions.actions(workspace, top=5)
    moved = moves.from_serving(workspace, 20)
    voice.head("From what scanners wrote to what matters")
    funnel(voice, cycle)
    voice.head("Every open exposure has a treatment")
    treatments(voice, cycle)
    voice.head("What stands at risk: the chance that a service is hurt within a year")
    services(voice, cycle)
    voice.head(
        "The first ten: can an attacker get to it? is there a working exploit? does it lead to something critical?"
    )
    first_exposures(voice, exposures)
    voice.head("The first five actions, and what each removes by itself")
    first_actions(voice, first)
    voice.head("Moved: the scanners' first twenty beside these")
    chosen = moved_both_ways(moved)
    for one in chosen:
        voice.tell(moved_line(one))
    return {
        "cycle": cycle, "exposures": exposures, "actions": first, "moved": moved,
        "shown_moved": [one["exposure"] for one in chosen],
    }  # fmt: skip


def funnel(voice: Voice, cycle: dict[str, Any]) -> None:
    """Show the funnel with its unknowns."""
    rows = [
        (FUNNEL[step["step"]], f"{step['count']:,}", f"{step['unknown']:,}" if step["unknown"] else "")
        for step in cycle["funnel"]
    ]
    voice.table(("", "yes", "not known"), rows, (1, 2))


def treatments(voice: Voice, cycle: dict[str, Any]) -> None:
    """Show the treatments and their sum."""
    counts = cycle["treatments"]
    rows = [(TREATMENT_WORDS[name], f"{counts[name]:,}", _TREATED[name]) for name in TREATMENT_WORDS]
    rows.append(("together", f"{sum(counts.values()):,}", "all open exposures"))
    voice.table(("treatment", "exposures", "what it means"), rows, (1,))


def services(voice: Voice, cycle: dict[str, Any]) -> None:
    """Show each service with its chance a year and interval."""
    rows = [
        (one["name"], str(one["impact"]["tier"]), percent(one["probability_per_year"]),
         interval(one["low"], one["high"]), interval(one["best_case"], one["worst_case"]),
         "through the others" if one["foundation"] and not one["share"] else percent(one["share"]))
        for one in sorted(cycle["services"], key=lambda one: (one["foundation"], -one["share"], one["name"]))
    ]  # fmt: skip
    head = ("service", "tier", "hurt in a year", "likely between", "all unknowns good to all bad", "share of risk")
    voice.table(head, rows, (1, 2, 5))


def first_exposures(voice: Voice, rows: Sequence[dict[str, Any]]) -> None:
    """Show exposures with the three answers."""
    cells = [
        (str(row["rank"]), row["id"][:13], _short(row["weakness"], 16), _short(_host(row["asset_name"]), 15),
         row["reachable"], EXPLOITS.get(row["exploit"], row["exploit"]), _leads(row["leads_to"]),
         percent(row["contribution"]["mean"]))
        for row in rows
    ]  # fmt: skip
    head = ("#", "exposure", "weakness", "on", "get to it?", "working exploit?", "leads to", "removes")
    voice.table(head, cells, (0,))


def first_actions(voice: Voice, rows: Sequence[dict[str, Any]]) -> None:
    """Show actions with what they remove."""
    cells = [
        (str(number), _short(one["title"], 58), _short(one["team"], 16), f"{one['hours']:.1f} h", str(one["exposures"]),
         f"{percent(one['removes'])} ({interval(one['removes_low'], one['removes_high'])})")
        for number, one in enumerate(rows, start=1)
    ]  # fmt: skip
    voice.table(("#", "what to do", "team", "guess", "closes", "removes"), cells, (0, 3, 4))


def moved_both_ways(moved: Sequence[dict[str, Any]], each: int = 3) -> list[dict[str, Any]]:
    """Choose some that fell from the top scores, and some that rose from the lowest, no weakness twice."""
    fell = [one for one in moved if one["direction"] == "fell" and (one["cvss"] or 0) >= 9]
    rose = [one for one in moved if one["direction"] == "rose"]
    rose.sort(key=lambda one: one["cvss"] if one["cvss"] is not None else 10.0)
    return _distinct(fell, each) + _distinct(rose, each)


def _distinct(moved: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Return the first of each weakness and of each asset."""
    chosen: list[dict[str, Any]] = []
    seen: set[str] = set()
    for one in moved:
        if not seen & {one["weakness"], one["asset_name"]}:
            chosen.append(one)
            seen |= {one["weakness"], one["asset_name"]}
    return chosen[:most]


def moved_line(one: dict[str, Any]) -> str:
    """Tell one move: the arrow, from which place to which, and why."""
    arrow = "↓" if one["direction"] == "fell" else "↑"
    name = _host(one["asset_name"])
    return f"{arrow} {_named(one)} on {name}, {one['scanner_rank']:,} → {one['our_rank']:,}. {one['sentence']}"


def sharper(voice: Voice, before: Picture, after: Picture) -> dict[str, Any]:
    """Show what the firewall's rules changed, and return it."""
    old, new = before.result, after.result
    unknown = (before.reach("unknown"), after.reach("unknown"))
    fell, settled = _fell(before, after), _settled(before, after)
    voice.head("Now the firewall's rules are imported as well: what was unknown gets an answer")
    rows = [
        ("nobody knows whether an attacker gets to it", *unknown),
        ("an attacker cannot get to it", before.reach("no"), after.reach("no")),
        *(
            (f"treatment {TREATMENT_WORDS[name]}", old["treatments"][name], new["treatments"][name])
            for name in ("act_now", "unknown", "watch")
        ),
    ]  # fmt: skip
    voice.table(("exposures", "before", "with the rules"), [(text, f"{a:,}", f"{b:,}") for text, a, b in rows], (1, 2))
    bounds = _bounds(old, new)
    voice.table(
        ("service", "hurt in a year: all unknowns good to all bad", "with the rules"),
        [
            (one["service"], interval(*one["before"]), interval(*one["after"]))
            for one in bounds
            if not one["foundation"]
        ],
    )
    for one in fell[:2]:
        voice.tell(f"↓ {_named(one)} on {_host(one['asset_name'])}, {one['before']} → {one['after']:,}: {one['fact']}.")
    if settled:
        voice.tell(
            f"? {settled['weakness']} on {settled['asset_name'].split('.')[0]} was unknown: {settled['before']}."
        )
        voice.tell(f"  Now {settled['answer']}: {settled['after']}.")
    return {
        "cycle": new, "unknown_before": unknown[0], "unknown_after": unknown[1],
        "treatments_before": old["treatments"], "treatments_after": new["treatments"], "fell": fell[:10],
        "settled": settled, "bounds": bounds,
    }  # fmt: skip


def _bounds(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    later = {one["name"]: one for one in new["services"]}
    return [
        {"service": one["name"], "foundation": one["foundation"], "before": (one["best_case"], one["worst_case"]),
         "after": (later[one["name"]]["best_case"], later[one["name"]]["worst_case"])}
        for one in old["services"] if one["name"] in later
    ]  # fmt: skip


def _fell(before: Picture, after: Picture) -> list[dict[str, Any]]:
    """Return what the rules show to be out of reach, the highest scores and the longest falls first."""
    found = [
        {"id": key, "weakness": row["weakness"], "asset_name": row["asset_name"], "cvss": row["cvss"],
         "before": before.rows[key]["rank"], "after": row["rank"], "fact": row["reach_fact"]}
        for key, row in after.rows.items()
        if key in before.rows and before.rows[key]["reachable"] != "no" and row["reachable"] == "no"
        and row["rank"] > before.rows[key]["rank"]
    ]  # fmt: skip
    found.sort(key=lambda one: (-(one["cvss"] or 0), one["before"] - one["after"], one["id"]))
    return _distinct(found, 10)


def _settled(before: Picture, after: Picture) -> dict[str, Any]:
    """Return the unknown that mattered most and has an answer now."""
    rows = [
        row for key, row in before.rows.items()
        if row["reachable"] == "unknown" and key in after.rows and after.rows[key]["reachable"] != "unknown"
        and not str(after.rows[key]["reach_fact"]).startswith("not known")
    ]  # fmt: skip
    if not rows:
        return {}
    row = min(rows, key=lambda one: (not one["weakness"].startswith("CVE-"), one["rank"]))
    now = after.rows[row["exposure"]]
    return {
        "weakness": row["weakness"], "asset_name": row["asset_name"], "before": row["reach_fact"],
        "treatment_before": row["treatment"], "answer": now["reachable"], "after": now["reach_fact"],
        "treatment_after": now["treatment"],
    }  # fmt: skip


def days_after(voice: Voice, points: dict[str, Any]) -> None:
    """Tell what decisions, filtered exports and claims came to."""
    voice.head("The days after")
    false, filtered = points["false_positive"], points["filtered"]
    if false:
        voice.tell(
            f"A person marks {false['weakness']} on {false['asset_name'].split('.')[0]} as a false positive. The next scan "
            f"reports it again ({str(false['seen_again'])[:10]}): it stays dismissed."
        )
    voice.tell(
        f"Somebody imports a filtered export (severity high and above, {filtered.get('findings', 0):,} findings): it "
        f"closes {filtered.get('fixed', 0)} of {filtered['open_before']:,} exposures."
    )
    for one in _both_kinds(points["claims"]):
        name = _host(one["asset_name"])
        if one["kind"] == "fixed":
            voice.tell(
                f"{one['weakness']} on {name} is {one['reason']}; dated at the claim, {one['happened_at']:%Y-%m-%d}."
            )
        else:
            voice.tell(f"{one['weakness']} on {name} was claimed fixed as well: {one['reason']}. It is open again.")
    again = points["again"]
    voice.tell(
        f"All {again['files']} first reports imported once more: {again['duplicates']} were known, "
        f"{again['new']} exposures are new."
    )


def _both_kinds(claims: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    fixed = [one for one in claims if one["kind"] == "fixed"]
    return fixed[:2] + [one for one in claims if one["kind"] == "reopened"][:1]


def closing(voice: Voice, result: dict[str, Any]) -> None:
    """Show the ticket in short, the sum of treatments, and where to look."""
    ticket, accounted = result["points"]["ticket"], result["points"]["accounted"]
    if ticket:
        voice.head(f"A ticket, as {ticket['team']} sees it ({ticket['file']})")
        for line in ticket_in_short(ticket["text"]):
            voice.say("  " + line)
    sums = ", ".join(f"{TREATMENT_WORDS[name]} {accounted['treatments'].get(name, 0):,}" for name in TREATMENT_WORDS)
    voice.head("Every exposure accounted for")
    voice.tell(f"{sums}: {accounted['open']:,} open, each with its reason; dismissed: {accounted['dismissed']}.")
    voice.head("Where to look")
    voice.say(f"The report for people: {result['report']}")
    for command in result["try"]:
        voice.say(f"  {command}")
    voice.say(f"Done in {result['seconds']:.0f} seconds. The same command again says that nothing changed.")


def ticket_in_short(text: str, most: int = 14) -> list[str]:
    """Return the ticket's first sections without blank lines, each with its heading in front."""
    lines: list[str] = []
    heading = ""
    plain = text.replace("**", "").replace("\\", "")
    for line in (one for one in plain.splitlines() if one.strip()):
        if line.startswith("## "):
            heading = line[3:] + ": "
        elif line.startswith("# "):
            lines.append(_short(line[2:], 114))
        else:
            lines.append(_short(heading + line.removeprefix("- "), 114))
            heading = ""
    return lines[:most]


def nothing_new(voice: Voice, result: dict[str, Any]) -> None:
    """Say that nothing changed, and where to look."""
    imports = result["imports"]
    voice.say(
        f"All {imports['files']} reports in {result['folder']} again: {imports['duplicates']} are known by their digest."
    )
    voice.say(
        "The cycle again: the same order, the same numbers. Nothing changed."
        if not result["changed"] else "The cycle again: its answers differ from the last time. foreshore diff says why."
    )  # fmt: skip
    voice.say(f"The report: {result['report']}   the ticket: {result['ticket']}")
    for command in result["try"]:
        voice.say(f"  {command}")


def _leads(names: Sequence[str]) -> str:
    if not names:
        return "nothing critical"
    return _short(names[0], 22) + (f" +{len(names) - 1}" if len(names) > 1 else "")


def _host(name: str) -> str:
    """The first label of a host's name; of an image its last part."""
    return name.rsplit("/", 1)[-1] if "/" in name else name.split(".")[0]


def _named(one: dict[str, Any]) -> str:
    """A weakness by its public name, or by its title where it has none."""
    public = one["weakness"].startswith(("CVE-", "GHSA-"))
    return str(one["weakness"] if public else one.get("title") or one["weakness"])


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

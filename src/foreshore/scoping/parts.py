"""The parts of a scope: networks, ports, services, attackers, targets, each checked where it stands."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from foreshore import facts
from foreshore.errors import UsageError
from foreshore.query import selectors
from foreshore.query import windows as change_windows
from foreshore.scoping.nodes import Item, Problems, nearest
from foreshore.scoping.notes import Level, Note

SAFETY = ("none", "negligible", "marginal", "critical", "catastrophic")
MISSION = ("none", "degraded", "mef support crippled", "mef failure", "mission failure")
MOST_PORTS = 1024
MOST_MONEY = 1e15
_HOST = re.compile(r"^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$", re.I)


class Marks:
    """Where each named part stands, and remarks on the way."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.lines: dict[tuple[str, str], int] = {}
        self.notes: list[Note] = []

    def mark(self, section: str, name: str, item: Item) -> None:
        """Keep the line of a part."""
        self.lines.setdefault((section, name), item.line)

    def note(self, level: Level, line: int, sentence: str) -> None:
        """Add a remark."""
        self.notes.append(Note(level, line, sentence))


def network(item: Item) -> str:
    """An address range such as 10.20.0.0/16, its host bits zero."""
    text = item.text()
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        if text:
            item.wrong(f"“{text}” is not an address range", "for example 10.20.0.0/16")
        return "0.0.0.0/32"
    item.wrong(f"“{text}” has bits after its prefix", f"{meant}?")
    return str(meant)


def ports(item: Item) -> tuple[int, ...]:
    """Ports as a number, a range "8000-8010" or a list of both, sorted; all ports become none."""
    entries = [item] if item.scalar else item.items("a port")
    found: set[int] = set()
    for entry in entries:
        first, dash, last = entry.text().partition("-")
        if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
            entry.wrong("has to be a port or a range of ports", "443 or 8000-8010")
            continue
        low, high = int(first), int(last) if dash else int(first)
        if not 1 <= low <= high <= 65535:
            entry.wrong(f"has to be within 1 to 65535, not {entry.text()}")
            continue
        found.update(range(low, high + 1))
    if len(found) == 65535:
        return ()
    if len(found) > MOST_PORTS:
        item.wrong(f"lists more than {MOST_PORTS} ports", "leave “ports” out to mean all")
    return tuple(sorted(found))


def amounts(item: Item, least: float, most: float) -> facts.Range:
    """A range {low, likely, high} in this order."""
    fields = item.fields(("low", "likely", "high", "confirmed_by"), required=("low", "likely", "high"))
    low, likely, high = (
        fields[name].number(least, most) if name in fields else least for name in ("low", "likely", "high")
    )
    if not low <= likely <= high:
        item.wrong("has to rise from low to likely to high")
    return facts.Range(low, likely, high)


def selectors_of(item: Item) -> tuple[str, ...]:
    """A list of selectors, each of them valid."""
    found = []
    for entry in [item] if item.scalar else item.items("a selector"):
        text = entry.text()
        try:
            if text:
                selectors.parse(text)
        except UsageError as error:
            entry.problems.add(entry.line, error.what, f"try {error.hint}" if error.hint else "")
        found.append(text)
    return tuple(found)


def windows(item: Item) -> tuple[str, ...]:
    """Change windows such as "sat 22:00-04:00", each of them valid."""
    found = []
    for entry in [item] if item.scalar else item.items("a change window"):
        text = entry.text()
        try:
            if text:
                change_windows.parse(text)
                found.append(text)
        except UsageError as error:
            entry.wrong(error.what, error.hint)
    return tuple(found)


def refuse_unknown_places(item: Item, chosen: Sequence[str], zones: Sequence[str], sites: Sequence[str]) -> None:
    """Note selectors that name a zone or site which the scope does not have."""
    for text in chosen:
        kind, _, value = text.partition(":")
        known = {"zone": zones, "site": sites}.get(kind.strip().lower())
        word = value.strip()
        if known is None or selectors.is_pattern(word) or word.lower() in [one.lower() for one in known]:
            continue
        item.wrong(f"names “{text}”, but there is no such {kind}", nearest(word, known))


def refuse_doubles(found: Sequence[tuple[Item, str]], what: str) -> None:
    """Note names that come twice."""
    seen: set[str] = set()
    for item, name in found:
        if name and name.lower() in seen:
            item.wrong(f"has the name “{name}” of another {what}", "a name of its own")
        seen.add(name.lower())


def tag_rule(item: Item, tag: str) -> facts.TagRule:
    """A tag and the selectors of the assets that have it; `tag` is one that a selector can ask for in full."""
    if selectors.is_pattern(tag):
        item.wrong("is a pattern, but a rule gives one tag", "a plain word such as pci, or service=shop")
    if not all(letter.isprintable() for letter in tag):
        item.wrong("has a letter that cannot be printed", "a plain word such as pci, or service=shop")
    if item.empty or not (chosen := selectors_of(item)):
        item.wrong("says nothing of which assets have this tag", '["zone:payments", "name:pay-*"]')
        return facts.TagRule(tag)
    return facts.TagRule(tag, chosen)


_SERVICE = ("name", "owner", "impact", "loss", "assets", "depends_on")


def service(marks: Marks, item: Item, *, foundation: bool) -> facts.Service:
    """A service or a foundation; `loss` counts only with `confirmed_by`."""
    fields = item.fields(_SERVICE, required=("name",))
    name = fields["name"].text() if "name" in fields else ""
    tier, safety, mission = _impact(fields.get("impact"), 5 if foundation else 3)
    loss, confirmed_by = _loss(marks, name, fields.get("loss"))
    assets = selectors_of(fields["assets"]) if "assets" in fields else ()
    if not assets:
        marks.note("warning", item.line, f"service {name} names no assets, so nothing can harm it")
    return facts.Service(
        name=name,
        owner=fields["owner"].text() if "owner" in fields else "",
        tier=tier,
        safety=safety,
        mission=mission,
        loss=loss,
        confirmed_by=confirmed_by,
        assets=assets,
        foundation=foundation,
        depends_on=fields["depends_on"].texts() if "depends_on" in fields else None,
    )


def _impact(item: Item | None, tier: int) -> tuple[int, str, str]:
    if item is None:
        return tier, "none", "none"
    fields = item.fields(("tier", "safety", "mission"))
    return (
        fields["tier"].integer(1, 5) if "tier" in fields else tier,
        _word(fields["safety"], SAFETY) if "safety" in fields else "none",
        _word(fields["mission"], MISSION) if "mission" in fields else "none",
    )


def _word(item: Item, known: Sequence[str]) -> str:
    text = item.text()
    folded = re.sub(r"[\s_-]+", " ", text.lower())
    if text and folded not in known:
        item.wrong(f"cannot be “{text}”", nearest(folded, known))
    return folded


def _loss(marks: Marks, name: str, item: Item | None) -> tuple[facts.Range | None, str]:
    if item is None:
        return None, ""
    loss = amounts(item, 0, MOST_MONEY)
    confirmed = dict(item.entries()).get("confirmed_by")
    if confirmed is None or confirmed.empty:
        marks.note(
            "warning",
            item.line,
            f"the loss of {name} is not counted until confirmed_by names who stands behind it",
        )
        return None, ""
    return loss, confirmed.text()


_ATTACKER = ("name", "enters", "attacks_per_year", "capability", "source")


def attacker(item: Item, shipped: Mapping[str, facts.Attacker], ends: Sequence[str]) -> facts.Attacker:
    """An attacker; what is left out comes from the shipped profile of that name."""
    fields = item.fields(_ATTACKER, required=("name",))
    name = fields["name"].text() if "name" in fields else ""
    like = shipped.get(name)
    if name and like is None and not {"enters", "attacks_per_year"} <= fields.keys():
        item.wrong(
            f"“{name}” is no shipped profile, so it needs “enters” and “attacks_per_year”",
            nearest(name, list(shipped)),
        )
    base = like or facts.Attacker(name, ("internet",), facts.Range(0, 0, 0))
    return facts.Attacker(
        name=name,
        enters=_enters(fields["enters"], ends) if "enters" in fields else base.enters,
        attacks_per_year=amounts(fields["attacks_per_year"], 0, 1e6)
        if "attacks_per_year" in fields
        else base.attacks_per_year,
        capability=fields["capability"].text() if "capability" in fields else base.capability,
        source=fields["source"].text() if "source" in fields else base.source,
    )


def history(item: Item, services: Sequence[str]) -> facts.History:
    """What happened to the organisation: losses of a service, or of any, in a number of years."""
    fields = item.fields(("service", "times", "years", "source"), required=("times", "years"))
    service = fields["service"].text() if "service" in fields else ""
    if service and service not in services:
        fields["service"].wrong(f"names “{service}”, but there is no such service", nearest(service, services))
    times = fields["times"].number(0, 1e6) if "times" in fields else 0.0
    if times != int(times):
        fields["times"].wrong(f"has to be a whole number, not {times:g}")
    return facts.History(
        service=service,
        times=int(times),
        years=fields["years"].number(0.01, 1000) if "years" in fields else 1.0,
        source=fields["source"].text() if "source" in fields else "",
    )


def _enters(item: Item, ends: Sequence[str]) -> tuple[str, ...]:
    entries = [item] if item.scalar else item.items("a way in")
    if not entries:
        item.wrong("is empty", "internet, user, or a zone")
    return tuple(entry.text(ends) for entry in entries)


def target(item: Item) -> facts.Target:
    """What may be actively tested: a name or an address range, with ports and a last day."""
    if item.scalar:
        return facts.Target(_what(item))
    fields = item.fields(("what", "ports", "until", "authorised_by"), required=("what",))
    return facts.Target(
        what=_what(fields["what"]) if "what" in fields else "",
        ports=ports(fields["ports"]) if "ports" in fields else (),
        until=fields["until"].day() if "until" in fields else None,
        authorised_by=fields["authorised_by"].text() if "authorised_by" in fields else "",
    )


def _what(item: Item) -> str:
    text = item.text()
    if "/" in text or ":" in text or re.fullmatch(r"[0-9.]+", text):
        try:
            found = ipaddress.ip_network(text)
        except ValueError:
            item.wrong(f"“{text}” is not an address range", "for example 10.20.0.0/24")
            return text
        if found.prefixlen == 0:
            item.wrong("covers every address there is", "the ranges that are yours")
        return str(found) if "/" in text else text
    if text and not _HOST.match(text):
        item.wrong(f"“{text}” is neither a host name nor an address range", "www.example.com or 10.20.0.0/24")
    return text

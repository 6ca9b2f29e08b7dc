"""Reading `scope.yaml`: everything checked, every mistake with its line, all mistakes at once.

Everything but `organization` may be left out. Without `sites` there is one, `main`; a zone without a
site is in the only site. `internet` is a reserved zone. `foundations` are written like services and
start at tier 5. Attackers that the policy ships need only say what differs. A loss counts only with
`confirmed_by`; without it the range is left out, with a note. `tags` gives a tag to all assets that one
of its selectors picks; such a rule sees the tags that sources gave, and none that a rule gave.
`history` says how often a service (or any) was lost in how many years: each cycle is held against it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from foreshore import facts
from foreshore.errors import BadScope
from foreshore.scoping import parts
from foreshore.scoping.nodes import Item, Problems, document, nearest
from foreshore.scoping.notes import Note

FIELDS = (
    "organization", "currency", "sites", "zones", "reach", "services", "foundations", "teams", "attackers",
    "targets", "obligations", "tags", "history",
)  # fmt: skip
RESERVED_ZONES = ("internet", "user", "any", "all", "unknown")
Place = tuple[str, str]
ReachDefault = Literal["by-prior", "closed", "open"]
REACH_DEFAULTS: tuple[ReachDefault, ...] = ("by-prior", "closed", "open")


class Parsed(msgspec.Struct, frozen=True):
    """A scope that was read: what it says, the line of each named part, and remarks."""

    scope: facts.Scope
    lines: Mapping[Place, int]  # ("zones", "dmz") -> 7
    notes: tuple[Note, ...]


class Reading(parts.Marks):
    """The state of one reading: names that are known so far, lines, remarks."""

    def __init__(self, file: str, shipped: Mapping[str, facts.Attacker], obligations: Collection[str] | None) -> None:
        super().__init__(Problems(file))
        self.shipped = shipped
        self.known_obligations = obligations
        self.sites: tuple[facts.Site, ...] = (facts.Site("main"),)
        self.zones: tuple[facts.Zone, ...] = ()

    @property
    def zone_names(self) -> list[str]:
        """The zones of the scope."""
        return [zone.name for zone in self.zones]

    @property
    def site_names(self) -> list[str]:
        """The sites of the scope."""
        return [site.name for site in self.sites]


def text_of(path: Path) -> str:
    """Return the text of the scope file at `path`; raises `BadScope` where there is none."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise BadScope("there is no scope yet", where=path.name, hint="foreshore init") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadScope(f"cannot be read ({error})", where=path.name, hint="save it as UTF-8 text") from None


def read(
    path: Path,
    *,
    shipped: Mapping[str, facts.Attacker] = MappingProxyType({}),
    obligations: Collection[str] | None = None,
) -> Parsed:
    """Read the file at `path`; see `parse`."""
    return parse(text_of(path), file=path.name, shipped=shipped, obligations=obligations)


def parse(
    text: str,
    *,
    file: str = "scope.yaml",
    shipped: Mapping[str, facts.Attacker] = MappingProxyType({}),
    obligations: Collection[str] | None = None,
) -> Parsed:
    """Return what `text` says.

    `shipped` are the policy's attacker profiles by name: what an attacker of that name leaves out
    comes from there. `obligations` are the names of the policy's deadline rules; None leaves them
    unchecked. Raises `BadScope` that names every mistake with its line.
    """
    root = document(text, file)
    if root is None:
        raise BadScope("says nothing", where=f"{file}:1", hint="organization: Your company")
    reading = Reading(file, shipped, obligations)
    root = Item(root.node, reading.problems, root.what)
    fields = root.fields(FIELDS, required=("organization",))
    scope = _scope(reading, fields)
    reading.problems.stop_if_any()
    return Parsed(scope, reading.lines, tuple(reading.notes))


def _scope(reading: Reading, fields: Mapping[str, Item]) -> facts.Scope:
    if "sites" in fields:
        reading.sites = _sites(reading, fields["sites"])
    if "zones" in fields:
        reading.zones = _zones(reading, fields["zones"])
    default: ReachDefault = "by-prior"
    rules: tuple[facts.ReachRule, ...] = ()
    if "reach" in fields:
        default, rules = _reach(reading, fields["reach"])
    services = _services(reading, fields)
    return facts.Scope(
        organization=fields["organization"].text() if "organization" in fields else "",
        currency=_currency(fields["currency"]) if "currency" in fields else "EUR",
        sites=reading.sites,
        zones=reading.zones,
        reach_default=default,
        reach=rules,
        services=services,
        teams=_teams(reading, fields["teams"]) if "teams" in fields else (),
        attackers=_attackers(reading, fields["attackers"]) if "attackers" in fields else (),
        targets=tuple(parts.target(item) for item in fields["targets"].items("a target"))
        if "targets" in fields
        else (),
        obligations=_obligations(reading, fields["obligations"], services) if "obligations" in fields else (),
        tags=_tags(reading, fields["tags"]) if "tags" in fields else (),
        history=tuple(parts.history(item, [one.name for one in services]) for item in fields["history"].items("a line"))
        if "history" in fields
        else (),
    )


def _currency(item: Item) -> str:
    code = item.text().upper()
    if len(code) != 3 or not code.isalpha():
        item.wrong(f"has to be a currency code, not “{code}”", "for example EUR")
    return code


def _sites(reading: Reading, item: Item) -> tuple[facts.Site, ...]:
    sites = []
    for name, entry in item.entries():
        fields = entry.fields(("entity",))
        reading.mark("sites", name, entry)
        sites.append(facts.Site(name, fields["entity"].text() if "entity" in fields else ""))
    return tuple(sites) or (facts.Site("main"),)


def _zones(reading: Reading, item: Item) -> tuple[facts.Zone, ...]:
    zones = []
    for name, entry in item.entries():
        if name in RESERVED_ZONES:
            entry.wrong("is a reserved name and cannot be a zone of yours", "another name")
        fields = entry.fields(("site", "networks", "names"))
        reading.mark("zones", name, entry)
        networks = fields["networks"].items("a network") if "networks" in fields else []
        zones.append(
            facts.Zone(
                name,
                _site_of(reading, entry, fields.get("site")),
                tuple(parts.network(one) for one in networks),
                fields["names"].texts() if "names" in fields else (),
            )
        )
        if not fields.get("networks") and not fields.get("names"):
            reading.note("warning", entry.line, f"zone {name} has no networks and no names: nothing is in it")
    return tuple(zones)


def _site_of(reading: Reading, entry: Item, item: Item | None) -> str:
    names = reading.site_names
    if item is not None:
        return item.text(names)
    if len(names) > 1:
        entry.wrong("needs “site”, as there are several", "one of " + ", ".join(names))
    return names[0]


def _reach(reading: Reading, item: Item) -> tuple[ReachDefault, tuple[facts.ReachRule, ...]]:
    fields = item.fields(("default", "rules"))
    word = fields["default"].text(REACH_DEFAULTS) if "default" in fields else "by-prior"
    default = msgspec.convert(word, ReachDefault)
    ends = ["internet", *reading.zone_names]
    rules = []
    for number, entry in enumerate(fields["rules"].items("a reach rule") if "rules" in fields else []):
        rule = entry.fields(("from", "to", "ports", "allow"), required=("from", "to"))
        reading.mark("reach", str(number), entry)
        rules.append(
            facts.ReachRule(
                rule["from"].text(ends) if "from" in rule else "",
                rule["to"].text(ends) if "to" in rule else "",
                parts.ports(rule["ports"]) if "ports" in rule else (),
                rule["allow"].flag() if "allow" in rule else True,
            )
        )
    return default, tuple(rules)


def _services(reading: Reading, fields: Mapping[str, Item]) -> tuple[facts.Service, ...]:
    found: list[tuple[Item, facts.Service]] = []
    for section, foundation in (("services", False), ("foundations", True)):
        for entry in fields[section].items("a service") if section in fields else []:
            service = parts.service(reading, entry, foundation=foundation)
            parts.refuse_unknown_places(entry, service.assets, reading.zone_names, reading.site_names)
            reading.mark(section, service.name, entry)
            found.append((entry, service))
    services = tuple(service for _, service in found)
    parts.refuse_doubles([(entry, service.name) for entry, service in found], "service")
    names = [service.name for service in services]
    for entry, service in found:
        for name in service.depends_on or ():
            if name not in names:
                entry.wrong(f"depends on “{name}”, which is no service or foundation", nearest(name, names))
    return services


def _tags(reading: Reading, item: Item) -> tuple[facts.TagRule, ...]:
    found = []
    for name, entry in item.entries():
        rule = parts.tag_rule(entry, name)
        parts.refuse_unknown_places(entry, rule.assets, reading.zone_names, reading.site_names)
        reading.mark("tags", name, entry)
        found.append((entry, rule))
    parts.refuse_doubles([(entry, rule.tag) for entry, rule in found], "tag")
    return tuple(rule for _, rule in found)


def _teams(reading: Reading, item: Item) -> tuple[facts.Team, ...]:
    found = []
    for entry in item.items("a team"):
        fields = entry.fields(("name", "assets", "hours_per_week", "windows"), required=("name",))
        team = facts.Team(
            fields["name"].text() if "name" in fields else "",
            parts.selectors_of(fields["assets"]) if "assets" in fields else (),
            fields["hours_per_week"].number(0, 100_000) if "hours_per_week" in fields else None,
            parts.windows(fields["windows"]) if "windows" in fields else (),
        )
        parts.refuse_unknown_places(entry, team.assets, reading.zone_names, reading.site_names)
        reading.mark("teams", team.name, entry)
        found.append((entry, team))
    parts.refuse_doubles([(entry, team.name) for entry, team in found], "team")
    return tuple(team for _, team in found)


def _attackers(reading: Reading, item: Item) -> tuple[facts.Attacker, ...]:
    found = []
    for entry in item.items("an attacker"):
        attacker = parts.attacker(entry, reading.shipped, ["internet", "user", *reading.zone_names])
        reading.mark("attackers", attacker.name, entry)
        found.append((entry, attacker))
    parts.refuse_doubles([(entry, attacker.name) for entry, attacker in found], "attacker")
    return tuple(attacker for _, attacker in found)


def _obligations(reading: Reading, item: Item, services: Sequence[facts.Service]) -> tuple[facts.Obligation, ...]:
    scope = facts.Scope("", sites=reading.sites, zones=reading.zones, services=tuple(services))
    known = reading.known_obligations
    found = []
    for entry in item.items("an obligation"):
        fields = {"name": entry} if entry.scalar else entry.fields(("name", "applies_to"), required=("name",))
        name = fields["name"].text() if "name" in fields else ""
        if known is not None and name.replace("-", "_") not in {one.replace("-", "_") for one in known}:
            entry.wrong(f"“{name}” is no deadline rule of the policy", nearest(name, sorted(known)))
        places = _applies_to(fields["applies_to"], scope) if "applies_to" in fields else ["all"]
        reading.mark("obligations", name, entry)
        found += [facts.Obligation(name, place) for place in places]
    return tuple(found)


def _applies_to(item: Item, scope: facts.Scope) -> list[str]:
    """Return what an obligation is attached to, as written: all, names, or service:, zone: and entity: before a name."""
    subjects = facts.subjects(scope)
    names = [name for _, name in subjects]
    known = ["all", *dict.fromkeys(names), *(f"{kind}:{name}" for kind, name in subjects)]
    found = []
    for entry in [item] if item.scalar else item.items("what the rule applies to"):
        place = entry.text(known)
        if names.count(place) > 1 and place != "all":
            either = [f"{kind}:{name}" for kind, name in subjects if name == place]
            entry.wrong(f"“{place}” is the name of several things", " or ".join(either))
        found.append(place)
    return found

"""What a scope fails to cover: parts that match nothing, assets that no part holds, contradictions."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.query import attributes, selectors, zones
from foreshore.scoping.notes import Level, Note, number
from foreshore.scoping.scope import Parsed

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = 3


def check(parsed: Parsed, assets: pa.Table) -> list[Note]:
    """Return remarks on a scope, measured against `assets` (see `query.assets.present`), by line."""
    scope = parsed.scope
    untagged = zones.assign(assets, scope)
    placed = attributes.tagged(untagged, scope)
    found = [
        *parsed.notes,
        *_sites(parsed, placed),
        *_zones(parsed, placed),
        *_overlaps(parsed),
        *_rules(parsed),
        *_tags(parsed, untagged),
        *_groups(parsed, placed),
        *_owners(parsed),
        *_targets(parsed),
    ]
    if not scope.services:
        found.append(Note("info", 0, "no service is named: all assets count as one"))
    return sorted(set(found), key=lambda note: (note.line, note.level, note.sentence))


def _note(parsed: Parsed, level: Level, section: str, name: str, sentence: str) -> Note:
    return Note(level, parsed.lines.get((section, name), 0), sentence)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:EXAMPLES])
    return shown + (", …" if len(names) > EXAMPLES else "")


def _sites(parsed: Parsed, placed: pa.Table) -> Iterator[Note]:
    seen = Counter(placed.column("site").to_pylist())
    known = {site.name for site in parsed.scope.sites}
    for name in sorted(known - set(seen)):
        if len(known) > 1:
            yield _note(parsed, "warning", "sites", name, f"no report was imported for site {name}")
    for name in sorted(set(seen) - known):
        yield Note("warning", 0, f"{number(seen[name], 'asset')} at site {name}, which the scope does not have")


def _zones(parsed: Parsed, placed: pa.Table) -> Iterator[Note]:
    scope = parsed.scope
    held = Counter(placed.column("zone").to_pylist())
    for zone in scope.zones:
        if not held[zone.name] and (zone.networks or zone.names):
            yield _note(parsed, "warning", "zones", zone.name, f"zone {zone.name} holds no asset")
    if not scope.zones:
        yield Note("info", 0, "no zones are named: who reaches whom is a guess from the kind of address")
    elif held[""]:
        import pyarrow.compute as pc

        rest = placed.filter(pc.equal(placed.column("zone"), "")).slice(0, EXAMPLES + 1)
        names = [str(name) for name in rest.column("name").to_pylist()]
        yield Note("warning", 0, f"{number(held[''], 'asset')} in no zone: {_some(names)}")


def _overlaps(parsed: Parsed) -> Iterator[Note]:
    """Networks of two zones of a site that share addresses, by neighbours in address order."""
    nets = sorted(
        (zone.site, net.version, int(net.network_address), -net.prefixlen, zone.name, str(net))
        for zone in parsed.scope.zones
        for net in map(ipaddress.ip_network, zone.networks)
    )
    for place, outer in enumerate(nets):
        network = ipaddress.ip_network(outer[5])
        for inner in nets[place + 1 :]:
            if inner[:2] != outer[:2] or inner[2] > int(network.broadcast_address):
                break
            if inner[4] != outer[4]:
                yield _overlap(parsed, outer[4], outer[5], inner[4], inner[5])


def _overlap(parsed: Parsed, outer: str, outer_net: str, inner: str, inner_net: str) -> Note:
    if outer_net == inner_net:
        first = min(outer, inner)
        sentence = f"zones {outer} and {inner} both have {inner_net}: its assets go to {first}"
        return _note(parsed, "warning", "zones", inner, sentence)
    sentence = f"{inner_net} of zone {inner} lies in {outer_net} of zone {outer}: its assets go to {inner}"
    return _note(parsed, "info", "zones", inner, sentence)


def _rules(parsed: Parsed) -> Iterator[Note]:
    scope = parsed.scope
    site_of = {zone.name: zone.site for zone in scope.zones}
    for place, rule in enumerate(scope.reach):
        source, target = site_of.get(rule.source), site_of.get(rule.target)
        if source and target and source != target:
            sentence = f"{rule.source} and {rule.target} are at different sites: is there a link between them?"
            yield _note(parsed, "info", "reach", str(place), sentence)
        if rule.target == "internet":
            sentence = "a rule towards the internet changes nothing: attackers come from there"
            yield _note(parsed, "info", "reach", str(place), sentence)
    for (_, first), (place, second) in combinations(enumerate(scope.reach), 2):
        if _contradict(first, second):
            sentence = f"{second.source} to {second.target} is both allowed and forbidden: the first rule decides"
            yield _note(parsed, "warning", "reach", str(place), sentence)


def _contradict(first: facts.ReachRule, second: facts.ReachRule) -> bool:
    same = (first.source, first.target) == (second.source, second.target)
    shared = not first.ports or not second.ports or bool(set(first.ports) & set(second.ports))
    return same and shared and first.allowed != second.allowed


def _tags(parsed: Parsed, untagged: pa.Table) -> Iterator[Note]:
    """Tag rules that give their tag to nothing, and those that ask for the tag of another rule."""
    rules = parsed.scope.tags
    flat = [(rule, text) for rule in rules for text in rule.assets]
    useful = set(selectors.matches(untagged, [text for _, text in flat]).column("number").to_pylist())
    useless = [pair for place, pair in enumerate(flat) if place not in useful]
    given = {rule.tag.lower() for rule in rules}
    for rule, text in flat:
        kind, _, value = text.partition(":")
        if kind.strip().lower() == "tag" and value.strip().lower() in given:
            sentence = f"“{text}” in the rule for tag {rule.tag} sees only the tags of sources, not those of rules"
            yield _note(parsed, "info", "tags", rule.tag, sentence)
    for rule in rules:
        idle = [text for one, text in useless if one is rule]
        if len(idle) == len(rule.assets):
            sentence = f"tag {rule.tag} is given to no asset: its rule matches nothing"
            yield _note(parsed, "warning", "tags", rule.tag, sentence)
        else:
            for text in idle:
                yield _note(parsed, "warning", "tags", rule.tag, f"“{text}” of tag {rule.tag} picks no asset")


def _groups(parsed: Parsed, placed: pa.Table) -> Iterator[Note]:
    """Selectors, services and teams that pick nothing; services that nobody looks at; what is in none."""
    scope = parsed.scope
    parts = [
        ("foundations" if service.foundation else "services", "service", service.name, service.assets)
        for service in scope.services
    ]
    services = len(parts)
    parts += [("teams", "team", team.name, team.assets) for team in scope.teams]
    flat = [(place, text) for place, part in enumerate(parts) for text in part[3]]
    hits = selectors.matches(placed, [text for _, text in flat]).to_pydict()
    picked: dict[int, set[int]] = {place: set() for place in range(len(parts))}
    for hit, asset in zip(hits["number"], hits["asset"], strict=True):
        picked[flat[hit][0]].add(asset)
    useful = set(hits["number"])
    for hit, (place, text) in enumerate(flat):
        section, noun, name, _ = parts[place]
        if hit not in useful:
            yield _note(parsed, "warning", section, name, f"“{text}” of {noun} {name} picks no asset")
    looked = set(_where(placed, "looked"))
    for place, (section, noun, name, texts) in enumerate(parts):
        found = picked[place]
        if texts and not found:
            yield _note(parsed, "warning", section, name, f"{noun} {name} has no asset at all")
        elif noun == "service" and (blind := len(found - looked)):
            sentence = f"{number(blind, 'asset')} of {len(found):,} of service {name} never scanned for weaknesses"
            yield _note(parsed, "warning", section, name, sentence)
    covered: set[int] = set().union(*(picked[place] for place in range(services)))
    rest = len(placed) - len(covered)
    if services and rest:
        yield Note("info", 0, f"{number(rest, 'asset')} of {len(placed):,} in no service or foundation")


def _where(placed: pa.Table, flag: str) -> list[int]:
    if flag not in placed.column_names:
        return [int(asset) for asset in placed.column("asset").to_pylist()]
    return [int(asset) for asset in placed.filter(placed.column(flag)).column("asset").to_pylist()]


def _owners(parsed: Parsed) -> Iterator[Note]:
    teams = {team.name for team in parsed.scope.teams}
    for service in parsed.scope.services:
        section = "foundations" if service.foundation else "services"
        if service.owner and teams and service.owner not in teams:
            sentence = f"{service.owner}, who owns {service.name}, is not among the teams"
            yield _note(parsed, "warning", section, service.name, sentence)


def _targets(parsed: Parsed) -> Iterator[Note]:
    if parsed.scope.targets:
        count = number(len(parsed.scope.targets), "target")
        yield Note("info", 0, f"{count} to be actively tested: each takes effect only once it is approved")

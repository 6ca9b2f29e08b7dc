"""Writing a scope as `scope.yaml`, with comments, so that reading it again gives the same scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import yaml

from foreshore import facts

Comments = Mapping[tuple[str, str], Sequence[str]]


def to_yaml(scope: facts.Scope, comments: Comments = MappingProxyType({})) -> str:
    """Return `scope` as text; `comments` by (section, name) are put above the part they are about."""
    lines = [f"organization: {_word(scope.organization)}", f"currency: {_word(scope.currency)}"]
    lines += _mapping("sites", [(one.name, _site(one)) for one in scope.sites], comments)
    lines += _mapping("zones", [(one.name, _zone(one)) for one in scope.zones], comments)
    lines += _reach(scope, comments)
    lines += _mapping("tags", [(one.tag, _words(one.assets)) for one in scope.tags], comments)
    services = [one for one in scope.services if not one.foundation]
    foundations = [one for one in scope.services if one.foundation]
    lines += _list("services", [(one.name, _service(one)) for one in services], comments)
    lines += _list("foundations", [(one.name, _service(one)) for one in foundations], comments)
    lines += _list("teams", [(one.name, _team(one)) for one in scope.teams], comments)
    lines += _list("attackers", [(one.name, _attacker(one)) for one in scope.attackers], comments)
    lines += _list("targets", [(one.what, _target(one)) for one in scope.targets], comments)
    lines += _list("obligations", [(one.name, _obligation(one)) for one in scope.obligations], comments)
    lines += _list("history", [("", _history(one)) for one in scope.history], comments)
    return "\n".join(lines) + "\n"


def _history(one: facts.History) -> dict[str, str]:
    fields = {"service": _word(one.service)} if one.service else {}
    fields |= {"times": str(one.times), "years": _number(one.years)}
    return fields | ({"source": _word(one.source)} if one.source else {})


def _word(text: str) -> str:
    """A text as YAML writes it on one line inside brackets, quoted where it has to be."""
    written = yaml.safe_dump([text], default_flow_style=True, allow_unicode=True, width=1 << 30)
    return written.strip()[1:-1]


def _words(texts: Iterable[str]) -> str:
    return "[" + ", ".join(_word(text) for text in texts) + "]"


def _braces(fields: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"


def _range(amounts: facts.Range) -> dict[str, str]:
    return {name: _number(getattr(amounts, name)) for name in ("low", "likely", "high")}


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _above(section: str, name: str, comments: Comments) -> list[str]:
    return [f"  # {comment(line)}" for line in comments.get((section, name), ())]


def comment(text: str) -> str:
    """Return `text` on one line without anything that YAML could take for more than a comment."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _mapping(section: str, entries: Sequence[tuple[str, str]], comments: Comments) -> list[str]:
    lines = [f"{section}:"] if entries else []
    for name, written in entries:
        lines += [*_above(section, name, comments), f"  {_word(name)}: {written}"]
    return lines


def _list(section: str, entries: Sequence[tuple[str, Mapping[str, str]]], comments: Comments) -> list[str]:
    lines = [f"{section}:"] if entries else []
    for name, fields in entries:
        lines += _above(section, name, comments)
        marks = ["- "] + ["  "] * (len(fields) - 1)
        lines += [f"  {mark}{key}: {value}" for mark, (key, value) in zip(marks, fields.items(), strict=True)]
    return lines


def _site(site: facts.Site) -> str:
    return _braces({"entity": _word(site.entity)} if site.entity else {})


def _zone(zone: facts.Zone) -> str:
    fields = {"site": _word(zone.site)}
    if zone.networks:
        fields["networks"] = _words(zone.networks)
    if zone.names:
        fields["names"] = _words(zone.names)
    return _braces(fields)


def _reach(scope: facts.Scope, comments: Comments) -> list[str]:
    if scope.reach_default == "by-prior" and not scope.reach:
        return []
    lines = ["reach:", f"  default: {scope.reach_default}"]
    if scope.reach:
        lines.append("  rules:")
    for number, rule in enumerate(scope.reach):
        fields = {"from": _word(rule.source), "to": _word(rule.target)}
        if rule.ports:
            fields["ports"] = str(list(rule.ports))
        if not rule.allowed:
            fields["allow"] = "no"
        lines += [f"  {line}" for line in _above("reach", str(number), comments)]
        lines.append(f"    - {_braces(fields)}")
    return lines


def entry(service: facts.Service) -> list[str]:
    """Return the lines of one service or foundation as an entry of a list, not indented."""
    fields = list(_service(service).items())
    return [f"{'- ' if not number else '  '}{key}: {value}" for number, (key, value) in enumerate(fields)]


def _service(service: facts.Service) -> dict[str, str]:
    fields = {"name": _word(service.name)}
    if service.owner:
        fields["owner"] = _word(service.owner)
    fields["impact"] = _braces(
        {"tier": str(service.tier), "safety": _word(service.safety), "mission": _word(service.mission)}
    )
    if service.loss is not None:
        fields["loss"] = _braces({**_range(service.loss), "confirmed_by": _word(service.confirmed_by)})
    if service.assets:
        fields["assets"] = _words(service.assets)
    if service.depends_on is not None:
        fields["depends_on"] = _words(service.depends_on)
    return fields


def _team(team: facts.Team) -> dict[str, str]:
    fields = {"name": _word(team.name)}
    if team.assets:
        fields["assets"] = _words(team.assets)
    if team.hours_per_week is not None:
        fields["hours_per_week"] = _number(team.hours_per_week)
    if team.windows:
        fields["windows"] = _words(team.windows)
    return fields


def _attacker(attacker: facts.Attacker) -> dict[str, str]:
    fields = {
        "name": _word(attacker.name),
        "enters": _words(attacker.enters),
        "attacks_per_year": _braces(_range(attacker.attacks_per_year)),
        "capability": _word(attacker.capability),
    }
    return {**fields, "source": _word(attacker.source)} if attacker.source else fields


def _target(target: facts.Target) -> dict[str, str]:
    fields = {"what": _word(target.what)}
    if target.ports:
        fields["ports"] = str(list(target.ports))
    if target.until is not None:
        fields["until"] = target.until.isoformat()
    if target.authorised_by:
        fields["authorised_by"] = _word(target.authorised_by)
    return fields


def _obligation(obligation: facts.Obligation) -> dict[str, str]:
    fields = {"name": _word(obligation.name)}
    return fields if obligation.applies_to == "all" else {**fields, "applies_to": _word(obligation.applies_to)}

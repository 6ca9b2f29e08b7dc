"""What changed between two scopes, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from foreshore import facts

_PARTS = (
    ("site", "sites", "name"),
    ("zone", "zones", "name"),
    ("service", "services", "name"),
    ("team", "teams", "name"),
    ("attacker", "attackers", "name"),
    ("target", "targets", "what"),
    ("deadline rule", "obligations", "name"),
    ("tag", "tags", "tag"),
    ("history of", "history", "service"),
)
_WORDS = {
    "tier": "impact tier",
    "safety": "safety impact",
    "mission": "mission impact",
    "reach_default": "what holds where no reach rule speaks",
    "attacks_per_year": "attacks per year",
    "hours_per_week": "hours per week",
    "windows": "change windows",
    "depends_on": "what it depends on",
    "applies_to": "what it applies to",
    "confirmed_by": "who confirmed the loss",
    "authorised_by": "who authorised it",
}


def difference(old: facts.Scope | None, new: facts.Scope) -> list[str]:
    """Return one sentence for each thing that differs, in the order of the file; empty: nothing does.

    `old` None is the first scope there is.
    """
    if old is None:
        return [f"The first scope of {new.organization}."]
    sentences = [
        f"{_word(name).capitalize()}: {_shown(getattr(old, name))} → {_shown(getattr(new, name))}."
        for name in ("organization", "currency", "reach_default")
        if getattr(old, name) != getattr(new, name)
    ]
    for noun, attribute, key in _PARTS:
        sentences += _named(noun, key, getattr(old, attribute), getattr(new, attribute))
    return sentences + _rules(old.reach, new.reach)


def _word(name: str) -> str:
    return _WORDS.get(name, name)


def _named(noun: str, key: str, old: Sequence[Any], new: Sequence[Any]) -> list[str]:
    before = _by_name(old, key)
    after = _by_name(new, key)
    gone = [f"{noun.capitalize()} {name} is no longer there." for name in before if name not in after]
    came = [f"{noun.capitalize()} {name} is new." for name in after if name not in before]
    changed = [
        f"{noun.capitalize()} {name}: {_word(field)} {_shown(getattr(before[name], field))}"
        f" → {_shown(getattr(after[name], field))}."
        for name in after
        if name in before
        for field in after[name].__struct_fields__
        if getattr(before[name], field) != getattr(after[name], field)
    ]
    return gone + came + changed


def _by_name(parts: Sequence[Any], key: str) -> Mapping[str, Any]:
    """Parts by name; a name that comes again (targets, rules) is told apart by its number."""
    found: dict[str, Any] = {}
    for part in parts:
        name, number = getattr(part, key) or "any service", 2
        unique = name
        while unique in found:
            unique, number = f"{name} ({number})", number + 1
        found[unique] = part
    return found


def _rules(old: Sequence[facts.ReachRule], new: Sequence[facts.ReachRule]) -> list[str]:
    gone = [f"Reach rule is no longer there: {_rule(rule)}." for rule in old if rule not in new]
    came = [f"Reach rule is new: {_rule(rule)}." for rule in new if rule not in old]
    if not gone and not came and tuple(old) != tuple(new):
        return ["The reach rules stand in another order."]
    return gone + came


def _rule(rule: facts.ReachRule) -> str:
    ports = f" on ports {_shown(rule.ports)}" if rule.ports else ""
    return f"{rule.source} {'may' if rule.allowed else 'may not'} reach {rule.target}{ports}"


def _shown(value: object) -> str:
    if value is None or value == "" or value == ():
        return "nothing"
    if isinstance(value, tuple):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, facts.Range):
        return f"{value.low:,.10g} to {value.high:,.10g}, likely {value.likely:,.10g}"
    if isinstance(value, msgspec.Struct):
        return str(msgspec.to_builtins(value))
    return f"{value:,.10g}" if isinstance(value, float) else str(value)

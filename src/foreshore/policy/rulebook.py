"""Rules of the attack graph as data: what an attacker must hold, what must be known, and what it gains.

A rule is a table in a file of `policy/rules/`. Its premises are terms such as `admin(who)`; variables are shared
between them, so that `where` is a join. The grammar is told in docs/howto/rules.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from foreshore.errors import BadPolicy
from foreshore.policy import checks

STATES = {"admin": 1, "user": 1, "inside": 1, "reach": 2}
GAINED = ("admin", "user", "inside")
RELATIONS = ("member_of", "admin_of", "runs_as", "depends_on", "trusts", "runs", "controls", "logged_on")
# Facts by name: least and greatest number of arguments.
FACTS = {
    **dict.fromkeys(RELATIONS, (2, 3)), "attribute": (3, 3), "kind": (2, 2), "tag": (2, 2), "control": (3, 3),
    "exposure": (2, 2), "name": (2, 2), "differs": (2, 2), "same_site": (2, 2),
}  # fmt: skip
UNCLAIMED = "?"  # a note that no other rule speaks of
NOT_A_STEP = "not_a_step"

_TERM = re.compile(r"\s*(not\s+)?([a-z_]+)\s*\((.*)\)\s*", re.DOTALL)
_ARGUMENT = re.compile(r"\s*(?:'([^']*)'|(\d+(?:\|\d+)*\??)|([a-z_][a-z0-9_]*))\s*(,|$)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
_KEYS = {
    "title": True, "technique": True, "technique_name": True, "sentence": True, "holds": True, "where": False,
    "gains": True, "chance": True, "removed_by": True, "source": True,
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """A text in quotes: alternatives in lower case; `*` in them stands for anything."""

    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class Variable:
    """A name that stands for one thing in all terms of its rule; `_` stands for anything."""

    name: str


@dataclass(frozen=True)
class Ports:
    """Ports of which one has to be reached; `if_known` asks for that only where anything is known of the asset's ports."""

    numbers: tuple[int, ...]
    if_known: bool = False


Argument = Text | Variable | Ports


@dataclass(frozen=True)
class Term:
    """One premise or gain: a name with its arguments."""

    name: str
    arguments: tuple[Argument, ...]
    negated: bool = False

    @property
    def variables(self) -> list[str]:
        """The names of its variables, `_` left out."""
        return [one.name for one in self.arguments if isinstance(one, Variable) and one.name != "_"]

    @property
    def things(self) -> list[str]:
        """The variables that stand for an asset, not for a value."""
        places = 2 if self.name in RELATIONS or self.name in ("differs", "same_site") else 1
        return [one.name for one in self.arguments[:places] if isinstance(one, Variable) and one.name != "_"]

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of a `reach`, any of which will do; empty for other terms."""
        return next((one.numbers for one in self.arguments if isinstance(one, Ports)), ())

    @property
    def if_known(self) -> bool:
        """Is it asked for only where anything is known of the asset's ports?"""
        return any(one.if_known for one in self.arguments if isinstance(one, Ports))


@dataclass(frozen=True)
class Rule:
    """One kind of step; `chance` names a number of the policy."""

    name: str
    family: str
    title: str
    technique: str
    technique_name: str
    sentence: str
    holds: tuple[Term, ...]
    where: tuple[Term, ...]
    gains: tuple[Term, ...]
    chance: str
    removed_by: str
    source: str

    @property
    def variables(self) -> list[str]:
        """The variables that stand for assets, in the order of their first use."""
        found: dict[str, None] = {}
        for term in (*self.where, *self.holds):
            found.update(dict.fromkeys(term.things))
        return list(found)


@dataclass(frozen=True)
class Rulebook:
    """All rules by name, and the notes of relations that are known to give nothing by themselves."""

    rules: tuple[Rule, ...]
    idle: Mapping[str, str]

    def claimed(self, relation: str) -> list[str]:
        """Return the patterns of notes of `relation` that rules, or the list of idle ones, speak of."""
        found = {name.lower(): None for name in self.idle}
        said = (term for rule in self.rules for term in rule.where if term.name == relation and not term.negated)
        for term in said:
            note = term.arguments[2] if len(term.arguments) == 3 else None
            if isinstance(note, Text) and note.alternatives != (UNCLAIMED,):
                found.update(dict.fromkeys(note.alternatives))
        return list(found)


def read(entries: Mapping[str, Mapping[str, Any]]) -> Rulebook:
    """Return the rules of `entries` (file -> its tables); a rule of a later file replaces one of the same name.

    Raises BadPolicy, naming file and rule, for whatever is not a rule.
    """
    rules: dict[str, Rule] = {}
    idle: dict[str, str] = {}
    for file, tables in entries.items():
        for name, entry in tables.items():
            if name == NOT_A_STEP:
                idle.update(_idle(entry, f"rules/{file}.toml, {name}"))
            else:
                rules[name] = _rule(file, name, entry)
    return Rulebook(tuple(rules.values()), idle)


def _idle(entry: Any, place: str) -> dict[str, str]:
    if not isinstance(entry, Mapping) or not all(isinstance(why, str) and why.strip() for why in entry.values()):
        raise BadPolicy('a note and why it gives nothing is expected: "Note" = "why"', where=place)
    return {str(name): str(why) for name, why in entry.items()}


def _rule(file: str, name: str, entry: Any) -> Rule:
    place = f"rules/{file}.toml, {name}"
    if not isinstance(entry, Mapping) or not _NAME.fullmatch(name):
        raise BadPolicy("a rule is a table with a name of small letters, digits and _", where=place)
    unknown, missing = set(entry) - set(_KEYS), {key for key, needed in _KEYS.items() if needed} - set(entry)
    if unknown or missing:
        which = f"“{min(unknown)}” is no part of a rule" if unknown else f"“{min(missing)}” is missing"
        raise BadPolicy(which, where=place, hint=", ".join(_KEYS))
    for key in ("title", "sentence", "removed_by", "source", "technique", "technique_name"):
        if not isinstance(entry[key], str) or not (entry[key].strip() or key.startswith("technique")):
            raise BadPolicy(f"“{key}” has to be a text", where=place)
    if entry["technique"] and not _TECHNIQUE.fullmatch(entry["technique"]):
        raise BadPolicy(f"“{entry['technique']}” is no ATT&CK technique", where=place, hint="such as T1078.004")
    rule = Rule(
        name, file, entry["title"], entry["technique"], entry["technique_name"], entry["sentence"],
        _terms(entry["holds"], f"{place}.holds"), _terms(entry.get("where", []), f"{place}.where"),
        _terms(entry["gains"], f"{place}.gains"), _chance(file, name, entry["chance"], place),
        entry["removed_by"], entry["source"],
    )  # fmt: skip
    _sound(rule, place)
    return rule


def _chance(file: str, name: str, entry: Any, place: str) -> str:
    """Return the name of the policy's number: the one that is named, or the one that stands in the rule itself."""
    if isinstance(entry, str):
        return entry
    if not checks.is_number(entry):
        raise BadPolicy("a name of a number, or a number with value, low, high and source", where=f"{place}.chance")
    return f"rulebook.{file}.{name}.chance"


def _terms(entry: Any, place: str) -> tuple[Term, ...]:
    texts = [entry] if isinstance(entry, str) else entry
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise BadPolicy('a list of terms such as "admin(who)" is expected', where=place)
    return tuple(_term(text, place) for text in texts)


def _term(text: str, place: str) -> Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise BadPolicy(f"“{text}” is not a term", where=place, hint="such as controls(who, role, 'iam:PassRole')")
    arguments: list[Argument] = []
    rest = found[3]
    while rest.strip():
        one = _ARGUMENT.match(rest)
        if one is None:
            raise BadPolicy(
                f"“{rest.strip()}” in “{text}” is no argument", where=place, hint="x, _, 'text', 443 or 443?"
            )
        arguments.append(_argument(one))
        rest = rest[one.end() :]
    return Term(found[2], tuple(arguments), bool(found[1]))


def _argument(found: re.Match[str]) -> Argument:
    if found[1] is not None:
        return Text(tuple(one.strip().lower() for one in found[1].split("|")))
    if found[2]:
        numbers = dict.fromkeys(int(one) for one in found[2].removesuffix("?").split("|"))
        return Ports(tuple(numbers), found[2].endswith("?"))
    return Variable(found[3])


def _sound(rule: Rule, place: str) -> None:
    """Check names, numbers of arguments, and that every variable is bound by something that is known."""
    if not rule.holds or not rule.gains:
        raise BadPolicy("a rule needs something to hold and something to gain", where=place)
    for term in rule.where:
        least, most = FACTS.get(term.name, (1, 0))
        if not least <= len(term.arguments) <= most:
            raise BadPolicy(f"“{term.name}” with {len(term.arguments)} arguments is no fact", where=f"{place}.where",
                            hint=", ".join(FACTS))  # fmt: skip
    places = [(term, STATES) for term in rule.holds] + [(term, dict.fromkeys(GAINED, 1)) for term in rule.gains]
    for term, known in places:
        if term.negated or known.get(term.name) != len(term.arguments) or not term.things:
            raise BadPolicy(f"“{term.name}” is nothing to hold or gain here", where=place, hint=", ".join(known))
    _reached(rule, place)
    bound = {name for term in rule.where if _binds(term) for name in term.variables}
    things = {name for term in rule.where if _binds(term) for name in term.things}
    used = [name for term in rule.where for name in term.variables]
    used += [name for _, name, _, _ in Formatter().parse(rule.sentence + rule.removed_by) if name]
    held = [name for term in (*rule.holds, *rule.gains) for name in term.variables]
    for name in [*(one for one in used if one not in bound), *(one for one in held if one not in things)]:
        raise BadPolicy(f"nothing in “where” says what “{name}” is", where=place, hint="kind(x, '*') says: any asset")


def _reached(rule: Rule, place: str) -> None:
    """Check the ports of premises: of those asked for only where ports are known one at most, and not the first."""
    for number, term in enumerate(rule.holds):
        if term.name == "reach" and not (isinstance(term.arguments[1], Ports) and 0 not in term.arguments[1].numbers):
            raise BadPolicy("“reach” needs a port", where=f"{place}.holds", hint="such as reach(x, 3389)")
        if term.if_known and (number == 0 or any(one.if_known for one in rule.holds[:number])):
            raise BadPolicy("a port with “?” stands once in a rule, after what else is held", where=f"{place}.holds",
                            hint='such as holds = ["admin(who)", "reach(x, 3389?)"]')  # fmt: skip


def _binds(term: Term) -> bool:
    return not term.negated and term.name not in ("differs", "same_site")

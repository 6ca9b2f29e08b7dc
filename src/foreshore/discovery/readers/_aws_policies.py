"""AWS's policies, evaluated: statements, patterns and conditions, and what a set of policies answers.

After "Policy evaluation logic" and "IAM JSON policy elements" of AWS's IAM user guide. What depends on a request
(its time, its address, its session) is not known here: such a condition is neither true nor false.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from foreshore.discovery.readers._aws_shapes import listed, mapping, text, words

NO, MAYBE, YES = 0, 1, 2
Condition = tuple[str, str, tuple[str, ...]]  # operator and key in lower case, values
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERAL = {"*": "\ue001", "?": "\ue002", "$": "$"}  # ${*} is a star, not a pattern


@dataclass(frozen=True)
class Statement:
    """One statement of a policy; `actions` are in lower case, because AWS ignores it there."""

    allow: bool
    actions: tuple[str, ...]
    inverted: bool  # NotAction: everything but these
    resources: tuple[str, ...]
    beside: bool  # NotResource
    conditions: tuple[Condition, ...] = ()
    unsure: bool = False  # holds a variable whose value is not known

    def speaks(self, action: str) -> bool:
        """Does it speak of `action`?"""
        return any(_fits_action(pattern, action) for pattern in self.actions) is not self.inverted

    def names(self, arn: str) -> bool:
        """Does it speak of the resource `arn`?"""
        return any(fits(pattern, arn) for pattern in self.resources) is not self.beside

    def among(self, arns: list[str]) -> list[str]:
        """Those of `arns`, which are sorted, that it speaks of."""
        if self.beside:
            return [arn for arn in arns if self.names(arn)]
        if self.everywhere:
            return arns
        hit: dict[str, None] = {}
        for pattern in self.resources:
            start = re.split(r"[*?]", pattern, maxsplit=1)[0]
            for place in range(bisect_left(arns, start), len(arns)):
                if not arns[place].startswith(start):
                    break
                if fits(pattern, arns[place]):
                    hit[arns[place]] = None
        return list(hit)

    @property
    def everywhere(self) -> bool:
        """Does it speak of every resource?"""
        return not self.beside and any(pattern and not pattern.strip("*") for pattern in self.resources)

    @property
    def everything(self) -> bool:
        """Does it speak of every action?"""
        whole = any(word == "*:*" or (word and not word.strip("*")) for word in self.actions)
        return whole and not self.inverted

    def meets(self, pattern: str) -> bool:
        """May it speak of something that fits `pattern`?"""
        return self.beside or any(meet(one, pattern) for one in self.resources)

    def covers(self, pattern: str) -> bool:
        """Does it speak of everything that fits `pattern`?"""
        if self.beside:
            return not any(meet(one, pattern) for one in self.resources)
        return any(contains(one, pattern) for one in self.resources)

    def holds(self, facts: Mapping[str, str]) -> int:
        """Do its conditions hold, given what is known of the request (keys in lower case)?"""
        answer = MAYBE if self.unsure else YES
        for operator, key, values in self.conditions:
            answer = min(answer, _holds(operator, facts.get(key), values))
        return answer


def statements(policy: Mapping[str, Any]) -> list[Statement]:
    """The statements of a policy."""
    found = []
    for one in statements_of(policy):
        inverted, beside = "NotAction" in one, "NotResource" in one
        found.append(Statement(
            text(one, "Effect") == "Allow",
            tuple(word.lower() for word in words(one.get("NotAction" if inverted else "Action"))), inverted,
            tuple(words(one.get("NotResource" if beside else "Resource"))), beside, _conditions(one),
        ))  # fmt: skip
    return found


def statements_of(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The statements of a policy as they stand: a list, or one alone."""
    value = policy.get("Statement")
    return [value] if isinstance(value, dict) else listed(policy, "Statement")


def _conditions(statement: Mapping[str, Any]) -> tuple[Condition, ...]:
    return tuple(
        (operator.lower(), key.lower(), tuple(words(values)))
        for operator, inner in mapping(statement, "Condition").items() if isinstance(inner, dict)
        for key, values in inner.items()
    )  # fmt: skip


def bound(rules: list[Statement], variables: Mapping[str, str]) -> list[Statement]:
    """`rules` with their variables (`${aws:username}`) replaced; one whose value is not known makes it unsure.

    A variable known to be absent ('') fits nothing, as AWS has it.
    """
    return [one for rule in rules if (one := _bound(rule, variables)) is not None]


def _bound(rule: Statement, variables: Mapping[str, str]) -> Statement | None:
    if not any("${" in one for one in rule.resources):
        return rule
    unsure = rule.unsure
    found = []
    for pattern in rule.resources:
        names = [name.lower() for name in _VARIABLE.findall(pattern)]
        if any(variables.get(name) == "" for name in names):
            continue
        unsure = unsure or any(name not in variables and name not in _LITERAL for name in names)
        found.append(_VARIABLE.sub(lambda one: _value(one.group(1).lower(), variables), pattern))
    return replace(rule, resources=tuple(found), unsure=unsure) if found or rule.beside else None


def _value(name: str, variables: Mapping[str, str]) -> str:
    return _LITERAL.get(name) or variables.get(name, "*")


# -- patterns -----------------------------------------------------------------------------------------


def fits(pattern: str, value: str) -> bool:
    """Does `value` fit a pattern with `*` and `?`? Never slower than both lengths multiplied."""
    return _fits(pattern, value, "")


def contains(outer: str, inner: str) -> bool:
    """Does everything that fits the pattern `inner` fit `outer`? Never says so wrongly."""
    return _fits(outer, inner, "*")


def _fits(pattern: str, value: str, unlike: str) -> bool:
    """`?` stands for any one character but `unlike`."""
    place = here = mark = 0
    star = -1
    while place < len(value):
        if here < len(pattern) and pattern[here] == "*":
            star, mark = here, place
            here += 1
        elif here < len(pattern) and (
            pattern[here] == value[place] or (pattern[here] == "?" and value[place] != unlike)
        ):
            here, place = here + 1, place + 1
        elif star >= 0:
            mark += 1
            here, place = star + 1, mark
        else:
            return False
    return not pattern[here:].strip("*")


@lru_cache(maxsize=65_536)
def meet(left: str, right: str) -> bool:
    """Is there anything that fits both patterns?"""
    if "*" in (left, right) or left == right:
        return True
    row = [False] * (len(right) + 1)
    row[0] = True
    for place, one in enumerate(right, start=1):
        row[place] = row[place - 1] and one == "*"
    for one in left:
        row = _next_row(row, one, right)
    return row[-1]


def _next_row(row: list[bool], one: str, right: str) -> list[bool]:
    following = [row[0] and one == "*"]
    for place, other in enumerate(right, start=1):
        if "*" in (one, other):
            following.append(row[place] or following[place - 1])
        else:
            following.append(row[place - 1] and (one == other or "?" in (one, other)))
    return following


@lru_cache(maxsize=65_536)
def _fits_action(pattern: str, action: str) -> bool:
    return fits(pattern, action.lower())


# -- conditions ---------------------------------------------------------------------------------------

_TEXTS = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")
_NOT_TEXTS = tuple(name.replace("string", "stringnot").replace("arn", "arnnot") for name in _TEXTS)


_DATES = ("dateequals", "datenotequals", "datelessthan", "datelessthanequals", "dategreaterthan",
          "dategreaterthanequals")  # fmt: skip


def _dated(name: str, since: str, values: tuple[str, ...]) -> int:
    """Whether a condition on the time of a request holds, of which only is known that it is not before `since`."""
    begin, ends = _moment(since), [_moment(value) for value in values]
    if begin is None or not ends or any(end is None for end in ends):
        return MAYBE
    past = [end < begin or (end == begin and name == "datelessthan") for end in ends if end is not None]
    if name in ("datelessthan", "datelessthanequals", "dateequals"):
        return NO if all(past) else MAYBE
    if name == "datenotequals":
        return YES if all(past) else MAYBE
    at = [end == begin and name == "dategreaterthanequals" for end in ends]
    return YES if any(past) or any(at) else MAYBE


def _moment(value: str) -> datetime | None:
    """A date as policies write it: ISO 8601, or seconds since 1970; None for what is neither."""
    try:
        if re.fullmatch(r"\d{9,11}", value):
            return datetime.fromtimestamp(int(value), UTC)
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _holds(operator: str, known: str | None, values: tuple[str, ...]) -> int:
    """Whether one condition holds; MAYBE where the key or the operator is not one that can be known here."""
    name = operator.rpartition(":")[2].removesuffix("ifexists")
    if known is not None and name in _DATES:
        return _dated(name, known, values)
    if known is None or name not in (*_TEXTS, *_NOT_TEXTS) or any("${" in value for value in values):
        return MAYBE
    exact = name in ("stringequals", "stringnotequals")
    hit = any(known == value if exact else fits(value.lower(), known.lower()) for value in values)
    return YES if hit is (name in _TEXTS) else NO


# -- sets of policies ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mandate:
    """All that decides what a principal may do: its own policies, and what limits them.

    `limits` are sets of statements each of which has to allow too: a permissions boundary, the service control
    policies of each level above the account. Denials of all of them stand in `denials`.
    """

    allows: tuple[Statement, ...]
    denials: tuple[Statement, ...] = ()
    limits: tuple[tuple[Statement, ...], ...] = ()

    def answer(self, action: str, arn: str, facts: Mapping[str, str]) -> int:
        """May the principal do `action` to the resource `arn`?"""
        allowed = _most(self.allows, action, arn, facts)
        for limit in self.limits:
            allowed = min(allowed, _most(limit, action, arn, facts)) if allowed else NO
        return min(allowed, YES - _most(self.denials, action, arn, facts)) if allowed else NO

    def somewhere(self, action: str, pattern: str, facts: Mapping[str, str]) -> int:
        """May the principal do `action` to anything that fits `pattern`? Answers for things nobody has seen."""
        best = NO
        for one in self._speaking(self.allows, action, pattern):
            part = _narrower(one, pattern)
            allowed = min([one.holds(facts), *(self._limit(limit, action, part, facts) for limit in self.limits)])
            forbidden = [rule.holds(facts) for rule in self.denials if rule.speaks(action) and _whole(rule, part)]
            best = max(best, min(allowed, YES - max(forbidden, default=NO)))
        return best

    def everywhere(self, action: str, pattern: str, facts: Mapping[str, str]) -> int:
        """May the principal do `action` to all that fits `pattern`?"""
        sets = (self.allows, *self.limits)
        allowed = min(max((one.holds(facts) for one in rules if one.speaks(action) and one.covers(pattern)),
                          default=NO) for rules in sets)  # fmt: skip
        denied = [rule.holds(facts) for rule in self.denials if rule.speaks(action) and rule.meets(pattern)]
        return min(allowed, YES - max(denied, default=NO))

    def unlimited(self, facts: Mapping[str, str]) -> int:
        """May the principal do everything to everything?"""
        sets = (self.allows, *self.limits)
        allowed = min(max((one.holds(facts) for one in rules if one.everything and one.everywhere), default=NO)
                      for rules in sets)  # fmt: skip
        return min(allowed, YES - max((rule.holds(facts) for rule in self.denials), default=NO))

    @staticmethod
    def _speaking(rules: tuple[Statement, ...], action: str, pattern: str) -> Iterator[Statement]:
        return (one for one in rules if one.speaks(action) and one.meets(pattern))

    def _limit(self, rules: tuple[Statement, ...], action: str, parts: list[str], facts: Mapping[str, str]) -> int:
        return max((one.holds(facts) for part in parts for one in self._speaking(rules, action, part)), default=NO)


def _most(rules: tuple[Statement, ...], action: str, arn: str, facts: Mapping[str, str]) -> int:
    return max((one.holds(facts) for one in rules if one.speaks(action) and one.names(arn)), default=NO)


def _narrower(rule: Statement, pattern: str) -> list[str]:
    """The parts of `pattern` that a statement speaks of, as patterns."""
    if rule.beside:
        return [pattern]
    return [pattern if contains(one, pattern) else one for one in rule.resources if meet(one, pattern)]


def _whole(rule: Statement, parts: list[str]) -> bool:
    return all(rule.covers(part) for part in parts)

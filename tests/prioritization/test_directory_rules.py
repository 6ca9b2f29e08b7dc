"""Every rule for directories: found where all its premises hold, not found when any one of them is taken away.

The worlds are made from the rules' own premises, so that a rule that is added is tested as well.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache

import pytest
from tests.prioritization.knowledge import Known, State, steps

from foreshore import policy
from foreshore.policy.rulebook import RELATIONS, Rule, Rulebook, Term, Text, Variable

FAMILIES = ("directory", "entra")


@cache
def shipped() -> tuple[Rule, ...]:
    return tuple(one for one in policy.load().rulebook.rules if one.family in FAMILIES)


def plain(text: object, choice: int = 0) -> str:
    """A text that the pattern takes: one of its alternatives, with something in the place of `*`."""
    assert isinstance(text, Text)
    return text.alternatives[choice % len(text.alternatives)].replace("*", "x")


class World:
    """A made-up collection in which exactly one rule applies once."""

    def __init__(self, rule: Rule, choice: int = 0) -> None:
        self.rule, self.choice = rule, choice
        self.known = Known()
        self.row = {name: self.known.asset(name) for name in rule.variables}
        for term in rule.where:
            if not term.negated:
                self.add(term)

    def thing(self, argument: object) -> int:
        assert isinstance(argument, Variable)
        if argument.name == "_":
            return self.known.asset(f"any {len(self.known.names)}")
        return self.row[argument.name]

    def add(self, term: Term) -> None:
        """Make one premise true."""
        if term.name in RELATIONS:
            ends = self.thing(term.arguments[0]), self.thing(term.arguments[1])
            note = plain(term.arguments[2], self.choice) if len(term.arguments) == 3 else ""
            self.known.ties.add((term.name, *ends, note))
        elif term.name == "attribute":
            value = term.arguments[2]
            written = f"the {value.name}" if isinstance(value, Variable) else plain(value, self.choice)
            self.known.attributes[self.thing(term.arguments[0]), plain(term.arguments[1], self.choice)] = written
        elif term.name == "kind":
            self.known.kinds[self.thing(term.arguments[0])] = plain(term.arguments[1])
        else:
            assert term.name in ("differs", "same_site"), f"the test knows no premise {term.name}"

    def without(self, term: Term) -> World:
        """The same collection with one premise made untrue."""
        other = copy.deepcopy(self)
        if term.negated:
            other.add(Term(term.name, term.arguments))
        elif term.name in RELATIONS:
            gone = World(Rule(**{**vars(self.rule), "where": (term,)}), self.choice).known.ties
            kinds = {(kind, note) for kind, _, _, note in gone}
            other.known.ties = {one for one in other.known.ties if (one[0], one[3]) not in kinds}
        elif term.name == "attribute":
            del other.known.attributes[self.thing(term.arguments[0]), plain(term.arguments[1], self.choice)]
        elif term.name == "kind":
            other.known.kinds[self.thing(term.arguments[0])] = "supplier_service"
        return other

    def states(self, terms: tuple[Term, ...]) -> frozenset[State]:
        return frozenset((term.name, self.row[term.things[0]]) for term in terms if not term.if_known)

    def found(self) -> bool:
        """Does the rule lead from all that it holds to what it gains here?"""
        wanted = self.states(self.rule.holds)
        got = [one for one in steps(self.known, Rulebook((self.rule,), {})) if one.rule == self.rule.name]
        return set(self.states(self.rule.gains)) == {one.gives for one in got if one.needs == wanted}


def names() -> list[str]:
    return [one.name for one in shipped()]


def rule_called(name: str) -> Rule:
    return next(one for one in shipped() if one.name == name)


@pytest.mark.parametrize("name", names())
def test_a_rule_is_found_where_its_premises_hold(name: str) -> None:
    rule = rule_called(name)
    most = max([len(text.alternatives) for text in texts(rule)], default=1)
    assert [World(rule, choice).found() for choice in range(most)] == [True] * most


@pytest.mark.parametrize("name", names())
def test_a_rule_is_not_found_when_any_premise_is_taken_away(name: str) -> None:
    world = World(rule_called(name))
    for term in world.rule.where:
        if term.name not in ("differs", "same_site"):
            assert not world.without(term).found(), f"{name} needs no {term}"


@pytest.mark.parametrize("name", names())
def test_a_rule_needs_all_that_it_holds(name: str) -> None:
    world = World(rule_called(name))
    wanted = world.states(world.rule.holds)
    assert len(wanted) == sum(1 for term in world.rule.holds if not term.if_known)
    for one in steps(world.known, Rulebook((world.rule,), {})):
        if one.rule == name:
            assert one.needs == wanted


def texts(rule: Rule) -> Iterator[Text]:
    for term in rule.where:
        if not term.negated:
            yield from (one for one in term.arguments[1:] if isinstance(one, Text))


def test_a_condition_makes_a_step_assumed() -> None:
    rule = rule_called("directory_esc6a")
    world = World(rule)
    sure = {one.assumed for one in steps(world.known, Rulebook((rule,), {})) if one.rule == rule.name}
    world.known.ties = {
        (kind, source, target, f"{note}, under a condition" if note == "anysubject" else note)
        for kind, source, target, note in world.known.ties
    }
    unsure = {one.assumed for one in steps(world.known, Rulebook((rule,), {})) if one.rule == rule.name}
    assert (sure, unsure) == ({False}, {True})

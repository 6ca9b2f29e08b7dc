"""A rule applies exactly where trying every binding by hand says so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.policy.rulebook import Rule, Term, Text, Variable, read
from foreshore.prioritization.matching import Matched, match

KINDS, NOTES, NAMES, VALUES = ("controls", "member_of"), ("open", "read", "look"), ("zone", "role"), ("a", "b")
HEAD = {"title": "t", "technique": "", "technique_name": "", "sentence": "s", "removed_by": "r", "source": "s",
        "chance": "movement.directory.right"}  # fmt: skip
RULES = {
    "direct": {"holds": ["admin(x)"], "where": ["controls(x, y, 'open')"], "gains": "admin(y)"},
    "many": {"holds": ["admin(x)"], "where": ["controls(x, y, 'open|re*')", "member_of(y, z)"], "gains": "admin(z)"},
    "both": {"holds": ["admin(x)", "user(y)"], "where": ["controls(x, z, 'read')", "controls(y, z, 'look')",
             "differs(x, y)"], "gains": "admin(z)"},
    "absent": {"holds": ["admin(x)"], "where": ["controls(x, y)", "not attribute(y, 'zone', 'a')",
               "not member_of(x, y)"], "gains": "admin(y)"},
    "value": {"holds": ["admin(x)"], "where": ["attribute(x, 'zone', v)", "attribute(y, 'zone', v)", "differs(x, y)"],
              "gains": "user(y)"},
    "rest": {"holds": ["admin(x)"], "where": ["controls(x, y, '?')"], "gains": "admin(y)"},
    "flaw": {"holds": ["admin(x)"], "where": ["exposure(y, 'weak')", "controls(x, y)"], "gains": "admin(y)"},
}  # fmt: skip
BOOK = read({"own": {name: {**HEAD, **rule} for name, rule in RULES.items()}})
CLAIMED = ("open", "read", "look")

World = SimpleNamespace


@st.composite
def worlds(draw: Any) -> World:
    """A few assets with ties, attributes and exposures between them; the note `own` is one nobody names."""
    count = draw(st.integers(1, 4))
    thing = st.integers(0, count - 1)
    ties = draw(st.lists(st.tuples(st.sampled_from(KINDS), thing, thing, st.sampled_from((*NOTES, "own", "Read")),
                                   st.booleans()), max_size=8, unique_by=lambda one: one[:4]))  # fmt: skip
    said = draw(st.dictionaries(st.tuples(thing, st.sampled_from(NAMES)), st.sampled_from(VALUES), max_size=5))
    flaws = draw(st.lists(st.tuples(thing, st.sampled_from(("weak", "other"))), max_size=3))
    return World(count=count, ties=ties, said=said, flaws=flaws)


def context(world: World) -> Any:
    keys = [100 + 7 * number for number in range(world.count)]
    text, texts = pa.string(), pa.list_(pa.string())
    assets = pa.table({
        "asset": pa.array(keys, pa.int64()), "kind": pa.array(["host"] * world.count, text),
        "name": pa.array([f"h{key}" for key in keys], text), "names": pa.array([[f"h{key}"] for key in keys], texts),
        "site": pa.array(["main"] * world.count, text), "tags": pa.array([[] for _ in keys], texts),
    })  # fmt: skip
    rows = [(kind, keys[a], keys[b], note + (", under a condition" if unsure else ""))
            for kind, a, b, note, unsure in world.ties]  # fmt: skip
    ties = pa.Table.from_pylist(
        [dict(zip(("kind", "source", "target", "note"), row, strict=True)) for row in rows],
        pa.schema([("kind", text), ("source", pa.int64()), ("target", pa.int64()), ("note", text)]),
    )
    attributes = pa.Table.from_pylist(
        [{"asset": keys[thing], "name": name, "value": value} for (thing, name), value in world.said.items()],
        pa.schema([("asset", pa.int64()), ("name", text), ("value", text)]),
    )
    exposures = pa.Table.from_pylist(
        [{"asset": keys[thing], "rule": rule, "weakness": "W"} for thing, rule in world.flaws],
        pa.schema([("asset", pa.int64()), ("rule", text), ("weakness", text)]),
    )
    controls = pa.schema([("asset", pa.int64()), ("kind", text), ("state", text)]).empty_table()
    return SimpleNamespace(assets=assets, ties=ties, attributes=attributes, controls=controls, exposures=exposures)


def _fits(text: Text, word: str) -> bool:
    return any(word.lower().startswith(one[:-1]) if one.endswith("*") else word.lower() == one
               for one in text.alternatives)  # fmt: skip


def _facts(world: World, name: str) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """All facts of a name as arguments, and whether each holds only under a condition."""
    if name == "attribute":
        yield from (((thing, key, value), False) for (thing, key), value in world.said.items())
    elif name == "exposure":
        yield from (((thing, rule), False) for thing, rule in world.flaws)
    else:
        yield from (((a, b, note), unsure) for kind, a, b, note, unsure in world.ties if kind == name)


def _agrees(term: Term, fact: tuple[Any, ...], bound: dict[str, Any]) -> bool:
    for argument, value in zip(term.arguments, fact, strict=False):
        if isinstance(argument, Text) and argument.alternatives == ("?",):
            if value.lower() in CLAIMED:
                return False
        elif isinstance(argument, Text):
            if not _fits(argument, value):
                return False
        elif isinstance(argument, Variable) and bound[argument.name] != value:
            return False
    return True


def brute(world: World, rule: Rule) -> dict[tuple[int, ...], bool]:
    """Bindings of the things for which every premise holds, and whether only under a condition."""
    values = sorted({name for term in rule.where for name in term.variables} - set(rule.variables))
    found: dict[tuple[int, ...], bool] = {}
    for things in product(range(world.count), repeat=len(rule.variables)):
        for others in product(VALUES, repeat=len(values)):
            bound = dict(zip([*rule.variables, *values], [*things, *others], strict=True))
            unsure = _holds(world, rule, bound)
            if unsure is not None:
                found[things] = found.get(things, True) and unsure
    return found


def _holds(world: World, rule: Rule, bound: dict[str, Any]) -> bool | None:
    unsure = False
    for term in rule.where:
        if term.name == "differs":
            if bound[term.variables[0]] == bound[term.variables[1]]:
                return None
            continue
        hits = [doubt for fact, doubt in _facts(world, term.name) if _agrees(term, fact, bound)]
        if bool(hits) == term.negated:
            return None
        unsure |= bool(hits) and all(hits) and not term.negated
    return unsure


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_a_rule_applies_where_every_binding_tried_by_hand_says(world: World) -> None:
    found: dict[str, Matched] = {one.rule.name: one for one in match(context(world), BOOK)}
    for rule in BOOK.rules:
        expected = brute(world, rule)
        one = found.get(rule.name)
        got: dict[tuple[int, ...], bool] = {}
        if one is not None:
            rows = zip(*(one.things[name].tolist() for name in rule.variables), strict=True)
            for things, unsure in zip(rows, (one.unsure >= 0).tolist(), strict=True):
                got[things] = got.get(things, True) and unsure
        assert got == expected, rule.name


@settings(max_examples=30, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_known_changes_nothing(world: World, luck: Any) -> None:
    shuffled = World(**{**vars(world), "ties": luck.sample(world.ties, len(world.ties))})
    first, second = (match(context(one), BOOK) for one in (world, shuffled))
    assert [one.rule.name for one in first] == [one.rule.name for one in second]
    for left, right in zip(first, second, strict=True):
        for name, rows in left.things.items():
            np.testing.assert_array_equal(rows, right.things[name])


def test_an_exposure_is_the_cause_of_its_step() -> None:
    world = World(count=2, ties=[("controls", 0, 1, "look", False)], said={}, flaws=[(0, "other"), (1, "weak")])
    (one,) = [one for one in match(context(world), BOOK) if one.rule.name == "flaw"]
    assert one.cause.tolist() == [1]

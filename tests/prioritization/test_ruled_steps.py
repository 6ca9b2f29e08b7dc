"""A step of a rule rests on all of its premises: take any one away, an exposure among them, and it is gone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import policy
from foreshore.graph import Graph, Profile, Range, Shared, contributions, reach
from foreshore.graph.simulation import Effort
from foreshore.policy.rulebook import Rule, read
from foreshore.prioritization import ruled
from foreshore.prioritization import steps as made
from foreshore.prioritization.matching import Matched
from foreshore.prioritization.sightlines import PORTS
from foreshore.prioritization.states import States
from foreshore.prioritization.steps import Builder, Steps

POLICY = policy.load(None)
HEAD = {"title": "t", "technique": "", "technique_name": "", "sentence": "s", "removed_by": "r", "source": "s",
        "chance": "movement.directory.member", "where": ["member_of(a, b)", "member_of(b, c)", "member_of(c, d)"]}  # fmt: skip
HOLDS = (
    ["admin(a)"], ["admin(a)", "user(b)"], ["admin(a)", "user(b)", "user(c)"],
    ["admin(a)", "user(b)", "reach(d, 22|3389?)"], ["admin(a)", "reach(d, 3389?)"],
)  # fmt: skip
ASSETS = 5


def rule(holds: list[str]) -> Rule:
    return read({"own": {"one": {**HEAD, "holds": holds, "gains": "admin(d)"}}}).rules[0]


@st.composite
def matches(draw: Any) -> Matched:
    """A rule with some rows over four different assets and up to three exposures each."""
    count, causes = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    rows = [draw(st.permutations(range(ASSETS)))[:4] for _ in range(count)]
    cause = draw(
        st.lists(st.lists(st.integers(0, 5), min_size=causes, max_size=causes), min_size=count, max_size=count)
    )
    unsure = draw(st.lists(st.integers(-1, 1), min_size=count, max_size=count))
    things = {name: np.array([row[place] for row in rows], np.int64) for place, name in enumerate("abcd")}
    return Matched(
        rule(draw(st.sampled_from(HOLDS))), things, np.full(count, -1, np.int64), np.array(unsure, np.int64),
        np.array(cause, np.int64).reshape(count, causes),
    )  # fmt: skip


def compiled(one: Matched, looked: list[bool], shut: set[tuple[int, int]]) -> tuple[ruled.Ruled, States, Steps]:
    """The steps of one rule, as the product makes them; endpoints are numbered as they are asked for."""
    codes = np.array(sorted(asset * PORTS + port for asset, port in shut), np.int64)
    found = ruled.prepared([one], np.array(looked), codes)
    pairs = sorted(set(zip(*(column.tolist() for column in found.wanted), strict=True)))
    asked = zip(*(column.tolist() for column in found.wanted), strict=True)
    endpoint = np.array([pairs.index(pair) for pair in asked], np.int64)
    states = States(places=1, endpoints=len(pairs), assets=ASSETS, sites=1, services=1, gates=found.gates)
    builder, keys = Builder(POLICY, states), np.arange(1, ASSETS + 1, dtype=np.int64)
    ties = np.arange(2, dtype=np.int64)
    ruled.add(builder, found, ruled.Numbers(states, np.zeros(ASSETS, np.int64), keys, ties, endpoint, 0))
    draws = ruled.draws(found, ties, keys)
    shared = made.Shared(
        np.array([key for key, _ in draws], np.int64), np.full(len(draws), 0.5),
        np.array([builder.param(name) for _, name in draws], np.int64), np.ones(len(draws), np.bool_),
    )  # fmt: skip
    return found, states, builder.build(shared)


def graph(states: States, steps: Steps) -> Graph:
    columns: dict[str, Any] = {
        name: np.ascontiguousarray(steps.columns[name], np.int32) for name in ("src", "dst", "guard", "shared", "cause")
    }
    draws = Shared(steps.shared.key, steps.shared.p, np.full(len(steps.shared.p), -1, np.int32), steps.shared.epistemic)
    return Graph(states=states.total, p=steps.p, key=steps.key, draws=draws, **columns)


def gained(
    one: Matched, held: set[tuple[str, int]], ports: set[tuple[int, int]], looked: list[bool], gone: set[int]
) -> set[int]:
    """Assets gained by trying each row by hand."""
    found = set()
    for row in range(len(one)):
        asset = {name: int(column[row]) for name, column in one.things.items()}
        states = all((term.name, asset[term.things[0]]) in held for term in one.rule.holds if term.name != "reach")
        reached = all(
            not looked[asset["d"]] or any((asset["d"], port) in ports for port in term.ports)
            for term in one.rule.holds if term.name == "reach"
        )  # fmt: skip
        if states and reached and not gone & set(one.causes[row].tolist()):
            found.add(asset["d"])
    return found


@settings(max_examples=150, deadline=None)
@given(matches(), st.data())
def test_a_step_is_there_exactly_where_all_its_premises_are(one: Matched, data: Any) -> None:
    thing = st.integers(0, ASSETS - 1)
    looked = data.draw(st.lists(st.booleans(), min_size=ASSETS, max_size=ASSETS))
    held = data.draw(st.sets(st.tuples(st.sampled_from(("admin", "user")), thing)))
    sight = st.sets(st.tuples(thing, st.sampled_from((22, 3389))))
    shut = {pair for pair in data.draw(sight) if looked[pair[0]]}  # who saw a port closed has looked
    ports, gone = data.draw(sight) - shut, data.draw(st.sets(st.integers(0, 5), max_size=2))
    found, states, steps = compiled(one, looked, shut)
    whole = graph(states, steps)
    pairs = sorted(set(zip(*(column.tolist() for column in found.wanted), strict=True)))
    begin = [int(getattr(states, name)(asset)) for name, asset in held]
    begin += [int(states.endpoint(pairs.index(pair))) for pair in ports if pair in pairs]
    mask = ~np.isin(steps.columns["cause"], list(gone))
    reached = reach(whole, np.array(begin, np.int32), mask)
    taken = {asset for asset in range(ASSETS) if reached[int(states.admin(asset))]} - {
        a for name, a in held if name == "admin"
    }
    closure, own = set(held), set[int]()
    while more := gained(one, closure, ports, looked, gone) - own:  # what one row gains another may need
        own |= more
        closure |= {("admin", asset) for asset in more}
    assert taken == own - {a for name, a in held if name == "admin"}


def test_every_exposure_that_a_step_rests_on_contributes() -> None:
    things = {name: np.array([place], np.int64) for place, name in enumerate("abcd")}
    none = np.array([-1], np.int64)
    one = Matched(rule(HOLDS[0]), things, none, none, np.array([[4, 2, 0]], np.int64))
    _, states, steps = compiled(one, [False] * ASSETS, set())
    start, goal = (np.array([int(states.admin(asset))], np.int32) for asset in (0, 3))
    profile = Profile("anybody", start, Range(1.0, 2.0, 3.0))
    found = contributions(graph(states, steps), (profile,), goal, seed=1, values=np.ones(1), effort=Effort(worlds=256))
    shares = dict(zip(found.cause.tolist(), found.mean.tolist(), strict=True))
    assert set(shares) == {0, 2, 4}
    assert min(shares.values()) > 0
    assert len(set(shares.values())) == 1


def test_a_right_under_a_condition_over_ports_that_nobody_looked_at_hangs_on_both() -> None:
    things = {name: np.array([place], np.int64) for place, name in enumerate("abcd")}
    one = Matched(rule(HOLDS[4]), things, np.array([0]), np.array([0]), np.zeros((1, 0), np.int64))
    found, _, steps = compiled(one, [False] * ASSETS, set())
    assert [column.tolist() for column in found.unseen] == [[3], [3389]]
    assert sorted(steps.columns["shared"].tolist()) == [0, 1]
    known, _, sure = compiled(one, [True] * ASSETS, set())
    assert not len(known.unseen[0])
    assert sure.columns["shared"].tolist() == [0]

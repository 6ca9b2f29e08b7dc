"""From where rules apply to steps: what is held becomes source, guard and gates, what is gained the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from foreshore import keys
from foreshore.policy.rulebook import Term, Variable
from foreshore.prioritization.matching import Matched
from foreshore.prioritization.states import Ints, States
from foreshore.prioritization.steps import Builder, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

CONDITION = "movement.condition.holds"


@dataclass(frozen=True)
class Ruled:
    """The rules that apply, by name; `wanted` are the (asset, port) whose reach some rule asks for.

    `gates` counts the extra states that premises beyond the second need; `unsure` are the ties that hold under a
    condition, each a draw of its own.
    """

    matched: tuple[Matched, ...]
    wanted: tuple[Ints, Ints]
    gates: int
    unsure: Ints

    def by_name(self) -> Mapping[str, Matched]:
        """The rules by their names."""
        return {one.rule.name: one for one in self.matched}


def prepared(matched: Sequence[Matched]) -> Ruled:
    """Count what the steps of these rules need before states are numbered."""
    nothing = np.zeros(0, np.int64)
    assets, ports = [nothing], [nothing]
    gates = 0
    for one in matched:
        gates += max(0, len(one.rule.holds) - 2) * len(one)
        for term in one.rule.holds:
            if term.name == "reach":
                assets.append(one.things[_thing(term)])
                ports.append(np.full(len(one), _port(term), np.int64))
    unsure = np.unique(np.concatenate([nothing, *(one.unsure for one in matched)]))
    return Ruled(tuple(matched), (np.concatenate(assets), np.concatenate(ports)), gates, unsure[unsure >= 0])


def _thing(term: Term) -> str:
    first = term.arguments[0]
    return first.name if isinstance(first, Variable) else ""


def _port(term: Term) -> int:
    second = term.arguments[1]
    return second if isinstance(second, int) else 0


@dataclass(frozen=True)
class Numbers:
    """What turns terms into states: numbering, the place of each asset, its key, and the wanted endpoints in order."""

    states: States
    place_of: Ints
    asset_key: Ints
    tie_key: Ints
    endpoint: Ints
    first_draw: int  # of the conditions, among the shared draws


def add(builder: Builder, ruled: Ruled, numbers: Numbers) -> None:
    """Add the steps of every rule that applies."""
    asked = gate = 0
    for one in ruled.matched:
        held: list[Ints] = []
        for term in one.rule.holds:
            if term.name == "reach":
                held.append(numbers.states.endpoint(numbers.endpoint[asked : asked + len(one)]))
                asked += len(one)
            else:
                held.append(_state(term, one, numbers))
        for term in one.rule.gains:
            _emit(builder, ruled, one, held, _state(term, one, numbers), numbers, gate)
        gate += max(0, len(held) - 2) * len(one)


def _state(term: Term, one: Matched, numbers: Numbers) -> Ints:
    asset = one.things[_thing(term)]
    states = numbers.states
    if term.name == "inside":
        return states.place(numbers.place_of[asset])
    return states.admin(asset) if term.name == "admin" else states.user(asset)


def _emit(
    builder: Builder, ruled: Ruled, one: Matched, held: list[Ints], gained: Ints, numbers: Numbers, gate: int
) -> None:
    """Add the steps of one gain: premises beyond the second go through gates that cost nothing."""
    rule, rows = one.rule, np.arange(len(one))
    key = _luck(one, numbers)
    source = held[0]
    for number, guard in enumerate(held[1:-1]):
        into = numbers.states.gate(gate + number * len(one) + rows)
        builder.add("gate", source, into, guard=guard, p=1.0, key=key_of("gate", key, np.full(len(one), number)))
        source = into
    draw = np.searchsorted(ruled.unsure, one.unsure) + numbers.first_draw
    about = one.things[_thing(rule.gains[0])]
    keep = np.flatnonzero(~np.isin(gained, [-1]) & _moves(held, gained))
    builder.add(
        rule.name, source[keep], gained[keep], guard=(held[-1] if len(held) > 1 else np.full(len(one), -1))[keep],
        p=builder.chance(rule.chance), param=builder.param(rule.chance), key=key[keep],
        shared=np.where(one.unsure >= 0, draw, -1)[keep], cause=one.cause[keep], asset=about[keep],
        tie=one.tie[keep], why=rows[keep],
    )  # fmt: skip


def _moves(held: list[Ints], gained: Ints) -> Ints:
    """A step that gives what it needs leads nowhere."""
    found = np.ones(len(gained), np.bool_)
    for one in held:
        found &= one != gained
    return found  # type: ignore[return-value]


def _luck(one: Matched, numbers: Numbers) -> Ints:
    """Ways of the same chance between the same things succeed together: ten rights over one thing are not ten tries."""
    parts = [numbers.asset_key[one.things[_thing(term)]] for term in (*one.rule.holds, *one.rule.gains)]
    return key_of(f"rule {one.rule.chance}", *parts) if len(one) else np.zeros(0, np.int64)


def draw_keys(ruled: Ruled, tie_key: Ints) -> list[int]:
    """Return the stable keys of the conditions' draws."""
    return [int(one) for one in key_of("condition", tie_key[ruled.unsure])] if len(ruled.unsure) else []


def tie_keys(ties: pa.Table) -> Ints:
    """Return stable keys of ties from their ends, kind and note."""
    if not ties.num_rows:
        return np.zeros(0, np.int64)
    coded = [ties.column(name).combine_chunks().dictionary_encode(null_encoding="encode") for name in ("kind", "note")]
    kinds, notes = (one.dictionary.to_pylist() for one in coded)
    pair = coded[0].indices.to_numpy().astype(np.int64) * len(notes) + coded[1].indices.to_numpy()
    distinct, which = np.unique(pair, return_inverse=True)
    words = [keys.of("tie", kinds[one // len(notes)], notes[one % len(notes)]) for one in distinct.tolist()]
    source, target = (np.asarray(ties.column(name).to_numpy(), np.int64) for name in ("source", "target"))
    return key_of("tie", source, target, np.array(words, np.int64)[which.reshape(-1)])

"""From where rules apply to steps: what is held becomes source, guard and gates, what is gained the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from foreshore import keys
from foreshore.policy.rulebook import Term, Variable
from foreshore.prioritization.matching import Matched
from foreshore.prioritization.networks import Bools
from foreshore.prioritization.sightlines import PORTS
from foreshore.prioritization.states import Ints, States
from foreshore.prioritization.steps import Builder, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

CONDITION = "movement.condition.holds"
SESSION = "movement.remote_service.unseen"
NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Ruled:
    """The rules that apply, by name; `wanted` are the (asset, port) whose reach some rule asks for.

    `ports` are, by rule and by its premises of reach, the port of each row, 0 where nothing is known of the asset's
    ports. `gates` counts the extra states that premises beyond the second need; `unsure` are the ties that hold
    under a condition and `unseen` the (asset, first port) that nobody looked at, each a draw of its own.
    """

    matched: tuple[Matched, ...]
    ports: tuple[tuple[Ints, ...], ...]
    wanted: tuple[Ints, Ints]
    gates: int
    unsure: Ints
    unseen: tuple[Ints, Ints]

    def by_name(self) -> Mapping[str, Matched]:
        """The rules by their names."""
        return {one.rule.name: one for one in self.matched}


def prepared(matched: Sequence[Matched], looked_at: Bools, shut: Ints) -> Ruled:
    """Count what the steps of these rules need before states are numbered.

    `looked_at` tells the assets of whose ports anything is known; `shut` are asset times PORTS plus port, sorted,
    of ports that were seen closed, and open by nobody: nothing answers there, whoever asks.
    """
    found, ports = [], []
    assets, numbers, unseen = [NONE], [NONE], [np.zeros((2, 0), np.int64)]
    for given in matched:
        one, columns = _expanded(given, looked_at, shut)
        found.append(one)
        ports.append(columns)
        for term, port in zip(_reaching(one), columns, strict=True):
            asset = one.things[_thing(term)]
            assets.append(asset[port > 0])
            numbers.append(port[port > 0])
            unseen.append(np.stack([asset, np.full(len(one), term.ports[0], np.int64)])[:, port == 0])
    unsure = np.unique(np.concatenate([NONE, *(one.unsure for one in found)]))
    draws = np.unique(np.concatenate(unseen, axis=1), axis=1)
    gates = sum(_gates(one, columns) * len(one) for one, columns in zip(found, ports, strict=True))
    return Ruled(
        tuple(found), tuple(ports), (np.concatenate(assets), np.concatenate(numbers)), gates, unsure[unsure >= 0],
        (draws[0], draws[1]),
    )  # fmt: skip


def _expanded(one: Matched, looked_at: Bools, shut: Ints) -> tuple[Matched, tuple[Ints, ...]]:
    """Return a rule's rows once for each port that will do, and by premise of reach the port of each row."""
    columns: list[Ints] = []
    for term in _reaching(one):
        ask = looked_at[one.things[_thing(term)]] if term.if_known else np.ones(len(one), np.bool_)
        rows = np.repeat(np.arange(len(one)), np.where(ask, len(term.ports), 1))
        turn = np.arange(len(rows)) - np.searchsorted(rows, rows)
        port = np.where(ask[rows], np.array(term.ports, np.int64)[turn], 0)
        kept = np.flatnonzero(~np.isin(one.things[_thing(term)][rows] * PORTS + port, shut))
        rows, port = rows[kept], port[kept]
        columns = [*(column[rows] for column in columns), port]
        one = one.take(rows)
    return one, tuple(columns)


def _gates(one: Matched, ports: Sequence[Ints]) -> int:
    """How many states between first premise and gain each row of a rule needs: premises, causes, and draws."""
    twice = any(bool(((port == 0) & (one.unsure >= 0)).any()) for port in ports)
    return max(0, len(one.rule.holds) - 2, int(one.causes.shape[1]) - 1, int(twice))


def _reaching(one: Matched) -> list[Term]:
    return [term for term in one.rule.holds if term.name == "reach"]


def _thing(term: Term) -> str:
    first = term.arguments[0]
    return first.name if isinstance(first, Variable) else ""


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
    for one, columns in zip(ruled.matched, ruled.ports, strict=True):
        held: list[Ints] = []
        unseen, ports = np.full(len(one), -1, np.int64), iter(columns)
        for term in one.rule.holds:
            if term.name == "reach":
                port = next(ports)
                count = int(np.count_nonzero(port))
                state = np.full(len(one), -1, np.int64)
                state[port > 0] = numbers.states.endpoint(numbers.endpoint[asked : asked + count])
                asked += count
                held.append(state)
                unseen = np.where(port > 0, unseen, _unseen(ruled, one.things[_thing(term)], term.ports[0], numbers))
            else:
                held.append(_state(term, one, numbers))
        hops = _Hops(held, _draws(ruled, one, unseen, numbers), one.causes, gate, _gates(one, columns))
        for term in one.rule.gains:
            _emit(builder, one, hops, _state(term, one, numbers), numbers)
        gate += hops.gates * len(one)


@dataclass(frozen=True)
class _Hops:
    """What the steps of one rule rest on, by row: states held, draws, causes, and its first gate with their number."""

    held: list[Ints]
    draws: tuple[Ints, Ints]
    causes: Ints
    gate: int
    gates: int


def _unseen(ruled: Ruled, asset: Ints, port: int, numbers: Numbers) -> Ints:
    """Return the draws of ports that nobody looked at; what it says of other ports is not used."""
    known = ruled.unseen[0] * PORTS + ruled.unseen[1]
    return np.searchsorted(known, asset * PORTS + port) + numbers.first_draw + len(ruled.unsure)


def _draws(ruled: Ruled, one: Matched, unseen: Ints, numbers: Numbers) -> tuple[Ints, Ints]:
    """Return what each row hangs on, and what it hangs on besides, -1 for nothing."""
    condition = np.where(one.unsure >= 0, np.searchsorted(ruled.unsure, one.unsure) + numbers.first_draw, -1)
    return np.where(condition >= 0, condition, unseen), np.where(condition >= 0, unseen, -1)


def _state(term: Term, one: Matched, numbers: Numbers) -> Ints:
    asset = one.things[_thing(term)]
    states = numbers.states
    if term.name == "inside":
        return states.place(numbers.place_of[asset])
    return states.admin(asset) if term.name == "admin" else states.user(asset)


def _emit(builder: Builder, one: Matched, hops: _Hops, gained: Ints, numbers: Numbers) -> None:
    """Add the steps of one gain: premises, causes and draws beyond the first go through gates that cost nothing."""
    rule, rows = one.rule, np.arange(len(one))
    nothing = np.full(len(one), -1, np.int64)
    key = _luck(one, numbers)
    guards, source = hops.held[1:], hops.held[0]
    for number in range(hops.gates):
        into = numbers.states.gate(hops.gate + number * len(one) + rows)
        builder.add(
            "gate", source, into, p=1.0, key=key_of("gate", key, np.full(len(one), number)),
            guard=guards[number] if number < len(guards) - 1 else nothing, shared=hops.draws[1] if not number else -1,
            cause=hops.causes[:, number + 1] if number + 1 < hops.causes.shape[1] else -1,
        )  # fmt: skip
        source = into
    about = one.things[_thing(rule.gains[0])]
    keep = np.flatnonzero(~np.isin(gained, [-1]) & _moves(hops.held, gained))
    builder.add(
        rule.name, source[keep], gained[keep], guard=(guards[-1] if guards else nothing)[keep],
        p=builder.chance(rule.chance), param=builder.param(rule.chance), key=key[keep],
        shared=hops.draws[0][keep], cause=one.cause[keep], asset=about[keep], tie=one.tie[keep], why=rows[keep],
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


def draws(ruled: Ruled, tie_key: Ints, asset_key: Ints) -> list[tuple[int, str]]:
    """Return the stable keys and policy numbers of the draws: conditions, then ports that nobody looked at."""
    asset, port = ruled.unseen
    found = [(int(one), CONDITION) for one in key_of("condition", tie_key[ruled.unsure])] if len(ruled.unsure) else []
    found += [(int(one), SESSION) for one in key_of("session", asset_key[asset], port)] if len(asset) else []
    return found


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

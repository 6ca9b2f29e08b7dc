"""`foreshore paths`: the likeliest different ways from one thing to another, each hop with its fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore import keys, scratch
from foreshore.cycle import naming, opened
from foreshore.cycle.naming import Meant
from foreshore.cycle.opened import Opened
from foreshore.errors import UsageError
from foreshore.graph import reach
from foreshore.prioritization import answers, wayfinding
from foreshore.prioritization.wayfinding import Looked, Question, Way
from foreshore.query import compiling, language
from foreshore.query.fields import PATHS

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

LOOKED = 200  # ways looked at for those that a query wants


@dataclass(frozen=True)
class Asked:
    """A question about paths, in the words of the person who asks (see `query.things`)."""

    start: str = ""
    goal: str = ""
    through: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    where: str = ""
    count: int = 5


def paths(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    """Return what `paths --json` prints: from, to, reachable, the paths with their hops, and notes.

    Raises UsageError for what names nothing, NothingToRead before the first cycle.
    """
    if asked.where.strip():
        language.parse(asked.where, PATHS)
    return answered(workspace, opened.load(workspace), asked)


def answered(workspace: Workspace, graph: Opened, asked: Asked) -> dict[str, Any]:
    """Answer `asked` on an opened cycle; see `paths`."""
    start = naming.meant(workspace, graph, asked.start) if asked.start else None
    goal = naming.meant(workspace, graph, asked.goal) if asked.goal else None
    _refuse(start, asked.start, "--from")
    _refuse(goal, asked.goal, "--to")
    through = [naming.meant(workspace, graph, one) for one in asked.through]
    avoid = [naming.meant(workspace, graph, one) for one in asked.avoid]
    question = question_of(graph, start, goal, through, avoid)
    shown, complete = _found(graph, question, _Teller(graph, start), asked)
    notes = [note for one in (start, goal, *through, *avoid) if one for note in one.notes]
    return {
        "from": start.label if start else "any attacker of the scope", "to": goal.label if goal else "any service",
        "cycle": keys.show("CYC", graph.cycle), "reachable": reachable(graph, question),
        "paths": shown, "complete": complete, "notes": notes if complete else [*notes, GIVEN_UP],
    }  # fmt: skip


def _refuse(one: Meant | None, text: str, option: str) -> None:
    if one is None or one.places or one.people or one.services or one.assets:
        return
    raise UsageError(
        f"{option} “{text}”: a way starts and ends at an asset, a zone, the internet or a service",
        hint=f"--through “{text}”",
    )


def question_of(
    graph: Opened, start: Meant | None, goal: Meant | None, through: Sequence[Meant], avoid: Sequence[Meant]
) -> Question:
    """Return the question in states and steps; a start that is a goal already is left out where others remain."""
    model = graph.found.model
    goals = naming.states_of(graph, goal) if goal else np.asarray(model.targets, np.int64)
    if start is None:
        groups = [tuple(map(int, one.entries)) for one in model.profiles]
    else:
        begins = naming.states_of(graph, start)
        rest = np.setdiff1d(begins, goals)
        groups = [(int(one),) for one in (rest if len(rest) else begins)]
    usable = np.ones(model.graph.steps, np.bool_)
    for one in avoid:
        usable &= ~naming.steps_of(graph, one)
    wanted = tuple(naming.steps_of(graph, one) for one in through)
    return Question(tuple(dict.fromkeys(groups)), tuple(map(int, goals)), usable, wanted, _stands(graph, start))


_MACHINES = ("host", "device", "ot_device")


def _stands(graph: Opened, start: Meant | None) -> tuple[int, ...]:
    """Return the places from which whoever starts as an identity, and nowhere in particular, may sign in: any inside."""
    if start is None or not start.assets:
        return ()
    kinds = graph.found.context.assets.column("kind").take(np.array(start.assets, np.int64)).to_pylist()
    if any(kind in _MACHINES for kind in kinds):
        return ()
    states = graph.found.compiled.states
    return tuple(int(states.place(number)) for number in range(1, states.places))


def reachable(graph: Opened, question: Question) -> str:
    """Return yes where known steps alone make a way, unknown where unknown facts are needed, no where nothing does."""
    certain, given_up = graph.found.model.certain, False
    for answer, usable in (("yes", question.usable & certain), ("unknown", question.usable)):
        asked = replace(question, usable=usable)
        found = _looked(graph, asked, 1)
        open_ = not found.ways and not found.complete and _closed(graph, asked)
        if found.ways or (open_ and not question.through):
            return answer
        given_up |= open_
    return "unknown" if given_up else "no"


def _closed(graph: Opened, question: Question) -> bool:
    """Does any attacker of a question get to a goal at all, wherever the way leads through?"""
    model = graph.found.model.graph
    starts = (np.array([*group, *question.held], np.int32) for group in question.starts)
    goals = np.array(question.goals, np.int64)
    return any(bool(reach(model, one, question.usable)[goals].any()) for one in starts)


def _looked(graph: Opened, question: Question, count: int) -> Looked:
    alike = wayfinding.likeness(graph.found.compiled.steps)
    return wayfinding.looked(graph.found.model.graph, question, alike, count)


def _found(graph: Opened, question: Question, told: _Teller, asked: Asked) -> tuple[list[dict[str, Any]], bool]:
    """Return the ways that are shown, and whether they are all where they are fewer than was asked for."""
    if not asked.where.strip():
        found = _looked(graph, question, asked.count)
        return [told.way(way) for way in found.ways], found.complete
    most = max(LOOKED, asked.count)
    found = _looked(graph, question, most)
    shown = [one for one in map(told.way, found.ways) if matches(one, asked.where)][: asked.count]
    return shown, len(shown) == asked.count or (found.complete and len(found.ways) < most)


GIVEN_UP = "the search was given up after the likeliest candidates: there may be more ways than these"


@dataclass
class _Teller:
    """Writes ways for people and programs."""

    graph: Opened
    start: Meant | None

    def way(self, way: Way) -> dict[str, Any]:
        """Return one way with its hops."""
        graph, now = self.graph, datetime.now(UTC).replace(tzinfo=None)
        told = graph.narrator.told(list(way.steps))
        if self.start is not None and (self.start.assets or self.start.services):
            told = [self._held(way), *told[1:]]
        known = bool(graph.found.model.certain[list(way.steps)].all())
        hops = [self._hop(row, now) for row in told]
        return {
            "probability": way.probability, "known": known, "assumed": sum(1 for one in hops if one["assumed"]),
            "from": told[0]["zone"] or hops[0]["asset_name"] or "people", "to": self._end(way), "hops": hops,
        }  # fmt: skip

    def _held(self, way: Way) -> dict[str, Any]:
        """Return the first hop of a way from an asset, which the question itself supposes to be held."""
        states, graph = self.graph.found.compiled.states, self.graph
        first = self._first(way)
        row = (first - int(states.user(0))) % max(states.assets, 1)
        held = int(states.user(0)) <= first < int(states.pool(0))
        name = graph.asset_names[row] if held else "a service"
        how = "as an ordinary user" if held and first < int(states.admin(0)) else "fully"
        return {
            "step": f"The attacker holds {name} {how}.", "rule": "enter", "technique": "",
            "asset": int(graph.asset_keys[row]) if held else 0, "zone": "", "probability": 1.0,
            "fact": "supposed by the question", "source": "the question", "observed_at": None, "assumed": False,
            "cause": 0,
        }  # fmt: skip

    def _first(self, way: Way) -> int:
        assert self.start is not None
        begins = set(naming.states_of(self.graph, self.start).tolist())
        columns = self.graph.found.compiled.steps.columns
        needed = (int(columns[name][step]) for step in way.steps for name in ("src", "guard"))
        return next((one for one in needed if one in begins), min(begins))

    def _hop(self, row: dict[str, Any], now: datetime) -> dict[str, Any]:
        asset = int(row["asset"] or 0)
        place = int(np.searchsorted(self.graph.asset_keys, asset)) if asset else -1
        weakness = self._weakness(int(row["cause"])) if row["cause"] else None
        return {
            **answers.step_json(row, now), "asset_name": self.graph.asset_names[place] if place >= 0 else None,
            "weakness": weakness,
        }  # fmt: skip

    def _weakness(self, key: int) -> str | None:
        row = np.flatnonzero(self.graph.exposure_keys == key)
        return str(self.graph.found.context.exposures.column("weakness")[int(row[0])]) if len(row) else None

    def _end(self, way: Way) -> str:
        graph, states = self.graph, self.graph.found.compiled.states
        if not way.steps:
            return self.start.label if self.start else ""
        last = int(graph.found.compiled.steps.columns["dst"][way.steps[-1]])
        if last >= int(states.harm(0)):
            return graph.service_names[last - int(states.harm(0))]
        if int(states.user(0)) <= last < int(states.pool(0)):
            return graph.asset_names[(last - int(states.user(0))) % states.assets]
        place = last - int(states.place(0))
        return graph.place_names[place] if 0 <= place < states.places else ""


def matches(way: dict[str, Any], where: str) -> bool:
    """Does a way, as `paths --json` shows it, match a query over the fields `query.fields.PATHS`?"""
    import pyarrow as pa

    hops = way["hops"]

    def members(name: str) -> list[str]:
        return sorted({str(one[name]) for one in hops if one[name]})

    row = {
        "probability": way["probability"], "hops": float(len(hops) - 1), "assumed": float(way["assumed"]),
        "known": way["known"], "start": way["from"], "goal": way["to"], "assets": members("asset_name"),
        "zones": members("zone"), "rules": members("rule"), "techniques": members("technique"),
        "weaknesses": members("weakness"), "sources": members("source"),
    }  # fmt: skip
    texts = {name: pa.list_(pa.string()) for name, value in row.items() if isinstance(value, list)}
    table = pa.table({name: pa.array([value], texts.get(name)) for name, value in row.items()})
    asked = compiling.where(where, now=datetime.now(UTC).replace(tzinfo=None), fields=PATHS)
    connection = scratch.connect(threads=1)
    try:
        connection.register("way", table)
        return bool(connection.execute(f"select 1 from way where {asked.sql}", list(asked.parameters)).fetchall())
    finally:
        connection.close()

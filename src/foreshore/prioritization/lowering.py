"""What would move an exposure down besides its own fix, checked by the engine before it is said.

Candidates are what the likeliest ways through the exposure rest on: a way in that could be closed, another
exposure, a right, credentials on a machine, a fact that nobody knows. Each is taken away on the same
simulated years; it is told only where the exposure then carries clearly less of the modelled risk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore.graph.replay import Replay
from foreshore.prioritization.explain import Narrator
from foreshore.prioritization.places import INTERNET
from foreshore.prioritization.treatment import percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from foreshore.graph import Graph
    from foreshore.policy import Policy
    from foreshore.prioritization.modelled import Graphed, Modelled
    from foreshore.prioritization.risk import Risk

FIRST = 30  # exposures, in the canonical order, whose sentence is checked
TOLD = 2
NOTHING_ELSE = "Only its own fix lowers it: nothing else on its likeliest ways does."
_BESIDES = "Besides its own fix:"
CHECKED = (_BESIDES, NOTHING_ELSE)  # how sentences begin that the engine has checked
WORLDS = 512
_NEVER = ("harm", "harm_data", "foundation", "foothold", "gate")  # consequences, not things that can be taken away


@dataclass(frozen=True)
class Lower:
    """One change that lowers an exposure: in words, and the share of modelled risk that it then carries."""

    what: str
    before: float
    after: float


@dataclass
class Lowering:
    """Asks, on years simulated once, what taking one thing away does to what an exposure carries."""

    found: Graphed
    risk: Risk
    narrator: Narrator

    def __post_init__(self) -> None:
        """Simulate the years, with every group of steps that could go as a cause of its own."""
        model = self.risk.model
        self.group = _groups(self.found)
        self.graph: Graph = replace(model.graph, layers={"group": self.group.astype(np.int32)})
        effort = replace(model.effort, worlds=min(model.effort.worlds or WORLDS, WORLDS))
        self._replay = Replay(self.graph, model.profiles, model.targets, seed=model.seed, effort=effort)
        self.whole = float(self._replay.events @ model.weights)
        self._left: dict[tuple[int, ...], float] = {(): self.whole}

    def carries(self, row: int, gone: tuple[int, ...] = ()) -> float:
        """Return the share of today's modelled risk that goes with exposure `row` once groups `gone` went."""
        if not self.whole:
            return 0.0
        return (self._without(gone) - self._without((*gone, -1 - row))) / self.whole

    def _without(self, gone: tuple[int, ...]) -> float:
        """Weighted losses a year without groups (0 and above) and exposures (-1 and below)."""
        if gone not in self._left:
            exposures = np.array([-1 - one for one in gone if one < 0], np.int64)
            groups = self.graph.numbers("group", [one for one in gone if one >= 0])
            removed = np.concatenate([exposures, groups])
            self._left[gone] = float(self._replay.without(removed) @ self.risk.model.weights)
        return self._left[gone]

    def candidates(self, row: int) -> dict[int, int]:
        """Return groups on the likeliest ways through an exposure, each with one of its steps."""
        columns, rules = self.found.compiled.steps.columns, self.found.compiled.steps.rules
        found: dict[int, int] = {}
        for path in (
            self.risk.best.steps_through_cause(row),
            *(one.steps_through_cause(row) for one in self._critical()),
        ):
            for step in path:
                own = int(columns["cause"][step]) == row
                if not own and rules[int(columns["rule"][step])] not in _NEVER:
                    found.setdefault(int(self.group[step]), step)
        return found

    def _critical(self) -> Iterable[Any]:
        return (one for one, critical in zip(self.risk.to_service, self.risk.model.critical, strict=True) if critical)

    def checked(self, row: int, least: float) -> list[Lower]:
        """Return the changes that lower exposure `row` by at least the share `least`, strongest first, no more than two."""
        before = self.carries(row)
        if before <= 0:
            return []
        told: dict[str, Lower] = {}
        for group, step in self.candidates(row).items():
            after = max(self.carries(row, (group,)), 0.0)
            if after <= (1 - least) * before:
                what = self.words(step)
                told.setdefault(what, Lower(what, before, after))
        return sorted(told.values(), key=lambda one: (one.after, one.what))[:TOLD]

    def words(self, step: int) -> str:
        """Say what taking a step away means, after the word “if”."""
        columns, narrator = self.found.compiled.steps.columns, self.narrator
        rule = self.found.compiled.steps.rules[int(columns["rule"][step])]
        if rule == "reach":
            return self._way(step)
        cause, asset, place = (int(columns[name][step]) for name in ("cause", "asset", "place"))
        on = narrator.assets[asset] if asset >= 0 else ""
        if cause >= 0:
            told = narrator._exposure(cause)
            return f"{told['weakness']} is fixed on {on}"
        if int(columns["tie"][step]) >= 0:
            return f"“{narrator._tie(int(columns['tie'][step]))['fact']}” no longer holds"
        removed = _removed_by(self.found, rule)
        where = on or (self.found.compiled.reach.places[place].name if place >= 0 else "")
        return f"you {removed}{f' ({where})' if where else ''}"

    def _way(self, step: int) -> str:
        told = self.narrator._step(step)
        sentence = str(told["step"]).rstrip(".").replace("the attacker reaches ", "")
        place = self.found.compiled.reach.places[int(self.found.compiled.steps.columns["place"][step])].name
        where = "the internet" if place == INTERNET else place
        end = sentence.removeprefix(f"From {where} ")
        if told["assumed"]:
            return f"it turns out that {where} does not reach {end}"
        return f"{end} is closed to {where}"


def _removed_by(found: Graphed, rule: str) -> str:
    ruled: Mapping[str, Any] = found.compiled.ruled.by_name()
    if rule in ruled:
        return str(ruled[rule].rule.title).lower() + " is made impossible"
    rows = {row["rule"]: row for row in found.policy.table("rules")}
    return str(rows[rule]["removed_by"] or f"stop “{rule}”")


def _groups(found: Graphed) -> NDArray[np.int64]:
    """Number the steps by what would take them away together: a way, an exposure, a relation, or a rule on an asset."""
    columns = found.compiled.steps.columns
    rules = found.compiled.steps.rules
    reach = columns["rule"] == (rules.index("reach") if "reach" in rules else -1)
    caused, tied = columns["cause"] >= 0, columns["tie"] >= 0
    plain = ~(reach | caused | tied)
    kind = np.select([reach, caused, tied], [0, 1, 2], 3)
    number = np.select([reach, caused, tied], [columns["why"], columns["cause"], columns["tie"]], columns["asset"])
    rest = [np.where(plain, columns[name], -1) for name in ("rule", "place")]
    _, group = np.unique(np.stack([kind, number, *rest]), axis=1, return_inverse=True)
    return np.asarray(group.reshape(-1), np.int64)


def sentence(found: list[Lower]) -> str:
    """Say what lowers an exposure, one sentence for all."""
    first = found[0]
    text = f"{_BESIDES} it would carry {percent(first.after)} of the modelled risk, not {percent(first.before)}, if {first.what}"
    return "; ".join([text, *(f"{percent(one.after)} if {one.what}" for one in found[1:])]) + "."


def one(found: Graphed, risk: Risk, narrator: Narrator, row: int, least: float) -> str:
    """Say what lowers exposure `row`, checked by the engine; empty where it carries nothing that could be lowered."""
    lowering = Lowering(found, risk, narrator)
    if lowering.carries(row) <= 0:
        return ""
    lower = lowering.checked(row, least)
    return sentence(lower) if lower else NOTHING_ELSE


def applied(found: Modelled, risk: Risk, assessed: pa.Table, policy: Policy) -> pa.Table:
    """Return the assessments with `would_lower` checked by the engine for the first that are to be acted on now."""
    import pyarrow as pa

    shown = [
        (number, row)
        for number, row in enumerate(assessed.select(["exposure", "treatment"]).slice(0, FIRST).to_pylist())
        if row["treatment"] == "act_now"
    ]
    if not shown:
        return assessed
    keys = np.asarray(found.context.exposures.column("exposure").to_numpy(), np.int64)
    lowering = Lowering(found, risk, Narrator(found.context, found.compiled, found.chances, risk, policy))
    least = policy.number("treatment.explanation.least_fall").value
    texts = assessed.column("would_lower").to_pylist()
    for number, row in shown:
        lower = lowering.checked(int(np.searchsorted(keys, row["exposure"])), least)
        texts[number] = sentence(lower) if lower else NOTHING_ELSE
    place = assessed.column_names.index("would_lower")
    return assessed.set_column(place, "would_lower", pa.array(texts, pa.string()))

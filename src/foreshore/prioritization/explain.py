"""Paths in words: each step with its fact, who said so, how old that is, and whether it is assumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from foreshore.prioritization.compile import GIVES
from foreshore.prioritization.places import INTERNET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foreshore.policy import Policy
    from foreshore.prioritization.compile import Chances, Compiled
    from foreshore.prioritization.context import Context
    from foreshore.prioritization.risk import Risk

# Steps that only restate the one before; they are not shown.
_SILENT = frozenset({"foothold", "gate"})
_GAIN = {"user": "a foothold", "admin": "full control", "identity": "an identity", "data": "its data", "none": ""}


@dataclass
class Narrator:
    """Tells paths of one cycle in words."""

    context: Context
    compiled: Compiled
    chances: Chances
    risk: Risk
    policy: Policy

    def __post_init__(self) -> None:
        """Take the columns that sentences need out of their tables once."""
        self.words = {row["rule"]: row for row in self.policy.table("rules")}
        self.ruled = self.compiled.ruled.by_name()
        self.words |= {name: {"technique": one.rule.technique} for name, one in self.ruled.items()}
        self.assets = self.context.assets.column("name").to_pylist()
        self.asset_keys = self.context.assets.column("asset").to_pylist()
        self.place_of = self.compiled.reach.place_of
        names = ["exposure", "weakness", "title", "sources", "last_seen", "component_name", "place"]
        self.exposures = self.context.exposures.select(names)
        self.told_of: dict[int, dict[str, Any]] = {}
        self.row_of: dict[int, int] = {}
        self.services = [service.name for service in self.context.services]
        self.ports = [key[1] for key in self.compiled.reach.endpoint_of]
        first: dict[int, int] = {}
        for asset, group in enumerate(self.compiled.reach.group_of.tolist()):
            first.setdefault(group, asset)
        groups = (key[0] for key in self.compiled.reach.endpoint_of)
        self.homes = [int(self.place_of[first[group]]) for group in groups]

    def through(self, row: int) -> list[int]:
        """Return the steps of the likeliest way through an exposure."""
        return self.risk.best.steps_through_cause(row)

    def to_service(self, number: int) -> list[int]:
        """Return the steps of the likeliest way to a service."""
        return self.risk.best.steps_to_target(number)

    def told(self, path: Sequence[int]) -> list[dict[str, Any]]:
        """Return the shown steps of a path as rows of the table `steps`, without cycle and exposure."""
        shown = [self._start(path)] if path else []
        shown += [self._step(one) for one in path if self._rule(one) not in _SILENT]
        return [{"number": number, **row} for number, row in enumerate(shown, start=1)]

    def end_of(self, path: Sequence[int]) -> str:
        """Return the name of the service that a path ends in."""
        if not path:
            return ""
        state = int(self.compiled.steps.columns["dst"][path[-1]]) - int(self.compiled.states.harm(0))
        return self.services[state] if 0 <= state < len(self.services) else ""

    def _rule(self, step: int) -> str:
        steps = self.compiled.steps
        return steps.rules[int(steps.columns["rule"][step])]

    def _start(self, path: Sequence[int]) -> dict[str, Any]:
        states, first = self.compiled.states, int(self.compiled.steps.columns["src"][path[0]])
        place = first - 1
        if first == states.opened:
            sentence = "An attacker writes to people, or has bought a login."
            return _row("enter", sentence, fact="the attacker profiles of the scope", source="scope")
        name = self.compiled.reach.places[place].name if 0 <= place < states.places else "inside"
        where = "the internet" if name == INTERNET else name
        sentence = f"An attacker starts from {where}."
        return _row("enter", sentence, zone=name, fact="the attacker profiles of the scope", source="scope")

    def _step(self, step: int) -> dict[str, Any]:
        rule = self._rule(step)
        chance = float(self.compiled.steps.p[step])
        shared = int(self.compiled.steps.columns["shared"][step])
        if shared >= 0:
            chance *= float(self.compiled.steps.shared.p[shared])
        told = {"reach": self._reach, "harm": self._harm, "harm_data": self._harm, "foundation": self._foundation}
        row = (self._ruled if rule in self.ruled else told.get(rule, self._general))(step, rule)
        return {**row, "rule": rule, "technique": self.words[rule]["technique"], "probability": chance}

    def _reach(self, step: int, rule: str) -> dict[str, Any]:
        columns, answers = self.compiled.steps.columns, self.compiled.reach
        why = int(columns["why"][step])
        endpoint = int(columns["dst"][step]) - int(self.compiled.states.endpoint(0))
        port = self.ports[endpoint]
        place = answers.places[int(columns["place"][step])].name
        target = answers.places[self.homes[endpoint]].name
        where = "the internet" if place == INTERNET else place
        to = f"port {port}" if port else "a service"
        sentence = f"From {where} the attacker reaches {to} in {target}."
        assumed = answers.answer[why] == 2
        return _row(
            rule, sentence, zone=target, fact=answers.why[why], source=answers.told_by[why], assumed=bool(assumed),
            observed_at=answers.observed_at[why],
        )  # fmt: skip

    def _general(self, step: int, rule: str) -> dict[str, Any]:
        columns = self.compiled.steps.columns
        cause, asset, port = (int(columns[name][step]) for name in ("cause", "asset", "port"))
        place = int(columns["place"][step])
        inside = rule == "exploit" and self._from_inside(step)
        words = self.words["exploit_inside" if inside else rule]
        values = {
            "asset": self.assets[asset] if asset >= 0 else "", "port": f"port {port}" if port > 0 else "a service",
            "place": self.compiled.reach.places[place].name if place >= 0 else "", "source": "another asset",
            "service": "", "weakness": "", "what": "", "gain": "",
        }  # fmt: skip
        more: dict[str, Any] = {"fact": "a number of the policy", "source": "policy", "assumed": True}
        if cause >= 0:
            told = self._exposure(cause)
            weakness, title = str(told["weakness"]), str(told["title"])
            values |= {
                "weakness": weakness if weakness.startswith(("CVE-", "GHSA-")) else f"“{title.rstrip('.')}”",
                "what": told["component_name"] or told["place"] or "software",
                "gain": _GAIN[GIVES[int(self.chances.gives[cause])]],
            }
            more = {
                "fact": f"{weakness}: {title}", "source": ", ".join(told["sources"]),
                "observed_at": told["last_seen"], "assumed": False, "cause": told["exposure"],
            }  # fmt: skip
        zone = self.compiled.reach.places[int(self.place_of[asset])].name if asset >= 0 else values["place"]
        sentence = words["sentence"].format(**values).rstrip(".") + "."
        return _row(rule, sentence, asset=self.asset_keys[asset] if asset >= 0 else 0, zone=zone, **more)

    def _ruled(self, step: int, rule: str) -> dict[str, Any]:
        """Tell a step of the rulebook, with the relation or the exposure that it rests on."""
        columns, one = self.compiled.steps.columns, self.ruled[rule]
        why, asset, cause = (int(columns[name][step]) for name in ("why", "asset", "cause"))
        names = {name: self.assets[int(rows[why])] for name, rows in one.things.items()}
        sentence = one.rule.sentence.format_map(_Named(names)).rstrip(".") + "."
        more: dict[str, Any] = {"fact": one.rule.title, "source": "policy", "assumed": False}
        if cause >= 0:
            every = [self._exposure(int(number)) for number in one.causes[why] if number >= 0]
            more |= {
                "fact": "; ".join(dict.fromkeys(f"{told['weakness']}: {told['title']}" for told in every)),
                "source": ", ".join(dict.fromkeys(name for told in every for name in told["sources"])),
                "observed_at": every[0]["last_seen"], "cause": every[0]["exposure"],
            }  # fmt: skip
        elif int(columns["tie"][step]) >= 0:
            more |= self._tie(int(columns["tie"][step]))
        more["assumed"] = int(columns["shared"][step]) >= 0
        if self._unseen(step):
            more["fact"] += "; whether its ports let the session in is not known"
        zone = self.compiled.reach.places[int(self.place_of[asset])].name if asset >= 0 else ""
        return _row(rule, sentence, asset=self.asset_keys[asset] if asset >= 0 else 0, zone=zone, **more)

    def _unseen(self, step: int) -> bool:
        """Does the step hang on ports that nobody looked at?"""
        draws = self.compiled.steps.shared
        count, unseen = len(draws.p), len(self.compiled.ruled.unseen[0])
        return int(self.compiled.steps.columns["shared"][step]) >= count - unseen

    def _tie(self, row: int) -> dict[str, Any]:
        """Tell a relation: who holds what over whom, and who says so."""
        if not self.row_of:
            self.row_of.update((key, number) for number, key in enumerate(self.asset_keys))
        tie = self.context.ties.slice(row, 1).to_pylist()[0]
        source, target = (self.assets[self.row_of[tie[end]]] for end in ("source", "target"))
        note = tie["note"] or tie["kind"].replace("_", " ")
        return {"fact": f"{source}: {note}: {target}", "source": tie["told_by"], "observed_at": tie["observed_at"]}

    def _exposure(self, row: int) -> dict[str, Any]:
        if row not in self.told_of:
            self.told_of[row] = self.exposures.slice(row, 1).to_pylist()[0]
        return self.told_of[row]

    def _from_inside(self, step: int) -> bool:
        """Is the endpoint that this step uses not one that the internet is known to reach?"""
        endpoint = int(self.compiled.steps.columns["src"][step]) - int(self.compiled.states.endpoint(0))
        answers = self.compiled.reach
        return not bool(((answers.target == endpoint) & (answers.source == 0) & (answers.answer == 1)).any())

    def _harm(self, step: int, rule: str) -> dict[str, Any]:
        columns = self.compiled.steps.columns
        asset = int(columns["asset"][step])
        service = self.services[int(columns["dst"][step]) - int(self.compiled.states.harm(0))]
        sentence = self.words[rule]["sentence"].format(asset=self.assets[asset], service=service) + "."
        zone = self.compiled.reach.places[int(self.place_of[asset])].name
        return _row(rule, sentence, asset=self.asset_keys[asset], zone=zone,
                    fact=f"{self.assets[asset]} belongs to {service}", source="scope")  # fmt: skip

    def _foundation(self, step: int, rule: str) -> dict[str, Any]:
        columns, first = self.compiled.steps.columns, int(self.compiled.states.harm(0))
        source, service = (self.services[int(columns[name][step]) - first] for name in ("src", "dst"))
        sentence = self.words[rule]["sentence"].format(source=source, service=service) + "."
        return _row(rule, sentence, fact=f"{service} stands on {source}", source="scope")


class _Named(dict[str, str]):
    """Names of a rule's variables; a value that is no asset stays unsaid."""

    def __missing__(self, key: str) -> str:
        return "it"


def _row(
    rule: str,
    sentence: str,
    *,
    asset: int = 0,
    zone: str = "",
    fact: str = "",
    source: str = "",
    observed_at: datetime | None = None,
    assumed: bool = False,
    cause: int = 0,
) -> dict[str, Any]:
    return {
        "step": sentence, "rule": rule, "technique": "", "asset": asset, "zone": zone, "probability": 1.0,
        "fact": fact, "source": source or "assumed", "observed_at": observed_at, "assumed": assumed, "cause": cause,
    }  # fmt: skip

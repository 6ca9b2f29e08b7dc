"""Labels beside the risk: SSVC's Deployer outcome and deadline rules, read from tables as data.

A fact that is not known keeps all its possible values. The label then names the mildest and the
strictest outcome and the fact that decides between them; only what is known makes a deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from foreshore.policy import Policy

DEPLOYER = ("defer", "scheduled", "out-of-cycle", "immediate")
BOD = ("fix on system upgrade", "60 days", "14 days", "3 days", "3 days & forensic investigation")
CISA = ("track", "track*", "attend", "act")
EXPLOITATION = {
    "none_known": "none", "poc": "public poc", "weaponized": "public poc", "attacks": "active",
    "ransomware": "active",
}  # fmt: skip
# Words for people, of the fact that decides between two outcomes.
SETTLED_BY = {
    "exploitation": "whether it is being exploited",
    "exposure": "whether it can be reached from the internet",
    "publicly_exposed": "whether it can be reached from the internet",
    "in_kev": "whether it is in CISA's catalogue",
    "automatable": "whether attacks on it can be automated",
    "human_impact": "what losing the service would mean",
    "technical_impact": "how much control it gives",
    "mission_and_wellbeing": "what losing the service would mean",
}


@dataclass(frozen=True)
class Outcome:
    """The mildest and the strictest outcome that the known facts allow, and what decides between them."""

    mildest: str
    strictest: str
    settled_by: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The outcome, or both of them."""
        return self.mildest if self.mildest == self.strictest else f"{self.mildest} or {self.strictest}"


class Table:
    """A decision table of the policy whose last column is the outcome; `order` is from mild to strict."""

    def __init__(self, rows: Sequence[Mapping[str, str]], order: Sequence[str]) -> None:
        self.points = tuple(list(rows[0])[:-1])
        last = list(rows[0])[-1]
        self.order = tuple(order)
        self.values = {point: tuple(dict.fromkeys(row[point] for row in rows)) for point in self.points}
        self._outcomes = {tuple(row[point] for point in self.points): row[last] for row in rows}
        self._known: dict[tuple[str | None, ...], Outcome] = {}

    def outcome(self, *facts: str | None) -> Outcome:
        """Return the outcome for `facts` in the table's order; None is unknown, "a or b" is either.

        A word that the table does not have counts as unknown.
        """
        if facts not in self._known:
            self._known[facts] = self._decide(facts)
        return self._known[facts]

    def _decide(self, facts: tuple[str | None, ...]) -> Outcome:
        options = [self._options(point, fact) for point, fact in zip(self.points, facts, strict=True)]
        found = {choice: self._outcomes[choice] for choice in product(*options)}
        ranked = sorted(found.values(), key=self.order.index)
        deciding = tuple(
            point for number, point in enumerate(self.points) if _decides(found, number, len(options[number]))
        )
        return Outcome(ranked[0], ranked[-1], deciding)

    def _options(self, point: str, fact: str | None) -> tuple[str, ...]:
        named = [one for one in (fact or "").split(" or ") if one in self.values[point]]
        return tuple(named) or self.values[point]


def _decides(found: Mapping[tuple[str, ...], str], number: int, options: int) -> bool:
    """Say whether the outcomes differ when only the fact of that number does."""
    if options < 2:
        return False
    others: dict[tuple[str, ...], set[str]] = {}
    for choice, outcome in found.items():
        others.setdefault(choice[:number] + choice[number + 1 :], set()).add(outcome)
    return any(len(outcomes) > 1 for outcomes in others.values())


def deployer(policy: Policy) -> Table:
    """SSVC Deployer: exploitation, exposure, automatable, human impact."""
    return Table(policy.table("ssvc_deployer"), DEPLOYER)


def bod_26_04(policy: Policy) -> Table:
    """CISA BOD 26-04: in KEV, publicly exposed, automatable, technical impact."""
    return Table(policy.table("bod_26_04"), BOD)


def coordinator(policy: Policy) -> Table:
    """CISA's own SSVC: exploitation, automatable, technical impact, mission and well-being."""
    return Table(policy.table("cisa_coordinator"), CISA)


def human_impact(policy: Policy, tier: int, safety: str = "none", mission: str = "none") -> str:
    """Return SSVC's human impact of losing a service.

    Safety "none" is SSVC's negligible. Where the scope names no mission impact, the tier speaks,
    by `treatment.mission`. An unknown word counts as not said.
    """
    rows = policy.table("ssvc_human_impact")
    known = {row["mission"] for row in rows}
    said = mission if mission in known else policy.text(f"treatment.mission.tier_{min(max(tier, 1), 5)}")
    harm = safety if safety in {row["safety"] for row in rows} else "negligible"
    return next(row["human_impact"] for row in rows if row["safety"] == harm and row["mission"] == said)


def exposure(internet: str, elsewhere: str = "yes") -> str | None:
    """Return SSVC's system exposure from reach: yes from the internet is open; unknown is never open alone.

    `elsewhere` says whether another zone reaches it: if not, exposure is small.
    """
    inside = {"yes": "controlled", "no": "small"}.get(elsewhere, "small or controlled")
    return {"yes": "open", "no": inside}.get(internet, f"{inside} or open")


def label(facts: pa.Table, policy: Policy) -> pa.Table:
    """Return `row`, `label`, `mildest`, `strictest`, `settled_by` for each row of `facts`, in its order.

    `facts` has row (whole numbers, each once), exploit (the word of a signal), internet and
    elsewhere (yes, no, unknown), automatable (yes, no, NULL), human_impact (SSVC's word or NULL).
    Decided once for each distinct combination.
    """
    return _joined(facts, _own(facts, policy), "row, label, mildest, strictest, settled_by")


def due(rule: str, facts: pa.Table, policy: Policy) -> pa.Table:
    """Return `row`, `due` (DATE or NULL), `due_rule`, and `due_if_bad`: `due` if open questions go badly.

    `rule` is a section of obligations.toml (`own` or `bod_26_04`; dashes are fine). `facts` has the
    columns of `label` and kev (bool or NULL), kev_at, impact (partial, total or NULL) and first_seen.
    The clock starts when the exposure was first seen; for what is in the catalogue, not before it was
    added there. Unknown never counts as exposed: `due` takes the mildest outcome.
    """
    section = rule.replace("-", "_")
    title = policy.text(f"obligations.{section}.title").replace("'", "''")
    bod = section == "bod_26_04"
    start = "CASE WHEN f.kev AND f.kev_at > f.first_seen THEN f.kev_at ELSE f.first_seen END" if bod else "f.first_seen"
    days = _days(section, policy)
    whens = " ".join(f"WHEN '{outcome}' THEN {number}" for outcome, number in days.items())
    dates = {
        name: f"CAST({start} AS DATE) + CAST(CASE {name} {whens} END AS INTEGER)" for name in ("mildest", "strictest")
    }
    outcomes = _bod(facts, policy) if bod else _own(facts, policy)
    return _joined(
        facts,
        outcomes,
        f"""row, {dates["mildest"]} AS due,
        CASE WHEN {dates["mildest"]} IS NULL THEN '' ELSE '{title}: ' || mildest END AS due_rule,
        {dates["strictest"]} AS due_if_bad""",
    )


def _days(section: str, policy: Policy) -> dict[str, int]:
    found = {name: round(one.value) for name, one in policy.numbers(f"obligations.{section}").items()}
    if section == "bod_26_04":
        return {
            BOD[1]: found["sixty"],
            BOD[2]: found["fourteen"],
            BOD[3]: found["three"],
            BOD[4]: found["three"],
        }
    return {name.replace("_", "-"): number for name, number in found.items()}


def _own(facts: pa.Table, policy: Policy) -> pa.Table:
    table = deployer(policy)
    return _decided(
        facts,
        ("exploit", "internet", "elsewhere", "automatable", "human_impact"),
        lambda exploit, internet, elsewhere, automatable, human: table.outcome(
            EXPLOITATION.get(exploit), exposure(internet, elsewhere), automatable, human
        ),
    )


def _bod(facts: pa.Table, policy: Policy) -> pa.Table:
    table = bod_26_04(policy)
    answers = {True: "yes", False: "no", "yes": "yes", "no": "no"}
    return _decided(
        facts,
        ("kev", "internet", "automatable", "impact"),
        lambda kev, internet, automatable, impact: table.outcome(
            answers.get(kev), answers.get(internet), answers.get(automatable), impact
        ),
    )


def _decided(facts: pa.Table, names: Sequence[str], decide: Callable[..., Outcome]) -> pa.Table:
    """The outcome of each distinct combination of the named columns, beside the combination."""
    distinct = facts.select(names).group_by(list(names)).aggregate([])
    found = [decide(*(row[name] for name in names)) for row in distinct.to_pylist()]
    outcome = {
        "label": [one.label for one in found],
        "mildest": [one.mildest for one in found],
        "strictest": [one.strictest for one in found],
        "settled_by": [SETTLED_BY[one.settled_by[0]] if one.settled_by else "" for one in found],
    }
    for name, words in outcome.items():
        distinct = distinct.append_column(name, pa.array(words, pa.string()))
    return distinct


def _joined(facts: pa.Table, outcomes: pa.Table, select: str) -> pa.Table:
    import duckdb

    points = [name for name in outcomes.column_names if name in facts.column_names]
    on = " AND ".join(f"f.{name} IS NOT DISTINCT FROM o.{name}" for name in points)
    numbered = facts.append_column("_order", pa.array(range(len(facts)), pa.int64()))
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.register("f", numbered)
        connection.register("o", outcomes)
        query = f"SELECT {select} FROM f JOIN o ON {on} ORDER BY _order"
        return connection.sql(query).to_arrow_table()

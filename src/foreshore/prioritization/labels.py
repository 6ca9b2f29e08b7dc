"""Labels beside the risk: outcomes of SSVC and BOD 26-04 and deadline rules, read from tables as data.

A fact that is not known keeps all its possible values. The label then names the mildest and the
strictest outcome and the fact that decides between them; only what is known makes a deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from foreshore import scratch
from foreshore.policy.outcomes import OUTCOMES, POINTS, slug

if TYPE_CHECKING:
    from foreshore.policy import Policy

DEPLOYER, BOD, CISA = OUTCOMES["ssvc_deployer"], OUTCOMES["bod_26_04"], OUTCOMES["cisa_coordinator"]
TITLES = {
    "ssvc_deployer": "SSVC Deployer", "cisa_coordinator": "CISA's SSVC", "bod_26_04": "CISA BOD 26-04",
    "severity": "severity",
}  # fmt: skip
# The columns of a table of facts that a fact of the policy's mapping is taken from.
COLUMNS = {"reach": ("internet", "elsewhere")}
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
    "severity": "how severe it is",
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


class Points:
    """The policy's mapping from our facts to the points of the decision tables."""

    def __init__(self, policy: Policy) -> None:
        self._values: dict[str, dict[str, str]] = {}
        self.fact_of: dict[str, str] = {}
        for row in policy.table("decision_points"):
            self._values.setdefault(row["point"], {})[row["word"]] = row["value"]
            self.fact_of[row["point"]] = row["fact"]
        self._order = {point: values for points in POINTS.values() for point, values in points.items()}

    def value(self, point: str, words: str | None) -> str | None:
        """Return the value of a point, "a or b" where the fact may be several words, None where nothing is known."""
        known = self._values[point]
        possible = {known[word] for word in (words or "").split(" or ") if word in known}
        return " or ".join(one for one in self._order[point] if one in possible) or None

    def of(self, table: str, facts: Mapping[str, Any]) -> dict[str, str | None]:
        """Return the value of each point of a table, from facts by column."""
        return {point: self.value(point, word_of(self.fact_of[point], facts)) for point in POINTS[table]}


def word_of(fact: str, facts: Mapping[str, Any]) -> str | None:
    """Return the word (or "a or b") that columns of facts say of a fact of the mapping; None: nothing."""
    if fact == "reach":
        return reach(facts["internet"], facts["elsewhere"])
    found: str | bool | None = facts[fact]
    return found if found is None or isinstance(found, str) else ("yes" if found else "no")


def columns_of(points: Points, table: str) -> tuple[str, ...]:
    """Return the columns of facts that a decision table hangs on."""
    named = (COLUMNS.get(points.fact_of[point], (points.fact_of[point],)) for point in POINTS[table])
    return tuple(dict.fromkeys(column for columns in named for column in columns))


def table_of(policy: Policy, name: str) -> Table:
    """Return the decision table `name`; `severity` decides by itself."""
    if name == "severity":
        return Table([{"severity": one, "outcome": one} for one in OUTCOMES[name]], OUTCOMES[name])
    return Table(policy.table(name), OUTCOMES[name])


def deployer(policy: Policy) -> Table:
    """SSVC Deployer: exploitation, exposure, automatable, human impact."""
    return table_of(policy, "ssvc_deployer")


def bod_26_04(policy: Policy) -> Table:
    """CISA BOD 26-04: in KEV, publicly exposed, automatable, technical impact."""
    return table_of(policy, "bod_26_04")


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


def reach(internet: str, elsewhere: str = "yes") -> str:
    """Return which of internet, inside, nowhere the two answers allow; unknown is never the internet alone.

    `elsewhere` says whether another zone reaches it: if not, nothing does but perhaps the internet.
    """
    within = {"yes": "inside", "no": "nowhere"}.get(elsewhere, "inside or nowhere")
    return {"yes": "internet", "no": within}.get(internet, f"{within} or internet")


def label(facts: pa.Table, policy: Policy) -> pa.Table:
    """Return `row`, `label`, `mildest`, `strictest`, `settled_by` for each row of `facts`, in its order.

    `facts` has row (whole numbers, each once), exploit (the word of a signal), internet and
    elsewhere (yes, no, unknown), automatable (yes, no, NULL), human_impact (SSVC's word or NULL).
    Decided once for each distinct combination.
    """
    outcomes = _decided(facts, "ssvc_deployer", policy)
    return _joined(facts, outcomes, "row, label, mildest, strictest, settled_by")


_STARTS = {
    "first_seen": "f.first_seen",
    "kev_added": "CASE WHEN f.kev AND f.kev_at > f.first_seen THEN f.kev_at ELSE f.first_seen END",
    "published": "coalesce(f.published, f.first_seen)",
}


def due(rule: str, facts: pa.Table, policy: Policy) -> pa.Table:
    """Return `row`, `due` (DATE or NULL), `due_rule`, and `due_if_bad`: `due` if open questions go badly.

    `rule` is a section of obligations.toml (dashes are fine). `facts` has the columns of `label` and
    kev (bool or NULL), kev_at, impact (partial, total or NULL), severity (word or NULL), published and
    first_seen. The clock is the rule's: first_seen, kev_added (not before it was in the catalogue) or
    published. Unknown never counts as exposed: `due` takes the mildest outcome.
    """
    section = section_of(rule)
    title = policy.text(f"obligations.{section}.title").replace("'", "''")
    start = _STARTS[policy.text(f"obligations.{section}.clock")]
    days = days_of(section, policy)
    whens = " ".join(f"WHEN '{outcome}' THEN {number}" for outcome, number in days.items())
    dates = {
        name: f"CAST({start} AS DATE) + CAST(CASE {name} {whens} END AS INTEGER)" for name in ("mildest", "strictest")
    }
    return _joined(
        facts,
        _decided(facts, policy.text(f"obligations.{section}.decided_by"), policy),
        f"""row, {dates["mildest"]} AS due,
        CASE WHEN {dates["mildest"]} IS NULL THEN '' ELSE '{title}: ' || mildest END AS due_rule,
        {dates["strictest"]} AS due_if_bad""",
    )


def section_of(rule: str) -> str:
    """Return the section of obligations.toml that a scope or a person means: dashes are underscores."""
    return rule.strip().replace("-", "_")


def days_of(section: str, policy: Policy) -> dict[str, int]:
    """Return the days of a deadline rule by outcome; an outcome without days has no deadline."""
    found = policy.numbers(f"obligations.{section}")
    outcomes = OUTCOMES[policy.text(f"obligations.{section}.decided_by")]
    return {one: round(found[slug(one)].value) for one in outcomes if slug(one) in found}


def ratings(scores: Any, policy: Policy) -> Any:
    """Return the place in `facts.SEVERITIES` of each CVSS base score (an array); NaN gives the last place too many."""
    import numpy as np

    bounds = [policy.number(f"standards.rating.{one}").value for one in OUTCOMES["severity"][1:]]
    return np.digitize(scores, bounds)


def _decided(facts: pa.Table, name: str, policy: Policy) -> pa.Table:
    """The outcome of each distinct combination of a table's facts, beside the combination."""
    table, points = table_of(policy, name), Points(policy)
    columns = columns_of(points, name)
    distinct = facts.select(columns).group_by(list(columns)).aggregate([])
    found = [table.outcome(*points.of(name, row).values()) for row in distinct.to_pylist()]
    outcome = {
        "label": [one.label for one in found],
        "mildest": [one.mildest for one in found],
        "strictest": [one.strictest for one in found],
        "settled_by": [settled(one) for one in found],
    }
    for column, words in outcome.items():
        distinct = distinct.append_column(column, pa.array(words, pa.string()))
    return distinct


def settled(outcome: Outcome) -> str:
    """Return the fact that decides between the two outcomes, in words; '' where there is one."""
    return SETTLED_BY[outcome.settled_by[0]] if outcome.settled_by else ""


def _joined(facts: pa.Table, outcomes: pa.Table, select: str) -> pa.Table:

    points = [name for name in outcomes.column_names if name in facts.column_names]
    on = " AND ".join(f"f.{name} IS NOT DISTINCT FROM o.{name}" for name in points)
    numbered = facts.append_column("_order", pa.array(range(len(facts)), pa.int64()))
    with scratch.connect(threads=1) as connection:
        connection.register("f", numbered)
        connection.register("o", outcomes)
        query = f"SELECT {select} FROM f JOIN o ON {on} ORDER BY _order"
        return connection.sql(query).to_arrow_table()

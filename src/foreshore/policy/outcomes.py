"""Decision tables, the facts that lead to their points, and deadline rules: their words, and checks of edited copies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from foreshore.errors import BadPolicy
from foreshore.policy import words

Rows = Sequence[Mapping[str, str]]

# Outcomes of each table, from mild to strict; `severity` is no table of its own.
OUTCOMES: dict[str, tuple[str, ...]] = {
    "ssvc_deployer": ("defer", "scheduled", "out-of-cycle", "immediate"),
    "cisa_coordinator": ("track", "track*", "attend", "act"),
    "bod_26_04": ("fix on system upgrade", "60 days", "14 days", "3 days", "3 days & forensic investigation"),
    "severity": ("info", "low", "medium", "high", "critical"),
}
POINTS: dict[str, dict[str, tuple[str, ...]]] = {
    "ssvc_deployer": {
        "exploitation": ("none", "public poc", "active"), "exposure": ("small", "controlled", "open"),
        "automatable": ("no", "yes"), "human_impact": ("low", "medium", "high", "very high"),
    },
    "cisa_coordinator": {
        "exploitation": ("none", "public poc", "active"), "automatable": ("no", "yes"),
        "technical_impact": ("partial", "total"), "mission_and_wellbeing": ("low", "medium", "high"),
    },
    "bod_26_04": {
        "in_kev": ("no", "yes"), "publicly_exposed": ("no", "yes"), "automatable": ("no", "yes"),
        "technical_impact": ("partial", "total"),
    },
    "severity": {"severity": OUTCOMES["severity"]},
}  # fmt: skip
# What a fact may say where it is known; a word that is not here is an unknown.
FACTS: dict[str, tuple[str, ...]] = {
    "exploit": ("none_known", "poc", "weaponized", "built_in", "attacks", "ransomware"),
    "reach": ("internet", "inside", "nowhere"),
    "automatable": ("yes", "no"),
    "impact": ("partial", "total"),
    "kev": ("yes", "no"),
    "human_impact": ("low", "medium", "high", "very high"),
    "severity": OUTCOMES["severity"],
}
CLOCKS = ("first_seen", "kev_added", "published")
_ABOUT = ("title", "decided_by", "clock")
_THREAT = {"v4": ("A", "P", "U", "X"), "v3": ("H", "F", "P", "U", "X"), "v2": ("H", "F", "POC", "U", "ND")}


def slug(outcome: str) -> str:
    """Return the name under which a deadline rule has the days of an outcome: `3 days` is `3_days`, `*` is `star`."""
    return re.sub(r"[^a-z0-9]+", "_", outcome.lower().replace("*", " star")).strip("_")


def decision_table(name: str, rows: Rows) -> None:
    """Check that a table has every combination of its points once, each with a known outcome."""
    points, where = POINTS[name], f"{name}.csv"
    seen: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows, start=2):
        for point, values in points.items():
            words.one_of(row[point], values, f"{where}:{number}, {point}")
        words.one_of(row["outcome"], OUTCOMES[name], f"{where}:{number}, outcome")
        key = tuple(row[point] for point in points)
        if key in seen:
            raise BadPolicy(f"line {seen[key]} decides the same combination", where=f"{where}:{number}")
        seen[key] = number
    for choice in product(*points.values()):
        if choice not in seen:
            raise BadPolicy("no row decides " + ", ".join(choice), where=where, hint="one row for each combination")


def mapping(rows: Rows) -> None:
    """Check that each known word of each fact leads to one value of each point that hangs on it."""
    where = "decision_points.csv"
    values = {point: known for points in POINTS.values() for point, known in points.items()}
    seen: dict[tuple[str, str, str], int] = {}
    for number, row in enumerate(rows, start=2):
        place = f"{where}:{number}"
        words.one_of(row["point"], tuple(values), f"{place}, point")
        words.one_of(row["fact"], tuple(FACTS), f"{place}, fact")
        words.one_of(row["word"], FACTS[row["fact"]], f"{place}, word")
        words.one_of(row["value"], values[row["point"]], f"{place}, value")
        key = row["point"], row["fact"], row["word"]
        if key in seen:
            raise BadPolicy(f"line {seen[key]} says the same", where=place)
        seen[key] = number
    for point in values:
        facts = {fact for one, fact, _ in seen if one == point}
        if len(facts) != 1:
            raise BadPolicy(f"the point {point} has to hang on one fact", where=where)
        fact = facts.pop()
        missing = [word for word in FACTS[fact] if (point, fact, word) not in seen]
        if missing:
            raise BadPolicy(f"{point}: no row for {fact} {missing[0]}", where=where, hint="one row for each word")


def threat(rows: Rows) -> None:
    """Check the table of the threat metric: every row's letters are those of their version."""
    for number, row in enumerate(rows, start=2):
        place = f"threat_metric.csv:{number}"
        words.one_of(row["fact"], ("exploit", "source", "epss"), f"{place}, fact")
        if row["fact"] == "exploit":
            words.one_of(row["word"], (*FACTS["exploit"], "unknown"), f"{place}, word")
        for version, letters in _THREAT.items():
            words.one_of(row[version], letters, f"{place}, {version}")


def obligations(rules: Mapping[str, Any]) -> None:
    """Check deadline rules: a title, a known table, a known clock, and days for some of its outcomes."""
    where = "obligations.toml"
    for name, rule in rules.items():
        if not isinstance(rule, Mapping) or "value" in rule:
            raise BadPolicy("a section is expected here", where=f"{where}, {name}", hint=f"[{name}]")
        for about in _ABOUT:
            if not isinstance(rule.get(about), str) or not rule[about].strip():
                raise BadPolicy(f"it needs “{about}”, a text", where=f"{where}, {name}")
        words.one_of(rule["decided_by"], tuple(OUTCOMES), f"{where}, {name}.decided_by")
        words.one_of(rule["clock"], CLOCKS, f"{where}, {name}.clock")
        known = tuple(slug(one) for one in OUTCOMES[rule["decided_by"]])
        days = [entry for entry in rule if entry not in _ABOUT]
        if not days:
            raise BadPolicy("no outcome has days", where=f"{where}, {name}", hint="one of " + ", ".join(known))
        for entry in days:
            words.one_of(entry, known, f"{where}, {name}.{entry}")
            if not isinstance(rule[entry], Mapping) or rule[entry].get("unit") != "days":
                raise BadPolicy(
                    "days are expected here", where=f"{where}, {name}.{entry}",
                    hint='{ value = 30, low = 30, high = 30, unit = "days", source = "…" }',
                )  # fmt: skip


def requirements(levels: Mapping[str, Any]) -> None:
    """Check that each tier has a security requirement of CVSS: L, M or H; `source` says where they come from."""
    for tier, level in levels.items():
        if tier == "source":
            continue
        words.one_of(str(level), ("L", "M", "H"), f"standards.toml, requirement.{tier}")

"""What a policy file has to satisfy; every complaint names file and entry."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from foreshore.errors import BadPolicy
from foreshore.policy.words import one_of

# Sections where a team may add entries of its own names; each entry has the shape of one of ours.
OPEN = ("attackers.profile", "attackers.capability", "effort.hours", "effort.routine")
UNITS: dict[str, tuple[float, float]] = {
    "probability": (0.0, 1.0),
    "share": (0.0, 1.0),
    "per year": (0.0, 10_000.0),
    "factor": (0.0, 100.0),
    "weight": (0.0, 1e12),
    "hours": (0.0, 10_000.0),
    "days": (0.0, 36_500.0),
    "seconds": (0.0, 86_400.0),
    "count": (0.0, 1e9),
    "rank": (0.0, 100.0),
    "score": (0.0, 10.0),
}
_KEYS = {"value", "low", "high", "source", "unit"}
WAYS_IN = ("network", "user", "local", "library", "identity", "configuration")
GIVES = ("admin", "user", "identity", "data", "none")
# What may be said of an asset by several sources, and the words that stand for a kind of statement.
ATTRIBUTES = ("name", "kind", "os", "owner", "internet")
STATEMENTS = {"@authenticated": ATTRIBUTES, "@unauthenticated": ATTRIBUTES, "@fqdn": ("name",)}
MATURITIES = ("built_in", "weaponized", "poc", "none_known")


def is_number(entry: Any) -> bool:
    """Say whether `entry` is a number with its range: a table that has a value of its own."""
    return isinstance(entry, Mapping) and "value" in entry and not isinstance(entry["value"], Mapping)


def numbers(entries: Any, where: str, prefix: str = "") -> None:
    """Check every number below `entries`: keys, unit, bounds, low <= value <= high, a source."""
    if not isinstance(entries, Mapping):
        return
    for name, entry in entries.items():
        place = f"{where}, {prefix}{name}"
        if is_number(entry):
            _number(entry, place)
        elif isinstance(entry, (int, float)) and not isinstance(entry, bool):
            raise BadPolicy(
                "a bare number has no range and no source",
                where=place,
                hint='{value = 0.5, low = 0.3, high = 0.7, source = "where it comes from"}',
            )
        else:
            numbers(entry, where, f"{prefix}{name}.")


def _number(entry: Mapping[str, Any], place: str) -> None:
    if set(entry) - _KEYS or not {"value", "low", "high", "source"} <= set(entry):
        raise BadPolicy("a number needs value, low, high and source, and may have a unit", where=place)
    if not isinstance(entry["source"], str) or not entry["source"].strip():
        raise BadPolicy("the source is empty", where=place, hint="say where the number comes from")
    unit = entry.get("unit", "probability")
    if unit not in UNITS:
        raise BadPolicy(f"“{unit}” is not a unit", where=place, hint="one of " + ", ".join(UNITS))
    figures = [entry[key] for key in ("low", "value", "high")]
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in figures):
        raise BadPolicy("value, low and high have to be numbers", where=place)
    least, most = UNITS[unit]
    if not all(math.isfinite(one) and least <= one <= most for one in figures):
        raise BadPolicy(f"a {unit} lies between {least:g} and {most:g}", where=place)
    if not figures[0] <= figures[1] <= figures[2]:
        raise BadPolicy("it has to be low <= value <= high", where=place)


def against(own: Any, ours: Any, where: str, path: str) -> None:
    """Check that a team's copy has the entries of ours: none unknown, none missing, same kinds."""
    if is_number(ours):
        if not is_number(own):
            raise BadPolicy("a number with value, low, high and source is expected", where=f"{where}, {path}")
        return
    if not isinstance(ours, Mapping):
        if type(own) is not type(ours):
            raise BadPolicy(f"this has to be a {_kind(ours)}", where=f"{where}, {path}")
        return
    if not isinstance(own, Mapping) or is_number(own):
        raise BadPolicy("a section is expected here", where=f"{where}, {path}")
    if path == "obligations":
        return  # rules of a team's own names and outcomes: see `outcomes.obligations`
    if path in OPEN:
        for name, entry in own.items():
            against(entry, ours.get(name, next(iter(ours.values()))), where, f"{path}.{name}")
        return
    _same_names(own, ours, where, path)
    for name, entry in ours.items():
        against(own[name], entry, where, f"{path}.{name}")


def _same_names(own: Mapping[str, Any], ours: Mapping[str, Any], where: str, path: str) -> None:
    for name in own:
        if name not in ours:
            raise BadPolicy("there is no such entry", where=f"{where}, {path}.{name}", hint="one of " + ", ".join(ours))
    for name in ours:
        if name not in own:
            raise BadPolicy(
                "this entry is missing: a team's file replaces ours whole",
                where=f"{where}, {path}.{name}",
                hint="copy the shipped file and change it",
            )


def _kind(value: Any) -> str:
    return {str: "text", list: "list", bool: "true or false"}.get(type(value), type(value).__name__)


def columns(rows: list[dict[str, str]], ours: list[dict[str, str]], where: str) -> None:
    """Check that a team's table has rows, and exactly the columns of ours."""
    expected = list(ours[0])
    if not rows:
        raise BadPolicy("the table is empty", where=where, hint="columns " + ", ".join(expected))
    if list(rows[0]) != expected:
        raise BadPolicy("the columns differ from ours", where=f"{where}:1", hint=", ".join(expected))


def classes(rows: list[dict[str, str]], where: str) -> None:
    """Check the table of weakness classes: patterns compile, words are known, ranges are ranges."""
    for number, row in enumerate(rows, start=2):
        place = f"{where}:{number}, {row['name']}"
        _pattern(row["pattern"], place)
        one_of(row["way_in"], WAYS_IN, place)
        one_of(row["gives"], GIVES, place)
        one_of(row["maturity"], MATURITIES, place)
        try:
            figures = {key: float(row[key]) for key in ("low", "value", "high")}
        except ValueError as error:
            raise BadPolicy("low, value and high have to be numbers", where=place) from error
        _number({**figures, "source": row["source"]}, place)


def precedence(rows: list[dict[str, str]], where: str) -> None:
    """Check the table of whose word counts: known attributes, ranks, a reason, and a row `*` for each attribute."""
    first: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows, start=2):
        attribute, source = row["attribute"].strip(), row["source"].strip().lower()
        place = f"{where}:{number}, {attribute} from {source}"
        one_of(attribute, ATTRIBUTES, place)
        if not source:
            raise BadPolicy(
                "the source is empty", where=place, hint="the name of a source as foreshore sources prints it, or *"
            )
        if source.startswith("@"):
            one_of(source, tuple(name for name, of in STATEMENTS.items() if attribute in of), place)
        if not re.fullmatch(r"[0-9]{1,3}", row["rank"].strip()) or int(row["rank"]) > UNITS["rank"][1]:
            raise BadPolicy(f"“{row['rank']}” is not a rank", where=place, hint="a whole number from 0 (first) to 100")
        if not row["why"].strip():
            raise BadPolicy("the reason is empty", where=place, hint="say why this source is right more often")
        if (attribute, source) in first:
            raise BadPolicy(f"line {first[attribute, source]} has the same attribute and source", where=place)
        first[attribute, source] = number
    for attribute in ATTRIBUTES:
        if (attribute, "*") not in first:
            raise BadPolicy(f"{attribute} has no row for the source *", where=where, hint="add one, for all the others")


def _pattern(pattern: str, place: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadPolicy(f"the pattern is not a regular expression: {error}", where=place) from error

"""A policy as it would be: some of its numbers set to another value."""

from __future__ import annotations

import math
from typing import Any

from foreshore import policy
from foreshore.policy import checks


def names(rules: policy.Policy) -> set[str]:
    """Return the names of all numbers of a policy."""
    found: set[str] = set()

    def walk(entry: Any, name: str) -> None:
        if checks.is_number(entry):
            found.add(name)
        elif isinstance(entry, dict):
            for part, below in entry.items():
                walk(below, f"{name}.{part}" if name else part)

    content = rules.content()
    walk(content["settings"], "")
    return found | {f"weakness_classes.{row['name']}" for row in content["tables"]["weakness_classes"]}


def with_numbers(rules: policy.Policy, numbers: dict[str, float]) -> policy.Policy:
    """Return the policy with other values; their ranges move along (probabilities by their odds)."""
    content = rules.content()
    for name, value in numbers.items():
        was = rules.number(name)
        low, high = _moved(was, value)
        if name.startswith("weakness_classes."):
            entries: Any = content["tables"]["weakness_classes"]
            entry: Any = next(row for row in entries if row["name"] == name.partition(".")[2])
            entry |= {"value": str(value), "low": str(low), "high": str(high)}
            continue
        entry = content["settings"]
        *path, last = name.split(".")
        for part in path:
            entry[part] = dict(entry[part])
            entry = entry[part]
        entry[last] = {**entry[last], "value": value, "low": low, "high": high, "source": "supposed"}
    return policy.restore(content)


def _moved(was: policy.Parameter, value: float) -> tuple[float, float]:
    """Return the range of a number that is another: as far apart as before, by odds or by ratio."""
    least, most = checks.UNITS[was.unit]
    if was.unit not in ("probability", "share"):
        ratio = value / was.value if was.value else 1.0
        return max(least, min(value, was.low * ratio)), min(most, max(value, was.high * ratio))
    if not 0 < value < 1 or not 0 < was.value < 1:
        return value, value
    shift = math.log(value / (1 - value)) - math.log(was.value / (1 - was.value))

    def moved(one: float) -> float:
        return one if one in (0.0, 1.0) else 1 / (1 + math.exp(-(math.log(one / (1 - one)) + shift)))

    return min(value, moved(was.low)), max(value, moved(was.high))

"""Versions as their makers order them, so that "upgrade to" names the smallest version that is enough."""

from __future__ import annotations

import re

from foreshore.versions import reaches

_SPLIT = re.compile(r"[,;|]| or ")
_PARTS = re.compile(r"(\d+)")


def _natural(version: str) -> tuple[tuple[int, int, str], ...]:
    parts = (part for part in _PARTS.split(version.lower()) if part)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def _less(left: str, right: str, ecosystem: str) -> bool:
    """By the ecosystem's own order; by numbers and letters where nobody can say."""
    reached = reaches(ecosystem, left, right)
    return not reached if reached is not None else _natural(left) < _natural(right)


def major(version: str) -> str:
    """Return the first number of a version, without a distribution's epoch."""
    found = re.search(r"\d+", version.split(":", 1)[-1])
    return found.group() if found else ""


def enough(installed: str, fixed: str, ecosystem: str = "") -> str:
    """Return, of the versions listed in `fixed`, the smallest above `installed`, of its own major if any."""
    listed = [part.strip() for part in _SPLIT.split(fixed) if part.strip()]
    above = [one for one in listed if not installed or _less(installed, one, ecosystem)]
    branch = [one for one in above if installed and major(one) == major(installed)]
    return least(branch or above, ecosystem)


def least(versions: list[str], ecosystem: str = "") -> str:
    """Return the smallest of `versions`, '' of none."""
    best = ""
    for version in versions:
        if not best or _less(version, best, ecosystem):
            best = version
    return best


def greatest(versions: list[str], ecosystem: str = "") -> str:
    """Return the greatest of `versions`, '' of none."""
    best = ""
    for version in versions:
        if version and (not best or _less(best, version, ecosystem)):
            best = version
    return best

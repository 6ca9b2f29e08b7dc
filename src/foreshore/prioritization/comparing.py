"""Installed versions against what vendors name, in the order of each ecosystem; None where nobody can say."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from foreshore import versions

_EPOCH = re.compile(r"(?<![\w.])(\d+):([^-|,<>=\s]+)")
_CONSTRAINT = re.compile(r"(>=|<=|!=|=|<|>)?([^<>=!|\s]+)")


def with_epoch(kind: str, installed: str, told: list[str]) -> str:
    """Return the installed version with the epoch (`1:`) that vendors give the same upstream version.

    Scanners and banners drop epochs. Where no vendor names the same upstream version, nothing is added.
    """
    if kind not in ("deb", "rpm") or not installed or ":" in installed:
        return installed
    own = installed.partition("-")[0]
    found = {
        epoch for text in told for epoch, upstream in _EPOCH.findall(text.partition("/")[2] or text) if upstream == own
    }
    return f"{found.pop()}:{installed}" if len(found) == 1 else installed


def at_least(kind: str, installed: str, wanted: str) -> bool:
    """Is `installed` at or above `wanted` in the order of the package type `kind`? False where nobody can say."""
    if kind in ("deb", "rpm") and ":" in installed and ":" not in wanted:
        return bool(versions.reaches(kind, installed.split(":", 1)[1], wanted))
    return bool(versions.reaches(kind, installed, wanted))


@lru_cache(maxsize=200_000)
def holds(kind: str, span: str, installed: str) -> bool | None:
    """Does the range in VERS notation (`vers:deb/>=1|<2|>=3|<4`) hold the version? None where nobody can say.

    Constraints are read as intervals in their order, so that intervals may overlap.
    """
    scheme, slash, listed = span.partition("/")
    if not slash or not listed or versions.key(kind, installed) is None:
        return None
    if listed == "*":
        return scheme != "vers:none"
    low: tuple[str, str] | None = None
    inside = False
    for text in listed.split("|"):
        found = _CONSTRAINT.fullmatch(text.strip())
        if found is None or versions.key(kind, unquote(found[2])) is None:
            return None
        sign, bound = found[1] or "=", unquote(found[2])
        if sign in (">", ">="):
            inside = inside or (low is not None and _meets(kind, installed, *low))
            low = (sign, bound)
        elif sign in ("<", "<="):
            inside = inside or ((low is None or _meets(kind, installed, *low)) and _meets(kind, installed, sign, bound))
            low = None
        elif sign == "!=" and _meets(kind, installed, "=", bound):
            return False
        elif sign == "=":
            inside = inside or _meets(kind, installed, "=", bound)
    return inside or (low is not None and _meets(kind, installed, *low))


def _meets(kind: str, installed: str, sign: str, bound: str) -> bool:
    above, below = bool(versions.reaches(kind, installed, bound)), bool(versions.reaches(kind, bound, installed))
    return {">=": above, ">": above and not below, "<=": below, "<": below and not above, "=": above and below}[sign]

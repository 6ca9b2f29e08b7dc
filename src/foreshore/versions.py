"""Versions in the order that the makers of each ecosystem give them; the one place that knows it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_ALPINE = re.compile(
    r"(?P<numbers>\d+(?:\.\d+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(?P<build>\d+))?\Z"
)
_SUFFIX = re.compile(r"_([a-z]+)(\d*)")
# What stands before the release itself, and after it.
_SUFFIXES = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}

AlpineOrder = tuple[tuple[tuple[int, int, str], ...], str, tuple[tuple[int, int], ...], int]


@lru_cache(maxsize=100_000)
def alpine(version: str) -> AlpineOrder | None:
    """Return a key that orders versions of Alpine's packages as its package manager does; None for no version.

    Numbers by size (with a leading zero as a fraction), then the letter, then suffixes before or after the
    release, then the build (Alpine's APKBUILD reference, `pkgver` and `pkgrel`).
    """
    found = _ALPINE.match(version)
    if found is None:
        return None
    first, *others = found["numbers"].split(".")
    numbers = [(1, int(first), "")]
    numbers += [(0, 0, one.rstrip("0")) if one[0] == "0" and len(one) > 1 else (1, int(one), "") for one in others]
    suffixes = []
    for word, number in _SUFFIX.findall(found["suffixes"]):
        if word not in _SUFFIXES:
            return None
        suffixes.append((_SUFFIXES[word], int(number or 0)))
    return tuple(numbers), found["letter"], (*suffixes, (0, 0)), int(found["build"] or 0)


@lru_cache(maxsize=200_000)
def key(kind: str, text: str) -> Any:
    """Return what orders versions of the purl type `kind`; None for a type or a version that nobody can order."""
    if kind == "apk":  # univers orders 1.36.1-r10 before 1.36.1-r9
        return alpine(text)
    from univers.version_range import RANGE_CLASS_BY_SCHEMES

    scheme = RANGE_CLASS_BY_SCHEMES.get(kind)
    if scheme is None or not text:
        return None
    try:
        make: Any = scheme.version_class
        return make(text)
    except Exception:  # univers raises different errors for a version that is none of its scheme
        return None


@lru_cache(maxsize=200_000)
def reaches(kind: str, one: str, other: str) -> bool | None:
    """Say whether `one` is at or above `other` in the order of the purl type `kind`; None where nobody can say."""
    low, high = key(kind, other), key(kind, one)
    if low is None or high is None:
        return None
    try:
        return bool(high >= low)
    except Exception:  # univers raises different errors for versions that it cannot compare
        return None

"""Which weaknesses a finding is about, by their public names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from foreshore.discovery.patterns import regex

_CVE = regex(r"CVE-\d{4}-\d{4,19}", re.IGNORECASE)
_GHSA = regex(r"GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}", re.IGNORECASE)
PUBLIC = ("CVE-", "GHSA-")


@lru_cache(maxsize=262_144)
def normal(name: str) -> str:
    """The one spelling of a weakness' name: `CVE-2021-44228`, `GHSA-jfh8-c2jp-5v3q`, others stripped."""
    name = name.strip()
    if _CVE.fullmatch(name):
        return name.upper()
    if _GHSA.fullmatch(name):
        return "GHSA-" + name[5:].lower()
    return name


@lru_cache(maxsize=262_144)
def canonical(names: tuple[str, ...], tool: str, rule: str) -> tuple[str, ...]:
    """The weaknesses that a finding yields exposures for, sorted: its CVEs, else GHSAs, else others, else
    the rule.

    Where a finding names a CVE, a GHSA beside it is another name of the same. Without any name the
    weakness is `tool:rule`.
    """
    known = sorted({normal(name) for name in names if name.strip()})
    for prefix in PUBLIC:
        public = tuple(name for name in known if name.startswith(prefix))
        if public:
            return public
    return tuple(known) or (f"{tool.strip().lower()}:{rule}",)


def is_public(name: str) -> bool:
    """Is `name` a CVE or GHSA?"""
    return name.startswith(PUBLIC)


def has_exposure(kind: str, severity: str, names: Sequence[str]) -> bool:
    """Does a finding of this sort yield exposures? Observations and information without a named weakness do
    not."""
    return kind != "observation" and (severity != "info" or any(map(is_public, map(normal, names))))

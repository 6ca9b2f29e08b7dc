"""What Qualys' formats have in common: levels, types, CVSS with its vector, states."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import ExposureKind, Proof, Severity, Word

_LEVELS: dict[str, Severity] = {"1": "info", "2": "low", "3": "medium", "4": "high", "5": "critical"}
_END = regex(r"\bEOL/Obsolete\b|\bend[ -]of[ -]life\b", re.IGNORECASE)
_TAG = regex(r"<[^<>]{1,2000}>")
_BREAK = regex(r"<(?:br|p|/p|li)\s*/?>\s*", re.IGNORECASE)
_EMPTY = frozenset({"", "-", "'-", "n/a", "na", "none", "not  applicable.", "not applicable."})
# Checks that list open ports in their result, by protocol.
PORT_LISTS = {"82023": "tcp", "82004": "udp"}
_PORT_LINE = regex(r"^(\d{1,5})\t[^\t\n]*\t[^\t\n]*\t([^\t\n]*)", re.MULTILINE)


class Check(NamedTuple):
    """What Qualys' knowledge base says of a check (QID)."""

    title: str = ""
    level: str = ""
    category: str = ""
    threat: str = ""
    impact: str = ""
    solution: str = ""
    weaknesses: tuple[str, ...] = ()
    vendor: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    cvss3: str = ""
    cvss2: str = ""
    cwes: tuple[int, ...] = ()


def filled(text: str | None) -> str:
    """The text, '' for the ways in which Qualys writes that there is none."""
    value = (text or "").strip()
    return "" if value.lower() in _EMPTY else value


def plain(text: str | None) -> str:
    """Text without its HTML."""
    value = filled(text)
    if "<" not in value and "&" not in value:
        return value
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", value))).strip()


def severity(level: str, kind: str) -> Severity:
    """The severity of a level 1..5 (minimal to urgent); what was only gathered is informational."""
    if is_information(kind):
        return "info"
    return _LEVELS.get(level.strip(), "info")


def is_information(kind: str) -> bool:
    """Is it "information gathered", a fact and no weakness?"""
    word = kind.strip().lower()
    return word in ("ig", "info", "information") or word.startswith("information gathered")


def is_potential(kind: str) -> bool:
    """Is it a practice or potential vulnerability, concluded without having been confirmed?"""
    return kind.strip().lower() in ("practice", "potential")


def kind_of(title: str, kind: str, weaknesses: tuple[str, ...], vendor: tuple[str, ...]) -> ExposureKind:
    """The kind of exposure."""
    if is_information(kind):
        return "observation"
    if _END.search(title):
        return "end_of_life"
    return "vulnerability" if weaknesses or vendor else "misconfiguration"


def proof_of(kind: str, category: str, tracking: str) -> Proof:
    """How it was seen: potential by a banner; by an agent or a login in packages; else not told."""
    if is_potential(kind):
        return "banner"
    agent = "agent" in tracking.lower() or tracking.lower() == "qualys"
    local = category.lower() in ("local", "windows", "security policy") or "security advisor" in category.lower()
    return "package" if agent or local else "unknown"


def word_of(state: str) -> Word:
    """Qualys' own word: fixed, or open in any of its ways."""
    return "fixed" if state.strip().lower() == "fixed" else "open"


def cvss(cvss3: str, cvss2: str) -> tuple[float | None, str]:
    """(score, vector) of "8.1 (AV:N/AC:H/...)", version 3 if it is there."""
    for text, kind in ((cvss3, "CVSS:3.0"), (cvss2, "")):
        score = naming.score(text.partition(" ")[0])
        if score is not None:
            return score, hosts.vector(text, kind)
    return None, ""


def fix_of(title: str, vendor: tuple[str, ...]) -> str:
    """The one article or bulletin that fixes it; several articles name none."""
    articles = [one for one in vendor if one.upper().startswith("KB")]
    if len(articles) > 1:
        return ""
    return hosts.fix_name(title, *vendor)


def listed_ports(result: str) -> list[tuple[int, str]]:
    """(port, service) of a table of open ports."""
    return [
        (int(number), "" if service.strip() in ("", "unknown") else service.strip())
        for number, service in _PORT_LINE.findall(result)
        if 0 < int(number) < 65536
    ]

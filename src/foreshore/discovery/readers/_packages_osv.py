"""Records of the OSV schema, as scanners of dependencies carry them in their reports."""

from __future__ import annotations

from typing import Any

import msgspec

from foreshore.discovery.readers import _naming, _packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Severity


class _Score(msgspec.Struct, gc=False):
    type: Scalar = None
    score: Scalar = None


class _Link(msgspec.Struct, gc=False):
    url: Scalar = None


class _Package(msgspec.Struct, gc=False):
    name: Scalar = None
    ecosystem: Scalar = None


class _Range(msgspec.Struct, gc=False):
    type: Scalar = None
    events: list[dict[str, Any]] | None = None


class _Affected(msgspec.Struct, gc=False):
    package: _Package | None = None
    ranges: list[_Range] | None = None
    severity: list[_Score] | None = None
    database_specific: dict[str, Any] | None = None
    ecosystem_specific: dict[str, Any] | None = None


class Osv(msgspec.Struct, gc=False):
    """One record; `severity` is a list of vectors, or a word in databases that somebody edited."""

    id: Scalar = None
    aliases: list[Scalar] | None = None
    upstream: list[Scalar] | None = None
    summary: Scalar = None
    details: Scalar = None
    withdrawn: Scalar = None
    severity: list[_Score] | Scalar = None
    references: list[_Link] | None = None
    affected: list[_Affected] | None = None
    database_specific: dict[str, Any] | None = None


def names(record: Osv) -> list[str]:
    """The record's identifier, then its aliases, then what it was made from."""
    every = (record.id, *(record.aliases or ()), *(record.upstream or ()))
    return [text for one in every if (text := _naming.text(one))]


def vector(record: Osv) -> str:
    """The vector of the newest CVSS that the record gives."""
    rows = [one for one in record.severity if one.score] if isinstance(record.severity, list) else []
    for held in record.affected or ():
        rows.extend(one for one in held.severity or () if one.score)
    found = [one for one in rows if _naming.text(one.type).startswith("CVSS_V")]
    best = max(found, key=lambda one: _naming.text(one.type), default=None)
    return _naming.text(best.score) if best is not None else ""


def severity(record: Osv) -> Severity | None:
    """The word that the record itself has for it; a package made to do harm is critical, and never rated."""
    if _naming.text(record.id).startswith("MAL-"):
        return "critical"
    if isinstance(record.severity, str):
        return _naming.severity(record.severity)
    specific = [record.database_specific or {}, *((one.database_specific or {}) for one in record.affected or ())]
    specific.extend((one.ecosystem_specific or {}) for one in record.affected or ())
    for held in specific:
        if (word := _naming.text(held.get("severity"))) and _naming.is_severity(word):
            return _naming.severity(word)
    return None


def cwes(record: Osv) -> tuple[int, ...]:
    """CWE numbers, which each database keeps under a name of its own."""
    found: list[object] = []
    for held in (record.database_specific or {}, *((one.database_specific or {}) for one in record.affected or ())):
        for name in ("cwe_ids", "cwes", "cwe"):
            rows = held.get(name)
            for one in rows if isinstance(rows, list) else [rows]:
                found.append(one.get("cweId") if isinstance(one, dict) else one)
    return _packages.cwes([one for one in found if one])


def fixed(record: Osv, name: str) -> str:
    """The versions of package `name` that end its vulnerable ranges."""
    found = [
        text
        for one in record.affected or ()
        if one.package is None or _naming.text(one.package.name).lower() == name.lower()
        for span in one.ranges or ()
        if _naming.text(span.type).upper() != "GIT"
        for event in span.events or ()
        if (text := _naming.text(event.get("fixed")))
    ]
    return ", ".join(dict.fromkeys(found))


def references(record: Osv) -> tuple[str, ...]:
    """The addresses of the record, its page in its database first."""
    page = _naming.text((record.database_specific or {}).get("url"))
    rows = (page, *(_naming.text(one.url) for one in record.references or ()))
    return tuple(dict.fromkeys(text for text in rows if text.startswith(("http://", "https://"))))

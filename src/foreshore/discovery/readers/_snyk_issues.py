"""Issues of Snyk's REST interface: their structures, and which ecosystem a Snyk identifier is of."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming, _packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Word


class _Class(msgspec.Struct, gc=False):
    id: Scalar = None


class _Problem(msgspec.Struct, gc=False):
    id: Scalar = None
    source: Scalar = None
    url: Scalar = None


class _Severity(msgspec.Struct, gc=False):
    source: Scalar = None
    score: Scalar = None
    vector: Scalar = None
    version: Scalar = None


class _Resolution(msgspec.Struct, gc=False):
    resolved_at: Scalar = None
    type: Scalar = None


class Dependency(msgspec.Struct, gc=False):
    """A package as the place of an issue."""

    package_name: Scalar = None
    package_version: Scalar = None


class _Point(msgspec.Struct, gc=False):
    line: Scalar = None


class _Region(msgspec.Struct, gc=False):
    start: _Point | None = None


class Source(msgspec.Struct, gc=False):
    """A part of a file as the place of an issue."""

    file: Scalar = None
    region: _Region | None = None


class _Resource(msgspec.Struct, gc=False):
    name: Scalar = None
    native_id: Scalar = None
    type: Scalar = None


class _Cloud(msgspec.Struct, gc=False):
    resource: _Resource | None = None


class Place(msgspec.Struct, gc=False):
    """One way to say where an issue is; one of its parts is set."""

    dependency: Dependency | None = None
    sourceLocation: Source | None = None  # noqa: N815 - named as the format names it
    resourcePath: Scalar = None  # noqa: N815
    cloud_resource: _Cloud | None = None


class _Remedy(msgspec.Struct, gc=False):
    description: Scalar = None


class _Coordinate(msgspec.Struct, gc=False):
    representations: list[Place] | None = None
    remedies: list[_Remedy] | None = None
    reachability: Scalar = None


class Attributes(msgspec.Struct, gc=False):
    """What is said of an issue."""

    key: Scalar = None
    type: Scalar = None
    title: Scalar = None
    description: Scalar = None
    effective_severity_level: Scalar = None
    status: Scalar = None
    ignored: Scalar = None
    created_at: Scalar = None
    resolution: _Resolution | None = None
    classes: list[_Class] | None = None
    problems: list[_Problem] | None = None
    severities: list[_Severity] | None = None
    coordinates: list[_Coordinate] | None = None
    exploit_details: dict[str, Any] | None = None


class _Data(msgspec.Struct, gc=False):
    id: Scalar = None
    type: Scalar = None
    attributes: dict[str, Any] | None = None


class _Related(msgspec.Struct, gc=False):
    data: _Data | None = None


class _Relationships(msgspec.Struct, gc=False):
    scan_item: _Related | None = None
    organization: _Related | None = None


class Issue(msgspec.Struct, gc=False):
    """One issue of a project or of an environment."""

    attributes: Attributes
    id: Scalar = None
    relationships: _Relationships | None = None


_KEY = regex(r"^SNYK-([A-Z]+)[0-9]*-", re.IGNORECASE)


def ecosystem(key: str) -> str:
    """The ecosystem that Snyk writes into its identifiers (`SNYK-PYTHON-PILLOW-1`, `npm:ms:20170412`)."""
    if match := _KEY.match(key):
        return match.group(1).lower()
    return key.partition(":")[0] if key.count(":") == 2 else ""


def word(said: Attributes) -> Word:
    """Resolved is fixed; ignored is suppressed, as the answer does not give the reason."""
    if _naming.text(said.status) == "resolved":
        return "fixed"
    return "suppressed" if said.ignored is True else "open"


def cvss(said: Attributes) -> tuple[str, float | None]:
    """Snyk's own vector of the newest version of CVSS, else that of another source."""
    rows = [one for one in said.severities or () if one.vector]
    best = max(rows, key=lambda one: (_naming.text(one.source) == "Snyk", _naming.text(one.version)), default=None)
    return (_naming.text(best.vector), _naming.score(best.score)) if best is not None else ("", None)


def public(said: Attributes) -> tuple[str, ...]:
    """The CVEs of an issue, else its GHSAs, else Snyk's own advisory."""
    names = [_naming.text(one.id) for one in said.problems or ()]
    key = _naming.text(said.key)
    return _naming.public_ids(*names) or ((key,) if key.upper().startswith("SNYK-") or ecosystem(key) else ())


def exploit(said: Attributes) -> tuple[str, ...]:
    """How far exploits are, by the newest CVSS that says it."""
    levels = (said.exploit_details or {}).get("maturity_levels")
    rows = [one for one in levels if isinstance(one, dict)] if isinstance(levels, list) else []
    stated = [one for one in rows if _naming.text(one.get("level")).lower() not in ("", "not defined", "no data")]
    best = max(stated, key=lambda one: _naming.text(one.get("format")), default=None)
    return (f"exploit={_naming.text(best.get('level'))}",) if best is not None else ()


def places(said: Attributes) -> list[tuple[Place, str, str]]:
    """(place, remedy, reachability) for each package, part of a file or resource; one empty place if there is none."""
    found: list[tuple[Place, str, str]] = []
    for coordinate in said.coordinates or ():
        rows = coordinate.representations or []
        precise = [one for one in rows if one.dependency or one.sourceLocation or one.cloud_resource]
        remedy = "\n".join(text for one in coordinate.remedies or () if (text := _naming.text(one.description)))
        reach = _naming.text(coordinate.reachability)
        reach = "" if reach in ("no-info", "not-applicable") else reach
        found.extend((one, remedy, reach) for one in precise or rows)
    return found or [(Place(), "", "")]


def component(key: str, name: str) -> str:
    """The purl of package `name` of the issue `key`."""
    word = ecosystem(key)
    if word in ("debian", "ubuntu", "alpine", "wolfi", "chainguard"):
        name = name.rpartition("/")[2]
    return _packages.component(word, name)

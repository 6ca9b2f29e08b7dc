"""Clair version 4: one document of packages, weaknesses and where they meet, tied by numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Skipped

_FIXED = regex(r"\bfixed=([^&\s]{1,100})")


class _Package(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None


class _Distribution(msgspec.Struct, gc=False):
    did: Scalar = None
    version_id: Scalar = None
    pretty_name: Scalar = None


class _Repository(msgspec.Struct, gc=False):
    name: Scalar = None


class _Environment(msgspec.Struct, gc=False):
    package_db: Scalar = None
    distribution_id: Scalar = None


class _Vulnerability(msgspec.Struct, gc=False):
    name: Scalar = None
    description: Scalar = None
    issued: Scalar = None
    links: Scalar = None
    severity: Scalar = None
    normalized_severity: Scalar = None
    distribution: _Distribution | None = None
    repository: _Repository | None = None
    fixed_in_version: Scalar = None


class _Document(msgspec.Struct, gc=False):
    manifest_hash: Scalar = None
    packages: dict[str, _Package] | None = None
    distributions: dict[str, _Distribution] | None = None
    environments: dict[str, list[_Environment] | None] | None = None
    vulnerabilities: dict[str, msgspec.Raw] | None = None
    package_vulnerabilities: dict[str, list[Scalar] | None] | None = None
    enrichments: Any = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
# Beginnings of the place of a package's record -> the kind of package
_PLACES = (
    ("python:", "python"), ("maven:", "java"), ("java:", "java"), ("jar:", "java"), ("go:", "go"),
    ("ruby:", "gem"), ("nodejs:", "npm"), ("rubygems:", "gem"),
)  # fmt: skip
_REPOSITORIES = {"pypi": "python", "maven": "java", "rubygems": "gem", "go": "go", "npm": "npm"}


def read(report: facts.Report) -> Iterator[Record]:
    """Yield the run, the image, and one finding for each weakness of each package."""
    document = _decoding.whole(report, _DECODER)
    if document.packages is None and document.vulnerabilities is None:
        raise BadReport(
            "is JSON of Clair without packages",
            where=report.name,
            hint="export with `clairctl report --out json IMAGE` and keep the whole file",
        )
    yield _images.run("clair", (), version="4")
    main = next(iter((document.distributions or {}).values()), None)
    os = _naming.text(main.pretty_name) or _os(main) if main else ""
    sighting = _images.image([], [_naming.text(document.manifest_hash)], os=os)
    yield sighting
    known: dict[str, _Vulnerability] = {}
    for number, raw in (document.vulnerabilities or {}).items():
        try:
            known[number] = _decoding.element(_VULNERABILITY, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield Skipped(f"vulnerabilities.{number}", _decoding.why(error))
    scores = _scores(document.enrichments)
    for package, numbers in (document.package_vulnerabilities or {}).items():
        held = (document.packages or {}).get(package) or _Package()
        environment = _environment(document, package)
        for number in map(_naming.text, numbers or ()):
            row = known.get(number)
            if row is None or not row.name:
                yield Skipped(f"package_vulnerabilities.{package}", f"there is no weakness {number} in the report")
                continue
            yield _finding(sighting.key, held, environment, row, scores.get(number, ("", None)))


def _os(distribution: _Distribution) -> str:
    return f"{_naming.text(distribution.did)} {_naming.text(distribution.version_id)}".strip()


def _environment(document: _Document, package: str) -> tuple[str, str]:
    """(where the package is recorded, its distribution) of a package."""
    for one in (document.environments or {}).get(package) or ():
        said = (document.distributions or {}).get(_naming.text(one.distribution_id))
        return _naming.text(one.package_db), _os(said) if said else ""
    return "", ""


def _finding(
    asset: str,
    package: _Package,
    environment: tuple[str, str],
    row: _Vulnerability,
    cvss: tuple[str, float | None],
) -> Finding:
    # A vendor's advisory is followed by its title: "RHSA-2099:0001: example security update (Important)"
    rule, name = _naming.text(row.name).partition(": ")[0], _naming.text(package.name)
    links = _naming.text(row.links).split()
    place, os = environment
    if row.distribution is not None and not os:
        os = _os(row.distribution)
    kind = _kind(place, row)
    fixed = _naming.text(row.fixed_in_version)
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_severity(row),
        weaknesses=_images.advisory(rule, *links),
        component=_images.component(kind, os, name),
        component_name=name,
        version=_naming.text(package.version),
        fixed_version=found.group(1) if (found := _FIXED.search(fixed)) else fixed,
        path=place.partition(":")[2] if kind != "os" else "",
        cvss_vector=cvss[0],
        cvss_score=cvss[1],
        proof="package",
        description=_naming.text(row.description),
        references=tuple(dict.fromkeys(links)),
    )


def _severity(row: _Vulnerability) -> facts.Severity:
    """Clair's own step; where that is unknown, the source's word if it is one of ours."""
    said = _naming.text(row.normalized_severity)
    if said.lower() in ("", "unknown"):
        said = _naming.text(row.severity)
    return _naming.severity(said)


def _kind(place: str, row: _Vulnerability) -> str:
    for start, kind in _PLACES:
        if place.startswith(start):
            return kind
    repository = _naming.text(row.repository.name).lower() if row.repository else ""
    return _REPOSITORIES.get(repository, "os")


def _scores(enrichments: object) -> dict[str, tuple[str, float | None]]:
    """Weakness number -> its CVSS vector and score, of the newest version that is given."""
    found: dict[str, tuple[str, float | None]] = {}
    for name, rows in enrichments.items() if isinstance(enrichments, dict) else ():
        if "cvss" not in name or not isinstance(rows, list):
            continue
        for by_number in rows:
            for number, values in by_number.items() if isinstance(by_number, dict) else ():
                if best := _best(values):
                    found.setdefault(number, best)
    return found


def _best(values: object) -> tuple[str, float | None] | None:
    rows = [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
    rows = [one for one in rows if one.get("vectorString")]
    if not rows:
        return None
    newest = max(rows, key=lambda one: _naming.text(one.get("version")))
    return _naming.text(newest["vectorString"]), _naming.score(newest.get("baseScore"))

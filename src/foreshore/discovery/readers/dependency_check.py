"""OWASP Dependency-Check: the XML report (schemas 1 to 4, streamed) and the JSON report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _dependency_check
from foreshore.discovery.readers._code_scans import Row
from foreshore.errors import BadReport
from foreshore.facts import Record, Skipped

if TYPE_CHECKING:
    from lxml.etree import _Element

_OURS = regex(r"dependency.?check", re.IGNORECASE)
_SCHEMA = regex(r'"reportSchema"\s*:')
_ENGINE = regex(r'"engineVersion"\s*:')
_DEPENDENCY: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)


class _Document(msgspec.Struct, gc=False):
    scanInfo: Any = None  # noqa: N815 - as the format names it
    projectInfo: Any = None  # noqa: N815 - as the format names it
    dependencies: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)


@dataclass(frozen=True)
class DependencyCheck:
    """Reads each vulnerability of each dependency; what lies in the same place as another is not counted twice."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is `head` the beginning of a report of Dependency-Check?"""
        from foreshore.discovery import xmlstream

        opening = reports.decode_head(head)
        if opening.lstrip()[:1] == "{":
            return bool(_SCHEMA.search(opening) and _ENGINE.search(opening))
        return bool(_OURS.search(opening)) and xmlstream.looks_like(head, "analysis")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the project, and one finding for each vulnerability of a dependency."""
        if reports.decode_head(report.head).lstrip()[:1] == "{":
            yield from _json(report)
        else:
            yield from _xml(report)


def _json(report: facts.Report) -> Iterator[Record]:
    document = _decoding.whole(report, _DECODER)
    if document.dependencies is None:
        raise _no_dependencies(report)
    run, project = _dependency_check.start(document.scanInfo, document.projectInfo)
    yield run
    yield project
    skipped: list[Skipped] = []
    rows = _decoding.each(_DEPENDENCY, document.dependencies, "dependencies", skipped.append)
    for number, row in enumerate(rows):
        yield from _dependency_check.findings(project.key, row, f"dependency {number + 1}")
    yield from skipped


def _no_dependencies(report: facts.Report) -> BadReport:
    return BadReport(
        "has no list of dependencies",
        where=report.name,
        hint="export with `dependency-check --format XML` or `JSON` and keep the whole file",
    )


def _xml(report: facts.Report) -> Iterator[Record]:
    from foreshore.discovery import xmlstream

    scan: Row = {}
    about: Row = {}
    asset, known = "", False
    parts = ("scanInfo", "projectInfo", "dependency")
    for event, element in xmlstream.elements(report, parts, starts=("analysis",), namespaces=True):
        name = _name(element)
        if event == "start":
            known = True
        elif name == "scanInfo":
            scan = _fields(element) | {"dataSource": [_fields(one) for one in element.iterfind("{*}dataSource")]}
        elif name == "projectInfo":
            about = _fields(element)
        else:
            if not asset:
                run, project = _dependency_check.start(scan, about)
                asset = project.key
                yield from (run, project)
            yield from _dependency_check.findings(asset, _dependency(element), f"line {element.sourceline}")
    if not known:
        raise _no_dependencies(report)
    if not asset:
        yield from _dependency_check.start(scan, about)


def _name(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _attributes(element: _Element) -> Row:
    return {str(name): str(value) for name, value in element.attrib.items()}


def _fields(element: _Element) -> Row:
    """The texts of the children and the attributes, by name."""
    found = _attributes(element)
    for child in element:
        if len(child) == 0:
            found.setdefault(_name(child), (child.text or "").strip())
    return found


def _dependency(element: _Element) -> Row:
    """A dependency as the JSON report would write it."""
    row = _fields(element)
    packages: list[Row] = []
    products: list[Row] = []
    for one in element.iterfind("{*}identifiers//{*}*"):
        name, value = _name(one), (one.findtext("{*}id") or one.findtext("{*}name") or "").strip()
        if name == "package":
            packages.append({"id": value})
        elif name == "vulnerabilityIds" or (name == "identifier" and one.get("type") == "cpe"):
            products.append({"id": value})
        elif name == "identifier":
            packages.append({"id": value.removeprefix("(").removesuffix(")")})
    evidence: dict[str, list[Row]] = {}
    for one in element.iterfind("{*}evidenceCollected/{*}evidence"):
        # An evidence has a name of its own, which is the name of a field: the attribute says what it is of
        evidence.setdefault(f"{one.get('type')}Evidence", []).append(_fields(one))
    row["evidenceCollected"] = evidence
    row |= {"packages": packages, "vulnerabilityIds": products}
    row["vulnerabilities"] = [_vulnerability(one) for one in element.iterfind("{*}vulnerabilities/{*}vulnerability")]
    row["suppressedVulnerabilities"] = [
        _vulnerability(one) for one in element.iterfind("{*}vulnerabilities/{*}suppressedVulnerability")
    ]
    return row


def _vulnerability(element: _Element) -> Row:
    row = _fields(element)
    for child in element:
        name = _name(child)
        if name.lower() in ("cvssv2", "cvssv3", "cvssv4", "knownexploitedvulnerability"):
            row[name] = _fields(child)
    row["cwes"] = [(one.text or "").strip() for one in element.iterfind("{*}cwes/{*}cwe")]
    row["references"] = [_fields(one) for one in element.iterfind("{*}references/{*}reference")]
    row["vulnerableSoftware"] = [_attributes(one) for one in element.iterfind("{*}vulnerableSoftware/{*}software")]
    return row


PLUGIN = DependencyCheck()

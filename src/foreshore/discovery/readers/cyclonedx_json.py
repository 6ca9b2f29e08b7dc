"""CycloneDX as JSON, 1.2 to 1.6: bills of materials with vulnerabilities, and VEX files."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cyclonedx, _decoding, _naming
from foreshore.discovery.readers._cyclonedx import Bom, Component, Rating, Vulnerability
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, Skipped

_FORMAT = regex(r'"bomFormat"\s*:\s*"CycloneDX"|"\$schema"\s*:\s*"[^"]*cyclonedx', re.IGNORECASE)
_SPEC = regex(r'"specVersion"\s*:\s*"1\.\d"')
_LISTS = regex(r'"(components|vulnerabilities|serialNumber|bom-ref)"\s*:')


class _Component(msgspec.Struct, gc=False):
    ref: Scalar = msgspec.field(name="bom-ref", default=None)
    type: Scalar = None
    group: Scalar = None
    name: Scalar = None
    version: Scalar = None
    purl: Scalar = None
    cpe: Scalar = None
    components: list[msgspec.Raw] | None = None


class _Tool(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None


class _Tools(msgspec.Struct, gc=False):
    components: list[_Tool] | None = None


class _Metadata(msgspec.Struct, gc=False):
    timestamp: Scalar = None
    tools: list[_Tool] | _Tools | None = None
    component: _Component | None = None


class _Source(msgspec.Struct, gc=False):
    name: Scalar = None
    url: Scalar = None


class _Reference(msgspec.Struct, gc=False):
    id: Scalar = None


class _Rating(msgspec.Struct, gc=False):
    score: Scalar = None
    severity: Scalar = None
    method: Scalar = None
    vector: Scalar = None


class _Advisory(msgspec.Struct, gc=False):
    url: Scalar = None


class _Analysis(msgspec.Struct, gc=False):
    state: Scalar = None
    justification: Scalar = None
    detail: Scalar = None


class _Version(msgspec.Struct, gc=False):
    version: Scalar = None
    status: Scalar = None


class _Affected(msgspec.Struct, gc=False):
    ref: Scalar = None
    versions: list[_Version] | None = None


class _Property(msgspec.Struct, gc=False):
    name: Scalar = None
    value: Scalar = None


class _Vulnerability(msgspec.Struct, gc=False):
    id: Scalar = None
    ref: Scalar = msgspec.field(name="bom-ref", default=None)
    source: _Source | None = None
    references: list[_Reference] | None = None
    ratings: list[_Rating] | None = None
    cwes: list[Scalar] | None = None
    description: Scalar = None
    detail: Scalar = None
    recommendation: Scalar = None
    advisories: list[_Advisory] | None = None
    analysis: _Analysis | None = None
    affects: list[_Affected] | None = None
    properties: list[_Property] | None = None


class _Document(msgspec.Struct, gc=False):
    bomFormat: Scalar = None
    specVersion: Scalar = None
    serialNumber: Scalar = None
    metadata: Any = None
    components: list[msgspec.Raw] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_COMPONENT: msgspec.json.Decoder[_Component] = msgspec.json.Decoder(_Component)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)


@dataclass(frozen=True)
class CycloneDxJson:
    """Reads CycloneDX JSON; vulnerabilities become findings, plain components are counted."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a CycloneDX document."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        return bool(_FORMAT.search(opening) or (_SPEC.search(opening) and _LISTS.search(opening)))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run with the number of components, the subject, and the findings."""
        document = _decoding.whole(report, _DECODER)
        if document.bomFormat is None and document.specVersion is None:
            raise BadReport(
                "is not a CycloneDX document", where=report.name, hint="export CycloneDX 1.4 or later as JSON"
            )
        skipped: list[Skipped] = []
        components: dict[str, Component] = {}
        count = _collect(document.components, components, "components", skipped)
        metadata = _metadata(document.metadata, skipped)
        vulnerabilities = [
            _vulnerability(one)
            for one in _decoding.each(_VULNERABILITY, document.vulnerabilities, "vulnerabilities", skipped.append)
        ]
        subject = _component(metadata.component) if metadata.component is not None else None
        if subject is not None and subject.ref:
            components.setdefault(subject.ref, subject)
        yield from _cyclonedx.records(
            Bom(
                spec=_naming.text(document.specVersion),
                serial=_naming.text(document.serialNumber),
                timestamp=_naming.text(metadata.timestamp),
                tools=_tools(metadata),
                subject=subject,
                components=components,
                count=count,
                vulnerabilities=tuple(vulnerabilities),
            )
        )
        yield from skipped


def _collect(raws: list[msgspec.Raw] | None, found: dict[str, Component], where: str, skipped: list[Skipped]) -> int:
    """Put components by their reference into `found`, nested ones too; return how many there are."""
    waiting = [(where, raws)]
    count = 0
    while waiting:
        place, rows = waiting.pop()
        for number, row in enumerate(_decoding.each(_COMPONENT, rows, place, skipped.append)):
            count += 1
            component = _component(row)
            if component.ref:
                found.setdefault(component.ref, component)
            if row.components:
                waiting.append((f"{place}[{number}].components", row.components))
    return count


def _component(row: _Component) -> Component:
    return Component(
        name=_naming.text(row.name),
        type=_naming.text(row.type),
        ref=_naming.text(row.ref),
        group=_naming.text(row.group),
        version=_naming.text(row.version),
        purl=_naming.text(row.purl),
        cpe=_naming.text(row.cpe),
    )


def _metadata(value: Any, skipped: list[Skipped]) -> _Metadata:
    try:
        return msgspec.json.decode(msgspec.json.encode(value or {}), type=_Metadata)
    except (msgspec.MsgspecError, RecursionError) as error:
        skipped.append(Skipped("metadata", _decoding.why(error)))
        return _Metadata()


def _tools(metadata: _Metadata) -> tuple[tuple[str, str], ...]:
    tools = metadata.tools.components if isinstance(metadata.tools, _Tools) else metadata.tools
    return tuple((_naming.text(one.name), _naming.text(one.version)) for one in tools or ())


def _vulnerability(row: _Vulnerability) -> Vulnerability:
    analysis = row.analysis or _Analysis()
    source = _naming.text(row.source.url) if row.source is not None else ""
    urls = [source, *(_naming.text(one.url) for one in row.advisories or ())]
    detail = _naming.text(row.detail)
    return Vulnerability(
        id=_naming.text(row.id) or _naming.text(row.ref),
        aliases=tuple(_naming.text(one.id) for one in row.references or ()),
        ratings=tuple(
            Rating(
                _naming.number(one.score),
                _naming.text(one.severity),
                _naming.text(one.method),
                _naming.text(one.vector),
            )
            for one in row.ratings or ()
        ),
        cwes=_naming.cwes(row.cwes or ()),
        description="\n".join(part for part in (_naming.text(row.description), detail) if part),
        recommendation=_naming.text(row.recommendation),
        references=tuple(dict.fromkeys(url for url in urls if url)),
        state=_naming.text(analysis.state),
        justification=_naming.text(analysis.justification),
        detail=_naming.text(analysis.detail),
        fixed=_fixed(row),
        affects=tuple(ref for one in row.affects or () if (ref := _naming.text(one.ref))),
    )


def _fixed(row: _Vulnerability) -> str:
    """Versions that are said not to be affected, or that Grype writes as a property."""
    versions = [
        _naming.text(one.version)
        for affected in row.affects or ()
        for one in affected.versions or ()
        if one.status == "unaffected" and one.version
    ]
    versions += [_naming.text(one.value) for one in row.properties or () if one.name == "grype:fixed_versions"]
    return ", ".join(dict.fromkeys(version for version in versions if version))


PLUGIN = CycloneDxJson()

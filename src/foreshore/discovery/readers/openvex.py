"""OpenVEX documents, 0.0.1 to 0.2.0: one finding for each statement, product and subcomponent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _vex
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._vex import Software
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_CONTEXT = regex(r'"@context"\s*:\s*(?:\[\s*)?"https?://openvex\.dev/ns')


class _Statement(msgspec.Struct, gc=False):
    vulnerability: Any = None
    vuln_description: Scalar = None  # 0.0.x
    products: list[Any] | None = None
    subcomponents: list[Any] | None = None  # 0.0.x
    status: Scalar = None
    status_notes: Scalar = None
    justification: Scalar = None
    impact_statement: Scalar = None
    action_statement: Scalar = None
    timestamp: Scalar = None
    last_updated: Scalar = None


class _Document(msgspec.Struct, gc=False):
    context: Any = msgspec.field(name="@context", default=None)
    id: Scalar = msgspec.field(name="@id", default=None)
    author: Scalar = None
    version: Scalar = None
    timestamp: Scalar = None
    last_updated: Scalar = None
    tooling: Scalar = None
    statements: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_STATEMENT: msgspec.json.Decoder[_Statement] = msgspec.json.Decoder(_Statement)


@dataclass(frozen=True)
class OpenVex:
    """Reads OpenVEX: what a supplier states about its products and known vulnerabilities."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins an OpenVEX document."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_CONTEXT.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each product once, and the findings."""
        document = _decoding.whole(report, _DECODER)
        if document.statements is None:
            raise BadReport("has no list of statements", where=report.name, hint="take the whole OpenVEX document")
        yield _run(document)
        skipped: list[Skipped] = []
        said: set[str] = set()
        for number, row in enumerate(_decoding.each(_STATEMENT, document.statements, "statements", skipped.append)):
            names = _names(row)
            status = _naming.text(row.status).lower()
            if not names or status not in _vex.WORDS:
                skipped.append(Skipped(f"statement {number}", "names no vulnerability or no known status"))
                continue
            for product, inner in _about(row, document):
                asset = _vex.sighting(product)
                if asset.key not in said:
                    said.add(asset.key)
                    yield asset
                yield _finding(asset, product, inner, names, status, row)
        yield from skipped


def _run(document: _Document) -> RunSeen:
    stamp = _naming.text(document.last_updated) or _naming.text(document.timestamp)
    observed, assumed = _naming.moment(stamp)
    said = (("document", _naming.text(document.id)), ("tooling", _naming.text(document.tooling)))
    return RunSeen(
        tool="openvex",
        version=_naming.text(document.version),
        scanner=_naming.text(document.author),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=tuple(pair for pair in said if pair[1]),
    )


def _names(row: _Statement) -> list[str]:
    """The vulnerability's name first, then its aliases; older documents wrote one text."""
    given = row.vulnerability
    if not isinstance(given, dict):
        return [text] if (text := _naming.text(given).strip()) else []
    found = [_naming.text(given.get("name")), *_naming.texts(given.get("aliases"))]
    if not any(found):
        found = [_naming.text(given.get("@id")).rpartition("/")[2]]
    return [one.strip() for one in found if one.strip()]


def _software(value: Any) -> Software | None:
    """A product or component: a text, or an object with `@id` and identifiers."""
    if not isinstance(value, dict):
        text = _naming.text(value).strip()
        return _vex.of_reference(text) if text else None
    own = _naming.text(value.get("@id")).strip()
    given = value.get("identifiers")
    named = given if isinstance(given, dict) else {}
    purl = _naming.text(named.get("purl")) or (own if own.startswith("pkg:") else "")
    cpe = _naming.text(named.get("cpe23")) or _naming.text(named.get("cpe22")) or (own if own[:4] == "cpe:" else "")
    if purl or cpe:
        return _vex.software(purl=purl, cpe=cpe)
    return _vex.of_reference(own) if own else None


def _about(row: _Statement, document: _Document) -> Iterator[tuple[Software, Software | None]]:
    """(product, subcomponent or none) of a statement; without products it is about the document's subject."""
    products = row.products or [_naming.text(document.id) or "a product that the document does not name"]
    for value in products:
        product = _software(value)
        if product is None:
            continue
        inside = value.get("subcomponents") if isinstance(value, dict) else row.subcomponents
        parts: list[Software | None] = []
        if isinstance(inside, list):
            parts += [part for one in inside if (part := _software(one))]
        yield from ((product, part) for part in parts or [None])


def _finding(
    asset: Sighting, product: Software, inner: Software | None, names: list[str], status: str, row: _Statement
) -> Finding:
    text = _naming.text
    place = inner or product
    given = row.vulnerability if isinstance(row.vulnerability, dict) else {}
    link = text(given.get("@id"))
    word = _vex.WORDS[status]
    return Finding(
        asset=asset.key,
        rule=names[0],
        title=f"{names[0]} in {place.name}",
        severity="info",  # the format states none; what is known of the weakness decides later
        weaknesses=_naming.public_ids(names[0]) or _naming.public_ids(*names) or (names[0],),
        component=place.component,
        component_name=place.name,
        version=place.version,
        fixed_version=place.version if word == "fixed" else "",
        word=word,
        description=text(given.get("description")) or text(row.vuln_description),
        solution=text(row.action_statement),
        references=(link,) if link.startswith("http") else (),
        evidence="\n".join(part for part in (text(row.impact_statement), text(row.status_notes)) if part),
        observed_at=_naming.when(row.last_updated) or _naming.when(row.timestamp),
        tags=(f"vex={status}", *_vex.tag("justification", text(row.justification))),
    )


PLUGIN = OpenVex()

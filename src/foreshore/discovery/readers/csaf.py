"""CSAF 2.0 and 2.1 documents (security advisories and VEX): one finding for each product and vulnerability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _vex
from foreshore.discovery.readers._csaf import Products, Said, objects
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Severity, Sighting, Skipped

_VERSION = regex(r'"csaf_version"\s*:')
_KNOWN = ("2.0", "2.1")
# Status lists of the format, the strongest statement first: a product may stand in several.
_STATUS = {
    "known_affected": "affected", "first_affected": "affected", "last_affected": "affected",
    "fixed": "fixed", "first_fixed": "fixed", "known_not_affected": "not_affected",
    "under_investigation": "under_investigation", "unknown": "unknown",
}  # fmt: skip
_METRICS = ("cvss_v4", "cvss_v3", "cvss_v2")


class _Document(msgspec.Struct, gc=False):
    document: Any = None
    product_tree: Any = None
    vulnerabilities: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class Csaf:
    """Reads CSAF: what a supplier says of its products, with status, scores and remedies."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a CSAF document."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_VERSION.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each product once, and the findings."""
        document = _decoding.whole(report, _DECODER)
        about = document.document if isinstance(document.document, dict) else {}
        version = _naming.text(about.get("csaf_version"))
        if version not in _KNOWN:
            raise BadReport(
                f"is CSAF of version “{' '.join(version.split())[:20]}”, and only {' and '.join(_KNOWN)} are known",
                where=report.name,
                hint="ask the publisher for CSAF 2.0",
            )
        yield _run(about, version)
        skipped: list[Skipped] = []
        products = Products(document.product_tree)
        said: set[str] = set()
        for number, row in enumerate(_decoding.each(_ROW, document.vulnerabilities, "vulnerabilities", skipped.append)):
            for asset, finding in _Vulnerability(products, about, row).findings(f"vulnerability {number}", skipped):
                if asset.key not in said:
                    said.add(asset.key)
                    yield asset
                yield finding
        yield from skipped


def _run(about: dict[str, Any], version: str) -> RunSeen:
    tracking, publisher = _object(about, "tracking"), _object(about, "publisher")
    stamp = _naming.text(tracking.get("current_release_date"))
    observed, assumed = _naming.moment(stamp)
    return RunSeen(
        tool="csaf",
        version=version,
        scanner=_naming.text(publisher.get("name")),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=tuple(
            (name, text) for name in ("id", "status", "version") if (text := _naming.text(tracking.get(name)))
        ),
    )


def _object(row: dict[str, Any], name: str) -> dict[str, Any]:
    found = row.get(name)
    return found if isinstance(found, dict) else {}


class _Rating(NamedTuple):
    severity: Severity | None = None
    vector: str = ""
    score: float | None = None


class _Vulnerability:
    """One vulnerability of a document, and all that it says about each product."""

    def __init__(self, products: Products, about: dict[str, Any], row: dict[str, Any]) -> None:
        self.products, self.about, self.row = products, about, row
        self.scores = Said(products, row.get("scores") or row.get("metrics"))
        self.remedies = Said(products, row.get("remediations"))
        self.threats = Said(products, row.get("threats"))
        self.flags = Said(products, row.get("flags"))
        self.names = _names(row)

    def findings(self, where: str, skipped: list[Skipped]) -> Iterator[tuple[Sighting, Finding]]:
        if not self.names:
            skipped.append(Skipped(where, "has neither a CVE nor another identifier nor a title"))
            return
        status = _object(self.row, "product_status")
        done: set[str] = set()
        for name, word in _STATUS.items():
            for product in _naming.texts(status.get(name)):
                if product not in done:
                    done.add(product)
                    yield self._finding(product, word)
        odd = {one for name in status if name not in _STATUS for one in _naming.texts(status[name])} - done
        if odd:
            skipped.append(Skipped(where, f"products without a word on whether they are affected: {len(odd)}"))
        if not done and not odd:
            skipped.append(Skipped(where, "names no product"))

    def _finding(self, product: str, status: str) -> tuple[Sighting, Finding]:
        whole, part = self.products.place(product)
        asset, rating, word = _vex.sighting(whole), self._rating(product), _vex.WORDS[status]
        label = next((text for one in self.flags.about(product) if (text := _naming.text(one.get("label")))), "")
        remedies = self.remedies.about(product)
        return asset, Finding(
            asset=asset.key,
            rule=self.names[0],
            title=_naming.text(self.row.get("title")) or f"{self.names[0]} in {part.name}",
            severity=self._severity(product, rating),
            weaknesses=_naming.public_ids(*self.names) or (self.names[0],),
            component=part.component,
            component_name=part.name,
            version=part.version,
            fixed_version=part.version if word == "fixed" else "",
            cvss_vector=rating.vector,
            cvss_score=rating.score,
            cwes=_cwes(self.row),
            word=word,
            description=_notes(self.row),
            solution="\n".join(dict.fromkeys(text for one in remedies if (text := _remedy(one)))),
            references=_references(self.row, remedies),
            evidence="\n".join(self._impacts(product)) if word == "suppressed" else "",
            fix=self._fix(remedies),
            first_seen=_naming.when(self.row.get("discovery_date")),
            tags=(f"vex={status}", *_vex.tag("justification", label)),
        )

    def _fix(self, remedies: list[dict[str, Any]]) -> str:
        """The advisory's own name where a fix is to be had; a VEX document is named after its CVE, which is none."""
        name = _naming.text(_object(self.about, "tracking").get("id"))
        offered = any(one.get("category") == "vendor_fix" for one in remedies)
        return name if offered and name not in self.names else ""

    def _rating(self, product: str) -> _Rating:
        """The newest CVSS about a product; 2.0 has the members in the row itself, 2.1 in its `content`."""
        rows = [_object(one, "content") or one for one in self.scores.about(product)]
        for name in _METRICS:
            for found in (_object(row, name) for row in rows):
                vector, score = _naming.text(found.get("vectorString")), _naming.score(found.get("baseScore"))
                if vector or score is not None:
                    word = _naming.text(found.get("baseSeverity"))
                    if not word and score is not None:
                        # CVSS 2 knows no "critical".
                        return _Rating(_naming.of_score(score if name != "cvss_v2" else min(score, 8.9)), vector, score)
                    return _Rating(_naming.severity(word) if word else None, vector, score)
        return _Rating()

    def _impacts(self, product: str) -> list[str]:
        rows = self.threats.about(product)
        return [text for one in rows if one.get("category") == "impact" and (text := _naming.text(one.get("details")))]

    def _severity(self, product: str, rating: _Rating) -> Severity:
        """CVSS's word, else the supplier's for this product, else the one for the whole document."""
        if rating.severity is not None:
            return rating.severity
        words = [*self._impacts(product), _naming.text(_object(self.about, "aggregate_severity").get("text"))]
        return next((_naming.severity(one) for one in words if one and _naming.is_severity(one)), "info")


def _names(row: dict[str, Any]) -> list[str]:
    """The CVE first, then identifiers of other systems, else the title."""
    ids = [_naming.text(one.get("text")) for one in objects(row.get("ids"))]
    found = [one for one in (_naming.text(row.get("cve")), *ids) if one]
    return found or [text for text in (_naming.text(row.get("title")).strip(),) if text]


def _cwes(row: dict[str, Any]) -> tuple[int, ...]:
    rows = [_object(row, "cwe"), *objects(row.get("cwes"))]
    return _naming.cwes([_naming.text(one.get("id")) for one in rows])


def _notes(row: dict[str, Any]) -> str:
    notes = [(_naming.text(one.get("category")), _naming.text(one.get("text"))) for one in objects(row.get("notes"))]
    described = [text for category, text in notes if category == "description"]
    return "\n\n".join(described or [text for category, text in notes if category in ("summary", "details", "general")])


def _remedy(row: dict[str, Any]) -> str:
    category, details = _naming.text(row.get("category")), _naming.text(row.get("details")).strip()
    if category in ("none_available", "no_fix_planned", "fix_planned"):
        return f"{category.replace('_', ' ').capitalize()}: {details}" if details else category.replace("_", " ")
    return details


def _references(row: dict[str, Any], remedies: list[dict[str, Any]]) -> tuple[str, ...]:
    rows = [*objects(row.get("references")), *remedies]
    return tuple(dict.fromkeys(url for one in rows if (url := _naming.text(one.get("url")))))


PLUGIN = Csaf()

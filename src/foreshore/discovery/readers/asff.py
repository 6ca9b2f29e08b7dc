"""Findings in the AWS Security Finding Format: Security Hub, and every product that writes it.

As Security Hub's interface gives them (`{"Findings": []}`), as a list, one a line, or as events of EventBridge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _asff_rows, _cloud_rows, _decoding, _hosts, _naming
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_SCHEMA = regex(r'"SchemaVersion"\s*:\s*"2018-10-08"')
_FIELDS = ('"ProductArn"', '"GeneratorId"', '"Resources"')
_EMPTY = regex(r'\s*\{\s*"Findings"\s*:\s*\[\s*\]\s*[,}]')
_HINT = "export with `aws securityhub get-findings` and keep the whole answer"


class _Detail(msgspec.Struct, gc=False):
    findings: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    Findings: list[msgspec.Raw] | None = None
    findings: list[msgspec.Raw] | None = None
    detail: _Detail | None = None


_RAW: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
_DOCUMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class Asff:
    """Reads findings in Amazon's format; failed checks and weaknesses are findings, passed checks are coverage."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins findings in the AWS Security Finding Format."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _SCHEMA.search(opening) or _EMPTY.match(opening):
            return True
        return all(name in opening for name in _FIELDS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the resources each once, findings, and which checks were made on what."""
        reading = _Reading()
        for where, row in _rows(report, reading.skipped):
            reading.row(where, row)
        yield reading.run()
        yield from reading.assets.sightings()
        yield from reading.findings
        yield from reading.coverage.records()
        yield from reading.skipped


def _rows(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    good = False
    for number, raw in enumerate(_decoding.rows(report, _RAW, skipped.append)):
        where = f"element {number}"
        try:
            document = _decoding.element(_DOCUMENT, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            skipped.append(Skipped(where, _decoding.why(error)))
            continue
        inner = document.detail.findings if document.detail is not None else None
        listed = next((one for one in (document.Findings, document.findings, inner) if one is not None), None)
        good = good or listed is not None
        name = where if listed is None else f"{where}.findings"
        raws = [raw] if listed is None else listed
        for place, row in enumerate(_decoding.each(_ROW, raws, f"{name} ", skipped.append)):
            if "ProductArn" in row or "GeneratorId" in row or "Resources" in row:
                good = True
                yield f"{name}[{place}]", row
            else:
                skipped.append(Skipped(f"{name}[{place}]", "is no finding of the format"))
    if not good and (skipped or not reports.decode_head(report.head).lstrip().startswith("[")):
        raise BadReport("holds no finding in the AWS Security Finding Format", where=report.name, hint=_HINT)


class _Reading:
    """The state of one reading: resources, findings and coverage."""

    def __init__(self) -> None:
        self.assets = _cloud_rows.Assets()
        self.coverage = _cloud_rows.Coverage("asff")
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []
        self.accounts: set[str] = set()
        self.products: set[str] = set()
        self.times: set[str] = set()
        self.versions: set[str] = set()

    def run(self) -> RunSeen:
        """The run: Prowler's own where all is Prowler's, else Security Hub's."""
        own = self.products == {"prowler"}
        observed, text, assumed = _hosts.latest(self.times)
        return RunSeen(
            tool="prowler" if own else "aws security hub",
            version=next(iter(self.versions)) if own and len(self.versions) == 1 else "",
            scanner=", ".join(sorted(self.accounts)[:20]),
            observed_at=observed,
            observed_text=text,
            zone_assumed=assumed,
            settings=(("products", ", ".join(sorted(self.products)[:20])),) if self.products else (),
        )

    def row(self, where: str, row: dict[str, Any]) -> None:
        """Take one finding, once for each of its resources."""
        rule = _asff_rows.rule(row)
        if not rule:
            self.skipped.append(Skipped(where, "names no check"))
            return
        fields = _cloud_rows.mapping(row.get("ProductFields"))
        for held, text in (
            (self.accounts, _naming.text(row.get("AwsAccountId"))),
            (self.products, _asff_rows.product(row)),
            (self.versions, _naming.text(fields.get("ProviderVersion"))),
            (self.times, _naming.text(row.get("UpdatedAt"))),
        ):
            if text:
                held.add(text)
        for one in _cloud_rows.objects(row.get("Resources")) or [{}]:
            self.resource(where, rule, row, one)

    def resource(self, where: str, rule: str, row: dict[str, Any], one: dict[str, Any]) -> None:
        found = _asff_rows.resource(row, one)
        asset = self.assets.see(_asff_rows.sighting(row, one, found))
        status = _asff_rows.status(row)
        archived = _naming.text(row.get("RecordState")).upper() == "ARCHIVED"
        # The account is looked at once in each region: what one region says closes nothing of another.
        if status in ("PASSED", "FAILED") and not found.whole_account and not archived:
            self.coverage.looked(asset, rule)
        if status == "NOT_AVAILABLE":
            self.skipped.append(Skipped(where, f"check {rule} could not be decided on {found.key}"))
        elif status != "PASSED":
            self.findings.extend(_asff_rows.findings(row, found))
        elif found.whole_account and _asff_rows.word(row) == "fixed":
            # Here the source itself says that what it had found in this region is resolved.
            self.findings.extend(_asff_rows.findings(row, found))


PLUGIN = Asff()

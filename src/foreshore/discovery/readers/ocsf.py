"""Events of the Open Cybersecurity Schema Framework 1.x, of any product: findings and inventories.

One event, a list, one event a line, or events within an object, as Security Lake, Security Hub and
collectors give them. Prowler's own events are left to its own reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _hosts, _naming, _ocsf_assets, _ocsf_rows
from foreshore.discovery.readers._cloud_rows import mapping
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_CLASS = regex(r'"class_uid"\s*:\s*"?\d{3,9}')
_ALSO = regex(r'"(metadata|category_uid|type_uid|severity_id|activity_id)"\s*:')
_WITHIN = ("events", "Events", "findings", "Findings", "records", "Records", "detail")
_RAW: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
_PARTS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_EVENT: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_FINDINGS = frozenset({2001, 2002, 2003, 2004, 2007, 2008})
_INVENTORIES = frozenset({5001, 5002, 5019, 5020, 5023})
# Products whose findings other readers know under these names
_TOOLS = {
    "security hub": "aws security hub", "aws security hub": "aws security hub", "inspector": "amazon inspector",
    "amazon inspector": "amazon inspector",
}  # fmt: skip


@dataclass(frozen=True)
class Ocsf:
    """Reads OCSF events; findings of vulnerabilities, checks and detections, and inventories as assets."""

    version: int = 1
    priority: int = -1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins events of OCSF."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] in ("{", "[") and bool(_CLASS.search(opening) and _ALSO.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the assets each once, findings, and which checks were made on what."""
        reading = _Reading()
        for where, event in _events(report, reading.skipped):
            reading.event(where, event)
        if not reading.classes and not reports.decode_head(report.head).lstrip().startswith("["):
            raise BadReport(
                "holds no event with a class", where=report.name, hint="keep whole events, one a line or in a list"
            )
        yield reading.run()
        yield from reading.assets.sightings()
        yield from reading.findings
        yield from reading.coverage.records()
        yield from reading.skipped


def _events(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, raw in enumerate(_decoding.rows(report, _RAW, skipped.append)):
        where = f"event {number}"
        try:
            raws = _inner(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            skipped.append(Skipped(where, _decoding.why(error)))
            continue
        name = where if raws is None else f"{where}."
        for place, event in enumerate(_decoding.each(_EVENT, [raw] if raws is None else raws, name, skipped.append)):
            yield (where if raws is None else f"{where}.{place}"), event


def _inner(raw: msgspec.Raw, depth: int = 0) -> list[msgspec.Raw] | None:
    """The events within an object that only holds them; None where it is an event itself."""
    parts = _decoding.element(_PARTS, raw)
    if "class_uid" in parts:
        return None
    for name in _WITHIN:
        if name in parts:
            held = parts[name]
            if bytes(memoryview(held)[:20]).lstrip()[:1] == b"{" and depth < 2:
                return _inner(held, depth + 1) or [held]
            return _decoding.element(_LIST, held)
    return None


class _Reading:
    """The state of one reading: assets, findings and coverage."""

    def __init__(self) -> None:
        self.assets = _cloud_rows.Assets()
        self.coverage = _cloud_rows.Coverage("ocsf")
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []
        self.classes: set[int] = set()
        self.products: dict[str, str] = {}
        self.accounts: set[str] = set()
        self.times: set[str] = set()

    def run(self) -> RunSeen:
        """The run: the product's own where there is one product, else events of several."""
        observed, text, assumed = _hosts.latest(self.times)
        one = len(self.products) == 1
        name, version = next(iter(self.products.items())) if one else ("", "")
        return RunSeen(
            tool=_TOOLS.get(name, name) or "ocsf",
            version=version,
            scanner=", ".join(sorted(self.accounts)[:20]),
            observed_at=observed,
            observed_text=text,
            zone_assumed=assumed,
            settings=() if one or not self.products else (("products", ", ".join(sorted(self.products)[:20])),),
        )

    def event(self, where: str, event: dict[str, Any]) -> None:
        """Take one event by its class."""
        number = _naming.whole_number(event.get("class_uid"))
        if not number:
            self.skipped.append(Skipped(where, "is no event: it has no class"))
            return
        self.classes.add(number)
        self.note(event)
        if number in _INVENTORIES:
            for _found, sighting in _ocsf_assets.of_event(event):
                self.assets.see(sighting)
        elif number in _FINDINGS:
            self.finding(where, event)
        else:
            shown = _naming.text(event.get("class_name")) or f"class {number}"
            self.skipped.append(Skipped(where, f"{shown} is neither a finding nor an inventory"))

    def note(self, event: dict[str, Any]) -> None:
        """What the event says of its run."""
        product = mapping(mapping(event.get("metadata")).get("product"))
        if name := _naming.text(product.get("name")).strip().lower():
            self.products[name] = _naming.text(product.get("version"))
        if account := _ocsf_assets.account(event):
            self.accounts.add(account)
        if stamp := _naming.text(event.get("time_dt")) or _naming.text(event.get("time")):
            self.times.add(stamp)

    def finding(self, where: str, event: dict[str, Any]) -> None:
        """A finding on each of its resources; a check that passed is coverage only."""
        rule, outcome = _ocsf_rows.rule(event), _ocsf_rows.outcome(event)
        vulnerable = bool(_cloud_rows.objects(event.get("vulnerabilities")))
        if not rule and not vulnerable:
            self.skipped.append(Skipped(where, "names no check, no detection and no vulnerability"))
            return
        for found, sighting in _ocsf_assets.of_event(event):
            asset = self.assets.see(sighting)
            # The account is looked at once in each region: what one region says closes nothing of another.
            if outcome in ("PASS", "FAIL") and not vulnerable and not found.whole_account:
                self.coverage.looked(asset, rule)
            if outcome != "PASS" or vulnerable:
                self.findings.extend(_ocsf_rows.findings(event, found))


PLUGIN = Ocsf()

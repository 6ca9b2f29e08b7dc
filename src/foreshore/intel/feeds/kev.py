"""CISA's catalogue of known exploited vulnerabilities: JSON, CSV, and a dated timeline as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel import weaknesses
from foreshore.intel.body import Body
from foreshore.intel.documents import parse as parse_json
from foreshore.intel.rows import Rows, Wanted, moment, wants


@dataclass(frozen=True)
class Kev:
    """CISA KEV: exploited somewhere for certain, since when, and whether by ransomware (CC0)."""

    url: str = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
    complete: tuple[str, ...] = ("kev", "ransomware")  # what is missing from the newest file no longer holds
    grouped: bool = False

    def sniff(self, head: bytes) -> bool:
        """Say whether this is the catalogue."""
        start = head[:4096].lstrip(b"\xef\xbb\xbf \r\n")
        return (b'"catalogVersion"' in start and b'"vulnerabilities"' in head) or (
            start.startswith((b"cveID,", b'"cveID",')) and b"dateAdded" in start
        )

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield `kev` (true from its date of addition) and `ransomware` (from when the flag was seen).

        The `product` of every entry, wanted or not, stands under the name `kev:CVE-…`: how often a
        vendor was in the catalogue before tells something of its next weakness.
        """
        content = body.read()
        rows = Rows("cisa-kev")
        if content.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"{"):
            _catalogue(parse_json(content, body.name), rows, wanted, body.name)
        else:
            _table(content, rows, wanted, body)
        rows.mark("kev")
        yield rows.table()


def _catalogue(catalogue: Any, rows: Rows, wanted: Wanted, where: str) -> None:
    entries = catalogue.get("vulnerabilities") if isinstance(catalogue, dict) else None
    released = moment(catalogue.get("dateReleased")) if isinstance(catalogue, dict) else None
    if not isinstance(entries, list) or released is None:
        raise BadFeed("the catalogue has no list of vulnerabilities or no release date", where=where)
    if catalogue.get("count") not in (None, len(entries)):
        raise BadFeed(
            f"it says {catalogue['count']} entries and has {len(entries)}",
            where=where,
            hint="download it again",
        )
    rows.date(released)
    for entry in entries:
        _entry(entry, rows, wanted, released)


def _entry(entry: Any, rows: Rows, wanted: Wanted, seen: datetime) -> None:
    if isinstance(entry, dict):
        _product(entry, rows, moment(entry.get("dateAdded")) or seen)
    if not isinstance(entry, dict) or not wants(entry.get("cveID"), wanted):
        return
    rows.add(entry["cveID"], "kev", moment(entry.get("dateAdded")) or seen, value=1)
    if str(entry.get("knownRansomwareCampaignUse", "")).strip().lower() == "known":
        # The catalogue dates the entry but not this flag: it holds from the first file that shows it.
        rows.add(entry["cveID"], "ransomware", seen, value=1)


def _product(entry: dict[str, Any], rows: Rows, added: datetime | None) -> None:
    if wants(entry.get("cveID"), None):
        pair = [(entry.get("vendorProject"), entry.get("product"))]
        weaknesses.products(rows, f"kev:{entry['cveID']}", added, pair, rows.source)


def _table(content: bytes, rows: Rows, wanted: Wanted, body: Body) -> None:
    lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace"))))
    dated = bool(lines) and "ransomwareKnownObserved" in lines[0]
    for line in lines:
        if dated:
            rows.date(moment(line.get("firstObserved")))
        rows.date(moment(line.get("dateAdded")))
        if dated:
            rows.date(moment(line.get("ransomwareKnownObserved")))
    if rows.latest is None:
        raise BadFeed("no entry has a date", where=body.name)
    for line in lines:
        if not dated:
            _entry(line, rows, wanted, rows.latest)
            continue
        _product(line, rows, moment(line.get("dateAdded")))
        if wants(line.get("cveID"), wanted):
            rows.add(line["cveID"], "kev", moment(line["dateAdded"]), value=1)
            if known := moment(line["ransomwareKnownObserved"]):
                rows.add(line["cveID"], "ransomware", known, value=1)


PLUGIN = Kev()

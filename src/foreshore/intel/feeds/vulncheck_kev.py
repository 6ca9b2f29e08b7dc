"""VulnCheck's catalogue of known exploited vulnerabilities: its backup file and its interface's answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.intel import weaknesses
from foreshore.intel.body import Body
from foreshore.intel.documents import documents, items
from foreshore.intel.rows import Rows, Wanted, moment, wants


@dataclass(frozen=True)
class VulncheckKev:
    """VulnCheck KEV: exploited by reports beyond CISA's, with public exploit code and its dates (needs a key)."""

    url: str = ""  # asks for a key: fetch it yourself and name the file
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds entries of that catalogue."""
        return b'"vulncheck_xdb"' in head or b'"vulncheck_reported_exploitation"' in head

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield `exploited` from the date of addition, `ransomware`, `exploit_poc`, `cwe` and `product`."""
        rows = Rows("vulncheck-kev")
        entries = list(documents(body, inside=("data",)))
        for entry in entries:
            rows.date(moment(entry.get("_timestamp")) or moment(entry.get("date_added")))
        for entry in entries:
            _entry(entry, rows, wanted)
        rows.mark("vulncheck_kev")
        yield rows.table()


def _entry(entry: dict[str, Any], rows: Rows, wanted: Wanted) -> None:
    names = entry.get("cve")
    for name in names if isinstance(names, list) else [names]:
        if not wants(name, wanted):
            continue
        added = moment(entry.get("date_added")) or rows.latest
        rows.add(name, "exploited", added, value=1)
        if str(entry.get("knownRansomwareCampaignUse") or "").strip().lower() == "known":
            # The flag has no date of its own: it holds from the first file that shows it.
            rows.add(name, "ransomware", moment(entry.get("_timestamp")) or rows.latest, value=1)
        _code(entry.get("vulncheck_xdb"), name, rows, added)
        weaknesses.classes(rows, name, added, (str(one) for one in items(entry.get("cwes"))), rows.source)
        weaknesses.products(rows, name, added, [(entry.get("vendorProject"), entry.get("product"))], rows.source)


def _code(exploits: Any, name: str, rows: Rows, added: datetime | None) -> None:
    for one in items(exploits):
        if isinstance(one, dict):
            text = str(one.get("xdb_id") or one.get("xdb_url") or "")
            rows.add(name, "exploit_poc", moment(one.get("date_added")) or added, value=1, text=f"XDB-{text}")


PLUGIN = VulncheckKev()

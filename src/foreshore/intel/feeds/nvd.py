"""NVD: answers of its 2.0 interface, and the older 1.1 feeds, whole or as lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.intel import weaknesses
from foreshore.intel.body import Body
from foreshore.intel.documents import documents, items
from foreshore.intel.rows import Rows, Wanted, moment, wants

_BATCH = 50_000
_SECOND = re.compile(rb'"(NVD_CVE|sourceIdentifier|vulnStatus)"')
_NEW = {"cvssMetricV40": "4.0", "cvssMetricV31": "3.1", "cvssMetricV30": "3.0", "cvssMetricV2": "2.0"}


@dataclass(frozen=True)
class Nvd:
    """NVD: CVSS, CWE, dates, descriptions, products (public domain; this use is not endorsed by the NVD)."""

    url: str = ""  # its interface answers in pages: save them and name the folder
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds NVD items of either version."""
        if b'"CVE_RECORD"' in head:  # its references may name the NVD's words
            return False
        return b'"CVE_Items"' in head or b'"CVE_data_meta"' in head or _SECOND.search(head) is not None

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield the signals of every wanted item."""
        rows = Rows("nvd")
        for item in documents(body, inside=("vulnerabilities", "CVE_Items")):
            cve = item.get("cve")
            if isinstance(cve, dict):
                _old(item, cve, rows, wanted) if "CVE_data_meta" in cve else _new(cve, rows, wanted)
            if len(rows) >= _BATCH:
                yield rows.table()
        rows.mark("nvd")
        yield rows.table()


def _new(cve: dict[str, Any], rows: Rows, wanted: Wanted) -> None:
    when, name = moment(cve.get("lastModified")), cve.get("id")
    rows.date(when)
    if not wants(name, wanted):
        return
    _published(rows, name, cve.get("published"))
    if str(cve.get("vulnStatus", "")).lower() == "rejected":
        rows.add(name, "rejected", when, value=1)
        return
    metrics = cve.get("metrics")
    for key, version in _NEW.items():
        for one in items(metrics.get(key) if isinstance(metrics, dict) else None):
            if isinstance(one, dict):
                source = "nvd" if one.get("source") == "nvd@nist.gov" else "nvd:secondary"
                weaknesses.score(rows, name, when, one.get("cvssData"), version, source)
    texts = (
        str(line.get("value", ""))
        for one in items(cve.get("weaknesses"))
        for line in items(one.get("description") if isinstance(one, dict) else None)
        if isinstance(line, dict)
    )
    weaknesses.classes(rows, name, when, texts, "nvd")
    weaknesses.description(rows, name, when, cve.get("descriptions"), "nvd")
    if added := moment(cve.get("cisaExploitAdd")):
        rows.add(name, "kev", added, value=1)
    _things(rows, name, when, cve.get("configurations"), cve.get("references"))


def _old(item: dict[str, Any], cve: dict[str, Any], rows: Rows, wanted: Wanted) -> None:
    when, name = moment(item.get("lastModifiedDate")), _at(cve, "CVE_data_meta", "ID")
    rows.date(when)
    if not wants(name, wanted):
        return
    _published(rows, name, item.get("publishedDate"))
    texts = _at(cve, "description", "description_data")
    if str(_at(cve, "description", "description_data", 0, "value") or "").startswith("** REJECT **"):
        rows.add(name, "rejected", when, value=1)
        return
    _old_scores(item.get("impact"), name, rows, when)
    problems = items(_at(cve, "problemtype", "problemtype_data"))
    parts = (line for one in problems if isinstance(one, dict) for line in items(one.get("description")))
    lines = (str(line.get("value", "")) for line in parts if isinstance(line, dict))
    weaknesses.classes(rows, name, when, lines, "nvd")
    weaknesses.description(rows, name, when, texts, "nvd")
    _things(rows, name, when, [item.get("configurations")], _at(cve, "references", "reference_data"))


def _things(rows: Rows, name: str, when: datetime | None, configurations: Any, references: Any) -> None:
    """Take the products among the vulnerable CPEs, and the kinds of references."""
    weaknesses.products(rows, name, when, weaknesses.cpe_names(_criteria(configurations)), "nvd")
    weaknesses.references(rows, name, when, references, "nvd")


def _criteria(configurations: Any) -> Iterator[Any]:
    """Yield the CPE names of what is vulnerable, of either version, at whatever depth they stand."""
    waiting = list(items(configurations))
    for one in waiting:  # grows while it is walked
        if not isinstance(one, dict):
            continue
        for match in items(one.get("cpeMatch")) or items(one.get("cpe_match")):
            if isinstance(match, dict) and match.get("vulnerable") is not False:
                yield match.get("criteria") or match.get("cpe23Uri")
        waiting += [*items(one.get("nodes")), *items(one.get("children"))]


def _old_scores(impact: Any, name: str, rows: Rows, when: datetime | None) -> None:
    weaknesses.score(rows, name, when, _at(impact, "baseMetricV3", "cvssV3"), "3.1", "nvd")
    weaknesses.score(rows, name, when, _at(impact, "baseMetricV2", "cvssV2"), "2.0", "nvd")


def _published(rows: Rows, name: str, text: Any) -> None:
    if published := moment(text):
        rows.add(name, "published", published, text=published.date().isoformat())


def _at(value: Any, *path: str | int) -> Any:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


PLUGIN = Nvd()

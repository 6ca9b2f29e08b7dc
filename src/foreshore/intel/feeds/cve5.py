"""CVE records, version 5: single files, lines, arrays, folders and archives of them."""

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

_BATCH = 50_000
_VERSIONS = {"cvssV4_0": "4.0", "cvssV3_1": "3.1", "cvssV3_0": "3.0", "cvssV2_0": "2.0"}
_CISA = "134c704f-9b21-4f2e-91b3-4a467353bcc0"  # CISA's number among those who enrich records


@dataclass(frozen=True)
class Cve5:
    """CVE 5 records: CVSS and CWE of those who assign and of CISA, CISA's SSVC, dates, description."""

    url: str = "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.zip"
    complete: tuple[str, ...] = ()
    grouped: bool = True  # a folder of records is one source

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds CVE 5 records."""
        return b'"CVE_RECORD"' in head or (b'"cveMetadata"' in head and b'"containers"' in head)

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield the signals of every wanted record."""
        rows = Rows("cve")
        for record in documents(body):
            _record(record, rows, wanted)
            if len(rows) >= _BATCH:
                yield rows.table()
        rows.mark("cve5")
        yield rows.table()


def _record(record: dict[str, Any], rows: Rows, wanted: Wanted) -> None:
    meta = record.get("cveMetadata")
    if not isinstance(meta, dict):
        return
    updated = moment(meta.get("dateUpdated")) or moment(meta.get("datePublished"))
    rows.date(updated)
    name = meta.get("cveId")
    if not wants(name, wanted):
        return
    if published := moment(meta.get("datePublished")):
        rows.add(name, "published", published, text=published.date().isoformat())
    if str(meta.get("state", "")).upper() == "REJECTED":
        rows.add(name, "rejected", moment(meta.get("dateRejected")) or updated, value=1)
        return
    containers = record.get("containers")
    if not isinstance(containers, dict):
        return
    if isinstance(containers.get("cna"), dict):
        _container(containers["cna"], name, rows, updated, "cna")
    for one in items(containers.get("adp")):
        if isinstance(one, dict):
            _container(one, name, rows, updated, _provider(one))


def _provider(container: dict[str, Any]) -> str:
    about = container.get("providerMetadata")
    about = about if isinstance(about, dict) else {}
    return "cisa-adp" if about.get("orgId") == _CISA else f"adp:{about.get('shortName', '')}"


def _container(container: dict[str, Any], name: str, rows: Rows, updated: datetime | None, source: str) -> None:
    about = container.get("providerMetadata")
    when = (moment(about.get("dateUpdated")) if isinstance(about, dict) else None) or updated
    for metric in items(container.get("metrics")):
        if isinstance(metric, dict):
            _metric(metric, name, rows, when, source)
    weaknesses.classes(rows, name, when, _classes(container), source)
    weaknesses.products(rows, name, when, _products(container.get("affected")), source)
    weaknesses.references(rows, name, when, container.get("references"), source)
    if source == "cna":
        weaknesses.description(rows, name, when, container.get("descriptions"), source)


def _metric(metric: dict[str, Any], name: str, rows: Rows, when: datetime | None, source: str) -> None:
    for key, version in _VERSIONS.items():
        if key in metric:
            weaknesses.score(rows, name, when, metric[key], version, source)
    other = metric.get("other")
    content = other.get("content") if isinstance(other, dict) and other.get("type") == "ssvc" else None
    if isinstance(content, dict):
        stamp = moment(content.get("timestamp")) or when
        weaknesses.decision_points(rows, name, stamp, content.get("options"), source)


def _classes(container: dict[str, Any]) -> Iterator[str]:
    for problem in items(container.get("problemTypes")):
        for one in items(problem.get("descriptions") if isinstance(problem, dict) else None):
            if isinstance(one, dict):
                yield str(one.get("cweId") or one.get("description") or "")


def _products(affected: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (vendor, product) as they are named, then those of CPE names where they are other ones."""
    listed = [one for one in items(affected) if isinstance(one, dict)]
    said: set[tuple[str, str]] = set()
    for one in listed:
        vendor, product = one.get("vendor"), one.get("product") or one.get("packageName")
        said.add((_folded(vendor), _folded(product)))
        yield vendor, product
    for vendor, product in weaknesses.cpe_names(text for one in listed for text in items(one.get("cpes"))):
        if (_folded(vendor), _folded(product)) not in said:
            yield vendor, product


def _folded(name: Any) -> str:
    return name.strip().lower().replace(" ", "_") if isinstance(name, str) else ""


PLUGIN = Cve5()

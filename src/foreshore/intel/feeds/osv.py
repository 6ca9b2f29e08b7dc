"""OSV records: PyPA, GHSA, Go, RustSec, Debian, Ubuntu, Alpine, Red Hat and all others that speak OSV 1.x."""

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
from foreshore.intel.feeds import _packages as packages
from foreshore.intel.rows import CVE, Rows, Wanted, is_public, moment

_BATCH = 50_000
# Reports of scanners that hold whole records, but are about somebody's packages.
_REPORT = re.compile(rb'(\xef\xbb\xbf)?\s*\[?\s*\{\s*"(results|config|osv|SBOM|progress|finding)"\s*:')
_WITHIN = re.compile(r"CVE-\d{4}-\d{4,}\Z")
_REFERENCES = {"FIX": "patch", "EVIDENCE": "exploit", "ADVISORY": "advisory"}
_SEVERITIES = {"CVSS_V2": "2.0", "CVSS_V3": "3.1", "CVSS_V4": "4.0"}


@dataclass(frozen=True)
class Osv:
    """OSV: which packages and versions are affected, which fix them, and what else a weakness is called."""

    url: str = ""  # a bucket of archives by ecosystem: name the one that is used, as file or address
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds OSV records."""
        if b'"CVE_RECORD"' in head or b'"ghsa_id"' in head or b'"csaf_version"' in head or _REPORT.match(head):
            return False
        named = b'"modified"' in head and b'"id"' in head
        return named and (b'"schema_version"' in head or b'"affected"' in head or b'"aliases"' in head)

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield the signals of every record of which one name is wanted, under its CVEs, else its own name."""
        rows = Rows("osv")
        for record in documents(body, inside=("vulns",)):
            _record(record, rows, wanted, body.seen())
            if len(rows) >= _BATCH:
                yield rows.table()
        rows.mark("osv")
        yield rows.table()


def _record(record: dict[str, Any], rows: Rows, wanted: Wanted, seen: datetime | None) -> None:
    # A few records have no date that is one: they hold from the file that shows them.
    own, when = record.get("id"), moment(record.get("modified")) or moment(record.get("published")) or seen
    if not isinstance(own, str) or not own or when is None:
        return
    rows.date(when)
    same = _names(record, "aliases")
    mine, others = _cves(own, same, record)
    names = mine or [*others] or [next((one for one in same if one.startswith("GHSA-")), own)]
    if wanted is not None and not wanted.intersection((own, *same, *names)):
        return
    source = f"osv:{own}"
    _aliases(rows, own, same, mine or ([] if others else names), when, source)
    gone = bool(record.get("withdrawn"))
    if gone:
        # A withdrawn advisory says nothing about the CVE it was about, which may well stand.
        rows.add(own, "rejected", moment(record["withdrawn"]) or when, value=1, source=source)
    pieces = _affected(record)
    for name in names:
        _packages_of(rows, name, pieces, when, source, gone)
        if not gone:
            _about(rows, name, record, when, source)


def _names(record: dict[str, Any], key: str) -> list[str]:
    # Some names come with the comma of the sentence they were taken from.
    return [one.strip(" ,;") for one in items(record.get(key)) if isinstance(one, str)]


def _cves(own: str, same: list[str], record: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return (CVEs that this record is, CVEs that its update is about).

    A distribution's advisory names its CVEs as `upstream`, older ones as `related`; of an advisory for
    a package `related` means something else.
    """
    mine = [one for one in (own, *same) if CVE.match(one)]
    within = _WITHIN.search(own)
    if not mine and within:
        mine = [within[0]]
    if mine:
        return list(dict.fromkeys(mine)), []
    upstream = [one for one in _names(record, "upstream") if CVE.match(one)]
    if not upstream and not own.startswith(("GHSA-", "PYSEC-", "GO-", "RUSTSEC-", "MAL-")):
        upstream = [one for one in _names(record, "related") if CVE.match(one)]
    return [], list(dict.fromkeys(upstream))


def _aliases(rows: Rows, own: str, same: list[str], names: list[str], when: datetime, source: str) -> None:
    for alias in dict.fromkeys((own, *same)):
        for name in names:
            if alias != name and not CVE.match(alias) and is_public(alias):
                rows.add(alias, "alias", when, text=name, source=source)


def _about(rows: Rows, name: str, record: dict[str, Any], when: datetime, source: str) -> None:
    if published := moment(record.get("published")):
        rows.add(name, "published", published, text=published.date().isoformat(), source=source)
    parts = [record, *(one for one in items(record.get("affected")) if isinstance(one, dict))]
    vectors: dict[tuple[str, str], None] = {}
    for part in parts:
        for one in items(part.get("severity")):
            if isinstance(one, dict) and str(one.get("type")) in _SEVERITIES and isinstance(one.get("score"), str):
                vectors[one["score"], _SEVERITIES[one["type"]]] = None
    for vector, version in vectors:
        weaknesses.score(rows, name, when, {"vectorString": vector}, version, source)
    weaknesses.classes(rows, name, when, (text for part in parts for text in _cwes(part)), source)
    text = " ".join(str(record.get("summary") or record.get("details") or "").split())
    if text:
        weaknesses.description(rows, name, when, [{"lang": "en", "value": text}], source)
    references = (str(one.get("type")) for one in items(record.get("references")) if isinstance(one, dict))
    for word in dict.fromkeys(_REFERENCES[one] for one in references if one in _REFERENCES):
        rows.add(name, "reference", when, text=word, source=source)


def _cwes(part: dict[str, Any]) -> Iterator[str]:
    special = part.get("database_specific")
    special = special if isinstance(special, dict) else {}
    for key in ("cwe_ids", "cwes"):
        for one in items(special.get(key)):
            yield str(one.get("cweId") or one.get("cwe_id") or "") if isinstance(one, dict) else str(one)


def _affected(record: dict[str, Any]) -> dict[str, tuple[list[packages.Interval], list[str], list[str]]]:
    """Return by purl: intervals, single versions where there is no interval, and fixed versions."""
    found: dict[str, tuple[list[packages.Interval], list[str], list[str]]] = {}
    for one in items(record.get("affected")):
        package = one.get("package") if isinstance(one, dict) else None
        if not isinstance(package, dict):
            continue
        purl = packages.built(str(package.get("ecosystem") or ""), str(package.get("name") or ""))
        purl = purl or packages.spelled(str(package.get("purl") or ""))
        if not purl:
            continue
        intervals, versions, fixed = found.setdefault(purl, ([], [], []))
        own = [interval for ranged in items(one.get("ranges")) for interval in _intervals(ranged, fixed)]
        intervals.extend(own)
        if not own:
            versions.extend(version for version in items(one.get("versions")) if isinstance(version, str))
    return found


def _intervals(ranged: Any, fixed: list[str]) -> Iterator[packages.Interval]:
    """Yield the intervals between the events of a range; versions that fix are added to `fixed`."""
    if not isinstance(ranged, dict) or ranged.get("type") == "GIT":
        return
    low: str | None = None
    for event in items(ranged.get("events")):
        for what, version in event.items() if isinstance(event, dict) else ():
            version = str(version)
            if what == "introduced":
                if low is not None:
                    yield packages.Interval(low)
                low = "" if version == "0" else version
            elif what in ("fixed", "last_affected"):
                if what == "fixed":
                    fixed.append(version)
                yield packages.Interval(low or "", version, what == "last_affected")
                low = None
    if low is not None:
        yield packages.Interval(low)


def _packages_of(
    rows: Rows,
    name: str,
    pieces: dict[str, tuple[list[packages.Interval], list[str], list[str]]],
    when: datetime,
    source: str,
    gone: bool,
) -> None:
    for purl, (intervals, versions, fixed) in pieces.items():
        span = "vers:none/*" if gone else packages.vers(packages.scheme(purl), intervals, versions)
        rows.add(name, "affected", when, text=purl, model=span, source=source)
        for version in dict.fromkeys(() if gone else fixed):
            rows.add(name, "fixed_in", when, text=purl, model=version, source=source)


PLUGIN = Osv()

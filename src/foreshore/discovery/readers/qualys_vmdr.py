"""Qualys VMDR, CSV of detections by check (QID) or by weakness (CVE)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _qualys as qualys

_FIND = ("QID", "Title", "Asset Id", "Asset Name")


@dataclass(frozen=True)
class QualysVMDR:
    """Reads one finding a row; in the export by CVE each row names one weakness of its check.

    A CSV does not say what it left out: nothing counts as covered. Rows that Qualys calls fixed,
    disabled or ignored keep that as the source's word.
    """

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is there a header with QID, Title, Asset Id and Asset Name?"""
        return csvrows.has_columns(head, *_FIND)

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, each asset once, one finding a row."""
        table = csvrows.table(report, find=_FIND, fold=True)
        made = table.before[0][1] if table.before and len(table.before[0]) > 1 else ""
        written = [made] if hosts.when(made) else csvrows.distinct(report, ("last detected",), find=_FIND)
        at, text, assumed = hosts.latest(written)
        yield facts.RunSeen(tool="Qualys VMDR", observed_at=at, observed_text=text, zone_assumed=assumed)
        seen: set[object] = set()
        for line, row in table.rows:
            yield from _row(line, row, seen)


PLUGIN = QualysVMDR()


def _row(line: int, row: csvrows.Row, seen: set[object]) -> Iterator[facts.Record]:
    number, name = row.get("asset id", ""), qualys.filled(row.get("asset name"))
    key = number or name or row.get("asset ipv4", "")
    if not key or not (row.get("qid") or row.get("cve")):
        yield facts.Skipped(f"line {line}", "names no asset or no check")
        return
    at = hosts.when(row.get("last detected"))
    if key not in seen:
        seen.add(key)
        yield _sighting(row, key, name, number, at)
    port, protocol = naming.port(row.get("port")), row.get("protocol", "").lower()
    finding = _finding(row, key, port, protocol, at)
    if port and protocol and finding.word == "open" and (key, port, protocol) not in seen:
        seen.add((key, port, protocol))
        yield facts.PortSeen(asset=key, port=port, protocol=protocol, observed_at=at)
    yield finding


def _sighting(row: csvrows.Row, key: str, name: str, number: str, at: datetime | None) -> facts.Sighting:
    addresses = [*row.get("asset ipv4", "").split(","), *row.get("asset ipv6", "").split(",")]
    return facts.Sighting(
        key=key,
        name=name or addresses[0] or key,
        identifiers=hosts.gather(
            [hosts.agent("qualys", number)],
            hosts.named("fqdn", name),
            (one for text in addresses for one in hosts.named("ip", text)),
        ),
        os=qualys.filled(row.get("operating system")),
        tags=tuple(one.strip() for one in row.get("asset tags", "").split(",") if one.strip()),
        observed_at=at,
    )


def _finding(row: csvrows.Row, asset: str, port: int, protocol: str, at: datetime | None) -> facts.Finding:
    get = row.get
    kind, title = get("type detected", ""), get("title", "")
    weaknesses = naming.public_ids(get("cve", ""))
    result = qualys.filled(get("results"))
    installed, fixed = hosts.versions(result)
    vendor = ("patch",) if get("vuln patchable", "").lower() == "yes" else ()
    score = naming.score(get("cvssv3.1 base (nvd)")) or naming.score(get("cvssv2 base (nvd)"))
    return facts.Finding(
        asset=asset,
        rule=get("qid", "") or get("cve", ""),
        title=title,
        severity=qualys.severity(get("severity", ""), kind),
        weaknesses=weaknesses,
        kind=qualys.kind_of(title, kind, weaknesses, vendor),
        version=installed,
        fixed_version=fixed,
        fix=hosts.fix_name(title, result),
        port=port,
        protocol=protocol,
        cvss_score=score,
        proof=qualys.proof_of(kind, get("category", ""), get("detection source", "").replace("QUALYS", "")),
        word=_word(row),
        description=qualys.plain(get("threat")) or qualys.plain(get("cve-description")),
        solution=qualys.plain(get("solution")),
        evidence=result,
        first_seen=hosts.when(get("first detected")),
        fixed_at=hosts.when(get("last fixed")) if get("status", "").upper() == "FIXED" else None,
        observed_at=at,
    )


def _word(row: csvrows.Row) -> facts.Word:
    if "yes" in (row.get("disabled", "").lower(), row.get("ignored", "").lower()):
        return "suppressed"
    return qualys.word_of(row.get("status", ""))

"""Qualys, host-based report as CSV, and Hacker Guardian's variant of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _qualys as qualys

_FIND = ("IP", "QID", "Severity", "Type")
_LETTERS: dict[str, facts.Severity] = {
    "L": "low",
    "M": "medium",
    "H": "high",
    "C": "critical",
    "U": "critical",
}
_TIMES = ("last detected", "last scan")


@dataclass(frozen=True)
class QualysCSV:
    """Reads one finding a row. A CSV does not say what it left out: nothing counts as covered."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is there a header with IP, QID, Severity and Type?"""
        return csvrows.has_columns(head, *_FIND)

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, each host once, open ports once, one finding a row."""
        table = csvrows.table(report, find=_FIND, fold=True)
        at, text, assumed = hosts.latest(csvrows.distinct(report, _TIMES, find=_FIND))
        yield facts.RunSeen(tool="Qualys", observed_at=at, observed_text=text, zone_assumed=assumed)
        seen: set[object] = set()
        for line, row in table.rows:
            yield from _row(line, row, seen)


PLUGIN = QualysCSV()


def _row(line: int, row: csvrows.Row, seen: set[object]) -> Iterator[facts.Record]:
    address = row.get("ip", "")
    name = qualys.filled(row.get("dns") or row.get("hostname"))
    key = " ".join(one for one in (address, name, row.get("netbios", "")) if one)
    if not key or not row.get("qid"):
        if len([one for one in row.values() if one]) > 2:
            yield facts.Skipped(f"line {line}", "names no host or no check")
        return
    at = hosts.when(row.get("last detected") or row.get("last scan"))
    if key not in seen:
        seen.add(key)
        yield _sighting(row, key, name, at)
    port, protocol = naming.port(row.get("port")), row.get("protocol", "").lower()
    finding = _finding(row, key, port, protocol, at)
    if port and protocol and finding.word == "open" and (key, port, protocol) not in seen:
        seen.add((key, port, protocol))
        tls = row.get("ssl", "").lower() in ("over ssl", "true", "yes")
        yield facts.PortSeen(asset=key, port=port, protocol=protocol, tls=tls, observed_at=at)
    yield finding


def _sighting(row: csvrows.Row, key: str, name: str, at: datetime | None) -> facts.Sighting:
    get = row.get
    netbios = qualys.filled(get("netbios"))
    return facts.Sighting(
        key=key,
        name=name or netbios or get("ip", ""),
        identifiers=hosts.gather(
            [hosts.agent("qualys", get("qg host id", "") or get("host id", ""))],
            [("cloud_id", get("ec2 instance id", "").lower())],
            hosts.named("fqdn", name),
            hosts.named("fqdn", get("fqdn", "")),
            hosts.named("netbios", netbios),
            hosts.named("ip", get("ip", "")),
        ),
        os=qualys.filled(get("os") or get("operating system")),
        tags=tuple(one.strip() for one in get("associated tags", "").split(",") if one.strip()),
        authenticated=True if "AGENT" in get("tracking method", "").upper() else None,
        observed_at=at,
    )


def _finding(row: csvrows.Row, asset: str, port: int, protocol: str, at: datetime | None) -> facts.Finding:
    get = row.get
    kind, title = get("type", ""), get("title") or get("vuln title") or f"QID {get('qid', '')}"
    weaknesses = naming.public_ids(get("cve id", ""), get("cveid", ""))
    vendor = tuple(one.strip() for one in get("vendor reference", "").split(",") if one.strip())
    score, vector = qualys.cvss(
        get("cvss3 base", "") or get("cvss3.1 base", ""), get("cvss base", "") or get("cvss_base", "")
    )
    result = get("results", "") or get("result", "") or get("instance", "")
    installed, fixed = hosts.versions(result)
    level = _LETTERS.get(get("severity", "").upper())
    return facts.Finding(
        asset=asset,
        rule=get("qid", ""),
        title=title,
        severity=level or qualys.severity(get("severity", ""), kind),
        weaknesses=weaknesses,
        kind=qualys.kind_of(title, kind, weaknesses, vendor),
        version=installed,
        fixed_version=fixed,
        fix=qualys.fix_of(title, vendor),
        port=port,
        protocol=protocol,
        cvss_score=score,
        cvss_vector=vector,
        proof=qualys.proof_of(kind, get("category", ""), get("tracking method", "")),
        word="false_positive"
        if get("false positive status", "-").upper() == "APPROVED"
        else qualys.word_of(get("vuln status", "")),
        description=qualys.plain(get("threat")),
        solution=qualys.plain(get("solution")),
        evidence=result,
        first_seen=hosts.when(get("first detected")),
        fixed_at=hosts.when(get("date last fixed")),
        observed_at=at,
    )

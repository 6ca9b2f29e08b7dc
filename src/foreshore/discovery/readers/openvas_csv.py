"""OpenVAS and Greenbone, CSV results in the styles of releases 8 to 22."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._openvas import kind_of, place_of, proof_of, threat

_FIND = ("IP", "NVT Name", "NVT OID")


@dataclass(frozen=True)
class OpenVASCSV:
    """Reads the CSV report, one finding a row. A CSV does not say what it left out: nothing is covered."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is there a header with IP, NVT Name and NVT OID?"""
        return csvrows.has_columns(head, *_FIND)

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, each host once, open ports once, one finding a row."""
        table = csvrows.table(report, find=_FIND, fold=True)
        at, text, assumed = hosts.latest(csvrows.distinct(report, ("timestamp",), find=_FIND))
        yield facts.RunSeen(tool="OpenVAS", observed_at=at, observed_text=text, zone_assumed=assumed)
        seen: set[object] = set()
        for line, row in table.rows:
            yield from _row(line, row, seen)


PLUGIN = OpenVASCSV()


def _row(line: int, row: csvrows.Row, seen: set[object]) -> Iterator[facts.Record]:
    key = row.get("ip", "") or row.get("hostname", "")
    if not key:
        yield facts.Skipped(f"line {line}", "names neither address nor host name")
        return
    at = hosts.when(row.get("timestamp"))
    if key not in seen:
        seen.add(key)
        yield facts.Sighting(
            key=key,
            name=row.get("hostname", "") or key,
            identifiers=hosts.gather(
                hosts.named("fqdn", row.get("hostname", "")), hosts.named("ip", row.get("ip", ""))
            ),
            observed_at=at,
        )
    protocol = row.get("port protocol", "").lower()
    port, protocol = place_of(f"{row.get('port', '')}/{protocol}")
    if port and (key, port, protocol) not in seen:
        seen.add((key, port, protocol))
        yield facts.PortSeen(asset=key, port=port, protocol=protocol, observed_at=at)
    yield _finding(row, key, port, protocol)


def _finding(row: csvrows.Row, asset: str, port: int, protocol: str) -> facts.Finding:
    title = row.get("nvt name", "")
    score = naming.score(row.get("cvss"))
    severity = threat(row.get("severity", ""), score)
    # Scans by version alone ("CVE scan") have the weakness as their name and no check behind it.
    weaknesses = naming.public_ids(row.get("cves", "")) or naming.public_ids(title)
    output = row.get("specific result", "")
    installed, fixed = hosts.versions(output)
    component = hosts.cpe(_product(row.get("product detection result", "") or output))
    solution = row.get("solution type", "")
    return facts.Finding(
        asset=asset,
        rule=row.get("nvt oid", "") or title,
        title=title,
        severity=severity,
        weaknesses=weaknesses,
        kind=kind_of(title, severity, weaknesses, solution),
        component=component[0],
        component_name=component[1],
        version=installed or component[2],
        fixed_version=fixed,
        fix=hosts.fix_name(title),
        port=port,
        protocol=protocol,
        cvss_score=score,
        epss=naming.number(row.get("max severity epss score")),
        proof=proof_of("", row.get("qod", "")),
        description=row.get("summary", ""),
        solution=row.get("solution", ""),
        references=tuple(dict.fromkeys(row.get("other references", "").replace(",", " ").split())),
        evidence=output,
        observed_at=hosts.when(row.get("timestamp")),
    )


def _product(text: str) -> str:
    """The first CPE name in `text`."""
    start = text.find("cpe:/")
    return text[start:].split()[0].rstrip(".,)") if start >= 0 else ""

"""Generic CSV: what people keep in tables, here a manual review of hosts that no scanner covers."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from foreshore.estate import catalogue
from foreshore.estate.model import Flaw, Host

COLUMNS = (
    "date", "hostname", "ip", "mac", "title", "cve", "severity", "cvss_vector", "cvss_score", "port",
    "component_name",
    "component_version", "fix_version", "description", "mitigation", "active",
)  # fmt: skip


def write(path: Path, hosts: Iterable[Host], when: datetime) -> int:
    """Write one row for each host and weakness, dated `when` (UTC); return the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        for host in hosts:
            for row in _rows(host):
                table.writerow(row | _where(host) | {"date": f"{when:%Y-%m-%d}"})
                count += 1
    return count


def _where(host: Host) -> dict[str, str]:
    return {"hostname": host.fqdn, "ip": host.ip, "mac": host.mac}


def _rows(host: Host) -> list[dict[str, str]]:
    rows = [_row(host, flaw) for flaw in host.flaws]
    if host.os == "android":
        rows.append(
            {
                "title": "Device runs a system version without security updates",
                "severity": "high",
                "component_name": "Android",
                "component_version": "11",
                "description": "Android 11 gets no more security updates.",
                "mitigation": "Replace the device or move it to a supported version.",
                "active": "true",
            }
        )
    return rows


def _row(host: Host, flaw: Flaw) -> dict[str, str]:
    return {
        "title": flaw.title,
        "cve": flaw.cve,
        "severity": flaw.severity,
        "cvss_vector": flaw.vector,
        "cvss_score": f"{flaw.score:.1f}",
        "port": str(flaw.port or ""),
        "component_name": flaw.product,
        "component_version": flaw.version,
        "fix_version": catalogue.fix_of(flaw, host.os),
        "description": f"{flaw.vendor} {flaw.product}: {flaw.title}.",
        "mitigation": f"Install {catalogue.fix_of(flaw, host.os)}." if catalogue.fix_of(flaw, host.os) else "",
        "active": "true",
    }

"""Exposures as events of the Open Cybersecurity Schema Framework (OCSF 1.4, schema.ocsf.io), one a line.

Vulnerabilities are Vulnerability Findings (class 2002), what is set wrong Compliance Findings (2003).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from foreshore import __version__

VERSION = "1.4.0"
VULNERABILITY, COMPLIANCE = 2002, 2003
_SEVERITY = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_NEW, _PROGRESS, _SUPPRESSED = 1, 2, 3
_CONFIGURED = ("misconfiguration", "identity")


@dataclass
class Told:
    """What a document holds: exposures taken, and those left out by reason."""

    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def lines(rows: Iterator[dict[str, Any]], cycle: dict[str, Any], told: Told) -> Iterator[str]:
    """Yield one event a line, in the order of `rows`."""
    import orjson

    for row in rows:
        told.taken += 1
        yield orjson.dumps(event(row, cycle)).decode() + "\n"


def event(row: dict[str, Any], cycle: dict[str, Any]) -> dict[str, Any]:
    """Return the event of one exposure (as `exposures --json` shows it)."""
    compliance = row["kind"] in _CONFIGURED
    kind = COMPLIANCE if compliance else VULNERABILITY
    status = _SUPPRESSED if row["disposition"] else _PROGRESS if row["treatment"] == "act_now" else _NEW
    found = {
        "class_uid": kind, "category_uid": 2, "activity_id": 1, "type_uid": kind * 100 + 1,
        "time": _millis(cycle["as_of"]), "severity_id": _SEVERITY[row["severity"]], "status_id": status,
        "message": row["title"],
        "metadata": {"version": VERSION, "uid": row["id"],
                     "product": {"name": "Foreshore", "vendor_name": "Foreshore", "version": __version__}},
        "finding_info": {"uid": row["id"], "title": row["title"], "types": [row["kind"]],
                         "first_seen_time": _millis(row["first_seen"]), "last_seen_time": _millis(row["last_seen"]),
                         "data_sources": row["sources"]},
        "resources": [_resource(row)],
        "unmapped": _own(row),
    }  # fmt: skip
    if row["because"]:
        found["comment"] = row["because"]
    body = {"compliance": _compliance(row)} if compliance else {"vulnerabilities": [_vulnerability(row)]}
    return found | body


def _millis(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _resource(row: dict[str, Any]) -> dict[str, Any]:
    found = {"uid": row["asset"], "name": row["asset_name"], "labels": [f"site={row['site']}"]}
    if row["zone"]:
        found["labels"].append(f"zone={row['zone']}")
    return found | ({"owner": {"name": row["owner"]}} if row["owner"] else {})


def _vulnerability(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": row["title"], "severity": row["severity"].capitalize(),
        "is_exploit_available": row["exploit"] not in ("none_known", "unknown"),
    }  # fmt: skip
    if row["weakness"].startswith("CVE-"):
        cve: dict[str, Any] = {"uid": row["weakness"]}
        if row["cvss"] is not None:
            cve["cvss"] = [{"base_score": row["cvss"], "version": "3.1"}]
        if row["epss"] is not None:
            cve["epss"] = {"score": str(row["epss"])}
        found["cve"] = cve
    else:
        found["advisory"] = {"uid": row["weakness"]}
    if row["place"].startswith("pkg:"):
        name = row["place"].rpartition("/")[2]
        found["affected_packages"] = [{"name": name, "purl": row["place"], "version": "unknown"}]
    if row["fix"]:
        found["remediation"] = {"desc": row["fix"]}
        found["is_fix_available"] = True
    return found


def _compliance(row: dict[str, Any]) -> dict[str, Any]:
    return {"control": row["weakness"], "standards": ["as set by the source"], "status": "Fail", "status_id": 3,
            "status_detail": row["place"]}  # fmt: skip


def _own(row: dict[str, Any]) -> dict[str, Any]:
    """What OCSF has no word for."""
    names = ("rank", "treatment", "reason", "reachable", "exploit", "leads_to", "contribution", "unit", "label", "due",
             "due_rule", "verdict", "disposition", "place", "state")  # fmt: skip
    return {name: row[name] for name in names}

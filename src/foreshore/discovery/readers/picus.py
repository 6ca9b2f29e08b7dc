"""Picus, results of simulated attacks as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _host_scans as scans
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_COLUMNS = ("threatName", "actionId", "actionName", "threatSeverity")
_TIMES = ("attackendedtimeutc", "attackstartedtimeutc")
_SLASHED = regex(r"^(\d{1,2})/(\d{1,2})/\d{4}\b")
_STOPPED = frozenset({"blocked", "prevented", "unachieved"})
_PASSED = frozenset({"not blocked", "unblocked", "not prevented", "achieved", "notblocked"})
_TAGS = {
    "module": "attackmodules", "category": "attackcategory", "tactic": "actionmitretactic",
    "technique": "actionmitretechnique", "subtechnique": "actionmitresubtechnique", "cve": "cve",
    "log": "threatdetectionlogresult", "alert": "threatdetectionalertresult", "signature": "signatureid",
}  # fmt: skip


@dataclass(frozen=True)
class Picus:
    """Reads one finding for each simulated action that was not stopped.

    An action that was blocked is no finding: the place of the simulation is covered for it, so that one
    that is stopped now closes. A CVE of an action says what it imitates, not that a host has it.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Are the columns of a simulation's actions there?"""
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the places of the simulation, what was not stopped, and what was tried."""
        table = csvrows.table(report, find=_COLUMNS, fold=True)
        times = csvrows.distinct(report, _TIMES, find=_COLUMNS)
        at, text, _assumed = hosts.latest(one for one in times if not _ambiguous(one))
        yield RunSeen(tool="Picus", observed_at=at, observed_text=text, zone_assumed=False)
        tried: dict[str, set[str]] = {}
        unsure: set[tuple[str, str]] = set()
        for line, row in table.rows:
            key, action = _key(report.name, row), row.get("actionid", "").strip()
            result = _result(row)
            if not action:
                yield Skipped(f"line {line}", "names no action")
                continue
            if key not in tried:
                tried[key] = set()
                yield _sighting(key, row)
            if result in _PASSED:
                yield _finding(key, action, row)
            elif result not in _STOPPED:
                unsure.add((key, action))
                yield Skipped(f"line {line}", f"the action gave no result ({result or 'none'})")
                continue
            tried[key].add(action)
        for key, actions in tried.items():
            if said := scans.covered("picus", key, {one for one in actions if (key, one) not in unsure}):
                yield said


PLUGIN = Picus()


def _ambiguous(text: str) -> bool:
    """Is it a date whose day and month may be taken for each other?"""
    match = _SLASHED.match(text.strip())
    return bool(match and int(match[1]) <= 12 and int(match[2]) <= 12 and match[1] != match[2])


def _when(text: str) -> datetime | None:
    return None if _ambiguous(text) else hosts.when(text)


def _result(row: csvrows.Row) -> str:
    """The word for the action itself, else for its threat."""
    said = row.get("actionpreventionresult", "").strip() or row.get("threatpreventionresult", "").strip()
    return said.lower()


def _key(name: str, row: csvrows.Row) -> str:
    tenant, location = row.get("tenantid", "").strip(), row.get("location", "").strip()
    if not tenant and not location:
        return scans.by_file("picus simulation", name)
    return " ".join(part for part in ("picus simulation", tenant, location) if part)


def _sighting(key: str, row: csvrows.Row) -> Sighting:
    fields = (("platforms", "affectedplatforms"), ("user", "attackeruser"), ("subscription", "subscription"))
    return Sighting(
        key=key,
        name=key,
        identifiers=(("artifact", key),),
        os=row.get("affectedos", "").strip(),
        attributes=tuple((label, value) for label, name in fields if (value := row.get(name, "").strip())),
    )


def _finding(key: str, action: str, row: csvrows.Row) -> Finding:
    get = row.get
    name, threat = get("actionname", "").strip(), get("threatname", "").strip()
    title = " - ".join(dict.fromkeys(one for one in (threat, name) if one)) or f"action {action}"
    return Finding(
        asset=key,
        rule=action,
        title=title,
        severity=naming.severity(get("threatseverity", "")),
        kind="misconfiguration",
        resource=threat,
        cwes=naming.cwes(get("cwe", "")),
        proof="confirmed",
        description=get("actiondescription", "").strip(),
        evidence=get("output", "").strip(),
        observed_at=_when(get("attackendedtimeutc", "") or get("attackstartedtimeutc", "")),
        tags=tuple(f"{label}={value}" for label, column in _TAGS.items() if (value := get(column, "").strip())),
    )

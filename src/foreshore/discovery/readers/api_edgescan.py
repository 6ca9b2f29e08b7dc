"""Edgescan's vulnerabilities as its interface gives them: a list, `{"vulnerabilities": [...]}`, or lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts, _naming, _platforms
from foreshore.discovery.readers._platforms import Row
from foreshore.facts import Finding, Record, RunSeen, Severity, Sighting, Skipped, Word

_MARKS = (regex(r'"location_specifier_id"\s*:'), regex(r'"pci_compliance_status"\s*:'))
_ALSO = regex(r'"(date_opened|asset_name|cvss_vector|threat)"\s*:')
# The platform's own steps; words appear in exports of its portal.
_SEVERITIES: dict[str, Severity] = {"1": "info", "2": "low", "3": "medium", "4": "high", "5": "critical"}
_WORDS: dict[str, Word] = {
    "closed": "fixed",
    "risk accepted": "accepted",
    "risk_accepted": "accepted",
    "false positive": "false_positive",
    "false_positive": "false_positive",
}


@dataclass(frozen=True)
class ApiEdgescan:
    """Reads Edgescan's vulnerabilities: one finding for each, closed ones with that word."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins vulnerabilities with Edgescan's fields."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        return any(mark.search(opening) for mark in _MARKS) and bool(_ALSO.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each location once, and one finding for each vulnerability."""
        skipped: list[Skipped] = []
        yield RunSeen(tool="edgescan")
        said: set[str] = set()
        for number, row in enumerate(_platforms.wrapped(report, "vulnerabilities", skipped.append), 1):
            where = _platforms.place(_naming.text(row.get("location")) or _naming.text(row.get("asset_name")))
            title = _naming.text(row.get("name")).strip()
            if not where.identifiers or not title:
                skipped.append(Skipped(f"vulnerability {number}", "names no location or no title"))
                continue
            if where.name not in said:
                said.add(where.name)
                yield _sighting(where, row)
            yield _finding(where, title, row)
        yield from skipped


def _sighting(where: _platforms.Place, row: Row) -> Sighting:
    group = _naming.text(row.get("asset_name"))
    tags = (one.strip() for one in _naming.text(row.get("asset_tags")).split(","))
    return Sighting(
        key=where.name,
        name=where.name,
        identifiers=where.identifiers,
        tags=tuple(one for one in tags if one),
        attributes=(("edgescan_asset", group),) if group else (),
    )


def _finding(where: _platforms.Place, title: str, row: Row) -> Finding:
    text = _naming.text
    word = _WORDS.get(text(row.get("status")).strip().lower(), "open")
    port = _naming.port(row.get("port")) or where.port
    exception = text(row.get("pci_exception"))
    said = (("layer", text(row.get("layer"))), ("pci_exception", "" if exception == "none" else exception))
    return Finding(
        asset=where.name,
        rule=text(row.get("definition_id")) or title,
        title=title,
        severity=_severity(row),
        weaknesses=_naming.public_ids(*_naming.texts(row.get("cves"))),
        port=port,
        protocol=(text(row.get("protocol")).lower() or "tcp") if port else "",
        url=where.url,
        cvss_vector=_hosts.vector(text(row.get("cvss_vector"))),
        cvss_score=_naming.score(row.get("cvss_score")),
        cwes=_naming.cwes(row.get("cwes") or ()),
        proof="probe",
        word=word,
        description=text(row.get("description")),
        solution=text(row.get("remediation")),
        first_seen=_platforms.when(text(row.get("date_opened"))),
        fixed_at=_platforms.when(text(row.get("date_closed"))) if word == "fixed" else None,
        tags=tuple(f"{name}={value}" for name, value in said if value),
    )


def _severity(row: Row) -> Severity:
    stated = _naming.text(row.get("severity")).strip()
    return _SEVERITIES.get(stated) or _naming.severity(stated)


PLUGIN = ApiEdgescan()

"""ThreatMapper's reports as CSV or as a spreadsheet: vulnerabilities, secrets, malware, compliance."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.readers import _cloud_rows, _deepfence_rows, _sheets, _wiz_rows
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

# Columns that tell the four reports apart, folded to letters and digits; all of one set must be there
_SORTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("cve", frozenset({"cvecausedbypackage", "cveid", "cvecontainerimage"})),
    ("cve", frozenset({"causedbypackage", "cveid", "nodename"})),
    ("file", frozenset({"filename", "content", "rule", "severity", "nodename"})),
    ("malware", frozenset({"rulename", "filename", "summary", "severity", "nodename"})),
    ("control", frozenset({"compliancestandard", "controlid", "status", "nodename"})),
)
_FIELDS: dict[str, tuple[str, ...]] = {
    "cve": ("cveid",), "package": ("cvecausedbypackage", "causedbypackage"),
    "packagepath": ("cvecausedbypackagepath", "causedbypackagepath"), "sort": ("cvetype", "type"),
    "vector": ("cveattackvector", "attackvector"), "score": ("cvecvssscore", "cvssscore"),
    "description": ("cvedescription", "description"), "fixed": ("cvefixedin", "fixedin"),
    "link": ("cvelink", "link"), "severity": ("cveseverity", "severity"), "time": ("timestamp",),
    "image": ("cvecontainerimage",), "imageid": ("cvecontainerimageid",), "host": ("hostname",),
    "account": ("cloudaccountid", "accountid"), "masked": ("masked",), "node": ("nodename",),
    "nodetype": ("nodetype",), "cluster": ("kubernetesclustername",), "file": ("filename",), "name": ("name",),
    "rule": ("rule",), "malware": ("rulename",), "class": ("class",), "summary": ("summary",),
    "standard": ("compliancestandard",), "status": ("status",), "category": ("category",), "info": ("info",),
    "control": ("controlid",), "solution": ("remediation",), "resource": ("resource",), "exploit": ("exploitpoc",),
}  # fmt: skip
_READ: dict[str, Callable[[str, _deepfence_rows.Said], Finding]] = {
    "cve": _deepfence_rows.vulnerability,
    "file": _deepfence_rows.secret,
    "malware": _deepfence_rows.malware,
    "control": _deepfence_rows.control,
}
_OF = {name: field for field, names in _FIELDS.items() for name in names}


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _sort(columns: Collection[str]) -> str:
    folded = {_fold(name) for name in columns}
    return next((sort for sort, wanted in _SORTS if folded >= wanted), "")


@dataclass(frozen=True)
class ThreatMapper:
    """Reads ThreatMapper's reports; each row that is no passed control is a finding on its node."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins one of the reports."""
        if head.startswith(_sheets.MAGIC):
            return bool(_sort(re.findall(r">([^<>]{1,40})<", _sheets.beginning(head))))
        return any(_sort(line) for line in csvrows.header_lines(head)[:1])

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, nodes once each, a finding for each row, and which controls were looked at."""
        yield _run(report)
        skipped: list[Skipped] = []
        held: set[str] = set()
        coverage = _cloud_rows.Coverage("threatmapper")
        for where, said in _rows(report):
            sort = next((one for one in ("cve", "malware", "control", "file") if said.get(one)), "")
            found = _deepfence_rows.assets(said) if sort else None
            if not found:
                skipped.append(Skipped(where, "names no node" if sort else "names no vulnerability, rule or control"))
                continue
            nodes, asset = found
            yield from _deepfence_rows.once(nodes, held)
            if sort == "control":
                coverage.looked(asset, said["control"])
                if said.get("status", "").lower() in _deepfence_rows.PASSED:
                    continue
            yield _READ[sort](asset, said)
        yield from coverage.records()
        yield from skipped


def _run(report: facts.Report) -> RunSeen:
    """The run, at the newest time that a row states; a spreadsheet is not read twice for it."""
    if report.head.startswith(_sheets.MAGIC):
        return RunSeen(tool="threatmapper")
    stamps = csvrows.distinct(report, ("@timestamp",))
    times = ((found, one) for one in stamps if (found := _wiz_rows.moment(one)) is not None)
    observed, written = max(times, default=(None, ""))
    return RunSeen(tool="threatmapper", observed_at=observed, observed_text=written)


def _rows(report: facts.Report) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row that says something, by our names for its cells."""
    rows: Iterator[tuple[str, dict[str, str]]]
    if report.head.startswith(_sheets.MAGIC):
        rows = _sheets.rows(report, lambda columns: bool(_sort(columns)))
    else:
        table = csvrows.table(report)
        if not _sort(table.columns):
            raise BadReport(
                "has no columns of ThreatMapper", where=report.name, hint="download the report again with its first row"
            )
        rows = ((f"line {line}", row) for line, row in table.rows)
    fields: dict[str, str] = {}
    for where, row in rows:
        said: dict[str, str] = {}
        for name, value in row.items():
            field = fields.get(name)
            if field is None:
                field = fields[name] = _OF.get(_fold(name), "")
            if field and (text := value.strip()):
                said[field] = text
        if said:
            yield where, said


PLUGIN = ThreatMapper()

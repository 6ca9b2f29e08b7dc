"""Sysdig Secure's vulnerability reports: CSV, JSON of the older engine, JSON of the newer reports in panels.

The CSV of one result of the command line scanner, as the portal gives it, is read here too; it names no image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _host_scans, _images, _kube_rows, _naming, _sysdig
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Relation, RunSeen, Sighting, Skipped

_COLUMNS = ("Package name", "Package version", "Package type")
_REPORT = (*_COLUMNS, "Vulnerability ID")
_RESULT = (*_COLUMNS, "CVE ID", "CVE Severity")
_FORMS = (
    (regex(r'"vulnName"\s*:'), regex(r'"package(?:Name|Type)"\s*:')),
    (regex(r'"vuln_id"\s*:'), regex(r'"scan_package_name"\s*:')),
)
# What stands in the column of the identifier is one: letters, a dash, digits, no spaces
_IDENTIFIER = regex(r"^[A-Za-z][A-Za-z0-9]{1,15}[-:_]\S{1,60}$")

# Names of the same thing in the three forms, folded to letters and digits
_FIELDS: dict[str, tuple[str, ...]] = {
    "rule": ("vulnerabilityid", "vulnname", "vulnid", "cveid"),
    "severity": ("severity", "vulnseverity", "cveseverity"),
    "package": ("packagename", "scanpackagename"),
    "version": ("packageversion", "scanpackageversion"),
    "kind": ("packagetype", "scanpackagetype"),
    "path": ("packagepath", "scanpackagepath"),
    "image": ("image", "imagepullstring", "containerimage", "imagename", "scanimagepullstring"),
    "image_id": ("imageid", "containerimageid", "scanimageid"),
    "digest": ("imagedigest", "containerimagedigest"),
    "os": ("osname", "containerimagedistro", "hostdistro", "hostosname"),
    "score": ("cvssscore", "vulncvssscore"),
    "vector": ("cvssvector", "vulncvssvector"),
    "link": ("vulnlink", "vulnurl", "cveurl"),
    "fixed": ("fixversion", "vulnfixversion", "vulnfixedinversion"),
    "exploit": ("publicexploit", "vulnexploitable", "vulnhasexploit"),
    "kev": ("vulncisakevpublishdate", "cisakevpublishdate"),
    "accepted": ("riskaccepted", "vulnriskaccepted", "vulnacceptedrisk"),
    "used": ("inuse", "scanpackageinuse", "packageinuse", "running"),
    "host": ("hostname", "hosthostname"),
    "resource": ("hostcloudresourceid", "cloudresourceid", "hostcloudproviderresourceid"),
    "cluster": ("k8sclustername", "kubernetesclustername"),
    "namespace": ("k8snamespacename", "kubernetesnamespacename"),
    "workload": ("k8sworkloadname", "kubernetesworkloadname"),
    "sort": ("k8sworkloadtype", "kubernetesworkloadtype"),
    "epss": ("epssscore", "vulnepssscore"),
}  # fmt: skip
_WORKLOADS = {
    one.lower(): one
    for one in (
        "Deployment",
        "DaemonSet",
        "StatefulSet",
        "ReplicaSet",
        "Job",
        "CronJob",
        "Pod",
        "ReplicationController",
    )
}


class _Panel(msgspec.Struct, gc=False):
    data: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    data: list[msgspec.Raw] | None = None
    panels: list[_Panel] | None = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class SysdigReports:
    """Reads reports of images, workloads and machines; each row is a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a vulnerability report of Sysdig."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            if any(one.search(opening) and other.search(opening) for one, other in _FORMS):
                return True
            return '"panels"' in opening and '"zones"' in opening and '"schedule"' in opening
        return csvrows.has_columns(head, *_REPORT) or csvrows.has_columns(head, *_RESULT)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, images, workloads and machines once each, and a finding for each row."""
        yield RunSeen(tool="sysdig")
        reading = _Reading("" if _names_assets(report) else _host_scans.by_file("sysdig", report.name))
        for where, row in _rows(report, reading.skipped):
            yield from reading.of(where, row)
        if reading.skipped and not reading.good:
            first = reading.skipped[0]
            raise BadReport(
                f"has no row that can be read: {first.why}",
                where=f"{report.name}, {first.where}",
                hint="export the report again; its columns and its rows do not belong together",
            )
        yield from reading.skipped


def _names_assets(report: facts.Report) -> bool:
    """Whether rows say what was scanned; those of one result of the command line do not."""
    return not csvrows.has_columns(report.head, *_RESULT)


def _rows(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    if reports.decode_head(report.head).lstrip()[:1] not in ("{", "["):
        for line, cells in csvrows.table(report, find=_COLUMNS).rows:
            if cells.get(""):
                skipped.append(Skipped(f"line {line}", "has more cells than there are columns"))
            else:
                yield f"line {line}", dict(cells)
        return
    document = _decoding.whole(report, _DECODER)
    if isinstance(document, list):
        parts = [("element", document)]
    elif document.panels is not None:
        parts = [(f"panels[{number}].data", one.data or []) for number, one in enumerate(document.panels)]
    elif document.data is not None:
        parts = [("data", document.data)]
    else:
        raise BadReport("has neither data nor panels", where=report.name, hint="download the report as JSON again")
    for where, raws in parts:
        for number, row in enumerate(_decoding.each(_ROW, raws, where, skipped.append)):
            yield f"{where}[{number}]", row


class _Reading:
    """The state of one reading: what was said already."""

    def __init__(self, only: str) -> None:
        self._only = only  # what to call the image of a report that is about one and does not name it
        self.skipped: list[Skipped] = []
        self.good = 0
        self._said: set[str] = set()
        self._fields: dict[str, str] = {}

    def of(self, where: str, row: Mapping[str, Any]) -> Iterator[Record]:
        said = self._folded(row)
        rule = said.get("rule", "")
        if not _IDENTIFIER.match(rule):
            shown = rule[:40]
            self.skipped.append(Skipped(where, f"“{shown}” is no vulnerability" if rule else "names no vulnerability"))
            return
        seen = _asset(said) or self._one_image()
        if seen is None:
            self.skipped.append(Skipped(where, "names neither an image nor a machine"))
            return
        self.good += 1
        if seen.key not in self._said:
            self._said.add(seen.key)
            yield seen
        yield from self._workload(said, seen)
        yield _finding(seen, said)

    def _one_image(self) -> Sighting | None:
        return _images.artifact(self._only, "image") if self._only else None

    def _folded(self, row: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in row.items():
            field = self._fields.get(name)
            if field is None:
                folded = re.sub(r"[^a-z0-9]", "", name.lower())
                field = next((one for one, names in _FIELDS.items() if folded in names), "")
                self._fields[name] = field
            if field and (text := _naming.text(value)):
                found.setdefault(field, text)
        return found

    def _workload(self, said: Mapping[str, str], image: Sighting) -> Iterator[Record]:
        """What runs the image in a cluster, where the row says so."""
        if image.kind != "image" or not said.get("workload"):
            return
        sort = said.get("sort", "")
        seen = _kube_rows.workload(
            said.get("cluster", ""), said.get("namespace", ""), _WORKLOADS.get(sort.lower(), sort), said["workload"]
        )
        if seen.key not in self._said:
            self._said.add(seen.key)
            yield seen
        tie = f"{seen.key} {image.key}"
        if tie not in self._said:
            self._said.add(tie)
            yield Relation(kind="runs", source=f"asset:{seen.key}", target=f"asset:{image.key}")


def _asset(said: Mapping[str, str]) -> Sighting | None:
    image, content, os = said.get("image", ""), said.get("image_id", ""), said.get("os", "")
    if image or content:
        digests = [image.rpartition("@")[2] if "@" in image else "", said.get("digest", ""), content]
        return _images.image([image], digests, os=os, attributes=(("image_id", content),))
    host = said.get("host", "") or said.get("resource", "")
    return _sysdig.host(host, os, said.get("resource", "")) if host else None


def _finding(seen: Sighting, said: Mapping[str, str]) -> Finding:
    rule, name, kind = said["rule"], said.get("package", ""), said.get("kind", "")
    link, epss = said.get("link", ""), _naming.number(said.get("epss"))
    tags = [one for one, field in (("exploit", "exploit"), ("running", "used")) if _is(said.get(field))]
    if said.get("kev") and not said["kev"].startswith("1970"):
        tags.append("kev")
    return Finding(
        asset=seen.key,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(said.get("severity")),
        weaknesses=_naming.weakness(rule),
        component=_sysdig.component(kind, seen.os, name),
        component_name=name,
        version=said.get("version", ""),
        fixed_version=_sysdig.version(kind, said.get("fixed", "")),
        path="" if _sysdig.is_system(kind) else said.get("path", ""),
        cvss_vector=said.get("vector", ""),
        cvss_score=_naming.score(said.get("score")),
        epss=epss if epss is not None and 0 < epss <= 1 else None,
        proof="package",
        word="accepted" if _is(said.get("accepted")) else "open",
        references=(link,) if link else (),
        tags=tuple(tags),
    )


def _is(text: str | None) -> bool:
    return (text or "").lower() in ("true", "yes", "1")


PLUGIN = SysdigReports()

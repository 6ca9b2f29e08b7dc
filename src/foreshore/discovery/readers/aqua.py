"""Aqua: JSON of the scanner and its CI plugins, of the console's API (v1 and v2), and of older versions.

Weaknesses of packages, files with sensitive data, malware, and images that run as root. Other verdicts
of assurance policies repeat what the rows say and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Sighting, Skipped

_SCAN = regex(r'"scan_started"\s*:|"image_assurance_results"\s*:|"vulnerability_summary"\s*:')
_SCAN_ALSO = regex(r'"(resources|digest|image)"\s*:')
_OLD = regex(r'"(cves_counts|score_version|publishdate)"\s*:')
_PAGE = regex(r'"(aqua_severity|aqua_score|more_data_all_pages|show_negligible)"\s*:')


class _Resource(msgspec.Struct, gc=False):
    format: Scalar = None
    name: Scalar = None
    version: Scalar = None
    path: Scalar = None
    cpe: Scalar = None
    sensitive_items: list[Scalar] | None = None


class _Vulnerability(msgspec.Struct, gc=False):
    name: Scalar = None
    description: Scalar = None
    nvd_url: Scalar = None
    vendor_url: Scalar = None
    fix_version: Scalar = None
    solution: Scalar = None
    nvd_score: Scalar = None
    nvd_vectors: Scalar = None
    nvd_severity: Scalar = None
    nvd_score_v3: Scalar = None
    nvd_vectors_v3: Scalar = None
    nvd_severity_v3: Scalar = None
    vendor_score_v3: Scalar = None
    vendor_vectors_v3: Scalar = None
    vendor_severity: Scalar = None
    nvd_cvss2_score: Scalar = None
    nvd_cvss2_vectors: Scalar = None
    nvd_cvss3_score: Scalar = None
    nvd_cvss3_vectors: Scalar = None
    aqua_score: Scalar = None
    aqua_severity: Scalar = None
    aqua_vectors: Scalar = None
    epss_score: Scalar = None
    cwe_info: Any = None
    acknowledged: Scalar = None
    acknowledged_date: Scalar = None
    first_found_date: Scalar = None
    last_found_date: Scalar = None
    referenced_vulnerabilities: Any = None
    # a page of the API: where the row is
    resource: _Resource | None = None
    registry: Scalar = None
    image_name: Scalar = None
    image_digest: Scalar = None
    os: Scalar = None
    os_version: Scalar = None
    # older versions
    file: Scalar = None
    score: Scalar = None
    severity: Scalar = None
    url: Scalar = None


class _Malware(msgspec.Struct, gc=False):
    malware: Scalar = None
    name: Scalar = None
    path: Scalar = None


class _Sensitive(msgspec.Struct, gc=False):
    type: Scalar = None


class _Item(msgspec.Struct, gc=False):
    resource: _Resource | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    sensitive_data_items: list[_Sensitive] | None = None
    malware: list[_Malware] | None = None


class _Control(msgspec.Struct, gc=False):
    control: Scalar = None
    failed: Scalar = None


class _Assurance(msgspec.Struct, gc=False):
    checks_performed: list[_Control] | None = None


class _Started(msgspec.Struct, gc=False):
    seconds: Scalar = None


class _Document(msgspec.Struct, gc=False):
    image: Scalar = None
    image_name: Scalar = None
    pull_name: Scalar = None
    registry: Scalar = None
    digest: Scalar = None
    os: Scalar = None
    version: Scalar = None
    scan_started: _Started | Scalar = None
    resources: list[msgspec.Raw] | None = None
    image_assurance_results: _Assurance | None = None
    cves: list[msgspec.Raw] | None = None
    results: _Document | None = None
    result: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_ELEMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ITEM: msgspec.json.Decoder[_Item] = msgspec.json.Decoder(_Item)
_ROW: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)


@dataclass(frozen=True)
class Aqua:
    """Reads Aqua's JSON of scanned images, one image or many."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a scan of Aqua, a list of scans, or a page of its API."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _SCAN.search(opening) and _SCAN_ALSO.search(opening):
            return True
        if '"cves"' in opening and _OLD.search(opening):
            return True
        return '"result"' in opening and bool(_PAGE.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each image once, and a finding for each row."""
        skipped: list[Skipped] = []
        whole = _decoding.whole(report, _DECODER)
        each = _decoding.each(_ELEMENT, whole, "element ", skipped.append) if isinstance(whole, list) else [whole]
        documents = [_inner(one) for one in each]
        if not any(map(_holds_a_scan, documents)):
            raise BadReport(
                "is JSON of Aqua without scans",
                where=report.name,
                hint="export the scan results as JSON and keep the whole file",
            )
        yield _images.run("aqua", (_started(one) for one in documents))
        reading = _Reading(skipped)
        for number, one in enumerate(documents):
            yield from reading.document(one, f"element {number} " if len(documents) > 1 else "")
        yield from skipped


def _holds_a_scan(one: _Document) -> bool:
    lists = (one.resources, one.cves, one.result)
    return any(rows is not None for rows in lists) or bool(one.image or one.image_name)


def _inner(document: _Document) -> _Document:
    """A list names each image beside its results."""
    inner = document.results
    if inner is None:
        return document
    inner.image = inner.image or inner.image_name or document.image_name or document.image
    return inner


def _started(document: _Document) -> Scalar:
    started = document.scan_started
    return started.seconds if isinstance(started, _Started) else started


class _Reading:
    """The rows of all scans of a report; images that come several times are said once."""

    def __init__(self, skipped: list[Skipped]) -> None:
        self.skipped = skipped
        self.said: set[str] = set()

    def document(self, one: _Document, where: str) -> Iterator[Record]:
        if one.result is not None and one.resources is None:
            yield from self._page(one.result, f"{where}result")
            return
        os = f"{_naming.text(one.os)} {_naming.text(one.version)}".strip()
        names = (_naming.text(one.pull_name), _naming.text(one.image) or _naming.text(one.image_name))
        sighting = _image(_naming.text(one.registry), names, _naming.text(one.digest), os)
        yield from self._once(sighting)
        for number, item in enumerate(_decoding.each(_ITEM, one.resources, f"{where}resources", self.skipped.append)):
            yield from self._item(sighting.key, os, item, f"{where}resources[{number}]")
        yield from self._listed(sighting.key, os, one.cves, f"{where}cves")
        checks = one.image_assurance_results.checks_performed if one.image_assurance_results else None
        if any(check.control == "root_user" and check.failed is True for check in checks or ()):
            yield _root_user(sighting.key)

    def _once(self, sighting: Sighting) -> Iterator[Record]:
        if sighting.key not in self.said:
            self.said.add(sighting.key)
            yield sighting

    def _page(self, raws: list[msgspec.Raw], where: str) -> Iterator[Record]:
        for number, row in enumerate(_decoding.each(_ROW, raws, where, self.skipped.append)):
            if not row.name:
                self.skipped.append(Skipped(f"{where}[{number}]", "names no weakness"))
                continue
            os = f"{_naming.text(row.os)} {_naming.text(row.os_version)}".strip()
            names = ("", _naming.text(row.image_name))
            sighting = _image(_naming.text(row.registry), names, _naming.text(row.image_digest), os)
            yield from self._once(sighting)
            yield _vulnerability(sighting.key, os, row, row.resource or _Resource())

    def _item(self, asset: str, os: str, item: _Item, where: str) -> Iterator[Record]:
        resource = item.resource or _Resource()
        rows = _decoding.each(_ROW, item.vulnerabilities, f"{where}.vulnerabilities", self.skipped.append)
        for number, row in enumerate(rows):
            if row.name:
                yield _vulnerability(asset, os, row, resource)
            else:
                self.skipped.append(Skipped(f"{where}.vulnerabilities[{number}]", "names no weakness"))
        path = _naming.text(resource.path) or _naming.text(resource.name)
        kinds = [_naming.text(one.type) for one in item.sensitive_data_items or ()]
        kinds = kinds or [_naming.text(one) for one in resource.sensitive_items or ()]
        for kind in dict.fromkeys(kinds):
            yield _sensitive(asset, path, kind or "sensitive data", kinds.count(kind))
        for one in item.malware or ():
            yield _malware(asset, _naming.text(one.path) or path, _naming.text(one.malware) or _naming.text(one.name))

    def _listed(self, asset: str, os: str, raws: list[msgspec.Raw] | None, where: str) -> Iterator[Record]:
        for number, row in enumerate(_decoding.each(_ROW, raws, where, self.skipped.append)):
            if row.name:
                yield _vulnerability(asset, os, row, _Resource(name=row.file))
            else:
                self.skipped.append(Skipped(f"{where}[{number}]", "names no weakness"))


def _image(registry: str, names: tuple[str, str], digest: str, os: str) -> Sighting:
    """The image; the registry is a name that people gave it, or its host, which belongs to the image's name."""
    pulled, name = names
    host = registry.removeprefix("https://").strip("/")
    if name and ("." in host or ":" in host) and " " not in host and not name.startswith(f"{host}/"):
        name = f"{host}/{name}"
    attributes = (("registry", registry),) if registry else ()
    return _images.image([pulled, name or pulled], [digest], os=os, attributes=attributes)


def _vulnerability(asset: str, os: str, row: _Vulnerability, resource: _Resource) -> Finding:
    rule, name = _naming.text(row.name), _naming.text(resource.name)
    vector, score = _cvss(row)
    links = (_naming.text(one) for one in (row.nvd_url, row.vendor_url, row.url))
    severity = row.aqua_severity or row.severity or row.nvd_severity_v3 or row.nvd_severity or row.vendor_severity
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(severity),
        weaknesses=_weaknesses(rule, row.referenced_vulnerabilities),
        component=_component(_naming.text(resource.format), _naming.text(resource.cpe), os, name),
        component_name=name,
        version=_naming.text(resource.version),
        fixed_version=_naming.text(row.fix_version),
        path=_naming.text(resource.path),
        cvss_vector=vector,
        cvss_score=score,
        epss=_naming.number(row.epss_score),
        cwes=_cwes(row.cwe_info),
        proof="package",
        word="accepted" if _acknowledged(row) else "open",
        description=_naming.text(row.description),
        solution=_naming.text(row.solution),
        references=tuple(dict.fromkeys(one for one in links if one)),
        first_seen=_naming.when(row.first_found_date),
        observed_at=_naming.when(row.last_found_date),
    )


def _weaknesses(rule: str, referenced: object) -> tuple[str, ...]:
    """The CVEs that a distribution's advisory is about, else what the row is called."""
    if not rule.startswith("CVE-") and isinstance(referenced, list):
        names = (_naming.text(one.get("name") if isinstance(one, dict) else one) for one in referenced)
        if found := _naming.public_ids(*names):
            return found
    return _naming.weakness(rule)


@lru_cache(maxsize=65536)
def _component(kind: str, written: str, os: str, name: str) -> str:
    """The package's purl; Aqua writes `pkg:/FAMILY:RELEASE:NAME:VERSION`, which says where it belongs."""
    if not kind and written.startswith("pkg:/"):
        kind = written[5:].partition(":")[0]
    return _images.component(kind, os, name) or (_images.component("os", kind, name) if kind else "")


def _cvss(row: _Vulnerability) -> tuple[str, float | None]:
    """Aqua's own choice where it is of version 3 or newer, then NVD's and the vendor's, then version 2."""
    for vector, score in (
        (row.aqua_vectors, row.aqua_score),
        (row.nvd_vectors_v3, row.nvd_score_v3),
        (row.nvd_cvss3_vectors, row.nvd_cvss3_score),
        (row.vendor_vectors_v3, row.vendor_score_v3),
    ):
        if _naming.text(vector).startswith("CVSS:"):
            return _naming.text(vector), _naming.score(score)
    for vector, score in (
        (row.aqua_vectors, row.aqua_score),
        (row.nvd_vectors, row.nvd_score),
        (row.nvd_cvss2_vectors, row.nvd_cvss2_score),
    ):
        if vector:
            return _naming.text(vector), _naming.score(score)
    return "", _naming.score(row.aqua_score) or _naming.score(row.score)


def _cwes(value: object) -> tuple[int, ...]:
    """CWE numbers of a list of `{"Id": "CWE-79"}`; nothing where Aqua writes an empty object."""
    rows = value if isinstance(value, list) else [value]
    return _naming.cwes([_naming.text(one.get("Id") or one.get("id")) for one in rows if isinstance(one, dict)])


def _acknowledged(row: _Vulnerability) -> bool:
    """Somebody accepted the risk; dates of the epoch and before stand for nobody."""
    if row.acknowledged is True:
        return True
    found = _naming.when(row.acknowledged_date)
    return found is not None and found.year > 1970


def _sensitive(asset: str, path: str, kind: str, count: int) -> Finding:
    """A file with a secret: where it lies and what it is, never its content."""
    return Finding(
        asset=asset,
        rule=f"sensitive data: {kind}",
        title=f"{kind} in {path}" if path else kind,
        severity="high",
        kind="secret",
        resource=path,
        path=path,
        proof="configuration",
        instances=count,
    )


def _malware(asset: str, path: str, name: str) -> Finding:
    name = name or "malware"
    return Finding(
        asset=asset,
        rule=f"malware: {name}",
        title=f"Malware {name} in {path}" if path else f"Malware {name}",
        severity="critical",
        resource=path,
        path=path,
        proof="probe",
    )


def _root_user(asset: str) -> Finding:
    return Finding(
        asset=asset,
        rule="root_user",
        title="The image runs as root",
        severity="medium",
        kind="misconfiguration",
        resource="user",
        proof="configuration",
    )


PLUGIN = Aqua()

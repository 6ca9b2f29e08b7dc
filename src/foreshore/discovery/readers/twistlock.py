"""Prisma Cloud Compute (Twistlock): JSON of `twistcli` and of the console's API, and the console's CSV.

Images, registry images, builds, hosts and functions; weaknesses of packages, and compliance checks.
"""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.readers import _decoding, _hosts, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import AssetKind, Finding, Record, Sighting, Skipped

_TWISTCLI = re.compile(r'"results"\s*:\s*\[')
_MARKS = re.compile(
    r'"(complianceDistribution|vulnerabilityDistribution|complianceScanPassed|vulnerabilityScanPassed'
    r'|compliances|complianceIssues|complianceIssuesCount|vulnerabilitiesCount)"\s*:'
)
_PLACES = re.compile(r'"(distro|osDistro|packageName|entityInfo|scanTime)"\s*:')
_COLUMNS = ("CVE ID", "Compliance ID", "Packages", "Package Version", "Fix Status")
_USED_IN = re.compile(r"^(\S+) \((used in [^()]{1,2000})\)$")
_SECRET = re.compile(r"private key|sensitive information|secret", re.IGNORECASE)
_PATH = re.compile(r"(?:^|[\s,:])(/[^\s,;]{1,500})")
_ASSETS: dict[str, AssetKind] = {
    "host": "host", "vm": "host", "vms": "host", "function": "cloud_resource", "appembedded": "cloud_resource",
}  # fmt: skip


class _Package(msgspec.Struct, gc=False):
    type: Scalar = None
    pkgsType: Scalar = None
    name: Scalar = None
    version: Scalar = None
    path: Scalar = None
    pkgs: list[_Package] | None = None


class _Check(msgspec.Struct, gc=False):
    id: Scalar = None
    title: Scalar = None
    severity: Scalar = None
    description: Scalar = None
    category: Scalar = None
    cause: Scalar = None
    type: Scalar = None


class _Vulnerability(msgspec.Struct, gc=False):
    id: Scalar = None
    cve: Scalar = None
    status: Scalar = None
    cvss: Scalar = None
    vector: Scalar = None
    vecStr: Scalar = None
    description: Scalar = None
    severity: Scalar = None
    packageName: Scalar = None
    packageVersion: Scalar = None
    packageType: Scalar = None
    packagePath: Scalar = None
    link: Scalar = None
    discoveredDate: Scalar = None
    discovered: Scalar = None


class _Tag(msgspec.Struct, gc=False):
    registry: Scalar = None
    repo: Scalar = None
    tag: Scalar = None


class _Cloud(msgspec.Struct, gc=False):
    resourceID: Scalar = None


class _Result(msgspec.Struct, gc=False):
    id: Scalar = None
    number: Scalar = msgspec.field(name="_id", default=None)
    type: Scalar = None
    name: Scalar = None
    hostname: Scalar = None
    distro: Scalar = None
    digest: Scalar = None
    repoDigests: list[Scalar] | None = None
    repoTag: _Tag | None = None
    tags: list[_Tag] | None = None
    scanTime: Scalar = None
    cloudMetadata: _Cloud | None = None
    packages: list[_Package] | None = None
    compliances: list[msgspec.Raw] | None = None
    complianceIssues: list[msgspec.Raw] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    entityInfo: _Result | None = None


class _Document(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None
    consoleURL: Scalar = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_RESULT: msgspec.json.Decoder[_Result] = msgspec.json.Decoder(_Result)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
_CHECK: msgspec.json.Decoder[_Check] = msgspec.json.Decoder(_Check)


@dataclass(frozen=True)
class Twistlock:
    """Reads what Prisma Cloud Compute says of images, hosts and functions, as JSON or CSV."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a scan result, a list of them, or a CSV with the console's columns."""
        opening = reports.decode_head(head)
        start = opening.lstrip()[:1]
        if start == "{":
            return bool(_TWISTCLI.search(opening) and _MARKS.search(opening) and _PLACES.search(opening))
        if start == "[":
            return bool(_MARKS.search(opening) and _PLACES.search(opening))
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each asset, and one finding for each weakness and each compliance check that failed."""
        if reports.decode_head(report.head).lstrip()[:1] in ("{", "["):
            yield from _json(report)
        else:
            yield from _csv(report)


# -- JSON ---------------------------------------------------------------------------------------


def _json(report: facts.Report) -> Iterator[Record]:
    document = _decoding.whole(report, _DECODER)
    console = ""
    if isinstance(document, list):
        raws, where = document, "element "
    else:
        if document.results is None:
            raise BadReport(
                "is JSON of Prisma Cloud without results",
                where=report.name,
                hint="export with `twistcli … --output-file FILE` and keep the whole file",
            )
        raws, where, console = document.results, "results", _naming.text(document.consoleURL)
    skipped: list[Skipped] = []
    results = [one.entityInfo or one for one in _decoding.each(_RESULT, raws, where, skipped.append)]
    yield _images.run("twistlock", (one.scanTime for one in results), scanner=console)
    for number, one in enumerate(results):
        sighting = _asset(one)
        yield sighting
        yield from _rows(sighting.key, one, f"{where}[{number}]")
    yield from skipped


def _asset(result: _Result) -> Sighting:
    kind = _ASSETS.get(_naming.text(result.type).strip().lower(), "image")
    os, seen = _naming.text(result.distro), _naming.when(result.scanTime)
    image_id = _naming.text(result.id)
    if kind == "image":
        tags = [result.repoTag, *(result.tags or ())]
        names = [_reference(one) for one in tags if one is not None]
        digests = [_naming.text(one) for one in (result.digest, *(result.repoDigests or ()), image_id, result.number)]
        return _images.image(
            [*names, _naming.text(result.name)], digests, os=os, attributes=(("image_id", image_id),), seen=seen
        )
    name = _naming.text(result.hostname) or _naming.text(result.name) or _naming.text(result.number) or image_id
    cloud = _naming.text(result.cloudMetadata.resourceID if result.cloudMetadata else "")
    return _host(name, kind, cloud or (image_id if image_id.startswith("arn:") else ""), os).__replace__(seen=seen)


def _reference(tag: _Tag) -> str:
    return _joined(_naming.text(tag.registry), _naming.text(tag.repo), _naming.text(tag.tag))


def _joined(registry: str, repository: str, tag: str) -> str:
    if not repository:
        return ""
    name = f"{registry.removeprefix('https://').rstrip('/')}/{repository}" if registry else repository
    return f"{name}:{tag}" if tag else name

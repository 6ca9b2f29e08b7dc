"""Prisma Cloud Compute (Twistlock): JSON of `twistcli` and of the console's API, and the console's CSV.

Images, registry images, builds, hosts and functions; weaknesses of packages, and compliance checks.
"""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import AssetKind, Finding, Record, Sighting, Skipped

_TWISTCLI = regex(r'"results"\s*:\s*\[')
_MARKS = regex(
    r'"(complianceDistribution|vulnerabilityDistribution|complianceScanPassed|vulnerabilityScanPassed'
    r"|compliances|complianceIssues|complianceIssuesCount|vulnerabilitiesCount"
    # Lists of packages may be longer than what is looked at here: these stand before them
    r'|distroRelease|osDistroRelease|osDistroVersion|startupBinaries)"\s*:'
)
_PLACES = regex(r'"(distro|osDistro|packageName|entityInfo|scanTime)"\s*:')
_COLUMNS = ("CVE ID", "Compliance ID", "Packages", "Package Version", "Fix Status")
_USED_IN = regex(r"^(\S+) \((used in [^()]{1,2000})\)$")
_SECRET = regex(r"private key|sensitive information|secret", re.IGNORECASE)
_PATH = regex(r"(?:^|[\s,:])(/[^\s,;]{1,500})")
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
    return _machine(name or "host", kind, cloud or (image_id if image_id.startswith("arn:") else ""), os, seen)


def _machine(name: str, kind: AssetKind, cloud: str, os: str, seen: datetime | None) -> Sighting:
    identifiers = _hosts.gather(
        ((("arn" if cloud.startswith("arn:") else "cloud_id"), cloud),),
        _hosts.named("fqdn", name) if kind == "host" else (),
    )
    return Sighting(
        key=f"{kind} {cloud or name}",
        name=name,
        kind=kind,
        identifiers=identifiers or (("artifact", name),),
        os=os,
        authenticated=True,
        observed_at=seen,
    )


def _reference(tag: _Tag) -> str:
    return _joined(_naming.text(tag.registry), _naming.text(tag.repo), _naming.text(tag.tag))


def _joined(registry: str, repository: str, tag: str) -> str:
    if not repository:
        return ""
    name = f"{registry.removeprefix('https://').rstrip('/')}/{repository}" if registry else repository
    return f"{name}:{tag}" if tag else name


def _rows(asset: str, result: _Result, where: str) -> Iterator[Record]:
    skipped: list[Skipped] = []
    skip = skipped.append
    packages = _listed(result.packages)
    os = _naming.text(result.distro)
    rows = _decoding.each(_VULNERABILITY, result.vulnerabilities, f"{where}.vulnerabilities", skip)
    for number, row in enumerate(rows):
        rule = _naming.text(row.cve) or _naming.text(row.id)
        if rule:
            yield _vulnerability(asset, rule, os, row, packages)
        else:
            skip(Skipped(f"{where}.vulnerabilities[{number}]", "names no weakness"))
    for name, raws in (("compliances", result.compliances), ("complianceIssues", result.complianceIssues)):
        for number, check in enumerate(_decoding.each(_CHECK, raws, f"{where}.{name}", skip)):
            rule, title = _naming.text(check.id), _naming.text(check.title)
            if rule or title:
                yield _compliance(asset, rule, title, check)
            else:
                skip(Skipped(f"{where}.{name}[{number}]", "names no check"))
    yield from skipped


_Packages = dict[str, tuple[str, str]]


def _listed(packages: list[_Package] | None, kind: str = "") -> _Packages:
    """Name and version, and name alone -> (kind, path) of the packages that were seen."""
    found: _Packages = {}
    for one in packages or ():
        word = _naming.text(one.type) or _naming.text(one.pkgsType) or kind
        for inner in (one, *(one.pkgs or ())):
            if name := _naming.text(inner.name):
                entry = (_naming.text(inner.type) or word, _naming.text(inner.path))
                found.setdefault(f"{name} {_naming.text(inner.version)}", entry)
                found.setdefault(name, entry)
    return found


def _vulnerability(asset: str, rule: str, os: str, row: _Vulnerability, packages: _Packages) -> Finding:
    written, version = _naming.text(row.packageName), _naming.text(row.packageVersion)
    kind, path = packages.get(f"{written} {version}") or packages.get(written) or ("", "")
    link = _naming.text(row.link)
    kind = _naming.text(row.packageType) or kind or ("os" if _images.tracker(link) else "")
    name, component, used = _package(written, kind, os)
    fixed, status = _fix(_naming.text(row.status))
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(row.severity),
        weaknesses=_naming.weakness(rule),
        component=component,
        component_name=name,
        version=version,
        fixed_version=fixed,
        path=_naming.text(row.packagePath) or path,
        cvss_vector=_naming.text(row.vector) or _naming.text(row.vecStr),
        cvss_score=_naming.score(row.cvss),
        proof="package",
        word="suppressed" if status == "not affected" else "open",
        description=_naming.text(row.description),
        references=(link,) if link else (),
        evidence=used,
        first_seen=_naming.when(row.discoveredDate) or _naming.when(row.discovered),
        tags=(f"status={status}",) if status else (),
    )


def _package(written: str, kind: str, os: str) -> tuple[str, str, str]:
    """(plain name, purl, which packages are built of it) of a package as it is written.

    "glibc (used in libc6)" is a source package of the distribution; a Java package is written
    `group_artifact`.
    """
    if found := _USED_IN.match(written):
        name, used = found.groups()
        return name, _images.component("os", os, name), used
    name = written
    if kind.lower() in ("jar", "java", "maven") and ":" not in name:
        name = name.replace("_", ":", 1)
    return name, _images.component(kind, os, name), ""


def _fix(status: str) -> tuple[str, str]:
    """(versions with the fix, the vendor's word otherwise) of a status such as "fixed in 1.2, 1.3"."""
    if status.lower().startswith("fixed in "):
        return status[9:].strip(), "fixed"
    return "", status.strip().lower()


def _compliance(asset: str, rule: str, title: str, check: _Check) -> Finding:
    return _check(
        asset,
        rule,
        title,
        _naming.text(check.severity),
        _naming.text(check.cause),
        _naming.text(check.description),
        _naming.text(check.category) or _naming.text(check.type),
    )


def _check(asset: str, rule: str, title: str, severity: str, cause: str, about: str, category: str) -> Finding:
    """A compliance check that failed; of one that found a secret only where it lies is taken."""
    secret = bool(_SECRET.search(title))
    path = found.group(1) if secret and (found := _PATH.search(cause)) else ""
    return Finding(
        asset=asset,
        rule=rule or title,
        title=title or f"compliance check {rule}",
        severity=_naming.severity(severity),
        kind="secret" if secret else "misconfiguration",
        resource=path,
        path=path,
        proof="configuration",
        description=about,
        evidence="" if secret else cause,
        tags=(f"category={category}",) if category else (),
    )


# -- CSV ----------------------------------------------------------------------------------------


def _csv(report: facts.Report) -> Iterator[Record]:
    yield _images.run("twistlock", sorted(csvrows.distinct(report, ("scan time",), find=_COLUMNS)))
    table = csvrows.table(report, find=_COLUMNS, fold=True)
    # Where the kind of the scan has a column of that name too, that of the package is the second.
    kind = "type#2" if "type#2" in table.columns else "type"
    said: set[str] = set()
    for line, row in table.rows:
        if not (row["cve id"] or (row["compliance id"] and (row.get("cause") or row.get("description")))):
            yield Skipped(f"line {line}", "names neither a weakness nor a check that failed")
            continue
        sighting = _csv_asset(row)
        if sighting.key not in said:
            said.add(sighting.key)
            yield sighting
        yield _csv_finding(sighting.key, row, row.get(kind, ""))


def _csv_asset(row: csvrows.Row) -> Sighting:
    repository, image_id = row.get("repository", ""), row.get("id", "")
    name = row.get("hostname") or row.get("host") or row.get("name") or ""
    os, seen = row.get("distro", ""), _naming.when(row.get("scan time"))
    if not repository and name and not _images.digest(image_id):
        return _machine(name, "host", image_id if image_id.startswith("arn:") else "", os, seen)
    reference = _joined(row.get("registry", ""), repository, row.get("tag", ""))
    return _images.image([reference], [image_id], os=os, attributes=(("image_id", image_id),), seen=seen)


def _csv_finding(asset: str, row: csvrows.Row, kind: str) -> Finding:
    rule = row["cve id"]
    if not rule:
        title = row.get("description", "")
        return _check(asset, row["compliance id"], title, row.get("severity", ""), row.get("cause", ""), "", kind)
    found = _Vulnerability(
        status=row["fix status"],
        cvss=row.get("cvss"),
        description=row.get("description"),
        severity=row.get("severity"),
        packageName=row["packages"],
        packageVersion=row["package version"],
        packageType=kind,
        packagePath=row.get("package path") or row.get("path"),
        discovered=row.get("discovered"),
    )
    return _vulnerability(asset, rule, row.get("distro", ""), found, {})


PLUGIN = Twistlock()

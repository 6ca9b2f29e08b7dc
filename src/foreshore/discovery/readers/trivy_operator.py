"""Reports of Trivy Operator, as Kubernetes objects: one, a list of them, or `kubectl get -o json`."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Finding, Record, Relation, RunSeen, Sighting, Skipped

_KIND = regex(
    r'"kind"\s*:\s*"(Cluster)?(VulnerabilityReport|ConfigAuditReport|ExposedSecretReport|RbacAssessmentReport'
    r'|InfraAssessmentReport)(List)?"'
)
_LABEL = "trivy-operator.resource."


class _Vulnerability(msgspec.Struct, gc=False):
    vulnerabilityID: Scalar = None
    resource: Scalar = None
    installedVersion: Scalar = None
    fixedVersion: Scalar = None
    severity: Scalar = None
    title: Scalar = None
    description: Scalar = None
    primaryLink: Scalar = None
    score: Scalar = None
    target: Scalar = None
    packageType: Scalar = None
    packagePURL: Scalar = None
    packagePath: Scalar = None


class _Check(msgspec.Struct, gc=False):
    checkID: Scalar = None
    title: Scalar = None
    description: Scalar = None
    severity: Scalar = None
    success: Scalar = None
    messages: list[Scalar] | None = None
    remediation: Scalar = None


class _Secret(msgspec.Struct, gc=False):
    ruleID: Scalar = None
    category: Scalar = None
    severity: Scalar = None
    target: Scalar = None
    title: Scalar = None


class _Report(msgspec.Struct, gc=False):
    updateTimestamp: Scalar = None
    scanner: dict[str, Any] | None = None
    artifact: dict[str, Any] | None = None
    registry: dict[str, Any] | None = None
    os: dict[str, Any] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    checks: list[msgspec.Raw] | None = None
    secrets: list[msgspec.Raw] | None = None


class _Metadata(msgspec.Struct, gc=False):
    name: Scalar = None
    namespace: Scalar = None
    labels: dict[str, Scalar] | None = None
    creationTimestamp: Scalar = None


class _Object(msgspec.Struct, gc=False):
    kind: Scalar = None
    metadata: _Metadata | None = None
    report: _Report | None = None
    items: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Object | list[msgspec.Raw]] = msgspec.json.Decoder(_Object | list[msgspec.Raw])
_OBJECT: msgspec.json.Decoder[_Object] = msgspec.json.Decoder(_Object)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
_CHECK: msgspec.json.Decoder[_Check] = msgspec.json.Decoder(_Check)
_SECRET: msgspec.json.Decoder[_Secret] = msgspec.json.Decoder(_Secret)


@dataclass(frozen=True)
class TrivyOperator:
    """Reads the reports that Trivy Operator keeps in a cluster: workloads, their images and what is wrong."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of Trivy Operator."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        return "aquasecurity" in opening and bool(_KIND.search(opening) or '"report"' in opening)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, workloads and images each once, and one finding for each row."""
        skipped: list[Skipped] = []
        document = _decoding.whole(report, _DECODER)
        if isinstance(document, list):
            objects = list(_decoding.each(_OBJECT, document, "object ", skipped.append))
        elif document.items is not None:
            objects = list(_decoding.each(_OBJECT, document.items, "items", skipped.append))
        else:
            objects = [document]
        yield _run(objects)
        reading = _Reading(skipped)
        for number, one in enumerate(objects):
            yield from reading.of(f"object {number}", one)
        yield from skipped


def _run(objects: list[_Object]) -> RunSeen:
    stamps = [_naming.text(one.report.updateTimestamp) for one in objects if one.report is not None]
    scanners = [one.report.scanner for one in objects if one.report is not None and one.report.scanner]
    stamp = max(stamps, default="")
    observed, assumed = _naming.moment(stamp)
    return RunSeen(
        tool="trivy",
        version=_naming.text(scanners[0].get("version")) if scanners else "",
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


class _Reading:
    """The state of one reading: which assets and ties were said already."""

    def __init__(self, skipped: list[Skipped]) -> None:
        self.skipped = skipped
        self.said: set[object] = set()

    def of(self, where: str, one: _Object) -> Iterator[Record]:
        content = one.report
        if content is None:
            self.skipped.append(Skipped(where, f"a {_naming.text(one.kind) or 'document'} without a report"))
            return
        workload = _workload(one.metadata or _Metadata())
        yield from self.once(workload)
        image = _image(content)
        if image is not None:
            yield from self.once(image)
            if (workload.key, image.key) not in self.said:
                self.said.add((workload.key, image.key))
                yield Relation(kind="runs", source=f"asset:{workload.key}", target=f"asset:{image.key}")
        inner = (image or workload).key
        seen = _naming.when(content.updateTimestamp)
        skip = self.skipped.append
        for row in _decoding.each(_VULNERABILITY, content.vulnerabilities, f"{where}.vulnerabilities", skip):
            yield msgspec.structs.replace(_vulnerability(inner, row), observed_at=seen)
        for check in _decoding.each(_CHECK, content.checks, f"{where}.checks", skip):
            if check.success is not True:
                yield msgspec.structs.replace(_check(workload, check), observed_at=seen)
        for secret in _decoding.each(_SECRET, content.secrets, f"{where}.secrets", skip):
            yield msgspec.structs.replace(_secret(inner, secret), observed_at=seen)

    def once(self, sighting: Sighting) -> Iterator[Sighting]:
        if sighting.key not in self.said:
            self.said.add(sighting.key)
            yield sighting


def _workload(metadata: _Metadata) -> Sighting:
    labels = metadata.labels or {}
    parts = [_naming.text(labels.get(f"{_LABEL}{name}")) for name in ("namespace", "kind", "name")]
    if not parts[2]:
        parts = [_naming.text(metadata.namespace), "", _naming.text(metadata.name)]
    path = "/".join(part for part in parts if part) or "workload without a name"
    identity = f"kubernetes:///{path}"
    return Sighting(
        key=identity,
        name=path,
        kind="cloud_resource",
        identifiers=(("artifact", identity),),
        attributes=tuple((name, text) for name, text in (("namespace", parts[0]), ("resource_type", parts[1])) if text),
        authenticated=True,
    )


def _image(content: _Report) -> Sighting | None:
    artifact = content.artifact or {}
    repository = _naming.text(artifact.get("repository"))
    if not repository:
        return None
    server = _naming.text((content.registry or {}).get("server"))
    tag = _naming.text(artifact.get("tag"))
    name = f"{repository}:{tag}" if tag else repository
    if server and server != "index.docker.io":
        name = f"{server}/{name}"
    identifiers = _naming.image_identifiers([name], [_naming.text(artifact.get("digest"))])
    system = content.os or {}
    return Sighting(
        key=f"image {identifiers[0][1]}",
        name=name,
        kind="image",
        identifiers=identifiers,
        os=f"{_naming.text(system.get('family'))} {_naming.text(system.get('name'))}".strip(),
        authenticated=True,
    )


def _vulnerability(asset: str, row: _Vulnerability) -> Finding:
    rule = _naming.text(row.vulnerabilityID) or "unknown"
    name = _naming.text(row.resource)
    component = _naming.package(_naming.text(row.packagePURL))[0] or _naming.built_package(
        _naming.text(row.packageType), name
    )
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(row.title) or f"{rule} in {name}",
        severity=_naming.severity(row.severity),
        weaknesses=_naming.weakness(rule),
        component=component,
        component_name=name,
        version=_naming.text(row.installedVersion),
        fixed_version=_naming.text(row.fixedVersion),
        path=_naming.text(row.packagePath),
        cvss_score=_naming.score(row.score),
        proof="package",
        description=_naming.text(row.description),
        references=(_naming.text(row.primaryLink),) if row.primaryLink else (),
    )


def _check(workload: Sighting, check: _Check) -> Finding:
    rule = _naming.text(check.checkID) or _naming.text(check.title) or "unknown"
    return Finding(
        asset=workload.key,
        rule=rule,
        title=_naming.text(check.title) or rule,
        severity=_naming.severity(check.severity),
        weaknesses=(rule,),
        kind="misconfiguration",
        resource=workload.name,
        proof="configuration",
        description=_naming.text(check.description),
        solution=_naming.text(check.remediation),
        evidence="\n".join(_naming.text(one) for one in check.messages or ()),
    )


def _secret(asset: str, secret: _Secret) -> Finding:
    """The matched text is never taken."""
    rule, target = _naming.text(secret.ruleID) or "secret", _naming.text(secret.target)
    return Finding(
        asset=asset,
        rule=rule,
        title=f"Secret in {target}: {_naming.text(secret.title) or rule}",
        severity=_naming.severity(secret.severity),
        weaknesses=(rule,),
        kind="secret",
        resource=target,
        path=target,
        proof="configuration",
        tags=(f"category={_naming.text(secret.category)}",) if secret.category else (),
    )


PLUGIN = TrivyOperator()

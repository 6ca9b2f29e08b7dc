"""Trivy's JSON: images, file systems, repositories, root disks, SBOMs and Kubernetes clusters.

Schema 2, the bare list that older versions wrote, and the three cluster forms (`Resources`,
`Vulnerabilities` with `Misconfigurations`, `Findings`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _trivy_rows
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, Relation, RunSeen, Sighting, Skipped

_ARTIFACT = regex(r'"ArtifactName"\s*:|"ArtifactType"\s*:')
_ROW = regex(r'"VulnerabilityID"\s*:|"MisconfSummary"\s*:')
_ROW_ALSO = regex(r'"(PkgName|Target|InstalledVersion)"\s*:')
_CLUSTER = regex(r'"(Resources|Vulnerabilities|Misconfigurations|Findings)"\s*:')
_TARGET_SUFFIX = regex(r" \([^()]*\)$")


class _Os(msgspec.Struct, gc=False):
    Family: Scalar = None
    Name: Scalar = None
    EOSL: Scalar = None


class _Metadata(msgspec.Struct, gc=False):
    OS: _Os | None = None
    ImageID: Scalar = None
    RepoTags: list[Scalar] | None = None
    RepoDigests: list[Scalar] | None = None
    RepoURL: Scalar = None
    Branch: Scalar = None
    Commit: Scalar = None


class _Version(msgspec.Struct, gc=False):
    Version: Scalar = None


class _Resource(msgspec.Struct, gc=False):
    Namespace: Scalar = None
    Kind: Scalar = None
    Name: Scalar = None
    Metadata: Any = None
    Results: list[msgspec.Raw] | None = None
    Error: Scalar = None


class _Document(msgspec.Struct, gc=False):
    SchemaVersion: Scalar = None
    Trivy: _Version | None = None
    CreatedAt: Scalar = None
    ArtifactName: Scalar = None
    ArtifactType: Scalar = None
    Metadata: _Metadata | None = None
    Results: list[msgspec.Raw] | None = None
    ClusterName: Scalar = None
    Resources: list[msgspec.Raw] | None = None
    Findings: list[msgspec.Raw] | None = None
    Vulnerabilities: list[msgspec.Raw] | None = None
    Misconfigurations: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_RESOURCE: msgspec.json.Decoder[_Resource] = msgspec.json.Decoder(_Resource)
_IMAGE_TYPES = ("container_image", "vm")


@dataclass(frozen=True)
class Trivy:
    """Reads Trivy's JSON; packages become findings on the image, repository or workload they are in."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins one of Trivy's documents."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _ARTIFACT.search(opening) or ('"ClusterName"' in opening and _CLUSTER.search(opening)):
            return True
        return bool(_ROW.search(opening) and _ROW_ALSO.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the assets each once, and one finding for each row."""
        document = _decoding.whole(report, _DECODER)
        if isinstance(document, list):
            yield RunSeen(tool="trivy")
            yield from _results(document, _legacy_asset, "element ")
            return
        yield _run(document)
        if document.ClusterName is not None or document.Resources is not None or document.Findings is not None:
            yield from _Cluster(document).records()
            return
        if document.ArtifactName is None and document.Results is None:
            raise BadReport(
                "is JSON of Trivy without results",
                where=report.name,
                hint="export with `trivy … --format json` and keep the whole file",
            )
        sighting = _artifact(document)
        yield sighting
        yield from _results(document.Results, lambda _result: sighting, "Results", said={sighting.key})


def _run(document: _Document) -> RunSeen:
    stamp = _naming.text(document.CreatedAt)
    observed, assumed = _naming.moment(stamp)
    return RunSeen(
        tool="trivy",
        version=_naming.text(document.Trivy.Version) if document.Trivy else "",
        scanner=_naming.text(document.ClusterName),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


def _results(
    raws: list[msgspec.Raw] | None, asset_of: Any, where: str, said: set[str] | None = None
) -> Iterator[Record]:
    """The rows of a list of results, each on the asset that `asset_of` gives for it."""
    said = set() if said is None else said
    skipped: list[Skipped] = []
    for place, result in enumerate(_decoding.each(_trivy_rows.RESULT, raws, where, skipped.append)):
        sighting: Sighting = asset_of(result)
        if sighting.key not in said:
            said.add(sighting.key)
            yield sighting
        yield from _trivy_rows.of_result(sighting.key, result, f"{where}[{place}]")
    yield from skipped


# -- assets -------------------------------------------------------------------------------------


def _os_of(metadata: _Metadata | None) -> str:
    if metadata is None or metadata.OS is None:
        return ""
    return f"{_naming.text(metadata.OS.Family)} {_naming.text(metadata.OS.Name)}".strip()


def _image(name: str, metadata: _Metadata | None) -> Sighting:
    metadata = metadata or _Metadata()
    digests = [_naming.text(one) for one in metadata.RepoDigests or ()]
    tags = [_naming.text(one) for one in metadata.RepoTags or ()]
    image_id = _naming.text(metadata.ImageID)
    identifiers = _naming.image_identifiers([*tags, name], [*digests, image_id])
    attributes = []
    if image_id:
        attributes.append(("image_id", image_id))
    if metadata.OS is not None and metadata.OS.EOSL is True:
        attributes.append(("os_end_of_life", "yes"))
    shown = name or next(iter(tags), "") or (identifiers[0][1] if identifiers else "image")
    return Sighting(
        key=f"image {identifiers[0][1] if identifiers else shown}",
        name=shown,
        kind="image",
        identifiers=identifiers or (("artifact", shown),),
        os=_os_of(metadata),
        attributes=tuple(attributes),
        authenticated=True,
    )


def _artifact(document: _Document) -> Sighting:
    name = _naming.text(document.ArtifactName)
    kind = _naming.text(document.ArtifactType)
    metadata = document.Metadata
    if kind in _IMAGE_TYPES or (metadata is not None and (metadata.RepoDigests or metadata.ImageID)):
        return _image(name, metadata)
    url = _naming.text(metadata.RepoURL) if metadata else ""
    if not url and kind in ("repository", "remote_repository") and "://" in name:
        url = name
    shown = name or url or "artifact"
    identifiers = [("repo_url", _repository(url))] if url else []
    return Sighting(
        key=f"artifact {shown}",
        name=shown,
        kind="repository",
        identifiers=(*identifiers, ("artifact", shown)),
        os=_os_of(metadata),
        attributes=(("artifact_type", kind),) if kind else (),
        authenticated=True,
    )


def _repository(url: str) -> str:
    return url.strip().removesuffix("/").removesuffix(".git").lower()


def _legacy_asset(result: _trivy_rows.Result) -> Sighting:
    """The old list names no artifact: a target with a distribution in brackets is an image, else a file."""
    target = _naming.text(result.Target)
    image = _TARGET_SUFFIX.sub("", target)
    if image != target:
        return _image(image, None)
    shown = target or "artifact"
    return Sighting(
        key=f"artifact {shown}",
        name=shown,
        kind="repository",
        identifiers=(("artifact", shown),),
        authenticated=True,
    )


class _Cluster:
    """A cluster's report: workloads as assets, and the images they run."""

    def __init__(self, document: _Document) -> None:
        self.document = document
        self.cluster = _naming.text(document.ClusterName)
        self.said: set[str] = set()
        self.runs: set[tuple[str, str]] = set()

    def records(self) -> Iterator[Record]:
        document = self.document
        for name, raws in (
            ("Resources", document.Resources),
            ("Findings", document.Findings),
            ("Vulnerabilities", document.Vulnerabilities),
            ("Misconfigurations", document.Misconfigurations),
        ):
            skipped: list[Skipped] = []
            for place, resource in enumerate(_decoding.each(_RESOURCE, raws, name, skipped.append)):
                yield from self.resource(resource, f"{name}[{place}]")
            yield from skipped

    def resource(self, resource: _Resource, where: str) -> Iterator[Record]:
        workload = self.workload(resource)
        if workload.key not in self.said:
            self.said.add(workload.key)
            yield workload
        if error := _naming.text(resource.Error):
            yield Skipped(where, f"the scanner could not look: {error}")
        metadata = _metadata(resource.Metadata)

        def asset_of(result: _trivy_rows.Result) -> Sighting:
            if result.Class not in ("os-pkgs", "lang-pkgs", "secret", "license", "license-file"):
                return workload
            return _pod_image(_naming.text(result.Target), metadata) or workload

        for record in _results(resource.Results, asset_of, f"{where}.Results", self.said):
            asset = getattr(record, "asset", workload.key)
            if asset != workload.key and (workload.key, asset) not in self.runs:
                self.runs.add((workload.key, asset))
                yield Relation(kind="runs", source=f"asset:{workload.key}", target=f"asset:{asset}")
            yield record

    def workload(self, resource: _Resource) -> Sighting:
        parts = [_naming.text(one) for one in (resource.Namespace, resource.Kind, resource.Name)]
        path = "/".join(part for part in parts if part)
        identity = f"kubernetes://{self.cluster}/{path}"
        namespace = (("namespace", parts[0]),) if parts[0] else ()
        cluster = (("cluster", self.cluster),) if self.cluster else ()
        return Sighting(
            key=identity,
            name=path,
            kind="cloud_resource",
            identifiers=(("artifact", identity),),
            attributes=(*cluster, *namespace, ("resource_type", parts[1])),
            authenticated=True,
        )


def _metadata(value: Any) -> list[_Metadata]:
    """Newer versions write one object for each image of the workload, older ones a single one."""
    values = value if isinstance(value, list) else [value]
    found = []
    for one in values:
        try:
            found.append(msgspec.convert(one or {}, _Metadata, strict=False))
        except (msgspec.ValidationError, RecursionError):
            continue
    return found


def _pod_image(target: str, metadata: list[_Metadata]) -> Sighting | None:
    """The image that a result of a workload is about: by its tag or digest, or the only one there is."""
    images = [one for one in metadata if one.ImageID or one.RepoTags or one.RepoDigests]
    name = _TARGET_SUFFIX.sub("", target)
    for one in images:
        if any(
            _naming.text(tag) and _naming.text(tag) in target
            for tag in (*(one.RepoTags or ()), *(one.RepoDigests or ()))
        ):
            return _image(_naming.text(next(iter(one.RepoTags or ()), name)), one)
    if name != target:
        return _image(name, images[0] if len(images) == 1 else None)
    if len(images) == 1:
        return _image(_naming.text(next(iter(images[0].RepoTags or ()), "")), images[0])
    return None


PLUGIN = Trivy()

"""Clair's JSON: version 4 (`clairctl`, the API), layers and features of version 2, `clair-scanner` and Klar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _clair_v4, _decoding, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Sighting, Skipped

_V4 = regex(r'"manifest_hash"\s*:')
_LAYER = regex(r'^\s*\{\s*"(Layer|Error)"\s*:|"IndexedByVersion"\s*:')
_SCANNER = regex(r'"unapproved"\s*:')
_KLAR = regex(r'"LayerCount"\s*:')


class _Metadata(msgspec.Struct, gc=False):
    NVD: Any = None


class _Vulnerability(msgspec.Struct, gc=False):
    Name: Scalar = None
    NamespaceName: Scalar = None
    Description: Scalar = None
    Link: Scalar = None
    Severity: Scalar = None
    FixedBy: Scalar = None
    FeatureName: Scalar = None
    FeatureVersion: Scalar = None
    Metadata: _Metadata | None = None


class _Feature(msgspec.Struct, gc=False):
    Name: Scalar = None
    NamespaceName: Scalar = None
    VersionFormat: Scalar = None
    Version: Scalar = None
    Vulnerabilities: list[msgspec.Raw] | None = None


class _Layer(msgspec.Struct, gc=False):
    Name: Scalar = None
    NamespaceName: Scalar = None
    Features: list[msgspec.Raw] | None = None


class _Scanned(msgspec.Struct, gc=False):
    featurename: Scalar = None
    featureversion: Scalar = None
    vulnerability: Scalar = None
    namespace: Scalar = None
    description: Scalar = None
    link: Scalar = None
    severity: Scalar = None
    fixedby: Scalar = None


class _Answer(msgspec.Struct, gc=False):
    Layer: _Layer | None = None


class _Document(msgspec.Struct, gc=False):
    data: _Answer | Scalar = None  # the answer of a registry that scans with Clair
    Layer: _Layer | None = None
    LayerCount: Scalar = None
    Vulnerabilities: dict[str, list[msgspec.Raw] | None] | None = None
    image: Scalar = None
    unapproved: list[Scalar] | None = None
    vulnerabilities: Any = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_FEATURE: msgspec.json.Decoder[_Feature] = msgspec.json.Decoder(_Feature)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)


@dataclass(frozen=True)
class Clair:
    """Reads what Clair, and the tools around it, say of the packages of an image."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins one of the four forms."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if _V4.search(opening) and ('"packages"' in opening or '"vulnerabilities"' in opening):
            return True
        if _LAYER.search(opening) and ('"Features"' in opening or '"NamespaceName"' in opening):
            return True
        if _SCANNER.search(opening) and ('"vulnerabilities"' in opening or '"image"' in opening):
            return True
        return bool(_KLAR.search(opening) and '"Vulnerabilities"' in opening)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the image, and one finding for each weakness of each package."""
        if _V4.search(reports.decode_head(report.head)):
            yield from _clair_v4.read(report)
            return
        document = _decoding.whole(report, _DECODER)
        skipped: list[Skipped] = []
        layer = document.data.Layer if isinstance(document.data, _Answer) else document.Layer
        if layer is not None:
            sighting, rows = _layer(layer), _of_layer(layer, skipped)
        elif document.LayerCount is not None or document.Vulnerabilities is not None:
            sighting, rows = _images.unnamed("clair", report.name), _of_klar(document, skipped)
        elif document.unapproved is not None or document.vulnerabilities is not None:
            name = _naming.text(document.image)
            sighting = _images.image([name], []) if name else _images.unnamed("clair", report.name)
            rows = _of_scanner(document, skipped)
        else:
            raise BadReport(
                "is JSON of Clair without packages",
                where=report.name,
                hint="export with `clairctl report --out json IMAGE` and keep the whole file",
            )
        yield _images.run("clair", ())
        yield sighting
        for where, row in rows:
            if row.Name:
                yield _finding(sighting.key, row)
            else:
                skipped.append(Skipped(where, "names no weakness"))
        yield from skipped


_Rows = Iterator[tuple[str, _Vulnerability]]


def _layer(layer: _Layer) -> Sighting:
    """A layer stands for the image that it is the last of; it has the layer's digest, not the image's."""
    name = _naming.text(layer.Name) or "layer"
    return msgspec.structs.replace(
        _images.artifact(name, "image", "layer"), os=_naming.text(layer.NamespaceName).replace(":", " ")
    )


def _of_layer(layer: _Layer, skipped: list[Skipped]) -> _Rows:
    for number, feature in enumerate(_decoding.each(_FEATURE, layer.Features, "Features", skipped.append)):
        where = f"Features[{number}].Vulnerabilities"
        for place, row in enumerate(_decoding.each(_VULNERABILITY, feature.Vulnerabilities, where, skipped.append)):
            row.NamespaceName = feature.NamespaceName or row.NamespaceName
            row.FeatureName, row.FeatureVersion = feature.Name, feature.Version
            yield f"{where}[{place}]", row


def _of_klar(document: _Document, skipped: list[Skipped]) -> _Rows:
    for severity, raws in (document.Vulnerabilities or {}).items():
        where = f"Vulnerabilities.{severity}"
        for number, row in enumerate(_decoding.each(_VULNERABILITY, raws, where, skipped.append)):
            row.Severity = row.Severity or severity
            yield f"{where}[{number}]", row


def _of_scanner(document: _Document, skipped: list[Skipped]) -> _Rows:
    rows = document.vulnerabilities if isinstance(document.vulnerabilities, list) else []
    for number, raw in enumerate(rows):
        where = f"vulnerabilities[{number}]"
        try:
            row = msgspec.convert(raw, _Scanned)
        except (msgspec.ValidationError, RecursionError) as error:
            skipped.append(Skipped(where, _decoding.why(error)))
            continue
        yield (
            where,
            _Vulnerability(
                Name=row.vulnerability,
                NamespaceName=row.namespace,
                Description=row.description,
                Link=row.link,
                Severity=row.severity,
                FixedBy=row.fixedby,
                FeatureName=row.featurename,
                FeatureVersion=row.featureversion,
            ),
        )


def _finding(asset: str, row: _Vulnerability) -> Finding:
    rule, name = _naming.text(row.Name), _naming.text(row.FeatureName)
    link, description = _naming.text(row.Link), _naming.text(row.Description)
    vector, score = _cvss(row.Metadata.NVD if row.Metadata else None)
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_severity(_naming.text(row.Severity)),
        weaknesses=_images.advisory(rule, link, description),
        component=_images.component("os", _naming.text(row.NamespaceName), name),
        component_name=name,
        version=_naming.text(row.FeatureVersion),
        fixed_version=_naming.text(row.FixedBy),
        cvss_vector=vector,
        cvss_score=score,
        proof="package",
        description=description,
        references=(link,) if link else (),
    )


def _severity(word: str) -> facts.Severity:
    """Clair's steps; above critical stands what would be "defcon1"."""
    return "critical" if word.lower() == "defcon1" else _naming.severity(word)


def _cvss(nvd: object) -> tuple[str, float | None]:
    """Version 3 before version 2 of what a layer's metadata tells of NVD's rating."""
    for version in ("CVSSv3", "CVSSv2"):
        said = nvd.get(version) if isinstance(nvd, dict) else None
        if isinstance(said, dict) and said.get("Vectors"):
            return _naming.text(said.get("Vectors")), _naming.score(said.get("Score"))
    return "", None


PLUGIN = Clair()

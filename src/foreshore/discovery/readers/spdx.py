"""SPDX 2.x as JSON and as tag-value: the described software, and findings where packages name advisories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _vex
from foreshore.discovery.readers._csaf import objects
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_JSON = regex(r'"spdxVersion"\s*:\s*"SPDX-2\.')
_TAGS = regex(r"^SPDXVersion:[ \t]*SPDX-2\.", re.MULTILINE)
_TAG = regex(r"^([A-Za-z][A-Za-z0-9]*):[ \t]*(.*)$", re.DOTALL)
_NAMING_TYPES = ("cpe22type", "cpe23type", "swid")


class _JsonDocument(msgspec.Struct, gc=False):
    spdxVersion: Any = None  # noqa: N815 - named as the format names it
    name: Any = None
    documentNamespace: Any = None  # noqa: N815
    creationInfo: Any = None  # noqa: N815
    documentDescribes: Any = None  # noqa: N815
    packages: list[msgspec.Raw] | None = None
    relationships: Any = None


_DECODER: msgspec.json.Decoder[_JsonDocument] = msgspec.json.Decoder(_JsonDocument)
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass
class _Package:
    """A package with its references (category, type, locator)."""

    id: str = ""
    name: str = ""
    version: str = ""
    purpose: str = ""
    references: list[tuple[str, str, str]] = field(default_factory=list)

    def software(self) -> _vex.Software:
        """The package by its purl and CPE where it has them."""
        named = {kind.lower(): locator for _category, kind, locator in reversed(self.references)}
        cpe = named.get("cpe23type") or named.get("cpe22type") or ""
        return _vex.software(self.name, self.version, named.get("purl", ""), cpe)


@dataclass
class _Document:
    """A whole document of either form."""

    version: str = ""
    name: str = ""
    namespace: str = ""
    created: str = ""
    creators: list[str] = field(default_factory=list)
    packages: list[_Package] = field(default_factory=list)
    described: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Spdx:
    """Reads SPDX 2.x; the software is the asset, and each public identifier that an advisory names a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins an SPDX 2.x document."""
        opening = reports.decode_head(head)
        return bool((_JSON if opening.lstrip()[:1] == "{" else _TAGS).search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the described software with the number of its packages, and the findings."""
        skipped: list[Skipped] = []
        is_json = reports.decode_head(report.head).lstrip()[:1] == "{"
        document = _of_json(report, skipped) if is_json else _of_tags(report, skipped)
        if not document.version.startswith("SPDX-2."):
            raise BadReport(
                f"is SPDX of version “{' '.join(document.version.split())[:20]}”, and only 2.x is known",
                where=report.name,
                hint="export SPDX 2.3 as JSON or tag-value",
            )
        observed, assumed = _naming.moment(document.created)
        tools = [one.partition(":")[2].strip() for one in document.creators if one.lower().startswith("tool:")]
        yield RunSeen(
            tool=", ".join(tools) or "spdx",
            observed_at=observed,
            observed_text=document.created,
            zone_assumed=assumed,
            settings=(("spec", document.version), ("packages", str(len(document.packages)))),
        )
        asset = _vex.sighting(_subject(document), max(1, len(document.packages)))
        yield msgspec.structs.replace(asset, authenticated=True)
        for package in document.packages:
            yield from _findings(asset.key, package, skipped)
        yield from skipped


def _subject(document: _Document) -> _vex.Software:
    """The one package that the document describes, else the document itself by its name."""
    described = [one for one in document.packages if one.id in document.described]
    if len(described) == 1 and described[0].name:
        found = described[0].software()
        if described[0].purpose.upper() == "CONTAINER" and not found.purl:
            return found._replace(purl=f"pkg:docker/{found.name}@{found.version}" if found.version else "")
        return found
    return _vex.Software(document.name or document.namespace)


def _findings(asset: str, package: _Package, skipped: list[Skipped]) -> Iterator[Finding]:
    """A finding for each identifier of an advisory; a reference without one says nothing that could be looked up."""
    place = package.software()
    for name, urls in _advisories(package, skipped).items():
        yield Finding(
            asset=asset,
            rule=name,
            title=f"{name} in {place.name}",
            severity="info",  # the format states none
            weaknesses=(name,),
            component=place.component,
            component_name=place.name,
            version=place.version,
            proof="package",
            references=tuple(dict.fromkeys(urls)),
        )


def _advisories(package: _Package, skipped: list[Skipped]) -> dict[str, list[str]]:
    """Identifier -> the references that name it, fixes last."""
    links: dict[str, list[str]] = {}
    fixes: list[str] = []
    for category, kind, locator in package.references:
        if category.upper() != "SECURITY" or kind.lower() in _NAMING_TYPES:
            continue
        found = _naming.public_ids(locator)
        if kind.lower() == "fix":
            fixes.append(locator)
            continue
        if not found:
            skipped.append(
                Skipped(f"package {package.name}", f"its {kind} names no public identifier: {locator[:120]}")
            )
        for one in found:
            links.setdefault(one, []).append(locator)
    for fix in fixes:
        named = [one for one in _naming.public_ids(fix) if one in links]
        for one in named:
            links[one].append(fix)
        if not named:
            skipped.append(Skipped(f"package {package.name}", f"names a fix but no advisory for it: {fix[:120]}"))
    return links


# -- JSON ----------------------------------------------------------------------------------------


def _of_json(report: facts.Report, skipped: list[Skipped]) -> _Document:
    text = _naming.text
    given = _decoding.whole(report, _DECODER)
    about = given.creationInfo if isinstance(given.creationInfo, dict) else {}
    described = _naming.texts(given.documentDescribes)
    for row in objects(given.relationships):
        ends = (text(row.get("spdxElementId")), text(row.get("relatedSpdxElement")))
        described += _describes(text(row.get("relationshipType")), *ends)
    packages = []
    for row in _decoding.each(_ROW, given.packages, "packages", skipped.append):
        references = [
            (text(one.get("referenceCategory")), text(one.get("referenceType")), text(one.get("referenceLocator")))
            for one in objects(row.get("externalRefs"))
        ]
        purpose = text(row.get("primaryPackagePurpose"))
        packages.append(
            _Package(text(row.get("SPDXID")), text(row.get("name")), text(row.get("versionInfo")), purpose, references)
        )
    return _Document(
        text(given.spdxVersion), text(given.name), text(given.documentNamespace), text(about.get("created")),
        _naming.texts(about.get("creators")), packages, described,
    )  # fmt: skip


def _describes(kind: str, source: str, target: str) -> list[str]:
    if kind == "DESCRIBES" and source == "SPDXRef-DOCUMENT":
        return [target]
    return [source] if kind == "DESCRIBED_BY" and target == "SPDXRef-DOCUMENT" else []


# -- tag-value -----------------------------------------------------------------------------------


def _of_tags(report: facts.Report, skipped: list[Skipped]) -> _Document:
    document = _Document()
    package: _Package | None = None
    for number, name, value in _pairs(report, skipped):
        if name == "PackageName":
            package = _Package(name=value)
            document.packages.append(package)
        elif name in ("FileName", "SnippetSPDXID"):
            package = None  # what follows is about a file until the next package
        elif name == "Relationship":
            parts = value.split()
            document.described += _describes(parts[1], parts[0], parts[2]) if len(parts) == 3 else []
        elif package is None:
            _set_document(document, name, value)
        elif name == "ExternalRef":
            parts = value.split(None, 2)
            if len(parts) == 3:
                package.references.append((parts[0], parts[1], parts[2].strip()))
            else:
                skipped.append(Skipped(f"line {number}", "is no reference of category, type and locator"))
        else:
            _set_package(package, name, value)
    return document


def _set_document(document: _Document, name: str, value: str) -> None:
    if name == "Creator":
        document.creators.append(value)
        return
    of = {"SPDXVersion": "version", "DocumentName": "name", "DocumentNamespace": "namespace", "Created": "created"}
    if name in of:
        setattr(document, of[name], value)


def _set_package(package: _Package, name: str, value: str) -> None:
    of = {"SPDXID": "id", "PackageVersion": "version", "PrimaryPackagePurpose": "purpose"}
    if name in of:
        setattr(package, of[name], value)


def _pairs(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[int, str, str]]:
    """(line, tag, value) of a tag-value document; texts in <text> marks may run over many lines."""
    inside = False
    for number, raw in enumerate(reports.lines(report), 1):
        line = raw.strip().lstrip("\ufeff")
        if inside:
            inside = "</text>" not in line
            continue
        found = _TAG.match(line)
        if found is None:
            if line and not line.startswith("#"):
                skipped.append(Skipped(f"line {number}", "is no pair of tag and value"))
            continue
        value = found.group(2)
        if "<text>" in value:
            inside = "</text>" not in value
            value = value.replace("<text>", "").replace("</text>", "")
        yield number, found.group(1), value.strip()
    if inside:
        raise BadReport(
            "ends within a <text>", where=f"{report.name}, last line", hint="copy or export the whole file again"
        )


PLUGIN = Spdx()

"""Xeol's JSON (`xeol -o json`): software in an image or folder whose support has ended or soon will."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Severity, Sighting, Skipped

_NAME = regex(r'"name"\s*:\s*"xeol"')
_CYCLE = regex(r'"Cycle"\s*:')
_PRODUCT = regex(r'"ProductName"\s*:')
_SYSTEM = frozenset({"deb", "rpm", "apk", "alpm", "portage", "os"})


class _Cycle(msgspec.Struct, gc=False):
    ProductName: Scalar = None
    ProductPermalink: Scalar = None
    ReleaseCycle: Scalar = None
    Eol: Scalar = None
    EolBool: Scalar = None
    LatestRelease: Scalar = None


class _Location(msgspec.Struct, gc=False):
    path: Scalar = None


class _Artifact(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    type: Scalar = None
    purl: Scalar = None
    locations: list[_Location] | None = None


class _Match(msgspec.Struct, gc=False):
    Cycle: _Cycle
    artifact: _Artifact


class _Source(msgspec.Struct, gc=False):
    type: Scalar = None
    target: Any = None


class _Distro(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None


class _Descriptor(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    timestamp: Scalar = None
    db: Any = None


class _Document(msgspec.Struct, gc=False):
    matches: list[msgspec.Raw] | None = None
    source: _Source | None = None
    distro: _Distro | None = None
    descriptor: _Descriptor | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_MATCH: msgspec.json.Decoder[_Match] = msgspec.json.Decoder(_Match)


@dataclass(frozen=True)
class Xeol:
    """Reads Xeol's matches; each is an end of life on the image or folder that was scanned."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of Xeol."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if '"matches"' not in opening:
            return False
        return bool(_NAME.search(opening) or (_CYCLE.search(opening) and _PRODUCT.search(opening)))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, what was scanned, and one finding for each match."""
        document = _decoding.whole(report, _DECODER)
        if document.matches is None and document.descriptor is None:
            raise BadReport("has no list of matches", where=report.name, hint="export with `xeol … -o json`")
        descriptor = document.descriptor or _Descriptor()
        run = _images.run("xeol", [descriptor.timestamp], version=_version(descriptor))
        yield run
        seen = _sighting(document)
        yield seen
        built = _naming.when(descriptor.db.get("built")) if isinstance(descriptor.db, dict) else None
        skipped: list[Skipped] = []
        for number, match in enumerate(_decoding.each(_MATCH, document.matches, "matches", skipped.append)):
            if not _naming.text(match.Cycle.ProductName) and not _naming.text(match.artifact.name):
                skipped.append(Skipped(f"matches[{number}]", "names no product"))
            else:
                yield _finding(seen.key, match, run.observed_at, built)
        yield from skipped


def _version(descriptor: _Descriptor) -> str:
    version = _naming.text(descriptor.version)
    return "" if version.startswith("[") else version


def _sighting(document: _Document) -> Sighting:
    source, distro = document.source or _Source(), document.distro or _Distro()
    os = f"{_naming.text(distro.name)} {_naming.text(distro.version)}".strip()
    target = source.target
    if not isinstance(target, dict):
        return _images.artifact(_naming.text(target) or "artifact", detail=_naming.text(source.type))
    content = _naming.text(target.get("imageID"))
    digests = [*_naming.texts(target.get("repoDigests")), _naming.text(target.get("manifestDigest")), content]
    names = [*_naming.texts(target.get("tags")), _naming.text(target.get("userInput"))]
    return _images.image(names, digests, os=os, attributes=(("image_id", content),))


def _finding(asset: str, match: _Match, observed: datetime | None, built: datetime | None) -> Finding:
    cycle, artifact = match.Cycle, match.artifact
    purl, kind = _naming.text(artifact.purl), _naming.text(artifact.type)
    name = _naming.text(artifact.name) or _naming.text(cycle.ProductName)
    product, release = _naming.text(cycle.ProductName) or name, _naming.text(cycle.ReleaseCycle)
    end = _naming.text(cycle.Eol)
    over = _is_over(end, cycle.EolBool, observed, built)
    component, found, _version = _naming.package(purl)
    link = _naming.text(cycle.ProductPermalink)
    verb = {True: "has ended", False: "ends", None: "ends or has ended"}[over]
    path = next((text for one in artifact.locations or () if (text := _naming.text(one.path))), "")
    return Finding(
        asset=asset,
        rule=f"end-of-life {product} {release}".strip(),
        title=f"Support of {product} {release} {verb}".replace("  ", " "),
        severity=_severity(over),
        kind="end_of_life",
        component=component or _naming.built_package(kind, name),
        component_name=found or name,
        version=_naming.text(artifact.version),
        path="" if kind in _SYSTEM else path,
        proof="package",
        description=f"The maker's support for this release ends on {end}." if end else "",
        solution=f"The latest release of its line is {latest}."
        if (latest := _naming.text(cycle.LatestRelease))
        else "",
        references=(link,) if link else (),
        tags=(f"eol={end}",) if end else (),
    )


def _is_over(end: str, flag: Scalar, observed: datetime | None, built: datetime | None) -> bool | None:
    """Whether support had ended when the report was made; None where it does not tell.

    A report without its time is at least as young as the database it was made with.
    """
    day = _naming.when(end)
    if flag is True or day is None:
        return True if flag is True else None
    if observed is not None:
        return day <= observed
    return True if built is not None and day <= built else None


def _severity(over: bool | None) -> Severity:
    """Xeol states none: no support is no fix for what is found from then on; an end ahead is notice."""
    return "high" if over else "medium" if over is None else "info"


PLUGIN = Xeol()

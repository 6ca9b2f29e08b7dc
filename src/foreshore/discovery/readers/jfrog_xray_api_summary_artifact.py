"""JFrog Xray's summary of artifacts as JSON (`/api/v1/summary/artifact`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _jfrog, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, Sighting, Skipped

_ARTIFACTS = regex(r'"artifacts"\s*:\s*(\[|null)')
_GENERAL = regex(r'"(general|issues|pkg_type|identifier)"\s*:')
_GENERAL_ALSO = regex(r'"(component_id|pkg_type|issue_type|licenses|errors)"\s*:')
_LAYER = regex(r"^sha256__[0-9a-f]+")


class _General(msgspec.Struct, gc=False):
    name: Scalar = None
    component_id: Scalar = None
    pkg_type: Scalar = None
    path: Scalar = None
    sha256: Scalar = None


class _Issue(msgspec.Struct, gc=False):
    issue_id: Scalar = None
    summary: Scalar = None
    description: Scalar = None
    issue_type: Scalar = None
    severity: Scalar = None
    cves: list[_jfrog.Cve] | None = None
    created: Scalar = None
    impact_path: list[Scalar] | None = None


class _License(msgspec.Struct, gc=False):
    components: list[Scalar] | None = None


class _Artifact(msgspec.Struct, gc=False):
    general: _General | None = None
    issues: list[msgspec.Raw] | None = None
    licenses: list[_License] | None = None


class _Error(msgspec.Struct, gc=False):
    identifier: Scalar = None
    error: Scalar = None


class _Document(msgspec.Struct, gc=False):
    artifacts: list[msgspec.Raw] | None = None
    errors: list[_Error] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ARTIFACT: msgspec.json.Decoder[_Artifact] = msgspec.json.Decoder(_Artifact)
_ISSUE: msgspec.json.Decoder[_Issue] = msgspec.json.Decoder(_Issue)


@dataclass(frozen=True)
class JfrogXrayApiSummaryArtifact:
    """Reads Xray's summary: each issue once for each component of an artifact that has it."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such a summary."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{" or not _ARTIFACTS.search(opening):
            return False
        return bool(_GENERAL.search(opening) and _GENERAL_ALSO.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each artifact, and one finding for each component of each issue."""
        document = _decoding.whole(report, _DECODER)
        if document.artifacts is None and document.errors is None:
            raise BadReport(
                "is JSON of JFrog Xray without artifacts",
                where=report.name,
                hint="ask the API for the summary of artifacts again and keep the whole answer",
            )
        yield _images.run("jfrog xray", ())
        skipped: list[Skipped] = []
        said: set[str] = set()
        for number, one in enumerate(_decoding.each(_ARTIFACT, document.artifacts, "artifacts", skipped.append)):
            sighting = _asset(one.general or _General())
            if sighting.key not in said:
                said.add(sighting.key)
                yield sighting
            yield from _issues(sighting.key, one, f"artifacts[{number}].issues", skipped)
        yield from skipped
        for error in document.errors or ():
            yield Skipped(_naming.text(error.identifier) or "errors", _naming.text(error.error) or "was not scanned")


def _asset(general: _General) -> Sighting:
    name = _naming.text(general.component_id) or _naming.text(general.name)
    kind = _naming.text(general.pkg_type).lower()
    if "://" not in name and kind:
        name = f"{kind}://{name}"
    return _jfrog.asset(name, _naming.text(general.path), _naming.text(general.sha256))


def _issues(asset: str, artifact: _Artifact, where: str, skipped: list[Skipped]) -> Iterator[Record]:
    general = artifact.general or _General()
    root = _naming.text(general.path).rstrip("/")
    listed = [one for licence in artifact.licenses or () for one in _jfrog.texts(licence.components)]
    known = {one.partition("://")[2]: one for one in listed}
    for number, row in enumerate(_decoding.each(_ISSUE, artifact.issues, where, skipped.append)):
        issue = _jfrog.Issue(
            _naming.text(row.issue_id),
            row.severity,
            row.cves or [],
            _naming.text(row.summary),
            _naming.text(row.description),
            tags=() if row.issue_type in (None, "security") else (f"issue_type={_naming.text(row.issue_type)}",),
        )
        if not _jfrog.rule(issue):
            skipped.append(Skipped(f"{where}[{number}]", "names no weakness"))
            continue
        said: set[tuple[_jfrog.Component, str]] = set()
        for path in _jfrog.texts(row.impact_path) or ("",):
            place = _place(path, root, known)
            if place not in said:
                said.add(place)
                yield _jfrog.finding(asset, issue, place[0], "", place[1])


def _place(path: str, root: str, known: dict[str, str]) -> tuple[_jfrog.Component, str]:
    """(component, path of its file) at the end of an impact's path, which begins with the artifact's own.

    A package of a distribution ends the path as `3.12:musl:1.1.24`, without its kind; the licences of
    the artifact name the same component with it.
    """
    before, _slash, last = path.rstrip("/").rpartition("/")
    part = _jfrog.component(known.get(last, last))
    if part.kind or ":" in last or not before:
        return part, ""
    inner = path.removeprefix(f"{root}/") if root else path
    first, slash, rest = inner.partition("/")
    return part, rest if slash and _LAYER.match(first) else inner


PLUGIN = JfrogXrayApiSummaryArtifact()

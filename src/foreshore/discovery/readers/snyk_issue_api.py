"""Issues of Snyk's REST interface (`/rest/orgs/…/issues`): packages, licences, code, configuration and cloud."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages_values, _snyk_issues
from foreshore.discovery.readers._snyk_issues import Dependency, Issue, Place, Source
from foreshore.errors import BadReport
from foreshore.facts import ExposureKind, Finding, Proof, Record, RunSeen, Sighting, Skipped

_JSONAPI = regex(r'"jsonapi"\s*:\s*\{')
_ISSUES = regex(r'"effective_severity_level"\s*:|"data"\s*:\s*\[\s*\]')

_KINDS: dict[str, ExposureKind] = {
    "package_vulnerability": "vulnerability", "license": "observation", "code": "code",
    "cloud": "misconfiguration", "config": "misconfiguration",
}  # fmt: skip
_PROOFS: dict[str, Proof] = {
    "package_vulnerability": "package", "license": "package", "cloud": "configuration", "config": "configuration",
}  # fmt: skip


class _Document(msgspec.Struct, gc=False):
    data: list[msgspec.Raw] | None = None
    errors: list[dict[str, object]] | None = None


_DOCUMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ISSUE: msgspec.json.Decoder[Issue] = msgspec.json.Decoder(Issue)


@dataclass(frozen=True)
class SnykIssueApi:
    """Reads issues; each is a finding in each of its places, on the project or cloud resource that it names."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a page of issues."""
        opening = reports.decode_head(head).lstrip()
        return opening[:1] in ("{", "[") and bool(_JSONAPI.search(opening) and _ISSUES.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each project or resource once, and the findings of each issue."""
        skipped: list[Skipped] = []
        issues = list(_decoding.each(_ISSUE, list(_raws(report)), "data", skipped.append))
        yield RunSeen(tool="snyk", scanner=next((text for one in issues if (text := _organization(one))), ""))
        said: set[str] = set()
        for issue in issues:
            for place, remedy, reach in _snyk_issues.places(issue.attributes):
                sighting = _sighting(issue, place)
                if sighting.key not in said:
                    said.add(sighting.key)
                    yield sighting
                yield _finding(sighting.key, issue, place, remedy, reach)
        yield from skipped


def _raws(report: facts.Report) -> Iterator[msgspec.Raw]:
    """The issues of all pages: one after the other, or in a list."""
    good = False
    for value in _packages_values.values(report):
        try:
            pages = _LIST.decode(value) if value[:1] == b"[" else [msgspec.Raw(value)]
            for page in pages:
                document = _decoding.element(_DOCUMENT, page)
                good = good or document.data is not None
                yield from document.data or ()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _decoding.broken(report, error) from error
    if not good:
        raise BadReport(
            "holds no list of issues", where=report.name, hint="ask /rest/orgs/ID/issues again; see what its errors say"
        )


def _organization(issue: Issue) -> str:
    held = issue.relationships.organization if issue.relationships is not None else None
    return _naming.text(held.data.id) if held is not None and held.data is not None else ""


def _sighting(issue: Issue, place: Place) -> Sighting:
    """The cloud resource of the place, else the project that was scanned by its name and Snyk's identifier."""
    resource = place.cloud_resource.resource if place.cloud_resource is not None else None
    native = _naming.text(resource.native_id) if resource is not None else ""
    if resource is not None and native:
        kind = "arn" if native.startswith("arn:") else "cloud_id"
        name = _naming.text(resource.name) or native
        return Sighting(
            key=f"cloud_resource {native}",
            name=name,
            kind="cloud_resource",
            identifiers=((kind, native),),
            attributes=(("type", text),) if (text := _naming.text(resource.type)) else (),
        )
    held = issue.relationships.scan_item if issue.relationships is not None else None
    item = held.data if held is not None else None
    identifier = _naming.text(item.id) if item is not None else ""
    kind = (_naming.text(item.type) if item is not None else "") or "project"
    artifact = f"snyk {kind} {identifier}".strip()
    shown = _naming.text((item.attributes or {}).get("name")) if item is not None else ""
    return Sighting(
        key=artifact,
        name=shown or artifact,
        kind="cloud_resource" if kind == "environment" else "repository",
        identifiers=(("artifact", artifact),),
    )


def _finding(asset: str, issue: Issue, place: Place, remedy: str, reach: str) -> Finding:
    said = issue.attributes
    kind = _naming.text(said.type)
    key = _naming.text(said.key)
    title = _naming.text(said.title) or key or "unknown"
    package = place.dependency or Dependency()
    source = place.sourceLocation or Source()
    name = _naming.text(package.package_name)
    start = source.region.start if source.region is not None else None
    vector, score = _snyk_issues.cvss(said)
    in_code = kind == "code"
    links = (_naming.text(one.url) for one in said.problems or ())
    return Finding(
        asset=asset,
        # The key of an issue in code is that of this one place; its rule has no name here but its title
        rule=title if in_code or not key else key,
        title=title,
        severity=_naming.severity(said.effective_severity_level),
        weaknesses=_snyk_issues.public(said) if kind == "package_vulnerability" else (),
        kind=_KINDS.get(kind, "observation"),
        component=_snyk_issues.component(key, name),
        component_name=name,
        version=_naming.text(package.package_version),
        resource=_naming.text(place.resourcePath),
        path=_naming.text(source.file),
        line=max(0, _naming.whole_number(start.line)) if start is not None else 0,
        context=key if in_code else "",
        cvss_vector=vector,
        cvss_score=score,
        cwes=_naming.cwes([one.id for one in said.classes or () if _naming.text(one.id).startswith("CWE-")]),
        proof=_PROOFS.get(kind, "unknown"),
        word=_snyk_issues.word(said),
        description=_naming.text(said.description),
        solution=remedy,
        references=tuple(dict.fromkeys(link for link in links if link)),
        first_seen=_naming.when(said.created_at),
        fixed_at=_naming.when(said.resolution.resolved_at) if said.resolution is not None else None,
        tags=(*_snyk_issues.exploit(said), *((f"reachability={reach}",) if reach else ())),
    )


PLUGIN = SnykIssueApi()

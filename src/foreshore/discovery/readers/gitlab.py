"""GitLab's security reports (JSON): SAST, secrets, dependencies, containers, DAST, API and coverage fuzzing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _gitlab, _naming, _web_scans
from foreshore.discovery.readers._gitlab import Document, Scan, Tool, Vulnerability
from foreshore.errors import BadReport
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Sighting, Skipped

_VULNERABILITIES = regex(r'"vulnerabilities"\s*:\s*\[')
_TYPE = regex(rf'"(?:type|category)"\s*:\s*"(?:{"|".join(_gitlab.KINDS)})"')
_IDENTIFIERS = regex(r'"identifiers"\s*:\s*\[\s*\{\s*"(?:type|name|value|url)"')
_NOTHING = regex(r'"vulnerabilities"\s*:\s*\[\s*\]')
_VERSIONED = regex(r'"version"\s*:\s*"\d{1,3}\.\d')
_LISTED = regex(r'\[\s*\{\s*"')


@dataclass(frozen=True)
class GitLab:
    """Reads all types of GitLab's security report, from the lists of version 1 to version 15.

    A report names neither its project nor its branch: findings in code are on one repository without a
    name, those of images and sites on what their location names.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a security report of GitLab."""
        opening = reports.decode_head(head).lstrip()
        if opening.startswith("["):
            return bool(_LISTED.match(opening) and _TYPE.search(opening) and _IDENTIFIERS.search(opening))
        if not opening.startswith("{") or not _VULNERABILITIES.search(opening):
            return False
        if _TYPE.search(opening) and '"scanner"' in opening:
            return True
        if _NOTHING.search(opening):  # of version 2, which said nothing of the scan
            return '"remediations"' in opening and bool(_VERSIONED.search(opening))
        return '"location"' in opening and bool(_IDENTIFIERS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each asset before its findings, one finding for each vulnerability."""
        document = _document(report)
        if document.vulnerabilities is None:
            raise BadReport(
                "has no list of vulnerabilities",
                where=report.name,
                hint="take the report that the job left as an artifact (gl-*-report.json)",
            )
        yield _run(document)
        reading = _Reading(document)
        yield from reading.scanned()
        skipped: list[Skipped] = []
        for said in _decoding.each(_gitlab.VULNERABILITY, document.vulnerabilities, "vulnerabilities", skipped.append):
            if not _gitlab.rule(said):
                skipped.append(Skipped(f"vulnerability {_naming.text(said.id)}".strip(), "names no rule and no title"))
                continue
            yield from reading.records(said)
        yield from skipped


def _document(report: facts.Report) -> Document:
    if reports.decode_head(report.head).lstrip()[:1] == "[":
        return Document(vulnerabilities=_decoding.whole(report, _gitlab.LIST))
    return _decoding.whole(report, _gitlab.DOCUMENT)


def _run(document: Document) -> RunSeen:
    scan = document.scan or Scan()
    scanner = scan.scanner or scan.analyzer or Tool()
    stamp = _naming.text(scan.end_time) or _naming.text(scan.start_time)
    observed, assumed = _naming.moment(stamp)
    settings = (
        ("type", _naming.text(scan.type)),
        ("status", _naming.text(scan.status)),
        ("schema", _naming.text(document.version)),
    )
    return RunSeen(
        tool=f"gitlab {_naming.text(scanner.name) or _naming.text(scanner.id)}".strip(),
        version=_naming.text(scanner.version),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=tuple(one for one in settings if one[1]),
    )


class _Reading:
    """One report: which assets were said, and whose packages its files name."""

    def __init__(self, document: Document) -> None:
        self.scan = document.scan or Scan()
        self.type = _naming.text(self.scan.type)
        self.said: set[str] = set()
        self.image = ""  # the last one that was named
        self.applications = _web_scans.Applications()
        self.managers = {
            _naming.text(one.path): _naming.text(one.package_manager) for one in document.dependency_files or ()
        }

    def scanned(self) -> Iterator[Record]:
        """The sites that a dynamic scan asked, and the repository that another one looked at, found or not."""
        if self.type in _gitlab.WEB_KINDS:
            for one in self.scan.scanned_resources or ():
                if url := _naming.text(one.url):
                    yield from self.applications.at(url)[1]
        elif self.type and self.type not in _gitlab.IMAGE_KINDS:
            yield from self._repository()[1]

    def records(self, said: Vulnerability) -> Iterator[Record]:
        kind = _gitlab.kind_of(said, self.type)
        location = said.location or {}
        if kind in _gitlab.WEB_KINDS:
            yield from self._web(said, location)
            return
        asset, before = self._image(location) if kind in _gitlab.IMAGE_KINDS else self._repository()
        yield from before
        if kind == "secret_detection":
            yield _secret(asset, said, location)
        elif kind in ("dependency_scanning", *_gitlab.IMAGE_KINDS):
            yield self._package(asset, said, location)
        else:
            yield _code(asset, said, location, kind)

    def _once(self, sighting: Sighting) -> tuple[str, list[Record]]:
        if sighting.key in self.said:
            return sighting.key, []
        self.said.add(sighting.key)
        return sighting.key, [sighting]

    def _repository(self) -> tuple[str, list[Record]]:
        name = "repository scanned by GitLab"
        return self._once(Sighting(key="repository", name=name, kind="repository", identifiers=(("artifact", name),)))

    def _image(self, location: dict[str, Any]) -> tuple[str, list[Record]]:
        image = _naming.text(location.get("image")).strip()
        if _gitlab.language_of(image):
            image = self.image
        self.image = image
        identifiers = _naming.image_identifiers([image], [image])
        shown = image or "image scanned by GitLab"
        system = _naming.text(location.get("operating_system"))
        return self._once(
            Sighting(
                key=f"image {shown}",
                name=shown,
                kind="image",
                identifiers=identifiers or (("artifact", shown),),
                os="" if system.lower() == "unknown" else system.replace(":", " ", 1),
                authenticated=True,
            )
        )

    def _package(self, asset: str, said: Vulnerability, location: dict[str, Any]) -> Finding:
        name, version = _gitlab.dependency(location)
        image = _naming.text(location.get("image")).strip()
        path = _naming.text(location.get("file")) or (image if _gitlab.language_of(image) else "")
        system = _naming.text(location.get("operating_system"))
        weaknesses = _gitlab.weaknesses(said)
        rule = _gitlab.rule(said)
        solution = _naming.text(said.solution)
        title = _naming.text(said.name) or _naming.text(said.message) or f"{(*weaknesses, rule)[0]} in {name}"
        return Finding(
            asset=asset,
            rule=rule,
            title=title,
            severity=_naming.severity(said.severity),
            weaknesses=weaknesses,
            component=_gitlab.component(name, path, self.managers, system),
            component_name=name,
            version=version,
            fixed_version=_gitlab.fixed_version(solution),
            path=path,
            cvss_vector=_gitlab.cvss(said),
            cwes=_gitlab.cwes(said),
            proof="package",
            word=_gitlab.word(said),
            description=_naming.text(said.description),
            solution=solution,
            references=_gitlab.references(said),
            observed_at=_naming.when(said.discovered_at),
            tags=(*_gitlab.tags(said), *_workload(location)),
        )

    def _web(self, said: Vulnerability, location: dict[str, Any]) -> Iterator[Record]:
        evidence = said.evidence if isinstance(said.evidence, dict) else {}
        request = evidence.get("request")
        asked = _naming.text(request.get("url")) if isinstance(request, dict) else ""
        path = _naming.text(location.get("path")) or (_web_scans.path_of(asked) if asked else "")
        url = _web_scans.joined(_naming.text(location.get("hostname")) or asked, path)
        asset, before = self.applications.at(url, called="site scanned by GitLab")
        yield from before
        severity = _naming.severity(said.severity)
        cwes = _gitlab.cwes(said)
        weaknesses = _gitlab.weaknesses(said)
        kind: ExposureKind = "vulnerability" if weaknesses else _web_scans.kind_of(severity, cwes)
        rule = _gitlab.rule(said)
        port = _web_scans.origin(url).port
        yield Finding(
            asset=asset,
            rule=rule,
            title=_title(said, rule),
            severity=severity,
            weaknesses=weaknesses,
            kind=kind,
            port=port,
            protocol="tcp" if port else "",
            url=_web_scans.bare_url(url),
            method=_naming.text(location.get("method")),
            parameter=_naming.text(location.get("param")).strip(),
            cvss_vector=_gitlab.cvss(said),
            cwes=cwes,
            proof="configuration" if kind == "misconfiguration" else "probe",
            word=_gitlab.word(said),
            description=_naming.text(said.description),
            solution=_naming.text(said.solution),
            references=_gitlab.references(said),
            evidence=_web_scans.proof(_naming.text(evidence.get("summary"))),
            observed_at=_naming.when(said.discovered_at),
            tags=_gitlab.tags(said),
        )


def _title(said: Vulnerability, rule: str) -> str:
    named = next((text for one in said.identifiers or () if (text := _naming.text(one.name))), "")
    return _naming.text(said.name) or _naming.text(said.message) or named or rule


def _secret(asset: str, said: Vulnerability, location: dict[str, Any]) -> Finding:
    """Rule and place only: extracts and the key for comparing are made of the secret."""
    rule = _gitlab.rule(said)
    return Finding(
        asset=asset,
        rule=rule,
        title=_title(said, rule),
        severity=_naming.severity(said.severity),
        kind="secret",
        path=_naming.text(location.get("file")),
        line=_naming.whole_number(location.get("start_line")),
        cwes=_gitlab.cwes(said),
        word=_gitlab.word(said),
        references=_gitlab.references(said),
        tags=_gitlab.tags(said),
    )


def _code(asset: str, said: Vulnerability, location: dict[str, Any], kind: str) -> Finding:
    """A finding in code, or a crash, whose place is the stack at the time and not a file."""
    rule = _gitlab.rule(said)
    crash = _naming.text(location.get("crash_state")).strip()
    path = _naming.text(location.get("file"))
    return Finding(
        asset=asset,
        rule=rule,
        title=_title(said, rule),
        severity=_naming.severity(said.severity or said.priority),
        weaknesses=_gitlab.weaknesses(said),
        kind="code",
        resource="" if path else " < ".join(crash.split("\n")),
        path=path,
        line=_naming.whole_number(location.get("start_line")),
        context=_gitlab.context(said),
        cvss_vector=_gitlab.cvss(said),
        cwes=_gitlab.cwes(said),
        proof="probe" if kind == "coverage_fuzzing" else "unknown",
        word=_gitlab.word(said),
        description=_naming.text(said.description),
        solution=_naming.text(said.solution),
        references=_gitlab.references(said),
        evidence=_web_scans.proof(crash or _naming.text(location.get("stacktrace_snippet"))),
        observed_at=_naming.when(said.discovered_at),
        tags=_gitlab.tags(said),
    )


def _workload(location: dict[str, Any]) -> tuple[str, ...]:
    """The workload that runs the image, as `workload=namespace/kind/name`."""
    held = location.get("kubernetes_resource")
    if not isinstance(held, dict):
        return ()
    parts = [_naming.text(held.get(name)) for name in ("namespace", "kind", "name")]
    return (f"workload={'/'.join(parts)}",) if any(parts) else ()


PLUGIN = GitLab()

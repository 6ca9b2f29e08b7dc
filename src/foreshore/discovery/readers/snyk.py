"""Snyk's command line as JSON: `snyk test`, `snyk container test` and `snyk iac test`, one project or many."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages, _snyk_rows
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, RunSeen, Sighting, Skipped

_LISTS = regex(r'"(vulnerabilities|issuesData)"\s*:')
_MARKERS = regex(
    r'"(isUpgradable|isPatchable|upgradePath|dependencyCount|licensesPolicy|ignoreSettings|severityWithCritical)"\s*:'
)
_SETTINGS = regex(r'"infrastructureAsCodeIssues"\s*:')
_ERROR = regex(r'"ok"\s*:\s*false\s*,[^{}\[\]]{0,500}?"error"\s*:')
_HINT = "run the test again with `--json-file-output=FILE`, and see that it ends without an error"


class _Filtered(msgspec.Struct, gc=False):
    ignore: list[msgspec.Raw] | None = None
    patch: list[msgspec.Raw] | None = None


class _Meta(msgspec.Struct, gc=False):
    org: Scalar = None
    projectName: Scalar = None
    gitRemoteUrl: Scalar = None


class _Issue(msgspec.Struct, gc=False):
    pkgName: Scalar = None
    pkgVersion: Scalar = None
    issueId: Scalar = None


class _Project(msgspec.Struct, gc=False):
    ok: Scalar = None
    error: Any = None
    vulnerabilities: list[msgspec.Raw] | None = None
    issues: list[_Issue] | dict[str, Any] | None = None
    issuesData: dict[str, msgspec.Raw] | None = None
    infrastructureAsCodeIssues: list[msgspec.Raw] | None = None
    filtered: _Filtered | None = None
    applications: list[msgspec.Raw] | None = None
    docker: dict[str, Any] | None = None
    org: Scalar = None
    meta: _Meta | None = None
    packageManager: Scalar = None
    projectName: Scalar = None
    projectId: Scalar = None
    targetFile: Scalar = None
    displayTargetFile: Scalar = None
    path: Scalar = None
    platform: Scalar = None
    remoteRepoUrl: Scalar = None
    gitRemoteUrl: Scalar = None


_ONE: msgspec.json.Decoder[_Project] = msgspec.json.Decoder(_Project)
_MANY: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ROW: msgspec.json.Decoder[_snyk_rows.Row] = msgspec.json.Decoder(_snyk_rows.Row)
_SETTING: msgspec.json.Decoder[_snyk_rows.Setting] = msgspec.json.Decoder(_snyk_rows.Setting)


@dataclass(frozen=True)
class Snyk:
    """Reads Snyk's JSON; each row is a finding on its project or image, ignored rows with that word."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins the JSON of Snyk's command line."""
        opening = reports.decode_head(head).lstrip()
        if opening[:1] not in ("{", "["):
            return False
        if _LISTS.search(opening) and _MARKERS.search(opening):
            return True
        return bool(_SETTINGS.search(opening) or _ERROR.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each project or image once, and one finding for each row."""
        skipped: list[Skipped] = []
        projects = _projects(report, skipped.append)
        organization = next((name for one in projects if (name := _organization(one))), "")
        yield RunSeen(tool="snyk", scanner=organization)
        said: set[str] = set()
        for number, project in enumerate(projects):
            sighting = _sighting(project)
            if sighting.key not in said:
                said.add(sighting.key)
                yield sighting
            yield from _rows(sighting.key, project, f"projects[{number}]", skipped.append)
        yield from skipped


def _projects(report: facts.Report, skip: Callable[[Skipped], None]) -> list[_Project]:
    """The projects of the report; one that could not be tested is skipped, unless none could."""
    if reports.decode_head(report.head).lstrip()[:1] == "[":
        every = list(_decoding.each(_ONE, _decoding.whole(report, _MANY), "projects", skip))
    else:
        every = [_decoding.whole(report, _ONE)]
    good = []
    for one in every:
        if one.error and not one.vulnerabilities and not one.infrastructureAsCodeIssues:
            why = _naming.text(one.error) or "no reason given"
            skip(Skipped(_naming.text(one.path) or "project", f"Snyk could not test it: {why[:300]}"))
        elif not any(
            part is not None for part in (one.vulnerabilities, one.issuesData, one.infrastructureAsCodeIssues)
        ):
            skip(Skipped(_naming.text(one.path) or "project", "has no list of vulnerabilities"))
        else:
            good.append(one)
    if every and not good:
        raise BadReport("holds no project that Snyk could test", where=report.name, hint=_HINT)
    return good


def _organization(project: _Project) -> str:
    return _naming.text(project.org) or _naming.text(project.meta.org if project.meta is not None else None)


def _rows(asset: str, project: _Project, where: str, skip: Callable[[Skipped], None]) -> Iterator[Record]:
    manager = _naming.text(project.packageManager)
    path = _packages.slashed(_naming.text(project.displayTargetFile) or _naming.text(project.targetFile))
    for row in _decoding.each(_ROW, project.vulnerabilities, f"{where}.vulnerabilities", skip):
        for one in _snyk_rows.ungrouped(row):
            yield _snyk_rows.finding(asset, one, manager, path, "open")
    if not project.vulnerabilities and project.issuesData and isinstance(project.issues, list):
        yield from _issues(asset, project, path, skip)
    filtered = project.filtered or _Filtered()
    for row in _decoding.each(_ROW, filtered.ignore, f"{where}.filtered.ignore", skip):
        yield _snyk_rows.finding(asset, row, manager, path, _snyk_rows.ignored(row))
    for row in _decoding.each(_ROW, filtered.patch, f"{where}.filtered.patch", skip):
        yield _snyk_rows.finding(asset, row, manager, path, "fixed")
    for setting in _decoding.each(_SETTING, project.infrastructureAsCodeIssues, f"{where}.issues", skip):
        yield _snyk_rows.setting(asset, setting, path)
    # The applications within an image; they hold none themselves
    for inner in _decoding.each(_ONE, project.applications, f"{where}.applications", skip):
        inner.applications = None
        yield from _rows(asset, inner, f"{where}.applications", skip)


def _issues(asset: str, project: _Project, path: str, skip: Callable[[Skipped], None]) -> Iterator[Record]:
    """The form of unmanaged code: packages beside a table of what is wrong with them."""
    table = {
        name: row
        for name, raw in (project.issuesData or {}).items()
        for row in _decoding.each(_ROW, [raw], f"issuesData.{name}", skip)
    }
    for one in project.issues if isinstance(project.issues, list) else ():
        row = table.get(_naming.text(one.issueId))
        if row is None:
            skip(Skipped(f"issues, {_naming.text(one.pkgName)}", "names an issue that the report does not describe"))
            continue
        row = msgspec.structs.replace(row, name=one.pkgName, version=one.pkgVersion)
        yield _snyk_rows.finding(asset, row, _naming.text(project.packageManager), path, "open")


# -- what was scanned ---------------------------------------------------------------------------


def _sighting(project: _Project) -> Sighting:
    name = _naming.text(project.projectName)
    if project.docker is not None or name.startswith("docker-image|"):
        return _image(project, name.removeprefix("docker-image|"))
    meta = project.meta or _Meta()
    url = next(
        (
            text
            for one in (project.remoteRepoUrl, project.gitRemoteUrl, meta.gitRemoteUrl)
            if (text := _naming.text(one))
        ),
        "",
    )
    shown = name or _naming.text(meta.projectName) or _folder(_naming.text(project.path))
    return _packages.project(shown if not url else "", url)


def _folder(path: str) -> str:
    return _packages.slashed(path).rstrip("/").rpartition("/")[2]


def _image(project: _Project, name: str) -> Sighting:
    """The image by name and tag; the tag stands only at the root of a path of dependencies."""
    path = _naming.text(project.path)
    tag = _tag(project, name)
    whole = path.startswith((f"{name}:", f"{name}@")) or not name
    reference = f"{name}:{tag}" if tag else path if whole else name
    digest = (project.docker or {}).get("imageId") or ""
    platform = _naming.text(project.platform)
    return Sighting(
        key=f"image {reference or 'image'}",
        name=reference or "image",
        kind="image",
        identifiers=_naming.image_identifiers([reference], [_naming.text(digest)]) or (("artifact", "image"),),
        attributes=(("platform", platform),) if platform else (),
        authenticated=True,
    )


def _tag(project: _Project, name: str) -> str:
    start = f"docker-image|{name}@"
    for raw in (project.vulnerabilities or ())[:1]:
        try:
            row = _decoding.element(_ROW, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""
        root = _naming.text(next(iter(_snyk_rows.ungrouped(row)[0].from_ or ()), ""))
        return root.removeprefix(start) if root.startswith(start) else ""
    return ""


PLUGIN = Snyk()

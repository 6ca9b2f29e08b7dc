"""JFrog CLI (`jf audit`, `jf scan`, `jf docker scan`): `--format=json` and `--format=simple-json`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _jfrog, _jfrog_simple, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Record, Sighting, Skipped

_SCAN = regex(r'"(scan_id|xray_data_url)"\s*:')
_SCAN_ALSO = regex(r'"(component_id|package_type|issue_id|license_key|xray_data_url)"\s*:')
_SIMPLE = regex(r'"(securityViolations|licensesViolations|impactedPackageName|impactedDependencyName)"\s*:')


class _Step(msgspec.Struct, gc=False):
    component_id: Scalar = None
    full_path: Scalar = None


class _Part(msgspec.Struct, gc=False):
    fixed_versions: list[Scalar] | None = None
    impact_paths: list[list[_Step]] | None = None


class _Row(msgspec.Struct, gc=False):
    type: Scalar = None
    issue_id: Scalar = None
    severity: Scalar = None
    summary: Scalar = None
    cves: list[_jfrog.Cve] | None = None
    components: dict[str, _Part | None] | None = None
    references: list[Scalar] | None = None
    license_key: Scalar = None
    watch_name: Scalar = None


class _Scan(msgspec.Struct, gc=False):
    scan_id: Scalar = None
    component_id: Scalar = None
    package_type: Scalar = None
    status: Scalar = None
    vulnerabilities: list[msgspec.Raw] | None = None
    violations: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[dict[str, msgspec.Raw] | list[msgspec.Raw]] = msgspec.json.Decoder(
    dict[str, msgspec.Raw] | list[msgspec.Raw]
)
_ELEMENT: msgspec.json.Decoder[_Scan] = msgspec.json.Decoder(_Scan)
_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class JfrogCli:
    """Reads the results of JFrog CLI's scans of a project, files or an image."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins scans of the command line, or their simple form."""
        opening = reports.decode_head(head)
        start = opening.lstrip()[:1]
        if start not in ("{", "["):
            return False
        if _SCAN.search(opening) and _SCAN_ALSO.search(opening):
            return True
        return start == "{" and bool(_SIMPLE.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, what was scanned, and one finding for each component of each issue."""
        document = _decoding.whole(report, _DECODER)
        if isinstance(document, dict) and "scan_id" not in document:
            yield _images.run("jfrog cli", ())
            yield from _jfrog_simple.records(document, report)
            return
        raws = document if isinstance(document, list) else [msgspec.Raw(msgspec.json.encode(document))]
        skipped: list[Skipped] = []
        scans = list(_decoding.each(_ELEMENT, raws, "element ", skipped.append))
        if raws and not any(one.scan_id or one.vulnerabilities is not None for one in scans):
            raise BadReport(
                "is JSON of JFrog CLI without scans",
                where=report.name,
                hint="run the scan with --format=json and keep the whole output",
            )
        yield _images.run("jfrog cli", ())
        said: set[str] = set()
        for number, scan in enumerate(scans):
            rows = _rows(scan, f"element {number}", skipped)
            sighting = _asset(scan, [row for _where, row in rows], report.name)
            if sighting.key not in said:
                said.add(sighting.key)
                yield sighting
            yield from _findings(sighting.key, rows, skipped)
        yield from skipped


def _rows(scan: _Scan, where: str, skipped: list[Skipped]) -> list[tuple[str, _Row]]:
    found: list[tuple[str, _Row]] = []
    for name, raws in (("vulnerabilities", scan.vulnerabilities), ("violations", scan.violations)):
        rows = _decoding.each(_ROW, raws, f"{where}.{name}", skipped.append)
        found.extend((f"{where}.{name}[{number}]", row) for number, row in enumerate(rows))
    return found


def _asset(scan: _Scan, rows: list[_Row], file: str) -> Sighting:
    """What was scanned: as the scan says, else where the paths of its impacts begin."""
    written = _naming.text(scan.component_id)
    paths = (
        path for row in rows for part in (row.components or {}).values() if part for path in part.impact_paths or ()
    )
    if not written:
        written = next((found for path in paths if path and (found := _naming.text(path[0].component_id))), "")
    if not written:
        return _images.unnamed("jfrog cli", file, "code_component")
    return _jfrog.asset(written, sha256=written if written.startswith("docker://sha256:") else "")


def _findings(asset: str, rows: list[tuple[str, _Row]], skipped: list[Skipped]) -> Iterator[Record]:
    """Violations of a watch repeat the vulnerabilities that it is about: each place is said once."""
    said: set[tuple[str, str]] = set()
    for where, row in rows:
        kind = _naming.text(row.type).lower()
        if kind not in ("", "security", "vulnerability"):
            yield from _observed(asset, kind, where, row, skipped)
            continue
        issue = _jfrog.Issue(
            _naming.text(row.issue_id),
            row.severity,
            row.cves or [],
            _naming.text(row.summary),
            references=_jfrog.texts(row.references),
        )
        called = _jfrog.rule(issue)
        if not called or not row.components:
            skipped.append(Skipped(where, "names no weakness, or no component"))
            continue
        for written, part in row.components.items():
            if (called, written) not in said:
                said.add((called, written))
                fixed = _jfrog.fixed(part.fixed_versions) if part else ""
                yield _jfrog.finding(asset, issue, _jfrog.component(written), fixed, _path(part))


def _path(part: _Part | None) -> str:
    """The file in which the component was found, where the last step of its path tells it."""
    for path in (part.impact_paths or ()) if part else ():
        if path and path[-1].full_path:
            return _naming.text(path[-1].full_path)
    return ""


def _observed(asset: str, kind: str, where: str, row: _Row, skipped: list[Skipped]) -> Iterator[Record]:
    """A violation that is no weakness: a licence, or the risk of an old component."""
    licence = _naming.text(row.license_key)
    rule = f"licence:{licence}" if licence else _naming.text(row.issue_id)
    if not rule or not row.components:
        skipped.append(Skipped(where, f"is a violation ({kind}) that names no component"))
        return
    for written in row.components:
        yield _jfrog_simple.observation(asset, kind, rule, row.severity, _jfrog.component(written), row.summary)


PLUGIN = JfrogCli()

"""pip-audit's JSON (`pip-audit -f json`): the list of its first versions, and the document since 2.1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._host_scans import by_file
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_PACKAGE = r'\{\s*"name"\s*:\s*"[^"]{0,300}"\s*,\s*("version"\s*:\s*"[^"]{0,300}"\s*,\s*"vulns"\s*:|"skip_reason"\s*:)'
_LIST = regex(r"^\[\s*" + _PACKAGE)
_DOCUMENT = regex(r'"dependencies"\s*:\s*\[\s*' + _PACKAGE)
_EMPTY = regex(r'^\{\s*"dependencies"\s*:\s*\[\s*\]\s*(\}|,\s*"fixes"\s*:)')
# Keys may stand in any order where somebody sorted them
_SORTED = regex(r'"vulns"\s*:\s*\[\s*(\]|\{\s*"(aliases|description|fix_versions|id)"\s*:)')


class _Vulnerability(msgspec.Struct, gc=False):
    id: Scalar = None
    aliases: list[Scalar] | None = None
    fix_versions: list[Scalar] | None = None
    description: Scalar = None


class _Package(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    vulns: list[msgspec.Raw] | None = None
    skip_reason: Scalar = None


class _Fix(msgspec.Struct, gc=False):
    name: Scalar = None
    new_version: Scalar = None


class _Document(msgspec.Struct, gc=False):
    dependencies: list[msgspec.Raw] | None = None
    fixes: list[msgspec.Raw] | None = None


_LISTED: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[_Package] = msgspec.json.Decoder(_Package)
_VULN: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
_FIX: msgspec.json.Decoder[_Fix] = msgspec.json.Decoder(_Fix)


@dataclass(frozen=True)
class PipAudit:
    """Reads pip-audit's JSON; each vulnerability of a package is a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of pip-audit."""
        opening = reports.decode_head(head).lstrip()
        if opening[:1] == "[":
            return bool(_LIST.match(opening) or (_SORTED.search(opening) and '"name"' in opening))
        if opening[:1] != "{":
            return False
        if _EMPTY.match(opening) or _DOCUMENT.search(opening):
            return True
        return '"dependencies"' in opening and bool(_SORTED.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the environment, and one finding for each vulnerability of each package."""
        skipped: list[Skipped] = []
        document = _document(report)
        yield RunSeen(tool="pip-audit")
        sighting = _packages.project(by_file("python environment", report.name))
        yield sighting
        fixes = {
            _naming.text(one.name).lower(): _naming.text(one.new_version)
            for one in _decoding.each(_FIX, document.fixes, "fixes", skipped.append)
        }
        for package in _decoding.each(_ROW, document.dependencies, "dependencies", skipped.append):
            name = _naming.text(package.name)
            if package.skip_reason:
                skipped.append(Skipped(f"package {name}", _naming.text(package.skip_reason)[:300]))
            for row in _decoding.each(_VULN, package.vulns, f"vulns of {name}", skipped.append):
                yield _finding(sighting.key, package, row, fixes.get(name.lower(), ""))
        yield from skipped


def _document(report: facts.Report) -> _Document:
    if reports.decode_head(report.head).lstrip()[:1] == "[":
        return _Document(dependencies=_decoding.whole(report, _LISTED))
    document = _decoding.whole(report, _DECODER)
    if document.dependencies is None:
        raise BadReport(
            "has no list of dependencies",
            where=report.name,
            hint="run `pip-audit --format json --desc on --aliases on` again and keep its whole output",
        )
    return document


def _finding(asset: str, package: _Package, row: _Vulnerability, upgraded: str) -> Finding:
    name = _naming.text(package.name)
    rule = _naming.text(row.id) or "unknown"
    fixed = ", ".join(text for one in row.fix_versions or () if (text := _naming.text(one)))
    names = _packages.weaknesses(rule, *(_naming.text(one) for one in row.aliases or ()))
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{rule} in {name}",
        severity=_packages.unrated(names),  # pip-audit rates nothing
        weaknesses=names,
        component=_packages.component("pip", name),
        component_name=name,
        version=_naming.text(package.version),
        fixed_version=fixed,
        proof="package",
        description=_naming.text(row.description),
        solution=f"pip-audit upgrades {name} to {upgraded}" if upgraded else "",
    )


PLUGIN = PipAudit()

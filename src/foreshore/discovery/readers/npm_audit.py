"""Audits of npm before version 7, of pnpm and of Yarn: a table of advisories, or one to a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages, _packages_yarn
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._host_scans import by_file
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped, Word

_TABLE = regex(r'"advisories"\s*:\s*\{')
_MARKERS = regex(r'"(actions|muted|module_name|vulnerable_versions|totalDependencies|devDependencies)"\s*:')
_LINE = regex(r'^\{\s*"type"\s*:\s*"(auditAdvisory|auditAction|auditSummary)"')
_ERROR = regex(r'^\{\s*("message"\s*:\s*"[^"]{0,2000}"\s*,\s*)?"error"\s*:\s*\{\s*"(code|summary)"\s*:')


class _Seen(msgspec.Struct, gc=False):
    version: Scalar = None
    paths: list[Scalar] | None = None
    dev: Scalar = None
    optional: Scalar = None


class _Cvss(msgspec.Struct, gc=False):
    score: Scalar = None
    vectorString: Scalar = None  # noqa: N815 - named as the format names it


class _Advisory(msgspec.Struct, gc=False):
    id: Scalar = None
    title: Scalar = None
    module_name: Scalar = None
    severity: Scalar = None
    cves: list[Scalar] | None = None
    github_advisory_id: Scalar = None
    cwe: list[Scalar] | Scalar = None
    cvss: _Cvss | None = None
    vulnerable_versions: Scalar = None
    patched_versions: Scalar = None
    overview: Scalar = None
    recommendation: Scalar = None
    references: Scalar = None
    url: Scalar = None
    findings: list[_Seen] | None = None


class _Error(msgspec.Struct, gc=False):
    code: Scalar = None
    summary: Scalar = None


class _Document(msgspec.Struct, gc=False):
    advisories: dict[str, msgspec.Raw] | None = None
    muted: list[msgspec.Raw] | dict[str, msgspec.Raw] | None = None
    error: _Error | None = None


class _Data(msgspec.Struct, gc=False):
    advisory: _Advisory | None = None
    resolution: dict[str, Any] | None = None


class _Line(msgspec.Struct, gc=False):
    type: Scalar = None
    data: Any = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ADVISORY: msgspec.json.Decoder[_Advisory] = msgspec.json.Decoder(_Advisory)
_LINES: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


@dataclass(frozen=True)
class NpmAudit:
    """Reads tables of advisories; each version of a package that an advisory is about is a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins an audit of npm 6, pnpm or Yarn."""
        opening = reports.decode_head(head).lstrip()
        if opening[:1] != "{":
            return False
        if _LINE.match(opening) or _packages_yarn.LINE.match(opening) or _ERROR.match(opening):
            return True
        return bool(_TABLE.search(opening) and _MARKERS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the project, and one finding for each version that an advisory is about."""
        yield RunSeen(tool="npm audit")
        sighting = _packages.project(by_file("npm audit", report.name))
        yield sighting
        skipped: list[Skipped] = []
        opening = reports.decode_head(report.head).lstrip()
        if _LINE.match(opening):
            yield from _of_lines(sighting.key, report, skipped)
        elif _packages_yarn.LINE.match(opening):
            yield from _packages_yarn.findings(sighting.key, report, skipped)
        else:
            yield from _of_table(sighting.key, report, skipped)
        yield from skipped


def _of_table(asset: str, report: facts.Report, skipped: list[Skipped]) -> Iterator[Record]:
    document = _decoding.whole(report, _DECODER)
    if document.advisories is None:
        said = document.error or _Error()
        why = _naming.text(said.summary) or _naming.text(said.code)
        raise BadReport(
            f"holds an error in place of an audit: {why[:300]}" if why else "has no table of advisories",
            where=report.name,
            hint="run `npm audit --json` again where it reaches its registry, and keep the whole output",
        )
    for row in _decoding.each(_ADVISORY, list(document.advisories.values()), "advisories", skipped.append):
        yield from _findings(asset, row, "open")
    muted = document.muted or []
    rows = list(muted.values()) if isinstance(muted, dict) else muted
    for row in _decoding.each(_ADVISORY, rows, "muted", skipped.append):
        if row.module_name:
            yield from _findings(asset, row, "suppressed")


def _of_lines(asset: str, report: facts.Report, skipped: list[Skipped]) -> Iterator[Record]:
    """One advisory to a line, again for each path that leads to the package: one finding for all of them."""
    seen: dict[str, _Advisory] = {}
    for number, line in enumerate(_decoding.rows(report, _LINES, skipped.append), 1):
        if line.type != "auditAdvisory":
            continue
        try:
            row = msgspec.convert(line.data, _Data).advisory
        except msgspec.ValidationError as error:
            skipped.append(Skipped(f"line {number}", str(error)))
            continue
        if row is not None:
            seen.setdefault(f"{_naming.text(row.id)} {_naming.text(row.module_name)}", row)
    for row in seen.values():
        yield from _findings(asset, row, "open")


def _findings(asset: str, row: _Advisory, word: Word) -> Iterator[Finding]:
    for seen in row.findings or (_Seen(),):
        yield _finding(asset, row, seen, word)


def _finding(asset: str, row: _Advisory, seen: _Seen, word: Word) -> Finding:
    name = _naming.text(row.module_name)
    url = _naming.text(row.url)
    github = _naming.public_ids(_naming.text(row.github_advisory_id), url)
    public = _naming.public_ids(*(_naming.text(one) for one in row.cves or ())) or github
    rule = next(iter(github), "") or f"npm:{_naming.text(row.id) or 'unknown'}"
    paths = [text for one in seen.paths or () if (text := _naming.text(one))]
    title = _naming.text(row.title) or rule
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{name}: {title}" if name else title,
        severity=_naming.severity(row.severity),
        weaknesses=public or (rule,),
        component=_packages.component("npm", name),
        component_name=name,
        version=_naming.text(seen.version),
        fixed_version=_patched(_naming.text(row.patched_versions)),
        cvss_vector=_naming.text(row.cvss.vectorString) if row.cvss is not None else "",
        cvss_score=_naming.score(row.cvss.score) if row.cvss is not None else None,
        cwes=_packages.cwes(row.cwe),
        proof="package",
        word=word,
        description=_naming.text(row.overview).strip(),
        solution=_naming.text(row.recommendation),
        references=tuple(dict.fromkeys(one for one in (url, *_links(_naming.text(row.references))) if one)),
        evidence="\n".join(path.replace(">", " > ") for path in paths),
        instances=max(1, len(paths)),
        tags=tuple(kind for kind, said in (("dev", seen.dev), ("optional", seen.optional)) if said is True),
    )


def _patched(versions: str) -> str:
    """`<0.0.0` is how an advisory says that no version is mended."""
    return "" if versions.replace(" ", "") in ("<0.0.0", "<=0.0.0") else versions


def _links(text: str) -> list[str]:
    return re.findall(r"https?://[^\s)>\]]+", text)


PLUGIN = NpmAudit()

"""Audits of Yarn 4 (`yarn npm audit --json`): one package with one advisory to a line."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from foreshore import facts
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Finding, Record, Skipped

LINE = regex(r'^\{\s*"value"\s*:\s*"[^"]{1,300}"\s*,\s*"children"\s*:\s*\{\s*"ID"\s*:')
_DEPRECATED = " (deprecation)"


class _Children(msgspec.Struct, gc=False):
    ID: Scalar = None
    Issue: Scalar = None
    URL: Scalar = None
    Severity: Scalar = None
    affected: Scalar = msgspec.field(name="Vulnerable Versions", default=None)
    versions: list[Scalar] | None = msgspec.field(name="Tree Versions", default=None)
    dependents: list[Scalar] | None = msgspec.field(name="Dependents", default=None)


class _Line(msgspec.Struct, gc=False):
    value: Scalar = None
    children: _Children | None = None


_LINES: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


def findings(asset: str, report: facts.Report, skipped: list[Skipped]) -> Iterator[Record]:
    """Yield one finding for each version of a package in the tree; a package given up by its makers is end of life."""
    for number, line in enumerate(_decoding.rows(report, _LINES, skipped.append), 1):
        said = line.children
        if said is None:
            skipped.append(Skipped(f"line {number}", "says nothing of its package"))
            continue
        for version in said.versions or [None]:
            yield _finding(asset, _naming.text(line.value), said, _naming.text(version))


def _finding(asset: str, name: str, said: _Children, version: str) -> Finding:
    url = _naming.text(said.URL)
    identifier = _naming.text(said.ID) or "unknown"
    ended = identifier.endswith(_DEPRECATED)
    public = _naming.public_ids(url)
    rule = "npm:deprecation" if ended else next(iter(public), "") or f"npm:{identifier}"
    affected = _naming.text(said.affected)
    users = [text for one in said.dependents or () if (text := _naming.text(one))]
    title = "given up by its makers" if ended else _naming.text(said.Issue) or rule
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{name}: {title}",
        severity=_naming.severity(said.Severity),
        weaknesses=() if ended else public or (rule,),
        kind="end_of_life" if ended else "vulnerability",
        component=_packages.component("npm", name),
        component_name=name,
        version=version,
        proof="package",
        description=_naming.text(said.Issue) if ended else f"affected versions: {affected}" if affected else "",
        references=(url,) if url else (),
        evidence=f"used by: {', '.join(users)}" if users else "",
    )

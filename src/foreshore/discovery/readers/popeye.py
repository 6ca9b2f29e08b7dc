"""Popeye's JSON: sections by linter, and sanitizers as versions before 0.20 called them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _kube_rows, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Severity, Skipped

_SIGN = regex(r'"popeye"\s*:')
_PARTS = regex(r'"(sanitizers|sections|score|grade)"\s*:')
_CODE = regex(r"\[(POP-\d+)\]\s*")
_LEVELS: dict[int, Severity] = {1: "info", 2: "low", 3: "high"}


class _Issue(msgspec.Struct, gc=False):
    group: Scalar = None
    level: Scalar = None
    message: Scalar = None


class _Section(msgspec.Struct, gc=False):
    linter: Scalar = None
    sanitizer: Scalar = None
    issues: dict[str, Any] | None = None


class _Popeye(msgspec.Struct, gc=False):
    report_time: Scalar = None
    score: Scalar = None
    grade: Scalar = None
    sections: list[msgspec.Raw] | None = None
    sanitizers: list[msgspec.Raw] | None = None
    errors: Any = None


class _Document(msgspec.Struct, gc=False):
    popeye: _Popeye | None = None
    ClusterName: Scalar = None
    ContextName: Scalar = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_SECTION: msgspec.json.Decoder[_Section] = msgspec.json.Decoder(_Section)


@dataclass(frozen=True)
class Popeye:
    """Reads Popeye's JSON; each issue above “ok” is a finding on its object."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of Popeye."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_SIGN.search(opening) and _PARTS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the objects each once, and findings."""
        document = _decoding.whole(report, _DECODER)
        found = document.popeye
        if found is None:
            raise BadReport("holds no report called “popeye”", where=report.name, hint="export with `popeye -o json`")
        cluster = _naming.text(document.ClusterName) or _naming.text(document.ContextName)
        stamp = _naming.text(found.report_time)
        observed, assumed = _naming.moment(stamp)
        settings = (("score", found.score), ("grade", found.grade))
        yield RunSeen(
            tool="popeye",
            scanner=cluster,
            observed_at=observed,
            observed_text=stamp,
            zone_assumed=assumed,
            settings=tuple((name, text) for name, value in settings if (text := _naming.text(value))),
        )
        yield from _Reading(cluster, found).records()


class _Reading:
    """One report: the objects it names, and the issues on them."""

    def __init__(self, cluster: str, found: _Popeye) -> None:
        self.cluster = cluster
        self.found = found
        self.assets = _cloud_rows.Assets()
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []

    def records(self) -> Iterator[Record]:
        for name, raws in (("sections", self.found.sections), ("sanitizers", self.found.sanitizers)):
            for number, section in enumerate(_decoding.each(_SECTION, raws, name, self.skipped.append)):
                for place, issues in (section.issues or {}).items():
                    self.object(section, place, issues, f"{name}[{number}].issues")
        if self.found.errors:
            self.skipped.append(Skipped("errors", "some objects could not be looked at by the scanner"))
        yield from self.assets.sightings()
        yield from self.findings
        yield from self.skipped

    def object(self, section: _Section, place: str, issues: Any, where: str) -> None:
        """The issues of one object, whose name is `namespace/name` or `name`."""
        linter = _naming.text(section.linter) or _naming.text(section.sanitizer)
        namespace, _slash, name = place.rpartition("/")
        sighting = _kube_rows.workload(self.cluster, namespace, _kube_rows.kind_of(linter), name)
        asset = self.assets.see(sighting)
        for raw in issues if isinstance(issues, list) else ():
            try:
                issue = msgspec.convert(raw, _Issue)
            except (msgspec.ValidationError, RecursionError) as error:
                self.skipped.append(Skipped(f"{where}.{place}", _decoding.why(error)))
                continue
            if _naming.whole_number(issue.level) > 0:
                self.findings.append(_finding(asset, linter, issue))


def _finding(asset: str, linter: str, issue: _Issue) -> Finding:
    message = _naming.text(issue.message)
    code = _CODE.search(message)
    rule = code.group(1) if code else f"popeye-{linter or 'check'}"
    group = _naming.text(issue.group)
    return Finding(
        asset=asset,
        rule=rule,
        title=_CODE.sub("", message).strip() or rule,
        severity=_LEVELS.get(_naming.whole_number(issue.level), "high"),
        weaknesses=(rule,),
        kind="misconfiguration",
        resource=asset if group in ("", "__root__") else f"container {group}",
        proof="configuration",
        evidence=message,
        tags=(f"linter={linter}",) if linter else (),
    )


PLUGIN = Popeye()

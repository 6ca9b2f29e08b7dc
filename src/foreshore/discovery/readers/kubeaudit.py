"""kubeaudit's results, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _hosts, _kube_rows, _naming
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_SIGN = regex(r'"AuditResultName"\s*:')
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
# Fields that name the object or belong to the log line; all others tell which part of the object is meant.
_COMMON = frozenset(
    {
        "AuditResultName", "ResourceApiVersion", "ResourceKind", "ResourceName", "ResourceNamespace", "level", "msg",
        "time", "FilePath", "Metadata", "Namespace", "IntroducedMajor", "IntroducedMinor", "DeprecatedMajor",
        "DeprecatedMinor", "RemovedMajor", "RemovedMinor", "ReplacementGroup", "ReplacementKind", "ReplacementVersion",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Kubeaudit:
    """Reads kubeaudit's results; each line is a finding on its object."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of kubeaudit."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] in ("{", "[") and bool(_SIGN.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the objects each once, and a finding for each line."""
        skipped: list[Skipped] = []
        assets = _cloud_rows.Assets()
        findings: list[Finding] = []
        times: set[str] = set()
        for number, row in enumerate(_decoding.rows(report, _ROW, skipped.append), 1):
            if not _naming.text(row.get("AuditResultName")):
                skipped.append(Skipped(f"result {number}", "names no audit"))
                continue
            if stamp := _naming.text(row.get("time")):
                times.add(stamp)
            findings.append(_finding(_asset(assets, row), row))
        if not findings and skipped:
            raise BadReport(
                "holds no result of an audit", where=report.name, hint="export with `kubeaudit all -p json`"
            )
        observed, text, assumed = _hosts.latest(times)
        yield RunSeen(tool="kubeaudit", observed_at=observed, observed_text=text, zone_assumed=assumed)
        yield from assets.sightings()
        yield from findings
        yield from skipped


def _asset(assets: _cloud_rows.Assets, row: dict[str, Any]) -> str:
    kind, name, namespace = (
        _naming.text(row.get(key)) for key in ("ResourceKind", "ResourceName", "ResourceNamespace")
    )
    if kind == "Namespace":
        name, namespace = name or _naming.text(row.get("Namespace")), ""
    return assets.see(_kube_rows.workload("", namespace, kind, name, _naming.when(row.get("time"))))


def _finding(asset: str, row: dict[str, Any]) -> Finding:
    rule = _naming.text(row["AuditResultName"])
    message = _naming.text(row.get("msg"))
    more = {name: text for name, value in row.items() if name not in _COMMON and (text := _naming.text(value))}
    container = more.pop("Container", "")
    parts = [f"container {container}"] if container else []
    parts.extend(f"{name} {more[name]}" for name in sorted(more))
    return Finding(
        asset=asset,
        rule=rule,
        title=rule,
        severity=_naming.severity(row.get("level")),
        weaknesses=(rule,),
        kind="misconfiguration",
        resource=", ".join(parts) or asset,
        path=_naming.text(row.get("FilePath")),
        proof="configuration",
        description=message,
        evidence=message,
        observed_at=_naming.when(row.get("time")),
    )


PLUGIN = Kubeaudit()

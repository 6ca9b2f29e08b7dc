"""kube-hunter's JSON report: nodes, services and what it found on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, PortSeen, Record, RunSeen, Sighting, Skipped

_LISTS = tuple(regex(rf'"{name}"\s*:') for name in ("nodes", "services", "vulnerabilities"))
_FIELD = regex(r'"(vid|avd_reference|hunter|location|hunter_statistics|kburl)"\s*:')
_POD = regex(r"^Local to Pod(?: \(([^)]{1,253})\))?", re.IGNORECASE)
# What these found is itself a credential.
_CREDENTIALS = frozenset({"KHV050"})
_LOOKS_SECRET = regex(r"eyJ[\w-]{10}|-----BEGIN|password|token\b", re.IGNORECASE)


class _Row(msgspec.Struct, gc=False):
    type: Scalar = None
    service: Scalar = None
    location: Scalar = None
    vid: Scalar = None
    category: Scalar = None
    severity: Scalar = None
    vulnerability: Scalar = None
    description: Scalar = None
    evidence: Scalar = None
    avd_reference: Scalar = None
    hunter: Scalar = None


class _Document(msgspec.Struct, gc=False):
    nodes: list[msgspec.Raw] | None = None
    services: list[msgspec.Raw] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class Kubehunter:
    """Reads kube-hunter's report; services become ports of the nodes that they run on."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of kube-hunter."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if all(name.search(opening) for name in _LISTS):
            return bool(_FIELD.search(opening)) or len(opening) < 300
        return '"vid"' in opening and '"hunter"' in opening

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the nodes each once, their ports, and findings."""
        document = _decoding.whole(report, _DECODER)
        if document.nodes is None and document.services is None and document.vulnerabilities is None:
            raise BadReport(
                "holds neither nodes nor services nor vulnerabilities",
                where=report.name,
                hint="export with `kube-hunter --report json`",
            )
        yield RunSeen(tool="kube-hunter")
        yield from _Reading(document).records()


class _Reading:
    """One report: its places as assets."""

    def __init__(self, document: _Document) -> None:
        self.document = document
        self.assets = _cloud_rows.Assets()
        self.skipped: list[Skipped] = []

    def records(self) -> Iterator[Record]:
        document = self.document
        found: list[Record] = []
        for node in _decoding.each(_ROW, document.nodes, "nodes", self.skipped.append):
            self.asset(node, _naming.text(node.type))
        for row in _decoding.each(_ROW, document.services, "services", self.skipped.append):
            asset, port = self.asset(row)
            if port:
                found.append(PortSeen(asset=asset, port=port, service=_naming.text(row.service)))
        found.extend(self.vulnerabilities())
        yield from self.assets.sightings()
        yield from dict.fromkeys(found)
        yield from self.skipped

    def vulnerabilities(self) -> Iterator[Finding]:
        before: set[Finding] = set()
        rows = _decoding.each(_ROW, self.document.vulnerabilities, "vulnerabilities", self.skipped.append)
        for number, row in enumerate(rows):
            where = f"vulnerabilities[{number}]"
            rule = _naming.text(row.vid)
            if rule in ("", "None"):
                rule = _naming.text(row.vulnerability)
            if not rule:
                self.skipped.append(Skipped(where, "names no vulnerability"))
                continue
            asset, port = self.asset(row)
            finding = _finding(asset, port, rule, row)
            if finding in before:
                self.skipped.append(Skipped(where, "says the same as a row before, word for word"))
            else:
                before.add(finding)
                yield finding

    def asset(self, row: _Row, node: str = "") -> tuple[str, int]:
        """(asset, port) of a place: `address:port`, a pod, or nothing, which is the cluster."""
        place = _naming.text(row.location).strip()
        if found := _POD.match(place):
            return self.named(f"pod {found.group(1) or 'of the scanner'}", "Pod"), 0
        if place in ("", "None"):
            return self.named("kubernetes cluster seen by kube-hunter", "Cluster"), 0
        host, port = (place, 0) if _naming.address(place) else _naming.split_url(place)[:2]
        host = host or place
        attributes = (("node_type", node),) if node else ()
        identifiers = _naming.host_identifiers(host) or (("artifact", host),)
        return self.assets.see(Sighting(key=host, name=host, identifiers=identifiers, attributes=attributes)), port

    def named(self, shown: str, kind: str) -> str:
        """A part of the cluster that has no address."""
        return self.assets.see(
            Sighting(
                key=shown,
                name=shown,
                kind="cloud_resource",
                identifiers=(("artifact", shown),),
                attributes=(("resource_type", kind),),
            )
        )


def _finding(asset: str, port: int, rule: str, row: _Row) -> Finding:
    title = _naming.text(row.vulnerability) or rule
    description = _naming.text(row.description)
    public = _naming.public_ids(title, description)
    evidence = _naming.text(row.evidence)
    if rule in _CREDENTIALS or _LOOKS_SECRET.search(evidence):
        evidence = ""
    tags = (("category", row.category), ("hunter", row.hunter))
    return Finding(
        asset=asset,
        rule=rule,
        title=title,
        severity=_naming.severity(row.severity),
        weaknesses=public or (rule,),
        kind="vulnerability" if public else "misconfiguration",
        component_name="kubernetes" if public else "",
        port=port,
        protocol="tcp" if port else "",
        proof="probe",
        description=description,
        references=(link,) if (link := _naming.text(row.avd_reference)).startswith("http") else (),
        evidence=evidence,
        tags=tuple(f"{name}={text}" for name, value in tags if (text := _naming.text(value))),
    )


PLUGIN = Kubehunter()

"""Nuclei's JSON: one result per line (`-jsonl`, older `-json`) or a list (`-json-export`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import ExposureKind, Finding, PortSeen, Proof, Record, RunSeen, Sighting, Skipped

_MARKERS = regex(r'"(template-id|templateID|template-path|template-url)"\s*:')
_ALSO = regex(r'"(matched-at|matched|matcher-status|matcher-name|host|info)"\s*:')
# Templates that only recognise a product, a page or a version: the match proves no weakness.
_RECOGNISES = frozenset({"tech", "detect", "detection", "discovery", "favicon", "waf", "fingerprint", "version"})
_CONFIGURES = frozenset({"misconfig", "misconfiguration", "exposure", "exposed", "headers", "ssl", "tls", "config"})
_LONGEST_EVIDENCE = 2000


class _Classification(msgspec.Struct, gc=False):
    cve: Any = msgspec.field(name="cve-id", default=None)
    cwe: Any = msgspec.field(name="cwe-id", default=None)
    vector: Scalar = msgspec.field(name="cvss-metrics", default=None)
    score: Scalar = msgspec.field(name="cvss-score", default=None)
    epss: Scalar = msgspec.field(name="epss-score", default=None)
    cpe: Scalar = None


class _Info(msgspec.Struct, gc=False):
    name: Scalar = None
    tags: Any = None
    description: Scalar = None
    reference: Any = None
    severity: Scalar = None
    remediation: Scalar = None
    classification: _Classification | None = None


class _Result(msgspec.Struct, gc=False):
    info: _Info | None = None
    template_id: Scalar = msgspec.field(name="template-id", default=None)
    template_id_old: Scalar = msgspec.field(name="templateID", default=None)
    matcher: Scalar = msgspec.field(name="matcher-name", default=None)
    matcher_old: Scalar = msgspec.field(name="matcher_name", default=None)
    extractor: Scalar = msgspec.field(name="extractor-name", default=None)
    extracted: Any = msgspec.field(name="extracted-results", default=None)
    extracted_old: Any = msgspec.field(name="extracted_results", default=None)
    type: Scalar = None
    host: Scalar = None
    port: Scalar = None
    scheme: Scalar = None
    url: Scalar = None
    ip: Scalar = None
    matched: Scalar = None
    matched_at: Scalar = msgspec.field(name="matched-at", default=None)
    timestamp: Scalar = None
    status: Scalar = msgspec.field(name="matcher-status", default=None)
    dast: Scalar = msgspec.field(name="is_fuzzing_result", default=None)
    parameter: Scalar = msgspec.field(name="fuzzing_parameter", default=None)
    method: Scalar = msgspec.field(name="fuzzing_method", default=None)
    curl: Scalar = msgspec.field(name="curl-command", default=None)


_DECODER: msgspec.json.Decoder[_Result] = msgspec.json.Decoder(_Result, strict=False)


class _Template(msgspec.Struct, frozen=True):
    """What a template says of itself, which is the same for all its matches."""

    title: str
    severity: facts.Severity
    weaknesses: tuple[str, ...]
    kind: ExposureKind
    recognises: bool
    vector: str
    score: float | None
    epss: float | None
    cwes: tuple[int, ...]
    component: str
    description: str
    solution: str
    references: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Nuclei:
    """Reads Nuclei's JSON and JSON lines; each result is a finding on the host that answered."""

    version: int = 1
    longest_evidence: int = _LONGEST_EVIDENCE

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a Nuclei result."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] in ("{", "[") and bool(
            _MARKERS.search(opening) and _ALSO.search(opening) and '"info"' in opening
        )

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, then each host once, its ports, and one finding for each result."""
        return _Reading(self).records(report)


class _Reading:
    """The state of one reading: which assets and ports were said already, and templates by identifier."""

    def __init__(self, plugin: Nuclei) -> None:
        self.plugin = plugin
        self.skipped: list[Skipped] = []
        self.assets: dict[tuple[str, str], str] = {}
        self.seen: set[object] = set()
        self.templates: dict[tuple[object, ...], _Template] = {}
        self.started = False

    def records(self, report: facts.Report) -> Iterator[Record]:
        for number, result in enumerate(_decoding.rows(report, _DECODER, self.skipped.append), 1):
            if not self.started:
                self.started = True
                yield _run(result)
            yield from self.of(number, result)
            if self.skipped:
                yield from self.skipped
                self.skipped.clear()
        if not self.started:
            yield RunSeen(tool="nuclei")
        yield from self.skipped

    def of(self, number: int, one: _Result) -> Iterator[Record]:
        rule = _naming.text(one.template_id or one.template_id_old)
        if one.status is False or one.status == "false":
            yield Skipped(f"result {number}", f"the template {rule} did not match (matcher-status false)")
            return
        matched = _naming.text(one.matched_at or one.matched)
        where = _naming.text(one.host) or _naming.text(one.url) or matched or _naming.text(one.ip)
        if not rule or not where:
            yield Skipped(f"result {number}", "names no template" if not rule else "names no host")
            return
        seen_at = _naming.when(one.timestamp)
        asset = self.assets.get((where, _naming.text(one.ip)))
        if asset is None:
            sighting = _sighting(where, _naming.text(one.ip), seen_at)
            asset = self.assets[(where, _naming.text(one.ip))] = sighting.key
            if sighting.key not in self.seen:
                self.seen.add(sighting.key)
                yield sighting
        port = _port(one, matched, where)
        if port and (asset, port) not in self.seen:
            self.seen.add((asset, port))
            tls = matched.startswith("https://") or one.scheme == "https" or one.type == "ssl"
            yield PortSeen(asset=asset, port=port, tls=tls, observed_at=seen_at)
        yield self.finding(one, rule, asset, port, matched)

    def finding(self, one: _Result, rule: str, asset: str, port: int, matched: str) -> Finding:
        info = one.info or _Info()
        known = (rule, info.name, info.severity)
        template = self.templates.get(known)
        if template is None:
            template = self.templates[known] = _template(rule, info)
        matcher = _naming.text(one.matcher or one.matcher_old or one.extractor)
        web = "://" in matched
        return Finding(
            asset=asset,
            rule=f"{rule}:{matcher}" if matcher and not template.weaknesses else rule,
            title=template.title,
            severity=template.severity,
            weaknesses=template.weaknesses,
            kind=template.kind,
            component=template.component,
            port=port,
            protocol=("udp" if one.type == "dns" else "tcp") if port else "",
            url=matched.split("?", 1)[0].split("#", 1)[0] if web else "",
            method=_naming.text(one.method) or ("GET" if web and one.type == "http" else ""),
            parameter=_naming.text(one.parameter),
            cvss_vector=template.vector,
            cvss_score=template.score,
            epss=template.epss,
            cwes=template.cwes,
            proof=_proof(template, one),
            description=template.description,
            solution=template.solution,
            references=template.references,
            evidence=_evidence(one, matcher, matched, self.plugin.longest_evidence),
            observed_at=_naming.when(one.timestamp),
            tags=template.tags,
        )


def _run(first: _Result) -> RunSeen:
    stamp = _naming.text(first.timestamp)
    observed, assumed = _naming.moment(stamp)
    return RunSeen(tool="nuclei", observed_at=observed, observed_text=stamp, zone_assumed=assumed)


def _sighting(where: str, ip: str, seen_at: Any) -> Sighting:
    host = _naming.split_url(where)[0] or where
    identifiers = dict.fromkeys(_naming.host_identifiers(host) + _naming.host_identifiers(_naming.address(ip)))
    key = " ".join(value for _, value in identifiers) or where
    return Sighting(key=key, name=host.lower(), identifiers=tuple(identifiers), observed_at=seen_at)


def _port(one: _Result, matched: str, where: str) -> int:
    return (
        _naming.split_url(matched)[1] or _naming.port(one.port) or _naming.split_url(_naming.text(one.url) or where)[1]
    )


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = re.split(r"[,\n]", value)
    if not isinstance(value, list):
        return ()
    return tuple(word for one in value if (word := _naming.text(one).strip().removeprefix("- ")))


def _template(rule: str, info: _Info) -> _Template:
    said = info.classification or _Classification()
    tags = _words(info.tags)
    weaknesses = _naming.public_ids(*_words(said.cve)) or _naming.public_ids(rule)
    known = {tag.lower() for tag in tags} | set(rule.lower().replace("_", "-").split("-"))
    recognises = bool(known & _RECOGNISES)
    severity = _naming.severity(info.severity)
    kind: ExposureKind = "vulnerability"
    if not weaknesses and severity == "info":
        kind = "observation"
    elif not weaknesses and known & _CONFIGURES:
        kind = "misconfiguration"
    cpe = _naming.text(said.cpe)
    return _Template(
        title=_naming.text(info.name) or rule,
        severity=severity,
        weaknesses=weaknesses,
        kind=kind,
        recognises=recognises,
        vector=_naming.text(said.vector),
        score=_naming.score(said.score),
        epss=_naming.number(said.epss),
        cwes=_naming.cwes(_words(said.cwe)),
        component=":".join(cpe.split(":")[:5]) if cpe.startswith("cpe:2.3:") else "",
        description=_naming.text(info.description).strip(),
        solution=_naming.text(info.remediation).strip(),
        references=_words(info.reference),
        tags=tags,
    )


def _proof(template: _Template, one: _Result) -> Proof:
    """How strongly the match proves the weakness: by its answer to a probe, or only by a version shown."""
    if one.dast in (True, "true") or (template.weaknesses and not template.recognises):
        return "probe"
    if template.recognises:
        return "version"
    return "configuration" if template.kind == "misconfiguration" else "probe"


def _evidence(one: _Result, matcher: str, matched: str, longest: int) -> str:
    lines = [f"matched at {matched}"] if matched else []
    if matcher:
        lines.append(f"matcher {matcher}")
    if extracted := _words(one.extracted) or _words(one.extracted_old):
        lines.append("extracted " + ", ".join(extracted))
    return "\n".join(lines)[:longest]


PLUGIN = Nuclei()

"""Wazuh, vulnerabilities as JSON: answers of its interface (to 4.7) and of its indexer (from 4.8), and alerts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.discovery.readers import _host_scans as _scans
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_INTERFACE = regex(r'"(affected_items|total_affected_items)"\s*:')
_ITEM = regex(r'"(cve|detection_time|cvss3_score|agent_name)"\s*:')
_SAYS_NONE = regex(r'"message"\s*:\s*"[^"]{0,200}vulnerabilit', re.IGNORECASE)
_INDEXER = regex(r'"_index"\s*:\s*"(wazuh-|[^"]{0,80}:wazuh-)|"wazuh"\s*:\s*\{|"type"\s*:\s*"Wazuh"')
_DOCUMENT = regex(r'"(total_)?affected_items"\s*:|"hits"\s*:\s*[\[{]|"(timed_out|_shards)"\s*:')
_NO_HITS = regex(r'"hits"\s*:\s*\[\s*\]')
_STATE = regex(r'"vulnerability"\s*:\s*\{')
_VERSION = regex(r"\bless than (?:or equal to )?([0-9A-Za-z.:~+_-]+)", re.IGNORECASE)
# Formats of packages as Wazuh writes them -> the family whose packages they are, by the system's platform.
_PLATFORMS = {
    "rhel": "redhat", "redhat": "redhat", "centos": "centos", "rocky": "rocky", "almalinux": "alma",
    "fedora": "fedora", "ol": "oracle", "oraclelinux": "oracle", "amzn": "amazon", "amazon": "amazon",
    "debian": "debian", "ubuntu": "ubuntu", "alpine": "alpine", "sles": "sles", "suse": "sles",
    "opensuse": "opensuse", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse",
}  # fmt: skip
_TYPES = {"pypi": "pypi", "npm": "npm"}
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_WORDS: dict[str, facts.Word] = {"SOLVED": "fixed", "OBSOLETE": "fixed"}


class _Items(msgspec.Struct, gc=False):
    affected_items: list[msgspec.Raw] | None = None


class _Hits(msgspec.Struct, gc=False):
    hits: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    data: _Items | None = None
    hits: _Hits | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)


@dataclass(frozen=True)
class Wazuh:
    """Reads one finding for each vulnerability of each package on each agent.

    The interface up to 4.7 answers for one agent without naming it: where scripts that collect the
    answers did not add name or address, all rows belong to one agent that is called by the file.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Are these vulnerabilities as Wazuh's interface or indexer writes them?"""
        text = reports.decode_head(head)
        if text.lstrip()[:1] not in ("{", "["):
            return False
        if _INTERFACE.search(text):
            return bool(_ITEM.search(text) or _SAYS_NONE.search(text))
        if '"_shards"' in text and _NO_HITS.search(text):  # an indexer's answer without any state names no tool
            return True
        return bool(_INDEXER.search(text) and (_STATE.search(text) or '"hits"' in text))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each agent once, and its findings."""
        yield RunSeen(tool="wazuh")
        reading = _Reading(report.name)
        for where, row in _rows(report, reading.skipped):
            yield from reading.of(where, row)
        yield from reading.skipped


PLUGIN = Wazuh()


def _rows(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    opening = reports.decode_head(report.head).lstrip()
    # One document over one line or many, or one state for each line.
    if opening.startswith("{") and _DOCUMENT.search(opening):
        document = _decoding.whole(report, _DECODER)
        raws = document.data.affected_items if document.data else None
        if document.hits:
            raws = document.hits.hits
        if raws is None:
            raise BadReport(
                "has neither “data.affected_items” nor “hits.hits”",
                where=report.name,
                hint="keep the whole answer of the interface or of the indexer",
            )
        for number, row in enumerate(_decoding.each(_ROW, raws, "item ", skipped.append)):
            yield f"item {number}", row
        return
    for number, row in enumerate(_decoding.rows(report, _ROW, skipped.append), 1):
        yield f"row {number}", row


def _inner(value: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """The object at `path`, an empty one where there is none."""
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


class _Reading:
    """The state of one reading: which agents were said already."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.skipped: list[Skipped] = []
        self._said: set[str] = set()

    def of(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        state = _inner(row, "_source") or row
        told = state.get("vulnerability") or _inner(state, "data").get("vulnerability")
        if isinstance(told, dict):
            yield from self._state(where, state, told)
        elif _naming.text(row.get("cve")):
            yield from self._item(row)
        else:
            self.skipped.append(Skipped(where, "names no vulnerability"))

    def _state(self, where: str, state: dict[str, Any], told: dict[str, Any]) -> Iterator[Record]:
        """A document of the indexer: the state of 4.8 and later, or an alert of before."""
        agent = _inner(state, "agent")
        number, name = _naming.text(agent.get("id")), _naming.text(agent.get("name"))
        if not number and not name:
            self.skipped.append(Skipped(where, "names no agent"))
            return
        key = f"{number} {name}".strip()
        if key not in self._said:
            self._said.add(key)
            yield _agent(key, name, agent, state)
        cve = _naming.text(told.get("id")) or _naming.text(told.get("cve"))
        if not cve:
            self.skipped.append(Skipped(where, "names no vulnerability"))
            return
        yield _of_state(key, cve, state, told) if "id" in told else _of_alert(key, cve, state, told)

    def _item(self, row: dict[str, Any]) -> Iterator[Record]:
        """An item of the interface up to 4.7."""
        name, address = _naming.text(row.get("agent_name")), _naming.text(row.get("agent_ip"))
        key = name or address or _naming.text(row.get("agent_id")) or _scans.by_file("wazuh agent", self.name)
        if key not in self._said:
            self._said.add(key)
            known = _hosts.gather(_hosts.named("fqdn", name), _hosts.named("ip", address))
            yield Sighting(
                key=key,
                name=key,
                identifiers=known or (("artifact", key if key.startswith("wazuh") else f"wazuh agent {key}"),),
                authenticated=True,
            )
        yield _of_item(key, row)


def _agent(key: str, name: str, agent: dict[str, Any], state: dict[str, Any]) -> Sighting:
    system = _inner(state, "host", "os")
    full = _naming.text(system.get("full"))
    host = _inner(state, "host")
    addresses = [_naming.text(agent.get("ip")), *_naming.texts(host.get("ip")), *_naming.texts([host.get("ip")])]
    macs = [*_naming.texts(host.get("mac")), *_naming.texts([host.get("mac")])]
    known = _hosts.gather(
        (("mac", one) for mac in macs for one in _hosts.macs(mac)),
        _hosts.named("fqdn", name),
        _hosts.named("fqdn", _naming.text(host.get("hostname"))),
        (one for address in addresses for one in _hosts.named("ip", address)),
    )
    attributes = [
        (label, value)
        for label, value in (
            ("agent_number", _naming.text(agent.get("id"))),
            ("agent_version", _naming.text(agent.get("version"))),
            ("kernel", _naming.text(system.get("kernel"))),
            ("cluster", _naming.text(_inner(state, "wazuh", "cluster").get("name"))),
        )
        if value
    ]
    return Sighting(
        key=key,
        name=name or key,
        identifiers=known or (("artifact", f"wazuh agent {key}"),),
        os=full or f"{_naming.text(system.get('name'))} {_naming.text(system.get('version'))}".strip(),
        attributes=tuple(attributes),
        authenticated=True,
    )


def _component(name: str, kind: str, platform: str) -> str:
    """The purl of a package by its format and the system it is on; nothing where these do not tell."""
    family = _TYPES.get(kind.lower(), "")
    if not family and kind.lower() in ("deb", "rpm", "apk", "pkg", ""):
        family = _PLATFORMS.get(platform.lower(), "")
    return _naming.built_package(family, name) if family else ""


def _severity(word: str, score: float | None) -> facts.Severity:
    """Wazuh's word; where it writes "-" or Untriaged, the rating of the score."""
    if word.strip().lower() in ("", "-", "untriaged", "none", "unknown"):
        return _naming.of_score(score or 0.0)
    return _naming.severity(word)


def _links(value: Any) -> tuple[str, ...]:
    listed = _naming.texts(value) or _naming.text(value).replace(",", " ").split()
    return tuple(dict.fromkeys(link for link in listed if link.startswith("http")))


def _condition(text: str) -> str:
    """The version that repairs it, where the condition says "less than" one."""
    match = _VERSION.search(text)
    return match.group(1) if match and "equal" not in match.group(0) else ""


def _of_state(key: str, cve: str, state: dict[str, Any], told: dict[str, Any]) -> Finding:
    package, scanner = _inner(state, "package"), _inner(told, "scanner")
    platform = _naming.text(_inner(state, "host", "os").get("platform"))
    name, condition = _naming.text(package.get("name")), _naming.text(scanner.get("condition"))
    score = _naming.score(_inner(told, "score").get("base"))
    return Finding(
        asset=key,
        rule=cve,
        title=f"{cve} in {name}" if name else cve,
        severity=_severity(_naming.text(told.get("severity")), score),
        weaknesses=_naming.weakness(cve),
        component=_component(name, _naming.text(package.get("type")), platform),
        component_name=name,
        version=_naming.text(package.get("version")),
        fixed_version=_condition(condition),
        path=_naming.text(package.get("path")).strip(),
        cvss_score=score,
        proof="package",
        description=_naming.text(told.get("description")),
        references=_links(told.get("reference")),
        evidence=condition,
        first_seen=_naming.when(told.get("detected_at")),
    )


def _of_alert(key: str, cve: str, state: dict[str, Any], told: dict[str, Any]) -> Finding:
    package, cvss = _inner(told, "package"), _inner(told, "cvss")
    name, condition = _naming.text(package.get("name")), _naming.text(package.get("condition"))
    score = _naming.score(_inner(cvss, "cvss3").get("base_score"))
    if score is None:
        score = _naming.score(_inner(cvss, "cvss2").get("base_score"))
    return Finding(
        asset=key,
        rule=cve,
        title=f"{cve} in {name}" if name else cve,
        severity=_severity(_naming.text(told.get("severity")), score),
        weaknesses=_naming.weakness(cve),
        component_name=name,
        version=_naming.text(package.get("version")),
        fixed_version=_condition(condition),
        cvss_score=score,
        cwes=_naming.cwes(_naming.text(told.get("cwe_reference"))),
        proof="package",
        word="fixed" if _naming.text(told.get("status")).lower() in ("solved", "obsolete") else "open",
        description=_naming.text(told.get("rationale")),
        references=_links(told.get("references")),
        evidence=condition,
        observed_at=_naming.when(state.get("timestamp") or state.get("@timestamp")),
    )


def _of_item(key: str, row: dict[str, Any]) -> Finding:
    cve, name = _naming.text(row.get("cve")).strip(), _naming.text(row.get("name"))
    score = _naming.score(row.get("cvss3_score"))
    if score is None:
        score = _naming.score(row.get("cvss2_score"))
    condition = _naming.text(row.get("condition"))
    return Finding(
        asset=key,
        rule=cve,
        title=_naming.text(row.get("title")) or (f"{cve} in {name}" if name else cve),
        severity=_severity(_naming.text(row.get("severity")), score),
        weaknesses=_naming.weakness(cve),
        component_name=name,
        version=_naming.text(row.get("version")),
        fixed_version=_condition(condition),
        cvss_score=score,
        proof="package",
        word=_WORDS.get(_naming.text(row.get("status")).upper(), "open"),
        references=_links(row.get("external_references")),
        evidence=condition,
        first_seen=_naming.when(row.get("detection_time")),
    )

"""ZAP's reports (OWASP ZAP, ZAP by Checkmarx): traditional XML and JSON, with or without requests."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import (
    ExposureKind,
    Finding,
    PortSeen,
    Proof,
    Record,
    RunSeen,
    Severity,
    Sighting,
    Skipped,
    Word,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_RISKS: dict[str, Severity] = {"0": "info", "1": "low", "2": "medium", "3": "high"}
_JSON = regex(r'"@(programName|version|generated)"\s*:')
_ALERTS = regex(r'"(pluginid|riskcode|alertRef)"\s*:')
_TAG = regex(r"<[^<>]{1,200}>")
_DATE = regex(r"(\d{1,2})\.? ([^\W\d]{3,4})[^\W\d]*\.? (\d{4})[ ,]+(\d{1,2}):(\d{2}):(\d{2})")
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan ene gen", "feb fév fev", "mar mär mrz maa", "apr avr abr", "may mai mag mei", "jun juin giu",
         "jul juil lug", "aug aoû ago", "sep set", "oct okt ott out", "nov", "dec dez déc dic"), 1,
    )
    for name in names.split()
}  # fmt: skip
_MOST_LISTED = 25
_SCRIPTS = frozenset({"10003"})  # a script library with known weaknesses, found by its version


class Instance(msgspec.Struct, gc=False):
    """One place where an alert was seen; requests and responses are left out."""

    uri: Scalar = None
    method: Scalar = None
    param: Scalar = None
    attack: Scalar = None
    evidence: Scalar = None


class Alert(msgspec.Struct, gc=False):
    """One alert of a site."""

    pluginid: Scalar = None
    alertRef: Scalar = None
    alert: Scalar = None
    name: Scalar = None
    riskcode: Scalar = None
    confidence: Scalar = None
    desc: Scalar = None
    instances: list[Instance] | None = None
    count: Scalar = None
    solution: Scalar = None
    otherinfo: Scalar = None
    reference: Scalar = None
    cweid: Scalar = None


class _Site(msgspec.Struct, gc=False):
    name: Scalar = msgspec.field(name="@name", default=None)
    host: Scalar = msgspec.field(name="@host", default=None)
    port: Scalar = msgspec.field(name="@port", default=None)
    ssl: Scalar = msgspec.field(name="@ssl", default=None)
    alerts: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    version: Scalar = msgspec.field(name="@version", default=None)
    generated: Scalar = msgspec.field(name="@generated", default=None)
    created: Scalar = None
    site: list[msgspec.Raw] | msgspec.Raw | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_SITE: msgspec.json.Decoder[_Site] = msgspec.json.Decoder(_Site)
_ALERT: msgspec.json.Decoder[Alert] = msgspec.json.Decoder(Alert)


@dataclass(frozen=True)
class Zap:
    """Reads ZAP's XML and JSON reports; each alert of a site is one finding with its instances counted."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of ZAP."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] == "{":
            # GitLab puts ZAP's own report into its own: that is another format
            if '"vulnerabilities"' in opening and '"scan"' in opening:
                return False
            return '"site"' in opening and bool(_JSON.search(opening) or _ALERTS.search(opening))
        if "OWASPZAPReport" not in opening:
            return False
        from foreshore.discovery import xmlstream

        return xmlstream.looks_like(head, "OWASPZAPReport")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site's host once with its port, and one finding for each alert."""
        if reports.decode_head(report.head).lstrip()[:1] == "{":
            return _of_json(report)
        return _of_xml(report)


# -- XML ----------------------------------------------------------------------------------------


def _of_xml(report: facts.Report) -> Iterator[Record]:
    from foreshore.discovery import xmlstream

    sites = _Sites()
    began = False
    for event, element in xmlstream.elements(report, ("alertitem",), starts=("OWASPZAPReport", "site")):
        if event == "end":
            yield from sites.alert(_alert(element))
        elif element.tag == "site":
            yield from sites.site(
                _attribute(element, "host"),
                _attribute(element, "port"),
                _attribute(element, "ssl"),
                _attribute(element, "name"),
            )
        elif not began:
            began = True
            yield _run(
                _attribute(element, "version"),
                _attribute(element, "created") or _attribute(element, "generated"),
            )


def _attribute(element: _Element, name: str) -> str:
    return element.get(name) or ""


_FIELDS = frozenset(Alert.__struct_fields__) - {"instances"}
_INSTANCE_FIELDS = frozenset(Instance.__struct_fields__)


def _alert(element: _Element) -> Alert:
    values: dict[str, Any] = {}
    for child in element:
        if child.tag in _FIELDS:
            values[child.tag] = child.text
        elif child.tag == "instances":
            values["instances"] = [
                Instance(**{str(one.tag): one.text for one in place if one.tag in _INSTANCE_FIELDS}) for place in child
            ]
    return Alert(**values)


# -- JSON ---------------------------------------------------------------------------------------


def _of_json(report: facts.Report) -> Iterator[Record]:
    document = _decoding.whole(report, _DECODER)
    yield _run(_naming.text(document.version), _naming.text(document.created) or _naming.text(document.generated))
    sites = _Sites()
    skipped: list[Skipped] = []
    raws = document.site if isinstance(document.site, list) else [document.site] if document.site is not None else []
    for number, site in enumerate(_decoding.each(_SITE, raws, "site", skipped.append)):
        yield from sites.site(
            _naming.text(site.host), _naming.text(site.port), _naming.text(site.ssl), _naming.text(site.name)
        )
        for alert in _decoding.each(_ALERT, site.alerts, f"site[{number}].alerts", skipped.append):
            yield from sites.alert(alert)
    yield from skipped


# -- records ------------------------------------------------------------------------------------


def _run(version: str, stamp: str) -> RunSeen:
    observed, assumed = _naming.moment(stamp)
    if observed is None:
        observed, assumed = _written_date(stamp), True
    return RunSeen(
        tool="zap",
        version=version,
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed and observed is not None,
    )


def _written_date(stamp: str) -> datetime | None:
    """A date as ZAP writes it in the language of its user, such as `Fr., 30 Sep. 2022 08:40:35`."""
    found = _DATE.search(stamp)
    if found is None:
        return None
    day, word, year, hour, minute, second = found.groups()
    month = _MONTHS.get(word.lower()) or _MONTHS.get(word.lower()[:3])
    if month is None:
        return None
    try:
        return datetime(int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None


class _Sites:
    """The site that is being read, and which hosts and ports were said already."""

    def __init__(self) -> None:
        self.asset = ""
        self.port = 0
        self.said: set[object] = set()
        self.count = 0

    def site(self, host: str, port: str, tls: str, name: str) -> Iterator[Record]:
        named, from_name, _path = _naming.split_url(name)
        host = (host or named or name or "unknown site").strip("[]").lower()
        self.port = _naming.port(port) or from_name
        self.asset = host
        if host not in self.said:
            self.said.add(host)
            yield Sighting(key=host, name=host, identifiers=_naming.host_identifiers(host) or (("artifact", host),))
        if self.port and (host, self.port) not in self.said:
            self.said.add((host, self.port))
            secure = tls.lower() == "true"
            yield PortSeen(asset=host, port=self.port, tls=secure, service="https" if secure else "http")

    def alert(self, alert: Alert) -> Iterator[Record]:
        self.count += 1
        rule = _naming.text(alert.alertRef).strip() or _naming.text(alert.pluginid).strip()
        if not self.asset or not rule:
            yield Skipped(f"alert {self.count}", "names no rule" if self.asset else "stands outside a site")
            return
        yield _finding(self.asset, self.port, rule, alert)


def _finding(asset: str, port: int, rule: str, alert: Alert) -> Finding:
    places = alert.instances or []
    first = min(places, key=_order, default=Instance())
    other = _naming.text(alert.otherinfo)
    plugin = _naming.text(alert.pluginid).strip()
    weaknesses = (
        _naming.public_ids(other, *(_naming.text(one.evidence) for one in places)) if plugin in _SCRIPTS else ()
    )
    severity = _RISKS.get(_naming.text(alert.riskcode).strip(), "info")
    active = any(one.attack for one in places)
    return Finding(
        asset=asset,
        rule=rule,
        title=(_naming.text(alert.alert) or _naming.text(alert.name) or rule).strip(),
        severity=severity,
        weaknesses=weaknesses,
        kind=_kind(severity, weaknesses, active),
        port=port,
        protocol="tcp" if port else "",
        url=bare_url(_naming.text(first.uri)),
        method=_naming.text(first.method),
        parameter=_naming.text(first.param).strip(),
        cwes=_cwe(_naming.text(alert.cweid)),
        proof=_proof(alert, weaknesses, active),
        word=_word(alert),
        description=_plain(_naming.text(alert.desc)),
        solution=_plain(_naming.text(alert.solution)),
        references=_links(_naming.text(alert.reference)),
        evidence=_evidence(places, other),
        instances=max(1, _naming.whole_number(alert.count), len(places)),
    )


def _order(one: Instance) -> tuple[str, str, str]:
    return _naming.text(one.uri), _naming.text(one.method), _naming.text(one.param)


def _kind(severity: Severity, weaknesses: tuple[str, ...], active: bool) -> ExposureKind:
    """An alert with an attack is a weakness of the application; one that only looked is its configuration."""
    if weaknesses or (active and severity != "info"):
        return "vulnerability"
    return "observation" if severity == "info" else "misconfiguration"


def _proof(alert: Alert, weaknesses: tuple[str, ...], active: bool) -> Proof:
    if _naming.text(alert.confidence).strip() == "4":  # confirmed by the user of ZAP
        return "confirmed"
    if weaknesses:
        return "version"
    return "probe" if active else "configuration"


def _word(alert: Alert) -> Word:
    return "false_positive" if _naming.text(alert.confidence).strip() == "0" else "open"


@lru_cache(maxsize=16384)
def bare_url(url: str) -> str:
    """The URL with the names of its parameters but not their values, which may be secrets."""
    place, _, _fragment = url.strip().partition("#")
    place, mark, query = place.partition("?")
    if not mark:
        return place
    return f"{place}?{'&'.join(dict.fromkeys(part.partition('=')[0] for part in query.split('&') if part))}"


@lru_cache(maxsize=1024)
def _cwe(value: str) -> tuple[int, ...]:
    return _naming.cwes(value)


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    """Text without the paragraphs and breaks that ZAP writes into it."""
    if "<" not in text and "&" not in text:
        return text.strip()
    text = text.replace("</p>", "\n").replace("<br>", "\n").replace("<br/>", "\n").replace("<br />", "\n")
    return html.unescape(_TAG.sub("", text)).strip()


@lru_cache(maxsize=4096)
def _links(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in _plain(text).splitlines() if line.strip())


def _evidence(places: list[Instance], other: str) -> str:
    """Where the alert was seen, one line a place, and what the alert says beside."""
    lines = []
    for one in places[:_MOST_LISTED]:
        parts = (
            _naming.text(one.method),
            bare_url(_naming.text(one.uri)),
            _naming.text(one.param),
            _naming.text(one.evidence),
        )
        lines.append(" ".join(part.strip() for part in parts if part and not part.isspace())[:500])
    if len(places) > _MOST_LISTED:
        lines.append(f"and {len(places) - _MOST_LISTED} more places")
    if other:
        lines.append(_plain(other)[:2000])
    return "\n".join(lines)


PLUGIN = Zap()

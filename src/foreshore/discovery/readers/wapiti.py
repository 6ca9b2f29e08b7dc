"""Wapiti (version 2.3 to now): the XML and JSON reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _web_scans
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Severity, Skipped

if TYPE_CHECKING:
    from lxml.etree import _Element

_LEVELS: dict[str, Severity] = {"0": "info", "1": "low", "2": "medium", "3": "high", "4": "critical"}
_JSON = regex(r'"classifications"\s*:\s*\{')
_JSON_MARKERS = regex(r'"(?:wstg|sol)"\s*:|"infos"\s*:\s*\{')
_ABOUT_COOKIE = regex(r"\bin the cookie ?: ?(\S{1,200})", re.IGNORECASE)
_ABOUT_HEADER = regex(r"^(\S{1,100}) is (?:not|wrongly|in)", re.IGNORECASE)
_SETUP = ("configuration", "secure headers", "flag cookie", "htaccess", "unencrypted", "clickjacking", "tls/ssl")
_CONTAINERS = {"vulnerability": "vulnerabilities", "anomaly": "anomalies", "additional": "additionals"}


class _Class(msgspec.Struct, gc=False):
    """A class of findings: its texts and where they come from."""

    desc: Scalar = None
    sol: Scalar = None
    ref: Any = None


class _Entry(msgspec.Struct, gc=False):
    """One place; the request and the command line beside it hold cookies and are left out."""

    method: Scalar = None
    path: Scalar = None
    info: Scalar = None
    level: Scalar = None
    parameter: Scalar = None


class _Infos(msgspec.Struct, gc=False):
    target: Scalar = None
    date: Scalar = None
    version: Scalar = None


class _Document(msgspec.Struct, gc=False):
    classifications: dict[str, _Class] | None = None
    vulnerabilities: dict[str, list[msgspec.Raw]] | None = None
    anomalies: dict[str, list[msgspec.Raw]] | None = None
    additionals: dict[str, list[msgspec.Raw]] | None = None
    infos: _Infos | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ENTRY: msgspec.json.Decoder[_Entry] = msgspec.json.Decoder(_Entry)


@dataclass(frozen=True)
class Wapiti:
    """Reads vulnerabilities, anomalies and additional information; a class that found nothing is no finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of Wapiti."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] == "{":
            return bool(_JSON.search(opening) and _JSON_MARKERS.search(opening) and '"desc"' in opening)
        if "<report_infos" not in opening or "wapiti" not in opening[:8192].lower():
            return False
        from foreshore.discovery import xmlstream

        return xmlstream.looks_like(head, "report")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the target and other sites once, and one finding for each entry."""
        if reports.decode_head(report.head).lstrip()[:1] == "{":
            return _of_json(report)
        return _of_xml(report)


@dataclass
class _Reading:
    """What the report says about itself, and which sites were said."""

    target: str = ""
    applications: _web_scans.Applications = field(default_factory=_web_scans.Applications)

    def records(self, name: str, about: _Class, entry: _Entry, *, additional: bool) -> Iterator[Record]:
        url = _web_scans.joined(self.target, _naming.text(entry.path))
        asset, before = self.applications.at(url, called="site scanned by Wapiti")
        yield from before
        yield _finding(asset, url, name, about, entry, additional=additional)


def _run(version: str, stamp: str) -> RunSeen:
    observed, assumed = _naming.moment(stamp)
    if observed is None and stamp:
        try:
            found = parsedate_to_datetime(stamp)  # as in mail: Sun, 28 Mar 2021 07:50:09 +0000
        except (ValueError, OverflowError):
            found = None
        if found is not None and found.tzinfo is not None:
            observed, assumed = _naming.moment(found.isoformat())
    return RunSeen(
        tool="wapiti",
        version=version.removeprefix("Wapiti").strip(),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


# -- JSON ---------------------------------------------------------------------------------------


def _of_json(report: facts.Report) -> Iterator[Record]:
    document = _decoding.whole(report, _DECODER)
    infos = document.infos or _Infos()
    yield _run(_naming.text(infos.version), _naming.text(infos.date))
    reading = _Reading(_naming.text(infos.target))
    if reading.target:
        yield from reading.applications.at(reading.target)[1]
    skipped: list[Skipped] = []
    classes = document.classifications or {}
    parts = (document.vulnerabilities, document.anomalies, document.additionals)
    for part, names in zip(parts, _CONTAINERS.values(), strict=True):
        for name, raws in (part or {}).items():
            about = classes.get(name) or _Class()
            for entry in _decoding.each(_ENTRY, raws, f"{names}, {name} ", skipped.append):
                yield from reading.records(name, about, entry, additional=names == "additionals")
    yield from skipped


# -- XML ----------------------------------------------------------------------------------------


def _of_xml(report: facts.Report) -> Iterator[Record]:
    from foreshore.discovery import xmlstream

    reading: _Reading | None = None
    infos: dict[str, str] = {}
    tags = ("report_infos", *_CONTAINERS)
    within = _CONTAINERS | {"report_infos": "report"}
    for _event, element in xmlstream.elements(report, tags, within=within):
        if element.tag == "report_infos":
            infos = {one.get("name") or "": (one.text or "").strip() for one in element.iterfind("info")}
        if reading is None:
            reading = _Reading(infos.get("target", ""))
            yield _run(infos.get("generatorVersion", ""), infos.get("dateOfScan", ""))
            if reading.target:
                yield from reading.applications.at(reading.target)[1]
        if element.tag != "report_infos":
            yield from _of_element(element, reading)
    if reading is None:
        yield _run("", "")


def _of_element(element: _Element, reading: _Reading) -> Iterator[Record]:
    from foreshore.discovery.xmlstream import text_of

    entries = element.findall("entries/entry")
    if not entries:
        return
    titled = {text_of(one, "title"): text_of(one, "url") for one in element.iterfind("references/reference")}
    about = _Class(desc=text_of(element, "description"), sol=text_of(element, "solution"), ref=titled)
    name = element.get("name") or ""
    for one in entries:
        values = {key: text_of(one, key) for key in ("method", "path", "info", "level", "parameter")}
        yield from reading.records(name, about, _Entry(**values), additional=element.tag == "additional")


# -- findings -----------------------------------------------------------------------------------


def _finding(asset: str, url: str, name: str, about: _Class, entry: _Entry, *, additional: bool) -> Finding:
    info = _naming.text(entry.info).strip()
    references = about.ref if isinstance(about.ref, dict) else {}
    found = _web_scans.origin(url)
    severity: Severity = "info" if additional else _LEVELS.get(_naming.text(entry.level).strip(), "info")
    cwes = _cwes(references)
    weaknesses = _naming.public_ids(info) if "CVE-" in info else ()
    kind = _kind(name, severity, cwes, vulnerable=bool(weaknesses))
    return Finding(
        asset=asset,
        rule=name or "unnamed",
        title=name or info[:200] or "unnamed",
        severity=severity,
        weaknesses=weaknesses,
        kind=kind,
        port=found.port,
        protocol="tcp" if found.port else "",
        url=_web_scans.bare_url(url),
        method=_naming.text(entry.method),
        parameter=_parameter(_naming.text(entry.parameter).strip(), info),
        cwes=cwes,
        proof="configuration" if kind == "misconfiguration" else "probe",
        description=_naming.text(about.desc),
        solution=_naming.text(about.sol),
        references=tuple(_web_scans.each_once(_naming.text(one) for one in references.values())),
        evidence=_web_scans.proof(_web_scans.without_passwords(info)),
    )


def _kind(name: str, severity: Severity, cwes: Iterable[int], *, vulnerable: bool) -> ExposureKind:
    if vulnerable:
        return "vulnerability"
    if severity != "info" and any(word in name.lower() for word in _SETUP):
        return "misconfiguration"
    return _web_scans.kind_of(severity, cwes)


def _cwes(references: dict[str, Any]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(one for title in references if "CWE-" in title for one in _naming.cwes(title)))


def _parameter(written: str, info: str) -> str:
    """Names of parameters without values; else the cookie or header that the text is about."""
    if written:
        names = dict.fromkeys(part.partition("=")[0] for part in written.split("&") if part)
        return "&".join(names)
    found = _ABOUT_COOKIE.search(info[:1000]) or _ABOUT_HEADER.match(info)
    return found.group(1) if found else ""


PLUGIN = Wapiti()

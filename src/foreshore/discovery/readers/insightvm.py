"""Rapid7 InsightVM: answers of its interfaces (console version 3, cloud version 4) as JSON, and its CSV export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.discovery.readers import _host_scans as _scans
from foreshore.discovery.readers import _host_scans_rapid7 as _rapid7
from foreshore.errors import BadReport
from foreshore.facts import Finding, PortSeen, Record, RunSeen, Sighting, Skipped

_COLUMNS = ("Asset IP Address", "Vulnerability ID", "Vulnerability Test Result Code")
_TIMES = ("vulnerability test date", "asset scan date", "last scan time")
_LINK = regex(r"^https?://([^/]{1,300})/api/3/assets/(\d{1,12})\b")
_OPENING = regex(r'"(resources|data)"\s*:\s*\[')
_MARKS = (
    regex(r'"(assessedForVulnerabilities|osFingerprint|rawRiskScore|hostNames|osCertainty)"\s*:'),
    regex(r'/api/3/(assets|vulnerabilities)[/"?]'),
    regex(r'"(assessed_for_vulnerabilities|critical_vulnerabilities|unique_identifiers)"\s*:'),
    regex(r'"checkId"\s*:|"severe_vulnerabilities"\s*:'),
)
_LISTS = (("new", "open"), ("same", "open"), ("vulnerabilities", "open"), ("remediated", "fixed"))
_TYPES = {"mobile": "device", "physical": "host", "guest": "host", "hypervisor": "host"}


class _Document(msgspec.Struct, gc=False):
    resources: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    links: Any = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class InsightVM:
    """Reads assets with their ports, weaknesses of assets, and the CSV export of test results.

    Console and number of an asset are its name for other answers of the same console, so that a page of
    assets and the pages of their weaknesses meet. Where an answer leaves the severity out, it is info.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is it a page of the interface, or a CSV export with its column names?"""
        text = reports.decode_head(head)
        if text.lstrip()[:1] in ("{", "["):
            return bool(_OPENING.search(text) or text.lstrip()[:1] == "[") and any(mark.search(text) for mark in _MARKS)
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, then assets, ports and findings."""
        opening = reports.decode_head(report.head).lstrip()[:1]
        yield from _json(report) if opening in ("{", "[") else _csv(report)


PLUGIN = InsightVM()


def _csv(report: facts.Report) -> Iterator[Record]:
    table = csvrows.table(report, find=_COLUMNS, fold=True)
    at, text, assumed = _hosts.latest(csvrows.distinct(report, _TIMES, find=_COLUMNS))
    yield RunSeen(tool="InsightVM", observed_at=at, observed_text=text, zone_assumed=assumed)
    tested: dict[str, set[str]] = {}
    negative: set[str] = set()
    for line, row in table.rows:
        key, rule = _rapid7.row_key(row), row["vulnerability id"].strip().lower()
        status = _rapid7.status_of(row["vulnerability test result code"])
        if not key or not rule:
            yield Skipped(f"line {line}", "names no check or no host")
            continue
        if key not in tested:
            tested[key] = set()
            yield _rapid7.row_sighting(key, row)
        if _rapid7.is_positive(status):
            tested[key].add(rule)
            yield _rapid7.row_finding(key, rule, row, status, _row_time(row))
        elif status.startswith("not-"):
            tested[key].add(rule)
            negative.add(key)
        else:
            yield Skipped(f"line {line}", f"the test gave no answer ({status or 'no result'})")
    for key in negative:
        if said := _scans.covered("nexpose", key, tested[key]):
            yield said


def _row_time(row: csvrows.Row) -> Any:
    return next((found for name in _TIMES if (found := _hosts.when(row.get(name, "")))), None)


def _json(report: facts.Report) -> Iterator[Record]:
    document = _decoding.whole(report, _DECODER)
    if isinstance(document, list):
        raws: list[msgspec.Raw] | None = document
    else:
        raws = document.data if document.resources is None else document.resources
    if raws is None:
        raise BadReport(
            "has no list called “resources” or “data”",
            where=report.name,
            hint="keep the whole answer of the interface, one page a file",
        )
    skipped: list[Skipped] = []
    reading = _Reading(skipped, "" if isinstance(document, list) else _place(document.links))
    # Rows are decoded twice rather than held: a page may be large, and the run's time comes first.
    seen = _decoding.each(_ROW, raws, "resources", lambda _skipped: None)
    at, text, assumed = _hosts.latest({_naming.text(time) for row in seen for time in _times(row)})
    yield RunSeen(tool="InsightVM", observed_at=at, observed_text=text, zone_assumed=assumed)
    for number, row in enumerate(_decoding.each(_ROW, raws, "resources", skipped.append)):
        yield from reading.of(f"row {number}", row)
    yield from skipped


def _times(row: dict[str, Any]) -> Iterator[Any]:
    yield row.get("last_scan_end") or row.get("last_assessed_for_vulnerabilities")
    for one in _dicts(row.get("history")):
        if _naming.text(one.get("type")).upper() in ("SCAN", "AGENT-IMPORT", "ASSET-IMPORT", ""):
            yield one.get("date")


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _place(links: Any) -> str:
    """Console and asset, as `console asset number`, where a link names both."""
    for link in _dicts(links):
        if match := _LINK.match(_naming.text(link.get("href"))):
            return f"insightvm {match[1].lower()} asset {match[2]}"
    return ""


class _Reading:
    """The state of one reading: which assets were said already, and the asset that the page is about."""

    def __init__(self, skipped: list[Skipped], place: str) -> None:
        self._skipped = skipped
        self._place = place
        self._said: set[str] = set()

    def of(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        if any(
            name in row
            for name in ("ip", "hostName", "host_name", "addresses", "osFingerprint", "assessed_for_vulnerabilities")
        ):
            yield from self._asset(where, row)
        elif "results" in row or "instances" in row or "check_id" in row:
            yield from self._weakness(where, row)
        elif row.get("title") and row.get("id"):
            self._skipped.append(Skipped(where, "a definition of a check, without an asset"))
        else:
            self._skipped.append(Skipped(where, "neither an asset nor a weakness of one"))

    def _asset(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        number = _naming.text(row.get("id"))
        # A bare number is of one console only; without the console it must not join with anything.
        place = _place(row.get("links")) or (f"insightvm asset {number}" if number and not number.isdigit() else "")
        key = (
            place
            or (f"asset {number}" if number else "")
            or _naming.text(row.get("ip"))
            or _naming.text(row.get("host_name"))
        )
        if not key:
            self._skipped.append(Skipped(where, "names no asset"))
            return
        if key not in self._said:
            self._said.add(key)
            yield _sighting(key, place, row)
            yield from _ports(key, row)
        for name, word in _LISTS:
            for one in _dicts(row.get(name)):
                yield from self._result(key, one, one, "fixed" if word == "fixed" else "open")

    def _weakness(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        key = _place(row.get("links")) or self._place
        if not key:
            self._skipped.append(Skipped(where, "a weakness whose asset the answer does not name"))
            return
        if key not in self._said:
            self._said.add(key)
            yield Sighting(key=key, name=key, identifiers=(("artifact", key),))
        for result in _dicts(row.get("results")) or [row]:
            yield from self._result(key, row, result, "open")

    def _result(self, key: str, row: dict[str, Any], result: dict[str, Any], word: facts.Word) -> Iterator[Record]:
        rule = _naming.text(row.get("vulnerability_id")) or _naming.text(row.get("id"))
        status = _rapid7.status_of(_naming.text(result.get("status")) or _naming.text(row.get("status")))
        if not rule:
            self._skipped.append(Skipped(key, "a weakness without identifier"))
        elif word != "fixed" and status.startswith("not-"):
            return
        elif word == "fixed" or not status or _rapid7.is_positive(status):
            yield _finding(key, rule.lower(), row, result, status, word)
        else:
            self._skipped.append(Skipped(f"{key}, {rule}", f"the test gave no answer ({status})"))


def _sighting(key: str, place: str, row: dict[str, Any]) -> Sighting:
    text = _naming.text
    names = [text(row.get("hostName")), text(row.get("host_name"))]
    names.extend(text(one.get("name")) for one in _dicts(row.get("hostNames")))
    places = [row, *_dicts(row.get("addresses"))]
    agents = [
        one
        for pair in (*_dicts(row.get("ids")), *_dicts(row.get("unique_identifiers")))
        if "agent" in text(pair.get("source")).lower()
        for one in _scans.local_agent("rapid7", text(pair.get("id")))
    ]
    uuids = [
        _hosts.uuid(text(one.get("id")))
        for one in _dicts(row.get("ids"))
        if text(one.get("source")) in ("WQL", "dmidecode")
    ]
    shown = [name for name in names if name]
    tags = [text(one.get("name")) for one in _dicts(row.get("tags"))]
    scanned = [time for one in _times(row) if (time := _naming.when(one))]
    print_ = row.get("osFingerprint") if isinstance(row.get("osFingerprint"), dict) else {}
    kind = _TYPES.get(text(row.get("type")).lower(), "host")
    known = _hosts.gather(
        agents[:1],
        [("bios_uuid", one) for one in uuids[:1]],
        (("mac", mac) for one in places for mac in _hosts.macs(text(one.get("mac")))),
        (one for name in shown for one in _hosts.named("fqdn", name)),
        [("artifact", place)],
        (one for held in places for one in _hosts.named("ip", text(held.get("ip")))),
    )
    return Sighting(
        key=key,
        name=shown[0] if shown else text(row.get("ip")) or key,
        kind="device" if kind == "device" else _hosts.kind_of(text((print_ or {}).get("type"))),
        identifiers=known or (("artifact", f"insightvm {key}"),),
        os=text(row.get("os")) or text(row.get("os_description")) or text(row.get("os_system_name")),
        tags=tuple(tag for tag in tags if tag),
        attributes=(("risk-score", risk),) if (risk := text(row.get("riskScore") or row.get("risk_score"))) else (),
        authenticated=True if agents else None,
        observed_at=max(scanned, default=None),
    )


def _ports(key: str, row: dict[str, Any]) -> Iterator[Record]:
    text = _naming.text
    for one in _dicts(row.get("services")):
        if number := _naming.port(one.get("port")):
            name = text(one.get("name"))
            yield PortSeen(
                asset=key,
                port=number,
                protocol=text(one.get("protocol")).lower() or "tcp",
                service=name,
                product=text(one.get("product")),
                version=text(one.get("version")),
                tls=name.lower() in ("https", "imaps", "ldaps", "pop3s", "smtps"),
            )


def _finding(
    key: str, rule: str, row: dict[str, Any], result: dict[str, Any], status: str, word: facts.Word
) -> Finding:
    text = _naming.text
    cves = row.get("cves")
    weaknesses = _naming.public_ids(*(_naming.texts(cves) or [text(cves)])) or _naming.public_ids(rule)
    title = text(row.get("title")) or rule
    score = _naming.score(row.get("cvss_v3_score") or row.get("cvss_v2_score"))
    excepted = bool(result.get("exceptions"))
    seen = _naming.when(result.get("last_found"))
    return Finding(
        asset=key,
        rule=rule,
        title=title,
        severity=_rapid7.severity_of(text(row.get("severity")), score),
        weaknesses=weaknesses,
        kind=_rapid7.kind_of(title, rule, weaknesses),
        fix=_hosts.fix_name(text(row.get("solution_fix")), title),
        port=_naming.port(result.get("port")),
        protocol=text(result.get("protocol")).lower(),
        resource="" if weaknesses else text(result.get("key")),
        cvss_score=score,
        proof=_rapid7.proof_of(status),
        word=word if word == "fixed" else _rapid7.word_of(status, excepted),
        solution=_rapid7.plain(text(row.get("solution_summary")) or text(row.get("solution_fix"))),
        evidence=_rapid7.plain(text(result.get("proof"))),
        first_seen=_naming.when(result.get("since") or result.get("first_found") or row.get("since")),
        fixed_at=_naming.when(result.get("remediated") or result.get("last_removed")) if word == "fixed" else None,
        observed_at=seen,
    )

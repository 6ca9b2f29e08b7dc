"""Tenable, answers of its interfaces as JSON: exports of Vulnerability Management, analysis of Security Center."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.discovery.readers import _host_scans_tenable as tenable
from foreshore.errors import BadReport
from foreshore.facts import Ended, Finding, PortSeen, Record, RunSeen, Sighting, Skipped

_VULNERABILITY = (
    regex(r'"plugin"\s*:\s*\{'),
    regex(r'"(severity_default_id|severity_modification_type)"\s*:'),
)
_ASSET = (
    regex(r'"(netbios_names|mac_addresses|ipv4s)"\s*:'),
    regex(r'"(agent_names|last_licensed_scan_date|mcafee_epo_guid|has_plugin_results|servicenow_sysid)"\s*:'),
)
_CENTER = (
    regex(r'"(pluginID|totalRecords)"\s*:'),
    regex(r'"(hasBeenMitigated|acceptRisk|returnedRecords)"\s*:'),
)
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
Kind = TypeVar("Kind")
_SECURE = frozenset({"https", "ssl", "imaps", "ldaps", "pop3s", "smtps", "www-ssl"})


class _Seen(msgspec.Struct, gc=False):
    """When a row was last seen, under the name of each of the interfaces."""

    last_found: _decoding.Scalar = None
    last_seen: _decoding.Scalar = None
    lastSeen: _decoding.Scalar = None  # noqa: N815 - as the interface writes it


_SEEN: msgspec.json.Decoder[_Seen] = msgspec.json.Decoder(_Seen)


class _Answer(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    response: _Answer | None = None
    results: list[msgspec.Raw] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    assets: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)


@dataclass(frozen=True)
class TenableAPI:
    """Reads chunks of the vulnerability and asset exports, and rows of Security Center's analysis.

    Assets of both exports meet by Tenable's identifier of the asset. What was fixed or accepted keeps
    that word; a query's filter is not in its answer, so nothing counts as covered.
    """

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Are these vulnerabilities, assets or an analysis as Tenable's interfaces write them?"""
        text = reports.decode_head(head)
        if text.lstrip()[:1] not in ("{", "["):
            return False
        return any(all(mark.search(text) for mark in marks) for marks in (_VULNERABILITY, _ASSET, _CENTER))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each asset once, open ports once, and the findings."""
        skipped: list[Skipped] = []
        times = {
            _naming.text(time) for _where, row in _rows(report, _SEEN, []) for time in msgspec.structs.astuple(row)
        }
        at, text, assumed = _hosts.latest(time for time in times if time not in ("", "-1", "0"))
        yield RunSeen(tool="Tenable", observed_at=at, observed_text=text, zone_assumed=assumed)
        reading = _Reading(skipped)
        for where, row in _rows(report, _ROW, skipped):
            yield from reading.of(where, row)
        yield from skipped


PLUGIN = TenableAPI()


def _rows(
    report: facts.Report, decoder: msgspec.json.Decoder[Kind], skipped: list[Skipped]
) -> Iterator[tuple[str, Kind]]:
    opening = reports.decode_head(report.head).lstrip()
    named = r'\{\s*"(type|response|results|error_code|error_msg|warnings|timestamp|vulnerabilities|assets)"\s*:'
    if not re.match(named, opening):
        for number, row in enumerate(_decoding.rows(report, decoder, skipped.append)):
            yield f"element {number}", row
        return
    document = _decoding.whole(report, _DECODER)
    answered = document.response.results if document.response else None
    lists = [one for one in (answered, document.results, document.vulnerabilities, document.assets) if one is not None]
    if not lists:
        raise BadReport(
            "has no list of results, vulnerabilities or assets",
            where=report.name,
            hint="keep the whole answer of the interface, one page a file",
        )
    for raws in lists:
        for number, row in enumerate(_decoding.each(decoder, raws, "results", skipped.append)):
            yield f"results[{number}]", row


class _Reading:
    """The state of one reading: which assets and ports were said already."""

    def __init__(self, skipped: list[Skipped]) -> None:
        self._skipped = skipped
        self._said: set[str] = set()
        self._ports: set[tuple[str, int, str]] = set()

    def of(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        if isinstance(row.get("plugin"), dict):
            yield from self._cloud(where, row)
        elif "pluginID" in row:
            yield from self._center(where, row)
        elif "fqdns" in row or "ipv4s" in row or "mac_addresses" in row:
            yield from self._asset(where, row)
        else:
            self._skipped.append(Skipped(where, "neither a vulnerability nor an asset"))

    def _cloud(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        asset = row.get("asset")
        held: dict[str, Any] = asset if isinstance(asset, dict) else {}
        key = next(
            (text for name in ("uuid", "fqdn", "hostname", "ipv4") for text in tenable.words(held.get(name))), ""
        )
        if not key or not _naming.text(row["plugin"].get("id")):
            self._skipped.append(Skipped(where, "names no asset or no plugin"))
            return
        if key not in self._said:
            self._said.add(key)
            yield tenable.cloud_asset(key, held)
        found = tenable.cloud_finding(key, row)
        yield from self._port(found, _naming.text(tenable.of(row, "port", "service")))
        yield found

    def _center(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        parts = [_naming.text(row.get(name)) for name in ("hostUUID", "ip", "dnsName")]
        key = " ".join(part for part in (parts[1], parts[2]) if part) or parts[0]
        repository = _naming.text(tenable.of(row, "repository", "id"))
        if not key or not _naming.text(row.get("pluginID")):
            self._skipped.append(Skipped(where, "names no host or no plugin"))
            return
        key = f"{key} in repository {repository}" if repository else key
        if key not in self._said:
            self._said.add(key)
            yield tenable.center_asset(key, row)
        found = tenable.center_finding(key, row)
        yield from self._port(found, "")
        yield found

    def _asset(self, where: str, row: dict[str, Any]) -> Iterator[Record]:
        sighting = tenable.exported_asset(row)
        if not sighting.key or not sighting.identifiers:
            self._skipped.append(Skipped(where, "an asset without an identifier"))
            return
        if sighting.key in self._said:
            return
        self._said.add(sighting.key)
        yield sighting
        for name, reason in (("terminated_at", "terminated"), ("deleted_at", "deleted")):
            if at := tenable.epoch_or_text(row.get(name)):
                yield Ended(asset=sighting.key, reason=reason, observed_at=at)
                break
        listed = row.get("open_ports")
        for one in listed if isinstance(listed, list) else ():
            yield from self._listed(sighting, one)

    def _listed(self, sighting: Sighting, one: Any) -> Iterator[Record]:
        number = _naming.port(tenable.of(one, "port"))
        names = tenable.words(tenable.of(one, "service_names"))
        if number:
            yield PortSeen(
                asset=sighting.key,
                port=number,
                protocol=_naming.text(tenable.of(one, "protocol")).lower() or "tcp",
                service=names[0] if names else "",
                tls=bool(_SECURE & {name.lower() for name in names}),
                observed_at=tenable.epoch_or_text(tenable.of(one, "last_seen")) or sighting.observed_at,
            )

    def _port(self, found: Finding, service: str) -> Iterator[Record]:
        """The port on which a remote check answered; local checks name ports of services that they looked into."""
        place = (found.asset, found.port, found.protocol)
        if not found.port or found.proof == "package" or found.word == "fixed" or place in self._ports:
            return
        self._ports.add(place)
        name = service.rstrip("?")
        yield PortSeen(
            asset=found.asset,
            port=found.port,
            protocol=found.protocol or "tcp",
            service="" if name in ("general", "unknown") else name,
            tls=name in _SECURE,
            observed_at=found.observed_at,
        )

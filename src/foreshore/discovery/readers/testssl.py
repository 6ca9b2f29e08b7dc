"""testssl.sh's CSV (`--csvfile`), flat JSON (`--jsonfile`) and pretty JSON (`--jsonfile-pretty`), version 2.8 to 3."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.readers import _decoding, _tls
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import Said, first_row
from foreshore.discovery.reports import decode_head

_COLUMNS = ("id", "fqdn/ip", "port", "severity", "finding")
_KEYS = frozenset(("id", "ip", "port", "severity", "finding"))
_PASSED = frozenset(("OK", "DEBUG"))
_WORDS = {"NOT OK": "HIGH"}  # what version 2.8 called bad
_NOT_LOOKED = frozenset(("WARN", "FATAL"))  # testssl.sh's words for a check or a scan that could not be done


class _Row(msgspec.Struct, gc=False):
    """A row of the flat JSON, or of a section of the pretty one."""

    id: Scalar = None
    ip: Scalar = None
    port: Scalar = None
    severity: Scalar = None
    finding: Scalar = None
    cve: Scalar = None
    cwe: Scalar = None


class _Document(msgspec.Struct, gc=False):
    version: Scalar = None
    startTime: Scalar = None
    scanResult: list[msgspec.Raw] | None = None


_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)
_DOCUMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_TARGET: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SCALAR: msgspec.json.Decoder[Scalar] = msgspec.json.Decoder(Scalar)
_RAWS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


class _Said(NamedTuple):
    """One row with its server."""

    where: str
    host: str
    address: str
    port: str
    row: _Row


@dataclass(frozen=True)
class TestSsl:
    """Reads every row that is not passed; what testssl.sh only informs of is an observation."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Whether `head` has the header of the CSV, a row of the flat JSON, or begins the pretty one."""
        text = decode_head(head)
        start = text.lstrip()[:1]
        if start == "{" and '"Invocation"' in text:
            return '"scanResult"' in text and '"openssl"' in text
        if start in ("{", "["):
            return first_row(head).keys() >= _KEYS
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then for each server its host, its port and the findings."""
        reading = _Reading()
        text = decode_head(report.head)
        if text.lstrip()[:1] == "{" and '"scanResult"' in text:
            yield from reading.pretty(_decoding.whole(report, _DOCUMENT))
        elif text.lstrip()[:1] in ("{", "["):
            yield facts.RunSeen(tool="testssl")
            rows = _decoding.rows(report, _ROW, reading.skipped.append)
            for number, row in enumerate(rows, 1):
                yield from reading.row(_flat(f"row {number}", naming.text(row.ip), row))
        else:
            yield facts.RunSeen(tool="testssl")
            for line, cells in csvrows.table(report, find=_COLUMNS, fold=True).rows:
                yield from reading.row(_flat(f"line {line}", cells["fqdn/ip"], _of_cells(cells)))
        yield from reading.covered()
        yield from reading.skipped


PLUGIN = TestSsl()


def _of_cells(cells: csvrows.Row) -> _Row:
    return _Row(
        id=cells["id"],
        port=cells["port"],
        severity=cells["severity"],
        finding=cells["finding"],
        cve=cells.get("cve"),
        cwe=cells.get("cwe"),
    )


def _flat(where: str, server: str, row: _Row) -> _Said:
    host, slash, address = server.partition("/")
    return _Said(where, host, address if slash else host, naming.text(row.port), row)


@dataclass
class _Reading:
    """What was said already of one report, and which checks were done at which port of which server."""

    skipped: list[facts.Skipped] = field(default_factory=list)
    said: Said = field(default_factory=Said)
    done: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    def covered(self) -> Iterator[facts.Record]:
        """Yield what was looked at: every check that has a row, passed or not."""
        for (asset, port), rules in self.done.items():
            yield from _tls.looked(asset, port, "testssl", rules)

    def pretty(self, document: _Document) -> Iterator[facts.Record]:
        """Yield the run and the records of all servers of the pretty JSON."""
        stamp = naming.text(document.startTime)
        yield facts.RunSeen(
            tool="testssl",
            version=naming.text(document.version),
            observed_at=naming.when(stamp),
            observed_text=stamp,
        )
        found = _decoding.each(_TARGET, document.scanResult, "scanResult", self.skipped.append)
        for number, target in enumerate(found):
            where = f"scanResult[{number}]"
            host, address, port = (self._scalar(target, name) for name in ("targetHost", "ip", "port"))
            if "finding" in target:  # a problem of the scan stands beside the servers
                self.skipped.append(facts.Skipped(where, self._scalar(target, "finding")[:300]))
                continue
            for section, raw in target.items():
                if bytes(raw).lstrip()[:1] == b"[":
                    for row in _decoding.each(_ROW, self._list(raw, where), f"{where}.{section}", self.skipped.append):
                        yield from self.row(_Said(f"{where}.{section}", host, address, port, row))

    def _scalar(self, target: dict[str, msgspec.Raw], name: str) -> str:
        try:
            return naming.text(_SCALAR.decode(target[name])) if name in target else ""
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""

    def _list(self, raw: msgspec.Raw, where: str) -> list[msgspec.Raw]:
        try:
            return _RAWS.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.skipped.append(facts.Skipped(where, _decoding.why(error)))
            return []

    def row(self, said: _Said) -> Iterator[facts.Record]:
        """Yield the server where it is new, and the finding where the row is one."""
        word = naming.text(said.row.severity).strip().upper()
        word = _WORDS.get(word, word)
        rule = naming.text(said.row.id).strip()
        told = naming.text(said.row.finding).strip()
        sighting = _tls.host(said.host, said.address)
        if sighting is None or not rule:
            self.skipped.append(facts.Skipped(said.where, "names no server" if rule else "names no check"))
            return
        if word in _NOT_LOOKED:
            self.skipped.append(facts.Skipped(f"{said.where}, {rule}", f"could not be looked at: {told[:300]}"))
            return
        yield from self.said.host(sighting)
        port = naming.port(said.port)
        if port:
            yield from self.said.port(facts.PortSeen(asset=sighting.key, port=port, tls=True))
        if word != "DEBUG":
            self.done.setdefault((sighting.key, port), []).append(rule)
        if word in _PASSED:
            return
        if not naming.is_severity(word) or not word:
            self.skipped.append(facts.Skipped(f"{said.where}, {rule}", f"“{word[:20]}” is no severity"))
            return
        yield _finding(sighting.key, port, rule, naming.severity(word), told, said.row)


def _finding(asset: str, port: int, rule: str, severity: facts.Severity, told: str, row: _Row) -> facts.Finding:
    # Of what is only information, a CVE says what was looked for and not what was found.
    weaknesses = naming.public_ids(naming.text(row.cve)) if severity != "info" else ()
    return facts.Finding(
        asset=asset,
        rule=rule,
        title=f"{rule}: {told[:150]}" if told else rule,
        severity=severity,
        weaknesses=weaknesses,
        kind=_tls.kind_of(severity, weaknesses),
        port=port,
        protocol="tcp" if port else "",
        cwes=naming.cwes(naming.text(row.cwe)),
        proof="probe",
        evidence=told[:4000],
    )

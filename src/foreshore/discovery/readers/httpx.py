"""httpx of ProjectDiscovery, JSON lines (`-json`), version 1; also as one list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

import msgspec

from foreshore import facts
from foreshore.discovery.readers import _decoding, _tls
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import first_row
from foreshore.discovery.readers._web_answers import answer
from foreshore.discovery.readers._web_scans import Applications, origin
from foreshore.discovery.reports import decode_head


class _Tls(msgspec.Struct, gc=False):
    """The certificate, where it was asked for."""

    expired: Scalar = None
    self_signed: Scalar = None
    mismatched: Scalar = None
    revoked: Scalar = None
    untrusted: Scalar = None
    subject_cn: Scalar = None
    not_after: Scalar = None


class _Row(msgspec.Struct, gc=False):
    timestamp: Scalar = None
    url: Scalar = None
    title: Scalar = None
    webserver: Scalar = None
    method: Scalar = None
    host: Scalar = None
    host_ip: Scalar = None
    a: list[Scalar] | None = None
    cdn: Scalar = None
    failed: Scalar = None
    error: Scalar = None
    status_code: Scalar = None
    old_status: Scalar = msgspec.field(name="status-code", default=None)
    tech: list[Scalar] | None = None
    technologies: list[Scalar] | None = None
    tls: _Tls | None = None


_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)
_FLAGS = {
    "expired": "certificate-expired",
    "self_signed": "certificate-self-signed",
    "mismatched": "certificate-name",
    "revoked": "certificate-revoked",
    "untrusted": "certificate-untrusted",
}
_MARKS = ('"url":"http', '"input":"', '"scheme":"http', '"timestamp":"')


@dataclass(frozen=True)
class Httpx:
    """Reads web applications with their ports; each URL that answered is an observation."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether the first row tells of a URL, of the input that led to it, and of how it answered."""
        row = first_row(head)
        if row:
            texts = all(isinstance(row.get(name), str) for name in ("url", "input"))
            told = row.keys() & {"status_code", "status-code", "failed"}
            return texts and bool(told) and bool(row.keys() & {"scheme", "webserver", "content-length", "words"})
        # A first row with a whole page in it may be longer than the head
        text = decode_head(head)
        return text.lstrip()[:1] in ("{", "[") and all(mark in text for mark in _MARKS) and '"template-id"' not in text

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run at the first row's time, each application once, and one observation for each URL."""
        skipped: list[facts.Skipped] = []
        rows = _decoding.rows(report, _ROW, skipped.append)
        first = list(islice(rows, 1))
        stamp = naming.text(first[0].timestamp) if first else ""
        yield facts.RunSeen(tool="httpx", observed_at=naming.when(stamp), observed_text=stamp)
        applications = Applications()
        flawed: set[tuple[str, str]] = set()
        for number, row in enumerate(chain(first, rows), 1):
            yield from _row(row, number, applications, flawed)
        yield from skipped


PLUGIN = Httpx()


def _row(row: _Row, number: int, applications: Applications, flawed: set[tuple[str, str]]) -> Iterator[facts.Record]:
    url = naming.text(row.url).strip()
    if not origin(url).host:
        yield facts.Skipped(f"row {number}", "names no URL")
        return
    if row.failed is True:
        yield facts.Skipped(f"row {number}", "did not answer")
        return
    server = naming.text(row.webserver)
    asset, before = applications.at(url, address=_address(row), server=server)
    yield from before
    at = naming.when(row.timestamp)
    found = answer(
        asset,
        url,
        naming.text(row.status_code) or naming.text(row.old_status),
        (server, *(naming.text(one).replace(":", " ", 1) for one in row.tech or row.technologies or ())),
        title=naming.text(row.title),
        method=naming.text(row.method),
    )
    yield msgspec.structs.replace(found, observed_at=at)
    for flag, rule in _FLAGS.items():
        if row.tls is not None and getattr(row.tls, flag) is True and (asset, rule) not in flawed:
            flawed.add((asset, rule))
            names = f"{naming.text(row.tls.subject_cn)} until {naming.text(row.tls.not_after)}".strip()
            said = _tls.finding(asset, origin(url).port, rule, names)
            yield msgspec.structs.replace(said, observed_at=at)


def _address(row: _Row) -> str:
    """What the name was resolved to; nothing where that is a content delivery network's."""
    if row.cdn is True:
        return ""
    for value in (row.host_ip, row.host, *(row.a or ())):
        if found := naming.address(naming.text(value)):
            return found
    return ""

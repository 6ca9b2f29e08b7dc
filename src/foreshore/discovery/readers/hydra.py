"""Hydra's JSON (`-b json`, `-b jsonv1`), output version 1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _tls
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import Said
from foreshore.discovery.reports import decode_head

_SOFTWARE = regex(r'"software"\s*:\s*"hydra"', re.IGNORECASE)


class _Generator(msgspec.Struct, gc=False):
    """The run; its command line may hold passwords and is left out."""

    version: Scalar = None
    built: Scalar = None
    server: Scalar = None
    service: Scalar = None


class _Result(msgspec.Struct, gc=False):
    """A login that worked; the password is never read."""

    host: Scalar = None
    port: Scalar = None
    service: Scalar = None
    login: Scalar = None


class _Document(msgspec.Struct, gc=False):
    generator: _Generator | None = None
    results: list[msgspec.Raw] | None = None


_DOCUMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_RESULT: msgspec.json.Decoder[_Result] = msgspec.json.Decoder(_Result)


@dataclass(frozen=True)
class Hydra:
    """Reads logins whose password was guessed: host, port, service and account, never the password."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether the document says that Hydra generated it."""
        text = decode_head(head)
        return text.lstrip()[:1] == "{" and '"jsonoutputversion"' in text and _SOFTWARE.search(text) is not None

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then for each login that worked its host, its port and the finding."""
        document = _decoding.whole(report, _DOCUMENT)
        run = document.generator or _Generator()
        stamp = naming.text(run.built)
        observed, assumed = naming.moment(stamp)
        yield facts.RunSeen(
            tool="hydra",
            version=naming.text(run.version),
            observed_at=observed,
            observed_text=stamp,
            zone_assumed=assumed,
            settings=(("server", naming.text(run.server)), ("service", naming.text(run.service))),
        )
        skipped: list[facts.Skipped] = []
        said = Said()
        found = _decoding.each(_RESULT, document.results, "results", skipped.append)
        for number, result in enumerate(found, 1):
            yield from _result(result, number, said)
        yield from skipped


PLUGIN = Hydra()


def _result(result: _Result, number: int, said: Said) -> Iterator[facts.Record]:
    sighting = _tls.host(naming.text(result.host), naming.text(result.host))
    if sighting is None:
        yield facts.Skipped(f"result {number}", "names no host")
        return
    service = naming.text(result.service).strip().lower()
    login = naming.text(result.login).strip()
    port = naming.port(result.port)
    protocol = "udp" if service in ("snmp", "sip") else "tcp"
    yield from said.host(sighting)
    if port:
        yield from said.port(
            facts.PortSeen(
                asset=sighting.key,
                port=port,
                protocol=protocol,
                service=service.partition("-")[0],
                tls=service.startswith("https"),
            )
        )
    yield facts.Finding(
        asset=sighting.key,
        rule="guessed-password",
        title=f"The password of an account of {service or 'the service'} can be guessed",
        severity="high",
        kind="identity",
        port=port,
        protocol=protocol if port else "",
        resource=f"{service}: {login}" if login else service,
        cwes=(521,),
        proof="confirmed",
        solution="Set a password that is not in any list, limit attempts, and ask for a second factor.",
    )

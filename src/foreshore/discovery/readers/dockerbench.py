"""Docker Bench for Security's JSON log.

The report does not say which host it ran on, so what passed closes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _kube_rows, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Severity, Skipped

_SIGN = regex(r'"dockerbenchsecurity"\s*:')
# The tool has no severities, only outcomes: not as it should be; for information; for a person to check.
_OUTCOMES: dict[str, tuple[Severity, ExposureKind]] = {
    "WARN": ("high", "misconfiguration"), "INFO": ("low", "observation"), "NOTE": ("info", "observation"),
}  # fmt: skip


class _Result(msgspec.Struct, gc=False):
    id: Scalar = None
    desc: Scalar = None
    result: Scalar = None
    details: Scalar = None
    items: list[Scalar] | None = None
    remediation: Scalar = None


class _Test(msgspec.Struct, gc=False):
    desc: Scalar = None
    results: list[msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    dockerbenchsecurity: Scalar = None
    start: Scalar = None
    end: Scalar = None
    score: Scalar = None
    checks: Scalar = None
    tests: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_TEST: msgspec.json.Decoder[_Test] = msgspec.json.Decoder(_Test)
_RESULT: msgspec.json.Decoder[_Result] = msgspec.json.Decoder(_Result)


@dataclass(frozen=True)
class Dockerbench:
    """Reads Docker Bench for Security's JSON log; a check that warns is a finding, notes are observations."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a log of Docker Bench for Security."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_SIGN.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the host, and findings."""
        document = _decoding.whole(report, _DECODER)
        if document.tests is None:
            raise BadReport(
                "holds no tests", where=report.name, hint="keep the whole file `docker-bench-security.log.json`"
            )
        stamp = _naming.text(document.end) or _naming.text(document.start)
        observed, assumed = _naming.moment(stamp)
        settings = (("score", document.score), ("checks", document.checks))
        yield RunSeen(
            tool="docker bench for security",
            version=_naming.text(document.dockerbenchsecurity),
            observed_at=observed,
            observed_text=stamp,
            zone_assumed=assumed,
            settings=tuple((name, text) for name, value in settings if (text := _naming.text(value))),
        )
        asset = _kube_rows.unnamed("docker host checked by docker bench", True)
        yield asset
        skipped: list[Skipped] = []
        for place, test in enumerate(_decoding.each(_TEST, document.tests, "tests", skipped.append)):
            where = f"tests[{place}].results"
            for result in _decoding.each(_RESULT, test.results, where, skipped.append):
                yield from _of(asset.key, test, result, where)
        yield from skipped


def _of(asset: str, test: _Test, result: _Result, where: str) -> Iterator[Record]:
    rule, outcome = _naming.text(result.id), _naming.text(result.result).upper()
    if outcome == "PASS":
        return
    if not rule or outcome not in _OUTCOMES:
        yield Skipped(where, f"check {rule or 'without number'} has the result {outcome or 'nothing'}")
        return
    severity, kind = _OUTCOMES[outcome]
    yield Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(result.desc) or rule,
        severity=severity,
        kind=kind,
        proof="configuration",
        description=_naming.text(test.desc),
        solution=_naming.text(result.remediation),
        evidence=_naming.text(result.details),
        instances=max(len(result.items or ()), 1),
        tags=(f"outcome={outcome}",),
    )


PLUGIN = Dockerbench()

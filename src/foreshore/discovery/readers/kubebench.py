"""kube-bench's JSON: with or without totals, one object for each group of controls, or one a line.

The report does not say which node it ran on, so what passed is not taken as proof that a finding of
another node is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _kube_rows, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

_SIGNS = (regex(r'"(test_number|total_pass)"\s*:'), regex(r'"(tests|Controls|Totals)"\s*:'))
_EMPTY = regex(r'"Controls"\s*:\s*(null|\[\s*\])')


class _Result(msgspec.Struct, gc=False):
    test_number: Scalar = None
    test_desc: Scalar = None
    status: Scalar = None
    remediation: Scalar = None
    actual_value: Scalar = None
    expected_result: Scalar = None
    reason: Scalar = None


class _Test(msgspec.Struct, gc=False):
    desc: Scalar = None
    results: list[msgspec.Raw] | None = None


class _Control(msgspec.Struct, gc=False):
    version: Scalar = None
    node_type: Scalar = None
    tests: list[msgspec.Raw] | None = None
    Controls: list[msgspec.Raw] | None = None
    Totals: Any = None


_CONTROL: msgspec.json.Decoder[_Control] = msgspec.json.Decoder(_Control)
_TEST: msgspec.json.Decoder[_Test] = msgspec.json.Decoder(_Test)
_RESULT: msgspec.json.Decoder[_Result] = msgspec.json.Decoder(_Result)


@dataclass(frozen=True)
class Kubebench:
    """Reads kube-bench's JSON; failed checks are findings, those that a person must make are observations."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of kube-bench."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _EMPTY.search(opening) and '"Totals"' in opening:
            return True
        return all(sign.search(opening) for sign in _SIGNS) and '"SchemaVersion"' not in opening

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, one asset for each type of node, and findings."""
        skipped: list[Skipped] = []
        controls = _controls(report, skipped)
        versions = sorted({text for one in controls if (text := _naming.text(one.version))})
        yield RunSeen(tool="kube-bench", settings=(("benchmark", ", ".join(versions)),) if versions else ())
        said: set[str] = set()
        for place, control in enumerate(controls):
            node = _naming.text(control.node_type)
            of_host = node in ("master", "node", "etcd")
            asset = _kube_rows.unnamed(f"kubernetes {node or 'cluster'} checked by kube-bench", of_host)
            if asset.key not in said:
                said.add(asset.key)
                yield asset
            where = f"Controls[{place}].tests"
            for test in _decoding.each(_TEST, control.tests, where, skipped.append):
                for result in _decoding.each(_RESULT, test.results, f"{where}.results", skipped.append):
                    yield from _of(asset.key, test, result, where)
        yield from skipped


def _controls(report: facts.Report, skipped: list[Skipped]) -> list[_Control]:
    found: list[_Control] = []
    good = False
    for one in _decoding.rows(report, _CONTROL, skipped.append):
        if one.Controls is not None or one.Totals is not None:
            good = True
            found.extend(_decoding.each(_CONTROL, one.Controls, "Controls", skipped.append))
        elif one.tests is not None:
            found.append(one)
        else:
            skipped.append(Skipped("a group of controls", "holds no tests"))
    if not found and not good:
        raise BadReport("holds no controls", where=report.name, hint="export with `kube-bench --json`")
    return found


def _of(asset: str, test: _Test, result: _Result, where: str) -> Iterator[Record]:
    rule, status = _naming.text(result.test_number), _naming.text(result.status).upper()
    if status == "PASS":
        return
    if not rule or status not in ("FAIL", "WARN", "INFO"):
        yield Skipped(where, f"check {rule or 'without number'} has the status {status or 'nothing'}")
        return
    failed = status == "FAIL"
    seen = (("found", result.actual_value), ("expected", result.expected_result), ("reason", result.reason))
    yield Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(result.test_desc) or rule,
        severity="medium" if failed else "info",
        kind="misconfiguration" if failed else "observation",
        proof="configuration" if failed else "unknown",
        description=_naming.text(test.desc),
        solution=_naming.text(result.remediation),
        evidence="\n".join(f"{name}: {text}" for name, value in seen if (text := _naming.text(value))),
        tags=() if failed else ("manual check",),
    )


PLUGIN = Kubebench()

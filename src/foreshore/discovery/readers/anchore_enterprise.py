"""Anchore's policy checks of images as JSON: `evaluate check --detail` and Enterprise's evaluations.

What a policy let through stays a finding: its action (stop, warn, go) is a tag and, where the message
names no severity, gives it. What an allow list excused is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import ExposureKind, Finding, Record, Severity, Sighting, Skipped

_CHECKS = regex(r'^\s*\[?\s*\{\s*"(sha256:[^"]{1,80})"\s*:\s*\{')
_DETAIL = regex(r'"(detail|last_evaluation|policyId)"\s*:')
_EVALUATIONS = regex(r'"evaluations"\s*:\s*\[')
_ALSO = regex(r'"(final_action|number_of_findings|evaluation_time|image_digest)"\s*:')
_PACKAGE = regex(r"^([A-Za-z]{1,20}) Vulnerability found in (?:non-)?os package type \(([^()]{1,40})\) - ")
_FIXED = regex(r"\(fixed in: ?([^()]{1,200})\)")
_LINK = regex(r"https?://[^\s()]{1,500}")
_FILE = regex(r"\bfile=(\S{1,1000})")
_SECRET_RULE = regex(r"\b(?:regexp|name)=([A-Za-z0-9_.-]{1,100})")
_ACTIONS: dict[str, Severity] = {"stop": "high", "warn": "medium", "go": "low"}
_KINDS: dict[str, ExposureKind] = {
    "vulnerabilities": "vulnerability", "secret_scans": "secret", "malware": "vulnerability",
    "licenses": "observation",
}  # fmt: skip


class _Policy(msgspec.Struct, gc=False):
    trigger_id: Scalar = None
    gate: Scalar = None
    trigger: Scalar = None
    message: Scalar = None
    action: Scalar = None
    recommendation: Scalar = None
    allowlisted: Any = None


class _Details(msgspec.Struct, gc=False):
    findings: list[Any] | None = None


class _Evaluation(msgspec.Struct, gc=False):
    evaluation_time: Scalar = None
    details: _Details | None = None


class _Evaluated(msgspec.Struct, gc=False):
    image_digest: Scalar = None
    image_tag: Scalar = None
    evaluations: list[_Evaluation] | None = None


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
# Columns of the older form, and ours for them
_COLUMNS = {
    "trigger_id": "trigger_id", "gate": "gate", "trigger": "trigger", "check_output": "message",
    "gate_action": "action", "whitelisted": "allowlisted", "allowlisted": "allowlisted",
}  # fmt: skip


class _Check(NamedTuple):
    """One evaluation of one image."""

    sighting: Sighting
    stamp: str
    rows: list[_Policy]
    skipped: list[Skipped]


@dataclass(frozen=True)
class AnchoreEnterprise:
    """Reads what the checks of Anchore's policies said of images."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins policy checks: images by digest, or evaluations of one image."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _CHECKS.match(opening) and _DETAIL.search(opening):
            return True
        return bool(_EVALUATIONS.search(opening) and _ALSO.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each image, and one finding for each row of each evaluation."""
        document = _decoding.whole(report, _ANY)
        checks = list(_checks(document, report))
        yield _images.run("anchore", (one.stamp for one in checks))
        said: set[str] = set()
        for check in checks:
            if check.sighting.key not in said:
                said.add(check.sighting.key)
                yield check.sighting
            yield from (_finding(check.sighting.key, row) for row in check.rows)
            yield from check.skipped


def _bad(report: facts.Report, where: str, what: str) -> BadReport:
    return BadReport(
        what,
        where=f"{report.name}, {where}" if where else report.name,
        hint="export with `anchore-cli --json evaluate check IMAGE --detail`, or `anchorectl image check --detail`",
    )


def _checks(document: object, report: facts.Report) -> Iterator[_Check]:
    """Every evaluation in the document; raises BadReport for one without its rows."""
    if isinstance(document, dict) and "evaluations" in document:
        yield from _evaluations(document, report)
        return
    rows = document if isinstance(document, list) else [document]
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _bad(report, f"element {number}", "is no policy check")
        for digest, tags in row.items():
            for tag, evaluations in _pairs(tags):
                for one in evaluations if isinstance(evaluations, list) else [evaluations]:
                    yield _check(digest, tag, one, report)


def _pairs(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


# -- evaluations by digest and tag --------------------------------------------------------------


def _check(digest: str, tag: str, one: object, report: facts.Report) -> _Check:
    where = f"{tag} of {digest}"
    if not isinstance(one, dict):
        raise _bad(report, where, "is no policy check")
    detail = one.get("detail")
    result = detail.get("result") if isinstance(detail, dict) else None
    images = result.get("result") if isinstance(result, dict) else None
    if not isinstance(images, dict):
        raise _bad(report, where, "has no rows of checks (detail, result, result)")
    tables = {image_id: table for image_id, inner in images.items() if (table := _table_of(inner)) is not None}
    if not tables:
        raise _bad(report, where, "has no rows of checks")
    rows: list[_Policy] = []
    skipped: list[Skipped] = []
    for table in tables.values():
        _table(table, where, rows, skipped)
    image_id = next(iter(tables))
    sighting = _images.image([tag], [digest], attributes=(("image_id", image_id),))
    return _Check(sighting, _naming.text(one.get("last_evaluation")), rows, skipped)


def _table_of(inner: object) -> dict[str, Any] | None:
    """The table of an image; beside the images stand lists of the policy's own."""
    table = inner.get("result") if isinstance(inner, dict) else None
    return table if isinstance(table, dict) and isinstance(table.get("rows"), list) else None


def _table(table: dict[str, Any], where: str, rows: list[_Policy], skipped: list[Skipped]) -> None:
    header = [_COLUMNS.get(_naming.text(one).lower(), "") for one in _listed(table.get("header"))]
    for number, cells in enumerate(table["rows"]):
        if not isinstance(cells, list) or len(cells) < len(header) or not header:
            skipped.append(Skipped(f"{where}, rows[{number}]", "is not as long as the header"))
            continue
        named = {name: cell for name, cell in zip(header, cells, strict=False) if name}
        row = _Policy(**{name: cell if name == "allowlisted" else _naming.text(cell) for name, cell in named.items()})
        _keep(row, f"{where}, rows[{number}]", rows, skipped)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _keep(row: _Policy, where: str, rows: list[_Policy], skipped: list[Skipped]) -> None:
    if row.gate and row.trigger:
        rows.append(row)
    else:
        skipped.append(Skipped(where, "names no gate and trigger"))


# -- evaluations of one image -------------------------------------------------------------------


def _evaluations(document: dict[str, Any], report: facts.Report) -> Iterator[_Check]:
    try:
        image = msgspec.convert(document, _Evaluated)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _decoding.broken(report, error) from error
    sighting = _images.image([_naming.text(image.image_tag)], [_naming.text(image.image_digest)])
    for place, one in enumerate(image.evaluations or ()):
        if one.details is None:
            raise _bad(report, f"evaluations[{place}]", "has no details")
        rows: list[_Policy] = []
        skipped: list[Skipped] = []
        where = f"evaluations[{place}].details.findings"
        for number, raw in enumerate(one.details.findings or ()):
            try:
                _keep(msgspec.convert(raw, _Policy), f"{where}[{number}]", rows, skipped)
            except (msgspec.ValidationError, RecursionError) as error:
                skipped.append(Skipped(f"{where}[{number}]", _decoding.why(error)))
        yield _Check(sighting, _naming.text(one.evaluation_time), rows, skipped)
    if not image.evaluations:
        yield _Check(sighting, "", [], [])


# -- findings -----------------------------------------------------------------------------------


def _finding(asset: str, row: _Policy) -> Finding:
    gate, trigger = _naming.text(row.gate), _naming.text(row.trigger)
    kind = _KINDS.get(gate.lower(), "misconfiguration")
    message = _naming.text(row.message)
    if kind == "secret":
        return _secret(asset, row, f"{gate}:{trigger}", message)
    if kind == "vulnerability" and trigger == "package":
        return _package(asset, row, message)
    path = _file(message)
    return Finding(
        asset=asset,
        rule=f"{gate}:{trigger}",
        title=message or f"{gate}: {trigger}",
        severity=_by_action(row),
        kind=kind if gate.lower() != "vulnerabilities" else "observation",
        resource=path or message,
        path=path,
        proof="configuration",
        word="accepted" if row.allowlisted else "open",
        solution=_naming.text(row.recommendation),
        tags=_tags(row),
    )


def _by_action(row: _Policy) -> Severity:
    return _ACTIONS.get(_naming.text(row.action).lower(), "info")


def _tags(row: _Policy) -> tuple[str, ...]:
    return (f"action={_naming.text(row.action).lower()}",) if row.action else ()


def _file(message: str) -> str:
    found = _FILE.search(message)
    return found.group(1).rstrip(".,") if found else ""


def _secret(asset: str, row: _Policy, rule: str, message: str) -> Finding:
    """Of the message only the file and the name of the pattern are taken: it may hold the secret."""
    path, pattern = _file(message), _SECRET_RULE.search(message)
    named = f"{rule}:{pattern.group(1)}" if pattern else rule
    return Finding(
        asset=asset,
        rule=named,
        title=f"Secret ({pattern.group(1)})" if pattern else "Secret",
        severity=_by_action(row),
        kind="secret",
        resource=path,
        path=path,
        proof="configuration",
        word="accepted" if row.allowlisted else "open",
        tags=_tags(row),
    )


def _package(asset: str, row: _Policy, message: str) -> Finding:
    """A weakness of a package: trigger ids are `WEAKNESS+PACKAGE`, the message says severity and kind."""
    rule, _plus, package = _naming.text(row.trigger_id).partition("+")
    said = _PACKAGE.match(message)
    fixed, link = _FIXED.search(message), _LINK.search(message)
    url = link.group(0) if link else ""
    found = _naming.public_ids(message)
    if not _naming.public_ids(rule) and found:
        rule = found[0]
    kind = said.group(2) if said else ""
    os = _images.tracker(url) or ("alpine" if kind.lower() in ("apkg", "apk") else "")
    return Finding(
        asset=asset,
        rule=rule or "package",
        title=_images.title(rule, package),
        severity=_naming.severity(said.group(1)) if said else _by_action(row),
        weaknesses=_naming.weakness(rule),
        component=_images.component(kind, os, package),
        component_name=package,
        fixed_version=fixed.group(1).strip() if fixed else "",
        proof="package",
        word="accepted" if row.allowlisted else "open",
        description=message,
        solution=_naming.text(row.recommendation),
        references=(url,) if url else (),
        tags=_tags(row),
    )


PLUGIN = AnchoreEnterprise()

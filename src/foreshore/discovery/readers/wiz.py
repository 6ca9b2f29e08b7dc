"""Wiz: issues and vulnerabilities as its portal exports them (CSV), and answers of its interface (JSON)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _images, _naming, _wiz_assets, _wiz_rows
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Sighting, Skipped

_ISSUE = frozenset({"issueid", "controlid", "severity"})
_VULNERABILITY = frozenset({"wizurl", "detailedname", "name"})
_CONFIGURATION = frozenset({"wizurl", "rulename", "result"})
_LISTS = regex(r'"(issues(?:V2)?|vulnerabilityFindings|configurationFindings|hostConfigurationRuleAssessments)"\s*:')
_NODES = regex(r'"nodes"\s*:')
_OWN = regex(r'"(entitySnapshot|vulnerableAsset)"\s*:')
_ALSO = regex(r'"(sourceRule|control|severity|detailedName|firstDetectedAt|CVSSSeverity)"\s*:')
_DEEPEST = 8
_HANDLE = ("provider_id", "wiz_id", "name", "type", "account")

_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
Row = Callable[[str, _wiz_rows.Said], Finding]


@dataclass(frozen=True)
class Wiz:
    """Reads Wiz's issues, vulnerability findings and configuration findings, one finding for each row."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins an export or an answer of Wiz."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            if _OWN.search(opening) and _ALSO.search(opening):
                return True
            return bool(_LISTS.search(opening) and _NODES.search(opening) and '"pageInfo"' in opening)
        return any(_sort(line) is not None for line in csvrows.header_lines(head)[:1])

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each asset once, and a finding for each row; passed rules are coverage."""
        if reports.decode_head(report.head).lstrip()[:1] in ("{", "["):
            yield from _json(report)
        else:
            yield from _csv(report)


def _sort(columns: tuple[str, ...]) -> Row | None:
    names = {_wiz_rows.fold(column) for column in columns}
    if names >= _VULNERABILITY:
        return _wiz_rows.vulnerability
    if names >= _ISSUE:
        return _wiz_rows.issue
    return _wiz_rows.configuration if names >= _CONFIGURATION else None


def _csv(report: facts.Report) -> Iterator[Record]:
    table = csvrows.table(report)
    sort = _sort(table.columns)
    if sort is None:
        raise BadReport(
            "has no columns of Wiz",
            where=report.name,
            hint="export issues or vulnerability findings as CSV with all columns",
        )
    stamps = csvrows.distinct(report, ("lastdetected", "last detected", "analyzedat", "analyzed at"))
    yield _images.run("wiz", stamps)
    reading = _Reading()
    names = {column: _wiz_rows.fold(column) for column in table.columns}
    for line, row in table.rows:
        said = {names.get(column, ""): value for column, value in row.items() if value}
        yield from reading.of(f"line {line}", sort, said)
    yield from reading.rest()


def _json(report: facts.Report) -> Iterator[Record]:
    skipped: list[Skipped] = []
    nodes: list[tuple[str, dict[str, Any]]] = []
    for number, page in enumerate(_decoding.rows(report, _ANY, skipped.append)):
        nodes.extend(_nodes(page, f"value[{number}]", skipped, 0))
    stamps = [node.get(name) for _where, node in nodes for name in ("lastDetectedAt", "analyzedAt")]
    yield _images.run("wiz", stamps)
    reading = _Reading()
    yield from reading.all_of([_flat(node) for _where, node in nodes])
    for where, node in nodes:
        said = _flat(node)
        sort = _sort_of(node)
        if sort is None:
            reading.skipped.append(Skipped(where, "neither an issue nor a vulnerability nor a configuration finding"))
        else:
            yield from reading.of(where, sort, said)
    yield from reading.rest()
    yield from skipped


def _nodes(value: Any, where: str, skipped: list[Skipped], depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The findings within a page: itself, members of its lists called "nodes", or of what it wraps."""
    if isinstance(value, list) and depth <= _DEEPEST:
        for number, one in enumerate(value):
            yield from _nodes(one, f"{where}[{number}]", skipped, depth + 1)
    elif not isinstance(value, dict) or depth > _DEEPEST:
        skipped.append(Skipped(where, "is no object" if depth <= _DEEPEST else "is nested too deeply"))
    elif any(isinstance(value.get(name), dict) for name in ("data", "node")) or _is_page(value):
        for name, inner in value.items():
            if isinstance(inner, (dict, list)) and name not in ("pageInfo", "extensions", "errors"):
                yield from _nodes(inner, f"{where}.{name}", skipped, depth + 1)
    else:
        yield where, value


def _is_page(value: dict[str, Any]) -> bool:
    if isinstance(value.get("nodes"), list) or isinstance(value.get("edges"), list):
        return True
    return any(isinstance(one, dict) and ("nodes" in one or "edges" in one) for one in value.values())


def _sort_of(node: dict[str, Any]) -> Row | None:
    if "vulnerableAsset" in node or ("detailedName" in node and "name" in node):
        return _wiz_rows.vulnerability
    if "entitySnapshot" in node or "sourceRule" in node or "control" in node:
        return _wiz_rows.issue
    return _wiz_rows.configuration if isinstance(node.get("rule"), dict) and "resource" in node else None


_PREFIXES = {"vulnerableAsset": "asset", "entitySnapshot": "resource", "entity": "resource"}


def _flat(node: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """The texts of an object under folded names, objects within it under their name and the field's."""
    found: dict[str, str] = {}
    for name, value in node.items():
        key = prefix + _wiz_rows.fold(_PREFIXES.get(name, name))
        if name in ("tags", "subscriptionTags", "providerData"):
            found[key] = json.dumps(value) if isinstance(value, dict) else ""
        elif isinstance(value, dict) and depth < 2:
            found |= _flat(value, key, depth + 1)
        elif isinstance(value, list):
            found[key] = "; ".join(_naming.text(one) or _name(one) for one in value)
        elif text := (str(value).lower() if isinstance(value, bool) else _naming.text(value)):
            found[key] = text
    return found


def _name(value: Any) -> str:
    return _naming.text(_cloud_rows.mapping(value).get("name"))


def _is_named(fields: dict[str, str]) -> bool:
    return any(fields.get(name) for name in ("provider_id", "wiz_id", "name", "account"))


class _Reading:
    """The state of one reading: assets that were said already, and what was looked at on each."""

    def __init__(self) -> None:
        self.said: dict[str, Sighting] = {}
        self.known: dict[tuple[str, ...], str] = {}  # an asset as rows name it, so that each is looked at once
        self.skipped: list[Skipped] = []
        self.coverage = _cloud_rows.Coverage("wiz")

    def all_of(self, rows: list[dict[str, str]]) -> Iterator[Record]:
        """Yield each asset of `rows` once, with what all of them together say."""
        assets = _cloud_rows.Assets()
        for said in rows:
            fields, attributes = _wiz_rows.asset_of(said)
            if _is_named(fields):
                assets.see(_wiz_assets.sighting(fields, attributes))
        for seen in assets.sightings():
            self.said[seen.key] = seen
            yield seen

    def of(self, where: str, sort: Row, said: _wiz_rows.Said) -> Iterator[Record]:
        fields, attributes = _wiz_rows.asset_of(said)
        if not _is_named(fields):
            self.skipped.append(Skipped(where, "names no resource"))
            return
        handle = tuple(fields.get(name, "") for name in _HANDLE)
        key = self.known.get(handle)
        if key is None:
            seen = _wiz_assets.sighting(fields, attributes)
            key = self.known[handle] = seen.key
            if key not in self.said:
                self.said[key] = seen
                yield seen
        result = said.get("result", "").upper() if sort is _wiz_rows.configuration else "FAIL"
        if sort is _wiz_rows.configuration:
            found = sort(key, said)
            if result in ("PASS", "FAIL", "PASSED", "FAILED"):
                self.coverage.looked(key, found.rule)
            if result.startswith(("FAIL", "ERROR")) or not result:
                yield found
            elif not result.startswith("PASS"):
                self.skipped.append(Skipped(where, f"the rule gave no answer ({result.lower()})"))
            return
        yield sort(key, said)

    def rest(self) -> Iterator[Record]:
        """Yield what was looked at, and what was left out."""
        yield from self.coverage.records()
        yield from self.skipped


PLUGIN = Wiz()

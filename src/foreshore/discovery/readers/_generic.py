"""Rows with columns of our own choosing, from CSV or JSON, into records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from foreshore.discovery.readers import _generic_values as values
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._generic_columns import ABOUT, ASSETS, COLUMNS, OF, fold
from foreshore.facts import ExposureKind, Finding, Record, Severity, Sighting, Skipped

_MOST_HELD = 200_000
# columns that are the text of a field, and those that need more
_TEXTS = frozenset(
    {
        "component_name", "version", "fixed_version", "fix", "resource", "method", "parameter", "path",
        "context", "cvss_vector", "description", "solution", "evidence",
    }
)  # fmt: skip
_CONVERTED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "line": ("line", _naming.whole_number),
    "cvss_score": ("cvss_score", _naming.score),
    "epss": ("epss", _naming.number),
    "cwe": ("cwes", _naming.cwes),
    "proof": ("proof", lambda value: values.one_of(value, values.PROOFS, "unknown")),
    "references": ("references", values.lines),
    "instances": ("instances", lambda value: max(1, _naming.whole_number(value, 1))),
    "tags": ("tags", values.tags),
}
_FLAGS = ("known_exploited", "ransomware_used")
# Where a secret or what stands around it would be
_OF_SECRETS = ("evidence", "context", "description")
_TIMES = (("first_seen", "first_seen"), ("fixed_at", "fixed_at"), ("last_seen", "observed_at"))


class Reading:
    """The state of one reading: which assets were said, and what stood out."""

    def __init__(self, skip: Callable[[Skipped], None], subject: str = "") -> None:
        self._skip = skip
        self._subject = subject
        self._said: set[str] = set()
        self._plans: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        self._assets: dict[tuple[tuple[str, str], ...], list[Sighting]] = {}
        self._ambiguous = False
        self._unknown: set[str] = set()

    def of(self, where: str, row: Mapping[str, Any]) -> Iterator[Record]:
        """Yield the assets of a row and its finding on each of them."""
        try:
            yield from self._of(where, row)
        except RecursionError:
            self._skip(Skipped(where, "nested too deeply"))

    def _of(self, where: str, row: Mapping[str, Any]) -> Iterator[Record]:
        fields = self._fields(row)
        if not fields:
            self._skip(Skipped(where, "has none of the known columns"))
            return
        targets = self._targets(fields)
        for sighting in targets:
            if sighting.key not in self._said:
                self._said.add(sighting.key)
                yield sighting
        if "title" not in fields and "weakness" not in fields and "rule" not in fields:
            if not fields.keys() & ASSETS:
                self._skip(Skipped(where, "names neither an asset nor a finding"))
            return
        if not _names_finding(fields):
            self._skip(Skipped(where, "names no finding: its title, rule and weakness are empty"))
            return
        if len(targets) == 1:
            yield self._finding(where, fields, targets[0].key)
            return
        for sighting in targets:  # a row with addresses on several hosts is a finding on each
            own = [url for url in values.urls(fields["url"]) if _naming.split_url(url)[0].lower() == sighting.name]
            yield self._finding(where, {**fields, "url": own}, sighting.key)

    def _fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        names = tuple(row)
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = self._plan(names)
        fields: dict[str, Any] = {}
        for name, column in plan:
            value = row[name]
            if value is not None and value != "" and value != []:
                if column == "weakness" and column in fields:
                    value = [*values.listed(fields[column]), *values.listed(value)]
                elif column in fields:
                    continue
                fields[column] = value
        return fields

    def _plan(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """Which columns a row has, documented names first, so that a synonym never hides one."""
        found = [(name, column) for name in names if (column := OF.get(fold(name)))]
        order = {column: place for place, column in enumerate(COLUMNS)}
        found.sort(key=lambda pair: (order[pair[1]], fold(pair[0]) != fold(pair[1])))
        return found

    # -- assets --

    def _targets(self, fields: dict[str, Any]) -> list[Sighting]:
        known = tuple(
            [(name, value if type(value) is str else repr(value)) for name, value in fields.items() if name in ABOUT]
        )
        held = self._assets.get(known)
        if held is not None:
            return held
        own = values.identifiers(fields)
        if own:
            found = [values.sighting(fields, own)]
        else:
            urls = values.urls(fields.get("url"))
            hosts = dict.fromkeys(host for url in urls if (host := _naming.split_url(url)[0].lower()))
            found = [values.sighting(fields, _naming.host_identifiers(host) or (("artifact", host),)) for host in hosts]
        if not found:
            name = self._subject or "an asset that the report does not name"
            found = [
                values.sighting(
                    {**fields, "asset_kind": fields.get("asset_kind") or "code_component"},
                    (("artifact", name),),
                )
            ]
        if len(self._assets) < _MOST_HELD:
            self._assets[known] = found
        return found

    # -- findings --

    def _finding(self, where: str, fields: dict[str, Any], asset: str) -> Finding:
        get, text = fields.get, _naming.text
        weaknesses = values.weaknesses(fields["weakness"]) if "weakness" in fields else ()
        title = text(get("title")).strip()
        rule = text(get("rule")).strip() or (weaknesses[0] if weaknesses else title)
        given = self._given(where, fields)
        kind = self._kind(fields, weaknesses)
        if kind == "secret":
            for name in _OF_SECRETS:
                given.pop(name, None)
        return Finding(
            asset=asset,
            rule=rule,
            title=title or rule,
            severity=self._severity(where, fields),
            weaknesses=weaknesses,
            kind=kind,
            word=values.word(fields),
            **given,
        )

    def _given(self, where: str, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields of a finding that need no other, converted."""
        given: dict[str, Any] = {name: _naming.text(value) for name, value in fields.items() if name in _TEXTS}
        for name, (field, convert) in _CONVERTED.items():
            if name in fields:
                given[field] = convert(fields[name])
        for name, field in _TIMES:
            if name in fields:
                given[field] = self._time(where, fields[name])
        if "url" in fields or "port" in fields or "protocol" in fields:
            given |= _web(fields)
        if "component" in fields:
            given |= _software(fields)
        if "cvss4_vector" in fields:
            given["cvss_vector"] = _naming.text(fields["cvss4_vector"])
            given["cvss_score"] = _naming.score(fields.get("cvss4_score"))
        if "impact" in fields:
            given["description"] = "\n\n".join(
                part for part in (_naming.text(fields.get("description")), _naming.text(fields["impact"])) if part
            )
        flags = [name for name in _FLAGS if name in fields and values.true(fields[name])]
        if flags:
            given["tags"] = (*given.get("tags", ()), *flags)
        return given

    def _severity(self, where: str, fields: dict[str, Any]) -> Severity:
        value = fields.get("severity")
        if value is None:
            score = _naming.score(fields.get("cvss4_score")) or _naming.score(fields.get("cvss_score"))
            return _naming.of_score(score) if score is not None else "info"
        number = _naming.number(value)
        if number is not None:
            return _naming.of_score(number)
        found = _naming.severity(value)
        shown = _naming.text(value).strip() if found == "info" else ""
        if shown and not _naming.is_severity(shown):
            self._odd_severity(where, shown)
        return found

    def _odd_severity(self, where: str, shown: str) -> None:
        """Say once of each word that it is none of ours."""
        if shown not in self._unknown and len(self._unknown) < 20:
            self._unknown.add(shown)
            self._skip(Skipped(f"{where}: severity", f"“{shown[:40]}” is no known severity: taken as info"))

    def _kind(self, fields: dict[str, Any], weaknesses: tuple[str, ...]) -> ExposureKind:
        stated = values.one_of(fields["kind"], values.KINDS, "") if "kind" in fields else ""
        if stated:
            return stated  # type: ignore[return-value]
        if weaknesses and weaknesses[0].startswith(("CVE-", "GHSA-")):
            return "vulnerability"
        if "path" in fields and "component_name" not in fields and "component" not in fields:
            return "code"
        return "misconfiguration" if "resource" in fields else "vulnerability"

    def _time(self, where: str, value: object) -> datetime | None:
        if value is None or isinstance(value, bool):
            return None
        found, ambiguous = values.time(_naming.text(value))
        if ambiguous and not self._ambiguous:
            self._ambiguous = True
            self._skip(Skipped(f"{where}: date", f"{_naming.text(value)} {values.AMBIGUOUS}"))
        return found


def _names_finding(fields: dict[str, Any]) -> bool:
    """Is there a title, a rule or a weakness that is more than white space and commas?"""
    if any(_naming.text(fields.get(name)).strip() for name in ("title", "rule")):
        return True
    return "weakness" in fields and bool(values.weaknesses(fields["weakness"]))


def _web(fields: dict[str, Any]) -> dict[str, Any]:
    """Port and URL; several addresses on one host are instances of one finding."""
    urls = values.urls(fields.get("url"))
    port = _naming.port(fields.get("port")) or (_naming.split_url(urls[0])[1] if urls else 0)
    protocol = _naming.text(fields.get("protocol")).lower()
    found: dict[str, Any] = {"port": port, "protocol": protocol or ("tcp" if port else "")}
    if urls and ("://" in urls[0] or "/" in urls[0]):
        found["url"] = urls[0]
    if "instances" not in fields and len(urls) > 1:
        found["instances"] = len(urls)
    return found


def _software(fields: dict[str, Any]) -> dict[str, Any]:
    """A component written as a purl says its name and version as well."""
    written = _naming.text(fields["component"])
    purl, plain, version = _naming.package(written)
    found = {"component": purl or written}
    if plain and "component_name" not in fields:
        found["component_name"] = plain
    if version and "version" not in fields:
        found["version"] = version
    return found

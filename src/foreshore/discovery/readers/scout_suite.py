"""Scout Suite's results, as the JavaScript file it writes or as the JSON within it; all its clouds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _naming
from foreshore.discovery.readers._cloud_rows import Resource, mapping, objects
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Severity, Skipped

_START = regex(r"^\s*(?:var\s+)?scoutsuite_results\s*=")
_LEVELS: dict[str, Severity] = {"danger": "high", "warning": "medium", "good": "info", "success": "info"}
_MOST_RESOURCES = 2_000_000  # a report that holds more is damaged
_ANY: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_HINT = "keep the whole file `scoutsuite_results_….js`"


@dataclass(frozen=True)
class ScoutSuite:
    """Reads Scout Suite's results; each flagged item of a rule is a finding, all that was checked is coverage."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of Scout Suite."""
        opening = reports.decode_head(head)
        if _START.match(opening):
            return True
        if opening.lstrip()[:1] != "{" or '"provider_code"' not in opening:
            return False
        return '"last_run"' in opening or '"ruleset_name"' in opening

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the resources each once, findings, and what each rule looked at."""
        document = _document(report)
        services = document.get("services")
        if not isinstance(services, dict):
            raise BadReport("holds no services", where=report.name, hint=_HINT)
        yield _run(document)
        yield from _Reading(document, services).records()


def _document(report: facts.Report) -> dict[str, Any]:
    data = _decoding.utf8(report.read())
    start = data.find(b"{")
    if start > 200 or start < 0:
        raise BadReport("holds no JSON", where=report.name, hint=_HINT)
    try:
        return _ANY.decode(data[start:].rstrip().removesuffix(b";"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _decoding.broken(report, error) from error


def _run(document: Mapping[str, Any]) -> RunSeen:
    last = mapping(document.get("last_run"))
    stamp = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", _naming.text(last.get("time")).strip())
    observed, assumed = _naming.moment(stamp)
    settings = (("provider", document.get("provider_code")), ("ruleset", last.get("ruleset_name")))
    return RunSeen(
        tool="scout suite",
        version=_naming.text(last.get("version")),
        scanner=_account(document),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=tuple((name, text) for name, value in settings if (text := _naming.text(value))),
    )


def _account(document: Mapping[str, Any]) -> str:
    found = (document.get("account_id"), document.get("project_id"), document.get("subscription_id"))
    return next((text for one in found if (text := _naming.text(one))), "")


class _Reading:
    """One report: the tree of resources, and the rules that point into it."""

    def __init__(self, document: Mapping[str, Any], services: Mapping[str, Any]) -> None:
        self.provider = _naming.text(document.get("provider_code")) or "aws"
        self.account = _account(document)
        self.services = services
        self.assets = _cloud_rows.Assets()
        self.coverage = _cloud_rows.Coverage("scout_suite")
        self.skipped: list[Skipped] = []
        self.findings: list[Finding] = []
        self.walked = 0

    def records(self) -> Iterator[Record]:
        for service, held in self.services.items():
            for name, rule in mapping(mapping(held).get("findings")).items():
                if isinstance(rule, dict):
                    self.rule(service, name, rule)
                else:
                    self.skipped.append(Skipped(f"services.{service}.findings.{name}", "is no rule with its items"))
        yield from self.assets.sightings()
        yield from self.findings
        yield from self.coverage.records()
        yield from self.skipped

    def rule(self, service: str, name: str, rule: Mapping[str, Any]) -> None:
        identifier = f"{self.provider}:{name}"
        items = _naming.texts(rule.get("items"))
        flagged = _naming.whole_number(rule.get("flagged_items"))
        if flagged > len(items):
            where = f"services.{service}.findings.{name}"
            self.skipped.append(Skipped(where, f"{flagged - len(items)} flagged items are counted but not named"))
        for item in items:
            found = self.resource(item.split("."))
            asset = self.see(found, service)
            if not found.whole_account:
                self.coverage.looked(asset, identifier)
            self.findings.append(_finding(asset, identifier, rule, item, found))
        self.checked(service, identifier, rule)

    def checked(self, service: str, identifier: str, rule: Mapping[str, Any]) -> None:
        """All that lies at the rule's path was looked at, if it is as many as the rule says it checked."""
        template = _naming.text(rule.get("path")).split(".")
        count = _naming.whole_number(rule.get("checked_items"))
        if not count or len(template) < 2 or self.walked > _MOST_RESOURCES:
            return
        places = list(self.places(self.services, template, ()))
        self.walked += len(places)
        if len(places) != count:
            return
        for place in places:
            found = self.resource(list(place))
            if not found.whole_account:
                self.coverage.looked(self.see(found, service), identifier)

    def places(self, node: Any, template: list[str], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Paths of all objects that a template names, `id` standing for any name; as far as the report shows."""
        if not template:
            yield above
            return
        if not isinstance(node, dict) or len(above) > 20:
            return
        names = list(node) if template[0] == "id" else [template[0]] if template[0] in node else []
        for name in names:
            yield from self.places(node[name], template[1:], (*above, name))

    def resource(self, parts: list[str]) -> Resource:
        """The deepest object on a path that has a name of its own; the account where there is none."""
        region = parts[parts.index("regions") + 1] if "regions" in parts[:-1] else ""
        node: Any = self.services
        best: Mapping[str, Any] | None = None
        for part in parts:
            if not isinstance(node, dict) or part not in node:
                break
            node = node[part]
            if isinstance(node, dict) and any(_naming.text(node.get(name)) for name in ("arn", "id", "name")):
                best = node
        uid = _uid(best, parts, self.provider) if best is not None else ""
        name = _naming.text(best.get("name")) if best is not None else ""
        return _cloud_rows.resource(uid, provider=self.provider, account=self.account, region=region, name=name)

    def see(self, found: Resource, service: str) -> str:
        attributes = (("provider", self.provider), ("cloud_service", service))
        return self.assets.see(_cloud_rows.sighting(found, attributes=attributes))


def _finding(asset: str, identifier: str, rule: Mapping[str, Any], item: str, found: Resource) -> Finding:
    standards = objects(rule.get("compliance"))
    tags = (f"{_naming.text(one.get('name'))} {_naming.text(one.get('reference'))}".strip() for one in standards)
    return Finding(
        asset=asset,
        rule=identifier,
        title=_naming.text(rule.get("description")) or identifier,
        severity=_LEVELS.get(_naming.text(rule.get("level")), "info"),
        weaknesses=(identifier,),
        kind="misconfiguration",
        resource=item if found.whole_account else f"{asset} {_setting(item, found)}".strip(),
        proof="configuration",
        description=_naming.text(rule.get("rationale")),
        solution=_naming.text(rule.get("remediation")),
        references=tuple(link for link in _naming.texts(rule.get("references")) if link.startswith("http")),
        evidence=item,
        tags=tuple(tag for tag in tags if tag),
    )


def _setting(item: str, found: Resource) -> str:
    """What of the resource is flagged: the path below it, without places in lists, which move."""
    parts = item.split(".")
    names = {value.rpartition("/")[2].rpartition(":")[2] for _kind, value in found.identifiers} | {found.name}
    below = next((place + 1 for place in range(len(parts) - 1, -1, -1) if parts[place] in names), len(parts) - 1)
    return ".".join(part for part in parts[below:] if re.fullmatch(r"[A-Za-z_]{2,60}|\d{2,5}(-\d+)?", part))


def _uid(node: Mapping[str, Any], parts: list[str], provider: str) -> str:
    """The cloud's own name of a resource, else service and name of it."""
    arn, number, name = (_naming.text(node.get(key)) for key in ("arn", "id", "name"))
    for known in (arn, number):
        if known.startswith(("arn:", "/subscriptions/")):
            return known
    if provider == "aws" and re.fullmatch(r"[a-z]{1,8}-[0-9a-f]{8,17}", number or name):
        return number or name
    if provider == "gcp" and name:
        return name
    return ":".join((parts[0], name or number)) if name or number else ""


PLUGIN = ScoutSuite()

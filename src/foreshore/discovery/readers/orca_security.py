"""Orca Security: alerts as its portal exports them (CSV, JSON) and as its interface answers (JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _hosts, _images, _naming
from foreshore.errors import BadReport
from foreshore.facts import AssetKind, ExposureKind, Finding, Record, RunSeen, Severity, Sighting, Skipped, Word

_COLUMNS = ("OrcaScore", "Title")
_SCORE = regex(r'"(OrcaScore|orca_score|orcaScore)"\s*:')
_ALSO = regex(r'"(Title|title|CloudAccount|alert_id|asset_unique_id|RiskLevel)"\s*:')
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

# Names of the same thing in the exports and in the interface; the first that says something wins.
_FIELDS: dict[str, tuple[str, ...]] = {
    "rule": ("alerttype", "ruleid", "type", "typekey"),
    "title": ("title", "typestring", "description"),
    "score": ("orcascore", "stateorcascore", "statescore", "score"),
    "level": ("risklevel", "staterisklevel", "stateseverity", "severity"),
    "category": ("category",),
    "name": ("inventoryname", "assetname", "source"),
    "asset": ("assetuniqueid", "inventoryassetuniqueid", "inventoryuniqueid", "inventoryid"),
    "kind": ("inventorytype", "assettype", "assettypestring", "inventorynewcategory"),
    "arn": ("inventoryarn", "assetarn", "arn", "inventorycloudvendorid", "assetvendorid"),
    "account": ("cloudaccountname", "accountname", "cloudaccountvendorid", "cloudvendorid"),
    "region": ("inventoryregion", "region", "assetregions"),
    "status": ("status", "statestatus"),
    "created": ("createdat", "statecreatedat"),
    "seen": ("lastseen", "statelastseen"),
    "description": ("details", "description"),
    "solution": ("recommendation", "remediation"),
    "labels": ("labels", "alertlabels"),
    "cves": ("cveids", "cves", "cvelist", "findingscve"),
    "closed": ("closedtime", "stateclosedtime", "closedat"),
}  # fmt: skip
_KINDS: dict[str, AssetKind] = {
    "vm": "host", "virtualmachine": "host", "awsecinstance": "host", "gcpvminstance": "host", "azurecomputevm": "host",
    "storage": "data_store", "awssbucket": "data_store", "database": "data_store", "bucket": "data_store",
    "image": "image", "containerimage": "image", "user": "identity", "role": "identity", "awsiamrole": "identity",
    "awsiamuser": "identity", "identity": "identity", "repository": "repository", "coderepository": "repository",
}  # fmt: skip
_LEVELS: dict[str, Severity] = {"imminent compromise": "critical", "compromised": "critical", "hazardous": "high"}
_WORDS: dict[str, Word] = {
    "closed": "fixed", "resolved": "fixed", "verified": "fixed", "dismissed": "suppressed", "snoozed": "suppressed",
}  # fmt: skip


@dataclass(frozen=True)
class Orca:
    """Reads Orca's alerts; each is a finding on its cloud resource."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins alerts of Orca."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            return bool(_SCORE.search(opening) and _ALSO.search(opening))
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each asset once, and one finding for each alert."""
        skipped: list[Skipped] = []
        if reports.decode_head(report.head).lstrip()[:1] in ("{", "["):
            rows = list(_alerts(report, skipped))
            stamps = [fields.get("seen", "") for _where, fields in rows]
            yield from _read(_images.run("orca security", stamps), iter(rows), skipped)
        else:
            stamps = sorted(csvrows.distinct(report, ("lastseen",), find=_COLUMNS))
            table = csvrows.table(report, find=_COLUMNS)
            lines = ((f"line {line}", _fields(row)) for line, row in table.rows)
            yield from _read(_images.run("orca security", stamps), lines, skipped)


def _read(run: RunSeen, rows: Iterator[tuple[str, dict[str, str]]], skipped: list[Skipped]) -> Iterator[Record]:
    yield run
    said: set[str] = set()
    for where, fields in rows:
        seen = _sighting(fields)
        if seen is None or not (fields.get("title") or fields.get("rule")):
            skipped.append(Skipped(where, "names no resource" if seen is None else "has no title"))
            continue
        if seen.key not in said:
            said.add(seen.key)
            yield seen
        yield _finding(seen.key, fields)
    yield from skipped


def _alerts(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, str]]]:
    for number, value in enumerate(_decoding.rows(report, _ANY, skipped.append)):
        if not isinstance(value, dict):
            skipped.append(Skipped(f"element [{number}]", "is no alert"))
            continue
        inner = next((value[name] for name in ("data", "alerts") if isinstance(value.get(name), list)), None)
        if inner is None and "status" in value and "version" in value and not _SCORE.search(json.dumps(value)):
            raise BadReport(
                "holds no alerts", where=report.name, hint="keep the whole answer of the interface, with its data"
            )
        for place, one in enumerate(inner if inner is not None else [value]):
            if isinstance(one, dict):
                yield f"alert {number + place}", _fields(_flat(one))
            else:
                skipped.append(Skipped(f"data[{place}]", "is no alert"))


def _flat(value: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """The texts of an alert under the names of its steps; what the interface wraps as a value is taken out."""
    found: dict[str, str] = {}
    for name, one in value.items():
        if isinstance(one, dict) and "value" in one:
            one = one["value"]
        key = prefix if name == "data" and isinstance(one, dict) else prefix + name
        if isinstance(one, dict) and depth < 3:
            found |= _flat(one, key, depth + 1)
        elif isinstance(one, list):
            found[key] = json.dumps(_naming.texts(one))
        elif text := _naming.text(one):
            found.setdefault(key, text)
    return found


def _fields(row: Mapping[str, str]) -> dict[str, str]:
    folded = {re.sub(r"[^a-z]", "", name.lower()): value for name, value in row.items() if value}
    found: dict[str, str] = {}
    for field, names in _FIELDS.items():
        if value := next((folded[name] for name in names if name in folded), ""):
            found[field] = value
    if found.get("rule") == "Alert":  # what the interface calls every row
        del found["rule"]
    return found


def _sighting(said: Mapping[str, str]) -> Sighting | None:
    name, unique, arn = said.get("name", ""), said.get("asset", ""), said.get("arn", "")
    account, region = said.get("account", ""), said.get("region", "")
    if not name and not unique and not arn:
        return None
    sort = said.get("kind", "")
    kind = _KINDS.get(re.sub(r"[^a-z]", "", sort.lower()))
    attributes = (("type", sort),)
    agent = _hosts.gather((("agent_id", f"orca:{unique}" if len(unique) > 5 else ""),))
    if arn.startswith(("arn:", "/subscriptions/", "//")) or re.fullmatch(r"i-[0-9a-f]{8,17}", arn):
        found = _cloud_rows.resource(arn, account=account, region=region, name=name)
        return _cloud_rows.sighting(found, kind=kind or found.kind, identifiers=agent, attributes=attributes)
    if kind == "image":
        return _images.image([name], [name.rpartition("@")[2]], attributes=(("account", account),))
    place = "/".join(part for part in (account, name or unique) if part)
    named = _naming.host_identifiers(name) if kind == "host" else ()
    return Sighting(
        key=f"orca {unique if agent else place}",
        name=name or unique,
        kind=kind or "cloud_resource",
        identifiers=_hosts.gather(agent, named) or (("artifact", place),),
        attributes=tuple(one for one in (("account", account), ("region", region), *attributes) if one[1]),
    )


def _finding(asset: str, said: Mapping[str, str]) -> Finding:
    title = said.get("title") or said["rule"]
    rule, category, status = said.get("rule") or title, said.get("category", ""), said.get("status", "").lower()
    weaknesses = _naming.public_ids(said.get("cves", ""), title)
    word = _WORDS.get(status, "open")
    tags = [f"category={category}"] if category else []
    tags += [f"status={status}"] if status and status != "open" else []
    return Finding(
        asset=asset,
        rule=rule,
        title=title,
        severity=_severity(said),
        weaknesses=weaknesses,
        kind=_kind(category, bool(weaknesses)),
        resource="" if weaknesses else said.get("name", ""),
        proof="unknown" if weaknesses else "configuration",
        word=word,
        description=said.get("description", ""),
        solution=said.get("solution", ""),
        first_seen=_naming.when(said.get("created")),
        fixed_at=_naming.when(said.get("closed")) if word == "fixed" else None,
        observed_at=_naming.when(said.get("seen")),
        tags=(*tags, *_labels(said.get("labels", ""))),
    )


def _severity(said: Mapping[str, str]) -> Severity:
    """Orca's own level where it is given, else the level that its score from 0 to 10 stands for."""
    level = said.get("level", "").lower()
    if level in _LEVELS:
        return _LEVELS[level]
    if level and _naming.is_severity(level):
        return _naming.severity(level)
    score = _naming.number(said.get("score"))
    return _naming.of_score(score) if score is not None and score >= 1 else "info"


def _kind(category: str, weak: bool) -> ExposureKind:
    if weak:
        return "vulnerability"
    folded = category.lower()
    if any(word in folded for word in ("malware", "malicious", "suspicious")):
        return "observation"
    return "vulnerability" if folded == "vulnerabilities" else "misconfiguration"


def _labels(text: str) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(one for one in _naming.texts(_decoding.within(text)) if one)) if text else ()
    except (ValueError, RecursionError):
        return tuple(dict.fromkeys(part for one in text.split(",") if (part := one.strip(' []"'))))


PLUGIN = Orca()

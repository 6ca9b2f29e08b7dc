"""Findings of Amazon Inspector as its interface gives them: packages, code, and ports reachable from outside.

Answers of `list-findings`, exports to S3, and events of EventBridge, as one document, a list, or one a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _asff_rows, _cloud_rows, _decoding, _hosts, _naming
from foreshore.discovery.readers._cloud_rows import Resource, mapping, objects
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped, Word

_SIGN = regex(r'"(findingArn|inspectorScore|packageVulnerabilityDetails|networkReachabilityDetails)"\s*:')
_TYPE = regex(
    r'"type"\s*:\s*"(PACKAGE_VULNERABILITY|CODE_VULNERABILITY|NETWORK_REACHABILITY)"|arn:aws[\w-]{0,20}:inspector2:'
)
_EMPTY = regex(r'\s*\{\s*"findings"\s*:\s*\[\s*\]\s*(,\s*"nextToken"\s*:\s*(null|"[^"]*")\s*)?\}\s*')
_WORDS: dict[str, Word] = {"SUPPRESSED": "suppressed", "CLOSED": "fixed"}
_HINT = "export with `aws inspector2 list-findings --output json` and keep the whole answer"


class _Document(msgspec.Struct, gc=False):
    findings: list[msgspec.Raw] | None = None
    detail: dict[str, msgspec.Raw] | None = None


_RAW: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
_DOCUMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
Row = Mapping[str, Any]


@dataclass(frozen=True)
class AwsInspector2:
    """Reads findings of Amazon Inspector; each vulnerable package, line of code or port range is a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins findings of Amazon Inspector."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if len(opening) < 4096 and _EMPTY.fullmatch(opening):
            return True
        return bool(_SIGN.search(opening) and _TYPE.search(opening)) and '"SchemaVersion"' not in opening

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the resources each once, and findings."""
        reading = _Reading()
        for where, row in _rows(report, reading.skipped):
            reading.row(where, row)
        observed, text, assumed = _hosts.latest(reading.times)
        yield RunSeen(
            tool="amazon inspector",
            scanner=", ".join(sorted(reading.accounts)[:20]),
            observed_at=observed,
            observed_text=text,
            zone_assumed=assumed,
        )
        yield from reading.assets.sightings()
        yield from reading.findings
        yield from reading.skipped


def _rows(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    good = False
    for number, raw in enumerate(_decoding.rows(report, _RAW, skipped.append)):
        try:
            document = _decoding.element(_DOCUMENT, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            skipped.append(Skipped(f"element {number}", _decoding.why(error)))
            continue
        good = good or document.findings is not None
        raws = document.findings
        if raws is None:
            raws = [raw if document.detail is None else msgspec.Raw(msgspec.json.encode(document.detail))]
        where = f"element {number}.findings"
        for place, row in enumerate(_decoding.each(_ROW, raws, where, skipped.append)):
            if "findingArn" in row or ("type" in row and "resources" in row):
                good = True
                yield f"{where}[{place}]", row
            else:
                skipped.append(Skipped(f"{where}[{place}]", "is no finding of the format"))
    if not good:
        raise BadReport("holds no list of findings of Amazon Inspector", where=report.name, hint=_HINT)


class _Reading:
    """The state of one reading: resources and findings."""

    def __init__(self) -> None:
        self.assets = _cloud_rows.Assets()
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []
        self.accounts: set[str] = set()
        self.times: set[str] = set()

    def row(self, where: str, row: Row) -> None:
        account = _naming.text(row.get("awsAccountId"))
        self.accounts.update((account,) if account else ())
        if stamp := _naming.text(row.get("updatedAt")):
            self.times.add(stamp)
        listed = objects(row.get("resources"))
        if not listed:
            self.skipped.append(Skipped(where, "names no resource"))
        for one in listed:
            found = _resource(one, account)
            self.assets.see(_sighting(row, one, found))
            self.findings.extend(_findings(row, one, found))


def _resource(one: Row, account: str) -> Resource:
    uid = _naming.text(one.get("id"))
    inner = mapping(mapping(one.get("details")).get("codeRepository"))
    if _naming.text(one.get("type")) == "CODE_REPOSITORY":
        shown = _naming.text(inner.get("projectName")) or uid or "unnamed repository"
        return Resource(f"project {uid}", shown, "repository", (("artifact", shown),), account)
    name = _naming.text(mapping(one.get("tags")).get("Name"))
    return _cloud_rows.resource(uid, account=account, region=_naming.text(one.get("region")), name=name)


def _details(one: Row) -> Row:
    """What is said of the resource, whatever its type."""
    return next((inner for inner in mapping(one.get("details")).values() if isinstance(inner, dict)), {})


def _sighting(row: Row, one: Row, found: Resource) -> Sighting:
    inner = _details(one)
    identifiers: list[tuple[str, str]] = []
    for name in ("ipV4Addresses", "ipV6Addresses"):
        identifiers.extend(("ip", value) for part in _cloud_rows.addresses(inner.get(name)) for value in part)
    if found.kind == "image":
        reference = next((value for name, value in found.identifiers if name == "image_ref"), "").partition("@")[0]
        identifiers.extend(("image_ref", f"{reference}:{tag}") for tag in _naming.texts(inner.get("imageTags")))
    platform = _naming.text(inner.get("platform"))
    wanted = ("vpcId", "subnetId", "imageId", "type", "runtime", "launchedAt", "repositoryName", "functionName")
    attributes = [("resource_type", _naming.text(one.get("type"))), ("platform", platform)]
    attributes.extend((name, _naming.text(inner.get(name))) for name in wanted)
    return _cloud_rows.sighting(
        found,
        identifiers=tuple(identifiers),
        os=_cloud_rows.os_name(platform) if found.kind in ("host", "image") else "",
        internet="yes" if _from_internet(row) else "unknown",
        tags=_cloud_rows.tags(one.get("tags")),
        attributes=tuple(attributes),
        observed_at=_naming.when(row.get("lastObservedAt")),
    )


def _from_internet(row: Row) -> bool:
    """A path with an internet gateway at an end is one from the internet; with a peering there it is not."""
    if _naming.text(row.get("status")) == "CLOSED":
        return False
    path = mapping(mapping(row.get("networkReachabilityDetails")).get("networkPath"))
    steps = [_naming.text(step.get("componentType")).lower() for step in objects(path.get("steps"))]
    return any("internetgateway" in step or "internet_gateway" in step for step in steps[:1] + steps[-1:])


def _findings(row: Row, one: Row, found: Resource) -> Iterator[Finding]:
    if details := mapping(row.get("packageVulnerabilityDetails")):
        yield from _packages(row, one, found, details)
    elif details := mapping(row.get("networkReachabilityDetails")):
        yield _reachable(row, found, details)
    elif details := mapping(row.get("codeVulnerabilityDetails")):
        yield _code(row, found, details)
    else:
        rule = _naming.text(row.get("type")) or "finding"
        yield Finding(rule=rule, resource=found.key, kind="misconfiguration", **_shared(row, found))


def _packages(row: Row, one: Row, found: Resource, details: Row) -> Iterator[Finding]:
    identifier = _naming.text(details.get("vulnerabilityId")) or _naming.text(row.get("title")) or "unknown"
    vector, score = _cvss(row, objects(details.get("cvss")))
    epss = _naming.number(mapping(row.get("epss")).get("score"))
    platform = _naming.text(_details(one).get("platform"))
    links = [_naming.text(details.get("sourceUrl")), *_naming.texts(details.get("referenceUrls"))]
    shared = _shared(row, found) | {"references": tuple(dict.fromkeys(link for link in links if link))}
    for package in objects(details.get("vulnerablePackages")) or [{}]:
        name = _naming.text(package.get("name"))
        fix = _naming.text(package.get("remediation"))
        yield Finding(
            rule=identifier,
            weaknesses=_asff_rows.names(identifier, _naming.texts(details.get("relatedVulnerabilities"))),
            component=_cloud_rows.package(_naming.text(package.get("packageManager")), platform, name),
            component_name=name,
            version=_cloud_rows.full_version(
                _naming.text(package.get("version")), _naming.text(package.get("release")), package.get("epoch")
            ),
            fixed_version=_cloud_rows.fixed_version(_naming.text(package.get("fixedInVersion"))),
            fix=identifier if re.fullmatch(r"KB\d+", identifier) else "",
            path=_naming.text(package.get("filePath")),
            cvss_vector=vector,
            cvss_score=score,
            epss=epss if epss is not None and 0 <= epss <= 1 else None,
            proof="package" if name else "unknown",
            **shared | ({"solution": fix} if fix else {}),
        )


def _cvss(row: Row, listed: list[dict[str, Any]]) -> tuple[str, float | None]:
    """The published base score, version 3 before 4 and 2; else the one that Inspector adjusted."""
    for start in ("3", "4", "2"):
        for one in listed:
            if _naming.text(one.get("version")).startswith(start):
                return _naming.text(one.get("scoringVector")), _naming.score(one.get("baseScore"))
    adjusted = mapping(mapping(row.get("inspectorScoreDetails")).get("adjustedCvss"))
    score = _naming.score(adjusted.get("score")) or _naming.score(row.get("inspectorScore"))
    return _naming.text(adjusted.get("scoringVector")), score


def _reachable(row: Row, found: Resource, details: Row) -> Finding:
    """A port, or a range of them, that can be reached; what listens there is not known."""
    span = mapping(details.get("openPortRange"))
    first, last = _naming.port(span.get("begin")), _naming.port(span.get("end"))
    protocol = _naming.text(details.get("protocol")).lower() or "tcp"
    single = first if first and first == last else 0
    steps = objects(mapping(details.get("networkPath")).get("steps"))
    shown = [f"{_naming.text(step.get('componentType'))} {_naming.text(step.get('componentId'))}" for step in steps]
    return Finding(
        rule="NETWORK_REACHABILITY",
        weaknesses=("NETWORK_REACHABILITY",),
        kind="misconfiguration",
        port=single,
        protocol=protocol,
        resource="" if single else f"{protocol}/{first}-{last}",
        proof="configuration",
        evidence=" -> ".join(step.strip() for step in shown),
        **_shared(row, found),
    )


def _code(row: Row, found: Resource, details: Row) -> Finding:
    place = mapping(details.get("filePath"))
    rule = _naming.text(details.get("ruleId")) or _naming.text(details.get("detectorId")) or "code"
    secret = "secret" in rule.lower() or "hardcoded-credentials" in rule.lower()
    shared = _shared(row, found) | {
        "references": tuple(_naming.texts(details.get("referenceUrls"))),
        "tags": tuple(_naming.texts(details.get("detectorTags"))),
    }
    return Finding(
        rule=rule,
        weaknesses=(rule,),
        kind="secret" if secret else "code",
        path=_naming.text(place.get("filePath")) or _naming.text(place.get("fileName")),
        line=max(_naming.whole_number(place.get("startLine")), 0),
        cwes=_naming.cwes(details.get("cwes") or row.get("cwes") or ()),
        **shared,
    )


def _shared(row: Row, found: Resource) -> dict[str, Any]:
    """Fields that all findings of a row have in common."""
    advice = mapping(mapping(row.get("remediation")).get("recommendation"))
    text = _naming.text(advice.get("text"))
    url = _naming.text(advice.get("Url")) or _naming.text(advice.get("url"))
    status = _naming.text(row.get("status")).upper()
    exploit = _naming.text(row.get("exploitAvailable"))
    return {
        "asset": found.key,
        "title": _naming.text(row.get("title")) or _naming.text(row.get("type")) or "finding",
        "severity": _naming.severity(row.get("severity")),
        "word": _WORDS.get(status, "open"),
        "description": _naming.text(row.get("description")),
        "solution": "" if text == "None Provided" else text,
        "references": (url,) if url.startswith("http") else (),
        "first_seen": _naming.when(row.get("firstObservedAt")),
        "fixed_at": _naming.when(row.get("updatedAt")) if status == "CLOSED" else None,
        "observed_at": _naming.when(row.get("lastObservedAt")),
        "tags": (f"exploit_available={exploit.lower()}",) if exploit else (),
    }


PLUGIN = AwsInspector2()

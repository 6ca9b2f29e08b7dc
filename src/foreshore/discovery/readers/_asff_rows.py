"""One finding in the AWS Security Finding Format: its rule, its word, its resources, its weaknesses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _naming
from foreshore.discovery.readers._cloud_rows import Resource, mapping, objects
from foreshore.facts import AssetKind, ExposureKind, Finding, Severity, Sighting, Word

Row = Mapping[str, Any]

# Types of findings that tell of something that happened, not of something that is open
_EVENTS = ("TTPs/", "Effects/", "Unusual Behaviors/", "Sensitive Data Identifications/")
_BY_TYPE = ("guardduty", "macie", "access-analyzer", "detective", "awsinspector")
_PORTS = regex(
    r"^(?:On instance \S{1,80}, )?(?:\w{1,20} )?ports? (?:range )?(\d{1,5})(?: ?- ?(\d{1,5}))? (?:is|are) reachable",
    re.IGNORECASE,
)
_PROTOCOL = regex(r"\b(TCP|UDP)\b")
_KINDS: dict[str, AssetKind] = {
    "AwsEc2Instance": "host", "AwsIamUser": "identity", "AwsIamRole": "identity", "AwsIamGroup": "identity",
    "AwsIamAccessKey": "identity", "AwsEcrContainerImage": "image", "AwsS3Bucket": "data_store",
    "AwsRdsDbInstance": "data_store", "AwsRdsDbCluster": "data_store", "AwsDynamoDbTable": "data_store",
    "CodeRepository": "repository",
}  # fmt: skip


def product(row: Row) -> str:
    """The product that made the finding, in lower case: `inspector`, `guardduty`, `securityhub`, `prowler`."""
    named = _naming.text(row.get("ProductArn")).rpartition("/")[2] or _naming.text(row.get("ProductName"))
    return named.lower()


def types(row: Row) -> list[str]:
    """Its types, those of the product where Security Hub was given none."""
    return _naming.texts(row.get("Types")) or _naming.texts(mapping(row.get("FindingProviderFields")).get("Types"))


def rule(row: Row) -> str:
    """The stable identifier of the check, whatever the standard it was made for; '' where there is none."""
    generator = _naming.text(row.get("GeneratorId"))
    compliance, fields = mapping(row.get("Compliance")), mapping(row.get("ProductFields"))
    if control := _naming.text(compliance.get("SecurityControlId")) or _naming.text(fields.get("ControlId")):
        return control
    if generator.startswith("security-control/"):
        return generator.removeprefix("security-control/")
    if product(row) == "prowler":
        return generator.removeprefix("prowler-")
    kinds = types(row)
    if any(kind.endswith("/Network Reachability") for kind in kinds):
        return "NETWORK_REACHABILITY"
    if kinds and (not generator or any(name in generator.lower() or name in product(row) for name in _BY_TYPE)):
        return kinds[0]
    return generator or next(iter(kinds), "") or _naming.text(row.get("Title"))


def status(row: Row) -> str:
    """The outcome of a check: PASSED, FAILED, WARNING, NOT_AVAILABLE; '' for what is no check."""
    return _naming.text(mapping(row.get("Compliance")).get("Status")).upper()


def word(row: Row) -> Word:
    """What the source says of it: archived and resolved is fixed, suppressed is suppressed."""
    workflow = _naming.text(mapping(row.get("Workflow")).get("Status")) or _naming.text(row.get("WorkflowState"))
    if workflow.upper() == "SUPPRESSED":
        return "suppressed"
    archived = _naming.text(row.get("RecordState")).upper() == "ARCHIVED"
    return "fixed" if archived or workflow.upper() == "RESOLVED" else "open"


def severity(row: Row) -> Severity:
    """The label, else the normalised number in the steps that the format gives."""
    found = mapping(row.get("Severity"))
    label = found.get("Label") or mapping(mapping(row.get("FindingProviderFields")).get("Severity")).get("Label")
    if label:
        return _naming.severity(label)
    number = _naming.number(found.get("Normalized"))
    if number is None or number < 40:
        return "low" if number else "info"
    return _naming.of_score(number / 10)


# -- resources ----------------------------------------------------------------------------------


def resource(row: Row, one: Row) -> Resource:
    """The resource `one` of the finding; the account itself where it names none."""
    account = _naming.text(row.get("AwsAccountId"))
    region = _naming.text(one.get("Region")) or _naming.text(row.get("Region"))
    name = _naming.text(mapping(one.get("Tags")).get("Name"))
    return _cloud_rows.resource(_naming.text(one.get("Id")), account=account, region=region, name=name)


def sighting(row: Row, one: Row, found: Resource) -> Sighting:
    """What the finding says of its resource."""
    kind = _naming.text(one.get("Type"))
    inner = mapping(mapping(one.get("Details")).get(kind))
    wanted = ("VpcId", "SubnetId", "ImageId", "Type", "LaunchedAt", "Runtime", "Engine", "Architecture")
    attributes = [("resource_type", kind), ("platform", platform(row))]
    attributes.extend((name, _naming.text(inner.get(name))) for name in wanted)
    extra: dict[str, Any] = {"kind": _KINDS[kind]} if kind in _KINDS and not found.whole_account else {}
    return _cloud_rows.sighting(
        found,
        identifiers=_identifiers(inner, found),
        os=_cloud_rows.os_name(platform(row)) if found.kind in ("host", "image") else "",
        internet="yes" if _is_public(inner) or _reached_from_internet(row) else "unknown",
        tags=_cloud_rows.tags(one.get("Tags")),
        attributes=tuple(attributes),
        observed_at=_naming.when(row.get("UpdatedAt")),
        **extra,
    )


def _identifiers(inner: Row, found: Resource) -> tuple[tuple[str, str], ...]:
    """Addresses and names that the details of a resource state."""
    identifiers: list[tuple[str, str]] = []
    for name in ("IpV4Addresses", "IpV6Addresses"):
        identifiers.extend(("ip", address) for part in _cloud_rows.addresses(inner.get(name)) for address in part)
    for name in ("PrivateDnsName", "DNSName"):
        if text := _naming.text(inner.get(name)):
            identifiers.extend(_naming.host_identifiers(text))
    if found.kind == "image":
        reference = next((value for name, value in found.identifiers if name == "image_ref"), "").partition("@")[0]
        tagged = _naming.texts(inner.get("ImageTags")) if reference else []
        identifiers.extend(("image_ref", f"{reference}:{tag}") for tag in tagged)
    return tuple(identifiers)


def _is_public(inner: Row) -> bool:
    return inner.get("PubliclyAccessible") is True or _naming.text(inner.get("Scheme")) == "internet-facing"


def _reached_from_internet(row: Row) -> bool:
    title = _naming.text(row.get("Title"))
    gate = "internet gateway" in title.lower() or "from the internet" in title.lower()
    return gate and bool(_PORTS.match(title)) and word(row) != "fixed"


def platform(row: Row) -> str:
    """The platform of the first resource as Inspector names it: `AMAZON_LINUX_2`."""
    fields = mapping(row.get("ProductFields"))
    return next((_naming.text(value) for name, value in fields.items() if name.endswith("Details/platform")), "")


# -- findings -----------------------------------------------------------------------------------


def findings(row: Row, found: Resource) -> Iterator[Finding]:
    """The findings of one row on one resource: one for each package of each vulnerability, else one."""
    listed = objects(row.get("Vulnerabilities"))
    for one in listed:
        yield from _vulnerable(row, found, one)
    if not listed:
        yield _plain(row, found)


def _plain(row: Row, found: Resource) -> Finding:
    name = rule(row)
    event = any(kind.startswith(_EVENTS) for kind in types(row)) or product(row) == "guardduty"
    undecided = status(row) in ("WARNING", "INFOED")
    kind: ExposureKind = "observation" if event or undecided else "misconfiguration"
    title = _naming.text(row.get("Title")) or name
    port, protocol, ports = _port(title)
    where = f"{found.key} {found.region}" if found.whole_account and found.region else found.key
    return Finding(
        rule=name,
        title=title,
        severity="info" if undecided else severity(row),
        weaknesses=_naming.weakness(name),
        kind=kind,
        port=port,
        protocol=protocol,
        resource="" if port else ports or where,
        proof="unknown" if event else "configuration",
        **_shared(row, found),
    )


def _port(title: str) -> tuple[int, str, str]:
    """(port, protocol, range) of a finding about reachability; a range has no single port."""
    found = _PORTS.match(title)
    if not found:
        return 0, "", ""
    first, last = _naming.port(found.group(1)), _naming.port(found.group(2))
    said = _PROTOCOL.search(title)
    protocol = said.group(1).lower() if said else "tcp"
    if not last or last == first:
        return first, protocol, ""
    return 0, protocol, f"{protocol}/{first}-{last}"


def _vulnerable(row: Row, found: Resource, one: Row) -> Iterator[Finding]:
    identifier = _naming.text(one.get("Id")) or rule(row)
    vector, score = _cvss(objects(one.get("Cvss")))
    epss = _naming.number(one.get("EpssScore") or row.get("EpssScore"))
    vendor = mapping(one.get("Vendor"))
    links = [_naming.text(vendor.get("Url")), *_naming.texts(one.get("ReferenceUrls"))]
    shared = _shared(row, found)
    shared["references"] = tuple(dict.fromkeys((*(link for link in links if link), *shared["references"])))
    for package in objects(one.get("VulnerablePackages")) or [{}]:
        name = _naming.text(package.get("Name"))
        fix = _naming.text(package.get("Remediation"))
        yield Finding(
            rule=identifier,
            title=_naming.text(row.get("Title")) or identifier,
            severity=severity(row),
            weaknesses=names(identifier, _naming.texts(one.get("RelatedVulnerabilities"))),
            component=_cloud_rows.package(_naming.text(package.get("PackageManager")), platform(row), name),
            component_name=name,
            version=_cloud_rows.full_version(
                _naming.text(package.get("Version")), _naming.text(package.get("Release")), package.get("Epoch")
            ),
            fixed_version=_cloud_rows.fixed_version(_naming.text(package.get("FixedInVersion"))),
            fix=identifier if re.fullmatch(r"KB\d+", identifier) else "",
            path=_naming.text(package.get("FilePath")),
            cvss_vector=vector,
            cvss_score=score,
            epss=epss if epss is not None and 0 <= epss <= 1 else None,
            proof="package" if name else "unknown",
            **shared | ({"solution": fix} if fix else {}),
        )


def names(identifier: str, related: list[str]) -> tuple[str, ...]:
    """The weaknesses of a CVE, an advisory or an update: of the latter two the CVEs that they stand for."""
    own = _naming.public_ids(identifier)
    if any(name.startswith("CVE-") for name in own):
        return own
    return _naming.public_ids(identifier, *related) or _naming.weakness(identifier)


def _cvss(listed: list[dict[str, Any]]) -> tuple[str, float | None]:
    """The vector and score of the newest version 3, else 4, else 2."""
    for start in ("3.1", "3", "4", "2"):
        for one in listed:
            if _naming.text(one.get("Version")).startswith(start):
                return _naming.text(one.get("BaseVector")), _naming.score(one.get("BaseScore"))
    return "", None


def _shared(row: Row, found: Resource) -> dict[str, Any]:
    """Fields that all findings of a row have in common."""
    advice = mapping(mapping(row.get("Remediation")).get("Recommendation"))
    text, url = _naming.text(advice.get("Text")), _naming.text(advice.get("Url"))
    links = (url, _naming.text(row.get("SourceUrl")))
    said = word(row)
    reasons = objects(mapping(row.get("Compliance")).get("StatusReasons"))
    tags = (("product", product(row)), ("type", next(iter(types(row)), "")))
    return {
        "asset": found.key,
        "word": said,
        "description": _naming.text(row.get("Description")),
        "solution": "" if text == "None Provided" else text,
        "references": tuple(dict.fromkeys(link for link in links if link.startswith("http"))),
        "evidence": "\n".join(_naming.text(one.get("Description")) for one in reasons if one.get("Description")),
        "first_seen": _naming.when(row.get("FirstObservedAt")),
        "fixed_at": _naming.when(row.get("UpdatedAt")) if said == "fixed" else None,
        "observed_at": _seen(row),
        "tags": tuple(f"{name}={value}" for name, value in tags if value),
    }


def _seen(row: Row) -> Any:
    """When it was last seen, never after the row itself was written."""
    last, written = _naming.when(row.get("LastObservedAt")), _naming.when(row.get("UpdatedAt"))
    return min(last, written) if last is not None and written is not None else last or written

"""One row of Prowler's results, whatever version and form it was written in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.facts import Skipped


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A check that was made on one resource."""

    where: str
    provider: str
    check: str
    status: str  # FAIL, PASS, MANUAL, INFO, ...
    title: str = ""
    message: str = ""
    severity: str = ""
    muted: bool = False
    resource: str = ""
    name: str = ""
    type: str = ""
    service: str = ""
    region: str = ""
    account: str = ""
    account_name: str = ""
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    description: str = ""
    risk: str = ""
    remediation: str = ""
    references: tuple[str, ...] = ()
    timestamp: str = ""
    version: str = ""


_ANY: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_OLD_CHECK = regex(r"^\[(\w+)\]\s*(.*)$", re.DOTALL)


def rows(report: facts.Report, skip: Callable[[Skipped], None]) -> Iterator[Row]:
    """Yield the rows of any form; what has no check is handed to `skip`."""
    opening = reports.decode_head(report.head).lstrip()
    if opening[:1] in ("{", "["):
        for number, document in enumerate(_decoding.rows(report, _ANY, skip), 1):
            where = f"result {number}"
            found = _of_json(where, document)
            yield from _checked(found, where, skip)
        return
    for line, cells in csvrows.table(report, fold=True).rows:
        where = f"line {line}"
        yield from _checked([_of_csv(where, cells)], where, skip)


def _checked(found: list[Row], where: str, skip: Callable[[Skipped], None]) -> Iterator[Row]:
    for row in found:
        if row.check:
            yield row
        else:
            skip(Skipped(where, "names no check"))


def _of_csv(where: str, cells: Mapping[str, str]) -> Row:
    if "check_result" in cells:
        return _old(
            where, title=cells.get("title_text", ""), number=cells.get("title_id", ""),
            status=cells["check_result"], message=cells.get("check_result_extended", ""),
            severity=cells.get("check_severity", ""), service=cells.get("check_servicename", ""),
            region=cells.get("region", ""), account=cells.get("account_num", ""),
            risk=cells.get("check_risk", ""), remediation=cells.get("check_remediation", ""),
            link=cells.get("check_doc", ""), type=cells.get("check_asff_resource_type", ""),
            resource=cells.get("resource_id", ""), timestamp=cells.get("timestamp", ""),
        )  # fmt: skip

    def cell(*names: str) -> str:
        return next((cells[name] for name in names if cells.get(name)), "")

    links = (
        cell("remediation_recommendation_url"),
        cell("related_url"),
        *cell("additional_urls").split(" | "),
    )
    return Row(
        where=where,
        provider=cell("provider") or "aws",
        check=cell("check_id"),
        status=cell("status").upper(),
        title=cell("check_title"),
        message=cell("status_extended"),
        severity=cell("severity"),
        muted=cell("muted").lower() == "true",
        resource=_shown(cell("resource_arn") or cell("resource_uid", "resource_id")),
        name=cell("resource_name", "resource_id"),
        type=cell("resource_type"),
        service=cell("service_name"),
        region=cell("region", "location"),
        account=cell("account_uid", "account_id", "subscription_id", "subscription", "project_id", "tenant_id"),
        account_name=cell("account_name"),
        tags=_pairs(cell("resource_tags")),
        categories=_words(cell("categories")),
        description=cell("description"),
        risk=cell("risk"),
        remediation=cell("remediation_recommendation_text"),
        references=tuple(dict.fromkeys(link.strip() for link in links if link.strip())),
        timestamp=cell("timestamp", "assessment_start_time"),
        version=cell("prowler_version"),
    )


def _of_json(where: str, one: Mapping[str, Any]) -> list[Row]:
    if "Control" in one or "Control ID" in one:
        text = {name: _naming.text(value) for name, value in one.items()}
        return [
            _old(
                where,
                title=text.get("Control", ""),
                number=text.get("Control ID", ""),
                status=text.get("Status", ""),
                message=text.get("Message", ""),
                severity=text.get("Severity", ""),
                service=text.get("Service", ""),
                region=text.get("Region", ""),
                account=text.get("Account Number", ""),
                risk=text.get("Risk", ""),
                remediation=text.get("Remediation", ""),
                link=text.get("Doc link", ""),
                type="",
                resource=text.get("Resource ID", ""),
                timestamp=text.get("Timestamp", ""),
            )
        ]
    if "CheckID" in one:
        return [_third(where, one)]
    return _ocsf(where, one)


def _old(
    where: str,
    *,
    title: str,
    number: str,
    status: str,
    message: str,
    resource: str,
    account: str,
    link: str,
    **rest: str,
) -> Row:
    """A row of version 2, whose check stands in brackets before its title."""
    named = _OLD_CHECK.match(title)
    # Version 2 gives short names of resources, unique only within account, region and service.
    unique = ":".join((rest.get("service", ""), rest.get("region", ""), resource)) if resource else ""
    if resource.startswith("arn:"):
        unique = resource
    return Row(
        where=where,
        provider="aws",
        check=named.group(1) if named else number,
        title=named.group(2) if named else title,
        status=status.upper(),
        message=message,
        resource=unique,
        name=resource,
        account=account,
        references=(link,) if link else (),
        **rest,  # type: ignore[arg-type]
    )


def _third(where: str, one: Mapping[str, Any]) -> Row:
    def text(name: str) -> str:
        return _naming.text(one.get(name))

    fix = _mapping(_mapping(one.get("Remediation")).get("Recommendation"))
    links = (_naming.text(fix.get("Url")), text("RelatedUrl"))
    return Row(
        where=where,
        provider=text("Provider") or "aws",
        check=text("CheckID"),
        status=text("Status").upper(),
        title=text("CheckTitle"),
        message=text("StatusExtended"),
        severity=text("Severity"),
        muted=one.get("Muted") is True,
        resource=_shown(text("ResourceArn") or text("ResourceId")),
        name=text("ResourceName") or text("ResourceId"),
        type=text("ResourceType"),
        service=text("ServiceName"),
        region=text("Region") or text("Location"),
        account=text("AccountId") or text("Subscription") or text("ProjectId"),
        tags=_pairs(one.get("ResourceTags")),
        categories=tuple(_naming.texts(one.get("Categories"))),
        description=text("Description"),
        risk=text("Risk"),
        remediation=_naming.text(fix.get("Text")),
        references=tuple(dict.fromkeys(link for link in links if link)),
        timestamp=text("AssessmentStartTime"),
    )


def _ocsf(where: str, one: Mapping[str, Any]) -> list[Row]:
    """A detection finding of OCSF, one row for each of its resources (Prowler writes one)."""
    about, info = _mapping(one.get("metadata")), _mapping(one.get("finding_info"))
    cloud, fix = _mapping(one.get("cloud")), _mapping(one.get("remediation"))
    account, extra = _mapping(cloud.get("account")), _mapping(one.get("unmapped"))
    links = [link for link in _naming.texts(fix.get("references")) if link.startswith("http")]
    categories = extra.get("categories")
    found = []
    listed = one.get("resources")
    for resource in [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else [{}]:
        group = _mapping(resource.get("group"))
        found.append(
            Row(
                where=where,
                provider=_naming.text(cloud.get("provider")) or _provider(resource),
                check=_naming.text(about.get("event_code")),
                status=_naming.text(one.get("status_code")).upper(),
                title=_naming.text(info.get("title")),
                message=_naming.text(one.get("status_detail")) or _naming.text(one.get("message")),
                severity=_naming.text(one.get("severity")),
                muted=one.get("status") == "Suppressed",
                resource=_shown(_naming.text(resource.get("uid"))),
                name=_naming.text(resource.get("name")),
                type=_naming.text(resource.get("type")),
                service=_naming.text(group.get("name")),
                region=_naming.text(resource.get("region")) or _naming.text(cloud.get("region")),
                account=_naming.text(account.get("uid")) or _naming.text(about.get("tenant_uid")),
                account_name=_naming.text(account.get("name")),
                tags=_pairs(resource.get("labels")),
                categories=tuple(_naming.texts(categories)) or _words(_naming.text(categories)),
                description=_naming.text(info.get("desc")),
                risk=_naming.text(one.get("risk_details")),
                remediation=_naming.text(fix.get("desc")),
                references=tuple(dict.fromkeys(links)),
                timestamp=_stamp(one, info),
                version=_naming.text(_mapping(about.get("product")).get("version")),
            )
        )
    return found


def _stamp(one: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """When the check was made, under the names of several versions of the format."""
    known = (one.get("time_dt"), info.get("created_time_dt"), one.get("event_time"), one.get("time"))
    return next((text for value in known if (text := _naming.text(value))), "")


def _provider(resource: Mapping[str, Any]) -> str:
    return "kubernetes" if "namespace" in resource or "Kubernetes" in _naming.text(resource.get("type")) else "cloud"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(value: str) -> str:
    return value.strip()


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in re.split(r"[|,]", value) if word.strip())


def _pairs(value: Any) -> tuple[str, ...]:
    """Tags as `key=value`, from a mapping, a list of them or of `key:value`, or text with bars between."""
    found: list[str] = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and "Key" in one:
            found.append(f"{_naming.text(one['Key'])}={_naming.text(one.get('Value'))}")
        elif isinstance(one, dict):
            found.extend(f"{key}={_naming.text(text)}" for key, text in one.items())
        else:
            parts = (part.strip() for part in _naming.text(one).split(" | "))
            found.extend(part if "=" in part else part.replace(":", "=", 1) for part in parts if part)
    return tuple(found)

"""Prowler: checks of cloud resources, as OCSF JSON and as CSV with semicolons."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from foreshore.estate import catalogue
from foreshore.estate.model import CloudResource

VERSION = "5.4.0"
_SEVERITY_ID = {"low": 2, "medium": 3, "high": 4, "critical": 5}


@dataclass(frozen=True)
class Check:
    """One check: what it looks for, how bad a failure is, and what to do."""

    title: str
    severity: str
    service: str
    passes: str
    fails: str
    remedy: str


@cache
def checks() -> dict[str, Check]:
    """The checks by name."""
    return {row.pop("check"): Check(**row) for row in catalogue.rows("checks.csv")}


_TYPES = {
    "bucket": "AwsS3Bucket", "instance": "AwsEc2Instance", "security-group": "AwsEc2SecurityGroup",
    "user": "AwsIamUser", "database": "AwsRdsDbInstance", "account": "AwsIamUser",
}  # fmt: skip
_COLUMNS = (
    "AUTH_METHOD", "TIMESTAMP", "ACCOUNT_UID", "ACCOUNT_NAME", "ACCOUNT_EMAIL",
    "ACCOUNT_ORGANIZATION_UID", "ACCOUNT_ORGANIZATION_NAME", "ACCOUNT_TAGS", "FINDING_UID", "PROVIDER",
    "CHECK_ID", "CHECK_TITLE", "CHECK_TYPE", "STATUS", "STATUS_EXTENDED", "MUTED", "SERVICE_NAME",
    "SUBSERVICE_NAME", "SEVERITY", "RESOURCE_TYPE", "RESOURCE_UID", "RESOURCE_NAME", "RESOURCE_DETAILS",
    "RESOURCE_TAGS", "PARTITION", "REGION", "DESCRIPTION", "RISK", "RELATED_URL",
    "REMEDIATION_RECOMMENDATION_TEXT", "REMEDIATION_RECOMMENDATION_URL", "REMEDIATION_CODE_NATIVEIAC",
    "REMEDIATION_CODE_TERRAFORM", "REMEDIATION_CODE_CLI", "REMEDIATION_CODE_OTHER", "COMPLIANCE",
    "CATEGORIES", "DEPENDS_ON", "RELATED_TO", "NOTES", "PROWLER_VERSION",
)  # fmt: skip


def _results(resources: Iterable[CloudResource]) -> Iterator[tuple[CloudResource, str, bool]]:
    for resource in resources:
        for name in resource.failed:
            yield resource, name, False
        for name in resource.passed:
            yield resource, name, True


def _identifier(resource: CloudResource, name: str) -> str:
    return f"prowler-aws-{name}-{resource.account}-{resource.region}-{resource.name}"


def _detail(resource: CloudResource, check: Check, passed: bool) -> str:
    return f"{resource.kind.capitalize()} {resource.name} {check.passes if passed else check.fails}."


def write_ocsf(path: Path, resources: Iterable[CloudResource], when: datetime) -> tuple[int, int]:
    """Write OCSF JSON of checks made at `when` (UTC); return how many failed and how many passed."""
    rows = [_ocsf(resource, name, passed, when) for resource, name, passed in _results(resources)]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8", newline="\n")
    failed = sum(row["status_code"] == "FAIL" for row in rows)
    return failed, len(rows) - failed


def _ocsf(resource: CloudResource, name: str, passed: bool, when: datetime) -> dict[str, object]:
    check = checks()[name]
    stamp = int(when.replace(tzinfo=UTC).timestamp())
    text = when.strftime("%Y-%m-%dT%H:%M:%S")
    detail = _detail(resource, check, passed)
    return {
        "message": detail,
        "metadata": {
            "event_code": name,
            "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": VERSION},
            "profiles": ["cloud", "datetime"],
            "tenant_uid": "",
            "version": "1.4.0",
        },
        "severity_id": _SEVERITY_ID[check.severity],
        "severity": check.severity.capitalize(),
        "status": "New",
        "status_code": "PASS" if passed else "FAIL",
        "status_detail": detail,
        "status_id": 1,
        "unmapped": {"related_url": "", "categories": [], "depends_on": [], "related_to": [], "notes": "",
                     "compliance": {}},
        "activity_name": "Create",
        "activity_id": 1,
        "finding_info": {
            "created_time": stamp,
            "created_time_dt": text,
            "desc": check.title,
            "product_uid": "prowler",
            "title": check.title,
            "types": ["Software and Configuration Checks"],
            "uid": _identifier(resource, name),
        },
        "resources": [_resource(resource, check)],
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Detection Finding",
        "class_uid": 2004,
        "cloud": _cloud(resource),
        "remediation": {"desc": check.remedy, "references": []},
        "risk_details": check.fails.capitalize() + ".",
        "time": stamp,
        "time_dt": text,
        "type_uid": 200401,
        "type_name": "Detection Finding: Create",
    }  # fmt: skip


def _resource(resource: CloudResource, check: Check) -> dict[str, object]:
    metadata = {"arn": resource.arn, "name": resource.name, "region": resource.region}
    return {
        "cloud_partition": "aws", "region": resource.region, "data": {"details": "", "metadata": metadata},
        "group": {"name": check.service}, "labels": [tag.replace("=", ":") for tag in resource.tags],
        "name": resource.name, "type": _TYPES[resource.kind], "uid": resource.arn,
    }  # fmt: skip


def _cloud(resource: CloudResource) -> dict[str, object]:
    account = {"name": "", "type": "AWS Account", "type_id": 10, "uid": resource.account, "labels": []}
    return {"account": account, "org": {"name": "", "uid": ""}, "provider": "aws", "region": resource.region}


def write_csv(path: Path, resources: Iterable[CloudResource], when: datetime) -> tuple[int, int]:
    """Write the CSV of checks made at `when` (UTC); return how many failed and how many passed."""
    counts = [0, 0]
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, _COLUMNS, delimiter=";", restval="", lineterminator="\n")
        table.writeheader()
        for resource, name, passed in _results(resources):
            counts[passed] += 1
            table.writerow(_row(resource, name, passed, when))
    return counts[0], counts[1]


def _row(resource: CloudResource, name: str, passed: bool, when: datetime) -> dict[str, str]:
    check = checks()[name]
    return {
        "AUTH_METHOD": "profile: default",
        "TIMESTAMP": f"{when:%Y-%m-%d %H:%M:%S}.000000",
        "ACCOUNT_UID": resource.account,
        "FINDING_UID": _identifier(resource, name),
        "PROVIDER": "aws",
        "CHECK_ID": name,
        "CHECK_TITLE": check.title,
        "CHECK_TYPE": "Software and Configuration Checks",
        "STATUS": "PASS" if passed else "FAIL",
        "STATUS_EXTENDED": _detail(resource, check, passed),
        "MUTED": "False",
        "SERVICE_NAME": check.service,
        "SEVERITY": check.severity,
        "RESOURCE_TYPE": _TYPES[resource.kind],
        "RESOURCE_UID": resource.arn,
        "RESOURCE_NAME": resource.name,
        "RESOURCE_TAGS": " | ".join(resource.tags),
        "PARTITION": "aws",
        "REGION": resource.region,
        "DESCRIPTION": check.title,
        "RISK": check.fails.capitalize() + ".",
        "REMEDIATION_RECOMMENDATION_TEXT": check.remedy,
        "PROWLER_VERSION": VERSION,
    }

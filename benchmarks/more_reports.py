"""Generated reports of scanners of code, packages and clouds: Semgrep, Snyk, ASFF and Wiz issues."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

LEVELS = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
SEEN = "2026-04-06T08:00:00.000Z"


def _semgrep(path: Path, findings: int) -> Path:
    results = [
        {
            "check_id": f"team.rules.python.rule-{number % 200}",
            "path": f"src/part{number % 400}/file{number % 4000}.py",
            "start": {"line": number % 900 + 1, "col": 5, "offset": 40 * (number % 900)},
            "end": {"line": number % 900 + 1, "col": 44, "offset": 40 * (number % 900) + 39},
            "extra": {
                "message": "Text from a request is put into a query without being escaped.",
                "metadata": {
                    "category": "security",
                    "confidence": "HIGH",
                    "cwe": [f"CWE-{79 + number % 40}: a kind of weakness"],
                    "references": ["https://docs.example.com/queries"],
                },
                "severity": ("INFO", "WARNING", "ERROR")[number % 3],
                "fingerprint": f"{number:064x}_0",
                "lines": f"    rows = run(query + part{number})",
                "is_ignored": False,
                "engine_kind": "OSS",
            },
        }
        for number in range(findings)
    ]
    return _json(path, {"version": "1.101.0", "results": results, "errors": [], "paths": {"scanned": ["src"]}})


def _snyk(path: Path, findings: int) -> Path:
    flaws = [
        {
            "id": f"SNYK-JS-EXAMPLE{number % 2000}-{1000000 + number % 2000}",
            "title": "Prototype Pollution",
            "CVSSv3": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:L",
            "cvssScore": 7.3,
            "fixedIn": ["2.0.4"],
            "identifiers": {"CVE": [f"CVE-2099-{10000 + number % 2000}"], "CWE": ["CWE-1321"], "GHSA": []},
            "language": "js",
            "packageManager": "npm",
            "packageName": f"example-{number % 2000}",
            "severity": LEVELS[number % 4].lower(),
            "description": "## Overview\nThe parser merges keys of its input into the object that all others share. "
            * 3,
            "references": [{"title": "Advisory", "url": f"https://example.com/advisories/{number % 2000}"}],
            "from": [
                "shop-web@1.4.0",
                f"example-server{number // 2000}@3.1.0",
                f"example-{number % 2000}@2.0.{number // 2000}",
            ],
            "upgradePath": [False, "example-server@3.2.0", "example@2.0.4"],
            "isUpgradable": True,
            "isPatchable": False,
            "name": f"example-{number % 2000}",
            "version": f"2.0.{number // 2000}",
        }
        for number in range(findings)
    ]
    about = {"packageManager": "npm", "projectName": "shop-web", "displayTargetFile": "package-lock.json"}
    return _json(path, {"vulnerabilities": flaws, "ok": False, "dependencyCount": 2000, "org": "example", **about})


def _asff(path: Path, findings: int) -> Path:
    region, account = "eu-west-1", "111122223333"
    rows = [
        {
            "SchemaVersion": "2018-10-08",
            "Id": f"arn:aws:securityhub:{region}:{account}:security-control/S3.{number % 30}/finding/{number:032x}",
            "ProductArn": f"arn:aws:securityhub:{region}::product/aws/securityhub",
            "ProductName": "Security Hub",
            "CompanyName": "AWS",
            "Region": region,
            "GeneratorId": f"security-control/S3.{number % 30}",
            "AwsAccountId": account,
            "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
            "CreatedAt": SEEN,
            "UpdatedAt": SEEN,
            "Severity": {"Label": LEVELS[number % 4]},
            "Title": f"Buckets should keep rule {number % 30}",
            "Description": "The bucket does not keep a rule that the account has chosen for all of its buckets.",
            "Remediation": {"Recommendation": {"Text": "See the control.", "Url": "https://docs.example.com/s3"}},
            "Resources": [{"Type": "AwsS3Bucket", "Id": f"arn:aws:s3:::example-{number // 30}", "Partition": "aws",
                           "Region": region, "Tags": {"service": "billing"}}],
            "Compliance": {"Status": "FAILED", "SecurityControlId": f"S3.{number % 30}"},
            "WorkflowState": "NEW",
            "Workflow": {"Status": "NEW"},
            "RecordState": "ACTIVE",
        }
        for number in range(findings)
    ]  # fmt: skip
    return _json(path, {"Findings": rows})


_WIZ = (
    "Created At", "Title", "Severity", "Status", "Description", "Resource Type", "Resource external ID",
    "Subscription ID", "Project IDs", "Project Names", "Resolved Time", "Resolution", "Control ID", "Resource Name",
    "Resource Region", "Resource Status", "Resource Platform", "Resource OS", "Resource original JSON", "Issue ID",
    "Resource vertex ID", "Ticket URLs", "Note", "Due At", "Remediation Recommendation", "Subscription Name",
    "Wiz URL", "Cloud Provider URL", "Resource Tags", "Kubernetes Cluster", "Kubernetes Namespace",
    "Container Service",
)  # fmt: skip


def _wiz(path: Path, findings: int) -> Path:
    file = path / "report.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, _WIZ, restval="")
        table.writeheader()
        for number in range(findings):
            host = number // 30
            arn = f"arn:aws:ec2:eu-west-1:111122223333:instance/i-{host:017x}"
            table.writerow({
                "Created At": "2026-04-06T08:00:00Z", "Title": f"Machine breaks rule {number % 30}", "Severity": LEVELS[number % 4],
                "Status": "OPEN", "Description": "The machine does not keep a rule.", "Resource Type": "virtualMachine",
                "Resource external ID": arn, "Subscription ID": "111122223333", "Project Names": "Shop", "Control ID": f"c-{number % 30}",
                "Resource Name": f"app-{host}", "Resource Region": "eu-west-1", "Resource Platform": "AWS", "Resource OS": "Linux",
                "Resource original JSON": json.dumps({"arn": arn}), "Issue ID": f"issue-{number}", "Subscription Name": "Shop",
                "Wiz URL": f"https://app.example.com/issues/{number}", "Resource Tags": '{"service": "shop"}',
            })  # fmt: skip
    return file


def _json(path: Path, document: Any) -> Path:
    file = path / "report.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


WRITERS: dict[str, Callable[[Path, int], Path]] = {"semgrep": _semgrep, "snyk": _snyk, "asff": _asff, "wiz": _wiz}

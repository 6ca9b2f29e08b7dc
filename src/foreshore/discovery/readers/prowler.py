"""Prowler's results: CSV of versions 2 to 5, JSON of 2 and 3, and OCSF JSON; all its providers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming, _prowler_rows
from foreshore.discovery.readers._exposed_checks import says_public
from foreshore.discovery.readers._prowler_rows import Row
from foreshore.facts import AssetKind, Covered, Finding, Record, RunSeen, Sighting, Skipped

_COLUMNS = (
    ("CHECK_ID", "STATUS", "SEVERITY", "PROVIDER"),
    ("CHECK_ID", "STATUS", "FINDING_UNIQUE_ID"),
    ("CHECK_RESULT", "TITLE_ID", "ACCOUNT_NUM"),
)
_JSON = (('"Control ID"', '"Status"'), ('"CheckID"', '"StatusExtended"'))
_OCSF = regex(r'"(event_code|finding_info)"\s*:')
_PROWLER = regex(r'"(name|vendor_name|uid|product_uid)"\s*:\s*"prowler"', re.IGNORECASE)


@dataclass(frozen=True)
class Prowler:
    """Reads Prowler's results; a failed check is a finding on its resource, a passed one is coverage."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of Prowler in any of its forms."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            if any(all(name in opening for name in names) for names in _JSON):
                return True
            return bool(_OCSF.search(opening) and _PROWLER.search(opening))
        return any(csvrows.has_columns(head, *columns) for columns in _COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each resource once, findings of failed checks, and what was looked at."""
        skipped: list[Skipped] = []
        rows = list(_prowler_rows.rows(report, skipped.append))
        yield _run(rows)
        yield from _sightings(rows)
        for row in rows:
            yield from _of(row)
        yield from _covered(rows)
        yield from skipped


def _run(rows: list[Row]) -> RunSeen:
    latest = max((row for row in rows if row.timestamp), key=lambda row: row.timestamp, default=None)
    observed, assumed = _naming.moment(latest.timestamp) if latest is not None else (None, False)
    accounts = sorted({row.account for row in rows if row.account})
    return RunSeen(
        tool="prowler",
        version=next((row.version for row in rows if row.version), ""),
        scanner=", ".join(accounts[:20]),
        observed_at=observed,
        observed_text=latest.timestamp if latest is not None else "",
        zone_assumed=assumed,
        settings=(("checks", str(len({row.check for row in rows}))), ("rows", str(len(rows)))),
    )


def _key(row: Row) -> str:
    if row.resource.startswith("arn:"):
        return row.resource
    return f"{row.provider}:{row.account}:{row.resource}" if row.resource else f"{row.provider} account {row.account}"


def _sightings(rows: list[Row]) -> Iterator[Sighting]:
    """Each resource once, with what all its rows together say of its exposure to the internet."""
    public = {_key(row) for row in rows if row.status == "FAIL" and not row.muted and says_public(row.check)}
    said: set[str] = set()
    for row in rows:
        key = _key(row)
        if key in said:
            continue
        said.add(key)
        attributes = (
            ("provider", row.provider), ("account", row.account), ("account_name", row.account_name),
            ("region", row.region), ("resource_type", row.type), ("cloud_service", row.service),
        )  # fmt: skip
        yield Sighting(
            key=key,
            name=row.name or row.resource or key,
            kind=_kind(row),
            identifiers=_identifiers(row),
            internet="yes" if key in public else "unknown",
            tags=row.tags,
            attributes=tuple((name, text) for name, text in attributes if text),
            observed_at=_naming.when(row.timestamp),
        )


def _identifiers(row: Row) -> tuple[tuple[str, str], ...]:
    """The cloud's own name of the resource; short ones are made unique by provider and account."""
    if not row.resource:
        return (("cloud_id", f"{row.provider}:account:{row.account or 'unknown'}"),)
    if row.resource.startswith("arn:"):
        found = [("arn", row.resource)]
        if instance := re.fullmatch(r"arn:[\w-]+:ec2:[^:]*:\d*:instance/(i-[0-9a-f]+)", row.resource):
            found.append(("cloud_id", instance.group(1)))
        return tuple(found)
    if row.resource.lower().startswith(("/subscriptions/", "//")):
        return (("cloud_id", row.resource.lower()),)
    return (("cloud_id", ":".join((row.provider, row.account, row.resource))),)


_STORES = (
    "s3",
    "dynamodb",
    "rds",
    "redshift",
    "efs",
    "elasticfilesystem",
    "docdb",
    "glacier",
    "backup",
    "es",
    "elasticache",
)


def _kind(row: Row) -> AssetKind:
    parts = row.resource.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6:
        return "cloud_resource"
    if parts[2] == "iam" and parts[5].startswith(("user/", "role/", "group/")):
        return "identity"
    if parts[2] == "ec2" and parts[5].startswith("instance/"):
        return "host"
    return "data_store" if parts[2] in _STORES else "cloud_resource"


def _of(row: Row) -> Iterator[Record]:
    if row.status == "FAIL":
        yield _finding(row)
    elif row.status == "MANUAL":
        yield msgspec.structs.replace(_finding(row), kind="observation", severity="info", tags=("manual check",))
    elif row.status != "PASS":
        yield Skipped(
            row.where,
            f"check {row.check} has the status {row.status or 'nothing'}: neither failed nor passed",
        )


def _finding(row: Row) -> Finding:
    return Finding(
        asset=_key(row),
        rule=row.check,
        title=row.title or row.check,
        severity=_naming.severity(row.severity),
        weaknesses=_naming.weakness(row.check),
        kind="misconfiguration",
        resource=row.resource or row.message,
        proof="configuration",
        word="suppressed" if row.muted else "open",
        description="\n".join(dict.fromkeys(part for part in (row.description, row.risk) if part)),
        solution=row.remediation,
        references=row.references,
        evidence=row.message,
        observed_at=_naming.when(row.timestamp),
        tags=tuple(part for part in row.categories if part),
    )


def _covered(rows: Iterable[Row]) -> Iterator[Covered]:
    """A row that passed or failed is itself the proof that this check looked at this resource.

    Rows without a resource stand for a whole account: one that is not reported any more proves nothing.
    """
    checks: dict[str, set[str]] = {}
    for row in rows:
        if row.resource and row.status in ("PASS", "FAIL"):
            checks.setdefault(_key(row), set()).add(row.check)
    for key, names in checks.items():
        listed = tuple(sorted(names))
        name = "prowler:" + sha256("\n".join(listed).encode()).hexdigest()[:16]
        yield Covered(asset=key, checks=name, check_list=listed)


PLUGIN = Prowler()

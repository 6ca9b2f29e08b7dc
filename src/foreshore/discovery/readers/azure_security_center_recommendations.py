"""Recommendations of Microsoft Defender for Cloud (Azure Security Center), as its portal exports them to CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _hosts, _naming
from foreshore.facts import Finding, Record, RunSeen, Skipped, Word

_COLUMNS = ("subscriptionid", "resourceid", "recommendationname", "recommendationdisplayname", "state")
_GUID = regex(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PUBLIC = regex(r"internet-facing|internet-exposed|exposed to the internet", re.IGNORECASE)


@dataclass(frozen=True)
class AzureSecurityCenterRecommendations:
    """Reads recommendations for Azure; what is unhealthy is a finding, what is healthy is coverage."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins the portal's export of recommendations."""
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the resources each once, findings, and which recommendations were evaluated on what."""
        reading = _Reading()
        for line, row in csvrows.table(report, find=_COLUMNS, fold=True).rows:
            reading.row(f"line {line}", row)
        observed, text, assumed = _hosts.latest(reading.times)
        yield RunSeen(
            tool="microsoft defender for cloud",
            scanner=", ".join(sorted(reading.subscriptions)[:20]),
            observed_at=observed,
            observed_text=text,
            zone_assumed=assumed,
        )
        yield from reading.assets.sightings()
        yield from reading.findings
        yield from reading.coverage.records()
        yield from reading.skipped


class _Reading:
    """The state of one reading: resources, findings and coverage."""

    def __init__(self) -> None:
        self.assets = _cloud_rows.Assets()
        self.coverage = _cloud_rows.Coverage("azure_security_center")
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []
        self.subscriptions: set[str] = set()
        self.times: set[str] = set()

    def row(self, where: str, row: Mapping[str, str]) -> None:
        rule = _rule(row)
        if not rule:
            self.skipped.append(Skipped(where, "names no recommendation"))
            return
        if row["subscriptionid"]:
            self.subscriptions.add(row["subscriptionid"])
        if stamp := row.get("exportedtimestamp", ""):
            self.times.add(stamp)
        uid = row["resourceid"] or f"/subscriptions/{row['subscriptionid']}"
        name = row.get("resourcename", "") if uid.count("/") > 2 else row.get("subscriptionname", "")
        found = _cloud_rows.resource(uid, provider="azure", account=row["subscriptionid"], name=name)
        attributes = (
            ("provider", "azure"), ("account_name", row.get("subscriptionname", "")),
            ("resource_group", row.get("resourcegroup", "")), ("resource_type", row.get("resourcetype", "")),
            ("native_account", row.get("nativecloudaccountid", "")),
        )  # fmt: skip
        state = row["state"].strip().lower().replace(" ", "")
        public = state == "unhealthy" and bool(_PUBLIC.search(row["recommendationdisplayname"]))
        asset = self.assets.see(
            _cloud_rows.sighting(
                found,
                attributes=attributes,
                internet="yes" if public else "unknown",
                observed_at=_naming.when(stamp),
            )
        )
        self.outcome(where, asset, rule, state, row)

    def outcome(self, where: str, asset: str, rule: str, state: str, row: Mapping[str, str]) -> None:
        if state in ("healthy", "unhealthy"):
            self.coverage.looked(asset, rule)
        if state == "unhealthy":
            self.findings.append(_finding(asset, rule, row, "open"))
        elif state == "notapplicable":
            why = row.get("notapplicablereason", "").strip()
            if "exempt" in why.lower():
                self.findings.append(_finding(asset, rule, row, "accepted"))
            else:
                self.skipped.append(Skipped(where, f"recommendation {rule} does not apply: {why or 'no reason given'}"))
        elif state != "healthy":
            self.skipped.append(Skipped(where, f"the state “{row['state']}” says neither healthy nor unhealthy"))


def _rule(row: Mapping[str, str]) -> str:
    """The recommendation's own number; some exports have it only at the end of the assessment's path."""
    name = row["recommendationname"].strip()
    if name:
        return name.lower() if _GUID.fullmatch(name) else name
    last = row.get("recommendationid", "").rpartition("/")[2].strip()
    return last.lower() if _GUID.fullmatch(last) else row["recommendationdisplayname"].strip()


def _finding(asset: str, rule: str, row: Mapping[str, str], word: Word) -> Finding:
    link = row.get("azureportalrecommendationlink", "")
    return Finding(
        asset=asset,
        rule=rule,
        title=row["recommendationdisplayname"] or rule,
        severity=_naming.severity(row.get("severity", "")),
        weaknesses=(rule,),
        kind="misconfiguration",
        resource=asset,
        proof="configuration",
        word=word,
        description=row.get("description", ""),
        solution=row.get("remediationsteps", ""),
        references=(link,) if link.startswith("http") else (),
        evidence=row.get("notapplicablereason", ""),
        first_seen=_naming.when(row.get("firstevaluationdate")),
        observed_at=_naming.when(row.get("exportedtimestamp")),
        tags=tuple(f"control={name}" for name in re.findall(r'"([^"]{1,200})"\s*:', row.get("controls", ""))),
    )


PLUGIN = AzureSecurityCenterRecommendations()

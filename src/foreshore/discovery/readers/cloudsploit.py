"""CloudSploit's results: JSON and CSV, of all its clouds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _naming
from foreshore.facts import Finding, Record, RunSeen, Severity, Skipped

_KEYS = tuple(regex(rf'"{name}"\s*:') for name in ("category", "resource", "region", "status(?:Word)?"))
_PLUGIN = regex(r'"(plugin|statusWord)"\s*:')
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_COLUMNS = (
    ("category", "title", "resource", "region", "statusWord"),
    ("plugin", "category", "title", "resource", "status"),
)
_STATUS = {"0": "OK", "1": "WARN", "2": "FAIL", "3": "UNKNOWN", "PASS": "OK", "WARNING": "WARN"}
_SEVERITIES: dict[str, Severity] = {"FAIL": "medium", "WARN": "low"}
_NOTHING = ("", "n/a", "unknown", "undefined", "null", "none")
_ACCOUNT = regex(r"^(?:arn:[\w-]+:[^:]*:[^:]*:(?=\d)|/subscriptions/|projects/)([\w-]{1,80})[:/]", re.IGNORECASE)


@dataclass(frozen=True)
class Cloudsploit:
    """Reads CloudSploit's results; what failed or warns is a finding, what is well is coverage."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins results of CloudSploit."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            return bool(_PLUGIN.search(opening)) and all(key.search(opening) for key in _KEYS)
        return any(csvrows.has_columns(head, *columns) for columns in _COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the resources each once, findings, and what was looked at."""
        skipped: list[Skipped] = []
        rows = list(_rows(report, skipped))
        accounts = sorted({found.group(1) for _, row in rows if (found := _ACCOUNT.match(row["resource"]))})
        yield RunSeen(
            tool="cloudsploit",
            scanner=", ".join(accounts[:20]),
            settings=(("rows", str(len(rows))), ("plugins", str(len({row["rule"] for _, row in rows})))),
        )
        yield from _Reading(rows, accounts[0] if len(accounts) == 1 else "", skipped).records()


def _rows(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows under one set of names; a row without a check is skipped."""
    same = ("title", "description", "category", "region", "message", "severity", "more_info", "link")
    for where, row in _raw(report, skipped):
        plain = {key: _shown(value) for key, value in row.items()}
        rule = plain.get("plugin") or plain.get("title", "")
        if not rule:
            skipped.append(Skipped(where, "names no check"))
            continue
        status = (plain.get("status") or plain.get("statusWord") or plain.get("statusword", "")).upper()
        resource = plain.get("resource", "")
        yield (
            where,
            {name: plain.get(name, "") for name in same}
            | {
                "rule": rule,
                "status": _STATUS.get(status, status),
                "resource": "" if resource.lower() in _NOTHING else resource,
                "advice": plain.get("recommended_action", ""),
            },
        )


def _raw(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if reports.decode_head(report.head).lstrip()[:1] in ("{", "["):
        for number, row in enumerate(_decoding.rows(report, _ROW, skipped.append)):
            yield f"result {number}", row
        return
    for line, cells in csvrows.table(report, find=("category", "title", "resource"), fold=True).rows:
        yield f"line {line}", cells


def _shown(value: Any) -> str:
    return ", ".join(_naming.texts(value)) if isinstance(value, list) else _naming.text(value)


class _Reading:
    """One report: the account it is about, as far as its rows say."""

    def __init__(self, rows: list[tuple[str, dict[str, str]]], account: str, skipped: list[Skipped]) -> None:
        self.rows = rows
        self.account = account
        self.skipped = skipped
        self.provider = _provider(row["resource"] for _, row in rows)
        self.assets = _cloud_rows.Assets()
        self.coverage = _cloud_rows.Coverage("cloudsploit")

    def records(self) -> Iterator[Record]:
        found = [one for where, row in self.rows if (one := self.row(where, row)) is not None]
        yield from self.assets.sightings()
        yield from found
        yield from self.coverage.records()
        yield from self.skipped

    def row(self, where: str, row: Mapping[str, str]) -> Finding | None:
        resource = _cloud_rows.resource(
            row["resource"], provider=self.provider, account=self.account, region=row["region"]
        )
        asset = self.assets.see(_cloud_rows.sighting(resource, attributes=(("provider", self.provider),)))
        # A row without a resource speaks of one region of the account: it proves nothing of the others.
        if row["status"] in ("OK", "FAIL", "WARN") and not resource.whole_account:
            self.coverage.looked(asset, row["rule"])
        if row["status"] in ("FAIL", "WARN"):
            return _finding(asset, resource.whole_account, row)
        if row["status"] != "OK":
            why = row["message"] or "no reason given"
            self.skipped.append(Skipped(where, f"check {row['rule']} could not be made ({row['status']}): {why}"))
        return None


def _provider(resources: Iterator[str]) -> str:
    """Which cloud the resources are named as; the reports do not say it."""
    for resource in resources:
        if resource.startswith(("arn:", "vpc-", "i-", "sg-")):
            return "aws"
        if resource.lower().startswith("/subscriptions/"):
            return "azure"
        if resource.startswith(("projects/", "//")):
            return "gcp"
        if resource.startswith("ocid1."):
            return "oracle"
    return "aws"


def _finding(asset: str, account: bool, row: Mapping[str, str]) -> Finding:
    return Finding(
        asset=asset,
        rule=row["rule"],
        title=row["title"] or row["rule"],
        severity=_naming.severity(row["severity"]) if row["severity"] else _SEVERITIES[row["status"]],
        weaknesses=(row["rule"],),
        kind="misconfiguration",
        resource=f"{asset} {row['region']}".strip() if account else row["resource"],
        proof="configuration",
        description="\n".join(part for part in (row["description"], row["more_info"]) if part),
        solution=row["advice"],
        references=(row["link"],) if row["link"].startswith("http") else (),
        evidence=row["message"],
        tags=tuple(f"{name}={row[name]}" for name in ("category", "status") if row[name]),
    )


PLUGIN = Cloudsploit()

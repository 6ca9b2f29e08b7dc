"""RiskRecon's findings: JSON as `{"findings": [...]}` or a list, and CSV with the same columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts, _naming, _platforms
from foreshore.discovery.readers._platforms import Row
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Sighting, Skipped

_COLUMNS = ("finding_id", "finding", "severity", "security_domain")
_CRITERIA = regex(r'"security_(criteria|domain)"\s*:')
_ALSO = regex(r'"(finding_type|finding_context|analysis_id|toe_id|asset_value)"\s*:')
_PASSED = ("pass", "passed")


@dataclass(frozen=True)
class RiskRecon:
    """Reads findings of RiskRecon: one for each row that did not pass."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins findings with RiskRecon's fields."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            return bool(_CRITERIA.search(opening) and _ALSO.search(opening))
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each asset once, and the findings."""
        skipped: list[Skipped] = []
        if reports.decode_head(report.head).lstrip()[:1] in ("{", "["):
            rows = list(_platforms.wrapped(report, "findings", skipped.append))
        else:
            rows = [dict(row) for _line, row in csvrows.table(report, find=_COLUMNS, fold=True).rows]
        latest = _platforms.latest(rows, "record_load_timestamp", "last_seen")
        observed, assumed = _hosts.moment(latest)
        yield RunSeen(tool="riskrecon", observed_at=observed, observed_text=latest, zone_assumed=assumed)
        said: set[str] = set()
        for number, row in enumerate(rows, 1):
            asset = _sighting(row)
            if asset is None or not _rule(row):
                skipped.append(Skipped(f"finding {number}", "names no asset or no kind of finding"))
            elif _status(row) in _PASSED:
                skipped.append(Skipped(f"finding {number}", "is a check that was passed"))
            else:
                if asset.key not in said:
                    said.add(asset.key)
                    yield asset
                yield _finding(asset.key, row)
        yield from skipped


def _text(row: Row, name: str) -> str:
    return _naming.text(row.get(name)).strip()


def _status(row: Row) -> str:
    """The analyst's word goes before the machine's."""
    return (_text(row, "analyst_status") or _text(row, "auto_status")).lower()


def _sighting(row: Row) -> Sighting | None:
    host, domain = _text(row, "host_name"), _text(row, "domain_name")
    address = _hosts.named("ip", _text(row, "ip_address"))
    identifiers = _hosts.gather(_hosts.named("name", host), address)
    if not host and not address:
        identifiers = _hosts.named("name", domain)
    if not identifiers:
        return None
    said = (("domain", domain), ("hosting_provider", _text(row, "hosting_provider")), ("vendor", _text(row, "vendor")))
    return Sighting(
        key=" ".join(f"{kind}={value}" for kind, value in identifiers),
        name=host.lower() or identifiers[0][1],
        identifiers=identifiers,
        internet="yes",  # the service looks from outside only
        attributes=tuple((name, value) for name, value in said if value),
    )


def _rule(row: Row) -> str:
    kind, subtype = _text(row, "finding_type"), _text(row, "finding_subtype")
    if subtype and subtype != kind:
        return f"{kind}/{subtype}" if kind else subtype
    return kind or _text(row, "security_criteria")


def _kind(row: Row, weaknesses: tuple[str, ...]) -> ExposureKind:
    if weaknesses:
        return "vulnerability"
    return "end_of_life" if "end_of_life" in _rule(row) else "misconfiguration"


def _finding(asset: str, row: Row) -> Finding:
    detail, value = _text(row, "finding_detail"), _text(row, "finding_data_value").replace("\\.", ".")
    weaknesses = _naming.public_ids(_text(row, "finding"), detail, value, _text(row, "finding_extra_data_value"))
    wrong = _text(row, "false_positive").lower() in ("true", "yes", "1")
    said = ("security_domain", "security_criteria", "service", "priority", "asset_value")
    port = _naming.port(row.get("port"))
    return Finding(
        asset=asset,
        rule=_rule(row),
        title=_text(row, "finding") or _rule(row),
        severity=_naming.severity(_text(row, "severity")),
        weaknesses=weaknesses,
        kind=_kind(row, weaknesses),
        port=port,
        protocol="tcp" if port else "",
        resource=value,
        proof="probe",
        word="false_positive" if wrong else "open",
        description=_text(row, "finding_context"),
        evidence=detail,
        first_seen=_hosts.when(_text(row, "first_seen")),
        observed_at=_hosts.when(_text(row, "last_seen")),
        tags=tuple(f"{name}={value}" for name in said if (value := _text(row, name))),
    )


PLUGIN = RiskRecon()

"""IntSights (Threat Command) alerts: JSON of its interface, and CSV of its portal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _platforms
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Sighting, Skipped, Word

_COLUMNS = ("Alert ID", "Title", "Severity", "Type", "Source URL")
_ALERTS = regex(r'"Alerts"\s*:\s*\[')
_EMPTY = regex(r'\s*\{\s*"Alerts"\s*:\s*\[\s*\]\s*\}\s*$')
_DETAILS = regex(r'"(Details|FoundDate|TakedownStatus)"\s*:')
_SHORT = regex(r"^(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})(?: (\d{1,2}):(\d{2}))?")
_CLOSED: dict[str, Word] = {
    "falsepositive": "false_positive",
    "problemwearealreadyawareof": "accepted",
    "informationalonly": "suppressed",
    "companyowneddomain": "suppressed",
    "legitimateapplicationprofile": "suppressed",
    "notrelatedtomycompany": "suppressed",
    "other": "suppressed",
}


class _Source(msgspec.Struct, gc=False):
    URL: Scalar = None
    Date: Scalar = None
    NetworkType: Scalar = None


class _Details(msgspec.Struct, gc=False):
    Title: Scalar = None
    Type: Scalar = None
    SubType: Scalar = None
    Severity: Scalar = None
    Description: Scalar = None
    Source: _Source | None = None
    Tags: Any = None


class _Asset(msgspec.Struct, gc=False):
    Type: Scalar = None
    Value: Scalar = None


class _Closed(msgspec.Struct, gc=False):
    IsClosed: Scalar = None
    CloseReason: Scalar = None
    CloseDate: Scalar = None


class _Json(msgspec.Struct, gc=False):
    Details: _Details
    id: Scalar = msgspec.field(name="_id", default=None)
    Assets: list[_Asset] | None = None
    FoundDate: Scalar = None
    UpdateDate: Scalar = None
    Closed: _Closed | None = None


class _Document(msgspec.Struct, gc=False):
    Alerts: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ALERT: msgspec.json.Decoder[_Json] = msgspec.json.Decoder(_Json)


class _Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of either form."""

    id: str
    title: str
    type: str
    severity: str = ""
    description: str = ""
    assets: tuple[str, ...] = ()
    url: str = ""
    tags: tuple[str, ...] = ()
    word: Word = "open"
    found: datetime | None = None
    updated: datetime | None = None
    closed: datetime | None = None


@dataclass(frozen=True)
class Intsights:
    """Reads alerts of IntSights: one finding for each alert and asset."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins alerts of IntSights, as JSON or CSV."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] == "{":
            return bool(_EMPTY.match(opening) or (_ALERTS.search(opening) and _DETAILS.search(opening)))
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each asset once, and the findings."""
        skipped: list[Skipped] = []
        yield RunSeen(tool="intsights")
        is_json = reports.decode_head(report.head).lstrip()[:1] == "{"
        said: set[str] = set()
        for one in _of_json(report, skipped) if is_json else _of_csv(report):
            if not one.title or not one.type:
                skipped.append(Skipped(f"alert {one.id}", "names no title or no type"))
                continue
            for asset in one.assets or ("an asset that the alert does not name",):
                where = _platforms.place(asset)
                if where.name not in said:
                    said.add(where.name)
                    yield Sighting(key=where.name, name=where.name, identifiers=where.identifiers)
                yield _finding(where.name, one)
        yield from skipped


def _of_json(report: facts.Report, skipped: list[Skipped]) -> Iterator[_Alert]:
    text = _naming.text
    document = _decoding.whole(report, _DECODER)
    if document.Alerts is None:
        skipped.append(Skipped("the document", "has no list of alerts"))
    for row in _decoding.each(_ALERT, document.Alerts, "Alerts", skipped.append):
        details, closed = row.Details, row.Closed or _Closed()
        source = details.Source or _Source()
        tags = details.Tags if isinstance(details.Tags, list) else []
        names = [text(one.get("Name")) for one in tags if isinstance(one, dict)]
        yield _Alert(
            id=text(row.id),
            title=text(details.Title).strip(),
            type=text(details.Type),
            severity=text(details.Severity),
            description=text(details.Description),
            assets=tuple(dict.fromkeys(value for one in row.Assets or () if (value := text(one.Value).strip()))),
            url=text(source.URL),
            tags=_tags(text(details.SubType), text(source.NetworkType), names),
            word=_word(closed.IsClosed is True, text(closed.CloseReason)),
            found=_naming.when(row.FoundDate) or _naming.when(source.Date),
            updated=_naming.when(row.UpdateDate),
            closed=_naming.when(closed.CloseDate),
        )


def _of_csv(report: facts.Report) -> Iterator[_Alert]:
    for _line, row in csvrows.table(report, find=_COLUMNS).rows:
        yield _Alert(
            id=row["Alert ID"],
            title=row["Title"],
            type=row["Type"],
            severity=row["Severity"],
            description=row.get("Description", ""),
            assets=tuple(dict.fromkeys(one for one in re.split(r"[,;\s]+", row.get("Assets", "")) if one)),
            url=row["Source URL"],
            tags=_tags("", row.get("Network Type", ""), row.get("Tags", "").split(",")),
            word=_word(row.get("Status", "").lower() == "closed", row.get("Closed Reason", "")),
            found=_time(row.get("Report Date (UTC)", "")) or _time(row.get("Source Date (UTC)", "")),
        )


def _tags(subtype: str, network: str, names: list[str]) -> tuple[str, ...]:
    said = (("subtype", subtype), ("network", network.replace(" ", "")))
    found = [f"{label}={value}" for label, value in said if value]
    return (*found, *(name for one in names if (name := one.strip())))


def _word(closed: bool, reason: str) -> Word:
    if not closed:
        return "open"
    return _CLOSED.get(reason.replace(" ", "").lower(), "fixed")


def _time(text: str) -> datetime | None:
    """A time of the portal's CSV, which writes month/day/year in UTC; ISO in newer ones."""
    match = _SHORT.match(text.strip())
    if match is None:
        return _naming.when(text.strip())
    month, day, year, hour, minute = (int(one or 0) for one in match.groups())
    try:
        return datetime(year + 2000 if year < 100 else year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None


def _kind(type_: str) -> ExposureKind:
    if type_ == "dataleakage":
        return "secret"
    return "misconfiguration" if type_ == "exploitabledata" else "observation"


def _finding(asset: str, one: _Alert) -> Finding:
    type_ = one.type.replace(" ", "").lower()
    kind = _kind(type_)
    weaknesses = _naming.public_ids(one.title, one.description) if kind == "misconfiguration" else ()
    return Finding(
        asset=asset,
        rule=type_,
        title=one.title,
        severity=_naming.severity(one.severity),
        weaknesses=weaknesses,
        kind="vulnerability" if weaknesses else kind,
        resource=f"alert {one.id}" if one.id else one.url,
        proof="probe" if type_ == "exploitabledata" else "unknown",
        word=one.word,
        # What leaked stands in the text of such alerts.
        description="" if kind == "secret" else one.description,
        references=(one.url,) if one.url else (),
        first_seen=one.found,
        fixed_at=one.closed if one.word == "fixed" else None,
        observed_at=one.updated,
        tags=one.tags,
    )


PLUGIN = Intsights()

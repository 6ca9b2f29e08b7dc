"""What people decided in DefectDojo, read from a collection: which findings, what word, whose, why, until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from foreshore.discovery import place
from foreshore.discovery.connectors._collection import answers
from foreshore.discovery.readers import _generic_values, _naming
from foreshore.discovery.readers.defectdojo import NUMBER, PLUGIN
from foreshore.discovery.reports import FileReport
from foreshore.facts import Finding, Sighting

_NOBODY = "a user of DefectDojo"
Row = dict[str, Any]


class Said(NamedTuple):
    """A word on one finding of the other product; `until` None: it named no last day."""

    number: str
    disposition: str
    because: str
    author: str
    until: date | None


class Where(NamedTuple):
    """By what a finding is found again among those that were imported."""

    number: str
    asset_name: str
    rule: str
    place_kind: str
    place: str


def words(collection: Path, findings: Path) -> list[Said]:
    """Return the words of a collection and of its report of findings, in the order of the findings."""
    accepted = _acceptances(collection)
    return [one for row in _rows(findings) if (one := _word(row, accepted)) is not None]


def open_numbers(findings: Path) -> set[str]:
    """Return the numbers of findings that are active and on which nothing was decided."""
    return {_naming.text(row.get("id")) for row in _rows(findings) if row.get("active") is True and not _decided(row)}


def places(findings: Path) -> list[Where]:
    """Return where each finding of the report lies, as its reader says it."""
    names: dict[str, str] = {}
    found: list[Where] = []
    for record in PLUGIN.read(FileReport(findings.name, findings)):
        if isinstance(record, Sighting):
            names[record.key] = record.name
        elif isinstance(record, Finding):
            spot = place.of(record)
            name = names.get(record.asset, record.asset)
            found.append(Where(_number(record), name, record.rule, spot.kind, spot.text))
    return found


def _number(record: Finding) -> str:
    return next((tag.partition("=")[2] for tag in record.tags if tag.startswith(f"{NUMBER}=")), "")


def _rows(findings: Path) -> Iterator[Row]:
    document = msgspec.json.decode(findings.read_bytes())
    yield from (row for row in document["results"] if isinstance(row, dict))


def _acceptances(collection: Path) -> dict[str, Row]:
    """The acceptance of each accepted finding, the later one of two; its owner by name where it is known."""
    found: dict[str, Row] = {}
    with collection.open("rb") as stream:
        for line in answers(stream):
            if line.call != "risk_acceptance" or line.refused:
                continue
            body = msgspec.json.decode(line.body)
            owners = (body.get("prefetch") or {}).get("owner") or {}
            for row in body["results"]:
                named = {**row, "owner_name": _person(owners.get(_naming.text(row.get("owner"))))}
                found |= {_naming.text(one): named for one in row.get("accepted_findings") or ()}
    return found


def _decided(row: Row) -> bool:
    return any(_generic_values.true(row.get(name)) for name in ("false_p", "risk_accepted", "out_of_scope"))


def _word(row: Row, accepted: dict[str, Row]) -> Said | None:
    number = _naming.text(row.get("id"))
    note, writer = _last_note(row)
    if _generic_values.true(row.get("false_p")):
        return Said(number, "false_positive", _told(number, "a false positive", note), writer or _NOBODY, None)
    if _generic_values.true(row.get("out_of_scope")):
        return Said(number, "not_ours", _told(number, "out of scope", note), writer or _NOBODY, None)
    if not _generic_values.true(row.get("risk_accepted")):
        return None
    own = [one for one in row.get("accepted_risks") or () if isinstance(one, dict)]
    risk = {**(own[-1] if own else {}), **accepted.get(number, {})}
    said = (_naming.text(risk.get(name)).strip() for name in ("decision_details", "recommendation_details", "name"))
    author = _naming.text(risk.get("accepted_by")).strip() or risk.get("owner_name") or writer or _NOBODY
    reason = next((one for one in said if one), "") or note
    return Said(
        number, "accepted", _told(number, "an accepted risk", reason), author, _day(risk.get("expiration_date"))
    )


def _told(number: str, what: str, reason: str) -> str:
    short = " ".join(reason.split())[:1000]
    return f"Taken over from DefectDojo, where finding {number} is {what}" + (f": {short}" if short else ".")


def _last_note(row: Row) -> tuple[str, str]:
    """The text and the author of the latest note that is not private; closing a finding asks for one."""
    notes = [one for one in row.get("notes") or () if isinstance(one, dict) and not one.get("private")]
    if not notes:
        return "", ""
    last = max(notes, key=lambda one: (_naming.text(one.get("date")), _naming.whole_number(one.get("id"))))
    return _naming.text(last.get("entry")), _person(last.get("author"))


def _person(user: Any) -> str:
    if not isinstance(user, dict):
        return ""
    full = f"{_naming.text(user.get('first_name'))} {_naming.text(user.get('last_name'))}".strip()
    return _naming.text(user.get("username")).strip() or full


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(_naming.text(value)[:10])
    except ValueError:
        return None

"""TruffleHog: the JSON lines of version 3 and of version 2, and the JSON of its fork TruffleHog3.

Only rule and place are taken: neither the secret nor the change or the message that it stood in. The tool
gives no severity: a secret that was tried and works is critical, one that was not is medium, and a text
that is only of high entropy is low.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _decoding, _hosts, _naming, _pipelines, _trufflehog_places
from foreshore.discovery.readers._code_scans import Row, inner, text
from foreshore.facts import Finding, Record, RunSeen, Severity, Skipped

_THREE = regex(r'"SourceMetadata"\s*:')
_THREE_ALSO = regex(r'"(DetectorName|DetectorType|Raw|Verified)"\s*:')
_TWO = regex(r'"stringsFound"\s*:')
_FORK = regex(r'"secret"\s*:')
_FORK_ALSO = regex(r'"pattern"\s*:')
_ROTATION = regex(r"^https://howtorotate\.com/[\w/.-]{1,200}$")
_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)


@dataclass(frozen=True)
class Trufflehog:
    """Reads every secret as a rule and a place, on what it was found in."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is `head` the beginning of results of TruffleHog?"""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        return bool(
            (_THREE.search(opening) and _THREE_ALSO.search(opening))
            or (_TWO.search(opening) and '"reason"' in opening)
            or (_FORK.search(opening) and _FORK_ALSO.search(opening) and '"rule"' in opening and '"context"' in opening)
        )

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each thing that was searched once, and one finding for each secret."""
        yield RunSeen(tool="trufflehog")
        skipped: list[Skipped] = []
        said: set[str] = set()
        owners: set[tuple[str, str]] = set()
        for number, row in enumerate(_decoding.rows(report, _ROW, skipped.append), 1):
            place = _trufflehog_places.of(row)
            rule = text(row, "DetectorName") or text(row, "reason") or text(row, "rule", "id")
            if not rule and "SourceMetadata" in row:
                rule = f"detector-{text(row, 'DetectorType')}".rstrip("-")
            if not rule:
                log = "level" in row and "msg" in row
                why = "is a line of the tool's log" if log else "names no detector"
                skipped.append(Skipped(f"row {number} that is readable", why))
                continue
            if place.asset.key not in said:
                said.add(place.asset.key)
                yield place.asset
            yield _finding(rule, row, place)
            owned = (place.asset.key, text(row, "ExtraData", "arn"))
            if all(owned) and owned not in owners:
                owners.add(owned)
                yield from _pipelines.owner(*owned)
            key = (place.asset.key, text(row, "Raw"))
            if rule.lower() == "aws" and not owned[1] and key not in owners:
                owners.add(key)
                yield from _pipelines.owner_of_key(*key)
        yield from skipped


def _finding(rule: str, row: Row, place: _trufflehog_places.Place) -> Finding:
    verified = inner(row, "Verified")
    failed = bool(text(row, "VerificationError") or text(row, "verificationError"))
    guide = text(row, "ExtraData", "rotation_guide")
    tags = [f"commit={place.commit}"] if place.commit else []
    tags += [f"branch={text(row, 'branch')}"] if text(row, "branch") else []
    if isinstance(verified, bool):
        tags.append(f"verified={'yes' if verified else 'could not be tried' if failed else 'no'}")
    tags += [place.note] if place.note else []
    return _code_scans.secret(
        place.asset.key,
        rule,
        place.path,
        title=_title(rule, row),
        line=place.line,
        severity=_severity(rule, row),
        proof="confirmed" if verified is True else "unknown",
        references=tuple(one for one in (place.link, guide if _ROTATION.match(guide) else "") if one),
        first_seen=_hosts.when(place.time),
        tags=tuple(tags),
    )


def _title(rule: str, row: Row) -> str:
    """What kind of secret it is, in words that stand in the tool and not in what it searched."""
    return _code_scans.title(text(row, "rule", "message"), f"{rule} secret" if "DetectorName" in row else rule)


def _severity(rule: str, row: Row) -> Severity:
    stated = text(row, "rule", "severity")
    if stated and _naming.is_severity(stated):
        return _naming.severity(stated)
    if inner(row, "Verified") is True:
        return "critical"
    return "low" if "entropy" in rule.lower() else "medium"


PLUGIN = Trufflehog()

"""CyCognito's issues as its interface gives them: a list, or one object per line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming, _platforms
from foreshore.discovery.readers._platforms import Place, Row
from foreshore.facts import AssetKind, Finding, Record, RunSeen, Sighting, Skipped, Word

_ASSET = regex(r'"affected_asset"\s*:')
_MARKS = regex(r'"(enhanced_severity|attractiveness_label|issue_status|detection_complexity)"\s*:')
_KINDS: dict[str, AssetKind] = {"webapp": "web_application"}
_LISTS = (("organizations", "organization"), ("business_units", "business_unit"))


@dataclass(frozen=True)
class Cycognito:
    """Reads CyCognito's issues: one finding for each, on the asset that it affects."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins issues with CyCognito's fields."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        return bool(_ASSET.search(opening) and _MARKS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each affected asset once, and one finding for each issue."""
        skipped: list[Skipped] = []
        yield RunSeen(tool="cycognito")
        said: set[str] = set()
        for number, row in enumerate(_platforms.wrapped(report, "issues", skipped.append), 1):
            affected = _naming.text(row.get("affected_asset")).strip()
            title = _naming.text(row.get("title")).strip()
            if not affected or not title:
                skipped.append(Skipped(f"issue {number}", "names no affected asset or no title"))
                continue
            what, where = _affected(affected)
            if affected not in said:
                said.add(affected)
                yield _sighting(affected, what, where, row)
            yield _finding(affected, where, title, row)
        yield from skipped


def _affected(text: str) -> tuple[str, Place]:
    """(the platform's word for the kind, the place) of `domain/name`, `ip/address`, `webapp/url`, `cert/print`."""
    what, slash, rest = text.partition("/")
    if not slash or not what.isalpha():
        return "", _platforms.place(text)
    if what in ("cert", "iprange"):
        return what, Place(rest, (("artifact", f"{what} {rest}".lower()),))
    return what, _platforms.place(rest)


def _sighting(key: str, what: str, where: Place, row: Row) -> Sighting:
    return Sighting(
        key=key,
        name=where.name or key,
        kind=_KINDS.get(what, "host"),
        identifiers=where.identifiers or (("artifact", key.lower()),),
        owner=", ".join(_naming.texts(row.get("teams"))),
        internet="yes",  # all that the platform knows it found from outside
        tags=tuple(dict.fromkeys(_naming.texts(row.get("affected_asset_tags")))),
        attributes=tuple((label, one) for name, label in _LISTS for one in _naming.texts(row.get(name))),
    )


def _finding(asset: str, where: Place, title: str, row: Row) -> Finding:
    text = _naming.text
    evidence = row.get("evidence")
    shown = text(evidence.get("evidence")) if isinstance(evidence, dict) else text(evidence)
    port = _naming.port(row.get("port")) or where.port
    word = _word(row)
    return Finding(
        asset=asset,
        rule=_rule(row) or title,
        title=title,
        severity=_naming.severity(row.get("severity") or row.get("base_severity")),
        weaknesses=_naming.public_ids(*_naming.texts(row.get("cve_ids"))),
        port=port,
        protocol="tcp" if port else "",
        url=where.url,
        cvss_score=_naming.score(row.get("base_severity_score")),
        proof="probe",
        word=word,
        description=text(row.get("summary")).strip(),
        solution="\n".join(_naming.texts(row.get("remediation_steps"))).strip() or text(row.get("remediation_steps")),
        references=tuple(dict.fromkeys(_naming.texts(row.get("references")))),
        evidence=shown.strip(),
        first_seen=_naming.when(row.get("first_detected")),
        fixed_at=_naming.when(row.get("resolved_at")) if word == "fixed" else None,
        observed_at=_naming.when(row.get("last_detected")),
        tags=_tags(row),
    )


def _rule(row: Row) -> str:
    """The check's own number: the platform's identifier of an issue ends with it."""
    number = _naming.text(row.get("issue_id")).strip()
    return number.lower() if number and not number.startswith("issue/") else ""


def _word(row: Row) -> Word:
    status = _naming.text(row.get("issue_status")).lower()
    if row.get("resolved_at") or status in ("resolved", "removed", "fixed"):
        return "fixed"
    if _naming.text(row.get("investigation_status")).lower() in ("false_positive", "false positive"):
        return "false_positive"
    return "suppressed" if row.get("is_snoozed") is True else "open"


def _tags(row: Row) -> tuple[str, ...]:
    found = [
        f"{name}={value}"
        for name in ("issue_type", "exploitation_availability", "detection_complexity")
        if (value := _naming.text(row.get(name))) and value.lower() not in ("none", "unknown")
    ]
    found += [f"environment={one}" for one in _naming.texts(row.get("environments"))]
    return (*found, *_naming.texts(row.get("tags")))


PLUGIN = Cycognito()

"""Invicti, Netsparker and Acunetix 360: the JSON report of the vulnerabilities of one scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming, _web_scans
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Skipped, Word

_LIST = regex(r'"Vulnerabilities"\s*:\s*\[')
_TARGET = regex(r'"Target"\s*:\s*\{')
_PRODUCT = regex(rb"X-Scanner: *(Acunetix ?360|Netsparker(?: Enterprise| Cloud)?|Invicti(?: Enterprise)?)")
_OUTDATED = regex(r"^Out-of-date Version \((.{1,100})\)$")


class _Part(msgspec.Struct, gc=False):
    Name: Scalar = None
    Value: Scalar = None
    Vulnerable: Scalar = None


class _Request(msgspec.Struct, gc=False):
    """Of the request only its method and which parameter was attacked; the rest holds sessions."""

    Method: Scalar = None
    Parameters: list[_Part] | None = None


class _Known(msgspec.Struct, gc=False):
    Title: Scalar = None


class _Vulnerability(msgspec.Struct, gc=False):
    Type: Scalar = None
    Name: Scalar = None
    Url: Scalar = None
    Severity: Scalar = None
    State: Scalar = None
    Confirmed: Scalar = None
    Classification: dict[str, Any] | None = None
    HttpRequest: _Request | None = None
    ExtraInformation: list[_Part] | None = None
    KnownVulnerabilities: list[_Known] | None = None
    Description: Scalar = None
    RemedialProcedure: Scalar = None
    RemedialActions: Scalar = None
    RemedyReferences: Scalar = None
    ExternalReferences: Scalar = None
    ProofOfConcept: Scalar = None
    FirstSeenDate: Scalar = None
    LastSeenDate: Scalar = None


class _Target(msgspec.Struct, gc=False):
    Url: Scalar = None
    Initiated: Scalar = None


class _Document(msgspec.Struct, gc=False):
    Generated: Scalar = None
    Target: _Target | None = None
    Vulnerabilities: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)


@dataclass(frozen=True)
class Invicti:
    """Reads the vulnerabilities of one scan; the three products of one maker write the same form."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such a report."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{" or '"Generated"' not in opening:
            return False
        return bool(_TARGET.search(opening) and _LIST.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the target and other sites once, and one finding for each vulnerability."""
        document = _decoding.whole(report, _DECODER)
        if document.Vulnerabilities is None:
            raise BadReport(
                "has no list of vulnerabilities",
                where=report.name,
                hint="export the scan's vulnerabilities as JSON",
            )
        skipped: list[Skipped] = []
        rows = list(_decoding.each(_VULNERABILITY, document.Vulnerabilities, "Vulnerabilities", skipped.append))
        target = document.Target or _Target()
        dates = _dates(document, target, rows)
        yield _run(document, target, dates)
        stamp = _stamp(document, target)
        if dates.undecided(stamp):
            skipped.append(Skipped(f"the time {stamp}", _web_scans.TWO_WAYS))
        applications = _web_scans.Applications()
        if url := _naming.text(target.Url):
            yield from applications.at(url)[1]
        for row in rows:
            yield from _records(row, _naming.text(target.Url), dates, applications)
        yield from skipped


def _dates(document: _Document, target: _Target, rows: list[_Vulnerability]) -> _web_scans.Dates:
    """All dates of the report: the user's own settings decide whether the day or the month stands first."""
    texts = {_naming.text(document.Generated), _naming.text(target.Initiated)}
    for row in rows:
        texts.update((_naming.text(row.FirstSeenDate), _naming.text(row.LastSeenDate)))
    return _web_scans.Dates(texts)


def _stamp(document: _Document, target: _Target) -> str:
    return _naming.text(target.Initiated) or _naming.text(document.Generated)


def _run(document: _Document, target: _Target, dates: _web_scans.Dates) -> RunSeen:
    stamp = _stamp(document, target)
    observed, assumed = dates.read(stamp)
    return RunSeen(
        tool=_product(document.Vulnerabilities or []),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


def _product(raws: list[msgspec.Raw]) -> str:
    """Which of the three it was, by what it called itself in its requests; the maker's name for none."""
    for raw in raws[:50]:
        if found := _PRODUCT.search(bytes(raw)):
            return found.group(1).decode().lower().replace("acunetix360", "acunetix 360")
    return "invicti"


def _records(
    row: _Vulnerability, target: str, dates: _web_scans.Dates, applications: _web_scans.Applications
) -> Iterator[Record]:
    rule = (_naming.text(row.Type) or _naming.text(row.Name)).strip()
    if not rule:
        yield Skipped("a vulnerability", "names neither type nor name")
        return
    url = _naming.text(row.Url) or target
    asset, before = applications.at(url, called="site scanned by Invicti")
    yield from before
    yield _finding(row, asset, rule, url, dates)


def _finding(row: _Vulnerability, asset: str, rule: str, url: str, dates: _web_scans.Dates) -> Finding:
    title = _naming.text(row.Name).strip() or rule
    severity = _naming.severity(row.Severity)  # "Best Practice" is no severity of ours and becomes info
    classes = row.Classification or {}
    cwes = _naming.cwes(_naming.text(classes.get("Cwe")))
    extra = {_naming.text(one.Name): _naming.text(one.Value) for one in row.ExtraInformation or ()}
    outdated = _OUTDATED.match(title)
    kind: ExposureKind = "vulnerability" if outdated else _web_scans.kind_of(severity, cwes)
    vector, score = _cvss(classes)
    request = row.HttpRequest or _Request()
    found = _web_scans.origin(url)
    confirmed = _naming.text(row.Confirmed).lower() == "true"
    return Finding(
        asset=asset,
        rule=rule,
        title=title,
        severity=severity,
        weaknesses=_naming.public_ids(*(_naming.text(one.Title) for one in row.KnownVulnerabilities or ())),
        kind=kind,
        component_name=outdated.group(1) if outdated else "",
        version=extra.get("Identified Version", "") if outdated else "",
        port=found.port,
        protocol="tcp" if found.port else "",
        url=_web_scans.bare_url(url),
        method=_naming.text(request.Method),
        parameter=_parameter(request, extra),
        cvss_vector=vector,
        cvss_score=score,
        cwes=cwes,
        proof="version" if outdated else "confirmed" if confirmed else "probe",
        word=_word(_naming.text(row.State)),
        description=_web_scans.plain(_naming.text(row.Description)),
        solution=_web_scans.plain(_naming.text(row.RemedialProcedure) or _naming.text(row.RemedialActions)),
        references=_web_scans.links(_naming.text(row.ExternalReferences), _naming.text(row.RemedyReferences)),
        evidence=_evidence(row, extra),
        first_seen=dates.when(_naming.text(row.FirstSeenDate)),
        observed_at=dates.when(_naming.text(row.LastSeenDate)),
    )


def _parameter(request: _Request, extra: dict[str, str]) -> str:
    """The parameter that was attacked, else the cookie that the finding is about."""
    for one in request.Parameters or ():
        if _naming.text(one.Vulnerable).lower() == "true":
            return _naming.text(one.Name)
    return extra.get("Identified Cookie(s)", "")


def _evidence(row: _Vulnerability, extra: dict[str, str]) -> str:
    lines = [f"{name}: {value}" for name, value in extra.items() if value and name != "Page Type"]
    known = len(row.KnownVulnerabilities or ())
    if known:
        lines.append(f"{known} known vulnerabilities of this version")
    return _web_scans.proof(_naming.text(row.ProofOfConcept), *lines)


def _cvss(classes: dict[str, Any]) -> tuple[str, float | None]:
    """Vector and base score of the newest version of CVSS that is given."""
    for name in ("Cvss40", "Cvss31", "Cvss"):
        held = classes.get(name)
        if isinstance(held, dict) and (vector := _naming.text(held.get("Vector"))):
            base = held.get("BaseScore")
            return _hosts.vector(vector), _naming.score(base.get("Value")) if isinstance(base, dict) else None
    return "", None


def _word(state: str) -> Word:
    """The states of the product, several of which may stand together; a fix not yet retested is no fix."""
    plain = state.lower().replace(" ", "")
    if "falsepositive" in plain:
        return "false_positive"
    if "acceptedrisk" in plain:
        return "accepted"
    if "ignored" in plain:
        return "suppressed"
    if "fixed" in plain and "present" not in plain and "unconfirmed" not in plain:
        return "fixed"
    return "open"


PLUGIN = Invicti()

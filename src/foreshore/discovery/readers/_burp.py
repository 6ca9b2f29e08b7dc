"""What all exports of Burp share: types of issues, words of confidence, the parameter in a caption."""

from __future__ import annotations

import re

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming, _web_scans
from foreshore.facts import ExposureKind, Finding, Proof, Word

EXTENSION = "134217728"  # the type of every issue that an extension made: only its name tells them apart

_IN_BRACKETS = regex(r" \[([^\[\]]{1,500})\]$")
_KIND_OF_INPUT = r"(?:(?:URL|body|JSON|XML|SOAP|multipart|request) )?(?:parameter|cookie|HTTP header|header|attribute)"
_SUFFIX = regex(rf" {_KIND_OF_INPUT}$", re.IGNORECASE)
_IN_DETAIL = regex(
    rf"\bvalue of the (\S{{1,200}}(?: path (?:filename|folder \d{{1,4}}))?)(?: {_KIND_OF_INPUT})? (?:is|was)\b"
)
_CWE = regex(r"CWE-(\d{1,5})", re.ASCII)


def rule(type_index: str, name: str) -> str:
    """The number of the type of issue; with the name where the type says only that an extension made it."""
    index, name = type_index.strip(), name.strip()
    if not index or index == "0":
        return name
    return f"{index}:{name}" if index == EXTENSION else index


def parameter(caption: str) -> str:
    """`b_id` of `/basket.jsp [b_id cookie]`, '' where the caption names no part of the request."""
    found = _IN_BRACKETS.search(caption.strip()[-600:])
    return _SUFFIX.sub("", found.group(1)) if found else ""


def parameter_in(detail: str) -> str:
    """The parameter that the text on an issue names, for exports whose captions do not."""
    found = _IN_DETAIL.search(_web_scans.plain(detail)[:4000])
    return found.group(1) if found else ""


def cwes(classifications: str) -> tuple[int, ...]:
    """CWE numbers of the classifications, in their order."""
    return tuple(dict.fromkeys(int(one) for one in _CWE.findall(classifications)))


def finding(
    asset: str,
    *,
    rule: str,
    name: str,
    severity: str,
    confidence: str,
    url: str,
    caption: str = "",
    method: str = "",
    classifications: str = "",
    detail: str = "",
    background: str = "",
    solution: str = "",
    references: tuple[str, ...] = (),
    evidence: str = "",
) -> Finding:
    """One issue as a finding; texts may be HTML, `detail` is about this place and `background` about the type."""
    word: Word = "false_positive" if severity.strip().lower().replace("_", " ") == "false positive" else "open"
    level = _naming.severity(severity)
    numbers = cwes(classifications)
    # Libraries with known weaknesses, and what extensions look up by version
    weaknesses = _naming.public_ids(detail) if "vulnerable" in name.lower() else ()
    kind: ExposureKind = "vulnerability" if weaknesses else _web_scans.kind_of(level, numbers)
    found = _web_scans.origin(url)
    return Finding(
        asset=asset,
        rule=rule,
        title=name.strip(),
        severity=level,
        weaknesses=weaknesses,
        kind=kind,
        port=found.port,
        protocol="tcp" if found.port else "",
        url=_web_scans.bare_url(url),
        method=method,
        parameter=parameter(caption) or parameter_in(detail),
        cwes=numbers,
        proof=_proof(kind, confidence, version=bool(weaknesses)),
        word=word,
        description=_web_scans.plain(detail) or _web_scans.plain(background),
        solution=_web_scans.plain(solution),
        references=references,
        evidence=evidence,
    )


def _proof(kind: ExposureKind, confidence: str, *, version: bool) -> Proof:
    if version:
        return "version"
    if kind == "misconfiguration":
        return "configuration"
    return "confirmed" if confidence.strip().lower() == "certain" and kind == "vulnerability" else "probe"

"""What Rapid7's formats have in common: results of tests, three words for severity, rows of the CSV export."""

from __future__ import annotations

import re
from datetime import datetime

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import Finding, Sighting

# The three words divide the tool's ten steps; they keep their order where no score says more.
_WORDS: dict[str, facts.Severity] = {"critical": "critical", "severe": "high", "moderate": "medium"}
_CODES = {
    "ve": "vulnerable-exploited", "vv": "vulnerable-version", "vp": "vulnerable-potential",
    "ee": "exception-vulnerable-exploited", "ev": "exception-vulnerable-version",
    "ep": "exception-vulnerable-potential", "nv": "not-vulnerable", "ov": "not-vulnerable",
}  # fmt: skip
_PROOFS: dict[str, facts.Proof] = {"expl": "probe", "vers": "version", "pot": "banner"}
_END = regex(r"\bobsolete\b|\bend[ -]of[ -]life\b|\bunsupported\b", re.IGNORECASE)
_TAG = regex(r"<[^<>]{1,2000}>")


def status_of(text: str) -> str:
    """The result of a test as the XML export calls it, from that word, from the interface's, or from a code."""
    word = text.strip().lower().replace(" ", "-").replace("_", "-")
    word = _CODES.get(word, word)
    if word in ("invulnerable", "no-vulnerability"):
        return "not-vulnerable"
    return word


def is_positive(status: str) -> bool:
    """Was the weakness found, with or without an exception for it?"""
    return not status.startswith(("not-", "overridden")) and ("vuln" in status or "potential" in status)


def proof_of(status: str) -> facts.Proof:
    """How it was seen."""
    return next((proof for word, proof in _PROOFS.items() if word in status), "unknown")


def word_of(status: str, excepted: bool = False) -> facts.Word:
    """The tool's own word: accepted where there is an exception."""
    return "accepted" if excepted or "exception" in status or status.startswith("excluded") else "open"


def severity_of(word: str, score: float | None) -> facts.Severity:
    """The rating of the CVSS score, else of the tool's step from 1 to 10, else its word."""
    if score is not None:
        return naming.of_score(score)
    step = naming.number(word)
    if step is not None:
        return naming.of_score(min(step, 10.0))
    return _WORDS.get(word.strip().lower(), "info")


def kind_of(title: str, rule: str, weaknesses: tuple[str, ...]) -> facts.ExposureKind:
    """The kind of exposure."""
    if not weaknesses and _END.search(f"{title} {rule}"):
        return "end_of_life"
    return "vulnerability" if weaknesses else "misconfiguration"


def plain(text: str) -> str:
    """Text without its HTML."""
    import html

    if "<" not in text and "&" not in text:
        return text.strip()
    lines = (" ".join(html.unescape(line).split()) for line in _TAG.sub("\n", text).split("\n"))
    return "\n".join(line for line in lines if line)


# -- the CSV export ------------------------------------------------------------------------------


def row_key(row: csvrows.Row) -> str:
    """What names the host of a row."""
    parts = (row.get("asset ip address", ""), row.get("asset names", ""))
    return " ".join(part for part in parts if part) or row.get("asset id", "")


def row_sighting(key: str, row: csvrows.Row) -> Sighting:
    """The host of a row; several names and hardware addresses stand in one cell."""
    names = [name for name in re.split(r"[,;\s]+", row.get("asset names", "")) if name]
    system = " ".join(
        dict.fromkeys(part for name in ("asset os name", "asset os version") if (part := row.get(name, "")))
    )
    fields = (("asset-id", "asset id"), ("site", "site name"), ("risk-score", "asset risk score"))
    address = row.get("asset ip address", "")
    known = hosts.gather(
        [("mac", mac) for mac in hosts.macs(row.get("asset mac addresses", ""))],
        (one for name in names for one in hosts.named("fqdn", name)),
        hosts.named("ip", address),
    )
    tags = row.get("custom tag", "")
    return Sighting(
        key=key,
        name=names[0] if names else address or key,
        identifiers=known or (("artifact", f"insightvm asset {key}"),),
        os=system or row.get("asset os family", ""),
        tags=tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
        attributes=tuple((label, row[name]) for label, name in fields if row.get(name)),
    )


def row_finding(key: str, rule: str, row: csvrows.Row, status: str, at: datetime | None) -> Finding:
    """The finding of a row."""
    get = row.get
    listed = (
        get("vulnerability cve ids", ""),
        get("vulnerability cve urls", ""),
        get("vulnerability reference ids", ""),
    )
    weaknesses = naming.public_ids(*listed) or naming.public_ids(rule)
    score, vector = _cvss(row)
    title = get("vulnerability title", "") or rule
    links = re.split(r"[,;\s]+", get("vulnerability reference urls", ""))
    return Finding(
        asset=key,
        rule=rule,
        title=title,
        severity=severity_of(get("vulnerability severity level", ""), score),
        weaknesses=weaknesses,
        kind=kind_of(title, rule, weaknesses),
        fix=hosts.fix_name(title, get("vulnerability reference ids", "")),
        port=naming.port(get("service port", "")),
        protocol=get("service protocol", "").lower(),
        resource=get("vulnerability test key", "") if not weaknesses else "",
        cvss_score=score,
        cvss_vector=vector,
        proof=proof_of(status),
        word=word_of(status),
        description=plain(get("vulnerability description", "")),
        solution=plain(get("vulnerability solution", "")),
        references=tuple(dict.fromkeys(link for link in links if link.startswith("http"))),
        evidence=plain(get("vulnerability proof", "")),
        first_seen=hosts.when(get("vulnerability vulnerable since") or get("vulnerable since")),
        observed_at=at,
    )


def _cvss(row: csvrows.Row) -> tuple[float | None, str]:
    for prefix, kind in (("vulnerability cvssv3", "CVSS:3.0"), ("vulnerability cvss", "")):
        score = naming.score(row.get(f"{prefix} score"))
        vector = hosts.vector(row.get(f"{prefix} vector", ""), kind)
        if score is not None or vector:
            return score, vector
    return None, ""

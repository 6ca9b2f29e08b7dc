"""What OpenVAS' XML and CSV have in common: levels, quality of detection, ports."""

from __future__ import annotations

import re

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import ExposureKind, Proof, Severity

END_OF_LIFE = regex(r"\bend of life\b|\(EOL\)|\bunsupported\b", re.IGNORECASE)
_PORT = regex(r"^(?:[^()]*\()?(\d{1,5})/(tcp|udp|sctp)\)?$", re.IGNORECASE)
_LEVELS: dict[str, Severity] = {
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "log": "info",
    "debug": "info",
    "none": "info",
    "alarm": "high",
}
# Quality of detection by its name in the protocol, else by its per cent.
_QUALITIES: dict[str, Proof] = {
    "exploit": "confirmed",
    "remote_vul": "probe",
    "remote_app": "probe",
    "package": "package",
    "registry": "package",
    "executable_version": "package",
    "remote_active": "probe",
    "remote_analysis": "probe",
    "remote_probe": "probe",
    "remote_banner": "version",
    "remote_banner_unreliable": "banner",
    "executable_version_unreliable": "version",
    "general_note": "unknown",
}


def threat(word: str, score: float | None) -> Severity:
    """The report's word; where it has none, the rating of the score."""
    found = _LEVELS.get(word.strip().lower())
    if found is not None:
        return found
    return naming.of_score(score or 0.0)


def place_of(port: str) -> tuple[int, str]:
    """(port, protocol) of "443/tcp", "https (443/tcp)" or "general/tcp"; 0 for general."""
    match = _PORT.match(port.strip())
    if match and 0 < int(match.group(1)) < 65536:
        return int(match.group(1)), match.group(2).lower()
    protocol = port.rpartition("/")[2].strip().lower()
    return 0, protocol if protocol in ("tcp", "udp", "sctp", "icmp") else ""


def proof_of(kind: str, quality: str) -> Proof:
    """How it was seen, from the quality of detection."""
    if kind in _QUALITIES:
        return _QUALITIES[kind]
    value = naming.number(quality)
    if value is None:
        return "unknown"
    for least, proof in ((100, "confirmed"), (98, "probe"), (97, "package"), (95, "probe"), (80, "version")):
        if value >= least:
            return proof  # type: ignore[return-value]
    return "banner" if value >= 50 else "unknown"


def kind_of(title: str, severity: Severity, weaknesses: tuple[str, ...], solution: str) -> ExposureKind:
    """The kind of exposure."""
    if severity != "info" and END_OF_LIFE.search(title):
        return "end_of_life"
    if weaknesses:
        return "vulnerability"
    if severity == "info":
        return "observation"
    return "vulnerability" if solution == "VendorFix" else "misconfiguration"

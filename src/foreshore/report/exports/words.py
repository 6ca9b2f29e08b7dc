"""What a decision or a test says in the words of VEX (what a vulnerability means for a product)."""

from __future__ import annotations

from typing import Any, NamedTuple

PUBLIC = ("CVE-", "GHSA-")


class Word(NamedTuple):
    """One exposure in VEX: state in CycloneDX and OpenVEX, a response (CycloneDX), and a text."""

    cyclonedx: str
    openvex: str
    response: str
    text: str


_DECIDED = {
    "false_positive": ("false_positive", "not_affected", ""),
    "not_applicable": ("not_affected", "not_affected", ""),
    "accepted": ("exploitable", "affected", "will_not_fix"),
    "mitigated": ("exploitable", "affected", "workaround_available"),
}


def of(row: dict[str, Any]) -> Word | str:
    """Return what to say of an exposure, or why nothing is said."""
    if not row["weakness"].startswith(PUBLIC):
        return "VEX is about vulnerabilities with a public name"
    if row["disposition"] in ("duplicate", "not_ours"):
        return "a duplicate, or not ours: no statement about a product"
    if row["disposition"] in _DECIDED:
        return Word(*_DECIDED[row["disposition"]], row["because"] or "")
    fix = f"Fix: {row['fix']}" if row["fix"] else "No fix is known; see the plan"
    if row["verdict"] == "confirmed":
        return Word("exploitable", "affected", "update" if row["fix"] else "", fix)
    return Word("in_triage", "under_investigation", "", row["reason"] or "")

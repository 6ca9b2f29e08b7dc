"""The moved list: what the scanners put first beside what we put first, a sentence for each that moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from foreshore.facts import SEVERITIES

TOP = 20
HIGH = 9.0  # from this score on the scanners say critical


class Move(NamedTuple):
    """One exposure that fell or rose: ranks are counted from 1."""

    exposure: int
    direction: str  # fell, rose
    scanner_rank: int
    our_rank: int
    title: str
    asset_name: str
    weakness: str
    severity: str
    cvss: float | None
    treatment: str
    sentence: str


def moved(rows: Iterable[Mapping[str, Any]], top: int = TOP) -> list[Move]:
    """Return who left the scanners' first `top` and who came into ours; the furthest moved first.

    `rows` are assessments (see tables.py) with `scanner_rank`; those that stand in either list suffice.
    """
    moves = []
    for row in rows:
        was, now = int(row["scanner_rank"]), int(row["rank"])
        if was <= top < now:
            moves.append(_move(row, "fell", was, now))
        elif now <= top < was:
            moves.append(_move(row, "rose", was, now))
    return sorted(moves, key=lambda one: (one.direction, -abs(one.scanner_rank - one.our_rank)))


def _move(row: Mapping[str, Any], direction: str, was: int, now: int) -> Move:
    severity = SEVERITIES[int(row["severity"])]
    sentence = _fell(row) if direction == "fell" else _rose(row)
    return Move(
        int(row["exposure"]), direction, was, now, row["title"], row["asset_name"], row["weakness"],
        severity, row["cvss"], row["treatment"], sentence,
    )  # fmt: skip


def _score(row: Mapping[str, Any]) -> str:
    return f"{row['cvss']:.1f}" if row["cvss"] is not None else SEVERITIES[int(row["severity"])]


def _fell(row: Mapping[str, Any]) -> str:
    score = f"Scored {_score(row)} by the scanner, but "
    if row["treatment"] == "accepted":
        return f"{score}a person decided “{row['disposition']}”."
    if row["reachable"] == "no":
        return f"{score}no attacker gets to {row['asset_name']}: {row['reach_fact']}."
    if row["leads"] == "no":
        return f"{score}nothing critical can be reached from {row['asset_name']}."
    if row["exploit"] in ("none_known", "unknown"):
        return f"{score}no working exploit is known for it."
    if row["reachable"] == "unknown":
        return f"{score}it is not known whether anyone can get to it: {row['reach_fact']}."
    return f"{score}other ways to what matters are far easier."


_PUBLIC = {
    "weaponized": "a working exploit is public",
    "poc": "a proof of concept is public",
    "built_in": "it needs no special exploit",
}


def _rose(row: Mapping[str, Any]) -> str:
    reasons = []
    if row["exploit"] in ("attacks", "ransomware"):
        reasons.append(f"it is used in {'ransomware attacks' if row['exploit'] == 'ransomware' else 'attacks'}")
    elif row["exploit"] in _PUBLIC:
        reasons.append(_PUBLIC[row["exploit"]])
    if row["reachable"] == "yes":
        reasons.append("an attacker can get to it")
    if row["leads_to"]:
        reasons.append("it leads to " + " and ".join(row["leads_to"][:2]))
    why = ", ".join(reasons) or "it stands on an easy way to what matters"
    # Beside hundreds with the same high score, “only” would be wrong.
    high = row["cvss"] is not None and row["cvss"] >= HIGH
    scored = f"Scored {_score(row)} like many others" if high else f"Scored only {_score(row)} by the scanner"
    return f"{scored}, but {why}."

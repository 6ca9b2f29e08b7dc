"""What must hold before a decision is taken down; every refusal says what to do instead."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import get_args

from foreshore import facts
from foreshore.errors import UsageError

LEAST_REASON = 10
WORDS: tuple[str, ...] = get_args(facts.Disposition)
CLAIMED = "claimed_fixed"
WITHDRAWN = "withdrawn"
REVOKED = "revoked"
ENDED = (WITHDRAWN, REVOKED)  # words after which none counts
EXCEPTIONS = ("accepted", "mitigated")  # words that leave an exposure open, and may rest on assumptions
SYSTEM = "foreshore"  # the author of what no person did


def word(text: str) -> str:
    """Return the disposition that `text` means: dashes, spaces and case do not matter."""
    folded = text.strip().lower().replace("-", "_").replace(" ", "_")
    known = (*WORDS, CLAIMED)
    if folded in known:
        return folded
    near = difflib.get_close_matches(folded, known, 1)
    raise UsageError(
        f"“{text}” is not a decision", where="--as", hint=near[0] if near else "one of " + ", ".join(known)
    )


def reason(text: str) -> str:
    """Return the reason, refused where it is too short to mean anything to the next reader."""
    told = " ".join(text.split())
    if len(told) < LEAST_REASON:
        raise UsageError(
            "a decision needs a reason that the next person can follow",
            where="--because",
            hint=f"at least {LEAST_REASON} characters on what you looked at",
        )
    return told


def author(text: str) -> str:
    """Return the author, refused where there is none."""
    if not text.strip():
        raise UsageError("a decision needs an author", hint="your name")
    return text.strip()


def end(disposition: str, until: date | None, at: datetime, longest_days: int) -> date | None:
    """Return the last day of a decision; accepting a risk needs one within `longest_days`."""
    today = at.date()
    if until is None:
        if disposition == "accepted":
            raise UsageError(
                "accepting an exposure needs a last day, after which it is looked at again",
                where="--until",
                hint=f"--until {today + timedelta(days=min(90, longest_days))}",
            )
        return None
    if isinstance(until, datetime):
        until = until.date()
    if until < today:
        raise UsageError(f"{until} has passed", where="--until", hint="a day from today on")
    if disposition == "accepted" and until > today + timedelta(days=longest_days):
        raise UsageError(
            f"an exposure may be accepted for at most {longest_days} days",
            where="--until",
            hint=f"{today + timedelta(days=longest_days)} or earlier",
        )
    return until


def assumptions(disposition: str, assumed: Sequence[facts.Assumption]) -> list[dict[str, str]] | None:
    """Return what an exception rests on as it is kept, None for nothing; other words rest on nothing."""
    if assumed and disposition not in EXCEPTIONS:
        raise UsageError(
            f"“{disposition.replace('_', ' ')}” rests on no assumptions",
            where="--assume",
            hint="accepted or mitigated does; leave --assume out",
        )
    return [{"said": one.said, "query": one.query} for one in assumed] or None


def verdict(text: str) -> str:
    """Return `same` or `different`."""
    folded = text.strip().lower()
    if folded not in ("same", "different"):
        raise UsageError(f"“{text}” does not answer the question", hint="same or different")
    return folded

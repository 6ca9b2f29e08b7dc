"""Deciding about many exposures at once: which they are, what would become of them, the word, and taking it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from foreshore import facts
from foreshore.cycle import deciding
from foreshore.errors import UsageError
from foreshore.server import exposures, paging
from foreshore.server.access import Access
from foreshore.server.shelf import Shelf

MOST = 5_000  # exposures of one decision; more need a narrower query
NAMED = 20
# What people may say of an exposure by themselves. Accepting one is an exception: somebody else approves it.
WORDS = ("false_positive", "not_applicable", "mitigated", "duplicate", "not_ours", "claimed_fixed")
_BECOMES = dict.fromkeys(facts.DISMISSALS, "dismissed") | {"mitigated": "accepted", "accepted": "accepted"}


class Chosen(NamedTuple):
    """What somebody ticked, or everything that a query asks for; `alike` adds the likes of one exposure."""

    keys: Sequence[int] = ()
    where: str = ""
    every: bool = False
    alike: bool = False


def rows(shelf: Shelf, access: Access, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the rows that were chosen and that `access` may decide about; raises UsageError for none or too many."""
    access.need("decide")
    ticked = chosen.keys[: MOST + 1]
    found = (
        matching(shelf, access, chosen.where) if chosen.every else exposures.rows_of(shelf, access, ticked, "decide")
    )
    if chosen.alike and found:
        found += _alike(shelf, access, found)
    if not found:
        raise UsageError("no exposure was chosen that you may decide about", hint="tick some, or all that match")
    if len(found) > MOST:
        raise UsageError(f"one decision is about at most {MOST} exposures", hint="narrow the query")
    return found


def matching(shelf: Shelf, access: Access, where: str, permission: str = "decide") -> list[dict[str, Any]]:
    """Return the open exposures that match and for which the permission holds, at most one more than MOST."""
    seen, scope = paging.condition(shelf, access, where), access.exposures(permission)
    return exposures.with_ids(
        shelf.ask(
            f"select * from laid where ({seen.sql}) and ({scope.sql}) order by rank, exposure limit {MOST + 1}",
            [*seen.values, *scope.values],
        )
    )


def _alike(shelf: Shelf, access: Access, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    unique = {row["exposure"]: row for row in found}
    for row in list(found)[:NAMED]:
        same = exposures.alike(shelf, access, row, "decide")
        for other in shelf.ask(f"select * from laid where {same.sql} limit {MOST + 1}", same.values):
            unique.setdefault(other["exposure"], other)
    return exposures.with_ids([row for key, row in unique.items() if key not in {one["exposure"] for one in found}])


def preview(found: Sequence[dict[str, Any]], word: str) -> dict[str, Any]:
    """Return what a decision would touch: how many, on what, and which would become what."""
    becomes = _BECOMES.get(word)
    before = Counter(row["treatment"] or "dismissed" for row in found)
    after = Counter(
        becomes or ("pending_verification" if word == "claimed_fixed" else "unknown") for _ in found
    )  # fmt: skip
    return {
        "count": len(found), "assets": len({row["asset"] for row in found}),
        "weaknesses": len({row["weakness"] for row in found}), "word": word, "before": dict(before),
        "after": dict(after), "moves": [
            {"before": treatment, "after": next(iter(after)), "count": count}
            for treatment, count in before.most_common()],
        "decided": sum(1 for row in found if row["disposition"]),
        "first": [exposures.shown(row) for row in found[:NAMED]],
    }  # fmt: skip


def decide(
    shelf: Shelf, access: Access, chosen: Chosen, word: str, *, because: str, until: date | None = None,
    assume: Sequence[str] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """Take down a word of WORDS on what was chosen, all or none, in the name of who asks; see `deciding.decide`."""
    if word not in WORDS:
        hint = "ask for an exception" if word == "accepted" else ", ".join(WORDS)
        raise UsageError(f"“{word}” cannot be decided here", hint=hint)
    found = rows(shelf, access, chosen)
    return deciding.decide(
        shelf.workspace, found, word, because=because, author=access.person, until=until, assume=assume,
        like_this=_like_this(chosen),
    )  # fmt: skip


def _like_this(chosen: Chosen) -> str:
    if chosen.every:
        return f"all that match: {chosen.where.strip() or 'every open exposure'}"
    return "same weakness and component" if chosen.alike else ""


def withdraw(shelf: Shelf, access: Access, chosen: Sequence[int], *, because: str) -> list[dict[str, Any]]:
    """Take back what was decided about these exposures; nothing that was said before comes back by itself."""
    found = rows(shelf, access, Chosen(chosen))
    decided = [row for row in found if row["disposition"] or row["state"] == "pending_verification"]
    if not decided:
        raise UsageError("nothing is decided about these exposures any more", hint="nothing has to be taken back")
    return deciding.decide(shelf.workspace, decided, "withdrawn", because=because, author=access.person)

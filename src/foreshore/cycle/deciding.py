"""Taking a person's word on exposures: what was chosen, what it was at that time, and the entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from foreshore import decisions, facts, keys
from foreshore.cycle import assumptions
from foreshore.decisions import checks
from foreshore.decisions.checks import WITHDRAWN
from foreshore.errors import UsageError
from foreshore.query import lists

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions
    from foreshore.workspace import Workspace

# What is kept beside a decision, so that it can be judged later against what the exposure was.
_EVIDENCE = (
    "asset", "asset_name", "site", "zone", "weakness", "kind", "title", "place_kind", "place", "state", "severity",
    "way_in", "reachable", "reach_fact", "exploit", "kev", "epss", "leads", "treatment", "verdict", "contribution",
)  # fmt: skip


def chosen(workspace: Workspace, texts: Sequence[str], *, like_this: bool = False) -> list[dict[str, Any]]:
    """Return the served exposures that `texts` name, each once, with `id`; with `like_this` also their likes.

    Alike are open exposures of the same weakness in the same component, or, where the place is no
    component, in the same kind of place. Raises UsageError for a key that names none or several.
    """
    rows = lists.find(workspace, list(texts))
    if like_this:
        rows += [other for row in list(rows) for other in lists.alike(workspace, row)]
    unique = {row["exposure"]: row for row in rows}
    return [{"id": keys.show("EXP", key), **row} for key, row in unique.items()]


def decide(
    workspace: Workspace,
    rows: Sequence[dict[str, Any]],
    word: str,
    *,
    because: str,
    author: str,
    until: date | None = None,
    like_this: str = "",
    assume: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Take down `word` on each of `rows` (see `chosen`), all or none, and return what was taken down.

    `word` is a disposition, `claimed_fixed` or `withdrawn`. Raises UsageError for a reason that says
    too little, an acceptance without its last day, or a withdrawal where nothing was decided. `assume`
    are texts of assumptions (see `assumptions.parse`), each of which has to hold now for every row.
    """
    if not rows:
        raise UsageError("no exposure was named", hint="foreshore exposures lists them")
    exposures = [row["exposure"] for row in rows]
    assumes = tuple(assumptions.parse(text) for text in assume)
    if assumes:
        checks.assumptions(word, assumes)
        _refuse_unlike(workspace, rows, word, assumes)
    with decisions.open(workspace) as opened:
        if word == WITHDRAWN:
            if until is not None:
                raise UsageError("a withdrawal has no last day", where="--until", hint="leave it out")
            former = made_on(opened, exposures, _renamed(workspace))
            entries = opened.withdraw([former[key] for key in exposures], because=because, author=author)
        else:
            evidence = {row["exposure"]: _evidence(row) for row in rows}
            entries = opened.decide(
                exposures, word, because=because, author=author, until=until, like_this=like_this, evidence=evidence,
                assumes=assumes,
            )  # fmt: skip
    by_row = zip(rows, entries, strict=True)
    return [
        {"id": row["id"], "weakness": row["weakness"], "title": row["title"], "asset_name": row["asset_name"],
         "disposition": entry.disposition, "because": entry.because, "until": entry.until, "author": entry.author,
         "decided_at": entry.decided_at, "like_this": entry.like_this,
         "assumes": [{"said": one.said, "query": one.query} for one in entry.assumes]}
        for row, entry in by_row
    ]  # fmt: skip


def _evidence(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in _EVIDENCE}
    kept |= {name: str(row[name]) for name in ("first_seen", "last_seen") if row[name]}
    return {**kept, "id": row["id"], "cycle": row["cycle"], "sources": list(row["sources"] or [])}


def _refuse_unlike(
    workspace: Workspace, rows: Sequence[dict[str, Any]], word: str, assumes: tuple[facts.Assumption, ...]
) -> None:
    """Refuse an exception that rests on what is not so by the served cycle and the intelligence of now."""
    from foreshore.cycle import holding

    said = [facts.Decision(row["exposure"], word, "", "", datetime.now(UTC), assumes=assumes) for row in rows]
    if broken := holding.now(workspace, said):
        first = next(iter(broken))
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise UsageError(
            f"what is assumed is not so for {keys.show('EXP', first.exposure)}{more}: {broken[first]}",
            where="--assume", hint="leave it out, or decide those apart for which it holds",
        )  # fmt: skip


def _renamed(workspace: Workspace) -> dict[int, int]:
    from foreshore.cycle.inputs import aliases
    from foreshore.store import open_lake

    with open_lake(workspace, read_only=True) as lake:
        return aliases(lake)


def made_on(opened: Decisions, exposures: Sequence[int], renamed: Mapping[int, int]) -> dict[int, int]:
    """Return, for each exposure, the id that its latest decision was made on: ids get renamed and merged."""
    wanted = set(exposures)
    former: dict[int, list[int]] = {key: [key] for key in exposures}
    for old, new in renamed.items():
        if new in wanted:
            former[new].append(old)
    found = {}
    for key, ids in former.items():
        words = opened.history(*ids)
        found[key] = words[-1].exposure if words else key
    return found

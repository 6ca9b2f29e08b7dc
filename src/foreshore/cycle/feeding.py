"""Intelligence brought up to date, with what it means here; what `intel update` and the job `intel` do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore.cycle import news

if TYPE_CHECKING:
    from foreshore.intel.held import Held
    from foreshore.intel.update import UpdateResult
    from foreshore.workspace import Workspace


def update(
    workspace: Workspace,
    *,
    sources: Sequence[str] = (),
    everything: bool = False,
    from_evidence: bool = False,
    on_note: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the feeds and return what `intel update --json` prints, and what it means here (`news.after_update`)."""
    from foreshore.intel import update as updating

    started = datetime.now(UTC)
    found = updating.update(
        workspace, sources=list(sources) or None, only_present=not everything, say=on_note, from_evidence=from_evidence
    )
    told = news.after_update(workspace, started)
    return {**told_update(found), "impact": told["impact"]}, told


def release(workspace: Workspace, ident: str, *, because: str, author: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let held news into the facts, and return what `intel release --json` prints and what it means here."""
    from foreshore.intel import held as waiting
    from foreshore.intel import taking

    started = datetime.now(UTC)
    found = waiting.find(workspace, ident)
    new = taking.release(workspace, found, because=because, author=author)
    told = news.after_update(workspace, started)
    return {"id": found.id, "decided": "release", "new": new, "impact": told["impact"]}, told


def discard(workspace: Workspace, ident: str, *, because: str, author: str) -> dict[str, Any]:
    """Turn held news away, and return what `intel discard --json` prints."""
    from foreshore.intel import held as waiting

    found = waiting.find(workspace, ident)
    waiting.discard(workspace, found, because=because, author=author)
    return {"id": found.id, "decided": "discard", "new": 0}


def held(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the news that waits for a person, as `intel held --json` prints it."""
    from foreshore.intel import held as waiting

    return [told_held(one) for one in waiting.listed(workspace)]


def told_update(result: UpdateResult) -> dict[str, Any]:
    """Return a result in the shape that other programs may rely on."""
    return {
        "feeds": [
            {"feed": one.feed, "file": one.name, "digest": one.digest, "observed_at": one.date, "read": one.signals,
             "new": one.new}
            for one in result.read
        ],
        "new": result.new,
        "aliases": result.aliases,
        "weaknesses": result.weaknesses if result.weaknesses >= 0 else None,
        "age_days": result.stale,
        "never_read": list(result.missing),
        "unchanged": list(result.unchanged),
        "held": [told_held(one) for one in result.held],
        "errors": [{"file": name, "error": why} for name, why in result.failed],
        "skipped": [{"file": name, "why": why} for name, why in result.skipped],
    }  # fmt: skip


def told_held(one: Held) -> dict[str, Any]:
    """Return what is held in the shape that other programs may rely on."""
    told: dict[str, Any] = msgspec.to_builtins(one)
    return {name: told[name] for name in (
        "id", "feed", "held_at", "reasons", "moved", "present", "exposures", "kinds", "examples", "files"
    )}  # fmt: skip

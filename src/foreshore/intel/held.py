"""News that waits for a person: written aside, listed with what it would move, released or discarded.

Each is a folder `intel/held/ID/` with its parsed tables as Parquet and `record.json`, which is written last.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from foreshore.errors import UsageError, WorkspaceError
from foreshore.intel import kept
from foreshore.workspace import write_atomically

if TYPE_CHECKING:
    from foreshore.intel.rows import Wanted
    from foreshore.workspace import Workspace

_RECORD = "record.json"
_WANTED = "wanted.parquet"
Release, Discard = "release", "discard"


class HeldFile(msgspec.Struct, kw_only=True):
    """One body of it: name, digest, newest date, how many statements of ours it makes."""

    name: str
    digest: str
    date: datetime | None
    signals: int


class Held(msgspec.Struct, kw_only=True):
    """News of one feed that waits: why, what it would move, and whom it touches.

    `moved` of `present` weaknesses change, `kinds` by what changes; `exposures` are those of moved weaknesses.
    """

    id: str
    feed: str
    held_at: datetime
    reasons: list[str]
    files: list[HeldFile]
    moved: int
    present: int
    kinds: dict[str, int]
    exposures: int
    examples: list[dict[str, Any]]
    complete: list[str]
    everything: bool
    entries: int | None = None
    entries_at: datetime | None = None


def identity(feed: str, digests: Sequence[str]) -> str:
    """Return the id of these bodies of a feed: the same bodies are held once."""
    return f"{feed}-{hashlib.sha256(' '.join(sorted(digests)).encode()).hexdigest()[:8]}"


def put(workspace: Workspace, held: Held, tables: Sequence[pa.Table], wanted: Wanted) -> Held:
    """Write `held` aside with its tables (one a file, in order); what is there already keeps its date.

    `wanted` are the weaknesses for which they were read.
    """
    import pyarrow.parquet as pq

    folder = kept.folder(workspace, "held", held.id)
    before = _read(folder)
    if before is not None:
        held = msgspec.structs.replace(held, held_at=before.held_at)
    try:
        for number, table in enumerate(tables):
            pq.write_table(table, folder / f"{number:04d}.parquet", compression="zstd")
        names = pa.table({"weakness": pa.array(sorted(wanted or ()), pa.string())})
        pq.write_table(names, folder / _WANTED, compression="zstd")
        write_atomically(folder / _RECORD, msgspec.json.format(msgspec.json.encode(held)))
    except OSError as error:
        raise WorkspaceError(f"cannot be written: {error}", where=str(folder), hint="free disk space") from error
    return held


def listed(workspace: Workspace) -> list[Held]:
    """Return all that waits, the oldest first."""
    place = workspace.root / "intel" / "held"
    found = [one for path in sorted(place.glob("*")) if (one := _read(path)) is not None]
    return sorted(found, key=lambda one: (one.held_at, one.id))


def find(workspace: Workspace, text: str) -> Held:
    """Return what waits under this id or its beginning; raises UsageError where none or several do."""
    waiting = listed(workspace)
    found = [one for one in waiting if text and one.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.id for one in found or waiting) or "nothing is held"
    raise UsageError("several are held under this beginning" if found else "nothing is held under this id",
                     where=text, hint=known)  # fmt: skip


def tables(workspace: Workspace, held: Held) -> tuple[list[pa.Table], Wanted]:
    """Return the tables of what waits, and for which weaknesses they were read; WorkspaceError where damaged."""
    import pyarrow.parquet as pq

    folder = workspace.root / "intel" / "held" / held.id
    try:
        found = [pq.read_table(folder / f"{number:04d}.parquet") for number in range(len(held.files))]
        names = pq.read_table(folder / _WANTED)["weakness"].to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise WorkspaceError(
            f"what was held cannot be read ({error})", where=str(folder), hint="foreshore intel discard; then update"
        ) from error
    return found, None if held.everything else frozenset(names)


def decided(workspace: Workspace, held: Held, verdict: str, *, because: str, author: str) -> None:
    """Take down a person's word on what waits, in the audited decisions; the same word again changes nothing.

    Raises UsageError without a reason, or where the other word was given.
    """
    from foreshore import decisions
    from foreshore.decisions import checks

    reason, who = checks.reason(because), checks.author(author)
    detail = {
        "verdict": verdict, "because": reason, "by": who, "feed": held.feed, "reasons": held.reasons,
        "moved": held.moved, "digests": [one.digest for one in held.files],
    }  # fmt: skip
    with decisions.open(workspace) as opened:
        # One word for each time that it was held: what is discarded may come again under other bytes only.
        receipt = opened.acknowledge(f"intel-held:{held.id}", f"intel {verdict}", detail, author=who)
    if receipt.detail.get("verdict") != verdict:
        raise UsageError(
            f"it was decided otherwise already: {receipt.detail.get('verdict')}", where=held.id,
            hint=f"foreshore intel {receipt.detail.get('verdict')} {held.id}, which was not finished",
        )  # fmt: skip


def discard(workspace: Workspace, held: Held, *, because: str, author: str) -> None:
    """Turn away what waits: its bytes are never taken, and are not asked about again."""
    decided(workspace, held, Discard, because=because, author=author)
    state = kept.load(workspace)
    word = kept.Discarded(by=author, at=datetime.now(UTC).replace(tzinfo=None), because=because)
    state.discarded |= {one.digest: word for one in held.files}
    kept.save(workspace, state)
    remove(workspace, held)


def remove(workspace: Workspace, held: Held) -> None:
    """Remove what waited, its record first."""
    folder = workspace.root / "intel" / "held" / held.id
    (folder / _RECORD).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path) -> Held | None:
    try:
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=Held)
    except (OSError, msgspec.MsgspecError):
        return None

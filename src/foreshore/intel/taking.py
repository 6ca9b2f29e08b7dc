"""One feed's tables into the lake: compared with what is known, judged, and appended or held."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from foreshore.errors import Conflict
from foreshore.intel import changes, flood, held, kept
from foreshore.intel.rows import only

if TYPE_CHECKING:
    from foreshore.intel.rows import Wanted
    from foreshore.policy import Policy
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

_TRIES = 5
_NEW_ALIASES = """
SELECT alias, weakness, source, min(observed_at) AS observed_at FROM coming
WHERE NOT EXISTS (SELECT 1 FROM weakness_aliases k
    WHERE k.alias = coming.alias AND k.weakness = coming.weakness AND k.source = coming.source)
GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class Part:
    """One body of a feed, parsed: name, digest, its signals (layout `rows.SCHEMA`)."""

    name: str
    digest: str
    table: pa.Table

    @property
    def date(self) -> datetime | None:
        """The date of its newest content."""
        return changes.date_of(self.table)


@dataclass(frozen=True)
class Coming:
    """What comes of one feed, the oldest part first; `wanted` are the weaknesses it was read for."""

    feed: str
    complete: tuple[str, ...]
    parts: tuple[Part, ...]
    wanted: Wanted
    lists: flood.Lists = field(default_factory=flood.Lists)


@dataclass(frozen=True)
class Taken:
    """What became of it: news by part, rows written with the markers, new aliases, and what is held instead."""

    new: tuple[int, ...]
    rows: int = 0
    aliases: int = 0
    held: held.Held | None = None


@dataclass
class Guard:
    """What the flood guard needs: policy, state, the weaknesses that are present, the hour."""

    policy: Policy
    state: kept.State
    present: Wanted
    now: datetime


def present(lake: Lake) -> Wanted:
    """Return the public names that occur in the workspace: exposures, findings, and names that mean them."""
    return only(_own(lake) | _renamed(lake))


def _own(lake: Lake) -> set[str]:
    names = lake.sql("SELECT weakness FROM exposures UNION SELECT unnest(weaknesses) FROM findings")
    return {name for name in names.column(0).to_pylist() if name}


def _renamed(lake: Lake) -> set[str]:
    # A feed of advisories brings the aliases of all it was asked about; the names of others mean nothing here.
    names = lake.sql(
        """WITH own AS (SELECT weakness AS name FROM exposures UNION SELECT unnest(weaknesses) FROM findings)
        SELECT alias FROM weakness_aliases a JOIN own ON own.name = a.weakness
        UNION SELECT weakness FROM weakness_aliases a JOIN own ON own.name = a.alias"""
    )
    return {name for name in names.column(0).to_pylist() if name}


def take(workspace: Workspace, lake: Lake, coming: Coming, guard: Guard | None) -> Taken:
    """Append what is new of a feed in one commit; with a `guard`, news that moves too much is held instead.

    Begins again when another process has written to the same tables meanwhile.
    """
    for _ in range(_TRIES - 1):
        try:
            return _take(workspace, lake, coming, guard)
        except Conflict:
            lake.refresh()
    return _take(workspace, lake, coming, guard)


def _take(workspace: Workspace, lake: Lake, coming: Coming, guard: Guard | None) -> Taken:
    tables = [_signals(part.table) for part in coming.parts]
    before = changes.stored(lake, tables, coming.complete, coming.wanted)
    asked = _asked(workspace, coming) if coming.complete else None
    with changes.Known(before, workspace.connect()) as known:
        del before
        new: tuple[int, ...] = tuple(
            known.take(table, part.digest, coming.complete, coming.wanted, asked)
            for part, table in zip(coming.parts, tables, strict=True)
        )
        verdict = _judged(workspace, known, coming, guard) if guard is not None and any(new) else None
        if guard is not None and verdict is not None and verdict.reasons:
            return Taken((), held=_hold(workspace, lake, coming, guard, verdict))
        added = known.added()
    aliases = _aliases(lake, coming.parts)
    _append(lake, added, aliases)
    return Taken(new, len(added), len(aliases))


def _asked(workspace: Workspace, coming: Coming) -> Wanted:
    """Return the weaknesses that this feed was read for before; None, all, where nothing was ever present here."""
    asked = kept.asked(workspace)
    names = asked.filter(pc.equal(asked["feed"], coming.feed))["weakness"].to_pylist()
    return frozenset(names) if names or coming.wanted is not None else None


def _signals(table: pa.Table) -> pa.Table:
    return table.filter(pc.not_equal(table["kind"], "alias"))


def _judged(workspace: Workspace, known: changes.Known, coming: Coming, guard: Guard) -> flood.Verdict:
    asked = kept.asked(workspace)
    asked = asked.filter(pc.equal(asked["feed"], coming.feed)).select(["weakness"])
    here = pa.array(sorted(guard.present or ()), pa.string())
    asked = asked.filter(pc.is_in(asked["weakness"], value_set=here))
    return flood.judge(known.connection, asked, guard.policy, guard.state.feed(coming.feed), coming.lists)


def _hold(workspace: Workspace, lake: Lake, coming: Coming, guard: Guard, verdict: flood.Verdict) -> held.Held:
    touched = lake.sql("SELECT count(*) AS n FROM exposures SEMI JOIN moved USING (weakness)", moved=verdict.weaknesses)
    waiting = held.Held(
        id=held.identity(coming.feed, [part.digest for part in coming.parts]), feed=coming.feed, held_at=guard.now,
        reasons=list(verdict.reasons), moved=verdict.moved, present=verdict.present, kinds=verdict.kinds,
        exposures=int(touched["n"][0].as_py()), examples=list(verdict.examples), complete=list(coming.complete),
        everything=coming.wanted is None, entries=coming.lists.entries, entries_at=coming.lists.date,
        files=[
            held.HeldFile(name=one.name, digest=one.digest, date=one.date,
                          signals=one.table.num_rows - changes.markers(one.table))
            for one in coming.parts
        ],
    )  # fmt: skip
    return held.put(workspace, waiting, [part.table for part in coming.parts], coming.wanted)


def _aliases(lake: Lake, parts: Sequence[Part]) -> pa.Table:
    """The names that mean others and are not known yet, with the day from which their source says so."""
    rows = [part.table.filter(pc.equal(part.table["kind"], "alias")) for part in parts]
    coming = pa.concat_tables(rows)
    coming = pa.table(
        {"alias": coming["weakness"], "weakness": coming["text"], "source": coming["source"],
         "observed_at": coming["observed_at"]}
    )  # fmt: skip
    return lake.sql(_NEW_ALIASES, coming=coming) if len(coming) else coming


def _append(lake: Lake, added: pa.Table, aliases: pa.Table) -> None:
    if not len(added) and not len(aliases):
        return
    state = hashlib.sha256(str(lake.version).encode())
    for digest in sorted(pc.unique(added["feed"]).to_pylist()):
        state.update(digest.encode())
    for alias, weakness in zip(aliases["alias"].to_pylist(), aliases["weakness"].to_pylist(), strict=True):
        state.update(f"{alias}\x1f{weakness}\x1e".encode())
    lake.append(
        {"signals": added, "weakness_aliases": aliases}, job=f"intel-{state.hexdigest()[:32]}",
        expect=lake.version, tables_read=("signals", "weakness_aliases"),
    )  # fmt: skip


def accepted(workspace: Workspace, guard: Guard, coming: Coming) -> None:
    """Write down that a feed went through: when, how long its list is, and which weaknesses were present."""
    mark = guard.state.feed(coming.feed)
    mark.read_at = guard.now
    lists = coming.lists
    newer = lists.date is not None and (mark.entries_at is None or lists.date >= mark.entries_at)
    if lists.entries is not None and newer:
        mark.entries, mark.entries_at = lists.entries, lists.date
    kept.note_asked(workspace, [coming.feed], guard.present)


def release(workspace: Workspace, waiting: held.Held, *, because: str, author: str) -> int:
    """Let what was held into the lake, on a person's word; returns how many signals were new.

    The word is written down first; a release that was interrupted is finished by the next one.
    """
    from foreshore import policy, store
    from foreshore.intel.opinion.refreshing import refresh

    tables, wanted = held.tables(workspace, waiting)
    parts = tuple(Part(file.name, file.digest, table) for file, table in zip(waiting.files, tables, strict=True))
    lists = flood.Lists(waiting.entries, waiting.entries_at)
    coming = Coming(waiting.feed, tuple(waiting.complete), parts, wanted, lists)
    held.decided(workspace, waiting, held.Release, because=because, author=author)
    with store.open_lake(workspace) as lake:
        taken = take(workspace, lake, coming, None)
        refresh(lake)
        now = datetime.now(UTC).replace(tzinfo=None)
        guard = Guard(policy.load(workspace.policy_dir), kept.load(workspace), wanted or present(lake), now)
    accepted(workspace, guard, coming)
    kept.save(workspace, guard.state)
    held.remove(workspace, waiting)
    return sum(taken.new)

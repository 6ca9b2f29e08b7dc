"""Reading feeds into the lake: what is new is appended, what is known already is not, a flood is held."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from foreshore import plugins, policy, store
from foreshore.errors import BadFeed, ForeshoreError, NothingToRead
from foreshore.intel import changes, flood, kept, paging, sources, taking
from foreshore.intel.asking import Pace
from foreshore.intel.body import Body, bodies
from foreshore.intel.download import Errand, Fetched, fetched
from foreshore.intel.held import Held
from foreshore.intel.rows import SCHEMA, Wanted
from foreshore.intel.taking import present

if TYPE_CHECKING:
    from foreshore.http import Door
    from foreshore.intel.sources import Source
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

__all__ = ["FEEDS", "NEEDED", "FeedRead", "UpdateResult", "present", "update"]

FEEDS = "foreshore.intel.feeds"
# What has to be read for a question to have an answer: any one of the feeds named.
NEEDED = {
    "kev": ("kev",),
    "epss": ("epss", "epss_api"),
    "cvss": ("cve5", "nvd"),
    "exploits": ("poc_index", "metasploit", "exploitdb"),
}
Say = Callable[[str], None]


@dataclass(frozen=True)
class FeedRead:
    """One source that was read: its feed, name, digest, date; signals it holds of ours, and new ones."""

    feed: str
    name: str
    digest: str
    date: datetime | None
    signals: int
    new: int


@dataclass(frozen=True)
class UpdateResult:
    """What an update did. `failed` and `skipped` are (name, why); `stale` is age in days by feed.

    `missing` names the questions (kev, epss, cvss, exploits) for which no feed was ever read: their
    answers are unknown. `unchanged` are sources whose last answer still holds, `held` the feeds whose
    news waits for a person.
    """

    read: tuple[FeedRead, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    weaknesses: int = 0
    new: int = 0
    version: int = 0
    stale: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()
    aliases: int = 0


@dataclass(frozen=True)
class _Unit:
    """What is read as one: a file, or the many files of a folder that one feed speaks through."""

    feed: str
    name: str
    bodies: tuple[Body, ...]
    source: str

    def digest(self) -> str:
        """The digest of its bytes; of several bodies, whatever they are called."""
        if len(self.bodies) == 1:
            return self.bodies[0].digest()
        return hashlib.sha256("\n".join(sorted(body.digest() for body in self.bodies)).encode()).hexdigest()


@dataclass
class _Run:
    """One update on its way."""

    workspace: Workspace
    lake: Lake
    feeds: Mapping[str, Any]
    wanted: Wanted
    guard: taking.Guard
    say: Say
    failed: list[tuple[str, str]]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    read: list[FeedRead] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    new: int = 0
    aliases: int = 0
    evidence: dict[str, list[str]] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)  # sources of which something was not taken


def update(
    workspace: Workspace, *, sources: Sequence[str | Path] | None = None, only_present: bool = True,
    door: Door | None = None, now: datetime | None = None, say: Say = lambda _: None, pace: Pace | None = None,
    from_evidence: bool = False,
) -> UpdateResult:  # fmt: skip
    """Read threat intelligence into the workspace's lake and return what that brought.

    `sources` are files, folders, archives and web addresses; the format is found by content. Without
    any, those of the workspace's settings, else each feed's own address. With `only_present`, only weaknesses
    that occur in the workspace are kept. `from_evidence` reads all raw bodies again that are kept. Reading the
    same again changes nothing; files may come in any order. What cannot be read is named in the result and the
    rest is still read; news of a feed that would move too much is held. Raises NothingToRead when no source
    holds a feed, WorkspaceError for the lake.
    """
    feeds, hour = plugins.load(FEEDS), _naive(now or datetime.now(UTC))
    state, failed = kept.load(workspace), list[tuple[str, str]]()
    with ExitStack() as stack:
        lake = stack.enter_context(store.open_lake(workspace))
        here = present(lake)
        wanted = here if only_present else None
        errand = Errand(workspace, state, hour, say, door=door, pace=pace or Pace(), days=_days_known(lake))
        asked = [] if from_evidence else _sources(workspace, feeds, sources)
        found = stack.enter_context(fetched(errand, asked, failed))
        guard = taking.Guard(policy.load(workspace.policy_dir), state, here, hour)
        run = _Run(workspace, lake, feeds, wanted, guard, say, failed)
        units = _all_units(run, found, stack, from_evidence)
        if not units and not failed and not any(one.unchanged for one in found):
            raise NothingToRead(
                "no feed was recognised", where=", ".join(one.where for one in asked) or "no source",
                hint="a file of KEV, EPSS, CVE 5, NVD, Metasploit, Exploit-DB or a PoC index",
            )  # fmt: skip
        units.sort(key=lambda unit: unit.feed)
        for feed, own in groupby(units, key=lambda unit: unit.feed):
            _feed(run, feed, list(own))
        if run.new:
            _opinions(lake, say)
        _settled(run, found, hour)
        kept.save(workspace, state)
        kept.expire(workspace, hour)
        return _result(run, found, hour)


def _opinions(lake: Lake, say: Say) -> None:
    """Say with what is known now how likely our own model thinks each weakness that is here."""
    from foreshore.intel.opinion.refreshing import refresh

    if changed := refresh(lake):
        say(f"our own model: {changed} chances are new")


def _sources(workspace: Workspace, feeds: Any, named: Sequence[str | Path] | None) -> list[Source]:
    return sources.configured(workspace, feeds) if named is None else sources.named(named)


def _days_known(lake: Lake) -> frozenset[Any]:
    rows = lake.sql("SELECT DISTINCT observed_at::DATE AS day FROM signals WHERE weakness = '*' AND kind = 'feed:epss'")
    return frozenset(rows["day"].to_pylist())


def _all_units(run: _Run, found: Iterable[Fetched], stack: ExitStack, from_evidence: bool) -> list[_Unit]:
    """What is to be read: the files that came, and kept ones where the server has nothing newer but we ask more."""
    units: list[_Unit] = []
    mark = kept.mark_of(run.wanted)
    for one in found:
        files, state = one.files, run.guard.state.source(one.source.name)
        if one.unchanged and state.evidence and state.wanted not in ("*", mark):
            # Weaknesses are present that were not when this was read: its bytes are read for them.
            files = tuple(stack.enter_context(kept.evidence_files(run.workspace, state.evidence)))
        units += _units(run, files, one.source)
    if from_evidence:
        kept_files = stack.enter_context(kept.evidence_files(run.workspace))
        units += _units(run, kept_files, sources.Source("evidence", "kept evidence"))
    return units


def _units(run: _Run, paths: Iterable[tuple[str, Path]], source: Source) -> list[_Unit]:
    units: list[_Unit] = []
    for name, path in paths:
        grouped: dict[str, list[Body]] = {}
        single: list[_Unit] = []
        try:
            for body in bodies(path):
                feed = _recognised(body, run.feeds)
                if feed is None:
                    run.skipped.append((body.name, "no feed has this format"))
                elif run.feeds[feed].grouped:
                    grouped.setdefault(feed, []).append(body)
                else:
                    single.append(_Unit(feed, body.name, (body,), source.name))
        except ForeshoreError as error:
            run.failed.append((name, error.sentence()))
            run.spoiled.add(source.name)
        single += [
            _Unit(feed, own[0].name if len(own) == 1 else name, tuple(own), source.name)
            for feed, own in grouped.items()
        ]
        if source.remote and not single and source.name not in run.spoiled:
            run.failed.append((name, f"{name}: the answer is no feed Try: open the address and see what it says"))
            run.spoiled.add(source.name)
        units += single
    return units


def _recognised(body: Body, feeds: Any) -> str | None:
    head = body.head
    return next((name for name, feed in feeds.items() if head and feed.sniff(head)), None)


def _feed(run: _Run, feed: str, units: list[_Unit]) -> None:
    """Read all that came of one feed, oldest first, and take it in or hold it."""
    plugin = run.feeds[feed]
    parsed: list[tuple[_Unit, taking.Part, flood.Lists]] = []
    for unit in units:
        digest = unit.digest()
        if (word := run.guard.state.discarded.get(digest)) is not None:
            run.skipped.append((unit.name, f"discarded by {word.by} on {word.at:%Y-%m-%d}: {word.because}"))
            continue
        run.say(f"reading {unit.name} ({feed})")
        table = _parsed(run, unit, plugin)
        if table is not None:
            lists = _lists(table, plugin.complete)
            parsed.append((unit, taking.Part(unit.name, digest, _ours(table, run.wanted)), lists))
    if not parsed:
        return
    parsed.sort(key=lambda one: (str(one[1].date or ""), one[1].digest))
    parts = tuple(part for _, part, _ in parsed)
    coming = taking.Coming(feed, plugin.complete, parts, run.wanted, parsed[-1][2])
    for unit, _, _ in parsed:
        run.evidence.setdefault(unit.source, []).extend(kept.keep(run.workspace, unit.bodies, run.guard.state))
    taken = taking.take(run.workspace, run.lake, coming, run.guard)
    if taken.held is not None:
        run.held.append(taken.held)
        run.spoiled |= {unit.source for unit, _, _ in parsed}
        return
    taking.accepted(run.workspace, run.guard, coming)
    run.aliases += taken.aliases
    run.new += taken.rows
    run.read += [
        FeedRead(feed, part.name, part.digest, part.date, part.table.num_rows - changes.markers(part.table), new)
        for part, new in zip(parts, taken.new, strict=True)
    ]


def _parsed(run: _Run, unit: _Unit, plugin: Any) -> pa.Table | None:
    """Parse a unit whole before anything is kept: of a bad one nothing is."""
    # A complete list is read whole, so that it shows when it gets shorter.
    wanted = None if plugin.complete else run.wanted
    try:
        parts = [part for body in unit.bodies for part in plugin.parse(body, wanted)]
        return pa.concat_tables([SCHEMA.empty_table(), *parts])
    except BadFeed as error:
        run.failed.append((unit.name, error.sentence()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError, EOFError) as error:
        run.failed.append((unit.name, f"{unit.name}: it is not as its makers describe it ({error!r:.200})"))
    run.spoiled.add(unit.source)
    return None


def _lists(table: pa.Table, complete: tuple[str, ...]) -> flood.Lists:
    if not complete:
        return flood.Lists()
    entries = table.filter(pc.equal(table["kind"], complete[0]))["weakness"]
    return flood.Lists(pc.count_distinct(entries).as_py(), changes.date_of(table))


def _ours(table: pa.Table, wanted: Wanted) -> pa.Table:
    """Leave out the CVEs that are not wanted; other public names are kept always."""
    if wanted is None:
        return table
    own = pc.is_in(table["weakness"], value_set=pa.array(sorted(wanted), pa.string()))
    return table.filter(pc.or_(own, pc.invert(pc.starts_with(table["weakness"], "CVE-"))))


def _settled(run: _Run, found: Iterable[Fetched], now: datetime) -> None:
    """Write down of each source that was taken whole what its next request needs."""
    for one in found:
        state = run.guard.state.source(one.source.name)
        state.checked_at = now
        if one.source.name in run.spoiled:
            why = [text for name, text in run.failed if name in {one.source.where, *(file for file, _ in one.files)}]
            state.failed_at, state.failure = now, why[0] if why else "its news was held or could not be read"
            continue
        state.failed_at, state.failure = None, ""
        state.read_at, state.asked, state.wanted = now, one.source.where, kept.mark_of(run.wanted)
        if one.source.way == "days":
            state.none = list(one.none)
            continue
        state.etag, state.last_modified = one.etag, one.last_modified
        if one.source.way == "nvd":
            state.until = one.until
            state.evidence = list(dict.fromkeys([*state.evidence, *run.evidence.get(one.source.name, [])]))
            paging.clear(run.workspace, one.source)
        elif not one.unchanged:
            state.evidence = run.evidence.get(one.source.name, [])


def _result(run: _Run, found: Iterable[Fetched], now: datetime) -> UpdateResult:
    return UpdateResult(
        read=tuple(run.read), failed=tuple(run.failed), skipped=tuple(run.skipped),
        weaknesses=-1 if run.wanted is None else len(run.wanted), new=run.new,
        version=run.lake.version, unchanged=tuple(one.source.where for one in found if one.unchanged),
        held=tuple(run.held), aliases=run.aliases, **_age(run.lake, now),
    )  # fmt: skip


def _age(lake: Lake, now: datetime) -> dict[str, Any]:
    rows = lake.sql(
        "SELECT kind[6:] AS feed, max(observed_at) AS day FROM signals WHERE weakness = '*' GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    stale = {row["feed"]: max(0, (now - row["day"]).days) for row in rows if row["day"]}
    missing = tuple(need for need, feeds in NEEDED.items() if not any(feed in stale for feed in feeds))
    return {"stale": stale, "missing": missing}


def _naive(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when

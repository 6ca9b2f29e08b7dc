"""Reading feeds into the lake: what is new is appended, what is known already is not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from foreshore import plugins, store
from foreshore.errors import BadFeed, ForeshoreError, NothingToRead
from foreshore.intel import changes
from foreshore.intel.body import Body, bodies
from foreshore.intel.download import fetched
from foreshore.intel.rows import SCHEMA, Wanted, only

if TYPE_CHECKING:
    from foreshore.http import Door
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

FEEDS = "foreshore.intel.feeds"
# What has to be read for a question to have an answer: any one of the feeds named.
NEEDED = {
    "kev": ("kev",),
    "epss": ("epss",),
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
    answers are unknown.
    """

    read: tuple[FeedRead, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    weaknesses: int = 0
    new: int = 0
    version: int = 0
    stale: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Unit:
    """What is read as one: a file, or the many files of a folder that one feed speaks through."""

    feed: str
    name: str
    bodies: tuple[Body, ...]


def update(
    workspace: Workspace,
    *,
    sources: Sequence[str | Path] | None = None,
    only_present: bool = True,
    door: Door | None = None,
    now: datetime | None = None,
    say: Say = lambda _: None,
) -> UpdateResult:
    """Read threat intelligence into the workspace's lake and return what that brought.

    `sources` are files, folders, archives and web addresses; the format is found by content. Without
    any, each feed's own address is asked. With `only_present`, only weaknesses that occur in the
    workspace are kept. Reading the same again changes nothing; files may come in any order. What
    cannot be read is named in the result and the rest is still read. Raises NothingToRead when no
    source holds a feed, WorkspaceError for the lake.
    """
    feeds = plugins.load(FEEDS)
    wanted_sources = [feed.url for feed in feeds.values() if feed.url] if sources is None else list(sources)
    failed: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    with fetched(workspace, wanted_sources, door, failed, say) as paths, store.open_lake(workspace) as lake:
        wanted = present(lake) if only_present else None
        units = _units(paths, feeds, failed, skipped)
        if not units and not failed:
            raise NothingToRead(
                "no feed was recognised",
                where=", ".join(str(one) for one in wanted_sources) or "no source",
                hint="a file of KEV, EPSS, CVE 5, NVD, Metasploit, Exploit-DB or a PoC index",
            )
        tables = _parsed(units, feeds, wanted, failed, say)
        read, new = _kept(lake, tables, feeds, wanted)
        version = _append(lake, new)
        return UpdateResult(
            read=read,
            failed=tuple(failed),
            skipped=tuple(skipped),
            weaknesses=-1 if wanted is None else len(wanted),
            new=len(new),
            version=version,
            **_age(lake, now or datetime.now(UTC)),
        )


def present(lake: Lake) -> Wanted:
    """Return the CVE names that occur in the workspace: exposures, findings, and names that mean them."""
    names = lake.sql(
        "SELECT weakness FROM exposures UNION SELECT unnest(weaknesses) FROM findings"
        " UNION SELECT weakness FROM weakness_aliases UNION SELECT alias FROM weakness_aliases"
    )
    return only(name for name in names.column(0).to_pylist() if name)


def _units(
    paths: Iterable[tuple[str, Path]],
    feeds: Any,
    failed: list[tuple[str, str]],
    skipped: list[tuple[str, str]],
) -> list[_Unit]:
    units: list[_Unit] = []
    for name, path in paths:
        grouped: dict[str, list[Body]] = {}
        try:
            for body in bodies(path):
                feed = _recognised(body, feeds)
                if feed is None:
                    skipped.append((body.name, "no feed has this format"))
                elif feeds[feed].grouped:
                    grouped.setdefault(feed, []).append(body)
                else:
                    units.append(_Unit(feed, body.name, (body,)))
        except ForeshoreError as error:
            failed.append((name, error.sentence()))
        units += [_Unit(feed, own[0].name if len(own) == 1 else name, tuple(own)) for feed, own in grouped.items()]
    return units


def _recognised(body: Body, feeds: Any) -> str | None:
    head = body.head
    return next((name for name, feed in feeds.items() if head and feed.sniff(head)), None)


def _parsed(
    units: Iterable[_Unit], feeds: Any, wanted: Wanted, failed: list[tuple[str, str]], say: Say
) -> list[tuple[_Unit, str, pa.Table]]:
    """Parse every unit whole before anything is kept: of a bad one nothing is."""
    found = []
    for unit in units:
        say(f"reading {unit.name} ({unit.feed})")
        try:
            parts = [part for body in unit.bodies for part in feeds[unit.feed].parse(body, wanted)]
            found.append((unit, _digest(unit), pa.concat_tables([SCHEMA.empty_table(), *parts])))
        except BadFeed as error:
            failed.append((unit.name, error.sentence()))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError, EOFError) as error:
            failed.append((unit.name, f"{unit.name}: it is not as its makers describe it ({error!r:.200})"))
    # Oldest first, so that each is compared with what was known before it.
    return sorted(found, key=lambda one: (str(changes.date_of(one[2]) or ""), one[0].feed, one[1]))


def _digest(unit: _Unit) -> str:
    if len(unit.bodies) == 1:
        return unit.bodies[0].digest()
    state = hashlib.sha256()
    for body in unit.bodies:
        state.update(f"{body.name}\x1f{body.digest()}\x1e".encode())
    return state.hexdigest()


def _kept(
    lake: Lake, tables: Iterable[tuple[_Unit, str, pa.Table]], feeds: Any, wanted: Wanted
) -> tuple[tuple[FeedRead, ...], pa.Table]:
    read: list[FeedRead] = []
    with changes.Known(_stored(lake, wanted)) as known:
        for unit, digest, table in tables:
            new = known.take(table, digest, feeds[unit.feed].complete, wanted)
            signals = table.num_rows - changes.markers(table)
            read.append(FeedRead(unit.feed, unit.name, digest, changes.date_of(table), signals, new))
        return tuple(read), known.added()


def _stored(lake: Lake, wanted: Wanted) -> pa.Table:
    if wanted is None:
        return lake.sql("FROM signals")
    names = pa.table({"weakness": pa.array([*sorted(wanted), "*"], pa.string())})
    return lake.sql("SELECT s.* FROM signals s JOIN wanted USING (weakness)", wanted=names)


def _append(lake: Lake, new: pa.Table) -> int:
    if not len(new):
        return lake.version
    state = hashlib.sha256(str(lake.version).encode())
    for digest in sorted(set(new["feed"].to_pylist())):
        state.update(digest.encode())
    return lake.append({"signals": new}, job=f"intel-{state.hexdigest()[:32]}")


def _age(lake: Lake, now: datetime) -> dict[str, Any]:
    rows = lake.sql(
        "SELECT kind[6:] AS feed, max(observed_at) AS day FROM signals WHERE weakness = '*' GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    today = now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
    stale = {row["feed"]: max(0, (today - row["day"]).days) for row in rows if row["day"]}
    missing = tuple(need for need, feeds in NEEDED.items() if not any(feed in stale for feed in feeds))
    return {"stale": stale, "missing": missing}

"""Sources become files for as long as they are read; what has not changed since is not fetched again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from foreshore.errors import ForeshoreError
from foreshore.http import Answer, Door, DownloadFailed
from foreshore.intel import kept, paging
from foreshore.intel.asking import Pace, Part, download, patiently
from foreshore.intel.sources import Source

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

Say = Callable[[str], None]
DAYS_AT_ONCE = 60  # files of past days in one update


@dataclass(frozen=True)
class Fetched:
    """A source as files; `unchanged` where the server says that the last answer still holds.

    `etag`, `last_modified` and `until` are for the next request, `none` the days without a file.
    """

    source: Source
    files: tuple[tuple[str, Path], ...] = ()
    unchanged: bool = False
    etag: str = ""
    last_modified: str = ""
    until: datetime | None = None
    none: tuple[str, ...] = ()


@dataclass
class Errand:
    """What a download needs: the workspace, its state, the door, the pace, the hour, and days that are known."""

    workspace: Workspace
    state: kept.State
    now: datetime
    say: Say
    wanted: str = "*"
    door: Door | None = None
    pace: Pace = field(default_factory=Pace)
    days: frozenset[date] = frozenset()

    def through(self, source: Source) -> Door:
        """Return the door through which `source` is asked."""
        return self.door or Door(allowed=source.allow)


@contextmanager
def fetched(errand: Errand, sources: Sequence[Source], failed: list[tuple[str, str]]) -> Iterator[list[Fetched]]:
    """Yield every source that can be had; what cannot is added to `failed` and noted in the state.

    Downloads lie in scratch space and are removed at the end.
    """
    with tempfile.TemporaryDirectory(dir=errand.workspace.temporary_dir, prefix="intel-") as folder:
        found: list[Fetched] = []
        for number, source in enumerate(sources):
            scratch = Path(folder) / str(number)
            scratch.mkdir()
            try:
                found.append(_one(errand, source, scratch))
            except ForeshoreError as error:
                failed.append((source.where, error.sentence()))
                mark = errand.state.source(source.name)
                mark.failed_at, mark.failure = errand.now, error.sentence()
        yield found


def _one(errand: Errand, source: Source, scratch: Path) -> Fetched:
    if not source.remote:
        path = Path(source.where)
        if not path.exists():
            raise ForeshoreError("there is no such file or folder", where=source.where)
        return Fetched(source, ((source.where, path),))
    errand.say(f"asking {source.where}")
    return {"plain": _plain, "days": _days, "nvd": _nvd, "backup": _backup}[source.way](errand, source, scratch)


def _plain(errand: Errand, source: Source, scratch: Path) -> Fetched:
    mark, door = errand.state.source(source.name), errand.through(source)
    # Without the bytes of the last answer, "not changed" would leave us with nothing to read.
    known = mark.asked == source.where and kept.still_kept(errand.workspace, mark.evidence)
    part = Part.of(errand.workspace, source.name, source.where)
    answer = download(
        door, source.where, part, errand.pace, headers=_bearer(source),
        etag=mark.etag if known else "", last_modified=mark.last_modified if known else "",
    )  # fmt: skip
    if answer.unchanged:
        part.drop()
        return Fetched(source, unchanged=True, etag=mark.etag, last_modified=mark.last_modified)
    return _moved(source, source.where, part, answer, scratch)


def _moved(source: Source, url: str, part: Part, answer: Answer, scratch: Path) -> Fetched:
    name = url.split("?")[0].rstrip("/").rsplit("/", 1)[-1][-80:] or "feed"
    path = scratch / name
    part.path.replace(path)
    part.drop()
    return Fetched(source, ((url, path),), etag=answer.etag, last_modified=answer.last_modified)


def _bearer(source: Source) -> dict[str, str]:
    key = source.key()
    return {"authorization": f"Bearer {key}"} if key else {}


def _backup(errand: Errand, source: Source, scratch: Path) -> Fetched:
    """An index that names, to who has a key, the address of the whole as an archive."""
    mark, door = errand.state.source(source.name), errand.through(source)
    answer = patiently(lambda: door.get(source.where, headers=_bearer(source)), errand.pace)
    try:
        first = orjson.loads(answer.body)["data"][0]
        url, digest = str(first["url"]), str(first.get("sha256") or "")
    except (orjson.JSONDecodeError, LookupError, TypeError) as error:
        raise DownloadFailed("the answer names no archive", where=source.where, hint="check the key") from error
    if digest and digest == mark.etag and kept.still_kept(errand.workspace, mark.evidence):
        return Fetched(source, unchanged=True, etag=digest)
    part = Part.of(errand.workspace, source.name, url)
    got = download(door, url, part, errand.pace)
    moved = _moved(source, url, part, got, scratch)
    # The address carries a signature of its own: it is not shown.
    files = tuple((source.where, path) for _, path in moved.files)
    return replace(moved, files=files, etag=digest, last_modified="")


def _days(errand: Errand, source: Source, scratch: Path) -> Fetched:
    """The daily files that are missing since a day, the oldest first, so many at once."""
    mark = errand.state.source(source.name)
    today, none = errand.now.date(), set(mark.none)
    first = source.since or today
    span = (first + timedelta(days=number) for number in range(max(0, (today - first).days)))
    missing = [day for day in span if day not in errand.days and day.isoformat() not in none]
    if len(missing) > DAYS_AT_ONCE:
        errand.say(f"{len(missing)} days are missing; {DAYS_AT_ONCE} are asked now, the others by the next updates")
    files: list[tuple[str, Path]] = []
    for day in missing[:DAYS_AT_ONCE]:
        url = source.where.replace("{day}", day.isoformat())
        part = Part.of(errand.workspace, source.name, url)
        try:
            files += _moved(source, url, part, download(errand.through(source), url, part, errand.pace), scratch).files
        except DownloadFailed as error:
            if error.status not in (404, 410):
                if not files:
                    raise
                errand.say(f"{error.sentence()}; the days before it are read")
                break
            if (today - day).days > 2:  # yesterday's may still come
                none.add(day.isoformat())
    return Fetched(source, tuple(files), unchanged=not files, none=tuple(sorted(none)))


def _nvd(errand: Errand, source: Source, scratch: Path) -> Fetched:
    mark = errand.state.source(source.name)
    since = mark.until if mark.asked == source.where else None
    folder, until = paging.fetch(
        errand.workspace, source, errand.through(source), errand.pace, since=since, now=errand.now, say=errand.say
    )
    for page in paging.pages(folder):
        (scratch / page.name).hardlink_to(page)
    return Fetched(source, ((source.where, scratch),), until=until)

"""Live sources are asked, and their raw answers become reports that the importer reads like any file.

A collection is written answer by answer to `collected/NAME/` in the workspace. Once it is complete it is
laid out as reports in `collected/NAME/reports/`: the collection itself, and beside it documents that have
readers of their own. The importer keeps them encrypted as evidence; then the folder is emptied.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore.discovery.connectors._asking import Busy, Pace
from foreshore.discovery.connectors._collection import Collection, Key, Line, Tail, answers
from foreshore.discovery.connectors._desk import Desk, Leave, NoLeave, Planned
from foreshore.discovery.connectors._sources import FILE, Source, connectors, load
from foreshore.errors import ForeshoreError, NothingToRead, UsageError, WorkspaceError
from foreshore.http import Door
from foreshore.workspace import fsync_directory

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

MAIN = "collection.ndjson"
OnNote = Callable[[str], None]


class CollectionFailed(ForeshoreError):
    """A source could not be asked to the end; what was answered is kept, and the next run goes on."""


class RefusedCall(msgspec.Struct, frozen=True):
    """A call that the source does not let us make, and its reason."""

    call: str
    account: str
    region: str
    about: str
    why: str


class Collected(msgspec.Struct, frozen=True):
    """What a collection brought. `reports` are (path, source name or "" for the tool's own)."""

    source: str
    connector: str
    site: str
    collected_at: str
    answers: int
    resumed: int
    refused: tuple[RefusedCall, ...] = ()
    reports: tuple[tuple[str, str], ...] = ()
    vantage: str = ""  # the zone from which the source looked, where it looked itself


def sources(workspace: Workspace, names: Sequence[str] = ()) -> list[Source]:
    """Return the named sources, or all; NothingToRead where there are none, UsageError for an unknown name."""
    found = load(workspace.root)
    if not found:
        raise NothingToRead(
            "there are no live sources", where=str(workspace.root / FILE),
            hint=f'add one, such as [sources.cloud] with connector = "aws"; connectors: {", ".join(connectors())}',
        )  # fmt: skip
    for name in names:
        if name not in found:
            raise UsageError(f"there is no source “{name}”", where=FILE, hint=f"one of {', '.join(found)}")
    return [found[name] for name in dict.fromkeys(names)] if names else list(found.values())


def plan(source: Source) -> list[Planned]:
    """Return what `source` would be asked; nothing is asked and nothing is written."""
    return list(source.connector.plan())


def collect(
    workspace: Workspace, source: Source, *, on_note: OnNote | None = None, pace: Pace | None = None,
    leave: Leave | None = None,
) -> Collected:  # fmt: skip
    """Ask `source` everything, or go on where an interrupted run stopped, and lay out the reports.

    `leave` says which machines connectors may touch themselves; without it, none.
    Raises CollectionFailed where it could not be finished. Call `clear` once the reports are imported.
    """
    note = on_note or (lambda _text: None)
    folder = _folder(workspace, source)
    door = Door(allowed=source.allow, seconds=source.seconds, most=256 << 20)
    with door.line() as phone, Collection(folder / MAIN, source.kind, source.name) as collection:
        if collection.resumed and not collection.complete:
            note(f"{source.name}: going on with the collection of {collection.head.collected_at}")
        if not collection.complete:
            paced = pace or Pace(source.requests_per_second)
            names = partial(_known_names, workspace)
            _asked(source, Desk(collection, phone, paced, source.tries, note, leave or NoLeave(), names))
            collection.finish()
    with (folder / MAIN).open("rb") as stream:
        refused = [_refused(one) for one in answers(stream) if one.refused]
    return Collected(
        source.name, source.kind, source.site, collection.head.collected_at, collection.answers, collection.resumed,
        tuple(refused), _laid_out(source, folder), getattr(source.connector, "from_zone", ""),
    )  # fmt: skip


def _known_names(workspace: Workspace, domain: str) -> list[str]:
    """Host names of the workspace that are `domain` or lie below it, at most ten thousand."""
    import pyarrow as pa

    from foreshore.store import open_lake

    with open_lake(workspace, read_only=True) as lake:
        found = lake.sql(
            """select distinct lower(value) as name from identifiers, given
            where kind = 'fqdn' and (lower(value) = domain or lower(value) like '%.' || domain) order by 1 limit 10000""",
            given=pa.table({"domain": [domain.lower()]}),
        )
    return [str(one) for one in found.column("name").to_pylist()]


def _asked(source: Source, desk: Desk) -> None:
    hint = "see what is wrong and run `foreshore collect` again: it goes on where it stopped"
    try:
        source.connector.collect(desk)
    except Busy as busy:
        raise CollectionFailed(f"it does not answer ({busy})", where=source.name, hint=hint) from busy
    except WorkspaceError:
        raise
    except ForeshoreError as error:
        where = f"{source.name}: {error.where}" if error.where else source.name
        raise CollectionFailed(error.what, where=where, hint=error.hint or hint) from error


def _refused(line: Line) -> RefusedCall:
    about = ", ".join(f"{name} {value}" for name, value in sorted(line.about.items()))
    return RefusedCall(line.call, line.scope.get("account", ""), line.scope.get("region", ""), about, line.refused)


@contextmanager
def held(workspace: Workspace, source: Source) -> Iterator[None]:
    """Hold `source` against other processes; UsageError while another one collects it."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(_folder(workspace, source) / "lock"), mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError("another process is collecting it", where=source.name, hint="wait for it") from None
    try:
        yield
    finally:
        lock.release()


def clear(workspace: Workspace, source: Source) -> None:
    """Remove the collection and its reports: they are kept, encrypted, as evidence of their imports."""
    folder = _folder(workspace, source)
    # The reports first: a collection without them lays them out again, and its import is known by its digest.
    shutil.rmtree(folder / "reports", ignore_errors=True)
    (folder / MAIN).unlink(missing_ok=True)


def put_aside(workspace: Workspace, source: Source) -> Path:
    """Move a collection that could not be imported out of the way of the next one; return where it lies."""
    folder = _folder(workspace, source)
    number = 1
    while (aside := folder / f"not-imported-{number}.ndjson").exists():
        number += 1
    (folder / MAIN).rename(aside)
    shutil.rmtree(folder / "reports", ignore_errors=True)
    return aside


def _folder(workspace: Workspace, source: Source) -> Path:
    folder = workspace.root / "collected" / source.name
    try:
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"cannot be made: {error.strerror or error}", where=str(folder), hint="the rights of the workspace"
        ) from error
    return folder


# -- laying out -------------------------------------------------------------------------------------


def _laid_out(source: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    """Write the reports of a complete collection, one after another, and return them."""
    target, beside = folder / "reports", folder / "reports.new"
    for one in (target, beside):
        shutil.rmtree(one, ignore_errors=True)
    beside.mkdir(mode=0o700)
    names = _main_report(folder / MAIN, beside / MAIN)
    ending = getattr(source.connector, "ending", "json")
    for name in names:
        with (beside / f"{_plain(name)}.{ending}").open("wb") as document:
            for piece in source.connector.reports(name, _bodies(folder / MAIN, name)):
                document.write(piece)
    beside.rename(target)
    fsync_directory(folder)
    documents = tuple((str(target / f"{_plain(name)}.{ending}"), "") for name in names)
    return ((str(target / MAIN), source.name), *documents)


def _main_report(collection: Path, report: Path) -> list[str]:
    """Write the answers that belong to no other report, and those that were refused; return the other reports."""
    names: dict[str, None] = {}
    count = refused = 0
    with collection.open("rb") as stream, report.open("wb") as main:
        main.write(stream.readline())
        for line in _those_that_count(collection):
            if line.report and not line.refused:
                names[line.report] = None
                continue
            count, refused = count + 1, refused + bool(line.refused)
            main.write(msgspec.json.encode(line) + b"\n")
        main.write(msgspec.json.encode(Tail(True, count, refused)) + b"\n")
    return list(names)


def _those_that_count(path: Path) -> Iterator[Line]:
    """The answers without the pages of calls that were begun again."""
    again: dict[Key, int] = {}
    with path.open("rb") as stream:
        for number, line in enumerate(answers(stream)):
            if line.again:
                again[line.key] = number
    with path.open("rb") as stream:
        for number, line in enumerate(answers(stream)):
            if number >= again.get(line.key, 0):
                yield line


def _bodies(path: Path, report: str) -> Iterator[Any]:
    for line in _those_that_count(path):
        if line.report == report and not line.refused:
            yield msgspec.json.decode(line.body)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:120]

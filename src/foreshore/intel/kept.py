"""What is kept beside the lake: the state of each source, and the raw bodies as encrypted evidence.

`intel/state.json` says what was asked of whom, under which validators, when that last succeeded or
failed, and how many entries the catalogues had. `intel/present.parquet` says which weaknesses were
present when each feed was last read. Both may be lost: then everything is asked and read anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from foreshore.errors import ForeshoreError, WorkspaceError
from foreshore.intel.body import Body
from foreshore.workspace import write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.intel.rows import Wanted
    from foreshore.workspace import Workspace

EVIDENCE = "intel"
_PRESENT = "present.parquet"
_MANY = 20  # files of one folder that are kept one by one; more become one archive


class SourceState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known of one source: the answer that was last taken, and the last failure.

    `wanted` is a digest of the weaknesses that were asked of that answer, `until` the moment up to which
    a source of changes was asked, `none` the days for which there is no file.
    """

    asked: str = ""
    etag: str = ""
    last_modified: str = ""
    read_at: datetime | None = None
    checked_at: datetime | None = None
    evidence: list[str] = []
    wanted: str = ""
    until: datetime | None = None
    none: list[str] = []
    failed_at: datetime | None = None
    failure: str = ""


class FeedState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When a feed was last read, and how many entries its newest complete list had."""

    read_at: datetime | None = None
    entries: int | None = None
    entries_at: datetime | None = None


class Discarded(msgspec.Struct, kw_only=True):
    """A body that a person turned away."""

    by: str
    at: datetime
    because: str


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All of it; `names` and `written` tell by digest under what name a body was read, and its file's time."""

    sources: dict[str, SourceState] = {}
    feeds: dict[str, FeedState] = {}
    discarded: dict[str, Discarded] = {}
    names: dict[str, str] = {}
    written: dict[str, float] = {}

    def source(self, name: str) -> SourceState:
        """Return the state of a source, an empty one for a new source."""
        return self.sources.setdefault(name, SourceState())

    def feed(self, name: str) -> FeedState:
        """Return the state of a feed, an empty one for a new feed."""
        return self.feeds.setdefault(name, FeedState())


def folder(workspace: Workspace, *parts: str) -> Path:
    """Return a folder of the intelligence's own, made where it is missing; raises WorkspaceError."""
    place = workspace.root.joinpath("intel", *parts)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"cannot be made: {error.strerror or error}", where=str(place), hint="the rights of the workspace"
        ) from error
    return place


def load(workspace: Workspace) -> State:
    """Return the state; of a damaged file nothing is believed, so that all is asked anew."""
    try:
        return msgspec.json.decode((workspace.root / "intel" / "state.json").read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return State()


def save(workspace: Workspace, state: State) -> None:
    """Write the state, whole or not at all."""
    place = folder(workspace) / "state.json"
    try:
        write_atomically(place, msgspec.json.format(msgspec.json.encode(state)))
    except OSError as error:
        raise WorkspaceError(f"cannot be written: {error}", where=str(place), hint="free disk space") from error


def mark_of(wanted: Wanted) -> str:
    """Return a digest of the weaknesses that a feed is asked for; `*` for all."""
    if wanted is None:
        return "*"
    return hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()[:32]


def keep(workspace: Workspace, bodies: Sequence[Body], state: State) -> list[str]:
    """Keep the bytes of what was read as evidence and return their digests; the same bytes are kept once."""
    from foreshore.store import evidence

    paths = list(dict.fromkeys(body.path for body in bodies))
    if len(paths) > _MANY:
        with tempfile.TemporaryFile(dir=workspace.temporary_dir) as packed:
            _pack(bodies, packed)
            packed.seek(0)
            digests = [evidence.keep(workspace, packed, kind=EVIDENCE)]
        state.names[digests[0]] = f"{len(bodies)} files.zip"
        state.written[digests[0]] = max(path.stat().st_mtime for path in paths)
        return digests
    digests = []
    for path in paths:
        with path.open("rb") as stream:
            digests.append(evidence.keep(workspace, stream, kind=EVIDENCE))
        state.names.setdefault(digests[-1], path.name)
        state.written.setdefault(digests[-1], path.stat().st_mtime)
    return digests


def _pack(bodies: Iterable[Body], target: object) -> None:
    """Write many small files as one archive; the same files give the same bytes."""
    with zipfile.ZipFile(target, "w") as archive:  # type: ignore[call-overload]
        for body in sorted(bodies, key=lambda one: one.name):
            archive.writestr(zipfile.ZipInfo(body.name, (1980, 1, 1, 0, 0, 0)), body.path.read_bytes())


@contextmanager
def evidence_files(workspace: Workspace, digests: Sequence[str] | None = None) -> Iterator[list[tuple[str, Path]]]:
    """Yield (name, path) of kept bodies, decrypted into scratch space that is emptied at the end.

    Without `digests`, all that is still kept. Raises WorkspaceError where one of `digests` is gone.
    """
    from foreshore.store import evidence

    state = load(workspace)
    if digests is None:
        kept = (one for one in evidence.records(workspace) if one.kind == EVIDENCE and one.sealed)
        digests = [one.digest for one in sorted(kept, key=lambda one: (one.kept_at, one.digest))]
    with tempfile.TemporaryDirectory(dir=workspace.temporary_dir, prefix="intel-") as scratch:
        found = []
        for digest in digests:
            name = state.names.get(digest, digest[:12])
            path = Path(scratch) / digest[:12] / Path(name).name
            path.parent.mkdir()
            with evidence.open_evidence(workspace, digest) as stream, path.open("wb") as target:
                while block := stream.read(1 << 20):
                    target.write(block)
            # Some formats date nothing themselves: then the file's own time counts.
            os.utime(path, (state.written.get(digest, path.stat().st_mtime),) * 2)
            found.append((name, path))
        yield found


def expire(workspace: Workspace, now: datetime) -> int:
    """Erase kept bodies older than the workspace's retention for them; returns how many.

    A source whose last answer is erased is asked anew, as if it had never been.
    """
    from foreshore.store import evidence

    days = workspace.retention.get(EVIDENCE)
    if days is None:
        return 0
    end = now - timedelta(days=days)
    old = [
        one for one in evidence.records(workspace)
        if one.kind == EVIDENCE and one.sealed and one.kept_at.replace(tzinfo=None) < end
    ]  # fmt: skip
    for one in old:
        evidence.forget(workspace, one.digest, because=f"kept for {days} days, as chosen for “{EVIDENCE}”")
    return len(old)


def asked(workspace: Workspace) -> pa.Table:
    """Return which weaknesses were present when each feed was last read: columns feed, weakness."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(workspace.root / "intel" / _PRESENT)
    except (OSError, pa.ArrowInvalid):
        return pa.table({"feed": pa.array([], pa.string()), "weakness": pa.array([], pa.string())})


def note_asked(workspace: Workspace, feeds: Sequence[str], present: Wanted) -> None:
    """Write down that `feeds` were read while these weaknesses were present."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = sorted(present or ())
    others = asked(workspace)
    others = others.filter(pc.invert(pc.is_in(others["feed"], pa.array(list(feeds), pa.string()))))
    own = [
        pa.table({"feed": pa.array([feed] * len(names), pa.string()), "weakness": pa.array(names, pa.string())})
        for feed in feeds
    ]
    with pa.BufferOutputStream() as stream:
        pq.write_table(pa.concat_tables([others, *own]), stream, compression="zstd")
        write_atomically(folder(workspace) / _PRESENT, stream.getvalue().to_pybytes())


def still_kept(workspace: Workspace, digests: Sequence[str]) -> bool:
    """Say whether the bytes of all `digests` can be read again."""
    from foreshore.store import evidence

    try:
        found = [evidence.record(workspace, digest) for digest in digests]
    except ForeshoreError:
        return False
    return bool(found) and all(one is not None and one.sealed for one in found)

"""Reports that people bring in: streamed to disk in the workspace, read by a job, then removed."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from foreshore.errors import UsageError
from foreshore.workspace import Workspace

_NAME = re.compile(r"[^\w.()\[\] -]+")
MOST_BYTES = 64 << 30


def new(workspace: Workspace) -> str:
    """Make a place for an upload and return its name."""
    name = secrets.token_hex(12)
    _place(workspace, name).mkdir(mode=0o700, parents=True)
    return name


def folder(workspace: Workspace, name: str) -> Path:
    """Return the place of an upload; raises UsageError where there is none."""
    found = _place(workspace, name)
    if not re.fullmatch(r"[0-9a-f]{24}", name) or not found.is_dir():
        raise UsageError("there is no such upload, or it was read already", hint="bring the file in again")
    return found


def _place(workspace: Workspace, name: str) -> Path:
    return workspace.root / "uploads" / name


def plain(name: str) -> str:
    """A file name of its own letters: no folders, nothing hidden, not too long."""
    bare = _NAME.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1]).lstrip(".")
    return bare[-120:] or "report"


def keep(place: Path, name: str, chunks: Iterable[bytes], *, begin: int = 0) -> int:
    """Write chunks into a file of the upload from byte `begin` on, and return its length.

    A chunk that was sent before is written again in its place, so that an upload that broke off goes on
    where it stopped. Raises UsageError for a gap.
    """
    path = place / plain(name)
    there = path.stat().st_size if path.exists() else 0
    if begin > there:
        raise UsageError(f"bytes {there} to {begin} are missing", where=name, hint=f"go on at byte {there}")
    with path.open("r+b" if there else "wb") as stream:
        stream.seek(begin)
        for chunk in chunks:
            if stream.tell() + len(chunk) > MOST_BYTES:
                raise UsageError("the file is larger than the service takes", where=name, hint="import it by hand")
            stream.write(chunk)
    return path.stat().st_size


def in_chunks(stream: object, size: int = 1 << 20) -> Iterator[bytes]:
    """Yield what a readable object has, a MiB at a time."""
    read = stream.read  # type: ignore[attr-defined]
    while chunk := read(size):
        yield chunk


def remove(place: Path) -> None:
    """Remove an upload that was read."""
    shutil.rmtree(place, ignore_errors=True)

"""Backing a workspace up while it is used, and restoring it somewhere: one tar file with a digest of every file in it.

Databases are copied by SQLite's own backup, so that a copy is of one moment; the writer's lock is held
meanwhile, so that catalogue, data files and decisions belong together. Reading goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from foreshore import decisions
from foreshore.errors import UsageError, WorkspaceError
from foreshore.workspace import SETTINGS, Workspace

MANIFEST = "MANIFEST.json"
KIND = "foreshore backup 1"
_LEFT_OUT = ("tmp", "uploads", "reports", "drafts")
_DATABASE = (".sqlite3", ".sqlite")
_BESIDE = ("-wal", "-shm", "-journal", ".lock", ".holder")
Say = Callable[[str], None]


def backup(workspace: Workspace, target: Path, say: Say = lambda _: None) -> dict[str, Any]:
    """Write the workspace into `target`, a new tar file, and return `file`, `files`, `bytes` and `without`.

    The file holds the workspace's key and its facts: keep it as safe as the workspace. `without` names what
    stands elsewhere (a PostgreSQL database). Raises UsageError where the file exists or lies in the workspace.
    """
    if target.exists():
        raise UsageError("there is a file already", where=str(target), hint="choose another name")
    if target.resolve().is_relative_to(workspace.root.resolve()):
        raise UsageError("a backup cannot lie in its workspace", where=str(target), hint="another folder or disk")
    elsewhere = bool(os.environ.get("DATABASE_URL", "").startswith("postgres"))
    beside = target.with_name(f".{target.name}.part")
    listed: dict[str, dict[str, Any]] = {}
    try:
        with (
            workspace.lock(on_wait=say),
            os.fdopen(_private(beside), "wb") as stream,
            tarfile.open(fileobj=stream, mode="w") as archive,
        ):
            for path in _files(workspace.root):
                _add(archive, workspace, path, listed)
            _close(archive, listed)
        beside.replace(target)
    except OSError as error:
        raise WorkspaceError(f"the backup cannot be written: {error.strerror or error}", where=str(target),
                             hint="a place with room that you may write") from error  # fmt: skip
    finally:
        beside.unlink(missing_ok=True)
    without = ["the database of DATABASE_URL: pg_dump it now"] if elsewhere else []
    return {"file": str(target), "files": len(listed), "bytes": target.stat().st_size, "without": without}


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _files(root: Path) -> Iterator[Path]:
    """Every file worth keeping, in order of its name."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if path.is_symlink() or not path.is_file() or name.parts[0] in _LEFT_OUT:
            continue
        if path.name.endswith(_BESIDE) or ".tmp-" in path.name:
            continue
        yield path


def _add(archive: tarfile.TarFile, workspace: Workspace, path: Path, listed: dict[str, dict[str, Any]]) -> None:
    name = path.relative_to(workspace.root).as_posix()
    if path.suffix in _DATABASE:
        with tempfile.TemporaryDirectory(dir=workspace.temporary_dir) as folder:
            copy = Path(folder) / path.name
            _copied(path, copy)
            _put(archive, copy, name, listed)
    else:
        _put(archive, path, name, listed)


def _copied(path: Path, copy: Path) -> None:
    """A copy of one moment of a database that is in use."""
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target, pages=4096)


def _put(archive: tarfile.TarFile, path: Path, name: str, listed: dict[str, dict[str, Any]]) -> None:
    with path.open("rb") as stream:
        digest, size = _digest(stream)
        stream.seek(0)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = size, 0o600, int(path.stat().st_mtime)
        archive.addfile(entry, stream)
    listed[name] = {"sha256": digest, "bytes": size}


def _close(archive: tarfile.TarFile, listed: dict[str, dict[str, Any]]) -> None:
    said = {"kind": KIND, "made": datetime.now(UTC).isoformat(timespec="seconds"), "files": listed}
    text = json.dumps(said, indent=1).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size, entry.mode = len(text), 0o600
    archive.addfile(entry, io.BytesIO(text))


def _digest(stream: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def restore(source: Path, target: Path) -> dict[str, Any]:
    """Make the workspace of a backup at `target`, a folder that is empty or new, and look whether it is whole.

    Raises UsageError for a folder with something in it, WorkspaceError for a file that is no backup, is cut
    off, or holds a byte that is not as it was; nothing is left behind then.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError("the folder is not empty", where=str(target), hint="a new folder; nothing is overwritten")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".restore-") as name:
        folder = Path(name) / "workspace"
        folder.mkdir(mode=0o700)
        listed = _unpacked(source, folder)
        _whole(source, folder, listed)
        for empty in ("facts", "evidence", "serving", "policy", "tmp"):
            (folder / empty).mkdir(mode=0o700, exist_ok=True)
        if target.exists():
            target.rmdir()
        folder.replace(target)
    opened = Workspace.open(target)
    broken = None
    if decisions.exist(opened):
        with decisions.open(opened) as found:
            broken = found.audit_verify()
    return {"workspace": str(target), "files": len(listed), "trail": broken.why if broken else ""}


def _unpacked(source: Path, folder: Path) -> dict[str, dict[str, Any]]:
    try:
        with tarfile.open(source, "r:") as archive:
            archive.extractall(folder, filter="data")
        said = json.loads((folder / MANIFEST).read_text("utf-8"))
        (folder / MANIFEST).unlink()
    except FileNotFoundError as error:
        raise WorkspaceError("this is no whole backup", where=str(source), hint="another copy of it") from error
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        raise WorkspaceError(f"this is no whole backup ({error})", where=str(source), hint="another copy") from error
    if not isinstance(said, dict) or said.get("kind") != KIND or SETTINGS not in said.get("files", {}):
        raise WorkspaceError("this is no backup of a workspace", where=str(source), hint="foreshore backup made it?")
    found: dict[str, dict[str, Any]] = said["files"]
    return found


def _whole(source: Path, folder: Path, listed: dict[str, dict[str, Any]]) -> None:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there ^ set(listed)):
        raise WorkspaceError(f"{name} is not in the backup and its list alike", where=str(source), hint="another copy")
    for name, wanted in listed.items():
        with (folder / name).open("rb") as stream:
            if _digest(stream) != (wanted["sha256"], wanted["bytes"]):
                raise WorkspaceError(f"{name} is not as it was", where=str(source), hint="another copy of the backup")

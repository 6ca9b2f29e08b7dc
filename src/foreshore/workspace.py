"""A workspace: one directory, one organisation; its paths, settings, budget, lock and secret.

What stands where: `foreshore.toml` (format, seed, budget, retention), `scope.yaml`, `policy/` (a team's
own copies), `facts/` (the lake), `decisions.sqlite3`, `serving/`, `evidence/`, `tmp/` (scratch, may
vanish) and `foreshore.key` (the secret from which evidence keys and fingerprints are sealed).
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import secrets
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore import scratch
from foreshore.errors import WorkspaceError
from foreshore.keys import MASK

if TYPE_CHECKING:
    import duckdb
    from filelock import BaseFileLock

FORMAT = 1
SETTINGS = "foreshore.toml"
SECRET = "foreshore.key"  # noqa: S105 - a file name
RETENTION: Mapping[str, int | None] = {"report": None, "connector": 365, "check": 365, "intel": 90}
_FOLDERS = ("facts", "evidence", "serving", "policy", "tmp")
_GIB = 1 << 30
_scratch = itertools.count()


@dataclass(frozen=True)
class Workspace:
    """An opened workspace. Use `create` or `open`; the fields are what `foreshore.toml` says.

    `memory` is DuckDB's text for a size ("4GB") and `threads` a count: the budget of every
    connection. `retention` gives days to keep evidence by kind; None keeps it.
    """

    root: Path
    seed: int
    created: str
    memory: str
    threads: int
    retention: Mapping[str, int | None] = field(default_factory=dict)

    @classmethod
    def create(cls, root: Path | str, *, seed: int | None = None) -> Workspace:
        """Make a workspace at `root` (an existing directory is taken when it holds none) and open it.

        Directories are readable by their owner alone. The seed is random unless given. Raises
        WorkspaceError when there is one already or the place cannot be written.
        """
        home = Path(root).absolute()
        if (home / SETTINGS).exists():
            raise WorkspaceError(
                "there is a workspace already", where=str(home), hint="open it, or choose another directory"
            )
        number = secrets.randbits(62) if seed is None else seed
        if not 0 <= number <= MASK:
            raise WorkspaceError(f"{number} cannot be a seed", hint="a whole number from 0 to 2^63-1")
        try:
            for folder in (home, *(home / name for name in _FOLDERS)):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            if not (home / SECRET).exists():
                write_atomically(home / SECRET, secrets.token_hex(32).encode() + b"\n")
            write_atomically(home / SETTINGS, _settings_text(number).encode())
        except OSError as error:
            raise WorkspaceError(
                f"the workspace cannot be made: {error.strerror or error}",
                where=str(home),
                hint="a directory that you may write",
            ) from error
        return cls.open(home)

    @classmethod
    def open(cls, root: Path | str) -> Workspace:
        """Open the workspace at `root`; raises WorkspaceError when missing, damaged or newer than us."""
        home = Path(root).absolute()
        path = home / SETTINGS
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise WorkspaceError(
                "there is no workspace here", where=str(home), hint="foreshore init to make one"
            ) from None
        except (OSError, ValueError) as error:
            raise WorkspaceError(
                f"the settings cannot be read: {error}",
                where=str(path),
                hint="restore the file from a backup",
            ) from error
        return _from_settings(home, path, values)

    @property
    def facts_dir(self) -> Path:
        """Where the lake lives: its catalogue and its data files."""
        return self.root / "facts"

    @property
    def evidence_dir(self) -> Path:
        """Where raw reports are kept, encrypted."""
        return self.root / "evidence"

    @property
    def serving_dir(self) -> Path:
        """Where the files for reading verbs and pages are published."""
        return self.root / "serving"

    @property
    def policy_dir(self) -> Path:
        """Where a team's own copies of policy files stand."""
        return self.root / "policy"

    @property
    def temporary_dir(self) -> Path:
        """Scratch space; anything here may be removed when its process has ended."""
        return self.root / "tmp"

    @property
    def scope_file(self) -> Path:
        """The proposed scope, written by people."""
        return self.root / "scope.yaml"

    @property
    def decisions_file(self) -> Path:
        """The database of people's decisions."""
        return self.root / "decisions.sqlite3"

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return an in-memory DuckDB connection within the workspace's budget.

        Extensions are never installed or loaded by themselves. The caller closes it.
        """
        return scratch.opened(self.budget())

    def budget(self) -> dict[str, str | bool | int | float | list[str]]:
        """DuckDB's settings for every connection: memory, threads, scratch directory.

        Each call names a scratch directory of its own: two processes that spill into the same one
        would overwrite each other's files.
        """
        return {
            "memory_limit": self.memory,
            "threads": str(self.threads),
            "temp_directory": str(self.temporary_dir / f"duckdb{owner_mark()}-{next(_scratch)}"),
        }

    def secret(self, purpose: str) -> bytes:
        """Return 32 secret bytes for `purpose`, always the same for one workspace.

        HMAC-SHA-256 of the purpose under the workspace's key, so that no two uses share key bytes.
        """
        path = self.root / SECRET
        try:
            master = bytes.fromhex(path.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise WorkspaceError(
                "the workspace's key is missing or damaged",
                where=str(path),
                hint="restore it from a backup: without it kept evidence cannot be read",
            ) from error
        return hmac.new(master, purpose.encode(), hashlib.sha256).digest()

    @contextmanager
    def lock(self, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
        """Hold the one writer lock; waits as long as it takes and may be nested within a thread.

        `on_wait` is called once, with a sentence that says who holds the lock, when it is not free.
        """
        from filelock import Timeout

        lock = self._file_lock()
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait is not None:
                on_wait(self.lock_holder() or "another process is writing; waiting for it")
            lock.acquire(timeout=-1, poll_interval=0.05)
        try:
            if lock.lock_counter == 1:
                self._sign_lock()
            yield
        finally:
            if lock.lock_counter == 1:
                with suppress(OSError):
                    self._holder_file.unlink(missing_ok=True)
            lock.release()

    def lock_holder(self) -> str:
        """A sentence about who holds the writer lock, or "" when nobody signed it."""
        try:
            holder = json.loads(self._holder_file.read_text("utf-8"))
            return f"process {int(holder['pid'])} has been writing since {holder['since']}; waiting for it"
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def clear_stale_note(self) -> bool:
        """Remove the note of a writer that ended without removing it; False while somebody writes."""
        from filelock import Timeout

        lock = self._file_lock()
        if lock.is_locked:
            return False
        try:
            with lock.acquire(timeout=0):
                self._holder_file.unlink(missing_ok=True)
                return True
        except Timeout:
            return False

    def _file_lock(self) -> BaseFileLock:
        from filelock import FileLock

        # One lock object per path in this process, so that nesting through two opened
        # workspaces counts up instead of waiting for itself.
        return FileLock(str(self.root / "foreshore.lock"), is_singleton=True, mode=0o600)

    @property
    def _holder_file(self) -> Path:
        # A file of its own: waiters that open the lock file may truncate it.
        return self.root / "foreshore.lock.holder"

    def _sign_lock(self) -> None:
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        with suppress(OSError):
            write_atomically(self._holder_file, json.dumps({"pid": os.getpid(), "since": since}).encode())


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a small file so that readers, and a crash, see either the old or the new content.

    Writes beside it, fsyncs, renames, fsyncs the directory. Raises OSError.
    """
    beside = path.with_name(f".{path.name}{owner_mark()}-{next(_scratch)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def fsync_directory(folder: Path) -> None:
    """Make renames in `folder` survive a power cut; systems that cannot open directories do it themselves."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def owner_mark() -> str:
    """The part of a temporary file's name that says whose it is: `.tmp-HOST-PID`."""
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f".tmp-{host}-{os.getpid()}"


def _settings_text(seed: int) -> str:
    kept = "\n".join(f"{kind} = {days}" if days is not None else f'{kind} = "keep"' for kind, days in RETENTION.items())
    return f"""\
# A Foreshore workspace. The seed decides every random draw: with the same facts it gives the same answers.
format = {FORMAT}
seed = {seed}
created = "{datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}"

[budget]
# Of every database connection. "auto": half of the machine's memory, at most 4GB; its cores, at most 4.
memory = "auto"
threads = "auto"

[retention]
# Days to keep evidence of each kind, or "keep".
{kept}
"""


def _from_settings(home: Path, path: Path, values: Mapping[str, Any]) -> Workspace:
    written = values.get("format")
    if not isinstance(written, int):
        raise WorkspaceError("the settings name no format", where=str(path), hint="restore the file")
    if written > FORMAT:
        raise WorkspaceError(
            f"the workspace has format {written}, this Foreshore knows up to {FORMAT}",
            where=str(home),
            hint="a newer Foreshore",
        )
    seed, budget, retention = values.get("seed"), values.get("budget", {}), values.get("retention", {})
    if not isinstance(seed, int) or not isinstance(budget, dict) or not isinstance(retention, dict):
        raise WorkspaceError("the settings are damaged", where=str(path), hint="restore the file")
    return Workspace(
        root=home,
        seed=seed,
        created=str(values.get("created", "")),
        memory=_memory(path, budget.get("memory", "auto")),
        threads=_threads(path, budget.get("threads", "auto")),
        retention=dict(RETENTION) | {kind: _days(path, days) for kind, days in retention.items()},
    )


def _memory(path: Path, value: object) -> str:
    if value == "auto":
        return f"{max(1, min(4 * _GIB, _machine_memory() // 2) // (1 << 20))}MiB"
    text = str(value).strip()
    number = text.upper().removesuffix("GIB").removesuffix("GB").removesuffix("MIB").removesuffix("MB")
    if number == text.upper() or not number.strip().isdigit() or int(number) == 0:
        raise WorkspaceError(f"“{text}” is not a memory budget", where=str(path), hint='memory = "4GB"')
    return text


def _threads(path: Path, value: object) -> int:
    if value == "auto":
        return max(1, min(4, os.cpu_count() or 1))
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise WorkspaceError(f"“{value}” is not a number of threads", where=str(path), hint="threads = 2")


def _days(path: Path, value: object) -> int | None:
    if value == "keep":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise WorkspaceError(f"“{value}” is not a number of days", where=str(path), hint='a number, or "keep"')


def _machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's if that is less."""
    total = 8 * _GIB  # where the system does not say
    with suppress(OSError, ValueError, AttributeError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text().strip()))
    return total

"""A PostgreSQL of one's own for tests: a private cluster on a socket in a scratch folder; skipped where there is none."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.served import free_port


def programs() -> Path:
    """Return where initdb and pg_ctl are; skips the test where they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    place = found[-1].parent if found else Path(shutil.which("initdb") or "").parent
    if not (place / "pg_ctl").exists():
        pytest.skip("PostgreSQL is not installed here")
    return place


def _who() -> dict[str, int]:
    """PostgreSQL does not run as root: root runs it as its own user."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("there is no user to run PostgreSQL as")
    return {"user": entry.pw_uid, "group": entry.pw_gid}


@contextmanager
def cluster() -> Iterator[str]:
    """Run a cluster until the block ends, and yield the URL of its empty database."""
    place, who = programs(), _who()
    folder = Path(tempfile.mkdtemp(prefix="fs-pg-", dir="/tmp"))
    if who:
        os.chown(folder, who["user"], who["group"])
    port, data, log = free_port(), folder / "data", folder / "log"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=120, **who)  # type: ignore[call-overload]

    try:
        run(str(place / "initdb"), "-D", str(data), "-U", "foreshore", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        run(str(place / "pg_ctl"), "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
        run(str(place / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "foreshore", "foreshore")
        yield f"postgresql://foreshore@127.0.0.1:{port}/foreshore"
    finally:
        if (data / "postmaster.pid").exists():
            run(str(place / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

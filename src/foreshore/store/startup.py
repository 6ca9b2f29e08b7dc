"""What a crash may leave behind, and its clearing at start-up."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from foreshore.workspace import Workspace, owner_mark

_MARK = re.compile(r"(\.tmp-[0-9a-f]{8}-)(\d+)")
_DAY = 86_400.0
_UNACKNOWLEDGED = 3_600.0


def reconcile(workspace: Workspace) -> list[str]:
    """Remove temporary files of ended processes, evidence without a key and stale lock notes.

    Returns one sentence for each thing removed. Nothing acknowledged is touched: evidence counts once
    its key is written, a commit once the lake has its job, a serving file once the pointer names it.
    Files of other machines, and of processes that still run, are left for a day.
    """
    done = []
    for place in _leftovers(workspace):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            with suppress(OSError):
                place.unlink()
        done.append(f"removed {place.relative_to(workspace.root).as_posix()}, left by an ended process")
    done.extend(_stale_lock_note(workspace))
    return done


def _leftovers(workspace: Workspace) -> Iterator[Path]:
    folders = (workspace.root, workspace.evidence_dir, workspace.serving_dir, workspace.temporary_dir)
    for folder in folders:
        for place in sorted(folder.iterdir()) if folder.is_dir() else ():
            mark = _MARK.search(place.name)
            if mark is not None and _ended(place, mark):
                yield place
    for data in sorted(workspace.evidence_dir.glob("*.bin")):
        if not data.with_suffix(".key").exists() and _age(data) > _UNACKNOWLEDGED:
            yield data


def _ended(place: Path, mark: re.Match[str]) -> bool:
    ours = owner_mark().startswith(mark[1])
    return _age(place) > _DAY or (ours and not _runs(int(mark[2])))


def _runs(pid: int) -> bool:
    if os.name == "nt":
        return True  # no harmless question to ask: the file is removed when it is a day old
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _age(place: Path) -> float:
    try:
        return time.time() - place.stat().st_mtime
    except OSError:
        return 0.0


def _stale_lock_note(workspace: Workspace) -> list[str]:
    """Remove the note about who writes, when the lock is free and so nobody does."""
    if not workspace.lock_holder():
        return []
    return ["removed the note of a writer that has ended"] if workspace.clear_stale_note() else []

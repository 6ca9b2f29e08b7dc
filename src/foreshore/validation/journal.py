"""The guard's own record: every attempt and refusal, one JSON line each, chained by digests.

A line that was changed, removed or put in between breaks the chain from there on. The digest of the
last line is also written into the decisions' audit trail when a run of tests ends.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foreshore.errors import Refused

_START = "0" * 64


class Journal:
    """Appends to `path`; each line is on the disk before the next step is taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = _START
        for self.head in _digests(path):
            pass
        self._torn = _torn(path)

    def record(self, **entry: Any) -> None:
        """Append one line; raises Refused where that fails, since nothing may happen unrecorded."""
        line = json.dumps({**entry, "before": self.head}, sort_keys=True, default=str, ensure_ascii=True)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write((b"\n" if self._torn else b"") + line.encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise Refused(
                f"what is done cannot be recorded ({error})", where=str(self.path), hint="free disk space"
            ) from error
        self.head, self._torn = _digest(line), False


def entries(path: Path) -> list[dict[str, Any]]:
    """Return all lines as dictionaries, oldest first; a half-written last line is left out."""
    return [found for line in _lines(path) if isinstance(found := _parsed(line), dict)]


def broken(path: Path) -> int:
    """Return the number (from 1) of the first line that does not follow from the one before, 0 if all do."""
    head = _START
    for number, line in enumerate(_lines(path), start=1):
        entry = _parsed(line)
        if not isinstance(entry, dict) or entry.get("before") != head:
            return number
        head = _digest(line)
    return 0


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                yield line.rstrip("\n")


def _torn(path: Path) -> bool:
    """Did a crash leave a last line without its end?"""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"


def _digests(path: Path) -> Iterator[str]:
    return map(_digest, _lines(path))


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()

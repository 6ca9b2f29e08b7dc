"""A remark on a scope: how serious, on which line of `scope.yaml`, and what it says."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["error", "warning", "info"]


class Note(msgspec.Struct, frozen=True):
    """One remark; `line` 0 is about the whole file."""

    level: Level
    line: int
    sentence: str

    def shown(self, name: str = "scope.yaml") -> str:
        """Return the remark on one line, with its place."""
        place = f"{name}:{self.line}" if self.line else name
        return f"{place}: {self.sentence}"


def number(count: int, one: str, several: str = "") -> str:
    """Return a count with its noun, such as “1 asset” or “1,200 addresses”."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"

"""What an import did: its runs, what happened to assets and exposures, and what could not be read."""

from __future__ import annotations

import msgspec


class RunResult(msgspec.Struct, frozen=True):
    """One report as it was taken; `duplicate`: it was known already and nothing was written."""

    run: str
    file: str
    reader: str
    findings: int
    duplicate: bool
    coverage: str
    source: str = ""


class ExposureCounts(msgspec.Struct, frozen=True):
    """What happened to exposures: opened for the first time, reported again, fixed, reopened."""

    new: int = 0
    seen: int = 0
    fixed: int = 0
    reopened: int = 0


class AssetCounts(msgspec.Struct, frozen=True):
    """Assets that are new, that were seen again, and joins that wait for a person."""

    new: int = 0
    seen: int = 0
    review: int = 0


class FileError(msgspec.Struct, frozen=True):
    """A file that could not be read, and why, in one sentence."""

    file: str
    error: str


class SkippedPart(msgspec.Struct, frozen=True):
    """A part of a report that was not taken, and why."""

    file: str
    where: str
    why: str


class ImportResult(msgspec.Struct, frozen=True):
    """What an import did; `msgspec.to_builtins` of it is `import --json`."""

    runs: tuple[RunResult, ...] = ()
    exposures: ExposureCounts = ExposureCounts()
    assets: AssetCounts = AssetCounts()
    errors: tuple[FileError, ...] = ()
    skipped: tuple[SkippedPart, ...] = ()

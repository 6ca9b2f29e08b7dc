"""Keeping the lake small: merging files, expiring versions, removing what nothing needs any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from foreshore.store.catalog import WRITER
from foreshore.store.ducklake import Lake

# Longer than any reader holds a version open. Files younger than this are never removed.
GRACE = timedelta(days=1)
KEEP_VERSIONS = timedelta(days=30)


# Files of one table from which merging them pays: a read opens each, and every commit adds one.
MANY_FILES = 64


class Upkeep(NamedTuple):
    """What a compaction did: files merged away, versions expired, files removed."""

    merged: int
    expired: int
    removed: int


def files(lake: Lake) -> int:
    """Return how many files the table with the most of them has."""
    rows = lake.maintain(f"SELECT coalesce(max(file_count), 0) FROM ducklake_table_info('{WRITER}')")
    return int(rows[0][0])


def tend(lake: Lake) -> Upkeep | None:
    """Compact the lake where it has many files; returns what that did, or None where nothing was to be done."""
    return compact(lake) if files(lake) >= MANY_FILES else None


def compact(
    lake: Lake, *, keep: timedelta = KEEP_VERSIONS, grace: timedelta = GRACE, now: datetime | None = None
) -> Upkeep:
    """Merge small files, expire versions older than `keep`, remove files that went out of use before `grace`.

    Versions that a cycle read or made are kept for ever, so that its numbers can be derived again.
    Holds the writer lock; readers are not disturbed.
    """
    moment = now or datetime.now(UTC)
    with lake.workspace.lock():
        lake.refresh()
        # Commits of a few rows stay in the catalogue (at most ten rows a table and commit): flushing them
        # to files removes them at once, and a reader in the middle of a stream would silently miss them.
        merged = lake.maintain(f"CALL ducklake_merge_adjacent_files('{WRITER}')")
        expired = _expire(lake, moment - keep)
        before = _time(moment - grace)
        removed = lake.maintain(f"CALL ducklake_cleanup_old_files('{WRITER}', older_than => {before})")
        orphans = lake.maintain(f"CALL ducklake_delete_orphaned_files('{WRITER}', older_than => {before})")
        lake.refresh()
    return Upkeep(len(merged), expired, len(removed) + len(orphans))


def _expire(lake: Lake, before: datetime) -> int:
    rows = lake.sql(
        """SELECT DISTINCT snapshot AS version FROM cycles WHERE snapshot IS NOT NULL
        UNION SELECT version FROM jobs WHERE list_contains(tables, 'cycles')"""
    )
    kept = {lake.version, *rows["version"].to_pylist()}
    old = lake.maintain(f"SELECT snapshot_id FROM ducklake_snapshots('{WRITER}') WHERE snapshot_time < {_time(before)}")
    versions = sorted({int(one[0]) for one in old} - kept)
    if versions:
        lake.maintain(f"CALL ducklake_expire_snapshots('{WRITER}', versions => {versions})")
    return len(versions)


def _time(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"

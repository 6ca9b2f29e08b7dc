"""The NVD's interface 2.0: by date of change, in windows and pages, each page kept until all are there."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
import orjson

from foreshore.http import Door, DownloadFailed
from foreshore.intel import kept
from foreshore.intel.asking import Pace, patiently
from foreshore.workspace import write_atomically

if TYPE_CHECKING:
    from foreshore.intel.sources import Source
    from foreshore.workspace import Workspace

# nvd.nist.gov/developers: 2,000 results a page, ranges of at most 120 days, 5 requests in 30 seconds
# without a key and 50 with one. It publishes changes every two hours: windows overlap by that much.
PAGE = 2_000
WINDOW = timedelta(days=120)
OVERLAP = timedelta(hours=2)
SECONDS = 30.0
LIMIT, LIMIT_WITH_KEY = 5, 50
_PLAN = "plan.json"
Window = tuple[datetime | None, datetime | None]


class Plan(msgspec.Struct):
    """What is asked in one run: windows of change (one open window for all there is), up to `until`."""

    where: str
    windows: list[Window]
    until: datetime


def windows(since: datetime | None, until: datetime) -> list[Window]:
    """Return the windows of change from `since` to `until`, each at most 120 days; without `since`, all at once."""
    if since is None:
        return [(None, None)]
    found: list[Window] = []
    start = since - OVERLAP
    while start < until:
        end = min(start + WINDOW, until)
        found.append((start, end))
        start = end
    return found


def fetch(
    workspace: Workspace, source: Source, door: Door, pace: Pace, *, since: datetime | None, now: datetime,
    say: Callable[[str], None],
) -> tuple[Path, datetime]:  # fmt: skip
    """Return the folder of all pages, and the moment up to which they hold; pages that are there are not asked again.

    The folder stays until `clear`. Raises DownloadFailed where a page cannot be had; the next call goes on.
    """
    folder = _folder(workspace, source)
    plan = _plan(folder, source, since, now)
    key = source.key()
    limited = pace.limited(LIMIT_WITH_KEY if key else LIMIT, SECONDS)
    headers = {"apiKey": key} if key else {}
    for number, window in enumerate(plan.windows):
        start, total = 0, 1
        while start < total:
            place = folder / f"{number:03d}-{start:09d}.json"
            if not place.exists():
                url = _url(source.where, window, start)
                say(f"asking {source.name} from entry {start:,}" + (f" of {total:,}" if start else ""))
                answer = patiently(lambda url=url: door.get(url, headers=headers), limited)  # type: ignore[misc]
                _read(answer.body, start, url)
                write_atomically(place, answer.body)
            total, count = _read(place.read_bytes(), start, str(place.name))
            start += count
    return folder, plan.until


def clear(workspace: Workspace, source: Source) -> None:
    """Remove the pages: they are kept as evidence, and their signals are in the lake."""
    shutil.rmtree(_folder(workspace, source), ignore_errors=True)


def _folder(workspace: Workspace, source: Source) -> Path:
    mark = hashlib.sha256(f"{source.name}\x1f{source.where}".encode()).hexdigest()[:24]
    return kept.folder(workspace, "pages", mark)


def _plan(folder: Path, source: Source, since: datetime | None, now: datetime) -> Plan:
    """The plan of an interrupted run, else a new one."""
    place = folder / _PLAN
    try:
        return msgspec.json.decode(place.read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError):
        plan = Plan(source.where, windows(since, now), now)
    for old in _pages(folder):
        old.unlink()
    write_atomically(place, msgspec.json.encode(plan))
    return plan


def _pages(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*-*.json"))


def pages(folder: Path) -> list[Path]:
    """Return the pages of a folder in order."""
    return list(_pages(folder))


def _url(where: str, window: Window, start: int) -> str:
    asked: dict[str, Any] = {"resultsPerPage": PAGE, "startIndex": start}
    if window[0] is not None and window[1] is not None:
        asked |= {
            "lastModStartDate": window[0].strftime("%Y-%m-%dT%H:%M:%S.000+00:00"),
            "lastModEndDate": window[1].strftime("%Y-%m-%dT%H:%M:%S.000+00:00"),
        }
    return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"


def _read(page: bytes, start: int, where: str) -> tuple[int, int]:
    """Return how many results there are in all, and how many this page holds; raises DownloadFailed."""
    try:
        found = orjson.loads(page)
        total, listed = int(found["totalResults"]), found["vulnerabilities"]
        count, at = len(listed), int(found.get("startIndex", start))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DownloadFailed("the answer is not a page of the NVD", where=where, hint="try again later") from error
    if at != start or (count == 0 and start < total):
        raise DownloadFailed("the answer is another page than was asked for", where=where, hint="try again later")
    return total, count

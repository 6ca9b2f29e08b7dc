"""One reader, some bytes, and bounds on time and memory: records, a clear refusal, or something that is wrong."""

from __future__ import annotations

import importlib
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.fuzz import laws

from foreshore import facts
from foreshore.discovery.reports import HEAD, MIB, FileReport, Limits
from foreshore.discovery.sniffing import READERS, Reader
from foreshore.errors import BadReport

GOLDEN = Path(__file__).parents[1] / "discovery" / "readers" / "golden"
FOUND = Path(__file__).with_name("found")
BESIDE = ("records.json", "corpus.toml")
LIMITS = Limits(read=4 * MIB, line=200_000, element=MIB)
SECONDS = 10  # of CPU: a guard against what never ends, which a busy machine does not trip
MEMORY = 512 * MIB


class TooSlow(BaseException):
    """The reader did not end; no reader may catch this."""


class Broken(Exception):
    """A reader yielded records that break its promises."""


def names() -> list[str]:
    """The readers that have golden samples."""
    return sorted({one.name.partition("+")[0] for one in GOLDEN.iterdir() if one.is_dir()})


def samples(name: str) -> list[bytes]:
    """The golden samples of all forms of a reader, by their folders' names, and what was found for it before."""
    folders = [GOLDEN / name, *sorted(GOLDEN.glob(f"{name}+*"))]
    files = [one for folder in folders if folder.is_dir() for one in sorted(folder.iterdir()) if one.name not in BESIDE]
    return [one.read_bytes() for one in [*files, *sorted(FOUND.glob(f"{name}-*.bin"))]]


def reader_of(name: str) -> Reader:
    """The reader alone, without loading the others."""
    plugin = importlib.import_module(f"{READERS}.{name}").PLUGIN
    assert isinstance(plugin, Reader)
    return plugin


def attempt(reader: Reader, data: bytes) -> list[facts.Record] | BadReport:
    """Sniff and read `data`; raises Broken where the records or the refusal are not as promised.

    Whatever else comes out is the reader's mistake: any other exception, TooSlow, MemoryError.
    """
    reader.sniff(data[:HEAD])
    try:
        records = list(reader.read(FileReport("sample", data, LIMITS)))
    except BadReport as error:
        if not (error.what and error.where and error.hint) or "\n" in error.sentence():
            raise Broken(f"BadReport: {error.sentence()!r} has no place, no hint or more than one line") from error
        return error
    for wrong in laws.breaches(records):
        raise Broken(wrong)
    return records


@contextmanager
def bounded() -> Iterator[None]:
    """Bound the CPU seconds (TooSlow) and, where the system can, the memory (MemoryError) of what is done within."""
    signal.signal(signal.SIGVTALRM, _too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        with _memory():
            yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _too_slow(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlow(f"more than {SECONDS} CPU seconds")


@contextmanager
def _memory() -> Iterator[None]:
    held = Path("/proc/self/statm")
    if not held.exists():
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(held.read_text().split()[0]) * resource.getpagesize()
    most = now + MEMORY if before[1] == resource.RLIM_INFINITY else min(now + MEMORY, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def place_of(error: BaseException) -> str:
    """What went wrong and the last line of ours where it did: equal for findings that are one mistake."""
    trace = (error.__cause__ or error).__traceback__
    ours = [one for one in traceback.extract_tb(trace) if "/foreshore/" in one.filename]
    if not ours:
        return f"{type(error).__name__}: {str(error)[:80]}"
    last = ours[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} ({last.line})"

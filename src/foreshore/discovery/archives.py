"""Unpacking of zip, tar and gzip files that may be hostile: by content, counted, never onto a named path."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from foreshore.discovery.reports import CHUNK, DROPPINGS, MIB, FileReport, Limits
from foreshore.errors import BadReport

LARGEST_READ = 16 * MIB  # an index or header that asks for more at once is made to exhaust us
BROKEN = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, RuntimeError,
    NotImplementedError, ValueError, OverflowError, LookupError, struct.error,
)  # fmt: skip
OFFICE = ("[Content_Types].xml", "mimetype")


class Budget:
    """What is left of the total that one import may unpack."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.total


class _Careful(io.RawIOBase):
    """A seekable stream that refuses single reads of an absurd size."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._name = name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_READ:
            raise _bomb(self._name, f"its index asks for {size:,} bytes at once")
        return self._stream.read(size if size >= 0 else LARGEST_READ)

    def close(self) -> None:
        self._stream.close()
        super().close()


def unpack(report: FileReport, budget: Budget, depth: int = 0) -> Iterator[FileReport | BadReport]:
    """Yield `report` itself, or what is inside if it is an archive; errors are yielded in place.

    Archives inside archives are opened to `limits.depth`; every byte that comes out is counted
    against the limits for one file, for the archive (ratio) and for the whole import.
    """
    opener = _opener(report.head)
    if report.size == 0:
        yield BadReport("is empty", where=report.name, hint="export the report again")
    elif opener is None or (opener is _zip and _is_sheet(report)):
        yield report
    elif depth >= budget.limits.depth:
        yield BadReport(
            f"is an archive more than {budget.limits.depth} deep, which is not opened",
            where=report.name,
            hint="unpack the outer archive first",
        )
    else:
        for member in _members(report, opener, budget):
            if isinstance(member, BadReport):
                yield member
            else:
                # A tar inside a gzip is one packing, not two.
                packed = opener is _gzip and _opener(member.head) is _tar
                yield from unpack(member, budget, depth if packed else depth + 1)


Member = tuple[str, "Callable[[], Any] | BadReport"]  # its name, and how to open it or why not
Opener = Any


def _opener(head: bytes) -> Opener | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip
    if head.startswith(b"\x1f\x8b"):
        return _gzip
    if head[257:262] == b"ustar":
        return _tar
    return None


def _is_sheet(report: FileReport) -> bool:
    """Is it a spreadsheet (.xlsx)? Some tools report in these; a reader opens it with limits of its own."""
    try:
        with report.open() as stream, zipfile.ZipFile(stream) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except BROKEN:
        return False


def _members(report: FileReport, opener: Opener, budget: Budget) -> Iterator[FileReport | BadReport]:
    """Unpack one archive, member by member; damage ends it with an error, after what came before."""
    taken = 0
    count = 0
    try:
        with report.open() as stream:
            for name, source in opener(_Careful(stream, report.name), report):
                count += 1
                if count > report.limits.members:
                    yield _bomb(report.name, f"it holds more than {report.limits.members:,} files")
                    return
                if isinstance(source, BadReport):
                    yield source
                    continue
                try:
                    with source() as body:
                        held = _collect(name, body, report, taken, budget)
                except BROKEN as error:
                    yield _damaged(name, error)
                    if opener is not _zip:
                        return
                    continue
                taken += held.size
                yield held
    except BadReport as error:
        yield error
    except BROKEN as error:
        yield _damaged(report.name, error)


def _collect(name: str, body: Any, archive: FileReport, taken: int, budget: Budget) -> FileReport:
    """Copy one member into memory or a temporary file; raises BadReport beyond any limit."""
    limits = archive.limits
    allowed = max(limits.ratio * archive.size, limits.ratio_from) - taken
    held = _Held(limits.memory)
    try:
        while chunk := body.read(CHUNK):
            held.add(chunk)
            budget.left -= len(chunk)
            if held.size > allowed:
                raise _bomb(archive.name, f"it unpacks to more than {limits.ratio} times its size")
            if held.size > limits.file:
                raise _bomb(name, f"it unpacks to more than {limits.file:,} bytes")
            if budget.left < 0:
                raise _bomb(archive.name, f"all files together unpack to more than {limits.total:,} bytes")
        return held.report(name, limits)
    except BaseException:
        held.drop()
        raise


class _Held:
    """Bytes collected in memory, then in a temporary file once there are many."""

    def __init__(self, memory: int) -> None:
        self.size = 0
        self._memory = memory
        self._stream: BinaryIO = io.BytesIO()
        self._path: Path | None = None

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self._path is None and self.size > self._memory and isinstance(self._stream, io.BytesIO):
            handle, place = tempfile.mkstemp(prefix="foreshore-")
            self._path = Path(place)
            early = self._stream.getvalue()
            self._stream = os.fdopen(handle, "wb")
            self._stream.write(early)
        self._stream.write(chunk)

    def report(self, name: str, limits: Limits) -> FileReport:
        if self._path is None and isinstance(self._stream, io.BytesIO):
            return FileReport(name, self._stream.getvalue(), limits)
        path = self._path
        assert path is not None
        self._stream.close()
        report = FileReport(name, path, limits)
        weakref.finalize(report, path.unlink, missing_ok=True)
        return report

    def drop(self) -> None:
        self._stream.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _zip(stream: Any, report: FileReport) -> Iterator[Member]:
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        if infos and infos[0].filename in OFFICE:
            raise BadReport(
                "is an office document, not a report",
                where=report.name,
                hint="save the sheet as CSV and import that",
            )
        for info in infos:
            if info.is_dir() or _dropping(info.filename):
                continue
            name = _inner(report.name, info.filename)
            if info.flag_bits & 0x1:
                locked = BadReport("is encrypted", where=name, hint="unpack it with its password first")
                yield name, locked
                continue

            def source(info: zipfile.ZipInfo = info) -> Any:
                return archive.open(info)

            yield name, source


def _tar(stream: Any, report: FileReport) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for info in archive:
            if info.isdir() or _dropping(info.name):
                continue
            name = _inner(report.name, info.name)
            if not info.isreg():
                link = BadReport("is a link or device inside an archive, which is not followed", where=name)
                yield name, link
                continue

            def source(info: tarfile.TarInfo = info) -> Any:
                return archive.extractfile(info)

            yield name, source
            cast(Any, archive).members = []  # tarfile keeps every header otherwise


def _gzip(stream: Any, report: FileReport) -> Iterator[Member]:
    name = report.name
    for ending, instead in ((".tgz", ".tar"), (".gz", "")):
        if name.lower().endswith(ending):
            name = name[: -len(ending)] + instead
            break
    yield name, lambda: gzip.GzipFile(fileobj=stream)


def _inner(archive: str, name: str) -> str:
    """The name of a member for people: printable, bounded, without a way to look like another place."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    parts = [part for part in shown.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return f"{archive}!{'/'.join(parts)[-300:] or '?'}"


def _dropping(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[-1] in DROPPINGS or parts[0] == "__MACOSX"


def _bomb(name: str, why: str) -> BadReport:
    return BadReport(
        f"was not unpacked: {why}",
        where=name,
        hint="check where it came from; unpack it yourself if it is what you expect",
    )


def _damaged(name: str, error: BaseException) -> BadReport:
    return BadReport(
        f"is damaged or cut short ({error or type(error).__name__})",
        where=name,
        hint="copy or download the file again",
    )

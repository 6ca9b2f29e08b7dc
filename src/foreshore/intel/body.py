"""What a feed reads: files, compressed files, members of zip and tar archives, and answers of the network, alike.

Compression is found by content. Sizes are bounded after decompression, so that a small file cannot
fill the memory.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from foreshore.errors import BadFeed

HEAD = 65_536
MOST = 4 << 30  # bytes of one body after decompression
MOST_AT_ONCE = 1 << 30  # bytes of a body that is not read line by line
_MEMBERS = 600_000
_BROKEN = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, RuntimeError,
    NotImplementedError,
)  # fmt: skip
# How a compressed file begins, and who opens it.
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


@dataclass(frozen=True)
class Body:
    """One thing to be read. `name` is shown to people; `path` is the file, `member` a place in it."""

    name: str
    path: Path
    member: str = ""
    modified: float | None = field(default=None, compare=False)

    @property
    def head(self) -> bytes:
        """The first 64 KiB, decompressed; empty when it cannot be read at all."""
        try:
            with self.open() as stream:
                return stream.read(HEAD)
        except BadFeed:
            return b""

    def seen(self) -> datetime | None:
        """Return when the file was last written, UTC: for sources that date nothing themselves."""
        if self.modified is None:
            return None
        try:
            return datetime.fromtimestamp(int(self.modified), UTC).replace(tzinfo=None)
        except (OverflowError, ValueError, OSError):
            return None

    def open(self) -> BinaryIO:
        """Return a fresh stream of the decompressed bytes; raises BadFeed beyond the size limit."""
        try:
            raw = self._raw()
            if raw.peek(2)[:2] == b"\x1f\x8b":
                return cast(
                    BinaryIO,
                    io.BufferedReader(_Bounded(cast(IO[bytes], gzip.GzipFile(fileobj=raw)), self.name)),
                )
            return cast(BinaryIO, io.BufferedReader(_Bounded(raw, self.name)))
        except _BROKEN as error:
            raise BadFeed(f"it cannot be opened ({error})", where=self.name) from error

    def _raw(self) -> io.BufferedReader:
        if not self.member:
            return self.path.open("rb")
        if _is_tar(self.path, self.modified):
            return _tar(self.path, self.modified).member(self.member)
        archive = _archive(self.path, self.modified)
        return io.BufferedReader(cast(io.RawIOBase, archive.open(self.member)))

    def read(self) -> bytes:
        """Return all bytes; raises BadFeed above the limit for what is read at once."""
        with self.open() as stream:
            content = stream.read(MOST_AT_ONCE + 1)
        if len(content) > MOST_AT_ONCE:
            raise BadFeed(f"it is larger than {MOST_AT_ONCE >> 20} MiB", where=self.name)
        return content

    def digest(self) -> str:
        """Return the SHA-256 of the bytes as they lie on disk, or of the archive's member."""
        state = hashlib.sha256()
        with self._raw() as stream:
            while block := stream.read(1 << 20):
                state.update(block)
        return state.hexdigest()


class _Bounded(io.RawIOBase):
    """A stream that ends with an error instead of growing without end."""

    def __init__(self, inner: IO[bytes], name: str) -> None:
        self._inner = inner
        self._name = name
        self._left = MOST

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        try:
            block = self._inner.read(len(target))
        except _BROKEN as error:
            raise BadFeed(f"it is damaged or cut off ({error})", where=self._name, hint="download it again") from error
        self._left -= len(block)
        if self._left < 0:
            raise BadFeed(f"it is larger than {MOST >> 30} GiB once decompressed", where=self._name)
        target[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._inner.close()
        super().close()


@lru_cache(maxsize=2)
def _archive(path: Path, modified: float | None) -> zipfile.ZipFile:
    """Keep the archive being read open: its directory may list hundreds of thousands of members."""
    return zipfile.ZipFile(path)


class _Tar:
    """A tar archive by member. A compressed one is unpacked once, into a file without a name."""

    def __init__(self, path: Path) -> None:
        self._stream: IO[bytes] = path.open("rb") if _opener(path) is open else _unpacked(path)
        self.places: dict[str, tuple[int, int]] = {}
        with tarfile.open(fileobj=self._stream, mode="r:") as archive:
            for info in archive:
                if info.isreg():
                    self.places[info.name.removeprefix("./")] = (info.offset_data, info.size)
                archive.__dict__["members"] = []  # else all of them stay in memory
                if len(self.places) > _MEMBERS:
                    raise BadFeed(f"the archive has more than {_MEMBERS} members", where=path.name)

    def member(self, name: str) -> io.BufferedReader:
        """Return the bytes of the member called `name`."""
        start, size = self.places[name]
        if size > MOST_AT_ONCE:
            raise BadFeed(f"it is larger than {MOST_AT_ONCE >> 20} MiB", where=name)
        self._stream.seek(start)
        return io.BufferedReader(cast(io.RawIOBase, io.BytesIO(self._stream.read(size))))


@lru_cache(maxsize=2)
def _tar(path: Path, modified: float | None) -> _Tar:
    return _Tar(path)


def _opener(path: Path) -> Any:
    with path.open("rb") as stream:
        start = stream.read(6)
    return next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), open)


@lru_cache(maxsize=64)
def _is_tar(path: Path, modified: float | None) -> bool:
    """Say whether the file, decompressed, begins with the header of a tar archive (POSIX and GNU)."""
    try:
        with _opener(path)(path, "rb") as stream:
            return bool(stream.read(512)[257:262] == b"ustar")
    except _BROKEN:
        return False


def _unpacked(path: Path) -> IO[bytes]:
    target = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as the archive is read
    left = MOST
    with _opener(path)(path, "rb") as stream:
        while block := stream.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise BadFeed(f"it is larger than {MOST >> 30} GiB once decompressed", where=path.name)
            target.write(block)
    target.seek(0)
    return target


def bodies(path: Path) -> Iterator[Body]:
    """Yield what lies at `path`: the file, an archive's members, or a folder's files, in order of name.

    Hidden files are passed over; links out of the folder
    are not followed.
    """
    if path.is_dir():
        for child in sorted(path.rglob("*")):
            inside = not any(part.startswith(".") for part in child.relative_to(path).parts)
            if inside and child.is_file() and not child.is_symlink():
                yield from _file(child, str(child.relative_to(path)))
        return
    yield from _file(path, path.name)


def _file(path: Path, name: str) -> Iterator[Body]:
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
        modified = path.stat().st_mtime
        if start != b"PK\x03\x04" and not _is_tar(path, modified):
            yield Body(name, path, modified=modified)
            return
        if start != b"PK\x03\x04":
            members = sorted(_tar(path, modified).places)
        else:
            with zipfile.ZipFile(path) as archive:
                members = sorted(one.filename for one in archive.infolist() if not one.is_dir())
    except _BROKEN as error:
        raise BadFeed(f"it cannot be opened ({error})", where=name) from error
    if len(members) > _MEMBERS:
        raise BadFeed(f"the archive has more than {_MEMBERS} members", where=name)
    for member in members:
        yield Body(f"{name}/{member}", path, member, modified)

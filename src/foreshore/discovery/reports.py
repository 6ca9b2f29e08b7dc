"""How paths become reports: files, folders and archives, by content, without trusting any of it.

Names inside archives are for display only and never become paths; members are unpacked into memory
or an unlinked-on-close temporary file, counted while they grow. Anything that cannot be read is
yielded as a `BadReport`, so that the rest of a folder is still read.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, TextIO

from foreshore import facts
from foreshore.errors import BadReport

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
HEAD = 64 * KIB
CHUNK = MIB
DROPPINGS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Limits:
    """What a report may cost, in bytes unless said otherwise; generous for real reports."""

    read: int = 512 * MIB  # formats that are loaded as a whole
    file: int = 16 * GIB  # one unpacked member of an archive
    total: int = 64 * GIB  # all that one import unpacks
    ratio: int = 250  # unpacked : packed, for an archive as a whole
    ratio_from: int = 64 * MIB  # below this an archive may unpack as it likes
    members: int = 100_000  # files in one archive
    depth: int = 2  # archives within archives
    memory: int = 8 * MIB  # a larger member goes to a temporary file
    line: int = 64 * MIB  # characters in one line, or one row of a CSV file
    element: int = 64 * MIB  # bytes of XML between two elements of interest


LIMITS = Limits()


def limits_of(report: facts.Report) -> Limits:
    """The limits that `report` was opened under."""
    found = getattr(report, "limits", LIMITS)
    return found if isinstance(found, Limits) else LIMITS


class FileReport:
    """A report on disk or in memory; many streams can be open on it at once."""

    def __init__(self, name: str, source: Path | bytes, limits: Limits = LIMITS) -> None:
        self.name = name
        self.limits = limits
        self._source = source

    def __repr__(self) -> str:
        return f"FileReport({self.name!r}, {self.size} bytes)"

    @cached_property
    def size(self) -> int:
        """Bytes, unpacked."""
        return len(self._source) if isinstance(self._source, bytes) else self._source.stat().st_size

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB."""
        with self.open() as stream:
            return stream.read(HEAD)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all bytes, hexadecimal."""
        digest = hashlib.sha256()
        with self.open() as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def open(self) -> BinaryIO:
        """A fresh binary stream from the start; raises BadReport where the file cannot be opened."""
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        try:
            return self._source.open("rb")
        except OSError as error:
            raise cannot_open(self.name, error) from error

    def read(self) -> bytes:
        """All of it; raises BadReport above the limit for formats that are loaded as a whole."""
        if self.size > self.limits.read:
            raise BadReport(
                f"has {self.size:,} bytes, more than the {self.limits.read:,} that this format allows",
                where=self.name,
                hint="export it in parts, for example one per project",
            )
        with self.open() as stream:
            return stream.read()

    def text(self) -> str:
        """All of it as text; see `encoding_of` for how the encoding is found."""
        return decode(self.read())


def cannot_open(name: str, error: OSError) -> BadReport:
    """The error of a file that the system does not give us."""
    return BadReport(
        f"cannot be opened ({error.strerror or type(error).__name__})",
        where=name,
        hint="check that the path exists and may be read",
    )


# -- text ---------------------------------------------------------------------------------------

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of_head(head: bytes) -> str:
    """Guess the encoding from the first bytes: a byte-order mark, UTF-16 by its zero bytes, else UTF-8."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:1024]
    if len(sample) >= 4 and sample.count(0) * 3 >= len(sample):
        return "utf-16-le" if sample[1::2].count(0) > sample[0::2].count(0) else "utf-16-be"
    return "utf-8"


def encoding_of(report: facts.Report) -> str:
    """The encoding of the whole file: as its first bytes say; UTF-8 that is not valid is Windows-1252."""
    name = encoding_of_head(report.head)
    if not name.startswith("utf-8"):
        return name
    decoder = codecs.getincrementaldecoder(name)()
    with report.open() as stream:
        try:
            while chunk := stream.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return name


def decode(data: bytes) -> str:
    """Text of `data`: byte-order marks, UTF-8 and UTF-16 understood, else Windows-1252."""
    name = encoding_of_head(data[:HEAD])
    try:
        return data.decode(name, "replace" if name.startswith(("utf-16", "utf-32")) else "strict")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def decode_head(head: bytes) -> str:
    """Text of a file's beginning for sniffing; never fails, a letter cut in two is dropped."""
    return head.decode(encoding_of_head(head), "ignore").lstrip("\ufeff")


def open_text(report: facts.Report) -> TextIO:
    """A text stream from the start with line ends kept, decoded as `encoding_of` says."""
    return io.TextIOWrapper(report.open(), encoding_of(report), errors="replace", newline="")


def lines(report: facts.Report) -> Iterator[str]:
    """Yield the lines with their ends; raises BadReport for a line longer than the limit."""
    longest = limits_of(report).line
    with open_text(report) as stream:
        number = 0
        while line := stream.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise BadReport(
                    f"a line is longer than {longest:,} characters",
                    where=f"{report.name}, line {number}",
                    hint="check that this is the report itself; export it again in the tool's own format",
                )
            yield line


# -- files and folders --------------------------------------------------------------------------


def reports(paths: Iterable[str | Path], limits: Limits = LIMITS) -> Iterator[FileReport | BadReport]:
    """Yield every report under `paths`, in sorted order, archives unpacked; errors are yielded in place.

    A path that is named is followed if it is a link; inside a folder, links that lead out of it are
    refused with the reason. A member of an archive lives as long as its FileReport does.
    """
    from foreshore.discovery.archives import Budget, unpack

    budget = Budget(limits)
    for path in paths:
        for found in _files(Path(path), limits):
            if isinstance(found, BadReport):
                yield found
            else:
                yield from unpack(found, budget)


def _files(path: Path, limits: Limits) -> Iterator[FileReport | BadReport]:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        yield cannot_open(str(path), error if isinstance(error, OSError) else OSError(22, "invalid path"))
        return
    if not stat.S_ISDIR(mode):
        yield _file(path, limits)
        return
    root = path.resolve()
    refused: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=refused.append):
        folders.sort()
        for name in sorted(folders):
            if (Path(folder) / name).is_symlink():
                yield BadReport(
                    "is a link to a folder, which is not followed",
                    where=str(Path(folder) / name),
                    hint="name the folder itself",
                )
        for name in sorted(names):
            if name not in DROPPINGS:
                yield _inside(Path(folder) / name, root, limits)
    for closed in refused:
        yield cannot_open(str(closed.filename or path), closed)


def _inside(path: Path, root: Path, limits: Limits) -> FileReport | BadReport:
    if path.is_symlink():
        try:
            outside = not path.resolve(strict=True).is_relative_to(root)
        except (OSError, RuntimeError):
            outside = True
        if outside:
            return BadReport(
                "is a link that leads out of the folder, which is not followed",
                where=str(path),
                hint="name the file itself if it should be read",
            )
    return _file(path, limits)


def _file(path: Path, limits: Limits) -> FileReport | BadReport:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return BadReport("is not a regular file", where=str(path), hint="name files, folders or archives")
        report = FileReport(str(path), path, limits)
        report.head  # noqa: B018 - opens the file, so that one that may not be read is found here
    except BadReport as error:
        return error
    except OSError as error:
        return cannot_open(str(path), error)
    return report

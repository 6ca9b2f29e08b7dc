"""Raw reports, kept encrypted: erasing one is destroying its key, while its digest remains.

Two files for each: `DIGEST.bin` holds the bytes, `DIGEST.key` the record of it with its own random
256-bit key, sealed under the workspace's key. A piece (1 MiB of plaintext) is compressed with zstandard,
then encrypted with AES-256-GCM. The nonce is the piece's number and whether it is the last, so that
pieces cannot be changed, dropped, swapped or cut off unnoticed.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foreshore.errors import UsageError, WorkspaceError
from foreshore.workspace import Workspace, fsync_directory, owner_mark, write_atomically

PIECE = 1 << 20
_MAGIC = b"FSEV\x01\0\0\0"
_FRAME = struct.Struct("<IIB")  # plaintext length, ciphertext length, is it the last
_CODEC = pa.Codec("zstd", compression_level=1)


class Record(msgspec.Struct, frozen=True):
    """What is known of one piece of evidence; `sealed` is empty once it is forgotten."""

    digest: str
    size: int
    kind: str
    kept_at: datetime
    sealed: str = ""
    forgotten_at: datetime | None = None
    because: str = ""


def keep(workspace: Workspace, stream: BinaryIO, *, kind: str = "report") -> str:
    """Keep all that `stream` still holds, and return its SHA-256 in hexadecimal.

    Everything is on disk when this returns. Keeping the same bytes again changes nothing. Memory stays
    within a few pieces. Raises WorkspaceError when the disk refuses.
    """
    folder = workspace.evidence_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, beside = AESGCM.generate_key(256), folder / f".evidence{owner_mark()}-{os.urandom(4).hex()}"
    try:
        digest, size = _encrypt(stream, beside, AESGCM(key))
        known = record(workspace, digest)
        if known is not None and known.sealed and _data(workspace, digest).exists():
            return digest
        beside.replace(_data(workspace, digest))
        fsync_directory(folder)
        entry = Record(digest, size, kind, datetime.now(UTC), _seal(workspace, key, digest))
        write_atomically(_key_file(workspace, digest), msgspec.json.encode(entry))
    except OSError as error:
        raise WorkspaceError(
            f"the evidence cannot be kept: {error.strerror or error}",
            where=str(folder),
            hint="free disk space",
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return digest


def open_evidence(workspace: Workspace, digest: str) -> BinaryIO:
    """Return a readable stream of the bytes that were kept; it can be read once, from the start.

    Raises WorkspaceError when there is no such evidence, when it was forgotten, and, while reading, when
    it was changed.
    """
    entry = record(workspace, digest)
    if entry is None:
        raise WorkspaceError("there is no such evidence", where=digest, hint="import the report again")
    if not entry.sealed:
        when = f"{entry.forgotten_at:%Y-%m-%d}" if entry.forgotten_at else "an unknown day"
        raise WorkspaceError(
            f"this evidence was erased on {when}: {entry.because or 'no reason given'}",
            where=digest,
            hint="import the report again if it may be kept",
        )
    cipher = AESGCM(_unseal(workspace, entry))
    try:
        source = _data(workspace, digest).open("rb")
    except OSError as error:
        raise WorkspaceError("the evidence's bytes are missing", where=digest, hint="a backup") from error
    return io.BufferedReader(_Decrypted(source, cipher, digest), PIECE)


def record(workspace: Workspace, digest: str) -> Record | None:
    """Return the record of `digest`, or None when it was never kept."""
    place = _key_file(workspace, digest)
    try:
        return msgspec.json.decode(place.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise WorkspaceError("the record of this evidence is damaged", where=str(place), hint="a backup") from error


def records(workspace: Workspace) -> Iterator[Record]:
    """Yield all records, in order of digest, the forgotten ones too."""
    for place in sorted(workspace.evidence_dir.glob("*.key")):
        entry = record(workspace, place.stem)
        if entry is not None:
            yield entry


def forget(workspace: Workspace, digest: str, *, because: str = "") -> None:
    """Erase evidence for good: its key is overwritten and its bytes are removed; the digest remains.

    Forgetting twice changes nothing. Raises WorkspaceError when there is no such evidence.
    """
    entry = record(workspace, digest)
    if entry is None:
        raise WorkspaceError("there is no such evidence", where=digest, hint="foreshore doctor")
    if entry.sealed:
        place = _key_file(workspace, digest)
        _overwrite(place)
        gone = msgspec.structs.replace(entry, sealed="", forgotten_at=datetime.now(UTC), because=because)
        write_atomically(place, msgspec.json.encode(gone))
    _data(workspace, digest).unlink(missing_ok=True)
    fsync_directory(workspace.evidence_dir)


def expire(workspace: Workspace, now: datetime) -> list[str]:
    """Forget what is older than the workspace's retention for its kind; returns the digests."""
    gone = []
    for entry in records(workspace):
        days = workspace.retention.get(entry.kind)
        if entry.sealed and days is not None and entry.kept_at + timedelta(days=days) < now:
            forget(workspace, entry.digest, because=f"kept for {days} days, as chosen for “{entry.kind}”")
            gone.append(entry.digest)
    return gone


class _Decrypted(io.RawIOBase):
    """The plaintext of an evidence file, piece by piece."""

    def __init__(self, source: BinaryIO, cipher: AESGCM, digest: str) -> None:
        self._source, self._cipher, self._digest = source, cipher, digest
        self._number, self._rest, self._ended = 0, b"", False
        if source.read(len(_MAGIC)) != _MAGIC:
            source.close()
            raise self._changed()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest and not self._ended:
            self._rest = self._next_piece()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._source.close()
        super().close()

    def _next_piece(self) -> bytes:
        head = self._source.read(_FRAME.size)
        if len(head) != _FRAME.size:
            raise self._changed()
        plain, length, last = _FRAME.unpack(head)
        if plain > PIECE or length > 2 * PIECE or last > 1:
            raise self._changed()
        try:
            packed = self._cipher.decrypt(_nonce(self._number, last), self._source.read(length), head)
        except InvalidTag:
            raise self._changed() from None
        self._number += 1
        self._ended = bool(last)
        if self._ended and self._source.read(1):
            raise self._changed()
        return _CODEC.decompress(packed, decompressed_size=plain, asbytes=True) if plain else b""

    def _changed(self) -> WorkspaceError:
        return WorkspaceError("the evidence was changed or is damaged", where=self._digest, hint="a backup")


def _encrypt(stream: BinaryIO, target: Path, cipher: AESGCM) -> tuple[str, int]:
    digest, size, number = hashlib.sha256(), 0, 0
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(_MAGIC)
        piece = _fill(stream)
        while True:
            following = _fill(stream) if len(piece) == PIECE else b""
            digest.update(piece)
            size += len(piece)
            packed = _CODEC.compress(piece, asbytes=True) if piece else b""
            last = 0 if following else 1
            head = _FRAME.pack(len(piece), len(packed) + 16, last)
            out.write(head + cipher.encrypt(_nonce(number, last), packed, head))
            if last:
                break
            piece, number = following, number + 1
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest(), size


def _fill(stream: BinaryIO) -> bytes:
    """Read one whole piece; raw streams may give less than asked before they end."""
    parts, wanted = [], PIECE
    while wanted and (part := stream.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _nonce(number: int, last: int) -> bytes:
    # Never repeated: every file has a key of its own.
    return number.to_bytes(11, "big") + bytes([last])


def _seal(workspace: Workspace, key: bytes, digest: str) -> str:
    nonce = os.urandom(12)
    sealed = AESGCM(workspace.secret("evidence")).encrypt(nonce, key, digest.encode())
    return b64encode(nonce + sealed).decode()


def _unseal(workspace: Workspace, entry: Record) -> bytes:
    try:
        raw = b64decode(entry.sealed, validate=True)
        return AESGCM(workspace.secret("evidence")).decrypt(raw[:12], raw[12:], entry.digest.encode())
    except (InvalidTag, ValueError) as error:
        raise WorkspaceError(
            "the evidence's key does not open with this workspace's key",
            where=entry.digest,
            hint="restore foreshore.key and the evidence from the same backup",
        ) from error


def _overwrite(place: Path) -> None:
    # Not every disk overwrites in place; on those that do, the sealed key is gone at once.
    with suppress(OSError), place.open("r+b") as stream:
        stream.write(os.urandom(place.stat().st_size))
        stream.flush()
        os.fsync(stream.fileno())


def _data(workspace: Workspace, digest: str) -> Path:
    return workspace.evidence_dir / f"{_checked(digest)}.bin"


def _key_file(workspace: Workspace, digest: str) -> Path:
    return workspace.evidence_dir / f"{_checked(digest)}.key"


def _checked(digest: str) -> str:
    if len(digest) != 64 or any(letter not in "0123456789abcdef" for letter in digest):
        raise UsageError(f"“{digest[:80]}” is not a digest", hint="64 hexadecimal digits")
    return digest

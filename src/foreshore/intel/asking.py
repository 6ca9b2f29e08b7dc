"""How sources on the network are asked: within their rate limits, and going on where a download was cut off."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from foreshore.http import Answer, Door, DownloadFailed
from foreshore.intel import kept
from foreshore.workspace import write_atomically

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

Kind = TypeVar("Kind")
TRIES = 4
_BUSY = (403, 429, 502, 503, 504)  # 403: how the NVD answers who asks too often
_LONGEST = 120.0  # seconds; a source that wants a longer wait is asked again at the next update


@dataclass
class Pace:
    """At most `most` requests in any `seconds`; `clock` and `sleep` are the system's outside of tests."""

    most: int = 10
    seconds: float = 10.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _sent: deque[float] = field(default_factory=deque, init=False)

    def limited(self, most: int, seconds: float) -> Pace:
        """Return a pace of another limit with the same clock."""
        return Pace(most, seconds, self.clock, self.sleep)

    def wait(self) -> None:
        """Wait until one more request is within the limit."""
        now = self.clock()
        while self._sent and self._sent[0] <= now - self.seconds:
            self._sent.popleft()
        if len(self._sent) >= self.most:
            self.sleep(self._sent[0] + self.seconds - now)
            self._sent.popleft()
            now = self.clock()
        self._sent.append(now)


def patiently(ask: Callable[[], Kind], pace: Pace) -> Kind:
    """Return what `ask` gives; while the server says that it is busy, wait as it asks for and ask again.

    Raises the last DownloadFailed after `TRIES`, at once for every other failure.
    """
    for attempt in range(1, TRIES + 1):
        pace.wait()
        try:
            return ask()
        except DownloadFailed as error:
            wait = float(error.after) if error.after.isdigit() else pace.seconds
            if error.status not in _BUSY or attempt == TRIES or wait > _LONGEST:
                raise
            pace.sleep(wait)
    raise AssertionError("unreachable")


class _Begun(msgspec.Struct):
    """Under which validator the part that is there was sent."""

    url: str
    validator: str


@dataclass(frozen=True)
class Part:
    """A download on its way: its bytes so far, and the validator under which they came."""

    path: Path

    @classmethod
    def of(cls, workspace: Workspace, name: str, url: str) -> Part:
        """Return the place of a download of `url` for the source `name`."""
        mark = hashlib.sha256(f"{name}\x1f{url.split('?')[0]}".encode()).hexdigest()[:24]
        return cls(kept.folder(workspace, "partial") / f"{mark}.part")

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".json")

    def held(self) -> tuple[int, str]:
        """Return how many bytes are there, and their validator; (0, "") where nothing can be gone on with."""
        with suppress(OSError, msgspec.MsgspecError):
            begun = msgspec.json.decode(self._note.read_bytes(), type=_Begun)
            if begun.validator and (size := self.path.stat().st_size):
                return size, begun.validator
        return 0, ""

    def began(self, url: str, headers: Mapping[str, str]) -> None:
        """Note under which validator a body begins: a strong ETag, else when it was modified."""
        etag = headers.get("etag", "")
        usable = etag if etag and not etag.startswith("W/") else headers.get("last-modified", "")
        plain = headers.get("content-encoding", "identity") == "identity"
        write_atomically(self._note, msgspec.json.encode(_Begun(url.split("?")[0], usable if plain else "")))

    def drop(self) -> None:
        """Remove what is there."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def download(
    door: Door, url: str, part: Part, pace: Pace, *, etag: str = "", last_modified: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:  # fmt: skip
    """Fetch `url` into `part`, going on from what is there; a cut connection is taken up again at once.

    Raises DownloadFailed when the rest cannot be had; then what came stays for the next time, if the
    server marks its versions.
    """
    sent = {"accept-encoding": "identity", **(headers or {})}
    for attempt in range(1, TRIES + 1):
        have, validator = part.held()
        if not have:
            part.drop()

        def ask(have: int = have, validator: str = validator) -> Answer:
            with part.path.open("ab") as target:
                return door.get(
                    url, target=target, headers=sent, resume=(have, validator),
                    etag="" if have else etag, last_modified="" if have else last_modified,
                    began=lambda found: part.began(url, found),
                )  # fmt: skip

        try:
            return patiently(ask, pace)
        except DownloadFailed as error:
            if error.status in (206, 416):  # the part that is there is of no use
                part.drop()
            elif error.status or part.held()[0] <= have:
                raise
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")

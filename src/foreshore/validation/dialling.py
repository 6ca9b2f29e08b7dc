"""Sockets in small steps: each wait is cut into slices, so that a stop is noticed within a second."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from foreshore.errors import Refused

SLICE = 0.2
CheckStop = Callable[[], None]
Dial = Callable[[str, int, float, CheckStop], socket.socket]
_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK))


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of `host`, as the system's resolver gives them; none where it has no answer."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def dial(address: str, port: int, seconds: float, check_stop: CheckStop) -> socket.socket:
    """Return a connected, non-blocking socket to a literal address.

    Raises ConnectionRefusedError for a closed port, TimeoutError after `seconds` of silence, OSError for
    other answers of the network, and whatever `check_stop` raises.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.setblocking(False)
        code = connected.connect_ex((address, port))
        deadline = time.monotonic() + seconds
        while code in _UNDER_WAY:
            check_stop()
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(errno.ETIMEDOUT, "no answer")
            _, ready, failed = select.select([], [connected], [connected], min(left, SLICE))
            if ready or failed:
                code = connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                break
        if code:
            raise OSError(code, os.strerror(code))  # Python picks the subclass by the number
    except BaseException:
        connected.close()
        raise
    return connected


@dataclass
class Line:
    """A connection that the guard opened: bounded in bytes and time, and stopped by the stop file."""

    connected: socket.socket
    check_stop: CheckStop
    count: Callable[[int], None]
    deadline: float
    most: int
    clock: Callable[[], float] = time.monotonic
    size: int = 0

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError, TimeoutError, Refused."""
        view = memoryview(data)
        while view:
            self._wait(writing=True)
            sent = self.connected.send(view)
            self._counted(sent)
            view = view[sent:]

    def receive(self, most: int = 16_384) -> bytes:
        """Return what came, at most `most` bytes; b"" where the other side closed. Raises as `send`."""
        self._wait(writing=False)
        data = self.connected.recv(most)
        self._counted(len(data))
        return data

    def close(self) -> None:
        """End the connection."""
        self.connected.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self, *, writing: bool) -> None:
        reading = [] if writing else [self.connected]
        while True:
            self.check_stop()
            left = self.deadline - self.clock()
            if left <= 0:
                raise TimeoutError(errno.ETIMEDOUT, "no answer")
            found = select.select(reading, [self.connected] if writing else [], [], min(left, SLICE))
            if found[0] or found[1]:
                return

    def _counted(self, size: int) -> None:
        self.size += size
        self.count(size)
        if self.size > self.most:
            raise Refused(f"more than {self.most} bytes on one connection")

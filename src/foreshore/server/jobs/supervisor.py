"""The supervisor behind `foreshore serve`: a web process and a worker, each started again when it dies.

A worker that is killed for memory never takes the pages down: they are processes of their own, and each job
is one as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

PAUSE_SECONDS = 1.0
LONGEST_PAUSE = 30.0
STOP_SECONDS = 20.0


class Kept:
    """One process that is kept alive."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = PAUSE_SECONDS
        self._not_before = 0.0
        self._started = 0.0

    def look(self, say: Callable[[str], None]) -> None:
        """Start the process where it does not run; one that dies at once is started more and more slowly."""
        now = time.monotonic()
        if self._process is not None and (code := self._process.poll()) is not None:
            name = self._command[-1]
            say(f"the {name} process ended with code {code}; it is started again")
            lived = now - self._started
            self._pause = PAUSE_SECONDS if lived > LONGEST_PAUSE else min(self._pause * 2, LONGEST_PAUSE)
            self._not_before = now + self._pause
            self._process = None
        if self._process is None and now >= self._not_before:
            self._process = subprocess.Popen(self._command, env=self._environment)  # noqa: S603 our own modules
            self._started = now

    def stop(self) -> None:
        """Ask the process to end, and end it where it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def keep(parts: Sequence[str], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Keep these parts (`web`, `worker`) of the service alive until somebody ends this process."""
    whole = {**os.environ, **environment}
    kept = [Kept([sys.executable, "-m", "foreshore.server.process", part], whole) for part in parts]
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: ended.append(got))
    try:
        while not ended:
            for one in kept:
                one.look(say)
            time.sleep(0.2)
    finally:
        for one in reversed(kept):
            one.stop()

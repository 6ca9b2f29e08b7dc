"""How connectors ask: at a steady pace, and patiently when the other side is busy; the asking itself is `http.Line`."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

Kind = TypeVar("Kind")
LONGEST_WAIT = 120.0  # seconds; a source that wants more is asked again at the next run


class Busy(Exception):
    """The other side says that it is asked too often, or cannot answer just now.

    `after` is the wait in seconds that it asks for; 0 where it does not say.
    """

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


@dataclass
class Pace:
    """At most `per_second` requests, evenly spaced; `clock` and `sleep` are the system's outside of tests."""

    per_second: float = 10.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = field(default=0.0, init=False)

    def wait(self) -> None:
        """Wait until the next request may go out."""
        now = self.clock()
        if self._next > now:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second


def patiently(ask: Callable[[], Kind], pace: Pace, tries: int) -> Kind:
    """Return what `ask` gives, asking again while it raises Busy: after the wait it names, else ever longer ones.

    Waits double from half a second, with a random part so that several askers do not meet again, up to
    a minute and a half. Raises the last Busy after `tries` requests, or when the wait asked for is longer
    than two minutes.
    """
    for attempt in range(tries):
        pace.wait()
        try:
            return ask()
        except Busy as busy:
            wait = busy.after or min(0.5 * 2**attempt, 60.0) * (0.5 + random.random())  # noqa: S311 - spread, no secret
            if attempt == tries - 1 or wait > LONGEST_WAIT:
                raise
            pace.sleep(wait)
    raise Busy("it was never asked")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Seconds that a Retry-After header (a number or an HTTP date) asks to wait; 0 where there is none."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    try:
        seconds = float(text)
        return max(0.0, min(seconds, 86_400.0)) if math.isfinite(seconds) else 0.0
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())

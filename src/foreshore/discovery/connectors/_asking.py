"""How connectors ask: through the door, at a steady pace, patiently when the other side is busy.

Addresses are checked and pinned by `http.Door`; redirects are never followed, because a request that
carries a signature or a token must not be sent on to whoever the answer names.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from foreshore.errors import UsageError
from foreshore.http import Answer, Door, DownloadFailed

if TYPE_CHECKING:
    import httpx

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


@dataclass(frozen=True)
class Telephone:
    """Sends any request through `door` and returns the answer of any status, its body bounded.

    One connection pool for as long as it is open; use as a context manager.
    """

    door: Door
    client: httpx.Client

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask once. Raises Refused for a forbidden address, DownloadFailed where no answer came."""
        import httpx

        parsed = _parsed(url)
        address = self.door.pin(parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))
        deadline = time.monotonic() + self.door.seconds
        sent = {name: value for name, value in headers.items() if name.lower() != "host"}
        host = next((value for name, value in headers.items() if name.lower() == "host"), parsed.netloc.decode("ascii"))
        request = self.client.build_request(
            method, parsed.copy_with(host=address), headers={**sent, "host": host}, content=body,
            timeout=httpx.Timeout(max(0.05, min(self.door.seconds, 60.0))), extensions={"sni_hostname": parsed.host},
        )  # fmt: skip
        try:
            answer = self.client.send(request, stream=True)
            try:
                return self._taken(answer, url, deadline)
            finally:
                answer.close()
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise DownloadFailed(f"no answer ({why})", where=_shown(url), hint="check the network") from error

    def _taken(self, answer: httpx.Response, url: str, deadline: float) -> Answer:
        kept = bytearray()
        for block in answer.iter_bytes():
            kept.extend(block)
            if len(kept) > self.door.most:
                raise DownloadFailed(f"it is larger than the limit of {self.door.most} bytes", where=_shown(url))
            if time.monotonic() > deadline:
                raise DownloadFailed(f"it took longer than {self.door.seconds:g} seconds", where=_shown(url))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, headers, bytes(kept), url, len(kept))


@contextmanager
def telephone(door: Door) -> Iterator[Telephone]:
    """A Telephone that is hung up at the end."""
    import httpx

    with httpx.Client(trust_env=False, follow_redirects=False, verify=True) as client:
        yield Telephone(door, client)


def _parsed(url: str) -> httpx.URL:
    import httpx

    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise UsageError(f"this is not a web address ({error})", where=url[:200]) from error
    if found.scheme not in ("http", "https") or not found.host:
        raise UsageError("only http and https addresses can be asked", where=url[:200])
    if found.userinfo:
        raise UsageError("a web address must not carry a password", where=found.host)
    return found


def _shown(url: str) -> str:
    """The address without its query, which may hold what should not be shown."""
    return url.split("?")[0]

"""Pace, patience and the door: no request too many, none to where it may not go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.discovery.connectors._asking import LONGEST_WAIT, Busy, Pace, patiently, retry_after
from foreshore.errors import Refused, UsageError
from foreshore.http import Door, DownloadFailed


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self, per_second: float = 10.0) -> Pace:
        return Pace(per_second, lambda: self.now, self.sleep)


@given(st.floats(0.1, 500), st.lists(st.floats(0, 3), min_size=1, max_size=40))
def test_no_more_requests_than_allowed_in_any_stretch(per_second: float, idle: list[float]) -> None:
    clock = Clock()
    pace, sent = clock.pace(per_second), []
    for pause in idle:
        clock.now += pause
        pace.wait()
        sent.append(clock.now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first <= (sent[last] - sent[first]) * per_second + 1e-6


def test_it_asks_again_after_the_wait_that_is_named() -> None:
    clock = Clock()
    answers: list[Busy | None] = [Busy("slow down", 7.0), Busy("slow down", 2.0), None]

    def ask() -> str:
        if (busy := answers.pop(0)) is not None:
            raise busy
        return "answer"

    assert patiently(ask, clock.pace(1000), 5) == "answer"
    assert [one for one in clock.slept if one >= 1] == [7.0, 2.0]


def test_waits_grow_and_it_gives_up() -> None:
    clock, asked = Clock(), []

    def ask() -> None:
        asked.append(clock.now)
        raise Busy("busy")

    with pytest.raises(Busy):
        patiently(ask, clock.pace(1000), 6)
    waits = [one for one in clock.slept if one > 0.01]
    assert len(asked) == 6
    assert len(waits) == 5
    assert all(0.25 * 2**n <= wait <= 0.75 * 2**n for n, wait in enumerate(waits))


def test_a_wait_that_is_too_long_is_not_waited_for() -> None:
    clock = Clock()

    def ask() -> None:
        raise Busy("come back tomorrow", LONGEST_WAIT + 1)

    with pytest.raises(Busy):
        patiently(ask, clock.pace(1000), 6)
    assert not clock.slept


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12", 12.0), ("0.5", 0.5), ("-3", 0.0), ("", 0.0), ("soon", 0.0), ("Wed, 01 Apr 2026 06:00:30 GMT", 30.0),
     ("Wed, 01 Apr 2026 05:00:00 GMT", 0.0), ("nan", 0.0), ("inf", 0.0)],
)  # fmt: skip
def test_retry_after_as_number_and_date(text: str, seconds: float) -> None:
    assert retry_after({"Retry-After": text}, datetime(2026, 4, 1, 6, 0, 0, tzinfo=UTC)) == seconds


# -- a server of our own ----------------------------------------------------------------------------

Seen = list[tuple[str, str, bytes, str]]


class _Handler(BaseHTTPRequestHandler):
    seen: ClassVar[Seen] = []

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.seen.append((self.command, self.path, body, self.headers.get("Host", "")))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
        else:
            self.send_response(429 if self.path == "/busy" else 200)
        data = b"x" * 5000 if self.path.startswith("/large") else b"hello"
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Retry-After", "3")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[tuple[str, Seen]]:
    seen: Seen = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"seen": seen}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


ALLOWED = Door(allowed=("127.0.0.1",), most=1000, seconds=20)


def test_any_method_and_any_status_come_through() -> None:
    with serving() as (url, seen), ALLOWED.line() as phone:
        answer = phone.send("POST", f"{url}/busy", {"Host": "sqs.example.com", "X-A": "b"}, b"body")
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"hello", "3")
    assert seen == [("POST", "/busy", b"body", "sqs.example.com")]


def test_redirects_are_not_followed() -> None:
    with serving() as (url, seen), ALLOWED.line() as phone:
        assert phone.send("GET", f"{url}/moved", {}).status == 302
    assert [one[1] for one in seen] == ["/moved"]


def test_an_answer_that_is_too_large_is_refused() -> None:
    with serving() as (url, _seen), ALLOWED.line() as phone, pytest.raises(DownloadFailed) as caught:
        phone.send("GET", f"{url}/large?token=not-a-real-secret", {})
    assert "larger" in caught.value.sentence()
    assert "not-a-real-secret" not in caught.value.sentence()


def test_what_is_not_allowed_is_not_asked() -> None:
    with serving() as (url, seen), Door().line() as phone, pytest.raises(Refused, match="loopback"):
        phone.send("POST", url, {}, b"body")
    assert not seen


@pytest.mark.parametrize("url", ["ftp://example.com/", "http://user:word@example.com/", "http://"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with ALLOWED.line() as phone, pytest.raises(UsageError):
        phone.send("GET", url, {})


def test_no_answer_is_a_clear_error() -> None:
    with serving() as (url, _seen):
        pass
    with ALLOWED.line() as phone, pytest.raises(DownloadFailed) as caught:
        phone.send("GET", f"{url}/path?token=not-a-real-secret", {})
    assert caught.value.hint
    assert "not-a-real-secret" not in caught.value.sentence()

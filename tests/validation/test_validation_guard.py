from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.errors import Refused
from foreshore.validation import journal
from foreshore.validation.guard import Ask, Guard, Limits, Stopped, Window, fragile
from foreshore.validation.rates import Bucket

Guarded = Callable[..., Guard]
NEAR = facts.Target("192.0.2.0/24")


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Dialled:
    """Takes the place of the network: keeps where it was asked to connect to."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, address: str, port: int, _seconds: float, _stop: Callable[[], None]) -> socket.socket:
        self.asked.append((address, port))
        return socket.socket()


def ask(host: str = "192.0.2.10", port: int = 443, **more: Any) -> Ask:
    return Ask("tcp_reach", host, port, **more)


def entries(guard: Guard) -> list[dict[str, Any]]:
    return journal.entries(guard.journal.path)


def refused(guard: Guard, asked: Ask) -> str:
    """Return the reason after seeing that nothing was dialled and the refusal was written down."""
    assert isinstance(guard.dial, Dialled)
    before = len(guard.dial.asked)
    with pytest.raises(Refused) as caught:
        guard.open(asked)
    assert len(guard.dial.asked) == before
    assert entries(guard)[-1]["why"] == caught.value.what
    assert entries(guard)[-1]["what"] in ("refused", "stopped")
    return caught.value.what


def test_by_default_everything_is_refused(guarded: Guarded) -> None:
    guard = guarded((), dial=Dialled())
    assert "outside the approved targets" in refused(guard, ask())
    assert "outside the approved targets" in guard.refusal(ask())


def test_an_allowed_one_is_dialled_at_its_address_and_recorded(guarded: Guarded) -> None:
    dial = Dialled()
    guard = guarded((NEAR,), dial=dial)
    guard.open(ask(vantage="office", about="something")).close()
    assert dial.asked == [("192.0.2.10", 443)]
    assert [one["what"] for one in entries(guard)] == ["attempt", "connected"]
    assert entries(guard)[0]["vantage"] == "office"


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (ask("198.51.100.1"), "outside"), (ask("127.0.0.1"), "this machine"), (ask("169.254.169.254"), "metadata"),
        (ask(port=0), "no port"), (ask(port=65536), "no port"), (ask(port=22), "port 22"),
        (ask(kind="ot_device"), "fragile"), (ask(tags=("type=Medical",)), "fragile"), (ask(tags=("OT",)), "fragile"),
        (ask("192.0.2.99"), "fragile"),
    ],
)  # fmt: skip
def test_each_rule_refuses(guarded: Guarded, asked: Ask, word: str) -> None:
    guard = guarded((replace_ports(NEAR, 443),), dial=Dialled(), untouchable=frozenset({"192.0.2.99"}))
    assert word in refused(guard, asked)
    assert word in guard.refusal(asked)


def replace_ports(target: facts.Target, *ports: int) -> facts.Target:
    return facts.Target(target.what, ports, target.until)


def test_only_whole_words_of_tags_mark_a_fragile_device() -> None:
    assert not fragile(("bot", "service=hotel", "owner=plant"))
    assert fragile(("zone=ics",))


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["192.0.2.1", "10.0.0.1"], ["169.254.169.254"], [], ["nonsense"]])
def test_a_name_that_leads_elsewhere_is_refused(guarded: Guarded, answer: list[str]) -> None:
    targets = (facts.Target("www.example.com"), NEAR)
    guard = guarded(targets, dial=Dialled(), resolve=lambda _host, _port: answer)
    refused(guard, ask("www.example.com"))


def test_a_name_is_resolved_once_and_its_address_is_kept(guarded: Guarded) -> None:
    answers = iter([["192.0.2.5"], ["127.0.0.1"], ["127.0.0.1"]])
    dial, clock = Dialled(), Clock()
    guard = guarded(
        (facts.Target("www.example.com"), NEAR), dial=dial, resolve=lambda _host, _port: next(answers), clock=clock,
        sleep=clock.sleep, limits=Limits(per_target_burst=1),
    )  # fmt: skip
    guard.open(ask("www.example.com")).close()
    assert dial.asked == [("192.0.2.5", 443)]
    # The next test of the name meets the second answer, and is refused for it.
    assert "this machine" in refused(guard, ask("www.example.com"))


def test_an_address_is_never_resolved(guarded: Guarded) -> None:
    def forbidden(_host: str, _port: int) -> list[str]:
        raise AssertionError("resolved")

    guarded((NEAR,), dial=Dialled(), resolve=forbidden).open(ask()).close()


def test_rates_by_target_and_overall(guarded: Guarded) -> None:
    clock = Clock()
    limits = Limits(per_target=0.5, per_target_burst=2, overall=4, overall_burst=4)
    guard = guarded((NEAR,), dial=Dialled(), clock=clock, sleep=clock.sleep, limits=limits)
    for _ in range(5):
        guard.open(ask()).close()
    # Two at once, then three that wait two seconds each.
    assert clock.now == pytest.approx(106.0)
    assert max(clock.slept) <= 0.2
    start = clock.now
    for number in range(20, 32):
        guard.open(ask(f"192.0.2.{number}")).close()
    # Other targets share the overall bucket: the three that are left, then nine at a quarter of a second each.
    assert clock.now - start == pytest.approx(2.25)


@given(st.floats(0.1, 50), st.floats(1, 20), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_a_bucket_never_gives_more_than_its_size_and_rate(rate: float, size: float, gaps: list[float]) -> None:
    bucket, now, given_out, start = Bucket(rate, size), 5.0, 0, 5.0
    for gap in gaps:
        now += gap
        if bucket.wait(now) == 0:
            bucket.take(now)
            given_out += 1
        assert given_out <= size + rate * (now - start) + 1e-6
        assert 0 <= bucket.wait(now) <= 1 / rate


def test_the_stop_file_ends_waiting_within_a_slice(guarded: Guarded, tmp_path: Path) -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now >= 103:
            (tmp_path / "STOP").touch()

    limits = Limits(per_target=0.01, per_target_burst=1)
    guard = guarded((NEAR,), dial=Dialled(), clock=clock, sleep=sleep, limits=limits)
    guard.open(ask()).close()
    with pytest.raises(Stopped):
        guard.open(ask())
    assert clock.now < 103.5
    assert entries(guard)[-1]["what"] == "stopped"
    with pytest.raises(Stopped):
        guard.open(ask("192.0.2.77"))


def test_the_stop_file_cuts_a_line_that_waits(guarded: Guarded, tmp_path: Path, listening: int) -> None:
    guard = guarded()
    with guard.open(ask("127.0.0.1", listening)) as line:
        (tmp_path / "STOP").touch()
        with pytest.raises(Stopped):
            line.receive()


def test_an_approval_that_ends_while_waiting_is_honoured(guarded: Guarded) -> None:
    clock = Clock()
    limits = Limits(per_target=0.1, per_target_burst=1)

    def now() -> datetime:
        return datetime(2026, 6, 1, 23, 59, 55, tzinfo=UTC) if clock.now < 105 else datetime(2026, 6, 2, tzinfo=UTC)

    target = facts.Target("192.0.2.0/24", until=date(2026, 6, 1))
    guard = guarded((target,), dial=Dialled(), clock=clock, sleep=clock.sleep, limits=limits, now=now)
    guard.open(ask()).close()
    assert "ended on 2026-06-01" in refused(guard, ask())


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(connections=2), "connections"), (Limits(ports_per_target=2), "scan"), (Limits(seconds=5), "seconds"),
    ],
)  # fmt: skip
def test_budgets_end(guarded: Guarded, limits: Limits, word: str) -> None:
    clock = Clock()
    guard = guarded((NEAR,), dial=Dialled(), clock=clock, sleep=clock.sleep, limits=limits)
    for port in (1, 2):
        guard.open(ask(port=port)).close()
    clock.now += 6 if word == "seconds" else 0
    assert word in refused(guard, ask(port=3))


def test_bytes_are_capped_on_a_line_and_over_a_run(guarded: Guarded) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for limits in (Limits(line_size=100), Limits(size=100)):
            guard = guarded(limits=limits)
            with guard.open(ask("127.0.0.1", port)) as line:
                accepted, _ = server.accept()
                accepted.sendall(b"x" * 5000)
                with accepted, pytest.raises(Refused, match="bytes"):
                    line.receive()
        assert "bytes" in guard_reason(guard, port)


def guard_reason(guard: Guard, port: int) -> str:
    with pytest.raises(Refused) as caught:
        guard.open(ask("127.0.0.1", port))
    return caught.value.what


def test_a_line_gives_up_at_its_deadline(guarded: Guarded, listening: int) -> None:
    clock = Clock()
    guard = guarded(clock=clock)
    with guard.open(ask("127.0.0.1", listening)) as line:
        clock.now += 11
        with pytest.raises(TimeoutError):
            line.receive()


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        (Window(start=time(20), end=time(6)), datetime(2026, 6, 2, 3), True),
        (Window(start=time(20), end=time(6)), datetime(2026, 6, 2, 12), False),
        (Window(days=frozenset({5}), start=time(20), end=time(6)), datetime(2026, 6, 7, 3), True),  # a Sunday
        (Window(days=frozenset({5}), start=time(20), end=time(6)), datetime(2026, 6, 6, 3), False),
        (Window(days=frozenset({0}), start=time(8), end=time(9)), datetime(2026, 6, 1, 8, 30), True),
    ],
)
def test_windows(guarded: Guarded, window: Window, moment: datetime, inside: bool) -> None:
    guard = guarded((NEAR,), dial=Dialled(), windows=(window,), now=lambda: moment.replace(tzinfo=UTC))
    assert (guard.refusal(ask()) == "") is inside
    if not inside:
        assert "hours" in refused(guard, ask())


def test_nothing_is_touched_when_it_cannot_be_recorded(guarded: Guarded, tmp_path: Path) -> None:
    dial = Dialled()
    guard = guarded((NEAR,), dial=dial, journal=journal.Journal(tmp_path / "absent" / "journal.jsonl"))
    with pytest.raises(Refused, match="recorded"):
        guard.open(ask())
    assert dial.asked == []


def test_the_journal_is_a_chain_that_shows_changes(guarded: Guarded, tmp_path: Path) -> None:
    guard = guarded((NEAR,), dial=Dialled())
    for number in (1, 2, 3):
        guard.open(ask(port=number)).close()
    path = guard.journal.path
    assert journal.broken(path) == 0
    again = journal.Journal(path)
    assert again.head == guard.journal.head
    again.record(what="more")
    assert journal.broken(path) == 0
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2].replace('"port": 2', '"port": 9'), *lines[3:]]))
    assert journal.broken(path) == 4
    path.write_text("".join(lines[:2] + lines[3:]))
    assert journal.broken(path) == 3


def test_a_torn_last_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.Journal(path).record(what="attempt")
    with path.open("a") as stream:
        stream.write('{"what": "half')
    journal.Journal(path).record(what="refused")
    assert [one["what"] for one in journal.entries(path)] == ["attempt", "refused"]
    assert journal.broken(path) == 2

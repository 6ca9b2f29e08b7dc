"""The guard: the only hands of the system. Nothing is touched but through `Guard.open`.

It refuses whatever is not allowed: a stop file, a fragile device, a time outside the windows, a target
outside the approved ones (names are resolved here, every address is checked, and the connection goes
to the address that was checked), a spent budget. It waits for its turn under the rate limits, and it
records each attempt and each refusal before anything else happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

from foreshore.errors import Refused
from foreshore.validation import dialling
from foreshore.validation.dialling import SLICE, Dial, Line
from foreshore.validation.journal import Journal
from foreshore.validation.permits import Address, Permits, address_of, carried
from foreshore.validation.rates import Bucket

STOP = "STOP"  # a file of this name in the workspace stops all tests
FRAGILE_TAGS = frozenset({"ot", "ics", "scada", "plc", "medical", "fragile", "do-not-test", "no-active-tests"})
Resolve = Callable[[str, int], list[str]]


class Stopped(Refused):
    """The stop file is there: nothing more is touched."""


@dataclass(frozen=True)
class Ask:
    """What a check wants to touch: a host (name or address) and port, for an asset of this kind and tags."""

    check: str
    host: str
    port: int
    kind: str = "host"
    tags: tuple[str, ...] = ()
    vantage: str = ""
    about: str = ""


@dataclass(frozen=True)
class Limits:
    """How much a run of tests may do. Rates are connections a second; `size` are bytes both ways."""

    per_target: float = 1.0
    per_target_burst: float = 3.0
    overall: float = 10.0
    overall_burst: float = 10.0
    connections: int = 500
    ports_per_target: int = 10
    seconds: float = 1800.0
    connect_seconds: float = 3.0
    line_seconds: float = 10.0
    line_size: int = 128 * 1024
    size: int = 8 * 1024 * 1024


@dataclass(frozen=True)
class Window:
    """When tests may run: days (0 is Monday) and hours in UTC; an `end` before `start` is past midnight."""

    days: frozenset[int] = frozenset(range(7))
    start: time_of_day = time_of_day.min
    end: time_of_day = time_of_day.max

    def holds(self, moment: datetime) -> bool:
        """Does `moment` lie in the window? A window past midnight belongs to the day it began."""
        now = moment.time()
        if self.start <= self.end:
            return moment.weekday() in self.days and self.start <= now <= self.end
        began_today = now >= self.start and moment.weekday() in self.days
        return began_today or (now <= self.end and (moment.weekday() - 1) % 7 in self.days)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Guard:
    """Opens lines to approved targets, within limits; everything else raises Refused.

    `untouchable` are addresses of fragile devices, whatever asset or name they are reached by.
    The last five fields are the clock, the resolver and the network, to be replaced in tests.
    """

    permits: Permits
    stop_file: Path
    journal: Journal
    limits: Limits = field(default_factory=Limits)
    windows: tuple[Window, ...] = ()
    untouchable: frozenset[str] = frozenset()
    resolve: Resolve = dialling.resolve
    dial: Dial = dialling.dial
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    connections: int = 0
    size: int = 0
    _started: float | None = None
    _overall: Bucket | None = None
    _each: dict[str, Bucket] = field(default_factory=dict)
    _ports: dict[str, set[int]] = field(default_factory=dict)

    def open(self, ask: Ask) -> Line:
        """Return a line to what `ask` names, once it is allowed and its turn has come.

        Raises Refused (Stopped for the stop file), or OSError where the network gives no connection.
        """
        self._started = self.clock() if self._started is None else self._started
        try:
            address = self._cleared(ask, self.resolve)
            self._await_turn(str(address))
            # Waiting takes time: an approval may have ended, a window closed. No second resolution.
            self._cleared(ask, lambda _host, _port: [str(address)])
            self._spend(str(address), ask.port)
        except Refused as error:
            self._note("stopped" if isinstance(error, Stopped) else "refused", ask, why=error.what)
            raise
        self._note("attempt", ask, address=str(address))
        return self._dialled(ask, str(address))

    def refusal(self, ask: Ask) -> str:
        """Say why `ask` would be refused now, "" if it would not; touches and resolves nothing.

        The addresses of a name are judged when it is resolved, at its turn.
        """
        try:
            if address_of(ask.host) is not None:
                self._cleared(ask, self.resolve)
            else:
                self._refuse_first(ask)
        except Refused as error:
            return error.what
        return ""

    def cleared(self, ask: Ask) -> str:
        """Return the address that a program of the system may touch for `ask`, recorded; opens nothing.

        Raises Refused, recorded as well. Rates and budgets are the caller's to give to that program.
        """
        try:
            address = str(self._cleared(ask, self.resolve))
        except Refused as error:
            self._note("stopped" if isinstance(error, Stopped) else "refused", ask, why=error.what)
            raise
        self._note("cleared", ask, address=address)
        return address

    def check_stop(self) -> None:
        """Raise Stopped if the stop file is there; lines call this while they wait."""
        if self.stop_file.exists():
            raise Stopped("the stop file is there", where=str(self.stop_file), hint="remove it to test again")

    def _cleared(self, ask: Ask, resolve: Resolve) -> Address:
        """Return the address to use, after every rule has been asked."""
        self._refuse_first(ask)
        host = address_of(ask.host)
        found = [str(host)] if host is not None else resolve(ask.host, ask.port)
        addresses = tuple(one for text in found if (one := address_of(text)) is not None)
        if len(addresses) != len(found):
            raise Refused("its name resolves to something that is no address", where=ask.host)
        if reason := self.permits.refusal(ask.host, addresses, ask.port, self.now().date()):
            raise Refused(reason, where=f"{ask.host} port {ask.port}", hint="targets in scope.yaml and `scope approve`")
        self._refuse_untouchable(addresses)
        return addresses[0]

    def _refuse_first(self, ask: Ask) -> None:
        """The rules that need no address."""
        self.check_stop()
        if ask.kind == "ot_device" or fragile(ask.tags):
            raise Refused("the device is fragile (OT or tagged so) and is never touched", where=ask.host)
        if self.windows and not any(one.holds(self.now()) for one in self.windows):
            raise Refused("it is outside the hours in which tests may run", where=ask.host)
        if not 1 <= ask.port <= 65535:
            raise Refused(f"{ask.port} is no port", where=ask.host)

    def _refuse_untouchable(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            if any(str(one) in self.untouchable for one in (address, *carried(address))):
                raise Refused(f"{address} is the address of a fragile device and is never touched")

    def _spend(self, address: str, port: int) -> None:
        """Take one connection from the budget."""
        limits, ports = self.limits, self._ports.setdefault(address, set())
        elapsed = self.clock() - (self._started or 0.0)
        reasons = (
            (f"all {limits.connections} connections of this run are used", self.connections >= limits.connections),
            (f"the {limits.size} bytes of this run are used", self.size >= limits.size),
            (f"the {limits.seconds:g} seconds of this run are over", elapsed > limits.seconds),
            (f"{limits.ports_per_target} ports of {address} were tried; more would be a scan",
             port not in ports and len(ports) >= limits.ports_per_target),
        )  # fmt: skip
        for reason, holds in reasons:
            if holds:
                raise Refused(reason, hint="run the next tests later")
        self.connections += 1
        ports.add(port)

    def _await_turn(self, address: str) -> None:
        """Wait until both buckets have a token, looking at the stop file at least five times a second."""
        limits = self.limits
        if self._overall is None:
            self._overall = Bucket(limits.overall, limits.overall_burst)
        each = self._each.setdefault(address, Bucket(limits.per_target, limits.per_target_burst))
        while (wait := max(self._overall.wait(self.clock()), each.wait(self.clock()))) > 0:
            self.check_stop()
            self.sleep(min(wait, SLICE))
        self._overall.take(self.clock())
        each.take(self.clock())

    def _dialled(self, ask: Ask, address: str) -> Line:
        try:
            connected = self.dial(address, ask.port, self.limits.connect_seconds, self.check_stop)
        except (OSError, Refused) as error:
            why = error.what if isinstance(error, Refused) else error.strerror or type(error).__name__
            self._note("stopped" if isinstance(error, Stopped) else "no connection", ask, address=address, why=why)
            raise
        self._note("connected", ask, address=address)
        return Line(
            connected, self.check_stop, self._count, deadline=self.clock() + self.limits.line_seconds,
            most=self.limits.line_size, clock=self.clock,
        )  # fmt: skip

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > self.limits.size:
            raise Refused(f"the {self.limits.size} bytes of this run are used", hint="run the next tests later")

    def _note(self, what: str, ask: Ask, **more: Any) -> None:
        self.journal.record(
            what=what, at=self.now(), check=ask.check, host=ask.host, port=ask.port, vantage=ask.vantage,
            about=ask.about, **more,
        )  # fmt: skip


def fragile(tags: Iterable[str]) -> bool:
    """Does a tag (`ot`, `type=medical`) mark a device that must not be touched?"""
    return any(part.strip().lower() in FRAGILE_TAGS for tag in tags for part in tag.split("="))


__all__ = ["STOP", "Ask", "Guard", "Limits", "Line", "Stopped", "Window", "fragile"]

"""The life of an exposure: a pure function of the set of looks at it and of the claims that it was fixed.

A *look* is one source saying at one time that the exposure is there, or that it looked where it had
seen it and found nothing. The rules:

* a source's absence counts only after its own first presence: before, it did not know the check;
* a source that reads from inside (packages, settings) is not contradicted by its own look from outside;
* open while the best of those who see it ranks no lower than the best of those who do not;
* a source that has not looked within `intervals` of its usual ones has no say where others have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

WORDS = ("open", "fixed", "suppressed", "accepted", "false_positive")
DOUBTED = "later looks did not all find it"
DAY = timedelta(days=1)


class Rules(NamedTuple):
    """Numbers of the policy: see policy/proof.toml. `inside` are ranks of proof that need a login."""

    intervals: float = 2.0
    usual: timedelta = timedelta(days=30)  # where a source has looked only once
    least: timedelta = DAY  # the shortest interval: several looks in one hour are one look
    inside: frozenset[int] = frozenset({3, 4})
    package: int = 3


class Look(NamedTuple):
    """One source's word at one time; sorted looks are in order of life.

    `rank` is the rank of proof: for a presence how it was seen; for an absence how well it was looked,
    0 unknown (as well as this source saw it). `outside`: an absence that was looked for without login.
    """

    at: datetime
    digest: str
    source: str
    present: bool
    rank: int = 0
    fixed: bool = False  # reported, with the source's own word that it is fixed
    outside: bool = False
    run: int = 0


class Event(NamedTuple):
    """Something that happened to an exposure: opened, fixed, reopened, claimed."""

    at: datetime
    kind: str
    source: str
    run: int
    reason: str


class _Voice:
    """What one source last said, and how often it looks."""

    __slots__ = ("here", "last", "rank", "times")

    def __init__(self) -> None:
        self.here = True
        self.rank = 0
        self.last: datetime | None = None
        self.times: list[datetime] = []

    def retires(self, rules: Rules) -> datetime:
        """The moment from which this source has no say any more."""
        assert self.last is not None
        gaps = sorted(later - former for former, later in zip(self.times, self.times[1:], strict=False))
        usual = rules.usual
        if gaps:
            middle = len(gaps) // 2
            usual = gaps[middle] if len(gaps) % 2 else (gaps[middle - 1] + gaps[middle]) / 2
        return self.last + rules.intervals * max(usual, rules.least)


def merged(looks: Iterable[Look]) -> list[Look]:
    """Sort `looks`; of one source's looks at one time the presences win, at their highest rank."""
    ordered = sorted(set(looks))
    held: dict[tuple[datetime, str], Look] = {}
    for look in ordered:
        key = (look.at, look.source)
        held[key] = _both(held[key], look) if key in held else look
    return sorted(held.values())


def _both(first: Look, second: Look) -> Look:
    if first.present != second.present:
        return first if first.present else second
    return first._replace(
        rank=max(first.rank, second.rank),
        fixed=first.fixed and second.fixed,
        outside=first.outside and second.outside,
    )


class _Life:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.voices: dict[str, _Voice] = {}
        self.events: list[Event] = []
        self.open = False
        self.claim: datetime | None = None
        self.doubted = False

    def hear(self, look: Look) -> None:
        """Take one look into account."""
        voice = self.voices.get(look.source)
        if voice is None:
            if not look.present:
                return
            voice = self.voices[look.source] = _Voice()
        voice.last = look.at
        if not voice.times or voice.times[-1] != look.at:
            voice.times.append(look.at)
        if look.present:
            voice.here, voice.rank = not look.fixed, look.rank
        elif look.outside and voice.here and voice.rank in self.rules.inside:
            self.doubted = True  # it looked from outside for what can only be seen inside
        else:
            voice.here, voice.rank = False, max(voice.rank, look.rank)
        self.judge(look)

    def judge(self, look: Look) -> None:
        """Decide whether the exposure is open after `look`, and say so where that changed."""
        fresh = [one for one in self.voices.values() if look.at <= one.retires(self.rules)]
        here = max((one.rank for one in fresh if one.here), default=-1)
        gone = max((one.rank for one in fresh if not one.here), default=-1)
        is_open = here >= gone
        if is_open and not self.open:
            self._opened(look)
        elif not is_open and (self.open or not self.events):
            self._fixed(look)  # also what was fixed when it was first reported
        elif is_open and look.present and not look.fixed and self.claim is not None:
            self.claim = None
            self._say(look.at, "reopened", look, "still there after it was claimed fixed")
        if not look.present or look.fixed:
            self.doubted = True

    def claimed(self, at: datetime) -> None:
        """Note a person's word that it is fixed; only an open exposure can be claimed."""
        if self.open and self.claim is None:
            self.claim = at
            self.events.append(Event(at, "claimed", "", 0, "claimed fixed, to be verified"))

    def _opened(self, look: Look) -> None:
        self.open = True
        kind = "reopened" if any(one.kind in ("opened", "fixed") for one in self.events) else "opened"
        self._say(look.at, kind, look, "" if kind == "opened" else "reported again")

    def _fixed(self, look: Look) -> None:
        self.open = False
        reason = "the source's own word" if look.fixed else "looked for and not found"
        if self.claim is not None:
            # The claim stands verified: the fix is dated at the claim, which is no event of its own then.
            last = max(place for place, one in enumerate(self.events) if one.kind == "claimed")
            del self.events[last]
            verified = f"claimed fixed, verified by {look.source} on {look.at:%Y-%m-%d}"
            self._say(self.claim, "fixed", look, verified)
            self.claim = None
        else:
            self._say(look.at, "fixed", look, reason)

    def _say(self, at: datetime, kind: str, look: Look, reason: str) -> None:
        self.events.append(Event(at, kind, look.source, look.run, reason))


def fold(looks: Iterable[Look], claims: Sequence[datetime] = (), rules: Rules = Rules()) -> list[Event]:  # noqa: B008
    """Return the events of one exposure's life in their order.

    A life that holds anything but plain presences says so in the reason of its first event, so that
    a later plain presence needs no second fold of lives that hold nothing else.
    """
    life = _Life(rules)
    waiting = sorted(set(claims))
    for look in merged(looks):
        while waiting and waiting[0] < look.at:
            life.claimed(waiting.pop(0))
        life.hear(look)
    for at in waiting:
        life.claimed(at)
    events = life.events
    if events and life.doubted and events[0].kind == "opened":
        events[0] = events[0]._replace(reason=DOUBTED)
    return events


def state(events: Sequence[Event]) -> str:
    """`open`, `fixed`, `reopened`, `pending_verification`; '' before the first event."""
    words = {"opened": "open", "claimed": "pending_verification"}
    return words.get(events[-1].kind, events[-1].kind) if events else ""

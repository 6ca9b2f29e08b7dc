"""The collection: a file of raw answers, one a line, that a run writes and an interrupted run goes on with.

First line: `{"foreshore_collection": 1, "connector", "source", "collected_at"}`. Then one line for each
answer: `{"call", "scope": {"account", "region"}, "about": {...}, "page", "next", "body"}`, where `next` is
the token of the following page, absent on the last; a call that was not allowed has `refused` with the
reason instead of a body; `again` says that the call's earlier pages do not count. The last line,
`{"complete": true, "answers", "refused_calls"}`, is there once everything was asked.

A connector asks as if for the first time: what the file holds is answered from it, so that going on after
an interruption gives what one go gives.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from foreshore.errors import WorkspaceError

VERSION = 1
# An interrupted collection that is older is begun anew: half of it would tell of another day than the rest.
GOES_STALE = timedelta(days=1)
Scope = Mapping[str, str]
Ask = Callable[[str], "tuple[Any, str]"]  # token of a page ("" the first) -> (body, next token or "")
Key = tuple[Any, ...]


class NotAllowed(Exception):
    """The other side does not let us ask this; its message is the reason, for people."""


class StaleToken(Exception):
    """The token of the next page is not valid any more: the call has to be asked from its start."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer as it stands in the file."""

    call: str
    scope: dict[str, str] = {}
    about: dict[str, str] = {}
    page: int = 0
    next: str = ""
    refused: str = ""
    again: bool = False
    report: str = ""  # the name of another report that the answer belongs to
    body: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def key(self) -> Key:
        """Which call it is: its name, where it was made, and about what."""
        return key_of(self.call, self.scope, self.about)


class Head(msgspec.Struct, frozen=True):
    """The first line."""

    foreshore_collection: int
    connector: str
    source: str
    collected_at: str


class Tail(msgspec.Struct, frozen=True):
    """The last line of a complete collection."""

    complete: bool
    answers: int
    refused_calls: int


@dataclass
class _Held:
    """What the file holds of one call: where its pages begin, and how it goes on."""

    places: list[int] = field(default_factory=list)
    next: str = ""
    done: bool = False


LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
HEAD: msgspec.json.Decoder[Head] = msgspec.json.Decoder(Head)
TAIL: msgspec.json.Decoder[Tail] = msgspec.json.Decoder(Tail)


def key_of(call: str, scope: Scope, about: Mapping[str, str] | None) -> Key:
    """The key of a call."""
    return (call, *sorted(scope.items()), None, *sorted((about or {}).items()))


class Collection:
    """The collection of one source under way. `pages` asks, or answers from what is there already.

    Use as a context manager. Every answer is on disk before the next is asked for.
    """

    def __init__(self, path: Path, connector: str, source: str) -> None:
        self.path = path
        self.head = Head(VERSION, connector, source, _now())
        self.resumed = 0  # answers that were there already
        self.answers = 0
        self.refused = 0
        self.complete = False
        self._held: dict[Key, _Held] = {}
        self._file = self._open()

    def __enter__(self) -> Collection:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def pages(
        self, call: str, scope: Scope, ask: Ask, about: Mapping[str, str] | None = None, report: str = ""
    ) -> Iterator[Any]:
        """Yield the bodies of all pages of a call, asking only for those that are not there yet.

        A call that is not allowed is kept as refused with its reason, and ends without a body. A token
        that is not valid any more makes the call begin again.
        """
        held = self._held.setdefault(key_of(call, scope, about), _Held())
        for place in list(held.places):
            yield msgspec.json.decode(self._at(place).body)
        blank = Line(call, dict(scope), dict(about or {}), report=report)
        while not held.done:
            page = len(held.places)
            again = page == 0 and bool(held.next)
            try:
                body, following = ask("" if again else held.next)
            except StaleToken as stale:
                if page:
                    held.places.clear()  # `next` stays: it says that there were pages, which do not count
                    continue
                line = msgspec.structs.replace(blank, refused=f"page token: {stale}", again=again)
                self._add(held, line)
                return
            except NotAllowed as error:
                self._add(held, msgspec.structs.replace(blank, page=page, refused=str(error), again=again))
                return
            raw = msgspec.Raw(msgspec.json.encode(body))
            self._add(held, msgspec.structs.replace(blank, page=page, next=following, again=again, body=raw))
            yield body

    def finish(self) -> None:
        """Write the last line: everything was asked."""
        if not self.complete:
            self._write(msgspec.json.encode(Tail(True, self.answers, self.refused)))
            self.complete = True

    # -- the file ---------------------------------------------------------------------------------

    def _open(self) -> BinaryIO:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            stream = os.fdopen(handle, "r+b")
        except OSError as error:
            raise WorkspaceError(
                f"the collection cannot be written: {error.strerror or error}", where=str(self.path),
                hint="free disk space, or the rights of the folder",
            ) from error  # fmt: skip
        self._file = stream
        if not self._resume():
            stream.truncate(0)
            stream.seek(0)
            self._write(msgspec.json.encode(self.head))
        return stream

    def _resume(self) -> bool:
        """Index what is there; a last line that was cut off is dropped. False where there is nothing to go on with."""
        stream = self._file
        try:
            first = stream.readline()
            head = HEAD.decode(first)
        except msgspec.MsgspecError:
            return False
        if head.foreshore_collection != VERSION or head.connector != self.head.connector or first[-1:] != b"\n":
            return False
        self.head = head
        good = stream.tell()
        while (line := stream.readline()).endswith(b"\n"):
            if not self._index(line, good):
                break
            good += len(line)
        if not self.complete and _older(head.collected_at, GOES_STALE):
            self._forget()
            return False
        stream.truncate(good)
        stream.seek(good)
        return True

    def _forget(self) -> None:
        self._held.clear()
        self.resumed = self.answers = self.refused = 0
        self.head = Head(VERSION, self.head.connector, self.head.source, _now())

    def _index(self, line: bytes, place: int) -> bool:
        try:
            found = LINE.decode(line)
        except msgspec.MsgspecError:
            try:
                self.complete = TAIL.decode(line).complete
            except msgspec.MsgspecError:
                return False
            return True
        self._note(self._held.setdefault(found.key, _Held()), found, place)
        self.resumed += 1
        return True

    def _note(self, held: _Held, line: Line, place: int) -> None:
        if line.again:
            held.places.clear()
        if line.refused:
            self.refused += 1
        else:
            held.places.append(place)
        held.next = line.next
        held.done = not line.next
        self.answers += 1

    def _add(self, held: _Held, line: Line) -> None:
        place = self._file.seek(0, os.SEEK_END)
        self._write(msgspec.json.encode(line))
        self._note(held, line, place)

    def _write(self, data: bytes) -> None:
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(data + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise WorkspaceError(
                f"the collection cannot be written: {error.strerror or error}", where=str(self.path),
                hint="free disk space; then collect again: it goes on where it stopped",
            ) from error  # fmt: skip

    def _at(self, place: int) -> Line:
        self._file.seek(place)
        return LINE.decode(self._file.readline())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _older(moment: str, age: timedelta) -> bool:
    try:
        return datetime.now(UTC) - datetime.fromisoformat(moment) > age
    except (ValueError, TypeError):
        return True


def answers(stream: BinaryIO) -> Iterator[Line]:
    """Yield the answers of a collection in their order; stops at the last line."""
    stream.readline()
    for line in stream:
        try:
            yield LINE.decode(line)
        except msgspec.MsgspecError:
            return

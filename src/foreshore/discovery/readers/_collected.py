"""A connector's collection as its readers want it: the head, the answers that count, what was refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.readers import _decoding, _naming
from foreshore.errors import BadReport
from foreshore.facts import RunSeen, Skipped

_HINT = "collect again with `foreshore collect`"


class _Line(msgspec.Struct, gc=False):
    call: str = ""
    scope: dict[str, str] = {}
    about: dict[str, str] = {}
    refused: str = ""
    again: bool = False
    body: Any = None
    foreshore_collection: int = 0
    connector: str = ""
    source: str = ""
    collected_at: str = ""
    complete: bool = False


@dataclass(frozen=True)
class Answer:
    """One page of a call: the call, what it was about, and what came back."""

    call: str
    about: dict[str, str]
    body: Any


@dataclass
class Collected:
    """A whole collection; `skipped` names calls that were refused and lines that cannot be read."""

    source: str
    collected_at: str
    answers: list[Answer] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def run(self, tool: str) -> RunSeen:
        """What the collection says about itself."""
        observed, assumed = _naming.moment(self.collected_at)
        return RunSeen(
            tool=tool, scanner=self.source, observed_at=observed, observed_text=self.collected_at, zone_assumed=assumed,
            settings=(("answers", str(len(self.answers))),),
        )  # fmt: skip


_LINE: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


def begins(head: bytes, connector: str) -> bool:
    """Whether `head` begins a collection of `connector`."""
    opening = reports.decode_head(head).lstrip()[:600].partition("\n")[0].replace(" ", "")
    return opening.startswith('{"foreshore_collection"') and f'"connector":"{connector}"' in opening


def read(report: facts.Report) -> Collected:
    """Return the collection; raises BadReport where its first or last line is not there."""
    skipped: list[Skipped] = []
    lines = list(_lines(report, skipped))
    if not lines or lines[0].foreshore_collection != 1:
        raise BadReport("is no collection of version 1", where=report.name, hint=_HINT)
    if not lines[-1].complete:
        raise BadReport("the collection ends before its end: it was interrupted", where=report.name, hint=_HINT)
    found = Collected(lines[0].source, lines[0].collected_at, skipped=skipped)
    calls: dict[tuple[str, str, str], list[_Line]] = {}
    for line in lines[1:-1]:
        if line.call:
            pages = calls.setdefault((line.call, str(sorted(line.scope.items())), str(sorted(line.about.items()))), [])
            if line.again:
                pages.clear()
            pages.append(line)
    for line in (one for pages in calls.values() for one in pages):
        if line.refused:
            about = ", ".join(line.about[name] for name in sorted(line.about)) or line.scope.get("account", "")
            found.skipped.append(Skipped(f"{line.call} {about}".strip(), f"refused: {line.refused}"))
        else:
            found.answers.append(Answer(line.call, line.about, line.body))
    return found


def _lines(report: facts.Report, skipped: list[Skipped]) -> Iterator[_Line]:
    first = True
    for number, raw, _ended in _decoding.lines(report):
        try:
            yield _decoding.element(_LINE, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if first:
                raise _decoding.broken(report, error) from error
            skipped.append(Skipped(f"line {number}", _decoding.why(error)))
        first = False

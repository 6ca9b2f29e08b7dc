"""What the AWS connector collected: raw answers of AWS's interfaces, one a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.readers import _aws_records, _decoding, _naming
from foreshore.discovery.readers._aws_shapes import Thing, World
from foreshore.errors import BadReport
from foreshore.facts import Record, RunSeen, Skipped

_HINT = "collect again with `foreshore collect`"
# Parts of these lists would mislead: a subnet seems to use the main table where its own is missing.
_WHOLE_ONLY = ("ec2:DescribeRouteTables", "ec2:DescribeNetworkAcls")


class _Line(msgspec.Struct, gc=False):
    call: str = ""
    scope: dict[str, str] = {}
    about: dict[str, str] = {}
    refused: str = ""
    again: bool = False
    body: object = None
    foreshore_collection: int = 0
    collected_at: str = ""
    complete: bool = False


_LINE: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


@dataclass(frozen=True)
class AwsCollection:
    """Reads collections of AWS: assets, what may reach them, identities, and findings of image scans.

    A call that was refused is named in `skipped`; what it would have shown stays unknown.
    """

    version: int = 3

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a collection of the AWS connector."""
        opening = reports.decode_head(head).lstrip()[:600].partition("\n")[0].replace(" ", "")
        return opening.startswith('{"foreshore_collection"') and '"connector":"aws"' in opening

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, assets, findings and coverage of image scans, relations, and what was refused."""
        world = World()
        lines = _lines(report, world.skipped)
        _take(world, lines)
        head = lines[0]
        observed, assumed = _naming.moment(head.collected_at)
        accounts = sorted({one.scope.get("account", "") for one in lines} - {""})
        yield RunSeen(
            tool="aws", scanner=", ".join(accounts[:20]), observed_at=observed, observed_text=head.collected_at,
            zone_assumed=assumed, settings=(("answers", str(len(lines) - 2)), ("refused", str(len(world.refused)))),
        )  # fmt: skip
        yield from _aws_records.records(world)


def _lines(report: facts.Report, skipped: list[Skipped]) -> list[_Line]:
    """All lines; raises BadReport where the first or the last is not there."""
    lines: list[_Line] = []
    for number, raw, _ended in _decoding.lines(report):
        try:
            lines.append(_decoding.element(_LINE, raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if not lines:
                raise _decoding.broken(report, error) from error
            skipped.append(Skipped(f"line {number}", _decoding.why(error)))
    if not lines or lines[0].foreshore_collection != 1:
        raise BadReport("is no collection of version 1", where=report.name, hint=_HINT)
    if not lines[-1].complete:
        raise BadReport("the collection ends before its end: it was interrupted", where=report.name, hint=_HINT)
    return lines


def _take(world: World, lines: list[_Line]) -> None:
    """Take the objects of the answers that count; pages before a new beginning of a call do not."""
    calls: dict[tuple[str, str, str], list[_Line]] = {}
    for line in lines[1:-1]:
        if not line.call:
            continue
        pages = calls.setdefault((line.call, str(sorted(line.scope.items())), str(sorted(line.about.items()))), [])
        if line.again:
            pages.clear()
        pages.append(line)
    for pages in calls.values():
        _take_call(world, pages)


def _take_call(world: World, pages: list[_Line]) -> None:
    first = pages[0]
    account, region = first.scope.get("account", ""), first.scope.get("region", "")
    refused = next((line.refused for line in pages if line.refused), "")
    (world.refused if refused else world.answered).add((first.call, account, region))
    if refused:
        about = ", ".join(f"{name} {value}" for name, value in sorted(first.about.items()))
        where = ", ".join(part for part in (first.call, account and f"account {account}", region, about) if part)
        world.skipped.append(Skipped(where, f"refused: {refused}"))
        if "imageDigest" in first.about:
            world.things.setdefault("partial_scan", []).append(Thing({}, account, region, first.about))
        if first.call in _WHOLE_ONLY:
            return
    for line in pages:
        if not line.refused:
            _answer(world, line, account, region)


def _answer(world: World, line: _Line, account: str, region: str) -> None:
    """Take one answer; one without a body says that there is none."""
    bucket = line.about.get("Bucket", "")
    if line.call == "s3control:GetPublicAccessBlock":
        world.answers["account", account] = False if line.body is None else line.body
    elif bucket:
        world.answers[line.call, bucket] = False if line.body is None else line.body
    else:
        world.take(line.body, account, region, line.about)


PLUGIN = AwsCollection()

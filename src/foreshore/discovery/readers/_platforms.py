"""What reports of hosted platforms have in common: a list of rows, perhaps in an envelope, about places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.errors import BadReport
from foreshore.facts import Skipped

Row = dict[str, Any]
ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_RAW_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_RAWS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NETWORK = regex(r"^[0-9a-fA-F.:]+/\d{1,3}$")


class Place(NamedTuple):
    """What one text says of where something was found; `url` only where a scheme or a path is written."""

    name: str
    identifiers: tuple[tuple[str, str], ...]
    port: int = 0
    url: str = ""


def envelope(report: facts.Report) -> dict[str, msgspec.Raw]:
    """The members of the outermost object, each still as JSON; raises BadReport."""
    return _decoding.whole(report, _RAWS)


def wrapped(report: facts.Report, name: str, skip: Callable[[Skipped], None]) -> Iterator[Row]:
    """Yield the rows of a list, of the list `name` in an object, or of one object per line."""
    opening = reports.decode_head(report.head)[:8192].lstrip()
    if not opening.startswith("{") or not re.search(rf'"{name}"\s*:\s*\[', opening):
        yield from _decoding.rows(report, ROW, skip)
        return
    yield from members(report, envelope(report), name, skip)


def members(
    report: facts.Report, document: dict[str, msgspec.Raw], name: str, skip: Callable[[Skipped], None]
) -> Iterator[Row]:
    """Yield the rows of the list `name` of `document`; raises BadReport where it is no list."""
    try:
        raws = _RAW_LIST.decode(document[name])
    except KeyError as error:
        raise BadReport(f"has no list `{name}`", where=report.name, hint="export the whole report again") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _decoding.broken(report, error) from error
    yield from _decoding.each(ROW, raws, name, skip)


@lru_cache(maxsize=65536)
def place(text: str) -> Place:
    """The place that an address, name, `host:port` or URL means; a range of addresses is an artifact."""
    text = text.strip()
    if _naming.address(text):
        return Place(text, _hosts.named("ip", text) or (("artifact", text),))
    if _NETWORK.match(text):
        return Place(text, (("artifact", text),))
    host, port, path = _naming.split_url(text)
    found = _hosts.named("name", host)
    if not found:
        return Place(text, (("artifact", text.lower()),) if text else ())
    written = "://" in text or path not in ("", "/")
    return Place(host.lower(), found, port, text if written else "")


def when(text: str) -> datetime | None:
    """The time in UTC, where `text` is one; a zone may be written as the letters UTC."""
    return _hosts.when(f"{text[:-4]}+00:00" if text.endswith(" UTC") else text)


def latest(rows: list[Row], *names: str) -> str:
    """The latest of the times that stand in the columns `names`, as it is written; '' for none."""
    return _hosts.latest(_naming.text(row.get(name)) for row in rows for name in names)[1]

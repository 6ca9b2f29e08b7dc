"""JSON bodies as single documents: one document, an array, one document a line, or a wrapped list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from foreshore.errors import BadFeed
from foreshore.intel.body import Body

_MOST_LINE = 64 << 20


def documents(body: Body, *, inside: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of `body`; of one that has a list under a name of `inside`, that list's items.

    Raises BadFeed, with the line where it is read by lines, for anything that is not JSON.
    """
    if _by_lines(body):
        yield from _lines(body)
        return
    whole = parse(body.read(), body.name)
    listed = next((whole[name] for name in inside if isinstance(whole, dict) and name in whole), whole)
    for one in listed if isinstance(listed, list) else [listed]:
        if isinstance(one, dict):
            yield one


def parse(text: bytes, where: str) -> Any:
    """Return the JSON value of `text`; raises BadFeed, naming `where`."""
    try:
        return orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise BadFeed(f"it is not valid JSON: {error}", where=where, hint="download it again") from error


def _by_lines(body: Body) -> bool:
    """Say whether the first line is a whole object and another follows."""
    with body.open() as stream:
        first = stream.readline(_MOST_LINE)
        second = stream.readline(64)
    if not first.lstrip().startswith(b"{") or not second.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(first), dict)
    except orjson.JSONDecodeError:
        return False


def _lines(body: Body) -> Iterator[dict[str, Any]]:
    with body.open() as stream:
        number = 0
        while line := stream.readline(_MOST_LINE):
            number += 1
            if not line.strip():
                continue
            one = parse(line, f"{body.name}:{number}")
            if isinstance(one, dict):
                yield one

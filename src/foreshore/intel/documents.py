"""JSON bodies as single documents: one document, an array, one document a line, or a wrapped list; and YAML."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from foreshore.errors import BadFeed
from foreshore.intel.body import HEAD, Body

_MOST_LINE = 64 << 20


def documents(body: Body, *, inside: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of `body`; of one that has a list under a name of `inside`, that list's items.

    Raises BadFeed, with the line where it is read by lines, for anything that is not JSON.
    """
    # Most bodies are one small file of many: those are opened once.
    with body.open() as stream:
        small = stream.read(HEAD + 1)
    start = io.BytesIO(small) if len(small) <= HEAD else body.open()
    if _by_lines(start):
        yield from _lines(body)
        return
    whole = parse(small if len(small) <= HEAD else body.read(), body.name)
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


def _by_lines(start: BinaryIO) -> bool:
    """Say whether the first line is a whole object and another follows."""
    with start as stream:
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


def items(value: Any) -> list[Any]:
    """Return `value` where it is a list, else an empty one: feeds leave fields out, or write null."""
    return value if isinstance(value, list) else []


def yaml_texts(text: bytes, where: str) -> Any:
    """Return the YAML value of `text`, every scalar as it is written: days stay text, `3.10` is no number.

    Raises BadFeed, naming `where`, for what is not YAML.
    """
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 the base loader makes texts, lists and mappings only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadFeed(f"it is not valid YAML: {error}", where=where, hint="download it again") from error

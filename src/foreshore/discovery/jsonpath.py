"""Simple paths into JSON: `a.b`, `a[0]`, `a[*].b`, `"a name with.dots".b`, `^.name`, `$.name` and `@key`.

`[*]` is every member of a list or object. A path is relative to the element at hand; `^.` is the element that
encloses it (`^^.` one more), `$.` the document, `@key` the name under which the element stands in its object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding

Step = str | int | None  # a name, a place in a list, or None for every member
_STEP = regex(r'\.?(?:"([^"]*)"|\[(\*|\d{1,9})\]|([^.\[\]"^$@\s][^.\[\]"]*))')
_RAW_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_RAW_OBJECT: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)


class Path(msgspec.Struct, frozen=True):
    """A path as it was written and as steps; `up` counts `^`, `top` is `$`, `key` is `@key`."""

    text: str
    steps: tuple[Step, ...] = ()
    up: int = 0
    top: bool = False
    key: bool = False


class Element(msgspec.Struct, frozen=True):
    """An element of the list that is read: its value, the name or number it stands under, what encloses it."""

    value: Any
    name: str
    parent: Element | None = None


def parse(text: str) -> Path:
    """The path that `text` spells; raises ValueError saying what is wrong with it."""
    rest = text.strip()
    if not rest:
        raise ValueError("an empty path")
    if rest == "$":
        return Path(text, top=True)
    up = len(rest) - len(rest.lstrip("^"))
    top = rest.startswith(("$.", "$["))
    rest = rest[up:].lstrip(".") if up else rest[1:].lstrip(".") if top else rest
    if rest == "@key":
        return Path(text, (), up, top, key=True)
    return Path(text, _steps(text, rest), up, top)


def _steps(text: str, rest: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    while rest:
        found = _STEP.match(rest)
        if found is None or (not steps and rest.startswith(".")):
            raise ValueError(f"“{text}” is no path: “{rest[:20]}” cannot be read")
        quoted, place, name = found.groups()
        if place is not None:
            steps.append(None if place == "*" else int(place))
        else:
            steps.append(quoted if quoted is not None else name.strip())
        rest = rest[found.end() :]
    return tuple(steps)


def values(path: Path, element: Element, document: msgspec.Raw | None) -> list[Any]:
    """All values at `path`, seen from `element`; nothing where there is none."""
    if path.top:
        found = _raws(document, path.steps) if document is not None else ()
        return [_decoding.element(_ANY, raw) for raw in found]
    start: Element | None = element
    for _ in range(path.up):
        start = start.parent if start is not None else None
    if start is None:
        return []
    return [start.name] if path.key else list(_walk(start.value, path.steps))


def _walk(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    for _name, inner in _members(value, steps[0]):
        yield from _walk(inner, steps[1:])


def _members(value: Any, step: Step) -> Iterator[tuple[str, Any]]:
    """The member that a step names, or all of them, each with its name or number."""
    if isinstance(value, dict):
        if step is None:
            yield from value.items()
        elif step in value:
            yield str(step), value[step]
    elif isinstance(value, list):
        if step is None:
            yield from ((str(number), one) for number, one in enumerate(value))
        elif isinstance(step, int) and step < len(value):
            yield str(step), value[step]


def _raw_members(raw: msgspec.Raw, step: Step) -> Iterator[tuple[str, msgspec.Raw]]:
    """As `_members`, on JSON that is only taken apart as far as the step asks."""
    start = memoryview(raw)[:1].tobytes()
    if start == b"{":
        yield from _members(_RAW_OBJECT.decode(raw), step)
    elif start == b"[":
        yield from _members(_RAW_LIST.decode(raw), step)


def _raws(raw: msgspec.Raw, steps: tuple[Step, ...]) -> Iterator[msgspec.Raw]:
    if not steps:
        yield raw
        return
    for _name, inner in _raw_members(raw, steps[0]):
        yield from _raws(inner, steps[1:])


def elements(document: msgspec.Raw, steps: tuple[Step, ...]) -> Iterator[tuple[str, Element | Exception]]:
    """Yield (where, element) of the list that `steps` name, decoded one at a time as far as that goes.

    An element that cannot be decoded is yielded as the error.
    """
    first = next((place for place, step in enumerate(steps) if step is None), len(steps))
    for raw in _raws(document, steps[:first]):
        rows = _raw_members(raw, None) if first < len(steps) else iter((("", raw),))
        for name, one in rows:
            try:
                value = _decoding.element(_ANY, one)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                yield name, error
                continue
            yield from _inner(name, Element(value, name), steps[first + 1 :])


def _inner(where: str, element: Element, steps: tuple[Step, ...]) -> Iterator[tuple[str, Element]]:
    """The elements below; every `[*]` makes one more that can be asked for by `^`."""
    if None not in steps:
        for value in _walk(element.value, steps):
            yield where, Element(value, element.name, element.parent)
        return
    place = steps.index(None)
    for value in _walk(element.value, steps[:place]):
        for name, one in _members(value, None):
            yield from _inner(f"{where}.{name}", Element(one, name, element), steps[place + 1 :])

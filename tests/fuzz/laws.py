"""What every reader promises about its records, whatever the bytes were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from types import NoneType

import msgspec

from foreshore import facts

KINDS = frozenset((*facts.STRONG, *facts.NAMES, *facts.WEAK))
MOST = 2**31  # columns of whole numbers have 32 bits


def breaches(records: Iterable[facts.Record]) -> Iterator[str]:
    """Yield a sentence for each promise that a record breaks; it begins with the record's and field's name."""
    seen: set[str] = set()
    for place, record in enumerate(records):
        if isinstance(record, facts.RunSeen) and place:
            yield "RunSeen: comes once, and first"
        if not isinstance(record, facts.RunSeen) and not place:
            yield f"{type(record).__name__}: comes before RunSeen"
        if isinstance(record, facts.Sighting):
            seen.add(record.key)
            yield from (
                f"Sighting.identifiers: {one[0]!r} is no kind" for one in record.identifiers if one[0] not in KINDS
            )
        yield from (
            f"{type(record).__name__}: names an asset before it was sighted"
            for key in _named(record)
            if key not in seen
        )
        yield from _fields(record)


def _named(record: facts.Record) -> tuple[str, ...]:
    if isinstance(record, facts.Relation):
        return tuple(end[6:] for end in (record.source, record.target) if end.startswith("asset:"))
    key = getattr(record, "asset", None)
    return () if key is None else (key,)


def _fields(record: facts.Record) -> Iterator[str]:
    name = type(record).__name__
    held = {field: getattr(record, field) for field in record.__struct_fields__}
    try:
        msgspec.convert(held, type(record))
    except msgspec.ValidationError as error:
        yield f"{name}: {error}"
    for field, value in held.items():
        yield from (f"{name}.{field}: {wrong}" for wrong in _values(value))
    port = held.get("port", 0)
    if isinstance(port, int) and not 0 <= port <= 65535:
        yield f"{name}.port: {port} is no port"


def _values(value: object) -> Iterator[str]:
    if isinstance(value, tuple):
        for one in value:
            yield from _values(one)
    elif not isinstance(value, (str, float, datetime, int, NoneType)):
        yield f"a {type(value).__name__} has no place in a record"
    elif wrong := _wrong(value):
        yield wrong


def _wrong(value: str | float | datetime | int | None) -> str:
    if isinstance(value, str):
        half = not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value)
        return "holds half a character" if half else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value} is no number"
    if isinstance(value, datetime):
        return "" if _is_time(value) else "is no time in UTC"
    return "" if value is None or -MOST <= value < MOST else "does not fit into 32 bits"


def _is_time(value: datetime) -> bool:
    try:
        value.astimezone(UTC)
    except (OverflowError, ValueError):
        return False
    return True

"""Samples changed as a careless or hostile writer would: values of another kind, parts lost, doubled or moved."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 65536, 2**31, 2**63, 10**30, 1.5, 1e15, 1.5e300, "", " ", "nan", "inf", "1e999", "-1", "٣", "²",
    "a" * 3000, "9" * 5000, "a\0b", "\ufeff", "ÿ", "😀", "[", "[::1", "::1", "fe80::1%eth0", "http://[", "http://a:99999/", "https://x.test:x/",
    "//", ":", "@", "%", "%zz", "pkg:", "pkg:npm/", "pkg:npm/%2f@", "cpe:/", "cpe:2.3:", "arn:", "arn:aws:", "CVE-", "sha256:",
    "CVE-2020-1234,GHSA-aaaa-bbbb-cccc", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "2026-02-30", "99999999999999", "1e15", "999999999999999999999", "-62135596801", "1.2.3.4/33", "65536/tcp", "0-99999999", "a=b=c",
    [], [[]], [None], [1], [""], [{}], {}, {"a": []}, {"": ""}, {"a": {"b": {"c": [1]}}},
)  # fmt: skip
WORDS = (b"", b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"<", b">", b"</", b"&#0;", b"&lt;",
         b"<![CDATA[", b"]]>", b"<!--", b"{", b"}", b"[", b"]", b"null", b"-1", b"1e999", b"NaN", b"Infinity", b"\\u0000", b"\\ud800",
         b"99999999999999999999", b"9" * 5000, b"::", b"%", b"=", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59-12:00")  # fmt: skip
_BETWEEN = re.compile(rb'(?<=[>=",;\t|:\n])[^<>"\n,;\t|]{1,200}(?=[<",;\t|\n])')
_PIECE = re.compile(rb"<[^<>]{1,400}>|[^\n<]{1,400}\n?")


def mutate(data: bytes, random: Random) -> bytes:
    """Return `data` changed in one to four places, mostly so that it stays of its format."""
    document = _document(data) if random.random() < 0.85 else None
    if document is None:
        return _text(data, random)
    lines, value = document
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        value = _changed(value, random)
    if lines and isinstance(value, list):
        return b"\n".join(map(_dumped, value)) + b"\n"
    return _dumped(value)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _document(data: bytes) -> tuple[bool, Any] | None:
    """(is it one value per line?, the JSON value or the list of them); None where it is not JSON."""
    if data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] not in (b"{", b"["):
        return None
    try:
        return False, json.loads(data)
    except (ValueError, RecursionError):
        pass
    try:
        return True, [json.loads(line) for line in data.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None


def _changed(value: Any, random: Random) -> Any:
    """`value` with one change somewhere inside: the way down is chosen at random, so that all depths are met."""
    if isinstance(value, (dict, list)) and value and random.random() < 0.93:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = random.choice(keys)
        step = random.random()
        if step < 0.04:
            del value[key]
        elif step < 0.08:
            value[random.choice(keys)] = json.loads(json.dumps(value[key]))
        elif step < 0.10 and isinstance(value, list):
            value.insert(key, json.loads(json.dumps(value[random.choice(keys)])))
        elif step < 0.12 and isinstance(value, dict):
            value[str(random.choice(ODD))] = value.pop(key)
        else:
            value[key] = _changed(value[key], random)
        return value
    if isinstance(value, str) and value and random.random() < 0.4:
        return _text(value.encode("utf-8", "replace"), random).decode("utf-8", "replace")
    return json.loads(json.dumps(random.choice(ODD)))


def _text(data: bytes, random: Random) -> bytes:
    """Change bytes, texts between marks, or whole pieces of anything that is not JSON."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice((_byte, _value, _value, _value, _piece, _word))(data, random)
    return data


def _byte(data: bytes, random: Random) -> bytes:
    place, more = random.randint(0, len(data)), random.choice((0, 1, 1, 1, 8))
    return data[:place] + random.randbytes(random.choice((0, 1, 1, 2))) + data[place + more :]


def _word(data: bytes, random: Random) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + random.choice(WORDS) + data[place:]


def _span(pattern: re.Pattern[bytes], data: bytes, random: Random) -> tuple[int, int] | None:
    """A match of `pattern` somewhere: the first after a random place."""
    found = pattern.search(data, random.randint(0, len(data))) or pattern.search(data)
    return found.span() if found else None


def _value(data: bytes, random: Random) -> bytes:
    span = _span(_BETWEEN, data, random)
    if span is None:
        return _byte(data, random)
    odd = random.choice(ODD)
    new = str("" if odd is None else odd).encode() if random.random() < 0.7 else random.choice(WORDS)
    return data[: span[0]] + new + data[span[1] :]


def _piece(data: bytes, random: Random) -> bytes:
    """Drop, double or move a line or a tag."""
    span = _span(_PIECE, data, random)
    if span is None:
        return _byte(data, random)
    piece, rest = data[slice(*span)], data[: span[0]] + data[span[1] :]
    step = random.random()
    if step < 0.4:
        return rest
    place = span[0] if step < 0.7 else random.randint(0, len(rest))
    return rest[:place] + piece + (piece if step < 0.7 else b"") + rest[place:]

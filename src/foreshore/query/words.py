"""The words of the query language: splitting a query into them, and what a value may be."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from typing import NamedTuple

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.query.fields import Field, nearest

LONGEST = 20_000
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator><=|>=|!=|!~|==|=|<|>|~)
    |(?P<mark>[(),])
    |(?P<word>[^\s"'()<>=!~,]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SPAN = re.compile(r"^(\d{1,6})(h|d|w|y)$")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "y": 24 * 365}
_FLAGS = {"yes": True, "true": True, "no": False, "false": False}


class Token(NamedTuple):
    """One word with its position; kinds: word, quoted, operator, mark, end."""

    kind: str
    text: str
    at: int

    @property
    def shown(self) -> str:
        """How an error names it."""
        return "the end" if self.kind == "end" else f"“{self.text}”"


class NoValue(Exception):
    """What was written is no value of this field; `hint` says what would be."""

    def __init__(self, what: str, hint: str) -> None:
        self.hint = hint
        super().__init__(what)


def split(text: str) -> list[Token]:
    """Return the words of `text`, an `end` last; raises `UsageError` where a quote is not closed."""
    if len(text) > LONGEST:
        raise UsageError("the query is too long", where="--where", hint=f"at most {LONGEST} characters")
    tokens = []
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            rest = re.compile(r"\s*").match(text, place)
            at = rest.end() if rest else place
            raise UsageError(
                f"“{text[at]}” cannot be read here",
                where=f"--where, position {at + 1}",
                hint="close the quotes",
            )
        kind = match.lastgroup or "word"
        raw = match.group(kind)
        word = _unquote(raw) if kind == "quoted" else ("=" if raw == "==" else raw)
        tokens.append(Token(kind, word, match.start(kind)))
        place = match.end()
    return [*tokens, Token("end", "", end)]


def _unquote(raw: str) -> str:
    return re.sub(r"\\(.)", r"\1", raw[1:-1], flags=re.DOTALL)


def value(field: Field, token: Token, op: str) -> tuple[str | float | bool | date | timedelta, bool]:
    """Return what `token` means as a value of `field`, and whether it was written with %.

    Raises `NoValue`.
    """
    text = token.text
    if field.kind in ("text", "list"):
        return text, False
    if field.kind in ("word", "rank"):
        return _of_words(field, text), False
    if field.kind == "flag":
        return _flag(text), False
    if field.kind in ("number", "share"):
        return _number(text)
    if field.kind == "day":
        return _day(text), False
    if field.kind == "age":
        return _span(text), False
    return _key(field, text), False


def _of_words(field: Field, text: str) -> str:
    folded = text.lower().replace("-", "_")
    if folded not in field.words:
        raise NoValue(f"“{text}” is no value of {field.name}", nearest(folded, field.words))
    return folded


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise NoValue(f"“{text}” is neither yes nor no", "yes")
    return _FLAGS[text.lower()]


def _number(text: str) -> tuple[float, bool]:
    percent = text.endswith("%")
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise NoValue(f"“{text}” is not a number", "0.5 or 50%") from None
    if not math.isfinite(number):
        raise NoValue(f"“{text}” is not a number", "0.5 or 50%")
    return number, percent


def _day(text: str) -> date | str:
    if text.lower() == "today":
        return "today"
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NoValue(f"“{text}” is not a day", "2026-01-31 or today") from None


def _span(text: str) -> timedelta:
    match = _SPAN.match(text.lower())
    if match is None:
        raise NoValue(f"“{text}” is not a span of time", "30d, 12h, 6w or 1y")
    return timedelta(hours=int(match[1]) * _HOURS[match[2]])


def _key(field: Field, text: str) -> str:
    try:
        keys.parse(text, field.prefix)
    except UsageError as error:
        raise NoValue(error.what, error.hint) from None
    return text.upper()


def show(given: str | float | bool | date | timedelta | None, *, percent: bool) -> str:
    """Write a value so that it is read back as the same."""
    if given is None:
        return "none"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float | int):
        return repr(float(given)) + ("%" if percent else "")
    if isinstance(given, timedelta):
        return f"{given // timedelta(hours=1)}h"
    if isinstance(given, date):
        return given.isoformat()
    return '"' + given.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""The one query language, for `--where` of lists, `decide --like-this` and exceptions.

    treatment = act_now and reachable != no and weakness ~ "CVE-2021-*"
    (asset_name ~ pay-* or owner in (a, b)) and contribution > 1% and first_seen < 2026-01-01
    not kev and age > 30d and due = none

Grammar:

    query  := both ("or" both)*
    both   := one ("and" one)*
    one    := "not" one | "(" query ")" | FIELD | test
    test   := FIELD OP value | FIELD ["not"] "in" "(" value ("," value)* ")"
    OP     := "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
    value  := WORD | "quoted" | 'quoted' | 12.5 | 1% | 2026-01-31 | today | 30d | EXP-… | none

* `and` binds tighter than `or`; words of the language may be in either case.
* `~` matches a pattern: `*` any text, `?` any letter. Texts are compared without regard to case.
* A field alone (`kev`) means that it is yes. On lists (`leads_to`, `sources`) a test holds when any
  member meets it.
* `none` is a missing or empty value, and only `= none` finds it; every `!=` is exactly the opposite
  of its `=`, so `owner != a` also finds what nobody owns. Quoted, `"none"` is a text.
* Times without a clock are days: `first_seen <= 2026-01-31` holds through that day. `30d`, `12h`,
  `6w`, `1y` are spans (a year has 365 days). `1%` of `contribution` is 1 % of the whole modelled risk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as part
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from foreshore.errors import UsageError
from foreshore.query import words
from foreshore.query.fields import EXPOSURES, OPERATORS, Field, nearest
from foreshore.query.words import Token

if TYPE_CHECKING:
    from foreshore.query.compiling import Compiled

Value = str | float | bool | date | timedelta | None
DEEPEST = 64
OPPOSITE = {"!=": "=", "!~": "~"}


@dataclass(frozen=True)
class Test:
    """One comparison; `op` is one of =, <, <=, >, >=, ~, in. `percent` marks a number written with %."""

    __test__ = False  # not a test of pytest's

    field: str
    op: str
    values: tuple[Value, ...]
    percent: bool = False
    at: int = part(default=0, compare=False)


@dataclass(frozen=True)
class Not:
    """The opposite."""

    inner: Node


@dataclass(frozen=True)
class All:
    """Every one of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Any:
    """At least one of them."""

    parts: tuple[Node, ...]


Node = Test | Not | All | Any


def parse(text: str, fields: Mapping[str, Field] = EXPOSURES) -> Node:
    """Return what `text` asks, checked against `fields`.

    Raises `UsageError` that names the position (from 1) and what was perhaps meant.
    """
    reader = _Reader(words.split(text), fields, text)
    node = reader.query(0)
    reader.end()
    return node


def compile(text: str, *, now: datetime | None = None, whole: float = 1.0) -> Compiled:
    """Return the WHERE clause for a query over the list of exposures; see `compiling.where`."""
    from foreshore.query import compiling

    moment = now or datetime.now(UTC)
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return compiling.where(text, now=naive, whole=whole)


class _Reader:
    """Recursive descent over the words of a query."""

    def __init__(self, tokens: list[Token], fields: Mapping[str, Field], text: str) -> None:
        self.tokens = tokens
        self.fields = fields
        self.text = text
        self.place = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.token
        self.place += token.kind != "end"
        return token

    def is_word(self, *choices: str) -> bool:
        return self.token.kind == "word" and self.token.text.lower() in choices

    def is_mark(self, mark: str) -> bool:
        return self.token.kind == "mark" and self.token.text == mark

    def expect(self, mark: str) -> None:
        if not self.is_mark(mark):
            raise self.wrong(f"“{mark}” is missing before {self.token.shown}")
        self.take()

    def wrong(self, what: str, hint: str = "", at: int | None = None) -> UsageError:
        place = self.token.at if at is None else at
        return UsageError(what, where=f"--where, position {place + 1}", hint=hint)

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.wrong(f"{self.token.shown} was not expected here", "and, or")

    def query(self, depth: int) -> Node:
        parts = [self.both(depth)]
        while self.is_word("or"):
            self.take()
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(_flat(parts, Any)))

    def both(self, depth: int) -> Node:
        parts = [self.one(depth)]
        while self.is_word("and"):
            self.take()
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(_flat(parts, All)))

    def one(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.wrong("the query is nested too deeply")
        if self.is_word("not"):
            self.take()
            return Not(self.one(depth + 1))
        if self.is_mark("("):
            self.take()
            node = self.query(depth + 1)
            self.expect(")")
            return node
        return self.test()

    def test(self) -> Node:
        name = self.take()
        if name.kind != "word" or name.text.lower() in ("and", "or", "in"):
            raise self.wrong(f"a field was expected, not {name.shown}", "treatment = act_now", name.at)
        known = self.fields.get(name.text.lower().replace("-", "_"))
        if known is None:
            hint = nearest(name.text, self.fields)
            raise self.wrong(f"there is no field “{name.text}”", hint, name.at)
        if self.is_word("not") and self._next_is_in():
            self.take()
            return Not(self.among(known, name))
        if self.is_word("in"):
            return self.among(known, name)
        if self.token.kind == "operator":
            return self.compared(known, name)
        if known.kind == "flag":
            return Test(known.name, "=", (True,), at=name.at)
        hint = f"{known.name} {OPERATORS[known.kind][0]} …"
        raise self.wrong(f"“{known.name}” has to be compared with something", hint, name.at)

    def _next_is_in(self) -> bool:
        following = self.tokens[self.place + 1]
        return following.kind == "word" and following.text.lower() == "in"

    def among(self, known: Field, name: Token) -> Node:
        operator = self.take()
        self._check_operator(known, "in", operator)
        self.expect("(")
        values = [self.value(known, "in")[0]]
        while self.is_mark(","):
            self.take()
            values.append(self.value(known, "in")[0])
        self.expect(")")
        return Test(known.name, "in", tuple(values), at=name.at)

    def compared(self, known: Field, name: Token) -> Node:
        operator = self.take()
        self._check_operator(known, operator.text, operator)
        op = OPPOSITE.get(operator.text, operator.text)
        value, percent = self.value(known, op)
        test = Test(known.name, op, (value,), percent, at=name.at)
        return Not(test) if operator.text in OPPOSITE else test

    def _check_operator(self, known: Field, op: str, token: Token) -> None:
        allowed = OPERATORS[known.kind]
        if op not in allowed:
            raise self.wrong(f"“{known.name}” cannot be asked with “{op}”", " ".join(allowed), token.at)

    def value(self, known: Field, op: str) -> tuple[Value, bool]:
        token = self.take()
        if token.kind not in ("word", "quoted"):
            raise self.wrong(f"a value was expected, not {token.shown}", '"…"', token.at)
        if token.kind == "word" and token.text.lower() == "none" and op in ("=", "in"):
            return None, False
        try:
            return words.value(known, token, op)
        except words.NoValue as error:
            raise self.wrong(str(error), error.hint, token.at) from None


def _flat(parts: list[Node], kind: type[All] | type[Any]) -> Iterator[Node]:
    """`(a and b) and c` means the same as `a and b and c`, and is written so."""
    for one in parts:
        if isinstance(one, kind):
            yield from one.parts
        else:
            yield one


def show(node: Node) -> str:
    """Write a query so that `parse` gives it back."""
    if isinstance(node, Test):
        return _show_test(node)
    if isinstance(node, Not):
        if isinstance(node.inner, Test):
            return f"not {show(node.inner)}"
        return f"not ({show(node.inner)})"
    if isinstance(node, All):
        return " and ".join(f"({show(one)})" if isinstance(one, Any) else show(one) for one in node.parts)
    return " or ".join(show(one) for one in node.parts)


def _show_test(test: Test) -> str:
    shown = [words.show(value, percent=test.percent) for value in test.values]
    if test.op == "in":
        return f"{test.field} in ({', '.join(shown)})"
    return f"{test.field} {test.op} {shown[0]}"

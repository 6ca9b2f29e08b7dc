"""From a query to SQL: a WHERE clause with parameters over the columns of the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from foreshore import keys
from foreshore.query import language
from foreshore.query.fields import EXPOSURES, Field, column
from foreshore.query.language import All, Not, Test, Value
from foreshore.query.selectors import like

# Times of tables are UTC without zone.
_BEGINNING = datetime(1, 1, 1)  # noqa: DTZ001
_END = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001


class Compiled(NamedTuple):
    """A WHERE clause with `?` for each parameter; it is true or false, never NULL."""

    sql: str
    parameters: list[object]


class Setting(NamedTuple):
    """What a query is measured against: the time (UTC, naive) and the whole modelled risk."""

    now: datetime
    whole: float = 1.0


def where(text: str, *, now: datetime, whole: float = 1.0, fields: Mapping[str, Field] = EXPOSURES) -> Compiled:
    """Return the clause for a query text; empty text lets everything through. Raises `UsageError`."""
    if not text.strip():
        return Compiled("true", [])
    return compile_node(language.parse(text, fields), Setting(now, whole), fields)


def compile_node(node: language.Node, setting: Setting, fields: Mapping[str, Field] = EXPOSURES) -> Compiled:
    """Return the clause for a query."""
    if isinstance(node, Test):
        return _test(node, fields[node.field], setting)
    if isinstance(node, Not):
        inner = compile_node(node.inner, setting, fields)
        return Compiled(f"NOT ({inner.sql})", inner.parameters)
    parts = [compile_node(one, setting, fields) for one in node.parts]
    word = " AND " if isinstance(node, All) else " OR "
    return Compiled(
        "(" + word.join(part.sql for part in parts) + ")",
        [parameter for part in parts for parameter in part.parameters],
    )


def _test(test: Test, field: Field, setting: Setting) -> Compiled:
    parts = [_one(test, field, value, setting) for value in test.values]
    sql = " OR ".join(part.sql for part in parts)
    parameters = [parameter for part in parts for parameter in part.parameters]
    return Compiled(f"coalesce({sql}, false)", parameters)


def _one(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    name = f'"{column(field)}"'
    if value is None:
        return Compiled(_missing(field, name), [])
    return _COMPILERS[field.kind](test, field, value, setting)


def _missing(field: Field, name: str) -> str:
    if field.kind in ("text", "word"):
        return f"coalesce({name}, '') = ''"
    if field.kind == "list":
        return f"len(coalesce({name}, [])) = 0"
    if field.kind == "key":
        return f"coalesce({name}, 0) = 0"
    return f"{name} IS NULL"


def _text(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    name = f"coalesce(\"{column(field)}\", '')"
    if test.op == "~":
        return Compiled(f"lower({name}) LIKE lower(?) ESCAPE '\\'", [like(str(value))])
    return Compiled(f"lower({name}) = lower(?)", [value])


def _list(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    name = f'coalesce("{column(field)}", [])'
    if test.op == "~":
        matching = f"list_filter({name}, lambda one: lower(one) LIKE lower(?) ESCAPE '\\')"
        return Compiled(f"len({matching}) > 0", [like(str(value))])
    return Compiled(f"list_contains(list_transform({name}, lambda one: lower(one)), lower(?))", [value])


def _word(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    return Compiled(f'"{column(field)}" = ?', [value])


def _rank(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    op = "=" if test.op == "in" else test.op
    return Compiled(f'"{column(field)}" {op} ?', [field.words.index(str(value))])


def _number(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    assert isinstance(value, float)
    amount = value / 100 if test.percent else value
    if test.percent and field.kind == "share":
        amount *= setting.whole
    return Compiled(f'"{column(field)}" {test.op} ?', [amount])


def _day(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    """Whole days: a time on the day itself is equal to it, neither before nor after."""
    day = setting.now.date() if value == "today" else value
    assert isinstance(day, date)
    start = datetime.combine(day, time())
    after = _END if day == date.max else start + timedelta(days=1)
    name = f'"{column(field)}"'
    clauses: dict[str, tuple[str, list[object]]] = {
        "<": (f"{name} < ?", [start]),
        ">=": (f"{name} >= ?", [start]),
        "<=": (f"{name} < ?", [after]),
        ">": (f"{name} >= ?", [after]),
        "=": (f"({name} >= ? AND {name} < ?)", [start, after]),
    }
    return Compiled(*clauses[test.op])


def _age(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    """An age above a span is a time before the moment that the span reaches back to."""
    assert isinstance(value, timedelta)
    moment = setting.now - value if setting.now - _BEGINNING > value else _BEGINNING
    turned = {">": "<", ">=": "<=", "<": ">", "<=": ">="}[test.op]
    return Compiled(f'"{column(field)}" {turned} ?', [moment])


def _key(test: Test, field: Field, value: Value, setting: Setting) -> Compiled:
    return Compiled(f'"{column(field)}" BETWEEN ? AND ?', list(keys.parse(str(value), field.prefix)))


_COMPILERS: Mapping[str, Callable[[Test, Field, Value, Setting], Compiled]] = {
    "text": _text,
    "list": _list,
    "word": _word,
    "flag": _word,
    "rank": _rank,
    "number": _number,
    "share": _number,
    "day": _day,
    "age": _age,
    "key": _key,
}

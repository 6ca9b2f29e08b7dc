"""The query language: what is read is what was written, and SQL picks what a plain filter picks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from operator import eq, ge, gt, le, lt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts, keys, tables
from foreshore.errors import UsageError
from foreshore.query import compiling, explaining, fields, language
from foreshore.query.language import All, Node, Not, Test

NOW = datetime(2026, 3, 1, 12, 30)
WHOLE = 8.0
_TEXTS = st.sampled_from(["", "a", "A", "ab", "CVE-2021-44228", "pay-db", "100%", "a_b", "none", 'qu"ote\\', "x y"])
_PATTERNS = st.sampled_from(["a*", "*", "?", "CVE-2021-*", "*_*", "*%", "*\\", "none", 'qu"*'])
_DAYS = st.sampled_from([date(2026, 2, 1), date(2026, 3, 1), date(2025, 12, 31), date.max, date.min])
_SPANS = st.integers(0, 24 * 80).map(lambda hours: timedelta(hours=hours))
_NUMBERS = st.sampled_from([0.0, 0.01, 0.5, 1.0, 7.5, -1.0, 1e-9])
_IDS = st.integers(0, 3).map(lambda number: keys.of("row", number))


def _values(field: fields.Field, op: str) -> st.SearchStrategy[Any]:
    if field.kind in ("text", "list"):
        return _PATTERNS if op == "~" else _TEXTS
    if field.kind in ("word", "rank"):
        return st.sampled_from(field.words)
    if field.kind == "flag":
        return st.booleans()
    if field.kind in ("number", "share"):
        return _NUMBERS
    if field.kind == "day":
        return st.one_of(_DAYS, st.just("today"))
    if field.kind == "age":
        return _SPANS
    shown = _IDS.map(lambda key: keys.show(field.prefix, key))
    return st.one_of(shown, shown.map(lambda text: text[:7]))


@st.composite
def comparisons(draw: st.DrawFn) -> Node:
    field = draw(st.sampled_from(list(fields.EXPOSURES.values())))
    op = draw(st.sampled_from([op for op in fields.OPERATORS[field.kind] if not op.startswith("!")]))
    value = _values(field, op)
    if op in ("=", "in"):
        value = st.one_of(value, st.none())
    values = tuple(draw(st.lists(value, min_size=1, max_size=3 if op == "in" else 1)))
    number = field.kind in ("number", "share") and values != (None,)
    return Test(field.name, op, values, percent=number and draw(st.booleans()))


def _joined(kind: type[All] | type[language.Any]) -> Callable[[list[Node]], Node]:
    def join(parts: list[Node]) -> Node:
        flat = [one for part in parts for one in (part.parts if isinstance(part, kind) else (part,))]
        return kind(tuple(flat))

    return join


_QUERIES: st.SearchStrategy[Node] = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(_joined(All)),
        st.lists(inner, min_size=2, max_size=3).map(_joined(language.Any)),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(_QUERIES)
def test_what_is_written_is_read_back_as_the_same(query: Node) -> None:
    assert language.parse(language.show(query)) == query


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_its_position(text: str) -> None:
    try:
        query = language.parse(text)
    except UsageError as error:
        found = re.match(r"--where, position (\d+)$", error.where)
        assert found is not None
        assert 1 <= int(found[1]) <= len(text) + 1
    else:
        assert language.parse(language.show(query)) == query


_TIMES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            datetime(2026, 2, 1),
            datetime(2026, 2, 1, 23, 59),
            datetime(2026, 3, 1, 12, 30),
            datetime(2025, 12, 31, 1),
        ]
    ),
)


def _cells(field: fields.Field) -> st.SearchStrategy[Any]:
    if field.kind == "text":
        return st.one_of(st.none(), _TEXTS)
    if field.kind == "word":
        return st.one_of(st.none(), st.just(""), st.sampled_from(field.words))
    if field.kind == "rank":
        return st.one_of(st.none(), st.integers(0, len(field.words) - 1))
    if field.kind == "flag":
        return st.one_of(st.none(), st.booleans())
    if field.kind == "list":
        return st.one_of(st.none(), st.lists(_TEXTS.filter(bool), max_size=2))
    if field.kind in ("number", "share"):
        return st.one_of(st.none(), _NUMBERS.map(lambda number: number * 8))
    if field.kind == "key":
        return st.one_of(st.none(), st.just(0), _IDS)
    return _TIMES


_COLUMNS = {fields.column(field): field for field in fields.EXPOSURES.values() if field.kind != "age"}
_ARROW = {
    "text": pa.string(),
    "word": pa.string(),
    "rank": pa.int8(),
    "flag": pa.bool_(),
    "list": pa.list_(pa.string()),
    "number": pa.float64(),
    "share": pa.float64(),
    "key": pa.int64(),
    "day": pa.timestamp("us"),
}
_ROWS = st.lists(st.fixed_dictionaries({name: _cells(field) for name, field in _COLUMNS.items()}), max_size=4)


def _like(pattern: str, value: str) -> bool:
    made = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern.lower())
    return re.fullmatch(made, value.lower(), re.DOTALL) is not None


def _holds(test: Test, row: dict[str, Any], value: Any) -> bool:
    field = fields.EXPOSURES[test.field]
    cell = row[fields.column(field)]
    if value is None:
        return not cell if field.kind in ("text", "word", "list", "key") else cell is None
    if field.kind == "text":
        return _like(value, cell or "") if test.op == "~" else (cell or "").lower() == value.lower()
    if cell is None:
        return False
    if field.kind == "list":
        return any(_like(value, one) if test.op == "~" else one.lower() == value.lower() for one in cell)
    return _compared(test, field, cell, value)


def _compared(test: Test, field: fields.Field, cell: Any, value: Any) -> bool:
    compare: dict[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
    op: Callable[[Any, Any], Any] = compare.get(test.op, eq)
    if field.kind == "key":
        low, high = keys.parse(value, field.prefix)
        return bool(low <= cell <= high)
    if field.kind == "rank":
        return bool(op(cell, field.words.index(value)))
    if field.kind == "day":
        return bool(op(cell.date(), NOW.date() if value == "today" else value))
    if field.kind == "age":
        return bool(op(NOW - cell, value))
    if test.percent:
        value = value / 100 * (WHOLE if field.kind == "share" else 1.0)
    return bool(op(cell, value))


def picks(query: Node, row: dict[str, Any]) -> bool:
    """The meaning of a query, plainly, row by row."""
    if isinstance(query, Test):
        return any(_holds(query, row, value) for value in query.values)
    if isinstance(query, Not):
        return not picks(query.inner, row)
    joined = all if isinstance(query, All) else any
    return joined(picks(part, row) for part in query.parts)


@settings(max_examples=120, deadline=None)
@given(_QUERIES, _ROWS)
def test_sql_picks_what_a_plain_filter_picks(query: Node, rows: list[dict[str, Any]]) -> None:
    table = pa.table(
        {name: pa.array([row[name] for row in rows], _ARROW[field.kind]) for name, field in _COLUMNS.items()}
        | {"number": pa.array(range(len(rows)), pa.int64())}
    )
    compiled = compiling.compile_node(query, compiling.Setting(NOW, WHOLE))
    connection = duckdb.connect(config={"threads": 1})
    try:
        connection.register("exposures", table)
        found = connection.execute(
            f"SELECT number FROM exposures WHERE {compiled.sql} ORDER BY number", compiled.parameters
        ).fetchall()
    finally:
        connection.close()
    assert [number for (number,) in found] == [place for place, row in enumerate(rows) if picks(query, row)]


@settings(deadline=None)
@given(_QUERIES)
def test_no_value_of_a_query_ever_stands_in_its_sql(query: Node) -> None:
    compiled = compiling.compile_node(query, compiling.Setting(NOW))
    assert compiled.sql.count("?") == len(compiled.parameters)
    literals = re.findall(r"'([^']*)'", compiled.sql)
    assert set(literals) <= {"", "\\"}


def test_every_field_is_a_column_of_the_served_list() -> None:
    known = set(tables.names("assessments"))
    assert {fields.column(field) for field in fields.EXPOSURES.values()} <= known


def test_words_of_fields_are_those_of_the_vocabulary() -> None:
    assert set(fields.EXPOSURES["treatment"].words) == set(facts.TREATMENTS)


@pytest.mark.parametrize(
    ("text", "position", "what", "hint"),
    [
        ("tretment = x", 1, "no field “tretment”", "treatment"),
        ("kev and tretment = x", 9, "no field “tretment”", "treatment"),
        ("treatment = actnow", 13, "no value of treatment", "act_now"),
        ("treatment", 1, "has to be compared", "treatment ="),
        ("age = 3d", 5, "cannot be asked with “=”", "<"),
        ("age > 3m", 7, "not a span", "30d"),
        ("kev and", 8, "a field was expected, not the end", ""),
        ("(kev", 5, "“)” is missing", ""),
        ("kev )", 5, "not expected here", ""),
        ("owner in a", 10, "“(” is missing", ""),
        ("owner in (a", 12, "“)” is missing", ""),
        ('owner = "a', 9, "cannot be read", "close the quotes"),
        ("owner =", 8, "a value was expected", ""),
        ("cvss > high", 8, "not a number", "0.5"),
        ("cvss > nan", 8, "not a number", "0.5"),
        ("due < tomorrow", 7, "not a day", "today"),
        ("id = EXP-UUU", 6, "not a key", "EXP-"),
        ("kev = maybe", 7, "neither yes nor no", "yes"),
        ("age > none", 7, "not a span", "30d"),
        ("", 1, "a field was expected", ""),
        ("(" * 100 + "kev" + ")" * 100, 66, "nested too deeply", ""),
    ],
)
def test_a_mistake_is_named_with_its_place_and_a_way_out(text: str, position: int, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        language.parse(text)
    assert caught.value.where == f"--where, position {position}"
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    assert language.parse("kev or not in_scope and kev") == language.Any(
        (
            Test("kev", "=", (True,)),
            All((Not(Test("in_scope", "=", (True,))), Test("kev", "=", (True,)))),
        )
    )


def test_no_query_lets_everything_through() -> None:
    assert compiling.where("  ", now=NOW) == compiling.Compiled("true", [])


def test_a_query_is_explained_in_words() -> None:
    query = language.parse("owner not in (a, b) and contribution > 1% and (age > 30d or due = none)")
    assert explaining.explain(query) == (
        "Rows whose (owner is none of “a”, “b”) and contribution is above 1 % "
        "and (age is above 30 days or due is missing)."
    )


def test_the_reference_page_names_every_field_and_word() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/reference/query.md").read_text("utf-8")
    for field in fields.EXPOSURES.values():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{field.name}` |")]
        assert field.meaning in row
        assert all(f"`{word}`" in row for word in field.words)

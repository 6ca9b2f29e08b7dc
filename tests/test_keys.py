"""Keys: 63 bits, the same in Python and in SQL, shown and typed without loss."""

from __future__ import annotations

import itertools

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foreshore import keys
from foreshore.errors import UsageError

key = st.integers(min_value=0, max_value=keys.MASK)
prefix = st.sampled_from(sorted(keys.PREFIXES))
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(text, min_size=1, max_size=4))
def test_python_and_sql_agree(connection: duckdb.DuckDBPyConnection, parts: list[str]) -> None:
    columns = [f"c{number}" for number in range(len(parts))]
    values = ", ".join("?" for _ in parts)
    query = f"SELECT {keys.sql(*columns)} AS key FROM (VALUES ({values})) AS t({', '.join(columns)})"
    (found,) = connection.execute(query, parts).fetchone() or (None,)
    assert found == keys.of(*parts)


def test_sql_gives_a_signed_bigint_and_numbers_count_as_their_text(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    expression = keys.sql("'a'")
    (kind,) = connection.execute(f"SELECT typeof({expression})").fetchone() or (None,)
    assert kind == "BIGINT"
    assert keys.of(1, "a") == keys.of("1", "a")


def test_keys_of_known_parts_never_change() -> None:
    # Stored keys depend on these: a change here would orphan every workspace.
    assert keys.of("CVE-2021-44228") == 8052792106128485869
    assert keys.of("a", "b") == 1823877589478857309


@given(parts=st.lists(text, min_size=1, max_size=4))
def test_a_key_has_63_bits(parts: list[str]) -> None:
    assert 0 <= keys.of(*parts) <= keys.MASK == 2**63 - 1


@given(one=st.lists(text, min_size=1, max_size=4), other=st.lists(text, min_size=1, max_size=4))
def test_different_parts_get_different_keys(one: list[str], other: list[str]) -> None:
    assume(one != other and "\x1f" not in "".join(one + other))
    assert keys.of(*one) != keys.of(*other)


@given(key=key, prefix=prefix)
def test_what_is_shown_is_understood(key: int, prefix: str) -> None:
    shown = keys.show(prefix, key)
    assert len(shown) == len(prefix) + 1 + 13 + 2
    assert keys.parse(shown, prefix) == (key, key)


@given(key=key, prefix=prefix, data=st.data())
def test_any_way_of_typing_it_is_understood(key: int, prefix: str, data: st.DataObject) -> None:
    shown = keys.show(prefix, key)
    bare = shown.split("-", 1)[1]
    typed = data.draw(st.sampled_from([shown, bare, bare.replace("-", ""), f"  {shown} "]))
    lookalike = str.maketrans({"1": data.draw(st.sampled_from("1ILil")), "0": data.draw(st.sampled_from("0Oo"))})
    if not typed.strip().startswith(prefix):
        typed = typed.translate(lookalike)
    typed = data.draw(st.sampled_from([typed, typed.lower()]))
    assert keys.parse(typed, prefix) == (key, key)


@given(key=key, prefix=prefix, length=st.integers(min_value=1, max_value=13))
def test_a_beginning_means_exactly_the_keys_that_begin_so(key: int, prefix: str, length: int) -> None:
    beginning = keys.show(prefix, key).split("-", 1)[1].replace("-", "")[:length]
    low, high = keys.parse(beginning, prefix)
    assert low <= key <= high
    for edge in (low, high):
        assert keys.show(prefix, edge).split("-", 1)[1].replace("-", "").startswith(beginning)
    for outside in (low - 1, high + 1):
        if 0 <= outside <= keys.MASK:
            assert not keys.show(prefix, outside).split("-", 1)[1].replace("-", "").startswith(beginning)


@given(keys_=st.lists(key, min_size=2, max_size=20, unique=True), prefix=prefix)
def test_shown_keys_sort_like_the_numbers(keys_: list[int], prefix: str) -> None:
    assert [keys.show(prefix, one) for one in sorted(keys_)] == sorted(keys.show(prefix, one) for one in keys_)


@pytest.mark.parametrize("typed", ["", "-", "EXP-", "U", "7Q2M!", "EXP-7Q2M-4KXH-93TDA0", "é"])
def test_what_cannot_be_a_key_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys.parse(typed, "EXP")
    assert "EXP-" in caught.value.hint


@given(seed=key, start=st.integers(min_value=0, max_value=1000))
def test_minted_keys_are_a_seeded_sequence_without_repeats(seed: int, start: int) -> None:
    minted = list(itertools.islice(keys.mint(seed, "asset", 0), start + 20))
    assert len(set(minted)) == len(minted)
    assert minted[start:] == list(itertools.islice(keys.mint(seed, "asset", start), 20))
    assert minted[:20] != list(itertools.islice(keys.mint(seed, "run", 0), 20))

"""What is known after files in any order: later words replace earlier ones, what came late changes only its own time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import scratch
from foreshore.intel import changes
from foreshore.intel.rows import Rows
from foreshore.intel.signals import signals_at

NAME, OTHER = "CVE-2099-0001", "CVE-2099-0002"
PACKAGE = "pkg:deb/debian/curl?distro=debian-12"
EMPTY = Rows("x").table().append_column("feed", pa.array([], pa.string()))
Words = set[tuple[str, str, float | None, str]]


def day(number: int) -> datetime:
    return datetime(2025, 1, 1, 12) + timedelta(days=number)


def rows_after(files: Sequence[pa.Table], complete: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """All signals after reading `files` one after another, each by what the ones before left in the lake."""
    known_rows = EMPTY
    for number, file in enumerate(files):
        with changes.Known(known_rows) as known:
            known.take(file, f"file-{number}", complete, None)
            known_rows = pa.concat_tables([known_rows, known.added().cast(EMPTY.schema)])
    return [row for row in known_rows.to_pylist() if row["weakness"] == NAME]


def last_words(rows: list[dict[str, Any]], when: datetime, point: Callable[[dict[str, Any]], object]) -> Words:
    """What was said last by `when`, all that carries the newest date of its point."""
    found: dict[object, list[dict[str, Any]]] = {}
    for row in rows:
        if row["observed_at"] <= when:
            found.setdefault(point(row), []).append(row)
    return {
        (row["kind"], row["text"], row["value"], row["model"])
        for of_point in found.values()
        for row in of_point
        if row["observed_at"] == max(one["observed_at"] for one in of_point)
    }


def record(number: int, *words: tuple[str, str]) -> pa.Table:
    """A vendor's record of a day: (kind, model) of one package."""
    rows = Rows("vendor")
    for kind, model in words:
        rows.add(NAME, kind, day(number), text=PACKAGE, model=model)
    rows.date(day(number))
    rows.mark("osv")
    return rows.table()


def package(row: dict[str, Any]) -> object:
    return row["text"]


STATEMENT = st.sampled_from([
    (("affected", "vers:deb/<1"),), (("affected", "vers:deb/<2"),), (("affected", "vers:none/*"),),
    (("not_affected", "code_not_present"),), (("fixed_in", "1.2"), ("fixed_in", "1.3")), (("fixed_in", "1.2"),),
])  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(STATEMENT, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_newest_record_of_a_package_holds_whatever_was_read_first(records: list[Any], lot: Any) -> None:
    files = [record(number, *words) for number, words in enumerate(records)]
    lot.shuffle(files)
    rows = rows_after(files)
    for number, words in enumerate(records):
        said = {(kind, PACKAGE, None, model) for kind, model in words}
        assert last_words(rows, day(number), package) == said


@pytest.mark.parametrize(
    ("words", "model"),
    [(("vers:deb/<1", "vers:deb/<2", "vers:deb/<1"), "vers:deb/<1"), (("vers:deb/<1", "vers:none/*"), "vers:none/*")],
)
def test_a_later_range_replaces_the_earlier_and_a_withdrawn_one_takes_it_back(
    words: tuple[str, ...], model: str
) -> None:
    rows = rows_after([record(number, ("affected", word)) for number, word in enumerate(words)])
    assert last_words(rows, day(9), package) == {("affected", PACKAGE, None, model)}


@pytest.mark.parametrize(("kind", "adds"), [("product", False), ("reference", False), ("tactic", False),
                                            ("technique", True), ("fixed_in", True)])  # fmt: skip
def test_the_model_of_a_word_tells_words_apart_only_where_words_add_up(kind: str, adds: bool) -> None:
    """A third word that repeats the first is news where it took the place of another, and none where both stood."""
    files = []
    for number, model in enumerate(("one", "two", "one")):
        rows = Rows("vendor")
        rows.add(NAME, kind, day(number), text="a", model=model)
        files.append(rows.table())
    with changes.Known(EMPTY) as known:
        new = [known.take(file, f"file-{number}", (), None) for number, file in enumerate(files)]
    assert new == [1, 1, 0 if adds and kind not in changes.RECORDS else 1]


def catalogue(number: int, *, listed: bool, flagged: bool = False) -> pa.Table:
    rows = Rows("cisa-kev")
    if listed:
        rows.add(NAME, "kev", day(0), value=1)
        if flagged:
            rows.add(NAME, "ransomware", day(number), value=1)
    rows.date(day(number))
    rows.mark("kev")
    return rows.table()


def holds(rows: list[dict[str, Any]], kind: str, when: datetime) -> bool:
    of_kind = [row for row in rows if row["kind"] == kind and row["observed_at"] <= when]
    return bool(of_kind) and bool(max(of_kind, key=lambda row: row["observed_at"])["value"])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_an_entry_that_leaves_a_list_and_comes_back_holds_on_the_days_that_list_it(
    listed: list[bool], lot: Any
) -> None:
    """The entry keeps its first date of addition, and lists come in any order after the first that has it."""
    files = [catalogue(number + 1, listed=one) for number, one in enumerate(listed)]
    lot.shuffle(files)
    rows = rows_after([catalogue(0, listed=True), *files], ("kev", "ransomware"))
    for number, one in enumerate(listed):
        assert holds(rows, "kev", day(number + 1)) == one


def test_a_flag_that_is_taken_back_and_set_again_holds_again() -> None:
    files = [catalogue(number, listed=True, flagged=flagged) for number, flagged in enumerate((True, False, True))]
    rows = rows_after(files, ("kev", "ransomware"))
    assert [holds(rows, "ransomware", day(number)) for number in range(3)] == [True, False, True]
    assert all(holds(rows, "kev", day(number)) for number in range(3))


def dated(hour: int, entries: dict[str, int], flagged: Iterable[str] = ()) -> pa.Table:
    """A whole list of an hour; each entry carries the hour of which it says it was added."""
    rows = Rows("cisa-kev")
    for name, added in entries.items():
        rows.add(name, "kev", moment(added), value=1)
    for name in flagged:
        rows.add(name, "ransomware", moment(hour), value=1)
    rows.date(moment(hour))
    rows.mark("kev")
    return rows.table()


def moment(hour: int) -> datetime:
    return datetime(2025, 1, 1) + timedelta(hours=hour)


def lake_after(batches: Sequence[Sequence[pa.Table]], asked: frozenset[str] | None = None) -> pa.Table:
    """The lake's table of signals after reading, batch by batch, as updates do; a batch is one update."""
    stored, parts = EMPTY, [EMPTY.append_column("known_at", pa.array([], pa.timestamp("us")))]
    for number, batch in enumerate(batches):
        with changes.Known(stored) as known:
            for place, file in enumerate(batch):
                known.take(file, f"file-{number}-{place}", ("kev", "ransomware"), asked, asked if number else None)
            added = known.added().cast(EMPTY.schema)
        stored = pa.concat_tables([stored, added])
        when = pa.array([datetime(2025, 6, 1) + timedelta(days=number)] * len(added), pa.timestamp("us"))
        parts.append(added.append_column("known_at", when))
    return pa.concat_tables(parts)


def as_of(lake: pa.Table, hours: Iterable[int]) -> list[list[dict[str, Any]]]:
    """All that the product says of both weaknesses as of each hour, by its own question to the lake."""
    said = []
    with scratch.connect(threads=1) as connection:
        connection.register("signals", lake)

        def ask(query: str, **tables: pa.Table) -> pa.Table:
            for name, table in tables.items():
                connection.register(name, table)
            return connection.sql(query).to_arrow_table()

        both = pa.table({"weakness": [NAME, OTHER]})
        for hour in hours:
            said.append(signals_at(ask, moment(hour), both).to_pylist())
    return said


def by_the_lists(files: dict[int, dict[str, int]], name: str, hour: int) -> bool:
    """What is so by the rule itself: the last of all entries' dates and all lists' days by then, entries first."""
    words = [(day, name in entries) for day, entries in files.items() if day <= hour]
    words += [(entries[name], True) for entries in files.values() if entries.get(name, hour + 1) <= hour]
    return bool(words) and max(words)[1]


ENTRIES = st.dictionaries(st.sampled_from([NAME, OTHER]), st.integers(0, 8), max_size=2)
LISTS = st.dictionaries(st.integers(1, 9), ENTRIES, min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(LISTS, st.randoms(use_true_random=False), st.data())
def test_whole_lists_in_any_order_say_the_same_as_of_every_moment(
    lists: dict[int, dict[str, int]], lot: Any, data: Any
) -> None:
    """Also where the list without an entry was read first, and however many lists an update brings at once."""
    files = {
        hour: dated(hour, entries, [name for name in entries if (len(name) + hour + entries[name]) % 2])
        for hour, entries in lists.items()
    }
    hours = sorted({10, *lists, *(added for entries in lists.values() for added in entries.values())})
    in_order = as_of(lake_after([[files[hour]] for hour in sorted(files)]), hours)
    order = sorted(files)
    lot.shuffle(order)
    cut = data.draw(st.integers(0, len(order)))
    batches = [[files[hour]] for hour in order[:cut]] + ([sorted_files(files, order[cut:])] if order[cut:] else [])
    assert as_of(lake_after(batches), hours) == in_order
    for hour, (one, other) in zip(hours, in_order, strict=True):
        for row in (one, other):
            # Before the first list nothing was read: what its entries say of older days is known, all else is not.
            if row["kev"] is not None:
                assert row["kev"] == by_the_lists(lists, row["weakness"], hour)


def sorted_files(files: dict[int, pa.Table], hours: Sequence[int]) -> list[pa.Table]:
    return [files[hour] for hour in sorted(hours)]


def test_a_removal_that_was_read_before_any_list_with_the_entry_takes_it_back() -> None:
    lists = [[dated(20, {OTHER: 1})], [dated(10, {NAME: 1, OTHER: 1})]]
    before, after = as_of(lake_after(lists), [15, 25])
    assert [row["kev"] for row in before] == [True, True]
    assert [row["kev"] for row in after] == [False, True]


def test_of_a_weakness_that_an_earlier_reading_did_not_ask_for_absence_says_nothing() -> None:
    with changes.Known(EMPTY) as known:
        known.take(dated(20, {}), "newer", ("kev",), frozenset())
        stored = known.added().cast(EMPTY.schema)
    with changes.Known(stored) as known:
        known.take(dated(10, {NAME: 1}), "older", ("kev",), frozenset({NAME}), frozenset())
        assert [row["value"] for row in known.added().to_pylist() if row["weakness"] == NAME] == [1.0]


def test_an_entry_that_was_not_asked_for_before_stays_in_the_newer_list_that_had_it() -> None:
    """The newer list was read for it; a third, older list without it is read when nothing says who was asked."""
    stored = EMPTY
    for number, file in enumerate((dated(20, {NAME: 1}), dated(10, {}))):
        with changes.Known(stored) as known:
            known.take(file, f"file-{number}", ("kev",), frozenset({NAME}), frozenset())
            stored = pa.concat_tables([stored, known.added().cast(EMPTY.schema)])
    read = [row for row in stored.to_pylist() if row["weakness"] == NAME]
    assert holds(read, "kev", moment(30))
    assert not holds(read, "kev", moment(12))


def test_lists_of_the_same_moment_say_together_what_holds() -> None:
    first, second = dated(10, {OTHER: 1}), dated(10, {NAME: 1})
    assert as_of(lake_after([[first], [second]]), [12]) == as_of(lake_after([[second], [first]]), [12])
    assert [row["kev"] for row in as_of(lake_after([[first], [second]]), [12])[0]] == [True, True]


def test_an_entry_counts_once_as_news_though_an_older_list_lacks_it() -> None:
    with changes.Known(EMPTY) as known:
        assert known.take(dated(10, {}), "older", ("kev",), None) == 0
        assert known.take(dated(20, {NAME: 1, OTHER: 1}), "newer", ("kev",), None) == 2
        assert known.take(dated(30, {OTHER: 1}), "newest", ("kev",), None) == 1


def scores(number: int, value: float, *, whole: bool) -> pa.Table:
    rows = Rows("first-epss")
    rows.add(NAME, "epss", day(number), value=value, model="v4")
    rows.date(day(number))
    rows.mark("epss" if whole else "epss_api")
    return rows.table()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2]), st.booleans()), min_size=2, max_size=5),
       st.randoms(use_true_random=False))  # fmt: skip
def test_whole_days_and_chosen_scores_in_any_order_give_the_same_history(days: list[Any], lot: Any) -> None:
    files = [scores(number, value, whole=whole) for number, (value, whole) in enumerate(days)]
    lot.shuffle(files)
    rows = rows_after(files)
    for number, (value, _) in enumerate(days):
        ((_, _, said, _),) = last_words(rows, day(number), lambda row: row["kind"])
        assert said == value


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("whole", [True, False])
def test_a_repeated_score_survives_a_late_day_before_it(order: tuple[int, ...], whole: bool) -> None:
    files = [scores(0, 0.1, whole=True), scores(1, 0.2, whole=True), scores(2, 0.1, whole=whole)]
    rows = rows_after([files[number] for number in order])
    said = [last_words(rows, day(number), lambda row: row["kind"]) for number in range(3)]
    assert [value for ((_, _, value, _),) in said] == [0.1, 0.2, 0.1]


def test_a_late_day_restores_nothing_on_a_day_of_which_only_chosen_scores_are_known() -> None:
    """The panel of day 2 says nothing of this weakness: the score of the late day 1 goes on until a whole day."""
    panel = Rows("first-epss")
    panel.add("CVE-2099-0002", "epss", day(2), value=0.3, model="v4")
    panel.date(day(2))
    panel.mark("epss_api")
    rows = rows_after([scores(0, 0.1, whole=True), panel.table(), scores(1, 0.2, whole=True)])
    assert [(row["observed_at"], row["value"]) for row in rows] == [(day(0), 0.1), (day(1), 0.2)]

"""CSV by column name, from files as they are."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.discovery.csvrows import distinct, has_columns, table
from foreshore.discovery.reports import FileReport, Limits
from foreshore.errors import BadReport


def rows(
    data: bytes, *, limits: Limits | None = None, find: tuple[str, ...] = (), fold: bool = False
) -> list[dict[str, str]]:
    return [row for _line, row in table(FileReport("t.csv", data, limits or Limits()), find=find, fold=fold).rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    data = delimiter.join(("Name", "Port", "Note")) + "\n" + delimiter.join(("a", "1", '"x, y; z\nw"')) + "\n"
    assert rows(data.encode()) == [{"Name": "a", "Port": "1", "Note": "x, y; z\nw"}]


def test_names_repeated_missing_and_cells_too_many_or_too_few() -> None:
    data = b"A,A,,B\n1,2,3\n1,2,3,4,5,6\n\n,,,\n"
    assert rows(data) == [
        {"A": "1", "A#2": "2", "column 3": "3", "B": ""},
        {"A": "1", "A#2": "2", "column 3": "3", "B": "4", "": "5 6"},
    ]


def test_the_header_may_stand_below_lines_about_the_report() -> None:
    data = b'"Report","2025"\n"Example Stores"\n\nQID,Title\n1,x\n'
    found = table(FileReport("t.csv", data), find=("qid", "TITLE"), fold=True)
    assert found.columns == ("qid", "title")
    assert found.before[0] == ("Report", "2025")
    assert [line for line, _row in found.rows] == [5]
    assert has_columns(data, "Title", "qid")
    with pytest.raises(BadReport, match="no header row with host"):
        rows(data, find=("host",))


@pytest.mark.parametrize("data", [b'A,B\n1,"2', b"A,B,C\n1,2,3\n4,5", b'A,B\n1,"2\n3,4\n'])
def test_a_file_that_ends_within_a_row_is_refused(data: bytes) -> None:
    with pytest.raises(BadReport, match="ends in the middle of a row"):
        rows(data)


def test_a_last_row_without_line_end_is_whole_when_it_has_all_cells() -> None:
    assert rows(b'A,B\r\n1,"2"') == [{"A": "1", "B": "2"}]


def test_a_row_of_many_lines_is_bounded() -> None:
    with pytest.raises(BadReport, match="longer than 100 characters"):
        rows(b'A,B\n1,"' + b"x\n" * 200 + b'"\n', limits=Limits(line=100))


def test_fields_above_the_modules_own_limit_are_read() -> None:
    assert len(rows(b"A,B\n" + b"x" * 300_000 + b",2\n")[0]["A"]) == 300_000


def test_distinct_values() -> None:
    report = FileReport("t.csv", b"A,Last Seen\n1,x\n2,y\n3,x\n4\n")
    assert distinct(report, ("last seen",)) == {"x", "y"}
    assert distinct(report, ("other",)) == set()


CELL = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8), st.sampled_from([",", ";", "\t"]))
def test_what_is_written_is_read(cells: list[list[str]], delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["one", "two", "three"])
    writer.writerows(cells)
    expected = [dict(zip(("one", "two", "three"), row, strict=True)) for row in cells if any(row)]
    assert rows(out.getvalue().encode("utf-8-sig")) == expected


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_an_error(data: bytes) -> None:
    has_columns(data, "A")
    try:
        rows(data)
    except BadReport as error:
        failure = error
        assert failure.where.startswith("t.csv")

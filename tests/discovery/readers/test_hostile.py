"""Whatever the bytes: records or a BadReport, never another exception."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.reports import FileReport, Limits
from foreshore.discovery.sniffing import readers
from foreshore.errors import BadReport

GOLDEN = Path(__file__).parent / "golden"
BESIDE = ("records.json", "corpus.toml")
NAMES = sorted(one.name for one in GOLDEN.iterdir() if one.is_dir())
SAMPLES = {
    name: next(one for one in sorted((GOLDEN / name).iterdir()) if one.name not in BESIDE).read_bytes()
    for name in NAMES
}


def _kind(data: bytes) -> str:
    """One JSON document, one XML document, or lines."""
    start = data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    if start == b"<":
        return "xml"
    try:
        return "json" if isinstance(json.loads(data), (dict, list)) else "lines"
    except ValueError:
        return "lines"


JSON = [name for name in NAMES if _kind(SAMPLES[name]) == "json"]
XML = [name for name in NAMES if _kind(SAMPLES[name]) == "xml"]
LIMITS = Limits(line=20_000, element=200_000)
LOOSE = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def attempt(name: str, data: bytes) -> list[facts.Record] | BadReport:
    """Read `data` with the reader `name`, whether or not it would have been chosen."""
    reader = readers()[name.partition("+")[0]]
    assert isinstance(reader.sniff(data[:65536]), bool)
    try:
        return list(reader.read(FileReport("sample", data, LIMITS)))
    except BadReport as error:
        failure = error
    assert failure.where
    assert failure.hint
    assert "\n" not in failure.sentence()
    return failure


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.data())
def test_cut_at_any_byte(name: str, data: st.DataObject) -> None:
    whole = SAMPLES[name]
    place = data.draw(st.integers(0, len(whole)))
    found = attempt(name, whole[:place])
    if name in (*JSON, *XML) and 0 < place < len(whole.rstrip()):
        assert isinstance(found, BadReport)


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.data())
def test_bytes_changed_anywhere(name: str, data: st.DataObject) -> None:
    whole = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    attempt(name, bytes(whole))


ODD: st.SearchStrategy[object] = st.sampled_from(
    [
        None,
        True,
        -1,
        10**30,
        1.5e300,
        "",
        "nan",
        "1e999",
        "٣",
        "\ud800",
        "a" * 3000,
        [],
        [[]],
        {},
        {"a": []},
        "::1",
    ]
)


def _places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found.extend(_places(inner, (*path, name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found.extend(_places(inner, (*path, number)))
    return found


@pytest.mark.parametrize("name", JSON)
@LOOSE
@given(data=st.data())
def test_a_value_of_another_kind_anywhere(name: str, data: st.DataObject) -> None:
    document = json.loads(SAMPLES[name])
    for path in data.draw(st.lists(st.sampled_from(_places(document)), min_size=1, max_size=3)):
        inner = document
        try:
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = deepcopy(data.draw(ODD))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    attempt(name, json.dumps(document).encode())


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.binary(max_size=400))
@example(b"")
@example(b"\x00" * 300)
@example(b"\xff\xfe{\x00")
@example(b"[]")
@example(b"{}")
@example(b"null")
@example(b"[1]")
def test_garbage(name: str, data: bytes) -> None:
    attempt(name, data)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"findings":[{"title":', b'{"runs":[{"tool":'])
def test_a_bomb_of_brackets(name: str, opening: bytes) -> None:
    assert isinstance(attempt(name, opening * 4_000), BadReport)
    closed = opening * 4_000 + b"1" + (b"]" if opening == b"[" else b"}") * 4_000
    attempt(name, closed)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize("depth", [50, 300, 600, 900])
def test_a_deep_value_in_any_field(name: str, depth: int) -> None:
    document = json.loads(SAMPLES[name])
    deep = "[" * depth + "]" * depth
    for path in _places(document):
        *above, last = path
        inner = document
        for step in above:
            inner = inner[step]
        held, inner[last] = inner[last], "DEEP"
        text = json.dumps(document).replace('"DEEP"', deep)
        inner[last] = held
        attempt(name, text.encode())


@pytest.mark.parametrize("name", XML)
def test_entities_are_refused(name: str) -> None:
    whole = SAMPLES[name].split(b"?>", 1)[-1]
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + whole
    assert isinstance(attempt(name, bomb), BadReport)


def test_a_line_that_never_ends_is_refused() -> None:
    line = SAMPLES["nuclei"].splitlines()[0]
    endless = b'{"template-id":"' + b"a" * 30_000 + b'"}'
    assert isinstance(attempt("nuclei", b"\n".join((line, endless, b""))), BadReport)


def test_a_broken_line_in_the_middle_is_skipped_and_a_broken_last_one_refused() -> None:
    first, second, *_rest = SAMPLES["nuclei"].splitlines()
    found = attempt("nuclei", first + b"\n{broken\n" + second + b"\n")
    assert isinstance(found, list)
    assert [type(one) for one in found].count(facts.Finding) == 2
    assert [one.where for one in found if isinstance(one, facts.Skipped)] == ["line 2"]
    assert isinstance(attempt("nuclei", first + b"\n" + second[:-5]), BadReport)


@pytest.mark.parametrize("name", NAMES)
def test_sniffing_hostile_beginnings_is_quick_enough_to_finish(name: str) -> None:
    """Beginnings that make careless patterns try every combination; a test that hangs has failed."""
    for part in (
        b'{"a"',
        b'"version":',
        b'{"Status":"x",',
        b'"findings" ',
        b'{"title":"',
        b"a,b;c\t",
        b'"Results":',
    ):
        readers()[name.partition("+")[0]].sniff(b"{" + part * (65_535 // len(part)))
        readers()[name.partition("+")[0]].sniff(part * (65_536 // len(part)))

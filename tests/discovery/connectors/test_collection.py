"""A collection that is interrupted anywhere and gone on with is the collection that one go gives."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.discovery.connectors._collection import Collection, Line, NotAllowed, StaleToken, answers
from foreshore.errors import ForeshoreError

Calls = list[tuple[str, int, bool]]  # name, pages, allowed


class Stop(Exception):
    """The process died."""


class World:
    """A made-up other side: calls with their pages, or refused at the last; dies after a number of requests."""

    def __init__(self, calls: Calls, dies: int = -1, stale: frozenset[str] = frozenset()) -> None:
        self.calls = calls
        self.left = dies
        self.stale = set(stale)
        self.asked: list[tuple[str, str]] = []

    def collect(self, collection: Collection) -> list[tuple[str, Any]]:
        """Ask everything as a connector does; return what it saw."""
        seen = []
        for name, pages, allowed in self.calls:

            def ask(token: str, name: str = name, pages: int = pages, allowed: bool = allowed) -> tuple[Any, str]:
                return self.answer(name, pages, allowed, token)

            for body in collection.pages(name, {"account": "1"}, ask, {"name": name}):
                seen.append((name, body))
        return seen

    def answer(self, name: str, pages: int, allowed: bool, token: str) -> tuple[Any, str]:
        if self.left == 0:
            raise Stop
        self.left -= 1
        self.asked.append((name, token))
        if token and name in self.stale:
            self.stale.discard(name)
            raise StaleToken("token")
        page = int(token or 0)
        if not allowed and page == pages - 1:
            raise NotAllowed("AccessDenied")
        return {"page": page, "of": name}, str(page + 1) if page + 1 < pages else ""


CALLS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(1, 4), st.booleans()),
    min_size=1, max_size=5, unique_by=lambda one: one[0],
)  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()][1:]


def one_go(path: Path, calls: Calls) -> list[tuple[str, Any]]:
    with Collection(path, "made-up", "test") as collection:
        seen = World(calls).collect(collection)
        collection.finish()
    return seen


@given(CALLS, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=4))
def test_interrupted_and_resumed_is_one_go(
    tmp_path_factory: pytest.TempPathFactory, calls: Calls, deaths: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("collection")
    whole = one_go(folder / "one.ndjson", calls)
    path, asked = folder / "parts.ndjson", []
    for requests, torn in deaths:
        world = World(calls, requests)
        with suppress(Stop), Collection(path, "made-up", "test") as collection:
            world.collect(collection)
        asked += world.asked
        # The last line may have been cut off by a crash; what was whole before stays.
        data = path.read_bytes()
        end = data.rstrip(b"\n").rfind(b"\n") + 1
        path.write_bytes(data[: max(end, len(data) - torn)])
    with Collection(path, "made-up", "test") as collection:
        last = World(calls)
        seen = last.collect(collection)
        collection.finish()
    assert seen == whole
    assert lines(path) == lines(folder / "one.ndjson")
    if not any(torn for _, torn in deaths):
        assert len(asked + last.asked) == len(set(asked + last.asked))


@given(CALLS)
def test_a_complete_collection_is_not_asked_again(tmp_path_factory: pytest.TempPathFactory, calls: Calls) -> None:
    path = tmp_path_factory.mktemp("collection") / "c.ndjson"
    whole = one_go(path, calls)
    before = path.read_bytes()
    world = World(calls, 0)
    with Collection(path, "made-up", "test") as collection:
        assert collection.complete
        assert world.collect(collection) == whole
        collection.finish()
    assert path.read_bytes() == before


def test_a_token_that_is_stale_begins_the_call_again(tmp_path: Path) -> None:
    path = tmp_path / "c.ndjson"
    with pytest.raises(Stop), Collection(path, "made-up", "test") as collection:
        World([("a", 3, True)], 2).collect(collection)
    with Collection(path, "made-up", "test") as collection:
        World([("a", 3, True)], stale=frozenset("a")).collect(collection)
        collection.finish()
        assert collection.resumed == 2
    found = [(one.get("page", 0), one.get("again", False)) for one in lines(path)[:-1]]
    assert found == [(0, False), (1, False), (0, True), (1, False), (2, False)]
    # And going on from there once more, the pages before the new beginning do not count.
    with Collection(path, "made-up", "test") as collection:
        assert [body["page"] for _, body in World([("a", 3, True)], 0).collect(collection)] == [0, 1, 2]


def test_tokens_that_are_always_stale_end_as_refused(tmp_path: Path) -> None:
    def ask(_token: str) -> tuple[Any, str]:
        raise StaleToken("InvalidNextToken")

    with Collection(tmp_path / "c.ndjson", "made-up", "test") as collection:
        assert list(collection.pages("a", {}, ask)) == []
        assert collection.refused == 1


def test_what_was_interrupted_long_ago_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "c.ndjson"
    with Collection(path, "made-up", "test") as collection:
        now = collection.head.collected_at
        with pytest.raises(Stop):
            World([("a", 3, True)], 2).collect(collection)
    path.write_bytes(path.read_bytes().replace(now.encode(), b"2020-01-01T00:00:00Z"))
    with Collection(path, "made-up", "test") as collection:
        assert (collection.resumed, collection.answers) == (0, 0)
        assert collection.head.collected_at > "2020-01-02"
        assert len(World([("a", 3, True)]).collect(collection)) == 3
        collection.finish()
    assert len(lines(path)) == 4
    # A complete one waits for its import, however old it is.
    path.write_bytes(path.read_bytes().replace(collection.head.collected_at.encode(), b"2020-01-01T00:00:00Z"))
    with Collection(path, "made-up", "test") as collection:
        assert (collection.complete, collection.resumed) == (True, 3)


def test_another_connectors_file_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "c.ndjson"
    one_go(path, [("a", 2, True)])
    with Collection(path, "other", "test") as collection:
        assert (collection.resumed, collection.complete) == (0, False)
    assert len(path.read_bytes().splitlines()) == 1


def test_refused_calls_are_kept_with_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "c.ndjson"
    one_go(path, [("a", 3, False), ("b", 1, True)])
    with path.open("rb") as stream:
        found: list[Line] = list(answers(stream))
    assert [(one.call, one.refused) for one in found] == [("a", ""), ("a", ""), ("a", "AccessDenied"), ("b", "")]
    assert lines(path)[-1] == {"complete": True, "answers": 4, "refused_calls": 1}


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ForeshoreError, match="cannot be written"):
        Collection(tmp_path / "file" / "c.ndjson", "made-up", "test")

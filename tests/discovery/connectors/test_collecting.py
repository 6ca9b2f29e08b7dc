"""A source is asked, its answers are laid out as reports, and the folder is emptied or put aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foreshore.discovery import collecting
from foreshore.discovery.connectors._asking import Busy, Pace
from foreshore.discovery.connectors._collection import NotAllowed, StaleToken
from foreshore.discovery.connectors._desk import Connector, Desk, Planned
from foreshore.discovery.connectors._sources import Source
from foreshore.errors import UsageError
from foreshore.workspace import Workspace


@dataclass(frozen=True)
class MadeUp:
    """Asks nobody: two pages of things, findings for another report, and a call that is refused."""

    busy: bool = False
    stale: bool = False

    def plan(self) -> Iterator[Planned]:
        yield Planned("things:List")

    def collect(self, desk: Desk) -> None:
        stale = [self.stale]

        def things(token: str) -> tuple[Any, str]:
            if token and stale[0]:
                stale[0] = False
                raise StaleToken("too old")
            return {"things": [token or "first"]}, "" if token else "second"

        def findings(token: str) -> tuple[Any, str]:
            return {"findings": [{"id": 2 if token else 1}]}, "" if token else "more"

        def refused(_token: str) -> tuple[Any, str]:
            raise NotAllowed("AccessDenied")

        def busy(_token: str) -> tuple[Any, str]:
            raise Busy("later")

        list(desk.pages("things:List", {"account": "1"}, things))
        list(desk.pages("findings:List", {"account": "1"}, findings, report="findings-1"))
        list(desk.pages("findings:List", {"account": "2"}, refused, report="findings-2"))
        if self.busy:
            list(desk.pages("other:List", {}, busy))

    def reports(self, name: str, bodies: Iterator[Any]) -> Iterator[bytes]:
        yield json.dumps({"name": name, "all": [one for body in bodies for one in body["findings"]]}).encode()


FAST = Pace(1e9, lambda: 0.0, lambda _seconds: None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws")


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def test_a_made_up_connector_is_a_connector() -> None:
    assert isinstance(MadeUp(), Connector)


@pytest.mark.parametrize("stale", [False, True])
def test_answers_become_reports(workspace: Workspace, stale: bool) -> None:
    source = Source("src", "made-up", MadeUp(stale=stale))
    found = collecting.collect(workspace, source, pace=FAST)
    (main, said_by), (document, own) = found.reports
    assert (said_by, own) == ("src", "")
    assert lines(document) == [{"name": "findings-1", "all": [{"id": 1}, {"id": 2}]}]
    head, *answers, tail = lines(main)
    assert (head["connector"], head["source"]) == ("made-up", "src")
    assert [(one["call"], one.get("refused", "")) for one in answers] == [
        ("things:List", ""), ("things:List", ""), ("findings:List", "AccessDenied"),
    ]  # fmt: skip
    assert [one["body"]["things"] for one in answers[:2]] == [["first"], ["second"]]
    assert tail == {"complete": True, "answers": 3, "refused_calls": 1}
    assert [(one.call, one.account, one.why) for one in found.refused] == [("findings:List", "2", "AccessDenied")]


def test_a_complete_collection_is_laid_out_again_in_the_same_way(workspace: Workspace) -> None:
    source = Source("src", "made-up", MadeUp())
    first = collecting.collect(workspace, source, pace=FAST)
    before = {path: Path(path).read_bytes() for path, _ in first.reports}
    again = collecting.collect(workspace, source, pace=FAST)
    assert {path: Path(path).read_bytes() for path, _ in again.reports} == before
    assert again.resumed == again.answers == first.answers


def test_what_could_not_be_finished_is_gone_on_with(workspace: Workspace) -> None:
    with pytest.raises(collecting.CollectionFailed) as caught:
        collecting.collect(workspace, Source("src", "made-up", MadeUp(busy=True), tries=2), pace=FAST)
    assert "src: it does not answer (later)" in caught.value.sentence()
    assert "goes on where it stopped" in caught.value.hint
    found = collecting.collect(workspace, Source("src", "made-up", MadeUp()), pace=FAST)
    assert (found.resumed, found.answers) == (5, 5)


def test_cleared_and_put_aside(workspace: Workspace) -> None:
    source = Source("src", "made-up", MadeUp())
    folder = workspace.root / "collected" / "src"
    collecting.collect(workspace, source, pace=FAST)
    aside = collecting.put_aside(workspace, source)
    assert aside.read_bytes().count(b"\n") == 7
    assert [one.name for one in folder.iterdir()] == [aside.name]
    collecting.collect(workspace, source, pace=FAST)
    assert collecting.put_aside(workspace, source) != aside
    collecting.collect(workspace, source, pace=FAST)
    collecting.clear(workspace, source)
    assert not (folder / collecting.MAIN).exists()
    assert not (folder / "reports").exists()


def test_two_processes_do_not_collect_one_source(workspace: Workspace) -> None:
    source = Source("src", "made-up", MadeUp())
    with collecting.held(workspace, source):
        with pytest.raises(UsageError, match="another process"), collecting.held(workspace, source):
            pass
        with collecting.held(workspace, Source("other", "made-up", MadeUp())):
            pass

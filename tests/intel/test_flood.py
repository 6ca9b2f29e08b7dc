"""News that would move too much is held for a person: released it is as if never held, discarded as if never come."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreshore import decisions, store
from foreshore.errors import UsageError
from foreshore.intel import held, taking
from foreshore.intel.update import UpdateResult, update
from foreshore.workspace import Workspace

NOW = datetime(2025, 9, 1)
NAMES = [f"CVE-2099-{number:04d}" for number in range(30)]
WHY = "the makers of the catalogue confirmed it"


def made(folder: Path, names: list[str] = NAMES) -> Workspace:
    workspace = Workspace.create(folder, seed=1)
    rows = [{"exposure": number + 1, "asset": 1, "weakness": name} for number, name in enumerate(names)]
    with store.open_lake(workspace) as lake:
        lake.append({"exposures": pa.Table.from_pylist(rows)}, job="exposures")
    return workspace


def kev(folder: Path, day: str, names: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    entries = [{"cveID": name, "dateAdded": "2025-01-01", "knownRansomwareCampaignUse": "Unknown"} for name in names]
    whole = {
        "catalogVersion": day,
        "dateReleased": f"{day}T00:00:00Z",
        "count": len(entries),
        "vulnerabilities": entries,
    }
    path = folder / f"kev-{day}.json"
    path.write_text(json.dumps(whole), "utf-8")
    return path


def epss(folder: Path, day: str, model: str, scores: dict[str, float]) -> Path:
    folder.mkdir(exist_ok=True)
    lines = "".join(f"{name},{score},0.5\n" for name, score in scores.items())
    path = folder / f"epss-{day}.csv"
    path.write_text(f"#model_version:{model},score_date:{day}T00:00:00+0000\ncve,epss,percentile\n{lines}", "utf-8")
    return path


def read(workspace: Workspace, *paths: Path) -> UpdateResult:
    return update(workspace, sources=list(paths), now=NOW)


def signals(workspace: Workspace) -> list[dict[str, Any]]:
    with store.open_lake(workspace, read_only=True) as lake:
        rows: list[dict[str, Any]] = lake.sql("SELECT * EXCLUDE (known_at) FROM signals ORDER BY ALL").to_pylist()
    return rows


def unguarded(workspace: Workspace) -> None:
    """A team's own policy under which nothing is ever held."""
    text = (resources.files("foreshore.policy") / "intelligence.toml").read_text("utf-8")
    text = text.replace("least = { value = 20, low = 5, high = 100", "least = { value = 999, low = 5, high = 999")
    text = text.replace("most = { value = 2000", "most = { value = 10000")
    text = text.replace(
        "shrinks_least = { value = 10, low = 3, high = 50", "shrinks_least = { value = 999, low = 3, high = 999"
    )
    text = text.replace(
        "model_least = { value = 20, low = 1, high = 100", "model_least = { value = 999, low = 1, high = 999"
    )
    (workspace.policy_dir / "intelligence.toml").write_text(text, "utf-8")


def test_the_first_load_is_never_a_flood_and_a_later_one_is_held_alone(tmp_path: Path) -> None:
    workspace = made(tmp_path / "ws")
    assert read(workspace, kev(tmp_path, "2025-08-01", NAMES[:28])).held == ()
    before = signals(workspace)
    shrunk, scores = (
        kev(tmp_path, "2025-08-02", NAMES[:3]),
        epss(tmp_path, "2025-08-02", "v4", dict.fromkeys(NAMES, 0.2)),
    )
    result = read(workspace, shrunk, scores)
    (one,) = result.held
    assert (one.feed, one.moved, one.present, one.exposures, one.kinds) == ("kev", 25, 30, 25, {"kev": 25})
    assert [("moves" in why or "move" in why, "shrunk from 28 entries to 3" in why) for why in one.reasons] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert len(one.examples) == 10
    assert {(row["was"], row["becomes"]) for row in one.examples} == {("yes", "no")}
    # The other feed went through; of the held one nothing did, not even that it was read.
    assert [row for row in signals(workspace) if "epss" not in row["kind"] and row["kind"] != "own_model"] == before
    assert [one.feed for one in result.read] == ["epss"]


def test_reading_what_is_held_again_does_not_pile_up(tmp_path: Path) -> None:
    workspace = made(tmp_path / "ws")
    read(workspace, kev(tmp_path, "2025-08-01", []))
    flood = kev(tmp_path, "2025-08-02", NAMES)
    first, again = read(workspace, flood), read(workspace, flood)
    assert [one.id for one in first.held] == [one.id for one in again.held]
    assert [one.id for one in held.listed(workspace)] == [first.held[0].id]


def test_what_was_not_present_when_the_feed_was_read_cannot_flood(tmp_path: Path) -> None:
    workspace = made(tmp_path / "ws", NAMES[:2])
    path = kev(tmp_path, "2025-08-01", NAMES)
    read(workspace, path)
    rows = [{"exposure": number + 100, "asset": 1, "weakness": name} for number, name in enumerate(NAMES[2:])]
    with store.open_lake(workspace) as lake:
        lake.append({"exposures": pa.Table.from_pylist(rows)}, job="more")
    result = read(workspace, path)
    assert (result.held, result.new) == ((), 28)


def test_scores_of_another_model_are_named(tmp_path: Path) -> None:
    workspace = made(tmp_path / "ws")
    read(workspace, epss(tmp_path, "2025-08-01", "v3", dict.fromkeys(NAMES, 0.001)))
    (one,) = read(workspace, epss(tmp_path, "2025-08-02", "v4", dict.fromkeys(NAMES, 0.6))).held
    assert any("another model (v4 after v3)" in why for why in one.reasons)
    # The same change of model that moves nothing is no flood.
    assert read(workspace, epss(tmp_path, "2025-08-03", "v5", dict.fromkeys(NAMES, 0.002))).held == ()


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(NAMES), max_size=4), st.sets(st.sampled_from(NAMES), min_size=26), st.booleans())
def test_held_and_released_equals_never_held(
    tmp_path_factory: pytest.TempPathFactory, few: set[str], many: set[str], grows: bool
) -> None:
    """Whatever the two catalogues are: the same rows, but for the day on which they became known."""
    folder = tmp_path_factory.mktemp("flood")
    first, second = (few, many) if grows else (many, few)
    files = [kev(folder, "2025-08-01", sorted(first)), kev(folder, "2025-08-02", sorted(second))]
    guarded, free = made(folder / "guarded"), made(folder / "free")
    unguarded(free)
    for path in files:
        assert read(free, path).held == ()
    read(guarded, files[0])
    waiting = read(guarded, files[1]).held
    assert len(waiting) == 1
    assert signals(guarded) != signals(free)
    taking.release(guarded, waiting[0], because=WHY, author="analyst")
    assert signals(guarded) == signals(free)
    assert held.listed(guarded) == []
    assert read(guarded, files[1]).new == 0


def test_discarded_leaves_all_as_it_was_and_is_not_asked_again(tmp_path: Path) -> None:
    workspace = made(tmp_path / "ws")
    read(workspace, kev(tmp_path, "2025-08-01", NAMES[:1]))
    before = signals(workspace)
    flood = kev(tmp_path, "2025-08-02", NAMES)
    (one,) = read(workspace, flood).held
    with pytest.raises(UsageError, match="reason"):
        held.discard(workspace, one, because="no", author="analyst")
    held.discard(workspace, one, because=WHY, author="analyst")
    again = read(workspace, flood, kev(tmp_path, "2025-08-03", NAMES[:2]))
    assert again.held == ()
    assert "discarded by analyst" in dict(again.skipped)["kev-2025-08-02.json"]
    assert [row for row in signals(workspace) if row["observed_at"] < datetime(2025, 8, 2)][: len(before)] != []
    assert {row["weakness"] for row in signals(workspace)} == {"*", *NAMES[:2]}
    with decisions.open(workspace) as opened:
        (receipt,) = [entry for entry in opened.receipts() if entry.kind == "intel discard"]
        assert opened.audit_verify() is None
    assert (receipt.detail["because"], receipt.detail["by"], receipt.detail["moved"]) == (WHY, "analyst", 29)


def command(*words: str) -> tuple[int, str, str]:
    from foreshore.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", ["foreshore", *words])
    with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_from_the_command_line(tmp_path: Path) -> None:
    place = str(made(tmp_path / "ws").root)
    assert command("intel", "update", "--from", str(kev(tmp_path, "2025-08-01", [])), "-w", place)[0] == 0
    code, out, err = command(
        "intel", "update", "--from", str(kev(tmp_path, "2025-08-02", NAMES)), "--json", "-w", place
    )
    assert (code, err) == (10, "")
    (one,) = json.loads(out)["held"]
    assert (one["feed"], one["moved"], one["exposures"]) == ("kev", 30, 30)
    code, out, _ = command("intel", "held", "-w", place)
    assert code == 0
    assert one["id"] in out
    assert "30 weaknesses would change" in out
    code, _, err = command("intel", "release", "nothing", "--because", WHY, "-w", place)
    assert code == 2
    assert "nothing is held under this id" in err
    code, out, _ = command("intel", "release", one["id"][:7], "--because", WHY, "--json", "-w", place)
    assert code == 0
    assert {"id": one["id"], "decided": "release", "new": 30}.items() <= json.loads(out).items()
    code, out, _ = command("intel", "status", "--json", "-w", place)
    feeds = {row["feed"]: row for row in json.loads(out)["feeds"]}
    assert (feeds["kev"]["date"], feeds["kev"]["stale"]) == ("2025-08-02T00:00:00Z", True)
    assert (feeds["epss"]["date"], feeds["epss"]["stale"]) == (None, None)
    assert feeds["epss"]["unknown"] == "its chance of exploitation"


def test_a_list_that_took_an_entry_out_counts_whichever_was_read_first(tmp_path: Path) -> None:
    lists = [
        kev(tmp_path, "2025-08-01", NAMES[:2]), kev(tmp_path, "2025-08-02", NAMES[:3]), kev(tmp_path, "2025-08-03", NAMES[:1])
    ]  # fmt: skip
    said = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        place = made(tmp_path / f"ws-{order}", NAMES[:3])
        for number in order:
            assert read(place, lists[number]).held == ()
        shown = [command("intel", "show", name, "--json", "-w", str(place.root)) for name in NAMES[:3]]
        assert [code for code, _, _ in shown] == [0, 0, 0]
        said.append([json.loads(out)["summary"] for _, out, _ in shown])
    assert said[0] == said[1] == said[2]
    assert [one["kev"] for one in said[0]] == [True, False, False]

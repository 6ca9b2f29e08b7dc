"""A workspace: made privately, opened with clear errors, one writer at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from foreshore.errors import WorkspaceError
from foreshore.workspace import SECRET, SETTINGS, Workspace, write_atomically

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=7)


def change(ws: Workspace, old: str, new: str) -> None:
    path = ws.root / SETTINGS
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_what_is_created_can_be_opened(ws: Workspace) -> None:
    assert Workspace.open(ws.root) == ws
    assert Workspace.open(str(ws.root)) == ws
    assert ws.seed == 7
    for folder in (ws.facts_dir, ws.evidence_dir, ws.serving_dir, ws.policy_dir, ws.temporary_dir):
        assert folder.is_dir()
    assert ws.scope_file == ws.root / "scope.yaml"
    assert ws.decisions_file == ws.root / "decisions.sqlite3"


@posix
def test_only_the_owner_may_look_inside(ws: Workspace) -> None:
    for path in (ws.root, *ws.root.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_seeds_are_random_unless_given(tmp_path: Path) -> None:
    seeds = {Workspace.create(tmp_path / str(number)).seed for number in range(5)}
    assert len(seeds) == 5
    with pytest.raises(WorkspaceError, match="cannot be a seed"):
        Workspace.create(tmp_path / "bad", seed=-1)


def test_an_existing_workspace_is_never_overwritten(ws: Workspace) -> None:
    before = (ws.root / SETTINGS).read_bytes(), (ws.root / SECRET).read_bytes()
    with pytest.raises(WorkspaceError, match="a workspace already"):
        Workspace.create(ws.root)
    assert ((ws.root / SETTINGS).read_bytes(), (ws.root / SECRET).read_bytes()) == before


def test_a_directory_with_other_files_is_taken_and_they_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "scope.yaml").write_text("organization: Example Stores\n")
    Workspace.create(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "scope.yaml").read_text() == "organization: Example Stores\n"


def test_a_place_that_cannot_be_a_workspace_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match="cannot be made"):
        Workspace.create(tmp_path / "file" / "ws")


def test_a_missing_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no workspace here") as caught:
        Workspace.open(tmp_path)
    assert "foreshore init" in caught.value.hint
    assert str(tmp_path) in caught.value.where


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("format = 1", "format = 99", "format 99"),
        ("format = 1", "", "no format"),
        ("format = 1", "format = ", "cannot be read"),
        ("seed = 7", 'seed = "seven"', "damaged"),
        ('memory = "auto"', 'memory = "much"', "not a memory budget"),
        ('memory = "auto"', 'memory = "0GB"', "not a memory budget"),
        ('threads = "auto"', "threads = 0", "not a number of threads"),
        ('report = "keep"', 'report = "long"', "not a number of days"),
    ],
)
def test_broken_settings_are_named(ws: Workspace, old: str, new: str, says: str) -> None:
    change(ws, old, new)
    with pytest.raises(WorkspaceError, match=says) as caught:
        Workspace.open(ws.root)
    assert caught.value.where


def test_settings_of_the_budget_and_retention_are_followed(ws: Workspace) -> None:
    change(ws, 'memory = "auto"', 'memory = "300MiB"')
    change(ws, 'threads = "auto"', "threads = 1")
    change(ws, 'report = "keep"', "report = 30")
    opened = Workspace.open(ws.root)
    assert (opened.memory, opened.threads, opened.retention["report"]) == ("300MiB", 1, 30)
    with opened.connect() as connection:
        settings = "SELECT current_setting('memory_limit'), current_setting('threads')"
        assert connection.execute(settings).fetchall() == [("300.0 MiB", 1)]


def test_the_default_budget_is_modest(ws: Workspace) -> None:
    assert 1 <= ws.threads <= min(4, os.cpu_count() or 1)
    assert ws.memory.endswith("MiB")
    assert 0 < int(ws.memory.removesuffix("MiB")) <= 4096


def test_connections_never_fetch_extensions_and_spill_apart_inside_the_workspace(ws: Workspace) -> None:
    with ws.connect() as one, ws.connect() as two:
        for name in (
            "autoinstall_known_extensions",
            "autoload_known_extensions",
            "allow_unsigned_extensions",
        ):
            assert one.execute(f"SELECT current_setting('{name}')").fetchall() == [(False,)]
        places = [c.execute("SELECT current_setting('temp_directory')").fetchall()[0][0] for c in (one, two)]
        assert places[0] != places[1]
        assert all(Path(place).parent == ws.temporary_dir for place in places)
        with pytest.raises(duckdb.Error):
            one.execute("SELECT * FROM sqlite_scan('x', 'y')")


def test_secrets_differ_by_purpose_and_workspace_and_stay(ws: Workspace, tmp_path: Path) -> None:
    other = Workspace.create(tmp_path / "other", seed=7)
    secrets = {ws.secret("a"), ws.secret("b"), other.secret("a"), other.secret("b")}
    assert len(secrets) == 4
    assert all(len(secret) == 32 for secret in secrets)
    assert Workspace.open(ws.root).secret("a") == ws.secret("a")
    (ws.root / SECRET).write_text("not hexadecimal")
    with pytest.raises(WorkspaceError, match="missing or damaged"):
        ws.secret("a")


HOLDER = """
import sys
from foreshore.workspace import Workspace
with Workspace.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_who_waits_is_told_once_who_writes_and_then_goes_on(ws: Workspace) -> None:
    command = [sys.executable, "-c", HOLDER, str(ws.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []

        def told(sentence: str) -> None:
            said.append(sentence)
            assert holder.stdin is not None
            holder.stdin.write("let go\n")
            holder.stdin.flush()

        with ws.lock(told):
            assert holder.wait(60) == 0
        assert len(said) == 1
        assert f"process {holder.pid} has been writing since" in said[0]


def test_the_lock_of_a_killed_writer_is_free(ws: Workspace) -> None:
    command = [sys.executable, "-c", HOLDER, str(ws.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    assert str(holder.pid) in ws.lock_holder()  # its note is still there, and misleads nobody
    said: list[str] = []
    with ws.lock(said.append):
        assert f"process {os.getpid()} " in ws.lock_holder()
    assert said == []
    assert ws.lock_holder() == ""


def test_one_thread_may_nest_the_lock_and_others_wait(ws: Workspace) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def other() -> None:
        with Workspace.open(ws.root).lock(lambda _: waiting.set()):
            order.append("other")

    with ws.lock():
        with Workspace.open(ws.root).lock(), ws.lock():
            order.append("nested")
        assert str(os.getpid()) in ws.lock_holder()
        thread = threading.Thread(target=other)
        thread.start()
        assert waiting.wait(60)
        order.append("outer")
    thread.join(60)
    assert order == ["nested", "outer", "other"]


def test_the_lock_is_released_when_its_work_fails(ws: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), ws.lock():
        raise ZeroDivisionError
    said: list[str] = []
    with ws.lock(said.append):
        pass
    assert said == []


def test_an_atomic_write_replaces_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"never seen")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]

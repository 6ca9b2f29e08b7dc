"""Evidence: comes back as it was, is unreadable on disk, can be erased, cannot be changed."""

from __future__ import annotations

import hashlib
import io
import os
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.errors import UsageError, WorkspaceError
from foreshore.store import evidence
from foreshore.workspace import SECRET, Workspace

PIECE = evidence.PIECE
LINE = b"<ReportItem port='443' pluginName='made up'>198.51.100.7</ReportItem>\n"


@pytest.fixture(scope="module")
def kept_in() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workspace.create(Path(folder) / "ws", seed=7)


class Dribble(io.RawIOBase):
    """A stream that gives fewer bytes than asked, as sockets and archives do."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 65_521) if size > 0 else size)


def keep(workspace: Workspace, content: bytes, kind: str = "report") -> str:
    return evidence.keep(workspace, io.BytesIO(content), kind=kind)


def read(workspace: Workspace, digest: str) -> bytes:
    with evidence.open_evidence(workspace, digest) as stream:
        return stream.read()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 17])
def test_it_comes_back_byte_for_byte_around_the_edges_of_pieces(workspace: Workspace, size: int) -> None:
    for content in (random.Random(size).randbytes(size), (LINE * (size // len(LINE) + 1))[:size]):
        digest = evidence.keep(workspace, Dribble(content))  # type: ignore[arg-type]
        assert digest == hashlib.sha256(content).hexdigest()
        assert read(workspace, digest) == content
        entry = evidence.record(workspace, digest)
        assert entry is not None
        assert entry.size == size


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=2000))
def test_any_bytes_come_back(kept_in: Workspace, content: bytes) -> None:
    assert read(kept_in, keep(kept_in, content)) == content


def test_nothing_of_it_is_readable_on_disk_and_files_are_private(workspace: Workspace) -> None:
    digest = keep(workspace, LINE * 1000)
    for path in workspace.evidence_dir.iterdir():
        assert b"198.51.100.7" not in path.read_bytes()
        assert b"ReportItem" not in path.read_bytes()
        if os.name != "nt":
            assert path.stat().st_mode & 0o077 == 0
    assert (workspace.evidence_dir / f"{digest}.bin").stat().st_size < len(LINE * 1000) / 20


def test_keeping_again_changes_nothing(workspace: Workspace) -> None:
    digest = keep(workspace, LINE)
    before = {path: path.read_bytes() for path in workspace.evidence_dir.iterdir()}
    assert keep(workspace, LINE) == digest
    assert {path: path.read_bytes() for path in workspace.evidence_dir.iterdir()} == before


def test_the_same_bytes_look_different_in_two_workspaces(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace.create(tmp_path / "other", seed=7)
    digest = keep(workspace, LINE)
    assert keep(other, LINE) == digest
    one, two = ((where.evidence_dir / f"{digest}.bin").read_bytes() for where in (workspace, other))
    assert one != two


def test_forgetting_leaves_the_digest_and_nothing_else(workspace: Workspace) -> None:
    digest = keep(workspace, LINE)
    kept = evidence.record(workspace, digest)
    evidence.forget(workspace, digest, because="asked to")
    evidence.forget(workspace, digest)
    with pytest.raises(WorkspaceError, match=r"erased on \d{4}-\d\d-\d\d: asked to"):
        evidence.open_evidence(workspace, digest)
    (path,) = workspace.evidence_dir.iterdir()
    assert kept is not None
    assert kept.sealed
    assert kept.sealed.encode() not in path.read_bytes()
    assert [entry.digest for entry in evidence.records(workspace)] == [digest]
    assert keep(workspace, LINE) == digest  # a person imports it again
    assert read(workspace, digest) == LINE


def changes(content: bytes) -> Iterator[bytes]:
    """The file flipped at many places, cut at many places, with a piece dropped, swapped, or added."""
    for place in random.Random(3).sample(range(len(content)), 40):
        yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        yield content[:place]
    head, frames = content[:8], []
    rest = content[8:]
    while rest:
        length = 9 + int.from_bytes(rest[4:8], "little")
        frames.append(rest[:length])
        rest = rest[length:]
    assert len(frames) == 3
    yield head + frames[0] + frames[2]
    yield head + frames[1] + frames[0] + frames[2]
    yield head + frames[0] + frames[1]
    yield content + frames[2]
    yield content + b"x"


def test_any_change_to_the_bytes_is_noticed(workspace: Workspace) -> None:
    digest = keep(workspace, LINE * (5 * PIECE // (2 * len(LINE))))
    path = workspace.evidence_dir / f"{digest}.bin"
    for changed in list(changes(path.read_bytes())):
        path.write_bytes(changed)
        with pytest.raises(WorkspaceError, match="changed or is damaged"):
            read(workspace, digest)


def test_the_evidence_of_another_digest_does_not_pass(workspace: Workspace) -> None:
    one, two = keep(workspace, b"one"), keep(workspace, b"two")
    key = workspace.evidence_dir / f"{one}.key"
    key.write_bytes((workspace.evidence_dir / f"{two}.key").read_bytes().replace(two.encode(), one.encode()))
    with pytest.raises(WorkspaceError, match="does not open"):
        evidence.open_evidence(workspace, one)


def test_without_the_workspace_key_there_is_a_clear_error(workspace: Workspace) -> None:
    digest = keep(workspace, LINE)
    (workspace.root / SECRET).write_text("00" * 32)
    with pytest.raises(WorkspaceError, match="does not open with this workspace's key"):
        evidence.open_evidence(workspace, digest)
    (workspace.root / SECRET).unlink()
    with pytest.raises(WorkspaceError, match="key is missing"):
        evidence.open_evidence(workspace, digest)


def test_unknown_and_malformed_digests_are_refused(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="no such evidence"):
        evidence.open_evidence(workspace, "0" * 64)
    with pytest.raises(WorkspaceError, match="no such evidence"):
        evidence.forget(workspace, "0" * 64)
    for text in ("../foreshore", "", "A" * 64, "0" * 63 + "/"):
        with pytest.raises(UsageError):
            evidence.open_evidence(workspace, text)


def test_a_damaged_record_or_missing_bytes_are_clear_errors(workspace: Workspace) -> None:
    one, two = keep(workspace, b"one"), keep(workspace, b"two")
    (workspace.evidence_dir / f"{one}.bin").unlink()
    (workspace.evidence_dir / f"{two}.key").write_bytes(b"{")
    with pytest.raises(WorkspaceError, match="bytes are missing"):
        evidence.open_evidence(workspace, one)
    with pytest.raises(WorkspaceError, match="record of this evidence is damaged"):
        evidence.open_evidence(workspace, two)


def test_retention_forgets_by_kind_and_age(workspace: Workspace) -> None:
    report, collected = keep(workspace, b"report"), keep(workspace, b"collected", kind="connector")
    days = workspace.retention["connector"]
    assert days is not None
    now = datetime.now(UTC)
    assert evidence.expire(workspace, now + timedelta(days=days - 1)) == []
    assert evidence.expire(workspace, now + timedelta(days=days + 1)) == [collected]
    assert read(workspace, report) == b"report"
    with pytest.raises(WorkspaceError, match="erased"):
        evidence.open_evidence(workspace, collected)

"""The policy on a page: files as they stand, an edited text checked and compared, what it would move, and saving it."""

from __future__ import annotations

import difflib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foreshore import policy
from foreshore.errors import BadPolicy, Conflict, UsageError
from foreshore.policy import files
from foreshore.server import audit
from foreshore.server.access import Access
from foreshore.workspace import Workspace, write_atomically

MOST = 1 << 20


def listed(workspace: Workspace, access: Access) -> list[dict[str, Any]]:
    """Return each file with whether it is an own copy and what it changes."""
    access.need_everywhere("see")
    return files.listed(workspace.policy_dir)


def text(workspace: Workspace, access: Access, name: str) -> dict[str, Any]:
    """Return a file as it counts now: `file`, `text`, `own`, the shipped text, and the digest of the text."""
    access.need_everywhere("see")
    file = files.named(name)
    path = workspace.policy_dir / file
    own = path.is_file()
    said = policy.text_of(path) if own else files.shipped(file)
    return {"file": file, "own": own, "text": said, "shipped": files.shipped(file), "digest": _digest(said)}


def checked(workspace: Workspace, access: Access, name: str, edited: str) -> dict[str, Any]:
    """Return what is wrong with an edited text (`problems`), what it changes, and the lines that differ."""
    now = text(workspace, access, name)
    with _draft(workspace, now["file"], edited) as folder:
        found = files.problems(folder)
        changes = [] if found else files.changes(policy.load(workspace.policy_dir), policy.load(folder))
    lines = difflib.unified_diff(now["text"].splitlines(), edited.splitlines(), "now", "edited", lineterm="", n=2)
    return {"problems": found, "changes": [one._asdict() for one in changes], "lines": list(lines)}


def save(workspace: Workspace, access: Access, name: str, edited: str, *, digest: str) -> list[str]:
    """Make the edited text count from the next cycle on, and return what it changes.

    Raises BadPolicy where it is not valid, Conflict where somebody else saved since `digest` was read.
    """
    access.need_everywhere("policy")
    now = text(workspace, access, name)
    if now["digest"] != digest:
        raise Conflict("somebody saved this file meanwhile", where=now["file"], hint="read it again and edit that")
    found = checked(workspace, access, name, edited)
    if found["problems"]:
        first = found["problems"][0]
        raise BadPolicy(first["what"], where=first["where"], hint=first["hint"])
    path = workspace.policy_dir / now["file"]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, edited.encode())
    changes = [f"{one['key']}: {one['old']} → {one['new']}" for one in found["changes"]]
    audit.note("policy edited", author=access.person, file=now["file"], changes=changes[:200], digest=_digest(edited))
    return changes


def restore(workspace: Workspace, access: Access, name: str) -> None:
    """Let the shipped file count again; the own copy is put aside with the ending `.before`."""
    access.need_everywhere("policy")
    file = files.named(name)
    path = workspace.policy_dir / file
    if not path.is_file():
        raise UsageError("this file is as shipped already", where=file, hint="edit it first")
    path.replace(path.with_name(f"{path.name}.before"))
    audit.note("policy file as shipped again", author=access.person, file=file)


def preview(workspace: Workspace, settings: Mapping[str, Any], say: Any) -> Any:
    """Return what the edited file would move in the last cycle; the work of a job."""
    from foreshore.cycle import policies

    with _draft(workspace, files.named(str(settings["file"])), str(settings["text"])) as folder:
        return policies.diff(workspace, str(folder), top=100, say=say)


def asked(workspace: Workspace, access: Access, name: str, edited: str) -> dict[str, str]:
    """Return the settings of a preview job; raises BadPolicy where the text is not valid."""
    access.need_everywhere("policy")
    found = checked(workspace, access, name, edited)
    if found["problems"]:
        first = found["problems"][0]
        raise BadPolicy(first["what"], where=first["where"], hint=first["hint"])
    return {"file": files.named(name), "text": edited}


@contextmanager
def _draft(workspace: Workspace, file: str, edited: str) -> Iterator[Path]:
    """A folder of the own files with one of them edited; it is gone afterwards."""
    if len(edited) > MOST:
        raise UsageError("the text is too long for a policy file", where=file, hint=f"at most {MOST:,} characters")
    with tempfile.TemporaryDirectory(dir=workspace.temporary_dir) as name:
        folder = Path(name)
        for path in policy.own_files(workspace.policy_dir):
            copy = folder / path.relative_to(workspace.policy_dir)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(edited, encoding="utf-8")
        yield folder


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()

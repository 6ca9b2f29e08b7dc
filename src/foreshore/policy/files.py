"""The policy as files that a team edits: which are its own, copies to begin with, mistakes by line, differences."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from foreshore import policy
from foreshore.errors import BadPolicy, UsageError
from foreshore.policy import checks

_AT_LINE = re.compile(r"\(at line (\d+)")
# Tables whose rows are told apart by these columns; others by all columns but the last.
_KEYS = {
    "weakness_classes": ("name",), "precedence": ("attribute", "source"), "rules": ("rule",), "products": ("name",),
    "on_path": ("weakness",), "decision_points": ("point", "fact", "word"), "threat_metric": ("fact", "word"),
}  # fmt: skip


class Change(NamedTuple):
    """One entry of the policy that differs: file, key, and what it says before and after ('' where it is not there)."""

    file: str
    key: str
    old: str
    new: str

    def sentence(self) -> str:
        """Say it in one line."""
        if not self.old:
            return f"{self.file}: {self.key} is new ({self.new})"
        if not self.new:
            return f"{self.file}: {self.key} is gone (was {self.old})"
        return f"{self.file}: {self.key} {self.old} → {self.new}"


def named(text: str) -> str:
    """Return the name of the shipped file that `text` means (`treatment` is `treatment.toml`); raises UsageError."""
    names = policy.shipped_files()
    found = [name for name in names if text in (name, name.rsplit(".", 1)[0])]
    if not found:
        raise UsageError(f"no policy file is called “{text}”", hint=", ".join(names))
    return found[0]


def shipped(name: str) -> str:
    """Return the text of a shipped file."""
    return (resources.files("foreshore.policy") / name).read_text(encoding="utf-8")


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return each file of the policy with whether `folder` has an own copy, its digest, and its changes.

    `digest` is SHA-256 over what the file says, whatever its layout; None where it cannot be read.
    """
    rows = []
    ours = content_of(None)
    added = [
        path.relative_to(folder).as_posix() for path in policy.own_files(folder) if path.parent.name == policy.RULES
    ]
    for name in dict.fromkeys([*policy.shipped_files(), *added]):
        path = folder / name
        own = path.is_file()
        said: Mapping[str, Any] | None = ours.get(name, {})
        if own:
            try:
                said = _file(path)
            except BadPolicy:
                said = None
        changes = [] if said is None else list(_changes(name, ours.get(name, {}), said))
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest() if said is not None else None
        rows.append({"file": name, "own": own, "digest": digest, "changes": changes})
    return rows


def copy(folder: Path, name: str) -> Path:
    """Put a copy of the shipped file into `folder` to edit, and return it; raises UsageError where there is one."""
    file = named(name)
    path = folder / file
    if path.exists():
        raise UsageError("there is a copy already", where=f"policy/{file}", hint="edit it, or remove it first")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(shipped(file), encoding="utf-8")
    return path


def problems(folder: Path) -> list[dict[str, str]]:
    """Return what is wrong with the own files, at most one mistake each: `where` (file:line), `what`, `hint`."""
    found = []
    for path in policy.own_files(folder):
        try:
            policy.load(folder, only=path.relative_to(folder).as_posix())
        except BadPolicy as error:
            found.append({"where": _where(error, folder), "what": error.what, "hint": error.hint})
    if not found:
        try:
            policy.load(folder)
        except BadPolicy as error:
            found.append({"where": _where(error, folder), "what": error.what, "hint": error.hint})
    return found


def _where(error: BadPolicy, folder: Path) -> str:
    """Return file:line of a mistake; the file alone where its line is not to be found."""
    if re.match(r"[\w./-]+:\d+", error.where):
        return error.where
    name, _, entry = error.where.partition(", ")
    told = _AT_LINE.search(error.what)
    if told:
        return f"{name}:{told[1]}"
    path = folder / name
    line = _line_of(path.read_text("utf-8-sig", "replace"), entry, path.stem) if entry and path.is_file() else 0
    return f"{name}:{line}, {entry}" if line else error.where


def _line_of(text: str, entry: str, stem: str) -> int:
    """Return the line of a TOML entry such as `act_now.share`, of its section where it has none; 0: not found."""
    parts = entry.removeprefix(f"{stem}.").split(".")
    section, best, most = "", 0, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[([^\]]+)\]", line)
        name = re.match(r"\s*[\"']?([^\s=\"'#]+)[\"']?\s*=", line)
        if header:
            section = re.sub(r"[\s\"']", "", header[1])
        here = (section.split(".") if section else []) + ([name[1]] if name and not header else [])
        if (header or name) and here == parts[: len(here)] and len(here) > most:
            best, most = number, len(here)
    return best


def content_of(found: policy.Policy | None) -> dict[str, Mapping[str, Any]]:
    """Return what each file of a policy (or of the shipped one) says: entries by key, as text."""
    content = (found or policy.load(None)).content()
    flat: dict[str, Mapping[str, Any]] = {}
    files = {name: entries for name, entries in content["settings"].items() if name != "rulebook"}
    files |= {f"{policy.RULES}/{name}": entries for name, entries in content["settings"]["rulebook"].items()}
    for stem, entries in files.items():
        flat[f"{stem}.toml"] = dict(_entries(entries, ""))
    for stem, rows in content["tables"].items():
        flat[f"{stem}.csv"] = _rows(stem, rows)
    return flat


def changes(old: policy.Policy | None, new: policy.Policy) -> list[Change]:
    """Return every entry that differs between two policies, by file and key; `old` None is the shipped one."""
    before, after = content_of(old), content_of(new)
    names = sorted(set(before) | set(after))
    return [one for name in names for one in _changes(name, before.get(name, {}), after.get(name, {}))]


def _changes(file: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield Change(file, key, str(old.get(key, "")), str(new.get(key, "")))


def _entries(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, entry in section.items():
        if checks.is_number(entry):
            value, low, high = (f"{float(entry[key]):g}" for key in ("value", "low", "high"))
            yield prefix + name, value if low == value == high else f"{value} ({low} to {high})"
        elif isinstance(entry, Mapping):
            yield from _entries(entry, f"{prefix}{name}.")
        else:
            yield prefix + name, ", ".join(map(str, entry)) if isinstance(entry, list) else str(entry)


def _rows(stem: str, rows: list[dict[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        columns = _KEYS.get(stem) or tuple(row)[:-1]
        key = "/".join(row.get(column, "") for column in columns)
        unique, number = key, 2
        while unique in found:
            unique, number = f"{key} ({number})", number + 1
        found[unique] = ", ".join(value for column, value in row.items() if column not in columns)
    return found


def _file(path: Path) -> Mapping[str, Any]:
    """Return what one own file says, unchecked; raises BadPolicy where it cannot be read."""
    text = policy.text_of(path)
    if path.suffix == ".toml":
        return dict(_entries(policy.toml(text, path.name), ""))
    try:
        return _rows(path.stem, policy.rows(text, path.name))
    except csv.Error as error:
        raise BadPolicy(str(error), where=path.name) from error

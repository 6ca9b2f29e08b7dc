"""Suppositions in words, and scenarios: suppositions that were given a name and are kept as small files.

A scenario is `scenarios/NAME.toml` in the workspace: what is supposed, as it was typed, and what each thing was
when it was saved. It holds no figures: whoever runs it gets those of the cycle that is served then.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore.errors import ForeshoreError, NothingToRead, UsageError
from foreshore.workspace import write_atomically

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

FOLDER = "scenarios"
FORMAT = 1
_NAME = re.compile(r"[\w][\w .-]{0,79}")
_MOST = 1 << 20  # bytes of a scenario's file


class Suppose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is supposed, each thing in the words in which it was asked for."""

    fix: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    remove_right: tuple[str, ...] = ()
    lose: tuple[str, ...] = ()
    gain: tuple[str, ...] = ()
    lose_asset: tuple[str, ...] = ()
    lose_sensor: tuple[str, ...] = ()
    set: tuple[str, ...] = ()

    def parts(self) -> list[tuple[str, str]]:
        """Return (kind, words) of each supposition, in the order of the fields."""
        return [(name, text) for name in self.__struct_fields__ for text in getattr(self, name)]

    def as_json(self) -> dict[str, list[str]]:
        """Return the suppositions by kind, only kinds that are there."""
        return {name: list(getattr(self, name)) for name in self.__struct_fields__ if getattr(self, name)}


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named supposition: when and on which cycle it was saved, and what its things were called then."""

    name: str
    suppose: Suppose
    format: int = FORMAT
    saved_at: str = ""
    cycle: str = ""
    was: dict[str, str] = {}


def folder(workspace: Workspace) -> Path:
    """Return where the workspace keeps its scenarios."""
    return workspace.root / FOLDER


def save(workspace: Workspace, name: str, suppose: Suppose, *, cycle: str, was: Mapping[str, str]) -> Path:
    """Keep what is supposed under `name`, in the place of an earlier scenario of that name; returns the file."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = Scenario(name=_checked(name), suppose=suppose, saved_at=moment, cycle=cycle, was=dict(was))
    return _write(path_of(workspace, name), made)


def load(workspace: Workspace, name: str) -> Scenario:
    """Return the scenario called `name`; raises UsageError with near names where there is none."""
    path = path_of(workspace, name)
    if not path.is_file():
        known = [one.stem for one in _files(workspace)]
        near = difflib.get_close_matches(name, known, 3, 0.5)
        raise UsageError(
            f"there is no scenario “{name}”", hint=", ".join(near or known) or "foreshore what-if … --save NAME"
        )
    return read(path)


def listed(workspace: Workspace) -> list[Scenario]:
    """Return all scenarios of the workspace by name."""
    return [read(path) for path in _files(workspace)]


def remove(workspace: Workspace, name: str) -> None:
    """Forget the scenario called `name`."""
    load(workspace, name)
    path_of(workspace, name).unlink()


def exported(workspace: Workspace, name: str, target: Path) -> Path:
    """Write the scenario called `name` to a file that another workspace can take in."""
    found = load(workspace, name)
    if target.is_dir():
        target = target / f"{found.name}.toml"
    try:
        return _write(target, found)
    except OSError as error:
        raise ForeshoreError(f"it cannot be written: {error.strerror or error}", where=str(target)) from error


def imported(workspace: Workspace, source: Path, name: str = "") -> Scenario:
    """Take in a scenario from a file, under its own name or `name`; raises UsageError where it is none."""
    found = read(source)
    chosen = msgspec.structs.replace(found, name=_checked(name or found.name))
    _write(path_of(workspace, chosen.name), chosen)
    return chosen


def read(path: Path) -> Scenario:
    """Return the scenario in a file; raises UsageError with what is wrong in it, NothingToRead without a file."""
    try:
        if path.stat().st_size > _MOST:
            raise UsageError("this file is too large for a scenario", where=str(path))
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise NothingToRead("there is no such file", where=str(path)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"this is no scenario: {error}", where=str(path)) from error
    try:
        found = msgspec.convert(content, Scenario)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"this is no scenario: {error}", where=str(path), hint="foreshore scenarios --export writes one"
        ) from error
    if found.format > FORMAT:
        raise UsageError(
            f"this scenario is of a newer format ({found.format})", where=str(path), hint="a newer foreshore"
        )
    _checked(found.name)
    return found


def path_of(workspace: Workspace, name: str) -> Path:
    """Return the file of a scenario; raises UsageError for what cannot be a name."""
    return folder(workspace) / f"{_checked(name)}.toml"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or name.endswith((".", " ")):
        raise UsageError(f"“{name}” cannot be the name of a scenario", hint="letters, digits, spaces, dots and dashes")
    return name


def _files(workspace: Workspace) -> list[Path]:
    home = folder(workspace)
    return sorted(home.glob("*.toml")) if home.is_dir() else []


def _write(path: Path, scenario: Scenario) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, _toml(scenario).encode())
    return path


def _toml(scenario: Scenario) -> str:
    """Write a scenario so that a person can read and change it."""
    head = ("name", "format", "saved_at", "cycle")
    lines = ["# What is supposed; run it with: foreshore what-if --name …"]
    lines += [f"{key} = {_value(getattr(scenario, key))}" for key in head]
    lines += ["", "[suppose]"]
    for kind, texts in scenario.suppose.as_json().items():
        lines += [f"{kind} = [", *(f"  {_value(text)}," for text in texts), "]"]
    if scenario.was:
        lines += ["", "# What these were when it was saved.", "[was]"]
        lines += [f"{_value(text)} = {_value(was)}" for text, was in scenario.was.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """Write text or a whole number as TOML; JSON's escapes of text are TOML's, but for DEL."""
    return str(value) if isinstance(value, int) else msgspec.json.encode(str(value)).decode().replace("\x7f", "\\u007F")

"""`sources.toml`: which live sources a workspace has, and their settings; never a password."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, replace
from pathlib import Path
from typing import Any

from foreshore import plugins
from foreshore.discovery.patterns import regex
from foreshore.errors import UsageError

CONNECTORS = "foreshore.discovery.connectors"
FILE = "sources.toml"
_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HEADER = regex(r"""^\s*\[\s*sources\s*\.\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*\]""")
_SECRET = regex(r"passw|secret|token|api_?key|access_?key|private_?key|credential", re.IGNORECASE)
COMMON = ("connector", "site", "allow", "requests_per_second", "tries", "seconds")


@dataclass(frozen=True)
class Source:
    """One live source: its name, its connector with settings, and what the framework needs to know.

    `allow` lists private networks that may be asked, `tries` bounds how often one call is asked when
    the other side says that it is busy, `seconds` bounds one call.
    """

    name: str
    kind: str
    connector: Any
    site: str = ""  # empty: the only one there is
    allow: tuple[str, ...] = ()
    requests_per_second: float = 10.0
    tries: int = 8
    seconds: float = 60.0


def connectors() -> Mapping[str, Any]:
    """All connectors by name."""
    return plugins.load(CONNECTORS)


def load(root: Path) -> dict[str, Source]:
    """Return the sources of the workspace at `root` by name; raises UsageError naming file and line."""
    path = root / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read ({error})", where=str(path), hint="write it as UTF-8 text") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is not valid TOML: {error}", where=str(path), hint=_EXAMPLE) from error
    lines = _Lines(path, text)
    for name in values:
        if name != "sources":
            raise UsageError(f"“{name}” is not known here", where=lines.of("", name), hint=_EXAMPLE)
    tables = values.get("sources", {})
    if not isinstance(tables, dict):
        raise UsageError("“sources” has to be tables", where=lines.of("", "sources"), hint=_EXAMPLE)
    return {name: _source(name, table, lines) for name, table in tables.items()}


_EXAMPLE = '[sources.cloud] with connector = "aws" below it; see `foreshore collect --help`'


class _Lines:
    """Where settings stand, for errors."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def of(self, source: str, setting: str = "") -> str:
        """`FILE, line N` of a setting of a source, or of the source's header."""
        inside = not source
        best = 0
        for number, line in enumerate(self._lines, 1):
            header = _HEADER.match(line)
            if line.lstrip().startswith("["):
                inside = not source
                if header and source and source in header.groups():
                    inside, best = True, number
            if inside and setting and re.match(rf"\s*\[?[\"']?{re.escape(setting)}[\"']?\s*[\]=.]", line):
                return f"{self._path}, line {number}"
        return f"{self._path}, line {best}" if best else str(self._path)


def _source(name: str, table: Any, lines: _Lines) -> Source:
    if not isinstance(table, dict):
        raise UsageError(f"“{name}” has to be a table", where=lines.of("", name), hint=_EXAMPLE)
    if not _NAME.fullmatch(name):
        raise UsageError(f"“{name}” cannot be a name", where=lines.of(name), hint="letters, digits, - _ and .")
    for setting in table:
        if _SECRET.search(setting):
            raise UsageError(
                f"“{setting}” looks like a credential, which must not stand here",
                where=lines.of(name, setting),
                hint="remove it; credentials are taken from the environment or the vendor's own settings",
            )
    known = connectors()
    kind = table.get("connector")
    if not isinstance(kind, str) or kind not in known:
        what = f"there is no connector “{kind}”" if kind is not None else "names no connector"
        raise UsageError(what, where=lines.of(name, "connector"), hint=f"one of {', '.join(known) or 'none'}")
    source = Source(name, kind, known[kind])
    common: Source = _set(source, {key: value for key, value in table.items() if key in COMMON[1:]}, name, lines)
    own = {key: value for key, value in table.items() if key not in COMMON}
    _check(common, name, lines)
    return replace(common, connector=_configured(known[kind], own, name, lines))


def _check(source: Source, name: str, lines: _Lines) -> None:
    for network in source.allow:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise UsageError(
                f"“{network}” is not a network", where=lines.of(name, "allow"), hint='allow = ["10.20.0.0/16"]'
            ) from None
    for setting, value, least, most in (
        ("requests_per_second", source.requests_per_second, 0.01, 1000.0),
        ("tries", float(source.tries), 1.0, 50.0),
        ("seconds", source.seconds, 0.1, 3600.0),
    ):
        if not least <= value <= most:
            raise UsageError(
                f"{setting} = {value:g} is out of range", where=lines.of(name, setting),
                hint=f"from {least:g} to {most:g}",
            )  # fmt: skip


def _configured(plugin: Any, table: Mapping[str, Any], name: str, lines: _Lines) -> Any:
    """The connector with its settings; its own `check()` may refuse them with a UsageError."""
    found = _set(plugin, table, name, lines)
    check = getattr(found, "check", None)
    if check is not None:
        try:
            check()
        except UsageError as error:
            raise UsageError(error.what, where=lines.of(name, error.where), hint=error.hint) from error
    return found


def _set(target: Any, table: Mapping[str, Any], name: str, lines: _Lines) -> Any:
    known = {one.name: one for one in fields(target)}
    chosen = {}
    for setting, value in table.items():
        if setting not in known:
            listed = ", ".join((*COMMON, *(one for one in known if one != "version")))
            raise UsageError(f"“{setting}” is no setting", where=lines.of(name, setting), hint=f"known: {listed}")
        chosen[setting] = _typed(known[setting], getattr(target, setting), value, lines.of(name, setting))
    return replace(target, **chosen)


def _typed(field: Field[Any], default: Any, value: Any, where: str) -> Any:
    """`value` in the type of the field's default; raises UsageError where it is of another."""
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise UsageError(f"{field.name} has to be a list of texts", where=where, hint=f'{field.name} = ["a", "b"]')
    kind: type = type(default)
    if kind is float and type(value) in (int, float):
        return float(value)
    if type(value) is kind:
        return value
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}
    raise UsageError(f"{field.name} has to be {words.get(kind, kind.__name__)}", where=where, hint="see the help")

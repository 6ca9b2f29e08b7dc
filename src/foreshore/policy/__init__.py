"""The policy: every number and table that the calculation uses, as data with ranges and sources.

Shipped files stand beside this module. A team's own file of the same name in the `policy/` folder
of the workspace replaces ours whole; it is checked against ours first, entry by entry.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tomllib
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from foreshore.errors import BadPolicy
from foreshore.policy import checks, outcomes, rulebook

Rows = list[dict[str, str]]
RULES = "rules"  # the folder of the attack graph's rules; together they are the setting `rulebook`


class Parameter(NamedTuple):
    """One number: its value, its 5 and 95 % points, where it comes from, and its unit."""

    value: float
    low: float
    high: float
    source: str
    unit: str = "probability"


class Policy:
    """All numbers and tables in force, by dotted name: file, then section, then entry."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Rows]) -> None:
        self._settings = settings
        self._tables = tables
        self.digest = hashlib.sha256(_canonical(self.content()).encode()).hexdigest()

    @cached_property
    def rulebook(self) -> rulebook.Rulebook:
        """The rules of the attack graph."""
        return rulebook.read(self._settings["rulebook"])

    def number(self, name: str) -> Parameter:
        """Return the parameter called `name`, for example `likelihood.usable.kev`.

        A row of the table of weakness classes is one as well: `weakness_classes.NAME`.
        """
        if name.startswith("weakness_classes."):
            return self._class(name)
        return _parameter(self._find(name), name)

    def numbers(self, prefix: str) -> dict[str, Parameter]:
        """Return the parameters below `prefix`, by the rest of their names, in the file's order."""
        found: dict[str, Parameter] = {}
        _collect(self._find(prefix), "", found)
        if not found:
            raise BadPolicy("there is no number below this name", where=prefix)
        return found

    def names(self, prefix: str) -> list[str]:
        """Return the names of the entries directly below `prefix`, in the file's order."""
        section = self._find(prefix)
        return list(section) if isinstance(section, dict) else []

    def text(self, name: str) -> str:
        """Return the setting called `name`, which has to be text."""
        found = self._find(name)
        if not isinstance(found, str):
            raise BadPolicy("this entry is not text", where=name)
        return found

    def values(self, name: str) -> tuple[Any, ...]:
        """Return the list called `name`, for example `reach.remote_management.ports`."""
        found = self._find(name)
        if not isinstance(found, list):
            raise BadPolicy("this entry is not a list", where=name)
        return tuple(found)

    def table(self, name: str) -> Rows:
        """Return the rows of the table `name` (a CSV file), each a dictionary by column."""
        if name not in self._tables:
            raise BadPolicy("there is no such table", where=name, hint=", ".join(sorted(self._tables)))
        return [dict(row) for row in self._tables[name]]

    def content(self) -> dict[str, Any]:
        """Return everything as plain values, to be copied with a cycle; `restore` is the way back."""
        return {
            "settings": {name: dict(entries) for name, entries in self._settings.items()},
            "tables": {name: [dict(row) for row in rows] for name, rows in self._tables.items()},
        }

    def _class(self, name: str) -> Parameter:
        for row in self._tables["weakness_classes"]:
            if row["name"] == name.partition(".")[2]:
                return Parameter(float(row["value"]), float(row["low"]), float(row["high"]), row["source"])
        raise BadPolicy("there is no such class of weaknesses", where=name)

    def _find(self, name: str) -> Any:
        found: Any = self._settings
        for part in name.split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise BadPolicy("there is no such entry in the policy", where=name)
            found = found[part]
        return found


def load(folder: Path | None = None, *, only: str = "") -> Policy:
    """Return the shipped policy with the team's files in `folder` in the place of ours; `only` takes just that file.

    Raises BadPolicy, naming file and entry, for an unknown file or entry, a missing one, a number
    outside its unit's bounds, or one that is not between its own low and high.
    """
    settings, tables = _shipped()
    for path in _own_files(folder, only):
        text = text_of(path)
        if path.parent.name == RULES:
            settings["rulebook"][path.stem] = toml(text, f"{RULES}/{path.name}")
        elif path.suffix == ".toml":
            own = toml(text, path.name)
            checks.against(own, settings[path.stem], path.name, path.stem)
            settings[path.stem] = own
        else:
            found = rows(text, path.name)
            checks.columns(found, tables[path.stem], path.name)
            tables[path.stem] = found
    for name, entries in settings.items():
        checks.numbers(entries, f"{name}.toml")
    _check_tables(tables)
    outcomes.obligations(settings["obligations"])
    outcomes.requirements(settings["standards"]["requirement"])
    whole = Policy(settings, tables)
    _check_rules(whole)
    return whole


def _check_rules(found: Policy) -> None:
    """Read all rules; the number that each names has to be there, and has to be a chance."""
    for rule in found.rulebook.rules:
        where = f"{RULES}/{rule.family}.toml, {rule.name}.chance"
        try:
            unit = found.number(rule.chance).unit
        except BadPolicy as error:
            raise BadPolicy(f"“{rule.chance}” is no number of the policy", where=where) from error
        if unit not in ("probability", "share"):
            raise BadPolicy(f"a chance is a probability, not a {unit}", where=where)


def _check_tables(tables: Mapping[str, Rows]) -> None:
    checks.classes(tables["weakness_classes"], "weakness_classes.csv")
    checks.precedence(tables["precedence"], "precedence.csv")
    for name in ("ssvc_deployer", "cisa_coordinator", "bod_26_04"):
        outcomes.decision_table(name, tables[name])
    outcomes.mapping(tables["decision_points"])
    outcomes.threat(tables["threat_metric"])


def restore(content: Mapping[str, Any]) -> Policy:
    """Return the policy whose `content` was copied with an earlier cycle.

    Entries that a newer version needs and the copy does not have are the shipped ones.
    """
    settings, tables = _shipped()
    return Policy(_completed(content["settings"], settings), {**tables, **content["tables"]})


def _completed(own: Any, shipped: Any) -> Any:
    if not isinstance(own, Mapping) or not isinstance(shipped, Mapping) or checks.is_number(shipped):
        return own
    kept = {name: _completed(own[name], shipped.get(name)) for name in own}
    return {**kept, **{name: entry for name, entry in shipped.items() if name not in own}}


def shipped_digest() -> str:
    """Return a digest of the shipped files: another one means that entries may be there which a copy lacks."""
    folder = resources.files(__name__)
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in shipped_files())).hexdigest()[:16]


def shipped_files() -> list[str]:
    """Return the names of the shipped files, in alphabetical order."""
    folder = resources.files(__name__)
    found = [one.name for one in folder.iterdir()]
    found += [f"{RULES}/{one.name}" for one in (folder / RULES).iterdir()]
    return sorted(name for name in found if name.endswith((".toml", ".csv")))


def _shipped() -> tuple[dict[str, dict[str, Any]], dict[str, Rows]]:
    settings: dict[str, dict[str, Any]] = {"rulebook": {}}
    tables: dict[str, Rows] = {}
    for name in shipped_files():
        text = (resources.files(__name__) / name).read_text(encoding="utf-8")
        stem, suffix = name.rsplit(".", 1)
        if name.startswith(f"{RULES}/"):
            settings["rulebook"][stem.partition("/")[2]] = toml(text, name)
        elif suffix == "toml":
            settings[stem] = toml(text, name)
        else:
            tables[stem] = rows(text, name)
    return settings, tables


def _own_files(folder: Path | None, only: str) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    own = [one for one in own_files(folder) if only in ("", one.relative_to(folder).as_posix())]
    for path in own:
        if path.parent.name != RULES and path.name not in shipped_files():
            raise BadPolicy(
                "no policy file has this name", where=path.name, hint="one of " + ", ".join(shipped_files())
            )
    return own


def own_files(folder: Path) -> list[Path]:
    """Return a team's files in `folder`, in alphabetical order, and after them its rules."""
    if not folder.is_dir():
        return []
    rules = folder / RULES
    found = [one for one in sorted(folder.iterdir()) if one.suffix in (".toml", ".csv") and one.is_file()]
    return found + (sorted(rules.glob("*.toml")) if rules.is_dir() else [])


def text_of(path: Path) -> str:
    """Return the text of an own file; raises BadPolicy where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPolicy(f"this file cannot be read as text ({error})", where=path.name) from error


def toml(text: str, name: str) -> dict[str, Any]:
    """Return what a file of settings says; raises BadPolicy where it is not valid TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPolicy(f"this is not valid TOML: {error}", where=name) from error


def rows(text: str, name: str) -> Rows:
    """Return the rows of a table; raises BadPolicy where it is not valid CSV."""
    lines = csv.DictReader(io.StringIO(text), strict=True)
    try:
        found = [dict(row) for row in lines]
    except csv.Error as error:
        raise BadPolicy(f"this is not valid CSV: {error}", where=f"{name}:{lines.line_num}") from error
    for number, row in enumerate(found, start=2):
        if None in row or None in row.values():
            raise BadPolicy("this row has another number of columns", where=f"{name}:{number}")
    return found


def _parameter(entry: Any, name: str) -> Parameter:
    if not checks.is_number(entry):
        raise BadPolicy("this entry is not a number with value, low, high and source", where=name)
    return Parameter(
        float(entry["value"]),
        float(entry["low"]),
        float(entry["high"]),
        entry["source"],
        entry.get("unit", "probability"),
    )


def _collect(section: Any, prefix: str, found: dict[str, Parameter]) -> None:
    if not isinstance(section, Mapping):
        return
    for name, entry in section.items():
        if checks.is_number(entry):
            found[prefix + name] = _parameter(entry, prefix + name)
        else:
            _collect(entry, f"{prefix}{name}.", found)


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)

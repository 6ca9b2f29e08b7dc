"""Mapping files: a person says which column or JSON path of another tool's file is which of our words.

A mapping is TOML. `[fields]` gives the words of the generic CSV and JSON their values: a column or path, or a table
with one of `from`, `join`, `first`, `constant`, and with `values`, `default`, `date`, `split`, `optional`. `[match]`
names `columns` or `keys` by which files are recognised; `each` names the list in a JSON document.
See docs/howto/map-your-own-file.md.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore.discovery import jsonpath
from foreshore.discovery.patterns import regex
from foreshore.errors import UsageError

if TYPE_CHECKING:
    from foreshore.discovery.mapped import Mapped

FOLDER = "mappings"
FORMS = ("csv", "json", "lines")
_SOURCES = ("from", "join", "first", "constant")
_OPTIONS = {*_SOURCES, "with", "values", "default", "date", "split", "optional"}
_TOP = {"tool", "format", "each", "observed_at", "match", "fields"}
_DATES = ("first_seen", "last_seen", "fixed_at")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """How one of our words gets its value."""

    name: str
    sources: tuple[str, ...] = ()
    joined: bool = False
    with_: str = " "
    constant: str | None = None
    values: Mapping[str, str] = {}
    default: str | None = None
    date: str = ""
    split: str = ""
    optional: bool = False


class MappingFile(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping that is valid; `digest` is of its text."""

    name: str
    tool: str
    digest: str
    text: bytes
    format: str = ""  # csv, json or lines; '' as the file looks
    each: str = ""
    observed_at: Field | None = None
    columns: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()


def load(path: Path) -> Mapped:
    """The reader that the mapping file `path` makes; raises UsageError naming file and line."""
    from foreshore.discovery.mapped import Mapped

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot be opened ({error.strerror or type(error).__name__})", where=str(path), hint="check the path"
        ) from error
    return Mapped(parse(data, str(path)))


def of_workspace(root: Path) -> dict[str, Mapped]:
    """The mappings in a workspace's folder `mappings`, by reader name; raises UsageError for one that is wrong."""
    found: dict[str, Mapped] = {}
    for path in sorted((root / FOLDER).glob("*.toml")):
        one = load(path)
        if not one.mapping.columns and not one.mapping.keys:
            raise UsageError(
                "has no [match] section, so it could never be chosen",
                where=str(path),
                hint='say which files it is for: [match] columns = ["..."] or keys = ["..."]',
            )
        found[one.name] = one
    return found


def parse(data: bytes, where: str) -> MappingFile:
    """A mapping from its text; raises UsageError naming `where` and the line."""
    try:
        text = data.decode("utf-8-sig")
        found = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8 text", where=where, hint="save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        at = f"{where}, line {line.group(1)}" if line else where
        what = re.sub(r"\s*\(at [^)]*\)", "", str(error)) or "it is nested too deeply"
        raise UsageError(f"is not valid TOML: {what}", where=at, hint="compare it with the example") from error
    return _Parsing(text, where).mapping(found, hashlib.sha256(data).hexdigest(), data)


class _Parsing:
    """One mapping under examination: finds the line of what is wrong."""

    def __init__(self, text: str, where: str) -> None:
        self._lines = text.splitlines()
        self._where = where

    def wrong(self, what: str, key: str = "", section: str = "", hint: str = "") -> UsageError:
        line = self._line(key, section)
        where = f"{self._where}, line {line}" if line else self._where
        return UsageError(what, where=where, hint=hint or "see the guide on mapping your own file")

    def _line(self, key: str, section: str) -> int:
        """The line on which `key` of `section` is written; else the section's; 0 for neither."""
        header = regex(rf'^\s*\[\s*"?{re.escape(section)}"?\s*(?:\.\s*"?{re.escape(key)}"?\s*)?\]')
        pair = regex(rf'^\s*(?:{re.escape(section)}\s*\.\s*)?["\']?{re.escape(key)}["\']?\s*[=.]')
        inside, of_section = not section, 0
        for number, line in enumerate(self._lines, 1):
            if section and header.match(line):
                inside, of_section = True, number
                if key and re.search(rf'\.\s*"?{re.escape(key)}"?\s*\]', line):
                    return number
            elif line.lstrip().startswith("["):
                inside = False
            elif key and (inside or line.lstrip().startswith(f"{section}.")) and pair.match(line):
                return number
        return of_section

    def mapping(self, found: dict[str, Any], digest: str, data: bytes) -> MappingFile:
        for key in found.keys() - _TOP:
            raise self.wrong(f"“{key}” is nothing that a mapping knows", key, hint=_near(key, _TOP))
        name = Path(self._where).stem or "mapping"
        fields = self._fields(found.get("fields"))
        columns, keys = self._match(found.get("match"))
        form, each = self._text(found, "format"), self._text(found, "each")
        if form and form not in FORMS:
            raise self.wrong(f"“{form}” is no format", "format", hint=" or ".join(FORMS))
        form = form or ("csv" if columns else "json" if each or keys else "")
        self._paths(found, form, each, fields)
        observed = found.get("observed_at")
        return MappingFile(
            name=name, tool=self._text(found, "tool") or name, digest=digest, text=data, format=form, each=each,
            observed_at=self.field("observed_at", observed, "") if observed is not None else None,
            columns=columns, keys=keys, fields=tuple(fields),
        )  # fmt: skip

    def _fields(self, fields: Any) -> list[Field]:
        from foreshore.discovery.readers._generic_columns import ASSETS, COLUMNS

        if not isinstance(fields, dict) or not fields:
            raise self.wrong("has no [fields]", "", "fields", 'for example [fields] asset = "Host" and title = "Name"')
        made = []
        for key, value in fields.items():
            if key not in COLUMNS:
                raise self.wrong(f"“{key}” is none of our words", key, "fields", _near(key, COLUMNS))
            made.append(self.field(key, value))
        if not fields.keys() & {*ASSETS, "title", "rule", "weakness"}:
            raise self.wrong("names neither an asset nor a finding", "", "fields", "add asset, title or weakness")
        return made

    def _text(self, found: dict[str, Any], key: str) -> str:
        value = found.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(f"{key} is not a text", key)
        return value.strip()

    def _match(self, match: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if match is None:
            return (), ()
        if not isinstance(match, dict) or len(match) != 1 or match.keys() - {"columns", "keys"}:
            raise self.wrong("[match] needs either columns or keys", "", "match")
        key, names = next(iter(match.items()))
        if not isinstance(names, list) or not names or not all(isinstance(one, str) and one.strip() for one in names):
            raise self.wrong(f"{key} is not a list of names", key, "match")
        found = tuple(one.strip() for one in names)
        return (found, ()) if key == "columns" else ((), found)

    def _paths(self, found: dict[str, Any], form: str, each: str, fields: list[Field]) -> None:
        """For JSON every source has to be a path; raises UsageError for one that is none."""
        if form == "csv":
            for key in ("each", "observed_at"):
                if found.get(key):
                    raise self.wrong(f"{key} is for JSON, and this mapping is for CSV", key)
            return
        if form == "":
            return  # it may be for CSV, whose columns can have any name
        for key, text in [(one.name, text) for one in fields for text in one.sources]:
            self._path(key, text, "fields")
        if each:
            path = self._path("each", each, "")
            if path.up or path.key or None not in path.steps:
                raise self.wrong("each has to name a list with [*]", "each", hint='for example each = "data.items[*]"')

    def _path(self, key: str, text: str, section: str) -> jsonpath.Path:
        try:
            return jsonpath.parse(text)
        except ValueError as error:
            raise self.wrong(str(error), key, section) from error

    def field(self, key: str, value: Any, section: str = "fields") -> Field:
        """One field; raises UsageError for what it cannot be."""
        if isinstance(value, str):
            value = {"from": value}
        if not isinstance(value, dict):
            raise self.wrong(f"{key} is neither a name nor a table", key, section)
        for option in value.keys() - _OPTIONS:
            raise self.wrong(f"{key}: “{option}” is no option", key, section, _near(option, _OPTIONS))
        given = [one for one in _SOURCES if one in value]
        if len(given) != 1:
            raise self.wrong(f"{key} needs one of {', '.join(_SOURCES)}", key, section)
        values = value.get("values", {})
        if not isinstance(values, dict):
            raise self.wrong(f"{key}: values is not a table", key, section, 'for example values = { P1 = "critical" }')
        of = given[0]
        return Field(
            name=key,
            sources=() if of == "constant" else self._sources(key, of, value[of], section),
            constant=self._scalar(key, value[of], section) if of == "constant" else None,
            joined=of == "join",
            with_=self._scalar(key, value.get("with", " "), section),
            values={one.strip().casefold(): self._scalar(key, said, section) for one, said in values.items()},
            default=self._scalar(key, value["default"], section) if "default" in value else None,
            date=self._date(key, value.get("date", ""), section),
            split=self._scalar(key, value.get("split", ""), section),
            optional=value.get("optional", False) is True or of == "first",
        )

    def _sources(self, key: str, of: str, source: Any, section: str) -> tuple[str, ...]:
        listed = [source] if of == "from" else source
        if (
            not isinstance(listed, list)
            or not listed
            or not all(isinstance(one, str) and one.strip() for one in listed)
        ):
            raise self.wrong(f"{key}: {of} needs {'a name' if of == 'from' else 'a list of names'}", key, section)
        return tuple(listed)

    def _scalar(self, key: str, value: Any, section: str) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, (str, int, float)):
            raise self.wrong(f"{key}: a text or number is needed", key, section)
        return str(value)

    def _date(self, key: str, value: Any, section: str) -> str:
        if not value:
            return ""
        if key not in (*_DATES, "observed_at"):
            raise self.wrong(f"{key} is no time, so it has no date format", key, section, f"one of {', '.join(_DATES)}")
        try:
            if "%" not in value:
                raise ValueError
            datetime.strptime(datetime(2026, 11, 23, 13, 5).strftime(value), value)  # noqa: DTZ001, DTZ007
        except (ValueError, TypeError, re.error) as error:
            raise self.wrong(
                f"{key}: “{value}” is no date format", key, section, 'for example "%d.%m.%Y" or "%m/%d/%Y %H:%M"'
            ) from error
        return str(value)


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(sorted(known))}"

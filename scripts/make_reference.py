"""Writes the generated pages of docs/reference from the program itself; `--check` fails where one is stale."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "foreshore"
MADE = "<!-- Made by scripts/make_reference.py; `make docs` writes it again. -->"


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or with `--check` tell which are stale; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    check = parser.parse_args(arguments).check
    stale = []
    for name, text in pages().items():
        place = OUT / name
        if place.exists() and place.read_text("utf-8") == text:
            continue
        stale.append(name)
        if not check:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8", newline="\n")
    for place in sorted((OUT / "rules").glob("*.md")):
        if f"rules/{place.name}" not in pages():
            stale.append(f"rules/{place.name}")
            if not check:
                place.unlink()
    for name in stale:
        print(f"docs/reference/{name}: {'stale, run make docs' if check else 'written'}", file=sys.stderr)
    return 1 if check and stale else 0


def pages() -> dict[str, str]:
    """Return every generated page by file name."""
    made = {
        "cli.md": cli(), "tables.md": tables(), "policy.md": policy(), "readers.md": readers(),
        "generic.md": generic(), "firewall.md": firewall(), "sources.md": sources(),
        "rules.md": rules(), "words.md": words(), "access.md": access(), **rule_pages(),
    }  # fmt: skip
    return {name: text.rstrip() + "\n" for name, text in made.items()}


def access() -> str:
    """Roles and permissions, from the table that the service decides by."""
    from foreshore.server.roles import DESCRIBED, PERMISSIONS, ROLES

    lines = [
        "# Roles and what they may", "", MADE, "",
        "Each over everything, or over business units, teams and services: [who sees what](../explain/access.md).", "",
        "| role | is for somebody who |", "|---|---|",
    ]  # fmt: skip
    lines += [f"| {name} | {text} |" for name, text in DESCRIBED.items()]
    lines += ["", f"| permission | lets one | {' | '.join(ROLES)} |", f"|---|---|{'---|' * len(ROLES)}"]
    for name, text in PERMISSIONS.items():
        marks = " | ".join("yes" if name in held else "" for held in ROLES.values())
        lines.append(f"| `{name}` | {text} | {marks} |")
    return "\n".join(lines)


def cli() -> str:
    """The command line, from its own help."""
    import typer

    from foreshore.cli.main import app

    lines = [
        "# The command line",
        "",
        MADE,
        "",
        "Data goes to stdout, words to stderr. Every verb that prints data takes",
    ]
    lines += ["`--json`. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing to read, 10 the policy says stop.", ""]
    for name, command in _commands(typer.main.get_command(app), "foreshore"):
        lines += [f"## {name}", "", *_help(command), ""]
    return "\n".join(lines)


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in sorted(group.commands):
        command = group.commands[name]
        if not hasattr(command, "commands"):
            yield f"{prefix} {name}", command
            continue
        if command.invoke_without_command:  # `assets` lists, and holds `assets show` as well
            yield f"{prefix} {name}", command
        yield from _commands(command, f"{prefix} {name}")


def _help(command: Any) -> list[str]:
    text = inspect.cleandoc(command.help or "")
    lines = [*(re.sub(r"^(Examples?): (.*)$", r"\1: `\2`", line) for line in text.splitlines()), ""]
    lines += ["| argument or option | meaning |", "|---|---|"]
    for parameter in command.params:
        if parameter.name == "help":
            continue
        option = parameter.param_type_name == "option"
        names = ", ".join(f"`{one}`" for one in (parameter.opts if option else [parameter.name.upper()]))
        lines.append(f"| {names} | {_cell(getattr(parameter, 'help', '') or '')} |")
    return lines


def tables() -> str:
    """The lake's tables, from tables.py and cycle_tables.py and their comments."""
    from foreshore.tables import SCHEMA_VERSION, TABLES

    texts = [(SOURCE / name).read_text("utf-8") for name in ("tables.py", "cycle_tables.py")]
    comments = _column_comments("\n".join(texts))
    lines = ["# Tables of the facts", "", MADE, ""]
    lines += [f"Schema version {SCHEMA_VERSION}. Times are UTC without zone; keys are signed 63-bit integers.", ""]
    for name, columns in TABLES.items():
        lines += [f"## {name}", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [f"| {one.name} | {one.type} | {_cell(comments.get((name, one.name), ''))} |" for one in columns]
        lines.append("")
    return "\n".join(lines)


def _column_comments(text: str) -> dict[tuple[str, str], str]:
    found = {}
    table = ""
    for line in text.splitlines():
        if begun := re.match(r'\s+"(\w+)": """', line):
            table = begun[1]
        elif noted := re.match(r"\s+(\w+) [A-Z(), \[\]]+#\s*(.+)", line):
            found[table, noted[1]] = noted[2]
    return found


def policy() -> str:
    """Every number of the policy with its range and source, and every table."""
    lines = ["# The policy: numbers and tables", "", MADE, ""]
    lines += [
        "A file of the same name in a workspace's `policy/` replaces what it names. The range is what a cycle",
        "",
    ]
    lines[-1] = "draws from; `value` is used where one number is needed."
    for path in sorted((SOURCE / "policy").glob("*.toml")):
        lines += [
            "",
            f"## {path.name}",
            "",
            *_opening(path),
            "",
            "| name | value | range | source |",
            "|---|---|---|---|",
        ]
        content = tomllib.loads(path.read_text("utf-8"))
        lines += [
            f"| {name} | {value} | {between} | {_cell(source)} |"
            for name, value, between, source in _entries(content, "")
        ]
    for path in sorted((SOURCE / "policy").glob("*.csv")):
        rows = list(csv.reader(_data(path)))
        lines += [
            "",
            f"## {path.name}",
            "",
            f"{len(rows) - 1} rows. Columns: {', '.join(f'`{one}`' for one in rows[0])}.",
        ]
    return "\n".join(lines)


def _opening(path: Path) -> list[str]:
    found = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        found.append(line.lstrip("# ").rstrip())
    return found


def _data(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def _entries(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, entry in section.items():
        if isinstance(entry, dict) and "value" in entry:
            unit = f" {entry['unit']}" if "unit" in entry else ""
            between = f"{entry['low']} to {entry['high']}" if "low" in entry else ""
            yield prefix + name, f"{entry['value']}{unit}", between, str(entry.get("source", ""))
        elif isinstance(entry, dict):
            yield from _entries(entry, f"{prefix}{name}.")
        else:
            yield prefix + name, _cell(str(entry)), "", ""


def readers() -> str:
    """The readers, from their docstrings."""
    from foreshore.discovery.sniffing import readers as known

    lines = ["# Formats that can be read", "", MADE, "", "The format is found by content, never by name.", ""]
    lines += ["Columns of your own tables: [plain CSV and JSON](generic.md), [firewall rules](firewall.md).", ""]
    for name, reader in sorted(known().items()):
        lines += [f"## {name}", "", f"Version {reader.version}.", "", *_described(reader), ""]
    return "\n".join(lines)


def _described(plugin: Any) -> list[str]:
    """The lines of what a plugin says of itself: what its module is about, then what it does."""
    own = inspect.cleandoc(type(plugin).__doc__ or "")
    about = inspect.cleandoc(getattr(inspect.getmodule(type(plugin)), "__doc__", "") or "")
    if own.startswith(f"{type(plugin).__name__}("):  # made by dataclass: no words of its own
        own = ""
    parts = [part for part in (about, own) if part]
    return [line.rstrip() for line in "\n\n".join(parts).splitlines()]


def generic() -> str:
    """The columns of plain CSV and JSON, from the reader's own table and columns.csv."""
    from foreshore.discovery.readers import _generic_columns, _generic_values

    allowed = {
        "asset_kinds": _generic_values._ASSET_KINDS, "kinds": _generic_values.KINDS, "proofs": _generic_values.PROOFS,
    }  # fmt: skip
    filled = {name: ", ".join(sorted(held)) for name, held in allowed.items()}
    rows = list(csv.DictReader((ROOT / "scripts" / "columns.csv").read_text("utf-8").splitlines()))
    told, known = [row["column"] for row in rows], list(_generic_columns.COLUMNS)
    if told != known:
        raise SystemExit(f"scripts/columns.csv and _generic_columns.py differ: {sorted({*told} ^ {*known}) or 'order'}")
    lines = ["# Plain CSV and JSON", "", MADE, "", *_GENERIC.splitlines()]
    for about in ("asset", "finding"):
        lines += ["", f"## The {about}", "", "| column | meaning | other names |", "|---|---|---|"]
        for row in rows:
            if row["about"] == about:
                others = ", ".join(f"`{one}`" for one in _generic_columns.COLUMNS[row["column"]])
                lines.append(f"| `{row['column']}` | {_cell(row['meaning'].format(**filled))} | {others} |")
    return "\n".join(lines)


_GENERIC = """\
`generic_csv` and `generic_json` read what no other reader knows, if its columns or fields are mostly among these and say enough:
a title or rule with a severity, or a weakness with an asset, a component or a title. Letter case, blanks, dashes and underscores
in names do not count. JSON is a list of objects, an object with a list `findings`, or one object a line.

A column that is not known is named among the skipped, never guessed. Times are ISO 8601; a date that can be read two ways is left
out and named. A row with an asset and no finding tells of the asset alone. Such a file closes nothing unless you say what it covers.

For other names and values, write a [mapping file](../howto/map-your-own-file.md).

```
asset,address,cve,severity,component,version,first_seen
shop.example.com,203.0.113.10,CVE-2021-44228,critical,pkg:maven/org.apache.logging.log4j/log4j-core,2.14.1,2026-11-03
```"""


def firewall() -> str:
    """The columns of firewall rules, from the reader's own lists."""
    from foreshore.discovery.readers import firewall_csv as reader

    meanings = (
        (reader._SOURCE, True, "Where from: an address, a range (10.0.0.0/8, 10.0.0.1-10.0.0.9), the name of a zone of the "
                               "scope, `internet` or `any`; several with blanks, commas or semicolons"),
        (reader._TARGET, True, "Where to, likewise"),
        (("action",), True, f"{', '.join(sorted(reader._ALLOW))}; or {', '.join(sorted(reader._DENY))}"),
        (reader._PORTS, False, "80, 8000-8100, tcp/443 or a name from below; several likewise; empty or `any`: all"),
        (("protocol",), False, "tcp, udp, icmp, sctp or any; it may stand with the port"),
        (reader._ORDER, False, "The place of the rule: the first that fits decides; without it the order of the lines"),
        (("enabled",), False, "no: the rule is skipped, and named"),
        (reader._COMMENT, False, "Kept beside the rule, and shown in explanations"),
    )  # fmt: skip
    lines = ["# Firewall rules as CSV", "", MADE, "", *_described(reader.PLUGIN)[:1], ""]
    lines += ["| column | needed | meaning | other names |", "|---|---|---|---|"]
    for names, needed, meaning in meanings:
        others = ", ".join(f"`{one}`" for one in names[1:])
        lines.append(f"| `{names[0]}` | {'yes' if needed else ''} | {_cell(meaning)} | {others} |")
    named = ", ".join(f"{name} ({port})" for name, port in sorted(reader._SERVICES.items()))
    return "\n".join(
        [*lines, "", f"Names of services: {named}.", "", "See [how to add them](../howto/firewall-rules.md)."]
    )


def sources() -> str:
    """The live sources, from their docstrings and settings."""
    from foreshore.discovery.connectors import _sources

    lines = ["# Live sources", "", MADE, "", "A table `[sources.NAME]` in a workspace's `sources.toml` for each; see"]
    lines += [
        "`foreshore collect`. Credentials never stand there. Settings of all:",
        "",
        *_settings(_sources.Source, 3),
    ]
    for name, connector in sorted(_sources.connectors().items()):
        lines += ["", f"## {name}", "", *_described(connector), "", *_settings(type(connector), 0)]
    return "\n".join(lines)


def _settings(kind: Any, first: int) -> list[str]:
    rows = [one for one in dataclasses.fields(kind)[first:] if one.name != "version"]
    return ["| setting | default |", "|---|---|", *(f"| `{one.name}` | `{_default(one)}` |" for one in rows)]


def _default(one: dataclasses.Field[Any]) -> str:
    """A default as TOML writes it."""
    import json

    if one.default is dataclasses.MISSING:
        return "needed"
    return json.dumps(one.default)


def rules() -> str:
    """The attack rules: those that are code, and those that are data, each with a page of its own."""
    lines = ["# Steps of an attacker", "", MADE, "", "Each rule is one kind of step in the attack graph. "
             "[How to write one](../howto/rules.md).", "", "## Machines, networks and services", "",
             "These follow from ports, weaknesses and credentials; they are part of the program, their chances of the "
             "[policy](policy.md).", ""]  # fmt: skip
    lines += ["| rule | ATT&CK | what happens | removed by |", "|---|---|---|---|"]
    for row in csv.DictReader(_data(SOURCE / "policy" / "rules.csv")):
        named = _technique(row["technique"], row["technique_name"])
        lines.append(f"| {row['rule']} | {_cell(named)} | {_cell(row['sentence'])} | {_cell(row['removed_by'])} |")
    book = _rulebook()
    for family in dict.fromkeys(one.family for one in book.rules):
        lines += ["", f"## {family.replace('_', ' ').capitalize()}", "", "| rule | ATT&CK | what happens | chance |",
                  "|---|---|---|---|"]  # fmt: skip
        lines += [
            f"| [{one.name}](rules/{one.name}.md) | {_cell(_technique(one.technique, one.technique_name))} "
            f"| {_cell(one.sentence)} | {_chance(one.chance).value:g} |"
            for one in book.rules if one.family == family
        ]  # fmt: skip
    if book.idle:
        lines += ["", "## Not a step by itself", "", "| relation | why |", "|---|---|"]
        lines += [f"| {_cell(name)} | {_cell(why)} |" for name, why in book.idle.items()]
    return "\n".join(lines)


def rule_pages() -> dict[str, str]:
    """One page for each rule that is data."""
    return {f"rules/{one.name}.md": _rule_page(one) for one in _rulebook().rules}


def _rule_page(one: Any) -> str:
    number = _chance(one.chance)
    range_of = "certain" if number.low == number.high == 1 else f"{number.value:g} ({number.low:g} to {number.high:g})"
    source = f"<{one.source}>" if one.source.startswith("https://") else one.source
    named = "" if one.chance.startswith("rulebook.") else f" (`{one.chance}` of the policy)"
    return "\n".join([
        f"# {one.title}", "", MADE, "", f"{one.sentence}.", "",
        f"- **Must hold**: {', '.join(f'`{_term(term)}`' for term in one.holds)}",
        f"- **Must be known**: {', '.join(f'`{_term(term)}`' for term in one.where) or 'nothing else'}",
        f"- **Gains**: {', '.join(f'`{_term(term)}`' for term in one.gains)}",
        f"- **Chance, given that an attacker is there and tries**: {range_of}{named}: {_cell(number.source)}",
        f"- **ATT&CK**: {_technique(one.technique, one.technique_name) or 'no technique: this follows by itself'}",
        f"- **Removed by**: {one.removed_by}",
        f"- **Source**: {source}",
        "", f"Rule `{one.name}` of the family [{one.family}](../rules.md); "
        f"[how to change it or add one](../../howto/rules.md).",
    ])  # fmt: skip


def _term(term: Any) -> str:
    from foreshore.policy.rulebook import Text, Variable

    words = [
        one.name if isinstance(one, Variable) else f"'{'|'.join(one.alternatives)}'" if isinstance(one, Text) else str(one)
        for one in term.arguments
    ]  # fmt: skip
    return f"{'not ' if term.negated else ''}{term.name}({', '.join(words)})"


@lru_cache(maxsize=1)
def _policy() -> Any:
    from foreshore import policy

    return policy.load(None)


def _rulebook() -> Any:
    return _policy().rulebook


def _chance(name: str) -> Any:
    return _policy().number(name)


def _technique(number: str, name: str) -> str:
    link = f"[{number}](https://attack.mitre.org/techniques/{number.replace('.', '/')}/)" if number else ""
    return f"{link} {name}".strip()


def words() -> str:
    """The glossary."""
    lines = ["# Words", "", MADE, "", "One noun for one thing, in code, tables, commands and pages.", ""]
    lines += ["| word | what it means |", "|---|---|"]
    text = (ROOT / "scripts" / "words.csv").read_text("utf-8")
    lines += [f"| {row['word']} | {_cell(row['meaning'])} |" for row in csv.DictReader(text.splitlines())]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())

"""The documentation says what the program does: commands exist, verbs are described, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_COMMAND = re.compile(r"^(?:\s*)(foreshore [a-z].*)$", re.MULTILINE)
_INLINE = re.compile(r"`(foreshore [^`]+)`")
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def _commands() -> dict[str, Any]:
    from foreshore.cli.main import app

    found: dict[str, Any] = {}

    def walk(group: Any, prefix: str) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                walk(command, f"{prefix}{name} ")
            if not hasattr(command, "commands") or command.invoke_without_command:
                found[prefix + name] = command  # `assets` is a verb of its own, and holds others

    walk(typer.main.get_command(app), "")
    return found


def _shown(page: Path) -> Iterator[list[str]]:
    text = page.read_text("utf-8")
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    lines = [one for block in blocks for one in _COMMAND.findall(block)] + _INLINE.findall(text)
    for line in lines:
        try:
            words = shlex.split(line.split("·")[0])
        except ValueError:
            pytest.fail(f"{page.name}: {line} is no command line")
        yield words[1:]


def _verb(words: list[str], known: dict[str, Any]) -> str:
    return next((name for name in (" ".join(words[:2]), words[0]) if name in known), "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_shown_exist_with_their_options(page: Path) -> None:
    known = _commands()
    groups = {name.split()[0] for name in known}
    for words in _shown(page):
        if words[0].startswith("-") or (len(words) == 1 and words[0] in groups):
            continue
        verb = _verb(words, known)
        assert verb, f"foreshore {' '.join(words)}"
        options = {one for parameter in known[verb].params for one in (*parameter.opts, *parameter.secondary_opts)} | {
            "--help"
        }
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= options, f"foreshore {' '.join(words)}"


def test_every_verb_is_in_the_reference_with_an_example() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    for name, command in _commands().items():
        assert f"## foreshore {name}\n" in text
        assert "Example" in (command.help or ""), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_every_decision_record_is_listed() -> None:
    text = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert records
    for record in records:
        assert f"({record.name})" in text


def test_every_format_is_in_the_readme() -> None:
    from foreshore.discovery.sniffing import readers

    text = (ROOT / "README.md").read_text("utf-8")
    missing = [name for name in readers() if f"`{name}`" not in text]
    assert missing == []


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_is_up_to_date() -> None:
    assert _generator().main(["--check"]) == 0


def test_every_page_is_linked_from_the_overview() -> None:
    text = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = sorted(one.relative_to(ROOT / "docs").as_posix() for one in (ROOT / "docs").glob("*/*.md"))
    missing = [one for one in pages if not one.startswith(("adr/", "explain/")) and f"({one})" not in text]
    assert pages
    assert missing == []


def test_a_column_without_a_meaning_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from foreshore.discovery.readers import _generic_columns

    monkeypatch.setitem(_generic_columns.COLUMNS, "colour", ())
    with pytest.raises(SystemExit, match="colour"):
        _generator().generic()


def test_the_sample_of_plain_csv_is_read_whole(tmp_path: Path) -> None:
    from foreshore import facts
    from foreshore.discovery.readers.generic_csv import PLUGIN
    from foreshore.discovery.reports import FileReport

    text = (ROOT / "docs" / "reference" / "generic.md").read_text("utf-8")
    sample = re.findall(r"```\n(.*?)```", text, re.DOTALL)[0]
    path = tmp_path / "sample.csv"
    path.write_text(sample, "utf-8")
    assert PLUGIN.sniff(sample.encode())
    records = list(PLUGIN.read(FileReport("sample.csv", path)))
    assert [one.severity for one in records if isinstance(one, facts.Finding)] == ["critical"]
    assert not [one for one in records if isinstance(one, facts.Skipped)]


def test_check_notices_a_stale_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _generator()
    monkeypatch.setattr(module, "OUT", tmp_path)
    assert module.main([]) == 0
    assert module.main(["--check"]) == 0
    page = tmp_path / "words.md"
    page.write_text(page.read_text("utf-8") + "more\n", "utf-8")
    assert module.main(["--check"]) == 1

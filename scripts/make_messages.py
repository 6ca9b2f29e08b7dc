"""Collects the words of the pages for translation and compiles what is translated; `--check` fails where work is left.

Templates and Python are read, every catalogue below web/locale gets the words that are new and loses those that
nothing shows any more, translations are kept, and the binary file that the service reads is written beside it.
GNU gettext is not needed.
"""

from __future__ import annotations

import argparse
import ast
import re
import struct
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "foreshore"
LOCALE = SOURCE / "web" / "locale"
_TEMPLATE_CALL = re.compile(
    r"""\b(_|gettext|ngettext|pgettext|npgettext)\(((?:u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*"|[\s,]|count)+)\)"""
)
_LITERAL = re.compile(r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_FIELD = re.compile(r"%\(\w+\)[sd]|%%")
_ENTRY = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$')


@dataclass
class Message:
    """One text of the pages: its context, singular, plural, and its translations (one, or one for each form)."""

    singular: str
    plural: str = ""
    context: str = ""
    translations: tuple[str, ...] = ()
    fuzzy: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one text."""
        return self.context, self.singular

    @property
    def translated(self) -> bool:
        """Is every form translated, and certain?"""
        return not self.fuzzy and len(self.translations) == (2 if self.plural else 1) and all(self.translations)


def main(arguments: list[str] | None = None) -> int:
    """Write the catalogues again, or with `--check` tell what is left to do; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where words are missing or stale")
    check = parser.parse_args(arguments).check
    left: list[str] = []
    shown = collected()
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        header, known = read(path.read_text("utf-8"))
        messages = merged(shown, known)
        text, binary = written(header, messages), compiled(header, messages)
        place = path.with_suffix(".mo")
        name = path.relative_to(ROOT).as_posix()
        if check and (path.read_text("utf-8") != text or not place.exists() or place.read_bytes() != binary):
            left.append(f"{name} is stale: run make docs")
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
            place.write_bytes(binary)
        left += [f"{name}: not translated: {one.singular!r}" for one in messages if not one.translated]
        left += [f"{name}: other fields than its original: {one.singular!r}" for one in messages if not _fits(one)]
    print("\n".join(left), end="\n" if left else "", file=sys.stderr)
    return 1 if left else 0


def collected() -> list[Message]:
    """Return every text that a page can show, by template and module, without repeats."""
    found: dict[tuple[str, str], Message] = {}
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix not in (".html", ".txt", ".py") or "static" in path.parts:
            continue
        text = path.read_text("utf-8")
        for one in in_python(text) if path.suffix == ".py" else in_template(text):
            known = found.setdefault(one.key, one)
            known.plural = known.plural or one.plural
    return list(found.values())


def in_python(text: str) -> Iterator[Message]:
    """Yield the literal texts of gettext calls in a module, also where the function goes by another name."""
    if "django.utils.translation" not in text:
        return
    tree = ast.parse(text)
    names = {
        one.asname or one.name: one.name.removesuffix("_lazy")
        for part in ast.walk(tree) if isinstance(part, ast.ImportFrom) and part.module == "django.utils.translation"
        for one in part.names
    }  # fmt: skip
    for part in ast.walk(tree):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in names:
            literals = [one.value for one in part.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            yield from _message(names[part.func.id], literals)


def in_template(text: str) -> Iterator[Message]:
    """Yield the texts of a template's translation tags, as Django itself names them."""
    from django.utils.translation.template import templatize

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = templatize(text)
    for name, inside in _TEMPLATE_CALL.findall(calls):
        literals = [str(ast.literal_eval(one)) for one in _LITERAL.findall(inside)]
        yield from _message("gettext" if name == "_" else name, literals)


def _message(function: str, literals: list[str]) -> Iterator[Message]:
    context = literals.pop(0) if function in ("pgettext", "npgettext") and literals else ""
    if function in ("gettext", "pgettext") and literals:
        yield Message(literals[0], context=context)
    elif function in ("ngettext", "npgettext") and len(literals) >= 2:
        yield Message(literals[0], literals[1], context)


def merged(shown: Iterable[Message], known: Iterable[Message]) -> list[Message]:
    """Return the shown texts with the translations that are known for them, in the order of their words."""
    before = {one.key: one for one in known}
    made = []
    for one in shown:
        old = before.get(one.key)
        keep = old is not None and bool(old.plural) == bool(one.plural)
        made.append(Message(one.singular, one.plural, one.context, old.translations if old and keep else (),
                            bool(old and keep and old.fuzzy)))  # fmt: skip
    return sorted(made, key=lambda one: (one.singular.casefold(), one.singular, one.context))


def _fits(message: Message) -> bool:
    """Has every translation the fields of its original? A singular may say "one" instead of its number."""
    wanted = set(_FIELD.findall(message.plural or message.singular)) - {"%%"}
    for form, text in enumerate(message.translations):
        fields = set(_FIELD.findall(text)) - {"%%"}
        if text and not (fields == wanted or (form == 0 and message.plural and fields <= wanted)):
            return False
    return True


def read(text: str) -> tuple[str, list[Message]]:
    """Return a catalogue's header (comment lines and fields, as text) and its messages."""
    blocks = [one for one in re.split(r"\n\s*\n", text.strip()) if 'msgid "' in one]
    return blocks[0], [_read_one(block) for block in blocks[1:] if not block.startswith("#~")]


def _read_one(block: str) -> Message:
    parts: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        found = _ENTRY.match(line)
        if found:
            name = found.group(1)
            parts[name] = _plain(found.group(2))
        elif line.startswith('"') and name:
            parts[name] += _plain(line)
    forms = tuple(text for name, text in parts.items() if name.startswith("msgstr"))
    return Message(parts["msgid"], parts.get("msgid_plural", ""), parts.get("msgctxt", ""), forms if any(forms) else (),
                   bool(re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE)))  # fmt: skip


def written(header: str, messages: Iterable[Message]) -> str:
    """Return the catalogue as text."""
    return "\n\n".join([header, *(_entry(one) for one in messages)]) + "\n"


def _entry(message: Message) -> str:
    flags = [*(["fuzzy"] if message.fuzzy else []), *(["python-format"] if _FIELD.search(message.singular) else [])]
    lines = ["#, " + ", ".join(flags)] if flags else []
    lines += [f"msgctxt {_quoted(message.context)}"] if message.context else []
    lines.append(f"msgid {_quoted(message.singular)}")
    if not message.plural:
        return "\n".join([*lines, f"msgstr {_quoted(''.join(message.translations[:1]))}"])
    forms = [*message.translations, "", ""][:2]
    lines.append(f"msgid_plural {_quoted(message.plural)}")
    return "\n".join(lines + [f"msgstr[{number}] {_quoted(text)}" for number, text in enumerate(forms)])


def compiled(header: str, messages: Iterable[Message]) -> bytes:
    """Return the catalogue as the binary file of gettext: a sorted table of originals and one of translations."""
    fields = "".join(_plain(line) for line in header.splitlines() if line.startswith('"'))
    pairs = {"": fields}
    for one in messages:
        if one.translated:
            context = f"{one.context}\4" if one.context else ""
            plural = f"\0{one.plural}" if one.plural else ""
            pairs[f"{context}{one.singular}{plural}"] = "\0".join(one.translations)
    rows = sorted((key.encode(), text.encode()) for key, text in pairs.items())
    start = 28 + 16 * len(rows)
    tables, texts = [], b""
    for column in (0, 1):
        for row in rows:
            tables.append(struct.pack("<2I", len(row[column]), start + len(texts)))
            texts += row[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, 0)
    return head + b"".join(tables) + texts


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _plain(quoted: str) -> str:
    return str(ast.literal_eval(quoted))


if __name__ == "__main__":
    sys.exit(main())

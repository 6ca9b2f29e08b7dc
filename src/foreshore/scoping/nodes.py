"""YAML with line numbers: a document as items that check themselves and collect what is wrong.

An item that is not what was asked for notes a problem and answers with something harmless, so that
one reading finds all mistakes. Aliases, several documents, deep nesting and huge files are refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import yaml

from foreshore.errors import BadScope

LARGEST = 1 << 20
DEEPEST = 16
_NULL = "tag:yaml.org,2002:null"
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of `known`, or all of them where none is near."""
    choices = list(known)
    near = difflib.get_close_matches(word, choices, 1)
    if near:
        return f"did you mean “{near[0]}”?"
    return "known: " + ", ".join(choices) if choices else ""


@dataclass
class Problems:
    """What is wrong with a file, by line."""

    file: str
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, sentence: str, hint: str = "") -> None:
        """Note one mistake."""
        self.found.append((line, f"{sentence}; {hint}" if hint else sentence))

    def stop_if_any(self) -> None:
        """Raise `BadScope` with all mistakes, each with its file and line."""
        if not self.found:
            return
        lines = [f"{self.file}:{line}: {sentence}" for line, sentence in sorted(set(self.found))]
        first = f"{self.file}:{min(self.found)[0]}"
        if len(lines) == 1:
            raise BadScope(lines[0].removeprefix(first + ": "), where=first)
        raise BadScope(f"{len(lines)} mistakes\n  " + "\n  ".join(lines), where=first)


@dataclass(frozen=True)
class Item:
    """One value of the document; `what` names it for people."""

    node: yaml.Node
    problems: Problems
    what: str

    @property
    def line(self) -> int:
        """The line it starts on, the first being 1."""
        return int(self.node.start_mark.line) + 1

    def wrong(self, sentence: str, hint: str = "") -> None:
        """Note that something about this item is wrong."""
        self.problems.add(self.line, f"{self.what} {sentence}", hint)

    @property
    def empty(self) -> bool:
        """Whether nothing is written after the colon."""
        return bool(self.node.tag == _NULL)

    def entries(self) -> list[tuple[str, Item]]:
        """The members of a mapping in their order; a key that comes twice is a mistake."""
        if self.empty:
            return []
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong("has to be a set of “name: value” entries")
            return []
        members: dict[str, Item] = {}
        for key, value in self.node.value:
            line = int(key.start_mark.line) + 1
            if not isinstance(key, yaml.ScalarNode) or not key.value.strip():
                self.problems.add(line, f"{self.what} has a key that is no plain word")
            elif key.value.strip() in members:
                self.problems.add(line, f"“{key.value}” is there twice in {self.what}", "keep one of the two")
            else:
                name = key.value.strip()
                members[name] = Item(value, self.problems, f"“{name}”")
        return list(members.items())

    def fields(self, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Item]:
        """The members of a mapping whose keys are known; any other key is a mistake."""
        members = dict(self.entries())
        for name, item in members.items():
            if name not in known:
                self.problems.add(self._line_of(name), f"“{name}” is not known in {self.what}", nearest(name, known))
            elif item.empty and name in required:
                item.wrong("is empty")
        if isinstance(self.node, yaml.MappingNode) or self.empty:
            for name in required:
                if name not in members:
                    self.wrong(f"needs “{name}”")
        return {name: item for name, item in members.items() if name in known and not item.empty}

    def _line_of(self, name: str) -> int:
        for key, _ in self.node.value:
            if key.value == name:
                return int(key.start_mark.line) + 1
        return self.line

    def items(self, each: str = "") -> list[Item]:
        """The members of a list, each named `each` with its number."""
        if self.empty:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong("has to be a list", "[one, two] or lines that begin with “- ”")
            return []
        name = each or f"an entry of {self.what}"
        return [Item(node, self.problems, name) for node in self.node.value]

    @property
    def scalar(self) -> bool:
        """Whether it is a single value."""
        return isinstance(self.node, yaml.ScalarNode) and not self.empty

    def text(self, choices: Sequence[str] = ()) -> str:
        """A word or text as it is written, so that `no` and `10` stay text; one of `choices`."""
        if not isinstance(self.node, yaml.ScalarNode) or self.empty:
            self.wrong("has to be a text")
            return choices[0] if choices else ""
        text = str(self.node.value).strip()
        if not text:
            self.wrong("is empty")
        elif choices and text not in choices:
            self.wrong(f"cannot be “{text}”", nearest(text, choices))
        else:
            return text
        return choices[0] if choices else ""

    def texts(self) -> tuple[str, ...]:
        """A list of texts; a single one may stand without brackets."""
        if self.scalar:
            return (self.text(),)
        return tuple(item.text() for item in self.items())

    def number(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        raw = str(self.node.value).replace("_", "") if isinstance(self.node, yaml.ScalarNode) else ""
        try:
            value = float(raw)
        except ValueError:
            self.wrong(f"has to be a number, not “{raw}”" if raw else "has to be a number")
            return low
        if not low <= value <= high:
            self.wrong(f"has to be from {low:g} to {high:g}, not {raw}")
            return low
        return value

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.number(low, high)
        if value != int(value):
            self.wrong(f"has to be a whole number, not {value:g}")
        return int(value)

    def flag(self) -> bool:
        """Yes or no."""
        word = self.text().lower()
        if word and word not in (*_TRUE, *_FALSE):
            self.wrong(f"has to be yes or no, not “{word}”")
        return word in _TRUE

    def day(self) -> date | None:
        """A date."""
        raw = self.text()
        try:
            return date.fromisoformat(raw)
        except ValueError:
            if raw:
                self.wrong(f"has to be a date, not “{raw}”", "for example 2026-12-31")
            return None


def document(text: str, file: str) -> Item | None:
    """Return the document in `text`, None where it holds nothing; raises `BadScope` with the line."""
    if len(text) > LARGEST:
        raise BadScope("is larger than a scope can sensibly be (1 MiB)", where=file)
    try:
        _refuse_tricks(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        why = error.problem or error.context or "it cannot be read"
        raise BadScope(f"is not valid YAML: {why}", where=f"{file}:{line}", hint="check the indents") from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise BadScope(f"is not valid YAML: {reason}", where=f"{file}:1", hint="save it as UTF-8 text") from None
    return None if node is None else Item(node, Problems(file), "the scope")


def _refuse_tricks(text: str, file: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{file}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent):
            raise BadScope("uses an alias (*name), which a scope may not", where=where, hint="write it out")
        if getattr(event, "tag", None) is not None:
            raise BadScope("uses a tag (!name), which a scope may not", where=where, hint="remove the tag")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > DEEPEST:
            raise BadScope("is nested too deeply", where=where, hint="the layout that `foreshore init` writes")
        if documents > 1:
            raise BadScope("begins a second document", where=where, hint="remove the line ---")

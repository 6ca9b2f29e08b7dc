"""What the scanners of code and of secrets have in common: untyped rows, code as a place, findings of secrets."""

from __future__ import annotations

import re
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming, _packages
from foreshore.facts import Finding, Proof, Severity, Sighting, Word

Row = dict[str, Any]
_LONGEST_TITLE = 160
_LONGEST_CODE = 4_000
_NUMBERED = regex(r"^\s*\d+[ \t]?", re.MULTILINE)
_CWE = regex(r"\bCWE[-_ ]?(\d{1,5})\b", re.IGNORECASE)
# Hard-coded credentials, passwords and keys: what such a rule points at is the secret itself.
_OF_SECRETS = frozenset({259, 321, 798})


def unnamed(tool: str) -> Sighting:
    """The code that `tool` looked at, where the report never says whose it is."""
    return _packages.project(f"repository scanned by {tool}")


def inner(row: object, *names: str) -> Any:
    """The value at the end of `names` in nested objects; None where there is none."""
    for name in names:
        row = row.get(name) if isinstance(row, dict) else None
    return row


def text(row: object, *names: str) -> str:
    """The text at the end of `names`, stripped."""
    return _naming.text(inner(row, *names)).strip()


def objects(value: object) -> list[Row]:
    """The objects of a list, other members left out; nothing where `value` is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def title(*texts: str) -> str:
    """The first of `texts` that says something: its first sentence, or its beginning."""
    line = next((joined for one in texts if (joined := " ".join(one.split()))), "")
    if len(line) > _LONGEST_TITLE:
        line = line.split(". ")[0]
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


def words(rule: str) -> str:
    """The last part of a rule's dotted name as words."""
    return re.sub(r"[-_]+", " ", rule.rpartition(".")[2]).strip() or rule


def code(snippet: str, *, numbered: bool = False) -> str:
    """A piece of code without what moves: the numbers of its lines, and white space around it."""
    snippet = snippet[:_LONGEST_CODE]
    return "\n".join(
        line.strip() for line in (_NUMBERED.sub("", snippet) if numbered else snippet).strip().splitlines()
    )


def cwes(value: object) -> tuple[int, ...]:
    """CWE numbers of `CWE-79: words`, of a number, or of a list of them."""
    found: list[int] = []
    for one in value if isinstance(value, list) else [value]:
        shown = _naming.text(one)
        numbers = _CWE.findall(shown)
        found.extend(int(number) for number in numbers)
        if not numbers:
            found.extend(_naming.cwes([shown]))
    return tuple(dict.fromkeys(one for one in found if one))


def is_secret(numbers: tuple[int, ...]) -> bool:
    """Is the weakness a secret that stands in the code?"""
    return not _OF_SECRETS.isdisjoint(numbers)


def secret(
    asset: str,
    rule: str,
    path: str,
    *,
    title: str = "",
    line: int = 0,
    severity: Severity = "high",
    proof: Proof = "unknown",
    word: Word = "open",
    cwes: tuple[int, ...] = (798,),
    url: str = "",
    references: tuple[str, ...] = (),
    first_seen: object = None,
    tags: tuple[str, ...] = (),
) -> Finding:
    """A secret by rule and place only; neither it nor what stands around it is ever taken."""
    return Finding(
        asset=asset,
        rule=rule,
        title=title or words(rule),
        severity=severity,
        kind="secret",
        path=_packages.slashed(path),
        line=line,
        url=url,
        cwes=cwes,
        proof=proof,
        word=word,
        references=references,
        first_seen=_naming.when(first_seen),
        tags=tags,
    )

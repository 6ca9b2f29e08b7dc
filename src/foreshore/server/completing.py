"""What could come next in a query: fields, comparisons and values, from what one may see."""

from __future__ import annotations

import re
from typing import Any

from foreshore.query.fields import EXPOSURES, OPERATORS, Field
from foreshore.query.words import LONGEST, show
from foreshore.server import paging
from foreshore.server.access import Access
from foreshore.server.shelf import Shelf

MOST = 12
_VALUED = ("site", "zone", "owner")  # text fields with few values
_COMPARED = re.compile(
    r"""(?:^|[\s(])(?P<field>\w+)\s*(?P<op>!=|<=|>=|!~|=|<|>|~|in\s*\()\s*(?P<part>"?[^\s"()=<>!~,]*)$"""
)
_AFTER_FIELD = re.compile(r"(?:^|[\s(])(?P<field>\w+)\s+$")
_WORD = re.compile(r"(?:^|[\s(])(?P<part>[\w]*)$")
_JOINTS = ("and", "or", "not")


def complete(shelf: Shelf, access: Access, text: str) -> list[dict[str, str]]:
    """Return what could stand next: `text` is the whole query then, `said` the new word, `meaning` what it is.

    Only values of exposures that `access` may see are offered.
    """
    text = text[-LONGEST:]
    if compared := _COMPARED.search(text):
        field = EXPOSURES.get(compared["field"].lower())
        return _values(shelf, access, text, field, compared["part"]) if field else []
    after = _AFTER_FIELD.search(text)
    if after and (field := EXPOSURES.get(after["field"].lower())):
        return [_one(text, "", f"{op} ", op, field.meaning) for op in OPERATORS[field.kind]]
    part = _WORD.search(text)
    return _fields(text, part["part"]) if part else []


def _one(text: str, part: str, new: str, said: str, meaning: str) -> dict[str, str]:
    return {"text": text[: len(text) - len(part)] + new, "said": said, "meaning": meaning}


def _fields(text: str, part: str) -> list[dict[str, str]]:
    folded = part.lower()
    joints = [_one(text, part, f"{word} ", word, "") for word in _JOINTS if folded and word.startswith(folded)]
    fitting = [one for one in EXPOSURES.values() if one.name.startswith(folded)]
    fitting += [one for one in EXPOSURES.values() if folded and folded in one.name and one not in fitting]
    return [*joints, *(_one(text, part, f"{one.name} ", one.name, one.meaning) for one in fitting)][:MOST]


def _values(shelf: Shelf, access: Access, text: str, field: Field, part: str) -> list[dict[str, str]]:
    folded = part.strip('"').lower()
    if field.kind == "flag":
        words: list[Any] = ["yes", "no"]
    elif field.words:
        words = list(field.words)
    elif field.name in _VALUED:
        found = paging.facets(shelf, access, "", [field.name], most=200)[field.name]
        words = [one["value"] for one in found if one["value"]]
    else:
        words = {"day": ["today"], "age": ["7d", "30d", "90d"], "share": ["1%"]}.get(field.kind, [])
    fitting = [word for word in words if folded in str(word).lower()][:MOST]
    quoted = field.kind == "text"
    return [
        _one(text, part, (show(str(word), percent=False) if quoted else str(word)) + " ", str(word), "")
        for word in fitting
    ]  # fmt: skip

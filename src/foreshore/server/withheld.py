"""Names of persons taken out of texts for those who may not see them: the key of the person stands instead."""

from __future__ import annotations

import re
from typing import Any

import orjson

from foreshore import keys
from foreshore.server.access import Access
from foreshore.server.shelf import Shelf

_SHORTEST = 3  # a shorter name would be found in any word


def names(shelf: Shelf, access: Access, found: Any) -> Any:
    """Return `found` (of lists, dicts and texts) with the names of identities replaced, where these are withheld."""
    if access.may("names"):
        return found
    text = orjson.dumps(found, default=str).decode().lower()
    rows = shelf.ask(
        f"select asset, name from assets where kind = 'identity' and len(name) >= {_SHORTEST} and contains(?, lower(name)) "
        "order by len(name) desc, name",
        [text],
    )
    if not rows:
        return found
    by_name = {str(row["name"]).lower(): keys.show("AST", row["asset"]) for row in rows}
    pattern = re.compile("|".join(re.escape(name) for name in by_name), re.IGNORECASE)
    return _replaced(found, pattern, by_name)


def _replaced(value: Any, pattern: re.Pattern[str], by_name: dict[str, str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(lambda hit: by_name[hit.group(0).lower()], value)
    if isinstance(value, dict):
        return {key: _replaced(one, pattern, by_name) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, pattern, by_name) for one in value]
    return value

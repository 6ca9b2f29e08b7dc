"""Making a scope the one in force: read, compared with the last, taken down as a version."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.scoping.difference import difference
from foreshore.scoping.scope import parse

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions
    from foreshore.decisions.records import ScopeInForce


def apply(
    decisions: Decisions,
    text: str,
    *,
    author: str,
    shipped: Mapping[str, facts.Attacker] = MappingProxyType({}),
    obligations: Collection[str] | None = None,
) -> ScopeInForce:
    """Apply `text` as `author`; the answer says whether it is `new` and how it differs.

    Raises `BadScope` and changes nothing where the text is not valid.
    """
    scope = parse(text, shipped=shipped, obligations=obligations).scope
    last = decisions.current_scope()
    changes = difference(last.written if last else None, scope)
    return decisions.apply_scope(text, scope, author=author, difference=changes)

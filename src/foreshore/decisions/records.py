"""What the decisions answer with: plain values that know nothing of Django."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from foreshore import facts


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One word on an exposure as it stands in its history; `decided_at` is UTC without zone."""

    number: int
    exposure: int
    disposition: str
    because: str
    author: str
    decided_at: datetime
    until: date | None
    like_this: str
    evidence: dict[str, Any]
    supersedes: int | None
    assumes: tuple[facts.Assumption, ...] = ()


class ScopeInForce(msgspec.Struct, frozen=True, kw_only=True):
    """The scope that was applied last.

    `scope` is what stages see: its targets are only the approved ones that have not ended.
    `written` is the scope as it was written, with all targets it asks for.
    """

    version: int
    digest: str
    text: str
    scope: facts.Scope
    written: facts.Scope
    difference: tuple[str, ...]
    author: str
    applied_at: datetime
    new: bool = False  # made by this very call


class JobReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The acknowledgement of one job."""

    job: str
    kind: str
    at: datetime
    detail: dict[str, Any]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the audit chain."""

    number: int
    at: datetime
    author: str
    what: str
    payload: dict[str, Any]
    digest: str


class BrokenLink(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where the audit chain does not hold; `number` 0 is the chain as a whole."""

    number: int
    why: str

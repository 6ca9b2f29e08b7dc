"""Versions of the scope, and a person's leave to test targets actively."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime

import msgspec

from foreshore import facts
from foreshore.decisions import audit, checks
from foreshore.decisions.models import Approval, ScopeVersion
from foreshore.decisions.records import ScopeInForce
from foreshore.errors import UsageError


def apply_scope(alias: str, text: str, scope: facts.Scope, *, author: str, difference: Sequence[str]) -> ScopeInForce:
    """Make `text`, which says `scope`, the scope in force; the same text again changes nothing."""
    who = checks.author(author)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with audit.writing(alias):
        last = ScopeVersion.objects.using(alias).order_by("-id").first()
        parsed = json.loads(msgspec.json.encode(scope))
        if last is not None and last.digest == digest and last.parsed == parsed:
            return _in_force(alias, last, datetime.now(UTC), new=False)
        row = ScopeVersion(
            text=text,
            digest=digest,
            parsed=parsed,
            difference=list(difference),
            author=who,
            applied_at=datetime.now(UTC),
        )
        row.audit = audit.record(
            alias,
            what="scope apply",
            author=who,
            at=row.applied_at,
            detail={"digest": digest, "difference": list(difference)},
            rows={"scopes": [row]},
        )
        row.save(using=alias)
        return _in_force(alias, row, datetime.now(UTC), new=True)


def current_scope(alias: str, as_of: datetime | None) -> ScopeInForce | None:
    """The scope applied last; targets as approved at `as_of` (now)."""
    last = ScopeVersion.objects.using(alias).order_by("-id").first()
    return None if last is None else _in_force(alias, last, as_of or datetime.now(UTC), new=False)


def scope_versions(alias: str) -> list[ScopeInForce]:
    """Every scope that was ever applied, oldest first; targets as approved now."""
    now = datetime.now(UTC)
    rows = ScopeVersion.objects.using(alias).order_by("id")
    return [_in_force(alias, row, now, new=False) for row in rows]


def _in_force(alias: str, row: ScopeVersion, as_of: datetime, *, new: bool) -> ScopeInForce:
    written = msgspec.convert(row.parsed, facts.Scope)
    return ScopeInForce(
        version=row.pk,
        digest=row.digest,
        text=row.text,
        scope=msgspec.structs.replace(written, targets=_approved(alias, written, audit.utc(as_of))),
        written=written,
        difference=tuple(row.difference),
        author=row.author,
        applied_at=audit.naive(row.applied_at),
        new=new,
    )


def _target_key(target: facts.Target) -> str:
    return audit.canonical({"what": target.what.lower(), "ports": sorted(target.ports)})


def _approved(alias: str, written: facts.Scope, as_of: datetime) -> tuple[facts.Target, ...]:
    """The targets of the scope whose latest word is leave, neither of which has ended."""
    if not written.targets:
        return ()
    rows = Approval.objects.using(alias).filter(decided_at__lte=as_of).order_by("decided_at", "id")
    latest = {row.target: row for row in rows}
    today = as_of.date()

    def holds(target: facts.Target) -> bool:
        word = latest.get(_target_key(target))
        ends = [day for day in (target.until, word.until if word else None) if day is not None]
        return word is not None and word.allowed and all(day >= today for day in ends)

    return tuple(
        msgspec.structs.replace(target, authorised_by=latest[_target_key(target)].author)
        for target in written.targets
        if holds(target)
    )


def approve_targets(
    alias: str,
    targets: Sequence[facts.Target],
    *,
    because: str,
    author: str,
    until: date | None,
    allowed: bool,
) -> tuple[facts.Target, ...]:
    """Give (or take back) leave to test `targets`; returns the targets that now hold."""
    told, who = checks.reason(because), checks.author(author)
    now = datetime.now(UTC)
    last_day = checks.end("approval", until, now, 0)
    with audit.writing(alias):
        last = ScopeVersion.objects.using(alias).order_by("-id").first()
        written = msgspec.convert(last.parsed, facts.Scope) if last else facts.Scope("")
        _refuse_unwritten(written, targets)
        rows = [
            Approval(
                target=_target_key(target),
                allowed=allowed,
                because=told,
                author=who,
                decided_at=now,
                until=last_day,
            )
            for target in targets
        ]
        link = audit.record(
            alias,
            what="approve targets" if allowed else "revoke targets",
            author=who,
            at=now,
            detail={"targets": [row.target for row in rows], "because": told},
            rows={"approvals": list(rows)},
        )
        for row in rows:
            row.audit = link
            row.save(using=alias)
        return _approved(alias, written, now)


def _refuse_unwritten(written: facts.Scope, targets: Sequence[facts.Target]) -> None:
    known = {_target_key(target) for target in written.targets}
    if not targets:
        raise UsageError("no target was named", hint="one that stands under targets in scope.yaml")
    for target in targets:
        if _target_key(target) not in known:
            raise UsageError(
                f"{target.what} is not a target of the scope in force",
                hint="write it under targets in scope.yaml and run `foreshore scope apply`",
            )

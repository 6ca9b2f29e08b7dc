"""The audit chain: every writing adds one link, whose digest covers the link before and the rows written.

The digest is SHA-256 over the previous digest, the time, the author, the kind and the canonical JSON
payload. The payload holds, for each table written to, the number of rows and a digest over their
contents, so that a changed, added or lost row shows as well as a changed link. A chain that was cut
off at its end looks whole by itself: `verify(anchor)` takes a digest that was noted elsewhere (each
cycle notes the head).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.db import connections, models, transaction

from foreshore.decisions.models import Approval, AssetReview, Audit, Disposition, Receipt, ScopeVersion
from foreshore.decisions.records import AuditEntry, BrokenLink

BEGINNING = "0" * 64
POLICY = "policy in force"
COVERED: dict[str, type[models.Model]] = {
    "dispositions": Disposition,
    "scopes": ScopeVersion,
    "approvals": Approval,
    "reviews": AssetReview,
    "receipts": Receipt,
}
_LATER = ("assumes",)
_LOCK = 7_368_143  # any constant: the name of the chain among PostgreSQL's advisory locks


def writing(alias: str) -> transaction.Atomic:
    """A transaction in which nobody else writes decisions (SQLite: BEGIN IMMEDIATE)."""
    return transaction.atomic(using=alias, durable=True)


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces, times in ISO form: the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an audit record")


def utc(moment: datetime) -> datetime:
    """Return `moment` as aware UTC; without zone it is UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def naive(moment: datetime) -> datetime:
    """Return `moment` as UTC without zone, as the tables of facts have it."""
    return utc(moment).replace(tzinfo=None)


def contents(rows: Iterable[models.Model]) -> dict[str, Any]:
    """The number of `rows` and the digest of what they say, in whatever order they come."""
    lines = sorted(canonical(_content(row)) for row in rows)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return {"rows": len(lines), "digest": digest}


def _content(row: models.Model) -> dict[str, Any]:
    names = (field.attname for field in row._meta.concrete_fields)
    said = {name: getattr(row, name) for name in names if name not in ("id", "audit_id")}
    # Columns that came later count only where they say something: what was written before them stays as it was.
    return {name: value for name, value in said.items() if value is not None or name not in _LATER}


def record(
    alias: str,
    *,
    what: str,
    author: str,
    at: datetime,
    detail: Mapping[str, object],
    rows: Mapping[str, list[models.Model]],
) -> Audit:
    """Add a link that covers `rows` (by name in `COVERED`, not yet saved) and return it, saved.

    To be called within `writing`, before the rows are saved with the link as their `audit`.
    """
    connection = connections[alias]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    last = Audit.objects.using(alias).order_by("-id").values_list("digest", flat=True).first()
    payload = canonical({"detail": dict(detail), "rows": {name: contents(some) for name, some in rows.items()}})
    link = Audit(at=utc(at), author=author, what=what, payload=payload, previous=last or BEGINNING)
    link.digest = _digest(link)
    link.save(using=alias)
    return link


def _digest(link: Audit) -> str:
    parts = [link.previous, utc(link.at).isoformat(), link.author, link.what, link.payload]
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def policy_in_force(alias: str, digest: str, *, before: str, changes: Sequence[str], author: str) -> bool:
    """Add a link that says which policy took effect; False, and no link, where it was in force already."""
    with writing(alias):
        last = Audit.objects.using(alias).filter(what=POLICY).order_by("-id").first()
        former = json.loads(last.payload)["detail"]["digest"] if last else before
        if former == digest:
            return False
        detail = {"digest": digest, "before": former, "changes": list(changes)}
        record(alias, what=POLICY, author=author, at=datetime.now(UTC), detail=detail, rows={})
        return True


def head(alias: str) -> str:
    """The digest of the last link: what to note elsewhere, so that a cut-off end would show."""
    return Audit.objects.using(alias).order_by("-id").values_list("digest", flat=True).first() or BEGINNING


def note(alias: str, what: str, *, author: str, detail: Mapping[str, object]) -> None:
    """Add a link that covers no rows of decisions: what happened to people, roles, tokens, policy or sources."""
    with writing(alias):
        record(alias, what=what, author=author, at=datetime.now(UTC), detail=detail, rows={})


def entries(alias: str) -> list[AuditEntry]:
    """The whole chain, oldest first."""
    return [_entry(link) for link in Audit.objects.using(alias).order_by("id")]


def page(alias: str, text: str, before: int, size: int) -> list[AuditEntry]:
    """The newest links in which `text` stands (author, kind or detail), newest first."""
    links = Audit.objects.using(alias).order_by("-id")
    if text:
        asked = models.Q(author__icontains=text) | models.Q(what__icontains=text) | models.Q(payload__icontains=text)
        links = links.filter(asked)
    if before:
        links = links.filter(id__lt=before)
    return [_entry(link) for link in links[:size]]


def _entry(link: Audit) -> AuditEntry:
    return AuditEntry(
        number=link.pk,
        at=naive(link.at),
        author=link.author,
        what=link.what,
        payload=json.loads(link.payload)["detail"],
        digest=link.digest,
    )


def verify(alias: str, anchor: str = "") -> BrokenLink | None:
    """Return the first link that does not hold, None where all do.

    `anchor` is a digest that the chain must contain.
    """
    with transaction.atomic(using=alias):
        previous = BEGINNING
        found = anchor in ("", BEGINNING)
        for link in Audit.objects.using(alias).order_by("id").iterator():
            why = _why_broken(alias, link, previous)
            if why:
                return BrokenLink(number=link.pk, why=why)
            previous = link.digest
            found = found or previous == anchor
        if not found:
            return BrokenLink(
                number=0, why="the chain no longer contains the digest that was noted: its end is cut off"
            )
    return None


def _why_broken(alias: str, link: Audit, previous: str) -> str:
    if link.previous != previous:
        return "it does not follow the link before it: one was removed or put in"
    if link.digest != _digest(link):
        return "its text was changed after it was written"
    covered = json.loads(link.payload)["rows"]
    for name, model in COVERED.items():
        rows = list(model._default_manager.using(alias).filter(audit_id=link.pk))
        if contents(rows) != covered.get(name, contents([])):
            return f"its {name} were changed, added or removed after they were written"
    return ""

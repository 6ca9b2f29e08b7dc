"""People: invitations, grants, tokens and what each request may."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from foreshore.errors import UsageError
from foreshore.server import audit
from foreshore.server.access import NOBODY, Access, of_grants
from foreshore.server.models import Grant, Invitation, Person, Token
from foreshore.server.place import workspace
from foreshore.server.roles import GUEST, PERMISSIONS, ROLES

TOKEN = "fst_"  # noqa: S105 what a token begins with, so that it is recognised where it leaks
LONGEST_DAYS = 366
INVITED_DAYS = 7


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def entities() -> Mapping[str, str]:
    """The business unit of each site, by the scope in force."""
    from foreshore import decisions

    with decisions.open(workspace()) as opened:
        head = opened.audit_head()
    return _entities(head)


@lru_cache(maxsize=4)
def _entities(head: str) -> dict[str, str]:
    """By the audit chain's last link: the scope can only change with it."""
    from foreshore import decisions

    with decisions.open(workspace()) as opened:
        scope = opened.current_scope()
    return {site.name: site.entity for site in scope.scope.sites} if scope else {}


def access_of(person: Person) -> Access:
    """Return what the person may do and see."""
    grants = list(person.grants.values("role", "entities", "teams", "services"))
    return of_grants(person.email, grants, entities(), person.pk)


def access(request: HttpRequest) -> Access:
    """Return what this request may: the middleware made it."""
    found = getattr(request, "access", NOBODY)
    return found if isinstance(found, Access) else NOBODY


def give(person: Person, role: str, *, by: str, entities: Iterable[str] = (), teams: Iterable[str] = (),
         services: Iterable[str] = ()) -> Grant:  # fmt: skip
    """Give a role over a part of the organisation (all of it where none is named)."""
    if role not in ROLES:
        raise UsageError(f"“{role}” is not a role", hint=", ".join(ROLES))
    made = Grant.objects.create(
        person=person, role=role, given_by=by, entities=sorted(entities), teams=sorted(teams), services=sorted(services)
    )
    audit.note("role given", author=by, person=person.email, role=role, entities=made.entities, teams=made.teams,
               services=made.services)  # fmt: skip
    return made


def invite(email: str, role: str, *, by: str, days: int = INVITED_DAYS, entities: Iterable[str] = (),
           teams: Iterable[str] = (), services: Iterable[str] = ()) -> str:  # fmt: skip
    """Make an invitation and return its token, which is never kept."""
    if role not in ROLES:
        raise UsageError(f"“{role}” is not a role", hint=", ".join(ROLES))
    token = secrets.token_urlsafe(32)
    made = Invitation.objects.create(
        digest=digest(token), email=email.strip().lower(), role=role, made_by=by, entities=sorted(entities),
        teams=sorted(teams), services=sorted(services), expires_at=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    audit.note("person invited", author=by, person=made.email, role=role, entities=made.entities, teams=made.teams,
               services=made.services, days=days)  # fmt: skip
    return token


def invitation(token: str) -> Invitation | None:
    """Return the invitation that this token opens, None where it was used or its time is over."""
    return Invitation.objects.filter(digest=digest(token), used_at=None, expires_at__gt=timezone.now()).first()


def join(token: str, email: str, name: str, password: str) -> Person:
    """Make the account that an invitation allows; raises UsageError where it cannot be used."""
    with transaction.atomic():
        found = Invitation.objects.select_for_update().filter(digest=digest(token), used_at=None).first()
        if found is None or found.expires_at <= timezone.now():
            raise UsageError("this invitation was used already, or its time is over", hint="ask for a new one")
        address = (found.email or email).strip().lower()
        if Person.objects.filter(email=address).exists():
            raise UsageError(f"there is an account for {address} already", hint="sign in")
        person = Person.objects.create_user(address, password, name=name.strip())
        give(person, found.role, by=found.made_by, entities=found.entities, teams=found.teams, services=found.services)
        found.used_at = timezone.now()
        found.save(update_fields=["used_at"])
    audit.note("account made", author=address, invited_by=found.made_by)
    return person


def first_token() -> str:
    """Return a new token for the first administrator, or "" where there is somebody already."""
    if Person.objects.exists():
        return ""
    Invitation.objects.filter(made_by="first run").delete()
    return invite("", "administrator", by="first run", days=1)


def make_token(person: Person, name: str, permissions: Iterable[str], *, days: int, guest: bool = False) -> str:
    """Make a key for programs (or a guest link) that acts as `person`, and return it; it is shown once."""
    asked = set(permissions)
    unknown = sorted(asked - set(PERMISSIONS))
    if unknown or not asked:
        raise UsageError(f"{', '.join(unknown) or 'nothing'} is no permission", hint=", ".join(PERMISSIONS))
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"a token cannot last {days} days", hint=f"1 to {LONGEST_DAYS}")
    if guest and asked - GUEST - {"audit"}:
        raise UsageError("a guest link can only read", hint="see, audit")
    token = TOKEN + secrets.token_urlsafe(32)
    audit.note("guest link made" if guest else "token made", author=person.email, name=name.strip(),
               beginning=token[:10], permissions=sorted(asked), days=days)  # fmt: skip
    Token.objects.create(
        person=person, name=name.strip() or "without a name", digest=digest(token), beginning=token[:10],
        permissions=sorted(asked), guest=guest, expires_at=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    return token


def by_token(token: str, now: datetime | None = None) -> tuple[Token, Access] | None:
    """Return the token and what it may, None where it is unknown, revoked or over."""
    moment = now or timezone.now()
    found = (
        Token.objects.select_related("person")
        .filter(digest=digest(token), revoked_at=None, expires_at__gt=moment, person__is_active=True)
        .first()
    )
    if found is None:
        return None
    if found.used_at is None or moment - found.used_at > timedelta(minutes=1):  # not a write for each request
        Token.objects.filter(pk=found.pk).update(used_at=moment)
    return found, access_of(found.person).narrowed(found.permissions)


def told(person: Person) -> list[dict[str, Any]]:
    """Return what the person has not read yet, newest first."""
    unread = person.notices.filter(read_at=None).order_by("-at").values("id", "at", "text", "link")[:20]
    return [dict(one) for one in unread]

"""Who has an account, and what an administrator does about it; every change goes into the audit trail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Max
from django.utils import timezone

from foreshore import decisions
from foreshore.errors import Refused, UsageError
from foreshore.server import audit, people
from foreshore.server.access import Access
from foreshore.server.models import Grant, Invitation, Person, Token
from foreshore.server.place import workspace

_SHOWN = 500


def listed(access: Access, text: str = "") -> list[dict[str, Any]]:
    """Return the persons whose address or name holds `text`, with their roles and second factor."""
    access.need_everywhere("people")
    found = Person.objects.order_by("email").annotate(seen=Max("usersession__last_seen_at"))
    if text.strip():
        found = found.filter(email__icontains=text.strip()) | found.filter(name__icontains=text.strip())
    persons = list(found.prefetch_related("grants")[:_SHOWN])
    factors: dict[int, set[str]] = defaultdict(set)
    for person, kind in Authenticator.objects.filter(user__in=persons).values_list("user_id", "type"):
        factors[person].add(str(kind))
    return [
        {
            "id": one.pk, "email": one.email, "name": one.name, "active": one.is_active, "seen": one.seen,
            "joined": one.joined_at, "factors": sorted(factors.get(one.pk, ())),
            "grants": [_grant(grant) for grant in one.grants.all()],
        }
        for one in persons
    ]  # fmt: skip


def _grant(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.pk, "role": grant.role, "entities": grant.entities, "teams": grant.teams, "services": grant.services,
        "given_by": grant.given_by, "given_at": grant.given_at,
        "whole": not (grant.entities or grant.teams or grant.services),
    }  # fmt: skip


def one(access: Access, number: int) -> Person:
    """Return a person; raises UsageError."""
    access.need_everywhere("people")
    found = Person.objects.filter(pk=number).first()
    if found is None:
        raise UsageError("there is no such person", hint="the list of people")
    return found


def parts() -> dict[str, list[str]]:
    """Return what a role can be limited to: business units, teams and services of the scope in force."""
    with decisions.open(workspace()) as opened:
        current = opened.current_scope()
    if current is None:
        return {"entities": [], "teams": [], "services": []}
    scope = current.scope
    return {
        "entities": sorted({site.entity for site in scope.sites} - {""}),
        "teams": sorted(team.name for team in scope.teams),
        "services": sorted(service.name for service in scope.services),
    }


def checked(chosen: dict[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the chosen parts; raises UsageError for one that the scope in force does not name."""
    known = parts()
    for kind, names in chosen.items():
        for name in names:
            if name not in known[kind]:
                raise UsageError(f"the scope in force names no “{name}”", where=kind, hint=", ".join(known[kind][:12]))
    return {kind: sorted(set(names)) for kind, names in chosen.items()}


def grant(access: Access, number: int, role: str, chosen: dict[str, Sequence[str]]) -> None:
    """Give a role; nobody gives one to themselves."""
    person = one(access, number)
    if person.pk == access.number:
        raise Refused("nobody gives roles to themselves", hint="another administrator can")
    people.give(person, role, by=access.person, **checked(chosen))


def take(access: Access, number: int, grant: int) -> None:
    """Take a role away; never the last administrator's."""
    person = one(access, number)
    found = person.grants.filter(pk=grant).first()
    if found is None:
        raise UsageError("this role was taken away already", hint="the list of people")
    if found.role == "administrator":
        _another(person)
    found.delete()
    audit.note("role taken", author=access.person, person=person.email, role=found.role, entities=found.entities,
               teams=found.teams, services=found.services)  # fmt: skip


def switch(access: Access, number: int, *, active: bool) -> None:
    """Let a person in again, or keep them out at once: their sessions end and their tokens stop."""
    person = one(access, number)
    if not active:
        if person.pk == access.number:
            raise Refused("nobody switches themselves off", hint="another administrator can")
        _another(person)
    person.is_active = active
    person.save(update_fields=["is_active"])
    audit.note("account switched on" if active else "account switched off", author=access.person, person=person.email)
    if not active:
        end_sessions(access, number)


def end_sessions(access: Access, number: int) -> int:
    """End all sessions of a person, and return how many there were."""
    person = one(access, number)
    sessions = list(UserSession.objects.filter(user=person))
    for session in sessions:
        session.end()
    audit.note("sessions ended", author=access.person, person=person.email, sessions=len(sessions))
    return len(sessions)


def _another(person: Person) -> None:
    """Somebody else has to be able to administer everything."""
    others = Grant.objects.filter(role="administrator", person__is_active=True).exclude(person=person)
    if not any(not (one.entities or one.teams or one.services) for one in others):
        raise Refused("this is the last administrator of the whole organisation", hint="make another one first")


def invitations(access: Access) -> list[Invitation]:
    """Return the invitations that still open."""
    access.need_everywhere("people")
    return list(Invitation.objects.filter(used_at=None, expires_at__gt=timezone.now()).order_by("-made_at")[:_SHOWN])


def invite(access: Access, email: str, role: str, chosen: dict[str, Sequence[str]], days: int = 7) -> str:
    """Make an invitation and return its token, shown once."""
    access.need_everywhere("people")
    if not 1 <= days <= 30:
        raise UsageError(f"an invitation cannot last {days} days", hint="1 to 30")
    return people.invite(email, role, by=access.person, days=days, **checked(chosen))


def withdraw(access: Access, number: int) -> None:
    """Close an invitation that was not used."""
    access.need_everywhere("people")
    found = Invitation.objects.filter(pk=number, used_at=None).first()
    if found is None:
        raise UsageError("this invitation was used or withdrawn already", hint="the list of people")
    found.delete()
    audit.note("invitation withdrawn", author=access.person, person=found.email, role=found.role)


def tokens(access: Access) -> list[Token]:
    """Return everybody's tokens for who administers people, else one's own; the newest first."""
    found = Token.objects.select_related("person").order_by("-made_at")
    if not access.everywhere("people"):
        found = found.filter(person_id=access.number)
    return list(found[:_SHOWN])


def revoke(access: Access, number: int) -> None:
    """Make a token useless at once: one's own, or anybody's for who administers people."""
    found = Token.objects.select_related("person").filter(pk=number).first()
    if found is None or not (found.person_id == access.number or access.everywhere("people")):
        raise UsageError("there is no such token", hint="the list of tokens")
    if Token.objects.filter(pk=number, revoked_at=None).update(revoked_at=timezone.now()):
        audit.note("token revoked", author=access.person, person=found.person.email, beginning=found.beginning,
                   name=found.name)  # fmt: skip

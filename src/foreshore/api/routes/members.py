"""People: who has an account, roles, invitations, tokens."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Row, small, whole
from foreshore.errors import UsageError
from foreshore.server import members, people
from foreshore.server.models import Person, Token

router = Router(tags=["people"])


class Role(Schema):
    """A role over a part of the organisation; three empty lists mean all of it."""

    role: str
    entities: list[str] = Field([], max_length=500)
    teams: list[str] = Field([], max_length=500)
    services: list[str] = Field([], max_length=500)

    def parts(self) -> dict[str, Any]:
        """Return the part as `members` takes it."""
        return {"entities": self.entities, "teams": self.teams, "services": self.services}


class Invited(Role):
    """Who is invited."""

    email: str = Field("", max_length=254)
    days: int = Field(7, ge=1, le=30)


class Key(Schema):
    """A token of one's own."""

    name: str = Field(..., min_length=1, max_length=200)
    permissions: list[str] = Field(..., min_length=1, max_length=40)
    days: int = Field(90, ge=1, le=people.LONGEST_DAYS)
    guest: bool = False


class Switch(Schema):
    """Whether somebody may sign in."""

    active: bool


@router.get("/people", response=list[dict[str, Any]])
def list_people(request: HttpRequest, text: str = "") -> list[Row]:
    """List the people whose address or name holds a text, with their roles."""
    return members.listed(whole(request, "people"), text)


@router.post("/people/{person}", response={204: None})
def switch_person(request: HttpRequest, person: int, asked: Switch) -> Any:
    """Let a person in again, or keep them out at once."""
    members.switch(whole(request, "people"), small(person), active=asked.active)
    return Status(204, None)


@router.post("/people/{person}/grants", response={204: None})
def give_role(request: HttpRequest, person: int, asked: Role) -> Any:
    """Give a role; nobody gives one to themselves."""
    members.grant(whole(request, "people"), small(person), asked.role, asked.parts())
    return Status(204, None)


@router.delete("/people/{person}/grants/{grant}", response={204: None})
def take_role(request: HttpRequest, person: int, grant: int) -> Any:
    """Take a role away."""
    members.take(whole(request, "people"), small(person), small(grant))
    return Status(204, None)


@router.get("/invitations", response=list[dict[str, Any]])
def list_invitations(request: HttpRequest) -> list[Row]:
    """List the invitations that still open."""
    return [
        {"id": one.pk, "email": one.email, "role": one.role, "made_by": one.made_by, "expires_at": one.expires_at}
        for one in members.invitations(whole(request, "people"))
    ]


@router.post("/invitations", response={201: dict[str, Any]})
def invite(request: HttpRequest, asked: Invited) -> Any:
    """Invite somebody; the link is in this answer and never again."""
    token = members.invite(whole(request, "people"), asked.email, asked.role, asked.parts(), asked.days)
    return Status(201, {"link": f"/join/{token}/"})


@router.delete("/invitations/{invitation}", response={204: None})
def withdraw_invitation(request: HttpRequest, invitation: int) -> Any:
    """Close an invitation that was not used."""
    members.withdraw(whole(request, "people"), small(invitation))
    return Status(204, None)


@router.get("/tokens", response=list[dict[str, Any]])
def list_tokens(request: HttpRequest) -> list[Row]:
    """List one's own tokens; everybody's for who administers people."""
    found = people.access(request)
    return [_token(one) for one in members.tokens(found)] if found.number else []


@router.post("/tokens", response={201: dict[str, Any]})
def make_token(request: HttpRequest, asked: Key) -> Any:
    """Make a token of one's own with no more permissions than the one that asks; shown once."""
    found = people.access(request)
    person = Person.objects.filter(pk=found.number).first()
    beyond = sorted(name for name in asked.permissions if not found.may(name))
    if person is None or beyond:
        raise UsageError(
            f"you may not give {', '.join(beyond) or 'a token'}", where="permissions", hint="what you may yourself"
        )
    token = people.make_token(person, asked.name, asked.permissions, days=asked.days, guest=asked.guest)
    made = Token.objects.get(digest=people.digest(token))
    return Status(201, {**_token(made), "token": token})


@router.delete("/tokens/{token}", response={204: None})
def revoke_token(request: HttpRequest, token: int) -> Any:
    """Make a token useless at once."""
    members.revoke(people.access(request), small(token))
    return Status(204, None)


def _token(one: Token) -> Row:
    return {
        "id": one.pk, "name": one.name, "beginning": one.beginning, "person": one.person.email, "guest": one.guest,
        "permissions": one.permissions, "made_at": one.made_at, "expires_at": one.expires_at, "used_at": one.used_at,
        "revoked_at": one.revoked_at,
    }  # fmt: skip

"""The running service of the made-up company, and tokens for it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from tests.company import cli, company, copy, make
from tests.served import Service, made
from tests.server.conftest import service

__all__ = ["cli", "company", "copy", "make", "service"]
Api = Callable[..., httpx.Client]
_PERSON = """
from foreshore.server import people
from foreshore.server.models import Person
person, fresh = Person.objects.get_or_create(email={email!r})
if fresh:
    people.give(person, {role!r}, by="test", teams={teams!r}, services={services!r})
print(people.make_token(person, "test", {permissions!r} or list(people.PERMISSIONS), days=1))
"""


@pytest.fixture(scope="session")
def api(service: Service) -> Api:
    """Clients of the API, by address and role; the same address again is the same person."""
    held: dict[str, httpx.Client] = {}

    def client(
        email: str = "root@example.com", role: str = "administrator", *, teams: tuple[str, ...] = (),
        services: tuple[str, ...] = (), permissions: tuple[str, ...] = (),
    ) -> httpx.Client:  # fmt: skip
        name = f"{email} {permissions}"
        if name not in held:
            code = _PERSON.format(
                email=email, role=role, teams=list(teams), services=list(services), permissions=list(permissions)
            )
            token = made(service.workspace, code).strip().splitlines()[-1]
            held[name] = httpx.Client(
                base_url=f"{service.url}/api/v1", timeout=120, headers={"authorization": f"Bearer {token}"}
            )
        return held[name]

    return client

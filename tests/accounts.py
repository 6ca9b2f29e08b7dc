"""Accounts for tests of pages: made once in a running service, with a role over all or a part."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from functools import lru_cache

from tests.served import PASSWORD, Service, made


def account(service: Service, role: str, *, teams: tuple[str, ...] = (), services: tuple[str, ...] = ()) -> str:
    """Return the address of somebody with this role, made where there is none yet."""
    return _made(service, role, teams, services)


@lru_cache
def _made(service: Service, role: str, teams: tuple[str, ...], services: tuple[str, ...]) -> str:
    part = "-".join((*teams, *services)).replace(" ", "").lower() or "all"
    email = f"{role}-{part}@example.com"
    made(
        service.workspace,
        "from foreshore.server import people\nfrom foreshore.server.models import Person\n"
        f"if not Person.objects.filter(email={email!r}).exists():\n"
        f"    person = Person.objects.create_user({email!r}, {PASSWORD!r})\n"
        f"    people.give(person, {role!r}, by='test', teams={teams!r}, services={services!r})\n",
    )
    return email


def one_time(secret: str) -> str:
    """The code of this half minute (RFC 6238, six digits, SHA-1)."""
    counter = int(time.time() // 30).to_bytes(8, "big")
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"

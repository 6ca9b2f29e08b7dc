"""Who asks: a token in the header, or the session of a browser with its CSRF token; and how often they may."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja.security import APIKeyCookie, HttpBearer
from ninja.throttling import BaseThrottle

from foreshore.errors import ForeshoreError
from foreshore.server import idempotency, people
from foreshore.server.access import NOBODY, Access

PER_MINUTE = 600
_WINDOW = 60


class Bearer(HttpBearer):
    """A token: `Authorization: Bearer fst_…`."""

    def authenticate(self, request: HttpRequest, token: str) -> Access | None:
        """Return what the token may, None where it is unknown, revoked or over."""
        found = people.by_token(token) if token.startswith(people.TOKEN) else None
        if found is None:
            return None
        request.access = found[1]  # type: ignore[attr-defined]
        request.token = found[0].pk  # type: ignore[attr-defined]
        return found[1]


class Signed(APIKeyCookie):
    """The session of somebody who is signed in, or of a guest."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Access | None:
        """Never asked where a token was given: a wrong one does not fall back on the browser's session."""
        if "authorization" in request.headers:
            return None
        found = people.access(request)
        if found is NOBODY:
            return None
        super()._get_key(request)  # the check of the CSRF token
        return found

    def authenticate(self, request: HttpRequest, key: str | None) -> Access | None:
        """Not used: `__call__` says it."""
        return None


class PerMinute(BaseThrottle):
    """So many requests a minute for one token or person (`API_PER_MINUTE` of the settings)."""

    def allow_request(self, request: HttpRequest) -> bool:
        """Count the request in the window of this minute."""
        who = getattr(request, "token", "") or f"person {people.access(request).person}"
        name = f"api:{who}:{int(time.time()) // _WINDOW}".replace(" ", "_")
        cache.add(name, 0, timeout=2 * _WINDOW)
        try:
            return int(cache.incr(name)) <= int(getattr(settings, "API_PER_MINUTE", PER_MINUTE))
        except ValueError:  # it was removed between the two
            return True

    def wait(self) -> float:
        """Seconds until the next window begins."""
        return _WINDOW - time.time() % _WINDOW


def repeatable(run: Any) -> Any:
    """Make a POST with an `Idempotency-Key` give one answer however often it comes."""

    def once(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        key = request.headers.get("idempotency-key", "")
        if request.method != "POST" or not key:
            return _run(run, request, *args, **named)
        access = _known(request)
        if access is None or not access.number:
            return _run(run, request, *args, **named)  # it will say that a token is needed
        from foreshore.api import problems

        try:
            return idempotency.once(request, access.number, key, lambda: _run(run, request, *args, **named))
        except ForeshoreError as error:
            return problems.of(error)

    return once


def _run(run: Any, request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
    answer: HttpResponse = run(request, *args, **named)
    return answer


def _known(request: HttpRequest) -> Access | None:
    """Who asks, before the operation itself asks it."""
    for door in (Bearer(), Signed()):
        found = door(request)
        if found:
            return found if isinstance(found, Access) else None
    return None

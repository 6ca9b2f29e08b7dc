"""What happens around every request: who asks, what may they, how long did it take."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation

from foreshore.server import measures, people
from foreshore.server.access import NOBODY
from foreshore.server.models import Person

Answer = Callable[[HttpRequest], HttpResponse]
# Pages that need no account: health, sign-in and what it needs, invitations, and the API, which has tokens of its own.
_OPEN = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/accounts/",
    "/join/",
    "/guest/",
    "/static/",
    "/api/",
    "/favicon.ico",
    "/i18n/",
)


def measured(answer: Answer) -> Answer:
    """Count requests and their time by view, and say the time in a header."""

    def timed(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = answer(request)
        seconds = time.perf_counter() - started
        match = request.resolver_match
        measures.request(match.view_name if match else "", request.method or "", response.status_code, seconds)
        response["Server-Timing"] = f"app;dur={seconds * 1000:.1f}"
        return response

    return timed


def signed_in(answer: Answer) -> Answer:
    """Give each request its access; who is not signed in sees the sign-in page and nothing else."""

    def known(request: HttpRequest) -> HttpResponse:
        person = request.user
        guest = request.session.get("guest", "")
        if isinstance(person, Person) and person.is_active:
            request.access = people.access_of(person)  # type: ignore[attr-defined]
            if person.language and person.language != request.LANGUAGE_CODE:  # chosen on another browser
                translation.activate(person.language)
                request.LANGUAGE_CODE = person.language
            if viewed := request.session.get("view_as"):
                request.access = _viewed(request, int(viewed))  # type: ignore[attr-defined]
        elif guest and (found := people.by_token(guest)):
            request.access = found[1]  # type: ignore[attr-defined]
        else:
            request.access = NOBODY  # type: ignore[attr-defined]
            if not request.path.startswith(_OPEN):
                return HttpResponseRedirect(f"/accounts/login/?next={quote(request.get_full_path())}")
        return answer(request)

    return known


def _viewed(request: HttpRequest, number: int) -> object:
    """What an administrator sees who looks as somebody else: theirs to read, never to write."""
    own = people.access(request)
    other = Person.objects.filter(pk=number).first()
    if other is None or not own.everywhere("people"):
        return own
    return people.access_of(other).narrowed({"see", "names", "audit"})

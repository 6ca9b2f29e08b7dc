"""What a page shows when it cannot answer: a sentence of what, where and what to try, never a traceback."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from foreshore.errors import BadPolicy, BadScope, Conflict, ForeshoreError, NothingToRead, Refused, UsageError
from foreshore.server.access import NotAllowed

Answer = Callable[[HttpRequest], HttpResponse]


class Sentences:
    """Middleware: an error of ours becomes a page with its sentence and a fitting status."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self._answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page for an error of ours; others are Django's."""
        if not isinstance(error, ForeshoreError):
            return None
        # An address that names one thing which is not there, or not for this person to see, is no empty page.
        named = bool(request.resolver_match and request.resolver_match.kwargs)
        teach = isinstance(error, NothingToRead) and not named
        status, heading = (404, _("Not here")) if isinstance(error, NothingToRead) and named else _status(error)
        said = {"heading": heading, "what": error.what, "hint": "" if teach else error.hint, "teach": teach}
        return render(request, "web/stopped.html", said, status=status)


def _status(error: ForeshoreError) -> tuple[int, str]:
    if isinstance(error, NotAllowed):
        return 403, _("Not for you")
    if isinstance(error, NothingToRead):
        return 200, _("Nothing here yet")
    if isinstance(error, (Refused, Conflict)):
        return 409, _("That cannot be done")
    if isinstance(error, (UsageError, BadPolicy, BadScope)):
        return 400, _("That cannot be done")
    return 500, _("Something is wrong")

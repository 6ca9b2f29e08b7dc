"""A session that nobody used for a while ends, well before its last hour."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

_EVERY = 60  # seconds between two notes of use: a write for every request would be one too many
_USED = "used_at"


def ended_when_idle(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Sign out whose session was not used for `IDLE_MINUTES` of the settings, before anything is shown."""

    def watched(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(time.time())
            idle = now - int(request.session.get(_USED, now))
            if idle > settings.IDLE_MINUTES * 60:
                logout(request)
            elif idle >= _EVERY or _USED not in request.session:
                request.session[_USED] = now
        return answer(request)

    return watched

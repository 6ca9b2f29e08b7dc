"""How often one person may ask for pages: far more often than a person can, far less often than a runaway script.

The API has a limit of its own (`api.doors.PerMinute`); signing in has allauth's.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from foreshore.server import people

_WINDOW = 60
_FREE = ("/static/", "/api/", "/accounts/", "/healthz", "/readyz", "/metrics")


class _Asked:
    """What each person asked for in this minute, in this process."""

    def __init__(self) -> None:
        self._minute = 0
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def again(self, who: str, now: float) -> int:
        """Count one more and return how many it is in this minute."""
        with self._lock:
            if int(now) // _WINDOW != self._minute:
                self._minute = int(now) // _WINDOW
                self._counts.clear()
            self._counts[who] += 1
            return self._counts[who]


_asked = _Asked()


def limited(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse a person's requests beyond `PAGES_PER_MINUTE` of the settings until the next minute."""

    def counted(request: HttpRequest) -> HttpResponse:
        who = people.access(request).person
        if not who or request.path.startswith(_FREE):
            return answer(request)
        now = time.time()
        if _asked.again(who, now) <= settings.PAGES_PER_MINUTE:
            return answer(request)
        said = {"heading": _("Too many requests"), "what": _("Wait until the next minute."), "hint": "", "teach": False}
        refused = render(request, "web/stopped.html", said, status=429)
        refused.headers["Retry-After"] = str(_WINDOW - int(now) % _WINDOW)
        return refused

    return counted

"""Since when something is new for a person: the end of their visit before this one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

from foreshore.server.models import Person

_KEY = "new_since"
_APART = timedelta(hours=1)  # pages further apart than this belong to two visits


def since(request: HttpRequest) -> datetime | None:
    """Return the end of the visit before this one (UTC without zone); None for a first visit and for guests.

    Notes that the person is here, at most once a minute.
    """
    person = request.user
    if not isinstance(person, Person):
        return None
    now, last = timezone.now(), person.last_visit
    if last is not None and (_KEY not in request.session or now - last > _APART):
        request.session[_KEY] = last.isoformat()
    if last is None or now - last > timedelta(minutes=1):
        Person.objects.filter(pk=person.pk).update(last_visit=now)
    told = request.session.get(_KEY, "")
    return datetime.fromisoformat(told).astimezone(UTC).replace(tzinfo=None) if told else None

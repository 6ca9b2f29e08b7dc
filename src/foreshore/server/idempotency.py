"""Idempotency keys: a request that comes again under its key gets the answer of the first, and nothing is done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from foreshore.errors import Conflict, UsageError
from foreshore.server.models import Answered

LONGEST = 200
KEPT_HOURS = 24
UNDER_WAY_MINUTES = 10  # after so long a request without an answer is taken for dead
_PASSING = (401, 403, 409, 429)
_REPEATED = "idempotency-replayed"


def once(request: HttpRequest, person: int, key: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer a request, or give the answer again that `key` had from this person.

    Raises UsageError where another request came under the key, Conflict while the first is under way. An
    answer that says that the service failed is not kept.
    """
    if len(key) > LONGEST or not key.isprintable():
        raise UsageError("this is no idempotency key", where="Idempotency-Key", hint=f"at most {LONGEST} letters")
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode() + request.body).hexdigest()
    before = timezone.now() - timedelta(minutes=UNDER_WAY_MINUTES)
    Answered.objects.filter(person_id=person, key=key, status=0, at__lt=before).delete()
    try:
        with transaction.atomic():
            row = Answered.objects.create(person_id=person, key=key, digest=digest, status=0, body="")
    except IntegrityError:
        return _again(person, key, digest)
    given = None
    try:
        given = answer()
    finally:
        if given is None or given.streaming or _passing(given.status_code):
            row.delete()
    if not given.streaming and not _passing(given.status_code):
        kept = given.content.decode()
        Answered.objects.filter(pk=row.pk).update(status=given.status_code, body=f"{_headers(given)}\n{kept}")
    return given


def _passing(status: int) -> bool:
    """Whether an answer may be another one later: it is not kept."""
    return status >= 500 or status in _PASSING


def _headers(answer: HttpResponse) -> str:
    """The two headers that an answer needs when it is given again."""
    return f"{answer.headers.get('Content-Type', '')}\t{answer.headers.get('Location', '')}"


def _again(person: int, key: str, digest: str) -> HttpResponse:
    held = Answered.objects.filter(person_id=person, key=key).first()
    if held is None or not held.status:
        raise Conflict("the first request with this key is under way", where="Idempotency-Key", hint="ask again later")
    if held.digest != digest:
        raise UsageError("another request came under this key", where="Idempotency-Key", hint="a new key")
    head, _, body = held.body.partition("\n")
    kind, _, location = head.partition("\t")
    found = HttpResponse(body, status=held.status, content_type=kind or "application/json")
    if location:
        found.headers["Location"] = location
    found.headers[_REPEATED] = "true"
    return found


def clear() -> None:
    """Forget answers of the day before."""
    Answered.objects.filter(at__lt=timezone.now() - timedelta(hours=KEPT_HOURS)).delete()

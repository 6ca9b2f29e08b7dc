"""Errors as problem details (RFC 9457), each with a sentence of what, where and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson
from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from foreshore.errors import Conflict, ForeshoreError, NothingToRead, PolicyStop, Refused, WorkspaceError
from foreshore.server.access import NotAllowed

TITLES: Mapping[int, str] = {
    400: "That cannot be done", 401: "Who are you?", 403: "Not for you", 404: "There is no such thing",
    405: "Not by this method", 409: "Something changed meanwhile", 413: "Too large", 422: "The request is not valid",
    429: "Too many requests", 500: "Something is wrong", 503: "Not now",
}  # fmt: skip


class Missing(ForeshoreError):
    """There is no such thing, or none that may be seen: both are told alike."""


_STATUS: tuple[tuple[type[ForeshoreError], int], ...] = (
    (Missing, 404), (NotAllowed, 403), (Refused, 403), (NothingToRead, 404), (Conflict, 409), (PolicyStop, 409), (WorkspaceError, 503),
)  # fmt: skip


def answer(status: int, what: str, *, where: str = "", hint: str = "", **more: Any) -> HttpResponse:
    """Return a problem as a response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "It did not work"),
        "status": status,
        "detail": what,
    }
    body |= {name: text for name, text in (("where", where), ("hint", hint)) if text}
    found = HttpResponse(orjson.dumps(body | more, default=str), status=status, content_type="application/problem+json")
    if status == 401:
        found.headers["WWW-Authenticate"] = 'Bearer realm="foreshore"'
    return found


def of(error: ForeshoreError) -> HttpResponse:
    """Return the problem that an error of ours is; places on this machine are not told."""
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 400)
    where = "" if error.where.startswith("/") else error.where
    return answer(status, error.what, where=where, hint=error.hint)


def register(api: NinjaAPI) -> None:
    """Have every error of the API told as a problem."""
    api.add_exception_handler(ForeshoreError, lambda request, error: of(cast(ForeshoreError, error)))
    api.add_exception_handler(AuthenticationError, lambda request, error: answer(
        401, "a token is needed", hint="Authorization: Bearer fst_…"))  # fmt: skip
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(HttpError, lambda request, error: answer(cast(HttpError, error).status_code, str(error)))
    api.add_exception_handler(Throttled, lambda request, error: answer(
        429, "more requests came than a minute allows", hint="ask again after Retry-After seconds"))  # fmt: skip
    api.add_exception_handler(Http404, lambda request, error: answer(404, "there is nothing at this address"))
    api.add_exception_handler(RequestDataTooBig, lambda request, error: answer(
        413, "the request is too large", hint="bring in files as an upload, in chunks"))  # fmt: skip
    for kind in (SuspiciousOperation, DisallowedHost, UnicodeDecodeError):
        api.add_exception_handler(kind, lambda request, error: answer(400, "the request cannot be read"))
    api.add_exception_handler(Exception, _unforeseen)


def _invalid(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    found = [
        {"where": ".".join(str(part) for part in one.get("loc", ())), "what": str(one.get("msg", ""))}
        for one in cast(ValidationError, error).errors
    ]
    return answer(422, "; ".join(f"{one['where']}: {one['what']}" for one in found[:5])[:1000], errors=found[:50])


def _unforeseen(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """An error that nobody thought of: kept in the log with its trace, told without."""
    import logging

    logging.getLogger("foreshore.api").error("%s %s", request.method, request.path, exc_info=cast(Exception, error))
    return answer(500, "something unforeseen happened; it is a mistake of the program and stands in its log")

"""What every operation needs of a request: the access, and a job's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from ninja.responses import Status

from foreshore import keys
from foreshore.api.problems import Missing
from foreshore.server import people
from foreshore.server.access import Access
from foreshore.server.jobs import queue
from foreshore.server.models import Job

Row = dict[str, Any]


class Work(Schema):
    """Work that takes longer than a request: look at `location` until its state is done."""

    key: str
    kind: str
    state: str
    location: str


def access(request: HttpRequest, permission: str = "see") -> Access:
    """Return the access of who asks; raises NotAllowed where it does not have the permission anywhere."""
    found = people.access(request)
    found.need(permission)
    return found


def whole(request: HttpRequest, permission: str = "see") -> Access:
    """Return the access of who asks; raises NotAllowed unless the permission holds for the whole organisation."""
    found = people.access(request)
    found.need_everywhere(permission)
    return found


def job(request: HttpRequest, response: HttpResponse, kind: str, settings: Mapping[str, Any]) -> Any:
    """Put work into the queue and answer 202 with where to look for it."""
    return later(response, queue.ask(kind, settings, by=people.access(request).person))


def later(response: HttpResponse, asked: Job) -> Any:
    """Answer 202 with where to look for a job."""
    location = f"/api/v1/jobs/{asked.key}"
    response["Location"] = location
    return Status(202, {"key": asked.key, "kind": asked.kind, "state": asked.state, "location": location})


def number(text: str, kind: str) -> int:
    """Return the number that a whole key (EXP-…, AST-…, ACT-…) names; raises Missing for anything else."""
    from foreshore.errors import UsageError

    try:
        low, high = keys.parse(text, kind)
    except UsageError:
        low, high = 0, 1
    if low != high:
        raise Missing(f"there is no {text[:60]}", hint="a whole key, as the lists give it")
    return low


def small(given: int) -> int:
    """Return a number that the database can hold; others name nothing."""
    return given if 0 <= given < 1 << 62 else 0

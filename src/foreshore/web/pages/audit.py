"""The audit trail: searched, verified and exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from foreshore.server import audit, people
from foreshore.server.access import Access

_BATCH = 1_000


@require_GET
def trail(request: HttpRequest) -> HttpResponse:
    """The newest links in which the asked words stand."""
    text, before = request.GET.get("q", ""), request.GET.get("before", "")
    found = audit.page(people.access(request), text, before=int(before) if before.isdecimal() else 0)
    return render(request, "web/settings/audit.html", {**_shown(found), "q": text, "part": "audit"})


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the trail with its times to the second and with the details that say something, in words."""
    items = [
        {
            **one, "at": str(one["at"]).replace("T", " ")[:19],
            "detail": [(name.replace("_", " "), _words(value)) for name, value in one["payload"].items()
                       if value not in (None, "", [], {})],
        }
        for one in found["items"]
    ]  # fmt: skip
    return {**found, "items": items}


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_words(each)}" for name, each in value.items())
    return ", ".join(_words(each) for each in value) if isinstance(value, list) else str(value)


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Say whether every link holds."""
    access = people.access(request)
    checked = audit.verify(access, request.POST.get("anchor", ""))
    return render(
        request, "web/settings/audit.html", {**_shown(audit.page(access)), "checked": checked, "part": "audit"}
    )


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The whole trail as lines of JSON, newest first."""
    access = people.access(request)
    access.need_everywhere("audit")
    answer = StreamingHttpResponse(_lines(access), content_type="application/x-ndjson")
    answer["Content-Disposition"] = 'attachment; filename="audit-trail.ndjson"'
    return answer


def _lines(access: Access) -> Iterator[bytes]:
    before = 0
    while True:
        found = audit.page(access, before=before, size=_BATCH)
        yield b"".join(orjson.dumps(one) + b"\n" for one in found["items"])
        before = found["next"]
        if not before:
            return


urlpatterns = [
    path("settings/audit/", trail, name="audit"),
    path("settings/audit/verify/", verify, name="audit-verify"),
    path("settings/audit/export/", export, name="audit-export"),
]

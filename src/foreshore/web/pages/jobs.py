"""Jobs: what runs, how far it is, how long it may still take; stopping it, and what came of it."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from foreshore.errors import UsageError
from foreshore.server import people
from foreshore.server.jobs import looking

_STATES = ("", "waiting", "running", "done", "failed", "cancelled")
_SHOWN = 20_000  # characters of a result


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """The jobs that somebody may see, the newest first; polled while one runs."""
    state, after = request.GET.get("state", ""), request.GET.get("after", "")
    access = people.access(request)
    access.need("see")
    found = looking.page(
        access, state=state if state in _STATES else "",
        after=int(after) if after.isdecimal() and len(after) < 18 else 0,
    )  # fmt: skip
    given: dict[str, Any] = {
        **found,
        "state": state,
        "states": _STATES,
        "moving": any(not one["over"] for one in found["items"]),
    }
    return render(request, "web/jobs/rows.html" if _part(request) else "web/jobs/list.html", given)


@require_GET
def one(request: HttpRequest, key: str) -> HttpResponse:
    """One job: its stage, the part that is done, and its result."""
    found = looking.one(people.access(request), key)
    given = {"one": looking.shown(found), **_result(found.result)}
    answer = render(request, "web/jobs/state.html" if _part(request) else "web/jobs/one.html", given)
    if _part(request) and given["one"]["over"]:
        answer.headers["HX-Refresh"] = "true"  # its result is on the whole page
    return answer


def _result(value: Any) -> dict[str, Any]:
    """The result in words that a page can show: single values as a list, all of it as text."""
    if value is None:
        return {"facts": [], "text": "", "cut": False}
    facts = []
    if isinstance(value, dict):
        facts = [
            (name.replace("_", " "), each)
            for name, each in value.items()
            if isinstance(each, str | int | float) and each != ""
        ]
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return {"facts": facts[:20], "text": text[:_SHOWN], "cut": len(text) > _SHOWN}


def _part(request: HttpRequest) -> bool:
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"


@require_POST
def cancel(request: HttpRequest, key: str) -> HttpResponse:
    """Ask a job to stop."""
    try:
        looking.cancel(people.access(request), key)
    except UsageError as error:
        messages.error(request, error.what)
    else:
        messages.success(request, _("The job was asked to stop."))
    return redirect("job", key=key)


urlpatterns = [
    path("jobs/", listed, name="jobs"),
    path("jobs/<str:key>/", one, name="job"),
    path("jobs/<str:key>/cancel/", cancel, name="job-cancel"),
]

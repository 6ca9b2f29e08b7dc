"""Live sources and schedules: what there is, a dry run, a collection now, and editing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from foreshore.errors import ForeshoreError, UsageError
from foreshore.server import people, sources
from foreshore.server.place import workspace

_UNITS = {"minutes": 1, "hours": 60, "days": 60 * 24}


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """The sources, each with its last run; the connectors that there are."""
    access = people.access(request)
    given = {"rows": sources.listed(workspace(), access), "connectors": sources.connectors(), "part": "sources"}
    return render(request, "web/settings/sources.html", given)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """Edit sources.toml as text; nothing that is not valid is saved."""
    access = people.access(request)
    now = sources.text(workspace(), access)
    given: dict[str, Any] = {**now, "connectors": sources.connectors(), "part": "sources"}
    if request.method == "POST":
        edited = request.POST.get("text", "").replace("\r\n", "\n")
        try:
            sources.save(workspace(), access, edited, digest=request.POST.get("digest", ""))
        except UsageError as error:
            given |= {"text": edited, "problem": error}
            return render(request, "web/settings/sources_edit.html", given, status=400)
        messages.success(request, _("The sources were saved."))
        return redirect("/settings/sources/")
    return render(request, "web/settings/sources_edit.html", given)


@require_POST
def test(request: HttpRequest, name: str) -> HttpResponse:
    """A dry run: what the source would be asked. Nothing is asked."""
    access = people.access(request)
    calls = sources.planned(workspace(), access, name)
    return render(request, "web/settings/source_plan.html", {"name": name, "calls": calls, "part": "sources"})


@require_POST
def run(request: HttpRequest, name: str) -> HttpResponse:
    """Collect now, as a job."""
    job = sources.run(workspace(), people.access(request), name)
    return redirect(f"/jobs/{job.key}/")


@require_http_methods(["GET", "POST"])
def schedules(request: HttpRequest) -> HttpResponse:
    """What is done again and again; add one."""
    access = people.access(request)
    given: dict[str, Any] = {"rows": sources.schedules(access), "kinds": sources.SCHEDULED, "part": "schedules"}
    if request.method == "POST":
        said = request.POST
        every, unit = said.get("every", ""), said.get("unit", "")
        if not (every.isascii() and every.isdigit()) or unit not in _UNITS:
            raise UsageError("this is not an interval", hint="a whole number of minutes, hours or days")
        minutes = int(every[:6]) * _UNITS[unit]
        sources.schedule(workspace(), access, said.get("kind", ""), minutes, said.getlist("names"))
        messages.success(request, _("The schedule was made."))
        return redirect("/settings/schedules/")
    try:
        given["names"] = [one["name"] for one in sources.listed(workspace(), access)]
    except ForeshoreError as error:
        given |= {"names": [], "problem": error}
    return render(request, "web/settings/schedules.html", given)


@require_POST
def change(request: HttpRequest, number: int, what: str) -> HttpResponse:
    """Switch a schedule on or off, or remove it."""
    sources.change_schedule(people.access(request), number, what)
    messages.success(request, _("Done."))
    return redirect("/settings/schedules/")


urlpatterns = [
    path("settings/sources/", listed, name="sources"),
    path("settings/sources/edit/", edit, name="sources-edit"),
    path("settings/sources/<str:name>/test/", test, name="source-test"),
    path("settings/sources/<str:name>/run/", run, name="source-run"),
    path("settings/schedules/", schedules, name="schedules"),
    path("settings/schedules/<int:number>/<str:what>/", change, name="schedule-change"),
]

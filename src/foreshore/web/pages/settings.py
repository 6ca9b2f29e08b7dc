"""Settings: teams, feeds, policy, retention and the data-protection page; people and sources have pages of their own."""

from __future__ import annotations

from typing import Any

import msgspec
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from foreshore import decisions
from foreshore.errors import NothingToRead, UsageError
from foreshore.server import people, policies, retention
from foreshore.server.jobs import queue
from foreshore.server.models import Job
from foreshore.server.place import workspace

_FEEDS_SECONDS = 120


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """What can be set, and by whom: a page that leads to the others."""
    people.access(request).need("see")
    return render(request, "web/settings/overview.html", {"part": ""})


@require_GET
def teams(request: HttpRequest) -> HttpResponse:
    """The teams of the scope in force: what is theirs, hours and windows."""
    people.access(request).need_everywhere("see")
    with decisions.open(workspace()) as opened:
        current = opened.current_scope()
    rows = [msgspec.to_builtins(team) for team in current.scope.teams] if current else []
    return render(request, "web/settings/teams.html", {"rows": rows, "applied": current, "part": "teams"})


@require_GET
def feeds(request: HttpRequest) -> HttpResponse:
    """How fresh the intelligence is, and what is unknown because of it."""
    people.access(request).need("see")
    found = cache.get("feeds")
    if found is None:
        from foreshore.intel.status import status

        try:
            found = status(workspace())
        except NothingToRead:
            found = {"feeds": [], "sources": [], "held": []}
        cache.set("feeds", found, _FEEDS_SECONDS)
    return render(request, "web/settings/feeds.html", {**found, "part": "feeds"})


@require_POST
def feeds_update(request: HttpRequest) -> HttpResponse:
    """Bring the intelligence up to date, as a job."""
    access = people.access(request)
    access.need_everywhere("run")
    job = queue.ask("intel", {}, by=access.person)
    return redirect(f"/jobs/{job.key}/")


@require_GET
def policy(request: HttpRequest) -> HttpResponse:
    """The files of the policy: own or shipped, and what the own ones change."""
    rows = policies.listed(workspace(), people.access(request))
    return render(request, "web/settings/policy.html", {"rows": rows, "part": "policy"})


@require_http_methods(["GET", "POST"])
def policy_file(request: HttpRequest, name: str) -> HttpResponse:
    """One file: read it, edit it, check the text, see what it would move, save it."""
    access = people.access(request)
    now = policies.text(workspace(), access, name)
    given: dict[str, Any] = {**now, "part": "policy", "edited": now["text"], "may": access.everywhere("policy")}
    if request.method == "POST":
        access.need_everywhere("policy")
        edited, what = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("what", "")
        if what == "save":
            changes = policies.save(workspace(), access, name, edited, digest=request.POST.get("digest", ""))
            messages.success(request, _("Saved; the next cycle counts with it.") + " " + "; ".join(changes[:5]))
            return redirect(f"/settings/policy/{now['file']}")
        if what == "shipped":
            policies.restore(workspace(), access, name)
            messages.success(request, _("The shipped file counts again."))
            return redirect(f"/settings/policy/{now['file']}")
        if what == "preview":
            settings = policies.asked(workspace(), access, name, edited)
            job = queue.ask("policy", settings, by=access.person)
            return redirect(f"/settings/policy/preview/{job.key}/")
        given |= {"checked": policies.checked(workspace(), access, name, edited), "edited": edited}
    return render(request, "web/settings/policy_file.html", given)


@require_GET
def preview(request: HttpRequest, key: str) -> HttpResponse:
    """What an edited policy would move, once its job is done."""
    access = people.access(request)
    access.need_everywhere("policy")
    job = Job.objects.filter(key=key, kind="policy").first()
    if job is None:
        raise UsageError("there is no such preview", hint="ask for one on the page of the policy file")
    return render(request, "web/settings/preview.html", {"job": job, "found": job.result, "part": "policy"})


@require_http_methods(["GET", "POST"])
def keeping(request: HttpRequest) -> HttpResponse:
    """How long raw evidence is kept."""
    access = people.access(request)
    access.need_everywhere("see")
    if request.method == "POST":
        retention.change(workspace(), access, {name: str(value) for name, value in request.POST.items()})
        messages.success(request, _("Saved; it counts from the next cycle on."))
        return redirect("/settings/retention/")
    given = {"rows": retention.kept(workspace()), "part": "retention", "may": access.everywhere("policy")}
    return render(request, "web/settings/retention.html", given)


@require_GET
def data(request: HttpRequest) -> HttpResponse:
    """For the data-protection officer: what is held, why, where, how long."""
    rows = retention.held(workspace(), people.access(request))
    return render(request, "web/settings/data.html", {"rows": rows, "part": "data"})


urlpatterns = [
    path("settings/", overview, name="settings"),
    path("settings/teams/", teams, name="teams"),
    path("settings/feeds/", feeds, name="feeds"),
    path("settings/feeds/update/", feeds_update, name="feeds-update"),
    path("settings/policy/", policy, name="policy"),
    path("settings/policy/preview/<str:key>/", preview, name="policy-preview"),
    path("settings/policy/<path:name>", policy_file, name="policy-file"),
    path("settings/retention/", keeping, name="retention"),
    path("settings/data/", data, name="data"),
]

"""Onboarding in small steps: name a service, choose its assets and tier, bring a report, run a cycle, first plan."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from foreshore import facts
from foreshore.errors import NothingToRead, UsageError
from foreshore.server import paging, scopes, uploads
from foreshore.server.access import Access
from foreshore.server.jobs import queue
from foreshore.server.models import Job
from foreshore.server.place import shelf, workspace
from foreshore.server.scopes import Wanted
from foreshore.web.pages.services import lines
from foreshore.web.reading import allowed

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SHOWN = 6


class FirstForm(forms.Form):
    """The first service, in three answers."""

    organization = forms.CharField(label=gettext_lazy("What is your organisation called?"), max_length=120)
    name = forms.CharField(label=gettext_lazy("Which service can it not do without?"), max_length=120,
                           widget=forms.TextInput(attrs={"placeholder": "Web shop"}))  # fmt: skip
    assets = forms.CharField(
        label=gettext_lazy("Which assets does it run on? One selector in a line"), widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        initial="name:*", help_text=gettext_lazy("name:web-*   tag:pci   address:10.20.0.0/16   — name:* is everything, until you know better"),
    )  # fmt: skip
    tier = forms.TypedChoiceField(
        label=gettext_lazy("How bad is it when it fails?"), coerce=int, initial=4,
        choices=[(5, gettext_lazy("5: the organisation stops")), (4, gettext_lazy("4: serious harm")), (3, gettext_lazy("3: it hurts")),
                 (2, gettext_lazy("2: a nuisance")), (1, gettext_lazy("1: hardly noticed"))],
    )  # fmt: skip


def _services() -> tuple[str, tuple[facts.Service, ...]]:
    text, scope = scopes.written(workspace())
    return (scope.organization if text else ""), scope.services


@require_http_methods(["GET", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """Where one is, and the next step."""
    access = allowed(request)
    if not any(access.may(one) for one in ("scope", "upload", "run")):
        access.need("upload")
    if request.method == "POST":
        access.need_everywhere("scope")
    organization, named = _services()
    form = FirstForm(request.POST or None, initial={"organization": organization})
    if request.method == "POST" and form.is_valid() and _name(request, access, form):
        return redirect("/start/")
    jobs = _jobs(access)
    said = {
        "form": form, "services": named, "organization": organization, "jobs": jobs, "cycle": _cycle(access),
        "busy": any(one.state in ("waiting", "running") for one in jobs), "imported": _imported(),
        "may": {one: access.everywhere(one) for one in ("scope", "upload", "run")},
    }  # fmt: skip
    if request.headers.get("HX-Request"):
        return render(request, "web/start/state.html", said)
    return render(request, "web/start/start.html", said)


def _name(request: HttpRequest, access: Access, form: FirstForm) -> bool:
    said = form.cleaned_data
    wanted = Wanted(said["name"].strip(), said["tier"], assets=lines(said["assets"]), organization=said["organization"])
    try:
        change = scopes.proposed(workspace(), access, wanted)
        scopes.apply(workspace(), access, wanted, change.rests_on)
    except UsageError as error:
        form.add_error(None, f"{error.what}. {error.hint}")
        return False
    messages.success(request, _("The service is named. Its page lets you say more of it at any time."))
    return True


def _cycle(access: Access) -> dict[str, Any] | None:
    """Return when the last cycle was, and how many exposures of it one may see."""
    try:
        held = shelf()
    except NothingToRead:
        return None
    return {**held.remembered("select as_of from cycle")[0], "exposures": paging.count(held, access)}


def _imported() -> int:
    return Job.objects.filter(kind="import", state="done").count()


def _jobs(access: Access) -> list[Job]:
    found = Job.objects.filter(kind__in=("import", "cycle", "intel")).order_by("-asked_at")
    if not access.everywhere("run"):
        found = found.filter(asked_by=access.person)
    return list(found[:_SHOWN])


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Take the files of a form, streamed to disk, and ask for their import, and for a cycle after it."""
    access = allowed(request, "upload")
    access.need_everywhere("upload")
    files = request.FILES.getlist("report")
    if not files:
        raise UsageError(_("choose a report first"))
    name = uploads.new(workspace())
    place = uploads.folder(workspace(), name)
    for number, file in enumerate(files):
        uploads.keep(
            place, f"{number}-{uploads.plain(str(file.name))}" if len(files) > 1 else str(file.name), file.chunks()
        )
    return _asked(request, access, name)


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Make a place for a file that is sent in chunks."""
    allowed(request, "upload").need_everywhere("upload")
    return JsonResponse({"upload": uploads.new(workspace())}, status=201)


@require_POST
def chunk(request: HttpRequest, name: str) -> HttpResponse:
    """Take one chunk (`Content-Range`, `X-File-Name`) and say at which byte to go on."""
    allowed(request, "upload").need_everywhere("upload")
    found = _RANGE.fullmatch(request.headers.get("Content-Range", "bytes 0-0/*"))
    if found is None:
        raise UsageError("Content-Range is not “bytes FIRST-LAST/ALL”")
    place = uploads.folder(workspace(), name)
    file = uploads.plain(unquote(request.headers.get("X-File-Name", "report")))
    length = uploads.keep(place, file, uploads.in_chunks(request), begin=int(found[1]))
    return JsonResponse({"next": length})


@require_POST
def finish(request: HttpRequest, name: str) -> HttpResponse:
    """All chunks are there: ask for the import."""
    access = allowed(request, "upload")
    access.need_everywhere("upload")
    uploads.folder(workspace(), name)
    return _asked(request, access, name)


def _asked(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    settings = {
        "upload": name,
        "site": request.POST.get("site", "").strip(),
        "source": request.POST.get("source", "").strip(),
    }
    queue.ask("import", {key: value for key, value in settings.items() if value}, by=access.person)
    if access.everywhere("run"):
        queue.ask("cycle", {}, by=access.person)
    messages.success(
        request, _("The report is being read; a cycle follows. You may leave this page: you are told when it is done.")
    )
    return redirect("/start/")


@require_POST
def cycle(request: HttpRequest) -> HttpResponse:
    """Ask for a cycle."""
    access = allowed(request, "run")
    access.need_everywhere("run")
    queue.ask("cycle", {}, by=access.person)
    messages.success(request, _("A cycle is asked for."))
    return redirect("/start/")


@require_GET
def selectors(request: HttpRequest) -> HttpResponse:
    """How many known assets the selectors pick, beside the field."""
    access = allowed(request, "scope")
    access.need_everywhere("scope")
    said: dict[str, Any] = {}
    try:
        said["matched"] = scopes.matched(workspace(), lines(request.GET.get("assets", "")))
    except UsageError as error:
        said["error"] = error
    return render(request, "web/start/matched.html", said)


urlpatterns = [
    path("start/", start, name="start"),
    path("start/upload/", upload, name="start-upload"),
    path("start/upload/new/", begin, name="start-upload-new"),
    path("start/upload/<str:name>/chunk/", chunk, name="start-upload-chunk"),
    path("start/upload/<str:name>/finish/", finish, name="start-upload-finish"),
    path("start/cycle/", cycle, name="start-cycle"),
    path("start/matched/", selectors, name="start-matched"),
]

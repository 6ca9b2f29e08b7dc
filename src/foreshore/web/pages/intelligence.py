"""Intelligence: what is new and what it means here, feeds, news that waits for a word, and one weakness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from foreshore.errors import NothingToRead, UsageError
from foreshore.server import news, questions, visits, withheld
from foreshore.server.jobs import queue
from foreshore.server.place import shelf, workspace
from foreshore.web.reading import allowed, percent, shown_exposures

_WEEK = timedelta(days=7)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What is talked of that is open here, what is new, and what waits for a word."""
    access = allowed(request)
    said: dict[str, Any] = {"whole": access.everywhere(), "may_run": access.everywhere("run"), "since": _since(request)}
    try:
        rows = news.talked_of(shelf(), access)
        said["rows"] = [{**one, "epss_said": percent(one["epss"]), "share_said": percent(one["share"])} for one in rows]
    except NothingToRead:
        said["rows"] = []
    said["held"] = news.held(workspace()) if access.everywhere() else []
    return render(request, "web/intelligence/list.html", said)


def _since(request: HttpRequest) -> str:
    """The day from which news counts: as asked for, else the last visit, else a week ago."""
    asked = request.GET.get("since", "")
    if asked:
        try:
            return datetime.strptime(asked, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            raise UsageError(f"“{asked[:40]}” is no day", hint="2026-03-31") from None
    visit = visits.since(request)
    now = datetime.now(UTC).replace(tzinfo=None)
    return min(visit or now - _WEEK, now - timedelta(days=1)).date().isoformat()


@require_GET
def fresh(request: HttpRequest) -> HttpResponse:
    """What the news since a day means here, as a part of the page; weighed by a job."""
    access = allowed(request)
    access.need_everywhere("see")
    day = _since(request)
    job = news.since(access, datetime.fromisoformat(day))
    said: dict[str, Any] = {"job": job, "since": day, "again": f"/intelligence/news/?since={day}"}
    if job.state == "done":
        said["found"] = withheld.names(shelf(), access, job.result)
    return _part(request, "news", said, _("What is new and means something here"))


def _part(request: HttpRequest, name: str, said: dict[str, Any], heading: str) -> HttpResponse:
    """A part of a page by itself where somebody came without the script that puts it in its place."""
    template = f"web/intelligence/{name}.html"
    if request.headers.get("HX-Request"):
        return render(request, template, said)
    return render(request, "web/intelligence/alone.html", {**said, "part": template, "heading": heading})


@require_GET
def feeds(request: HttpRequest) -> HttpResponse:
    """How fresh the feeds are, as a part of the page."""
    allowed(request)
    return _part(request, "feeds", {"status": news.feeds(workspace())}, _("Feeds"))


@require_POST
def decide(request: HttpRequest, ident: str) -> HttpResponse:
    """Release or discard held news."""
    access = allowed(request, "run")
    said = request.POST
    done = news.decide(workspace(), access, ident, said.get("verdict", ""), said.get("because", "").strip())
    if done["decided"] == "release":
        messages.success(
            request, _("Released: %(n)s statements are new. The next cycle counts with them.") % {"n": done["new"]}
        )
    else:
        messages.success(request, _("Discarded. Nothing was changed."))
    return redirect("/intelligence/")


@require_POST
def update(request: HttpRequest) -> HttpResponse:
    """Ask the feeds for what is new."""
    access = allowed(request, "run")
    access.need_everywhere("run")
    job = queue.ask("intel", {}, by=access.person)
    return redirect(f"/jobs/{job.key}/")


@require_GET
def weakness(request: HttpRequest, name: str) -> HttpResponse:
    """One weakness: who has it, and what is known of it."""
    access, held = allowed(request), shelf()
    name = name.strip()
    here = news.open_here(held, access, name)
    said: dict[str, Any] = {
        "name": name, "here": {**here, "rows": shown_exposures(here["rows"])}, "whole": access.everywhere(),
        "cve": name.upper().startswith("CVE-"),
    }  # fmt: skip
    if request.GET.get("known"):
        said["known"] = _worded(news.known(workspace(), held, access, name))
    return render(request, "web/intelligence/weakness.html", said)


def _worded(found: Any) -> dict[str, Any]:
    summary = found["summary"]
    return {**found, "epss_said": percent(summary["epss"]), "own_said": percent(summary["own"]),
            "told": [one for one in found["signals"] if one["kind"] != "description"][:40]}  # fmt: skip


@require_GET
def known(request: HttpRequest, name: str) -> HttpResponse:
    """What is known of a weakness, as a part of its page."""
    access = allowed(request)
    found = _worded(news.known(workspace(), shelf(), access, name))
    return _part(request, "known", {"known": found, "name": name}, name)


@require_GET
def impact(request: HttpRequest, name: str) -> HttpResponse:
    """What a weakness means here by the intelligence of now, weighed by a job."""
    access = allowed(request)
    access.need_everywhere("see")
    job = questions.ask(access, "impact", {"weakness": name})
    said: dict[str, Any] = {"job": job, "name": name, "again": f"/intelligence/{name}/impact/"}
    if job.state == "done":
        said["found"] = withheld.names(shelf(), access, job.result)
    return _part(request, "impact", said, name)


urlpatterns = [
    path("intelligence/", index, name="intelligence"),
    path("intelligence/news/", fresh, name="intelligence-news"),
    path("intelligence/feeds/", feeds, name="intelligence-feeds"),
    path("intelligence/update/", update, name="intelligence-update"),
    path("intelligence/held/<str:ident>/", decide, name="held"),
    path("intelligence/<path:name>/known/", known, name="weakness-known"),
    path("intelligence/<path:name>/impact/", impact, name="weakness-impact"),
    path("intelligence/<path:name>/", weakness, name="weakness"),
]

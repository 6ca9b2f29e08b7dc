"""Actions: my team's work, what each protects, hosts to copy, ticket, export, and claiming a fix."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from foreshore.server import actions, people
from foreshore.server.access import Access
from foreshore.server.actions import Wanted
from foreshore.server.place import shelf

_TYPES = {"md": "text/markdown", "json": "application/json", "csv": "text/csv"}


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """The actions of my teams (of all, for who has none), those with a date first."""
    access, opened = people.access(request), shelf()
    access.need("see")
    wanted = _wanted(request, access)
    found = actions.listed(opened, access, wanted, after=_number(request.GET.get("after", "")))
    given = {
        **found, "dated": any(one["due"] for one in found["actions"]),
        "teams": actions.teams(opened, access), "wanted": wanted, "own": actions.own_teams(access),
        "asked": urlencode([*(("team", team) for team in wanted.teams), ("channel", wanted.channel), ("due", wanted.due)]),
    }  # fmt: skip
    return render(request, "web/actions/list.html", given)


def _wanted(request: HttpRequest, access: Access) -> Wanted:
    teams = [team for team in request.GET.getlist("team") if team]
    if "team" not in request.GET:
        teams = actions.own_teams(access)
    return Wanted(tuple(teams), request.GET.get("channel", ""), request.GET.get("due", ""))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


@require_GET
def one(request: HttpRequest, key: str) -> HttpResponse:
    """One action: what to change, where, by when, what it protects."""
    access, opened = people.access(request), shelf()
    found = actions.one(opened, access, key)
    return render(request, "web/actions/one.html", {"action": found, "may_claim": access.may("decide")})


@require_GET
def ticket(request: HttpRequest, key: str, form: str) -> HttpResponse:
    """The ticket of an action as text, JSON or CSV."""
    text = actions.ticket(shelf(), people.access(request), key, form)
    if form == "md" and request.GET.get("download") != "yes":
        return render(request, "web/actions/ticket.html", {"text": text, "id": key})
    answer = HttpResponse(text, content_type=f"{_TYPES.get(form, 'text/plain')}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{actions.named(key)}.{form}"'
    return answer


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The list with its hosts as CSV."""
    access = people.access(request)
    access.need("see")
    rows = actions.export(shelf(), access, _wanted(request, access))
    answer = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="actions.csv"'
    return answer


@require_POST
def claim(request: HttpRequest, key: str) -> HttpResponse:
    """Say that it is done; the next look of the sources checks it."""
    done = actions.claim(shelf(), people.access(request), key, request.POST.get("because", ""))
    request.session["undo"] = [one["id"] for one in done]
    text = ngettext(
        "%(n)s exposure waits for the next look of its source.", "%(n)s exposures wait for the next look of their sources.",
        len(done),
    ) % {"n": len(done)}  # fmt: skip
    messages.success(request, text)
    return redirect(f"/actions/{key}/")


urlpatterns = [
    path("actions/", listed, name="actions"),
    path("actions/export.csv", export, name="actions-export"),
    path("actions/<str:key>/", one, name="action"),
    path("actions/<str:key>/ticket.<str:form>", ticket, name="action-ticket"),
    path("actions/<str:key>/claim/", claim, name="action-claim"),
]

"""Exceptions: asking, answering (never one's own), in force, ending soon, revoked."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from foreshore.errors import UsageError
from foreshore.server import exceptions, exposures, people
from foreshore.server.place import shelf


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """What waits for an answer, what is in force, what ends soon, what was revoked."""
    access, opened = people.access(request), shelf()
    access.need("see")
    state = request.GET.get("state", "")
    if state and state not in exceptions.STATES:
        raise UsageError(_("that is no state of a request"), hint=", ".join(exceptions.STATES))
    given = {
        "waiting": exceptions.requests(opened, access), "in_force": exceptions.in_force(opened, access),
        "revoked": exceptions.revoked(opened, access), "state": state, "states": exceptions.STATES[1:],
        "answered": exceptions.requests(opened, access, state) if state and state != "asked" else [],
    }  # fmt: skip
    return render(request, "web/exceptions/list.html", given)


@require_GET
def one(request: HttpRequest, number: int) -> HttpResponse:
    """One request with its exposures."""
    found = exceptions.one(shelf(), people.access(request), number)
    return render(request, "web/exceptions/one.html", {"one": found})


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Ask to accept exposures for a time."""
    said = request.POST
    keys = [exposures.key_of(text) for text in said.getlist("exposure")[: exceptions.MOST + 1]]
    assumed = [line.strip() for line in said.get("assume", "").splitlines() if line.strip()]
    made = exceptions.ask(
        shelf(), people.access(request), keys, because=said.get("because", ""), until=_day(said.get("until", "")),
        assume=assumed,
    )  # fmt: skip
    messages.success(request, _("The request waits for somebody who may approve it."))
    return redirect(f"/exceptions/{made.pk}/")


@require_POST
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """Approve or refuse."""
    said = request.POST.get("answer", "")
    if said not in ("approve", "refuse"):
        raise UsageError(_("say yes or no"), hint=_("approve or refuse"))
    exceptions.answer(
        shelf(), people.access(request), number, approve=said == "approve", why=request.POST.get("why", "")
    )
    messages.success(request, _("Approved; lists count with it now.") if said == "approve" else _("Refused."))
    return redirect("/exceptions/")


@require_POST
def take_back(request: HttpRequest, number: int) -> HttpResponse:
    """Take one's own request back."""
    exceptions.take_back(people.access(request), number)
    messages.success(request, _("The request was taken back."))
    return redirect("/exceptions/")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(_("an exception needs its last day"), hint="2026-12-31") from None


urlpatterns = [
    path("exceptions/", listed, name="exceptions"),
    path("exceptions/ask/", ask, name="exceptions-ask"),
    path("exceptions/<int:number>/", one, name="exception"),
    path("exceptions/<int:number>/answer/", answer, name="exception-answer"),
    path("exceptions/<int:number>/take-back/", take_back, name="exception-take-back"),
]

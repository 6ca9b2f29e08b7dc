"""People, their roles and invitations, and everybody's tokens: what an administrator does."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from foreshore.errors import Refused, UsageError
from foreshore.server import audit, factors, members, people
from foreshore.server.models import Person
from foreshore.server.roles import DESCRIBED, GUEST, PERMISSIONS

VIEWED = ("view_as", "view_as_name")


def whole_number(text: str, most: int = 10_000) -> int:
    """Return a number that a form sent; raises UsageError."""
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise UsageError(f"“{text[:20]}” is not a number that fits here", hint=f"0 to {most}")
    return int(text)


def chosen(request: HttpRequest) -> dict[str, Sequence[str]]:
    """Return the parts of the organisation that a form names."""
    return {kind: request.POST.getlist(kind) for kind in ("entities", "teams", "services")}


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """Everybody with an account, and the invitations that still open."""
    access = people.access(request)
    text = request.GET.get("q", "")
    return render(
        request,
        "web/settings/people.html",
        {
            "rows": members.listed(access, text), "q": text, "invitations": members.invitations(access),
            "roles": DESCRIBED, "parts": members.parts(), "part": "people",
        },
    )  # fmt: skip


@require_GET
def one(request: HttpRequest, number: int) -> HttpResponse:
    """One person: roles, sessions, looking with their eyes."""
    access = people.access(request)
    found = members.one(access, number)
    row = next(row for row in members.listed(access, found.email) if row["id"] == number)
    given = {
        "row": row,
        "roles": DESCRIBED,
        "parts": members.parts(),
        "part": "people",
        "self": number == access.number,
    }
    return render(request, "web/settings/person.html", given)


@never_cache
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """Make an invitation; its link is shown once."""
    access = people.access(request)
    said = request.POST
    days = whole_number(said.get("days", "7"), 30)
    token = members.invite(access, said.get("email", ""), said.get("role", ""), chosen(request), days)
    link = request.build_absolute_uri(f"/join/{token}/")
    shown = {"heading": _("Invitation"), "value": link, "back": "/settings/people/", "part": "people",
             "what": _("Send this link to the person. It works once, and it is shown only now.")}  # fmt: skip
    return render(request, "web/settings/shown.html", shown)


@require_POST
def change(request: HttpRequest, number: int, what: str) -> HttpResponse:
    """Give or take a role, switch an account on or off, end sessions."""
    access = people.access(request)
    access.need_everywhere("people")
    if what == "grant":
        members.grant(access, number, request.POST.get("role", ""), chosen(request))
        said = _("The role was given.")
    elif what == "take":
        members.take(access, number, whole_number(request.POST.get("grant", ""), 1 << 62))
        said = _("The role was taken away.")
    elif what in ("on", "off"):
        members.switch(access, number, active=what == "on")
        said = _("The account is on.") if what == "on" else _("The account is off, and its sessions have ended.")
    elif what == "sessions":
        count = members.end_sessions(access, number)
        said = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count) % {"count": count}
    elif what == "factor":
        factors.take_off(access, number)
        said = _("The second factor was taken off. The person signs in with the password and sets up a new one.")
    else:
        raise UsageError("there is no such change", hint="the page of the person")
    messages.success(request, said)
    return redirect(f"/settings/people/{number}/")


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Close an invitation."""
    members.withdraw(people.access(request), number)
    messages.success(request, _("The invitation was withdrawn."))
    return redirect("/settings/people/")


@require_POST
def look(request: HttpRequest, number: int) -> HttpResponse:
    """See the pages as somebody else sees them; nothing can be changed meanwhile."""
    access = people.access(request)
    other = members.one(access, number)
    if other.pk == access.number:
        raise Refused("these are your own eyes", hint="choose somebody else")
    request.session["view_as"], request.session["view_as_name"] = other.pk, str(other)
    audit.note("looked as somebody else", author=access.person, person=other.email)
    return redirect("/")


@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Look with one's own eyes again."""
    for name in VIEWED:
        request.session.pop(name, None)
    return redirect("/settings/people/")


@require_GET
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens; everybody's for who administers people."""
    access = people.access(request)
    access.need("see")
    all_of_them = access.everywhere("people")
    given = {
        "rows": members.tokens(access), "everybody": all_of_them, "part": "tokens",
        "permissions": {name: text for name, text in PERMISSIONS.items() if access.may(name)},
    }  # fmt: skip
    return render(request, "web/settings/tokens.html", given)


@never_cache
@require_POST
def make(request: HttpRequest) -> HttpResponse:
    """Make a token or a guest link for oneself; it is shown once."""
    access = people.access(request)
    person = request.user
    if not isinstance(person, Person) or person.pk != access.number:
        raise Refused("a token is only made by its own person", hint="stop looking as somebody else")
    said = request.POST
    guest = said.get("guest") == "1"
    # A guest link opens without signing in: only who may invite people gives one away.
    if guest:
        access.need_everywhere("people")
    wanted = sorted(GUEST) if guest else said.getlist("permissions")
    for name in wanted:
        access.need(name)
    token = people.make_token(
        person, said.get("name", ""), wanted, days=whole_number(said.get("days", "30")), guest=guest
    )
    if guest:
        shown = {"heading": _("Guest link"), "value": request.build_absolute_uri(f"/guest/{token}/"),
                 "what": _("Whoever has this link reads what you may see, and nothing else. It is shown only now.")}  # fmt: skip
    else:
        shown = {"heading": _("Token"), "value": token,
                 "what": _("Programs send it as “Authorization: Bearer …”. It is shown only now.")}  # fmt: skip
    return render(request, "web/settings/shown.html", {**shown, "back": "/settings/tokens/", "part": "tokens"})


@require_POST
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Make a token useless at once."""
    members.revoke(people.access(request), number)
    messages.success(request, _("The token was revoked."))
    return redirect("/settings/tokens/")


urlpatterns = [
    path("settings/people/", listed, name="people"),
    path("settings/people/invite/", invite, name="people-invite"),
    path("settings/people/view-as/stop/", stop, name="view-as-stop"),
    path("settings/people/invitations/<int:number>/withdraw/", withdraw, name="invitation-withdraw"),
    path("settings/people/<int:number>/", one, name="person"),
    path("settings/people/<int:number>/view-as/", look, name="view-as"),
    path("settings/people/<int:number>/<str:what>/", change, name="person-change"),
    path("settings/tokens/", tokens, name="tokens"),
    path("settings/tokens/make/", make, name="token-make"),
    path("settings/tokens/<int:number>/revoke/", revoke, name="token-revoke"),
]

"""A second factor: demanded of those whom the service was told, and taken off an account whose owner lost it.

`FORESHORE_SECOND_FACTOR` says of whom: nobody, administrators (of anything) or everybody. Whoever came by single
sign-on is the provider's to ask.
"""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _

from foreshore.errors import Refused, UsageError
from foreshore.server import audit, members
from foreshore.server.access import Access
from foreshore.server.models import Notice, Person

SETUP = "/accounts/2fa/"
_FREE = ("/accounts/", "/static/", "/i18n/", "/healthz", "/readyz", "/metrics")


def demanded(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Send whoever needs a second factor and has none to where it is set up, and nowhere else."""

    def asked(request: HttpRequest) -> HttpResponse:
        person = request.user
        if not isinstance(person, Person) or request.path.startswith(_FREE) or not lacking(request, person):
            return answer(request)
        if request.path.startswith("/api/"):
            return JsonResponse({"title": "a second factor has to be set up first", "status": 403}, status=403)
        messages.warning(request, _("Set up a second factor first: an app with codes, or a passkey."))
        return HttpResponseRedirect(SETUP)

    return asked


def lacking(request: HttpRequest, person: Person) -> bool:
    """Does this person need a second factor, and has none?"""
    who = settings.SECOND_FACTOR
    if who == "nobody" or (who == "administrators" and not person.grants.filter(role="administrator").exists()):
        return False
    by_provider = any(one.get("method") == "socialaccount" for one in get_authentication_records(request))
    return not by_provider and not is_mfa_enabled(person)


def take_off(access: Access, number: int) -> int:
    """Remove the second factors of somebody who lost them, end their sessions, and tell them; returns how many."""
    person = members.one(access, number)
    if person.pk == access.number:
        raise Refused(
            "nobody takes off their own second factor here", hint="under your own name, with the factor itself"
        )
    held = Authenticator.objects.filter(user=person)
    count: int = held.exclude(type=Authenticator.Type.RECOVERY_CODES).count()
    if not count:
        raise UsageError("this account has no second factor", hint="the page of the person")
    held.delete()
    audit.note("second factor taken off", author=access.person, person=person.email, factors=count)
    members.end_sessions(access, number)
    text = _("An administrator took the second factor off your account. Set up a new one.")
    Notice.objects.create(person=person, text=text, link=SETUP)
    return count

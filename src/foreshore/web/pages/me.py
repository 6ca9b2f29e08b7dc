"""One's own account: name, language, colours, sign-in, tokens, and what one was told."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from foreshore.errors import UsageError
from foreshore.server.models import Person

_COLOURS = (("auto", gettext_lazy("As the system")), ("light", gettext_lazy("Light")), ("dark", gettext_lazy("Dark")))


class MeForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a person says about themselves."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200, required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False,
                                 choices=[("", gettext_lazy("As the browser")), *settings.LANGUAGES])  # fmt: skip
    theme = forms.ChoiceField(label=gettext_lazy("Colours"), choices=_COLOURS)

    class Meta:
        """Of a person."""

        model = Person
        fields = ("name", "language", "theme")


def signed_in(request: HttpRequest) -> Person:
    """Return the person who is signed in; raises UsageError for a guest."""
    if not isinstance(request.user, Person):
        raise UsageError("a guest has no account", hint="sign in")
    return request.user


@require_http_methods(["GET", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    """Show and change one's own account."""
    person = signed_in(request)
    form = MeForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        answer = redirect("/me/")
        if person.language:
            answer.set_cookie(settings.LANGUAGE_COOKIE_NAME, person.language, secure=settings.HTTPS, samesite="Lax")
        else:
            answer.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return answer
    factors = sorted({str(kind) for kind in Authenticator.objects.filter(user=person).values_list("type", flat=True)})
    given: dict[str, Any] = {
        "form": form, "factors": factors, "grants": list(person.grants.order_by("role")),
        "told": list(person.notices.order_by("-at")[:20]), "password": person.has_usable_password(),
    }  # fmt: skip
    return render(request, "web/me/me.html", given)


@require_POST
def read(request: HttpRequest, number: int) -> HttpResponse:
    """Put one notice away."""
    person = signed_in(request)
    person.notices.filter(pk=number, read_at=None).update(read_at=timezone.now())
    return HttpResponse("") if request.headers.get("HX-Request") else redirect("/")


urlpatterns = [
    path("me/", me, name="me"),
    path("notices/<int:number>/read/", read, name="notice-read"),
]

"""Coming in: the link of an invitation (the first administrator's as well), and a guest's."""

from __future__ import annotations

from django import forms
from django.contrib.auth import login, password_validation
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from foreshore.errors import UsageError
from foreshore.server import people


class JoinForm(forms.Form):
    """What a new person says about themselves."""

    email = forms.EmailField(label=_("Email address"))
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    password = forms.CharField(label=_("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))

    def clean_password(self) -> str:
        """Refuse a password that is easily guessed."""
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password)
        return password


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Make the account that an invitation allows, and sign in."""
    invited = people.invitation(token)
    if invited is None:
        return render(request, "web/entering/over.html", status=404)
    form = JoinForm(request.POST or None, initial={"email": invited.email})
    form.fields["email"].disabled = bool(invited.email)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            person = people.join(token, said["email"], said["name"], said["password"])
        except UsageError as error:
            form.add_error(None, ValidationError(error.what))
        else:
            login(request, person, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("/")
    return render(request, "web/entering/join.html", {"form": form, "invited": invited})


@require_http_methods(["GET"])
def guest(request: HttpRequest, token: str) -> HttpResponse:
    """Come in by a read-only link; the token moves from the address into the session at once."""
    found = people.by_token(token)
    if found is None or not found[0].guest:
        return render(request, "web/entering/over.html", status=404)
    request.session["guest"] = token
    return redirect("/")

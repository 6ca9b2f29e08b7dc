"""Services: how likely each is to be lost, what would narrow that, what it stands on; and its scope changed."""

from __future__ import annotations

from typing import Any

import orjson
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from foreshore import facts
from foreshore.cycle import scopes as library
from foreshore.errors import NothingToRead, UsageError
from foreshore.server import questions, scopes, services
from foreshore.server.place import shelf, workspace
from foreshore.server.scopes import Wanted
from foreshore.web.reading import allowed, missing, percent, shown_exposures

_TIERS = [(5, "5"), (4, "4"), (3, "3"), (2, "2"), (1, "1")]


class ServiceForm(forms.Form):
    """What the scope says of one service."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    tier = forms.TypedChoiceField(
        label=gettext_lazy("Impact (5: the organisation stops without it)"), choices=_TIERS, coerce=int
    )
    owner = forms.CharField(label=gettext_lazy("Owner (a team)"), max_length=120, required=False)
    assets = forms.CharField(
        label=gettext_lazy("Its assets: one selector in a line"), widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy("name:web-*   tag:pci   zone:payments   address:10.20.0.0/16   kind:host   owner:shop*"),
    )  # fmt: skip
    depends = forms.ChoiceField(label=gettext_lazy("It stands on"), required=False, choices=[
        ("all", gettext_lazy("all shared foundations")), ("named", gettext_lazy("those named below")),
    ])  # fmt: skip
    depends_on = forms.CharField(
        label=gettext_lazy("Names, one in a line"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    low = forms.FloatField(label=gettext_lazy("Loss: at least"), required=False, min_value=0)
    likely = forms.FloatField(label=gettext_lazy("most likely"), required=False, min_value=0)
    high = forms.FloatField(label=gettext_lazy("at most"), required=False, min_value=0)

    def clean(self) -> dict[str, Any]:
        """A loss is three numbers in order, or none."""
        said: dict[str, Any] = super().clean() or {}
        loss = [said.get(name) for name in ("low", "likely", "high")]
        if any(one is not None for one in loss) and any(one is None for one in loss):
            raise forms.ValidationError(_("A loss needs all three numbers, or none."))
        return said

    def wanted(self) -> Wanted:
        """What was asked for."""
        said = self.cleaned_data
        loss = (said["low"], said["likely"], said["high"]) if said["low"] is not None else None
        named = lines(said["depends_on"])
        return Wanted(said["name"].strip(), said["tier"], said["owner"], lines(said["assets"]), loss,
                      named if said["depends"] == "named" else None)  # fmt: skip


def lines(text: str) -> tuple[str, ...]:
    """The lines of a text that say something."""
    return tuple(one.strip() for one in text.replace(",", "\n").splitlines() if one.strip())


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every service with its chance of a loss in a year."""
    access = allowed(request)
    cycle = shelf().remembered("select as_of from cycle")[0]
    rows = [_shown(one) for one in services.listed(shelf(), access)]
    said = {"rows": rows, "cycle": cycle, "currency": library.scope_in_force(workspace()).currency,
            "may_scope": access.everywhere("scope")}  # fmt: skip
    return render(request, "web/services/list.html", said)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    words = ("probability", "low", "high", "best_case", "worst_case", "share")
    narrowed = [{**one, "by": percent(one["narrows"])} for one in row["narrowed_by"]]
    return {**row, **{f"{name}_said": percent(row[name]) for name in words}, "narrowed_by": narrowed,
            "loss_range": _losses().get(row["service"]),
            "link": f"/services/{urlencode({'': row['service']})[1:].replace('+', '%20').replace('%2F', '/')}/"}  # fmt: skip


def _losses() -> dict[str, Any]:
    """Return the modelled losses of a year by service, each with its mean and range."""
    losses = orjson.loads(shelf().remembered("select result from cycle")[0]["result"] or "{}").get("losses") or {}
    return {one["name"]: one for one in losses.get("services", ())}


def _in_scope(name: str) -> facts.Service | None:
    return next((one for one in library.scope_in_force(workspace()).services if one.name == name), None)


@require_GET
def one(request: HttpRequest, name: str) -> HttpResponse:
    """One service: its chance with interval and bounds, what would narrow them, what it stands on, what leads to it."""
    access, held = allowed(request), shelf()
    row = services.one(held, access, name)
    if row is None:
        return missing(request, _("There is no such service, or it is not yours to see."))
    scope = library.scope_in_force(workspace())
    written = _in_scope(name)
    said = {
        "one": _shown(row), "scoped": written, "depends": services.dependencies(scope, name), "currency": scope.currency,
        "exposures": shown_exposures(services.exposures(held, access, name)), "may_scope": access.everywhere("scope"),
        "members": services.members(held, access, name), "loss": _drawn(written, scope.currency),
    }  # fmt: skip
    return render(request, "web/services/one.html", said)


def _drawn(service: facts.Service | None, currency: str) -> dict[str, Any] | None:
    if service is None or service.loss is None:
        return None
    return chart(service.loss, currency)


def chart(span: facts.Range, currency: str) -> dict[str, Any]:
    """The curve of a loss as a chart's options."""
    return {
        "grid": {"left": 10, "right": 20, "top": 10, "bottom": 30, "containLabel": True},
        "xAxis": {"type": "value", "name": currency, "min": span.low, "max": span.high},
        "yAxis": {"type": "value", "show": False},
        "color": ["#0f8a86"], "series": [{"type": "line", "smooth": True, "symbol": "none", "areaStyle": {}, "data": services.density(span)}],
    }  # fmt: skip


@require_GET
def paths(request: HttpRequest, name: str) -> HttpResponse:
    """The likeliest ways to a service, as a part of its page."""
    access = allowed(request)
    if services.one(shelf(), access, name) is None:
        return missing(request, _("There is no such service, or it is not yours to see."))
    job = questions.ask(access, "paths", {"to": name, "count": 3})
    return redirect(f"/map/answers/{job.key}/" + ("?part=1" if request.headers.get("HX-Request") else ""))


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, name: str = "") -> HttpResponse:
    """Change what the scope says of a service; the difference is shown first, and applied when it was seen."""
    access = allowed(request, "scope")
    access.need_everywhere("scope")
    said: dict[str, Any] = {"name": name, "currency": library.scope_in_force(workspace()).currency}
    form = ServiceForm(request.POST or None, initial=_initial(name))
    if name:
        form.fields["name"].disabled = True
    said["form"] = form
    if request.method == "POST" and form.is_valid():
        wanted = form.wanted()
        try:
            if "apply" in request.POST:
                scopes.apply(workspace(), access, wanted, request.POST.get("rests_on", ""))
                messages.success(request, _("Applied. The next cycle counts with it."))
                return redirect(_after(wanted.name))
            said |= {
                "change": scopes.proposed(workspace(), access, wanted),
                "matched": scopes.matched(workspace(), wanted.assets),
            }
            if wanted.loss:
                said["loss"] = chart(facts.Range(*wanted.loss), said["currency"])
        except UsageError as error:
            form.add_error(None, f"{error.what}. {error.hint}")
    return render(request, "web/services/change.html", said)


def _after(name: str) -> str:
    """The service's page, or the list where no cycle has counted it yet."""
    try:
        known = shelf().ask("select 1 from services where service = ?", [name])
    except NothingToRead:
        return "/start/"
    return f"/services/{urlencode({'': name})[1:].replace('+', '%20')}/" if known else "/services/"


def _initial(name: str) -> dict[str, Any]:
    if not name:
        return {"tier": 3, "depends": "all"}
    found = next((one for one in scopes.written(workspace())[1].services if one.name == name), None)
    if found is None:
        raise UsageError(f"scope.yaml has no service “{name}”")
    loss = found.loss
    return {
        "name": found.name, "tier": found.tier, "owner": found.owner, "assets": "\n".join(found.assets),
        "depends": "all" if found.depends_on is None else "named", "depends_on": "\n".join(found.depends_on or ()),
        "low": loss.low if loss else None, "likely": loss.likely if loss else None, "high": loss.high if loss else None,
    }  # fmt: skip


urlpatterns = [
    path("services/", index, name="services"),
    path("services/new/change/", change, name="service-new"),
    path("services/<path:name>/change/", change, name="service-change"),
    path("services/<path:name>/paths/", paths, name="service-paths"),
    path("services/<path:name>/", one, name="service"),
]

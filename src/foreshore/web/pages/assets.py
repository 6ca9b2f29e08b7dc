"""Assets: the list, one asset, pairs to review, and how complete the picture is."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from foreshore.errors import UsageError
from foreshore.query import coverage as completeness
from foreshore.server import assets
from foreshore.server.place import shelf, workspace
from foreshore.web.reading import again, allowed, missing, shown_exposures


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The assets that a query asks for, those with most to do first."""
    access, held = allowed(request), shelf()
    where = request.GET.get("where", "")
    said: dict[str, Any] = {"where": where, "fields": assets.FIELDS.values()}
    try:
        page = assets.listed(held, access, where, after=request.GET.get("after", ""))
        facets = assets.facets(held, access, where)
        said |= {
            "rows": page.rows, "count": assets.count(held, access, where), "facets": _linked(request, where, facets),
            "next": f"{again(request)}&after={page.next}" if page.next else "", "cycle": _cycle(),
        }  # fmt: skip
    except UsageError as error:
        return render(request, "web/assets/list.html", {**said, "error": error}, status=400)
    return render(request, "web/assets/list.html", said)


def _cycle() -> dict[str, Any]:
    return shelf().remembered("select as_of, known_at from cycle")[0]


def _linked(request: HttpRequest, where: str, facets: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each value of a facet the query that it leads to."""
    shown = []
    for name, values in facets.items():
        for one in values:
            test = f'{name} = "{one["value"]}"' if one["value"] else f"{name} = none"
            if '"' in one["value"]:
                continue  # no query can name it
            one["link"] = "?" + again(request, where=f"({where}) and {test}" if where.strip() else test)
        shown.append({"name": name, "title": assets.FIELDS[name].meaning, "values": values})
    return shown


@require_GET
def one(request: HttpRequest, text: str) -> HttpResponse:
    """One asset: what is to be done on it, and everything that is known of it."""
    access, held = allowed(request), shelf()
    number = assets.key(text)
    row = assets.one(held, access, number)
    if row is None:
        return missing(request, _("There is no such asset, or it is not yours to see."), "/assets/")
    page = assets.exposures(held, access, number, after=request.GET.get("after", ""))
    said: dict[str, Any] = {
        "asset": row, "exposures": shown_exposures(page.rows), "next": page.next, "as_of": request.GET.get("as_of", ""), "cycle": _cycle(),
        "spots": held.ask("select kind from blind_assets where asset = ? order by kind", [number]),
    }  # fmt: skip
    if request.GET.get("known") or said["as_of"]:
        said["known"] = assets.known(held, access, number, assets.moment(said["as_of"]))
    return render(request, "web/assets/one.html", said)


@require_GET
def known(request: HttpRequest, text: str) -> HttpResponse:
    """The part of an asset's page that is read from the facts: who said what, when, and what happened."""
    access, day = allowed(request), request.GET.get("as_of", "")
    found = assets.known(shelf(), access, assets.key(text), assets.moment(day))
    return render(request, "web/assets/known.html", {"known": found, "as_of": day, "asset": {"id": text}})


@require_http_methods(["GET", "POST"])
def review(request: HttpRequest) -> HttpResponse:
    """Pairs of assets that share something: one thing or two?"""
    access, held = allowed(request, "identity"), shelf()
    if request.method == "POST":
        said = request.POST
        if said.get("verdict") not in ("same", "different"):
            raise UsageError("say whether they are the same or different")
        assets.review(
            held, access, said.get("left", ""), said.get("right", ""), same=said["verdict"] == "same",
            because=said.get("because", "").strip(),
        )  # fmt: skip
        messages.success(request, _("Taken down. It counts from now on, and in the next cycle."))
        return redirect("/assets/review/")
    return render(request, "web/assets/review.html", {"pairs": assets.reviews(held, access)})


@require_GET
def coverage(request: HttpRequest) -> HttpResponse:
    """How complete the picture is, and what would make it more so."""
    access = allowed(request)
    access.need_everywhere("see")
    kind, held = request.GET.get("kind", ""), shelf()
    said: dict[str, Any] = {"kind": kind, "found": completeness.coverage(workspace())}
    if kind:
        if kind not in completeness.STATED:
            raise UsageError(f"“{kind}” is not a blind spot about assets", hint=", ".join(completeness.STATED))
        page = assets.hidden(held, access, kind, after=request.GET.get("after", ""))
        said |= {"rows": page.rows, "next": f"{again(request)}&after={page.next}" if page.next else "",
                 "words": completeness.STATED[kind][0]}  # fmt: skip
    return render(request, "web/assets/coverage.html", said)


urlpatterns = [
    path("assets/", index, name="assets"),
    path("assets/review/", review, name="asset-reviews"),
    path("assets/coverage/", coverage, name="coverage"),
    path("assets/<str:text>/", one, name="asset"),
    path("assets/<str:text>/known/", known, name="asset-known"),
]

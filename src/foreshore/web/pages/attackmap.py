"""The attack map: groups that open, ways between two things, what somebody gains, and what a fix would change."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.server import assets, attackmap, questions, withheld
from foreshore.server.access import Access
from foreshore.server.place import shelf
from foreshore.web.reading import again, allowed, missing, percent

_MOST_FIXES = 200
_JUNCTIONS = {"top": 8}


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The map, its list, and the forms that ask about it."""
    access, opened = allowed(request), request.GET.get("open", "")
    found = attackmap.drawn(shelf(), access, opened)
    said = {
        "found": found, "groups": attackmap.listed(found), "open": opened, "start": request.GET.get("from", ""),
        "goal": request.GET.get("to", ""), "of": request.GET.get("of", ""), "whole": access.everywhere(),
        "data": f"/map/data/?{again(request, of='', to='')}", "cycle": shelf().remembered("select as_of from cycle")[0],
    }  # fmt: skip
    return render(request, "web/map/map.html", said)


@require_GET
def data(request: HttpRequest) -> HttpResponse:
    """The nodes and edges of the map."""
    access = allowed(request)
    return JsonResponse(_marked(attackmap.drawn(shelf(), access, request.GET.get("open", "")), access))


def _marked(found: dict[str, Any], access: Access) -> dict[str, Any]:
    """Mark the things that hold a key junction; `junctions` says whether these are known yet.

    They are looked for where somebody sees everything, by a job where the graph is large.
    """
    job = questions.ask(access, "junctions", _JUNCTIONS) if access.everywhere() else None
    if job is None or job.state != "done" or not job.result:
        return {**found, "junctions": False}
    wanted = [assets.key(one["id"]) for one in (*job.result["assets"], *job.result["identities"])]
    rows = shelf().ask("select asset, zone from assets where asset in (select unnest(?::bigint[]))", [wanted])
    marks = {f"zone:{row['zone']}" for row in rows} | {keys.show("AST", row["asset"]) for row in rows}
    return {**found, "nodes": [{**one, "junctions": one["id"] in marks} for one in found["nodes"]], "junctions": True}


@require_GET
def beside(request: HttpRequest) -> HttpResponse:
    """What stands beside the map of the thing that was clicked."""
    access, ident = allowed(request), request.GET.get("id", "")
    found = attackmap.drawn(shelf(), access, request.GET.get("open", ""))
    node = next((one for one in attackmap.listed(found) if one["id"] == ident), None)
    if node is None:
        return missing(request, _("This is not on the map."))
    said: dict[str, Any] = {"node": node, "whole": access.everywhere()}
    if node["kind"] == "asset":
        said["fixes"] = [
            {**row, "key": keys.show("EXP", row["exposure"]), "share": percent(row["contribution"])}
            for row in assets.exposures(shelf(), access, assets.key(ident), size=5).rows
        ]
    return render(request, "web/map/beside.html", said)


def _asked(request: HttpRequest, access: Access, name: str, asked: dict[str, Any]) -> HttpResponse:
    job = questions.ask(access, name, asked)
    return redirect(f"/map/answers/{job.key}/" + ("?part=1" if request.headers.get("HX-Request") else ""))


@require_GET
def paths(request: HttpRequest) -> HttpResponse:
    """The likeliest different ways from one thing to another."""
    said = {name: request.GET.get(name, "").strip() for name in ("from", "to")}
    return _asked(request, allowed(request), "paths", {key: value for key, value in said.items() if value})


@require_GET
def blast(request: HttpRequest) -> HttpResponse:
    """What an attacker gains who holds a thing."""
    access, of = allowed(request), request.GET.get("of", "").strip()
    if not of:
        raise UsageError(_("name an asset, an identity or a zone first"))
    return _asked(request, access, "blast", {"of": of})


@require_GET
def junctions(request: HttpRequest) -> HttpResponse:
    """The few things that many ways need."""
    return _asked(request, allowed(request), "junctions", _JUNCTIONS)


@require_POST
def what_if(request: HttpRequest) -> HttpResponse:
    """What would change if these exposures were fixed."""
    access = allowed(request)
    fixes = [one.strip() for text in request.POST.getlist("fix") for one in text.split() if one.strip()]
    if not fixes or len(fixes) > _MOST_FIXES:
        raise UsageError(_("choose what is fixed first"), hint="EXP-…, ACT-…, CVE-…")
    return _asked(request, access, "what-if", {"fix": fixes})


@require_GET
def answer(request: HttpRequest, key: str) -> HttpResponse:
    """The answer to a question, or how far it has come."""
    access = allowed(request)
    job = questions.read(access, key)
    name = str(job.settings.get("question"))
    said: dict[str, Any] = {
        "job": job,
        "name": name,
        "asked": job.settings.get("asked", {}),
        "old": not questions.current(job),
    }
    if job.state == "done" and job.result is not None:
        said["found"] = _words(name, withheld.names(shelf(), access, job.result))
    part = request.GET.get("part") or request.headers.get("HX-Request")
    return render(request, "web/asking/part.html" if part else "web/asking/page.html", said)


def _words(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Give figures their words."""
    if name == "paths":
        for one in found["paths"]:
            one["chance"] = percent(one["probability"])
            for hop in one["hops"]:
                hop["chance"] = percent(hop["probability"])
    elif name in ("blast", "what-if"):
        names = ("before", "given", "after", "gain", "change", "low", "high")
        for one in found["services"]:
            one["said"] = {each: percent(one[each]) for each in names if each in one}
        total = found.get("total")
        if total:
            total["said"] = percent(total["share"])
    elif name == "junctions":
        for kind in ("exposures", "assets", "identities", "relations"):
            for one in found[kind]:
                one["said"] = {each: percent(one[each]) for each in ("share", "low", "high")}
    return found


urlpatterns = [
    path("map/", index, name="map"),
    path("map/data/", data, name="map-data"),
    path("map/beside/", beside, name="map-beside"),
    path("map/paths/", paths, name="map-paths"),
    path("map/blast/", blast, name="map-blast"),
    path("map/junctions/", junctions, name="map-junctions"),
    path("map/what-if/", what_if, name="map-what-if"),
    path("map/answers/<str:key>/", answer, name="answer"),
]

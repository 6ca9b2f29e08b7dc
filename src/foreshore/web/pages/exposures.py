"""Exposures: the queue, its rows, bulk decisions with preview and undo, saved views, and one exposure."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from foreshore.errors import UsageError
from foreshore.server import bulk, completing, exceptions, explained, exposures, paging, people, views, visits
from foreshore.server.bulk import Chosen
from foreshore.server.place import shelf

UNDO = "undo"


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """The actions worth doing first, or rows, for a query."""
    access, where = people.access(request), request.GET.get("where", "").strip()
    access.need("see")
    rows = request.GET.get("show") == "rows"
    since = visits.since(request)
    given: dict[str, Any] = {
        "where": where, "rows_shown": rows, "error": None, "views": views.listed(access, "exposures"), "since": since,
    }  # fmt: skip
    try:
        given |= _found(request, where, rows=rows)
    except UsageError as error:
        return render(request, "web/exposures/list.html", {**given, "error": error}, status=400)
    return render(request, "web/exposures/list.html", given)


def _found(request: HttpRequest, where: str, *, rows: bool) -> dict[str, Any]:
    access, opened = people.access(request), shelf()
    since, after = visits.since(request), request.GET.get("after", "")
    found: dict[str, Any] = {
        "treatments": paging.treatments(opened, access, where), "facets": exposures.facets(opened, access, where),
        "fresh": exposures.fresh(opened, access, since, where) if not after else {"count": 0},
        "new_where": _new(where, since),
    }  # fmt: skip
    if rows:
        found["page"] = exposures.page(opened, access, where, after=after, since=since)
    else:
        found["queue"] = exposures.queue(opened, access, where)
    found["count"] = sum(found["treatments"].values())
    return found


def _new(where: str, since: Any) -> str:
    if since is None:
        return ""
    new = f"first_seen >= {since:%Y-%m-%d}"
    return f"({where}) and {new}" if where else new


@require_GET
def complete(request: HttpRequest) -> HttpResponse:
    """What could come next in the query."""
    access = people.access(request)
    access.need("see")
    found = completing.complete(shelf(), access, request.GET.get("where", ""))
    return render(request, "web/exposures/completed.html", {"found": found})


@require_GET
def one(request: HttpRequest, key: str) -> HttpResponse:
    """One exposure: three questions, way, evidence, who else, history, decisions."""
    access, opened = people.access(request), shelf()
    row = explained.one(opened, access, key)
    told = explained.first(opened, access, row, engine=request.GET.get("way") == "find")
    if request.GET.get("evidence") == "yes":
        told |= explained.facts_of(opened, access, row)
    given = {
        **told, **{f"beside_{name}": value for name, value in explained.beside(opened, access, row).items()},
        "words": bulk.WORDS, "may_decide": _may(access, row, "decide"), "may_ask": _may(access, row, "request"),
        "may_write": _may(access, row, "comment"),
        "longest": exceptions.LONGEST, "looked": request.GET.get("way") == "find",
    }  # fmt: skip
    return render(request, "web/exposures/one.html", given)


@require_GET
def evidence(request: HttpRequest, key: str) -> HttpResponse:
    """The evidence of one exposure: it takes longer than the page, and comes after it."""
    access, opened = people.access(request), shelf()
    return render(
        request, "web/exposures/evidence.html", explained.facts_of(opened, access, explained.one(opened, access, key))
    )


def _may(access: Any, row: dict[str, Any], permission: str) -> bool:
    return row["exposure"] in paging.visible(shelf(), access, [row["exposure"]], permission)


@require_POST
def comment(request: HttpRequest, key: str) -> HttpResponse:
    """Write beside an exposure."""
    explained.comment(shelf(), people.access(request), exposures.key_of(key), request.POST.get("text", ""))
    return redirect(f"/exposures/{key}/#comments")


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Show what a decision would touch before it is taken down."""
    access, opened = people.access(request), shelf()
    word = request.POST.get("word", "")
    if word == "accepted":
        return _ask_page(request)
    access.need("decide")
    if word not in bulk.WORDS:
        raise UsageError(_("no decision was chosen"), hint=", ".join(bulk.WORDS))
    chosen = _chosen(request)
    found = bulk.preview(bulk.rows(opened, access, chosen), word)
    return render(request, "web/exposures/preview.html", {**found, **_kept(request, chosen)})


def _kept(request: HttpRequest, chosen: Chosen) -> dict[str, Any]:
    """Return what the next form carries on, so that it is about the same."""
    said = request.POST
    return {
        "chosen": chosen, "keys": said.getlist("exposure"), "because": said.get("because", ""),
        "until": said.get("until", ""), "assume": said.get("assume", ""), "back": _back(request),
    }  # fmt: skip


def _chosen(request: HttpRequest) -> Chosen:
    said = request.POST
    every = said.get("every") == "yes"
    keys = [] if every else [exposures.key_of(text) for text in said.getlist("exposure")[: bulk.MOST + 1]]
    return Chosen(keys, said.get("where", "").strip(), every, said.get("alike") == "yes")


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Take a decision down, and offer to take it back."""
    said = request.POST
    people.access(request).need("decide")
    if said.get("expected"):
        now = len(bulk.rows(shelf(), people.access(request), _chosen(request)))
        if str(now) != said["expected"]:
            messages.warning(request, _("Meanwhile other exposures match: look at the preview again."))
            return preview(request)
    done = bulk.decide(
        shelf(), people.access(request), _chosen(request), said.get("word", ""), because=said.get("because", ""),
        until=_day(said.get("until", "")), assume=_lines(said.get("assume", "")),
    )  # fmt: skip
    request.session[UNDO] = [one["id"] for one in done]
    text = ngettext("Decided about %(n)s exposure.", "Decided about %(n)s exposures.", len(done)) % {"n": len(done)}
    messages.success(request, format_html('{} <a href="/exposures/undo/">{}</a>', text, _("Undo")))
    return redirect(_back(request))


@require_http_methods(["GET", "POST"])
def undo(request: HttpRequest) -> HttpResponse:
    """Take back the last decision that was taken here."""
    keys = [exposures.key_of(text) for text in request.session.get(UNDO, [])]
    access, opened = people.access(request), shelf()
    access.need("decide")
    if request.method == "GET":
        rows = exposures.rows_of(opened, access, keys, "decide")
        return render(
            request,
            "web/exposures/undo.html",
            {"rows": [exposures.shown(row) for row in rows[:20]], "count": len(rows)},
        )
    done = bulk.withdraw(opened, access, keys, because=request.POST.get("because", ""))
    request.session.pop(UNDO, None)
    text = ngettext("Taken back for %(n)s exposure.", "Taken back for %(n)s exposures.", len(done)) % {"n": len(done)}
    messages.success(request, text)
    return redirect("/exposures/?show=rows")


@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Take back what was decided about named exposures."""
    keys = [exposures.key_of(text) for text in request.POST.getlist("exposure")]
    done = bulk.withdraw(shelf(), people.access(request), keys, because=request.POST.get("because", ""))
    text = ngettext("Taken back for %(n)s exposure.", "Taken back for %(n)s exposures.", len(done)) % {"n": len(done)}
    messages.success(request, text)
    return redirect(_back(request))


def _ask_page(request: HttpRequest) -> HttpResponse:
    """The form that asks for an exception about what was chosen."""
    access, opened = people.access(request), shelf()
    access.need("request")
    chosen = _chosen(request)
    rows = bulk.matching(opened, access, chosen.where, "request") if chosen.every else exposures.rows_of(
        opened, access, chosen.keys, "request")  # fmt: skip
    if not 0 < len(rows) <= exceptions.MOST:
        raise UsageError(
            _("a request is about 1 to %(n)s exposures that are yours to ask about") % {"n": exceptions.MOST},
            hint=_("tick some, or narrow the query"),
        )
    given = {
        "rows": [exposures.shown(row) for row in rows], "count": len(rows), **_kept(request, chosen),
        "longest": exceptions.LONGEST,
    }  # fmt: skip
    return render(request, "web/exceptions/ask.html", given)


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep a query under a name, for oneself or for all."""
    said = request.POST
    kept = views.save(
        people.access(request),
        "exposures",
        said.get("name", ""),
        said.get("where", ""),
        shared=said.get("shared") == "yes",
    )
    messages.success(request, _("The view “%(name)s” is kept.") % {"name": kept.name})
    return redirect(f"/exposures/?{urlencode({'where': kept.query})}")


@require_POST
def forget(request: HttpRequest, number: int) -> HttpResponse:
    """Remove one's own saved view."""
    views.forget(people.access(request), number)
    return redirect("/exposures/")


def _back(request: HttpRequest) -> str:
    """Where a form came from: a page of ours, never another site's."""
    back = request.POST.get("back", "")
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/exposures/?show=rows"


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(_("“%(text)s” is not a day") % {"text": text[:20]}, hint="2026-12-31") from None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


urlpatterns = [
    path("exposures/", queue, name="exposures"),
    path("exposures/complete", complete, name="exposures-complete"),
    path("exposures/preview/", preview, name="exposures-preview"),
    path("exposures/decide/", decide, name="exposures-decide"),
    path("exposures/undo/", undo, name="exposures-undo"),
    path("exposures/withdraw/", withdraw, name="exposures-withdraw"),
    path("exposures/views/", save, name="exposures-views"),
    path("exposures/views/<int:number>/forget/", forget, name="exposures-forget"),
    path("exposures/<str:key>/", one, name="exposure"),
    path("exposures/<str:key>/evidence/", evidence, name="exposure-evidence"),
    path("exposures/<str:key>/comment/", comment, name="exposure-comment"),
]

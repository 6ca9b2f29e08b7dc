"""Reports: for whom and in which form, written by a job; exports of what one may see, streamed."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from foreshore.server import reports
from foreshore.server.place import shelf, workspace
from foreshore.web.reading import allowed, missing

_AUDIENCE = {
    "html": _("For people who decide: one page of what matters and why, to read and to print"),
    "pdf": _("The same as a PDF, to file or to send"),
    "md": _("For a ticket or a wiki: the same as Markdown"),
    "json": _("For a program: everything the report says"),
}
_EXPORTED = {
    "csv": _("a spreadsheet"), "ndjson": _("a program, line by line"), "parquet": _("a notebook or a data lake"),
    "ocsf": _("a SIEM (OCSF events)"), "cyclonedx": _("CycloneDX with VEX"), "openvex": _("OpenVEX"),
}  # fmt: skip


@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """What can be written, what was written."""
    access = allowed(request)
    if request.method == "POST":
        reports.ask(access, request.POST.get("format", ""))
        return redirect("/reports/")
    jobs = reports.written(access)
    said: dict[str, Any] = {
        "whole": access.everywhere(), "jobs": jobs, "busy": any(one.state in ("waiting", "running") for one in jobs),
        "formats": [(one, _AUDIENCE[one.name]) for one in reports.formats()], "where": request.GET.get("where", ""),
        "exports": [(one, _EXPORTED[one.name]) for one in reports.EXPORTS],
    }  # fmt: skip
    return render(
        request, "web/reports/written.html" if request.headers.get("HX-Request") else "web/reports/list.html", said
    )


@require_GET
def written(request: HttpRequest, name: str) -> FileResponse:
    """A report that was written, as a file to keep: what it holds never runs among our pages."""
    path, media = reports.file(workspace(), allowed(request), name)
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type=media)


@require_GET
def export(request: HttpRequest) -> HttpResponseBase:
    """The open exposures that one may see, as a stream."""
    access, asked = allowed(request), request.GET.get("format", "csv")
    known = next((one for one in reports.EXPORTS if one.name == asked), None)
    if known is None:
        return missing(request, f"“{asked[:40]}”", ", ".join(one.name for one in reports.EXPORTS))
    stream = reports.export(shelf(), access, asked, request.GET.get("where", ""))
    response = StreamingHttpResponse(stream, content_type=known.media)
    response["Content-Disposition"] = f'attachment; filename="exposures.{known.ending}"'
    return response


urlpatterns = [
    path("reports/", index, name="reports"),
    path("reports/export/", export, name="export"),
    path("reports/<str:name>/", written, name="report"),
]

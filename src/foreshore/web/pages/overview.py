"""The overview: the first page, by what one may see."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from foreshore.report import drawing, figures
from foreshore.server import overview, people, visits
from foreshore.server.place import shelf


@require_GET
def first(request: HttpRequest) -> HttpResponse:
    """How much is at stake, how it went, what is new, and what is asked of me."""
    access = people.access(request)
    access.need("see")
    found = overview.gather(shelf(), access, visits.since(request))
    end = drawing.scale_end(found["services"])
    drawn = [{**one, "span": drawing.span(one, end)} for one in found["services"]]
    given: dict[str, Any] = {**found, "services": drawn, "chart": None, "open": sum(found["treatments"].values())}
    if found["whole"]:
        left = found["whole"]["plan"]["left"]
        given |= {"plan_removes": None if left is None else 1 - left, "trend": found["whole"]["trend"][::-1]}
        given["funnel"] = drawing.funnel(found["whole"]["funnel"])
        given["chart"] = _chart(found["whole"]["trend"])
    return render(request, "web/overview/first.html", given)


@require_POST
def compare(request: HttpRequest) -> HttpResponse:
    """Ask for the like-for-like comparison of the last two cycles."""
    job = overview.compare(shelf(), people.access(request))
    return redirect(f"/jobs/{job.key}/" if job.state != "done" else "/#changed")


def _chart(trend: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the options of the chart of the trend: the chance with its range; the table beside it says the same."""
    told = [one for one in trend if one["probability"] is not None]
    if len(told) < 2:
        return None
    low = [_percent(one["low"]) for one in told]
    width = [_percent((one["high"] or 0) - (one["low"] or 0)) for one in told]
    band = {"type": "line", "stack": "range", "symbol": "none", "lineStyle": {"opacity": 0}, "silent": True}
    return {
        "grid": {"left": 44, "right": 12, "top": 16, "bottom": 28},
        "xAxis": {"type": "category", "data": [figures.moment(one["as_of"])[:16] for one in told], "boundaryGap": False},
        "yAxis": {"type": "value", "min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}},
        "tooltip": {"trigger": "axis"},
        "series": [
            {**band, "name": _("low end"), "data": low},
            {**band, "name": _("width of the likely range"), "data": width,
             "areaStyle": {"color": "#2a9d8f", "opacity": 0.22}},
            {"type": "line", "name": _("chance"), "data": [_percent(one["probability"]) for one in told],
             "lineStyle": {"color": "#2a9d8f", "width": 2}, "itemStyle": {"color": "#2a9d8f"}},
        ],
    }  # fmt: skip


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)


urlpatterns = [path("", first, name="overview"), path("compare/", compare, name="compare")]

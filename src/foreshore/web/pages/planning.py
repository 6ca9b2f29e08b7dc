"""The plan: a budget of hours and changes, the best that can be done with it, and how far any plan could get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from foreshore.server import plans, questions
from foreshore.server.place import shelf
from foreshore.web.reading import allowed, percent


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The form, and the plan that was asked for; without one, that of the cycle."""
    access, held = allowed(request), shelf()
    if not access.everywhere("see"):
        return render(request, "web/plan/part.html")
    said: dict[str, Any] = {"kept": plans.kept(access), "may_keep": access.may("comment") and access.number > 0}
    key = request.GET.get("q", "")
    asked: Mapping[str, Any] = {}
    if key:
        job = questions.read(access, key)
        asked = job.settings.get("asked", {})
        said |= {"job": job, "old": not questions.current(job)}
        if job.state == "done" and job.result:
            said |= _shown(job.result, _("this plan"))
    elif found := plans.of_cycle(held, access):
        said |= _shown(found, _("the cycle's plan"))
    hours = asked.get("hours", {})
    said |= {
        "changes": asked.get("changes", 10), "most": plans.MOST_CHANGES,
        "teams": [{**one, "given": hours.get(one["name"])} for one in plans.teams(held)],
    }  # fmt: skip
    if request.headers.get("HX-Request") and key:
        return render(request, "web/plan/answer.html", said)
    return render(request, "web/plan/plan.html", said)


def _shown(plan: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Words and the chart of a plan."""
    actions = [
        {**one, "removes_said": percent(one["removes"]), "left_said": percent(one["left"])} for one in plan["actions"]
    ]
    removed = float(plan.get("before", 1.0)) - float(plan.get("after", 1.0))
    bound = plan.get("bound")
    points = plans.curve(plan)
    return {
        "plan": {**plan, "actions": actions, "removed": percent(removed), "left": percent(float(plan.get("after", 1.0))),
                 "bound_said": percent(bound), "fresh_said": percent(plan["fresh"]["removes"]) if plan.get("fresh") else "",
                 "spent": points[-1]["hours"]},
        "chart": chart([(name, points)], None if bound is None else float(plan.get("before", 1.0)) - float(bound)),
    }  # fmt: skip


def chart(curves: list[tuple[str, list[dict[str, Any]]]], floor: float | None) -> dict[str, Any]:
    """Risk left against hours spent, and the least that any plan could leave."""
    series: list[dict[str, Any]] = [
        {
            "type": "line",
            "step": "end",
            "name": name,
            "symbolSize": 5,
            "data": [[one["hours"], round(100 * one["left"], 2)] for one in points],
        }
        for name, points in curves
    ]
    if floor is not None:
        label = {"formatter": _("no plan leaves less"), "position": "insideStartTop"}
        series[0]["markLine"] = {"silent": True, "symbol": "none", "label": label,
                                 "data": [{"yAxis": round(100 * floor, 2)}]}  # fmt: skip
    return {
        "grid": {"left": 10, "right": 24, "top": 30, "bottom": 30, "containLabel": True},
        "legend": {"show": len(curves) > 1},
        "color": ["#0f8a86", "#a0622d"], "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "name": _("hours"), "nameLocation": "middle", "nameGap": 24},
        "yAxis": {"type": "value", "name": _("risk left, %"), "min": 0, "max": 100}, "series": series,
    }  # fmt: skip


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for the best plan within a budget."""
    hours = {
        name[6:]: text for name, text in request.POST.items() if name.startswith("hours:") and isinstance(text, str)
    }
    job = plans.ask(allowed(request), plans.wished(request.POST.get("changes", ""), hours))
    return redirect(f"/plan/?q={job.key}")


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Keep the plan under a name."""
    access = allowed(request, "comment")
    access.need_everywhere("see")
    plans.keep(access, request.POST.get("name", ""), questions.read(access, request.POST.get("q", "")))
    messages.success(request, _("The plan is kept."))
    return redirect(f"/plan/?q={request.POST.get('q', '')}")


@require_POST
def change(request: HttpRequest, number: int) -> HttpResponse:
    """Share, stop sharing or remove a plan of one's own."""
    access = allowed(request, "comment")
    access.need_everywhere("see")
    plans.change(access, number, request.POST.get("what", ""))
    return redirect("/plan/")


@require_GET
def kept(request: HttpRequest, number: int) -> HttpResponse:
    """A plan as it was kept, and beside another where one is named."""
    access = allowed(request)
    found = plans.one(access, number)
    said: dict[str, Any] = {"one": found, **_shown(found.result, found.name), "kept": plans.kept(access)}
    other = request.GET.get("with", "")
    if other.isdecimal():
        beside = plans.one(access, int(other))
        mine, others = ({one["id"] for one in each.result["actions"]} for each in (found, beside))
        said |= {
            "other": beside, "beside": _shown(beside.result, beside.name)["plan"], "only": mine - others, "only_other": others - mine,
            "chart": chart([(each.name, plans.curve(each.result)) for each in (found, beside)], None),
        }  # fmt: skip
    return render(request, "web/plan/kept.html", said)


urlpatterns = [
    path("plan/", index, name="plan"),
    path("plan/ask/", ask, name="plan-ask"),
    path("plan/keep/", keep, name="plan-keep"),
    path("plan/kept/<int:number>/", kept, name="plan-kept"),
    path("plan/kept/<int:number>/change/", change, name="plan-change"),
]

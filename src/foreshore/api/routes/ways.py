"""Ways of attackers: paths, blast radius, key junctions, unknowns, what-if and plans."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from foreshore.api.asking import Row, Work, access, job, later, whole
from foreshore.server import questions
from foreshore.server.jobs import queue
from foreshore.server.place import workspace

router = Router(tags=["attack paths"])
_BOTH = {200: dict[str, Any], 202: Work}


class Ways(Schema):
    """From where to where."""

    from_: str = Field(
        "", alias="from", max_length=300, description="internet, a zone, an asset that is held; empty: anybody"
    )
    to: str = Field("", max_length=300, description="a service, a zone, an asset; empty: any service")
    count: int = Field(5, ge=1, le=50)


class Held(Schema):
    """What an attacker holds."""

    of: str = Field(..., min_length=1, max_length=300)
    top: int = Field(50, ge=1, le=500)


class Supposed(Schema):
    """What is supposed, in the words of the verb `what-if`."""

    fix: list[str] = Field([], max_length=200)
    add: list[str] = Field([], max_length=200)
    cut: list[str] = Field([], max_length=200)
    open: list[str] = Field([], max_length=200)
    remove_right: list[str] = Field([], max_length=200)
    lose: list[str] = Field([], max_length=200)
    gain: list[str] = Field([], max_length=200)
    lose_asset: list[str] = Field([], max_length=200)
    lose_sensor: list[str] = Field([], max_length=200)
    set: list[str] = Field([], max_length=200)


class WhatIf(Schema):
    """A supposition, or a saved scenario."""

    suppose: Supposed = Field(default_factory=lambda: Supposed.model_validate({}))
    name: str = Field("", max_length=100)
    save: str = Field("", max_length=100)
    quick: bool = False
    top: int = Field(10, ge=1, le=500)


class Wishes(Schema):
    """Within what a plan has to stay."""

    hours: dict[str, float] = Field(default_factory=dict)
    changes: int = Field(10, ge=1, le=1_000)
    must: list[str] = Field([], max_length=200)
    barred: list[str] = Field([], max_length=200)
    excludes: list[str] = Field([], max_length=200)
    needs: list[str] = Field([], max_length=200)


@router.post("/paths", response=_BOTH)
def paths(request: HttpRequest, response: HttpResponse, asked: Ways) -> Any:
    """Return the likeliest different ways; 202 where the graph is large."""
    settings = {"from": asked.from_, "to": asked.to, "count": asked.count}
    return _answered(request, response, "paths", settings)


@router.post("/blast", response=_BOTH)
def blast(request: HttpRequest, response: HttpResponse, asked: Held) -> Any:
    """Return what an attacker gains who holds an asset or identity."""
    return _answered(request, response, "blast", {"of": asked.of, "top": asked.top})


@router.get("/junctions", response=_BOTH)
def junctions(request: HttpRequest, response: HttpResponse, top: int = 10) -> Any:
    """Return key junctions: exposures, assets, identities and relations that many ways need."""
    return _answered(request, response, "junctions", {"top": max(1, min(top, 200))})


@router.get("/unknowns", response=list[dict[str, Any]])
def unknowns(request: HttpRequest, service: str = "") -> list[Row]:
    """Return which answers would narrow each service's bounds most."""
    from foreshore.cycle import unknowns as asked

    whole(request)
    return asked.unknowns(workspace(), service)


@router.post("/what-if", response={202: Work})
def what_if(request: HttpRequest, response: HttpResponse, asked: WhatIf) -> Any:
    """Say what would change if …; a job. To save a scenario takes the permission to comment."""
    whole(request)
    if asked.save:
        whole(request, "comment")
    supposed = {name: texts for name, texts in asked.suppose.dict().items() if texts}
    settings = {"suppose": supposed, "name": asked.name, "save": asked.save, "quick": asked.quick, "top": asked.top}
    return job(request, response, "what_if", settings)


@router.post("/plan", response={202: Work})
def plan(request: HttpRequest, response: HttpResponse, asked: Wishes) -> Any:
    """Choose the actions that remove most within hours and changes, with a proven bound; a job."""
    whole(request)
    return job(request, response, "plan", asked.dict())


def _answered(request: HttpRequest, response: HttpResponse, name: str, settings: Row) -> Any:
    """Answer at once where that is quick, else with the job that will know."""
    allowed = access(request)
    asked = questions.ask(allowed, name, settings)
    if asked.state not in queue.OVER:
        return later(response, asked)
    found = questions.read(allowed, asked.key)
    if found.state != "done":
        return later(response, found)
    return found.result

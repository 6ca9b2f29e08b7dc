"""Intelligence: one vulnerability, what it means here, how fresh the feeds are, held news."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from foreshore.api.asking import Row, Work, access, job, whole
from foreshore.cycle import feeding, news
from foreshore.server.place import workspace
from foreshore.store import open_lake

router = Router(tags=["intelligence"])


class Because(Schema):
    """Why."""

    because: str = Field(..., max_length=2_000)


@router.get("/intelligence/feeds", response=dict[str, Any])
def feeds(request: HttpRequest) -> Row:
    """Say how fresh each feed is, and what is unknown because one is old or was never read."""
    from foreshore.intel import status

    access(request)
    return status.status(workspace())


@router.post("/intelligence/update", response={202: Work})
def update(request: HttpRequest, response: HttpResponse) -> Any:
    """Bring intelligence up to date; a job."""
    whole(request, "run")
    return job(request, response, "intel", {})


@router.get("/intelligence/held", response=list[dict[str, Any]])
def held(request: HttpRequest) -> list[Row]:
    """List the news that waits for a person."""
    whole(request)
    return feeding.held(workspace())


@router.post("/intelligence/held/{ident}/release", response=dict[str, Any])
def release(request: HttpRequest, ident: str, said: Because) -> Row:
    """Let held news into the facts."""
    allowed = whole(request, "run")
    return feeding.release(workspace(), ident, because=said.because, author=allowed.person)[0]


@router.post("/intelligence/held/{ident}/discard", response=dict[str, Any])
def discard(request: HttpRequest, ident: str, said: Because) -> Row:
    """Turn held news away."""
    allowed = whole(request, "run")
    return feeding.discard(workspace(), ident, because=said.because, author=allowed.person)


@router.get("/intelligence/weaknesses/{name}", response=dict[str, Any])
def weakness(request: HttpRequest, name: str) -> Row:
    """Tell what is known of one vulnerability, since when, and by whom."""
    from foreshore.intel import show

    allowed = access(request)
    with open_lake(workspace(), read_only=True) as lake:
        found = show.show(lake, name)
    return found if allowed.everywhere() else {key: value for key, value in found.items() if key != "present"}


@router.get("/intelligence/weaknesses/{name}/impact", response=dict[str, Any])
def impact(request: HttpRequest, name: str) -> Row:
    """Tell what a vulnerability means here by the intelligence of now."""
    whole(request)
    return news.impact(workspace(), name)

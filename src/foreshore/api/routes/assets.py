"""Assets: the list, one, all that is known of it, pairs to review, coverage; and services."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Row, access, number, whole
from foreshore.api.problems import Missing
from foreshore.api.routes.exposures import Listing
from foreshore.api.service import Page
from foreshore.query import lists
from foreshore.server import assets, services
from foreshore.server.place import shelf, workspace

router = Router(tags=["assets"])


class Answer(Schema):
    """Whether two assets are one."""

    left: str = Field(..., max_length=100)
    right: str = Field(..., max_length=100)
    same: bool
    because: str = Field(..., max_length=2_000)


@router.get("/assets", response=Page)
def list_assets(request: HttpRequest, asked: Query[Listing]) -> Row:
    """List assets, those with most to do first."""
    found = assets.listed(shelf(), access(request), asked.where, after=asked.after, size=asked.size)
    return {"items": [_told(row) for row in found.rows], "next": found.next}


@router.get("/assets/reviews", response=list[dict[str, Any]])
def list_reviews(request: HttpRequest) -> list[Row]:
    """List pairs of assets of which nobody said yet whether they are one."""
    return assets.reviews(shelf(), access(request, "identity"))


@router.post("/assets/reviews", response={201: dict[str, Any]})
def answer_review(request: HttpRequest, said: Answer) -> Any:
    """Say whether two assets are one; later imports obey it."""
    allowed = access(request, "identity")
    return Status(201, assets.review(shelf(), allowed, said.left, said.right, same=said.same, because=said.because))


@router.get("/assets/{asset}", response=dict[str, Any])
def one_asset(request: HttpRequest, asset: str) -> Row:
    """Return one asset with its counts."""
    found = assets.one(shelf(), access(request), number(asset, "AST"))
    if found is None:
        raise Missing("there is no such asset, or none that you may see")
    return _told(found)


@router.get("/assets/{asset}/known", response=dict[str, Any])
def what_is_known(request: HttpRequest, asset: str, as_of: str = "") -> Row:
    """Return all that sources said of an asset, each with source and age, until a day (`as_of`, YYYY-MM-DD)."""
    one_asset(request, asset)
    return assets.known(shelf(), access(request), number(asset, "AST"), assets.moment(as_of))


@router.get("/assets/{asset}/exposures", response=Page)
def exposures_of_asset(request: HttpRequest, asset: str, after: str = "", size: int = 50) -> Row:
    """List the open exposures of an asset."""
    one_asset(request, asset)
    found = assets.exposures(shelf(), access(request), number(asset, "AST"), after=after, size=size)
    return {"items": [lists.as_json(row) for row in found.rows], "next": found.next}


@router.get("/coverage", response=dict[str, Any])
def coverage(request: HttpRequest) -> Row:
    """Say how complete the picture is, and what nobody looks at."""
    from foreshore.query import coverage as asked

    whole(request)
    return asked.coverage(workspace())


@router.get("/services", response=Page)
def list_services(request: HttpRequest) -> Row:
    """List services with their chance a year, bounds, and what would narrow these."""
    return {"items": services.listed(shelf(), access(request)), "next": ""}


@router.get("/services/{service}", response=dict[str, Any])
def one_service(request: HttpRequest, service: str) -> Row:
    """Return one service."""
    found = services.one(shelf(), access(request), service)
    if found is None:
        raise Missing("there is no such service, or none that you may see")
    return found


def _told(row: Row) -> Row:
    """Return an asset with its key as people write it, as `assets --json` does."""
    return {name: value for name, value in row.items() if name != "id"} | {"asset": row["id"]}

"""Exposures: the list, one, why it stands where it stands, decisions, comments."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Row, access, number
from foreshore.api.service import Page
from foreshore.query import lists
from foreshore.server import bulk, explained, exposures, paging
from foreshore.server.place import shelf

router = Router(tags=["exposures"])


class Listing(Schema):
    """Which rows of a list."""

    where: str = Field("", max_length=4_000, description="a query, such as: treatment = act_now and owner = shop")
    after: str = Field("", max_length=40, description="`next` of the page before")
    size: int = Field(50, ge=1, le=1_000)


class Word(Schema):
    """What somebody decides about exposures."""

    exposures: list[str] = Field([], max_length=5_000, description="keys EXP-…; or `where` names them")
    where: str = Field("", max_length=4_000, description="a query: everything that matches, at most 5,000")
    word: str = Field(..., description=", ".join(bulk.WORDS))
    because: str = Field(..., max_length=2_000)
    until: date | None = None
    like_this: bool = False
    assume: list[str] = Field([], max_length=20)


class Withdrawal(Schema):
    """Decisions to be taken back."""

    exposures: list[str] = Field(..., min_length=1, max_length=5_000)
    because: str = Field(..., max_length=2_000)


class Said(Schema):
    """A comment."""

    text: str = Field(..., min_length=1, max_length=10_000)


@router.get("/exposures", response=Page)
def list_exposures(request: HttpRequest, asked: Query[Listing]) -> Row:
    """List open exposures in the canonical order: what to look at first stands first."""
    found = paging.exposures(shelf(), access(request), asked.where, after=asked.after, size=asked.size)
    return {"items": [lists.as_json(row) for row in found.rows], "next": found.next}


@router.get("/exposures/count", response=dict[str, Any])
def count_exposures(request: HttpRequest, where: str = "") -> Row:
    """Count open exposures that match a query, in all and by treatment."""
    held, allowed = shelf(), access(request)
    return {"count": paging.count(held, allowed, where), "treatments": paging.treatments(held, allowed, where)}


@router.get("/exposures/facets", response=list[dict[str, Any]])
def exposure_facets(request: HttpRequest, where: str = "") -> list[Row]:
    """Count open exposures that match a query by the values of each facet."""
    return exposures.facets(shelf(), access(request), where)


@router.get("/exposures/{exposure}", response=dict[str, Any])
def one_exposure(request: HttpRequest, exposure: str) -> Row:
    """Return one open exposure."""
    return lists.as_json(_one(request, exposure))


@router.get("/exposures/{exposure}/explanation", response=dict[str, Any])
def explain_exposure(request: HttpRequest, exposure: str) -> Row:
    """Say why an exposure stands where it stands: the three questions, facts with source and age, the way, decisions."""
    found = explained.told(shelf(), access(request), _one(request, exposure), engine=True)
    return {name: value for name, value in found.items() if name != "drawing"}


@router.get("/exposures/{exposure}/alike", response=dict[str, Any])
def who_else_has_it(request: HttpRequest, exposure: str) -> Row:
    """Return where the same vulnerability is open besides."""
    return exposures.who_else(shelf(), access(request), _one(request, exposure))


@router.get("/exposures/{exposure}/comments", response=Page)
def list_comments(request: HttpRequest, exposure: str) -> Row:
    """Return what people wrote beside an exposure, oldest first."""
    return {"items": explained.comments(int(_one(request, exposure)["exposure"])), "next": ""}


@router.post("/exposures/{exposure}/comments", response={201: dict[str, Any]})
def write_comment(request: HttpRequest, exposure: str, said: Said) -> Any:
    """Write something beside an exposure."""
    key = int(_one(request, exposure)["exposure"])
    made = explained.comment(shelf(), access(request, "comment"), key, said.text)
    return Status(201, {"number": made.pk, "text": made.text, "at": made.at})


@router.post("/decisions", response={201: list[dict[str, Any]]})
def decide(request: HttpRequest, word: Word) -> Any:
    """Decide about exposures, all or none. To accept a risk, ask for an exception instead."""
    chosen = bulk.Chosen(
        [number(one, "EXP") for one in word.exposures], word.where, every=bool(word.where.strip()) and not word.exposures,
        alike=word.like_this,
    )  # fmt: skip
    found = bulk.decide(
        shelf(),
        access(request, "decide"),
        chosen,
        word.word,
        because=word.because,
        until=word.until,
        assume=word.assume,
    )
    return Status(201, found)


@router.post("/decisions/preview", response=dict[str, Any])
def preview_decision(request: HttpRequest, word: Word) -> Row:
    """Say what a decision would touch: how many, on what, and which would become what. Nothing is written."""
    chosen = bulk.Chosen(
        [number(one, "EXP") for one in word.exposures], word.where, every=bool(word.where.strip()) and not word.exposures,
        alike=word.like_this,
    )  # fmt: skip
    return bulk.preview(bulk.rows(shelf(), access(request, "decide"), chosen), word.word)


@router.post("/decisions/withdraw", response={201: list[dict[str, Any]]})
def withdraw(request: HttpRequest, asked: Withdrawal) -> Any:
    """Take back what was decided about exposures."""
    chosen = [number(one, "EXP") for one in asked.exposures]
    return Status(201, bulk.withdraw(shelf(), access(request, "decide"), chosen, because=asked.because))


def _one(request: HttpRequest, exposure: str) -> Row:
    number(exposure, "EXP")
    return explained.one(shelf(), access(request), exposure)

"""Exceptions: asked for by one person, approved or refused by another."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Row, access, number, small
from foreshore.api.service import Page
from foreshore.server import exceptions
from foreshore.server.place import shelf

router = Router(tags=["exceptions"])


class Request(Schema):
    """What is to be accepted, until when, and what that rests on."""

    exposures: list[str] = Field(..., min_length=1, max_length=exceptions.MOST)
    because: str = Field(..., max_length=2_000)
    until: date
    assume: list[str] = Field([], max_length=20)


class Answer(Schema):
    """Why it is approved or refused."""

    why: str = Field("", max_length=2_000)


@router.get("/exceptions", response=Page)
def list_requests(request: HttpRequest, state: str = "asked") -> Row:
    """List requests in a state: asked, approved, refused, withdrawn."""
    return {"items": exceptions.requests(shelf(), access(request), state), "next": ""}


@router.post("/exceptions", response={201: dict[str, Any]})
def ask(request: HttpRequest, asked: Request) -> Any:
    """Ask for an exception."""
    chosen = [number(one, "EXP") for one in asked.exposures]
    allowed = access(request, "request")
    made = exceptions.ask(shelf(), allowed, chosen, because=asked.because, until=asked.until, assume=asked.assume)
    return Status(201, {"id": made.pk, "state": made.state, "until": made.until, "exposures": asked.exposures})


@router.get("/exceptions/in-force", response=list[dict[str, Any]])
def in_force(request: HttpRequest) -> list[Row]:
    """List the exceptions that count now."""
    return exceptions.in_force(shelf(), access(request))


@router.get("/exceptions/revoked", response=list[dict[str, Any]])
def revoked(request: HttpRequest) -> list[Row]:
    """List the exceptions that no longer hold, and why."""
    return exceptions.revoked(shelf(), access(request))


@router.get("/exceptions/{exception}", response=dict[str, Any])
def one_request(request: HttpRequest, exception: int) -> Row:
    """Return one request."""
    return exceptions.one(shelf(), access(request), small(exception))


@router.post("/exceptions/{exception}/approve", response=dict[str, Any])
def approve(request: HttpRequest, exception: int, said: Answer) -> Row:
    """Approve a request of somebody else."""
    found = exceptions.answer(shelf(), access(request, "approve"), small(exception), approve=True, why=said.why)
    return {"id": found.pk, "state": found.state}


@router.post("/exceptions/{exception}/refuse", response=dict[str, Any])
def refuse(request: HttpRequest, exception: int, said: Answer) -> Row:
    """Refuse a request of somebody else."""
    found = exceptions.answer(shelf(), access(request, "approve"), small(exception), approve=False, why=said.why)
    return {"id": found.pk, "state": found.state}


@router.post("/exceptions/{exception}/withdraw", response={204: None})
def withdraw(request: HttpRequest, exception: int) -> Any:
    """Take one's own request back."""
    exceptions.take_back(access(request, "request"), small(exception))
    return Status(204, None)

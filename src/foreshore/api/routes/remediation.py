"""Actions: a team's work, one fix each, with tickets; a fix that is claimed is verified by the next look."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Row, access, number
from foreshore.api.service import Page
from foreshore.errors import UsageError
from foreshore.server import actions
from foreshore.server.place import shelf

router = Router(tags=["actions"])
_TYPES = {"md": "text/markdown; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}
_TEXT = {
    200: {"content": {one: {"schema": {"type": "string"}} for one in _TYPES.values()}, "description": "the ticket"}
}
_CSV = {
    200: {"content": {"text/csv; charset=utf-8": {"schema": {"type": "string"}}}, "description": "a line for each host"}
}


class Listing(Schema):
    """Which actions."""

    team: list[str] = Field([], description="only these teams'")
    channel: str = Field("", description="ticket or routine")
    due: str = Field("", description="overdue, soon or dated")
    after: str = Field("", max_length=18, description="`next` of the page before")
    size: int = Field(50, ge=1, le=1_000)


class Claim(Schema):
    """What was done."""

    because: str = Field(..., max_length=2_000)


@router.get("/actions", response=Page)
def list_actions(request: HttpRequest, asked: Query[Listing]) -> Row:
    """List actions with a date first, then those of the plan, then by what they touch."""
    found = actions.listed(shelf(), access(request), _wanted(asked), after=_begin(asked.after), size=asked.size)
    return {"items": [_told(row) for row in found["actions"]], "next": str(found["next"] or "")}


@router.get("/actions.csv", openapi_extra={"responses": _CSV})
def actions_as_csv(request: HttpRequest, asked: Query[Listing]) -> StreamingHttpResponse:
    """Stream actions with their hosts as CSV that is safe to open in a spreadsheet."""
    held, allowed = shelf(), access(request)
    wanted = _wanted(asked)
    actions.listed(held, allowed, wanted, size=1)  # what is wrong with the question is told before the first line
    return StreamingHttpResponse(actions.export(held, allowed, wanted), content_type=_TYPES["csv"])


@router.get("/actions/{action}", response=dict[str, Any])
def one_action(request: HttpRequest, action: str) -> Row:
    """Return one action with its hosts."""
    number(action, "ACT")
    return _told(actions.one(shelf(), access(request), action))


@router.get("/actions/{action}/ticket", openapi_extra={"responses": _TEXT})
def ticket(request: HttpRequest, action: str, format: str = "md") -> HttpResponse:
    """Return the ticket that an engineer gets, as md, json or csv."""
    number(action, "ACT")
    text = actions.ticket(shelf(), access(request), action, format)
    return HttpResponse(text, content_type=_TYPES[format])


@router.post("/actions/{action}/claim", response={201: list[dict[str, Any]]})
def claim(request: HttpRequest, action: str, said: Claim) -> Any:
    """Say that an action is done: its exposures wait for the next look of the sources."""
    number(action, "ACT")
    return Status(201, actions.claim(shelf(), access(request, "decide"), action, said.because))


def _wanted(asked: Listing) -> actions.Wanted:
    return actions.Wanted(tuple(team for team in asked.team if team), asked.channel, asked.due)


def _begin(after: str) -> int:
    if after and not (after.isascii() and after.isdecimal()):
        raise UsageError(f"“{after}” is no cursor", hint="take `next` of the page before")
    return int(after or 0)


def _told(row: Row) -> Row:
    """Return an action with what it removes as `actions --json` writes it; None where that would tell of others'."""
    removes = row["removes"] or {"mean": None, "low": None, "high": None}
    return {**row, "removes": removes["mean"], "removes_low": removes["low"], "removes_high": removes["high"]}

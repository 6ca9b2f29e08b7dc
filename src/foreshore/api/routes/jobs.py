"""Jobs: long work with its stage, the part that is done, its result; and stopping it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from foreshore.api.asking import Row
from foreshore.api.service import Page
from foreshore.server import people
from foreshore.server.jobs import looking

router = Router(tags=["jobs"])


@router.get("/jobs", response=Page)
def list_jobs(request: HttpRequest, state: str = "", kind: str = "", after: str = "", size: int = 50) -> Row:
    """List jobs, the newest first: one's own, and all for who may start them."""
    begin = int(after) if after.isdecimal() and len(after) < 18 else 0
    found = looking.page(people.access(request), state=state, kind=kind, after=begin, size=size)
    return {"items": found["items"], "next": str(found["next"] or "")}


@router.get("/jobs/{key}", response=dict[str, Any])
def one_job(request: HttpRequest, key: str) -> Row:
    """Return a job with its result, which is what its verb prints with `--json`."""
    found = looking.one(people.access(request), key)
    return {**looking.shown(found), "result": found.result}


@router.post("/jobs/{key}/cancel", response=dict[str, Any])
def cancel(request: HttpRequest, key: str) -> Row:
    """Ask a job to stop."""
    return looking.shown(looking.cancel(people.access(request), key))

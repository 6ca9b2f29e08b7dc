"""Cycles: those that were run, one, the difference of two, and starting one."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from foreshore import keys
from foreshore.api.asking import Row, Work, job, number, whole
from foreshore.api.problems import Missing
from foreshore.api.service import Page
from foreshore.server.place import workspace
from foreshore.store import open_lake

router = Router(tags=["cycles"])
_COLUMNS = "cycle, as_of, known_at, engine, policy_digest, scope_digest, seed"


class Two(Schema):
    """Which cycles to compare: empty are the last and the one before it."""

    old: str = Field("", max_length=40)
    new: str = Field("", max_length=40)


@router.get("/cycles", response=Page)
def list_cycles(request: HttpRequest, after: str = "", size: int = 50) -> Row:
    """List the cycles that were run, the last first."""
    whole(request)
    begin, size = int(after) if after.isdecimal() else 0, max(1, min(size, 500))
    query = f"select {_COLUMNS} from cycles order by known_at desc limit {size + 1} offset {min(begin, 1 << 40)}"
    with open_lake(workspace(), read_only=True) as lake:
        rows = lake.sql(query).to_pylist()
    for row in rows:
        row["cycle"] = keys.show("CYC", row["cycle"])
    return {"items": rows[:size], "next": str(begin + size) if len(rows) > size else ""}


@router.post("/cycles", response={202: Work})
def run_cycle(request: HttpRequest, response: HttpResponse) -> Any:
    """Run a cycle; one that waits already is not asked for twice."""
    whole(request, "run")
    return job(request, response, "cycle", {})


@router.post("/cycles/diff", response={202: Work})
def diff(request: HttpRequest, response: HttpResponse, asked: Two) -> Any:
    """Compare two cycles like for like: the world, our sight, our fixes, our yardstick; a job."""
    whole(request)
    return job(request, response, "diff", asked.dict())


@router.get("/cycles/{cycle}", response=dict[str, Any])
def one_cycle(request: HttpRequest, cycle: str) -> Row:
    """Return what a cycle found, as `cycle --json` prints it."""
    whole(request)
    wanted = number(cycle, "CYC")
    with open_lake(workspace(), read_only=True) as lake:
        rows = lake.sql(f"select result from cycles where cycle = {wanted}").to_pylist()
    if not rows:
        raise Missing("there is no such cycle")
    found: Row = orjson.loads(rows[0]["result"] or "{}")
    return found

"""The programme: scope, policy, reports, live sources and schedules."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec
from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Field, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Row, Work, job, later, small, whole
from foreshore.api.problems import Missing
from foreshore.server import policies, scope_texts, scopes, sources
from foreshore.server.models import Schedule
from foreshore.server.place import workspace

router = Router(tags=["programme"])
FORMATS = ("html", "md", "json", "csv", "pdf")
_FILE = re.compile(r"report-[\w-]{1,60}\.(html|md|json|csv|pdf)")
_DOWNLOAD = {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
                   "description": "the report"}}  # fmt: skip


class Text(Schema):
    """The text of scope.yaml; `digest` is of the text that it rests on, as `GET /scope` gives it."""

    text: str = Field(..., max_length=1 << 20)
    digest: str = Field("", max_length=64)


class Edited(Schema):
    """The text of a policy file."""

    text: str = Field(..., max_length=1 << 20)
    digest: str = Field("", max_length=64)


class Report(Schema):
    """A format."""

    format: str = "html"


class Repeated(Schema):
    """A kind of job that is asked for again and again."""

    kind: str
    every_minutes: int = Field(..., ge=1, le=60 * 24 * 90)
    names: list[str] = Field([], max_length=100)


class Switch(Schema):
    """Whether it runs."""

    enabled: bool


@router.get("/scope", response=dict[str, Any])
def show_scope(request: HttpRequest) -> Row:
    """Return the scope in force, and scope.yaml's text with its digest."""
    from foreshore.cycle import scopes as library

    whole(request)
    text = scope_texts.text(workspace())
    return {
        "scope": msgspec.to_builtins(library.scope_in_force(workspace())), "text": text, "digest": scopes.digest(text)
    }  # fmt: skip


@router.post("/scope/propose", response=dict[str, Any])
def propose_scope(request: HttpRequest, said: Text) -> Row:
    """Say how a text differs from the scope in force, and what in it matches nothing; nothing is written."""
    found = scope_texts.compared(workspace(), whole(request, "scope"), said.text)
    return {"differs": found.differs, "remarks": found.remarks, "digest": found.rests_on}


@router.put("/scope", response=dict[str, Any])
def apply_scope(request: HttpRequest, said: Text) -> Row:
    """Make a text the scope in force; `digest` says on which text it rests."""
    return {"changes": scope_texts.replace(workspace(), whole(request, "scope"), said.text, said.digest)}


@router.get("/policy", response=list[dict[str, Any]])
def list_policy(request: HttpRequest) -> list[Row]:
    """List the policy's files, which are the organisation's own, and what they change."""
    rows = policies.listed(workspace(), whole(request))
    return [{**one, "changes": [change._asdict() for change in one["changes"]]} for one in rows]


@router.get("/policy/{name}", response=dict[str, Any])
def show_policy(request: HttpRequest, name: str) -> Row:
    """Return one file of the policy as it counts now."""
    return policies.text(workspace(), whole(request), name)


@router.post("/policy/{name}/diff", response={202: Work})
def diff_policy(request: HttpRequest, response: HttpResponse, name: str, said: Edited) -> Any:
    """Say what an edited file would move in the last cycle; a job, nothing is written."""
    settings = policies.asked(workspace(), whole(request, "policy"), name, said.text)
    return job(request, response, "policy", settings)


@router.put("/policy/{name}", response=dict[str, Any])
def save_policy(request: HttpRequest, name: str, said: Edited) -> Row:
    """Make an edited file count from the next cycle on; `digest` is of the text that it was made from."""
    changes = policies.save(workspace(), whole(request, "policy"), name, said.text, digest=said.digest)
    return {"changes": changes}


@router.post("/reports", response={202: Work})
def write_report(request: HttpRequest, response: HttpResponse, asked: Report) -> Any:
    """Write the report of the last cycle; a job whose result names the file."""
    import secrets

    from foreshore.errors import UsageError

    whole(request)
    if asked.format not in FORMATS:
        raise UsageError(f"“{asked.format[:40]}” is no format of a report", hint=", ".join(FORMATS))
    return job(request, response, "report", {"format": asked.format, "name": secrets.token_hex(8)})


@router.get("/reports", response=list[dict[str, Any]])
def list_reports(request: HttpRequest) -> list[Row]:
    """List the reports that were written."""
    whole(request)
    folder = workspace().root / "reports"
    found = [path for path in folder.glob("report-*") if _FILE.fullmatch(path.name)] if folder.is_dir() else []
    return [{"file": path.name, "bytes": path.stat().st_size} for path in sorted(found)]


@router.get("/reports/{file}", openapi_extra={"responses": _DOWNLOAD})
def fetch_report(request: HttpRequest, file: str) -> FileResponse:
    """Fetch a report."""
    whole(request)
    path = workspace().root / "reports" / file
    if not _FILE.fullmatch(file) or not path.is_file():
        raise Missing("there is no such report")
    answer = FileResponse(path.open("rb"), as_attachment=True, filename=file, content_type="application/octet-stream")
    answer.headers["X-Digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return answer


@router.get("/sources", response=list[dict[str, Any]])
def list_sources(request: HttpRequest) -> list[Row]:
    """List the sources of facts: what each sees, how often it reports, how often people found it wrong."""
    from foreshore.query import sources as asked

    whole(request)
    return asked.sources(workspace())


@router.get("/connections", response=list[dict[str, Any]])
def list_connections(request: HttpRequest) -> list[Row]:
    """List the live sources of sources.toml with their last collection."""
    return [_plain(one) for one in sources.listed(workspace(), whole(request, "sources"))]


@router.post("/connections/{name}/collect", response={202: Work})
def collect(request: HttpRequest, response: HttpResponse, name: str) -> Any:
    """Ask a live source and import its answers; a job."""
    return later(response, sources.run(workspace(), whole(request, "run"), name))


@router.get("/connections/{name}/plan", response=list[dict[str, Any]])
def plan_collection(request: HttpRequest, name: str) -> list[Row]:
    """Say what a live source would be asked; nothing is asked."""
    return sources.planned(workspace(), whole(request, "sources"), name)


@router.get("/schedules", response=list[dict[str, Any]])
def list_schedules(request: HttpRequest) -> list[Row]:
    """List what is done again and again."""
    return [_schedule(one) for one in sources.schedules(whole(request, "sources"))]


@router.post("/schedules", response={201: dict[str, Any]})
def make_schedule(request: HttpRequest, asked: Repeated) -> Any:
    """Do a kind of job again and again."""
    allowed = whole(request, "sources")
    return Status(201, _schedule(sources.schedule(workspace(), allowed, asked.kind, asked.every_minutes, asked.names)))


@router.post("/schedules/{schedule}", response={204: None})
def switch_schedule(request: HttpRequest, schedule: int, asked: Switch) -> Any:
    """Switch a schedule on or off."""
    sources.change_schedule(whole(request, "sources"), small(schedule), "on" if asked.enabled else "off")
    return Status(204, None)


@router.delete("/schedules/{schedule}", response={204: None})
def remove_schedule(request: HttpRequest, schedule: int) -> Any:
    """Remove a schedule."""
    sources.change_schedule(whole(request, "sources"), small(schedule), "remove")
    return Status(204, None)


def _schedule(one: Schedule) -> Row:
    return {
        "id": one.pk, "kind": one.kind, "settings": one.settings, "every_minutes": one.every_minutes,
        "enabled": one.enabled, "next_at": one.next_at, "made_by": one.made_by,
    }  # fmt: skip


def _plain(row: Row) -> Row:
    """Return a live source with the key of its last job in place of the job."""
    from foreshore.server.jobs import looking
    from foreshore.server.models import Job

    return {name: looking.shown(value) if isinstance(value, Job) else value for name, value in row.items()}

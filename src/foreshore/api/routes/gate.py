"""The gate of a build: may it go out? Only exposures that are new count."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from foreshore.api.asking import Work, job, whole
from foreshore.cycle import gating
from foreshore.server import uploads
from foreshore.server.place import workspace

router = Router(tags=["gate"])


class Gate(Schema):
    """What stops a build, among what, since when; with an upload, its reports are judged in a copy."""

    stop: str = Field(gating.STOP, max_length=4_000)
    where: str = Field("", max_length=4_000)
    baseline: str = Field("", max_length=40)
    upload: str = Field("", max_length=40, description="an upload whose files are judged, and removed")
    source: str = Field("", max_length=200)
    site: str = Field("", max_length=200)
    asset: str = Field("", max_length=300)
    break_glass: str = Field("", max_length=2_000, description="let it pass all the same, with this reason")


@router.post("/gate", response={200: dict[str, Any], 202: Work})
def gate(request: HttpRequest, response: HttpResponse, asked: Gate) -> Any:
    """Say whether a build may go out (`passes`). With an upload a job says it; breaking the glass is audited."""
    allowed = whole(request)
    if asked.break_glass:
        whole(request, "decide")
    if asked.upload:
        whole(request, "upload")
        uploads.folder(workspace(), asked.upload)
        return job(request, response, "gate", {**asked.dict(), "by": allowed.person})
    found = gating.gate(workspace(), gating.Asked(asked.stop, asked.where, asked.baseline))
    if asked.break_glass:
        found = gating.broken_glass(workspace(), found, asked.break_glass, allowed.person)
    return found

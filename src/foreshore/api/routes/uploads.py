"""Uploads: files in chunks of any size, streamed to disk, read by a job."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Work, access, job
from foreshore.errors import UsageError
from foreshore.server import uploads
from foreshore.server.place import workspace

router = Router(tags=["uploads"])
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
_BODY = {
    "requestBody": {
        "required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    }
}  # fmt: skip


class Upload(Schema):
    """A place for files."""

    upload: str


class Length(Schema):
    """How much of a file is there: where the next chunk begins."""

    file: str
    bytes: int


class Reading(Schema):
    """How the files are to be read, as for the verb `import`."""

    source: str = Field("", max_length=200)
    site: str = Field("", max_length=200)
    from_zone: str = Field("", max_length=200)
    coverage: str = Field("", max_length=40)
    asset: str = Field("", max_length=300)


@router.post("/uploads", response={201: Upload})
def create(request: HttpRequest) -> Any:
    """Make a place for the files of one import."""
    access(request, "upload")
    return Status(201, {"upload": uploads.new(workspace())})


@router.put("/uploads/{upload}/files/{name}", response=Length, openapi_extra=_BODY)
def put(request: HttpRequest, upload: str, name: str) -> Any:
    """Send a file, or with `Content-Range: bytes FIRST-LAST/SIZE` a chunk of one; answers how much is there."""
    access(request, "upload")
    place = uploads.folder(workspace(), upload)
    begin = _begin(request.headers.get("content-range", ""))
    length = uploads.keep(place, name, uploads.in_chunks(request), begin=begin)
    return {"file": uploads.plain(name), "bytes": length}


def _begin(said: str) -> int:
    if not said:
        return 0
    found = _RANGE.fullmatch(said.strip())
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError("this is no range of bytes", where="Content-Range", hint="bytes 0-1048575/5000000")
    return int(found[1])


@router.post("/uploads/{upload}/import", response={202: Work})
def finish(request: HttpRequest, response: HttpResponse, upload: str, asked: Reading) -> Any:
    """Read the files into the facts; a job."""
    access(request, "upload")
    uploads.folder(workspace(), upload)
    return job(request, response, "import", {"upload": upload, **asked.dict()})


@router.delete("/uploads/{upload}", response={204: None})
def remove(request: HttpRequest, upload: str) -> Any:
    """Remove the files of an upload that is not to be read."""
    access(request, "upload")
    uploads.remove(uploads.folder(workspace(), upload))
    return Status(204, None)

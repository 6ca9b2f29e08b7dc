"""Everything that matches, as a stream: NDJSON and Parquet in batches, so that ten million rows need no memory."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema

from foreshore.api.asking import access
from foreshore.server import bundles
from foreshore.server.place import shelf

router = Router(tags=["exposures"])
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
_LINES = {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}, "description": "a JSON object a line"}
_PARQUET = {
    "content": {"application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}}},
    "description": "a Parquet file",
}


class Asked(Schema):
    """Which rows."""

    where: str = ""


@router.get("/exposures.ndjson", openapi_extra={"responses": {200: _LINES}})
def exposures_as_lines(request: HttpRequest, asked: Query[Asked]) -> StreamingHttpResponse:
    """Stream all open exposures that match, one JSON object a line, in the canonical order."""
    rows = bundles.exposures(shelf(), access(request), asked.where)
    return StreamingHttpResponse(_lines(rows), content_type="application/x-ndjson")


@router.get("/exposures.parquet", openapi_extra={"responses": {200: _PARQUET}})
def exposures_as_parquet(request: HttpRequest, asked: Query[Asked]) -> StreamingHttpResponse:
    """Stream all open exposures that match as one Parquet file, a row group a batch."""
    chunks = bundles.parquet(shelf(), access(request), asked.where)
    answer = StreamingHttpResponse(chunks, content_type="application/vnd.apache.parquet")
    answer.headers["Content-Disposition"] = 'attachment; filename="exposures.parquet"'
    return answer


def _lines(rows: Iterator[dict[str, object]]) -> Iterator[bytes]:
    for row in rows:
        yield orjson.dumps(row, option=_OPTIONS, default=str)

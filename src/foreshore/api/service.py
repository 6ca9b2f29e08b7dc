"""The API itself: version, authentication, errors, limits, how answers are written, and its description."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest
from ninja import NinjaAPI, Schema
from ninja.renderers import BaseRenderer

from foreshore.api import problems
from foreshore.api.doors import Bearer, PerMinute, Signed, repeatable

_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class Written(BaseRenderer):
    """JSON as the command line's `--json` writes it: times are UTC with Z."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return the bytes of an answer."""
        return orjson.dumps(data, option=_OPTIONS, default=str)


class Page(Schema):
    """Rows of a list, and the cursor of the next page: "" on the last."""

    items: list[dict[str, Any]]
    next: str


class Problem(Schema):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    where: str = ""
    hint: str = ""


class Api(NinjaAPI):
    """Adds to every operation of the description that errors are problem details."""

    def get_openapi_schema(self, **named: Any) -> Any:
        """Return the description of the API (OpenAPI 3.1)."""
        found = super().get_openapi_schema(**named)
        schema = Problem.model_json_schema()
        schema.pop("title", None)
        found["components"].setdefault("schemas", {})["Problem"] = schema
        told = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operations in found["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = {"description": "A problem", "content": told}
        return found


api = Api(
    title="Foreshore", version="1", urls_namespace="api-1", docs_url=None, openapi_url="/openapi.json",
    auth=[Bearer(), Signed()], throttle=[PerMinute()], renderer=Written(),
    description="Everything that the pages do, for programs. Lists give `items` and the cursor `next`; errors are "
    "problem details; a POST may carry an Idempotency-Key; long work answers 202 with the address of its job.",
)  # fmt: skip
api.add_decorator(repeatable, mode="view")
problems.register(api)

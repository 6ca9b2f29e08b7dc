"""Health, readiness and measures, for whoever watches the service."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from foreshore.errors import ForeshoreError, NothingToRead
from foreshore.server import measures
from foreshore.server.jobs import queue
from foreshore.server.place import shelf


def alive(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """The database and the serving file can be read; a workspace without a cycle is ready as well."""
    checks: dict[str, str] = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        checks["database"] = "ok"
    except DatabaseError:
        checks["database"] = "cannot be read"
    try:
        shelf()
        checks["cycle"] = "ok"
    except NothingToRead:
        checks["cycle"] = "none has run yet"
    except ForeshoreError:
        checks["cycle"] = "cannot be read"
    bad = "cannot be read" in checks.values()
    return JsonResponse({"status": "not ready" if bad else "ok", "checks": checks}, status=503 if bad else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format; from this machine alone, or for who may read the audit trail."""
    local = request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1") and "HTTP_X_FORWARDED_FOR" not in request.META
    if not local:
        return HttpResponse("only from this machine", status=403, content_type="text/plain")
    return HttpResponse(measures.text(queue.counts()), content_type="text/plain; version=0.0.4")

"""The audit trail: read and verified."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from foreshore.api.asking import Row, whole
from foreshore.api.service import Page
from foreshore.server import audit

router = Router(tags=["audit"])


@router.get("/audit", response=Page)
def list_audit(request: HttpRequest, text: str = "", after: str = "", size: int = 50) -> Row:
    """List the links of the audit trail, the newest first."""
    before = int(after) if after.isdecimal() and len(after) < 18 else 0
    found = audit.page(whole(request, "audit"), text, before=before, size=max(1, min(size, 500)))
    return {"items": found["items"], "next": str(found["next"] or "")}


@router.get("/audit/verify", response=dict[str, Any])
def verify_audit(request: HttpRequest, anchor: str = "") -> Row:
    """Say whether every link holds; `anchor` is a head that was noted elsewhere."""
    return audit.verify(whole(request, "audit"), anchor)

"""Who one is to the API, and what one may."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from foreshore import __version__
from foreshore.api.asking import Row
from foreshore.server import people
from foreshore.server.roles import PERMISSIONS

router = Router(tags=["me"])


@router.get("/me", response=dict[str, Any])
def me(request: HttpRequest) -> Row:
    """Say who asks, and for what parts of the organisation each permission holds."""
    found = people.access(request)
    return {
        "person": found.person, "version": __version__,
        "permissions": {
            name: {"everywhere": found.everywhere(name), "parts": [
                {"teams": sorted(part.teams), "sites": sorted(part.sites), "services": sorted(part.services)}
                for part in found.parts[name] if not part.whole]}
            for name in PERMISSIONS if found.may(name)
        },
    }  # fmt: skip

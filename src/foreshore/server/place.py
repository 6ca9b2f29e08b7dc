"""The workspace that this service serves."""

from __future__ import annotations

from django.conf import settings

from foreshore.server import shelf as shelves
from foreshore.server.shelf import Shelf
from foreshore.workspace import Workspace


def workspace() -> Workspace:
    """Return the workspace that the settings name."""
    found = settings.WORKSPACE
    if not isinstance(found, Workspace):
        raise TypeError("the settings name no workspace")
    return found


def shelf() -> Shelf:
    """Return the open serving file; raises NothingToRead before the first cycle."""
    return shelves.of(workspace())

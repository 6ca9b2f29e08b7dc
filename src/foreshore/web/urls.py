"""The addresses of the pages; each can be shared."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from foreshore.web.pages import entering

_FAMILIES = (
    "overview", "exposures", "actions", "exceptions", "assets", "services", "attackmap", "planning", "intelligence",
    "reports", "beginning", "jobs", "settings", "people", "me", "audit", "sources",
)  # fmt: skip

urlpatterns: list[URLPattern | URLResolver] = [
    path("join/<str:token>/", entering.join, name="join"),
    path("guest/<str:token>/", entering.guest, name="guest"),
    *(path("", include(f"foreshore.web.pages.{one}")) for one in _FAMILIES if find_spec(f"foreshore.web.pages.{one}")),
]

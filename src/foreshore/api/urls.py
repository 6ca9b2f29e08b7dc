"""The addresses of the API: version 1, and SCIM for directories that provision accounts."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from foreshore.api.routes import every
from foreshore.api.service import api

every.add(api)

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", api.urls),
    path("scim/v2/", include("foreshore.api.scim")),
]

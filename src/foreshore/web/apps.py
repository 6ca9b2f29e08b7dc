"""The pages' entry in Django."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates, static files and template tags."""

    name = "foreshore.web"
    label = "foreshore_web"

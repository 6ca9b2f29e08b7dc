"""The application as Django knows it."""

from __future__ import annotations

from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    """What people decided."""

    name = "foreshore.decisions"
    label = "decisions"
    default_auto_field = "django.db.models.BigAutoField"

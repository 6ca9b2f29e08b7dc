"""The least that Django needs to keep decisions: one application, one database, no web."""

from __future__ import annotations

import os

from foreshore.decisions.places import database, sqlite

INSTALLED_APPS = ["foreshore.decisions.apps.DecisionsConfig"]
DATABASES = {"default": database(os.environ["DATABASE_URL"]) if "DATABASE_URL" in os.environ else sqlite(":memory:")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING_CONFIG = None

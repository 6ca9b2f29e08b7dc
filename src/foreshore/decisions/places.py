"""Where the decisions are: Django's settings and the named connection of each workspace."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from foreshore.errors import WorkspaceError

WAIT_SECONDS = 60


class HasDecisions(Protocol):
    """Whatever knows where its decisions are kept; a `Workspace` does."""

    @property
    def decisions_file(self) -> Path:
        """The SQLite file."""


def elsewhere() -> str:
    """The database that the environment names in place of a workspace's own file; "" for none."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith("postgres") else ""


def sqlite(path: Path | str) -> dict[str, Any]:
    """Django's settings for an SQLite file: WAL, foreign keys, and writers that queue up.

    Transactions begin IMMEDIATE, so that what a writer read cannot change before it writes.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": WAIT_SECONDS,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
        },
    }


def database(url: str) -> dict[str, Any]:
    """Django's settings for a database URL: `postgresql://…` or `sqlite:///path`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return sqlite(unquote(parts.path[1:] if parts.path.startswith("//") else parts.path) or ":memory:")
    if parts.scheme not in ("postgres", "postgresql"):
        raise WorkspaceError(
            f"“{parts.scheme}” databases cannot hold decisions",
            where="DATABASE_URL",
            hint="postgresql://user:password@host:5432/name",
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def configure(path: Path, url: str = "") -> str:
    """Set Django up once, register the connection of this database, and return its name."""
    _set_up()
    from django.db import connections

    settings = database(url) if url else sqlite(path.resolve())
    alias = "decisions_" + hashlib.sha256((url or settings["NAME"]).encode()).hexdigest()[:16]
    if alias not in connections.databases:
        # Django fills in its own defaults only for a set that has a "default" member.
        connections.databases[alias] = connections.configure_settings({"default": settings})["default"]
    return alias


def _set_up() -> None:
    """Configure Django with the minimal settings, unless a server has configured it already."""
    from django.apps import apps
    from django.conf import settings

    if not settings.configured:
        from foreshore.decisions import settings as ours

        settings.configure(**{name: getattr(ours, name) for name in dir(ours) if name.isupper()})
    # A notebook runs its cells inside an event loop, where Django would refuse, though nothing else runs in that loop;
    # the service answers in threads, which have none.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    if not apps.ready:
        # What django.setup() does besides, logging and the prefix of addresses, is for a server.
        apps.populate(settings.INSTALLED_APPS)

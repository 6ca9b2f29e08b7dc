"""Which tables are made in which database: decisions in theirs, everything else in the service's."""

from __future__ import annotations

from typing import Any


class Decisions:
    """Keeps the tables of decisions out of the service's own file: `decisions.open` makes them in theirs."""

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool | None:
        """Say whether an application's tables belong into a database."""
        return (app_label == "decisions") == db.startswith("decisions_")

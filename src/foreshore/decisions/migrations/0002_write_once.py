"""The database itself refuses to change or remove a row, whoever asks."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLES = ("audit", "disposition", "scopeversion", "approval", "assetreview", "receipt")
_POSTGRESQL = """
CREATE OR REPLACE FUNCTION decisions_write_once() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a decision is never changed or deleted'; END $$
"""


def hold(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Put a trigger before UPDATE and DELETE of every table."""
    if editor.connection.vendor == "postgresql":
        editor.execute(_POSTGRESQL)
    for table in TABLES:
        for verb in ("update", "delete"):
            editor.execute(_trigger(editor.connection.vendor, table, verb))


def release(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away, for going back."""
    suffix = " ON decisions_{table}" if editor.connection.vendor == "postgresql" else ""
    for table in TABLES:
        for verb in ("update", "delete"):
            editor.execute(f"DROP TRIGGER decisions_{table}_{verb}" + suffix.format(table=table))


def _trigger(vendor: str, table: str, verb: str) -> str:
    start = f"CREATE TRIGGER decisions_{table}_{verb} BEFORE {verb.upper()} ON decisions_{table}"
    if vendor == "postgresql":
        return f"{start} FOR EACH ROW EXECUTE FUNCTION decisions_write_once()"
    return f"{start} BEGIN SELECT RAISE(ABORT, 'a decision is never changed or deleted'); END"


class Migration(migrations.Migration):
    """Triggers on all tables."""

    dependencies = [("decisions", "0001_tables")]  # noqa: RUF012

    operations = [migrations.RunPython(hold, release)]  # noqa: RUF012

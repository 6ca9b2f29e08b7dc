"""The service's own database: made, taken back, made again; a newer one is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.served import free_port, made

_BACK_AND_FORTH = """
from django.core.management import call_command
from django.db import connection
start.migrate()
from foreshore.server import people
from foreshore.server.models import Person
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
tables = lambda: {one for one in connection.introspection.table_names() if one.startswith("foreshore_server_")}
before = tables()
call_command("migrate", "foreshore_server", "zero", verbosity=0, interactive=False)
none = tables()
start.migrate()
assert before and tables() == before, (before, tables())
assert not none, none
people.give(Person.objects.create_user("again@example.com", "not-a-real-password-7"), "viewer", by="test")
print(Person.objects.count())
"""
_NEWER = """
from django.db import connection
start.migrate()
with connection.cursor() as cursor:
    cursor.execute(
        "insert into django_migrations (app, name, applied) values ('foreshore_server', '9999_later', current_timestamp)"
    )
"""


def test_the_tables_are_taken_back_and_made_again(copy: Path) -> None:
    assert made(copy, _BACK_AND_FORTH).strip().endswith("1")


def test_a_database_of_a_newer_version_is_left_alone(copy: Path) -> None:
    made(copy, _NEWER)
    command = [sys.executable, "-m", "foreshore", "serve", "--port", str(free_port()), "--workspace", str(copy)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 1
    assert "newer Foreshore" in said.stderr
    assert "9999_later" in said.stderr
    assert "Traceback" not in said.stderr

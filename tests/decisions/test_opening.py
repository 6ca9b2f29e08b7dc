"""Opening: new, older, newer and damaged databases; settings for other databases."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foreshore import decisions
from foreshore.decisions import places
from foreshore.errors import WorkspaceError

WHY = "looked at the package list of the host"


@dataclass(frozen=True)
class Place:
    """A workspace, as far as decisions need one."""

    decisions_file: Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "decisions.sqlite3")


def _triggers(place: Place) -> int:
    connection = sqlite3.connect(place.decisions_file)
    (count,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone()
    connection.close()
    return int(count)


def test_a_new_database_writes_ahead_and_keeps_foreign_keys(place: Place) -> None:
    from django.db import connections

    opened = decisions.open(place)
    with connections[opened._alias].cursor() as cursor:
        answers = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")]
    assert answers == ["wal", 1]


def test_decisions_are_read_and_taken_inside_an_event_loop(place: Place) -> None:
    """A cell of a notebook runs in one; a process of its own, since others may have set up Django here."""
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom types import SimpleNamespace\nfrom foreshore import decisions\n"
        "async def cell():\n"
        "    opened = decisions.open(SimpleNamespace(decisions_file=Path(sys.argv[1])))\n"
        "    opened.decide([7], 'mitigated', because='looked at the host', author='it')\n"
        "    assert opened.audit_verify() is None\n"
        "asyncio.run(cell())\n"
    )
    subprocess.run([sys.executable, "-c", program, str(place.decisions_file)], check=True)


def test_an_older_database_is_brought_up_to_date_with_all_its_words(place: Place) -> None:
    """The first migration alone is what the oldest database has: no triggers yet."""
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    alias = places.configure(place.decisions_file)
    decisions.open(place).decide([7], "mitigated", because=WHY, author="it")
    MigrationExecutor(connections[alias]).migrate([("decisions", "0001_tables")])
    assert _triggers(place) == 0
    opened = decisions.open(place)
    assert _triggers(place) == 12
    assert [word.exposure for word in opened.effective(datetime.now(UTC))] == [7]
    assert opened.audit_verify() is None


def test_a_migration_can_be_taken_back_and_made_again(place: Place) -> None:
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    opened = decisions.open(place)
    MigrationExecutor(connections[opened._alias]).migrate([("decisions", "0001_tables")])
    assert _triggers(place) == 0
    decisions.open(place)
    assert _triggers(place) == 12


def test_models_and_migrations_agree() -> None:
    from io import StringIO

    from django.core.management import call_command

    places.configure(Path("unused.sqlite3"))
    call_command("makemigrations", "decisions", check=True, dry_run=True, stdout=StringIO())


def test_a_database_of_a_newer_version_is_left_alone(place: Place) -> None:
    decisions.open(place).close()
    connection = sqlite3.connect(place.decisions_file)
    connection.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('decisions', '9999_later', '2030-01-01')"
    )
    connection.commit()
    connection.close()
    with pytest.raises(WorkspaceError, match="newer Foreshore"):
        decisions.open(place)


def test_a_damaged_file_is_one_error_with_a_way_out(place: Place) -> None:
    place.decisions_file.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(WorkspaceError, match="cannot be read") as caught:
        decisions.open(place)
    assert "backup" in caught.value.hint


_OPENER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from foreshore import decisions

decisions.open(SimpleNamespace(decisions_file=Path(sys.argv[1]))).decide(
    [int(sys.argv[2])], "mitigated", because="opened at the same time", author="it")
"""


def test_processes_that_open_a_new_workspace_at_once_all_succeed(place: Place) -> None:
    openers = [
        subprocess.Popen([sys.executable, "-c", _OPENER, str(place.decisions_file), str(number)]) for number in range(4)
    ]
    assert [opener.wait() for opener in openers] == [0, 0, 0, 0]
    words = decisions.open(place).effective(datetime.now(UTC))
    assert [word.exposure for word in words] == [0, 1, 2, 3]


def test_importing_the_package_loads_no_django() -> None:
    code = "import sys, foreshore.decisions; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_database_url_is_understood() -> None:
    made = places.database("postgresql://me:p%40ss@db.example.com:5433/foreshore?sslmode=require")
    assert made["ENGINE"] == "django.db.backends.postgresql"
    assert (made["USER"], made["PASSWORD"], made["HOST"], made["PORT"]) == (
        "me",
        "p@ss",
        "db.example.com",
        "5433",
    )
    assert made["NAME"] == "foreshore"
    assert made["OPTIONS"] == {"sslmode": "require"}
    with pytest.raises(WorkspaceError, match="mysql"):
        places.database("mysql://localhost/x")


def test_a_file_may_be_named_by_url(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/elsewhere.sqlite3".replace("////", "///")
    opened = decisions.open(Place(tmp_path / "unused.sqlite3"), url=url)
    opened.decide([1], "mitigated", because=WHY, author="it")
    assert not (tmp_path / "unused.sqlite3").exists()
    assert (tmp_path / "elsewhere.sqlite3").exists()

"""The same service with accounts, jobs and decisions in PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.postgres import cluster
from tests.served import Service, post, serving


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture(scope="module")
def stored(company: Path, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    workspace = Path(shutil.copytree(company, tmp_path_factory.mktemp("stored") / "ws"))
    (workspace / "decisions.sqlite3").unlink()
    with serving(workspace, DATABASE_URL=database) as running:
        yield running


def foreshore(service: Service, database: str, *arguments: str) -> str:
    """Run the command line over the same workspace and database."""
    command = [sys.executable, "-m", "foreshore", *arguments, "--workspace", str(service.workspace)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, "DATABASE_URL": database})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_people_and_settings_are_kept_there(stored: Service) -> None:
    with closing(stored.client("admin@example.com")) as client:
        answer = post(client, "/settings/people/", {})
        assert answer.status_code == 405
        made = client.post("/settings/people/invite/", headers={"Referer": str(answer.url)}, data={
            "csrfmiddlewaretoken": client.get("/me/").text.split('csrfmiddlewaretoken" value="')[1].split('"')[0],
            "email": "new@example.com", "role": "viewer", "days": "7",
        })  # fmt: skip
        assert "/join/" in made.text
        assert "new@example.com" in client.get("/settings/people/").text
        assert "person invited" in client.get("/settings/audit/").text
    assert not (stored.workspace / "server.sqlite3").exists()
    assert not (stored.workspace / "decisions.sqlite3").exists()


def test_decisions_of_the_command_line_and_the_service_are_the_same(stored: Service, database: str) -> None:
    rows = json.loads(foreshore(stored, database, "exposures", "--json"))
    chosen = rows[-1]["id"]
    foreshore(stored, database, "decide", chosen, "--as", "false-positive", "--because", "Not installed at all.")
    again = {one["id"]: one for one in json.loads(foreshore(stored, database, "exposures", "--json"))}
    assert again[chosen]["disposition"] == "false_positive"
    trail = foreshore(stored, database, "doctor", "--json")
    assert "1 in force" in trail
    assert not (stored.workspace / "decisions.sqlite3").exists()


def test_all_is_well_by_the_doctor(stored: Service, database: str) -> None:
    said = foreshore(stored, database, "doctor", "--json")
    assert not [one for one in json.loads(said) if one["state"] == "bad"]

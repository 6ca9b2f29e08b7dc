"""The audit chain: whole as long as nobody touches it, and every touch shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foreshore import decisions, facts

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions

WHY = "looked at the package list of the host"


@dataclass(frozen=True)
class Place:
    """A workspace, as far as decisions need one."""

    decisions_file: Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "decisions.sqlite3")
    with decisions.open(place) as opened:
        target = facts.Target("10.0.0.0/24", (443,), date(2999, 1, 1))
        scope = facts.Scope("Example", targets=(target,))
        opened.decide([1, 2, 3], "mitigated", because=WHY, author="it", evidence={1: {"asset": "wéb"}})
        opened.apply_scope("organization: Example", scope, author="it", difference=["The first scope."])
        opened.approve_targets(scope.targets, because=WHY, author="boss")
        opened.review(9, 10, "same", because=WHY, author="it")
        opened.acknowledge("job-1", "import", {"runs": [1, 2]})
        opened.withdraw([2], because=WHY, author="it")
    return place


def _tamper(place: Place, *statements: str) -> None:
    """What somebody with the file and a database tool could do."""
    connection = sqlite3.connect(place.decisions_file)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert connection.execute(statement).rowcount != 0, statement
    connection.commit()
    connection.close()


def test_an_untouched_chain_holds_and_tells_all(place: Place) -> None:
    opened = decisions.open(place)
    assert opened.audit_verify() is None
    assert opened.audit_verify(opened.audit_head()) is None
    assert [entry.what for entry in opened.audit_entries()] == [
        "decide",
        "scope apply",
        "approve targets",
        "asset review",
        "receipt",
        "withdraw",
    ]
    assert opened.audit_entries()[0].payload["exposures"] == 3


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("UPDATE decisions_audit SET author = 'someone' WHERE id = 3", 3),
        ("UPDATE decisions_audit SET payload = replace(payload, 'package', 'parcel') WHERE id = 1", 1),
        ("UPDATE decisions_audit SET at = '2020-01-01 00:00:00' WHERE id = 2", 2),
        ("UPDATE decisions_disposition SET because = 'nothing at all' WHERE id = 2", 1),
        ("UPDATE decisions_disposition SET until = '2030-01-01' WHERE id = 4", 6),
        ("DELETE FROM decisions_disposition WHERE id = 4", 6),
        ("UPDATE decisions_scopeversion SET text = 'organization: Other'", 2),
        ("UPDATE decisions_approval SET until = '2999-01-01'", 3),
        ("UPDATE decisions_assetreview SET verdict = 'different'", 4),
        ("UPDATE decisions_receipt SET detail = '{}'", 5),
        (
            "INSERT INTO decisions_disposition (exposure, disposition, because, author, decided_at,"
            " like_this, evidence, audit_id)"
            " VALUES (5, 'mitigated', 'slipped in', 'x', '2026-01-01', '', '{}', 1)",
            1,
        ),
    ],
)
def test_every_touch_shows_at_its_link(place: Place, statement: str, number: int) -> None:
    _tamper(place, statement)
    broken = decisions.open(place).audit_verify()
    assert broken is not None
    assert broken.number == number


def test_a_link_that_is_taken_out_shows_at_the_next(place: Place) -> None:
    _tamper(place, "DELETE FROM decisions_assetreview", "DELETE FROM decisions_audit WHERE id = 4")
    broken = decisions.open(place).audit_verify()
    assert broken is not None
    assert broken.number == 5


def test_an_end_that_is_cut_off_shows_against_a_noted_digest(place: Place) -> None:
    noted = decisions.open(place).audit_head()
    _tamper(
        place,
        "DELETE FROM decisions_disposition WHERE audit_id = 6",
        "DELETE FROM decisions_audit WHERE id = 6",
    )
    opened = decisions.open(place)
    assert opened.audit_verify() is None
    broken = opened.audit_verify(noted)
    assert broken is not None
    assert broken.number == 0


_WRITES: list[Callable[[Decisions], object]] = [
    lambda opened: opened.decide([1], "mitigated", because=WHY, author="it"),
    lambda opened: opened.apply_scope("organization: E", facts.Scope("E"), author="it"),
    lambda opened: opened.review(9, 10, "different", because=WHY, author="it"),
    lambda opened: opened.acknowledge("job-2", "cycle"),
]


@pytest.mark.parametrize("write", _WRITES)
def test_every_writing_adds_exactly_one_link(place: Place, write: Callable[[Decisions], object]) -> None:
    opened = decisions.open(place)
    before = opened.audit_entries()
    write(opened)
    after = opened.audit_entries()
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    assert opened.audit_verify(before[-1].digest) is None

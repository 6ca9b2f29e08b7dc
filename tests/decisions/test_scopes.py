"""Scope versions, leave to test, receipts and reviews."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from foreshore import decisions, facts
from foreshore.errors import UsageError

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions

WHY = "the owner of the network agreed"
SOON = datetime.now(UTC).date() + timedelta(days=5)
RANGE = facts.Target("10.0.0.0/24", (443, 80), SOON)
NAME = facts.Target("www.shop.example.com")
SCOPE = facts.Scope("Example", zones=(facts.Zone("dmz", "main", ("10.0.0.0/24",)),), targets=(RANGE, NAME))


@dataclass(frozen=True)
class Place:
    """A workspace, as far as decisions need one."""

    decisions_file: Path


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Decisions]:
    with decisions.open(Place(tmp_path / "decisions.sqlite3")) as found:
        yield found


def test_a_scope_is_a_version_and_the_same_text_again_is_none(opened: Decisions) -> None:
    assert opened.current_scope() is None
    first = opened.apply_scope("one", SCOPE, author="it", difference=["The first scope."])
    again = opened.apply_scope("one", SCOPE, author="other")
    second = opened.apply_scope("two", facts.Scope("Other"), author="it")
    assert (first.new, again.new, second.new) == (True, False, True)
    assert again.version == first.version
    assert again.difference == ("The first scope.",)
    assert [one.text for one in opened.scope_versions()] == ["one", "two"]
    current = opened.current_scope()
    assert current is not None
    assert current.written == facts.Scope("Other")


def test_going_back_to_an_older_text_is_a_version_of_its_own(opened: Decisions) -> None:
    for text in ("one", "two", "one"):
        assert opened.apply_scope(text, SCOPE, author="it").new
    assert [one.text for one in opened.scope_versions()] == ["one", "two", "one"]


def test_the_same_text_read_differently_is_a_new_version(opened: Decisions) -> None:
    opened.apply_scope("one", SCOPE, author="it")
    assert opened.apply_scope("one", msgspec.structs.replace(SCOPE, currency="USD"), author="it").new


def _targets(opened: Decisions, as_of: datetime | None = None) -> list[str]:
    current = opened.current_scope(as_of)
    assert current is not None
    assert current.written == SCOPE
    assert msgspec.structs.replace(current.scope, targets=()) == msgspec.structs.replace(SCOPE, targets=())
    return [target.what for target in current.scope.targets]


def test_targets_take_effect_only_by_leave_and_lose_it(opened: Decisions) -> None:
    opened.apply_scope("one", SCOPE, author="it")
    assert _targets(opened) == []
    held = opened.approve_targets([NAME], because=WHY, author="boss")
    assert [(target.what, target.authorised_by) for target in held] == [(NAME.what, "boss")]
    assert _targets(opened) == [NAME.what]
    assert opened.revoke_targets([NAME], because=WHY, author="boss") == ()
    assert _targets(opened) == []


def test_leave_ends_with_the_target_or_with_itself(opened: Decisions) -> None:
    opened.apply_scope("one", SCOPE, author="it")
    opened.approve_targets([RANGE], because=WHY, author="boss")
    opened.approve_targets([NAME], because=WHY, author="boss", until=SOON - timedelta(days=2))
    noon = datetime(SOON.year, SOON.month, SOON.day, 12)
    assert _targets(opened, noon - timedelta(days=2)) == [RANGE.what, NAME.what]
    assert _targets(opened, noon) == [RANGE.what]
    assert _targets(opened, noon + timedelta(days=1)) == []
    assert _targets(opened, datetime(2020, 1, 1)) == []


def test_other_ports_are_another_target(opened: Decisions) -> None:
    opened.apply_scope("one", SCOPE, author="it")
    with pytest.raises(UsageError, match="not a target of the scope"):
        opened.approve_targets([facts.Target(RANGE.what, (22,))], because=WHY, author="boss")
    with pytest.raises(UsageError, match="no target"):
        opened.approve_targets([], because=WHY, author="boss")
    assert _targets(opened) == []


def test_leave_survives_a_new_scope_only_for_what_it_still_lists(opened: Decisions) -> None:
    opened.apply_scope("one", SCOPE, author="it")
    opened.approve_targets([RANGE, NAME], because=WHY, author="boss")
    narrower = msgspec.structs.replace(SCOPE, targets=(NAME,))
    applied = opened.apply_scope("two", narrower, author="it")
    assert [target.what for target in applied.scope.targets] == [NAME.what]


def test_the_first_receipt_of_a_job_stands(opened: Decisions) -> None:
    assert opened.receipt("job") is None
    first = opened.acknowledge("job", "import", {"runs": 2})
    assert opened.acknowledge("job", "import", {"runs": 3}) == first
    assert opened.receipt("job") == first
    assert opened.receipts() == [first]
    assert len(opened.audit_entries()) == 1


def test_the_latest_answer_to_a_refused_join_counts(opened: Decisions) -> None:
    opened.review(1, 4, "Same", because=WHY, author="it")
    opened.review(5, 2, "same", because=WHY, author="it")
    opened.review(4, 1, "different", because=WHY, author="it")
    assert opened.reviews() == [facts.AssetReview(1, 4, False), facts.AssetReview(2, 5, True)]
    with pytest.raises(UsageError, match="does not answer"):
        opened.review(1, 4, "perhaps", because=WHY, author="it")


def test_dates_and_ranges_come_back_as_they_were(opened: Decisions) -> None:
    scope = facts.Scope(
        "Example",
        services=(facts.Service("Shop", loss=facts.Range(1.5, 2, 3), confirmed_by="cfo", depends_on=()),),
        targets=(facts.Target("10.0.0.1", (), date(2030, 1, 2)),),
    )
    assert opened.apply_scope("x", scope, author="it").written == scope

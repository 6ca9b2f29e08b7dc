"""Words on exposures: written once, the latest counts, an end is an end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import decisions, facts
from foreshore.errors import Refused, UsageError

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions

WHY = "looked at the package list of the host"
TODAY = datetime.now(UTC).date()


@dataclass(frozen=True)
class Place:
    """A workspace, as far as decisions need one."""

    decisions_file: Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "decisions.sqlite3")


@pytest.fixture
def opened(place: Place) -> Iterator[Decisions]:
    with decisions.open(place) as found:
        yield found


def _now() -> datetime:
    return datetime.now(UTC)


def test_a_word_is_kept_with_all_that_was_said(opened: Decisions) -> None:
    evidence = {7: {"asset": "web-1", "weakness": "CVE-2021-44228", "place": "pkg:maven/log4j"}}
    (entry,) = opened.decide([7], "False-Positive", because=WHY, author="it", like_this="owner = a", evidence=evidence)
    assert opened.history(7) == [entry]
    assert (entry.disposition, entry.because, entry.author) == ("false_positive", WHY, "it")
    assert (entry.like_this, entry.evidence, entry.supersedes) == ("owner = a", evidence[7], None)


def test_a_new_word_takes_the_place_of_the_old_and_both_stay(opened: Decisions) -> None:
    (first,) = opened.decide([7], "false_positive", because=WHY, author="it")
    (second,) = opened.decide([7], "mitigated", because=WHY, author="it")
    assert [entry.disposition for entry in opened.history(7)] == ["false_positive", "mitigated"]
    assert second.supersedes == first.number
    assert [word.disposition for word in opened.effective(_now())] == ["mitigated"]


def test_a_withdrawal_leaves_no_word_and_keeps_the_history(opened: Decisions) -> None:
    opened.decide([7, 8], "false_positive", because=WHY, author="it")
    opened.withdraw([7], because="the package is there after all", author="it")
    assert [word.exposure for word in opened.effective(_now())] == [8]
    assert [entry.disposition for entry in opened.history(7)] == ["false_positive", "withdrawn"]
    with pytest.raises(UsageError, match="no decision"):
        opened.withdraw([7], because="the package is there after all", author="it")
    with pytest.raises(UsageError, match="no decision"):
        opened.withdraw([8, 9], because="the package is there after all", author="it")
    assert [word.exposure for word in opened.effective(_now())] == [8]


def test_a_word_counts_through_its_last_day_and_no_older_word_comes_back(opened: Decisions) -> None:
    last = TODAY + timedelta(days=10)
    opened.decide([7], "false_positive", because=WHY, author="it")
    opened.decide([7], "accepted", because=WHY, author="it", until=last)
    on_it = datetime(last.year, last.month, last.day, 23, 59)
    assert [word.until for word in opened.effective(on_it)] == [last]
    assert opened.effective(on_it + timedelta(minutes=1)) == []


def test_what_was_decided_later_does_not_count_before(opened: Decisions) -> None:
    opened.decide([7], "claimed_fixed", because=WHY, author="it", at=datetime(2026, 1, 5, 8))
    assert opened.effective(datetime(2026, 1, 5, 7)) == []
    (word,) = opened.effective(datetime(2026, 1, 5, 8))
    assert word == facts.Decision(7, "claimed_fixed", WHY, "it", datetime(2026, 1, 5, 8), None)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"disposition": "false_postive"}, "not a decision"),
        ({"disposition": "withdrawn"}, "not a decision"),
        ({"because": "no"}, "reason"),
        ({"because": "          x          "}, "reason"),
        ({"author": " "}, "author"),
        ({"exposures": []}, "no exposure"),
        ({"disposition": "accepted"}, "needs a last day"),
        ({"disposition": "accepted", "until": TODAY + timedelta(days=366)}, "at most 365 days"),
        ({"until": TODAY - timedelta(days=2)}, "has passed"),
        ({"at": _now() + timedelta(days=1)}, "in the future"),
    ],
)
def test_what_is_not_a_decision_is_refused_and_nothing_is_kept(
    opened: Decisions, change: dict[str, Any], what: str
) -> None:
    call: dict[str, Any] = {
        "exposures": [7],
        "disposition": "mitigated",
        "because": WHY,
        "author": "it",
    } | change
    if call["disposition"] == "withdrawn":
        # Taking a word back has a call of its own, which checks that there is one.
        with pytest.raises(UsageError):
            opened.withdraw([7], because=WHY, author="it")
        return
    with pytest.raises(UsageError, match=what) as caught:
        opened.decide(**call)
    assert caught.value.hint
    assert opened.history(7) == []
    assert opened.audit_entries() == []


def test_rows_are_never_changed_or_deleted(opened: Decisions) -> None:
    from django.db import DatabaseError, connections

    from foreshore.decisions.models import Audit, Disposition

    opened.decide([7], "mitigated", because=WHY, author="it")
    rows = Disposition.objects.using(opened._alias)
    row = rows.get()
    row.because = "something else entirely"
    for attempt in (
        row.save,
        row.delete,
        rows.all().delete,
        lambda: rows.update(because="something else"),
        lambda: rows.bulk_update([row], ["because"]),
        lambda: rows.bulk_create([row], update_conflicts=True, update_fields=["because"], unique_fields=["id"]),
        lambda: rows.update_or_create({"because": "something else"}, id=row.pk),
        Audit.objects.using(opened._alias).get().delete,
    ):
        with pytest.raises(Refused):
            attempt()
    for statement in ("UPDATE decisions_disposition SET because = 'x'", "DELETE FROM decisions_audit"):
        with (
            pytest.raises(DatabaseError, match="never changed"),
            connections[opened._alias].cursor() as cursor,
        ):
            cursor.execute(statement)
    assert [entry.because for entry in opened.history(7)] == [WHY]


def test_several_workspaces_in_one_process_do_not_mix(tmp_path: Path) -> None:
    left = decisions.open(Place(tmp_path / "left.sqlite3"))
    right = decisions.open(Place(tmp_path / "right.sqlite3"))
    left.decide([1], "mitigated", because=WHY, author="it")
    right.decide([2], "not_ours", because=WHY, author="it")
    assert [word.exposure for word in left.effective(_now())] == [1]
    assert [word.exposure for word in right.effective(_now())] == [2]
    assert [word.exposure for word in decisions.open(Place(tmp_path / "left.sqlite3")).effective(_now())] == [1]


_WRITER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from foreshore import decisions

opened = decisions.open(SimpleNamespace(decisions_file=Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
for number in range(25):
    opened.decide([number], "mitigated", because=f"writer {sys.argv[2]} number {number}", author=sys.argv[2])
"""


def test_two_processes_that_decide_at_once_lose_nothing(place: Place) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(place.decisions_file), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.communicate()
    opened = decisions.open(place)
    words = opened.history(*range(25))
    assert {(word.exposure, word.author) for word in words} == {(n, name) for n in range(25) for name in "ab"}
    assert sorted(word.supersedes is None for word in words) == [False] * 25 + [True] * 25
    assert opened.audit_verify() is None


_STEPS = st.lists(
    st.tuples(
        st.integers(1, 6),  # the id that was decided on
        st.sampled_from(["false_positive", "mitigated", "accepted", "claimed_fixed", "withdraw"]),
        st.integers(0, 3),  # days ago
        st.one_of(st.none(), st.integers(0, 4)),  # days until its end
    ),
    max_size=12,
)
_ALIASES = st.dictionaries(st.integers(4, 6), st.integers(1, 3), max_size=3)


@settings(max_examples=40, deadline=None)
@given(_STEPS, _ALIASES, st.integers(-4, 6))
def test_effective_says_what_the_plain_rule_says(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, str, int, int | None]],
    aliases: dict[int, int],
    ahead: int,
) -> None:
    opened = decisions.open(Place(tmp_path_factory.mktemp("plain") / "decisions.sqlite3"))
    now = _now().replace(microsecond=0)
    told: list[tuple[datetime, int, int, str, date | None]] = []
    for number, (exposure, word, days, end) in enumerate(steps):
        at = now - timedelta(days=days)
        until = now.date() + timedelta(days=end or 0) if end is not None or word == "accepted" else None
        if word == "withdraw":
            try:
                opened.withdraw([exposure], because=WHY, author="it", at=at)
            except UsageError:
                continue
            told.append((at, number, exposure, "withdrawn", None))
            continue
        opened.decide([exposure], word, because=WHY, author="it", at=at, until=until)
        told.append((at, number, exposure, word, until))
    moment = now + timedelta(days=ahead)
    latest: dict[int, tuple[str, date | None]] = {}
    for at, _, exposure, word, until in sorted(told, key=lambda one: one[:2]):
        if at <= moment:
            latest[aliases.get(exposure, exposure)] = (word, until)
    expected = {
        exposure: word
        for exposure, (word, until) in latest.items()
        if word != "withdrawn" and (until is None or until >= moment.date())
    }
    by_mapping = opened.effective(moment, aliases)
    by_call = opened.effective(moment, lambda exposure: aliases.get(exposure, exposure))
    opened.close()
    assert {word.exposure: word.disposition for word in by_mapping} == expected
    assert by_mapping == by_call

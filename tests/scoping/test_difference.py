"""What changed between two scopes, and applying one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from foreshore import decisions, facts
from foreshore.errors import BadScope
from foreshore.scoping.applying import apply
from foreshore.scoping.difference import difference
from foreshore.scoping.scope import parse


@pytest.fixture
def example() -> str:
    """The scope of the documentation."""
    return (Path(__file__).parent / "example.yaml").read_text("utf-8")


@dataclass(frozen=True)
class Place:
    """A workspace, as far as decisions need one."""

    decisions_file: Path


@pytest.fixture
def scope(example: str) -> facts.Scope:
    return parse(example, shipped={}).scope


def test_nothing_differs_from_itself(scope: facts.Scope) -> None:
    assert difference(scope, scope) == []


def test_the_first_scope_is_said_to_be_the_first(scope: facts.Scope) -> None:
    assert difference(None, scope) == ["The first scope of Example Stores."]


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ("EUR", "USD", ["Currency: EUR → USD."]),
        ("tier: 4", "tier: 5", ["Service Card payments: impact tier 4 → 5."]),
        ("owner: payments-team", "owner: it", ["Service Card payments: owner payments-team → it."]),
        ("high: 9000000", "high: 8000000", None),
        ("  office:", "  bureau:", ["Zone office is no longer there.", "Zone bureau is new."]),
        ("ports: [5432]", "ports: [5433]", [
            "Reach rule is no longer there: dmz may reach payments on ports 5432.",
            "Reach rule is new: dmz may reach payments on ports 5433.",
        ]),
        ("targets: []", "targets: [10.0.0.0/24]", ["Target 10.0.0.0/24 is new."]),
        ("default: by-prior", "default: open", [
            "What holds where no reach rule speaks: by-prior → open.",
        ]),
    ],
)  # fmt: skip
def test_each_change_is_a_sentence(example: str, old: str, new: str, sentences: list[str] | None) -> None:
    changed = parse(example.replace(old, new, 1)).scope
    found = difference(parse(example).scope, changed)
    if sentences is None:
        sentences = [
            "Service Card payments: loss 200,000 to 9,000,000, likely 1,500,000"
            " → 200,000 to 8,000,000, likely 1,500,000."
        ]
    assert found == sentences


def test_every_field_that_differs_is_told(scope: facts.Scope) -> None:
    """No field of the scope can change in silence."""
    empty = facts.Scope("Example Stores")
    for name in scope.__struct_fields__:
        value = getattr(scope, name)
        if value != getattr(empty, name):
            assert difference(empty, msgspec.structs.replace(empty, **{name: value})), name


def test_rules_in_another_order_are_told(scope: facts.Scope) -> None:
    turned = msgspec.structs.replace(scope, reach=scope.reach[::-1])
    assert difference(scope, turned) == ["The reach rules stand in another order."]


def test_applying_takes_down_a_version_with_its_difference(tmp_path: Path, example: str) -> None:
    with decisions.open(Place(tmp_path / "decisions.sqlite3")) as opened:
        first = apply(opened, example, author="it")
        assert (first.new, first.difference) == (True, ("The first scope of Example Stores.",))
        assert not apply(opened, example, author="it").new
        with pytest.raises(BadScope):
            apply(opened, example.replace("tier: 4", "tier: 9"), author="it")
        second = apply(opened, example.replace("tier: 4", "tier: 5"), author="it")
        assert second.difference == ("Service Card payments: impact tier 4 → 5.",)
        assert len(opened.scope_versions()) == 2


def test_targets_that_await_leave_are_no_difference(tmp_path: Path, example: str) -> None:
    asking = example.replace("targets: []", "targets: [10.0.0.0/24]")
    with decisions.open(Place(tmp_path / "decisions.sqlite3")) as opened:
        apply(opened, asking, author="it")
        again = apply(opened, asking.replace("tier: 4", "tier: 5"), author="it")
        assert again.difference == ("Service Card payments: impact tier 4 → 5.",)
        assert again.scope.targets == ()

"""Changing one service in scope.yaml: exactly that changes, whatever the file looks like, and comments stay."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.errors import ForeshoreError, UsageError
from foreshore.scoping import writing
from foreshore.scoping.scope import parse
from foreshore.server import scopes, services
from foreshore.server.access import NOBODY, SYSTEM, NotAllowed
from foreshore.server.scopes import Wanted
from foreshore.workspace import Workspace

TEXT = """\
# Ours, since spring.
organization: Example Stores
services:
  # the one that earns
  - name: Web shop
    impact: {tier: 4}   # agreed with the board
    assets: ["name:web-*"]

  # paid by it
  - {name: Payroll, impact: {tier: 3}, assets: ["name:hr-*"]}
# who works
teams:
  - {name: web-team, assets: ["name:web-*"]}
"""
_NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text and text.isprintable() and text != ""
)
_SELECTORS = st.lists(
    st.sampled_from(["name:a-*", "tag:pci", "kind:host", "address:10.0.0.0/8"]), min_size=1, max_size=3, unique=True
)
_LOSS = st.none() | st.tuples(*[st.integers(0, 10**9)] * 3).map(lambda some: tuple(float(one) for one in sorted(some)))
_WISHES = st.builds(
    Wanted, st.sampled_from(["Web shop", "Payroll"]) | _NAMES, st.integers(1, 5), st.sampled_from(["", "web-team"]),
    _SELECTORS.map(tuple), _LOSS, st.none() | st.just(()), st.just(""),
)  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("scoped") / "ws"
    Workspace.create(root, seed=1)
    return Workspace.open(root)


def _as_wanted(old: facts.Scope, wanted: Wanted) -> facts.Scope:
    """What the scope has to be, said without the code under test."""
    span = facts.Range(*wanted.loss) if wanted.loss else None
    found = []
    for one in [
        *old.services,
        *([] if wanted.name in [each.name for each in old.services] else [facts.Service(wanted.name)]),
    ]:
        mine = one.name == wanted.name
        found.append(
            facts.Service(
                one.name, wanted.owner, wanted.tier, loss=span, confirmed_by=SYSTEM.person if span else "",
                assets=wanted.assets, depends_on=wanted.depends_on,
            ) if mine else one
        )  # fmt: skip
    return msgspec.structs.replace(old, services=tuple(found))


@settings(max_examples=40, deadline=None)
@given(wanted=_WISHES)
def test_reading_the_changed_file_gives_the_scope_with_that_service_and_nothing_else(
    workspace: Workspace, wanted: Wanted
) -> None:
    workspace.scope_file.write_text(TEXT, encoding="utf-8")
    old = parse(TEXT).scope
    change = scopes.proposed(workspace, SYSTEM, wanted)
    assert parse(change.text).scope == _as_wanted(old, wanted)
    assert workspace.scope_file.read_text("utf-8") == TEXT  # nothing is written before it is applied
    for comment in ("# Ours, since spring.", "# the one that earns", "# paid by it", "# who works"):
        assert comment in change.text
    assert ("# agreed with the board" in change.text) == (wanted.name != "Web shop")


@settings(max_examples=15, deadline=None)
@given(wanted=_WISHES)
def test_a_file_that_a_program_wrote_and_one_without_services_change_as_well(
    workspace: Workspace, wanted: Wanted
) -> None:
    for text in (
        writing.to_yaml(parse(TEXT).scope),
        "organization: X\n",
        "organization: X\nservices: [{name: A, assets: ['name:a']}]",
    ):
        workspace.scope_file.write_text(text, encoding="utf-8")
        change = scopes.proposed(workspace, SYSTEM, wanted)
        assert parse(change.text).scope == _as_wanted(parse(text).scope, wanted)


def test_what_is_applied_is_what_was_shown(workspace: Workspace) -> None:
    workspace.scope_file.write_text(TEXT, encoding="utf-8")
    wanted = Wanted("Payroll", 5, assets=("name:hr-*",))
    seen = scopes.proposed(workspace, SYSTEM, wanted)
    assert any("impact tier 3 → 5" in one for one in seen.differs)
    with pytest.raises(UsageError, match="not the change"):
        scopes.apply(workspace, SYSTEM, wanted._replace(tier=1), seen.rests_on)
    workspace.scope_file.write_text(TEXT + "# another hand\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not the change"):
        scopes.apply(workspace, SYSTEM, wanted, seen.rests_on)
    again = scopes.proposed(workspace, SYSTEM, wanted)
    scopes.apply(workspace, SYSTEM, wanted, again.rests_on)
    assert "# another hand" in workspace.scope_file.read_text("utf-8")
    with pytest.raises(NotAllowed):
        scopes.proposed(workspace, NOBODY, wanted)


@pytest.mark.parametrize(
    "wrong",
    [
        Wanted(" "),
        Wanted("A", 6),
        Wanted("A", loss=(5, 4, 9)),
        Wanted("A", assets=("nmae:x",)),
        Wanted("A", depends_on=("none",)),
    ],
)
def test_what_no_scope_can_hold_is_refused_and_nothing_is_written(workspace: Workspace, wrong: Wanted) -> None:
    workspace.scope_file.write_text(TEXT, encoding="utf-8")
    with pytest.raises(ForeshoreError):
        scopes.proposed(workspace, SYSTEM, wrong)
    assert workspace.scope_file.read_text("utf-8") == TEXT


@settings(max_examples=60, deadline=None)
@given(some=st.lists(st.floats(0, 1e9), min_size=3, max_size=3).map(sorted).filter(lambda some: some[2] - some[0] > 1))
def test_the_drawn_loss_is_a_density_between_its_ends(some: list[float]) -> None:
    points = np.array(services.density(facts.Range(*some), 4_000))
    assert points[:, 1].min() >= 0
    assert points[0, 0] == pytest.approx(some[0], abs=0.01)
    assert points[-1, 0] == pytest.approx(some[2], abs=0.01)
    area = float(np.trapezoid(points[:, 1], np.linspace(some[0], some[2], len(points))))
    assert area == pytest.approx(1, abs=0.02)


def test_a_workspace_without_a_scope_gets_its_first(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ws", seed=1)
    workspace = Workspace.open(tmp_path / "ws")
    wanted = Wanted("Web shop", 4, assets=("name:*",), organization="Example Stores")
    scopes.apply(workspace, SYSTEM, wanted, scopes.proposed(workspace, SYSTEM, wanted).rests_on)
    found = parse(workspace.scope_file.read_text("utf-8")).scope
    assert found.organization == "Example Stores"
    assert [one.name for one in found.services] == ["Web shop"]

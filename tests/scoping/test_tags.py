"""Tags that the scope gives by rules: read, refused with their line, written again, compared, and checked."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.errors import BadScope
from foreshore.scoping import writing
from foreshore.scoping.check import check
from foreshore.scoping.difference import difference
from foreshore.scoping.scope import parse

SCOPE = """\
organization: Example Stores
zones:
  payments: {networks: [10.20.0.0/16]}
tags:
  pci: ["zone:payments", "name:pay-*"]
  service=shop: ["name:shop-*"]
services:
  - {name: Cards, assets: ["tag:pci"]}
"""
ASSETS = pa.table(
    {
        "asset": pa.array([1, 2, 3], pa.int64()),
        "name": ["pay-web", "ledger", "shop-1"],
        "names": pa.array([["pay-web"], ["ledger"], ["shop-1"]], pa.list_(pa.string())),
        "addresses": pa.array([["192.0.2.1"], ["10.20.0.9"], ["192.0.2.3"]], pa.list_(pa.string())),
        "tags": pa.array([[], ["old"], []], pa.list_(pa.string())),
        "site": ["main"] * 3,
        "kind": ["host"] * 3,
        "owner": [""] * 3,
    }
)
RULES = (facts.TagRule("pci", ("zone:payments", "name:pay-*")), facts.TagRule("service=shop", ("name:shop-*",)))


def told(text: str) -> list[tuple[str, int, str]]:
    """The remarks on a scope that speak of tags."""
    return [(one.level, one.line, one.sentence) for one in check(parse(text), ASSETS) if "tag" in one.sentence]


def test_rules_are_read_with_their_lines() -> None:
    parsed = parse(SCOPE)
    assert parsed.scope.tags == RULES
    assert (parsed.lines["tags", "pci"], parsed.lines["tags", "service=shop"]) == (5, 6)


@pytest.mark.parametrize(
    ("rule", "line", "sentence"),
    [
        ("pci: [nome:pay-*]", 6, "does not begin with one of"),
        ("pci:\n    - name:a\n    - address:10.0.0.300", 8, "not an address"),
        ("pci: [zone:payment]", 6, "no such zone"),
        ("pci: []", 6, "which assets"),
        ("pci:", 6, "which assets"),
        ("pci: {a: b}", 6, "has to be a list"),
        ("pc*: [name:a]", 6, "pattern"),
        ('"p\\u0007": [name:a]', 6, "printed"),
        ("pci: [name:a]\n  PCI: [name:b]", 7, "another tag"),
        ("pci: [name:a]\n  pci: [name:b]", 7, "twice"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(rule: str, line: int, sentence: str) -> None:
    text = f"organization: E\nzones:\n  payments: {{networks: [10.0.0.0/8]}}\n\ntags:\n  {rule}\n"
    with pytest.raises(BadScope) as caught:
        parse(text)
    assert f"scope.yaml:{line}: " in str(caught.value)
    assert sentence in str(caught.value)


def test_tags_that_are_no_entries_are_refused() -> None:
    with pytest.raises(BadScope, match=r"scope\.yaml:2"):
        parse("organization: E\ntags: [pci]")


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("abcXYZ019=.-_: '\"#&!{}[]éß", min_size=1, max_size=9).filter(lambda text: text == text.strip()),
        st.lists(st.sampled_from(["name:a*", "tag:x y", "kind:host", "address:10.0.0.0/8"]), min_size=1, max_size=3),
        max_size=4,
    ).filter(lambda found: len({name.lower() for name in found}) == len(found))
)
def test_rules_that_are_written_are_read_as_the_same(found: dict[str, list[str]]) -> None:
    scope = facts.Scope("E", tags=tuple(facts.TagRule(name, tuple(texts)) for name, texts in found.items()))
    assert parse(writing.to_yaml(scope)).scope == scope


def test_a_changed_rule_is_said() -> None:
    old = parse(SCOPE).scope
    new = parse(SCOPE.replace("name:pay-*", "name:paying-*").replace("service=shop", "shop")).scope
    assert difference(old, new) == [
        "Tag service=shop is no longer there.",
        "Tag shop is new.",
        "Tag pci: assets zone:payments, name:pay-* → zone:payments, name:paying-*.",
    ]


def test_a_service_picks_by_the_tag_of_a_rule() -> None:
    assert told(SCOPE) == []
    without = SCOPE.replace('  pci: ["zone:payments", "name:pay-*"]\n', "")
    assert ("warning", 7, "“tag:pci” of service Cards picks no asset") in told(without)


def test_a_rule_that_matches_nothing_is_told() -> None:
    assert told(SCOPE.replace("shop-*", "shopping-*")) == [
        ("warning", 6, "tag service=shop is given to no asset: its rule matches nothing")
    ]
    assert told(SCOPE.replace("pay-*", "paying-*")) == [("warning", 5, "“name:paying-*” of tag pci picks no asset")]


def test_a_rule_that_asks_for_the_tag_of_a_rule_is_told() -> None:
    found = told(SCOPE.replace('"name:shop-*"', '"name:shop-*", "tag:PCI"'))
    assert (
        "info",
        6,
        "“tag:PCI” in the rule for tag service=shop sees only the tags of sources, not those of rules",
    ) in found
    assert ("warning", 6, "“tag:PCI” of tag service=shop picks no asset") in found

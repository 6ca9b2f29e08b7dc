"""Reading `scope.yaml`: the documented example, every mistake with its line, writing it again."""

from __future__ import annotations

import string
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.errors import BadScope
from foreshore.scoping import parts, writing
from foreshore.scoping.scope import parse, read

SHIPPED = {
    "opportunistic": facts.Attacker("opportunistic", ("internet", "user"), facts.Range(1, 6, 30), "skilled", "shipped")
}


@pytest.fixture
def example() -> str:
    """The scope of the documentation."""
    return (Path(__file__).parent / "example.yaml").read_text("utf-8")


def test_the_documented_example_says_what_it_says(example: str) -> None:
    parsed = parse(example, shipped=SHIPPED)
    assert parsed.scope == facts.Scope(
        organization="Example Stores",
        currency="EUR",
        sites=(facts.Site("hq"), facts.Site("south", "Example Stores South")),
        zones=(
            facts.Zone("dmz", "hq", ("203.0.113.0/24",), ("*.shop.example.com",)),
            facts.Zone("office", "hq", ("10.1.0.0/16",)),
            facts.Zone("payments", "hq", ("10.20.0.0/16",)),
        ),
        reach_default="by-prior",
        reach=(
            facts.ReachRule("internet", "dmz", (80, 443)),
            facts.ReachRule("dmz", "payments", (5432,)),
        ),
        services=(
            facts.Service(
                "Card payments",
                owner="payments-team",
                tier=4,
                safety="none",
                mission="degraded",
                loss=facts.Range(200000, 1500000, 9000000),
                confirmed_by="finance",
                assets=("name:pay-db-*", "tag:service=payments"),
            ),
        ),
        teams=(facts.Team("payments-team", ("zone:payments",), 20.0),),
        attackers=(facts.Attacker("opportunistic", ("internet",), facts.Range(2, 12, 50), "skilled", "shipped"),),
    )
    assert parsed.notes == ()
    line = parsed.lines["services", "Card payments"]
    assert "Card payments" in example.splitlines()[line - 1]


def test_everything_but_the_organization_may_be_left_out() -> None:
    assert parse("organization: Example").scope == facts.Scope("Example")


def test_a_zone_without_a_site_is_in_the_only_one() -> None:
    text = "organization: E\nsites: {north: {}}\nzones: {a: {networks: [10.0.0.0/8]}}"
    assert parse(text).scope.zones == (facts.Zone("a", "north", ("10.0.0.0/8",)),)


def test_a_named_attacker_takes_the_rest_from_the_shipped_profile() -> None:
    scope = parse("organization: E\nattackers: [{name: opportunistic}]", shipped=SHIPPED).scope
    assert scope.attackers == (SHIPPED["opportunistic"],)


def test_foundations_are_services_of_the_highest_tier() -> None:
    scope = parse("organization: E\nfoundations: [{name: AD, assets: ['name:dc*']}]").scope
    assert scope.services == (facts.Service("AD", tier=5, assets=("name:dc*",), foundation=True),)


def test_words_that_yaml_would_change_stay_words() -> None:
    scope = parse("organization: 007\nsites: {no: {}, 10: {}}\nzones: {on: {site: no, names: [1.10]}}").scope
    assert scope.organization == "007"
    assert [site.name for site in scope.sites] == ["no", "10"]
    assert scope.zones == (facts.Zone("on", "no", (), ("1.10",)),)


def test_money_counts_only_where_a_person_stands_behind_it() -> None:
    loss = "{low: 1, likely: 2, high: 3}"
    parsed = parse(f"organization: E\nservices:\n  - name: A\n    assets: ['kind:host']\n    loss: {loss}")
    assert parsed.scope.services[0].loss is None
    assert [(note.level, note.line) for note in parsed.notes] == [("warning", 5)]


def test_ports_are_numbers_ranges_or_all() -> None:
    rules = "[{from: internet, to: a, ports: %s}]"
    text = f"organization: E\nzones: {{a: {{names: [x]}}}}\nreach: {{rules: {rules}}}"
    for written, meant in {
        "443": (443,),
        "[443, 80, 443]": (80, 443),
        "[8000-8002]": (8000, 8001, 8002),
        "1-65535": (),
    }.items():
        assert parse(text % written).scope.reach[0].ports == meant


MISTAKES = [
    ("organization: Example Stores", "organisation: Example", 1, "did you mean “organization”?"),
    ("currency: EUR", "currency: Euros", 2, "currency code"),
    ("currency: EUR", "currency: EUR\ncurrency: USD", 3, "there twice"),
    ("  south: {", "  south: {colour: red, ", 5, "“colour” is not known"),
    ("site: hq, networks: [10.1.0.0/16]", "site: hp, networks: [10.1.0.0/16]", 8, "known: hq, south"),
    ("  office: {site: hq, ", "  office: {", 8, "needs “site”"),
    ("  office: {", "  internet: {", 8, "reserved name"),
    ("10.1.0.0/16", "10.1.0.1/16", 8, "10.1.0.0/16?"),
    ("10.1.0.0/16", "10.1.0.0/40", 8, "not an address range"),
    ("  office:", "  dmz:", 8, "there twice"),
    ("default: by-prior", "default: shut", 11, "known: by-prior, closed, open"),
    ("to: payments", "to: paymens", 14, "did you mean “payments”?"),
    ("to: dmz, ports: [80, 443]", "to: dmz, ports: [0]", 13, "within 1 to 65535"),
    ("to: dmz, ports: [80, 443]", "to: dmz, ports: [http]", 13, "a port or a range"),
    ("to: dmz, ports: [80, 443]", "to: dmz, ports: [1-9000]", 13, "more than 1024"),
    ("tier: 4", "tier: 6", 18, "from 1 to 5"),
    ("tier: 4", "tier: 3.5", 18, "whole number"),
    ("tier: 4", "tier: nan", 18, "from 1 to 5"),
    ("safety: none", "safety: nome", 18, "did you mean “none”?"),
    ("likely: 1500000", "likely: 15", 19, "rise from low"),
    ("likely: 1500000, ", "", 19, "needs “likely”"),
    ("low: 200000", "low: -1", 19, "from 0"),
    ("name:pay-db-*", "nmae:pay-db-*", 20, "name:pay-db-*"),
    ("zone:payments", "zone:paymens", 22, "did you mean “payments”?"),
    ("hours_per_week: 20", "hours_per_week: many", 22, "has to be a number"),
    ("name: opportunistic, enters: [internet], ", "name: thief, ", 24, "needs “enters”"),
    ("enters: [internet]", "enters: [moon]", 24, "known: internet, user, dmz"),
    ("enters: [internet]", "enters: []", 24, "is empty"),
    ("targets: []", "targets: [0.0.0.0/0]", 25, "every address"),
    ("targets: []", "targets: ['not a name']", 25, "neither a host name"),
    ("targets: []", "targets: [{what: 10.0.0.0/24, until: soon}]", 25, "2026-12-31"),
    ("targets: []", "targets: nothing", 25, "has to be a list"),
    ("targets: []", "targets: []\nobligations: [pci]", 26, "no deadline rule"),
    ("targets: []", "targets: []\nobligations: [{name: own, applies_to: moon}]", 26, "cannot be “moon”"),
    (
        "targets: []",
        "targets: []\nobligations: [{name: own, applies_to: 'zone:Card payments'}]",
        26,
        "cannot be “zone:",
    ),
    ("targets: []", "targets: []\nservices: 3", 26, "there twice"),
]


def test_an_obligation_is_attached_to_a_service_a_zone_an_entity_or_all(example: str) -> None:
    text = (
        example
        + """
obligations:
  - own
  - {name: bod-26-04, applies_to: [dmz, "service:Card payments", "entity:Example Stores South"]}
"""
    )
    assert parse(text, shipped=SHIPPED, obligations={"own", "bod_26_04"}).scope.obligations == (
        facts.Obligation("own"), facts.Obligation("bod-26-04", "dmz"),
        facts.Obligation("bod-26-04", "service:Card payments"),
        facts.Obligation("bod-26-04", "entity:Example Stores South"),
    )  # fmt: skip


def test_a_name_that_two_things_have_needs_its_kind() -> None:
    text = "organization: E\nzones: {Shop: {names: [x]}}\nservices: [{name: Shop, assets: ['name:x']}]\n"
    with pytest.raises(BadScope, match="service:Shop or zone:Shop"):
        parse(text + "obligations: [{name: own, applies_to: Shop}]")
    found = parse(text + "obligations: [{name: own, applies_to: 'zone:Shop'}]").scope
    assert facts.subject(found.obligations[0].applies_to, found) == ("zone", "Shop")


@pytest.mark.parametrize(("old", "new", "line", "what"), MISTAKES)
def test_a_mistake_is_named_with_its_line(example: str, old: str, new: str, line: int, what: str) -> None:
    assert old in example
    with pytest.raises(BadScope) as caught:
        parse(example.replace(old, new, 1), shipped=SHIPPED, obligations={"own", "bod_26_04"})
    assert f"scope.yaml:{line}: " in str(caught.value)
    assert what in str(caught.value)


def test_all_mistakes_are_shown_together_in_order(example: str) -> None:
    wrong = example.replace("tier: 4", "tier: 9").replace("EUR", "E").replace("10.1.0.0/16", "10.1.0.0")
    wrong = wrong.replace("10.1.0.0", "10.1.0.300")
    with pytest.raises(BadScope) as caught:
        parse(wrong, shipped=SHIPPED)
    text = str(caught.value)
    assert "3 mistakes" in text
    assert text.index("scope.yaml:2: ") < text.index("scope.yaml:8: ") < text.index("scope.yaml:18: ")
    assert caught.value.where == "scope.yaml:2"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("# only a remark\n", 1),
        ("just words", 1),
        ("- a list", 1),
        ("organization: [", 1),
        ("organization: Example\n  currency: EUR", 2),
        ("organization: &a Example\ncurrency: *a", 2),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\norganization: E", 2),
        ("organization: E\n--- \norganization: F", 2),
        ("organization: !!python/object/apply:os.system [ls]", 1),
        ("organization: E\nzones: " + "{a: " * 40 + "1" + "}" * 40, 2),
        ("organization: \x00", 1),
        ("organization:", 1),
        ("organization: ''", 1),
        ("organization: {a: b}", 1),
        ("organization: E\n? [a, b]\n: c", 2),
        ("organization: E\nzones: {a: {names: [[x]]}}", 2),
        ("organization: E\nservices:\n  - name: A\n  - name: a", 4),
        ("organization: E\nservices:\n  - name: A\n    depends_on: [B]", 3),
    ],
)
def test_what_is_no_scope_at_all_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadScope) as caught:
        parse(text)
    assert f"scope.yaml:{line}: " in str(caught.value)


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(BadScope, match="larger"):
        parse("organization: E\n" + "#" * (1 << 20))


def test_a_file_that_is_missing_or_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "scope.yaml"
    with pytest.raises(BadScope, match="no scope yet"):
        read(path)
    path.write_bytes(b"organization: \xff\xfe\x00")
    with pytest.raises(BadScope, match="cannot be read"):
        read(path)
    path.write_bytes(b"\xef\xbb\xbforganization: Example")
    assert read(path).scope.organization == "Example"


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        refused = ""
        parse("organization: E\n" + text)
    except BadScope as error:
        refused = str(error)
    assert not refused or "scope.yaml:" in refused


_NAME = st.text(string.ascii_letters + string.digits + " .-_:#&*!{}[]'\"éß→", min_size=1, max_size=8).filter(
    lambda text: text == text.strip() != ""
)
_TEXT = st.one_of(st.just(""), _NAME)
_NET = st.sampled_from(["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"])
_PORTS = st.lists(st.integers(1, 65535), max_size=3, unique=True).map(lambda found: tuple(sorted(found)))
_RANGE = st.lists(st.floats(0, 1e6), min_size=3, max_size=3).map(lambda found: facts.Range(*sorted(found)))
_SELECTORS = st.lists(
    st.sampled_from(["name:a*", "tag:service=x y", "kind:host", "address:10.0.0.0/8", "owner:#1"]), max_size=2
).map(tuple)


def _unique(made: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return made.filter(lambda names: len({name.lower() for name in names}) == len(names))


@st.composite
def scopes(draw: st.DrawFn) -> facts.Scope:
    names = _unique(st.lists(_NAME, max_size=3, unique=True))
    sites = draw(st.lists(_NAME, min_size=1, max_size=2, unique=True))
    zone_names = [name for name in draw(names) if name not in ("internet", "user", "any", "all", "unknown")]
    ends = ["internet", *zone_names]
    service_names = draw(names)
    split = draw(st.integers(0, len(service_names)))
    return facts.Scope(
        organization=draw(_NAME),
        currency=draw(st.sampled_from(["EUR", "USD"])),
        sites=tuple(facts.Site(name, draw(_TEXT)) for name in sites),
        zones=tuple(
            facts.Zone(
                name,
                draw(st.sampled_from(sites)),
                tuple(draw(st.lists(_NET, max_size=2))),
                tuple(draw(st.lists(_NAME, max_size=2))),
            )
            for name in zone_names
        ),
        reach_default=draw(st.sampled_from(("by-prior", "closed", "open"))),
        reach=tuple(
            draw(
                st.lists(
                    st.builds(facts.ReachRule, st.sampled_from(ends), st.sampled_from(ends), _PORTS, st.booleans()),
                    max_size=2,
                )
            )
        ),
        services=tuple(_service(draw, name, number >= split) for number, name in enumerate(service_names)),
        teams=tuple(
            facts.Team(name, draw(_SELECTORS), draw(st.one_of(st.none(), st.floats(0, 100)))) for name in draw(names)
        ),
        attackers=tuple(
            facts.Attacker(name, ("user",), draw(_RANGE), draw(_NAME), draw(_TEXT)) for name in draw(names)
        ),
        obligations=tuple(
            facts.Obligation(draw(_NAME), draw(st.sampled_from(["all", *zone_names])))
            for _ in range(draw(st.integers(0, 2)))
        ),
    )


def _service(draw: st.DrawFn, name: str, foundation: bool) -> facts.Service:
    loss = draw(st.one_of(st.none(), _RANGE))
    return facts.Service(
        name=name,
        owner=draw(_TEXT),
        tier=draw(st.integers(1, 5)),
        safety=draw(st.sampled_from(parts.SAFETY)),
        mission=draw(st.sampled_from(parts.MISSION)),
        loss=loss,
        confirmed_by=draw(_NAME) if loss is not None else "",
        assets=draw(_SELECTORS),
        foundation=foundation,
        depends_on=draw(st.sampled_from([None, (), (name,)])),
    )


_TARGETS = st.lists(
    st.builds(
        facts.Target,
        st.sampled_from(["10.0.0.0/24", "www.example.com", "192.0.2.1", "2001:db8::/48"]),
        _PORTS,
        st.one_of(st.none(), st.dates(date(2026, 1, 1))),
        _TEXT,
    ),
    max_size=2,
).map(tuple)


@settings(deadline=None)
@given(scopes(), _TARGETS)
def test_a_scope_that_is_written_is_read_as_the_same(scope: facts.Scope, targets: tuple[facts.Target, ...]) -> None:
    whole = msgspec.structs.replace(scope, targets=targets)
    assert parse(writing.to_yaml(whole)).scope == whole


@settings(deadline=None)
@given(st.text(max_size=80))
def test_a_comment_can_never_become_content(text: str) -> None:
    scope = facts.Scope("Example", services=(facts.Service("A", assets=("kind:host",)),))
    written = writing.to_yaml(scope, {("services", "A"): (text,)})
    assert parse(written).scope == scope


def test_history_is_read_written_and_checked() -> None:
    text = (
        "organization: Example\nservices:\n  - {name: Shop, assets: ['name:web-*']}\n"
        "history:\n  - {service: Shop, times: 1, years: 10, source: register}\n  - {times: 0, years: 2.5}\n"
    )
    found = parse(text).scope
    assert found.history == (facts.History("Shop", 1, 10, "register"), facts.History("", 0, 2.5))
    assert parse(writing.to_yaml(found)).scope == found
    for wrong, said in (
        ("{service: Shup, times: 1, years: 1}", "Shop"), ("{times: 1.5, years: 1}", "whole"),
        ("{times: 1}", "years"), ("{times: -1, years: 1}", "from 0"),
    ):  # fmt: skip
        with pytest.raises(BadScope, match=said):
            parse(text + f"  - {wrong}\n")

"""Paths through a real directory: all that a plain search over the collection's own edges finds is found.

More is found by named rules only: what is composed of several facts, and groups that every account is in.
"""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

import pytest
from tests.corpus import plain_directory as plain
from tests.prioritization.knowledge import Known, Search, State, Step, steps, told

from foreshore import policy
from foreshore.discovery.readers import bloodhound
from foreshore.discovery.reports import FileReport

ARCHIVE = (
    Path(__file__).resolve().parents[2].parent / "shared/data/environments/bloodhound/sample-data/ad_sampledata.zip"
)
pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"the sample collection is not here: {ARCHIVE.name}"),
]
# Rules that are one edge of the collection each; all others join several facts, or need no right at all.
EDGES = (
    "directory_full_control", "directory_owner", "directory_write", "directory_extended", "directory_add",
    "directory_password", "directory_key_credential", "directory_account_restrictions", "directory_allowed",
    "directory_unconstrained_delegation", "directory_sid_history", "directory_service_password", "directory_read",
    "directory_contains", "directory_policy", "directory_controller", "directory_same_forest",
    "directory_remote_desktop", "directory_powershell", "directory_dcom", "directory_database", "member",
    "administrator", "logged_on", "foothold", "escalate",
)  # fmt: skip


@cache
def everything() -> list[tuple[str, plain.Object]]:
    return plain.objects(ARCHIVE)


@cache
def known() -> Known:
    with zipfile.ZipFile(ARCHIVE) as opened:
        names = sorted(opened.namelist())
        return told(bloodhound.PLUGIN.read(FileReport(name, opened.read(name))) for name in names)


@cache
def all_steps() -> tuple[Step, ...]:
    return tuple(steps(known(), policy.load().rulebook))


@cache
def edge_steps() -> tuple[Step, ...]:
    """Steps that stand for one edge of the collection; without the groups that every account is in."""
    own = known()
    told_by_us = {one for one in own.ties if one[3] == "ClaimSpecialIdentity"}
    ours = {(frozenset({("admin", source)}), ("admin", target)) for _, source, target, _ in told_by_us}
    others = {(s, t) for kind, s, t, note in own.ties if kind == "member_of" and note != "ClaimSpecialIdentity"}
    ours = {(needs, gives) for needs, gives in ours if (next(iter(needs))[1], gives[1]) not in others}
    return tuple(
        one for one in all_steps()
        if one.rule.startswith(EDGES) and not (one.rule == "member" and (one.needs, one.gives) in ours)
    )  # fmt: skip


def row(identifier: str) -> int:
    return known().rows[identifier.upper()]


def principals() -> list[str]:
    """All whom an attacker can hold; certificate templates, stores and authorities are what is asked about."""
    kinds = ("users", "computers", "groups", "gpos", "ous", "containers", "domains")
    return sorted({one["ObjectIdentifier"] for kind, one in everything() if kind in kinds})


def targets() -> list[str]:
    """The Domain Admins of each domain that was collected, and the domains."""
    admins = {one["ObjectIdentifier"] for kind, one in everything() if kind == "groups"}
    domains = {one["ObjectIdentifier"] for kind, one in everything() if kind == "domains"}
    return sorted({one for one in admins if one.endswith("-512")} | domains)


@cache
def reached(which: str) -> dict[str, frozenset[State]]:
    search = Search(edge_steps() if which == "edges" else all_steps())
    return {one: frozenset(search.forward([("admin", row(one))])) for one in principals()}


def test_the_same_principals_reach_every_domain_as_by_a_plain_search() -> None:
    found = plain.edges(everything())
    assert len(targets()) == 6
    for target in targets():
        wanted = plain.reachers(found, target) & set(principals())
        assert wanted
        assert {one for one in principals() if ("admin", row(target)) in reached("edges")[one]} == wanted


def test_rules_that_join_facts_find_more_and_never_less() -> None:
    found = plain.edges(everything())
    for target in targets():
        wanted = plain.reachers(found, target) & set(principals())
        ours = {one for one in principals() if ("admin", row(target)) in reached("all")[one]}
        assert wanted < ours


def test_every_hop_of_every_shortest_path_is_a_way_of_ours() -> None:
    found = plain.edges(everything())
    search = Search(all_steps())
    hops = {
        (start, end)
        for target in targets()
        for one in sorted(plain.reachers(found, target) & set(principals()) - {target})
        for start, end, _ in plain.shortest(found, one, target)
    }
    assert len(hops) > 100
    for start, end in sorted(hops):
        assert ("admin", row(end)) in search.forward([("admin", row(start))]), f"{start} to {end}"


def domain_steps(*names: str) -> Search:
    """Groups, enrolment and rights over templates, and the rules called `names`: no account is taken over."""
    template = {asset for (asset, key), value in known().attributes.items()
                if key == "directory_kind" and value == "certtemplate"}  # fmt: skip
    over = ("directory_full_control", "directory_owner", "directory_write_rights", "directory_write_owner")
    always = ("member", "foothold", "directory_enrol", "directory_extended_template", "directory_certificate_sign_in")
    kept = [
        one for one in all_steps()
        if (one.rule.startswith(always) or one.rule in names
            or (one.rule in over and one.gives[1] in template and (one.rule == over[0] or "directory_esc4" in names)))
        and not one.assumed
    ]  # fmt: skip
    return Search(kept)


@pytest.mark.parametrize(
    ("way", "rules"),
    [
        ("esc1", ("directory_esc1",)),
        ("esc3", ("directory_esc3", "directory_esc3_signed", "directory_esc3_delegated")),
        ("esc4", ("directory_esc4",)),
        ("esc6a", ("directory_esc6a",)),
        ("golden", ("directory_golden_certificate",)),
    ],
)
def test_ways_by_certificates_equal_a_slow_search_of_each_principal(way: str, rules: tuple[str, ...]) -> None:
    slow = plain.Certificates(everything())
    search = domain_steps(*rules)
    domains = {one["ObjectIdentifier"] for kind, one in everything() if kind == "domains"}
    authorities = slow.by_kind["enterprisecas"]
    some = 0
    for principal in sorted({one["ObjectIdentifier"] for kind, one in everything() if kind in ("users", "computers")}):
        who = slow.groups(principal)
        wanted = {
            domain for one in authorities if getattr(slow, way)(who, one) for domain in slow.trusted(one)
        } & domains  # fmt: skip
        held = search.forward([("admin", row(principal))])
        assert {one for one in domains if ("admin", row(one)) in held} == wanted, principal
        some += bool(wanted)
    assert some

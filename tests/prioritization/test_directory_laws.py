"""Directories made up at random: what readers and rules find equals a plain search over the collection's own edges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.corpus import plain_directory as plain
from tests.prioritization.knowledge import Search, steps, told

from foreshore import policy
from foreshore.discovery.readers import bloodhound
from foreshore.discovery.reports import FileReport
from foreshore.policy.rulebook import Rulebook

DOMAIN = "S-1-5-21-1-2-3"
SIDS = {
    "users": [f"{DOMAIN}-{number}" for number in (1101, 1102, 1103, 1104)],
    "groups": [f"{DOMAIN}-{number}" for number in (512, 1201, 1202, 1203)],
    "computers": [f"{DOMAIN}-{number}" for number in (1301, 1302)],
    "ous": ["00000000-0000-4000-8000-00000000000A", "00000000-0000-4000-8000-00000000000B"],
    "gpos": ["00000000-0000-4000-8000-00000000000C"],
    "domains": [DOMAIN],
}
PRINCIPALS = [*SIDS["users"], *SIDS["groups"], *SIDS["computers"]]
WORD = {"users": "User", "groups": "Group", "computers": "Computer", "ous": "OU", "gpos": "GPO", "domains": "Domain"}
# What collectors write for each kind of object; all of it is walked along.
RIGHTS = {
    "users": ("GenericAll", "GenericWrite", "Owns", "WriteOwner", "WriteDacl", "ForceChangePassword", "WriteSPN",
              "AllExtendedRights", "AddKeyCredentialLink", "ReadGMSAPassword"),
    "groups": ("GenericAll", "GenericWrite", "Owns", "WriteOwner", "WriteDacl", "AddMember", "AddSelf"),
    "computers": ("GenericAll", "GenericWrite", "Owns", "WriteOwner", "WriteDacl", "AddKeyCredentialLink",
                  "ReadLAPSPassword", "AddAllowedToAct", "WriteAccountRestrictions"),
    "ous": ("GenericAll", "GenericWrite", "Owns", "WriteOwner", "WriteDacl"),
    "gpos": ("GenericAll", "GenericWrite", "Owns", "WriteOwner", "WriteDacl"),
    "domains": ("GenericAll", "Owns", "WriteOwner", "WriteDacl", "AllExtendedRights"),
}  # fmt: skip
# Rights that give nothing by themselves: they must not lead anywhere.
IDLE = ("GetChanges", "ManageCertificates", "Enroll", "GetChangesInFilteredSet")


@cache
def rulebook() -> Rulebook:
    whole = policy.load().rulebook
    return Rulebook(tuple(one for one in whole.rules if one.family in ("common", "directory")), whole.idle)


def kind_of(identifier: str) -> str:
    return next(kind for kind, held in SIDS.items() if identifier in held)


def reference(identifier: str) -> dict[str, str]:
    return {"ObjectIdentifier": identifier, "ObjectType": WORD[kind_of(identifier)]}


def picked(draw: st.DrawFn, held: list[str], most: int = 2) -> list[dict[str, str]]:
    chosen = draw(st.lists(st.sampled_from(held), max_size=most, unique=True))
    return [reference(one) for one in chosen]


@st.composite
def directories(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Return objects by the file they stand in."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, held in SIDS.items():
        found[kind] = [made(draw, kind, one) for one in held]
    return found


def made(draw: st.DrawFn, kind: str, identifier: str) -> dict[str, Any]:
    holders = st.lists(st.tuples(st.sampled_from(PRINCIPALS), st.sampled_from((*RIGHTS[kind], *IDLE))), max_size=1)
    said: dict[str, Any] = {"name": identifier, "domain": "EXAMPLE.TEST", "domainsid": DOMAIN}
    one: dict[str, Any] = {
        "ObjectIdentifier": identifier, "Properties": said, "IsDeleted": False,
        "Aces": [{"PrincipalSID": holder, "PrincipalType": WORD[kind_of(holder)], "RightName": right}
                 for holder, right in draw(holders)],
    }  # fmt: skip
    if kind != "domains" and draw(st.booleans()):
        above = [*SIDS["ous"], DOMAIN] if kind != "ous" else [DOMAIN]
        one["ContainedBy"] = reference(draw(st.sampled_from(above)))
    if kind == "groups":
        one["Members"] = picked(draw, [other for other in PRINCIPALS if other != identifier])
    if kind in ("ous", "domains") and draw(st.booleans()):
        one["Links"] = [{"GUID": SIDS["gpos"][0], "IsEnforced": True}]
    if kind == "computers":
        one |= computer(draw, identifier)
    return one


def computer(draw: st.DrawFn, identifier: str) -> dict[str, Any]:
    group = draw(st.sampled_from(("544", "555", "562", "580")))
    sessions = [{"UserSID": one["ObjectIdentifier"], "ComputerSID": identifier} for one in picked(draw, SIDS["users"])]
    return {
        "IsDC": draw(st.booleans()),
        "Sessions": {"Results": sessions, "Collected": True},
        "LocalGroups": [{"ObjectIdentifier": f"{identifier}-{group}", "Results": picked(draw, PRINCIPALS)}],
        "AllowedToDelegate": picked(draw, SIDS["computers"], 1),
        "AllowedToAct": picked(draw, PRINCIPALS, 1),
    }


def found_by_us(every: Mapping[str, list[dict[str, Any]]]) -> tuple[dict[str, int], Search]:
    files = [
        FileReport(f"{kind}.json", json.dumps({"data": held, "meta": {"type": kind, "version": 6, "methods": 0}}).encode())
        for kind, held in every.items()
    ]  # fmt: skip
    known = told(bloodhound.PLUGIN.read(one) for one in files)
    return known.rows, Search(steps(known, rulebook()))


@settings(max_examples=30, deadline=None)
@given(directories())
def test_who_reaches_what_equals_a_plain_search(every: dict[str, list[dict[str, Any]]]) -> None:
    rows, search = found_by_us(every)
    edges = plain.edges([(kind, one) for kind, held in every.items() for one in held])
    wanted = {target: plain.reachers(edges, target) for target in [*PRINCIPALS, DOMAIN]}
    for start in PRINCIPALS:
        held = search.forward([("admin", rows[start])])
        for target in [*PRINCIPALS, DOMAIN]:
            assert (("admin", rows[target]) in held) == (start in wanted[target]), (start, target)


@settings(max_examples=12, deadline=None)
@given(directories(), st.data())
def test_a_right_that_is_taken_away_never_opens_a_way(
    every: dict[str, list[dict[str, Any]]], data: st.DataObject
) -> None:
    rows, search = found_by_us(every)
    start = data.draw(st.sampled_from(PRINCIPALS))
    before = {(name, key) for name, row in search.forward([("admin", rows[start])]) for key in keys(rows, row)}
    for one in (one for held in every.values() for one in held):
        if one["Aces"] and data.draw(st.booleans()):
            one["Aces"] = []
    rows, search = found_by_us(every)
    after = {(name, key) for name, row in search.forward([("admin", rows[start])]) for key in keys(rows, row)}
    assert after <= before


def keys(rows: dict[str, int], row: int) -> list[str]:
    return [key for key, other in rows.items() if other == row]

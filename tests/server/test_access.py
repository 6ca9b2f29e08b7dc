"""What somebody may see: the SQL conditions against a slow loop over rows, and what grants add up to."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.server.access import NOBODY, Access, NotAllowed, of_grants
from foreshore.server.roles import PERMISSIONS, ROLES

TEAMS, SITES, SERVICES, ENTITIES = ("red", "blue", ""), ("main", "north"), ("Shop", "Pay", "Mail"), ("Group", "Labs")
ENTITY_OF = {"main": "Group", "north": "Labs"}
some = st.lists
grants = st.lists(
    st.fixed_dictionaries({
        "role": st.sampled_from([*ROLES, "no-such-role"]),
        "entities": some(st.sampled_from(ENTITIES), max_size=2, unique=True),
        "teams": some(st.sampled_from(TEAMS[:2]), max_size=2, unique=True),
        "services": some(st.sampled_from(SERVICES), max_size=2, unique=True),
    }),
    max_size=4,
)  # fmt: skip
exposures = st.lists(
    st.fixed_dictionaries({
        "asset": st.integers(1, 4), "owner": st.one_of(st.none(), st.sampled_from(TEAMS)),
        "site": st.one_of(st.none(), st.sampled_from(SITES)),
        "leads_to": st.one_of(st.none(), some(st.sampled_from(SERVICES), max_size=2, unique=True)),
    }),
    max_size=6,
)  # fmt: skip


def seen(given_to: list[dict[str, Any]], permission: str, row: dict[str, Any], leads_to: list[str]) -> bool:
    """The rule itself, one grant and one row at a time."""
    for grant in given_to:
        if permission not in ROLES.get(grant["role"], ()):
            continue
        if not (grant["entities"] or grant["teams"] or grant["services"]):
            return True
        if row.get("owner") and row["owner"] in grant["teams"]:
            return True
        if row.get("site") and ENTITY_OF[row["site"]] in grant["entities"]:
            return True
        if set(leads_to) & set(grant["services"]):
            return True
    return False


def asked(rows: list[dict[str, Any]], table: str, condition: Any) -> list[int]:
    """The numbers of the rows that the condition lets through."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table exposures (n integer, asset integer, owner varchar, site varchar, leads_to varchar[])"
        )
        connection.execute("create table assets (n integer, asset integer, owner varchar, site varchar)")
        connection.execute("create table services (n integer, service varchar, owner varchar)")
        for name in {"exposures", table}:
            for number, row in enumerate(rows):
                columns = [one[0] for one in connection.execute(f"describe {name}").fetchall()]
                if not set(columns) - {"n"} <= set(row):
                    continue
                values = [number if column == "n" else row[column] for column in columns]
                connection.execute(f"insert into {name} values ({', '.join('?' * len(values))})", values)
        found = connection.execute(f"select n from {table} where {condition.sql} order by n", condition.values)
        return [one for (one,) in found.fetchall()]


@given(grants, exposures, st.sampled_from(list(PERMISSIONS)))
def test_exposures_are_those_of_the_rule(given_to: list[dict[str, Any]], rows: list[dict[str, Any]], may: str) -> None:
    access = of_grants("a@example.com", given_to, ENTITY_OF)
    wanted = [number for number, row in enumerate(rows) if seen(given_to, may, row, row["leads_to"] or [])]
    assert asked(rows, "exposures", access.exposures(may)) == wanted


@given(grants, exposures, st.sampled_from(["see", "decide"]))
def test_assets_are_owned_sited_or_lead_to_a_service(
    given_to: list[dict[str, Any]], rows: list[dict[str, Any]], may: str
) -> None:
    access = of_grants("a@example.com", given_to, ENTITY_OF)
    leads = {row["asset"]: [name for one in rows if one["asset"] == row["asset"] for name in one["leads_to"] or []]
             for row in rows}  # fmt: skip
    wanted = [number for number, row in enumerate(rows) if seen(given_to, may, row, leads[row["asset"]])]
    assert asked(rows, "assets", access.assets(may)) == wanted


@given(grants, st.lists(st.tuples(st.sampled_from(SERVICES), st.one_of(st.none(), st.sampled_from(TEAMS))), max_size=5))
def test_services_are_named_or_owned(given_to: list[dict[str, Any]], pairs: list[tuple[str, str | None]]) -> None:
    access = of_grants("a@example.com", given_to, ENTITY_OF)
    rows = [{"service": service, "owner": owner} for service, owner in pairs]
    wanted = [number for number, row in enumerate(rows) if seen(given_to, "see", row, [str(row["service"])])]
    assert asked(rows, "services", access.services()) == wanted


@given(grants, st.sets(st.sampled_from(list(PERMISSIONS))))
def test_a_token_never_may_more_than_its_person(given_to: list[dict[str, Any]], kept: set[str]) -> None:
    access = of_grants("a@example.com", given_to, ENTITY_OF)
    narrowed = access.narrowed(kept)
    for permission in PERMISSIONS:
        assert narrowed.may(permission) == (access.may(permission) and permission in kept)
        assert narrowed.exposures(permission) == (access if permission in kept else NOBODY).exposures(permission)


@given(grants, grants)
def test_more_grants_never_take_anything_away(few: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    less, both = (of_grants("a@example.com", some, ENTITY_OF) for some in (few, few + more))
    for permission in PERMISSIONS:
        assert both.may(permission) >= less.may(permission)
        assert both.everywhere(permission) >= less.everywhere(permission)


def test_nobody_may_nothing() -> None:
    for permission in PERMISSIONS:
        assert not NOBODY.may(permission)
        assert NOBODY.exposures(permission).sql == "false"
        with pytest.raises(NotAllowed):
            NOBODY.need(permission)


def test_a_part_is_not_everywhere() -> None:
    grant = {"role": "administrator", "entities": [], "teams": ["red"], "services": []}
    access: Access = of_grants("a@example.com", [grant], ENTITY_OF)
    access.need("people")
    with pytest.raises(NotAllowed):
        access.need_everywhere("people")


def test_an_entity_without_sites_is_nothing_and_never_everything() -> None:
    grant = {"role": "viewer", "entities": ["Nowhere"], "teams": [], "services": []}
    access = of_grants("a@example.com", [grant], ENTITY_OF)
    assert access.exposures().sql == "false"
    assert access.assets().sql == "false"


def test_no_role_both_asks_and_approves() -> None:
    for name, permissions in ROLES.items():
        assert not {"request", "approve"} <= permissions, name

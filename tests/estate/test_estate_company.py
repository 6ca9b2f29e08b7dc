"""The made-up company: the same seed makes the same company, and what is planted is really there."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.estate import catalogue, company, network, truth
from foreshore.estate.model import NETWORKS, Company, Flaw, Host


@pytest.fixture(scope="module")
def stores() -> Company:
    return company.make(7)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**40), st.integers(150, 900))
def test_the_same_seed_makes_the_same_company(seed: int, assets: int) -> None:
    assert company.make(seed, assets) == company.make(seed, assets)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**40), st.integers(250, 900))
def test_every_company_has_its_size_its_plants_and_distinct_identifiers(seed: int, assets: int) -> None:
    made = company.make(seed, assets)
    assert abs(made.assets - assets) <= 0.05 * assets
    assert len({(host.site, host.ip) for host in made.hosts}) == len(made.hosts)
    for field in ("mac", "uuid", "agent", "fqdn"):
        values = [getattr(host, field) for host in made.hosts]
        assert len(set(values)) == len(values), field
    for path in truth.PATHS:
        for hop in path.hops:
            assert hop.weakness in {flaw.cve for flaw in made.by_name[hop.host].flaws}


def test_another_seed_makes_another_company() -> None:
    assert company.make(1).hosts != company.make(2).hosts


def test_addresses_and_short_names_overlap_between_sites_but_not_within_one(stores: Company) -> None:
    for key in ("ip", "name"):
        held = {site: [getattr(host, key) for host in stores.at(site)] for site in ("hq", "south")}
        assert all(len(set(values)) == len(values) for values in held.values()), key
        assert len(set(held["hq"]) & set(held["south"])) >= 50, key


def test_every_address_lies_in_its_zone(stores: Company) -> None:
    for host in stores.hosts:
        assert network.zone_of(host.site, host.ip) == host.zone
    assert {(host.site, host.zone) for host in stores.hosts} == set(NETWORKS)


def test_every_planted_path_is_open_in_the_firewall_rules(stores: Company) -> None:
    for path in truth.PATHS:
        assert path.hops[0].source == path.entry
        for before, hop in zip((None, *path.hops[:-1]), path.hops, strict=True):
            target = stores.by_name[hop.host]
            assert before is None or hop.source == before.host
            if hop.port == 0:
                assert hop.source == "user"
                continue
            assert hop.port in {port.number for port in target.ports}
            source = hop.source if hop.source == "internet" else stores.by_name[hop.source].ip
            assert network.reaches(target.site, source, target.ip, hop.port), hop


def test_what_the_firewall_is_said_to_stop_is_stopped(stores: Company) -> None:
    behind = [moved for moved in truth.FALLS if moved.needs == "firewall"]
    assert behind
    for moved in behind:
        host = stores.by_name[moved.host]
        for flaw in _flaws(host, moved.weakness):
            others = [one for one in stores.at(host.site) if one.zone != host.zone]
            open_from = {one.zone for one in others if network.reaches(host.site, one.ip, host.ip, flaw.port)}
            assert open_from <= {"management"}, (moved.host, open_from)
            assert not network.reaches(host.site, "internet", host.ip, flaw.port)


def _flaws(host: Host, cve: str) -> list[Flaw]:
    return [flaw for flaw in host.flaws if flaw.cve == cve]


def test_moved_and_false_ones_are_there_with_their_scores(stores: Company) -> None:
    images = {f"image:{image.name}": image for image in stores.images}
    for moved in (*truth.FALLS, *truth.RISES, truth.FALSE_POSITIVE):
        held = (images.get(moved.host) or stores.by_name[moved.host]).flaws
        found = [flaw for flaw in held if flaw.cve == moved.weakness]
        assert found, moved
        assert found[0].score == moved.score, moved


def test_the_second_round_differs_exactly_by_what_was_fixed_and_what_is_new(stores: Company) -> None:
    def weak(made: Company) -> set[tuple[str, str]]:
        return {(f"{host.site}/{host.name}", flaw.cve) for host in made.hosts for flaw in host.flaws}

    before, after = weak(stores), weak(truth.second_round(stores))
    assert before - after == set(truth.FIXED)
    assert after - before == {(host, cve) for host, cve, _ in truth.NEW}
    assert set(truth.CLAIMED_FIXED) <= set(truth.FIXED)
    assert set(truth.CLAIMED_IN_VAIN) <= after


def test_scores_in_the_catalogue_are_those_of_their_vectors() -> None:
    from cvss import CVSS3

    for flaw in catalogue.flaws():
        assert float(CVSS3(flaw.vector).scores()[0]) == flaw.score, flaw.cve


def test_a_check_has_one_number_for_one_product_and_fix() -> None:
    groups: dict[int, set[tuple[str, str, str]]] = {}
    for flaw in catalogue.flaws():
        groups.setdefault(flaw.plugin_id, set()).add((flaw.group, flaw.fixed_version, flaw.month))
    assert all(len(members) == 1 for members in groups.values())
    assert not set(groups) & {check.plugin_id for check in catalogue.noise()}


def test_every_update_is_known_for_some_system() -> None:
    for flaw in catalogue.flaws():
        if flaw.month:
            assert any((flaw.month, system) in catalogue.bulletins() for system in catalogue.WINDOWS_NAMES)


def test_the_same_host_is_seen_by_several_tools_and_some_by_one(stores: Company) -> None:
    tools = Counter(len(host.seen) for host in stores.hosts)
    assert tools[1] >= 20
    assert sum(times for many, times in tools.items() if many >= 2) >= 150


@pytest.mark.corpus
def test_every_weakness_of_the_catalogue_is_known_to_the_world(shared_data: object) -> None:
    import csv
    import gzip
    from pathlib import Path

    folder = Path(str(shared_data)) / "intel" / "epss"
    with gzip.open(folder / "epss_scores-2025-08-17.csv.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        known = {row["cve"] for row in csv.DictReader(lines)}
    assert {flaw.cve for flaw in catalogue.flaws()} <= known

"""What is wrong in the made-up company is spread as in real ones: nearly all of it is never attacked."""

from __future__ import annotations

import fnmatch
from collections import Counter

import pytest
import yaml

from foreshore.estate import catalogue, company, network, truth
from foreshore.estate.model import Company, Flaw, Host


@pytest.fixture(scope="module")
def stores() -> Company:
    return company.make(7)


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """The kinds of signals that the shipped table holds, by weakness."""
    kinds: dict[str, set[str]] = {}
    for row in catalogue.rows("signals.csv"):
        kinds.setdefault(row["weakness"], set()).add(row["kind"])
    return kinds


def _exploited(kinds: set[str]) -> bool:
    return "kev" in kinds or any(kind.startswith("exploit_") for kind in kinds)


def _all(made: Company) -> list[Flaw]:
    held = [host.flaws for host in made.hosts]
    held += [image.flaws for image in made.images]
    held += [repository.flaws for repository in made.repositories]
    return [flaw for flaws in held for flaw in flaws]


@pytest.mark.parametrize("seed", [7, 1, 2024])
def test_few_have_an_exploit_and_fewer_are_attacked(seed: int, known: dict[str, set[str]]) -> None:
    found = _all(company.make(seed))
    attacked = sum("kev" in known[flaw.cve] for flaw in found)
    exploited = sum(_exploited(known[flaw.cve]) for flaw in found)
    assert 4_500 <= len(found) <= 6_500
    assert 0.03 <= attacked / len(found) <= 0.06
    assert 0.10 <= exploited / len(found) <= 0.20


def test_every_weakness_has_signals_and_every_exploit_feed_was_read(known: dict[str, set[str]]) -> None:
    assert {flaw.cve for flaw in catalogue.flaws()} <= set(known)
    assert {"feed:kev", "feed:poc_index", "feed:metasploit", "feed:exploitdb", "feed:epss"} <= known["*"]


def test_most_of_the_most_severe_have_no_exploit(stores: Company, known: dict[str, set[str]]) -> None:
    severe = {flaw.cve for flaw in _all(stores) if flaw.score >= 9.8}
    assert sum(not _exploited(known[cve]) for cve in severe) >= 10


def test_what_falls_for_want_of_an_exploit_has_none(known: dict[str, set[str]]) -> None:
    told = [moved for moved in truth.FALLS if "no working exploit is known" in moved.why]
    assert told
    assert not [moved.weakness for moved in told if "kev" in known[moved.weakness]]


def test_attacked_weaknesses_face_the_internet_only_where_planted(stores: Company, known: dict[str, set[str]]) -> None:
    def open_to_all(host: Host, flaw: Flaw) -> bool:
        ports = {port.number for port in host.ports}
        return flaw.port in ports and network.reaches(host.site, "internet", host.ip, flaw.port)

    facing = {
        f"{host.site}/{host.name}"
        for host in stores.hosts
        for flaw in host.flaws
        if "kev" in known[flaw.cve] and open_to_all(host, flaw)
    }
    planted = {hop.host for path in truth.PATHS for hop in path.hops if hop.source == "internet"}
    assert facing == planted | {"hq/mail-01"}
    assert "hq/mail-01" in {moved.host for moved in truth.RISES}


def test_a_workstation_lacks_a_month_or_two_and_few_have_what_is_attacked(
    stores: Company, known: dict[str, set[str]]
) -> None:
    stations = [host for host in stores.hosts if host.role == "workstation" and host.os == "win10"]
    counts = sorted(len(host.flaws) for host in stations)
    assert 8 <= counts[len(counts) // 2] <= 16
    attacked = sum(any("kev" in known[flaw.cve] for flaw in host.flaws) for host in stations)
    assert attacked / len(stations) <= 0.3
    opened = Counter(flaw.cve for host in stations for flaw in host.flaws if flaw.group == "winrar")
    assert 1 <= opened["CVE-2023-38831"] <= 8


def test_images_belong_to_the_services_that_run_them(stores: Company) -> None:
    scope = yaml.safe_load(network.scope_yaml(stores))
    patterns = {
        row["name"]: [one.removeprefix("name:") for one in row["assets"] if one.startswith("name:")]
        for row in scope["services"]
    }
    for folder, service in (
        ("shop", "Web shop"), ("payments", "Card payments"), ("hr", "Payroll"), ("wms", "Warehouse South"),
    ):  # fmt: skip
        names = [image.reference for image in stores.images if image.name.startswith(f"{folder}/")]
        assert names
        for name in names:
            homes = {each for each, globs in patterns.items() for glob in globs if fnmatch.fnmatchcase(name, glob)}
            assert homes == {service}, name


def test_months_are_as_often_as_they_are_likely() -> None:
    for kind in catalogue.kinds():
        assert all(len(month) == 7 and month[4] == "-" for month in kind.patched), kind.name
    stations = next(kind for kind in catalogue.kinds() if kind.name == "ws-{:04d}" and kind.site == "hq")
    assert stations.patched[0] == min(stations.patched)
    assert Counter(stations.patched).most_common(1)[0][0] == max(stations.patched)

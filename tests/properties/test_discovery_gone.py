"""Assets that end: their exposures are gone, not fixed; they come back with all that was decided; order is no matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest

from foreshore.discovery.importing import Origin
from foreshore.facts import Covered, Ended, Finding, Listed, Record, RunSeen, Sighting

EXTENT = "cloud:111122223333:north:instances"
BOX, OTHER = (
    ("arn", "arn:aws:ec2:eu-north-1:111122223333:instance/i-1"),
    ("arn", "arn:aws:ec2:eu-north-1:111122223333:instance/i-2"),
)
CVE = "CVE-2024-0001"
Run = tuple[str, list[Record], Origin]


def day(number: int) -> datetime:
    """A day of the story."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def run(name: str, tool: str, number: int, *records: Record, coverage: str = "") -> Run:
    """One report of one tool on one day."""
    return name, [RunSeen(tool=tool, observed_at=day(number)), *records], Origin(site="hq", coverage=coverage)


def box(*more: tuple[str, str], tags: Sequence[str] = ()) -> Sighting:
    """The machine of the story."""
    return Sighting(key="box", name="box", identifiers=(BOX, *more), tags=tuple(tags))


def other() -> Sighting:
    """Another machine, which stays."""
    return Sighting(key="other", name="other", identifiers=(OTHER,))


def flaw(asset: str = "box") -> Finding:
    """What the scanner finds."""
    return Finding(
        asset=asset, rule="r1", title="t", severity="high", weaknesses=(CVE,), component="pkg:deb/debian/x@1"
    )


FOUND = run("scan", "scanner", 0, box(), flaw(), Covered(asset="box"))
LISTED = run("inventory 1", "cloud", 1, box(), other(), Listed(extent=EXTENT, assets=("box", "other")))
LEFT = run("inventory 2", "cloud", 5, other(), Listed(extent=EXTENT, assets=("other",)))
AGAIN = run("inventory 3", "cloud", 9, box(), other(), Listed(extent=EXTENT, assets=("box", "other")))


def test_what_an_inventory_no_longer_lists_is_gone_and_not_fixed(new_world: Any) -> None:
    world = new_world()
    for one in (FOUND, LISTED, LEFT):
        world.take(one)
    assert list(world.gone().values()) == [(day(5).replace(tzinfo=None), "not_listed")]
    assert world.now() == {CVE: "gone"}
    assert world.states() == {CVE: "opened"}  # its life knows of no fix
    assert world.now(day(4)) == {CVE: "open"}


def test_what_comes_back_is_reopened_under_its_key(new_world: Any) -> None:
    world = new_world()
    for one in (FOUND, LISTED, LEFT):
        world.take(one)
    keys = {row["exposure"] for row in world.rows("FROM exposures")}
    world.take(AGAIN)
    assert world.gone() == {}
    assert world.now(day(10)) == {CVE: "reopened"}
    assert {row["exposure"] for row in world.rows("FROM exposures")} == keys
    assert world.now(day(6)) == {CVE: "gone"}  # as of a day when it was gone, it still is


def test_what_another_source_saw_later_is_not_gone(new_world: Any) -> None:
    world = new_world()
    for one in (FOUND, LISTED, LEFT, run("scan 2", "scanner", 6, box(), flaw())):
        world.take(one)
    assert world.gone() == {}
    assert world.now(day(7)) == {CVE: "reopened"}


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_late_older_reports_tell_the_same_end(new_world: Any, order: tuple[int, ...]) -> None:
    world, runs = new_world(), (FOUND, LISTED, LEFT, AGAIN)
    for place in order:
        world.take(runs[place])
    assert [world.now(day(at)).get(CVE) for at in (0, 2, 6, 10)] == ["open", "open", "gone", "reopened"]


@pytest.mark.parametrize(
    "later",
    [
        run(
            "another account",
            "cloud",
            5,
            other(),
            Listed(extent="cloud:444455556666:north:instances", assets=("other",)),
        ),
        run("another source", "other cloud", 5, other(), Listed(extent=EXTENT, assets=("other",))),
        run("no listing", "cloud", 5, other()),
        run("not sure that it is all", "cloud", 5, other(), Listed(extent=EXTENT, assets=("other",), whole=False)),
        run("the same hour", "cloud", 1, other(), Listed(extent=EXTENT, assets=("other",))),
        run("earlier", "cloud", 0, other(), Listed(extent=EXTENT, assets=("other",))),
    ],
    ids=lambda one: one[0],
)
def test_nothing_ends_outside_what_was_listed(new_world: Any, later: Run) -> None:
    world = new_world()
    for one in (FOUND, LISTED, later):
        world.take(one)
    assert world.gone() == {}
    assert world.now(day(6)) == {CVE: "open"}


def test_an_empty_listing_ends_all_of_its_extent(new_world: Any) -> None:
    world = new_world()
    for one in (LISTED, run("nothing left", "cloud", 5, Listed(extent=EXTENT))):
        world.take(one)
    assert len(world.gone()) == 2


def test_a_fix_that_was_seen_before_the_end_stays_a_fix(new_world: Any) -> None:
    world = new_world()
    for one in (FOUND, LISTED, run("clean", "scanner", 3, box(), Covered(asset="box")), LEFT):
        world.take(one)
    assert world.now() == {CVE: "fixed"}


def test_a_source_says_itself_that_it_ended(new_world: Any) -> None:
    world = new_world()
    ended = run("console", "console", 8, box(), Ended(asset="box", reason="terminated", observed_at=day(6)))
    for one in (FOUND, ended):
        world.take(one)
    assert list(world.gone().values()) == [(day(6).replace(tzinfo=None), "ended")]
    assert (world.now(day(5)), world.now(day(9))) == ({CVE: "open"}, {CVE: "gone"})
    world.take(run("scan 2", "scanner", 10, box(), flaw()))
    assert world.now(day(11)) == {CVE: "reopened"}


def test_a_person_declares_that_an_export_holds_all_assets(new_world: Any) -> None:
    world = new_world()
    first = run("export 1", "console", 1, box(), other(), coverage="assets")
    found = world.take(FOUND, first, run("export 2", "console", 5, other(), coverage="assets"))
    assert [why for _at, why in world.gone().values()] == ["not_listed"]
    assert found.exposures.fixed == 0
    assert world.now() == {CVE: "gone"}


def test_only_what_is_made_to_be_short_lived_goes_by_silence(new_world: Any) -> None:
    world = new_world()
    days = int(policy_days())
    world.take(run("scan", "scanner", 0, box(tags=["aws:autoscaling:groupName=web"]), flaw(), other(), flaw("other")))
    assert world.gone(day(days - 1)) == {}
    assert [why for _at, why in world.gone(day(days + 400)).values()] == ["silent"]
    assert sorted(world.states_at(day(days + 400)).values()) == ["gone", "stale"]
    world.take(run("scan 2", "scanner", days - 1, box()))
    assert world.gone(day(days + 1)) == {}


def policy_days() -> float:
    """How long the policy waits for a machine of a group."""
    from foreshore import policy

    return policy.load().number("life.ephemeral.autoscaled.days").value


def image(key: str, digest: str) -> Sighting:
    """An image under one reference."""
    ids = (("image_ref", "registry.example.com/shop:latest"), ("image_digest", f"sha256:{digest * 64}"))
    return Sighting(key=key, name=key, kind="image", identifiers=ids)


def test_an_image_is_superseded_by_a_newer_one_of_its_tag(new_world: Any) -> None:
    world = new_world()
    world.take(
        run("old", "images", 0, image("box", "a"), flaw()),
        run("new", "images", 20, image("newer", "b")),
    )
    assert world.gone(day(29)) == {}
    assert list(world.gone(day(31)).values()) == [(day(30).replace(tzinfo=None), "superseded")]
    world.take(run("older again", "images", 25, image("box", "a"), flaw()))
    assert world.gone(day(300)) == {}


# -- places ---------------------------------------------------------------------------------------


def weak(port: int) -> Finding:
    """A setting of one port."""
    return Finding(
        asset="box", rule="old-tls", title="t", severity="medium", kind="misconfiguration", port=port, protocol="tcp"
    )


def spots(world: Any) -> dict[str, str]:
    """place -> state."""
    return {key[3]: state for key, state in world.states_at(day(4)).items()}


BOTH = run("tls 1", "tls", 0, box(), weak(443), weak(8443))


def test_a_look_at_one_port_closes_there_and_only_there(new_world: Any) -> None:
    world = new_world()
    for one in (BOTH, run("tls 2", "tls", 3, box(), Covered(asset="box", port=443, check_list=("old-tls",)))):
        world.take(one)
    assert spots(world) == {"tcp/443": "fixed", "tcp/8443": "open"}


@pytest.mark.parametrize(
    "cover",
    [
        Covered(asset="box", port=443, check_list=("another check",)),
        Covered(asset="box", port=443, protocol="udp"),
        Covered(asset="box", port=44),
        Covered(asset="box", paths=("443",)),
    ],
)
def test_another_check_port_or_protocol_closes_nothing(new_world: Any, cover: Covered) -> None:
    world = new_world()
    for one in (
        BOTH,
        run("tls 2", "tls", 3, box(), cover),
        run("ssh", "other tool", 3, box(), Covered(asset="box", port=443)),
    ):
        world.take(one)
    assert spots(world) == {"tcp/443": "open", "tcp/8443": "open"}


def test_what_sits_in_a_component_is_not_closed_by_looks_at_ports(new_world: Any) -> None:
    world = new_world()
    both = [msgspec.structs.replace(flaw(), port=port) for port in (443, 8443)]
    world.take(run("1", "tls", 0, box(), *both))
    world.take(run("2", "tls", 2, box(), Covered(asset="box", port=443)))
    assert world.now(day(4)) == {CVE: "open"}
    world.take(run("3", "tls", 3, box(), Covered(asset="box")))
    assert world.now(day(4)) == {CVE: "fixed"}


def in_file(path: str) -> Finding:
    """A finding in code."""
    return Finding(asset="box", rule="sqli", title="t", severity="high", kind="code", path=path, context="x(y)")


def test_a_scan_of_some_files_closes_in_those_files_only(new_world: Any) -> None:
    world = new_world()
    world.take(run("full", "sast", 0, box(), in_file("src/a.py"), in_file("src\\b.py"), in_file("lib/c.py")))
    world.take(
        run("part", "sast", 3, box(), Covered(asset="box", check_list=("sqli",), paths=("./src/a.py", "src/b.py")))
    )
    states = {key.split("|")[0]: state for key, state in spots(world).items()}
    assert states == {"src/a.py": "fixed", "src/b.py": "fixed", "lib/c.py": "open"}


# -- restarts -------------------------------------------------------------------------------------


def test_installed_and_not_in_use_is_reboot_pending(new_world: Any) -> None:
    world, waits = new_world(), msgspec.structs.replace(flaw(), word="reboot_pending")
    world.take(FOUND, run("scan 2", "scanner", 2, box(), waits))
    assert (world.now(day(1)), world.now(day(3))) == ({CVE: "open"}, {CVE: "reboot_pending"})
    assert world.states() == {CVE: "opened"}
    world.take(run("scan 3", "scanner", 4, box(), Covered(asset="box")))
    assert world.now(day(5)) == {CVE: "fixed"}


def kernel(number: int, release: str) -> Run:
    """An inventory that tells which kernel runs."""
    seen = Sighting(key="box", name="box", identifiers=(BOX,), attributes=(("kernel", release),))
    return run(f"kernel {number}", "inventory", number, seen)


def test_a_fixed_kernel_package_waits_while_the_old_kernel_runs(new_world: Any) -> None:
    world = new_world()
    fixed = "4.18.0-513.11.1.el8_9"
    package = Finding(
        asset="box", rule="r1", title="t", severity="high", weaknesses=(CVE,), proof="package",
        component="pkg:rpm/redhat/kernel@4.18.0-513.9.1.el8_9", component_name="kernel",
        version="4.18.0-513.9.1.el8_9", fixed_version=fixed,
    )  # fmt: skip
    world.take(run("scan", "scanner", 0, box(), package), kernel(1, "4.18.0-513.9.1.el8_9.x86_64"))
    world.take(run("scan 2", "scanner", 2, box(), Covered(asset="box", authenticated=True)))
    assert world.now(day(3)) == {CVE: "fixed"}  # nobody has seen what runs since
    world.take(kernel(3, "4.18.0-513.9.1.el8_9.x86_64"))
    assert world.now(day(4)) == {CVE: "reboot_pending"}
    world.take(kernel(5, f"{fixed}.x86_64"))
    assert world.now(day(6)) == {CVE: "fixed"}

"""A decision is found again when the exposure it led to moves on in a later import."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from foreshore.discovery.importing import Origin
from foreshore.facts import Covered, Finding, Record, RunSeen, Sighting

A, B, ADDRESS = ("fqdn", "a.example.com"), ("fqdn", "b.example.com"), ("ip", "10.0.0.2")
PACKAGE = "pkg:deb/debian/x@1"


def run(name: str, *records: Record) -> tuple[str, list[Record], Origin]:
    """One report of one day."""
    seen = RunSeen(tool="alpha", observed_at=datetime(2026, 1, 1, tzinfo=UTC))
    return name, [seen, *records], Origin(site="hq")


def host(key: str, *identifiers: tuple[str, str]) -> Sighting:
    """A host with these identifiers."""
    return Sighting(key=key, name=key, identifiers=identifiers)


def flaw(asset: str, weakness: str, component: str) -> Finding:
    """One weakness on one host."""
    return Finding(asset=asset, rule="r1", title="t", severity="medium", weaknesses=(weakness,), component=component)


RUNS = (
    run("first", host("h0", B), flaw("h0", "CVE-2024-0001", PACKAGE), Covered(asset="h0")),
    run("second", host("h0", A)),
    run("joins", host("h0", A, B), host("h1", ADDRESS, A, B), flaw("h1", "CVE-2024-0002", "")),
    run("more", host("h0", ("hostname", "c"), ("serial", "S1"), A), host("h1", ADDRESS, A, B)),
    run("splits", host("h0", ("serial", "S2"), ADDRESS, B)),
    run("locates", host("h0", A, B), flaw("h0", "CVE-2024-0002", PACKAGE)),
)


def test_a_chain_of_aliases_ends_at_an_exposure_in_force(new_world: Any) -> None:
    world = new_world()
    decided: dict[int, str] = {}
    for one in RUNS:
        world.take(one)
        rows = world.rows("FROM exposures")
        decided |= {row["exposure"]: row["weakness"] for row in rows}
        alias = world.canonical("exposure_aliases")
        in_force = {row["exposure"]: row["weakness"] for row in rows if row["exposure"] not in alias}
        for exposure, named in decided.items():
            assert in_force[alias.get(exposure, exposure)] == named
    assert len(decided) > 3


FIRST_CARD, SECOND_CARD = ("mac", "00:1b:21:00:00:01"), ("mac", "00:1b:21:00:00:02")
APART = (
    run("agent one", host("h0", ("agent_id", "g1"), FIRST_CARD), flaw("h0", "CVE-2024-0001", ""),
        host("h1", A, B, SECOND_CARD)),
    run("agent two", host("h0", ("agent_id", "g2"), B), flaw("h0", "CVE-2024-0001", PACKAGE)),
)  # fmt: skip
BRIDGE = run("both cards", host("h1", SECOND_CARD, ("serial", "S2"), FIRST_CARD))
LATER = run("later", host("h0", SECOND_CARD))


def test_evidence_that_went_with_another_asset_does_not_come_back(new_world: Any) -> None:
    """Two agents are told apart by a bridge between cards; the package belongs to the second alone, also later."""
    world = new_world()
    world.take(*APART)
    for one in (BRIDGE, LATER):
        world.take(one)
        held = {(frozenset(run for run, _name in key[0]), key[2]) for key in world.state()}
        agents = {next(iter({"agent one", "agent two"} & runs)): place for runs, place in held}
        assert agents == {"agent one": "none", "agent two": "component"}

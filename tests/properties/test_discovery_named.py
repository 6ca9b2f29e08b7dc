"""The cases that users of vulnerability managers complain of, by name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from foreshore.discovery.importing import Origin
from foreshore.facts import Covered, Decision, Finding, Record, RunSeen, Sighting

START = datetime(2026, 3, 1, tzinfo=UTC)
Run = tuple[str, list[Record], Origin]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def host(name: str, **more: Any) -> Sighting:
    return Sighting(key=name, name=name, identifiers=(("fqdn", f"{name}.example.com"),), **more)


def flaw(asset: str, cve: str, **more: Any) -> Finding:
    settings: dict[str, Any] = {"component": "pkg:deb/debian/openssl@3.0.1", "proof": "package"} | more
    return Finding(asset=asset, rule=f"rule-{cve}", title=cve, severity=settings.pop("severity", "high"),
                   weaknesses=(cve,), **settings)  # fmt: skip


def run(
    number: float,
    hosts: Iterable[str],
    findings: Iterable[Finding],
    *,
    tool: str = "alpha",
    complete: bool = True,
    name: str = "",
    authenticated: bool | None = None,
    **origin: Any,
) -> Run:
    hosts = list(hosts)
    records: list[Record] = [RunSeen(tool=tool, observed_at=day(number)), *map(host, hosts), *findings]
    if complete:
        records += [Covered(asset=one, authenticated=authenticated) for one in hosts]
    return name or f"{tool}-{number}", records, Origin(**origin)


A, B, C = "CVE-2024-0001", "CVE-2024-0002", "CVE-2024-0003"


def test_the_same_findings_again_close_and_open_nothing(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A), flaw("web", B)]))
    before = world.state()
    again = world.take(run(1, ["web"], [flaw("web", A), flaw("web", B)]))
    assert world.state() == {(key[0] | {("alpha-1", "web")}, *key[1:]): events for key, events in before.items()}
    assert (again.exposures.new, again.exposures.seen, again.exposures.fixed) == (0, 2, 0)
    assert len(world.rows("FROM findings")) == 2
    assert len(world.rows("FROM seen")) == 4


def test_the_identical_read_writes_nothing(world: Any) -> None:
    first = run(0, ["web"], [flaw("web", A)])
    world.take(first)
    version = world.lake.version
    again = world.take(first)
    assert world.lake.version == version
    assert [one.duplicate for one in again.runs] == [True]


def test_one_more_host_closes_nothing(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    more = world.take(run(1, ["web", "db"], [flaw("web", A), flaw("db", A)]))
    assert (more.exposures.new, more.exposures.fixed) == (1, 0)


def test_a_filtered_export_closes_nothing(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A), flaw("web", B)]))
    only = world.take(run(1, ["web"], [flaw("web", A)], complete=False))
    assert only.exposures.fixed == 0
    assert world.states() == {A: "opened", B: "opened"}


def test_an_export_above_a_severity_closes_nothing_below_it(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A), flaw("web", B, severity="low"), flaw("web", C)]))
    world.take(run(1, ["web"], [flaw("web", A)], complete=False, coverage="complete:high"))
    assert world.states() == {A: "opened", B: "opened", C: "fixed"}


def test_a_delta_export_closes_nothing(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A), flaw("web", B)]))
    delta = [flaw("web", C)]
    assert world.take(run(1, ["web"], delta, complete=False)).exposures.fixed == 0
    assert world.take(run(2, ["web"], delta, coverage="none")).exposures.fixed == 0
    assert set(world.states().values()) == {"opened"}


def test_checks_that_were_not_run_close_nothing(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A), flaw("web", B)]))
    name, records, origin = run(1, ["web"], [], complete=False)
    records.append(Covered(asset="web", checks="some", check_list=(f"rule-{B}",)))
    world.take((name, records, origin))
    assert world.states() == {A: "opened", B: "fixed"}


def test_another_account_or_subnet_closes_nothing_outside(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    world.take(run(1, ["db"], []))
    world.take(run(2, [], [], complete=False, coverage="site", site="elsewhere"))
    assert world.states() == {A: "opened"}


def test_a_full_export_of_the_site_closes_hosts_that_are_gone(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]), run(0, ["far"], [flaw("far", B)], name="far", site="elsewhere"))
    world.take(run(1, ["db"], [], complete=False, coverage="site"))
    assert world.states() == {A: "fixed", B: "opened"}


def test_what_is_gone_is_fixed_and_comes_back_reopened(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    assert world.take(run(1, ["web"], [])).exposures.fixed == 1
    assert world.take(run(2, ["web"], [flaw("web", A)])).exposures.reopened == 1
    (events,) = world.state().values()
    assert [one[:2] for one in events] == [
        (day(0).replace(tzinfo=None), "opened"),
        (day(1).replace(tzinfo=None), "fixed"),
        (day(2).replace(tzinfo=None), "reopened"),
    ]


def test_a_second_scanner_vetoes_until_it_is_retired(world: Any) -> None:
    for number in (0, 7, 14):
        world.take(run(number, ["web"], [flaw("web", A)]), run(number, ["web"], [flaw("web", A)], tool="beta"))
    world.take(run(21, ["web"], []))
    assert world.states() == {A: "opened"}, "the other scanner looked a week ago and saw it"
    world.take(run(28, ["web"], []))
    assert world.states() == {A: "opened"}, "fourteen days are twice its usual interval, not more"
    world.take(run(29, ["web"], []))
    assert world.states() == {A: "fixed"}, "it has not looked for more than twice its usual interval"


def test_a_scanner_that_never_saw_it_cannot_close_it(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    world.take(run(1, ["web"], [], tool="beta"))
    assert world.states() == {A: "opened"}


def test_a_look_from_outside_does_not_close_what_was_read_inside(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)], authenticated=True))
    world.take(run(1, ["web"], [], authenticated=False))
    assert world.states() == {A: "opened"}
    world.take(run(2, ["web"], [], authenticated=True))
    assert world.states() == {A: "fixed"}


def test_a_look_inside_outweighs_a_banner(world: Any) -> None:
    banner = flaw("web", A, component="", port=443, proof="banner")
    world.take(run(0, ["web"], [banner], tool="beta"), run(0, ["web"], [flaw("web", A)], authenticated=True))
    world.take(run(1, ["web"], [banner], tool="beta"), run(1, ["web"], [], authenticated=True))
    assert world.states() == {A: "fixed"}


def test_the_sources_own_word_closes(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)], complete=False))
    world.take(run(1, ["web"], [flaw("web", A, word="fixed")], complete=False))
    assert world.states() == {A: "fixed"}


def test_another_title_and_version_is_the_same_exposure(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    other = Finding(asset="web", rule="renamed", title="New words", severity="critical", weaknesses=(A,),
                    component="pkg:deb/debian/openssl@3.0.2?arch=amd64", proof="package")  # fmt: skip
    found = world.take(run(1, ["web"], [other]))
    assert (found.exposures.new, found.exposures.seen, found.exposures.fixed) == (0, 1, 0)


def test_a_moved_line_is_the_same_exposure(world: Any) -> None:
    def code(line: int, context: str) -> Finding:
        return Finding(asset="web", rule="sql", title="SQL", severity="high", kind="code", path="app/db.py",
                       line=line, context=context)  # fmt: skip

    world.take(run(0, ["web"], [code(10, "run(query)")]))
    found = world.take(run(1, ["web"], [code(99, "  run(query)\n")]))
    assert (found.exposures.new, found.exposures.seen, found.exposures.fixed) == (0, 1, 0)


def exposure_of(world: Any, weakness: str) -> int:
    alias = world.canonical("exposure_aliases")
    ids = {row["exposure"] for row in world.rows(f"FROM exposures WHERE weakness = '{weakness}'")}
    (found,) = {alias.get(one, one) for one in ids}
    return int(found)


def test_a_decision_finds_its_exposure_after_rescans_and_merges(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    decided = exposure_of(world, A)
    world.take(run(1, ["web"], [flaw("web", A)]))
    assert exposure_of(world, A) == decided
    # A second scanner knows the host by another name; then the agent ties both names together.
    other = Sighting(key="w", name="w", identifiers=(("hostname", "web-7"),))
    world.take(("other", [RunSeen(tool="beta", observed_at=day(2)), other, flaw("w", A)], Origin()))
    both = Sighting(key="w", name="w", identifiers=(("hostname", "web-7"), ("fqdn", "web.example.com")))
    world.take(("tie", [RunSeen(tool="gamma", observed_at=day(3)), both], Origin()))
    alias = world.canonical("exposure_aliases")
    assert exposure_of(world, A) == alias.get(decided, decided)
    assert len(world.state()) == 1


def test_a_claimed_fix_is_dated_at_the_claim_once_verified(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    claim = Decision(exposure_of(world, A), "claimed_fixed", "patched", "ops", day(2))
    world.take(run(1, ["db"], []), claims=[claim])
    world.take(run(5, ["db"], []), claims=[claim])
    world.take(run(6, ["web"], []), claims=[claim])
    (events,) = world.state().values()
    assert events[-1][:2] == (day(2).replace(tzinfo=None), "fixed")
    assert "verified by alpha on 2026-03-07" in events[-1][3]


def test_a_claimed_fix_that_is_still_there_is_reopened(world: Any) -> None:
    world.take(run(0, ["web"], [flaw("web", A)]))
    claim = Decision(exposure_of(world, A), "claimed_fixed", "patched", "ops", day(2))
    world.take(run(1, ["web"], [flaw("web", A)]), claims=[claim])
    assert world.states() == {A: "claimed"}
    world.take(run(6, ["web"], [flaw("web", A)]))
    assert world.states() == {A: "reopened"}


def test_unlocated_evidence_meets_the_located_in_both_orders(new_world: Any) -> None:
    port = run(0, ["web"], [flaw("web", A, component="", port=443, proof="banner")], tool="beta", complete=False)
    package = run(1, ["web"], [flaw("web", A)], complete=False)
    states = []
    for order in ([port, package], [package, port]):
        world = new_world()
        for one in order:
            world.take(one)
        states.append(world.state())
    assert states[0] == states[1]
    ((key, events),) = states[0].items()
    assert key[2:] == ("component", "pkg:deb/debian/openssl")
    assert [one[1] for one in events] == ["opened"]
    assert events[0][0] == day(0).replace(tzinfo=None)


def test_unlocated_evidence_attaches_to_every_located_place(world: Any) -> None:
    other = flaw("web", A, component="pkg:deb/debian/libssl@1")
    world.take(run(1, ["web"], [flaw("web", A), other], complete=False))
    world.take(run(0, ["web"], [flaw("web", A, component="", proof="banner")], tool="beta", complete=False))
    assert {events[0][0] for events in world.state().values()} == {day(0).replace(tzinfo=None)}
    assert len(world.state()) == 2
    assert len(world.rows("SELECT DISTINCT finding, exposure FROM finding_exposures")) == 5


def test_the_same_addresses_in_two_sites_never_join(world: Any) -> None:
    for site in ("hq", "south"):
        seen = Sighting(key="h", name=site, identifiers=(("ip", "10.0.0.5"), ("hostname", "printer")))
        world.take((site, [RunSeen(tool="alpha", observed_at=day(0)), seen, flaw("h", A)], Origin(site=site)))
    assert len(world.parts()) == 2
    assert len(world.state()) == 2


def test_an_address_joins_only_within_its_window(world: Any) -> None:
    for number in (0, 20, 90):
        seen = Sighting(key="h", name="h", identifiers=(("ip", "10.0.0.5"),))
        world.take((str(number), [RunSeen(tool="alpha", observed_at=day(number)), seen], Origin()))
    assert sorted(len(part) for part in world.parts().values()) == [1, 2]


def test_two_machines_behind_one_name_are_kept_apart_and_asked_about(world: Any) -> None:
    for serial in ("AA11", "BB22"):
        seen = Sighting(key="h", name=serial, identifiers=(("fqdn", "www.example.com"), ("serial", serial)))
        world.take((serial, [RunSeen(tool="alpha", observed_at=day(0)), seen], Origin()))
    assert len(world.parts()) == 2
    assert [row["reason"] for row in world.rows("FROM asset_conflicts")] == ["two values of serial"]


def test_a_late_older_report_takes_its_place_in_time(new_world: Any) -> None:
    runs = [run(0, ["web"], [flaw("web", A)]), run(1, ["web"], []), run(2, ["web"], [flaw("web", A)])]
    told = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        world = new_world()
        for place in order:
            world.take(runs[place])
        told.append(world.state())
    assert told[0] == told[1] == told[2]


def test_another_name_learned_later_makes_one_exposure(world: Any) -> None:
    import pyarrow as pa

    world.take(run(0, ["web"], [flaw("web", A)]))
    world.take(run(1, ["web"], [flaw("web", "GHSA-2222-3333-4444")], tool="beta"))
    assert len(world.state()) == 2
    pair = {"alias": ["GHSA-2222-3333-4444"], "weakness": [A], "source": ["made up"]}
    world.lake.append({"weakness_aliases": pa.table(pair)})
    world.take(run(2, ["db"], [], tool="gamma"))
    ((key, _events),) = world.state().items()
    assert key[1] == A


def test_a_date_in_the_future_is_skipped(world: Any) -> None:
    later = RunSeen(tool="alpha", observed_at=datetime(2031, 1, 1, tzinfo=UTC))
    found = world.take(("later", [later, host("web"), flaw("web", A)], Origin()))
    assert "future" in found.skipped[0].why
    (events,) = world.state().values()
    assert events[0][0] == datetime(2027, 1, 1)


def test_observations_are_no_exposures(world: Any) -> None:
    seen = Finding(asset="web", rule="r", title="Server answers", severity="info", port=80)
    noted = Finding(asset="web", rule="q", title="Seen", severity="high", kind="observation")
    found = world.take(run(0, ["web"], [seen, noted]))
    assert found.exposures.new == 0
    assert len(world.rows("FROM findings")) == 2


def test_one_component_at_two_ports_is_one_exposure_and_both_ports_are_kept(new_world: Any) -> None:
    world = new_world()
    both = [flaw("web", "CVE-2024-0001", port=port, protocol="tcp") for port in (443, 8443, 443)]
    world.take(run(0, ["web"], both))
    assert len(world.state()) == 1
    assert [row["port"] for row in world.rows("FROM findings ORDER BY port")] == [443, 8443]
    assert len({row["exposure"] for row in world.rows("FROM finding_exposures")}) == 1
    world.take(run(1, ["web"], both[:1]))  # the component is still there, whatever port it answers at
    assert world.states() == {"CVE-2024-0001": "opened"}
    assert len(world.rows("FROM findings")) == 2

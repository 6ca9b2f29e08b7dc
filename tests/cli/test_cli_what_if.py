"""What would change if …: through the command line and on one opened cycle of a small company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foreshore.cycle import opened, supposing, whatif
from foreshore.cycle.opened import Opened
from foreshore.cycle.scenarios import Suppose
from foreshore.errors import UsageError
from foreshore.graph import simulate
from foreshore.prioritization.modelled import modelled
from foreshore.workspace import Workspace

Cli = Callable[..., Any]
WORLDS = 256
QUICK = ("--worlds", str(WORLDS), "--no-moves")
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def place(company: Path) -> Workspace:
    return Workspace.open(company)


@pytest.fixture(scope="module")
def base(place: Workspace) -> Iterator[Opened]:
    """The served cycle, opened once for all questions."""
    with opened.with_facts(place) as found:
        yield found


@pytest.fixture(scope="module")
def ask(place: Workspace, base: Opened) -> Ask:
    """Ask what would change, without moves."""

    def asked(**suppose: tuple[str, ...]) -> dict[str, Any]:
        return checked(whatif.answer(place, base, Suppose(**suppose), worlds=WORLDS, moves=False))

    return asked


def checked(found: dict[str, Any]) -> dict[str, Any]:
    assert found.keys() >= {"cycle", "suppose", "gone", "notes", "worlds", "preliminary", "services", "total"}
    for one in found["services"]:
        assert one["low"] <= one["high"]
        assert one["change"] == pytest.approx(one["after"] - one["before"], abs=1e-12)
        assert 0 <= one["before"] <= 1
        assert 0 <= one["after"] <= 1
    total = found["total"]
    assert total["change"] == pytest.approx(total["after"] - total["before"], abs=1e-9)
    return found


def service(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["services"] if one["name"] == name)


def files(workspace: Path) -> dict[str, bytes]:
    """All that the workspace holds, but scratch and the databases' own journals."""
    every = (path for path in workspace.rglob("*") if path.is_file() and "tmp" not in path.parts)
    return {
        str(path.relative_to(workspace)): path.read_bytes()
        for path in every
        if not path.name.endswith((".lock", "-shm", "-wal"))
    }


@pytest.mark.parametrize(
    "fixes", [("CVE-2021-44228",), ("CVE-2023-2454", "CVE-2020-1001"), ("CVE-2021-44228", "CVE-2023-2454")]
)
def test_a_fix_struck_out_of_kept_years_is_the_fix_counted_anew(
    place: Workspace, base: Opened, ask: Ask, fixes: tuple[str, ...]
) -> None:
    """Incremental equals full: gathered, compiled and simulated again without them, on the same years."""
    struck = ask(fix=fixes)
    meaning = supposing.meant(place, base, Suppose(fix=fixes))
    assert meaning.only_fixes
    anew = modelled(supposing.applied(base, meaning)).model
    effort = replace(base.found.model.effort, worlds=WORLDS, rare=False)
    outcome = simulate(anew.graph, anew.profiles, anew.targets, seed=anew.seed, effort=effort)
    assert struck["worlds"] == outcome.worlds
    assert [one["after"] for one in struck["services"]] == ((outcome.losses > 0) * outcome.weight).mean(axis=1).tolist()
    assert struck["total"]["after"] == pytest.approx(float(outcome.events @ anew.weights), abs=1e-12)


@pytest.mark.slow
def test_fixing_the_door_closes_the_way_and_nothing_is_written(cli: Cli, company: Path) -> None:
    before = files(company)
    found = checked(cli("what-if", "--fix", "CVE-2021-44228", "--json", "-w", str(company)).json())
    assert files(company) == before
    shop = service(found, "Web shop")
    assert shop["change"] < 0
    assert shop["after"] < 0.02 < shop["before"]
    assert found["total"]["share"] < -0.5
    assert found["moved"] >= 1
    gone = next(one for one in found["exposures"] if one["weakness"] == "CVE-2021-44228")
    assert gone["treatment"]["after"] is None
    assert sum(one["before"] for one in found["treatments"]) == sum(one["after"] for one in found["treatments"]) + 1


def test_an_action_is_the_same_as_the_exposures_that_it_closes(cli: Cli, company: Path, ask: Ask) -> None:
    action = cli("actions", "--json", "-w", str(company)).json()[0]
    row = next(one for one in cli("exposures", "--json", "-w", str(company)).json() if one["action"] == action["id"])
    one, other = ask(fix=(action["id"],)), ask(fix=(row["id"],))
    assert one["services"] == other["services"]
    assert one["total"]["change"] < 0


def test_cut_and_open_ways_beat_what_rules_say(ask: Ask) -> None:
    cut = ask(cut=("internet:dmz:443",))
    assert service(cut, "Web shop")["after"] == 0
    assert ask(cut=("internet:web-1",))["total"]["after"] == cut["total"]["after"]
    assert ask(cut=("internet:dmz:8443",))["total"]["change"] == 0
    opened = ask(open=("internet:data:5432",), add=("CVE-2021-44228@db-1:5432",))
    assert service(opened, "Card payments")["change"] > 0
    again = ask(cut=("internet:dmz",), open=("internet:dmz:443",))
    assert again["total"]["after"] == pytest.approx(again["total"]["before"])


@pytest.mark.slow
def test_an_exposure_that_is_not_there_counts_as_found(place: Workspace, base: Opened, ask: Ask) -> None:
    suppose = Suppose(add=("CVE-2021-44228@db-1",), open=("dmz:db-1",))
    found = checked(whatif.answer(place, base, suppose))
    assert service(found, "Card payments")["change"] > 0
    new = next(one for one in found["exposures"] if one["asset_name"] == "db-1" and one["weakness"] == "CVE-2021-44228")
    assert new["treatment"]["before"] is None
    assert new["treatment"]["after"]
    assert "nothing is known of CVE-2099-12345" in ask(add=("CVE-2099-12345@web-1:443",))["notes"][0]


def test_assets_and_sensors_can_be_lost(place: Workspace, base: Opened, ask: Ask) -> None:
    assert service(ask(lose_asset=("web-1",)), "Web shop")["after"] == 0
    assert ask(lose_sensor=("probes",))["total"]["change"] == pytest.approx(0, abs=1e-9)
    meaning = supposing.meant(place, base, Suppose(lose_sensor=("Agents",)))
    left = modelled(supposing.applied(base, meaning)).context
    assert left.exposures.column("weakness").to_pylist() == ["CVE-2021-44228"]  # another source saw it as well
    assert left.assets.column("name").to_pylist() == ["web-1"]


def test_numbers_of_the_policy_can_be_others(ask: Ask) -> None:
    assert ask(set=("likelihood.usable.kev=0.05",))["total"]["change"] < 0
    assert ask(set=("movement.harm.admin=0", "movement.harm.user=0"))["total"]["after"] == 0
    same = ask(set=("movement.harm.admin=0.9",))
    assert same["total"]["change"] == 0
    assert same["total"]["sampling_error"] == 0


def test_a_control_that_nobody_knows_can_be_gained(ask: Ask) -> None:
    gained = ask(gain=("edr@dmz",))
    assert gained["total"]["change"] <= 0
    assert any("edr" in note for note in gained["notes"])


@pytest.mark.parametrize(
    ("kind", "words", "hint"),
    [
        ("fix", "EXP-ZZZZ", "foreshore exposures"),
        ("fix", "ACT-ZZZZ", "foreshore actions"),
        ("fix", "CVE-1999-0001", "CVE-"),
        ("lose_asset", "wbe-1", "web-1"),
        ("cut", "internt:dmz", "internet"),
        ("cut", "dmz", "internet:dmz:443"),
        ("cut", "dmz:web-1", "zone of its own"),
        ("cut", "dmz:internet", "come from there"),
        ("cut", "internet:dmz:99999", "65535"),
        ("add", "CVE-2021-44228", "CVE-2021-44228@web-1"),
        ("add", "CVE-2021-44228@web-9", "web-1"),
        ("lose_sensor", "agnts", "agents"),
        ("lose", "edr", "no source speaks of a control"),
        ("gain", "edr", "edr@web-1"),
        ("set", "movement.credentials.harvest_admn=0.2", "movement.credentials.harvest_admin"),
        ("set", "movement.credentials.harvest_admin=1.2", "between 0 and 1"),
        ("set", "movement.credentials.harvest_admin=much", "NAME=NUMBER"),
        ("remove_right", "a:b:c", "SOURCE:RIGHT:TARGET"),
    ],
)
def test_words_that_name_nothing_are_refused_with_what_is_near(
    place: Workspace, base: Opened, kind: str, words: str, hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        supposing.meant(place, base, Suppose(**{kind: (words,)}))
    assert hint in refused.value.sentence()
    kept = supposing.meant(place, base, Suppose(**{kind: (words,)}), strict=False)
    assert [one["what"] for one in kept.gone] == [f"{kind.replace('_', '-')} {words}"]
    assert not kept.anything


def test_wrong_use_is_said_and_exits_with_two(cli: Cli, company: Path) -> None:
    for words, hint in (
        ((), "--fix"), (("--name", "nobody saved it"), "--save"),
        (("--fix", "CVE-2021-44228", "--save", "../out"), "letters"), (("--fix", "EXP-ZZZZ"), "foreshore exposures"),
    ):  # fmt: skip
        said = cli("what-if", *words, "-w", str(company))
        assert said.code == 2, said.err
        assert hint in said.err
        assert not said.out


@pytest.mark.slow
def test_scenarios_are_saved_shared_and_rebased(cli: Cli, copy: Path, make: Any) -> None:
    where = ("-w", str(copy))
    words = ("--fix", "CVE-2021-44228", "--cut", "internet:data", "--save", "before the audit")
    first = cli("what-if", *words, *QUICK, "--json", *where).json()
    again = cli("what-if", "--name", "before the audit", *QUICK, "--json", *where).json()
    assert again["services"] == first["services"]
    assert again["suppose"] == {"fix": ["CVE-2021-44228"], "cut": ["internet:data"]}
    assert "before the audit" in cli("scenarios", *where).out

    shared = copy.parent / "audit.toml"
    assert cli("scenarios", "before the audit", "--export", str(shared), *where).code == 0
    assert cli("scenarios", "before the audit", "--remove", *where).code == 0
    assert cli("scenarios", "--json", *where).json() == []
    taken = cli("scenarios", "audit", "--import", str(shared), "--json", *where).json()
    assert taken[0]["suppose"]["fix"] == ["CVE-2021-44228"]
    assert taken[0]["was"] == {"CVE-2021-44228": "CVE-2021-44228 on web-1"}

    for number, source in enumerate(("agents", "probes")):
        rows = (make.db,) if source == "agents" else (
            make.row("web-1", "203.0.113.10", "CVE-2019-1,Old,low,,,,,443,banner", 3),)  # fmt: skip
        path = make.csv(copy.parent / f"later{number}.csv", *(row.replace(make.day(9), make.day(3)) for row in rows))
        assert cli("import", str(path), "--source", source, "--coverage", "site", *where).code == 0
    assert cli("cycle", *where).code == 0
    rebased = cli("what-if", "--name", "audit", *QUICK, "--json", *where).json()
    assert [one["what"] for one in rebased["gone"]] == ["fix CVE-2021-44228"]
    assert rebased["gone"][0]["was"] == "CVE-2021-44228 on web-1"
    assert cli("what-if", "--name", "audit", *QUICK, *where).err.count("no longer exists") == 1


def test_a_file_that_is_no_scenario_is_refused(cli: Cli, company: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    for text in ("name = 3", "nonsense", 'name = "x"\n[suppose]\nburn = ["all"]', 'name = "../x"\n[suppose]'):
        bad.write_text(text, encoding="utf-8")
        assert cli("scenarios", "--import", str(bad), "-w", str(company)).code == 2
    assert cli("scenarios", "--import", str(tmp_path / "none.toml"), "-w", str(company)).code == 3


def test_few_years_are_preliminary(cli: Cli, company: Path) -> None:
    said = cli("what-if", "--fix", "CVE-2021-44228", "--worlds", "64", "--no-moves", "-w", str(company))
    assert said.code == 0
    assert "Preliminary: only 64 simulated years." in said.out

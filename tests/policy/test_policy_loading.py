"""The policy: shipped numbers are in order, a team's files replace ours, errors name file and entry."""

from __future__ import annotations

import csv
import re
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import policy
from foreshore.errors import BadPolicy
from foreshore.policy import checks

SHIPPED = policy.load()


def shipped(name: str) -> str:
    return (resources.files("foreshore.policy") / name).read_text(encoding="utf-8")


def own(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def changed(folder: Path, name: str, before: str, after: str) -> Path:
    text = shipped(name)
    assert before in text
    return own(folder, name, text.replace(before, after, 1))


def test_every_number_has_an_ordered_range_and_a_source() -> None:
    switches = ("exceptions",)  # holds no number
    names = [name for name in policy.shipped_files() if name.endswith(".toml") and "/" not in name]
    sections = [name.removesuffix(".toml") for name in names if name.removesuffix(".toml") not in switches]
    found = {f"{one}.{name}": value for one in sections for name, value in SHIPPED.numbers(one).items()}
    assert len(found) > 100
    for name, one in found.items():
        assert one.low <= one.value <= one.high, name
        assert one.source, name
        assert SHIPPED.number(name) == one


def test_a_number_carries_its_source() -> None:
    number = SHIPPED.number("likelihood.epss.window_days")
    assert (number.value, number.unit) == (30, "days")
    assert "first.org" in number.source


def test_a_row_of_the_weakness_classes_is_a_number() -> None:
    row = SHIPPED.table("weakness_classes")[3]
    number = SHIPPED.number(f"weakness_classes.{row['name']}")
    assert number.value == float(row["value"])


@pytest.mark.parametrize(
    "name", ["likelihood.nothing", "nothing", "likelihood", "likelihood.usable", "weakness_classes.nothing"]
)
def test_an_unknown_number_is_named(name: str) -> None:
    with pytest.raises(BadPolicy, match=re.escape(name)):
        SHIPPED.number(name)


def test_profiles_enter_where_the_vocabulary_says() -> None:
    assert len(SHIPPED.names("attackers.profile")) == 3
    for name in SHIPPED.names("attackers.profile"):
        assert set(SHIPPED.values(f"attackers.profile.{name}.enters")) <= {"internet", "user"}
        capability = SHIPPED.text(f"attackers.profile.{name}.capability")
        assert SHIPPED.number(f"attackers.capability.{capability}.effort").value > 0


def test_stronger_evidence_is_never_less_usable() -> None:
    usable = SHIPPED.numbers("likelihood.usable")
    rising = ["none_known", "poc", "weaponized", "attacks", "kev", "ransomware"]
    for weaker, stronger in pairwise(rising):
        for figure in ("value", "low", "high"):
            assert getattr(usable[weaker], figure) <= getattr(usable[stronger], figure), (weaker, stronger)


def test_higher_proof_has_a_higher_rank_in_the_vocabularys_order() -> None:
    ranks = {name: one.value for name, one in SHIPPED.numbers("proof.rank").items()}
    order = ["unknown", "banner", "version", "package", "configuration", "probe", "confirmed"]
    assert [ranks[name] for name in order] == list(range(7))


def test_the_digest_depends_on_content_alone(tmp_path: Path) -> None:
    same = own(tmp_path, "reach.toml", "# a remark\r\n" + shipped("reach.toml").replace("\n", "\r\n"))
    assert policy.load(same).digest == SHIPPED.digest
    other = changed(tmp_path, "likelihood.toml", "value = 0.70, low = 0.40", "value = 0.71, low = 0.40")
    assert policy.load(other).digest != SHIPPED.digest


def test_content_can_be_kept_and_restored() -> None:
    again = policy.restore(SHIPPED.content())
    assert again.digest == SHIPPED.digest
    assert again.table("ssvc_deployer") == SHIPPED.table("ssvc_deployer")


def test_a_teams_file_replaces_ours(tmp_path: Path) -> None:
    folder = changed(tmp_path, "likelihood.toml", "value = 0.70, low = 0.40", "value = 0.66, low = 0.40")
    assert policy.load(folder).number("likelihood.usable.kev").value == 0.66
    assert policy.load(None).number("likelihood.usable.kev").value == 0.70


def test_a_team_may_add_attackers(tmp_path: Path) -> None:
    more = shipped("attackers.toml").replace("[profile.targeted]", "[profile.rival]", 1)
    found = policy.load(own(tmp_path, "attackers.toml", more))
    assert found.names("attackers.profile") == ["opportunistic", "criminal", "rival"]


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("likelihood.toml", "value = 0.70, low = 0.40", "value = 1.70, low = 0.40", "between 0 and 1"),
        ("likelihood.toml", "value = 0.70, low = 0.40", "value = 0.30, low = 0.40", "low <= value <= high"),
        ("likelihood.toml", "value = 0.70, low = 0.40", "value = nan, low = 0.40", "between"),
        ("likelihood.toml", "value = 0.70, low = 0.40", 'value = "x", low = 0.40', "numbers"),
        ("likelihood.toml", "kev = { value", "kve = { value", "usable.kve: there is no such entry"),
        (
            "likelihood.toml",
            "low = 0.40, high = 0.90, source",
            "low = 0.40, high = 0.90, from",
            "needs value",
        ),
        ("attackers.toml", 'capability = "common"', "capability = 3", "profile.opportunistic.capability"),
        ("attackers.toml", 'capability = "common"', 'ability = "common"', "profile.opportunistic.ability"),
        ("reach.toml", "[factor]", "[factor", "not valid TOML"),
        ("reach.toml", "session_ports = [22,", 'session_ports = "22" #', "has to be a list"),
        ("treatment.toml", "[loss]", "[loss]\nextra = 3", "loss.extra"),
    ],
)
def test_errors_name_file_and_entry(tmp_path: Path, name: str, before: str, after: str, words: str) -> None:
    with pytest.raises(BadPolicy, match=re.escape(words)) as caught:
        policy.load(changed(tmp_path, name, before, after))
    assert name in caught.value.where


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    lines = [line for line in shipped("movement.toml").splitlines() if not line.startswith("foothold")]
    with pytest.raises(BadPolicy, match="replaces ours whole") as caught:
        policy.load(own(tmp_path, "movement.toml", "\n".join(lines)))
    assert "movement.phishing.foothold" in caught.value.where


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ssvc_deployer.csv", "a,b\n1,2\n", "columns differ"),
        ("ssvc_deployer.csv", "", "empty"),
        ("ssvc_deployer.csv", "exploitation,exposure\nnone\n", "another number of columns"),
        ("own_rules.toml", "x = 1", "no policy file has this name"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(BadPolicy, match=words):
        policy.load(own(tmp_path, name, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "reach.toml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadPolicy, match=r"reach\.toml"):
        policy.load(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (",network,", ",tunnel,", "tunnel"),
        (",none,none_known,", ",root,none_known,", "root"),
        (r"\b(ssl|tls)", "((ssl", "expression"),
    ],
)
def test_a_bad_weakness_class_names_its_row(tmp_path: Path, before: str, after: str, words: str) -> None:
    with pytest.raises(BadPolicy, match=words) as caught:
        policy.load(changed(tmp_path, "weakness_classes.csv", before, after))
    assert re.match(r"weakness_classes\.csv:\d+, ", caught.value.where)


def test_folders_without_files_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("ours", encoding="utf-8")
    assert policy.load(tmp_path).digest == SHIPPED.digest
    assert policy.load(tmp_path / "missing").digest == SHIPPED.digest


@given(st.floats(), st.floats(), st.floats())
def test_only_ordered_numbers_within_bounds_pass(low: float, value: float, high: float) -> None:
    entry = {"here": {"value": value, "low": low, "high": high, "source": "test"}}
    good = 0 <= low <= value <= high <= 1
    if good:
        checks.numbers(entry, "x.toml")
    else:
        with pytest.raises(BadPolicy, match=re.escape("x.toml, here")):
            checks.numbers(entry, "x.toml")


SOURCES = {
    "ssvc_deployer": ("deployer_patch_application_priority_1_0_0.csv", 72),
    "ssvc_human_impact": ("human_impact_1_0_0.csv", 16),
    "cisa_coordinator": ("cisa_coordinator_2_0_3.csv", 36),
    "bod_26_04": ("cisa_bod_26_04_1_0_0.csv", 16),
}


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(SOURCES))
def test_decision_tables_equal_their_source_row_by_row(shared_data: Path, name: str) -> None:
    file, size = SOURCES[name]
    with (shared_data / "reference" / "ssvc" / file).open(encoding="utf-8", newline="") as lines:
        expected = [row[1:] for row in csv.reader(lines)][1:]
    assert len(expected) == size
    assert [list(row.values()) for row in SHIPPED.table(name)] == expected

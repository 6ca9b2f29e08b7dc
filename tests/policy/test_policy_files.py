"""The policy as files to edit: copies, mistakes by line, differences by key; deadline rules and tables of a team's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import policy
from foreshore.errors import BadPolicy, UsageError
from foreshore.policy import files, outcomes

SHIPPED = policy.load()
OWN_RULE = """
[weekly]
title = "Weekly"
decided_by = "severity"
clock = "first_seen"
critical = { value = 7, low = 7, high = 7, unit = "days", source = "test" }
"""


def shipped(name: str) -> str:
    return (resources.files("foreshore.policy") / name).read_text(encoding="utf-8")


def write(folder: Path, name: str, before: str = "", after: str = "") -> Path:
    text = shipped(name)
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1) if before else text + after, encoding="utf-8")
    return folder


def only(folder: Path) -> dict[str, str]:
    (found,) = files.problems(folder)
    return found


def test_a_copy_is_the_shipped_file_and_changes_nothing(tmp_path: Path) -> None:
    for name in policy.shipped_files():
        assert files.copy(tmp_path, name.rsplit(".", 1)[0]).read_text("utf-8") == shipped(name)
    assert policy.load(tmp_path).digest == SHIPPED.digest
    assert files.problems(tmp_path) == []
    assert all(one["own"] and not one["changes"] for one in files.listed(tmp_path))


def test_a_copy_is_never_written_over_and_an_unknown_name_is_refused(tmp_path: Path) -> None:
    files.copy(tmp_path, "treatment")
    with pytest.raises(UsageError, match="a copy already"):
        files.copy(tmp_path, "treatment.toml")
    with pytest.raises(UsageError, match="weather"):
        files.copy(tmp_path, "weather")


@pytest.mark.parametrize(
    ("name", "before", "after", "entry"),
    [
        ("treatment.toml", "[act_now]\nshare = { value = 0.80", "[act_now]\nshare = { value = 8.0", "share ="),
        ("treatment.toml", 'tier_1 = "degraded"', "tier_1 = 1", "tier_1 = 1"),
        ("treatment.toml", "[loss]", "[loss", "[loss"),
        ("treatment.toml", "lone = {", "alone = {", "alone ="),
        ("obligations.toml", 'clock = "published"', 'clock = "sundial"', "sundial"),
        ("obligations.toml", "14_days = {", "15_days = {", "15_days"),
        ("standards.toml", 'tier_5 = "H"', 'tier_5 = "XL"', "XL"),
        ("ssvc_deployer.csv", "active,open,yes,low,immediate", "active,open,yes,low,yesterday", "yesterday"),
        ("decision_points.csv", "exploit,poc,public poc", "exploit,poc,perhaps", "perhaps"),
        ("threat_metric.csv", "exploit,poc,P,P,POC", "exploit,poc,P,P,P", "exploit,poc,P,P,P"),
    ],
)
def test_a_mistake_names_file_and_line(tmp_path: Path, name: str, before: str, after: str, entry: str) -> None:
    if before not in shipped(name):
        before = next(line for line in shipped(name).splitlines() if line.startswith("active,open,yes,low"))
    found = only(write(tmp_path, name, before, after))
    lines = (tmp_path / name).read_text("utf-8").splitlines()
    file, line = found["where"].split(",")[0].split(":")
    assert file == name
    if "lone" not in before:
        assert entry in lines[int(line) - 1]
    assert found["what"]


def test_mistakes_of_several_files_are_told_together(tmp_path: Path) -> None:
    write(tmp_path, "treatment.toml", 'tier_1 = "degraded"', "tier_1 = 1")
    write(tmp_path, "obligations.toml", 'clock = "published"', 'clock = "sundial"')
    (tmp_path / "weather.toml").write_text("", encoding="utf-8")
    assert {one["where"].split(":")[0] for one in files.problems(tmp_path)} == {
        "treatment.toml", "obligations.toml", "weather.toml",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("drop", "what"),
    [("none,small,no,low", "no row decides"), ("", "decides the same combination")],
)
def test_a_table_decides_every_combination_once(tmp_path: Path, drop: str, what: str) -> None:
    lines = shipped("ssvc_deployer.csv").splitlines()
    kept = [line for line in lines if not line.startswith(drop)] if drop else [*lines, lines[1]]
    (tmp_path / "ssvc_deployer.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    assert what in only(tmp_path)["what"]


def test_a_word_without_a_mapping_is_refused(tmp_path: Path) -> None:
    text = shipped("decision_points.csv").splitlines()
    (tmp_path / "decision_points.csv").write_text("\n".join(text[:1] + text[2:]) + "\n", encoding="utf-8")
    assert "no row for exploit none_known" in only(tmp_path)["what"]


def test_a_team_may_add_a_deadline_rule_of_its_own(tmp_path: Path) -> None:
    found = policy.load(write(tmp_path, "obligations.toml", after=OWN_RULE))
    assert found.names("obligations")[-1] == "weekly"
    assert found.number("obligations.weekly.critical").value == 7
    with pytest.raises(BadPolicy, match="no outcome has days"):
        policy.load(write(tmp_path, "obligations.toml", after=OWN_RULE.replace("critical =", "#")))


def test_a_change_is_told_by_file_and_key(tmp_path: Path) -> None:
    write(
        tmp_path,
        "treatment.toml",
        "[act_now]\nshare = { value = 0.80, low = 0.80",
        "[act_now]\nshare = { value = 0.80, low = 0.70",
    )
    write(tmp_path, "obligations.toml", after=OWN_RULE)
    found = [one.sentence() for one in files.changes(None, policy.load(tmp_path))]
    assert "treatment.toml: act_now.share 0.8 → 0.8 (0.7 to 0.8)" in found
    assert "obligations.toml: weekly.critical is new (7)" in found
    back = [one.sentence() for one in files.changes(policy.load(tmp_path), SHIPPED)]
    assert "obligations.toml: weekly.critical is gone (was 7)" in back
    rows = {one["file"]: one for one in files.listed(tmp_path)}
    assert [len(rows[name]["changes"]) for name in ("treatment.toml", "obligations.toml", "effort.toml")] == [1, 4, 0]


def test_a_changed_row_of_a_table_is_one_change(tmp_path: Path) -> None:
    lines = shipped("ssvc_deployer.csv").splitlines()
    row = next(line for line in lines if line.startswith("active,open,yes,low"))
    write(tmp_path, "ssvc_deployer.csv", row, "active,open,yes,low,defer")
    (found,) = files.changes(None, policy.load(tmp_path))
    assert (found.file, found.key, found.new) == ("ssvc_deployer.csv", "active/open/yes/low", "defer")


@given(st.sampled_from(sorted(SHIPPED.numbers("treatment"))), st.floats(0, 1))
def test_there_is_a_change_exactly_where_a_number_differs(name: str, value: float) -> None:
    content = policy.restore(SHIPPED.content()).content()
    place = content["settings"]["treatment"]
    *sections, last = name.split(".")
    for section in sections:
        place[section] = dict(place[section])
        place = place[section]
    before = place[last]
    place[last] = {**before, "value": value, "low": value, "high": value}
    found = files.changes(SHIPPED, policy.restore(content))
    same = all(f"{before[key]:g}" == f"{value:g}" for key in ("value", "low", "high"))
    assert [one.key for one in found] == ([] if same else [name])


def test_an_outcome_has_one_name_among_days() -> None:
    for values in outcomes.OUTCOMES.values():
        assert len({outcomes.slug(one) for one in values}) == len(values)


def test_a_policy_that_an_earlier_version_kept_still_has_all_that_labels_need() -> None:
    from foreshore.prioritization import labels

    content = SHIPPED.content()
    settings = {name: entries for name, entries in content["settings"].items() if name != "standards"}
    old = {"value": 3, "low": 3, "high": 3, "unit": "days", "source": "then"}
    settings["obligations"] = {"own": {"title": "Own policy", "immediate": {**old, "value": 5, "high": 5}}}
    tables = {
        name: rows for name, rows in content["tables"].items() if name not in ("decision_points", "threat_metric")
    }
    found = policy.restore({"settings": settings, "tables": tables})
    assert labels.days_of("own", found)["immediate"] == 5
    assert labels.days_of("bod_26_04", found)["3 days"] == 3
    assert labels.Points(found).value("exploitation", "attacks") == "active"
    assert found.number("standards.rating.critical").value == 9

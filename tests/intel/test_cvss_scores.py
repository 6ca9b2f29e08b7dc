"""CVSS against the vectors of those who keep the calculators, and vectors as they occur in the wild."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.intel import cvss

FILES = {
    "vectors_calculator2.txt": 5, "vectors_calculator3.txt": 2, "vectors_cvsslib2.txt": 24, "vectors_cvsslib3.txt": 29,
    "vectors_security4.txt": 54, "vectors_simple2.txt": 729, "vectors_simple3.txt": 2592, "vectors_simple31.txt": 2592,
    "vectors_simple4.txt": 1058, "vectors_supplemental4.txt": 576, "vectors_threat4.txt": 6,
}  # fmt: skip


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(FILES))
def test_every_reference_vector_has_its_scores(shared_data: Path, name: str) -> None:
    lines = (shared_data / "reference" / "cvss" / name).read_text("utf-8").splitlines()
    checked = 0
    for line in filter(None, map(str.strip, lines)):
        vector, text = line.rsplit(" - ", 1)
        expected = ast.literal_eval(text)
        found = cvss.read(vector)
        assert found is not None, vector
        if found.version == "4.0":
            score = expected[0] if isinstance(expected, tuple) else expected
            assert found.overall == score, vector
            by_metrics = {"vectors_threat4.txt": found.temporal, "vectors_security4.txt": found.environmental}
            assert by_metrics.get(name, found.base) in (score, None), vector
        else:
            scores = (found.base, found.temporal, found.environmental)
            assert scores == tuple(None if one is None else abs(one) for one in expected), vector
        checked += 1
    assert checked == FILES[name]


@pytest.mark.corpus
def test_vectors_in_the_wild_agree_with_the_reference_on_what_differs(shared_data: Path) -> None:
    path = shared_data / "reference" / "cvss" / "vulnrichment_unique_vectors.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    wrong = [
        row["vector"]
        for row in rows
        if cvss.differs(row["vector"], float(row["published_base_score"])) == (row["redhat_cvss_3.6_agrees"] == "1")
    ]
    assert len(rows) == 2866
    # Six publish a version 4 score that counts the threat metric: the reference takes it for the base score.
    assert len(wrong) == 6
    assert all(vector.startswith("CVSS:4.0") and "/E:" in vector for vector in wrong), wrong


@pytest.mark.parametrize(
    "vector",
    [
        "AV:N/AC:L/Au:N/C:P/I:P/A:P",
        "(AV:N/AC:L/Au:N/C:P/I:P/A:P)",
        "CVSS2#AV:N/AC:L/Au:N/C:P/I:P/A:P",
        "CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P/",
        " AV:N/AC:L/Au:N/C:P/I:P/A:P ",
    ],
)
def test_spellings_of_version_2_mean_the_same(vector: str) -> None:
    found = cvss.read(vector)
    assert found is not None
    assert (found.version, found.base) == ("2.0", 7.5)


def test_a_version_3_vector_without_its_prefix_is_understood() -> None:
    found = cvss.read("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    assert found is not None
    assert found.base == 9.8


def test_version_4_keeps_base_and_overall_apart() -> None:
    base = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
    plain, threatened = cvss.read(base), cvss.read(base + "/E:U")
    assert plain is not None
    assert threatened is not None
    assert threatened.base == plain.base == 9.3
    assert threatened.overall < plain.overall == 9.3


@pytest.mark.parametrize(("published", "expected"), [(9.8, False), (9.4, True), (None, None)])
def test_a_published_score_that_differs_is_flagged(published: float | None, expected: bool | None) -> None:
    assert cvss.differs("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", published) is expected


@given(st.text(max_size=60) | st.from_regex(r"CVSS:[234]\.[01]/(A[VC]:[A-Z]/){0,3}.{0,10}", fullmatch=True))
def test_anything_else_is_no_vector_and_no_error(text: str) -> None:
    found = cvss.read(text)
    assert found is None or 0 <= found.base <= 10


@pytest.mark.corpus
def test_the_mismatches_in_the_wild_are_told_apart(shared_data: Path) -> None:
    path = shared_data / "reference" / "cvss" / "vulnrichment_unique_vectors.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = [
        (row["metric"], cvss.mismatch(row["vector"], float(row["published_base_score"])))
        for row in rows
        if cvss.read(row["vector"])
    ]
    flagged = [(metric, sentence) for metric, sentence in found if sentence]
    threes = [sentence for metric, sentence in flagged if metric.startswith("cvssV3")]
    # The reference's own count: 216 of version 3 differ, and 201 publish another score of theirs as the base score.
    assert len(threes) == 216
    assert sum("that is its" in sentence for sentence in threes) == 201


def test_a_published_temporal_score_is_named() -> None:
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:F/RL:O/RC:C"
    found = cvss.read(vector)
    assert found is not None
    assert found.temporal is not None
    assert found.temporal < found.base
    assert "threat or temporal" in cvss.mismatch(vector, found.temporal)
    assert "no score of this vector" in cvss.mismatch(vector, 1.0)
    assert cvss.mismatch(vector, found.base) == cvss.mismatch(vector, None) == cvss.mismatch("nonsense", 5.0) == ""


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["vectors_cvsslib3.txt", "vectors_cvsslib2.txt", "vectors_security4.txt"])
def test_setting_requirements_gives_the_vector_that_says_them(shared_data: Path, name: str) -> None:
    lines = (shared_data / "reference" / "cvss" / name).read_text("utf-8").splitlines()
    tried = 0
    for vector in (line.rsplit(" - ", 1)[0] for line in lines if line.strip()):
        said = dict(part.split(":") for part in vector.split("/") if not part.startswith("CVSS"))
        levels: dict[str, str] = {one: said[one] for one in ("CR", "IR", "AR") if one in said}
        if len(levels) < 3:
            continue
        found = cvss.read(vector)
        bare = cvss.with_metrics(vector, dict.fromkeys(levels, "ND" if name == "vectors_cvsslib2.txt" else "X"))
        assert found is not None
        assert cvss.for_asset(bare, levels) == found.environmental, vector
        tried += 1
    assert tried >= 2


@pytest.mark.parametrize(
    "vector",
    [
        "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:L/A:N",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:N/VC:H/VI:L/VA:N/SC:N/SI:N/SA:N",
        "AV:N/AC:L/Au:S/C:C/I:P/A:N",
    ],
)
def test_a_higher_requirement_never_lowers_the_score_on_an_asset(vector: str) -> None:
    scores = [cvss.for_asset(vector, level) for level in "LMH"]
    assert None not in scores
    assert scores == sorted(scores)  # type: ignore[type-var]
    assert scores[0] < scores[2]  # type: ignore[operator]
    assert cvss.for_asset("nonsense", "H") is None


def test_version_4_names_its_scores_by_the_metrics_they_count() -> None:
    base = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
    plain, all_of_it = cvss.read(base), cvss.read(base + "/E:U/CR:L/IR:L/AR:L")
    assert plain is not None
    assert all_of_it is not None
    assert (plain.temporal, plain.environmental) == (None, None)
    assert all_of_it.temporal is not None
    assert all_of_it.environmental == all_of_it.overall <= all_of_it.temporal < all_of_it.base


@given(
    st.lists(
        st.sampled_from(["E:A", "E:P", "E:U", "CR:H", "IR:M", "MAV:L", "S:P", "U:Red"]),
        unique_by=lambda one: one.split(":")[0],
    )
)
def test_setting_metrics_twice_is_setting_them_once(metrics: list[str]) -> None:
    base = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
    said = dict(one.split(":") for one in metrics)
    once = cvss.with_metrics(base, said)
    assert cvss.with_metrics(once, said) == once
    found = cvss.read(once)
    assert found is not None
    assert {name: found.metrics[name] for name in said} == said

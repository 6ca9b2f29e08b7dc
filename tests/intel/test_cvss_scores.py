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
    "vectors_calculator2.txt": 3,
    "vectors_calculator3.txt": 2,
    "vectors_cvsslib2.txt": 14,
    "vectors_cvsslib3.txt": 15,
    "vectors_security4.txt": 0,
    "vectors_simple2.txt": 729,
    "vectors_simple3.txt": 2592,
    "vectors_simple31.txt": 2592,
    "vectors_simple4.txt": 0,
    "vectors_supplemental4.txt": 0,
    "vectors_threat4.txt": 0,
}


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
            assert found.overall == (expected[0] if isinstance(expected, tuple) else expected), vector
        else:
            scores = (found.base, found.temporal, found.environmental)
            assert scores == tuple(None if one is None else abs(one) for one in expected), vector
        checked += 1
    assert checked >= max(FILES[name], 2)


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

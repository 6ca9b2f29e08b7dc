"""Public scores beside the ranking: CVSS-BT by its table, and what is shown of one weakness."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from foreshore import policy
from foreshore.intel import cvss, standards

POLICY = policy.load()
THREE = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
FOUR = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
TWO = "AV:N/AC:L/Au:N/C:P/I:P/A:P"


def signals(vector: str, **said: Any) -> dict[str, Any]:
    return {"cvss_vector": vector, "exploit": "none_known", "exploit_sources": [], "epss": None, **said}


@pytest.mark.parametrize(
    ("said", "letters"),
    [
        ({"exploit": "ransomware"}, ("A", "H", "H")),
        ({"exploit": "attacks"}, ("A", "H", "H")),
        ({"exploit": "weaponized", "exploit_sources": ["metasploit"]}, ("A", "H", "H")),
        ({"exploit": "poc", "epss": 0.36}, ("A", "H", "H")),
        ({"exploit": "poc", "epss": 0.35}, ("P", "P", "POC")),
        ({"exploit": "weaponized", "exploit_sources": ["nuclei"]}, ("P", "F", "F")),
        ({}, ("U", "U", "U")),
        ({"exploit": "unknown"}, ("X", "X", "ND")),
    ],
)
def test_the_threat_metric_is_filled_by_the_table(said: dict[str, Any], letters: tuple[str, str, str]) -> None:
    for vector, letter in zip((FOUR, THREE, TWO), letters, strict=True):
        found = standards.threat(signals(vector, **said), POLICY)
        assert found is not None
        assert found["metric"] == f"E:{letter}"
        read = cvss.read(found["vector"])
        assert read is not None
        assert read.metrics["E"] == letter
        assert found["score"] <= found["base"]
        if letter in ("A", "H", "X", "ND"):
            assert found["score"] == found["base"]


def test_what_the_vector_says_of_exploits_gives_way_to_intelligence() -> None:
    found = standards.threat(signals(FOUR + "/E:U", exploit="attacks"), POLICY)
    assert found is not None
    assert found["vector"].endswith("/E:A")
    assert standards.threat(signals(""), POLICY) is None


def test_one_weakness_with_all_that_is_beside_it(ask_of: Any) -> None:
    vector = THREE + "/E:U/RL:O/RC:C"
    rows = [
        ("CVE-2024-1", "cvss", 8.5, vector, "cna", "3.1", date(2024, 1, 1)),
        ("CVE-2024-1", "cvss", 9.3, FOUR, "nvd", "4.0", date(2024, 1, 2)),
        ("CVE-2024-1", "epss", 0.1, "", "first-epss", "v3", date(2024, 2, 1)),
        ("CVE-2024-1", "epss", 0.2, "", "first-epss", "v3", date(2024, 3, 2)),
        ("*", "feed:poc_index", None, "", "poc-index", "", date(2024, 3, 1)),
    ]
    found = standards.beside(ask_of(rows), "CVE-2024-1", datetime(2024, 3, 31), POLICY)
    assert [(one["source"], one["base"], one["mismatch"]) for one in found["cvss"]] == [
        ("nvd", 9.3, False), ("cna", 9.8, True),
    ]  # fmt: skip
    assert "its threat or temporal score" in found["cvss"][1]["sentence"]
    assert found["cvss_bt"]["metric"] == "E:U"
    assert found["epss"]["model"] == "v3"
    assert found["epss"]["horizons"]["90"] == pytest.approx(1 - 0.8**3)
    assert "0.1 → 0.2" in found["epss"]["change"]
    assert found["lev"]["lev"] == pytest.approx(1 - 0.9 * 0.8)
    text = "\n".join(standards.sentences(found))
    for said in ("CVSS 3.1 by cna: base 9.8", "Published with 8.5", "CVSS-BT", "LEV (NIST CSWP 41)", "model v3"):
        assert said in text


def test_a_weakness_nobody_spoke_of_has_nothing_beside_it(ask_of: Any) -> None:
    found = standards.beside(ask_of([]), "CVE-2024-9", datetime(2024, 3, 31), POLICY)
    assert found == {"cvss": [], "cvss_bt": None, "epss": None, "lev": None}
    assert standards.sentences(found) == []

"""Likelihood: one strongest piece of evidence decides, unknown stays unknown, more never means less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import policy
from foreshore.prioritization import likelihood

POLICY = policy.load()
NETWORK = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
MATURITY = ("none_known", "poc", "weaponized", "attacks", "ransomware")

CANDIDATE = {
    "weakness": "CVE-2099-0001",
    "kind": "vulnerability",
    "rule": "1",
    "title": "Something in a server",
    "component": "",
    "component_name": "",
    "port": 8080,
    "severity": 3,
    "proof": 3,
    "cvss_vector": NETWORK,
}
SIGNAL = {
    "weakness": "CVE-2099-0001",
    "cvss_vector": None,
    "epss": None,
    "own": None,
    "exploit": "unknown",
    "kev": None,
    "ssvc_impact": None,
    "cwe": "",
}
TYPES = pa.schema(
    [
        ("weakness", pa.string()),
        ("cvss_vector", pa.string()),
        ("epss", pa.float64()),
        ("own", pa.float64()),
        ("exploit", pa.string()),
        ("kev", pa.bool_()),
        ("ssvc_impact", pa.string()),
        ("cwe", pa.string()),
    ]
)


def weigh(*candidates: dict[str, Any], signals: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    rows = [{"row": number, **CANDIDATE, **one} for number, one in enumerate(candidates)]
    known = pa.Table.from_pylist([SIGNAL | one for one in signals or []], schema=TYPES)
    found = likelihood.weigh(pa.Table.from_pylist(rows), known, POLICY)
    assert found.schema == likelihood.SCHEMA
    assert found["row"].to_pylist() == list(range(len(rows)))
    listed: list[dict[str, Any]] = found.to_pylist()
    return listed


def with_signals(*signals: dict[str, Any]) -> list[dict[str, Any]]:
    """One candidate for each signal."""
    names = [f"CVE-2099-{number:04}" for number in range(len(signals))]
    return weigh(
        *({"weakness": name} for name in names),
        signals=[one | {"weakness": name} for name, one in zip(names, signals, strict=True)],
    )


@pytest.mark.parametrize(("days", "expected"), [(1, 0.003506), (90, 0.271), (365, 0.7225)])
def test_epss_converts_at_constant_hazard(days: int, expected: float) -> None:
    content = POLICY.content()
    horizon = content["settings"]["likelihood"]["epss"]["horizon_days"]
    content["settings"] = {
        **content["settings"],
        "likelihood": {
            **content["settings"]["likelihood"],
            "epss": {**content["settings"]["likelihood"]["epss"], "horizon_days": {**horizon, "value": days}},
        },
    }
    found = likelihood.epss_to_year(np.array([0.1]), policy.restore(content))
    assert found[0] == pytest.approx(expected, rel=2e-4)


@given(st.floats(0, 1), st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_effort_over_two_parts_is_effort_over_their_sum(chance: float, first: float, second: float) -> None:
    one, two, both = (
        likelihood.with_effort(np.array([chance]), effort)[0] for effort in (first, second, first + second)
    )
    assert both == pytest.approx(1 - (1 - one) * (1 - two), abs=1e-9)
    assert 0 <= both <= 1


@given(st.floats(0, 1))
def test_an_effort_of_one_changes_nothing(chance: float) -> None:
    assert likelihood.with_effort(np.array([chance]), 1.0)[0] == pytest.approx(chance, abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([*MATURITY, "unknown"])), min_size=2, max_size=12))
def test_usable_is_bounded_and_the_stronger_of_both_alone(evidence: list[tuple[float, str]]) -> None:
    both = with_signals(*({"epss": epss, "exploit": exploit} for epss, exploit in evidence))
    epss_alone = with_signals(*({"epss": epss, "exploit": "none_known"} for epss, _ in evidence))
    maturity_alone = with_signals(*({"exploit": exploit} for _, exploit in evidence))
    for row, first, second, (_, exploit) in zip(both, epss_alone, maturity_alone, evidence, strict=True):
        assert 0 <= row["usable_low"] <= row["usable"] <= row["usable_high"] <= 1
        if exploit in likelihood.SCORES_KNOW:  # a score was made from exploit code: the word is no second witness
            assert row["usable"] == first["usable"]
        else:
            assert row["usable"] == max(first["usable"], second["usable"])  # a maximum, never a product
            assert row["usable_high"] == max(first["usable_high"], second["usable_high"])


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0001, 0.999), st.floats(0.0001, 0.999))
def test_two_forecasts_are_pooled_between_both_and_the_interval_holds_them(epss: float, own: float) -> None:
    both, alone, ours, raised = with_signals(
        {"epss": epss, "own": own, "exploit": "poc"},
        {"epss": epss, "exploit": "poc"},
        {"own": own, "exploit": "poc"},
        {"epss": min(1.0, epss * 1.1), "own": min(1.0, own * 1.1), "exploit": "poc"},
    )
    least, most = sorted((alone["usable"], ours["usable"]))
    assert least - 1e-9 <= both["usable"] <= most + 1e-9
    assert both["usable_low"] <= min(alone["usable_low"], ours["usable_low"]) + 1e-9
    assert both["usable_high"] >= max(alone["usable_high"], ours["usable_high"]) - 1e-9
    assert raised["usable"] >= both["usable"] - 1e-12
    assert (alone["evidence"], ours["evidence"]) == ("epss", "own_model")


@pytest.mark.parametrize(("number", "signal"), [("epss", {"epss": 0.2}), ("own", {"own": 0.2})])
def test_each_forecast_is_carried_over_by_its_own_number(number: str, signal: dict[str, float]) -> None:
    content = POLICY.content()
    likely = content["settings"]["likelihood"]
    none = {**likely[number]["carried"], "value": 0.0, "low": 0.0}
    changed = {**content["settings"], "likelihood": {**likely, number: {**likely[number], "carried": none}}}
    other = policy.restore({**content, "settings": changed})
    candidates = pa.Table.from_pylist([CANDIDATE | {"row": 0, "weakness": "CVE-2099-0001"}])
    known = pa.Table.from_pylist([SIGNAL | {"weakness": "CVE-2099-0001", "exploit": "poc"} | signal], schema=TYPES)
    (before,), (after,) = (likelihood.weigh(candidates, known, one).to_pylist() for one in (POLICY, other))
    assert before["usable"] > 0
    assert after["usable"] == 0


def test_words_stay_where_nothing_forecasts_and_ready_exploits_stay_beside_a_forecast() -> None:
    poc, scored, ready = with_signals(
        {"exploit": "poc"}, {"exploit": "poc", "epss": 0.0001}, {"exploit": "weaponized", "epss": 0.0001}
    )
    assert poc["usable"] == POLICY.number("likelihood.usable.poc").value
    assert scored["usable"] < poc["usable"]
    assert ready["usable"] == POLICY.number("likelihood.usable.weaponized").value


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.sampled_from([*MATURITY, "unknown"]))
def test_more_epss_never_means_less_usable(scores: list[float], exploit: str) -> None:
    rows = with_signals(*({"epss": score, "exploit": exploit} for score in sorted(scores)))
    for figure in ("usable", "usable_low", "usable_high"):
        found = [row[figure] for row in rows]
        assert found == sorted(found)


@settings(max_examples=8, deadline=None)
@given(st.none() | st.floats(0, 1))
def test_riper_exploits_never_mean_less_usable(epss: float | None) -> None:
    rows = with_signals(*({"epss": epss, "exploit": exploit} for exploit in MATURITY))
    for figure in ("usable", "usable_low", "usable_high"):
        found = [row[figure] for row in rows]
        assert found == sorted(found)


def test_a_catalogued_weakness_is_never_below_its_prior() -> None:
    rows = with_signals({"exploit": "attacks", "kev": True, "epss": 0.0001}, {"exploit": "attacks", "kev": True})
    prior = POLICY.number("likelihood.usable.kev")
    assert [(row["usable"], row["usable_param"]) for row in rows] == [(prior.value, "likelihood.usable.kev")] * 2


def test_nothing_known_is_unknown_with_a_wide_interval_and_not_zero() -> None:
    (row,) = weigh({})
    unknown = POLICY.number("likelihood.usable.unknown")
    assert (row["usable"], row["usable_low"], row["usable_high"]) == unknown[:3]
    assert row["exploit"] == row["evidence"] == "unknown"
    (known,) = with_signals({"exploit": "none_known"})
    assert known["usable"] < row["usable"]
    assert known["usable_high"] - known["usable_low"] < row["usable_high"] - row["usable_low"]


def test_a_score_without_exploit_feeds_leaves_the_top_open() -> None:
    low, none = with_signals({"epss": 0.0003}, {"epss": 0.0003, "exploit": "none_known"})
    assert low["usable"] == none["usable"]
    assert low["usable_high"] == POLICY.number("likelihood.usable.unknown").high > none["usable_high"]


@pytest.mark.parametrize(
    ("change", "way_in", "gives"),
    [
        ({}, "network", "user"),
        ({"component_name": "PAN-OS", "port": 443}, "network", "admin"),
        (
            {"component_name": "Google Chrome", "port": 0, "cvss_vector": NETWORK.replace("UI:N", "UI:R")},
            "user",
            "user",
        ),
        (
            {
                "component_name": "WinRAR",
                "port": 0,
                "cvss_vector": "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H",
            },
            "user",
            "user",
        ),
        (
            {
                "component_name": "linux kernel",
                "port": 0,
                "cvss_vector": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
            },
            "local",
            "admin",
        ),
        ({"component": "pkg:npm/lodash", "component_name": "lodash", "port": 0}, "library", "user"),
        ({"component": "pkg:deb/debian/openssl", "component_name": "openssl", "port": 0}, "library", "user"),
        (
            {"component": "pkg:deb/debian/openssh", "component_name": "openssh-server", "port": 0},
            "network",
            "admin",
        ),
        ({"cvss_vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}, "network", "none"),
        ({"cvss_vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}, "network", "data"),
        (
            {"cvss_vector": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"},
            "network",
            "user",
        ),
        ({"cvss_vector": "AV:N/AC:L/Au:N/C:C/I:C/A:C"}, "network", "user"),
        (
            {"weakness": "nessus:57608", "title": "SMB Signing not required", "cvss_vector": "", "port": 445},
            "network",
            "identity",
        ),
        (
            {
                "weakness": "nessus:42873",
                "title": "SSL Medium Strength Cipher Suites Supported",
                "cvss_vector": "",
            },
            "network",
            "none",
        ),
        (
            {
                "weakness": "prowler:s3",
                "kind": "misconfiguration",
                "title": "S3 bucket is public",
                "cvss_vector": "",
            },
            "configuration",
            "data",
        ),
        (
            {
                "weakness": "prowler:mfa",
                "kind": "misconfiguration",
                "title": "Root account has no MFA",
                "cvss_vector": "",
            },
            "identity",
            "admin",
        ),
        (
            {"weakness": "gitleaks:aws", "kind": "secret", "title": "AWS access key", "cvss_vector": ""},
            "identity",
            "identity",
        ),
        (
            {"weakness": "web:1", "title": "Default credentials on admin console", "cvss_vector": ""},
            "network",
            "admin",
        ),
        ({"weakness": "web:2", "title": "SQL Injection", "cvss_vector": ""}, "network", "data"),
        (
            {"weakness": "note:1", "kind": "observation", "title": "A host was seen", "cvss_vector": ""},
            "configuration",
            "none",
        ),
    ],
)
def test_way_in_and_gain(change: dict[str, Any], way_in: str, gives: str) -> None:
    (row,) = weigh(change)
    assert (row["way_in"], row["gives"]) == (way_in, gives), row["basis"]


def test_no_title_makes_a_cve_harmless() -> None:
    (row,) = weigh({"title": "Server version disclosed in banner", "cvss_vector": ""})
    assert row["class"] == ""
    assert row["gives"] != "none"
    assert row["success"] > 0


def test_what_the_scanner_calls_information_is_no_way_in() -> None:
    (row,) = weigh({"weakness": "x:1", "title": "Admin console exposed", "cvss_vector": "", "severity": 0})
    assert row["gives"] == "none"


@pytest.mark.parametrize(
    ("easier", "harder"),
    [
        ({}, {"cvss_vector": NETWORK.replace("AC:L", "AC:H")}),
        ({}, {"cvss_vector": NETWORK.replace("PR:N", "PR:L")}),
        ({"cvss_vector": NETWORK.replace("PR:N", "PR:L")}, {"cvss_vector": NETWORK.replace("PR:N", "PR:H")}),
        ({}, {"cvss_vector": NETWORK.replace("UI:N", "UI:R")}),
        ({}, {"cvss_vector": NETWORK.replace("AV:N", "AV:P")}),
        ({}, {"component": "pkg:pypi/thing", "port": 0}),
        ({}, {"port": 0}),
    ],
)
def test_harder_conditions_lower_success(easier: dict[str, Any], harder: dict[str, Any]) -> None:
    first, second = weigh(easier, harder)
    assert second["success"] < first["success"]
    for row in (first, second):
        assert 0 <= row["success_low"] <= row["success"] <= row["success_high"] <= 1


def test_an_attacked_library_is_easier_to_reach_than_another() -> None:
    library = {"component": "pkg:maven/a/b", "port": 0}
    quiet, attacked = weigh(
        library | {"weakness": "CVE-2099-0001"},
        library | {"weakness": "CVE-2099-0002"},
        signals=[{"exploit": "none_known"}, {"weakness": "CVE-2099-0002", "exploit": "attacks"}],
    )
    assert attacked["success"] > quiet["success"]


def test_the_worlds_vector_goes_before_the_scanners() -> None:
    (row,) = weigh({}, signals=[{"cvss_vector": NETWORK.replace("AV:N", "AV:L")}])
    assert row["way_in"] == "local"
    assert row["basis"] == "CVSS 3.1"
    (own,) = weigh({})
    assert own["basis"] == "CVSS 3.1 of the scanner"


def test_how_it_was_seen_says_how_true_it_is() -> None:
    rows = weigh(*({"proof": rank} for rank in range(7)))
    ways = POLICY.numbers("proof.rank")
    assert [row["truth"] for row in rows] == [POLICY.number(f"proof.truth.{name}").value for name in ways]


def test_nothing_gives_nothing() -> None:
    empty = pa.Table.from_pylist([{"row": 0, **CANDIDATE}]).slice(0, 0)
    found = likelihood.weigh(empty, TYPES.empty_table(), POLICY)
    assert (len(found), found.schema) == (0, likelihood.SCHEMA)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=20), st.integers(0, 4)), min_size=1, max_size=10))
def test_any_text_is_weighed_and_order_does_not_matter(texts: list[tuple[str, str, int]]) -> None:
    rows = [
        {
            "weakness": f"x:{n}",
            "title": title,
            "component_name": name,
            "severity": severity,
            "cvss_vector": title,
        }
        for n, (title, name, severity) in enumerate(texts)
    ]
    there = weigh(*rows)
    back = weigh(*reversed(rows))[::-1]
    assert [one | {"row": 0} for one in there] == [one | {"row": 0} for one in back]


def test_every_name_of_a_parameter_is_one() -> None:
    rows = weigh(
        {},
        {"weakness": "a", "title": "SQL injection"},
        {"weakness": "b", "kind": "secret", "cvss_vector": ""},
    )
    for row in rows:
        assert POLICY.number(row["usable_param"]).value == row["usable"]
        assert POLICY.number(row["success_param"]).value >= row["success"]

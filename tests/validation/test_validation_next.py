from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts, policy
from foreshore.validation import candidates, evidence, stage
from foreshore.validation.checks import tls

SCOPE = facts.Scope(
    "Example Stores",
    sites=(facts.Site("hq"), facts.Site("south")),
    zones=(
        facts.Zone("office", "hq", ("10.1.0.0/16",)), facts.Zone("south-office", "south", ("10.1.0.0/16",)),
        facts.Zone("dmz", "hq", ("203.0.113.0/24",)),
    ),
)  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    """One candidate: an unknown reach from the office that port 445 of 10.1.0.5 decides."""
    return {
        "exposure": 1, "asset": 10, "asset_name": "pay-db-01", "site": "hq", "zone": "office", "title": "A weakness",
        "place_kind": "port", "place": "tcp/445", "reachable": "unknown", "way_in": "network", "claim": None,
        "decided_from": "office", "moves": 0.2, "asset_kind": "host", "tags": [], "addresses": ["10.1.0.5"],
        "names": [], "ports": [445], **changes,
    }  # fmt: skip


def test_exposures_behind_one_port_share_a_test_and_add_up() -> None:
    rows = [
        row(),
        row(exposure=2, title="Another", moves=0.1),
        row(exposure=3, asset=11, addresses=["10.1.0.6"], moves=0.25),
    ]
    found = stage.next_tests(rows, 10, scope=SCOPE)
    assert [(one.target, one.exposures) for one in found] == [("10.1.0.5:445", (1, 2)), ("10.1.0.6:445", (3,))]
    assert found[0].would_move == pytest.approx(0.3)
    assert stage.tell(found[0]) == "A weakness on pay-db-01 and 1 more"
    assert found[0].vantage == "office"


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 6), st.floats(0, 1)), max_size=30), st.integers(1, 8))
def test_no_test_that_is_left_out_moves_more(given_rows: list[tuple[int, int, float]], top: int) -> None:
    rows = [
        row(exposure=number, asset=asset, addresses=[f"10.1.0.{asset}"], moves=moves)
        for number, (_, asset, moves) in enumerate(given_rows)
    ]
    few, every = (stage.next_tests(rows, count, scope=SCOPE) for count in (top, 1000))
    assert few == every[:top]
    assert [one.would_move for one in every] == sorted((one.would_move for one in every), reverse=True)


def test_a_private_address_is_tested_only_inside_its_site() -> None:
    assert stage.next_tests([row(decided_from="south-office")], 5, scope=SCOPE) == []
    assert stage.next_tests([row(decided_from="internet")], 5, scope=SCOPE) == []
    public = row(decided_from="internet", addresses=["10.1.0.5", "203.0.113.7"])
    assert [one.address for one in stage.next_tests([public], 5, scope=SCOPE)] == ["203.0.113.7"]


def test_from_another_place_than_the_deciding_one_nothing_is_asked() -> None:
    assert stage.next_tests([row()], 5, vantage="dmz", scope=SCOPE) == []
    assert len(stage.next_tests([row()], 5, vantage="office", scope=SCOPE)) == 1


@pytest.mark.parametrize(
    "changes", [{"reachable": "yes"}, {"ports": []}, {"addresses": []}, {"way_in": "user"}, {"decided_from": ""}]
)
def test_known_reach_and_missing_ports_or_addresses_give_no_test(changes: dict[str, Any]) -> None:
    assert stage.next_tests([row(**changes)], 5, scope=SCOPE) == []


def test_an_asset_without_address_is_asked_for_by_name() -> None:
    named = row(addresses=[], names=["www.example.com"], decided_from="internet")
    assert [one.target for one in stage.next_tests([named], 5, scope=SCOPE)] == ["www.example.com:445"]
    assert stage.next_tests([row(names=["www.example.com"], decided_from="internet")], 5, scope=SCOPE) == []


def test_a_handshake_is_proposed_for_what_it_decides() -> None:
    found = stage.next_tests([row(reachable="yes", claim="tls1.0", ports=[443, 8443])], 5, scope=SCOPE)
    assert [(one.check, one.claim, one.port) for one in found] == [("tls", "tls1.0", 443)]


def test_what_was_tried_is_not_asked_again() -> None:
    tried = {"asset": 10, "port": 445, "check_name": "tcp_reach", "vantage": "office", "exposures": [0]}
    assert stage.next_tests([row()], 5, scope=SCOPE, tried=[tried]) == []
    assert len(stage.next_tests([row()], 5, scope=SCOPE, tried=[{**tried, "vantage": "dmz"}])) == 1
    weak = row(reachable="yes", claim="rc4", exposure=7)
    seen = {**tried, "check_name": "tls", "vantage": "", "exposures": [6]}
    assert len(stage.next_tests([weak], 5, scope=SCOPE, tried=[seen])) == 1
    assert stage.next_tests([weak], 5, scope=SCOPE, tried=[{**seen, "exposures": [6, 7]}]) == []


@pytest.mark.parametrize(
    ("title", "claim"),
    [
        ("TLS Version 1.0 Protocol Detection", "tls1.0"), ("TLS Version 1.1 Deprecated Protocol", "tls1.1"),
        ("Deprecated TLS Detection", "tls1.0-1.1"),
        ("SSL/TLS: Deprecated TLSv1.0 and TLSv1.1 Protocol Detection", "tls1.0-1.1"),
        ("SSL RC4 Cipher Suites Supported (Bar Mitzvah)", "rc4"), ("SSL Medium Strength Cipher Suites", "3des"),
        ("SSL/TLS: Report Weak Cipher Suites", "weak_cipher"), ("SSL Anonymous Cipher Suites Supported", "anonymous"),
        ("SSL Null Cipher Suites Supported", "null"), ("SSL Self-Signed Certificate", "self_signed"),
        ("SSL Certificate Expiry", "expired"), ("SSL/TLS: Certificate Expired", "expired"),
        ("SSL Certificate Cannot Be Trusted", "untrusted"), ("SSL Certificate with Wrong Hostname", "wrong_name"),
        ("SSL Certificate Chain Contains RSA Keys Less Than 2048 bits", "small_key"),
        ("SSL/TLS: Certificate Signed Using A Weak Signature Algorithm", "weak_signature"),
        ("OpenSSL CCS Man in the Middle", ""), ("SSL/TLS: Deprecated SSLv2 and SSLv3 Protocol Detection", ""),
        ("SMB Signing not required", ""), ("Terminal Services Use SSL/TLS", ""), ("Password never expires", ""),
    ],
)  # fmt: skip
def test_titles_of_scanners_lead_to_claims(title: str, claim: str) -> None:
    rows = [one for one in candidates.claims().to_pylist() if one["field"] == "title"]
    assert next((one["claim"] for one in rows if re.search(one["pattern"], title, re.I)), "") == claim


def test_every_claim_of_the_table_can_be_asked() -> None:
    rows = candidates.claims().to_pylist()
    assert {one["claim"] for one in rows} <= set(tls.CLAIMS)
    assert {one["field"] for one in rows} == {"weakness", "title"}
    assert all(re.compile(one["pattern"]) and one["note"] for one in rows)


def test_ports_of_a_product_are_those_seen_open_else_its_first() -> None:
    rules = policy.load(None)
    assert candidates.product_ports("windows smb remote code execution", [445, 80], rules) == [445]
    assert candidates.product_ports("apache httpd", [8080, 443], rules) == [443]
    assert candidates.product_ports("apache httpd", [], rules) == [80]
    assert candidates.product_ports("nothing that is known", [80], rules) == []


@given(st.floats(0.001, 0.999), st.sampled_from(sorted(evidence.STRENGTHS)))
def test_belief_moves_with_the_verdict(prior: float, check: str) -> None:
    assert evidence.believed(prior, check, "refuted") < prior < evidence.believed(prior, check, "confirmed") <= 1
    for silent in ("inconclusive", "not_run"):
        assert evidence.believed(prior, check, silent) == prior
    assert evidence.believed(prior, "unheard of", "refuted") == prior


def test_belief_is_bayes_rule() -> None:
    assert evidence.believed(0.5, "tcp_reach", "confirmed") == pytest.approx(0.97 / 0.98)
    assert evidence.believed(0.5, "tcp_reach", "refuted") == pytest.approx(0.03 / 1.02)

"""Identifiers in one spelling, and what tells nothing."""

from __future__ import annotations

import pytest

from foreshore.discovery import identity


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("mac", "00-1B-21-AA-BB-CC", ("mac", "00:1b:21:aa:bb:cc")),
        ("mac", "02:42:ac:11:00:02", None),
        ("mac", "00:00:00:00:00:00", None),
        ("serial", "To Be Filled By O.E.M.", None),
        ("serial", "0000000", None),
        ("serial", "ABC123", ("serial", "abc123")),
        ("bios_uuid", "00000000-0000-0000-0000-000000000000", None),
        ("bios_uuid", "4C4C4544-0042", ("bios_uuid", "4c4c45440042")),
        ("ip", "127.0.0.1", None),
        ("ip", "fe80::1%eth0", None),
        ("ip", "::ffff:10.0.0.1", ("ip", "10.0.0.1")),
        ("ip", "nonsense", None),
        ("fqdn", "Web.Example.COM.", ("fqdn", "web.example.com")),
        ("fqdn", "web", ("hostname", "web")),
        ("fqdn", "web.local", ("hostname", "web.local")),
        ("fqdn", "10.0.0.1", ("ip", "10.0.0.1")),
        ("hostname", "web.example.com", ("fqdn", "web.example.com")),
        ("hostname", "localhost", None),
        ("netbios", "CORP\\WEB", ("netbios", "web")),
        ("repo_url", "https://git.example.com/A/b.git", ("repo_url", "https://git.example.com/a/b")),
        ("colour", "red", None),
        ("anchor", "x", None),
    ],
)
def test_an_identifier_has_one_spelling(kind: str, value: str, expected: tuple[str, str] | None) -> None:
    assert identity.clean(kind, value) == expected


def test_the_anchor_rests_on_the_strongest_that_is_there() -> None:
    address, name, agent = ("ip", "10.0.0.1"), ("hostname", "web"), ("agent_id", "g1")
    assert identity.anchor("hq", "host", "n", [address, agent, name])[1] == "strong"
    assert identity.anchor("hq", "host", "n", [address, name])[1] == "short"
    assert identity.anchor("hq", "host", "n", [address])[1] == "ip"
    assert identity.anchor("hq", "host", "n", [])[1] == "name"
    assert identity.anchor("hq", "host", "n", [address, agent]) == identity.anchor("hq", "host", "m", [agent])
    assert identity.anchor("hq", "host", "n", [address]) != identity.anchor("south", "host", "n", [address])


@pytest.mark.parametrize(
    ("kind", "one", "other", "contradict"),
    [
        ("agent_id", "tenable:a1", "tenable:b2", True),
        ("agent_id", "tenable:a1", "qualys:a1", False),
        ("agent_id", "a1", "b2", True),
        ("cloud_id", "entra:0f0f", "/subscriptions/1/vm", False),
        ("cloud_id", "/subscriptions/1/vm", "/subscriptions/2/vm", True),
        ("cloud_id", "i-0a1b2c3d4e", "i-0a1b2c3d4f", True),
        ("serial", "a:1", "b:1", True),
    ],
)
def test_ids_of_one_maker_contradict_each_other(kind: str, one: str, other: str, contradict: bool) -> None:
    assert (identity.family_of(kind, one) == identity.family_of(kind, other)) is contradict

"""Places: what survives versions, moved lines and query values."""

from __future__ import annotations

from typing import Any

import pytest

from foreshore.discovery import place, weakness
from foreshore.facts import Finding


def found(**more: Any) -> Finding:
    settings: dict[str, Any] = {"asset": "a", "rule": "r", "title": "t", "severity": "high"} | more
    return Finding(**settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkg:deb/debian/openssl@3.0.1-1?arch=amd64#x", "pkg:deb/debian/openssl"),
        ("pkg:npm/%40angular/core@15.0.0", "pkg:npm/%40angular/core"),
        ("pkg:npm/@angular/core@15.0.0", "pkg:npm/%40angular/core"),
        ("pkg:pypi/Django_Rest@1", "pkg:pypi/django-rest"),
        ("cpe:2.3:a:OpenSSL:openssl:3.0.1:*:*:*:*:*:*:*", "cpe:openssl:openssl"),
        ("cpe:/a:apache:http_server:2.4", "cpe:apache:http_server"),
        (r"cpe:2.3:a:vendor:a\:b:1", "cpe:vendor:a:b"),
        ("cpe:2.3:a", "cpe::"),
        ("pkg:", "pkg:"),
        ("Apache  HTTP Server", "name:apache http server"),
    ],
)
def test_components_have_one_spelling_without_version(text: str, expected: str) -> None:
    assert place.component(text) == expected


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (found(component="pkg:deb/debian/x@1", port=443), ("component", "pkg:deb/debian/x")),
        (found(component_name="OpenSSH", port=22), ("component", "name:openssh")),
        (found(weaknesses=("CVE-2024-0001",), port=443, protocol="TCP"), ("port", "tcp/443")),
        (found(weaknesses=("CVE-2024-0001",), url="https://a.test/x"), ("port", "tcp/443")),
        (found(weaknesses=("CVE-2024-0001",)), ("none", "")),
        (found(kind="misconfiguration", resource="arn:aws:s3:::b", port=1), ("resource", "arn:aws:s3:::b")),
        (found(kind="misconfiguration", port=25), ("port", "tcp/25")),
        (
            found(kind="code", path="./src\\a.py", context=" x  = 1"),
            ("code", place.code("src/a.py", "r", "x=1")),
        ),
        (found(kind="misconfiguration", path="/etc/ssh/sshd_config"), ("resource", "/etc/ssh/sshd_config")),
    ],
)
def test_the_place_of_a_finding(finding: Finding, expected: tuple[str, str]) -> None:
    assert place.of(finding) == expected


def test_values_of_a_query_do_not_count_but_its_names_do() -> None:
    one = place.web("https://Shop.test/cart?id=1&x=2")
    assert one == place.web("https://shop.test:443/cart?x=9&id=7")
    assert one != place.web("https://shop.test/cart?id=1")
    assert place.web("http://[bad/x?y=1", "post") == "POST http://[bad/x"


def test_a_cve_goes_before_a_ghsa_before_the_rule() -> None:
    both = ("ghsa-2222-3333-4444", "cve-2024-0001", "CVE-2024-0001 ")
    assert weakness.canonical(both, "t", "r") == ("CVE-2024-0001",)
    assert weakness.canonical(("GHSA-2222-3333-4444", "X-1"), "t", "r") == ("GHSA-2222-3333-4444",)
    assert weakness.canonical(("X-1",), "t", "r") == ("X-1",)
    assert weakness.canonical(("",), "Tool ", "r") == ("tool:r",)


def test_information_without_a_public_name_yields_no_exposure() -> None:
    assert not weakness.has_exposure("vulnerability", "info", ("X-1",))
    assert weakness.has_exposure("vulnerability", "info", ("cve-2024-0001",))
    assert not weakness.has_exposure("observation", "critical", ("CVE-2024-0001",))

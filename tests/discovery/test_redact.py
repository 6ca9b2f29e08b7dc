"""Secrets never stay; prose does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.discovery.redact import fingerprint, redact

KEY = b"k" * 32
# Visibly made up, put together here so that no scanner takes this file for a leak.
FAKE = "Example" + "0123456789"
SECRETS = {
    "aws": ("AKIA" + "EXAMPLE000000000"[:16], "found {} in a file"),
    "github": ("ghp_" + "Ex4mple0" * 5, "token {} here"),
    "gitlab": ("glpat-" + "Ex4mple0Ex4mple0Ex4m", "{}"),
    "slack": ("xoxb-" + "0000000000-example", "{}"),
    "google": ("AIza" + "Ex4mple" * 5, "key={}&x"),
    "jwt": (
        "eyJ" + "hbGciOiJub25lIn0" + ".eyJ" + "zdWIiOiJleGFtcGxlIn0" + ".c2lnbmF0dXJl",
        "Cookie: session={};",
    ),
    "password": (FAKE, "db.password = {}\nnext"),
    "json": (FAKE, '{{"client_secret": "{}", "id": 1}}'),
    "yaml": (FAKE, "api_key: '{}'"),
    "query": (FAKE, "GET /x?access_token={}&page=2"),
    "url": (FAKE, "postgres://app:{}@db.example.com:5432/app"),
    "bearer": (FAKE + "abcdef", "Authorization: Bearer {}"),
    "basic": ("ZXhhbXBsZTpleGFtcGxl", "authorization: Basic {}"),
    "pem": (
        "\nMIIExample" + "A" * 60 + "\n",
        "-----BEGIN RSA PRIVATE KEY-----{}-----END RSA PRIVATE KEY-----",
    ),
}


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_replaced_by_their_fingerprint_and_the_rest_stays(kind: str) -> None:
    secret, around = SECRETS[kind]
    found = redact(around.format(secret), KEY)
    assert secret not in found
    assert found == around.format(f"[secret {fingerprint(secret, KEY)}]")


@pytest.mark.parametrize("kind", SECRETS)
def test_a_key_cut_short_is_still_hidden_and_twice_is_once(kind: str) -> None:
    secret, around = SECRETS[kind]
    once = redact(around.format(secret), KEY)
    assert redact(once, KEY) == once
    if kind == "pem":
        assert "MIIExample" not in redact(around.format(secret).partition("-----END")[0], KEY)


PROSE = (
    "The password is weak. Password: required. Passwords are sent in clear text.",
    "An attacker may steal the session token or the secret key of the server.",
    "password = ********",
    "token: ${API_TOKEN}",
    'password="<password>"',
    "secret=true",
    "PasswordAuthentication no, PermitEmptyPasswords no",
    "Bearer authentication is not required by the interface of this product",
    "https://example.com:8443/path and mailto:someone@example.com",
    "Installed version : 1.2.3\n  Fixed version : 1.2.9",
    "basic authentication without https",
    "The file begins with -----BEGIN RSA PRIVATE KEY----- and can be read by everybody.",
    "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
)


@pytest.mark.parametrize("text", PROSE)
def test_prose_stays(text: str) -> None:
    assert redact(text, KEY) == text


def test_fingerprints_depend_on_secret_and_key_only() -> None:
    one, two = redact(f"password={FAKE}", KEY), redact(f"token={FAKE}", KEY)
    assert re.findall(r"\[secret \w+\]", one) == re.findall(r"\[secret \w+\]", two)
    assert redact(f"password={FAKE}", b"other" * 8) != one
    assert redact(f"password={FAKE}x", KEY) != one


@given(st.text(max_size=300))
def test_any_text_and_idempotence(text: str) -> None:
    once = redact(text, KEY)
    assert redact(once, KEY) == once


WORDS = st.sampled_from(
    ["password", "=", ": ", '"', "'", " ", "\n", "token", "://", "a:", "@host", "Bearer ", FAKE, "eyJ", ".",
     "[secret ", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "authorization", "<", ">"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=25))
def test_pieces_of_secrets_in_any_order(words: list[str]) -> None:
    once = redact("".join(words), KEY)
    assert redact(once, KEY) == once


def test_long_texts_take_time_in_proportion() -> None:
    """Would run for hours if a pattern tried every split of a long run."""
    for piece in (
        "password" * 20_000,
        "a" * 200_000,
        "://" * 60_000,
        "eyJ" * 60_000,
        "-----BEGIN PRIVATE KEY-----" * 3_000,
    ):
        assert len(redact(piece, KEY)) >= len(piece) / 30

"""Signing in: single sign-on, a second factor, lockout, and what an account may not do to itself."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.accounts import one_time
from tests.served import PASSWORD, Service, made, post, serving
from tests.server.issuer import Issuer, issuing

_MAKE = """
from foreshore.server.models import Person
from foreshore.server import people
for email in ({emails}):
    person = Person.objects.create_user(email, {password!r})
    people.give(person, "viewer", by="test")
"""
_SIGN_IN = """
[[sign_in]]
name = "Company"
server = "{url}"
client = "foreshore"
secret_env = "FORESHORE_TEST_SECRET"
domains = ["trusted.example.com"]
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


@pytest.fixture(scope="module")
def single(company: Path, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with single sign-on."""
    workspace = Path(shutil.copytree(company, tmp_path_factory.mktemp("single") / "ws"))
    with (workspace / "foreshore.toml").open("a", encoding="utf-8") as stream:
        stream.write(_SIGN_IN.format(url=issuer.url))
    with serving(workspace, FORESHORE_TEST_SECRET="not-a-real-secret") as running:
        emails = (
            '"here@example.com", "off@example.com", "me@trusted.example.com", "totp@example.com", "locked@example.com"'
        )
        made(workspace, _MAKE.format(emails=emails, password=PASSWORD))
        made(
            workspace,
            "from foreshore.server.models import Person\nPerson.objects.filter(email='off@example.com').update(is_active=False)",
        )
        yield running


def signs_in(service: Service, issuer: Issuer, **claims: object) -> str:
    """Go through the issuer as whom the claims say, and return whose account the pages then show, "" for nobody's."""
    issuer.claims = claims
    with service.client() as client:
        page = client.get("/accounts/login/")
        assert "Sign in with Company" in page.text
        token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[0]
        client.post("/accounts/oidc/company/login/?process=login", data={"csrfmiddlewaretoken": token},
                    headers={"Referer": str(page.url)})  # fmt: skip
        shown = client.get("/me/")
        found = re.search(r"<h1>([^<]+@[^<]+)</h1>", shown.text)
        return found.group(1) if found else ""


def test_a_verified_address_joins_its_account_and_comes_back(single: Service, issuer: Issuer) -> None:
    claims = {"sub": "1", "email": "Here@Example.com", "email_verified": True}
    assert signs_in(single, issuer, **claims) == "here@example.com"
    assert signs_in(single, issuer, **claims) == "here@example.com"
    assert {"/.well-known/openid-configuration", "/authorize", "/token", "/userinfo"} <= set(issuer.asked)


def test_an_unverified_address_is_refused(single: Service, issuer: Issuer) -> None:
    assert signs_in(single, issuer, sub="2", email="here@example.com", email_verified=False) == ""


def test_an_address_of_a_trusted_domain_needs_no_word_of_the_issuer(single: Service, issuer: Issuer) -> None:
    assert signs_in(single, issuer, sub="3", email="me@trusted.example.com") == "me@trusted.example.com"


def test_without_an_account_nobody_gets_in_and_none_is_made(single: Service, issuer: Issuer) -> None:
    assert signs_in(single, issuer, sub="4", email="stranger@example.com", email_verified=True) == ""
    count = (
        "from foreshore.server.models import Person\nprint(Person.objects.filter(email='stranger@example.com').count())"
    )
    assert made(single.workspace, count).strip() == "0"


def test_an_account_that_is_switched_off_stays_out(single: Service, issuer: Issuer) -> None:
    assert signs_in(single, issuer, sub="5", email="off@example.com", email_verified=True) == ""
    with single.client() as client:
        answer = post(client, "/accounts/login/", {"login": "off@example.com", "password": PASSWORD})
        assert "/accounts/" in str(client.get("/me/").url), answer.url


def test_a_forged_state_is_refused(single: Service, issuer: Issuer) -> None:
    issuer.claims = {"sub": "1", "email": "here@example.com", "email_verified": True}
    with single.client() as client:
        client.get("/accounts/oidc/company/login/callback/?code=any&state=forged")
        assert "/accounts/login" in str(client.get("/me/").url)


def test_the_form_may_only_lead_to_the_issuer(single: Service, issuer: Issuer) -> None:
    with single.client() as client:
        policy = client.get("/accounts/login/").headers["content-security-policy"]
        assert f"form-action 'self' {issuer.url}" in policy


def test_a_second_factor_is_asked_for_once_it_is_set_up(single: Service) -> None:
    with closing(single.client("totp@example.com")) as client:
        page = client.get("/accounts/2fa/totp/activate/")
        if "reauthenticate" in str(page.url):
            post(client, str(page.url.raw_path.decode()), {"password": PASSWORD})
            page = client.get("/accounts/2fa/totp/activate/")
        secret = re.search(r'id="authenticator_secret"[^>]*value="([^"]+)"', page.text)
        secret = secret or re.search(r'value="([A-Z2-7]{16,})"', page.text)
        assert secret, page.text[-3000:]
        code = one_time(secret.group(1))
        answer = client.post("/accounts/2fa/totp/activate/", headers={"Referer": str(page.url)}, data={
            "csrfmiddlewaretoken": re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[-1], "code": code,
        })  # fmt: skip
        assert "recovery" in str(answer.url), answer.text[-2000:]
    with single.client() as client:
        answer = post(client, "/accounts/login/", {"login": "totp@example.com", "password": PASSWORD})
        assert "/accounts/2fa/authenticate/" in str(answer.url)
        assert str(client.get("/me/").url.path) != "/me/"  # the password alone opens nothing
        wrong = post(client, "/accounts/2fa/authenticate/", {"code": "000000"})
        assert "/accounts/2fa/authenticate/" in str(wrong.url)


def test_five_wrong_passwords_lock_even_the_right_one_out(single: Service) -> None:
    with single.client() as client:
        for _ in range(5):
            post(client, "/accounts/login/", {"login": "locked@example.com", "password": "wrong-password-1"})
        answer = post(client, "/accounts/login/", {"login": "locked@example.com", "password": PASSWORD})
        assert "Too many" in answer.text
        assert "/accounts/login" in str(client.get("/me/").url)


def test_nobody_changes_the_address_that_the_trail_knows_them_by(single: Service) -> None:
    with closing(single.client("here@example.com")) as client:
        assert str(client.get("/accounts/email/").url).endswith("/me/")
        client.post("/accounts/email/", data={"email": "admin@example.com", "action_add": ""})
    count = (
        "from allauth.account.models import EmailAddress\n"
        "mine = EmailAddress.objects.filter(email='admin@example.com', user__email='here@example.com')\n"
        "print(mine.count())"
    )
    assert made(single.workspace, count).strip() == "0"


def test_passwords_are_kept_as_argon2id(single: Service) -> None:
    code = "from foreshore.server.models import Person\nprint(Person.objects.get(email='here@example.com').password)"
    assert made(single.workspace, code).startswith("argon2$argon2id$")


def test_nobody_signs_up(single: Service) -> None:
    with single.client() as client:
        post(client, "/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD})
    count = "from foreshore.server.models import Person\nprint(Person.objects.filter(email='new@example.com').count())"
    assert made(single.workspace, count).strip() == "0"

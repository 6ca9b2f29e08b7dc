"""A second factor is demanded of everybody where the service was told so, and a lost one is taken off by another."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.accounts import account, one_time
from tests.served import PASSWORD, Service, made, post, serving


@pytest.fixture(scope="module")
def strict(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that demands a second factor of everybody."""
    workspace = Path(shutil.copytree(company, tmp_path_factory.mktemp("strict") / "ws"))
    with serving(workspace, FORESHORE_SECOND_FACTOR="everybody") as running:
        yield running


def set_up(client: httpx.Client) -> None:
    """Set up the codes of an app, as a browser does."""
    page = client.get("/accounts/2fa/totp/activate/")
    if "reauthenticate" in str(page.url):
        post(client, str(page.url), {"password": PASSWORD})
        page = client.get("/accounts/2fa/totp/activate/")
    secret = re.search(r'id="authenticator_secret"[^>]*value="([^"]+)"', page.text)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert secret, page.text[-2000:]
    assert token
    data = {"csrfmiddlewaretoken": token[1], "code": one_time(secret[1])}
    client.post("/accounts/2fa/totp/activate/", headers={"Referer": str(page.url)}, data=data)


def test_nothing_is_shown_before_the_factor_is_there_and_a_lost_one_is_taken_off(strict: Service) -> None:
    email = account(strict, "viewer")
    with closing(strict.client(email)) as person, closing(strict.client("admin@example.com")) as admin:
        for path in ("/", "/exposures/", "/me/", "/reports/export/?format=csv"):
            assert "/accounts/2fa/" in str(person.get(path).url), path
        assert person.get("/api/v1/exposures").status_code == 403
        for client in (person, admin):
            set_up(client)
            assert client.get("/exposures/").url.path == "/exposures/"
        number = re.search(rf'/settings/people/(\d+)/"[^>]*>\s*{email}', admin.get("/settings/people/").text)
        assert number
        page = f"/settings/people/{number[1]}/"
        assert "Take off a lost second factor" in admin.get(page).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', admin.get(page).text)
        assert token
        said = admin.post(
            f"{page}factor/", data={"csrfmiddlewaretoken": token[1]}, headers={"Referer": strict.url + page}
        )
        assert "was taken off" in said.text
        assert "second factor taken off" in admin.get("/settings/audit/").text
        assert "/accounts/login/" in str(person.get("/exposures/").url), "the sessions ended"
        strict.sign_in(person, email)
        assert "/accounts/2fa/" in str(person.get("/exposures/").url), "it is demanded anew"


def test_nobody_takes_off_their_own(service: Service) -> None:
    with closing(service.client("admin@example.com")) as admin:
        page = admin.get("/settings/people/").text
        number = re.search(r'/settings/people/(\d+)/"[^>]*>\s*admin@example.com', page)
        assert number
        own = admin.get(f"/settings/people/{number[1]}/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', own)
        assert "Take off a lost" not in own
        assert token
        headers = {"Referer": f"{service.url}/settings/people/{number[1]}/"}
        answer = admin.post(
            f"/settings/people/{number[1]}/factor/", data={"csrfmiddlewaretoken": token[1]}, headers=headers
        )
        assert answer.status_code in (403, 409)


def test_a_word_that_is_no_choice_is_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESHORE_SECOND_FACTOR", "some")
    with pytest.raises(AssertionError, match="FORESHORE_SECOND_FACTOR is 'some'"):
        made(service.workspace, "")

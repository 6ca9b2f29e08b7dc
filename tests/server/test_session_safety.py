"""Sessions end when nobody uses them; behind TLS their cookies belong to one host alone."""

from __future__ import annotations

import json

import pytest
from tests.served import Service, made

_COOKIES = """
from django.test import Client
answer = Client(SERVER_NAME="localhost").get("/accounts/login/", secure=True)
for one in answer.cookies.values():
    print(one.key, one["path"], bool(one["secure"]), one["domain"] or "-")
"""
_MANY = """
import json
from django.test import Client
from foreshore.server import people
from foreshore.server.models import Person
clients = []
for email in ("often@example.com", "seldom@example.com"):
    person = Person.objects.create_user(email, "not-a-real-password-7")
    people.give(person, "viewer", by="test")
    clients.append(Client(SERVER_NAME="localhost"))
    clients[-1].force_login(person, backend="django.contrib.auth.backends.ModelBackend")
found = [clients[0].get("/me/") for _ in range(14)]
wait = [one.headers["retry-after"] for one in found if one.status_code == 429]
print(json.dumps({"me": [one.status_code for one in found], "wait": wait[0] if wait else "0",
                  "other": clients[1].get("/me/").status_code}))
"""
_AGED = """
from django.contrib.sessions.backends.db import SessionStore
store = SessionStore(session_key={key!r})
store["used_at"] -= {seconds}
store.save()
"""


@pytest.mark.parametrize(("minutes", "kept"), [(50, True), (70, False)])
def test_a_session_that_nobody_used_for_an_hour_ends(service: Service, minutes: int, kept: bool) -> None:
    with service.client() as client:
        service.sign_in(client, "admin@example.com")
        assert "/accounts/login/" not in str(client.get("/me/").url)
        made(service.workspace, _AGED.format(key=client.cookies["sessionid"], seconds=minutes * 60))
        assert ("/accounts/login/" not in str(client.get("/me/").url)) is kept
        assert (client.get("/api/v1/me").status_code == 200) is kept


def test_behind_tls_the_cookies_carry_the_prefix_for_one_host(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESHORE_HTTPS", "1")
    assert "__Host-csrftoken / True -" in made(service.workspace, _COOKIES)


def test_nobody_asks_for_more_pages_than_a_person_can(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESHORE_PAGES_PER_MINUTE", "5")
    seen = json.loads(made(service.workspace, _MANY))
    assert seen["me"][:5] == [200] * 5
    assert set(seen["me"][5:]) <= {200, 429}, "a new minute may begin meanwhile"
    assert 429 in seen["me"]
    assert 0 < int(seen["wait"]) <= 60
    assert seen["other"] == 200, "others are not held up"


@pytest.mark.parametrize("name", ["FORESHORE_IDLE_MINUTES", "FORESHORE_API_PER_MINUTE", "FORESHORE_PAGES_PER_MINUTE"])
def test_a_limit_that_is_no_number_is_refused(service: Service, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "soon")
    with pytest.raises(AssertionError, match=f"{name} is 'soon', not a whole number"):
        made(service.workspace, "")


def test_limits_of_the_environment_reach_the_settings(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESHORE_IDLE_MINUTES", "15")
    monkeypatch.setenv("FORESHORE_API_PER_MINUTE", "7")
    said = made(service.workspace, "from django.conf import settings as s; print(s.IDLE_MINUTES, s.API_PER_MINUTE)")
    assert said.split() == ["15", "7"]

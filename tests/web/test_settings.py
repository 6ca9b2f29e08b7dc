"""Settings through the front door: people, tokens, guest links, policy, sources, schedules, retention, the trail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing

import httpx
import pytest
from tests.served import Service


@pytest.fixture
def admin(service: Service) -> Iterator[httpx.Client]:
    """The administrator's browser."""
    with closing(service.client("admin@example.com")) as client:
        yield client


def send(client: httpx.Client, path: str, values: Mapping[str, object], page: str = "/me/") -> httpx.Response:
    """Post with the token of a page that has one."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert found
    headers = {"Referer": f"{client.base_url}me/"}
    return client.post(path, data={"csrfmiddlewaretoken": found.group(1), **values}, headers=headers)


def invited(service: Service, admin: httpx.Client, email: str, **more: object) -> str:
    """Invite somebody and make their account; return their number."""
    answer = send(admin, "/settings/people/invite/", {"email": email, "days": "7", "role": "viewer", **more})
    link = re.search(r"(/join/[^/\s<]+/)", answer.text)
    assert link, answer.text[-2000:]
    assert answer.headers["cache-control"].startswith("max-age=0")
    service.join(link.group(1), email)
    found = re.search(rf'/settings/people/(\d+)/">{re.escape(email)}', admin.get(f"/settings/people/?q={email}").text)
    assert found
    return found.group(1)


PAGES = (
    "people", "tokens", "teams", "sources", "sources/edit", "schedules", "feeds", "policy", "retention", "audit", "data",
)  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_each_page_has_one_heading_and_no_style_or_script_in_it(admin: httpx.Client, name: str) -> None:
    answer = admin.get(f"/settings/{name}/")
    assert answer.status_code == 200
    assert len(re.findall(r"<h1", answer.text)) == 1
    assert not re.search(r"<h1>\s*</h1>", answer.text)
    assert not re.search(r"<script(?![^>]*src=)(?![^>]*application/json)|\sstyle=|\son\w+=", answer.text)


def test_a_role_over_a_part_is_given_and_taken_and_the_trail_says_so(service: Service, admin: httpx.Client) -> None:
    number = invited(service, admin, "part@example.com", teams=["web-team"])
    send(admin, f"/settings/people/{number}/grant/", {"role": "approver", "services": ["Web shop"]})
    page = admin.get(f"/settings/people/{number}/").text
    assert "approver" in page
    assert "Web shop" in page
    grant = re.findall(r'name="grant" value="(\d+)"', page)[-1]
    send(admin, f"/settings/people/{number}/take/", {"grant": grant})
    assert "No role" in page or f'value="{grant}"' not in admin.get(f"/settings/people/{number}/").text
    trail = admin.get("/settings/audit/?q=part@example.com").text
    for what in ("person invited", "role given", "role taken", "account made"):
        assert what in trail


def test_a_part_that_the_scope_does_not_name_is_refused(admin: httpx.Client) -> None:
    values = {"email": "x@example.com", "role": "viewer", "days": "7", "teams": ["no-such-team"]}
    assert send(admin, "/settings/people/invite/", values).status_code == 400


def test_nobody_gives_roles_to_themselves_nor_is_the_last_administrator_lost(admin: httpx.Client) -> None:
    page = admin.get("/settings/people/?q=admin@example.com").text
    number = re.search(r'/settings/people/(\d+)/">admin@example.com', page)
    assert number
    own = f"/settings/people/{number.group(1)}"
    assert send(admin, f"{own}/grant/", {"role": "approver"}).status_code == 409
    assert send(admin, f"{own}/off/", {}).status_code == 409
    grant = re.search(r'name="grant" value="(\d+)"', admin.get(f"{own}/").text)
    assert grant
    assert send(admin, f"{own}/take/", {"grant": grant.group(1)}).status_code == 409


def test_who_is_switched_off_is_out_at_once(service: Service, admin: httpx.Client) -> None:
    number = invited(service, admin, "leaver@example.com")
    with closing(service.client("leaver@example.com")) as client:
        assert client.get("/me/").url.path == "/me/"
        made = send(client, "/settings/tokens/make/", {"name": "cli", "permissions": ["see"], "days": "5"})
        token = re.search(r"fst_[\w-]+", made.text)
        assert token
        assert "account is off" in send(admin, f"/settings/people/{number}/off/", {}).text
        assert client.get("/me/").url.path == "/accounts/login/"
        answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {token.group(0)}"})
        assert answer.status_code in (401, 403, 404)


def test_ending_sessions_signs_out(service: Service, admin: httpx.Client) -> None:
    number = invited(service, admin, "sessions@example.com")
    with closing(service.client("sessions@example.com")) as client:
        assert client.get("/me/").url.path == "/me/"
        send(admin, f"/settings/people/{number}/sessions/", {})
        assert client.get("/me/").url.path == "/accounts/login/"


def test_a_guest_link_reads_and_can_be_revoked(service: Service, admin: httpx.Client) -> None:
    made = send(admin, "/settings/tokens/make/", {"name": "auditor's visit", "guest": "1", "days": "5"})
    link = re.search(r"/guest/fst_[\w-]+/", made.text)
    assert link
    with service.client() as guest:
        guest.get(link.group(0))
        assert "web-1" in guest.get("/assets/").text
        assert guest.get("/settings/people/").status_code == 403
        assert guest.get("/settings/audit/").status_code == 403
        page = admin.get("/settings/tokens/").text
        number = re.search(r"auditor&#x27;s visit.*?/settings/tokens/(\d+)/revoke/", page, re.DOTALL)
        assert number
        send(admin, f"/settings/tokens/{number.group(1)}/revoke/", {})
        assert guest.get("/assets/").url.path == "/accounts/login/"
        assert guest.get(link.group(0)).status_code == 404


def test_a_token_cannot_hold_more_than_its_maker(service: Service, admin: httpx.Client) -> None:
    invited(service, admin, "small@example.com")
    with closing(service.client("small@example.com")) as client:
        for permissions in (["people"], ["see", "decide"]):
            values = {"name": "x", "permissions": permissions, "days": "5"}
            assert send(client, "/settings/tokens/make/", values).status_code == 403
        assert send(client, "/settings/tokens/make/", {"name": "x", "guest": "1", "days": "5"}).status_code == 403
        assert (
            send(client, "/settings/tokens/make/", {"name": "x", "permissions": ["see"], "days": "900"}).status_code
            == 400
        )


def test_an_edited_policy_is_checked_compared_saved_and_taken_back(admin: httpx.Client) -> None:
    page = admin.get("/settings/policy/exceptions.toml").text
    digest = re.search(r'name="digest" value="(\w+)"', page)
    text = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert digest
    assert text
    import html

    now = html.unescape(text.group(1)).lstrip("\n")
    edited = now.replace('on_kev = "look again"', 'on_kev = "reopen"')
    assert edited != now
    values = {"digest": digest.group(1), "text": edited}
    assert "→" in send(admin, "/settings/policy/exceptions.toml", {**values, "what": "check"}).text
    bad = send(admin, "/settings/policy/exceptions.toml", {**values, "text": "value = [", "what": "check"})
    assert 'role="alert"' in bad.text
    assert (
        send(admin, "/settings/policy/exceptions.toml", {**values, "text": "value = [", "what": "save"}).status_code
        == 400
    )
    saved = send(admin, "/settings/policy/exceptions.toml", {**values, "what": "save"})
    assert "own copy" in saved.text
    # Who read the file before that may not overwrite it.
    assert send(admin, "/settings/policy/exceptions.toml", {**values, "text": now, "what": "save"}).status_code == 409
    assert "policy edited" in admin.get("/settings/audit/").text
    assert "as shipped" in send(admin, "/settings/policy/exceptions.toml", {"what": "shipped", "text": ""}).text


def test_sources_are_only_saved_when_they_are_valid(admin: httpx.Client) -> None:
    def digest() -> str:
        found = re.search(r'name="digest" value="(\w+)"', admin.get("/settings/sources/edit/").text)
        assert found
        return found.group(1)

    for bad in (
        "[sources.x]\nconnector = 'no-such'",
        "[sources.x]\nconnector = 'dns'\ntoken = 'not-a-real-secret'",
        "[[",
    ):
        answer = send(admin, "/settings/sources/edit/", {"text": bad, "digest": digest()})
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    good = '[sources.names]\nconnector = "dns"\ndomains = ["example.com"]\n'
    answer = send(admin, "/settings/sources/edit/", {"text": good, "digest": digest()})
    assert "names" in admin.get("/settings/sources/").text, answer.text[-1500:]
    assert "Nothing was asked" in send(admin, "/settings/sources/names/test/", {}).text
    assert "sources edited" in admin.get("/settings/audit/").text


def test_schedules_are_made_switched_and_removed(admin: httpx.Client) -> None:
    assert send(admin, "/settings/schedules/", {"kind": "cycle", "every": "1", "unit": "minutes"}).status_code == 400
    assert send(admin, "/settings/schedules/", {"kind": "shell", "every": "1", "unit": "days"}).status_code == 400
    page = send(admin, "/settings/schedules/", {"kind": "cycle", "every": "1", "unit": "days"}).text
    number = re.findall(r"/settings/schedules/(\d+)/off/", page)[-1]
    assert f"/settings/schedules/{number}/on/" in send(admin, f"/settings/schedules/{number}/off/", {}).text
    assert f"/settings/schedules/{number}/" not in send(admin, f"/settings/schedules/{number}/remove/", {}).text


def test_retention_is_checked_and_kept(admin: httpx.Client) -> None:
    assert send(admin, "/settings/retention/", {"report": "-5"}).status_code == 400
    page = send(admin, "/settings/retention/", {"report": "400", "connector": "365", "check": "", "intel": "90"}).text
    assert 'name="report" value="400"' in page
    assert "retention changed" in admin.get("/settings/audit/").text
    assert "400 days" in admin.get("/settings/data/").text


def test_the_trail_is_verified_against_a_digest_noted_earlier(admin: httpx.Client) -> None:
    said = send(admin, "/settings/audit/verify/", {"anchor": ""}).text
    head = re.search(r"cut off: ([0-9a-f]{64})", said)
    assert head
    assert "Every link holds" in send(admin, "/settings/audit/verify/", {"anchor": head.group(1)}).text
    assert "does not hold" in send(admin, "/settings/audit/verify/", {"anchor": "f" * 64}).text
    lines = admin.get("/settings/audit/export/").text.splitlines()
    assert len(lines) >= 3


def test_markup_in_a_name_stays_text(admin: httpx.Client) -> None:
    send(admin, "/me/", {"name": "<script>alert(1)</script>", "language": "", "theme": "dark"})
    for path in ("/me/", "/settings/people/"):
        page = admin.get(path).text
        assert "<script>alert" not in page
    assert 'data-theme="dark"' in admin.get("/me/").text
    send(admin, "/me/", {"name": "", "language": "de", "theme": "auto"})
    assert '<html lang="de"' in admin.get("/me/").text
    send(admin, "/me/", {"name": "", "language": "", "theme": "auto"})

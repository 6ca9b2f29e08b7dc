"""What the API changes: decisions, exceptions, uploads, tokens; and a request that comes twice is done once."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import Api
from tests.company import TODAY
from tests.served import Service, made

from foreshore.client import ApiError, Client, JobFailed

UNTIL = f"{TODAY + timedelta(days=30):%Y-%m-%d}"


def first(client: httpx.Client, where: str) -> str:
    """The first exposure that matches."""
    return str(client.get("/exposures", params={"where": where}).json()["items"][0]["id"])


def test_a_decision_counts_at_once_and_is_taken_back(api: Api) -> None:
    client = api("ana@example.com", "analyst")
    key = first(client, "owner = none")
    said = {"exposures": [key], "word": "false_positive", "because": "looked at it by hand: it is not there"}
    assert client.post("/decisions/preview", json=said).json()["count"] == 1
    assert client.post("/decisions", json=said).json()[0]["author"] == "ana@example.com"
    assert client.get(f"/exposures/{key}").json()["disposition"] == "false_positive"
    back = client.post("/decisions/withdraw", json={"exposures": [key], "because": "it was there after all"})
    assert back.status_code == 201, back.text
    assert client.get(f"/exposures/{key}").json()["disposition"] is None


def test_a_token_may_only_what_it_carries_and_never_what_others_own(api: Api) -> None:
    key = first(api(), "owner = data-team")
    said = {"exposures": [key], "word": "mitigated", "because": "a rule on the firewall stops it"}
    reading = api("ana@example.com", "analyst", permissions=("see",))
    assert reading.post("/decisions", json=said).status_code == 403
    other = api("web@example.com", "analyst", teams=("web-team",))
    assert other.post("/decisions", json=said).status_code == 400
    assert api().get(f"/exposures/{key}").json()["disposition"] is None
    more = reading.post("/tokens", json={"name": "more", "permissions": ["decide"]})
    assert more.status_code == 400


def test_nobody_approves_their_own_exception(api: Api) -> None:
    owner, approver = api("owner@example.com", "analyst"), api("boss@example.com", "approver")
    key = first(owner, "owner = data-team")
    asked = owner.post("/exceptions", json={"exposures": [key], "because": "replaced next month", "until": UNTIL})
    assert asked.status_code == 201, asked.text
    number = asked.json()["id"]
    assert owner.post(f"/exceptions/{number}/approve", json={"why": "because I say so"}).status_code == 403
    assert approver.post(f"/exceptions/{number}/approve", json={"why": "agreed with the owner"}).status_code == 200
    assert owner.get(f"/exposures/{key}").json()["treatment"] == "accepted"
    admin = api("ana@example.com", "analyst")
    assert (
        admin.post("/decisions/withdraw", json={"exposures": [key], "because": "the test is over now"}).status_code
        == 201
    )


def test_a_request_that_comes_twice_is_done_once(api: Api) -> None:
    client = api()
    key = {"idempotency-key": "the-same-key"}
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(client.post("/uploads", headers=key))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    made_here = {one.json()["upload"] for one in answers if one.status_code == 201}
    assert len(made_here) == 1
    assert {one.status_code for one in answers} <= {201, 409}
    again = client.post("/uploads", headers=key)
    assert again.json()["upload"] in made_here
    assert again.headers["idempotency-replayed"] == "true"
    other = client.post("/cycles/diff", json={}, headers=key)
    assert other.status_code == 400
    assert "another request" in other.json()["detail"]


def test_the_rate_of_requests_is_limited_for_each_token(service: Service, api: Api) -> None:
    client = api("hasty@example.com", "viewer")
    token = client.headers["authorization"]
    code = f"""
import time
from django.core.cache import cache
from foreshore.server import people
found = people.by_token({token.split()[1]!r})
minute = int(time.time()) // 60
for one in range(-1, 3):
    cache.set(f"api:{{found[0].pk}}:{{minute + one}}", 10_000, 300)
"""
    made(service.workspace, code)
    answer = client.get("/me")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert answer.json()["status"] == 429
    assert api().get("/me").status_code == 200


def test_an_upload_in_chunks_goes_on_where_it_broke_off(service: Service, api: Api, make: Any, tmp_path: Path) -> None:
    row = "CVE-2020-1001,Viewer memory error,medium,pkg:generic/viewer,viewer,1.0,1.1,,package"
    path = make.csv(tmp_path / "late.csv", make.row("late-1", "10.1.0.77", row, 1))
    content, client = path.read_bytes(), api()
    upload = client.post("/uploads").json()["upload"]
    place = f"/uploads/{upload}/files/late.csv"

    def put(begin: int, some: bytes) -> httpx.Response:
        return client.put(
            place, content=some, headers={"content-range": f"bytes {begin}-{begin + len(some) - 1}/{len(content)}"}
        )

    assert put(0, content[:40]).json()["bytes"] == 40
    assert put(60, content[60:80]).status_code == 400  # a gap
    assert put(20, content[20:60]).json()["bytes"] == 60
    assert put(60, content[60:]).json()["bytes"] == len(content)
    assert client.put(place, content=b"x", headers={"content-range": "some"}).status_code == 400
    asked = client.post(f"/uploads/{upload}/import", json={"source": "agents"})
    assert asked.status_code == 202
    with Client(service.url, client.headers["authorization"].split()[1]) as typed:
        job = typed.wait(asked.json(), seconds=240)
        assert job["result"]["exposures"]["new"] == 1
        assert not job["result"]["errors"]
        assert client.post(f"/uploads/{upload}/import", json={}).status_code == 400  # it was read, and removed
        with pytest.raises(JobFailed):
            typed.wait(typed.post("/what-if", {"suppose": {"fix": ["EXP-0000"]}}), seconds=240)
        with pytest.raises(ApiError) as refused:
            typed.exposure("EXP-1")
        assert refused.value.status == 404


def test_markup_and_formulas_of_reports_stay_text(service: Service, api: Api) -> None:
    key = first(api(), "owner = web-team")
    evil = "<script>alert(1)</script>=cmd|' /C calc'!A0"
    assert api().post(f"/exposures/{key}/comments", json={"text": evil}).status_code == 201
    assert api().get(f"/exposures/{key}/comments").json()["items"][0]["text"] == evil
    with closing(service.client("admin@example.com")) as browser:
        assert "<script>alert(1)" not in browser.get(f"/exposures/{key}/").text
    for line in api().get("/actions.csv").text.splitlines()[1:]:
        assert all(not cell.strip('"').startswith(("=", "+", "-", "@", "\t")) for cell in line.split(","))


def test_a_scope_is_compared_and_applied_only_on_what_was_read(api: Api) -> None:
    client = api()
    now = client.get("/scope").json()
    text = now["text"].replace("hours_per_week: 10", "hours_per_week: 12", 1)
    assert client.post("/scope/propose", json={"text": text}).json()["differs"]
    assert client.put("/scope", json={"text": text, "digest": "0" * 24}).status_code == 409
    assert client.put("/scope", json={"text": "organization: [", "digest": now["digest"]}).status_code == 400
    assert client.get("/scope").json()["text"] == now["text"]
    assert client.put("/scope", json={"text": text, "digest": now["digest"]}).json()["changes"]
    latest = client.get("/audit").json()["items"]
    assert any(one["author"] == "root@example.com" for one in latest)
    assert client.get("/audit/verify").json()["holds"] is True


def test_a_directory_makes_and_ends_accounts(service: Service, api: Api) -> None:
    headers = {"authorization": api().headers["authorization"], "content-type": "application/scim+json"}
    with httpx.Client(base_url=f"{service.url}/api/scim/v2", headers=headers, timeout=60) as scim:
        new = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "New@example.com", "active": True}
        number = scim.post("/Users", json=new).json()["id"]
        assert scim.post("/Users", json=new).status_code == 409
        found = scim.get("/Users", params={"filter": 'userName eq "new@example.com"'}).json()
        assert [one["id"] for one in found["Resources"]] == [number]
        member = {"Operations": [{"op": "add", "path": "members", "value": [{"value": number}]}]}
        assert number in [one["value"] for one in scim.patch("/Groups/viewer", json=member).json()["members"]]
        token = made(service.workspace, f"""
from foreshore.server import people
from foreshore.server.models import Person
print(people.make_token(Person.objects.get(pk={number}), "t", ["see"], days=1))
""").strip().splitlines()[-1]  # fmt: skip
        mine = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{service.url}/api/v1/exposures", headers=mine).status_code == 200
        assert httpx.get(f"{service.url}/api/scim/v2/Users", headers=mine).status_code == 403
        off = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
        assert scim.patch(f"/Users/{number}", json=off).json()["active"] is False
        assert httpx.get(f"{service.url}/api/v1/exposures", headers=mine).status_code == 401
        for path in ("/Users/x", "/Groups/none"):
            assert scim.get(path).status_code == 404
        assert scim.post("/Users", content=b"{").status_code == 400
    assert httpx.get(f"{service.url}/api/scim/v2/Users").status_code == 401

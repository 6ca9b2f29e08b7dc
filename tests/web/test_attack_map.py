"""The attack map: groups and ways, opened zones, questions with answers, and what somebody with a part gets."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import httpx
from tests.accounts import account
from tests.served import Service, post
from tests.web.test_assets_page import asset_key


def _answer(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """Wait for the answer to a question that a job answers."""
    for _ in range(240):
        if "Computing …" not in answer.text:
            return answer
        time.sleep(0.5)
        answer = client.get(answer.url.path)
    raise AssertionError("no answer came")


def _data(client: httpx.Client, **asked: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/map/data/", params=asked).json()
    return found


def test_entries_stand_left_services_right_and_zones_open(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        found = _data(client)
        columns = {one["id"]: one["column"] for one in found["nodes"]}
        assert columns["internet"] == 0
        assert columns["service:Web shop"] == max(columns.values())
        assert columns["internet"] < columns["zone:dmz"] < columns["service:Web shop"]
        ways = {(one["source"], one["target"]) for one in found["edges"]}
        assert ("internet", "zone:dmz") in ways
        assert ("zone:dmz", "service:Web shop") in ways
        opened = {one["name"]: one for one in _data(client, open="dmz")["nodes"]}
        assert opened["web-1"]["kind"] == "asset"
        assert len(found["nodes"]) + len(found["edges"]) <= 2_000
        page = client.get("/map/").text
        assert "The same as a list" in page
        assert all(f">{one['name']}<" in page for one in found["nodes"] if one["kind"] == "zone")


def test_paths_blast_junctions_and_what_if_answer(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        ways = _answer(client, client.get("/map/paths/", params={"from": "internet", "to": "Web shop"}))
        assert "there is a way" in ways.text
        assert "CVE-2021-44228" in ways.text
        again = client.get(ways.url.path)  # its address can be shared
        assert "CVE-2021-44228" in again.text
        blast = _answer(client, client.get("/map/blast/", params={"of": "web-1"}))
        assert "Who holds web-1" in blast.text
        assert "Web shop" in blast.text
        junctions = _answer(client, client.get("/map/junctions/"))
        assert "CVE-2021-44228 on web-1" in junctions.text
        changed = _answer(client, post(client, "/map/what-if/", {"fix": "CVE-2021-44228"}))
        assert "All modelled risk changes by" in changed.text
        assert client.get("/map/paths/", params={"from": "nowhere at all"}).status_code == 400


def test_a_click_tells_of_a_thing_and_offers_its_fixes(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        zone = client.get("/map/beside/", params={"id": "zone:dmz"}).text
        assert "/map/?open=dmz" in zone
        key = asset_key(service, "web-1")
        one = client.get("/map/beside/", params={"id": key, "open": "dmz"}).text
        assert "What if these were fixed?" in one
        assert "CVE-2021-44228" in one
        assert client.get("/map/beside/", params={"id": "zone:none"}).status_code == 404


def test_with_a_part_come_only_its_groups_and_ways(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        whole = _answer(client, client.get("/map/blast/", params={"of": "db-1"})).url.path
        beyond = _answer(client, client.get("/map/paths/", params={"to": "Card payments"})).url.path
    with closing(service.client(account(service, "owner", teams=("web-team",)))) as client:
        found = _data(client)
        names = {one["name"] for one in found["nodes"]}
        assert {"dmz", "Web shop"} <= names
        assert not names & {"data", "office", "Card payments", "accounts that work across main"}
        for path in (whole, "/map/junctions/", "/map/blast/?of=db-1"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert "db-1" not in answer.text
        assert "db-1" not in client.get(beyond).text
        assert "db-1" not in client.get("/map/", params={"open": "data"}).text

"""Assets: list, facets, one asset with its sources, as of a day; pairs to review; what somebody with a part sees."""

from __future__ import annotations

import re
from contextlib import closing

from tests.accounts import account
from tests.served import Service

from foreshore import keys
from foreshore.query import lists
from foreshore.workspace import Workspace


def asset_key(service: Service, name: str) -> str:
    row = lists.rows(Workspace.open(service.workspace), f"select asset from assets where name = '{name}'")[0]
    return keys.show("AST", row["asset"])


def test_the_list_finds_by_what_is_served_and_by_what_only_the_graph_knows(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        every = client.get("/assets/").text
        assert "8 assets" in every
        assert every.index(">web-1<") < every.index(">pc-1<")  # most to do first
        by_zone = client.get("/assets/", params={"where": "zone = dmz"}).text
        assert ">web-1<" in by_zone
        assert ">db-1<" not in by_zone
        by_address = client.get("/assets/", params={"where": 'address = "10.20.0.5" or service = "Web shop"'}).text
        assert ">web-1<" in by_address
        assert ">db-1<" in by_address
        assert ">pc-1<" not in by_address
        assert ">pc-1<" not in client.get("/assets/", params={"where": "not (open_exposures > 0)"}).text
        wrong = client.get("/assets/", params={"where": "zoen = dmz"})
        assert wrong.status_code == 400
        assert "zone" in wrong.text


def test_an_asset_says_who_said_what_and_when(service: Service) -> None:
    key = asset_key(service, "web-1")
    with closing(service.client("admin@example.com")) as client:
        page = client.get(f"/assets/{key}/").text
        assert "CVE-2021-44228" in page
        known = client.get(f"/assets/{key}/known/").text
        assert "203.0.113.10" in known
        assert "agents" in known
        assert "probes" in known
        before = client.get(f"/assets/{key}/", params={"as_of": "2001-01-01"}).text
        assert "Nobody has said anything of it yet." in before
        assert client.get(f"/assets/{key}/", params={"as_of": "yesterday"}).status_code == 400
        assert client.get("/assets/AST-0000-0000-00000/").status_code in (400, 404)


def test_who_owns_a_part_sees_that_part_alone(service: Service) -> None:
    web, db = asset_key(service, "web-1"), asset_key(service, "db-1")
    with closing(service.client(account(service, "owner", teams=("web-team",)))) as client:
        page = client.get("/assets/").text
        assert ">web-1<" in page
        assert "1 asset<" in re.sub(r"\s*·", "<", page)
        for text in (page, client.get("/assets/", params={"where": "address = 10.20.0.5"}).text):
            assert "db-1" not in text
            assert db not in text
        assert client.get(f"/assets/{web}/").status_code == 200
        for path in (f"/assets/{db}/", f"/assets/{db}/known/"):
            answer = client.get(path)
            assert answer.status_code in (400, 404)
            assert "db-1" not in answer.text
        assert client.get("/assets/coverage/").status_code == 403
        assert client.get("/assets/review/").status_code == 403


def test_coverage_and_the_assets_behind_it(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        assert "with an owner" in client.get("/assets/coverage/").text
        assert ">pc-1<" in client.get("/assets/coverage/", params={"kind": "no_owner"}).text
        assert client.get("/assets/coverage/", params={"kind": "no_such"}).status_code == 400

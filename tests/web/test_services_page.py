"""Services: list and page, and the scope changed from a page with its difference first."""

from __future__ import annotations

import re
from contextlib import closing

from tests.accounts import account
from tests.served import Service, post

CHANGED = {"tier": "5", "owner": "web-team", "assets": "name:web-*\nname:shop-*", "depends": "all", "depends_on": "",
           "low": "1000", "likely": "5000", "high": "20000"}  # fmt: skip


def test_list_and_page_tell_chance_interval_and_ways(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        page = client.get("/services/").text
        assert "Web shop" in page
        assert "Card payments" in page
        one = client.get("/services/Web shop/").text
        assert "in 9 of 10 cases" in one
        assert "CVE-2021-44228" in one
        assert "web-1" in one
        ways = client.get("/services/Web shop/paths/").text
        assert "The attacker uses CVE-2021-44228" in ways
        assert client.get("/services/No such/").status_code == 404


def test_a_change_is_shown_first_then_applied_in_the_name_of_who_asks(service: Service) -> None:
    path = "/services/Card payments/change/"
    with closing(service.client("admin@example.com")) as client:
        said = {**CHANGED, "name": "Card payments", "assets": "name:db-*"}
        shown = post(client, path, {**said, "look": "1"}).text
        assert "impact tier 4 → 5" in shown
        assert "picks" not in shown
        assert "1 of" in shown
        assert "tier: 5" not in (service.workspace / "scope.yaml").read_text("utf-8")
        rests = re.search(r'name="rests_on" value="([0-9a-f]+)"', shown)
        assert rests is not None
        other = post(client, path, {**said, "tier": "1", "apply": "1", "rests_on": rests[1]}).text
        assert "not the change that you looked at" in other
        post(client, path, {**said, "apply": "1", "rests_on": rests[1]})
        text = (service.workspace / "scope.yaml").read_text("utf-8")
        assert "tier: 5" in text
        assert "confirmed_by: admin@example.com" in text
        assert "- {from: internet, to: dmz, ports: [443]}" in text  # all else stays as it was written
        assert "confirmed by admin@example.com" in client.get("/services/Card payments/").text
        wrong = post(client, path, {**said, "low": "9", "likely": "5", "high": "1", "look": "1"}).text
        assert "low, likely and high in that order" in wrong


def test_only_who_may_changes_the_scope_and_a_part_is_a_part(service: Service) -> None:
    with closing(service.client(account(service, "owner", teams=("web-team",)))) as client:
        page = client.get("/services/").text
        assert "Web shop" in page
        assert "Card payments" not in page
        assert client.get("/services/Card payments/").status_code == 404
        assert client.get("/services/Card payments/paths/").status_code == 404
        assert client.get("/services/Web shop/change/").status_code == 403

"""Intelligence: what is attacked and open here, one weakness with its ladder and who has it, feeds, news."""

from __future__ import annotations

import time
from contextlib import closing

from tests.accounts import account
from tests.served import Service


def test_what_is_attacked_and_open_here_comes_first(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        page = client.get("/intelligence/").text
        assert "CVE-2021-44228" in page
        assert "used in attacks" in page
        assert "CVE-2020-1001" not in page
        assert "kev" in client.get("/intelligence/feeds/").text


def test_a_weakness_tells_who_has_it_what_is_known_and_what_it_means(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        page = client.get("/intelligence/CVE-2021-44228/", params={"known": "1"}).text
        assert "web-1" in page
        assert "cisa-kev" in page
        assert "97 %" in page
        for _ in range(240):
            meant = client.get("/intelligence/CVE-2021-44228/impact/").text
            if "Weighing" not in meant:
                break
            time.sleep(0.5)
        assert "open exposure" in meant
        none = client.get("/intelligence/CVE-1999-0001/").text
        assert "Nobody that you may see" in none


def test_news_since_a_day_is_weighed(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        for _ in range(240):
            found = client.get("/intelligence/news/", params={"since": "2020-01-01"}).text
            if "Weighing" not in found:
                break
            time.sleep(0.5)
        assert "changes nothing" in found or "<li>" in found
        assert client.get("/intelligence/news/", params={"since": "soon"}).status_code == 400


def test_with_a_part_nothing_is_told_of_others(service: Service) -> None:
    with closing(service.client(account(service, "owner", teams=("data-team",)))) as client:
        assert "CVE-2021-44228" not in client.get("/intelligence/").text
        page = client.get("/intelligence/CVE-2021-44228/", params={"known": "1"}).text
        assert "web-1" not in page
        assert "Nobody that you may see" in page
        assert client.get("/intelligence/CVE-2021-44228/impact/").status_code == 403
        assert client.get("/intelligence/news/").status_code == 403
        assert client.post("/intelligence/held/kev-1/").status_code == 403

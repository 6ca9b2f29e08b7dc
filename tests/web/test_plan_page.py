"""The plan: asked for within a budget, kept, shared, compared; only for who sees the whole organisation."""

from __future__ import annotations

import re
import time
from contextlib import closing

import httpx
from tests.accounts import account
from tests.served import Service, post


def _done(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    for _ in range(240):
        if "Comparing plans" not in answer.text:
            return answer
        time.sleep(0.5)
        answer = client.get(str(answer.url))
    raise AssertionError("no plan came")


def _token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def _ask(client: httpx.Client, **wishes: str) -> httpx.Response:
    page = client.get("/plan/")
    said = {"csrfmiddlewaretoken": _token(page.text), **wishes}
    return _done(client, client.post("/plan/ask/", data=said, headers={"Referer": str(page.url)}))


def _keep(client: httpx.Client, plan: httpx.Response, name: str) -> int:
    key = plan.url.params["q"]
    client.post(
        "/plan/keep/",
        data={"csrfmiddlewaretoken": _token(plan.text), "q": key, "name": name},
        headers={"Referer": str(plan.url)},
    )
    found = re.search(rf'/plan/kept/(\d+)/">{name}<', client.get("/plan/").text)
    assert found is not None
    return int(found[1])


def test_a_plan_within_a_budget_is_kept_shared_and_compared(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        assert "of the modelled risk goes with these actions" in client.get("/plan/").text
        one = _ask(client, changes="1")
        assert "1 change, about" in one.text
        assert "No plan within these terms" in one.text
        none = _ask(client, **{"changes": "5", "hours:web-team": "0", "hours:data-team": "0"})
        assert none.text.count("<tr data-row>") != one.text.count("<tr data-row>") or "web-team" not in none.text
        first, second = _keep(client, one, "Just one"), _keep(client, _ask(client, changes="2"), "Two")
        both = client.get(f"/plan/kept/{first}/", params={"with": second}).text
        assert "Just one" in both
        assert "Two" in both
        shown = client.get(f"/plan/kept/{first}/")
        client.post(
            f"/plan/kept/{first}/change/", data={"csrfmiddlewaretoken": _token(shown.text), "what": "share"},
            headers={"Referer": str(shown.url)},
        )  # fmt: skip
        wrong = post(client, "/plan/ask/", {"changes": "many"})
        assert wrong.status_code in (400, 405)
    with closing(service.client(account(service, "viewer"))) as client:
        assert "Just one" in client.get("/plan/").text
        assert client.get(f"/plan/kept/{second}/").status_code == 400
    with closing(service.client(account(service, "owner", teams=("web-team",)))) as client:
        page = client.get("/plan/").text
        assert "made by those who see the whole organisation" in page
        assert "Just one" not in page
        assert client.get(f"/plan/kept/{first}/").status_code == 403
        assert client.get(str(one.url)).text.count("<tr data-row>") == 0

"""Onboarding as a script through HTTP on an empty workspace, from the first link to the first plan, with its clock."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from tests.accounts import account
from tests.company import few_worlds
from tests.served import Service, post, serving

from foreshore.workspace import Workspace


def _token(client: httpx.Client) -> str:
    page = client.get("/start/").text
    return page.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]


def _until_idle(client: httpx.Client) -> str:
    for _ in range(300):
        page = client.get("/start/").text
        state = page.split('<div id="state"', 1)[1].split("</li>\n<li", 1)[0]
        if "hx-get" not in state.split(">", 1)[0]:
            return state
        time.sleep(0.5)
    raise AssertionError("the jobs did not end")


def test_from_an_empty_workspace_to_the_first_plan(tmp_path: Path, make: Any, capsys: Any) -> None:
    root = tmp_path / "ws"
    Workspace.create(root, seed=5)
    few_worlds(root)
    report = make.csv(tmp_path / "agents.csv", make.web, make.db, make.others)
    clock: list[tuple[str, float]] = []
    with serving(root) as service, closing(service.client("admin@example.com")) as client:
        begin = time.monotonic()

        def step(name: str) -> None:
            clock.append((name, time.monotonic() - begin))

        assert "Nothing here yet" in client.get("/assets/").text
        said = {"organization": "Example Stores", "name": "Web shop", "assets": "name:web-*", "tier": "4"}
        named = post(client, "/start/", said)
        assert "Web shop" in named.text
        assert "name:web-*" in (root / "scope.yaml").read_text("utf-8")
        step("service named")
        with report.open("rb") as stream:
            client.post(
                "/start/upload/", data={"csrfmiddlewaretoken": _token(client)}, files=[("report", (report.name, stream))],
                headers={"Referer": f"{service.url}/start/"},
            )  # fmt: skip
        step("report brought in")
        state = _until_idle(client)
        assert "failed" not in state
        step("cycle done")
        assert "exposures were weighed" in client.get("/start/").text
        assert "What to do" in client.get("/plan/").text
        step("first plan")
        assert "web-1" in client.get("/services/Web shop/").text
    with capsys.disabled():
        print("\nonboarding: " + ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in clock))


def test_a_report_in_chunks_goes_on_where_it_broke_off(service: Service, tmp_path: Path, make: Any) -> None:
    body = make.csv(
        tmp_path / "more.csv", make.row("web-9", "203.0.113.19", "CVE-2020-7777,One more,high,,,,,443,banner", 3)
    ).read_bytes()
    with closing(service.client("admin@example.com")) as client:
        head = {"X-CSRFToken": _token(client), "Referer": f"{service.url}/start/", "X-File-Name": "more.csv"}
        name = client.post("/start/upload/new/", headers=head).json()["upload"]
        url = f"/start/upload/{name}/chunk/"

        def send(begin: int, end: int) -> httpx.Response:
            extra = {
                "Content-Range": f"bytes {begin}-{end - 1}/{len(body)}",
                "Content-Type": "application/octet-stream",
            }
            return client.post(url, content=body[begin:end], headers={**head, **extra})

        assert send(0, 40).json() == {"next": 40}
        assert send(60, 90).status_code == 400  # a gap
        assert send(20, 70).json() == {"next": 70}  # sent again from before the break
        assert send(70, len(body)).json() == {"next": len(body)}
        kept = service.workspace / "uploads" / name / "more.csv"
        assert kept.read_bytes() == body


def test_selectors_are_measured_while_they_are_typed(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        assert "picks 1 of" in client.get("/start/matched/", params={"assets": "name:web-*"}).text
        wrong = client.get("/start/matched/", params={"assets": "nmae:web-*"}).text
        assert "name:web-*" in wrong
        assert "picks" not in wrong


def test_who_may_neither_name_nor_upload_is_told_so(service: Service) -> None:
    with closing(service.client(account(service, "viewer"))) as client:
        answer = client.get("/start/")
        assert answer.status_code == 403
        assert (
            client.post("/start/cycle/", headers={"X-CSRFToken": client.cookies.get("csrftoken") or ""}).status_code
            == 403
        )

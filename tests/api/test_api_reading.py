"""What the API reads: the same as the command line, within what somebody may see, and errors as problems."""

from __future__ import annotations

import io
import json
from contextlib import closing
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from tests.api.conftest import Api
from tests.company import Cli
from tests.served import Service


def every(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    """All rows of a list, page after page."""
    rows: list[dict[str, Any]] = []
    after = ""
    while True:
        page = client.get(path, params={**query, "after": after}).raise_for_status().json()
        rows += page["items"]
        after = page["next"]
        if not after:
            return rows


def test_exposures_are_those_of_the_command_line(service: Service, api: Api, cli: Cli) -> None:
    told = [
        one
        for one in cli("exposures", "--json", "--workspace", str(service.workspace)).json()
        if not one["disposition"]
    ]
    assert every(api(), "/exposures", size=3) == told
    assert api().get(f"/exposures/{told[0]['id']}").json() == told[0]


def test_assets_actions_and_services_are_those_of_the_command_line(service: Service, api: Api, cli: Cli) -> None:
    where = ("--workspace", str(service.workspace))
    assets = {one["asset"]: one for one in cli("assets", "--json", *where).json()}
    assert {one["asset"]: one for one in every(api(), "/assets", size=3)} == assets
    actions = {one["id"]: one for one in every(api(), "/actions", size=2)}
    for one in cli("actions", "--json", *where).json():
        here = actions.pop(one["id"])
        assert {name: here[name] for name in one if name in here and name != "due"} == {
            name: value for name, value in one.items() if name in here and name != "due"
        }
    assert not actions
    cycle = api().get("/cycles").json()["items"][0]["cycle"]
    found = api().get(f"/cycles/{cycle}").json()
    services = {one["service"]: one for one in every(api(), "/services")}
    assert {one["name"]: one["probability_per_year"] for one in found["services"]} == {
        name: one["probability"] for name, one in services.items()
    }


def test_streams_hold_every_row(api: Api) -> None:
    told = every(api(), "/exposures", size=100)
    lines = [json.loads(line) for line in api().get("/exposures.ndjson").raise_for_status().text.splitlines()]
    assert lines == told
    table = pq.read_table(io.BytesIO(api().get("/exposures.parquet").raise_for_status().content))
    assert table.column("exposure").to_pylist() == [one["id"] for one in told]
    assert table.column("action").to_pylist() == [one["action"] for one in told]
    nothing = pq.read_table(io.BytesIO(api().get("/exposures.parquet", params={"where": "cvss > 99"}).content))
    assert nothing.num_rows == 0
    assert "weakness" in nothing.column_names


def test_a_team_sees_its_own_and_nothing_else(api: Api) -> None:
    whole = every(api(), "/exposures")
    team = api("web@example.com", "analyst", teams=("web-team",))
    own = every(team, "/exposures")
    assert own
    assert [one["id"] for one in own] == [one["id"] for one in whole if one["owner"] == "web-team"]
    assert team.get("/exposures/count").json()["count"] == len(own)
    other = next(one for one in whole if one["owner"] != "web-team")
    for path in (f"/exposures/{other['id']}", f"/exposures/{other['id']}/explanation", f"/assets/{other['asset']}"):
        assert team.get(path).status_code == 404
    for path in ("/cycles", "/junctions", "/coverage", "/policy", "/sources", "/scope", "/unknowns"):
        assert team.get(path).status_code == 403
    lines = team.get("/exposures.ndjson").text
    assert other["id"] not in lines
    assert other["asset_name"] not in lines


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/exposures?where=nonsense%20%3D%3D", 400), ("/exposures?after=x", 400), ("/exposures?size=0", 422),
        ("/exposures/EXP-1", 404), ("/assets/AST-0000-0000-00000", 404), ("/nowhere", 404), ("/jobs/none", 404),
        ("/reports/..%2Fforeshore.key", 404), ("/exposures.parquet?where=%22", 400),
    ],
)  # fmt: skip
def test_errors_are_problems(api: Api, path: str, status: int) -> None:
    answer = api().get(path)
    assert answer.status_code == status, answer.text
    if path != "/nowhere" and "%2F" not in path:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_without_a_token_there_is_nothing(service: Service) -> None:
    with httpx.Client(base_url=f"{service.url}/api/v1") as client:
        for headers in ({}, {"authorization": "Bearer fst_none"}, {"authorization": "Basic eDp5"}):
            answer = client.get("/exposures", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_session_needs_its_csrf_token(service: Service) -> None:
    with closing(service.client("admin@example.com")) as browser:
        assert browser.get("/api/v1/me").json()["person"] == "admin@example.com"
        refused = browser.post("/api/v1/uploads")
        assert refused.status_code == 403
        given = {"x-csrftoken": browser.cookies["csrftoken"], "referer": service.url}
        page = browser.get("/jobs/")
        assert page.status_code == 200
        assert browser.post("/api/v1/uploads", headers=given).status_code == 201
        wrong = browser.get("/api/v1/me", headers={"authorization": "Bearer fst_none"})
        assert wrong.status_code == 401


def test_the_description_is_openapi_3_1(service: Service) -> None:
    found = httpx.get(f"{service.url}/api/v1/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            assert operation["security"], (method, path)
            assert operation["summary"], (method, path)
            assert "default" in operation["responses"]

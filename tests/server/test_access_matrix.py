"""Every address × every role × a part: who gets in, and that nothing of another team's ever comes out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from tests.company import day, run
from tests.served import PASSWORD, Service, made, post, serving
from tests.server.access_table import ANY, OPEN, asks
from tests.server.addresses import filled, routes_of

from foreshore.server.access import Access, of_grants
from foreshore.server.roles import ROLES

# The other team's: enough of them that a count which took them in would show.
MANY = 1373
PARTS: dict[str, dict[str, list[str]]] = {
    "whole": {}, "team": {"teams": ["web-team"]}, "service": {"services": ["Card payments"]}, "none": {"teams": ["nobody"]},
}  # fmt: skip
_JOIN = """
import json
from foreshore.server.models import Person
from foreshore.server import people
for email, role, part in json.loads({people!r}):
    person = Person.objects.create_user(email, {password!r})
    if role:
        people.give(person, role, by="test", **part)
"""


@pytest.fixture(scope="module")
def shared(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service over a company in which the data team has many exposures, with a person of each role and part."""
    root = tmp_path_factory.mktemp("shared")
    workspace = Path(shutil.copytree(company, root / "ws"))
    head = "asset,address,cve,title,severity,component,component_name,version,fixed_version,port,detection,last_seen\n"
    rows = "".join(
        f"db-{n % 7 + 2},10.20.1.{n % 7 + 2},CVE-2018-{10000 + n},Secretive ledger error,high,pkg:generic/ledger,ledger,1,2,,package,{day(9)}\n"
        for n in range(MANY)
    )
    (root / "many.csv").write_text(head + rows, encoding="utf-8")
    assert run("import", str(root / "many.csv"), "--source", "ledgers", "--workspace", str(workspace)).code == 0
    assert run("cycle", "--workspace", str(workspace)).code == 0
    with serving(workspace) as running:
        people = [(address(role, part), role, given) for role in ROLES for part, given in PARTS.items()]
        people += [("roleless@example.com", "", {}), ("data@example.com", "viewer", {"teams": ["data-team"]})]
        made(workspace, _JOIN.format(people=json.dumps(people), password=PASSWORD))
        yield running


@pytest.fixture(scope="module")
def routes(shared: Service) -> list[str]:
    """Every route of the service, as Django writes it."""
    return routes_of(shared)


def address(role: str, part: str) -> str:
    """The address of the person who has this role over this part."""
    return f"{role}-{part}@example.com"


def access_of(role: str, part: str) -> Access:
    """What that person may."""
    grant = {"role": role, "entities": [], "teams": [], "services": [], **PARTS[part]}
    return of_grants(address(role, part), [grant], {"main": ""})


def theirs(shared: Service) -> dict[str, Any]:
    """What is the data team's alone: an exposure, its asset and its action, as the command line names them."""
    where = ("--workspace", str(shared.workspace))
    rows = run("exposures", "--json", *where).json()
    of_data = [one for one in rows if one["owner"] == "data-team"]
    own = [one for one in rows if one["owner"] == "web-team"]
    actions = [one for one in run("actions", "--json", *where).json() if one.get("team") == "data-team"]
    return {"exposures": of_data, "own": own, "actions": actions, "all": len(rows)}


@pytest.fixture(scope="module")
def foreign(shared: Service) -> dict[str, Any]:
    """See `theirs`."""
    return theirs(shared)


def allowed(access: Access, need: str) -> bool:
    """Whether an access meets what a route asks."""
    if need in (OPEN, ANY):
        return True
    name = need.removeprefix("all ")
    return access.everywhere(name) if need.startswith("all ") else access.may(name)


def pages(routes: list[str]) -> list[str]:
    """The routes of pages: not sign-in's, not the API's."""
    return [one for one in routes if asks(one, "GET") not in (OPEN, "api")]


@pytest.mark.parametrize("role", ROLES)
def test_who_gets_in(shared: Service, routes: list[str], foreign: dict[str, Any], role: str) -> None:
    wrong = []
    for part in PARTS:
        access = access_of(role, part)
        with closing(shared.client(address(role, part))) as client:
            client.follow_redirects = False
            for route in pages(routes):
                answer = client.get(filled(route, foreign))
                if answer.status_code == 405:
                    continue
                may = allowed(access, asks(route, "GET"))
                fine = answer.status_code in (200, 302, 400, 404, 409) if may else answer.status_code in (403, 404)
                if not fine:
                    wrong.append((part, route, answer.status_code))
    assert not wrong, wrong


@pytest.mark.parametrize("role", ROLES)
def test_who_may_change(shared: Service, routes: list[str], foreign: dict[str, Any], role: str) -> None:
    """A form without a word in it: who may is told what is missing (or it is done), who may not is refused."""
    wrong = []
    with closing(shared.client(address(role, "team"))) as client:
        client.follow_redirects = False
        token = csrf(client)
        for route in pages(routes):
            need = asks(route, "POST")
            if need in ("see", ANY) or allowed(access_of(role, "team"), need):
                continue
            answer = client.post(filled(route, foreign), data={"csrfmiddlewaretoken": token}, headers=referer(shared))
            if answer.status_code not in (403, 404, 405):
                wrong.append((route, answer.status_code))
    assert not wrong, wrong


def csrf(client: httpx.Client) -> str:
    """The token of a page with a form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/me/").text)
    assert found
    return found.group(1)


def referer(shared: Service) -> dict[str, str]:
    """What a browser sends along."""
    return {"Referer": f"{shared.url}/me/"}


def canaries(foreign: dict[str, Any], path: str) -> list[re.Pattern[str]]:
    """What must never stand in an answer for the web team; what the address itself says may be said again."""
    words = {
        "db-[1-8]",
        r"10\.20\.[01]\.\d",
        "CVE-2023-2454",
        "PostgreSQL privileges",
        "Secretive ledger",
        "CVE-2018-1\\d{4}",
    }
    words |= {one["id"] for one in foreign["exposures"][:200]} | {one["asset"] for one in foreign["exposures"]}
    words |= {one["id"] for one in foreign["actions"][:200]}
    words |= {rf"\b1[.,  ]?{n % 1000:03d}\b" for n in (MANY, MANY + 1, foreign["all"])}
    return [re.compile(rf"(?<![\w-]){word}(?![\w-])") for word in words if not re.search(word, unquote(path))]


def paths_to_try(routes: list[str], foreign: dict[str, Any]) -> list[str]:
    """Every address with the other team's things in it, and lists that ask for them by query."""
    asked = [quote(text) for text in ("owner = data-team", "severity = high", "weakness = CVE-2023-2454", "db-1")]
    plain = [filled(one, foreign) for one in routes if not re.match(r"accounts|i18n|metrics|healthz|readyz", one)]
    lists = [path for path in plain if re.fullmatch(r"/(api/v1/)?\w+/?(stream/?|complete/?|data/?)?", path)]
    lists = [path for path in lists if not path.startswith(("/join", "/guest"))]
    return plain + [f"{path}?{name}={text}" for path in lists for text in asked for name in ("where", "q")]


@pytest.mark.parametrize("role", ["viewer", "analyst", "owner", "administrator", "auditor"])
def test_nothing_of_another_team_comes_out(
    shared: Service, routes: list[str], foreign: dict[str, Any], role: str
) -> None:
    leaks = []
    with closing(shared.client(address(role, "team"))) as client:
        client.follow_redirects = False
        for path in paths_to_try(routes, foreign):
            answer = client.get(path)
            leaks += [(path, one.pattern) for one in canaries(foreign, path) if one.search(answer.text)][:3]
            leaks += [(path, "500")] if answer.status_code == 500 else []
    assert not leaks, leaks


def test_the_other_team_sees_its_own(shared: Service, foreign: dict[str, Any]) -> None:
    """The canaries are alive: who may see the data team's things finds them on the same page."""
    with closing(shared.client("data@example.com")) as client:
        text = client.get("/assets/").text
        assert "db-1" in text
        assert "web-1" not in text
    with closing(shared.client(address("viewer", "team"))) as client:
        text = client.get("/assets/").text
        assert "web-1" in text
        assert "db-1" not in text


def test_without_a_role_there_is_nothing(shared: Service, routes: list[str], foreign: dict[str, Any]) -> None:
    shown: list[tuple[str, Any]] = []
    with closing(shared.client("roleless@example.com")) as client:
        client.follow_redirects = False
        for route in pages(routes):
            if asks(route, "GET") == ANY:
                continue
            path = filled(route, foreign)
            answer = client.get(path)
            if answer.status_code not in (403, 404, 405) and "Nothing here yet" not in answer.text:
                shown.append((route, answer.status_code))
            shown += [(route, one.pattern) for one in canaries(foreign, path) if one.search(answer.text)]
    assert not shown, shown


def test_without_an_account_every_page_asks_to_sign_in(
    shared: Service, routes: list[str], foreign: dict[str, Any]
) -> None:
    with shared.client() as client:
        client.follow_redirects = False
        for route in pages(routes):
            answer = client.get(filled(route, foreign))
            assert answer.status_code == 302, route
            assert answer.headers["location"].startswith("/accounts/login/"), route


def test_the_api_asks_for_a_token(shared: Service, routes: list[str], foreign: dict[str, Any]) -> None:
    with shared.client() as client:
        for route in routes:
            if route.startswith("api/") and not re.search(r"openapi|docs", route):
                assert client.get(filled(route, foreign)).status_code in (401, 403, 404, 405), route


def test_looking_as_somebody_else_shows_theirs_and_changes_nothing(shared: Service) -> None:
    with closing(shared.client("admin@example.com")) as client:
        found = re.search(
            r'href="/settings/people/(\d+)/">viewer-team@example.com',
            client.get("/settings/people/?q=viewer-team").text,
        )
        assert found
        post(client, "/me/", {"name": "", "language": "", "theme": "auto"})
        token = csrf(client)
        answer = client.post(
            f"/settings/people/{found.group(1)}/view-as/", data={"csrfmiddlewaretoken": token}, headers=referer(shared)
        )
        assert answer.status_code == 200
        page = client.get("/assets/").text
        assert "viewer-team@example.com" in page
        assert "web-1" in page
        assert "db-1" not in page
        assert client.get("/settings/people/").status_code == 403
        client.post("/settings/people/view-as/stop/", data={"csrfmiddlewaretoken": token}, headers=referer(shared))
        assert "db-1" in client.get("/assets/").text

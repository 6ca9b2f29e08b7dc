"""Every page in a real browser: nothing that keeps somebody out (axe), no sideways scrolling, light, by keyboard."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.company import TODAY
from tests.served import made
from tests.web.browser import NARROW, WIDE, Stage

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ADMIN = "admin@example.com"
HEAVIEST = 200_000  # bytes of a page with what belongs to it, without the vendors' libraries, which are kept for a year
# By theme: all rules of WCAG 2.0 to 2.2 A and AA; in the other theme, those that ask about colours.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "dark": ["color-contrast", "link-in-text-block"],
}
# Addresses that are no page: what a form sends, a part of a page, or a file.
NO_PAGES = {
    "compare", "exposures-complete", "exposures-preview", "exposures-decide", "exposures-withdraw",
    "exposures-views", "exposures-forget", "exposure-evidence", "exposure-comment", "actions-export",
    "action-claim", "exceptions-ask", "exception-answer", "exception-take-back", "asset-known", "service-paths",
    "map-data", "map-beside", "map-paths", "map-blast", "map-junctions", "map-what-if", "plan-ask", "plan-keep",
    "plan-change", "intelligence-news", "intelligence-feeds", "intelligence-update", "held", "weakness-known",
    "weakness-impact", "export", "report", "start-upload", "start-upload-new", "start-upload-chunk",
    "start-upload-finish", "start-cycle", "start-matched", "job-cancel", "feeds-update", "policy-preview",
    "people-invite", "view-as-stop", "invitation-withdraw", "view-as", "person-change", "token-make",
    "token-revoke", "notice-read", "audit-verify", "audit-export", "source-test", "source-run", "schedule-change",
}  # fmt: skip
_ROUTES = """
from foreshore.web import urls
def names(patterns):
    for one in patterns:
        yield from names(one.url_patterns) if hasattr(one, "url_patterns") else [one.name]
import json
print(json.dumps(list(names(urls.urlpatterns))))
"""


def _done(client: httpx.Client, key: str) -> None:
    """Wait until a job is over."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if "tag good" in client.get(f"/jobs/{key}/").text:
            return
        time.sleep(0.3)
    raise AssertionError(f"the job {key} did not end")


def _sent(client: httpx.Client, form: str, address: str, said: dict[str, str]) -> httpx.Response:
    """Send to an address what a form of another page sends."""
    page = client.get(form)
    token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    answer = client.post(address, data={**said, "csrfmiddlewaretoken": token}, headers={"Referer": str(page.url)})
    assert answer.status_code == 200, answer.text[-2000:]
    return answer


def _exception(stage: Stage, exposure: str) -> str:
    """Ask for an exception, and return its address."""
    with closing(stage.service.client("analyst@example.com")) as client:
        asked = {
            "exposure": exposure,
            "because": "No update until spring.",
            "until": f"{TODAY + timedelta(days=30):%F}",
        }
        return _sent(client, "/me/", "/exceptions/ask/", asked).url.path


def _kept_plan(client: httpx.Client) -> tuple[str, str]:
    """Have a plan made and kept; return the addresses of its job and of the kept plan."""
    answer = _sent(client, "/plan/", "/plan/ask/", {"changes": "2"})
    key = str(answer.url.params["q"])
    _done(client, key)
    page = _sent(client, "/plan/", "/plan/keep/", {"q": key, "name": "Two changes"}).text
    return f"/jobs/{key}/", "/plan/kept/" + page.split('href="/plan/kept/')[1].split('"')[0]


@pytest.fixture(scope="module")
def addresses(stage: Stage) -> Iterator[dict[str, str]]:
    """An address of each page, by the name of its route."""
    with closing(stage.service.client(ADMIN)) as client:
        rows = client.get("/exposures/", params={"show": "rows"}).text
        exposure = rows.split('name="exposure" value="')[1].split('"')[0]
        asset = rows.split('href="/assets/')[1].split("/")[0]
        action = client.get("/actions/?team=").text.split('data-open href="/actions/')[1].split("/")[0]
        job, kept = _kept_plan(client)
        yield {
            **{name: f"/{name}/" for name in ("exposures", "actions", "exceptions", "assets", "services", "map", "plan",
                                              "intelligence", "reports", "start", "jobs", "settings", "me")},
            **{name: f"/settings/{name}/" for name in ("teams", "feeds", "policy", "retention", "data", "people", "tokens",
                                                       "audit", "sources", "schedules")},
            "overview": "/", "exposures-rows": "/exposures/?show=rows", "exposures-undo": "/exposures/undo/",
            "exposure": f"/exposures/{exposure}/", "action": f"/actions/{action}/",
            "action-ticket": f"/actions/{action}/ticket.md", "exception": _exception(stage, exposure),
            "asset-reviews": "/assets/review/", "coverage": "/assets/coverage/", "asset": f"/assets/{asset}/",
            "service-new": "/services/new/change/", "service-change": "/services/Web%20shop/change/",
            "service": "/services/Web%20shop/", "answer": client.get("/map/junctions/").url.path, "plan-kept": kept,
            "weakness": "/intelligence/CVE-2021-44228/", "job": job, "policy-file": "/settings/policy/treatment.toml",
            "person": "/settings/people/1/", "sources-edit": "/settings/sources/edit/",
            "join": "/join/not-an-invitation/", "guest": "/guest/not-a-link/", "login": "/accounts/login/",
            "factors": "/accounts/2fa/", "password": "/accounts/password/change/", "sessions": "/accounts/sessions/",
            "missing": "/exposures/EXP-0000-0000-00000/", "nowhere": "/nowhere/",
        }  # fmt: skip


def test_every_page_is_looked_at(stage: Stage, addresses: dict[str, str]) -> None:
    """A new page has to come into the list above, or be named as no page."""
    routes = set(json.loads(made(stage.service.workspace, _ROUTES)))
    assert routes - NO_PAGES - set(addresses) == set()
    assert NO_PAGES - routes == set()


def _violations(page: Page, theme: str) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("theme => document.documentElement.setAttribute('data-bs-theme', theme)", theme)
    found: dict[str, Any] = Axe().run(page, options={"runOnly": RULES[theme]}).response
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"][:3]]


def _look(page: Page, name: str, path: str) -> list[str]:
    """Return what is wrong with a page: for who cannot see or point well, in a narrow window, over a slow line."""
    sizes: list[int] = []

    def count(request: Any) -> None:
        sizes.append(_size(request))

    page.on("requestfinished", count)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.remove_listener("requestfinished", count)
    weight, wrong = sum(sizes), []
    for theme in RULES:
        wrong += [f"{name}, {theme}: {one}" for one in _violations(page, theme)]
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    over = _over(page)
    wrong += [f"{name}: {over} pixels wider than a narrow window"] if over > 0 else []
    wrong += [f"{name}: {weight} bytes"] if weight > HEAVIEST else []
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    return wrong


def _over(page: Page) -> int:
    """Return by how many pixels a page is wider than its window, once its drawings have followed the window's size."""
    end = time.monotonic() + 5
    while True:
        over = int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
        if over <= 0 or time.monotonic() > end:
            return over
        page.wait_for_timeout(50)


def _size(request: Any) -> int:
    if "/static/vendor/" in request.url:
        return 0
    answer = request.response()
    return int(request.sizes()["responseBodySize"]) if answer is not None else 0


def test_pages_can_be_used_by_everybody(stage: Stage, addresses: dict[str, str]) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    wrong: list[str] = []
    outside = ("join", "guest", "login")
    for person, chosen in ((ADMIN, [one for one in addresses if one not in outside]), ("", outside)):
        with stage.seat(person) as page:
            for name in chosen:
                wrong += _look(page, name, addresses[name])
    assert not wrong, "\n".join(wrong)


def test_the_keyboard_reaches_the_content_the_query_and_the_rows(stage: Stage) -> None:
    with stage.seat(ADMIN) as page:
        page.goto("/exposures/?show=rows")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        assert skip.evaluate("one => one === document.activeElement")
        assert skip.is_visible()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("/")
        assert page.get_by_label("Query").evaluate("one => one === document.activeElement")
        page.locator("#suggest li").first.wait_for()
        page.keyboard.press("Escape")
        page.locator("#suggest li").first.wait_for(state="detached")
        page.locator("#main").focus()
        page.keyboard.press("j")
        first = page.locator("tr[data-row] a[data-open]").first
        assert first.evaluate("one => one === document.activeElement")
        assert first.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Can an attacker get to it?").wait_for()


def test_without_scripts_the_menu_and_the_questions_work_in_a_narrow_window(stage: Stage) -> None:
    with stage.seat(ADMIN, NARROW, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Attack map").click()
        page.get_by_role("heading", level=1, name="Attack map").wait_for()
        assert page.get_by_role("row").count() > 3, "the list says what the drawing cannot"
        page.get_by_label("From").fill("internet")
        page.get_by_label("To").fill("Web shop")
        page.get_by_role("button", name="Find", exact=True).click()
        page.get_by_role("heading", level=1, name="Ways of an attacker").wait_for()


def test_what_is_not_there_is_said_in_a_sentence(stage: Stage) -> None:
    with stage.seat(ADMIN) as page:
        for path, heading in (
            ("/exposures/EXP-0000-0000-00000/", "Not here"), ("/actions/ACT-0000-0000-00000/", "Not here"),
            ("/jobs/none/", "Not here"), ("/nowhere/", "This page is not here"),
        ):  # fmt: skip
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 404, path
            assert page.get_by_role("heading", level=1, name=heading).is_visible(), path
        page.get_by_role("link", name="To the overview").click()
        page.get_by_role("heading", level=1, name="Example Stores").wait_for()


@pytest.mark.parametrize("path", ["/", "/plan/", "/actions/?team="])
def test_what_is_printed_is_the_answer_alone(stage: Stage, path: str) -> None:
    with stage.seat(ADMIN) as page:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.emulate_media(media="print")
        assert page.get_by_role("heading", level=1).is_visible()
        assert page.locator("table").first.is_visible()
        for hidden in (".side", "form", ".btn"):
            assert not any(one.is_visible() for one in page.locator(hidden).all()), hidden

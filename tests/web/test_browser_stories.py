"""The story of each role, told with a real browser from the first page to what the role is for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.company import TODAY
from tests.served import PASSWORD
from tests.web.browser import Stage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ADMIN = "admin@example.com"
_WAIT = 20_000  # milliseconds
QUESTIONS = ("Can an attacker get to it?", "Is there a working exploit?", "Does it lead to something critical?")


def shown(one: Locator) -> None:
    """Wait until something is to be seen."""
    one.wait_for(state="visible")


def gone(some: Locator) -> None:
    """Wait until nothing of it is left."""
    from playwright.sync_api import expect

    expect(some).to_have_count(0, timeout=_WAIT)


def tells(one: Locator, text: str) -> None:
    """Wait until something shows a text: a click does not wait for the page that it leads to."""
    from playwright.sync_api import expect

    expect(one.first).to_contain_text(text, timeout=_WAIT)


def said(page: Page, text: str) -> None:
    """Wait until the page says this after the last step."""
    tells(page.locator(".said"), text)


def exposure(page: Page, weakness: str) -> None:
    """Open the page of an exposure from the rows of the queue."""
    page.goto("/exposures/")
    page.get_by_label("Query").fill(f'weakness = "{weakness}"')
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("link", name="Rows", exact=True).click()
    page.get_by_role("link", name=weakness, exact=True).first.click()
    page.get_by_role("heading", level=1, name=weakness).wait_for()


def decide(page: Page, word: str, because: str) -> None:
    """Take a decision from the page of an exposure: preview first, then the word."""
    form = page.locator("#decide")
    form.get_by_label("Decision").select_option(label=word)
    form.get_by_label("Because").fill(because)
    form.get_by_role("button", name="Preview").click()


def ask(page: Page, weakness: str) -> None:
    """Ask for an exception about an exposure."""
    exposure(page, weakness)
    decide(page, "ask for an exception", "The vendor has no update until spring.")
    page.get_by_label("Until (its last day").fill(f"{TODAY + timedelta(days=60):%Y-%m-%d}")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("The request waits for somebody who may approve it.").wait_for()


def test_an_analyst_goes_from_the_queue_to_a_decision_and_takes_it_back(stage: Stage) -> None:
    with stage.seat("analyst@example.com") as page:
        page.goto("/")
        page.get_by_role("link", name="Exposures", exact=True).click()
        shown(page.get_by_role("row").nth(1))
        exposure(page, "CVE-2021-44228")
        for question in QUESTIONS:
            shown(page.get_by_role("heading", name=question))
        shown(page.get_by_role("img", name="The likeliest attack path").first)
        page.get_by_text("Log4j").first.wait_for()
        page.get_by_label("Your comment").fill("Seen on the shop's page too: <b>not bold</b>")
        page.get_by_role("button", name="Write").click()
        tells(page.locator("#comments"), "<b>not bold</b>")

        exposure(page, "CVE-2020-1003")
        address = page.url
        decide(page, "not applicable", "The viewer is not started on this machine.")
        shown(page.get_by_role("heading", level=1, name="“not applicable” for 1 exposure?"))
        page.get_by_role("button", name="Decide").click()
        said(page, "Decided about 1 exposure.")
        page.wait_for_url(address)
        tells(page.locator("#decide"), "The viewer is not started")
        page.get_by_role("link", name="Undo").click()
        page.get_by_role("button", name="Take back").click()
        said(page, "Taken back for 1 exposure.")
        page.goto(address)
        gone(page.locator(".tools .tag", has_text="not applicable"))
        tells(page.locator("#decide"), "taken back")


def test_an_owner_claims_a_fix_and_hands_on_what_is_not_theirs(stage: Stage) -> None:
    with stage.seat("owner@example.com") as page:
        page.goto("/actions/")
        rows = page.locator("tr[data-row]")
        shown(rows.first)
        assert set(page.locator("td[data-name=Team]").all_inner_texts()) == {"web-team"}
        assert "db-1" not in page.content()

        exposure(page, "CVE-2021-44228")
        decide(page, "not ours", "The web server belongs to the agency.")
        page.get_by_role("button", name="Decide").click()
        said(page, "Decided about 1 exposure.")
        shown(page.locator(".tools .tag", has_text="not ours"))
        page.get_by_role("link", name="Undo").click()
        page.get_by_role("button", name="Take back").click()
        said(page, "Taken back for 1 exposure.")

        page.goto("/actions/")
        page.locator("tr[data-row] a[data-open]").first.click()
        page.get_by_label("What was done").fill("Updated in last night's window.")
        page.get_by_role("button", name="Say that it is done").click()
        said(page, "the next look of")
        shown(page.get_by_text("waits for a check").first)


def test_an_approver_answers_others_and_never_themselves(stage: Stage) -> None:
    with stage.seat("analyst@example.com") as page:
        ask(page, "CVE-2020-1005")
        tells(page.locator("body"), "nobody approves their own request")
        gone(page.get_by_role("button", name="Approve"))
    with stage.seat("approver@example.com") as page:
        page.goto("/")
        page.get_by_role("link", name="exceptions to approve or refuse").click()
        row = page.locator("tr", has_text="analyst@example.com").first
        row.get_by_role("link").first.click()
        page.get_by_role("button", name="Approve").click()
        said(page, "Approved")
        exposure(page, "CVE-2020-1005")
        shown(page.locator(".tools .tag", has_text="accepted").first)

        ask(page, "CVE-2020-1006")
        tells(page.locator("body"), "nobody approves their own request")
        gone(page.get_by_role("button", name="Approve"))
        page.get_by_role("button", name="Take it back").click()
        said(page, "taken back")


def test_an_administrator_invites_somebody_and_sees_with_their_eyes(stage: Stage) -> None:
    with stage.seat(ADMIN) as page:
        page.goto("/settings/people/")
        form = page.locator("form[action='/settings/people/invite/']")
        form.get_by_label("Email address").fill("newcomer@example.com")
        form.get_by_label("Role").select_option("viewer")
        form.get_by_role("button", name="Make the invitation").click()
        link = page.locator("#once").inner_text()
        with stage.seat() as other:
            other.goto(link)
            other.get_by_label("Password").fill(PASSWORD)
            other.get_by_role("button", name="Make the account").click()
            other.get_by_role("heading", level=1, name="Example Stores").wait_for()
            other.goto(link)
            tells(other.locator("body"), "This link is over")

        page.goto("/settings/people/")
        page.get_by_role("link", name="newcomer@example.com").click()
        page.get_by_label("Role").select_option("analyst")
        page.get_by_role("button", name="Give", exact=True).click()
        said(page, "The role was given.")
        page.get_by_role("button", name="See what this person sees").click()
        page.get_by_text("You see what newcomer@example.com sees.").wait_for()
        page.goto("/exposures/?show=rows")
        page.get_by_role("button", name="Stop").click()
        gone(page.get_by_text("You see what newcomer@example.com sees."))


def test_an_auditor_verifies_the_trail_and_changes_nothing(stage: Stage) -> None:
    with stage.seat("auditor@example.com") as page:
        page.goto("/settings/audit/")
        shown(page.locator("tbody tr").nth(1))
        assert "[]" not in page.locator("tbody").inner_text()
        page.get_by_role("button", name="Verify the whole trail").click()
        said(page, "Every link holds.")
        with page.expect_download() as download:
            page.get_by_role("link", name="Export").click()
        assert download.value.suggested_filename == "audit-trail.ndjson"
        assert changing(page, ("/", "/exposures/?show=rows", "/actions/", "/exceptions/", "/settings/data/")) == []


def test_a_viewer_reads_everything_and_finds_no_button_that_changes(stage: Stage) -> None:
    with stage.seat("viewer@example.com") as page:
        page.goto("/")
        gone(page.get_by_role("link", name="Settings"))
        exposure(page, "CVE-2021-44228")
        shown(page.get_by_role("heading", name=QUESTIONS[0]))
        one = page.url.removeprefix(stage.service.url)
        page.get_by_role("link", name="The action that closes it").click()
        action = page.url.removeprefix(stage.service.url)
        pages = ("/", one, action, "/exposures/", "/exposures/?show=rows", "/actions/", "/exceptions/", "/assets/",
                 "/services/", "/services/Web%20shop/", "/intelligence/")  # fmt: skip
        assert changing(page, pages) == []


def changing(page: Page, pages: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the forms of the content of these pages that would change something."""
    found = []
    for path in pages:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found += [(path, form.get_attribute("action") or "") for form in page.locator("main form[method=post]").all()]
    return found


def test_who_answers_for_it_all_sees_the_plan_and_tries_a_fix_on_the_map(stage: Stage) -> None:
    with stage.seat(ADMIN) as page:
        page.goto("/")
        page.get_by_role("heading", name="Some service is lost within a year").wait_for()
        page.locator("main").get_by_role("link", name="Plan", exact=True).click()
        page.get_by_label("At most so many changes").fill("2")
        page.get_by_role("button", name="Find the best plan").click()
        page.locator("#answer .big").wait_for(timeout=90_000)
        tells(page.locator("body"), "of the modelled risk goes with these actions")
        assert 1 <= page.locator("#answer tr[data-row]").count() <= 2
        page.get_by_label("Name").fill("Two changes")
        page.get_by_role("button", name="Keep", exact=True).click()
        said(page, "The plan is kept.")

        page.get_by_role("link", name="Attack map").click()
        page.locator("#map[data-drawn]").wait_for()
        page.locator("#map").focus()
        for key in ("ArrowRight", "ArrowRight", "Enter"):
            page.keyboard.press(key)
        page.locator("#beside h2").wait_for()
        page.locator("#junctions .answer").wait_for(timeout=60_000)
        page.locator("#junctions").get_by_role("button", name="Fix this?").first.click()
        page.get_by_text("All modelled risk changes by").wait_for(timeout=60_000)
        shown(page.get_by_role("heading", level=1, name="What would change"))

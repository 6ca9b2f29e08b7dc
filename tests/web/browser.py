"""A real Chromium over a running service: signing in, walking through pages, and what no page may do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.served import PASSWORD, Service, made

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Response

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_WAIT = 20_000  # milliseconds until a page that does not answer fails the test
WIDE, NARROW = (1280, 800), (400, 800)
# Everybody in the stories: address, then role and teams of each grant.
CAST: dict[str, Sequence[tuple[str, tuple[str, ...]]]] = {
    "analyst@example.com": [("analyst", ())],
    "owner@example.com": [("owner", ("web-team",))],
    "approver@example.com": [("approver", ()), ("analyst", ())],
    "auditor@example.com": [("auditor", ())],
    "viewer@example.com": [("viewer", ())],
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium; the test is skipped where it or Playwright is not installed."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def hire(service: Service) -> None:
    """Make the accounts of the stories."""
    made(
        service.workspace,
        "from foreshore.server import people\nfrom foreshore.server.models import Person\n"
        f"for email, grants in {CAST!r}.items():\n"
        f"    person = Person.objects.create_user(email, {PASSWORD!r})\n"
        "    for role, teams in grants:\n"
        "        people.give(person, role, by='test', teams=teams)\n",
    )


class Stage:
    """A service with the accounts of the stories, and a browser in front of it."""

    def __init__(self, service: Service, browser: Browser) -> None:
        self.service = service
        self.browser = browser
        self._signed: dict[str, Any] = {}  # the cookies of each person, so that each signs in once

    @contextmanager
    def seat(self, email: str = "", size: tuple[int, int] = WIDE, **options: Any) -> Iterator[Page]:
        """Give somebody a window of their own; at its end no script may have failed and no policy been broken."""
        context = self.browser.new_context(
            base_url=self.service.url, viewport={"width": size[0], "height": size[1]},
            storage_state=self._state(email) if email else None, reduced_motion="reduce", **options,
        )  # fmt: skip
        wrong: list[str] = []
        context.on("console", lambda message: wrong.extend(_complaint(message)))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("response", lambda answer: wrong.extend(_failure(answer)))
        page = context.new_page()
        page.set_default_timeout(_WAIT)
        try:
            yield page
        finally:
            context.close()
        assert not wrong, wrong

    def _state(self, email: str) -> Any:
        if email not in self._signed:
            context = self.browser.new_context(base_url=self.service.url)
            page = context.new_page()
            page.goto("/accounts/login/")
            page.get_by_label("Email").fill(email)
            page.get_by_label("Password", exact=False).first.fill(PASSWORD)
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.wait_for_url(lambda url: "/accounts/login" not in url)
            self._signed[email] = context.storage_state()
            context.close()
        return self._signed[email]


# Answers with an error are told of by `_failure`; a request for suggestions ends where somebody goes on meanwhile.
_NO_COMPLAINTS = ("Failed to load resource", "htmx:afterRequest", "htmx:sendAbort")


def _complaint(message: ConsoleMessage) -> list[str]:
    """What a script or the content security policy complained about."""
    if message.type != "error" or message.text.startswith(_NO_COMPLAINTS):
        return []
    return [message.text]


def _failure(answer: Response) -> list[str]:
    return [f"{answer.status} {answer.url}"] if answer.status >= 500 else []

"""Overview, exposures, actions and exceptions through the running service, as each role sees them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.served import PASSWORD, Service, made, post, serving

_ACCOUNTS = f"""
from foreshore.server import people
from foreshore.server.models import Person
for email, role, teams in (
    ("analyst@example.com", "analyst", []), ("approver@example.com", "approver", []),
    ("both@example.com", "analyst", []), ("web@example.com", "owner", ["web-team"]),
    ("data@example.com", "viewer", ["data-team"]), ("viewer@example.com", "viewer", []),
):
    person = Person.objects.create_user(email, "{PASSWORD}")
    people.give(person, role, by="test", teams=teams)
    if email.startswith("both"):
        people.give(person, "approver", by="test")
"""
BECAUSE = "looked at it with the owner"
UNTIL = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}"


@pytest.fixture(scope="module")
def place(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own, for these tests decide about exposures."""
    workspace = shutil.copytree(company, tmp_path_factory.mktemp("work") / "ws")
    with serving(Path(workspace)) as running:
        made(Path(workspace), _ACCOUNTS)
        yield running


def signed(place: Service, who: str) -> closing[httpx.Client]:
    """Return a client that is signed in as somebody of `_ACCOUNTS`, to be closed after the block."""
    return closing(place.client(f"{who}@example.com"))


def keys(client: httpx.Client, where: str) -> list[str]:
    """Return the keys of the rows that match, as the page shows them."""
    page = client.get("/exposures/", params={"show": "rows", "where": where})
    assert page.status_code == 200, page.text[:2000]
    return list(dict.fromkeys(re.findall(r'data-open href="/exposures/(EXP-[^/"]+)/"', page.text)))


def test_the_overview_answers_with_figures_and_intervals_and_asks_for_what_waits(place: Service) -> None:
    with signed(place, "viewer") as client:
        page = client.get("/").text
        assert "Some service is lost within a year" in page
        assert re.search(r"likely range [^<]*\d+ %", page)
        assert "Web shop" in page
        assert "Card payments" in page


def test_who_sees_a_part_is_told_no_figure_of_the_whole(place: Service) -> None:
    with signed(place, "data") as client:
        page = client.get("/").text
        assert "Some service is lost within a year" not in page
        assert "How it went" not in page
        for path in ("/", "/exposures/", "/exposures/?show=rows", "/actions/?team=", "/actions/export.csv?team="):
            text = client.get(path).text
            assert "web-1" not in text, path
            assert "CVE-2021-44228" not in text, path
        assert keys(client, "asset_name = db-1")


def test_nothing_of_another_team_is_shown_by_key_count_facet_or_completion(place: Service) -> None:
    with signed(place, "analyst") as client:
        (hidden,) = keys(client, 'weakness = "CVE-2021-44228"')[:1]
        action = re.search(r"/actions/(ACT-[^/\"]+)/", client.get(f"/exposures/{hidden}/").text)
        assert action
    with signed(place, "data") as client:
        for path in (f"/exposures/{hidden}/", f"/exposures/{hidden}/evidence/", f"/actions/{action[1]}/",
                     f"/actions/{action[1]}/ticket.md"):  # fmt: skip
            text = client.get(path).text
            assert "web-1" not in text, path
            assert "Log4j" not in text, path
        assert "web-team" not in client.get("/exposures/complete", params={"where": "owner = "}).text
        assert "data-team" in client.get("/exposures/complete", params={"where": "owner = "}).text
        assert "dmz" not in client.get("/exposures/?where=rank+%3E+0").text


def test_a_query_narrows_rows_and_a_wrong_one_teaches(place: Service) -> None:
    with signed(place, "viewer") as client:
        some = keys(client, 'weakness = "CVE-2023-2454"')
        assert len(some) == 1
        wrong = client.get("/exposures/", params={"where": "severty = high"})
        assert wrong.status_code == 400
        assert "severity" in wrong.text


def test_completion_knows_fields_comparisons_and_words(place: Service) -> None:
    with signed(place, "viewer") as client:
        assert 'data-fill="severity "' in client.get("/exposures/complete", params={"where": "sever"}).text
        assert (
            'data-fill="kev and severity &gt;= "'
            in client.get("/exposures/complete", params={"where": "kev and severity "}).text
        )
        assert (
            'data-fill="treatment = act_now "'
            in client.get("/exposures/complete", params={"where": "treatment = ac"}).text
        )


def test_the_queue_shows_actions_and_the_pages_of_rows_hold_each_row_once(place: Service) -> None:
    with signed(place, "viewer") as client:
        assert re.search(r"/actions/ACT-", client.get("/exposures/").text)
        every = keys(client, "")
        assert len(every) == len(set(every)) >= 8


def test_an_exposure_says_why_with_source_and_age(place: Service) -> None:
    with signed(place, "viewer") as client:
        key = keys(client, 'weakness = "CVE-2021-44228"')[0]
        page = client.get(f"/exposures/{key}/").text
        for question in (
            "Can an attacker get to it?",
            "Is there a working exploit?",
            "Does it lead to something critical?",
        ):
            assert question in page
        assert "<svg" in page
        assert "works with" in page
        evidence = client.get(f"/exposures/{key}/evidence/").text
        assert "agents" in evidence
        assert "days old" in evidence
        assert client.get(f"/exposures/{key}/", params={"evidence": "yes"}).text.count("agents") >= 1
        assert 'name="word"' not in page, "a viewer decides nothing"


def test_an_unknown_key_is_answered_in_words(place: Service) -> None:
    with signed(place, "viewer") as client:
        for path in ("/exposures/EXP-0000-0000-00000/", "/exposures/nonsense!/", "/actions/ACT-0000-0000-00000/"):
            answer = client.get(path)
            assert answer.status_code < 500
            assert "Traceback" not in answer.text
            assert "<main" in answer.text


def test_a_bulk_decision_is_previewed_taken_down_and_taken_back(place: Service) -> None:
    where = 'weakness ~ "CVE-2020-100*"'
    with signed(place, "analyst") as client:
        before = keys(client, where)
        asked = {"every": "yes", "where": where, "word": "false_positive", "because": BECAUSE}
        preview = post(client, "/exposures/preview/", asked)
        assert f"for {len(before)} exposures?" in preview.text
        assert keys(client, where) == before, "a preview writes nothing"
        done = post(client, "/exposures/decide/", {**asked, "expected": str(len(before))})
        assert "Undo" in done.text
        assert keys(client, where) == []
        assert keys(client, f"({where}) and disposition = false_positive") == []  # dismissed rows leave the queue
        undone = post(client, "/exposures/undo/", {"because": "decided by mistake"})
        assert "Taken back" in undone.text
        assert keys(client, where) == before


def test_a_decision_is_refused_where_meanwhile_others_match(place: Service) -> None:
    with signed(place, "analyst") as client:
        asked = {"every": "yes", "where": 'weakness ~ "CVE-2020-*"', "word": "duplicate", "because": BECAUSE}
        before = keys(client, asked["where"])
        again = post(client, "/exposures/decide/", {**asked, "expected": "1"})
        assert "look at the preview again" in again.text
        assert keys(client, asked["where"]) == before


def test_nobody_decides_beyond_their_part_or_role(place: Service) -> None:
    with signed(place, "analyst") as client:
        data = keys(client, "asset_name = db-1")[0]
    asked = {"exposure": data, "word": "false_positive", "because": BECAUSE}
    with signed(place, "web") as client:
        assert post(client, "/exposures/decide/", asked).status_code == 400
        every = {"every": "yes", "where": "", "word": "not_ours", "because": BECAUSE}
        preview = post(client, "/exposures/preview/", every)
        assert "db-1" not in preview.text
    with signed(place, "viewer") as client:
        assert post(client, "/exposures/decide/", asked).status_code == 403
        assert post(client, f"/exposures/{data}/comment/", {"text": "hello"}).status_code == 403
    with signed(place, "analyst") as client:
        assert keys(client, "asset_name = db-1")[0] == data
        assert post(client, "/exposures/decide/", {**asked, "word": "accepted"}).status_code == 400, "needs an approver"


def test_an_exception_is_never_approved_by_who_asked(place: Service) -> None:
    with signed(place, "both") as client:
        key = keys(client, "asset_name = db-1")[0]
        assert (
            post(client, "/exceptions/ask/", {"exposure": key, "because": "short", "until": UNTIL}).status_code == 400
        )
        said = {"exposure": key, "because": "the new version comes in spring", "until": UNTIL, "assume": "not in KEV"}
        made_page = post(client, "/exceptions/ask/", said)
        number = str(made_page.url).rstrip("/").rsplit("/", 1)[-1]
        assert "nobody approves their own request" in made_page.text
        own = post(client, f"/exceptions/{number}/answer/", {"answer": "approve"})
        assert own.status_code == 403
        assert "accepted" not in client.get(f"/exposures/{key}/").text.split('id="decide"')[0].split("<main")[1]
    with signed(place, "web") as client:
        assert "the new version comes in spring" not in client.get("/exceptions/").text
        assert post(client, f"/exceptions/{number}/answer/", {"answer": "approve"}).status_code == 403
    with signed(place, "approver") as client:
        assert "yours to answer" in client.get("/exceptions/").text
        assert "exceptions to approve or refuse" in client.get("/").text
        done = post(client, f"/exceptions/{number}/answer/", {"answer": "approve", "why": "fine until spring"})
        assert "Approved" in done.text
        assert "the new version comes in spring" in done.text.split("In force")[1]
        assert post(client, f"/exceptions/{number}/answer/", {"answer": "approve"}).status_code == 400, (
            "answered already"
        )
    with signed(place, "analyst") as client:
        page = client.get(f"/exposures/{key}/").text
        assert "approver@example.com" in page
        assert "not in KEV" in page
        assert keys(client, "treatment = accepted") == [key]
        post(client, "/exposures/withdraw/", {"exposure": key, "because": "the test is over now"})
        assert keys(client, "treatment = accepted") == []


def test_a_request_is_refused_with_a_reason_or_taken_back(place: Service) -> None:
    with signed(place, "analyst") as client:
        key = keys(client, 'weakness = "CVE-2021-44228"')[0]
        said = {"exposure": key, "because": "cannot be fixed this month", "until": UNTIL}
        numbers = [str(post(client, "/exceptions/ask/", said).url).rstrip("/").rsplit("/", 1)[-1] for _ in range(2)]
        assert "taken back" in post(client, f"/exceptions/{numbers[0]}/take-back/", {}).text
    with signed(place, "approver") as client:
        assert post(client, f"/exceptions/{numbers[1]}/answer/", {"answer": "refuse"}).status_code == 400
        post(client, f"/exceptions/{numbers[1]}/answer/", {"answer": "refuse", "why": "it is used in attacks"})
    with signed(place, "analyst") as client:
        assert "it is used in attacks" in client.get("/exceptions/?state=refused").text
        assert keys(client, "treatment = accepted") == []


def test_comments_are_text_and_nothing_else(place: Service) -> None:
    with signed(place, "web") as client:
        key = keys(client, "asset_name = web-1")[0]
        page = post(client, f"/exposures/{key}/comment/", {"text": "<script>alert(1)</script> {{ 7 }}"})
        assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 }}" in page.text


def test_a_team_finds_its_actions_its_ticket_and_claims_a_fix(place: Service) -> None:
    with signed(place, "web") as client:
        page = client.get("/actions/").text
        action = re.search(r"/actions/(ACT-[^/\"]+)/", page)
        assert action
        one = client.get(f"/actions/{action[1]}/").text
        assert "web-1" in one
        assert "db-1" not in one
        ticket = client.get(f"/actions/{action[1]}/ticket.md").text
        assert "## What to change" in ticket
        assert "web-1" in ticket
        assert client.get(f"/actions/{action[1]}/ticket.json").json()["id"] == action[1]
        rows = client.get("/actions/export.csv").text.splitlines()
        assert rows[0].startswith("action,title,team")
        assert all("web-team" in row for row in rows[1:])
        done = post(client, f"/actions/{action[1]}/claim/", {"because": "installed the newer version"})
        assert "next look" in done.text
        assert "waits for a check" in client.get(f"/actions/{action[1]}/").text
        post(client, "/exposures/undo/", {"because": "it was not installed"})


def test_saved_views_are_kept_shared_and_removed_by_their_owner(place: Service) -> None:
    with signed(place, "analyst") as client:
        post(client, "/exposures/?where=kev", {})
        wrong = post(client, "/exposures/views/", {"name": "x", "where": "no such ="})
        assert wrong.status_code == 400
        post(client, "/exposures/views/", {"name": "Attacked now", "where": "kev", "shared": "yes"})
        post(client, "/exposures/views/", {"name": "Only mine", "where": "severity = high"})
        assert "Only mine" in client.get("/exposures/").text
    with signed(place, "web") as client:
        page = client.get("/exposures/").text
        assert "Attacked now" in page
        assert "Only mine" not in page
        number = made(
            place.workspace,
            "from foreshore.server.models import SavedView\nprint(SavedView.objects.get(name='Attacked now').pk)",
        ).strip()
        assert post(client, f"/exposures/views/{number}/forget/", {}).status_code == 400
    with signed(place, "analyst") as client:
        post(client, f"/exposures/views/{number}/forget/", {})
        assert "Attacked now" not in client.get("/exposures/").text


def test_a_form_leads_back_to_no_other_site(place: Service) -> None:
    with signed(place, "analyst") as client:
        key = keys(client, 'weakness = "CVE-2020-1006"')[0]
        for back in ("https://evil.test/", "//evil.test/", "/\\evil.test/"):
            said = {"exposure": key, "word": "duplicate", "because": BECAUSE, "back": back}
            client.follow_redirects = False
            answer = post(client, "/exposures/decide/", said)
            assert answer.headers["location"].startswith("/exposures/"), back
            client.follow_redirects = True
        post(client, "/exposures/withdraw/", {"exposure": key, "because": "the test is over now"})

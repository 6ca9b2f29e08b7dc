"""Laws of what web scanners share, and forms of their reports that no golden file shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery import place
from foreshore.discovery.readers import _burp, _gitlab, _web_scans
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick, readers
from foreshore.errors import BadReport
from foreshore.facts import Finding, RunSeen, Sighting, Skipped

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(
    lambda one: one.replace(microsecond=0, tzinfo=UTC)
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
HOSTS = st.from_regex(r"[a-z]{1,8}\.example\.com", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def read(text: str) -> list[facts.Record]:
    report = FileReport("report", text.encode())
    return list(pick(report)[1].read(report))


def findings(found: list[facts.Record]) -> list[Finding]:
    return [one for one in found if isinstance(one, Finding)]


# -- URLs ---------------------------------------------------------------------------------------


@given(HOSTS, st.dictionaries(NAMES, WORDS, max_size=4), WORDS)
def test_no_value_of_a_query_and_no_password_is_left(host: str, values: dict[str, str], password: str) -> None:
    query = "&".join(f"{name}=5ecret{quote(value, safe='')}" for name, value in values.items())
    secret = f"5ecret{quote(password, safe='')}"
    bare = _web_scans.bare_url(f"https://user:{secret}@{host}/a;jsessionid={secret}/b?{query}#{secret}")
    assert "5ecret" not in bare
    assert bare == _web_scans.bare_url(bare)
    assert bare.startswith(f"https://{host}/a;jsessionid/b")
    assert bare.partition("?")[2] == "&".join(values)


@given(HOSTS, st.sampled_from(["http", "https"]), st.integers(1, 65535), NAMES)
def test_an_origin_is_the_same_for_all_its_urls(host: str, scheme: str, port: int, path: str) -> None:
    found = _web_scans.origin(f"{scheme}://{host}:{port}/{path}?x=1")
    assert found == _web_scans.origin(found.key)
    assert (found.scheme, found.host, found.port) == (scheme, host, port)
    assert _web_scans.joined(found.key, f"/{path}") == f"{found.key}/{path}"
    assert place.web(f"{found.key}/{path}") == place.web(f"{scheme}://{host}:{port}/{path}")


def test_an_application_is_said_once_and_before_its_port() -> None:
    applications = _web_scans.Applications()
    key, records = applications.at("https://shop.example.com/a", address="192.0.2.9", server="nginx/1.2 (Unix)")
    assert [type(one).__name__ for one in records] == ["Sighting", "PortSeen"]
    assert applications.at("https://shop.example.com:443/b") == (key, [])
    assert applications.at("", called="somewhere")[0] == "somewhere"


# -- dates --------------------------------------------------------------------------------------


@given(MOMENTS, st.booleans(), st.sampled_from(["/", "-", "."]), st.booleans())
def test_dates_are_read_back_as_they_were_written(at: datetime, day_first: bool, mark: str, half: bool) -> None:
    order = f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y"
    text = at.strftime(f"{order} %I:%M:%S %p" if half else f"{order}, %H:%M:%S")
    assert _web_scans.Dates((), day_first=day_first).read(text) == (at, True)


@given(MOMENTS, st.integers(-12, 14))
def test_a_written_zone_is_taken_off(at: datetime, hours: int) -> None:
    local = at + timedelta(hours=hours)
    text = local.strftime("%m/%d/%Y %H:%M:%S") + f" (UTC{'-' if hours < 0 else '+'}{abs(hours):02}:00)"
    assert _web_scans.Dates((), day_first=False).read(text) == (at, False)


@given(st.lists(MOMENTS, min_size=1, max_size=5), st.booleans())
def test_an_order_is_found_only_where_a_date_decides_it(moments: list[datetime], day_first: bool) -> None:
    texts = [one.strftime("%d/%m/%Y" if day_first else "%m/%d/%Y") for one in moments]
    dates = _web_scans.Dates(texts)
    assert dates.day_first is (day_first if any(one.day > 12 for one in moments) else None)
    for one, text in zip(moments, texts, strict=True):
        found, _assumed = dates.read(text)
        assert (found is None) == dates.undecided(text)
        assert found is None or found.date() == one.date()


def test_dates_that_contradict_each_other_decide_nothing() -> None:
    assert _web_scans.Dates(["25/06/2021", "06/25/2021"]).day_first is None
    assert _web_scans.Dates((), day_first=True).read("31/31/2021") == (None, False)


# -- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Set-Cookie: id=abc123; Path=/", "Set-Cookie: id=…; Path=/"),
        ("cookie: id=abc123", "cookie: id=…"),
        ("<p>The <b>q</b> parameter</p><p>is &lt;here&gt;</p>", "The q parameter\nis <here>"),
    ],
)
def test_proof_is_plain_and_holds_no_values_of_cookies(text: str, left: str) -> None:
    assert _web_scans.proof(text) == left


def test_passwords_are_taken_out_and_prose_about_them_is_not() -> None:
    assert _web_scans.without_passwords("ID 'admin', PW 'cisco')") == "ID 'admin', PW '…')"
    assert _web_scans.without_passwords("password=abc&user=x") == "password=…&user=x"
    prose = "Password of the administrator is not asked for"
    assert _web_scans.without_passwords(prose) == prose


@given(st.text(max_size=5000))
def test_proof_is_bounded(text: str) -> None:
    assert len(_web_scans.proof(text, text)) <= _web_scans.MOST_PROOF


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("/a [b_id cookie]", "b_id"),
        ("/a [q parameter]", "q"),
        ("/a [user JSON parameter]", "user"),
        ("/a [Referer HTTP header]", "Referer"),
        ("/a [URL path folder 1]", "URL path folder 1"),
        ("/a", ""),
    ],
)
def test_the_parameter_of_a_caption(caption: str, name: str) -> None:
    assert _burp.parameter(caption) == name


@pytest.mark.parametrize(
    ("detail", "name"),
    [
        ("The value of the <b>q</b> request parameter is copied.", "q"),
        ("The value of the email JSON parameter is copied.", "email"),
        ("The value of the URL path folder 2 is copied.", "URL path folder 2"),
        ("The page is old.", ""),
    ],
)
def test_the_parameter_in_a_detail(detail: str, name: str) -> None:
    assert _burp.parameter_in(detail) == name


# -- GitLab -------------------------------------------------------------------------------------


def gitlab(**changes: object) -> str:
    row: dict[str, object] = {
        "name": "Weak hash", "severity": "Medium", "location": {"file": "a.py", "start_line": 4},
        "identifiers": [{"type": "bandit_test_id", "name": "Bandit Test ID B303", "value": "B303"}],
    }  # fmt: skip
    document = {"version": "15.0.0", "vulnerabilities": [row | changes], "scan": {"scanner": {}, "type": "sast"}}
    return json.dumps(document)


@given(st.integers(1, 10_000), st.integers(1, 10_000), WORDS)
def test_a_moved_line_stays_at_its_place(before: int, after: int, scope: str) -> None:
    tracking = {"items": [{"signatures": [{"algorithm": "scope_offset", "value": scope}]}]}
    one, two = (
        findings(read(gitlab(location={"file": "a.py", "start_line": line}, tracking=tracking)))[0]
        for line in (before, after)
    )
    assert (one.line, two.line, one.context) == (before, after, scope)
    assert place.of(one) == place.of(two)


def test_the_hash_of_no_code_is_no_context() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert not findings(read(gitlab(cve=f"a.py:{empty}:B303")))[0].context
    assert findings(read(gitlab(cve=f"a.py:{'ab' * 32}:B303")))[0].context == "ab" * 32


def test_an_old_report_without_findings_is_read() -> None:
    found = read('{"version": "2.3", "vulnerabilities": [], "remediations": []}')
    assert [type(one) for one in found] == [RunSeen]


@pytest.mark.parametrize(
    ("solution", "version"),
    [
        ("Upgrade apt from 1.4.8 to 1.4.9", "1.4.9"),
        ("Upgrade to version 2.2.3 or above.", "2.2.3"),
        ("Upgrade to versions 1.2.3, 2.0.1 or above.", "1.2.3, 2.0.1"),
        ("Upgrade busybox to 1.34.1-r5", "1.34.1-r5"),
        ("Unfortunately, there is no solution available yet.", ""),
        ("Switch to 2 other packages", ""),
    ],
)
def test_the_version_that_fixes(solution: str, version: str) -> None:
    assert _gitlab.fixed_version(solution) == version


def test_a_report_on_an_api_takes_the_address_from_the_request() -> None:
    text = gitlab(
        category="api_fuzzing",
        location={"method": "POST", "path": "/v1/users"},
        evidence={"request": {"url": "https://api.example.com/v1/users?key=not-a-real-secret"}},
    )
    found = findings(read(text))[0]
    assert (found.asset, found.method) == ("https://api.example.com", "POST")
    assert found.url == "https://api.example.com/v1/users"


def test_a_dismissed_vulnerability_is_suppressed_and_a_flagged_one_is_open() -> None:
    assert findings(read(gitlab(state="dismissed")))[0].word == "suppressed"
    flagged = findings(read(gitlab(flags=[{"type": "flagged-as-likely-false-positive"}])))[0]
    assert (flagged.word, flagged.tags) == ("open", ("flag=flagged-as-likely-false-positive",))


# -- single formats -----------------------------------------------------------------------------


def test_a_wordpress_scan_that_was_given_up_is_refused() -> None:
    with pytest.raises(BadReport, match="given up"):
        read('{"banner": {"description": "WPScan Team"}, "scan_aborted": "The site does not answer."}')


def test_a_date_that_can_be_read_two_ways_is_left_out_and_said() -> None:
    target = '"Target": {"Url": "http://a.example.com/"}'
    found = read(f'{{"Generated": "03/02/2019 15:50:29 (UTC-06:00)", {target}, "Vulnerabilities": []}}')
    assert isinstance(found[0], RunSeen)
    assert found[0].observed_at is None
    assert [one.why for one in found if isinstance(one, Skipped)] == [_web_scans.TWO_WAYS]
    assert any(isinstance(one, Sighting) for one in found)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("Present", "open"),
        ("Present, FalsePositive", "false_positive"),
        ("Present, AcceptedRisk", "accepted"),
        ("Fixed (Confirmed)", "fixed"),
        ("Fixed (Unconfirmed)", "open"),
        ("Revived", "open"),
        ("Ignored", "suppressed"),
    ],
)
def test_states_of_invicti(state: str, word: str) -> None:
    row = {"Type": "A", "Name": "A", "Severity": "Low", "Url": "http://a.example.com/", "State": state}
    text = json.dumps({"Generated": "2025-03-15T10:00:00Z", "Target": {}, "Vulnerabilities": [row]})
    assert findings(read(text))[0].word == word


def test_dates_of_acunetix_without_a_decision_have_the_day_first() -> None:
    scan = "<Scan><StartURL>http://a.example.com</StartURL><StartTime>03/02/2025, 10:00:00</StartTime></Scan>"
    found = read(f"<ScanGroup>{scan}</ScanGroup>")
    assert isinstance(found[0], RunSeen)
    assert found[0].observed_at == datetime(2025, 2, 3, 10, tzinfo=UTC)


def test_one_host_of_nikto_as_one_object_and_a_csv_that_never_closes_a_quote() -> None:
    item = '{"id":"1","url":"/","msg":"x"}'
    text = f'{{"host":"a.example.com","ip":"192.0.2.1","port":"80","banner":"","vulnerabilities":[{item}]}}'
    assert [one.rule for one in findings(read(text))] == ["1"]
    with pytest.raises(BadReport):
        read('"Nikto - v2.5.0/"\n"a.example.com","192.0.2.1","80","","GET","/","x\n')


def test_html_that_ends_early_is_refused() -> None:
    head = "<html><head><title>Scan Remediation Report #1</title></head>"
    text = f"{head}<body><h1>Issues found on http://a.example.com</h1>"
    reader = readers()["burp_suite_dast"]
    with pytest.raises(BadReport, match="ends in the middle"):
        list(reader.read(FileReport("report.html", text.encode())))
    whole = list(reader.read(FileReport("report.html", f"{text}</body></html>".encode())))
    assert [one.key for one in whole if isinstance(one, Sighting)] == ["http://a.example.com"]

"""The second language: complete, in a running service, with numbers and dates as its readers write them."""

from __future__ import annotations

import gettext
import html
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.served import Service, made, post

ROOT = Path(__file__).resolve().parents[2]
GERMAN = ROOT / "src" / "foreshore" / "web" / "locale" / "de" / "LC_MESSAGES"
PAGES = {"/": "overview", "/exposures/": "exposures", "/plan/": "plan", "/actions/": "actions"}
_TAG = re.compile(r"<(script|style|svg)\b.*?</\1>|<[^>]+>", re.DOTALL)


@pytest.fixture
def german(service: Service) -> Iterator[httpx.Client]:
    """The browser of an administrator that asks for German."""
    with closing(service.client("admin@example.com")) as client:
        client.headers["Accept-Language"] = "de-DE,de;q=0.9,en;q=0.5"
        yield client


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """The script that collects and compiles the words."""
    spec = importlib.util.spec_from_file_location("make_messages", ROOT / "scripts" / "make_messages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_messages"] = module
    spec.loader.exec_module(module)
    return module


def texts(page: str) -> list[str]:
    """Return what a page shows, piece by piece."""
    return [text for one in _TAG.sub("\n", page).splitlines() if (text := " ".join(html.unescape(one).split()))]


def test_every_word_of_the_pages_is_translated_and_compiled() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make_messages.py"), "--check"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("path", PAGES)
def test_no_english_text_of_the_catalogue_is_left_on_a_german_page(
    german: httpx.Client, messages: ModuleType, path: str
) -> None:
    answer = german.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-language"] == "de"
    assert '<html lang="de"' in answer.text
    _, known = messages.read((GERMAN / "django.po").read_text("utf-8"))
    # A text that is the same in both languages, or that is also a German word of the page, says nothing.
    spoken = {form for one in known for form in one.translations}
    english = {one.singular for one in known if one.singular not in spoken}
    shown = texts(answer.text)
    assert not english & set(shown)
    assert spoken & set(shown)


def test_numbers_follow_the_language_and_dates_stay_iso_on_the_pages(service: Service, german: httpx.Client) -> None:
    with closing(service.client("admin@example.com")) as english:
        english.headers["Accept-Language"] = "en"
        first, second = (" ".join(texts(one.get("/actions/").text)) for one in (english, german))
        begin, beginning = (" ".join(texts(one.get("/").text)) for one in (english, german))
    guessed = re.findall(r"\b\d\.\d h", first)
    assert guessed
    assert [one.replace(".", ",") for one in guessed] == re.findall(r"\b\d,\d h", second)
    assert not re.search(r"\b\d\.\d (h|%)", second)
    days = re.findall(r"\b\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC", begin)
    assert days
    assert days == re.findall(r"\b\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC", beginning)
    assert re.search(r"vor \d+ (Minuten?|Stunden?|Tag(en)?)\b|gerade eben", beginning)


_FIGURES = """
import json
from datetime import UTC, date, datetime, timedelta
from django.utils import translation
from foreshore.web.templatetags import told
now = datetime.now(UTC)
for language in ("en", "de"):
    with translation.override(language):
        print(json.dumps([
            told.number(6301), told.number(-1234567), told.number(None), told.percent(0.0123), told.percent(0.456),
            told.percent(None), told.interval(0.0412, 0.118), told.interval(0.0, 0.3), told.signed(-0.049),
            told.money(4_380_000), told.money(4_380_000, "EUR"), told.money(999_900, "EUR"), told.money(12_345),
            told.money(None, "EUR"), told.hours(2.06), told.day(date(2026, 3, 9)),
            told.moment(datetime(2026, 3, 9, 14, 5)), told.age(now - timedelta(seconds=5)),
            told.age(now - timedelta(minutes=1, seconds=2)), told.age(now - timedelta(hours=23, minutes=59)),
            told.age(now - timedelta(days=1, seconds=9)), told.age((now - timedelta(days=1500)).replace(tzinfo=None)),
            told.age(now.date()), told.age(None), told.team("nobody yet"), told.team("web_team"),
        ]))
"""


def test_each_figure_in_both_languages(service: Service) -> None:
    english, german = (json.loads(line) for line in made(service.workspace, _FIGURES).splitlines())
    assert english == [
        "6,301", "-1,234,567", "–", "1.2 %", "46 %", "unknown", "4.1 to 12 %", "< 0.05 to 30 %", "−4.9 %",
        "4.38 m", "EUR 4.38 m", "EUR 1 m", "12.3 k", "unknown", "2.1 h", "2026-03-09", "2026-03-09 14:05 UTC",
        "just now", "1 minute ago", "23 hours ago", "1 day ago", "1,500 days ago", "today", "age unknown",
        "nobody yet", "web_team",
    ]  # fmt: skip
    assert german == [
        "6.301", "-1.234.567", "–", "1,2 %", "46 %", "unbekannt", "4,1 bis 12 %", "< 0,05 bis 30 %", "−4,9 %",
        "4,38 Mio.", "4,38 Mio. EUR", "1 Mio. EUR", "12,3 Tsd.", "unbekannt", "2,1 h", "2026-03-09",
        "2026-03-09 14:05 UTC", "gerade eben", "vor 1 Minute", "vor 23 Stunden", "vor 1 Tag", "vor 1.500 Tagen",
        "heute", "Alter unbekannt", "noch niemand", "web_team",
    ]  # fmt: skip


def test_the_choice_on_the_own_page_counts_more_than_the_browser(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        client.headers["Accept-Language"] = "en"
        assert "My account" in client.get("/me/").text
        answer = post(client, "/me/", {"name": "", "language": "de", "theme": "auto"})
        assert answer.status_code == 200
        assert "Mein Konto" in client.get("/me/").text
        post(client, "/me/", {"name": "", "language": "", "theme": "auto"})
        assert "My account" in client.get("/me/").text


def test_an_unknown_language_gets_english(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        client.headers["Accept-Language"] = "tlh"
        assert client.get("/").headers["content-language"] == "en"


def test_plural_forms_are_chosen_by_the_number() -> None:
    with (GERMAN / "django.mo").open("rb") as stream:
        words = gettext.GNUTranslations(stream)
    for count, form in ((0, "Gefährdungen"), (1, "Gefährdung"), (2, "Gefährdungen")):
        text = words.ngettext("%(n)s exposure", "%(n)s exposures", count) % {"n": count}
        assert text == f"{count} {form}"


_WORD = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(' \n\t"\\%'), min_size=1, max_size=30)


@given(st.dictionaries(_WORD, st.tuples(_WORD, _WORD, _WORD), min_size=1, max_size=8))
def test_a_catalogue_reads_back_as_it_was_written(messages: ModuleType, words: dict[str, tuple[str, str, str]]) -> None:
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"'
    written = [
        messages.Message(one, plural, translations=(first, second)) for one, (plural, first, second) in words.items()
    ]
    again_header, again = messages.read(messages.written(header, written))
    assert again_header == header
    assert again == written


@given(st.dictionaries(_WORD, _WORD, min_size=1, max_size=8))
def test_the_compiled_file_says_what_the_text_says(
    messages: ModuleType, tmp_path_factory: pytest.TempPathFactory, words: dict[str, str]
) -> None:
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"'
    written = [messages.Message(one, translations=(text,)) for one, text in words.items()]
    place = tmp_path_factory.mktemp("mo") / "django.mo"
    place.write_bytes(messages.compiled(header, written))
    with place.open("rb") as stream:
        known = gettext.GNUTranslations(stream)
    assert {one: known.gettext(one) for one in words} == words


def test_what_is_missing_uncertain_or_does_not_fit_is_told(messages: ModuleType, tmp_path: Path) -> None:
    text = 'msgid ""\nmsgstr ""\n\n#, fuzzy\nmsgid "one"\nmsgstr "eins"\n\nmsgid "two"\nmsgstr ""\n'
    _, known = messages.read(text)
    assert [one.translated for one in known] == [False, False]
    shown = [messages.Message("three"), messages.Message("one")]
    assert [(one.singular, one.fuzzy) for one in messages.merged(shown, known)] == [("one", True), ("three", False)]
    assert list(messages.in_template("{% blocktranslate count n=x %}{{ n }} a{% plural %}{{ n }} b{% endblocktranslate %}")) == [
        messages.Message("%(n)s a", "%(n)s b")
    ]  # fmt: skip
    assert list(messages.in_template('{% translate "a % b" %}{{ x|default:_("none") }}')) == [
        messages.Message("a %% b"), messages.Message("none"),
    ]  # fmt: skip

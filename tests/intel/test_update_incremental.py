"""Only what changed is fetched, an interrupted fetch goes on, limits of rate are kept, a bad answer changes nothing."""

from __future__ import annotations

import gzip
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import store
from foreshore.errors import UsageError
from foreshore.http import Door
from foreshore.intel import kept, paging, sources
from foreshore.intel.asking import Pace
from foreshore.intel.status import status
from foreshore.intel.update import UpdateResult, update
from foreshore.workspace import SETTINGS, Workspace

NOW = datetime(2025, 9, 1)
HEADING = "weakness,kind,value,text,source,model,observed_at\n"
TABLE = HEADING + "".join(f"CVE-2099-{n:04d},epss,0.5,,us,own,2025-08-01\n" for n in range(400))
LOOPBACK = Door(allowed=("127.0.0.1",))
Answer = tuple[int, dict[str, str], bytes]


class Server:
    """A web server whose answers a test decides; `asked` is what came: path, query and headers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        self.answer: Callable[[str, dict[str, list[str]], dict[str, str]], Answer] = lambda *_: (404, {}, b"")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append((parts.path, parse_qs(parts.query), headers))
                status, given, body = outer.answer(parts.path, parse_qs(parts.query), headers)
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **given, "connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test's output clean."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=1)


class Clock:
    """Time that passes only by sleeping; `sent` is when each request went out."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def read(workspace: Workspace, *urls: str, pace: Pace | None = None, everything: bool = True) -> UpdateResult:
    return update(workspace, sources=urls, only_present=not everything, door=LOOPBACK, now=NOW, pace=pace)


def versioned(body: bytes, etag: str) -> Callable[..., Answer]:
    def answer(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        if headers.get("if-none-match") == etag:
            return 304, {"etag": etag}, b""
        begin = headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        if begin and headers.get("if-range") == etag:
            rest = body[int(begin) :]
            given = {"etag": etag, "content-range": f"bytes {begin}-{len(body) - 1}/{len(body)}"}
            return 206, given, rest
        return 200, {"etag": etag}, body

    return answer


def test_what_has_not_changed_is_not_fetched_again(workspace: Workspace, server: Server) -> None:
    server.answer = versioned(TABLE.encode(), '"one"')
    url = f"{server.url}/own.csv"
    first, again = read(workspace, url), read(workspace, url)
    assert (first.new, len(first.unchanged)) == (401, 0)
    assert (again.new, again.read, again.unchanged, again.version) == (0, (), (url,), first.version)
    assert [headers.get("if-none-match") for _, _, headers in server.asked] == [None, '"one"']
    server.answer = versioned(TABLE.replace("0.5", "0.6").replace("08-01", "08-02").encode(), '"two"')
    assert read(workspace, url).new == 401


def test_of_an_unchanged_answer_the_kept_bytes_are_read_for_new_weaknesses(
    workspace: Workspace, server: Server
) -> None:
    server.answer = versioned(TABLE.encode(), '"one"')
    url = f"{server.url}/own.csv"
    assert read(workspace, url, everything=False).weaknesses == 0
    with store.open_lake(workspace) as lake:
        lake.append({"exposures": pa.table({"exposure": [1], "asset": [1], "weakness": ["CVE-2099-0007"]})}, job="x")
    result = read(workspace, url, everything=False)
    assert (len(result.unchanged), result.new) == (1, 1)
    with store.open_lake(workspace, read_only=True) as lake:
        assert lake.sql("SELECT weakness FROM signals WHERE kind = 'epss'")["weakness"].to_pylist() == ["CVE-2099-0007"]


def test_a_cut_download_goes_on_at_the_next_update(workspace: Workspace, server: Server) -> None:
    body = TABLE.encode()
    full = versioned(body, '"one"')

    def cut(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        if len(server.asked) > 1:
            return 503, {"retry-after": "9999"}, b"busy"
        return 200, {"etag": '"one"', "content-length": str(len(body))}, body[:5000]

    server.answer = cut
    url = f"{server.url}/own.csv"
    result = read(workspace, url)
    assert "503" in result.failed[0][1]
    server.answer = full
    assert read(workspace, url).new == 401
    ranges = [(headers.get("range"), headers.get("if-range")) for _, _, headers in server.asked]
    assert ranges == [(None, None), ("bytes=5000-", '"one"'), ("bytes=5000-", '"one"')]
    assert not list((workspace.root / "intel" / "partial").iterdir())


def test_a_cut_download_of_what_has_changed_since_begins_anew(workspace: Workspace, server: Server) -> None:
    body = TABLE.encode()
    newer = versioned(body.replace(b"0.5", b"0.7"), '"two"')

    def answer(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        if len(server.asked) == 1:
            return 200, {"etag": '"one"', "content-length": str(len(body))}, body[:5000]
        return newer(path, query, headers)

    server.answer = answer
    assert read(workspace, f"{server.url}/own.csv").new == 401
    with store.open_lake(workspace, read_only=True) as lake:
        values = lake.sql("SELECT DISTINCT value FROM signals WHERE kind = 'epss'")["value"].to_pylist()
    assert values == [0.7]


@pytest.mark.parametrize("body", [b"<html>please sign in</html>", gzip.compress(b"not a feed", mtime=0), b""])
def test_a_bad_answer_keeps_the_old_state(workspace: Workspace, server: Server, body: bytes) -> None:
    url = f"{server.url}/own.csv"
    server.answer = versioned(TABLE.encode(), '"one"')
    read(workspace, url)
    before = kept.load(workspace).source(url)
    server.answer = versioned(body, '"bad"')
    result = read(workspace, url)
    assert result.new == 0
    assert len(result.failed) == 1
    after = kept.load(workspace).source(url)
    assert (after.etag, after.evidence, after.read_at) == (before.etag, before.evidence, before.read_at)
    (shown,) = status(workspace, NOW)["sources"]
    assert shown["failure"]
    server.answer = versioned(TABLE.encode(), '"one"')
    assert read(workspace, url).unchanged == (url,)


def item(number: int) -> dict[str, Any]:
    return {"cve": {"id": f"CVE-2099-{number:04d}", "sourceIdentifier": "x", "published": "2025-01-01T00:00:00.000",
                    "lastModified": "2025-08-01T00:00:00.000", "vulnStatus": "Analyzed", "descriptions": []}}  # fmt: skip


def nvd(total: int, most: int = 2) -> Callable[..., Answer]:
    def answer(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        start = int(query["startIndex"][0])
        listed = [item(number) for number in range(start, min(start + most, total))]
        page = {"resultsPerPage": most, "startIndex": start, "totalResults": total, "vulnerabilities": listed}
        return 200, {}, json.dumps(page).encode()

    return answer


def test_pages_are_asked_within_the_limit_of_rate(workspace: Workspace, server: Server) -> None:
    times: list[float] = []
    clock, pages = Clock(), nvd(23)

    def answer(*words: Any) -> Answer:
        times.append(clock.now)
        return pages(*words)

    server.answer = answer
    result = read(workspace, f"{server.url}/rest/json/cves/2.0", pace=Pace(clock=clock, sleep=clock.sleep))
    assert (result.failed, len(times)) == ((), 12)
    # In no thirty seconds more than five.
    assert all(later - earlier >= 30 for earlier, later in zip(times, times[5:], strict=False))
    with store.open_lake(workspace, read_only=True) as lake:
        assert lake.sql("SELECT count(*) AS n FROM signals WHERE kind = 'published'")["n"].to_pylist() == [23]


def test_paging_that_failed_goes_on_without_asking_again_for_pages_that_came(
    workspace: Workspace, server: Server
) -> None:
    clock, pages = Clock(), nvd(7)
    server.answer = lambda path, query, headers: (
        (500, {}, b"") if query["startIndex"] == ["4"] else pages(path, query, headers)
    )
    url = f"{server.url}/rest/json/cves/2.0"
    pace = Pace(clock=clock, sleep=clock.sleep)
    assert "500" in read(workspace, url, pace=pace).failed[0][1]
    server.answer = pages
    assert read(workspace, url, pace=pace).failed == ()
    assert [query["startIndex"][0] for _, query, _ in server.asked] == ["0", "2", "4", "4", "6"]
    assert all("lastModStartDate" not in query for _, query, _ in server.asked)
    # The next time only what has changed since is asked for.
    server.asked.clear()
    server.answer = nvd(1)
    update(workspace, sources=[url], only_present=False, door=LOOPBACK, now=NOW + timedelta(days=3), pace=pace)
    ((_, query, _),) = server.asked
    assert query["lastModStartDate"] == ["2025-08-31T22:00:00.000+00:00"]
    assert query["lastModEndDate"] == ["2025-09-04T00:00:00.000+00:00"]


def test_a_busy_server_is_asked_again_after_the_wait_it_names(workspace: Workspace, server: Server) -> None:
    clock = Clock()
    full = versioned(TABLE.encode(), '"one"')
    server.answer = lambda *words: full(*words) if len(server.asked) == 3 else (429, {"retry-after": "40"}, b"")
    assert read(workspace, f"{server.url}/own.csv", pace=Pace(clock=clock, sleep=clock.sleep)).new == 401
    assert clock.now == 80


@given(st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)), st.integers(0, 2000), st.integers(0, 86_399))
def test_windows_cover_the_time_without_gaps_and_none_is_too_long(since: datetime, days: int, seconds: int) -> None:
    until = since + timedelta(days=days, seconds=seconds)
    found = paging.windows(since, until)
    assert found[0][0] == since - paging.OVERLAP
    assert found[-1][1] == until
    assert all(start is not None and end is not None and end - start <= timedelta(days=120) for start, end in found)
    assert all(one[1] == other[0] for one, other in pairwise(found))


def setting(workspace: Workspace, text: str) -> None:
    path = workspace.root / SETTINGS
    path.write_text(path.read_text("utf-8") + text, "utf-8")


def others_off() -> str:
    return "".join(f"[intel.{name}]\noff = true\n" for name in (
        "attack", "capec", "cve5", "endoflife", "exploitdb", "metasploit", "nuclei_templates"
    ))  # fmt: skip


def test_missing_days_of_epss_are_fetched_once(workspace: Workspace, server: Server) -> None:
    mirror = workspace.root.parent / "kev.json"
    mirror.write_text('{"catalogVersion": "1", "dateReleased": "2025-08-01T00:00:00Z", "vulnerabilities": []}')
    setting(workspace, f'[intel.kev]\nurl = "{mirror.as_posix()}"\n[intel.epss]\nurl = "{server.url}/now.csv"\n'
            f'days_url = "{server.url}/{{day}}.csv"\nsince = 2025-08-25\n' + others_off())  # fmt: skip

    def answer(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        day = path.strip("/").removesuffix(".csv").replace("now", "2025-08-31")
        if day == "2025-08-27":
            return 404, {}, b""
        lines = (
            f"#model_version:v4,score_date:{day}T00:00:00+0000\ncve,epss,percentile\nCVE-2099-0001,0.{day[-2:]},0.5\n"
        )
        return 200, {}, lines.encode()

    server.answer = answer
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    result = update(workspace, only_present=False, door=LOOPBACK, now=NOW, pace=pace)
    assert result.failed == ()
    assert sorted(path for path, _, _ in server.asked) == [
        "/2025-08-25.csv", "/2025-08-26.csv", "/2025-08-27.csv", "/2025-08-28.csv", "/2025-08-29.csv",
        "/2025-08-30.csv", "/2025-08-31.csv", "/now.csv",
    ]  # fmt: skip
    server.asked.clear()
    update(workspace, only_present=False, door=LOOPBACK, now=NOW, pace=pace)
    assert [path for path, _, _ in server.asked] == ["/now.csv"]


def test_a_key_goes_to_the_index_and_never_to_the_archive(
    workspace: Workspace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_A_KEY", "not-a-real-secret")
    entry = {"cve": ["CVE-2099-0001"], "date_added": "2025-08-01T00:00:00Z", "vulncheck_xdb": [],
             "vulncheck_reported_exploitation": [], "_timestamp": "2025-08-02T00:00:00Z"}  # fmt: skip
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("vulncheck_known_exploited_vulnerabilities.json", json.dumps([entry]))
    index = json.dumps({"data": [{"url": f"{server.url}/a.zip?sign=1", "sha256": "ab"}]}).encode()
    server.answer = lambda path, *_: (200, {}, index if path == "/backup" else archive.getvalue())
    setting(workspace, f'[intel.vulncheck_kev]\nurl = "{server.url}/backup"\nkey_from = "env:NOT_A_KEY"\n' + "".join(
        f"[intel.{name}]\noff = true\n" for name in ("kev", "epss")) + others_off())  # fmt: skip
    result = update(workspace, only_present=False, door=LOOPBACK, now=NOW)
    assert (result.failed, [one.feed for one in result.read]) == ((), ["vulncheck_kev"])
    assert [(path, headers.get("authorization")) for path, _, headers in server.asked] == [
        ("/backup", "Bearer not-a-real-secret"), ("/a.zip", None),
    ]  # fmt: skip
    assert "not-a-real-secret" not in (workspace.root / "intel" / "state.json").read_text("utf-8")
    assert update(workspace, only_present=False, door=LOOPBACK, now=NOW).unchanged == (f"{server.url}/backup",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[intel]\nkev = 1\n", "has to be tables"),
        ('[intel.kev]\napi_key = "x"\n', "looks like a credential"),
        ("[intel.kev]\nurl = 3\n", "of the wrong kind"),
        ('[intel.kev]\ncolour = "red"\n', "is no setting"),
        ('[intel.own]\nallow = ["x"]\n', "not a network"),
        ("[intel.own]\n", "no address of its own"),
        ("[intel.vulncheck_kev]\n", "answers only with a key"),
        ('[intel.epss]\nurl = "https://example.com/x"\nsince = "soon"\n', "is not a day"),
        ('[intel.epss]\ndays_url = "https://example.com/x"\n', "no {day} in it"),
    ],
)
def test_settings_that_cannot_be_are_named(workspace: Workspace, text: str, why: str) -> None:
    setting(workspace, text)
    with pytest.raises(UsageError, match=why):
        sources.configured(workspace, {})

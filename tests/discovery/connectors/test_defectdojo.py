"""DefectDojo is asked page by page, its findings are imported, and its decisions are taken over once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from foreshore import decisions
from foreshore.cycle import bringing, taking
from foreshore.discovery import collecting
from foreshore.discovery.connectors import defectdojo
from foreshore.discovery.connectors._asking import Pace
from foreshore.discovery.connectors._sources import Source, load
from foreshore.errors import UsageError
from foreshore.store import open_lake
from foreshore.workspace import Workspace

KEY = "made-up-not-a-real-secret"
FAST = Pace(1e9, lambda: 0.0, lambda _seconds: None)
TODAY = datetime.now(UTC).date()
NOTE = {"id": 3, "entry": "The header is set by the proxy.", "private": False, "date": "2026-01-03T10:00:00Z",
        "author": {"id": 5, "username": "writer-a"}}  # fmt: skip


def finding(number: int, host: str = "", **fields: Any) -> dict[str, Any]:
    """A finding with the fields of DefectDojo's interface that matter."""
    product = {"id": 1, "name": "Shop"}
    test = {"id": 7, "engagement": {"id": 4, "name": "Yearly", "product": product}, "test_type": {"name": "Some Scan"}}
    return {
        "id": number, "title": f"Flaw {number}", "severity": "High", "numerical_severity": "S1", "active": True,
        "verified": False, "false_p": False, "risk_accepted": False, "out_of_scope": False, "duplicate": False,
        "is_mitigated": False, "vulnerability_ids": [{"vulnerability_id": f"CVE-2099-{number:04d}"}],
        "component_name": "thing", "component_version": "1.0", "endpoints": [1] if host else [], "notes": [],
        "related_fields": {"test": test}, "accepted_risks": [], **fields,
    }  # fmt: skip


class Dojo:
    """Answers as DefectDojo documents: `limit` and `offset`, `next` with the address it thinks it has."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {
            "products": [{"id": 1, "name": "Shop", "business_criticality": "very high", "tags": ["a"]}],
            "risk_acceptance": [], "findings": [],
        }  # fmt: skip
        self.prefetch: dict[str, dict[str, Any]] = {
            "findings": {"endpoints": {"1": {"id": 1, "host": "www.shop.example.com", "port": 443}}},
            "risk_acceptance": {"owner": {"9": {"id": 9, "username": "owner-b"}}},
        }
        self.asked: list[tuple[str, str]] = []
        self.busy_at: set[int] = set()
        self.forbidden: set[str] = set()

    def answer(self, path: str, key: str) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        table = parts.path.removeprefix("/api/v2/").strip("/")
        self.asked.append((table, parts.query))
        if key != f"Token {KEY}":
            return 403, {"detail": "Invalid token."}
        if len(self.asked) in self.busy_at:
            return 503, {}
        if table in self.forbidden:
            return 403, {"message": "You do not have permission to perform this action."}
        offset, limit = int(query["offset"]), int(query["limit"])
        rows = sorted(self.tables[table], key=lambda row: row["id"])
        more = offset + limit < len(rows)
        following = f"http://inside.test/api/v2/{table}/?offset={offset + limit}" if more else None
        wanted = query.get("prefetch", "")
        page = {"count": len(rows), "next": following, "previous": None, "results": rows[offset : offset + limit]}
        return 200, page | ({"prefetch": self.prefetch[table]} if wanted else {})


@pytest.fixture
def dojo(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Dojo, str]]:
    """A server on loopback and its address."""
    monkeypatch.setenv("DEFECTDOJO_API_KEY", KEY)
    held = Dojo()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = held.answer(self.path, self.headers.get("authorization", ""))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield held, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def source_of(workspace: Workspace, server: str, more: str = "") -> Source:
    text = (
        f'[sources.dojo]\nconnector = "defectdojo"\nserver = "{server}"\nallow = ["127.0.0.1"]\npage_size = 2\n{more}'
    )
    (workspace.root / "sources.toml").write_text(text, "utf-8")
    return load(workspace.root)["dojo"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws")


def gathered(workspace: Workspace, server: str) -> bringing.Brought:
    """Collect, import, take over, clear: what `foreshore collect dojo --decisions` does."""
    source = source_of(workspace, server)
    found = collecting.collect(workspace, source, pace=FAST)
    for path, name in found.reports:
        result = taking.take(workspace, [Path(path)], source=name or None)
        assert not result.errors
    brought = bringing.bring(workspace, found)
    collecting.clear(workspace, source)
    return brought


def words(workspace: Workspace) -> dict[str, tuple[str, str, str, Any]]:
    """(word, author, reason, last day) of each weakness with a word that counts."""
    with open_lake(workspace, read_only=True) as lake, decisions.open(workspace) as opened:
        table = lake.sql("select exposure, weakness from exposures").to_pylist()
        named = {row["exposure"]: row["weakness"] for row in table}
        said = opened.effective(datetime.now(UTC))
        return {
            named[one.exposure]: (one.disposition, entry.author, entry.because, entry.until)
            for one in said
            for entry in opened.history(one.exposure)[-1:]
        }


def test_pages_become_one_report_and_products_are_assets(workspace: Workspace, dojo: tuple[Dojo, str]) -> None:
    held, server = dojo
    held.tables["findings"] = [finding(number, host="x" if number % 2 else "") for number in range(1, 6)]
    held.busy_at = {4}
    found = collecting.collect(workspace, source_of(workspace, server), pace=FAST)
    (main, name), (findings, own) = found.reports
    assert (name, own) == ("dojo", "")
    assert [row["id"] for row in json.loads(Path(findings).read_bytes())["results"]] == [1, 2, 3, 4, 5]
    assert KEY not in Path(main).read_text("utf-8") + Path(findings).read_text("utf-8")
    taken = [taking.take(workspace, [Path(path)]) for path in (main, findings)]
    assert [(run.reader, run.findings) for one in taken for run in one.runs] == [
        ("defectdojo_collection", 0), ("defectdojo", 5),
    ]  # fmt: skip
    with open_lake(workspace, read_only=True) as lake:
        rows = lake.sql(
            "select distinct name, attributes from sightings where len(map_keys(attributes)) > 0"
        ).to_pylist()
    assert ("Shop", [("business_criticality", "very high")]) in [(row["name"], row["attributes"]) for row in rows]


def test_an_interrupted_collection_asks_only_for_the_rest(workspace: Workspace, dojo: tuple[Dojo, str]) -> None:
    held, server = dojo
    held.tables["findings"] = [finding(number) for number in range(1, 6)]
    held.busy_at = set(range(5, 20))
    with pytest.raises(collecting.CollectionFailed, match="does not answer"):
        collecting.collect(workspace, source_of(workspace, server, "tries = 2\n"), pace=FAST)
    held.busy_at, before = set(), len(held.asked)
    found = collecting.collect(workspace, source_of(workspace, server), pace=FAST)
    assert (found.resumed, found.answers) == (4, 5)
    assert ["offset=4" in query for _, query in held.asked[before:]] == [True]


def test_an_empty_dojo_is_an_empty_report(workspace: Workspace, dojo: tuple[Dojo, str]) -> None:
    assert gathered(workspace, dojo[1]) == bringing.Brought()


def test_an_unknown_key_ends_the_run_and_a_missing_right_does_not(
    workspace: Workspace, dojo: tuple[Dojo, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held, server = dojo
    held.forbidden = {"risk_acceptance"}
    held.tables["findings"] = [finding(1)]
    found = collecting.collect(workspace, source_of(workspace, server), pace=FAST)
    assert [(one.call, one.why) for one in found.refused] == [
        ("risk_acceptance", "You do not have permission to perform this action.")
    ]
    collecting.clear(workspace, source_of(workspace, server))
    monkeypatch.setenv("DEFECTDOJO_API_KEY", "another-not-a-real-secret")
    with pytest.raises(collecting.CollectionFailed, match="the key is not accepted"):
        collecting.collect(workspace, source_of(workspace, server), pace=FAST)


def test_only_the_chosen_products_are_asked_for(workspace: Workspace, dojo: tuple[Dojo, str]) -> None:
    held, server = dojo
    collecting.collect(workspace, source_of(workspace, server, 'products = ["1", "12"]\n'), pace=FAST)
    queries = [query for table, query in held.asked if table == "findings"]
    assert [query.partition("test__engagement__product=")[2] for query in queries] == ["1", "12"]


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ('server = "ftp://x"', "web address"), ('server = "http://dojo.example.com"', "without encryption"),
        ('server = "https://dojo.example.com"\nproducts = ["Shop"]', "no number"),
        ('server = "https://dojo.example.com"\nbearer_from = "abc"', "no place"),
        ('server = "https://dojo.example.com"\npage_size = 0', "out of range"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(workspace: Workspace, setting: str, what: str) -> None:
    (workspace.root / "sources.toml").write_text(f'[sources.d]\nconnector = "defectdojo"\n{setting}\n', "utf-8")
    with pytest.raises(UsageError, match=what):
        load(workspace.root)


def test_requests_that_testers_recorded_are_not_taken() -> None:
    page = defectdojo.without_secrets({"results": [{"id": 1, "request_response": {"req_resp": ["Cookie: x"]}}, 7]})
    assert page == {"results": [{"id": 1}, 7]}


# -- decisions ----------------------------------------------------------------------------------------


def decided_there(held: Dojo) -> None:
    accepted = {"id": 2, "name": "Old shop", "decision_details": "Goes away in spring.", "accepted_by": "",
                "owner": 9, "accepted_findings": [2], "expiration_date": f"{TODAY + timedelta(days=40)}T00:00:00Z"}  # fmt: skip
    ended = {"id": 3, "name": "Ended", "owner": 9, "accepted_findings": [6], "expiration_date": "2020-01-01T00:00:00Z"}
    held.tables["risk_acceptance"] = [accepted, ended]
    secret = {**NOTE, "id": 4, "entry": "between us", "private": True}
    held.tables["findings"] = [
        finding(1, "x", false_p=True, active=False, notes=[NOTE, secret]),
        finding(2, "x", risk_accepted=True, active=False),
        finding(3, risk_accepted=True, active=False),
        finding(4, out_of_scope=True, active=False),
        finding(5),
        finding(6, risk_accepted=True, active=False),
    ]


def test_decisions_come_over_with_reason_author_and_last_day(workspace: Workspace, dojo: tuple[Dojo, str]) -> None:
    held, server = dojo
    decided_there(held)
    brought = gathered(workspace, server)
    assert (brought.taken, brought.known) == (4, 0)
    assert brought.left_out == ("finding 6 (accepted): it ended on 2020-01-01",)
    start = "Taken over from DefectDojo, where finding"
    assert words(workspace) == {
        "CVE-2099-0001": (
            "false_positive", "writer-a", f"{start} 1 is a false positive: The header is set by the proxy.", None),
        "CVE-2099-0002": (
            "accepted", "owner-b", f"{start} 2 is an accepted risk: Goes away in spring.", TODAY + timedelta(days=40)),
        "CVE-2099-0003": (
            "accepted", "a user of DefectDojo", f"{start} 3 is an accepted risk. No last day was named there.",
            TODAY + timedelta(days=365)),
        "CVE-2099-0004": ("not_ours", "a user of DefectDojo", f"{start} 4 is out of scope.", None),
    }  # fmt: skip


def test_a_later_collection_never_overrides_a_word_given_here(workspace: Workspace, dojo: tuple[Dojo, str]) -> None:
    held, server = dojo
    decided_there(held)
    gathered(workspace, server)
    with decisions.open(workspace) as opened:
        said = {entry.disposition: entry.exposure for entry in opened.effective(datetime.now(UTC))}
        opened.withdraw([said["false_positive"]], because="the proxy does not set it", author="reader-c")
        opened.decide([said["not_ours"]], "mitigated", because="the firewall stops it", author="reader-c")
    before = words(workspace)
    held.tables["findings"][4] |= {"false_p": True, "active": False}
    brought = gathered(workspace, server)
    assert (brought.taken, brought.known) == (1, 4)
    after = words(workspace)
    assert after.pop("CVE-2099-0005")[0] == "false_positive"
    assert after == before
    assert "CVE-2099-0001" not in after
    assert after["CVE-2099-0004"][:2] == ("mitigated", "reader-c")


def test_what_another_finding_still_reports_is_not_dismissed(workspace: Workspace, dojo: tuple[Dojo, str]) -> None:
    held, server = dojo
    same: dict[str, Any] = {"vulnerability_ids": [{"vulnerability_id": "CVE-2099-0001"}]}
    held.tables["findings"] = [finding(1, false_p=True, active=False), finding(2, **same)]
    brought = gathered(workspace, server)
    assert brought.taken == 0
    assert "still open" in brought.left_out[0]
    assert words(workspace) == {}


def test_the_command_takes_them_over(
    workspace: Workspace, dojo: tuple[Dojo, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from foreshore.cli.main import main

    held, server = dojo
    decided_there(held)
    source_of(workspace, server, "requests_per_second = 1000\n")
    line = ["foreshore", "collect", "dojo", "--decisions", "--json", "-w", str(workspace.root)]
    monkeypatch.setattr("sys.argv", line)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["decisions"]["taken"], told["error"]) == (4, None)
    assert not (workspace.root / "collected" / "dojo" / collecting.MAIN).exists()


def test_sources_in_which_nobody_decides_are_refused_before_anything_is_asked(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from foreshore.cli.main import main

    text = '[sources.names]\nconnector = "dns"\ndomains = ["example.test"]\nresolver = "127.0.0.1:9"\n'
    (workspace.root / "sources.toml").write_text(text, "utf-8")
    monkeypatch.setattr("sys.argv", ["foreshore", "collect", "--decisions", "-w", str(workspace.root)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no decisions to take over" in capsys.readouterr().err
    assert not (workspace.root / "collected").exists()

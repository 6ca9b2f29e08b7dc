"""Mapping files: what they may say, what is said of those that are wrong, and that no row is lost."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreshore import facts, store
from foreshore.discovery import jsonpath
from foreshore.discovery.importing import import_paths
from foreshore.discovery.inspection import inspect
from foreshore.discovery.mapped import Mapped
from foreshore.discovery.mapping import load, of_workspace, parse
from foreshore.discovery.reports import FileReport, Limits
from foreshore.errors import BadReport, UsageError
from foreshore.facts import Finding, RunSeen, Sighting, Skipped
from foreshore.workspace import Workspace

TICKETS = """\
tool = "pentest team"
[match]
columns = ["Host", "Check", "Found on"]
[fields]
asset = "Host"
address = { from = "IP", optional = true }
title = { join = ["Area", "Check"], with = ": " }
rule = "Check"
weakness = { from = "CVEs", split = "/" }
severity = { from = "Risk", values = { P1 = "critical", P2 = "high" }, default = "low" }
first_seen = { from = "Found on", date = "%d.%m.%Y" }
proof = { constant = "confirmed" }
"""
ROWS = """\
Host;IP;Check;Risk;Found on;CVEs;Area;Remark
web.example.com;203.0.113.10;Old TLS;P2;03.11.2026;;Crypto;x
db.example.com;10.20.0.5;Database error;p1;04.11.2026;CVE-2024-0201/CVE-2024-0202;Patch;y
db.example.com;10.20.0.5;Odd;P9;4 November;;;
"""
NESTED = """\
tool = "inhouse"
each = "data.hosts[*].issues[*]"
observed_at = "meta.generated"
[match]
keys = ["meta", "issues"]
[fields]
asset = "^.name"
rule = "id"
title = { first = ["text", "id"] }
port = "ports[0].n"
weakness = "ids[*].v"
severity = { from = "level", values = { 1 = "low", 5 = "critical" } }
asset_tags = "$.meta.site"
"""
DOCUMENT: dict[str, Any] = {
    "meta": {"generated": "2026-11-20T10:00:00Z", "site": "north"},
    "data": {
        "hosts": [
            {
                "name": "a.example.com",
                "issues": [
                    {"id": "X-1", "text": "Weak", "level": 5, "ports": [{"n": 443}], "extra": {}},
                    {"id": "X-2", "level": 1, "ids": [{"v": "CVE-2024-0001"}, {"v": "CVE-2024-0002"}]},
                ],
            },
            {"name": "b.example.com", "issues": []},
            {"name": "c.example.com", "issues": [{"id": "X-1", "text": "Weak", "level": 1}]},
        ]
    },
}


def mapped(text: str) -> Mapped:
    return Mapped(parse(text.encode(), "own.toml"))


def read(mapping: str, data: str | bytes) -> list[facts.Record]:
    content = data.encode() if isinstance(data, str) else data
    return list(mapped(mapping).read(FileReport("report", content)))


def of(kind: type, records: list[facts.Record]) -> list[Any]:
    return [one for one in records if isinstance(one, kind)]


# -- what a mapping does -------------------------------------------------------------------------


def test_columns_become_findings() -> None:
    found = read(TICKETS, ROWS)
    assert isinstance(found[0], RunSeen)
    assert found[0].tool == "pentest team"
    first, second, third = of(Finding, found)
    assert (first.title, first.rule, first.severity, first.proof) == ("Crypto: Old TLS", "Old TLS", "high", "confirmed")
    assert f"{first.first_seen:%Y-%m-%d}" == "2026-11-03"
    assert second.weaknesses == ("CVE-2024-0201", "CVE-2024-0202")
    assert second.severity == "critical"
    assert (third.title, third.severity, third.first_seen) == ("Odd", "low", None)
    assert [one.identifiers for one in of(Sighting, found)] == [
        (("fqdn", "web.example.com"), ("ip", "203.0.113.10")),
        (("fqdn", "db.example.com"), ("ip", "10.20.0.5")),
    ]


def test_what_is_not_read_is_named() -> None:
    where = {one.where: one.why for one in of(Skipped, read(TICKETS, ROWS))}
    assert "4 November" in where["line 4: first_seen"]
    assert where["columns"].endswith("Remark")


def test_letter_case_of_columns_does_not_count_and_an_optional_one_may_be_missing() -> None:
    lines = ROWS.replace("Host;IP;", "HOST;Net;")
    assert len(of(Finding, read(TICKETS, lines))) == 3
    assert of(Sighting, read(TICKETS, lines))[0].identifiers == (("fqdn", "web.example.com"),)


def test_paths_reach_the_enclosing_element_and_the_document() -> None:
    found = read(NESTED, json.dumps(DOCUMENT))
    assert of(RunSeen, found)[0].observed_text == "2026-11-20T10:00:00Z"
    assert [(one.asset, one.rule, one.title, one.severity, one.port) for one in of(Finding, found)] == [
        ("fqdn=a.example.com", "X-1", "Weak", "critical", 443),
        ("fqdn=a.example.com", "X-2", "X-2", "low", 0),
        ("fqdn=c.example.com", "X-1", "Weak", "low", 0),
    ]
    assert of(Finding, found)[1].weaknesses == ("CVE-2024-0001", "CVE-2024-0002")
    assert {one.tags for one in of(Sighting, found)} == {("north",)}
    assert [one.why for one in of(Skipped, found)] == ["not read by the mapping: extra"]


def test_a_list_lines_and_lines_with_a_list_inside() -> None:
    plain = '[fields]\nasset = "h"\ntitle = "t"\n'
    rows = [{"h": "a.example.com", "t": "One"}, {"h": "b.example.com", "t": "Two"}]
    wanted = [("fqdn=a.example.com", "One"), ("fqdn=b.example.com", "Two")]
    lines = "\n".join(map(json.dumps, rows)) + "\n"
    inside = '{"rows": ' + json.dumps(rows) + "}\n"
    listed = 'format = "lines"\neach = "rows[*]"\n' + plain
    for mapping, text in ((plain, json.dumps(rows)), (plain, lines), (listed, inside)):
        assert [(one.asset, one.title) for one in of(Finding, read(mapping, text))] == wanted


def test_members_of_an_object_with_their_names() -> None:
    mapping = 'each = "hosts[*][*]"\n[fields]\nasset = "^.@key"\ntitle = "t"\nrule = "@key"\n'
    document = {"hosts": {"a.example.com": {"R1": {"t": "One"}}, "b.example.com": {"R2": {"t": "Two"}}}}
    found = of(Finding, read(mapping, json.dumps(document)))
    assert [(one.asset, one.rule) for one in found] == [("fqdn=a.example.com", "R1"), ("fqdn=b.example.com", "R2")]


def test_a_secret_stays_out() -> None:
    mapping = '[fields]\nasset = "h"\ntitle = "t"\nkind = { constant = "secret" }\nevidence = "e"\ndescription = "e"\n'
    found = read(mapping, json.dumps([{"h": "a.example.com", "t": "Token", "e": "not-a-real-secret"}]))
    assert len(of(Finding, found)) == 1
    assert b"not-a-real-secret" not in msgspec.json.encode(found)


def test_a_row_of_constants_alone_is_no_finding() -> None:
    mapping = '[fields]\nasset = { constant = "all" }\ntitle = "t"\nseverity = { from = "s", default = "low" }\n'
    found = read(mapping, json.dumps([{"x": 1}, {"t": "One"}]))
    assert [(one.title, one.severity) for one in of(Finding, found)] == [("One", "low")]
    assert of(Skipped, found)[0].where == "element 1"


# -- what is wrong with a mapping, and where -----------------------------------------------------


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("severity = {", "severty = {"), 10, "severity"),
        (('join = ["Area"', 'merge = ["Area"'), 7, "merge"),
        (('date = "%d.%m.%Y"', 'date = "day"'), 11, "date format"),
        (('values = { P1 = "critical", P2 = "high" }', 'values = "high"'), 10, "values"),
        (('rule = "Check"', "rule = 4"), 8, "rule"),
        (('rule = "Check"', 'rule = { from = "Check", date = "%Y" }'), 8, "no time"),
        (('tool = "pentest team"', 'tol = "pentest team"'), 1, "tool"),
        (('tool = "pentest team"', 'each = "a[*]"'), 1, "JSON"),
        (("[fields]", "[fields"), 4, "TOML"),
        (('columns = ["Host", "Check", "Found on"]', "columns = []"), 3, "columns"),
        (('columns = ["Host", "Check", "Found on"]', 'colums = ["Host"]'), 2, "columns or keys"),
    ],
)
def test_an_error_names_the_line_and_what_to_do(change: tuple[str, str], line: int, said: str) -> None:
    text = TICKETS.replace(*change)
    assert text != TICKETS
    with pytest.raises(UsageError) as caught:
        mapped(text)
    assert caught.value.where == f"own.toml, line {line}"
    assert said in caught.value.sentence()
    assert caught.value.hint


@pytest.mark.parametrize("path", ["a[", "a[x]", 'a"b', "a..[*", "["])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=r"own\.toml, line 8"):
        mapped(NESTED.replace('rule = "id"', f"rule = {json.dumps(path)}"))


def test_each_has_to_name_a_list_and_fields_something() -> None:
    for text in (NESTED.replace("[*].issues[*]", ""), "[fields]\nseverity = 'x'\n", "tool = 'x'\n", "[fields]\n"):
        with pytest.raises(UsageError):
            mapped(text)


def test_a_missing_column_is_named_beside_those_that_are_there() -> None:
    with pytest.raises(BadReport) as caught:
        read(TICKETS, ROWS.replace("CVEs", "CVE list"))
    assert "no column CVEs" in caught.value.what
    assert "CVE list" in caught.value.hint


def test_a_path_that_no_element_has_is_named() -> None:
    found = read(NESTED.replace('rule = "id"', 'rule = "number"'), json.dumps(DOCUMENT))
    assert ("mapping, rule", "no element has number") in [(one.where, one.why) for one in of(Skipped, found)]
    assert len(of(Finding, found)) == 3


def test_an_each_that_leads_nowhere_is_named() -> None:
    found = read(NESTED.replace("data.hosts", "data.machines"), json.dumps(DOCUMENT))
    said = [(one.where, one.why) for one in of(Skipped, found)]
    assert said == [("data.machines[*].issues[*]", "holds no element")]


# -- choosing and storing ------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=3)


def put(workspace: Workspace, name: str, text: str) -> Path:
    folder = workspace.root / "mappings"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder / name


def test_inspect_shows_the_first_records_and_stores_nothing(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS, "utf-8")
    (tmp_path / "own.toml").write_text(TICKETS, "utf-8")
    (found,) = inspect([tmp_path / "rows.csv"], mapping=tmp_path / "own.toml")
    assert (found.reader, found.findings, found.assets) == ("mapping own", 3, 2)
    assert isinstance(found.sample, tuple)
    assert [one["record"] for one in found.sample] == ["Sighting", "Finding", "Sighting", "Finding", "Finding"]
    (plain,) = inspect([tmp_path / "rows.csv"])
    assert "sample" not in msgspec.to_builtins(plain)


def test_a_mapping_of_the_workspace_is_found_by_content(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, "tickets.toml", TICKETS)
    put(workspace, "nested.toml", NESTED)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rows.csv").write_text(ROWS, "utf-8")
    (tmp_path / "in" / "out.json").write_text(json.dumps(DOCUMENT), "utf-8")
    found = import_paths(workspace, [tmp_path / "in"])
    said = [(one.reader, one.source, one.findings) for one in found.runs]
    assert said == [("mapping nested", "inhouse", 3), ("mapping tickets", "pentest team", 3)]
    assert found.errors == ()


def test_a_mapping_without_match_could_never_be_chosen(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, "tickets.toml", TICKETS.replace('[match]\ncolumns = ["Host", "Check", "Found on"]\n', ""))
    with pytest.raises(UsageError, match="match"):
        of_workspace(workspace.root)
    with pytest.raises(UsageError, match="match"):
        import_paths(workspace, [tmp_path])


def test_a_changed_mapping_reads_the_file_again_and_the_same_one_does_not(workspace: Workspace, tmp_path: Path) -> None:
    report, own = tmp_path / "rows.csv", tmp_path / "own.toml"
    report.write_text(ROWS, "utf-8")
    own.write_text(TICKETS, "utf-8")
    assert import_paths(workspace, [report], mapping=own).exposures.new == 4
    assert [one.duplicate for one in import_paths(workspace, [report], mapping=own).runs] == [True]
    own.write_text(TICKETS.replace('P2 = "high"', 'P2 = "medium"'), "utf-8")
    again = import_paths(workspace, [report], mapping=own)
    assert [one.duplicate for one in again.runs] == [False]
    assert (again.exposures.new, again.exposures.seen) == (0, 4)
    with store.open_lake(workspace, read_only=True) as lake:
        rows = lake.sql("SELECT DISTINCT digest, read_key FROM runs").to_pylist()
    assert len({row["read_key"] for row in rows}) == 2
    assert len({row["digest"] for row in rows}) == 1


def test_the_mapping_is_kept_as_evidence(workspace: Workspace, tmp_path: Path) -> None:
    report, own = tmp_path / "rows.csv", tmp_path / "own.toml"
    report.write_text(ROWS, "utf-8")
    own.write_text(TICKETS, "utf-8")
    import_paths(workspace, [report], mapping=own)
    assert (workspace.evidence_dir / f"{load(own).mapping.digest}.bin").exists()


# -- laws ----------------------------------------------------------------------------------------

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
LAX = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LAW = """\
[fields]
asset = "host"
title = "title"
severity = { from = "risk", values = { a = "high" } }
first_seen = { from = "day", date = "%Y-%m-%d" }
line = "line"
weakness = "cve"
"""
NAMES = ("host", "title", "risk", "day", "line", "cve")
JSON_VALUE: st.SearchStrategy[Any] = CELL | st.integers() | st.none() | st.lists(CELL, max_size=2) | st.booleans()


def says(value: Any) -> bool:
    return value is not None and value not in ([], [""]) and (not isinstance(value, str) or bool(value.strip()))


def check_all_taken(rows: list[dict[str, Any]], places: list[str], found: list[facts.Record]) -> None:
    """Every row is a finding, or at least an asset that was said, or skipped under its place."""
    skipped = {one.where for one in of(Skipped, found)}
    titles = Counter(one.title for one in of(Finding, found))
    hosts = {one.name for one in of(Sighting, found)}
    wanted = Counter(row["title"].strip() for row in rows if says(row["title"]))
    assert wanted <= titles
    for row, place in zip(rows, places, strict=True):
        if says(row["title"]) or place in skipped:
            continue
        if says(row["cve"]):
            # Named by its weakness: a finding that no title accounts for.
            assert (titles - wanted).total() > 0
        else:
            assert str(row["host"]).strip() in hosts


@LAX
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, CELL)), max_size=8))
def test_no_row_of_a_csv_is_lost(rows: list[dict[str, str]]) -> None:
    rows = [one for one in rows if any(text.strip() for text in one.values())]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, NAMES, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    check_all_taken(rows, [f"line {number}" for number in range(2, len(rows) + 2)], read(LAW, stream.getvalue()))


@LAX
@given(
    st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, CELL) | {"risk": JSON_VALUE, "line": JSON_VALUE}), max_size=8)
)
def test_no_element_of_a_json_list_is_lost(rows: list[dict[str, Any]]) -> None:
    check_all_taken(rows, [f"element {number}" for number in range(1, len(rows) + 1)], read(LAW, json.dumps(rows)))


@LAX
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON_VALUE), max_size=6))
def test_every_element_of_odd_values_is_accounted_for(rows: list[dict[str, Any]]) -> None:
    found = read(LAW, json.dumps(rows))
    skipped = {one.where for one in of(Skipped, found)}
    for number, row in enumerate(rows, 1):
        if not any(says(value) for value in row.values()):
            assert f"element {number}" in skipped
    assert all(one.rule and one.title for one in of(Finding, found))


@LAX
@given(st.data())
def test_whatever_the_bytes_records_or_a_bad_report(data: st.DataObject) -> None:
    mapping, whole = data.draw(st.sampled_from([(TICKETS, ROWS.encode()), (NESTED, json.dumps(DOCUMENT).encode())]))
    changed = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3)) if changed else 0):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    reader = mapped(mapping)
    assert isinstance(reader.sniff(bytes(changed)), bool)
    try:
        found = list(reader.read(FileReport("report", bytes(changed), Limits(line=20_000))))
    except BadReport as error:
        assert error.where  # noqa: PT017 - either outcome is right, and an error has to say where
    else:
        assert isinstance(found[0], RunSeen)


BOMBS = [b"[" * 5000, b'{"data":' * 5000, b'{"data":{"hosts":"\\ud800"}}', b'{"data":{"\\ud800":[]}}', b"null"]


@LAX
@given(st.binary(max_size=300) | st.sampled_from(BOMBS))
def test_garbage(data: bytes) -> None:
    for mapping in (TICKETS, NESTED, LAW):
        try:
            assert isinstance(read(mapping, data)[0], RunSeen)
        except BadReport:
            continue


@LAX
@given(st.text(max_size=200) | st.text(alphabet='[]={}"\n.abc', max_size=60))
def test_any_text_is_a_mapping_or_a_usage_error(text: str) -> None:
    try:
        parse(text.encode("utf-8", "surrogatepass"), "own.toml")
    except UsageError as error:
        assert error.where.startswith("own.toml")  # noqa: PT017 - either outcome is right


@LAX
@given(st.lists(st.text("abc. -", min_size=1, max_size=5), min_size=1, max_size=4))
def test_a_quoted_path_finds_what_was_put_there(names: list[str]) -> None:
    document: Any = 7
    for name in reversed(names):
        document = {name: [document]}
    path = jsonpath.parse(".".join(f'"{name}"[0]' for name in names))
    assert jsonpath.values(path, jsonpath.Element(document, ""), None) == [7]


# -- the guide -----------------------------------------------------------------------------------

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "map-your-own-file.md"


def test_the_guide_shows_what_happens() -> None:
    blocks = [one.split("```")[0] for one in GUIDE.read_text("utf-8").split("\n```")[1:]]
    rows = next(one for one in blocks if "Host;Address" in one).lstrip("\n")
    own = next(one for one in blocks if "pentest team" in one).removeprefix("toml\n")
    found = read(own, rows)
    assert [(one.title, one.severity) for one in of(Finding, found)] == [
        ("Old TLS", "high"),
        ("Open share", "critical"),
    ]
    assert [one.why for one in of(Skipped, found)] == ["not read by the mapping: Remark"]
    mapped(next(one for one in blocks if "each =" in one).removeprefix("toml\n"))


def test_the_guide_names_all_words() -> None:
    from foreshore.discovery.readers._generic_columns import COLUMNS

    text = GUIDE.read_text("utf-8")
    assert [name for name in COLUMNS if f"`{name}`" not in text] == []

"""Small reports of our own against records that were checked by hand; FORESHORE_WRITE_GOLDEN=1 rewrites.

Each folder of `golden/` is named READER or READER+FORM, and holds one report, `records.json`, and perhaps
`corpus.toml` (see test_corpus.py). A reader takes part by having a folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from foreshore import facts
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick, readers

GOLDEN = Path(__file__).parent / "golden"
FOLDERS = sorted(one.name for one in GOLDEN.iterdir() if one.is_dir())
BESIDE = ("records.json", "corpus.toml")
TEXT = [one for one in FOLDERS if not one.endswith("+binary")]


def reader_of(folder: str) -> str:
    return folder.partition("+")[0]


def sample(folder: str) -> Path:
    return next(one for one in sorted((GOLDEN / folder).iterdir()) if one.name not in BESIDE)


def records(report: FileReport) -> list[facts.Record]:
    return list(pick(report)[1].read(report))


def shown(found: list[facts.Record]) -> list[dict[str, Any]]:
    return [{"record": type(one).__name__} | msgspec.to_builtins(one) for one in found]


@pytest.mark.parametrize("name", readers())
def test_every_reader_has_a_golden_report(name: str) -> None:
    assert name in {reader_of(one) for one in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_records_equal_the_golden_file(folder: str) -> None:
    path = sample(folder)
    report = FileReport(path.name, path)
    assert pick(report)[0] == reader_of(folder)
    found = shown(records(report))
    golden = GOLDEN / folder / "records.json"
    if os.environ.get("FORESHORE_WRITE_GOLDEN"):
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert json.loads(json.dumps(found)) == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_records_come_in_order_and_name_what_is_known(folder: str) -> None:
    path = sample(folder)
    found = records(FileReport(path.name, path))
    assert found == records(FileReport(path.name, path))
    assert isinstance(found[0], facts.RunSeen)
    assert sum(isinstance(one, facts.RunSeen) for one in found) == 1
    known: set[str] = set()
    for one in found:
        if isinstance(one, facts.Sighting):
            assert one.identifiers
            assert {kind for kind, _ in one.identifiers} <= {*facts.STRONG, *facts.NAMES, *facts.WEAK}
            known.add(one.key)
        elif isinstance(one, (facts.PortSeen, facts.Finding, facts.Covered, facts.ControlSeen)):
            assert one.asset in known
        elif isinstance(one, facts.Relation):
            ends = [one.source, one.target]
            assert {end.removeprefix("asset:") for end in ends if end.startswith("asset:")} <= known


@pytest.mark.parametrize("folder", TEXT)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_give_the_same_records(folder: str, encoding: str) -> None:
    text = sample(folder).read_text(encoding="utf-8")
    if encoding == "utf-16":
        text = text.replace('encoding="UTF-8"', 'encoding="UTF-16"')
    plain = records(FileReport("report", text.replace("UTF-16", "UTF-8").encode()))
    assert records(FileReport("report", text.encode(encoding))) == plain


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_other_reader_of_its_rank_recognises_it(folder: str) -> None:
    head = sample(folder).read_bytes()[:65536]
    rank = {one: getattr(reader, "priority", 0) for one, reader in readers().items() if reader.sniff(head)}
    name = reader_of(folder)
    assert [one for one, level in rank.items() if level >= rank[name]] == [name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_that_was_planted_as_a_secret_is_taken(folder: str) -> None:
    path = sample(folder)
    assert "not-a-real-secret" not in json.dumps(shown(records(FileReport(path.name, path))))

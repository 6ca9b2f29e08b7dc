"""Small reports of our own against records that were checked by hand; FORESHORE_WRITE_GOLDEN=1 rewrites."""

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

HERE = Path(__file__).parent
# folder -> reader; a reader with several forms has a folder for each, the first under its own name
FOLDERS = {
    f"golden/{name}": name
    for name in (
        "nuclei", "trivy", "trivy_operator", "grype", "defender", "zap", "sarif", "cyclonedx_json",
        "cyclonedx_xml", "prowler", "generic_csv", "generic_json",
    )
} | {
    "golden_more/nuclei_list": "nuclei",
    "golden_more/trivy_cluster": "trivy",
    "golden_more/trivy_old_list": "trivy",
    "golden_more/prowler_csv": "prowler",
    "golden_more/prowler_old": "prowler",
    "golden_more/defender_machines": "defender",
    "golden_more/defender_csv": "defender",
    "golden_more/zap_json": "zap",
    "golden_more/generic_list": "generic_json",
}  # fmt: skip


def sample(folder: str) -> Path:
    return next(one for one in sorted((HERE / folder).iterdir()) if one.name != "records.json")


def records(report: FileReport) -> list[facts.Record]:
    return list(pick(report)[1].read(report))


def shown(found: list[facts.Record]) -> list[dict[str, Any]]:
    return [{"record": type(one).__name__} | msgspec.to_builtins(one) for one in found]


@pytest.mark.parametrize("folder", FOLDERS)
def test_records_equal_the_golden_file(folder: str) -> None:
    path = sample(folder)
    report = FileReport(path.name, path)
    assert pick(report)[0] == FOLDERS[folder]
    found = shown(records(report))
    golden = HERE / folder / "records.json"
    if os.environ.get("FORESHORE_WRITE_GOLDEN"):
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert json.loads(json.dumps(found)) == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_run_comes_first_and_assets_before_what_is_said_of_them(folder: str) -> None:
    path = sample(folder)
    found = records(FileReport(path.name, path))
    assert [type(one) for one in found].index(facts.RunSeen) == 0
    assert sum(isinstance(one, facts.RunSeen) for one in found) == 1
    known: set[str] = set()
    for one in found:
        if isinstance(one, facts.Sighting):
            assert one.key not in known
            assert one.identifiers
            assert {kind for kind, _ in one.identifiers} <= {*facts.STRONG, *facts.NAMES, *facts.WEAK}
            known.add(one.key)
        elif isinstance(one, (facts.PortSeen, facts.Finding, facts.Covered, facts.ControlSeen)):
            assert one.asset in known
        elif isinstance(one, facts.Relation):
            assert {one.source.removeprefix("asset:"), one.target.removeprefix("asset:")} <= known


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_give_the_same_records(folder: str, encoding: str) -> None:
    text = sample(folder).read_text(encoding="utf-8")
    if encoding == "utf-16":
        text = text.replace('encoding="UTF-8"', 'encoding="UTF-16"')
    plain = records(FileReport("report", text.replace("UTF-16", "UTF-8").encode()))
    assert records(FileReport("report", b"" + text.encode(encoding))) == plain


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_other_reader_of_its_rank_recognises_it(folder: str) -> None:
    head = sample(folder).read_bytes()[:65536]
    rank = {one: getattr(reader, "priority", 0) for one, reader in readers().items() if reader.sniff(head)}
    name = FOLDERS[folder]
    assert [one for one, level in rank.items() if level >= rank[name]] == [name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_that_was_planted_as_a_secret_is_taken(folder: str) -> None:
    path = sample(folder)
    assert "not-a-real-secret" not in json.dumps(shown(records(FileReport(path.name, path))))

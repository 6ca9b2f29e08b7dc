"""Small reports of our own against records checked by hand; FORESHORE_WRITE_GOLDEN=1 rewrites them."""

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
NAMES = (
    "nessus", "nmap", "openvas_xml", "openvas_csv", "qualys_xml", "qualys_csv", "qualys_vmdr",
    "qualys_infrascan_webgui", "qualys_webapp", "tenable_csv", "firewall_csv",
)  # fmt: skip


def sample(name: str) -> Path:
    return next(one for one in sorted((GOLDEN / name).iterdir()) if one.name != "records.json")


def records(path: Path) -> list[facts.Record]:
    report = FileReport(path.name, path)
    return list(pick(report)[1].read(report))


def shown(found: list[facts.Record]) -> list[dict[str, Any]]:
    return [{"record": type(one).__name__} | msgspec.to_builtins(one) for one in found]


@pytest.mark.parametrize("name", NAMES)
def test_records_equal_the_golden_file(name: str) -> None:
    path = sample(name)
    assert pick(FileReport(path.name, path))[0] == name
    found = shown(records(path))
    golden = GOLDEN / name / "records.json"
    if os.environ.get("FORESHORE_WRITE_GOLDEN"):
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert json.loads(json.dumps(found)) == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes_give_the_same_records_in_order(name: str) -> None:
    path = sample(name)
    first = records(path)
    assert first == records(path)
    assert isinstance(first[0], facts.RunSeen)
    assert sum(isinstance(one, facts.RunSeen) for one in first) == 1
    known: set[str] = set()
    for one in first:
        if isinstance(one, facts.Sighting):
            known.add(one.key)
        elif isinstance(one, (facts.PortSeen, facts.Finding, facts.Covered)):
            assert one.asset in known


@pytest.mark.parametrize("name", NAMES)
def test_no_other_reader_of_its_rank_recognises_it(name: str) -> None:
    head = sample(name).read_bytes()[:65536]
    rank = {one: getattr(reader, "priority", 0) for one, reader in readers().items() if reader.sniff(head)}
    assert [one for one, level in rank.items() if level >= rank[name]] == [name]

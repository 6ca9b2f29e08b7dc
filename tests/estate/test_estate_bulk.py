"""Large reports: as many findings as asked for, the same bytes for the same seed, and readable."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreshore.discovery import inspection
from foreshore.errors import UsageError
from foreshore.estate import bulk, write_bulk
from foreshore.estate.__main__ import main

_NAMES = {"trivy": "large.json", "nessus": "large.nessus", "nuclei": "large.jsonl", "generic": "large.csv"}
_READERS = {"trivy": "trivy", "nessus": "nessus", "nuclei": "nuclei", "generic": "generic_csv"}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    format=st.sampled_from(bulk.FORMATS),
    findings=st.integers(1, 700),
    seed=st.integers(0, 2**33),
    hosts=st.none() | st.integers(1, 40),
)
def test_counts_are_exact_and_bytes_repeat(
    tmp_path: Path, format: str, findings: int, seed: int, hosts: int | None
) -> None:
    path = tmp_path / _NAMES[format]
    made = write_bulk(path, format, findings, seed, hosts)
    first = path.read_bytes()
    assert write_bulk(path, format, findings, seed, hosts) == made
    assert path.read_bytes() == first
    assert len(first) == made.size
    (seen,) = inspection.inspect([path])
    assert (seen.error, seen.skipped, seen.reader) == (None, (), _READERS[format])
    information = made.hosts if format == "nessus" else 0  # 19506, once a host
    assert seen.findings == findings + information


@pytest.mark.parametrize("format", bulk.FORMATS)
def test_other_seeds_make_other_hosts_and_later_scans_the_same_findings(tmp_path: Path, format: str) -> None:
    path = tmp_path / _NAMES[format]
    write_bulk(path, format, 400, 1)
    first = path.read_bytes()
    write_bulk(path, format, 400, 2)
    assert b"n1-0000000" in first
    assert b"n1-0000000" not in path.read_bytes()
    write_bulk(path, format, 400, 1, when=datetime(2026, 1, 22, 2))
    later = path.read_bytes()
    assert len(later) == len(first)
    assert later != first


def test_no_check_is_found_twice_on_one_host(tmp_path: Path) -> None:
    path = tmp_path / "large.nessus"
    write_bulk(path, "nessus", 2_000, 3)
    for host in ElementTree.parse(path).getroot().iter("ReportHost"):
        plugins = [item.get("pluginID") for item in host.iter("ReportItem")]
        assert len(set(plugins)) == len(plugins)


def test_pairs_and_weaknesses_are_those_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.nessus"
    made = write_bulk(path, "nessus", 3_000, 5)
    cves = [str(cve.text) for cve in ElementTree.parse(path).getroot().iter("cve")]
    assert (made.pairs, made.weaknesses) == (len(cves), len(set(cves)))


def test_trivy_writes_one_file_an_image_into_a_folder(tmp_path: Path) -> None:
    made = write_bulk(tmp_path / "images", "trivy", 500, 7)
    files = sorted((tmp_path / "images").iterdir())
    assert len(files) == made.hosts == made.files == 10
    rows = [json.loads(path.read_bytes())["Results"][0]["Vulnerabilities"] for path in files]
    assert sum(map(len, rows)) == 500
    assert sum(one.findings for one in inspection.inspect(files)) == 500


@pytest.mark.parametrize(("format", "findings", "hosts"), [("pdf", 10, 1), ("nessus", 0, 1), ("nessus", 5, 0)])
def test_a_wrong_wish_is_refused_with_a_hint(tmp_path: Path, format: str, findings: int, hosts: int) -> None:
    with pytest.raises(UsageError) as caught:
        write_bulk(tmp_path / "large", format, findings, hosts=hosts)
    assert caught.value.hint


def test_the_command_writes_a_company_or_a_large_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "stores"), "--today", "2026-03-02"]) == 0
    assert (tmp_path / "stores" / "scope.yaml").is_file()
    assert main([str(tmp_path / "big.csv"), "--format", "generic", "--findings", "100"]) == 0
    assert "100 findings on 2 hosts" in capsys.readouterr().out
    assert main([str(tmp_path / "big.csv"), "--findings", "-4"]) == 2

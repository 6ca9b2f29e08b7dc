"""`inspect` counts what a reader yields and stores nothing."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from foreshore import facts
from foreshore.discovery.inspection import MOST_SKIPPED, inspect
from foreshore.discovery.sniffing import Reader
from foreshore.errors import BadReport

GOLDEN = Path(__file__).parent / "readers" / "golden"
FIELDS = {"file", "reader", "assets", "ports", "findings", "relations", "skipped", "error"}


@dataclass(frozen=True)
class HalfWay:
    """Reads a little and then fails."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        return head == b"half"

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        yield facts.RunSeen(tool="Half")
        yield facts.Sighting(key="a", name="a")
        raise BadReport("is cut short", where=report.name)


def test_counts_and_the_fields_that_other_programs_rely_on() -> None:
    (found,) = inspect([GOLDEN / "nessus" / "report.nessus"])
    assert (found.reader, found.assets, found.ports, found.findings, found.error) == (
        "nessus",
        2,
        4,
        10,
        None,
    )
    assert [one.why for one in found.skipped] == ["the compliance check ended with an error"]
    built = msgspec.to_builtins(found)
    assert set(built) >= FIELDS
    assert set(built["skipped"][0]) == {"where", "why"}
    (rules,) = inspect([GOLDEN / "firewall_csv" / "rules.csv"])
    assert (rules.relations, rules.findings, len(rules.skipped)) == (5, 0, 4)


def test_what_was_skipped_is_counted_to_the_end_and_shown_to_a_limit(tmp_path: Path) -> None:
    rules = tmp_path / "rules.csv"
    rules.write_text("source,destination,action\n" + "a,b,maybe\n" * (MOST_SKIPPED + 5))
    (found,) = inspect([rules])
    assert len(found.skipped) == MOST_SKIPPED + 1
    assert found.skipped[-1].why == "5 others like these"


def test_a_bad_file_has_a_sentence_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x00" * 50)
    (tmp_path / "b.txt").write_bytes(b"half")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(GOLDEN / "nmap" / "report.xml", "scan.xml")
    from foreshore.discovery.sniffing import readers

    among: dict[str, Reader] = {**readers(), "half": HalfWay()}
    bad, half, good = inspect([tmp_path], among=among)
    assert bad.reader is None
    assert bad.error is not None
    assert "looks binary" in bad.error
    assert (half.reader, half.assets, half.findings) == ("half", 0, 0)
    assert half.error is not None
    assert "cut short" in half.error
    assert (good.reader, good.error) == ("nmap", None)
    assert good.file.endswith("c.zip!scan.xml")

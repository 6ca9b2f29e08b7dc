"""One reader for each file, and words for those without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import Reader, looks_like, pick, readers
from foreshore.errors import BadReport


@dataclass(frozen=True)
class Made:
    """A reader for tests."""

    mark: bytes
    priority: int = 0
    version: int = 1

    def sniff(self, head: bytes) -> bool:
        return self.mark in head

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        yield facts.RunSeen()


def test_the_highest_priority_wins_then_the_first_name() -> None:
    among: dict[str, Reader] = {
        "z": Made(b"x"),
        "b": Made(b"x"),
        "generic": Made(b"", -100),
        "a": Made(b"no", 9),
    }
    assert pick(FileReport("r", b"x"), among)[0] == "b"
    assert pick(FileReport("r", b"x"), dict(reversed(among.items())))[0] == "b"
    assert pick(FileReport("r", b"y"), among)[0] == "generic"
    assert pick(FileReport("r", b"x"), among | {"late": Made(b"x", 5)})[0] == "late"


def test_readers_are_found_by_being_there() -> None:
    assert {"nessus", "nmap", "firewall_csv", "tenable_csv"} <= set(readers())
    assert all(isinstance(one, Reader) for one in readers().values())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"alpha": 1, "beta": {"gamma": 2}}', "JSON with keys alpha, beta, gamma"),
        (b"[]", "looks like JSON"),
        (b"<?xml version='1.0'?><unheard-of><x/></unheard-of>", "XML with root element unheard-of"),
        (b"one;two;three\n1;2;3\n", "CSV with columns one, two, three"),
        (b"just some words\n", "plain text"),
        (b"\x00\x01\x02\x03" * 50, "binary"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"   \n", "only white space"),
    ],
)
def test_an_unknown_file_is_described_with_what_to_try(data: bytes, words: str) -> None:
    assert words in looks_like(data)
    with pytest.raises(BadReport, match="foreshore inspect") as caught:
        pick(FileReport("unknown.bin", data), {})
    assert words in caught.value.what
    assert caught.value.where == "unknown.bin"


def test_an_empty_file() -> None:
    with pytest.raises(BadReport, match="is empty"):
        pick(FileReport("x", b""))


@given(st.binary(max_size=300))
def test_any_bytes_are_described_in_one_line_and_no_reader_fails_to_sniff(data: bytes) -> None:
    assert looks_like(data).isprintable()
    for reader in readers().values():
        assert reader.sniff(data) in (True, False)

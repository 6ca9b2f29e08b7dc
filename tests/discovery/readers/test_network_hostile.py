"""Whatever the bytes: records or a BadReport, never another exception."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.reports import FileReport, Limits
from foreshore.discovery.sniffing import readers
from foreshore.errors import BadReport

GOLDEN = Path(__file__).parent / "golden"
NAMES = (
    "nessus", "nmap", "openvas_xml", "openvas_csv", "qualys_xml", "qualys_csv", "qualys_vmdr",
    "qualys_infrascan_webgui", "qualys_webapp", "tenable_csv", "firewall_csv",
)  # fmt: skip
XML = tuple(
    name for name in NAMES if name not in ("openvas_csv", "qualys_csv", "qualys_vmdr", "tenable_csv", "firewall_csv")
)
SAMPLES = {
    name: next(one for one in sorted((GOLDEN / name).iterdir()) if one.name != "records.json").read_bytes()
    for name in NAMES
}
LIMITS = Limits(line=20_000, element=200_000)
LOOSE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def attempt(name: str, data: bytes) -> list[facts.Record] | BadReport:
    """Read `data` with the reader `name`, whether or not it would have been chosen."""
    reader = readers()[name]
    assert isinstance(reader.sniff(data[:65536]), bool)
    try:
        return list(reader.read(FileReport("sample", data, LIMITS)))
    except BadReport as error:
        failure = error
    assert failure.where
    assert "\n" not in failure.sentence()
    return failure


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.data())
def test_cut_at_any_byte(name: str, data: st.DataObject) -> None:
    whole = SAMPLES[name]
    place = data.draw(st.integers(0, len(whole)))
    found = attempt(name, whole[:place])
    if name in XML and place < len(whole.rstrip()):
        assert isinstance(found, BadReport)


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.data())
def test_bytes_changed_anywhere(name: str, data: st.DataObject) -> None:
    whole = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    attempt(name, bytes(whole))


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.data())
def test_pieces_doubled_dropped_or_replaced(name: str, data: st.DataObject) -> None:
    whole = SAMPLES[name]
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    piece = data.draw(
        st.sampled_from([b"", whole[start:end] * 2, b"\xff\xfe", b"99999999999999999999", b"-1", b"\x00"])
    )
    attempt(name, whole[:start] + piece + whole[end:])


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.binary(max_size=400))
@example(b"")
@example(b"\x00" * 300)
@example(b"\xff\xfe<\x00")
def test_garbage(name: str, data: bytes) -> None:
    attempt(name, data)


NUMBERS = st.sampled_from(
    [
        "",
        "-1",
        "0",
        "1e999",
        "nan",
        "inf",
        "9" * 400,
        "٣",
        "0x10",
        "99999",
        "CVE-",
        "CVE-2024-1",
        "::1",
        "[",
        "🦀",
        "\u2028",
        "a" * 5000,
    ]
)


@pytest.mark.parametrize("name", NAMES)
@LOOSE
@given(data=st.data())
def test_odd_values_where_numbers_and_names_stand(name: str, data: st.DataObject) -> None:
    text = SAMPLES[name].decode()
    words = data.draw(st.lists(st.sampled_from(sorted(set(_words(text)))), min_size=1, max_size=5))
    for word in words:
        text = text.replace(word, data.draw(NUMBERS).replace("<", "").replace('"', ""), 3)
    attempt(name, text.encode())


def _words(text: str) -> list[str]:
    import re

    return [one for one in re.findall(r"[\w.:/-]{1,60}", text) if any(letter.isdigit() for letter in one)]


@pytest.mark.parametrize("name", XML)
def test_entity_bomb(name: str) -> None:
    root = SAMPLES[name]
    body = root[root.find(b"?>") + 2 :] if root.startswith(b"<?xml") else root
    body = body[body.find(b"<", body.find(b"<!DOCTYPE") + 1) if b"<!DOCTYPE" in body[:300] else 0 :]
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    found = attempt(name, b'<?xml version="1.0"?>' + bomb + body)
    assert isinstance(found, BadReport)
    assert "entities" in found.what


@pytest.mark.parametrize("name", XML)
def test_utf_16_gives_the_same_records(name: str) -> None:
    text = SAMPLES[name].decode()
    start = text.find("?>") + 2 if text.startswith("<?xml") else 0
    wide = ('<?xml version="1.0" encoding="UTF-16"?>' + text[start:]).encode("utf-16")
    assert readers()[name].sniff(wide[:65536])
    assert attempt(name, wide) == attempt(name, SAMPLES[name])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in XML])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-le", "utf-32"])
def test_csv_in_other_encodings_gives_the_same_records(name: str, encoding: str) -> None:
    wide = SAMPLES[name].decode().encode(encoding)
    assert readers()[name].sniff(wide[:65536])
    assert attempt(name, wide) == attempt(name, SAMPLES[name])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in XML])
def test_a_line_without_end(name: str) -> None:
    found = attempt(name, SAMPLES[name] + b"x" * 30_000)
    assert isinstance(found, BadReport)
    assert "longer than" in found.what


@pytest.mark.parametrize("name", XML)
def test_an_element_without_end(name: str) -> None:
    whole = SAMPLES[name]
    place = whole.rfind(b"</")
    found = attempt(name, whole[:place] + b"<x>" + b"y" * 400_000 + b"</x>" + whole[place:])
    assert isinstance(found, BadReport)
    assert "larger than" in found.what


@pytest.mark.parametrize("name", XML)
def test_deep_nesting(name: str) -> None:
    whole = SAMPLES[name]
    place = whole.rfind(b"</")
    assert isinstance(attempt(name, whole[:place] + b"<x>" * 50_000 + whole[place:]), BadReport)

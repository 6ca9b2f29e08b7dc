"""Safe streaming of XML."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foreshore.discovery.reports import FileReport, Limits
from foreshore.discovery.xmlstream import elements, looks_like, root_of
from foreshore.errors import BadReport


def texts(data: bytes, *tags: str, limits: Limits | None = None) -> list[str]:
    report = FileReport("r.xml", data, limits or Limits())
    return [one.text or "" for _event, one in elements(report, tags or ("a",))]


def test_elements_come_whole_in_order_and_starts_with_attributes() -> None:
    data = b'<r><h n="1"><a>x</a><a>y</a></h><h n="2"><a>z</a></h></r>'
    report = FileReport("r.xml", data)
    seen = [(event, one.tag, one.get("n") or one.text) for event, one in elements(report, ("a", "h"), starts=("h",))]
    assert seen == [
        ("start", "h", "1"), ("end", "a", "x"), ("end", "a", "y"), ("end", "h", "1"),
        ("start", "h", "2"), ("end", "a", "z"), ("end", "h", "2"),
    ]  # fmt: skip


def test_within_keeps_apart_two_things_of_one_name() -> None:
    data = b"<r><results><x>1<d><x>inner</x></d></x></results></r>"
    report = FileReport("r.xml", data)
    found = [(one.text, one.findtext("d/x")) for _event, one in elements(report, ("x",), within={"x": "results"})]
    assert found == [("1", "inner")]


def test_namespaces_when_asked() -> None:
    report = FileReport("r.xml", b'<b:r xmlns:b="urn:x"><b:a>1</b:a></b:r>')
    assert [one.text for _event, one in elements(report, ("a",), namespaces=True)] == ["1"]
    assert list(elements(report, ("a",))) == []


BOMB = b'<!DOCTYPE r [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;&l;&l;">]>'


@pytest.mark.parametrize(
    "data",
    [
        BOMB + b"<r><a>&m;</a></r>",
        BOMB + b'<r x="&m;"><a>1</a></r>',
        b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r><a>&e;</a></r>',
        b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://192.0.2.1/x.dtd"> %p;]><r><a>1</a></r>',
        b'<!DOCTYPE r [<!ENTITY unused "x">]><r><a>1</a></r>',
        b"<!--" + b" " * 200_000 + b"-->" + BOMB + b"<r><a>1</a></r>",
        ('<?xml version="1.0" encoding="UTF-16"?>' + BOMB.decode() + "<r><a>1</a></r>").encode("utf-16"),
    ],
)
def test_declared_entities_are_refused_before_anything_is_yielded(data: bytes) -> None:
    report = FileReport("r.xml", data)
    with pytest.raises(BadReport, match="entities"):
        next(elements(report, ("a",)))


def test_a_quadratic_bomb_in_the_root_element_is_refused() -> None:
    entity = b"x" * 60_000
    data = b'<!DOCTYPE r [<!ENTITY a "' + entity + b'">]><r x="' + b"&a;" * 5000 + b'"/>'
    with pytest.raises(BadReport):
        texts(data)


def test_a_doctype_without_entities_is_read_and_nothing_is_fetched() -> None:
    assert texts(b'<!DOCTYPE r SYSTEM "http://192.0.2.1/never.dtd"><r><a>1 &amp; 2</a></r>') == ["1 & 2"]


def test_text_about_entities_is_no_declaration() -> None:
    assert texts(b"<!DOCTYPE r><r><a><![CDATA[<!ENTITY x 'y'>]]></a></r>") == ["<!ENTITY x 'y'>"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"<r>\n<a>1</a>\n<a>2", 3),
        (b"<r>\n\n<a></b>", 3),
        (b"<r>\n<a>\xff\xfe</a></r>", 2),
    ],
)
def test_broken_xml_names_its_line(data: bytes, line: int) -> None:
    with pytest.raises(BadReport, match=rf"r\.xml, line {line}: the XML is broken or cut short"):
        texts(data)


def test_an_entity_that_nobody_declared_is_refused() -> None:
    with pytest.raises(BadReport, match="broken or cut short"):
        texts(b"<r><a>&nbsp;</a></r>")


@pytest.mark.parametrize("data", [b"", b"   ", b"no xml", b"<!-- only -->", b"<?xml version='1.0'?>"])
def test_no_root_element(data: bytes) -> None:
    with pytest.raises(BadReport):
        texts(data)


def test_an_endless_prolog_is_refused() -> None:
    with pytest.raises(BadReport, match="no root element"):
        texts(b"<!--" + b"x" * 3_000_000)


def test_texts_above_ten_megabytes_are_read_and_those_above_the_limit_are_not() -> None:
    large = b"<r><a>" + b"y" * 11_000_000 + b"</a></r>"
    assert len(texts(large)[0]) == 11_000_000
    with pytest.raises(BadReport, match="larger than 5,000,000 bytes"):
        texts(large, limits=Limits(element=5_000_000))


MEASURE = """
import resource, sys
from pathlib import Path
from foreshore.discovery.reports import FileReport
from foreshore.discovery.xmlstream import elements
small, big = (FileReport(name, Path(name)) for name in sys.argv[1:])
peaks = []
for report in (small, big):
    count = sum(1 for _ in elements(report, ("a", "h")))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(count, peaks[1] - peaks[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in Linux' unit")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """Measured in a process of its own, where no earlier peak hides growth."""
    body = b"<h><x>" + b"p" * 4000 + b"</x><a>" + b"q" * 4000 + b"</a><u/></h>"
    for name, count in (("small.xml", 100), ("big.xml", 5000)):
        (tmp_path / name).write_bytes(b"<r>" + body * count + b"</r>")
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "small.xml"), str(tmp_path / "big.xml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, grown = map(int, done.stdout.split())
    assert count == 10_000
    assert grown * 1024 < (tmp_path / "big.xml").stat().st_size / 8


@pytest.mark.parametrize(
    ("head", "root"),
    [
        (b"<r/>", "r"),
        (
            b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <no> --><!DOCTYPE r [<!ELEMENT r ANY>]>\n<ns:r a='1'>",
            "r",
        ),
        ("<?xml version='1.0'?><r>".encode("utf-16"), "r"),
        (b"  <?xml-stylesheet href='x'?><report>", "report"),
        (b"{}", ""),
        (b"<!-- no end", ""),
        (b"<", ""),
        (b"", ""),
    ],
)
def test_root_of(head: bytes, root: str) -> None:
    assert root_of(head) == root
    assert looks_like(head, "something", root) or not root

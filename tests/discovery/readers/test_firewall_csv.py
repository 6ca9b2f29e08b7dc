"""Firewall rules in our own columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.readers.firewall_csv import PLUGIN
from foreshore.discovery.reports import FileReport


def read(text: str) -> list[facts.Record]:
    return list(PLUGIN.read(FileReport("rules.csv", text.encode())))


def relations(text: str) -> list[facts.Relation]:
    return [one for one in read(text) if isinstance(one, facts.Relation)]


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("source,destination,action", True),
        ("Action;Ports;Dst;Src", True),
        ("from,to,action,port", True),
        ("source,destination,verdict", False),
        ("IP,QID,Severity", False),
    ],
)
def test_the_header_decides(header: str, known: bool) -> None:
    assert PLUGIN.sniff(f"{header}\n1,2,3\n".encode()) is known


@pytest.mark.parametrize(
    ("ports", "protocol", "expected"),
    [
        ("443", "tcp", ("443", "tcp")),
        ("80 443,8000-8100", "TCP", ("80,443,8000-8100", "tcp")),
        ("https; rdp", "", ("443,3389", "any")),
        ("udp/53", "", ("53", "udp")),
        ("53/udp", "", ("53", "udp")),
        ("any", "any", ("", "any")),
        ("", "", ("", "any")),
    ],
)
def test_ports_and_protocols(ports: str, protocol: str, expected: tuple[str, str]) -> None:
    (one,) = relations(f'source;destination;ports;protocol;action\na;b;"{ports}";{protocol};allow\n')
    assert (one.ports, one.protocol) == expected


@pytest.mark.parametrize(
    "row",
    ["a,b,0,tcp,allow", "a,b,70000,tcp,allow", "a,b,90-80,tcp,allow", "a,b,1,ospf,allow", "a,b,1,tcp,maybe",
     "10.0.0.300,b,1,tcp,allow", "10.0.0.9-10.0.0.1,b,1,tcp,allow", "10.0.0.1-2001:db8::1,b,1,tcp,allow",
     "a,b,1,tcp,"],
)  # fmt: skip
def test_a_rule_that_is_not_understood_is_skipped_with_its_line(row: str) -> None:
    found = read(f"source,destination,ports,protocol,action\nok,b,1,tcp,allow\n{row}\n")
    assert [type(one) for one in found] == [facts.RunSeen, facts.Relation, facts.Skipped]
    assert isinstance(found[-1], facts.Skipped)
    assert found[-1].where == "rules.csv, line 3"


def test_order_is_that_of_the_column_or_of_the_rows() -> None:
    assert [one.position for one in relations("order,src,dst,action\n7,a,b,allow\n3,a,c,deny\n")] == [7, 3]
    assert [one.position for one in relations("src,dst,action\na,b,allow\na,c,deny\n")] == [1, 2]


END = st.sampled_from(["any", "internet", "dmz", "10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "10.0.0.1-10.0.0.9"])
PORT = st.integers(1, 65535)


@given(
    st.lists(
        st.tuples(
            st.lists(END, min_size=1, max_size=3),
            st.lists(END, min_size=1, max_size=3),
            st.lists(PORT),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_each_source_meets_each_destination(
    rules: list[tuple[list[str], list[str], list[int], bool]],
) -> None:
    lines = ["source;destination;ports;action"]
    for sources, targets, ports, allowed in rules:
        cells = (
            " ".join(sources),
            ", ".join(targets),
            ",".join(map(str, ports)),
            "allow" if allowed else "deny",
        )
        lines.append(";".join(f'"{cell}"' for cell in cells))
    found = relations("\n".join(lines) + "\n")
    expected = [
        (number, shown(source), shown(target), ",".join(map(str, sorted(set(ports)))), allowed)
        for number, (sources, targets, ports, allowed) in enumerate(rules, start=1)
        for source in dict.fromkeys(sources)
        for target in dict.fromkeys(targets)
    ]
    assert [(one.position, one.source, one.target, one.ports, one.allowed) for one in found] == expected


def shown(end: str) -> str:
    if end == "192.0.2.1":
        return "192.0.2.1/32"
    return f"zone:{end}" if end in ("internet", "dmz") else end

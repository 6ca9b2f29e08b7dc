"""Selectors against a plain reading of the same rules, row by row."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.query import selectors

Row = dict[str, Any]
_WORD = st.text("abAB-_%.19", min_size=1, max_size=5)
_ADDRESS = st.one_of(
    st.sampled_from(["10.0.0.1", "10.0.1.1", "10.1.0.1", "192.0.2.77", "255.255.255.255", "0.0.0.0"]),
    st.sampled_from(["2001:db8::1", "2001:db8:1::1", "fe80::1%eth0", "::ffff:10.0.0.1", "::"]),
    st.sampled_from(["10.0.0.256", "junk", "", "1.2.3", "01.2.3.4"]),
)
_NETWORK = st.sampled_from(
    [
        "10.0.0.0/8",
        "10.0.0.0/24",
        "10.0.1.1",
        "0.0.0.0/0",
        "2001:db8::/32",
        "2001:db8:1::/48",
        "::/0",
        "192.0.2.64/26",
    ]
)


@st.composite
def assets(draw: st.DrawFn) -> list[Row]:
    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.one_of(_WORD, st.none()),
                    "names": st.one_of(st.none(), st.lists(_WORD, max_size=2)),
                    "addresses": st.one_of(st.none(), st.lists(_ADDRESS, max_size=2)),
                    "tags": st.one_of(
                        st.none(), st.lists(st.sampled_from(["service=a", "pci", "Service=B"]), max_size=2)
                    ),
                    "zone": st.sampled_from(["", "dmz", "pay"]),
                    "site": st.sampled_from(["hq", "south"]),
                    "kind": st.sampled_from(["host", "image"]),
                    "owner": st.one_of(st.none(), st.sampled_from(["Shop", "shopping", "it"])),
                }
            ),
            max_size=6,
        )
    )
    return [{"asset": keys.of("asset", number), **row} for number, row in enumerate(rows)]


def selector() -> st.SearchStrategy[str]:
    pattern = st.text("ab*?-_%.9", min_size=1, max_size=4)
    return st.one_of(
        pattern.map(lambda text: f"name:{text}"),
        st.sampled_from(
            ["tag:service=*", "tag:PCI", "tag:service=b", "zone:dmz", "site:s*", "kind:host", "owner:shop*"]
        ),
        _NETWORK.map(lambda text: f"address:{text}"),
        st.integers(0, 5).map(lambda number: "id:" + keys.show("AST", keys.of("asset", number))),
        st.integers(0, 5).map(lambda number: "id:" + keys.show("AST", keys.of("asset", number))[:6]),
    )


def table(rows: list[Row]) -> pa.Table:
    texts = pa.list_(pa.string())
    kinds = {"asset": pa.int64(), "names": texts, "addresses": texts, "tags": texts}
    names = ("asset", "name", "names", "addresses", "tags", "zone", "site", "kind", "owner")
    return pa.table({name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in names})


def _like(pattern: str, value: str | None) -> bool:
    escaped = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern.lower())
    return value is not None and value != "" and re.fullmatch(escaped, value.lower()) is not None


def _names(row: Row) -> list[str]:
    return [name for name in [row["name"], *(row["names"] or [])] if name]


def _address(text: str) -> Any:
    try:
        found = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def picks(text: str, row: Row) -> bool:
    """The rules of the module's docstring, plainly."""
    kind, _, value = text.partition(":")
    if kind == "name":
        names = _names(row)
        if "." not in value:
            names += [name.split(".")[0] for name in names if "." in name and not re.fullmatch(r"[0-9.]+", name)]
        return any(_like(value, name) for name in names)
    if kind == "tag":
        return any(_like(value, tag) for tag in row["tags"] or [])
    if kind == "address":
        network = ipaddress.ip_network(value)
        found = [_address(one) for one in row["addresses"] or []]
        return any(one is not None and one.version == network.version and one in network for one in found)
    if kind == "id":
        low, high = keys.parse(value, "AST")
        return bool(low <= row["asset"] <= high)
    return _like(value, row[kind])


@settings(max_examples=40, deadline=None)
@given(assets(), st.lists(selector(), max_size=5))
def test_matches_says_what_a_plain_reading_says(rows: list[Row], chosen: list[str]) -> None:
    found = selectors.matches(table(rows), chosen).to_pylist()
    expected = [
        {"number": number, "asset": row["asset"]}
        for number, text in enumerate(chosen)
        for row in sorted(rows, key=lambda row: int(row["asset"]))
        if picks(text, row)
    ]
    assert found == expected


@settings(max_examples=40, deadline=None)
@given(assets(), st.lists(st.lists(selector(), max_size=3), max_size=4))
def test_a_group_picks_what_any_of_its_selectors_picks(rows: list[Row], groups: list[list[str]]) -> None:
    found = {(row["number"], row["asset"]) for row in selectors.members(table(rows), groups).to_pylist()}
    assert found == {
        (number, row["asset"])
        for number, group in enumerate(groups)
        for row in rows
        if any(picks(text, row) for text in group)
    }


def test_columns_that_no_selector_looks_at_may_be_missing() -> None:
    small = pa.table({"asset": pa.array([1], pa.int64()), "kind": ["host"]})
    assert selectors.matches(small, ["kind:host"]).to_pylist() == [{"number": 0, "asset": 1}]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("nmae:x", "name:x"),
        ("pay-db-*", "name:pay-db-*"),
        ("name:", "name:something"),
        ("address:10.0.0.0/33", "address:10.20.0.0/16"),
        ("id:AST-U", "a key as it was printed"),
    ],
)
def test_what_is_no_selector_is_refused_with_a_way_out(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        selectors.parse(text)
    assert hint in caught.value.hint
    assert "“" in caught.value.what


@settings(max_examples=40, deadline=None)
@given(st.text("ab*?%_\\", max_size=6), st.text("ab%_\\", max_size=6))
def test_like_patterns_mean_the_same_as_file_patterns(pattern: str, value: str) -> None:
    rows = [
        {
            "asset": 1,
            "names": [],
            "addresses": [],
            "tags": [value],
            "name": "",
            "zone": "",
            "site": "",
            "kind": "",
            "owner": "",
        }
    ]
    if not pattern.strip() or not value:
        return
    found = len(selectors.matches(table(rows), [f"tag:{pattern}"])) == 1
    assert found == fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))

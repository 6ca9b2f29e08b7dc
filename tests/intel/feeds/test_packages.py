"""Ranges and purls of advisories: that what is written means what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from univers.version_range import VersionRange
from univers.versions import PypiVersion

from foreshore.intel.feeds import _packages as packages
from foreshore.intel.feeds._packages import Interval
from foreshore.intel.feeds._products import constraint


@st.composite
def apart(draw: st.DrawFn) -> list[Interval]:
    """Intervals that do not touch, in any order; the first may begin and the last end anywhere."""
    edges = sorted(draw(st.sets(st.integers(1, 60), min_size=2, max_size=8)))
    edges = edges[: len(edges) // 2 * 2]
    pairs = [[str(low), str(high)] for low, high in zip(edges[::2], edges[1::2], strict=True)]
    if draw(st.booleans()):
        pairs[0][0] = ""
    if draw(st.booleans()):
        pairs[-1][1] = ""
    found = [
        Interval(low, high, bool(high) and draw(st.booleans()), bool(low) and draw(st.booleans()))
        for low, high in pairs
    ]
    return draw(st.permutations(found))


def holds(version: int, one: Interval) -> bool:
    above = not one.low or (version > int(one.low) if one.after else version >= int(one.low))
    below = not one.high or (version <= int(one.high) if one.through else version < int(one.high))
    return above and below


@given(apart(), st.integers(0, 70))
def test_a_written_range_holds_the_versions_of_its_intervals(intervals: list[Interval], version: int) -> None:
    written = packages.vers("pypi", intervals)
    meant = any(holds(version, one) for one in intervals)
    if written == "vers:pypi/*":
        assert meant
    else:
        read_back = VersionRange.from_string(written)  # type: ignore[no-untyped-call]
        assert (PypiVersion(str(version)) in read_back) is meant, written


@given(st.text(min_size=1, max_size=20))
def test_a_version_of_any_letters_stays_one_constraint(version: str) -> None:
    text = packages.vers("generic", [Interval("", version)])
    assert text.startswith("vers:generic/<")
    assert not set(text.removeprefix("vers:generic/<")) & set("|<>=!* ,")


@pytest.mark.parametrize(
    ("ecosystem", "name", "purl"),
    [
        ("PyPI", "Zope_Interface", "pkg:pypi/zope-interface"),
        ("npm", "@Scope/Name", "pkg:npm/%40scope/name"),
        ("Maven", "org.example:Core", "pkg:maven/org.example/Core"),
        ("Go", "github.com/Example/Thing", "pkg:golang/github.com/example/thing"),
        ("crates.io", "Thing", "pkg:cargo/Thing"),
        ("RubyGems", "thing", "pkg:gem/thing"),
        ("Debian", "curl", "pkg:deb/debian/curl"),
        ("Debian:12", "curl", "pkg:deb/debian/curl?distro=debian-12"),
        ("Alpine:v3.19", "curl", "pkg:apk/alpine/curl?distro=alpine-3.19"),
        ("Ubuntu:24.04:LTS", "curl", "pkg:deb/ubuntu/curl?distro=ubuntu-24.04"),
        ("AlmaLinux:9", "curl", "pkg:rpm/alma/curl?distro=alma-9"),
        ("openSUSE:Leap 15.6", "curl", "pkg:rpm/opensuse/curl?distro=opensuse-leap-15.6"),
        ("Red Hat:enterprise_linux:8::baseos", "curl", "pkg:rpm/redhat/curl?distro=redhat-8"),
        ("Nobody knows", "curl", ""),
        ("npm", "", ""),
    ],
)
def test_packages_are_named_as_exposures_name_them(ecosystem: str, name: str, purl: str) -> None:
    assert packages.built(ecosystem, name) == purl


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<V4.1", "<4.1"),
        ("< 4.1", "<4.1"),
        (">= V2.0 < V3.0", "?"),
        (">= V2.0 | < V3.0", ">=2.0|<3.0"),
        (">=V2.0 and <V3.0", ">=2.0|<3.0"),
        ("All versions", "*"),
        ("All versions < V2.0 SP1 (see note)", "<2.0%20SP1"),
        ("prior to 7.2", "<7.2"),
        ("versions before v7.2", "<7.2"),
        ("vers:intdot/>=1|<2", ">=1|<2"),
        ("vers:all/*", "*"),
        ("as shipped with hardware revision <B>=C", "?"),
        ("", ""),
    ],
)
def test_what_vendors_write_of_versions(text: str, expected: str) -> None:
    assert constraint(text) == expected

"""Backports: vendors' data settles what version numbers claim, never a test's word, in any order of feeds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import policy, versions
from foreshore.intel import releases
from foreshore.intel.feeds._packages import spelled
from foreshore.prioritization import backports, comparing
from foreshore.prioritization.backports import Installed, Statement, decide

POLICY = policy.load()
DEBIAN = "pkg:deb/debian/openssl"
NUMBERS = st.integers(0, 60)
FIXES = st.lists(st.tuples(st.sampled_from(["osv:DSA-1", "osv:DSA-2", "csaf:Vendor"]), NUMBERS), min_size=1, max_size=4)


def debian(revision: int, release: str = "debian-12") -> Installed:
    return Installed(DEBIAN, f"3.0.11-1~deb12u{revision}", release)


def fixes(listed: list[tuple[str, int]]) -> list[Statement]:
    return [Statement("fixed_in", source, f"3.0.11-1~deb12u{number}") for source, number in listed]


@given(FIXES, NUMBERS, NUMBERS)
def test_what_is_fixed_stays_fixed_in_every_higher_version(listed: list[tuple[str, int]], one: int, other: int) -> None:
    low, high = sorted((one, other))
    words = [decide(debian(number), fixes(listed)).word for number in (low, high)]
    assert words[0] in ("", "fixed")
    assert words[1] == "fixed" or words[0] == ""
    assert (words[0] == "fixed") == (low >= max(number for _, number in listed))


@given(FIXES, NUMBERS, st.randoms(use_true_random=False))
def test_the_order_of_feeds_does_not_matter(listed: list[tuple[str, int]], number: int, random: Any) -> None:
    statements = [
        *fixes(listed),
        Statement("affected", "csaf:Other", "vers:deb/<3.0.11-1~deb12u20"),
        Statement("not_affected", "csaf:Vendor", "component_not_present"),
    ]
    shuffled = random.sample(statements, len(statements))
    assert decide(debian(number), statements) == decide(debian(number), shuffled)


@given(FIXES, NUMBERS)
def test_an_unknown_release_changes_nothing(listed: list[tuple[str, int]], number: int) -> None:
    assert decide(debian(number, ""), fixes(listed)) == backports.NOTHING


@pytest.mark.parametrize(
    ("package", "installed", "release", "fixed", "word"),
    [
        ("pkg:deb/ubuntu/openssh", "1:8.2p1-4ubuntu0.5", "ubuntu-20.04", "1:8.2p1-4ubuntu0.3", "fixed"),
        ("pkg:deb/ubuntu/openssh", "8.2p1-4ubuntu0.5", "ubuntu-20.04", "1:8.2p1-4ubuntu0.3", "fixed"),  # epoch dropped
        ("pkg:deb/ubuntu/openssh", "8.1p1-9ubuntu0.5", "ubuntu-20.04", "1:8.2p1-4ubuntu0.3", ""),
        ("pkg:deb/debian/x", "1.0~rc1-1", "debian-12", "1.0-1", ""),  # a tilde is before the release itself
        ("pkg:rpm/redhat/openssl", "1.1.1k-9.el8_7", "redhat-8", "1:1.1.1k-6.el8_5", "fixed"),
        ("pkg:rpm/redhat/openssl", "1.1.1k-5.el8_5", "redhat-8", "1:1.1.1k-6.el8_5", ""),
        ("pkg:apk/alpine/busybox", "1.36.1-r5", "alpine-3.18", "1.36.1-r4", "fixed"),
        ("pkg:apk/alpine/busybox", "1.36.1-r10", "alpine-3.18", "1.36.1-r9", "fixed"),  # numbers, not letters
        ("pkg:pypi/django", "3.2.9", "", "3.2.15", ""),
        ("pkg:npm/lodash", "4.17.21", "", "4.17.19", "fixed"),
        ("pkg:golang/golang.org/x/net", "v0.17.0", "", "v0.9.0", "fixed"),
        ("pkg:unheard/of", "2", "", "1", ""),
        ("pkg:deb/debian/x", "not a version!", "debian-12", "1.0-1", ""),
    ],
)
def test_versions_are_compared_as_their_makers_do(
    package: str, installed: str, release: str, fixed: str, word: str
) -> None:
    assert decide(Installed(package, installed, release), [Statement("fixed_in", "osv:A", fixed)]).word == word


@pytest.mark.parametrize(
    ("written", "os"),
    [
        ("pkg:rpm/rhel/openssl", "Red Hat Enterprise Linux 8.6"),
        ("pkg:rpm/amzn/openssl", "Amazon Linux 2"),
        ("pkg:rpm/ol/openssl", "Oracle Linux 8"),
        ("pkg:rpm/almalinux/openssl", "AlmaLinux 9"),
        ("pkg:rpm/rocky-linux/openssl", "Rocky Linux 9"),
    ],
)
def test_a_distribution_has_one_name_whoever_writes_it(written: str, os: str) -> None:
    installed = backports._software(written, "openssl", "1.1.1k-5", os)
    assert installed.release
    assert installed.package.split("/")[1] == installed.release.partition("-")[0]
    assert spelled(f"{written}@1.1.1k-5?arch=x86_64") == installed.package


def test_a_library_is_clear_only_outside_of_every_affected_range() -> None:
    said = [
        Statement("affected", "ghsa", "vers:pypi/>=3.2|<3.2.15|>=4.0|<4.0.7"),
        Statement("fixed_in", "ghsa", "3.2.15"),
        Statement("fixed_in", "ghsa", "4.0.7"),
    ]
    words = {version: decide(Installed("pkg:pypi/django", version, ""), said).word for version in
             ("3.2.14", "3.2.15", "4.0.1", "4.0.7")}  # fmt: skip
    assert words == {"3.2.14": "", "3.2.15": "not_affected", "4.0.1": "", "4.0.7": "not_affected"}


def test_vendors_who_contradict_each_other_settle_nothing_and_are_told() -> None:
    fixed = fixes([("osv:DSA-1", 1)])
    against = Statement("affected", "csaf:Other", "vers:deb/*")
    found = decide(debian(2), [*fixed, against])
    assert found.word == "disputed"
    assert "csaf:Other" in found.because
    # A source's own range, which is wider than its fix, is its own exception.
    assert decide(debian(2), [*fixed, Statement("affected", "osv:DSA-1", "vers:deb/*")]).word == ""


@pytest.mark.parametrize(
    ("os", "slug"),
    [
        ("Debian GNU/Linux 12 (bookworm)", "debian-12"),
        ("Linux Kernel 5.4.0-150-generic on Ubuntu 20.04", "ubuntu-20.04"),
        ("alpine 3.18.4", "alpine-3.18"),
        ("Red Hat Enterprise Linux 8.6", "redhat-8"),
        ("SUSE Linux Enterprise Server 15 SP4", "suse-linux-enterprise-server-15-sp4"),
        ("Microsoft Windows Server 2016", ""),
        ("", ""),
    ],
)
def test_releases_are_read_from_what_systems_call_themselves(os: str, slug: str) -> None:
    assert releases.slug(os) == slug


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [
        ("vers:npm/>=1.0.0|<2.0.0", ["1.0.0", "1.10.0"], ["0.9.0", "2.0.0"]),
        ("vers:npm/>1.0.0|<=2.0.0", ["1.0.1", "2.0.0"], ["1.0.0", "2.0.1"]),
        ("vers:npm/<1.5.0|>=1.2.0|<1.8.0", ["0.1.0", "1.6.0"], ["1.8.0"]),  # intervals that overlap
        ("vers:npm/>=3.0.0", ["3.0.0", "9.0.0"], ["2.0.0"]),
        ("vers:npm/1.0.0|1.2.0", ["1.0.0", "1.2.0"], ["1.1.0"]),
        ("vers:npm/*", ["0.0.1"], []),
        ("vers:none/*", [], ["0.0.1"]),
        ("vers:pypi/>=1%2B1", ["1+2"], ["0.9"]),
    ],
)
def test_ranges_hold_what_lies_in_one_of_their_intervals(span: str, inside: list[str], outside: list[str]) -> None:
    kind = span[5:].split("/")[0].replace("none", "npm")
    assert [comparing.holds(kind, span, one) for one in inside + outside] == [True] * len(inside) + [False] * len(
        outside
    )


@pytest.mark.parametrize("span", ["", "vers:npm/", "vers:npm/>=", "vers:npm/>=what?", "nothing", "vers:odd/>=1"])
def test_a_range_that_nobody_can_read_says_nothing(span: str) -> None:
    assert comparing.holds("odd" if "odd" in span else "npm", span, "1.0.0") is None


def test_alpine_orders_versions_as_its_package_manager_does() -> None:
    rising = ["1.0_alpha1-r0", "1.0_rc2-r0", "1.0-r0", "1.0-r9", "1.0-r10", "1.0_git1-r0", "1.0_p1-r0", "1.0a-r0",
              "1.0.1-r0", "1.2.9-r0", "1.2.10-r0"]  # fmt: skip
    keys = [versions.alpine(one) for one in rising]
    assert None not in keys
    assert sorted(keys, key=lambda key: key or ()) == keys
    assert versions.alpine("of no version") is None
    assert versions.alpine("1.0_odd-r0") is None


# --- over the tables ---

SIGNALS = pa.schema([
    ("weakness", pa.string()), ("kind", pa.string()), ("value", pa.float64()), ("text", pa.string()),
    ("source", pa.string()), ("model", pa.string()), ("observed_at", pa.timestamp("us")),
])  # fmt: skip
SAID = {"weakness": "CVE-2099-0001", "value": None, "source": "osv:DSA-1", "observed_at": datetime(2025, 1, 1)}


def found(
    signals: list[dict[str, Any]], *, tested: bool = False, day: datetime = datetime(2025, 6, 1), **more: Any
) -> dict[str, Any]:
    """What is said of one exposure on a Debian 12 host."""
    import duckdb

    exposure = {
        "asset": 1, "weakness": "CVE-2099-0001", "component": DEBIAN, "component_name": "openssl",
        "version": "3.0.11-1~deb12u2", "proof": 2,
    } | more  # fmt: skip
    os = exposure.pop("os", "Debian GNU/Linux 12")
    with duckdb.connect() as connection:
        connection.register("signals", pa.Table.from_pylist([SAID | one for one in signals], schema=SIGNALS))

        def ask(query: str, **tables: pa.Table) -> pa.Table:
            for name, table in tables.items():
                connection.register(name, table)
            return connection.execute(query).to_arrow_table()

        assets = pa.table({"asset": [1], "os": [os]})
        table = backports.words(ask, day, pa.Table.from_pylist([exposure]), assets, np.array([tested]), POLICY)
    row: dict[str, Any] = table.to_pylist()[0]
    return row


FIX = {"kind": "fixed_in", "text": f"{DEBIAN}?distro=debian-12", "model": "3.0.11-1~deb12u1"}


def test_the_fix_of_this_release_settles_it_and_of_another_does_not() -> None:
    row = found([FIX])
    assert row["vendor"] == "fixed"
    assert "debian-12" in row["vendor_because"]
    assert "osv:DSA-1" in row["vendor_because"]
    assert found([FIX], os="Debian GNU/Linux 11")["vendor"] == ""
    assert found([FIX], os="")["vendor"] == ""
    assert found([FIX], version="")["vendor"] == ""
    assert found([FIX | {"text": DEBIAN}])["vendor"] == ""  # of no named release


def test_before_its_day_a_vendors_word_is_not_known() -> None:
    assert found([FIX], day=datetime(2024, 12, 31))["vendor"] == ""


def test_a_vendor_may_change_its_mind_and_the_newest_word_counts() -> None:
    later = FIX | {"model": "3.0.11-1~deb12u3", "observed_at": datetime(2025, 2, 1)}
    assert found([FIX, later])["vendor"] == ""
    assert found([later, FIX])["vendor"] == ""
    spared = {"kind": "not_affected", "text": f"{DEBIAN}?distro=debian-12", "model": "vulnerable_code_not_present"}
    assert found([spared])["vendor"] == "not_affected"
    hit = {"kind": "affected", "text": spared["text"], "model": "vers:deb/*", "observed_at": datetime(2025, 2, 1)}
    assert found([spared, hit])["vendor"] == ""
    withdrawn = {"kind": "affected", "text": FIX["text"], "model": "vers:none/*", "observed_at": datetime(2025, 2, 1)}
    assert found([FIX, withdrawn])["vendor"] == ""


@pytest.mark.parametrize(("proof", "tested"), [(5, False), (6, False), (2, True)])
def test_what_a_test_has_shown_is_never_settled_by_a_version(proof: int, tested: bool) -> None:
    row = found([FIX], proof=proof, tested=tested)
    assert row["vendor"] == "disputed"
    assert "what was shown counts" in row["vendor_because"]


def test_a_banner_that_names_the_revision_is_enough() -> None:
    said = FIX | {"text": "pkg:deb/ubuntu/openssh?distro=ubuntu-20.04", "model": "1:8.2p1-4ubuntu0.3"}
    banner: dict[str, Any] = {
        "component": "cpe:openbsd:openssh",
        "component_name": "OpenSSH",
        "os": "Ubuntu 20.04",
        "proof": 1,
    }
    assert found([said], **banner, version="8.2p1 Ubuntu-4ubuntu0.5")["vendor"] == "fixed"
    assert found([said], **banner, version="8.2p1 Ubuntu-4ubuntu0.1")["vendor"] == ""
    assert found([said], **banner, version="8.2p1")["vendor"] == ""


def test_settled_lowers_truth_and_never_raises_it() -> None:
    judged = pa.table({"truth": [0.7, 0.01, 0.7]})
    said = pa.table({"vendor": ["fixed", "not_affected", "disputed"], "vendor_because": ["", "", ""]})
    least = POLICY.number("proof.truth.vendor_fixed").value
    assert backports.applied(judged, said, POLICY)["truth"].to_pylist() == [least, 0.01, 0.7]

"""Identifiers, versions, vectors and times as network scanners write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.discovery.readers import _hosts as hosts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("00:16:3E:10:20:30", ["00:16:3e:10:20:30"]),
        ("0016.3e10.2030 and 00-16-3e-10-20-31", ["00:16:3e:10:20:30", "00:16:3e:10:20:31"]),
        ("00:00:00:00:00:00 ff:ff:ff:ff:ff:ff 01:00:5e:00:00:01", []),
        ("02:42:ac:11:00:02", []),
        ("00:00:5e:00:01:0a", []),
        ("00:50:56:c0:00:08 00:50:56:81:01:e3", ["00:50:56:81:01:e3"]),
        ("none", []),
    ],
)
def test_only_hardware_addresses_of_one_machine_are_kept(text: str, found: list[str]) -> None:
    assert hosts.macs(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{4C4C4544-0051-3510-8052-B4C04F4D3132}", "4c4c4544-0051-3510-8052-b4c04f4d3132"),
        ("4c4c45440051351080 52b4c04f4d3132", ""),
        ("00000000-0000-0000-0000-000000000000", ""),
        ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", ""),
        ("03000200-0400-0500-0006-000700080009", ""),
        ("Not Settable", ""),
    ],
)
def test_uuids_that_mean_something(text: str, found: str) -> None:
    assert hosts.uuid(text) == found


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("fqdn", "Web-1.Example.COM.", (("fqdn", "web-1.example.com"),)),
        ("fqdn", "web-1", (("hostname", "web-1"),)),
        ("fqdn", "192.0.2.1", (("ip", "192.0.2.1"),)),
        ("netbios", "OFFICE\\FILES", (("netbios", "files"),)),
        ("ip", "127.0.0.1", ()),
        ("ip", "999.1.1.1", ()),
        ("ip", "2001:DB8::1", (("ip", "2001:db8::1"),)),
        ("fqdn", "localhost", ()),
        ("fqdn", "a b<c>", ()),
    ],
)
def test_names_are_what_they_are_not_what_the_column_says(
    kind: str, value: str, found: tuple[tuple[str, str], ...]
) -> None:
    assert hosts.named(kind, value) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cpe:/a:apache:http_server:2.4.7", ("cpe:2.3:a:apache:http_server", "http_server", "2.4.7")),
        ("cpe:2.3:o:debian:debian_linux:12:*:*", ("cpe:2.3:o:debian:debian_linux", "debian_linux", "12")),
        ("cpe:/a:php", ("", "", "")),
        ("x-cpe:/a:b:c", ("", "", "")),
    ],
)
def test_cpe(name: str, found: tuple[str, str, str]) -> None:
    assert hosts.cpe(name) == found


def test_an_application_is_a_better_place_than_its_system() -> None:
    assert hosts.best_cpe(["cpe:/o:linux:linux_kernel", "cpe:/a:php:php -> PHP"])[1] == "php"
    assert hosts.best_cpe([]) == ("", "", "")


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("  Installed version : 1.2\n  Fixed version     : 1.3 / 1.4\n", ("1.2", "1.3 / 1.4")),
        ("Installed version: 1.2.3\nFixed version:      1.2.9", ("1.2.3", "1.2.9")),
        ("- Installed package : a_1\n  - Fixed package : a_2", ("a_1", "a_2")),
        ("Nessus version : 10.1.1", ("", "")),
        ("no version here", ("", "")),
    ],
)
def test_versions_in_outputs(output: str, found: tuple[str, str]) -> None:
    assert hosts.versions(output) == found


def test_packages_of_distributions_become_purls() -> None:
    family = "Amazon Linux Local Security Checks"
    assert hosts.package(family, "kernel-4.14.1-2.amzn2", "kernel-4.14.9-1.amzn2") == (
        "pkg:rpm/amazon/kernel", "kernel", "4.14.1-2.amzn2", "4.14.9-1.amzn2",
    )  # fmt: skip
    assert hosts.package("Debian Local Security Checks", "libc6_2.36-9", "libc6_2.36-10")[0] == "pkg:deb/debian/libc6"
    assert hosts.package("Windows", "x-1-2", "") == ("", "", "", "")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CVSS2#AV:N/AC:L/Au:N/C:N/I:N/A:P", "AV:N/AC:L/Au:N/C:N/I:N/A:P"),
        ("8.1 (AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H)", "CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H"),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"),
        ("nothing", ""),
    ],
)
def test_vectors(text: str, found: str) -> None:
    assert hosts.vector(text) == found


@pytest.mark.parametrize(
    ("text", "moment", "assumed"),
    [
        ("1648044472", datetime(2022, 3, 23, 14, 7, 52, tzinfo=UTC), False),
        ("Wed Mar 23 15:07:52 2022", datetime(2022, 3, 23, 15, 7, 52, tzinfo=UTC), True),
        ("Jan 5, 2021 10:24:08 MST", datetime(2021, 1, 5, 17, 24, 8, tzinfo=UTC), False),
        ("Jan 5, 2021 10:24:08 XYZ", datetime(2021, 1, 5, 10, 24, 8, tzinfo=UTC), True),
        ("04 Feb 2026 10:00AM GMT-0500", datetime(2026, 2, 4, 15, 0, tzinfo=UTC), False),
        ("Feb 03, 2026 07:00 PM", datetime(2026, 2, 3, 19, 0, tzinfo=UTC), True),
        ("05/13/2021 07:08:28", datetime(2021, 5, 13, 7, 8, 28, tzinfo=UTC), True),
        ("2025-08-22T16:27:22+02:00", datetime(2025, 8, 22, 14, 27, 22, tzinfo=UTC), False),
    ],
)
def test_times(text: str, moment: datetime, assumed: bool) -> None:
    assert hosts.moment(text) == (moment, assumed)


@given(st.text(max_size=40))
def test_no_text_breaks_any_of_them(text: str) -> None:
    hosts.moment(text)
    hosts.macs(text)
    hosts.uuid(text)
    hosts.cpe(text)
    hosts.vector(text)
    hosts.versions(text)
    hosts.fix_name(text)
    for kind in ("fqdn", "ip", "netbios", "hostname"):
        hosts.named(kind, text)
    hosts.latest([text])

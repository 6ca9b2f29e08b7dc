"""Distributions and their releases, as vendors' data names them: `debian-12`, `ubuntu-22.04`, `redhat-8`."""

from __future__ import annotations

import re
from functools import lru_cache

# A release as systems and scanners write it; the first that fits. Rebuilds come before what they are built from.
_SYSTEMS = (
    ("ubuntu", re.compile(r"ubuntu[^0-9]{0,20}(\d{1,2}\.\d{2})")),
    ("debian", re.compile(r"debian[^0-9]{0,30}(\d{1,2})")),
    ("alpine", re.compile(r"alpine[^0-9]{0,20}(\d+\.\d+)")),
    ("centos", re.compile(r"centos[^0-9]{0,30}(\d+)")),
    ("rocky", re.compile(r"rocky[^0-9]{0,20}(\d+)")),
    ("alma", re.compile(r"alma[^0-9]{0,20}(\d+)")),
    ("oracle", re.compile(r"oracle[^0-9]{0,20}(\d+)")),
    ("amazon", re.compile(r"(?:amazon|amzn)[^0-9]{0,20}(\d+)")),
    ("fedora", re.compile(r"fedora[^0-9]{0,20}(\d+)")),
    ("redhat", re.compile(r"(?:red ?hat|rhel)[^0-9]{0,40}(\d+)")),
)
# How package URLs name a distribution elsewhere: scanners, vendors and the URL's own specification differ.
_NAMESPACES = {
    "rocky-linux": "rocky", "rockylinux": "rocky", "almalinux": "alma", "rhel": "redhat", "redhatenterpriselinux": "redhat",
    "amzn": "amazon", "amazonlinux": "amazon", "ol": "oracle", "oraclelinux": "oracle", "sles": "suse", "sle": "suse",
}  # fmt: skip
_RPM = re.compile(r"pkg:rpm/([^/]+)/(.+)\Z", re.DOTALL)
_SUSE = re.compile(r"(?:suse linux enterprise server|sles)[^0-9]{0,4}(\d+)(?:[ .-]*(?:sp|\.)[ -]*(\d+))?")
# What a service says of itself on Debian's family: upstream version, name, revision.
_BANNER = re.compile(r"([0-9][\w.+~]*)[-_ ]+(ubuntu|debian)[-_ ]*([0-9][\w.+~]*)", re.IGNORECASE)
_SUFFIXED = re.compile(r"([0-9][\w.+~]*-[0-9][\w.+~]*(ubuntu|deb)[0-9][\w.+~]*)", re.IGNORECASE)


@lru_cache(maxsize=10_000)
def slug(os: str) -> str:
    """Return `distribution-release` of an operating system's name; '' where it names none."""
    text = os.lower()
    if found := _SUSE.search(text):
        more = f"-sp{found[2]}" if found[2] else ""
        return f"suse-linux-enterprise-server-{found[1]}{more}"
    for name, pattern in _SYSTEMS:
        if found := pattern.search(text):
            return f"{name}-{found[1]}"
    return ""


@lru_cache(maxsize=65_536)
def package(purl: str) -> str:
    """Return the URL of an RPM package with its distribution under the one name used here; others as they are."""
    found = _RPM.match(purl)
    own = _NAMESPACES.get(found[1].lower()) if found else None
    return f"pkg:rpm/{own}/{found[2]}" if found and own else purl


@lru_cache(maxsize=10_000)
def of_banner(version: str) -> tuple[str, str] | None:
    """Return (distribution, package version) that a service's own words tell, such as `8.2p1 Ubuntu-4ubuntu0.5`.

    Only what names the distribution's revision says which package it is; None for anything else.
    """
    if found := _SUFFIXED.search(version):
        return ("ubuntu" if found[2].lower() == "ubuntu" else "debian", found[1])
    if found := _BANNER.search(version):
        return (found[2].lower(), f"{found[1]}-{found[3]}")
    return None

"""Packages as advisories name them, in our words: purls without version, and ranges in VERS notation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from foreshore.intel import releases

# An ecosystem of OSV or GHSA -> purl type and namespace, as the readers of scanners write them.
_ECOSYSTEMS = {
    "pypi": "pypi", "pip": "pypi", "npm": "npm", "go": "golang", "maven": "maven", "nuget": "nuget",
    "rubygems": "gem", "crates.io": "cargo", "rust": "cargo", "packagist": "composer", "composer": "composer",
    "hex": "hex", "erlang": "hex", "pub": "pub", "swifturl": "swift", "swift": "swift",
    "github actions": "github", "actions": "github", "conancenter": "conan", "cran": "cran",
    "hackage": "hackage", "bitnami": "bitnami", "julia": "julia", "vscode": "vscode-extension",
    "debian": "deb/debian", "ubuntu": "deb/ubuntu", "echo": "deb/echo",
    "alpine": "apk/alpine", "wolfi": "apk/wolfi", "chainguard": "apk/chainguard", "minimos": "apk/minimos",
    "alpaquita": "apk/alpaquita", "bellsoft hardened containers": "apk/bellsoft-hardened-containers",
    "red hat": "rpm/redhat", "rocky linux": "rpm/rocky", "almalinux": "rpm/alma", "suse": "rpm/suse",
    "opensuse": "rpm/opensuse", "openeuler": "rpm/openeuler", "mageia": "rpm/mageia",
    "photon os": "rpm/photon", "azure linux": "rpm/azurelinux", "fedora": "rpm/fedora",
}  # fmt: skip
_DISTRIBUTIONS = ("deb/", "apk/", "rpm/")
_LOWER = frozenset({"pypi", "deb", "apk", "composer", "github", "bitbucket", "golang", "npm", "hex", "rpm"})
_PLAIN = re.compile(r"[\w.+:~^-]+\Z")
_PIECES = re.compile(r"\d+|[A-Za-z]+")
_CONSTRAINT = re.compile(r"\s*(>=|<=|!=|=|<|>)?\s*([^\s,|<>=!]+(?: [^\s,|<>=!]+)?)\s*")
_SLUG = re.compile(r"[^a-z0-9._]+")


class Interval(NamedTuple):
    """Versions from `low` (inclusive unless `after`) to `high` (exclusive unless `through`); '' is open."""

    low: str = ""
    high: str = ""
    through: bool = False
    after: bool = False


@lru_cache(maxsize=65_536)
def built(ecosystem: str, name: str) -> str:
    """Return the purl, without version, of `name` in an ecosystem of OSV or GHSA; '' for an unknown one.

    A release of a distribution (`Debian:12`) becomes a qualifier: `pkg:deb/debian/curl?distro=debian-12`.
    """
    kind, _, release = ecosystem.partition(":")
    start = _ECOSYSTEMS.get(kind.strip().lower())
    if not start or not name:
        return ""
    if start == "maven":
        name = name.replace(":", "/", 1)
    plain = spelled(f"pkg:{start}/{quote(name, safe='/._+~-')}")
    return distro(plain, start.rpartition("/")[2], release) if start.startswith(_DISTRIBUTIONS) else plain


@lru_cache(maxsize=65_536)
def spelled(purl: str) -> str:
    """Return `purl` without version, qualifiers and subpath, spelled by the rules of its type; '' if it is none."""
    if not purl.startswith("pkg:"):
        return ""
    kind, slash, path = purl[4:].lstrip("/").split("#", 1)[0].split("?", 1)[0].partition("/")
    at = path.rfind("@")
    path = (path[:at] if at > path.rfind("/") and at > 0 else path).strip("/")
    if not slash or not path:
        return ""
    kind = kind.lower()
    path = path.lower() if kind in _LOWER else path
    path = path.replace("_", "-") if kind == "pypi" else path
    return releases.package(f"pkg:{kind}/{path}")


def distro(purl: str, system: str, release: str) -> str:
    """Return `purl` with the distribution's release as its qualifier, as in `?distro=debian-12`."""
    words = (
        release.lower()
        .replace("linux enterprise server", "sles")
        .removesuffix(":lts")
        .removeprefix("v")
        .replace("enterprise_linux:", "")
    )
    slug = _SLUG.sub("-", re.sub(r"::.*", "", words)).strip("-")
    return f"{purl}?distro={system}-{slug}" if slug else purl


def scheme(purl: str) -> str:
    """Return the name of the VERS versioning scheme for packages of `purl`'s type."""
    kind = purl[4:].partition("/")[0]
    return kind if kind and purl.startswith("pkg:") else "generic"


def vers(kind: str, intervals: Iterable[Interval], versions: Iterable[str] = ()) -> str:
    """Return a range in VERS notation: `vers:pypi/>=3.2|<3.2.15`; '' where nothing is said.

    `versions` are single ones. Intervals are ordered by the numbers in their beginnings.
    """
    parts: list[tuple[list[tuple[int, int, str]], str]] = []
    for low, high, through, after in dict.fromkeys(intervals):
        if not low and not high:
            return f"vers:{kind}/*"
        begin = f"{'>' if after else '>='}{quoted(low)}" if low else ""
        end = f"{'<=' if through else '<'}{quoted(high)}" if high else ""
        parts.append((_order(low), "|".join(part for part in (begin, end) if part)))
    parts.extend((_order(version), quoted(version)) for version in dict.fromkeys(versions))
    if len(parts) > 1:
        parts.sort()
    return f"vers:{kind}/" + "|".join(text for _, text in parts) if parts else ""


def constraints(text: str) -> tuple[list[Interval], list[str]] | None:
    """Return (intervals, single versions) of a native range such as `>= 1.0, < 2.0`; None if it is none."""
    low, high, through, after = "", "", False, False
    exact: list[str] = []
    for part in re.split(r"[,|]", text):
        found = _CONSTRAINT.fullmatch(part)
        if found is None:
            return None
        sign, version = found[1] or "=", found[2]
        if sign in (">=", ">"):
            low, after = version, sign == ">"
        elif sign in ("<=", "<"):
            high, through = version, sign == "<="
        elif sign == "=":
            exact.append(version)
    low, after = ("", False) if low in ("0", "0.0.0") else (low, after)
    if exact:
        return [], exact
    return [Interval(low, high, through, after)], []


def quoted(version: str) -> str:
    """Return `version` as VERS notation writes it: what has a meaning there is escaped."""
    return version if _PLAIN.match(version) else quote(version, safe=".+:~^-_")


def _order(version: str) -> list[tuple[int, int, str]]:
    """A key by which most versions sort well: numbers by size, words before numbers, nothing first."""
    return [(1, int(one[:18]), "") if one.isdigit() else (0, 0, one) for one in _PIECES.findall(version)]

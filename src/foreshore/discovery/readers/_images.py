"""What scanners of container images share: the image as an asset, and its packages by one name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._host_scans import by_file
from foreshore.facts import AssetKind, RunSeen, Sighting

_DIGEST = regex(r"(?:sha256:)?([0-9a-f]{64})")

_ADVISORY = regex(r"(?:RH[SBE]A|CESA|ELSA|ALAS|ALSA|RLSA|SUSE-|openSUSE-|DSA|DLA|USN|FEDORA)", re.IGNORECASE)

# Where distributions publish what they know of weaknesses in their own packages.
_TRACKERS = {
    "security-tracker.debian.org": "debian", "ubuntu.com": "ubuntu", "people.canonical.com": "ubuntu",
    "usn.ubuntu.com": "ubuntu", "security.alpinelinux.org": "alpine", "access.redhat.com": "redhat",
    "alas.aws.amazon.com": "amazon", "linux.oracle.com": "oracle", "www.suse.com": "sles",
    "errata.almalinux.org": "alma", "errata.rockylinux.org": "rocky",
}  # fmt: skip

# Beginnings of the names that scanners give a distribution, in `_naming`'s word for it; longer ones first.
_FAMILIES = (
    ("debian", "debian"), ("ubuntu", "ubuntu"), ("alpine", "alpine"), ("wolfi", "wolfi"),
    ("chainguard", "chainguard"), ("red hat", "redhat"), ("redhat", "redhat"), ("rhel", "redhat"),
    ("ubi", "redhat"), ("centos", "centos"), ("rocky", "rocky"), ("alma", "alma"), ("fedora", "fedora"),
    ("oracle", "oracle"), ("ol:", "oracle"), ("ol-", "oracle"), ("amazon", "amazon"), ("amzn", "amazon"),
    ("photon", "photon"), ("vmware photon", "photon"), ("cbl-mariner", "cbl-mariner"),
    ("common base linux mariner", "cbl-mariner"), ("mariner", "cbl-mariner"), ("azurelinux", "azurelinux"),
    ("azure linux", "azurelinux"), ("microsoft azure linux", "azurelinux"), ("opensuse", "opensuse"),
    ("suse", "sles"), ("sles", "sles"), ("bookworm", "debian"), ("bullseye", "debian"), ("buster", "debian"),
    ("stretch", "debian"), ("trixie", "debian"),
)  # fmt: skip
# Scanners' words for the kind of a package, in `_naming`'s; "" is the distribution's own.
_KINDS = dict.fromkeys(
    ("os", "package", "deb", "dpkg", "rpm", "apk", "apkg", "os package", "system", "linux", "debian", "alpine"), ""
) | {
    "nodejs": "npm", "node": "npm", "node.js": "npm", "npm": "npm", "javascript": "npm",
    "python": "python", "pip": "python", "pypi": "python", "wheel": "python", "egg": "python",
    "jar": "java", "java": "java", "java-archive": "java", "maven": "java", "gav": "java", "war": "java",
    "ear": "java", "jenkins-plugin": "java", "gem": "gem", "ruby": "gem", "rubygems": "gem",
    "go": "golang", "golang": "golang", "gomod": "golang", "go-module": "golang", "nuget": "nuget",
    ".net": "nuget", "dotnet": "nuget", "php": "composer", "composer": "composer", "cargo": "cargo",
    "rust": "cargo", "crates": "cargo", "swift": "swift", "cocoapods": "cocoapods", "conan": "conan",
}  # fmt: skip


def digest(value: str) -> str:
    """A digest as `sha256:` and 64 digits, whether or not the scanner wrote its kind; else nothing."""
    found = _DIGEST.search(value.lower())
    return f"sha256:{found.group(1)}" if found else ""


def image(
    names: Iterable[str],
    digests: Iterable[str],
    *,
    os: str = "",
    attributes: tuple[tuple[str, str], ...] = (),
    seen: datetime | None = None,
) -> Sighting:
    """The sighting of an image: by its first digest (that of the registry before that of its content)
    and its names.

    The last of `names` is shown; an image without any name or digest goes by "image".
    """
    named = [name for name in names if name]
    written = [one for one in digests if one]
    identifiers = _naming.image_identifiers(named, map(digest, written))
    shown = named[-1] if named else next(iter(written), "image")
    if not identifiers:
        identifiers = (("artifact", shown),)
    return Sighting(
        key=f"image {identifiers[0][1]}",
        name=shown,
        kind="image",
        identifiers=identifiers,
        os=os,
        attributes=tuple(one for one in attributes if one[1]),
        authenticated=True,
        observed_at=seen,
    )


def artifact(name: str, kind: AssetKind = "repository", detail: str = "") -> Sighting:
    """The sighting of what was scanned and is no image: an archive, a build, a folder."""
    return Sighting(
        key=f"artifact {name}",
        name=name,
        kind=kind,
        identifiers=(("artifact", name),),
        attributes=(("artifact_type", detail),) if detail else (),
        authenticated=True,
    )


def unnamed(tool: str, file: str, kind: AssetKind = "image") -> Sighting:
    """The sighting of the image of a report that does not say which: it goes by the file."""
    return artifact(by_file(tool, file), kind)


@lru_cache(maxsize=4096)
def family(os: str) -> str:
    """The distribution's word in `_naming` for what a scanner writes ("alpine-3.20", "Debian GNU/Linux 12")."""
    word = os.strip().lower()
    if word in ("ol", "linux"):
        return "oracle" if word == "ol" else ""
    return next((found for start, found in _FAMILIES if word.startswith(start)), "")


@lru_cache(maxsize=65536)
def component(kind: str, os: str, name: str) -> str:
    """The purl without version of a package of `kind` in an image with distribution `os`; '' if unknown.

    A Java package is written `group:name`, so that it is the same as other scanners' purls.
    """
    word = _KINDS.get(kind.strip().lower())
    if word is None or not name:
        return ""
    return _naming.built_package(word or family(os), name)


def tracker(link: str) -> str:
    """The distribution on whose own pages `link` leads to a weakness; '' where it is none's."""
    return _TRACKERS.get(_naming.split_url(link)[0].lower(), "")


def advisory(rule: str, *texts: str) -> tuple[str, ...]:
    """The weaknesses of a row: itself, or the CVEs that the texts about a distribution's advisory name."""
    own = _naming.weakness(rule)
    if (own and _naming.public_ids(rule)) or not _ADVISORY.match(rule):
        return own
    found = _naming.public_ids(*texts)
    return found if found and found[0].startswith("CVE-") else own


def run(tool: str, stamps: Iterable[object], *, version: str = "", scanner: str = "") -> RunSeen:
    """The run, at the newest of the times that the report states."""
    best: tuple[datetime | None, bool, str] = (None, False, "")
    for stamp in stamps:
        written = _naming.text(stamp)
        found, assumed = _naming.moment(written)
        if found is not None and (best[0] is None or found > best[0]):
            best = (found, assumed, written)
    return RunSeen(
        tool=tool,
        version=version,
        scanner=scanner,
        observed_at=best[0],
        observed_text=best[2],
        zone_assumed=best[1],
    )


def title(rule: str, name: str) -> str:
    """What to call a weakness in a package."""
    return f"{rule} in {name}" if name else rule

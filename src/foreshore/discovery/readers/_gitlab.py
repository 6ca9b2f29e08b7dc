"""GitLab's security report schema: what all its types of report share."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Word

KINDS = (
    "sast", "secret_detection", "dependency_scanning", "container_scanning", "cluster_image_scanning", "dast",
    "api_fuzzing", "coverage_fuzzing",
)  # fmt: skip
WEB_KINDS = frozenset({"dast", "api_fuzzing"})
IMAGE_KINDS = frozenset({"container_scanning", "cluster_image_scanning"})
_SECRET_RULES = frozenset({"gitleaks_rule_id", "trufflehog_rule_id"})
# A newer kind of signature wins over an older one; the plain location moves with every line above it.
_SIGNATURES = ("scope_offset_compressed", "scope_offset", "hash")
_COMPARED = regex(r":([0-9a-f]{64}):")
_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of no code at all
_UPGRADE = regex(r"\bto (?:versions? )?(v?\d[\w.+~:-]{0,80}(?:(?:,| or|, or) v?\d[\w.+~:-]{0,80}){0,20})")


class Identifier(msgspec.Struct, gc=False):
    """One name of what was found; the first one of a vulnerability is the scanner's own rule."""

    type: Scalar = None
    name: Scalar = None
    value: Scalar = None
    url: Scalar = None


class Link(msgspec.Struct, gc=False):
    """Where one can read more."""

    url: Scalar = None


class Cvss(msgspec.Struct, gc=False):
    """A CVSS vector and who gave it."""

    vendor: Scalar = None
    vector: Scalar = None
    vector_string: Scalar = None


class Flag(msgspec.Struct, gc=False):
    """A word of an analyzer on a vulnerability."""

    type: Scalar = None


class Vulnerability(msgspec.Struct, gc=False):
    """One vulnerability of any type of report; source code extracts are left out."""

    id: Scalar = None
    category: Scalar = None
    name: Scalar = None
    message: Scalar = None
    description: Scalar = None
    cve: Scalar = None  # not a CVE: the key by which old versions compared reports
    severity: Scalar = None
    priority: Scalar = None
    solution: Scalar = None
    location: dict[str, Any] | None = None
    identifiers: list[Identifier] | None = None
    links: list[Link] | None = None
    cvss_vectors: list[Cvss] | None = None
    tracking: Any = None
    flags: list[Flag] | None = None
    evidence: Any = None
    discovered_at: Scalar = None
    state: Scalar = None


class Tool(msgspec.Struct, gc=False):
    """A scanner or analyzer."""

    id: Scalar = None
    name: Scalar = None
    version: Scalar = None


class Resource(msgspec.Struct, gc=False):
    """An address that a dynamic scan asked for."""

    url: Scalar = None


class Scan(msgspec.Struct, gc=False):
    """What was run, and when."""

    scanner: Tool | None = None
    analyzer: Tool | None = None
    type: Scalar = None
    start_time: Scalar = None
    end_time: Scalar = None
    status: Scalar = None
    scanned_resources: list[Resource] | None = None


class DependencyFile(msgspec.Struct, gc=False):
    """A file that names packages, and whose packages they are."""

    path: Scalar = None
    package_manager: Scalar = None


class Document(msgspec.Struct, gc=False):
    """A report of any type."""

    version: Scalar = None
    scan: Scan | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    dependency_files: list[DependencyFile] | None = None


DOCUMENT: msgspec.json.Decoder[Document] = msgspec.json.Decoder(Document)
LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
VULNERABILITY: msgspec.json.Decoder[Vulnerability] = msgspec.json.Decoder(Vulnerability)


def kind_of(said: Vulnerability, scanned: str) -> str:
    """The type of report that the vulnerability belongs to: its own word, the scan's, else by its location."""
    if any(_naming.text(one.type) in _SECRET_RULES for one in said.identifiers or ()):
        return "secret_detection"
    place = said.location or {}
    if any(name in place for name in ("crash_type", "crash_address", "crash_state")):
        return "coverage_fuzzing"
    for word in (_naming.text(said.category), scanned):
        if word in KINDS:
            return word
    for names, kind in (
        (("image", "operating_system"), "container_scanning"),
        (("hostname", "param"), "dast"),
        (("commit",), "secret_detection"),
    ):
        if any(name in place for name in names):
            return kind
    return "dependency_scanning" if dependency(place)[0] else "sast"


def dependency(location: dict[str, Any]) -> tuple[str, str]:
    """(package, version) of a location, '' where it has none."""
    held = location.get("dependency")
    if not isinstance(held, dict):
        return "", ""
    package = held.get("package")
    name = _naming.text(package.get("name")) if isinstance(package, dict) else ""
    return name, _naming.text(held.get("version"))


def rule(said: Vulnerability) -> str:
    """The scanner's own identifier of the check; some scanners write a sentence there and the rule as name."""
    for one in said.identifiers or ():
        value, name = _naming.text(one.value).strip(), _naming.text(one.name).strip()
        if " " in value and name and " " not in name:
            return name
        if value or name:
            return value or name
    return _naming.text(said.name) or _naming.text(said.message)


def weaknesses(said: Vulnerability) -> tuple[str, ...]:
    """CVE, else GHSA, else the vendor's bulletin among the identifiers."""
    typed = [(_naming.text(one.type).lower(), _naming.text(one.value).strip()) for one in said.identifiers or ()]
    public = _naming.public_ids(*(value for kind, value in typed if kind not in ("cwe", "owasp", "wasc")))
    if public:
        return public
    bulletins = ("usn", "rhsa", "elsa", "osvdb", "dsa", "alas", "gms")
    return tuple(dict.fromkeys(value for kind, value in typed if kind in bulletins and value))


def cwes(said: Vulnerability) -> tuple[int, ...]:
    """CWE numbers among the identifiers, from the value or, where that is a word, from the name."""
    found: list[int] = []
    for one in said.identifiers or ():
        if _naming.text(one.type).lower() == "cwe":
            found.extend(_naming.cwes(_naming.text(one.value)) or _naming.cwes(_naming.text(one.name)))
    return tuple(dict.fromkeys(found))


def references(said: Vulnerability) -> tuple[str, ...]:
    """Links, and pages of the identifiers."""
    values = [*(one.url for one in said.links or ()), *(one.url for one in said.identifiers or ())]
    return tuple(dict.fromkeys(text for one in values if (text := _naming.text(one).strip())))


def cvss(said: Vulnerability) -> str:
    """The vector of the newest version of CVSS that is given."""
    texts = (_naming.text(one.vector) or _naming.text(one.vector_string) for one in said.cvss_vectors or ())
    found = [one for text in texts if (one := _hosts.vector(text))]
    return max(found, key=lambda one: one[:8] if one.startswith("CVSS:") else "", default="")


def word(said: Vulnerability) -> Word:
    """The state, where an export gives one; analyzers only ever call something a likely false positive."""
    state = _naming.text(said.state).lower()
    return {"dismissed": "suppressed", "resolved": "fixed"}.get(state, "open")  # type: ignore[return-value]


def tags(said: Vulnerability) -> tuple[str, ...]:
    """Flags of analyzers: GitLab keeps a likely false positive open, and so do we."""
    return tuple(dict.fromkeys(f"flag={text}" for one in said.flags or () if (text := _naming.text(one.type))))


def fixed_version(solution: str) -> str:
    """The version in "Upgrade apt from 1.4.8 to 1.4.9" or "Upgrade to version 2.2.3 or above."."""
    if not solution.lower().startswith("upgrade"):
        return ""
    found = _UPGRADE.search(solution[:2000])
    return found.group(1).rstrip(".") if found else ""


def context(said: Vulnerability) -> str:
    """What holds a code finding in place when lines move.

    The signature of its scope, else the hash of its code, else class and method.
    """
    signatures = _signatures(said.tracking)
    for name in _SIGNATURES:
        if name in signatures:
            return signatures[name]
    compared = _COMPARED.search(_naming.text(said.cve))
    if compared is not None and compared.group(1) != _OF_NOTHING:
        return compared.group(1)
    place = said.location or {}
    parts = (_naming.text(place.get("class")), _naming.text(place.get("method")))
    return ".".join(part for part in parts if part)


def _signatures(tracking: Any) -> dict[str, str]:
    items = tracking.get("items") if isinstance(tracking, dict) else None
    found: dict[str, str] = {}
    for item in items if isinstance(items, list) else ():
        listed = item.get("signatures") if isinstance(item, dict) else None
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and (value := _naming.text(one.get("value"))):
                found.setdefault(_naming.text(one.get("algorithm")), value)
    return found


# -- packages -----------------------------------------------------------------------------------

_MANAGERS = {"go": "golang", "setuptools": "pypi", "packagist": "composer", "bundler": "gem", "sbt": "maven"}
_FILES = (
    (("go.sum", "go.mod"), "golang"),
    (("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "package.json"), "npm"),
    (("gemfile.lock", "gems.locked"), "gem"),
    (("requirements.txt", "pipfile.lock", "pipfile", "poetry.lock", "setup.py", "uv.lock"), "pypi"),
    (("pom.xml", "build.gradle", "build.gradle.kts", "gradle.lockfile", "build.sbt", "maven.graph.json"), "maven"),
    (("composer.lock",), "composer"),
    (("packages.lock.json",), "nuget"),
    (("conan.lock",), "conan"),
    (("cargo.lock",), "cargo"),
    (("podfile.lock",), "cocoapods"),
    (("pubspec.lock",), "pub"),
    (("package.resolved",), "swift"),
)
_BY_FILE = {name: kind for names, kind in _FILES for name in names}
# Trivy's own template writes what it looked at where the image belongs: languages, lock files
_LANGUAGES = {"node.js": "npm", "java": "maven", "python": "pypi", "ruby": "gem", "php": "composer", "rust": "cargo"}


def language_of(name: str) -> str:
    """The ecosystem of a language's name or of a lock file's path, else ''."""
    return _LANGUAGES.get(name.lower(), "") or _BY_FILE.get(name.rpartition("/")[2].lower(), "")


def component(name: str, path: str, managers: dict[str, str], system: str) -> str:
    """The purl of a package of a distribution (`debian:9.4`, `alpine 3.15`) or of a file of a package manager."""
    if not name:
        return ""
    if system and system.lower() != "unknown":
        return _naming.built_package(re.split(r"[\s:]", system.strip(), maxsplit=1)[0], name)
    manager = managers.get(path, "")
    return _naming.built_package(_MANAGERS.get(manager, manager) or language_of(path), name)

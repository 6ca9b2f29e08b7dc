"""What tools call things, in our words: severities, times, weaknesses, hosts, packages."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, urlsplit

from foreshore.discovery.patterns import regex
from foreshore.facts import Severity

# Words of many tools for the same five steps. "negligible" is Debian's and Grype's word for what is
# hardly worth a fix: info. "unknown" is not a claim that something is harmless, nor that it is bad: it
# is read as info, and the score or the weakness itself decides later.
_SEVERITIES: dict[str, Severity] = {
    "critical": "critical", "crit": "critical", "urgent": "critical", "severe": "critical",
    "blocker": "critical",
    "high": "high", "important": "high", "error": "high", "major": "high",
    "medium": "medium", "moderate": "medium", "med": "medium", "warning": "medium",
    "low": "low", "minor": "low",
    "info": "info", "informational": "info", "information": "info", "negligible": "info", "none": "info",
    "note": "info", "unknown": "info", "undefined": "info", "": "info",
}  # fmt: skip

_CVE = regex(r"\bCVE-\d{4}-\d{4,19}\b", re.IGNORECASE)
_GHSA = regex(r"\bGHSA(?:-[23456789cfghjmpqrvwx]{4}){3}\b", re.IGNORECASE)
_CWE = regex(r"(?:CWE[-:_ ]?)?(\d{1,5})\b", re.IGNORECASE)
_HOST = regex(r"^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*\.?$")
_PLAIN_DATE = regex(r"^\d{4}-\d{2}-\d{2}$")


def severity(word: object) -> Severity:
    """Our severity for a tool's word; what is not known is info."""
    found = _SEVERITIES.get(word) if isinstance(word, str) else None
    if found is not None:
        return found
    return _SEVERITIES.get(str(word or "").strip().lower(), "info")


def of_score(score: float) -> Severity:
    """The CVSS 3 and 4 qualitative rating of a base score (CVSS 3.1 specification, section 5)."""
    if score >= 9:
        return "critical"
    if score >= 7:
        return "high"
    if score >= 4:
        return "medium"
    return "low" if score > 0 else "info"


def text(value: object) -> str:
    """A value that should be text, as text: numbers are written out, nothing is the empty text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (list, dict, tuple)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def texts(value: object) -> list[str]:
    """The texts of a list, other members left out; nothing where `value` is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A finite number where `value` is or spells one."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) < 1e15 else None


_MOST = 1 << 31


def whole_number(value: object, default: int = 0) -> int:
    """A whole number where `value` is or spells one of at most 31 bits."""
    if type(value) is int and -_MOST < value < _MOST:
        return value
    found = number(value)
    return default if found is None or abs(found) >= _MOST else int(found)


def port(value: object) -> int:
    """A port number, else 0."""
    found = whole_number(value)
    return found if 0 < found < 65536 else 0


def score(value: object) -> float | None:
    """A CVSS score from 0.1 to 10; 0 is what tools write when they know none."""
    found = number(value)
    return found if found is not None and 0 < found <= 10 else None


@lru_cache(maxsize=4096)
def moment(value: str) -> tuple[datetime | None, bool]:
    """(the time in UTC, whether a zone was missing and UTC was assumed); (None, False) if not a time.

    Takes ISO 8601 with any number of digits, epoch seconds or milliseconds, and year-month-day.
    """
    value = value.strip()
    if not value or value.startswith("0001-01-01"):
        return None, False
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return _epoch(value)
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC), True
    try:
        return found.astimezone(UTC), False
    except OverflowError:
        return None, False


def _epoch(value: str) -> tuple[datetime | None, bool]:
    if not re.fullmatch(r"\d{9,16}(\.\d+)?", value):
        return None, False
    seconds = float(value)
    while seconds > 1e11:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC), False


def when(value: object) -> datetime | None:
    """The time in UTC, where `value` is one."""
    return moment(text(value))[0] if value else None


def public_ids(*texts: str) -> tuple[str, ...]:
    """The CVE identifiers in `texts` in their order, else the GHSA identifiers, else nothing."""
    joined = " ".join(texts)
    found = [one.upper() for one in _CVE.findall(joined)]
    if not found:
        found = ["GHSA-" + one[5:].lower() for one in _GHSA.findall(joined)]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=65536)
def weakness(identifier: str) -> tuple[str, ...]:
    """The weakness that one identifier names: CVE, else GHSA, else the identifier as it is."""
    return public_ids(identifier) or ((identifier,) if identifier else ())


def cwes(values: Iterable[object] | object) -> tuple[int, ...]:
    """CWE numbers from `CWE-79`, `79`, 79 or lists of them; 0 and words that are none are left out."""
    if type(values) is int:
        return (values,) if 0 < values < 100_000 else ()
    if isinstance(values, (str, int, float)):
        values = re.split(r"[,;|\s]+", values) if isinstance(values, str) else (values,)
    if not isinstance(values, Iterable):
        return ()
    return tuple(dict.fromkeys(found for value in values if (found := _cwe(text(value)))))


@lru_cache(maxsize=4096)
def _cwe(value: str) -> int:
    found = _CWE.match(value.strip())
    return int(found.group(1)) if found else 0


@lru_cache(maxsize=65536)
def address(value: str) -> str:
    """The address in its one spelling, or nothing where `value` is not an IP address."""
    try:
        return str(ipaddress.ip_address(value.strip().strip("[]").rstrip(".")))
    except ValueError:
        return ""


@lru_cache(maxsize=65536)
def host_identifiers(name: str) -> tuple[tuple[str, str], ...]:
    """Identifiers of a host by the one name it was called: address, fully qualified name, or short name."""
    name = name.strip().strip("[]").rstrip(".").lower()
    if not name:
        return ()
    if found := address(name):
        return (("ip", found),)
    if not _HOST.match(name):
        return (("artifact", name),)
    return (("fqdn", name),) if "." in name else (("hostname", name),)


@lru_cache(maxsize=65536)
def split_url(value: str) -> tuple[str, int, str]:
    """(host, port, path) of a URL or of `host:port/path`; the port is the scheme's where none is written."""
    value = value.strip()
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        host, written = parts.hostname or "", parts.port
    except ValueError:
        return "", 0, ""
    usual = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21, "ssh": 22, "rdp": 3389}
    return host, written or usual.get(parts.scheme.lower(), 0), parts.path


# -- packages -----------------------------------------------------------------------------------

_LOWER = frozenset({"pypi", "deb", "apk", "composer", "github", "bitbucket", "golang", "npm", "hex", "rpm"})


@lru_cache(maxsize=65536)
def package(purl: str) -> tuple[str, str, str]:
    """(purl without version and qualifiers in one spelling, plain name, version); empty where not a purl.

    Spelling follows the purl specification's rules per type, so that two tools meet at one place.
    """
    if not purl.startswith("pkg:"):
        return "", "", ""
    rest = purl[4:].lstrip("/").split("#", 1)[0].split("?", 1)[0]
    kind, slash, path = rest.partition("/")
    if not slash or not path:
        return "", "", ""
    path, version = _off_version(path)
    kind = kind.lower()
    path = path.strip("/")
    if kind in _LOWER:
        path = path.lower()
    if kind == "pypi":
        path = path.replace("_", "-")
    plain = _unquote(path)
    name = plain.replace("/", ":", 1) if kind == "maven" else plain
    if kind in ("deb", "rpm", "apk", "oci"):
        name = plain.rpartition("/")[2]
    return f"pkg:{kind}/{path}", name, _unquote(version)


def _off_version(path: str) -> tuple[str, str]:
    at = path.rfind("@")
    return (path[:at], path[at + 1 :]) if at > path.rfind("/") and at > 0 else (path, "")


def _unquote(value: str) -> str:
    from urllib.parse import unquote

    return unquote(value) if "%" in value else value


# Scanner's word for an ecosystem or distribution -> purl type and namespace.
_ECOSYSTEMS: dict[str, str] = {
    "debian": "deb/debian", "ubuntu": "deb/ubuntu", "alpine": "apk/alpine", "wolfi": "apk/wolfi",
    "chainguard": "apk/chainguard", "redhat": "rpm/redhat", "centos": "rpm/centos", "rocky": "rpm/rocky",
    "alma": "rpm/alma", "fedora": "rpm/fedora", "oracle": "rpm/oracle", "amazon": "rpm/amazon",
    "photon": "rpm/photon", "cbl-mariner": "rpm/cbl-mariner", "azurelinux": "rpm/azurelinux",
    "opensuse": "rpm/opensuse", "opensuse.leap": "rpm/opensuse",
    "opensuse.tumbleweed": "rpm/opensuse",
    "suse linux enterprise server": "rpm/suse", "sles": "rpm/suse",
    "npm": "npm", "yarn": "npm", "pnpm": "npm", "node-pkg": "npm", "javascript": "npm", "bun": "npm",
    "pip": "pypi", "pipenv": "pypi", "poetry": "pypi", "python-pkg": "pypi", "python": "pypi", "uv": "pypi",
    "pypi": "pypi", "composer": "composer", "composer-vendor": "composer", "php": "composer",
    "bundler": "gem", "gemspec": "gem", "gem": "gem", "ruby": "gem", "cargo": "cargo", "rustbinary": "cargo",
    "rust-binary": "cargo", "gomod": "golang", "gobinary": "golang", "go-module": "golang",
    "golang": "golang",
    "jar": "maven", "pom": "maven", "gradle": "maven", "gradle-lockfile": "maven", "sbt": "maven",
    "java": "maven",
    "maven": "maven", "nuget": "nuget", "dotnet-core": "nuget", "dotnet-deps": "nuget", "dotnet": "nuget",
    "packages-props": "nuget", "conan": "conan", "hex": "hex", "pub": "pub", "dart": "pub", "swift": "swift",
    "cocoapods": "cocoapods", "conda-pkg": "conda", "conda-environment": "conda", "bitnami": "bitnami",
}  # fmt: skip


@lru_cache(maxsize=65536)
def built_package(ecosystem: str, name: str) -> str:
    """The purl, without version, of a package that is only known by ecosystem and name; else nothing."""
    start = _ECOSYSTEMS.get(ecosystem.lower())
    if not start or not name:
        return ""
    if start == "maven":
        name = name.replace(":", "/", 1)
    return package(f"pkg:{start}/{quote(name, safe='/._+~-')}")[0]


@lru_cache(maxsize=65536)
def product(vendor: str, name: str) -> str:
    """The CPE 2.3 beginning of a product by vendor and name, as `cpe:2.3:a:vendor:product`."""
    if not name:
        return ""
    return f"cpe:2.3:a:{_cpe_word(vendor) or '*'}:{_cpe_word(name)}"


def _cpe_word(value: str) -> str:
    folded = value.strip().lower().replace(" ", "_")
    return re.sub(r"([^a-z0-9_.\-])", r"\\\1", folded)


_IMAGE_DIGEST = regex(r"sha256:[0-9a-f]{64}")


def image_identifiers(names: Iterable[str], digests: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Identifiers of an image: the first digest that is one, and its names."""
    found: list[tuple[str, str]] = []
    for digest in digests:
        if match := _IMAGE_DIGEST.search(digest or ""):
            found.append(("image_digest", match.group(0)))
            break
    found.extend(("image_ref", name) for name in dict.fromkeys(names) if name)
    return tuple(found)


def is_severity(word: str) -> bool:
    """Whether `word` is one that we know."""
    return word.strip().lower() in _SEVERITIES

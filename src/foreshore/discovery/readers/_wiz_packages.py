"""Packages as Wiz names them: the ecosystem is told by links, paths and the command that repairs."""

from __future__ import annotations

from functools import lru_cache

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _images, _naming, _packages

# Sites of distributions' advisories, in `_naming`'s word for the distribution.
_SITES = (
    ("security-tracker.debian.org", "debian"), ("debian.org", "debian"), ("ubuntu.com", "ubuntu"),
    ("canonical.com", "ubuntu"), ("security.alpinelinux.org", "alpine"), ("alpinelinux.org", "alpine"),
    ("alas.aws.amazon.com", "amazon"), ("access.redhat.com", "redhat"), ("redhat.com", "redhat"),
    ("linux.oracle.com", "oracle"), ("oracle.com", "oracle"), ("suse.com", "sles"), ("rockylinux.org", "rocky"),
    ("almalinux.org", "alma"), ("fedoraproject.org", "fedora"), ("wolfi.dev", "wolfi"), ("chainguard.dev", "chainguard"),
)  # fmt: skip
_COMMANDS = (
    ("go get", "golang"), ("npm ", "npm"), ("yarn ", "npm"), ("pnpm ", "npm"), ("pip ", "pypi"), ("pip3 ", "pypi"),
    ("poetry ", "pypi"), ("composer ", "composer"), ("bundle ", "gem"), ("gem ", "gem"), ("dotnet ", "nuget"),
    ("nuget ", "nuget"), ("cargo ", "cargo"), ("mvn ", "maven"),
)  # fmt: skip
_FILES = (
    ("go.mod", "golang"), ("go.sum", "golang"), ("package-lock.json", "npm"), ("package.json", "npm"),
    ("yarn.lock", "npm"), ("pnpm-lock.yaml", "npm"), ("requirements.txt", "pypi"), ("pipfile.lock", "pypi"),
    ("poetry.lock", "pypi"), ("metadata", "pypi"), ("pkg-info", "pypi"), ("composer.lock", "composer"),
    ("installed.json", "composer"), ("gemfile.lock", "gem"), (".gemspec", "gem"), ("cargo.lock", "cargo"),
    (".jar", "maven"), (".war", "maven"), (".ear", "maven"), ("pom.xml", "maven"), (".deps.json", "nuget"),
    ("packages.lock.json", "nuget"), ("packages.config", "nuget"), (".csproj", "nuget"),
)  # fmt: skip
_GO_MODULE = regex(r"^(?:[a-z0-9-]+\.)+[a-z]{2,}/\S+$")
_JAVA = regex(r"^[\w.-]+:[\w.-]+$")
SYSTEM = frozenset({"os", "package", "os package", "ospackage"})
_LIBRARY = frozenset({"library", "librarymanifest", "code library", ""})


@lru_cache(maxsize=65536)
def component(
    method: str, name: str, *, link: str = "", command: str = "", path: str = "", language: str = "", os: str = ""
) -> str:
    """The purl without version of a package, or '' where nothing tells its ecosystem.

    `method` is how Wiz found it (a package of the system, a library), `link` the advisory that it gives.
    """
    method = method.strip().lower().replace("_", " ")
    if method in SYSTEM:
        return _images.component("os", os, name) or _of_system(name, link)
    if method not in _LIBRARY:
        return ""
    return _packages.component(language, name) or _naming.built_package(_ecosystem(name, command, path), name)


def _of_system(name: str, link: str) -> str:
    host = _naming.split_url(link)[0]
    family = next((word for site, word in _SITES if host == site or host.endswith(f".{site}")), "")
    return _naming.built_package(family, name)


def _ecosystem(name: str, command: str, path: str) -> str:
    command = f"{command.strip().lower()} "
    if found := next((word for start, word in _COMMANDS if command.startswith(start)), ""):
        return found
    if _GO_MODULE.match(name):
        return "golang"
    file = path.replace("\\", "/").lower().rstrip("/")
    if found := next((word for end, word in _FILES if file.endswith(end)), ""):
        return found
    if _JAVA.match(name):
        return "maven"
    if "/site-packages/" in file or "/dist-packages/" in file:
        return "pypi"
    return "npm" if "/node_modules/" in file else ""

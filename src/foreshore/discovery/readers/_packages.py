"""Projects and their packages, as the scanners of dependencies name them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.facts import Severity, Sighting

# What scanners of dependencies call an ecosystem beyond what all scanners do -> a word that
# `_naming.built_package` knows, or the beginning of a purl.
_KINDS = {
    "crates.io": "cargo", "rust": "cargo", "rubygems": "gem", "packagist": "composer", "go": "golang",
    "gomodules": "golang", "golangdep": "golang", "govendor": "golang", "stdlib": "golang", "yarn-workspace": "npm",
    "erlang": "hex", "rebar3": "hex", "sbt": "maven", "paket": "nuget", "unmanaged": "", "red hat": "redhat",
    "rhel": "redhat", "rocky linux": "rocky", "almalinux": "alma", "alma linux": "alma", "amzn": "amazon", "ol": "oracle",
    "suse": "sles", "suse linux enterprise": "sles", "alpine linux": "alpine",
    "python": "pypi", "js": "npm", "ruby": "gem", "dotnet": "nuget", "cocoapods": "cocoapods",
}  # fmt: skip
_STARTS = {
    "actions": "githubactions", "github actions": "githubactions", "swifturl": "swift", "conancenter": "conan",
    "cran": "cran", "hackage": "hackage", "bioconductor": "bioconductor", "pub": "pub", "julia": "julia",
    "ghc": "ghc",
}  # fmt: skip
_MANIFESTS = {
    "package.json": "npm", "package-lock.json": "npm", "npm-shrinkwrap.json": "npm", "yarn.lock": "npm",
    "pnpm-lock.yaml": "npm", "pom.xml": "maven", "build.gradle": "maven", "build.gradle.kts": "maven",
    "gradle.lockfile": "maven", "requirements.txt": "pypi", "pipfile": "pypi", "pipfile.lock": "pypi",
    "poetry.lock": "pypi", "uv.lock": "pypi", "pyproject.toml": "pypi", "setup.py": "pypi", "gemfile": "gem",
    "gemfile.lock": "gem", "composer.json": "composer", "composer.lock": "composer", "go.mod": "golang",
    "go.sum": "golang", "cargo.toml": "cargo", "cargo.lock": "cargo", "packages.config": "nuget",
    "packages.lock.json": "nuget", "mix.lock": "hex", "pubspec.lock": "pub", "package.resolved": "swift",
}  # fmt: skip
_FROM_SHELL = regex(r"^(?:ssh://)?git@([^:/]+)[:/](.+)$")


@lru_cache(maxsize=65536)
def component(ecosystem: str, name: str) -> str:
    """The purl, without version, of `name` in `ecosystem` (`npm`, `debian:11`, `Alpine:v3.19`); else nothing."""
    word = ecosystem.partition(":")[0].strip().lower()
    if not word or not name:
        return ""
    if start := _STARTS.get(word):
        return _naming.package(f"pkg:{start}/{name}")[0]
    return _naming.built_package(_KINDS.get(word, word), name)


def ecosystem_of(manifest: str) -> str:
    """The ecosystem of a manifest or lock file by its name; nothing where the name does not tell."""
    name = slashed(manifest).rpartition("/")[2].lower()
    return _MANIFESTS.get(name) or ("nuget" if name.endswith((".csproj", ".vbproj", ".fsproj")) else "")


def repository_url(url: str) -> str:
    """The address of a repository in one spelling, without login, ending and branch; nothing where it is none."""
    url = url.strip()
    if match := _FROM_SHELL.match(url):
        url = f"https://{match.group(1)}/{match.group(2)}"
    scheme, found, rest = url.removeprefix("git+").partition("://")
    if not found or not rest:
        return ""
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if not host or not slash:
        return ""
    scheme = "https" if scheme in ("http", "git", "ssh") else scheme
    return f"{scheme}://{host}/{path}".split("#")[0].removesuffix("/").removesuffix(".git").lower()


def project(name: str, url: str = "", attributes: Iterable[tuple[str, str]] = ()) -> Sighting:
    """The repository that was scanned: by its address where one is known, else by its name."""
    plain = repository_url(url)
    if plain:
        shown = name or plain.partition("://")[2]
        identifiers: tuple[tuple[str, str], ...] = (("repo_url", plain),)
    else:
        shown = name or "project"
        identifiers = (("artifact", shown),)
    return Sighting(
        key=f"repository {plain or shown}",
        name=shown,
        kind="repository",
        identifiers=identifiers,
        attributes=tuple((key, value) for key, value in attributes if value),
        authenticated=True,
    )


def weaknesses(*identifiers: str) -> tuple[str, ...]:
    """CVEs if any of `identifiers` is one, else GHSAs, else the first public one of another list."""
    return _naming.public_ids(*identifiers) or next(((one,) for one in identifiers if one), ())


def unrated(names: tuple[str, ...]) -> Severity:
    """The severity where the report rates nothing: a CVE or GHSA decides for itself later, others cannot.

    A known weakness of a package is never mere information, so without such a name it is medium.
    """
    return "info" if _naming.public_ids(*names) else "medium"


def cwes(value: object) -> tuple[int, ...]:
    """CWE numbers of a list, of one text, or of a list that was written as a text (`["CWE-79"]`)."""
    return _naming.cwes(value.replace('"', "").strip("[] ") if isinstance(value, str) else value)


def slashed(path: str) -> str:
    """A path with forward slashes and without the dot at its start, as one file has one name."""
    return path.replace("\\", "/").removeprefix("./")

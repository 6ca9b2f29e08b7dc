"""Where on an asset a weakness sits: a typed place that survives rescans, new versions and moved lines."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from foreshore.discovery import weakness
from foreshore.discovery.patterns import regex
from foreshore.facts import Finding, PlaceKind

_CPE_WORD = regex(r"(?<!\\):")
_SPACES = regex(r"\s+")
_USUAL_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21, "ssh": 22}


class Place(NamedTuple):
    """A kind and its text; kind `none` has the text ''."""

    kind: PlaceKind
    text: str


NONE = Place("none", "")


def of(finding: Finding) -> Place:
    """Return the place of `finding`.

    A public weakness of software (kind vulnerability) sits in its component; where the source names
    none, the port where it answered is only evidence of it, and a URL is no better than its port.
    """
    kind = finding.kind
    if finding.path and kind in ("code", "secret"):
        return Place("code", code(finding.path, finding.rule, finding.context))
    if finding.component or finding.component_name:
        return _component(finding.component, finding.component_name)
    if kind in ("vulnerability", "end_of_life") and any(map(weakness.is_public, finding.weaknesses)):
        return port(finding.port, finding.protocol, finding.url)
    if finding.url:
        return Place("web", web(finding.url, finding.method, finding.parameter))
    if finding.resource:
        return Place("resource", finding.resource.strip())
    if finding.port:
        return port(finding.port, finding.protocol, "")
    return Place("resource", finding.path) if finding.path else NONE


@lru_cache(maxsize=65_536)
def port(number: int, protocol: str, url: str) -> Place:
    """The place `tcp/443`; without a number the URL's port; without either, none."""
    if not number and url:
        number = _url_port(url)
    return Place("port", f"{(protocol or 'tcp').lower()}/{number}") if number else NONE


@lru_cache(maxsize=262_144)
def _component(text: str, name: str) -> Place:
    return Place("component", component(text) if text.strip() else f"name:{_plain(name)}")


@lru_cache(maxsize=262_144)
def component(text: str) -> str:
    """A purl without version, qualifiers and subpath; `cpe:vendor:product`; else `name:` and the plain
    name."""
    text = text.strip()
    if text[:4].lower() == "pkg:":
        return _purl(text)
    if text[:4].lower() == "cpe:":
        words = [_plain(word.replace("\\", "")) for word in _CPE_WORD.split(text)]
        words = words[2:] if words[1].startswith("/") else words[3:]
        return f"cpe:{':'.join((*words, '', '')[:2])}"
    return f"name:{_plain(text)}"


def _purl(text: str) -> str:
    from packageurl import PackageURL

    try:
        parsed = PackageURL.from_string(text)
    except ValueError:
        return "pkg:" + re.split(r"[?#]|(?<=[^/])@", text[4:], maxsplit=1)[0].strip("/").lower()
    return PackageURL(type=parsed.type, namespace=parsed.namespace, name=parsed.name).to_string()


def _plain(name: str) -> str:
    return _SPACES.sub(" ", name).strip().lower()


@lru_cache(maxsize=65_536)
def web(url: str, method: str = "", parameter: str = "") -> str:
    """`METHOD scheme://host:port/path`, then `?names` of the parameters: the values of a query do not
    count."""
    try:
        parts = urlsplit(url.strip())
        number, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        return f"{method.upper() or 'GET'} {url.split('?')[0].strip()}"
    number = number or _USUAL_PORTS.get(parts.scheme.lower(), 0)
    where = f"{parts.scheme.lower()}://{host}:{number}" if host else ""
    names = [parameter] if parameter else sorted({name for name, _ in parse_qsl(parts.query, True)})
    ending = f"?{'&'.join(names)}" if names else ""
    return f"{method.upper() or 'GET'} {where}{unquote(parts.path) or '/'}{ending}"


def _url_port(url: str) -> int:
    try:
        parts = urlsplit(url.strip())
        return parts.port or _USUAL_PORTS.get(parts.scheme.lower(), 0)
    except ValueError:
        return 0


def code(path: str, rule: str, context: str) -> str:
    """`file|rule|hash` with a hash of the context without white space; the line does not count."""
    bare = _SPACES.sub("", context)
    digest = blake2b(bare.encode(), digest_size=8).hexdigest() if bare else ""
    return f"{file(path)}|{rule}|{digest}"


def file(path: str) -> str:
    """The one spelling of a file's path."""
    return path.replace(chr(92), "/").removeprefix("./")

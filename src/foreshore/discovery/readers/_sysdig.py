"""Packages and assets as Sysdig names them."""

from __future__ import annotations

from functools import lru_cache

from foreshore.discovery.readers import _cloud_rows, _images, _naming
from foreshore.facts import Sighting

# Sysdig's words for the sort of a package that other scanners do not use
_KINDS = {"csharp": "nuget", "c#": "nuget", "javascript": "npm", "gobinary": "golang", "rubygem": "gem"}


@lru_cache(maxsize=65536)
def component(kind: str, os: str, name: str) -> str:
    """The purl without version of a package of `kind` ("os", "python", "golang") in a system `os`; '' if unknown."""
    word = kind.strip().lower()
    return _images.component(_KINDS.get(word, word), os, name)


@lru_cache(maxsize=65536)
def version(kind: str, text: str) -> str:
    """A version without the letter that Sysdig puts before those of libraries; Go's own keep it."""
    text = text.strip()
    if kind.strip().lower() in ("os", "golang", "go", "gobinary") or not text[1:2].isdigit():
        return text
    return text.removeprefix("v")


def is_system(kind: str) -> bool:
    """Whether a package is the distribution's own, so that where it lies says nothing."""
    return kind.strip().lower() == "os"


def host(name: str, os: str, resource: str = "", addresses: tuple[str, ...] = ()) -> Sighting:
    """The sighting of a running machine: by its cloud's name where one is stated, and by its own names."""
    named = (*_naming.host_identifiers(name), *(("ip", one) for one in addresses if _naming.address(one)))
    if resource:
        found = _cloud_rows.resource(resource, name=name)
        return _cloud_rows.sighting(found, kind="host", identifiers=named, os=os, authenticated=True)
    return Sighting(key=f"host {name}", name=name, identifiers=named, os=os, authenticated=True)

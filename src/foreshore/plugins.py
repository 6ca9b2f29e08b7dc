"""A folder is its own registry: every module of a package that holds a plugin is found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any


@cache
def load(package: str, attribute: str = "PLUGIN") -> Mapping[str, Any]:
    """Return the plugins of `package` by file name, those of third parties after our own.

    A module takes part by having a module-level `PLUGIN` (a frozen dataclass instance: its fields
    are settings, its docstring is the help). Third parties register under an entry-point group
    that has the package's name.
    """
    parent = importlib.import_module(package)
    found: dict[str, Any] = {}
    for info in sorted(pkgutil.iter_modules(parent.__path__), key=lambda one: one.name):
        if info.name.startswith("_"):
            continue
        plugin = getattr(importlib.import_module(f"{package}.{info.name}"), attribute, None)
        if plugin is not None:
            found[info.name] = plugin
    for point in entry_points(group=package):
        found.setdefault(point.name, point.load())
    return MappingProxyType(found)

"""Resources of Azure in one spelling, whoever wrote them: the command line, REST, Resource Graph or a software kit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.facts import AssetKind

_ARM = regex(
    r"^/(?:subscriptions/[^/]{1,90}|providers/microsoft\.(?:management|authorization)/[^/]{1,90})(?:/[^/]{1,260}){0,40}/?$",
    re.IGNORECASE,
)
_DEEPEST = 8
_KINDS: dict[str, AssetKind] = {
    "microsoft.compute/virtualmachines": "host",
    "microsoft.compute/virtualmachinescalesets/virtualmachines": "host",
    "microsoft.hybridcompute/machines": "host",
    "microsoft.classiccompute/virtualmachines": "host",
    "microsoft.web/sites": "web_application",
    "microsoft.web/staticsites": "web_application",
    "microsoft.managedidentity/userassignedidentities": "identity",
}
_STORES = (
    "microsoft.storage/storageaccounts", "microsoft.sql/", "microsoft.documentdb/", "microsoft.dbfor",
    "microsoft.cache/", "microsoft.keyvault/vaults", "microsoft.compute/disks", "microsoft.compute/snapshots",
    "microsoft.datalakestore/", "microsoft.synapse/", "microsoft.kusto/", "microsoft.recoveryservices/vaults",
)  # fmt: skip


def fold(name: str) -> str:
    """A field's name without regard to case and underscores."""
    return name.replace("_", "").lower()


def fields(value: Any) -> dict[str, Any]:
    """The fields of a mapping under folded names, those below `properties` among them."""
    if not isinstance(value, dict):
        return {}
    found = {fold(name): held for name, held in value.items() if isinstance(name, str)}
    inner = found.get("properties")
    if isinstance(inner, dict):
        for name, held in inner.items():
            if isinstance(name, str):
                found.setdefault(fold(name), held)
    return found


def at(value: Any, *steps: str) -> Any:
    """What folded `steps` lead to; None where there is nothing."""
    for step in steps:
        value = fields(value).get(step)
    return value


def texts(value: Any) -> list[str]:
    """The texts of a list, or of one text."""
    found = value if isinstance(value, list) else [value]
    return [text for one in found if (text := _naming.text(one))]


def each(value: Any) -> list[dict[str, Any]]:
    """The folded members of a list that are mappings."""
    return [fields(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def lower_id(value: Any) -> str:
    """A resource's id as it is compared; '' where `value` is none."""
    text = _naming.text(value).strip()
    return text.rstrip("/").lower() if _ARM.match(text) else ""


@dataclass(frozen=True)
class Resource:
    """One resource: its id in small letters, its type, and its fields under folded names."""

    id: str
    type: str
    said: dict[str, Any] = field(repr=False, hash=False)

    @property
    def name(self) -> str:
        """The name for people."""
        named = _naming.text(self.said.get("displayname")) or _naming.text(self.said.get("name"))
        # A subscription is a number only, which must not hide its name from elsewhere.
        return named or ("" if self.type == "microsoft.resources/subscriptions" else self.id.rpartition("/")[2])

    @property
    def kind(self) -> AssetKind:
        """The kind of asset."""
        if self.type.startswith(_STORES):
            return "data_store"
        return _KINDS.get(self.type, "cloud_resource")


def type_of(identifier: str) -> str:
    """The type that an id spells: provider and the words at every other place after it."""
    _, found, after = identifier.rpartition("/providers/")
    if not found:
        words = {2: "microsoft.resources/subscriptions", 4: "microsoft.resources/subscriptions/resourcegroups"}
        return words.get(len(after.strip("/").split("/")), "microsoft.resources/other")
    parts = after.split("/")
    return "/".join([parts[0], *parts[1::2]])


def parent_of(identifier: str) -> str:
    """The id of what holds a resource: its parent, resource group or subscription; '' where the id names none."""
    parts = identifier.strip("/").split("/")
    place = len(parts) - 1 - parts[::-1].index("providers") if "providers" in parts else -1
    if place < 0:
        return "/" + "/".join(parts[:-2]) if len(parts) > 2 else ""
    if len(parts) - place - 1 > 3:
        return "/" + "/".join(parts[:-2])
    return "/" + "/".join(parts[:place]) if place else ""


def resources(document: Any) -> Iterator[tuple[Resource | None, str]]:
    """Yield every resource of a document in its lists, with where it stands; None for what is no resource."""
    yield from _walk(document, "", 0)


def _walk(value: Any, where: str, depth: int) -> Iterator[tuple[Resource | None, str]]:
    if isinstance(value, dict):
        given = next((value[name] for name in ("id", "Id", "ID") if name in value), None)
        identifier = lower_id(given)
        if identifier:
            yield Resource(identifier, type_of(identifier), fields(value)), where
        elif given is not None or depth >= _DEEPEST:
            yield None, where
        else:
            for name, inner in value.items():
                if isinstance(inner, (dict, list)):
                    yield from _walk(inner, f"{where}.{name}" if where else str(name), depth + 1)
    elif isinstance(value, list) and depth < _DEEPEST:
        for number, inner in enumerate(value):
            if isinstance(inner, (dict, list)):
                yield from _walk(inner, f"{where}[{number}]", depth + 1)

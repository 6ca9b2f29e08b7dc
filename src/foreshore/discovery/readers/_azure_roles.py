"""Who may do what in Azure: role assignments, and what the roles allow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._azure_actions import of_role, strong
from foreshore.discovery.readers._azure_resources import Resource, each, texts

_GUID = regex(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
# Roles that every tenant has, by the number that Azure gives them: (name, what it is to us).
BUILT_IN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": ("Owner", "admin_of"),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": ("Contributor", "admin_of"),
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": ("User Access Administrator", "admin_of"),
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": ("Role Based Access Control Administrator", "admin_of"),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": ("Reader", ""),
    "9980e02c-c2be-4d73-94e8-173b1dc7cf3c": ("Virtual Machine Contributor", "controls"),
    "1c0163c0-47e6-4577-8991-ea5c82e286e4": ("Virtual Machine Administrator Login", "admin_of"),
    "fb879df8-f326-4884-b1cf-06f3ad86be52": ("Virtual Machine User Login", "controls"),
    "4f8fab4f-1852-4a58-a46a-8eaf358af14a": ("Avere Contributor", "controls"),
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": ("Key Vault Administrator", "admin_of"),
    "f25e0fa2-a7c8-4377-a976-54943a77a395": ("Key Vault Contributor", "controls"),
    "4633458b-17de-408a-b874-0445c86b69e6": ("Key Vault Secrets User", "controls"),
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": ("Key Vault Secrets Officer", "controls"),
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": ("Storage Account Contributor", "controls"),
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": ("Storage Blob Data Owner", "controls"),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": ("Storage Blob Data Contributor", "controls"),
    "81a9662b-bebf-436f-a333-f67b29880f12": ("Storage Account Key Operator Service Role", "controls"),
    "f1a07417-d97a-45cb-824c-7a7467783830": ("Managed Identity Operator", "controls"),
    "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59": ("Managed Identity Contributor", "controls"),
    "f353d9bd-d4a6-484e-a77a-8050b599b867": ("Automation Contributor", "controls"),
    "de139f84-1756-47ae-9be6-808fbbe84772": ("Website Contributor", "controls"),
    "87a39d53-fc1b-424a-814c-f7e04687dc9e": ("Logic App Contributor", "controls"),
    "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8": ("Azure Kubernetes Service Cluster Admin Role", "admin_of"),
    "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b": ("Azure Kubernetes Service RBAC Cluster Admin", "admin_of"),
    "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8": ("Azure Kubernetes Service Contributor Role", "controls"),
    "6d8ee4ec-f05a-4a1d-8b00-a9b17e38b437": ("SQL Server Contributor", "controls"),
    "5bd9cd88-fe45-4216-938b-f97437e15450": ("DocumentDB Account Contributor", "controls"),
    "8311e382-0749-4cb8-b61a-304f252e45ec": ("AcrPush", "controls"),
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": ("AcrPull", ""),
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": ("Monitoring Reader", ""),
    "fa23ad8b-c56e-40d8-ac0c-ce449e1d2c64": ("Billing Reader", ""),
    "72fafb9e-0641-4937-9268-a91bfd8191a3": ("Cost Management Reader", ""),
    "21090545-7ca7-4776-b22c-e363652d74d2": ("Key Vault Reader", ""),
    "fbdf93bf-df7d-467e-a4d2-9458aa1360c8": ("Cosmos DB Account Reader Role", ""),
    "4a9ae827-6dc8-4573-8ac7-8239d42aa03f": ("Tag Contributor", ""),
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": ("Storage Blob Data Reader", ""),
    "39bc4728-0917-49c7-9d2c-d95423bc2eb4": ("Security Reader", ""),
    "73c42c96-874c-492b-b04d-ab87d138a893": ("Log Analytics Reader", ""),
}
UNKNOWN_ROLE = "unknown role"  # begins the note of a role of which no source says what it allows
_NAMED = {name.lower(): held for name, held in BUILT_IN.values()}
_LOOKING = ("/read", "/list/action", "/validate/action")  # ends of actions that only look


class Roles:
    """The role definitions of one report, with those that every tenant has."""

    def __init__(self, definitions: Iterable[Resource]) -> None:
        self._known: dict[str, tuple[str, str]] = {}
        self._actions: dict[str, tuple[str, ...]] = {}
        for one in definitions:
            self._actions[one.id.rpartition("/")[2]] = _strong(one.said)
            name = _naming.text(one.said.get("rolename")) or _naming.text(one.said.get("name"))
            self._known[one.id.rpartition("/")[2]] = (name, _meaning(one.said))

    def meaning(self, definition: str, name: str) -> tuple[str, str | None]:
        """(name, `admin_of`, `controls` or '' for one that only looks; None where it is not known)."""
        number = definition.rstrip("/").rpartition("/")[2].lower()
        if number in BUILT_IN:
            return BUILT_IN[number]
        if number in self._known:
            known, held = self._known[number]
            return name or known, held
        shown = name or (number if not _GUID.search(number) else f"role {number}")
        return shown, _NAMED.get(name.lower())

    def actions(self, definition: str, name: str) -> tuple[str, ...]:
        """The actions of a role by which things are taken over: by its definition, else as Azure defines it."""
        number = definition.rstrip("/").rpartition("/")[2].lower()
        if number in self._actions:
            return self._actions[number]
        return of_role(BUILT_IN[number][0] if number in BUILT_IN else name)


def _strong(said: dict[str, Any]) -> tuple[str, ...]:
    """The actions of a definition by which things are taken; what one block excepts another may allow."""
    found: dict[str, None] = {}
    for one in each(said.get("permissions")):
        found.update(dict.fromkeys(strong(texts(one.get("actions")), texts(one.get("notactions")))))
        found.update(dict.fromkeys(strong(texts(one.get("dataactions")), texts(one.get("notdataactions")))))
    return tuple(found)


def _meaning(said: dict[str, Any]) -> str:
    """What a role's permissions are to us."""
    allowed: list[str] = []
    for one in each(said.get("permissions")):
        out = {action.lower() for action in texts(one.get("notactions"))}
        allowed.extend(action.lower() for action in texts(one.get("actions")) if action.lower() not in out)
        allowed.extend(action.lower() for action in texts(one.get("dataactions")))
    ruling = ("*", "*/write", "microsoft.authorization/*", "microsoft.authorization/roleassignments/write")
    if any(action in ruling for action in allowed):
        return "admin_of"
    return "" if all(action.endswith(_LOOKING) for action in allowed) else "controls"

"""Actions of Azure by which a resource or identity can be taken over, and the built-in roles that hold them.

Sources: Azure's references of resource provider operations and of built-in roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from foreshore.discovery.readers._aws_policies import fits

_VM = "microsoft.compute/virtualmachines"
_SCALED = "microsoft.compute/virtualmachinescalesets"
_ARC = "microsoft.hybridcompute/machines"
_IDENTITY = "microsoft.managedidentity/userassignedidentities"
# action in small letters -> the type of what it is done to.
ACTIONS: Mapping[str, str] = {
    f"{_VM}/write": _VM, f"{_VM}/runcommand/action": _VM, f"{_VM}/extensions/write": _VM,
    f"{_VM}/login/action": _VM, f"{_VM}/loginasadmin/action": _VM,
    f"{_SCALED}/write": _SCALED, f"{_SCALED}/extensions/write": _SCALED,
    f"{_SCALED}/virtualmachines/runcommand/action": _SCALED,
    f"{_ARC}/extensions/write": _ARC, f"{_ARC}/runcommands/write": _ARC,
    f"{_IDENTITY}/assign/action": _IDENTITY, f"{_IDENTITY}/federatedidentitycredentials/write": _IDENTITY,
    "microsoft.web/sites/write": "microsoft.web/sites", "microsoft.web/sites/publishxml/action": "microsoft.web/sites",
    "microsoft.web/sites/config/list/action": "microsoft.web/sites",
    "microsoft.web/sites/host/listkeys/action": "microsoft.web/sites",
    "microsoft.logic/workflows/write": "microsoft.logic/workflows",
    "microsoft.automation/automationaccounts/runbooks/write": "microsoft.automation/automationaccounts",
    "microsoft.automation/automationaccounts/jobs/write": "microsoft.automation/automationaccounts",
    "microsoft.containerservice/managedclusters/listclusteradmincredential/action":
        "microsoft.containerservice/managedclusters",
    "microsoft.containerservice/managedclusters/runcommand/action": "microsoft.containerservice/managedclusters",
    "microsoft.containerservice/managedclusters/write": "microsoft.containerservice/managedclusters",
    "microsoft.containerinstance/containergroups/write": "microsoft.containerinstance/containergroups",
    "microsoft.containerinstance/containergroups/containers/exec/action":
        "microsoft.containerinstance/containergroups",
    "microsoft.containerregistry/registries/listcredentials/action": "microsoft.containerregistry/registries",
    "microsoft.containerregistry/registries/push/write": "microsoft.containerregistry/registries",
    "microsoft.keyvault/vaults/write": "microsoft.keyvault/vaults",
    "microsoft.keyvault/vaults/accesspolicies/write": "microsoft.keyvault/vaults",
    "microsoft.keyvault/vaults/secrets/getsecret/action": "microsoft.keyvault/vaults",
    "microsoft.storage/storageaccounts/listkeys/action": "microsoft.storage/storageaccounts",
    "microsoft.storage/storageaccounts/blobservices/containers/blobs/read": "microsoft.storage/storageaccounts",
    "microsoft.storage/storageaccounts/blobservices/containers/blobs/write": "microsoft.storage/storageaccounts",
    "microsoft.sql/servers/administrators/write": "microsoft.sql/servers",
    "microsoft.sql/servers/write": "microsoft.sql/servers",
    "microsoft.documentdb/databaseaccounts/listkeys/action": "microsoft.documentdb/databaseaccounts",
    "microsoft.compute/disks/begingetaccess/action": "microsoft.compute/disks",
    "microsoft.compute/snapshots/begingetaccess/action": "microsoft.compute/snapshots",
}  # fmt: skip

# Built-in roles: those of their actions, or patterns, that are told.
BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "virtual machine contributor": (f"{_VM}/*", f"{_SCALED}/*"),
    "virtual machine administrator login": (f"{_VM}/login/action", f"{_VM}/loginasadmin/action"),
    "virtual machine user login": (f"{_VM}/login/action",),
    "avere contributor": (f"{_VM}/write", f"{_VM}/extensions/write", f"{_VM}/runcommand/action"),
    "key vault contributor": ("microsoft.keyvault/vaults/write", "microsoft.keyvault/vaults/accesspolicies/write"),
    "key vault secrets user": ("microsoft.keyvault/vaults/secrets/getsecret/action",),
    "key vault secrets officer": ("microsoft.keyvault/vaults/secrets/getsecret/action",),
    "storage account contributor": ("microsoft.storage/storageaccounts/listkeys/action",),
    "storage account key operator service role": ("microsoft.storage/storageaccounts/listkeys/action",),
    "storage blob data owner": ("microsoft.storage/storageaccounts/blobservices/containers/blobs/*",),
    "storage blob data contributor": ("microsoft.storage/storageaccounts/blobservices/containers/blobs/*",),
    "managed identity operator": (f"{_IDENTITY}/assign/action",),
    "managed identity contributor": (f"{_IDENTITY}/federatedidentitycredentials/write",),
    "automation contributor": ("microsoft.automation/automationaccounts/*",),
    "website contributor": ("microsoft.web/sites/*",),
    "logic app contributor": ("microsoft.logic/workflows/*",),
    "sql server contributor": ("microsoft.sql/servers/*",),
    "documentdb account contributor": ("microsoft.documentdb/databaseaccounts/*",),
    "azure kubernetes service contributor role": ("microsoft.containerservice/managedclusters/*",),
    "acrpush": ("microsoft.containerregistry/registries/push/write",),
}  # fmt: skip
# What a machine's contributor may not do though a pattern of its role would say so: these are data actions.
_DATA = (f"{_VM}/login/action", f"{_VM}/loginasadmin/action")


def strong(allowed: Iterable[str], excepted: Iterable[str] = ()) -> tuple[str, ...]:
    """The actions of ACTIONS that fit one of the patterns `allowed` and none of `excepted`."""
    yes, no = [one.lower() for one in allowed], [one.lower() for one in excepted]
    return tuple(
        action for action in ACTIONS
        if any(fits(one, action) for one in yes) and not any(fits(one, action) for one in no)
    )  # fmt: skip


def of_role(name: str) -> tuple[str, ...]:
    """The actions of a built-in role, by its name."""
    patterns = BUILT_IN.get(name.lower(), ())
    return strong(patterns, _DATA if f"{_VM}/*" in patterns else ())

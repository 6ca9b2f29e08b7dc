"""Entra and Azure as AzureHound collects them for BloodHound: objects, owners, members, roles and their holders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._azure_resources import at, each, fields, lower_id, parent_of, texts, type_of
from foreshore.discovery.readers._azure_roles import BUILT_IN, UNKNOWN_ROLE
from foreshore.discovery.readers._directory import Ties
from foreshore.discovery.readers._directory_objects import DOCUMENT, Meta
from foreshore.errors import BadReport
from foreshore.facts import AssetKind, Record, Relation, RunSeen, Sighting, Skipped

_KIND = regex(r'"kind"\s*:\s*"AZ[A-Z][A-Za-z]{1,60}"')
_META = regex(r'"type"\s*:\s*"azure"')

# Objects: (kind of asset, the field that identifies it).
_OBJECTS: dict[str, tuple[AssetKind, str]] = {
    "AZUser": ("identity", "id"), "AZGroup": ("identity", "id"), "AZServicePrincipal": ("identity", "id"),
    "AZApp": ("identity", "appid"), "AZRole": ("identity", "id"), "AZTenant": ("identity", "tenantid"),
    "AZDevice": ("host", "id"), "AZVM": ("host", "id"), "AZSubscription": ("cloud_resource", "id"),
    "AZResourceGroup": ("cloud_resource", "id"), "AZManagementGroup": ("cloud_resource", "id"),
    "AZKeyVault": ("data_store", "id"), "AZStorageAccount": ("data_store", "id"),
    "AZStorageContainer": ("data_store", "id"), "AZAutomationAccount": ("cloud_resource", "id"),
    "AZWorkflow": ("cloud_resource", "id"), "AZLogicApp": ("cloud_resource", "id"),
    "AZFunctionApp": ("web_application", "id"), "AZWebApp": ("web_application", "id"),
    "AZManagedCluster": ("cloud_resource", "id"), "AZContainerRegistry": ("cloud_resource", "id"),
    "AZVMScaleSet": ("cloud_resource", "id"),
}  # fmt: skip
# What the end of a kind means: (kind of relation, name of the right). Longer ends stand first.
_RIGHTS = (
    ("UserAccessAdmin", "admin_of", "UserAccessAdministrator"), ("KVContributor", "controls", "KeyVaultContributor"),
    ("AvereContributor", "controls", "AvereContributor"), ("VMContributor", "controls", "VMContributor"),
    ("WebsiteContributor", "controls", "WebsiteContributor"), ("Contributor", "admin_of", "Contributor"),
    ("AdminLogin", "admin_of", "VMAdminLogin"), ("DataReader", "controls", "DataReader"),
    ("KeyOperator", "controls", "KeyOperator"), ("Owner", "admin_of", "Owner"),
)  # fmt: skip
_ENTRA_OWNED = ("AZAppOwner", "AZGroupOwner", "AZServicePrincipalOwner", "AZDeviceOwner")
_TARGETS = (
    "virtualmachineid", "keyvaultid", "subscriptionid", "resourcegroupid", "managementgroupid", "storageaccountid",
    "workflowid", "logicappid", "functionappid", "webappid", "automationaccountid", "managedclusterid",
    "containerregistryid", "objectid", "groupid", "serviceprincipalid", "deviceid", "appid",
)  # fmt: skip
# Directory roles that rule the tenant, and those that change whom they like, by their template's number.
_RULING = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
    "7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
}
_CHANGING = {
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
    "729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
    "c4e39bd9-1100-46d3-8c65-fb160da0071f": "Authentication Administrator",
    "966707d0-3269-4727-9be2-8c3a10f19b9d": "Password Administrator",
    "fdd7a751-b60b-444a-984c-02652fe8fa1c": "Groups Administrator",
    "3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
    "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "9360feb5-f418-4baa-8175-e2a00bac4301": "Directory Writers",
    "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e": "Identity Governance Administrator",
    "b5a8dcf3-09d5-43a9-a639-8e29ef291470": "Knowledge Administrator",
    "744ec460-397e-42ad-a462-8b3f9747a02c": "Knowledge Manager",
    "4ba39ca4-527c-499a-b93d-d9b492c50246": "Partner Tier1 Support",
    "e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8": "Partner Tier2 Support",
    "d29b2b05-8046-44ba-8758-1e26182fcf32": "Directory Synchronization Accounts",
}
_KNOWN = _RULING | _CHANGING
# Permissions of applications in Microsoft Graph by which they reach other accounts, by their public numbers.
_GRAPH = {
    "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8": "RoleManagement.ReadWrite.Directory",
    "06b708a9-e830-4db3-a914-8e69da51d44f": "AppRoleAssignment.ReadWrite.All",
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "89c8469c-83ad-45f7-8ff2-6e3d4285709e": "ServicePrincipalEndpoint.ReadWrite.All",
    "19dbc75e-c2e2-444c-a770-ec69d8559fc7": "Directory.ReadWrite.All",
    "62a82d76-70ea-41e2-9197-370581804d09": "Group.ReadWrite.All",
    "dbaae8cf-10b5-4b86-a4a1-f871c94c6695": "GroupMember.ReadWrite.All",
}
_SHOWN = (
    "isassignabletorole", "tenantid", "userprincipalname", "mail", "accountenabled", "usertype", "appid", "serviceprincipaltype",
    "publisherdomain", "templateid", "isbuiltin", "securityenabled", "location", "onpremisessyncenabled",
    "onpremisessecurityidentifier", "lastpasswordchangedatetime", "iscompliant", "ismanaged", "trusttype",
    "deviceid", "enablerbacauthorization", "defaultdomain",
)  # fmt: skip
_DOORS = ("all", "get", "set", "sign", "decrypt", "import", "create")


class _Row(msgspec.Struct, gc=False):
    kind: _decoding.Scalar = None
    data: dict[str, Any] | None = None


_ROW: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class AzureHound:
    """Reads AzureHound's collections: who is who in Entra, who owns and holds what there and in Azure."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a collection of AzureHound."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        return bool(_KIND.search(opening)) or (bool(_META.search(opening)) and '"count"' in opening)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, every object, then who owns, holds and is a member of what."""
        document = _decoding.whole(report, DOCUMENT)
        meta = document.meta or Meta()
        if document.data is None:
            raise BadReport("has no list under “data”", where=report.name, hint="export with: azurehound list -o FILE")
        given = (("format", meta.version), ("count", meta.count))
        yield RunSeen(
            tool="AzureHound",
            version=_naming.text(meta.collectorversion),
            settings=tuple((name, text) for name, value in given if (text := _naming.text(value))),
        )
        skipped: list[Skipped] = []
        reading = _Reading(skipped.append)
        for row in _decoding.each(_ROW, document.data, "data", skipped.append):
            yield from reading.object(_naming.text(row.kind), fields(row.data))
        for row in _decoding.each(_ROW, document.data, "data", lambda _said_before: None):
            reading.said.next_object()
            yield from reading.ties(_naming.text(row.kind), fields(row.data))
        yield from skipped
        for kind, count in reading.left.items():
            yield Skipped(f"kind {kind}", f"{count} objects of this kind are not read")
        for name, count in reading.looking.items():
            yield Skipped(f"role {name}", f"{count} assignments of a role that only looks")


class _Reading:
    """What one reading said, and the kinds that it did not read."""

    def __init__(self, skip: Callable[[Skipped], None]) -> None:
        self.said = Ties()
        self.skip = skip
        self.left: Counter[str] = Counter()
        self.looking: Counter[str] = Counter()
        self.apps: dict[str, str] = {}  # number of an application's object -> its key

    # -- objects --

    def object(self, kind: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield an object of the collection as an asset."""
        if kind not in _OBJECTS:
            return
        key = _own_key(kind, said)
        if not key:
            self.skip(Skipped(f"kind {kind}", "an object without an identifier"))
            return
        if kind == "AZApp":
            self.apps[_key(_naming.text(said.get("id")))] = key
        names = [_naming.text(said.get(one)) for one in ("displayname", "name", "userprincipalname")]
        system = (_naming.text(said.get("operatingsystem")), _naming.text(said.get("operatingsystemversion")))
        shown = [("directory_kind", kind)]
        shown += [(one, text) for one in _SHOWN if (text := _naming.text(said.get(one)))]
        yield from self.said.sighting(
            Sighting(
                key=key,
                name=next((one for one in names if one), key),
                kind=_OBJECTS[kind][0],
                identifiers=tuple(dict.fromkeys(_identifiers(key, kind, said))),
                os=" ".join(one for one in system if one),
                attributes=tuple(shown),
            )
        )

    def known(self, key: str) -> Iterator[Record]:
        """Yield an asset that is known by its key only, unless it was said."""
        kind: AssetKind = "identity"
        if key.startswith("/"):
            kind = "host" if type_of(key) == "microsoft.compute/virtualmachines" else "cloud_resource"
        yield from self.said.sighting(Sighting(key=key, name=_short(key), kind=kind, identifiers=(("cloud_id", key),)))

    def tie(self, kind: str, source: str, target: str, note: str) -> Iterator[Record]:
        """Yield one relation; its ends are sighted before."""
        if source and target:
            yield from self.known(source)
            yield from self.known(target)
            yield from self.said.tie(
                Relation(kind=kind, source=f"asset:{source}", target=f"asset:{target}", note=note)  # type: ignore[arg-type]
            )

    # -- ties --

    def ties(self, kind: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield what one row of the collection says of others."""
        own = {
            "AZGroupMember": self.members, "AZAppMember": self.members, "AZAppRoleAssignment": self.permission,
            "AZKeyVaultAccessPolicy": self.vault, "AZFederatedIdentityCredential": self.federated,
            "AZAppFIC": self.federated, "AZRoleManagementPolicyAssignment": self.activation,
        }  # fmt: skip
        if kind in _OBJECTS:
            yield from self.of_object(kind, said)
        elif kind in own:
            yield from own[kind](said)
        elif kind in ("AZRoleAssignment", "AZRoleEligibilityScheduleInstance"):
            yield from self.directory_roles(kind, said)
        elif kind.endswith("RoleAssignment"):
            yield from self.resource_roles(said)
        elif kind.endswith("Descendant"):
            above = _key(_naming.text(at(said, "parent", "id")))
            yield from self.tie("controls", above, _key(_naming.text(said.get("id"))), "Contains")
        else:
            yield from self.rights(kind, said)

    def members(self, said: dict[str, Any]) -> Iterator[Record]:
        """Yield the members of a group."""
        for number in _members(said):
            yield from self.tie("member_of", _key(number), _target(said), "")

    def permission(self, said: dict[str, Any]) -> Iterator[Record]:
        """Yield a permission of an application, under its name where it leads to other accounts."""
        number = _naming.text(said.get("approleid")).lower()
        ends = [_key(_naming.text(said.get(one))) for one in ("principalid", "resourceid")]
        yield from self.tie("controls", ends[0], ends[1], _GRAPH.get(number, f"app role {number}".strip()))

    def of_object(self, kind: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield what holds an object, what it acts as, and the account it is synchronised from."""
        key = _own_key(kind, said)
        if not key:
            return
        tenant = _key(_naming.text(said.get("tenantid")))
        above = (parent_of(key) if key.startswith("/") else "") or tenant
        if above and above != key:
            yield from self.tie("controls", above, key, "Contains")
        number = _naming.text(at(said, "identity", "principalid"))
        yield from self.tie("runs_as", key, _key(number), "managed identity")
        if kind == "AZManagedCluster":
            yield from self.node_group(key, said)
        if sid := _naming.text(said.get("onpremisessecurityidentifier")).upper():
            yield from self.said.principal(sid, "Group" if kind == "AZGroup" else "User")
            yield from self.tie("controls", sid, key, "SyncedToEntra")
        if kind == "AZServicePrincipal" and (app := _naming.text(said.get("appid"))):
            own = _naming.text(said.get("appownerorganizationid")).lower()
            if not own or own == tenant.removeprefix("entra:"):
                yield from self.tie("controls", f"entra:app:{app.lower()}", key, "RunsAs")
        role = (_naming.text(said.get("templateid")) or _naming.text(said.get("id"))).lower()
        if kind == "AZRole" and role in _KNOWN:
            yield from self.tie("admin_of" if role in _RULING else "controls", key, tenant, _KNOWN[role])

    def node_group(self, key: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield where the machines of a cluster stand, which its identity rules."""
        group = _naming.text(at(said, "properties", "noderesourcegroup"))
        if group and "/resourcegroups/" in key:
            scope = key.split("/resourcegroups/")[0]
            yield from self.tie("controls", key, f"{scope}/resourcegroups/{group.lower()}", "NodeResourceGroup")

    def activation(self, said: dict[str, Any]) -> Iterator[Record]:
        """Yield who has to approve before a role is activated; that somebody has to, on the tenant's word."""
        role = _key(_naming.text(said.get("roledefinitionid")))
        if said.get("enduserassignmentrequiresapproval") is not True:
            return
        yield from self.tie("controls", _key(_naming.text(said.get("tenantid"))), role, "ActivationNeedsApproval")
        for field in ("enduserassignmentuserapprovers", "enduserassignmentgroupapprovers"):
            for number in texts(said.get(field)):
                yield from self.tie("controls", _key(number), role, "AZRoleApprover")

    def federated(self, said: dict[str, Any]) -> Iterator[Record]:
        """Yield who signs in to an application by a token of another provider: what the token is about."""
        app = _naming.text(said.get("appid"))
        for row in each(said.get("fics")) or [said]:
            one = fields(row.get("fic")) if isinstance(row.get("fic"), dict) else row
            issuer, subject = _naming.text(one.get("issuer")), _naming.text(one.get("subject"))
            if not (app and issuer and subject):
                continue
            key = f"{issuer} {subject}"
            yield from self.said.sighting(
                Sighting(key=key, name=subject, kind="identity", identifiers=(("artifact", key),))
            )
            yield from self.tie("controls", key, f"entra:app:{app.lower()}", "AZAuthenticatesTo")

    def directory_roles(self, kind: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield who holds a directory role; at a scope below the tenant the role is over that."""
        relation, word = ("controls", "AZRoleEligible") if kind.endswith("Instance") else ("member_of", "role")
        for row in each(said.get("roleassignments")) or [said]:
            role = _naming.text(row.get("roledefinitionid")) or _naming.text(said.get("roledefinitionid"))
            principal = _key(_naming.text(row.get("principalid")))
            scope = _key(_naming.text(row.get("directoryscopeid")).strip("/"))
            if scope:
                scope = self.apps.get(scope, scope)
                yield from self.tie("controls", principal, scope, _KNOWN.get(role.lower(), f"role {role}"))
            else:
                yield from self.tie(relation, principal, _key(role), word)

    def resource_roles(self, said: dict[str, Any]) -> Iterator[Record]:
        """Yield who holds a role on a resource of Azure."""
        for row in _inner(said):
            number = _naming.text(row.get("roledefinitionid")).rpartition("/")[2].lower()
            name, kind = BUILT_IN.get(number, (f"{UNKNOWN_ROLE} {number}, under a condition", "controls"))
            if kind and number:
                yield from self.tie(kind, _key(_naming.text(row.get("principalid"))), _target(said), name)
            else:
                self.looking[name] += 1

    def vault(self, said: dict[str, Any]) -> Iterator[Record]:
        """Yield what an access policy of a key vault allows."""
        principal, vault = _key(_naming.text(said.get("objectid"))), _key(_naming.text(said.get("keyvaultid")))
        for what in ("keys", "secrets", "certificates"):
            if any(one.lower() in _DOORS for one in texts(at(said.get("permissions"), what))):
                yield from self.tie("controls", principal, vault, f"access policy for {what}")

    def rights(self, kind: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield the holders of a right over an object."""
        found = next(((relation, note) for end, relation, note in _RIGHTS if kind.endswith(end)), None)
        if found is None:
            self.left[kind or "without a kind"] += 1
            return
        relation, note = ("controls", "Owner") if kind in _ENTRA_OWNED else found
        for number in _members(said):
            yield from self.tie(relation, _key(number), _target(said), note)


def _key(identifier: str) -> str:
    """The key of an object: a resource's id in small letters, else the number in Entra."""
    value = identifier.strip()
    if value.upper().startswith("S-1-"):
        return value.upper()
    return lower_id(value) or (f"entra:{value.lower()}" if value else "")


def _short(key: str) -> str:
    """The name that an id ends in; '' for a number, so that a name from elsewhere stands."""
    return key.rpartition("/")[2] if key.startswith("/") and key.count("/") > 2 else ""


def _own_key(kind: str, said: dict[str, Any]) -> str:
    """The key of an object of the collection; applications are named by their application's number everywhere."""
    number = _naming.text(said.get(_OBJECTS[kind][1]))
    if kind == "AZApp" and number:
        return f"entra:app:{number.lower()}"
    return _key(number or _naming.text(said.get("id")))


def _target(said: dict[str, Any]) -> str:
    """The key of the object that a row is about."""
    name, found = next(((one, text) for one in _TARGETS if (text := _naming.text(said.get(one)))), ("", ""))
    if not found or lower_id(found):
        return _key(found)
    if name == "subscriptionid":
        return f"/subscriptions/{found.lower()}"
    return f"entra:app:{found.lower()}" if name == "appid" else _key(found)


def _inner(said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The members of a row's list, each as the mapping that names the member."""
    rows = [row for value in said.values() for row in each(value)]
    for row in rows or [said]:
        held = [fields(one) for one in row.values() if isinstance(one, dict)]
        yield next((one for one in held if "id" in one or "principalid" in one), row)


def _members(said: dict[str, Any]) -> Iterator[str]:
    for row in _inner(said):
        if number := _naming.text(row.get("principalid")) or _naming.text(row.get("id")):
            yield number


def _identifiers(key: str, kind: str, said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "cloud_id", key
    if kind == "AZDevice" and (name := _naming.text(said.get("displayname"))):
        yield from (one for one in _naming.host_identifiers(name) if one[0] in ("hostname", "fqdn"))
    if kind == "AZVM" and (number := _naming.text(said.get("vmid"))):
        yield "bios_uuid", number.lower()


PLUGIN = AzureHound()

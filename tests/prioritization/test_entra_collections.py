"""Made-up collections of AzureHound and graphs of others through the readers: each way found, and gone without a part."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

import pytest
from tests.prioritization.knowledge import Known, Search, steps, told

from foreshore import policy
from foreshore.discovery.readers import azurehound, bloodhound, entra, opengraph
from foreshore.discovery.reports import FileReport
from foreshore.policy.rulebook import Rulebook

TENANT = "aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb"
USER, OTHER, GROUP, ACCOUNT, APP, GRAPH, DEVICE = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(1, 8))
NUMBER = "00000000-0000-4000-8000-000000000033"  # of the application
SUBSCRIPTION = "/subscriptions/11111111-2222-4333-8444-555555555555"
RESOURCES = f"{SUBSCRIPTION}/resourcegroups/shop"
VM = f"{RESOURCES}/providers/microsoft.compute/virtualmachines/web-1"
VAULT = f"{RESOURCES}/providers/microsoft.keyvault/vaults/keys"
CLUSTER = f"{RESOURCES}/providers/microsoft.containerservice/managedclusters/shop"
NODES = f"{SUBSCRIPTION}/resourcegroups/nodes"
MANAGED = "00000000-0000-4000-8000-000000000099"
GLOBAL, APPS, PASSWORDS, GROUPS, INTUNE = (
    "62e90394-69f5-4237-9190-012177145e10", "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "966707d0-3269-4727-9be2-8c3a10f19b9d", "fdd7a751-b60b-444a-984c-02652fe8fa1c",
    "3a2c62db-5318-420d-8d74-23affee5d9d5",
)  # fmt: skip
SID = "S-1-5-21-1-2-3-1101"

Row = dict[str, Any]


def row(kind: str, **data: Any) -> Row:
    return {"kind": kind, "data": {"tenantId": TENANT} | data}


def objects() -> list[Row]:
    """A tenant in which the user gets nowhere."""
    return [
        row("AZTenant", id=f"/tenants/{TENANT}", displayName="Example"),
        row("AZUser", id=USER, displayName="User"),
        row("AZUser", id=OTHER, displayName="Other"),
        row("AZGroup", id=GROUP, displayName="Group", isAssignableToRole=False),
        row("AZApp", id=APP, appId=NUMBER, displayName="App"),
        row("AZServicePrincipal", id=ACCOUNT, appId=NUMBER, displayName="App", appOwnerOrganizationId=TENANT),
        row("AZServicePrincipal", id=GRAPH, appId="00000003-0000-0000-c000-000000000000", displayName="Microsoft Graph",
            appOwnerOrganizationId="f8cdef31-a31e-4b4a-93e4-5f571e91255a"),
        row("AZDevice", id=DEVICE, displayName="LAPTOP-7", operatingSystem="Windows", isManaged=True),
        *(row("AZRole", id=role, templateId=role, displayName=role) for role in (GLOBAL, APPS, PASSWORDS, GROUPS, INTUNE)),
        row("AZSubscription", id=SUBSCRIPTION, displayName="Shop"),
        row("AZResourceGroup", id=RESOURCES, name="shop"),
        row("AZVM", id=VM, name="web-1", identity={"type": "SystemAssigned", "principalId": MANAGED}),
        row("AZKeyVault", id=VAULT, name="keys"),
    ]  # fmt: skip


def has_role(who: str, role: str, scope: str = "/") -> Row:
    held = {"roleDefinitionId": role, "principalId": who, "directoryScopeId": scope}
    return row("AZRoleAssignment", roleDefinitionId=role, roleAssignments=[held])


def permission(number: str) -> Row:
    return row("AZAppRoleAssignment", principalId=ACCOUNT, resourceId=GRAPH, appRoleId=number)


def owner(kind: str, field: str, target: str, who: str) -> Row:
    return row(kind, **{field: target, "owners": [{"owner": {"id": who}, field: target}]})


def azure_role(kind: str, target: str, number: str) -> Row:
    held = {"properties": {"principalId": USER, "scope": target,
                           "roleDefinitionId": f"/x/roleDefinitions/{number}"}, "id": f"{target}/r"}  # fmt: skip
    return row(kind, objectId=target, assignees=[{"assignee": held, "objectId": target, "roleDefinitionId": number}])


@cache
def rulebook() -> Rulebook:
    whole = policy.load().rulebook
    return Rulebook(tuple(one for one in whole.rules if one.family in ("common", "directory", "entra")), whole.idle)


def known(rows: list[Row]) -> Known:
    document = {"data": rows, "meta": {"type": "azure", "version": 5, "count": len(rows)}}
    return told([azurehound.PLUGIN.read(FileReport("azure.json", json.dumps(document).encode()))])


def leads(found: Known, start: str, end: str, rules: Rulebook | None = None) -> bool:
    held = Search(steps(found, rules or rulebook())).forward([("admin", found.rows[start])])
    return ("admin", found.rows[end]) in held or (end == key(VAULT) and ("user", found.rows[end]) in held)


def key(identifier: str) -> str:
    if identifier == NUMBER:
        return f"entra:app:{identifier}"
    return identifier if identifier.startswith(("/", "S-1")) else f"entra:{identifier}"


class Way(NamedTuple):
    """What makes a way from `start` to `end`; what is changed in an object so that it is one no longer."""

    made: tuple[Row, ...]
    end: str
    start: str = USER
    unmade: tuple[str, str, Any] | None = None  # kind, field, value of all objects of the kind


WAYS = {
    "AZGlobalAdmin": Way((has_role(USER, GLOBAL),), TENANT),
    "AZRoleEligible": Way((row("AZRoleEligibilityScheduleInstance", roleDefinitionId=GLOBAL, principalId=USER,
                               directoryScopeId="/"),), TENANT),
    "AZAppAdmin": Way((has_role(USER, APPS),), ACCOUNT),
    "AZAppAdmin, over one application": Way((has_role(USER, APPS, f"/{APP}"),), NUMBER),
    "AZResetPassword": Way((has_role(USER, PASSWORDS),), OTHER),
    "AZAddMembers": Way((has_role(USER, GROUPS),), GROUP, unmade=("AZGroup", "isAssignableToRole", True)),
    "AZExecuteCommand": Way((has_role(USER, INTUNE),), DEVICE, unmade=("AZDevice", "isManaged", False)),
    "AZOwns, application": Way((owner("AZAppOwner", "appId", NUMBER, USER),), ACCOUNT),
    "AZOwns, group": Way((owner("AZGroupOwner", "groupId", GROUP, USER),), GROUP),
    "AZMGGrantAppRoles": Way((permission("06b708a9-e830-4db3-a914-8e69da51d44f"),), TENANT, ACCOUNT),
    "AZMGGrantRole": Way((permission("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8"),), TENANT, ACCOUNT),
    "AZMGAddSecret": Way((permission("1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"),), NUMBER, ACCOUNT),
    "AZMGAddMember": Way((permission("dbaae8cf-10b5-4b86-a4a1-f871c94c6695"),), GROUP, ACCOUNT,
                         unmade=("AZGroup", "isAssignableToRole", True)),
    "AZVMContributor": Way((azure_role("AZVMRoleAssignment", VM, "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"),), VM),
    "AZVMContributor and AZManagedIdentity": Way(
        (azure_role("AZVMRoleAssignment", VM, "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"),), MANAGED),
    "AZVMContributor, of a group": Way(
        (azure_role("AZResourceGroupRoleAssignment", RESOURCES, "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"),), VM),
    "AZVMContributor, of a subscription": Way(
        (azure_role("AZSubscriptionRoleAssignment", SUBSCRIPTION, "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"),), VM),
    "AZContributor": Way((azure_role("AZSubscriptionRoleAssignment", SUBSCRIPTION,
                                     "b24988ac-6180-42a0-ab88-20f7382dd24c"),), VM),
    "AZKeyVaultContributor": Way((azure_role("AZKeyVaultRoleAssignment", VAULT,
                                             "f25e0fa2-a7c8-4377-a976-54943a77a395"),), VAULT,
                                 unmade=("AZKeyVault", "enableRbacAuthorization", True)),
    "AZGetSecrets": Way((row("AZKeyVaultAccessPolicy", keyVaultId=VAULT, objectId=USER,
                             permissions={"secrets": ["Get"]}),), VAULT),
    "AZNodeResourceGroup": Way((row("AZManagedCluster", id=CLUSTER, name="shop",
                                    properties={"nodeResourceGroup": "nodes"}),), NODES, CLUSTER),
    "AZAuthenticatesTo": Way((row("AZFederatedIdentityCredential", appId=NUMBER, fics=[{"appId": NUMBER, "fic": {
        "issuer": "https://tokens.example.test", "subject": "repo:example/shop:ref:refs/heads/main"}}]),), NUMBER,
                             "https://tokens.example.test repo:example/shop:ref:refs/heads/main"),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_a_way_in_entra_is_found_and_gone_without_what_makes_it(name: str) -> None:
    way = WAYS[name]
    start, end = (one if " " in one else key(one) for one in (way.start, way.end))
    assert leads(known([*objects(), *way.made]), start, end)
    if start in known(objects()).rows and end in known(objects()).rows:
        assert not leads(known(objects()), start, end)
    if way.unmade is not None:
        kind, field, value = way.unmade
        changed = [one | {"data": one["data"] | {field: value}} if one["kind"] == kind else one for one in objects()]
        assert not leads(known([*changed, *way.made]), start, end)


def test_a_role_that_needs_approval_needs_the_approver_too() -> None:
    eligible = row("AZRoleEligibilityScheduleInstance", roleDefinitionId=GLOBAL, principalId=USER, directoryScopeId="/")
    needed = row("AZRoleManagementPolicyAssignment", roleDefinitionId=GLOBAL.upper(), tenantId=TENANT.upper(),
                 endUserAssignmentRequiresApproval=True, endUserAssignmentUserApprovers=[OTHER.upper()])  # fmt: skip
    found = known([*objects(), eligible, needed])
    search = Search(steps(found, rulebook()))
    both = search.forward([("admin", found.rows[key(USER)]), ("admin", found.rows[key(OTHER)])])
    assert not leads(found, key(USER), key(TENANT))
    assert not leads(found, key(OTHER), key(TENANT))
    assert ("admin", found.rows[key(TENANT)]) in both


def test_an_account_that_is_synchronised_leads_from_one_directory_to_the_other() -> None:
    rows = [*objects()[:1], row("AZUser", id=USER, displayName="User", onPremisesSecurityIdentifier=SID)]
    assert leads(known(rows), SID, key(USER))
    assert not leads(known(rows), key(USER), SID)


def test_a_ruling_role_that_microsoft_graph_tells_of_rules_the_rest() -> None:
    def answer(role: str) -> Known:
        document = [
            {"@odata.type": "#microsoft.graph.user", "id": USER, "userPrincipalName": "one@example.com"},
            {"@odata.type": "#microsoft.graph.user", "id": OTHER, "userPrincipalName": "two@example.com"},
            {"@odata.type": "#microsoft.graph.directoryRole", "id": GROUP, "roleTemplateId": role,
             "displayName": "A role", "members": [{"id": USER}]},
        ]  # fmt: skip
        return told([entra.PLUGIN.read(FileReport("graph.json", json.dumps(document).encode()))])

    assert leads(answer(GLOBAL), key(USER), key(OTHER))
    assert not leads(answer("88d8e3e3-8f55-4a1e-953a-9b9898b8876b"), key(USER), key(OTHER))  # it only reads


# -- graphs of others --


def graph(kind: str, start: str, end: str, **properties: Any) -> Known:
    def node(identifier: str, word: str) -> Row:
        return {"id": identifier, "kinds": [word, "Base"], "properties": {"name": identifier}}

    document = {"graph": {
        "nodes": [node("one", start), node("two", end)],
        "edges": [{"kind": kind, "start": {"value": "one"}, "end": {"value": "two"}, "properties": properties}],
    }}  # fmt: skip
    return told([opengraph.PLUGIN.read(FileReport("graph.json", json.dumps(document).encode()))])


# Kinds of edges by which whoever holds the start comes to hold the end: (kinds of the ends, kinds of edges).
LEADING = (
    ("User", "User", """GenericAll GenericWrite Owns WriteOwner WriteDacl ForceChangePassword AllExtendedRights
     AddKeyCredentialLink WriteSPN ReadGMSAPassword HasSIDHistory OwnsLimitedRights WriteOwnerLimitedRights
     BadSuccessor ProtectAdminGroups"""),
    ("User", "Group", "MemberOf AddMember AddSelf GenericAll GenericWrite ClaimSpecialIdentity"),
    ("User", "Computer", """AdminTo CanRDP CanPSRemote ExecuteDCOM SQLAdmin ReadLAPSPassword SyncLAPSPassword
     AllowedToAct AllowedToDelegate AddAllowedToAct WriteAccountRestrictions GenericAll GenericWrite
     AddKeyCredentialLink CoerceAndRelayNTLMToSMB CoerceAndRelayNTLMToLDAP CoerceAndRelayNTLMToLDAPS
     CoerceAndRelayNTLMToADCS"""),
    ("Computer", "User", "HasSession DumpSMSAPassword"),
    ("User", "Domain", """DCSync ADCSESC1 ADCSESC3 ADCSESC4 ADCSESC6a ADCSESC6b ADCSESC7 ADCSESC9a ADCSESC9b ADCSESC10a
     ADCSESC10b ADCSESC13 GoldenCert AllExtendedRights"""),
    ("Computer", "Domain", "DCFor CoerceToTGT GoldenCert"),
    ("Domain", "Domain", "SameForestTrust SpoofSIDHistory AbuseTGTDelegation HasTrustKeys"),
    ("OU", "Computer", "Contains"),
    ("GPO", "User", "CanApplyGPO GPOAppliesTo"),
    ("AZUser", "AZApp", "AZOwns AZAddSecret AZAddOwner AZMGAddSecret AZMGAddOwner AZAppAdmin AZCloudAppAdmin"),
    ("AZApp", "AZServicePrincipal", "AZRunsAs"),
    ("AZUser", "AZGroup", "AZMemberOf AZAddMembers AZMGAddMember"),
    ("AZUser", "AZUser", "AZResetPassword"),
    ("AZUser", "AZRole", "AZHasRole AZRoleEligible"),
    ("AZUser", "AZTenant", """AZGlobalAdmin AZPrivilegedRoleAdmin AZPrivilegedAuthAdmin AZMGGrantAppRoles AZMGGrantRole
     AZGrant AZGrantSelf"""),
    ("AZUser", "AZVM", """AZContributor AZOwner AZVMContributor AZAvereContributor AZVMAdminLogin AZUserAccessAdministrator
     AZExecuteCommand"""),
    ("AZVM", "AZServicePrincipal", "AZManagedIdentity"),
    ("AZUser", "AZAutomationAccount", "AZAutomationContributor"),
    ("AZUser", "AZWebApp", "AZWebsiteContributor"),
    ("AZUser", "AZLogicApp", "AZLogicAppContributor"),
    ("AZUser", "AZManagedCluster", "AZAKSContributor"),
    ("AZManagedCluster", "AZResourceGroup", "AZNodeResourceGroup"),
    ("AZUser", "AZKeyVault", "AZKeyVaultContributor AZKeyVaultKVContributor"),
    ("AZResourceGroup", "AZVM", "AZContains"),
    ("User", "AZUser", "SyncedToEntraUser"),
    ("AZUser", "User", "SyncedToADUser"),
    ("Base", "AZApp", "AZAuthenticatesTo"),
)  # fmt: skip
EDGES = [(start, end, kind) for start, end, kinds in LEADING for kind in kinds.split()]
# Edges that say how things hang together, or give something only together with another.
IDLE = [
    "GetChanges", "GetChangesAll", "GetChangesInFilteredSet", "PublishedTo", "IssuedSignedBy", "EnterpriseCAFor",
    "RootCAFor", "TrustedForNTAuth", "NTAuthStoreFor", "EnrollOnBehalfOf", "ExtendedByPolicy", "OIDGroupLink",
    "DelegatedEnrollmentAgent", "ManageCA", "ManageCertificates", "CrossForestTrust", "TrustedBy", "AZScopedTo",
    "LocalToComputer", "WritePKINameFlag", "WritePKIEnrollmentFlag", "Enroll", "RemoteInteractiveLogonRight",
    "AZMGApplication_ReadWrite_All", "HostsCAService", "AZRoleApprover",
]  # fmt: skip


@pytest.mark.parametrize(("start", "end", "kind"), EDGES, ids=[f"{kind} {start} {end}" for start, end, kind in EDGES])
def test_an_edge_of_a_graph_leads_from_its_start_to_its_end(start: str, end: str, kind: str) -> None:
    found = graph(kind, start, end)
    assert leads(found, "one", "two")
    assert not leads(found, "two", "one")


@pytest.mark.parametrize("kind", IDLE)
def test_an_edge_that_gives_nothing_by_itself_leads_nowhere(kind: str) -> None:
    found = graph(kind, "User", "Domain")
    assert not leads(found, "one", "two")
    assert not leads(found, "two", "one")


def test_an_edge_of_ones_own_keeps_its_name_and_leads_when_it_is_said_to() -> None:
    found = graph("CanBribe", "Person", "Person", traversable=True)
    assert {note for _, _, _, note in found.ties} == {"CanBribe"}
    assert leads(found, "one", "two")
    assert not leads(graph("Knows", "Person", "Person"), "one", "two")


def test_a_policy_that_is_linked_by_a_graph_works_on_what_stands_there() -> None:
    def node(identifier: str, word: str, **more: Any) -> Row:
        return {"id": identifier, "kinds": [word, "Base"], "properties": {"name": identifier} | more}

    def edge(kind: str, start: str, end: str, **properties: Any) -> Row:
        return {"kind": kind, "start": {"value": start}, "end": {"value": end}, "properties": properties}

    def made(blocked: bool, enforced: bool) -> Known:
        nodes = [node("gpo", "GPO"), node("domain", "Domain"), node("ou", "OU", blocksinheritance=blocked),
                 node("user", "User")]  # fmt: skip
        edges = [edge("GPLink", "gpo", "domain", enforced=enforced), edge("Contains", "domain", "ou"),
                 edge("Contains", "ou", "user")]  # fmt: skip
        text = json.dumps({"graph": {"nodes": nodes, "edges": edges}}).encode()
        return told([opengraph.PLUGIN.read(FileReport("graph.json", text))])

    answers = {(blocked, enforced): leads(made(blocked, enforced), "gpo", "user")
               for blocked in (False, True) for enforced in (False, True)}  # fmt: skip
    assert answers == {(False, False): True, (False, True): True, (True, False): False, (True, True): True}


def test_a_computer_of_a_directory_is_the_same_whoever_tells_of_it() -> None:
    one = {"ObjectIdentifier": SID, "Properties": {"name": "user@example.test", "domain": "EXAMPLE.TEST"}, "Aces": []}
    said = {"data": [one], "meta": {"type": "users", "version": 6, "methods": 0}}
    added = {
        "graph": {"nodes": [{"id": SID, "kinds": ["User"], "properties": {"name": "user@example.test"}}], "edges": []}
    }
    found = told([
        bloodhound.PLUGIN.read(FileReport("users.json", json.dumps(said).encode())),
        opengraph.PLUGIN.read(FileReport("graph.json", json.dumps(added).encode())),
    ])  # fmt: skip
    assert len(found.names) == 1

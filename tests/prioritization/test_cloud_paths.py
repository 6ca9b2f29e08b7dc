"""Ways through Azure and Google Cloud: found where an assignment gives the right, not found where it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.prioritization import knowledge

from foreshore import policy
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick

SUB = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUB}/resourceGroups/web"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm1"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv1"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/deployer"
WHO = "00000000-0000-4000-8000-0000000000aa"


def leads(reader: str, document: Any, start: str, goal: str, state: str = "admin") -> str:
    """Does `start` lead to `goal`: "yes", "assumed" or "no"?"""
    report = FileReport("report", json.dumps(document).encode())
    name, found = pick(report)
    assert name == reader
    known = knowledge.told([list(found.read(report))])
    if start not in known.rows:
        return "no"
    steps = knowledge.steps(known, policy.load().rulebook)
    for answer, allowed in (("yes", [one for one in steps if not one.assumed]), ("assumed", steps)):
        if (state, known.rows[goal]) in knowledge.Search(allowed).forward([("admin", known.rows[start])]):
            return answer
    return "no"


# -- Azure --------------------------------------------------------------------------------------------------


def azure(scope: str, role: str, *others: Any, **more: Any) -> list[Any]:
    """A machine that acts as an identity, a vault, and one assignment of `role` at `scope`."""
    return [
        {"id": VM, "type": "Microsoft.Compute/virtualMachines", "name": "vm1",
         "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}},
        {"id": VAULT, "type": "Microsoft.KeyVault/vaults", "name": "kv1"},
        {"id": IDENTITY, "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "name": "deployer"},
        {"id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/1", "principalId": WHO, "scope": scope,
         "principalType": "User", "roleDefinitionName": role, "roleDefinitionId": more.pop("definition", ""), **more},
        *others,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "role", "goal", "wanted"),
    [
        (SUB, "Owner", VM, "yes"),
        (GROUP, "Contributor", VAULT, "yes"),
        (SUB, "Virtual Machine Contributor", VM, "yes"),
        (VM, "Virtual Machine Contributor", IDENTITY, "yes"),
        (SUB, "Virtual Machine Contributor", VAULT, "no"),
        (f"{SUB}/resourceGroups/other", "Virtual Machine Contributor", VM, "no"),
        (GROUP, "Virtual Machine Administrator Login", VM, "yes"),
        (GROUP, "Key Vault Contributor", VAULT, "yes"),
        (GROUP, "Key Vault Secrets User", VAULT, "no"),
        (GROUP, "Managed Identity Contributor", IDENTITY, "yes"),
        (GROUP, "Managed Identity Operator", IDENTITY, "no"),
        (GROUP, "Reader", VM, "no"),
        (VM, "Machine tamer of our own", VM, "assumed"),
        (VM, "Monitoring Reader", VM, "no"),
    ],
)
def test_roles_of_azure_give_what_lies_below_their_scope(scope: str, role: str, goal: str, wanted: str) -> None:
    assert leads("azure_inventory", azure(scope, role), f"entra:{WHO}", goal.lower()) == wanted


@pytest.mark.parametrize(
    ("actions", "excepted", "wanted"),
    [
        (["Microsoft.Compute/*"], [], "yes"),
        (["Microsoft.Compute/virtualMachines/runCommand/action"], [], "yes"),
        (["Microsoft.Compute/*"], ["Microsoft.Compute/virtualMachines/*"], "no"),
        (["Microsoft.Compute/virtualMachines/restart/action"], [], "no"),
    ],
)
def test_own_roles_give_what_they_allow_less_what_they_except(actions: Any, excepted: Any, wanted: str) -> None:
    number = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-00000000c001"
    own = {"id": number, "type": "Microsoft.Authorization/roleDefinitions", "roleName": "own",
           "permissions": [{"actions": actions, "notActions": excepted}]}  # fmt: skip
    document = azure(SUB, "own", own, definition=number)
    assert leads("azure_inventory", document, f"entra:{WHO}", VM.lower()) == wanted


def test_an_assignment_with_a_condition_is_assumed() -> None:
    document = azure(SUB, "Virtual Machine Contributor", condition="@Resource[x] StringEquals 'y'")
    assert leads("azure_inventory", document, f"entra:{WHO}", VM.lower()) == "assumed"


def test_two_roles_together_give_a_machine_an_identity() -> None:
    operator = azure(IDENTITY, "Managed Identity Operator")[3] | {"id": f"{SUB}/providers/x/roleAssignments/2"}
    free = [one for one in azure(VM, "Virtual Machine Contributor", operator) if "identity" not in one]
    machine = {"id": VM, "type": "Microsoft.Compute/virtualMachines", "name": "vm1"}
    operator["id"] = f"{IDENTITY}/providers/Microsoft.Authorization/roleAssignments/2"
    assert leads("azure_inventory", [machine, *free], f"entra:{WHO}", IDENTITY.lower()) == "yes"


# -- Google Cloud -------------------------------------------------------------------------------------------

PROJECT = "//cloudresourcemanager.googleapis.com/projects/shop"
ACCOUNT = "deployer@shop.iam.gserviceaccount.com"
HOST = "//compute.googleapis.com/projects/shop/zones/europe-west1-b/instances/web"
BUCKET = "//storage.googleapis.com/shop-exports"


def google(*bindings: tuple[str, str], condition: str = "") -> list[Any]:
    """A machine, a bucket and a service account of a project, and who holds which role where."""
    said = {"condition": {"title": condition}} if condition else {}
    return [
        {"assetType": "compute.googleapis.com/Instance", "name": HOST, "resource": {"data": {
            "name": "web", "serviceAccounts": [{"email": ACCOUNT}]}, "parent": PROJECT}},
        {"assetType": "storage.googleapis.com/Bucket", "name": BUCKET, "parentFullResourceName": PROJECT},
        {"assetType": "iam.googleapis.com/ServiceAccount", "resource": {"data": {"email": ACCOUNT}, "parent": PROJECT},
         "name": f"//iam.googleapis.com/projects/shop/serviceAccounts/{ACCOUNT}"},
        *({"resource": scope, "assetType": "cloudresourcemanager.googleapis.com/Project",
           "policy": {"bindings": [{"role": role, "members": ["user:kim@example.test"], **said}]}}
          for scope, role in bindings),
    ]  # fmt: skip


OF_ACCOUNT = f"//iam.googleapis.com/projects/shop/serviceAccounts/{ACCOUNT}"


@pytest.mark.parametrize(
    ("bindings", "goal", "wanted"),
    [
        ([(PROJECT, "roles/owner")], HOST, "yes"),
        ([(PROJECT, "roles/viewer")], HOST, "no"),
        ([(OF_ACCOUNT, "projects/shop/roles/tamer")], f"google:{ACCOUNT}", "assumed"),
        ([(OF_ACCOUNT, "roles/iam.serviceAccountViewer")], f"google:{ACCOUNT}", "no"),
        ([(PROJECT, "roles/iam.serviceAccountTokenCreator")], f"google:{ACCOUNT}", "yes"),
        ([(OF_ACCOUNT, "roles/iam.serviceAccountTokenCreator")], f"google:{ACCOUNT}", "yes"),
        ([(PROJECT, "roles/iam.serviceAccountKeyAdmin")], f"google:{ACCOUNT}", "yes"),
        ([(PROJECT, "roles/iam.serviceAccountUser")], f"google:{ACCOUNT}", "no"),
        ([(PROJECT, "roles/cloudfunctions.developer")], f"google:{ACCOUNT}", "no"),
        ([(PROJECT, "roles/iam.serviceAccountUser"), (PROJECT, "roles/cloudfunctions.developer")],
         f"google:{ACCOUNT}", "yes"),
        ([(OF_ACCOUNT, "roles/iam.serviceAccountUser"), (PROJECT, "roles/run.developer")], f"google:{ACCOUNT}", "yes"),
        ([(PROJECT, "roles/compute.instanceAdmin.v1")], HOST, "yes"),
        ([(PROJECT, "roles/compute.instanceAdmin.v1")], f"google:{ACCOUNT}", "yes"),
        ([(PROJECT, "roles/compute.viewer")], HOST, "no"),
        ([(PROJECT, "roles/deploymentmanager.editor")], PROJECT, "yes"),
        ([(PROJECT, "roles/resourcemanager.projectIamAdmin")], BUCKET, "yes"),
        ([(PROJECT, "roles/storage.admin")], BUCKET, "yes"),
        ([(PROJECT, "roles/storage.objectViewer")], BUCKET, "no"),
        ([(PROJECT, "roles/logging.admin")], PROJECT, "no"),
    ],
)  # fmt: skip
def test_roles_of_google_cloud_give_what_their_permissions_do(bindings: Any, goal: str, wanted: str) -> None:
    assert leads("gcp_inventory", google(*bindings), "google:kim@example.test", goal.lower()) == wanted


def test_a_binding_with_a_condition_is_assumed() -> None:
    document = google((PROJECT, "roles/iam.serviceAccountTokenCreator"), condition="office hours")
    assert leads("gcp_inventory", document, "google:kim@example.test", f"google:{ACCOUNT}") == "assumed"


def test_what_a_bucket_holds_can_be_read_without_holding_the_bucket() -> None:
    document = google((PROJECT, "roles/storage.objectViewer"))
    assert leads("gcp_inventory", document, "google:kim@example.test", BUCKET, "user") == "yes"

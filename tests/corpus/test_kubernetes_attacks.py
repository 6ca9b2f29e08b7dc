"""Attacks on clusters: each is found from its objects, and not found when what it needs is taken out of them."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.corpus import kubernetes_attacks as attacks
from tests.corpus.kubernetes_attacks import NODE, Attack, Edit, Objects
from tests.prioritization.knowledge import Known, Search, State, Step, steps, told

from foreshore import policy
from foreshore.discovery.readers import kubernetes
from foreshore.discovery.reports import FileReport
from foreshore.policy.rulebook import Rulebook

SHARED = (
    Path(__file__).resolve().parents[2].parent / "shared/data/environments/kubehound/test/setup/test-cluster/attacks"
)
GENERAL = ("member",)  # rules that apply to more than one attack
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the test cluster's manifests are not here")


@cache
def rulebook() -> Rulebook:
    """The rules in force."""
    return policy.load().rulebook


@cache
def own_rules() -> Rulebook:
    """The rules that speak of clusters."""
    own = ("common", "container", "kubernetes")
    return Rulebook(tuple(one for one in rulebook().rules if one.family in own), rulebook().idle)


class World:
    """What the reader says of some objects, and what rules make of it."""

    def __init__(self, objects: Objects, rules: Rulebook | None = None) -> None:
        data = json.dumps(objects).encode()
        self.known: Known = told([kubernetes.PLUGIN.read(FileReport("objects.json", data))])
        self.steps: list[Step] = steps(self.known, rules or own_rules())

    def states(self, name: str) -> list[State]:
        """The state that a name means: `NAME:user`, else control of it; none where nothing has the name."""
        plain, user = name.removesuffix(":user"), name.endswith(":user")
        rows = [row for row, held in enumerate(self.known.names) if held == plain]
        return [("user" if user else "admin", row) for row in rows]

    def held(self, start: str) -> set[State]:
        """All that is held by whoever holds `start`."""
        return Search(self.steps).forward(self.states(start))

    def found(self, attack: Attack) -> tuple[bool, bool]:
        """Is the goal reached, and is it gained by the rule?"""
        held, goals = self.held(attack.start), set(self.states(attack.goal))
        used = any(
            one.rule == attack.rule and one.needs <= held and (one.rule not in GENERAL or one.gives in goals)
            for one in self.steps
        )
        return bool(goals & held), used


@pytest.mark.parametrize("attack", attacks.ALL, ids=lambda one: one.name)
def test_an_attack_is_found(attack: Attack) -> None:
    assert World(attack.load()).found(attack) == (True, True)


@pytest.mark.parametrize(
    ("attack", "edit"),
    [pytest.param(one, edit, id=f"{one.name}, {name}") for one in attacks.ALL for name, edit in one.edits],
)
def test_an_attack_is_not_found_without_what_it_needs(attack: Attack, edit: Edit) -> None:
    objects = attack.load()
    edit(objects)
    reached, used = World(objects).found(attack)
    assert not used
    assert not (reached and attack.gone)


# -- the manifests of KubeHound's own test cluster --


def of(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    """One object."""
    return next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name))


def in_pod(name: str, **changes: Any) -> Edit:
    """Change fields of a pod's spec."""
    return lambda objects: of(objects, "Pod", name)["spec"].update(changes)


def in_container(name: str, **changes: Any) -> Edit:
    """Change fields of the security context of a pod's container."""
    return lambda objects: (
        of(objects, "Pod", name)["spec"]["containers"][0].setdefault("securityContext", {}).update(changes)
    )


def no_mounts(name: str) -> Edit:
    """Take all mounts out of a pod's container."""
    return lambda objects: of(objects, "Pod", name)["spec"]["containers"][0].update(volumeMounts=[])


BIND = "default/Pod/rolebind-pod-"
SIGNER = "kube-system/Role/system:controller:bootstrap-signer"
FILES: dict[str, tuple[tuple[str, str, str, tuple[Edit, ...]], ...]] = {  # file -> start, goal, rule, edits
    "CE_NET_MITM": (
        ("default/Pod/netadmin-pod", NODE, "container_ce_net_mitm",
         (in_pod("netadmin-pod", hostNetwork=False), in_container("netadmin-pod", capabilities={}))),
    ),
    "CE_NSENTER": (
        ("default/Pod/nsenter-pod", NODE, "container_ce_nsenter", (in_container("nsenter-pod", privileged=False),)),
    ),
    "CE_SYS_PTRACE": (
        ("default/Pod/sys-ptrace-pod", NODE, "container_ce_sys_ptrace",
         (in_pod("sys-ptrace-pod", hostPID=False), in_container("sys-ptrace-pod", capabilities={"add": ["SYS_ADMIN"]}),
          in_container("sys-ptrace-pod", capabilities={}))),
    ),
    "CONTROL_POD": (),
    "EXPLOIT_HOST_WRITE": (
        ("default/Pod/host-write-exploit-pod", NODE, "container_exploit_host_write",
         (no_mounts("host-write-exploit-pod"), in_pod("host-write-exploit-pod", volumes=[]))),
    ),
    "IDENTITY_ASSUME": (
        (NODE, "ClusterRole/node-api-access", "member", (attacks.without("ClusterRoleBinding"),)),
    ),
    "POD_CREATE": (
        ("default/Pod/pod-create-pod", NODE, "kubernetes_pod_create",
         (attacks.verb_off("create"), attacks.resource_off("pods"), attacks.without("RoleBinding"),
          in_pod("pod-create-pod", automountServiceAccountToken=False))),
    ),
    "ROLE_BIND_CRB_CR": (
        (f"{BIND}crb-cr-crb-cr", "cluster", "kubernetes_role_bind_crb_cr",
         (attacks.verb_off("bind"), attacks.verb_off("create"), attacks.without("ClusterRoleBinding"))),
        (f"{BIND}crb-cr-rb-cr", "Namespace/default", "kubernetes_role_bind_rb_cr_anywhere",
         (attacks.verb_off("bind"), attacks.verb_off("create"), attacks.resource_off("clusterroles"))),
        (f"{BIND}crb-cr-rb-r", SIGNER, "kubernetes_role_bind_rb_r",
         (attacks.verb_off("bind"), attacks.verb_off("create"), attacks.resource_off("roles"))),
    ),
    "TOKEN_BRUTEFORCE": (
        ("default/Pod/tokenget-pod", "default/ServiceAccount/default", "kubernetes_token_bruteforce",
         (attacks.verb_off("get"), attacks.resource_off("secrets"), attacks.without("RoleBinding"))),
    ),
}  # fmt: skip


def manifest(name: str) -> Objects:
    """The objects of one file."""
    return [one for one in yaml.safe_load_all((SHARED / f"{name}.yaml").read_text(encoding="utf-8")) if one]


@shared
@pytest.mark.corpus
def test_every_manifest_has_its_row() -> None:
    assert {path.stem for path in SHARED.glob("*.yaml")} == set(FILES)


CASES = [
    pytest.param(file, Attack(file, start, goal, rule, "", tuple((str(n), edit) for n, edit in enumerate(edits))), id=f"{file} {rule}")
    for file, rows in FILES.items() for start, goal, rule, edits in rows
]  # fmt: skip


@shared
@pytest.mark.corpus
@pytest.mark.parametrize(("file", "attack"), CASES)
def test_a_manifest_is_found_and_not_without_what_it_needs(file: str, attack: Attack) -> None:
    whole = manifest(file)
    assert World(whole, rulebook()).found(attack) == (True, True)
    for _, edit in attack.edits:
        less = copy.deepcopy(whole)
        edit(less)
        assert World(less, rulebook()).found(attack) == (False, False)


@shared
@pytest.mark.corpus
def test_the_control_pod_leads_to_its_own_account_only() -> None:
    world = World(manifest("CONTROL_POD"))
    names = {world.known.names[row] for kind, row in world.held("default/Pod/control-pod") if kind == "admin"}
    assert names == {"default/Pod/control-pod", "default/ServiceAccount/default"}


@shared
@pytest.mark.corpus
def test_roles_that_cannot_be_bound_cluster_wide_lead_nowhere() -> None:
    world = World(manifest("ROLE_BIND_CRB_CR"))
    held = world.held(f"{BIND}crb-cr-crb-r-fail")
    own = {"default/ServiceAccount/rolebind-sa-crb-cr-crb-r-fail", "ClusterRole/rolebind-crb-cr-crb-r-fail"}
    assert {world.known.names[row] for _, row in held} == {f"{BIND}crb-cr-crb-r-fail", *own}


@shared
@pytest.mark.corpus
def test_without_its_processes_a_privileged_container_still_mounts_the_disk_but_enters_nothing() -> None:
    objects = manifest("CE_NSENTER")
    in_pod("nsenter-pod", hostPID=False)(objects)
    world = World(objects)
    used = {one.rule for one in world.steps if one.gives in world.states(NODE)}
    assert {"container_ce_priv_mount", "container_ce_module_load"} == used & {
        "container_ce_priv_mount", "container_ce_module_load", "container_ce_nsenter"
    }  # fmt: skip


# -- what no attack shows --


def loaded(text: str) -> World:
    """A world of objects in YAML."""
    return World([one for one in yaml.safe_load_all(text) if one])


def test_only_the_container_with_the_setting_leads_out() -> None:
    world = loaded(attacks.MIXED)
    for container, out in (("a", True), ("b", False)):
        start = f"shop/Pod/p/Container/{container}"
        assert bool(world.held(start) & set(world.states(NODE))) is out
    used = {one.rule for one in world.steps if one.needs <= world.held("shop/Pod/p/Container/a")}
    assert {"container_ce_nsenter_beside", "container_ce_sys_ptrace_beside", "container_ce_net_mitm_beside"} <= used


TWO_NODES = """
{apiVersion: v1, kind: Pod, metadata: {name: agent-1, namespace: shop, ownerReferences: [{kind: DaemonSet, name: agent,
  controller: true}]}, spec: {nodeName: one, containers: [{name: c, image: "a:1", securityContext: {privileged: true}}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: agent-2, namespace: shop, ownerReferences: [{kind: DaemonSet, name: agent,
  controller: true}]}, spec: {nodeName: two, containers: [{name: c, image: "a:1", securityContext: {privileged: true}}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {nodeName: two, serviceAccountName: web,
  containers: [{name: c, image: "a:1"}]}}
"""


def test_one_node_does_not_lead_to_another_by_pods_of_the_same_workload() -> None:
    world = loaded(TWO_NODES)
    held = {world.known.names[row] for kind, row in world.held("one") if kind == "admin"}
    assert "two" not in held
    assert "shop/ServiceAccount/web" not in held
    assert "shop/ServiceAccount/default" in held  # the account of the pod that is there
    assert {"shop/Pod/web", "shop/ServiceAccount/web"} <= {world.known.names[row] for _, row in world.held("two")}


def test_enforced_pod_security_keeps_pods_from_owning_nodes() -> None:
    attack = next(one for one in attacks.RIGHTS if one.name == "POD_CREATE")
    space = {
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }  # fmt: skip
    world = World([space, *attack.load()])
    assert world.found(attack) == (False, False)
    assert set(world.states("shop/ServiceAccount/other")) <= world.held(attack.start)  # as whom pods run is not kept


def test_a_cluster_role_bound_in_a_namespace_reaches_that_namespace_only() -> None:
    far = attacks.OTHER.replace("namespace: shop", "namespace: far")
    objects = attacks.WORKER + far + attacks.OTHER + attacks.role(attacks.may("create", "pods/exec"), "ClusterRole")
    world = loaded(objects)
    held = {world.known.names[row] for kind, row in world.held("shop/Pod/worker") if kind == "admin"}
    assert "shop/Pod/other" in held
    assert "far/Pod/other" not in held


def test_control_of_the_cluster_is_control_of_all_in_it() -> None:
    objects = attacks.WORKER + attacks.OTHER + attacks.role("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}", "ClusterRole",
                                                            "ClusterRoleBinding")  # fmt: skip
    world = loaded(objects)
    held = {world.known.names[row] for kind, row in world.held("shop/Pod/worker") if kind == "admin"}
    images = {name for name, kind in zip(world.known.names, world.known.kinds, strict=True) if kind == "image"}
    assert held == set(world.known.names) - images


def test_a_control_plane_node_is_the_cluster() -> None:
    node = (
        "{apiVersion: v1, kind: Node, metadata: {name: n, labels: {node-role.kubernetes.io/control-plane: ''}}}\n---\n"
    )
    assert set(loaded(node).states("cluster")) <= loaded(node).held("n")
    assert not loaded(node.replace("control-plane", "worker")).held("n") & set(loaded(node).states("cluster"))


def test_an_account_with_a_role_of_the_cloud_leads_there() -> None:
    account = (
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: worker, namespace: shop, annotations: "
        "{eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/files'}}}\n---\n"
    )
    world = loaded(account + attacks.WORKER)
    assert set(world.states("arn:aws:iam::111122223333:role/files")) <= world.held("shop/Pod/worker")

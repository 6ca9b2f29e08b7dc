"""Small clusters of our own, one for each attack: objects, the step that must be found, and what takes it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

Objects = list[dict[str, Any]]
Edit = Callable[[Objects], object]
NODE = "Node/every-node"


@dataclass(frozen=True)
class Attack:
    """Who starts where, what is gained, by which rule; each edit takes the step away (`gone`: the goal as well)."""

    name: str
    start: str
    goal: str
    rule: str
    objects: str
    edits: tuple[tuple[str, Edit], ...]
    gone: bool = True

    def load(self) -> Objects:
        """The objects, fresh."""
        return [one for one in yaml.safe_load_all(self.objects) if one]


def pod(extra: str = "", container: str = "", name: str = "p", account: str = "default") -> str:
    """A pod with one container; `extra` and `container` are fields in YAML's flow form."""
    more = f", {extra}" if extra else ""
    inner = f", {container}" if container else ""
    return (
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop}}, spec: {{serviceAccountName: {account}"
        f", containers: [{{name: c, image: 'registry.example.com/c:1'{inner}}}]{more}}}}}\n---\n"
    )


def role(
    rules: str, kind: str = "Role", bound: str = "RoleBinding", subject: str = "worker", name: str = "duty"
) -> str:
    """A role, and a binding that gives it to the account `subject`."""
    space = ", namespace: shop"
    return (
        f"{{apiVersion: rbac.authorization.k8s.io/v1, kind: {kind}, metadata: {{name: {name}{space if kind == 'Role' else ''}}}"
        f", rules: [{rules}]}}\n---\n"
        f"{{apiVersion: rbac.authorization.k8s.io/v1, kind: {bound}, metadata: {{name: {name}"
        f"{space if bound == 'RoleBinding' else ''}}}, roleRef: {{kind: {kind}, name: {name}}}"
        f", subjects: [{{kind: ServiceAccount, name: {subject}, namespace: shop}}]}}\n---\n"
    )


def may(verbs: str, resources: str, group: str = "", names: str = "") -> str:
    """One rule of a role in YAML's flow form."""
    limit = f", resourceNames: [{names}]" if names else ""
    return f"{{apiGroups: ['{group}'], resources: [{resources}], verbs: [{verbs}]{limit}}}"


RBAC = "rbac.authorization.k8s.io"
WORKER = pod(name="worker", account="worker")
OTHER = pod(name="other", account="other")


def spec(objects: Objects, name: str = "p") -> dict[str, Any]:
    """The spec of a pod."""
    found: dict[str, Any] = next(
        one["spec"] for one in objects if one["kind"] == "Pod" and one["metadata"]["name"] == name
    )
    return found


def security(objects: Objects) -> dict[str, Any]:
    """The security context of the pod's container."""
    found: dict[str, Any] = spec(objects)["containers"][0]["securityContext"]
    return found


def _without_mounts(objects: Objects) -> None:
    spec(objects)["containers"][0]["volumeMounts"] = []


def _without_volumes(objects: Objects) -> None:
    spec(objects)["volumes"] = []
    _without_mounts(objects)


def _read_only(objects: Objects) -> None:
    for one in spec(objects)["containers"][0]["volumeMounts"]:
        one["readOnly"] = True


def without(kind: str) -> Edit:
    """Leave out all objects of a kind."""

    def edit(objects: Objects) -> None:
        objects[:] = [one for one in objects if one["kind"] != kind]

    return edit


def verb_off(verb: str) -> Edit:
    """Take one verb out of every role."""

    def edit(objects: Objects) -> None:
        for one in objects:
            for rule in one.get("rules", ()):
                rule["verbs"] = [held for held in rule["verbs"] if held != verb]

    return edit


def resource_off(resource: str) -> Edit:
    """Take one resource out of every role."""

    def edit(objects: Objects) -> None:
        for one in objects:
            for rule in one.get("rules", ()):
                rule["resources"] = [held for held in rule["resources"] if held != resource]

    return edit


UNBOUND = (("role not bound", without("RoleBinding")),)
UNBOUND_ANYWHERE = (("role not bound", without("ClusterRoleBinding")),)
MOUNT = (("mount removed", _without_mounts), ("volume removed", _without_volumes))
PRIVILEGED = ("privileged off", lambda objects: security(objects).update(privileged=False))
NO_CAPABILITY = ("capabilities removed", lambda objects: security(objects).pop("capabilities"))


def host(path: str, read_only: str = "", below: str = "") -> str:
    """A pod with a folder of its node."""
    part = f", subPath: {below}" if below else ""
    return pod(
        f"volumes: [{{name: v, hostPath: {{path: {path}}}}}]",
        f"volumeMounts: [{{name: v, mountPath: /h{read_only}{part}}}]",
    )


def capable(names: str, extra: str = "") -> str:
    """A pod with capabilities."""
    return pod(extra, f"securityContext: {{capabilities: {{add: [{names}]}}}}")


def escape(name: str, rule: str, objects: str, *edits: tuple[str, Edit], gone: bool = True) -> Attack:
    """From the pod `p` to its node."""
    return Attack(name, "shop/Pod/p", NODE, f"container_{rule}", objects, edits, gone)


def right(name: str, goal: str, rule: str, rules: str, more: str = OTHER, where: str = "Role") -> Attack:
    """From the pod `worker` by a role of its account; without the binding, or any of the verbs, it is gone."""
    bound = "RoleBinding" if where == "Role" else "ClusterRoleBinding"
    found = list(yaml.safe_load(f"[{rules}]"))
    verbs = sorted({verb for one in found for verb in one["verbs"]})
    edits: list[tuple[str, Edit]] = [("role not bound", without(bound))]
    edits += [(f"without {verb}", verb_off(verb)) for verb in verbs]
    return Attack(
        name, "shop/Pod/worker", goal, f"kubernetes_{rule}", WORKER + more + role(rules, where, bound), tuple(edits)
    )


ESCAPES = (
    escape("CE_MODULE_LOAD", "ce_module_load", capable("SYS_MODULE"), NO_CAPABILITY),
    escape("CE_MODULE_LOAD all", "ce_module_load", capable("ALL"), NO_CAPABILITY),
    escape("CE_PRIV_MOUNT", "ce_priv_mount", pod("", "securityContext: {privileged: true}"), PRIVILEGED),
    escape("CE_NSENTER", "ce_nsenter", pod("hostPID: true", "securityContext: {privileged: true}"), PRIVILEGED),
    escape(
        "CE_NSENTER in the node's namespace only", "ce_nsenter", pod("hostPID: true", "securityContext: {privileged: true}"),
        ("hostPID off", lambda objects: spec(objects).update(hostPID=False)), gone=False,
    ),
    escape(
        "CE_SYS_PTRACE", "ce_sys_ptrace", capable("CAP_SYS_PTRACE", "hostPID: true"), NO_CAPABILITY,
        ("hostPID off", lambda objects: spec(objects).update(hostPID=False)),
    ),
    escape(
        "CE_NET_MITM", "ce_net_mitm", capable("NET_RAW", "hostNetwork: true"), NO_CAPABILITY,
        ("hostNetwork off", lambda objects: spec(objects).update(hostNetwork=False)),
    ),
    escape("CE_UMH_CORE_PATTERN", "ce_umh_core_pattern", host("/proc/sys/kernel"), *MOUNT, ("read only", _read_only)),
    escape("CE_UMH_CORE_PATTERN below", "ce_umh_core_pattern", host("/proc", below="sys/kernel"), *MOUNT),
    escape("EXPLOIT_CONTAINERD_SOCK", "exploit_containerd_sock", host("/run/containerd/containerd.sock"), *MOUNT),
    escape("EXPLOIT_CONTAINERD_SOCK folder", "exploit_containerd_sock", host("/run/containerd/", ", readOnly: true"), *MOUNT),
    escape("EXPLOIT_HOST_READ", "exploit_host_read", host("/etc/kubernetes", ", readOnly: true"), *MOUNT),
    escape("EXPLOIT_HOST_READ root", "exploit_host_read", host("/root/.ssh"), *MOUNT),
    escape("EXPLOIT_HOST_WRITE", "exploit_host_write", host("/etc/cron.d"), *MOUNT, ("read only", _read_only)),
    escape("EXPLOIT_HOST_WRITE kubelet", "exploit_host_write", host("/var/lib/kubelet"), *MOUNT),
    escape("DAC_READ_SEARCH", "ce_dac_read_search", capable("DAC_READ_SEARCH"), NO_CAPABILITY),
    Attack(
        "CE_VAR_LOG_SYMLINK", "shop/Pod/p", NODE, "container_ce_var_log_symlink",
        host("/var/log") + role(may("get", "pods/log"), subject="default"),
        (*MOUNT, *UNBOUND, ("without get", verb_off("get")), ("read only", _read_only)),
    ),
    Attack(
        "EXPLOIT_HOST_TRAVERSE", "shop/Pod/p", "shop/ServiceAccount/other", "container_exploit_host_traverse",
        host("/var/lib/kubelet/pods", ", readOnly: true") + OTHER, MOUNT,
    ),
)  # fmt: skip

BESIDE = (
    "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {shareProcessNamespace: true, "
    "containers: [{name: a, image: 'registry.example.com/a:1'}, {name: b, image: 'registry.example.com/b:1'}]}}\n---\n"
)
MIXED = (
    "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {hostPID: true, hostNetwork: true, "
    "containers: [{name: a, image: 'registry.example.com/a:1', securityContext: {privileged: true, capabilities: "
    "{add: [SYS_PTRACE, NET_ADMIN]}}}, {name: b, image: 'registry.example.com/b:1'}]}}\n---\n"
)
VOLUME = "volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]"
CONTAINERS = (
    Attack(
        "SHARE_PS_NAMESPACE", "shop/Pod/p/Container/a", "shop/Pod/p/Container/b", "container_share_ps_namespace", BESIDE,
        (("not shared", lambda objects: spec(objects).pop("shareProcessNamespace")),),
    ),
    Attack(
        "CONTAINER_ATTACH", "shop/Pod/p", "shop/Pod/p/Container/b", "container_attach", BESIDE,
        (("container removed", lambda objects: spec(objects)["containers"].pop()),), gone=False,
    ),
    Attack(
        "IDENTITY_ASSUME container", "shop/Pod/worker", "shop/ServiceAccount/worker", "container_identity_assume", WORKER,
        (("token not mounted", lambda objects: spec(objects, "worker").update(automountServiceAccountToken=False)),),
    ),
    Attack(
        "VOLUME_DISCOVER", "shop/Pod/p", "shop/PersistentVolumeClaim/data", "container_volume_discover",
        pod(VOLUME, "volumeMounts: [{name: v, mountPath: /d}]"), MOUNT,
    ),
    Attack(
        "VOLUME_ACCESS", NODE, "shop/PersistentVolumeClaim/data", "container_volume_discover",
        pod(VOLUME, "volumeMounts: [{name: v, mountPath: /d}]"), MOUNT,
    ),
    Attack(
        "POD_ATTACH", NODE, "shop/Pod/other", "kubernetes_pod_attach", OTHER, (("pod removed", without("Pod")),), gone=False,
    ),
    Attack(
        "TOKEN_STEAL", NODE, "shop/ServiceAccount/worker", "container_identity_assume", WORKER, (("pod removed", without("Pod")),),
    ),
    Attack(
        "ENDPOINT_EXPLOIT", "shop/Service/front", "shop/Pod/p:user", "kubernetes_endpoint_exploit",
        "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop, labels: {app: p}}, spec: {containers: "
        "[{name: c, image: 'registry.example.com/c:1'}]}}\n---\n"
        "{apiVersion: v1, kind: Service, metadata: {name: front, namespace: shop}, spec: {type: NodePort, "
        "selector: {app: p}, ports: [{port: 80}]}}\n",
        (("selects another", lambda objects: objects[1]["spec"].update(selector={"app": "q"})),),
    ),
    Attack(
        "IDENTITY_ASSUME node", NODE, "ClusterRole/duty", "member",
        WORKER + role(may("list", "pods"), "ClusterRole", "ClusterRoleBinding").replace(
            "{kind: ServiceAccount, name: worker, namespace: shop}", "{kind: Group, name: 'system:nodes'}"
        ),
        UNBOUND_ANYWHERE,
    ),
    Attack(
        "PERMISSION_DISCOVER", "shop/ServiceAccount/worker", "shop/Role/duty", "member", WORKER + role(may("get", "pods")),
        UNBOUND,
    ),
)  # fmt: skip

CLUSTER = "ClusterRole"
SECRET_TOKEN = (
    "{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: token-of-other, "
    "namespace: shop, annotations: {kubernetes.io/service-account.name: other}}}\n---\n"
)
ANOTHER_ROLE = role(may("get", "secrets"), name="strong", subject="other")
OPERATORS = role(may("get", "pods"), "Role", "RoleBinding", name="look").replace(
    "{kind: ServiceAccount, name: worker, namespace: shop}", "{kind: Group, name: ops}"
)
TWO_ROLES = role(may("create", "rolebindings", RBAC), name="one") + role(may("bind", "clusterroles", RBAC), name="two")
RIGHTS = (
    right("POD_CREATE", NODE, "pod_create", may("create", "pods")),
    right("POD_CREATE cluster", NODE, "pod_create_anywhere", may("create", "pods"), where=CLUSTER),
    right("POD_CREATE account", "shop/ServiceAccount/other", "pod_create_account", may("create", "pods")),
    right("POD_CREATE by a deployment", NODE, "pod_create", may("patch", "deployments", "apps")),
    right("POD_CREATE in the namespace of controllers", "cluster", "pod_create_controller", may("create", "pods"), where=CLUSTER),
    right("POD_EXEC", "shop/Pod/other", "pod_exec", may("create", "pods/exec")),
    right("POD_EXEC all parts", "shop/Pod/other", "pod_exec", may("create", "'*/exec'")),
    right("POD_EXEC cluster", "shop/Pod/other", "pod_exec", may("create", "pods/exec"), where=CLUSTER),
    right("POD_EXEC named", "shop/Pod/other", "pod_exec_named", may("create", "pods/exec", names="other")),
    right("POD_ATTACH by a right", "shop/Pod/other:user", "pod_attach_right", may("create", "pods/attach")),
    right("POD_PATCH", "shop/Pod/other", "pod_patch", may("patch", "pods")),
    right("POD_PATCH update", "shop/Pod/other", "pod_patch", may("update", "pods"), where=CLUSTER),
    right("POD_PATCH debugging", "shop/Pod/other", "pod_debug", may("patch", "pods/ephemeralcontainers")),
    right("TOKEN_LIST", "shop/ServiceAccount/other", "token_list", may("list", "secrets")),
    right("TOKEN_LIST cluster", "shop/ServiceAccount/other", "token_list", may("list", "secrets"), where=CLUSTER),
    right("TOKEN_BRUTEFORCE", "shop/ServiceAccount/other", "token_bruteforce", may("get", "secrets")),
    right("TOKEN_STEAL by name", "shop/ServiceAccount/other", "secret_named",
          may("get", "secrets", names="token-of-other"), OTHER + SECRET_TOKEN),
    right("token made", "shop/ServiceAccount/other", "token_create", may("create", "serviceaccounts/token")),
    right("token made, cluster", "cluster", "whole_cluster", may("create", "serviceaccounts/token"), where=CLUSTER),
    right("IDENTITY_IMPERSONATE", "shop/ServiceAccount/other", "identity_impersonate", may("impersonate", "serviceaccounts")),
    right("IDENTITY_IMPERSONATE users", "cluster", "whole_cluster", may("impersonate", "users"), where=CLUSTER),
    right("IDENTITY_IMPERSONATE groups", "Group/ops", "identity_impersonate_group",
          may("impersonate", "users, groups"), more=OPERATORS, where=CLUSTER),
    right("IDENTITY_IMPERSONATE named", "User/chief", "identity_impersonate_named",
          may("impersonate", "users", names="chief"), where=CLUSTER),
    right("ROLE_BIND_CRB_CR", "cluster", "role_bind_crb_cr",
          f"{may('create', 'clusterrolebindings', RBAC)}, {may('bind', 'clusterroles', RBAC)}", where=CLUSTER),
    right("ROLE_BIND_RB_CR", "Namespace/shop", "role_bind_rb_cr",
          f"{may('create', 'rolebindings', RBAC)}, {may('bind', 'clusterroles', RBAC)}"),
    right("ROLE_BIND_RB_R", "shop/Role/strong", "role_bind_rb_r",
          f"{may('create', 'rolebindings', RBAC)}, {may('bind', 'roles', RBAC)}", OTHER + ANOTHER_ROLE),
    right("ROLE_BIND of one role", "ClusterRole/cluster-admin", "role_bind_named",
          f"{may('create', 'clusterrolebindings', RBAC)}, {may('bind', 'clusterroles', RBAC, 'cluster-admin')}",
          where=CLUSTER),
    Attack(
        "ROLE_BIND by two roles", "shop/Pod/worker", "Namespace/shop", "kubernetes_role_bind_rb_cr_by_two",
        WORKER + TWO_ROLES, (*UNBOUND, ("without bind", verb_off("bind")), ("without create", verb_off("create"))),
    ),
    right("escalation", "cluster", "escalate", may("escalate, patch", "clusterroles", RBAC), where=CLUSTER),
    right("kubelets", "shop/Pod/other", "kubelet", may("get", "nodes/proxy"), where=CLUSTER),
    right("webhooks", "cluster", "webhook",
          may("create", "mutatingwebhookconfigurations", "admissionregistration.k8s.io"), where=CLUSTER),
    right("certificates", "cluster", "certificate",
          f"{may('create', 'certificatesigningrequests', 'certificates.k8s.io')}, "
          f"{may('update', 'certificatesigningrequests/approval', 'certificates.k8s.io')}, "
          f"{may('approve', 'signers', 'certificates.k8s.io')}", where=CLUSTER),
)  # fmt: skip
ALL = (*ESCAPES, *CONTAINERS, *RIGHTS)

"""What runs in a cluster: workloads with their images, and settings by which a container gets out to its node."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._kubernetes_objects import Object, listed, mapping, mappings, texts, words
from foreshore.facts import Finding, Severity


@dataclass(frozen=True)
class Workload:
    """A workload: the object that people manage, and the pod that it makes."""

    top: Object  # a deployment, say, for a pod that one of its replica sets made
    pod: dict[str, Any]  # the pod's spec
    labels: dict[str, str]  # the pod's labels

    @property
    def account(self) -> str:
        """The service account's name."""
        return _naming.text(self.pod.get("serviceAccountName") or self.pod.get("serviceAccount")) or "default"

    def key_of(self, container: dict[str, Any]) -> str:
        """The asset that a container is: one of its own where the workload has several, else the workload itself."""
        name = _naming.text(container.get("name"))
        return f"{self.top.key}/Container/{name}" if self.several and name else self.top.key

    @property
    def several(self) -> bool:
        """Whether there is more than one container."""
        return len(self.containers) > 1

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All containers, those that only start or debug the others included."""
        groups = ("initContainers", "containers", "ephemeralContainers")
        return [one for group in groups for one in mappings(self.pod, group)]


def workload_of(one: Object, owners: dict[tuple[str, str, str], Object]) -> Workload | None:
    """The workload that `one` is or belongs to; None where it runs nothing. `owners` finds objects by kind and name."""
    if one.kind == "Pod":
        pod, labels = one.spec, one.labels
    else:
        template = mapping(one.spec, "jobTemplate", "spec") if one.kind == "CronJob" else one.spec
        pod = mapping(template, "template", "spec")
        labels = words(template, "template", "metadata", "labels")
    if not listed(pod, "containers"):
        return None
    return Workload(_top(one, owners), pod, labels)


def _top(one: Object, owners: dict[tuple[str, str, str], Object]) -> Object:
    """Follow the owners up: pods and replica sets come and go, their deployment stays."""
    for _ in range(4):
        owner = next((ref for ref in mappings(one.body, "metadata", "ownerReferences") if ref.get("controller")), None)
        if owner is None:
            return one
        kind, name = _naming.text(owner.get("kind")), _naming.text(owner.get("name"))
        if not kind or not name or kind == "Node":
            return one
        known = owners.get((kind, one.namespace, name))
        hashed = one.labels.get("pod-template-hash", "")
        if known is None and kind == "ReplicaSet" and hashed and name.endswith(f"-{hashed}"):
            return Object("Deployment", one.namespace, name.removesuffix(f"-{hashed}"), {})
        one = known or Object(kind, one.namespace, name, {})
    return one


class Check(NamedTuple):
    """One check: its name for ever, how bad it is, what it is called, what to do."""

    rule: str
    severity: Severity
    title: str
    solution: str


_FEWER = "Drop all capabilities and add only those that are needed."
_VOLUME = "Use a persistent volume, a config map or an emptyDir instead."
_PRIVILEGED = Check(
    "k8s-privileged-container",
    "high",
    "The container is privileged: whoever is in it owns the node",
    "Set privileged to false and add only the capabilities that are needed.",
)
_SOCKET = Check(
    "k8s-container-runtime-socket",
    "critical",
    "The socket of the container runtime is mounted: whoever is in the container can start any other",
    "Do not mount the socket; build images and read logs without it.",
)
_HOST_PATH = Check("k8s-host-path", "medium", "A folder of the node is mounted", _VOLUME)
_SENSITIVE_PATH = Check(
    "k8s-sensitive-host-path",
    "high",
    "A folder of the node is mounted from which the node can be taken over or read out",
    _VOLUME,
)
_CAPABILITY = Check(
    "k8s-dangerous-capability",
    "high",
    "The container has a capability by which it can get out to its node",
    _FEWER,
)
_NET_CAPABILITY = Check(
    "k8s-network-capability",
    "medium",
    "The container has a capability by which it can read or redirect others' traffic",
    _FEWER,
)
_HOST_PID = Check("k8s-host-pid", "high", "The pod sees all processes of its node", "Set hostPID to false.")
_HOST_NETWORK = Check(
    "k8s-host-network",
    "medium",
    "The pod is in the network of its node: it reaches the node's own services and network policies do not hold",
    "Set hostNetwork to false and use a service.",
)
_HOST_IPC = Check("k8s-host-ipc", "medium", "The pod shares memory with its node's processes", "Set hostIPC to false.")
_ESCALATION = Check(
    "k8s-privilege-escalation-allowed",
    "low",
    "A process may gain more rights than its parent",
    "Set allowPrivilegeEscalation to false.",
)
_UNCONFINED = Check(
    "k8s-unconfined-profile",
    "medium",
    "The container runs without the runtime's restrictions (seccomp or AppArmor)",
    "Use the profile RuntimeDefault.",
)
_ROOT = Check("k8s-run-as-root", "low", "The container is told to run as root", "Set runAsNonRoot and a user number.")
_PROC = Check(
    "k8s-unmasked-proc",
    "high",
    "Parts of /proc that are hidden otherwise are open to the container",
    "Leave procMount at its default.",
)

_ESCAPING = frozenset(
    {"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "SYS_BOOT", "DAC_READ_SEARCH", "BPF", "PERFMON",
     "MAC_ADMIN", "SYSLOG", "MKNOD"}
)  # fmt: skip
_LISTENING = frozenset({"NET_ADMIN", "NET_RAW"})
_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock", "podman.sock", "dockershim.sock")
_SENSITIVE = (
    "/etc", "/root", "/home", "/proc", "/sys", "/dev", "/boot", "/usr", "/bin", "/sbin", "/lib", "/var/run", "/run",
    "/var/lib/kubelet", "/var/lib/docker", "/var/lib/containerd", "/var/lib/etcd", "/var/log", "/var/spool/cron",
    "/opt/cni", "/srv/kubernetes",
)  # fmt: skip
_HARMLESS = (
    "/etc/localtime", "/etc/ssl/certs", "/etc/ca-certificates", "/usr/share/ca-certificates", "/lib/modules",
    "/etc/os-release", "/etc/timezone",
)  # fmt: skip


CHECKS = tuple(
    check.rule
    for check in (
        _PRIVILEGED, _SOCKET, _HOST_PATH, _SENSITIVE_PATH, _CAPABILITY, _NET_CAPABILITY, _HOST_PID, _HOST_NETWORK,
        _HOST_IPC, _ESCALATION, _UNCONFINED, _ROOT, _PROC,
    )
)  # fmt: skip


# What may lead out of a container; of a workload on several nodes each pod leads to its own node alone.
_WAYS_OUT = frozenset(
    check.rule for check in (_PRIVILEGED, _SOCKET, _SENSITIVE_PATH, _CAPABILITY, _NET_CAPABILITY, _PROC)
)


def leads_out(found: Iterable[Finding]) -> bool:
    """Whether anything among the findings of a workload may lead to its node."""
    return any(one.rule in _WAYS_OUT for one in found)


def findings(workload: Workload) -> Iterator[Finding]:
    """Yield what is dangerous about the settings of one workload, on the pod or on the container that has them."""
    for asset, check, where, path, weakness in _found(workload):
        yield Finding(
            asset=asset,
            rule=check.rule,
            title=check.title,
            severity=check.severity,
            weaknesses=(weakness,) if weakness else (),
            kind="misconfiguration",
            resource=where,
            path=path,
            proof="configuration",
            solution=check.solution,
        )


Found = tuple[str, Check, str, str, str]  # asset, check, where, path, weakness where it is finer than the check


def _found(workload: Workload) -> Iterator[Found]:
    pod = workload.pod
    for name, check in (("hostPID", _HOST_PID), ("hostNetwork", _HOST_NETWORK), ("hostIPC", _HOST_IPC)):
        if pod.get(name) is True:
            yield workload.top.key, check, f"spec.{name}", "", ""
    yield from _volumes(workload)
    for container in workload.containers:
        key = workload.key_of(container)
        where = f"container {_naming.text(container.get('name'))}"
        yield from _container(key, where, mapping(container, "securityContext"), mapping(pod, "securityContext"))


def _volumes(workload: Workload) -> Iterator[Found]:
    """Folders of the node, by each container that has them and the part that it has."""
    for volume in mappings(workload.pod, "volumes"):
        path = _naming.text(mapping(volume, "hostPath").get("path"))
        if not path:
            continue
        name = _naming.text(volume.get("name"))
        parts: dict[tuple[str, str], bool] = {}
        for container in workload.containers:
            for mount in mappings(container, "volumeMounts"):
                if _naming.text(mount.get("name")) == name:
                    part = (workload.key_of(container), _part(path, _naming.text(mount.get("subPath"))))
                    parts[part] = parts.get(part, False) or mount.get("readOnly") is not True
        for (asset, inner), writable in parts.items():
            word = "writable" if writable else "read-only"
            check = _of_path(inner)
            yield asset, check, f"volume {name} ({inner}, {word})", inner, f"{check.rule}:{inner}:{word}"
        if not parts:
            where = f"volume {name} ({path}, not mounted)"
            yield workload.top.key, _HOST_PATH, where, path, f"{_HOST_PATH.rule}:{path}:not-mounted"


def _part(path: str, below: str) -> str:
    """The folder of the node that a container has, in one spelling: the volume's or one below it."""
    return posixpath.normpath("/" + "/".join(one.strip("/") for one in (path, below) if one.strip("/")))


def _of_path(path: str) -> Check:
    folded = "/" + path.strip("/")
    if folded.endswith(_SOCKETS):
        return _SOCKET
    if folded in _HARMLESS:
        return _HOST_PATH
    if folded == "/" or any(folded == one or folded.startswith(f"{one}/") for one in _SENSITIVE):
        return _SENSITIVE_PATH
    # A folder above a sensitive one holds it too.
    return _SENSITIVE_PATH if any(one.startswith(f"{folded}/") for one in _SENSITIVE) else _HOST_PATH


def _container(key: str, where: str, own: dict[str, Any], pod: dict[str, Any]) -> Iterator[Found]:
    if own.get("privileged") is True:
        yield key, _PRIVILEGED, where, "", ""
    for name in sorted({one.upper().removeprefix("CAP_") for one in texts(own, "capabilities", "add")}):
        if name in _ESCAPING or name in _LISTENING:
            check = _CAPABILITY if name in _ESCAPING else _NET_CAPABILITY
            yield key, check, f"{where}: {name}", "", f"k8s-capability:{name}"
    if own.get("allowPrivilegeEscalation") is True:
        yield key, _ESCALATION, where, "", ""
    if _naming.text(own.get("procMount")) == "Unmasked":
        yield key, _PROC, where, "", ""
    for profile in ("seccompProfile", "appArmorProfile"):
        held = mapping(own, profile) or mapping(pod, profile)
        if _naming.text(held.get("type")) == "Unconfined":
            yield key, _UNCONFINED, f"{where}: {profile}", "", ""
    user = own.get("runAsUser", pod.get("runAsUser"))
    if user == 0 and type(user) is int:
        yield key, _ROOT, where, "", ""

"""Kubernetes by its objects: manifests in YAML or JSON, and what `kubectl get -o json` or `-o yaml` prints."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _kubernetes_objects as objects
from foreshore.discovery.readers import _kubernetes_workloads as workloads
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import Ties
from foreshore.discovery.readers._kubernetes_network import Network
from foreshore.discovery.readers._kubernetes_objects import Object, identity, mapping, mappings
from foreshore.discovery.readers._kubernetes_rights import CLUSTER, Rights, scope_of
from foreshore.discovery.readers._kubernetes_workloads import Workload
from foreshore.facts import Covered, Finding, Listed, Record, Relation, RunSeen, Sighting, Skipped

_IN_JSON = (regex(r'"apiVersion"\s*:\s*"'), regex(r'"kind"\s*:\s*"[A-Z]'))
_IN_YAML = (
    regex(r"^[ -]{0,12}['\"]?apiVersion['\"]?[ ]{0,4}:[ ]{0,4}\S", re.MULTILINE),
    regex(r"^[ -]{0,12}['\"]?kind['\"]?[ ]{0,4}:[ ]{0,4}['\"]?[A-Z]", re.MULTILINE),
)
_READ = frozenset(
    {"Node", "Namespace", "ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Service",
     "Ingress", "NetworkPolicy"}
)  # fmt: skip
_LISTS = {
    "nodes": "Node", "namespaces": "Namespace", "serviceaccounts": "ServiceAccount", "pods": "Pod",
    "deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet", "jobs": "Job", "cronjobs": "CronJob",
}  # fmt: skip
_CLOUDS = (("eks.amazonaws.com/role-arn", "arn"), ("iam.gke.io/gcp-service-account", "google"))
_INSTANCE = regex(r"^aws:///[\w-]+/(i-[0-9a-f]+)$")
_EVERYBODY = ("system:authenticated", "system:serviceaccounts")


@dataclass(frozen=True)
class Kubernetes:
    """Reads objects of Kubernetes: what runs, who may do what, what may reach what, and dangerous settings."""

    version: int = 2
    priority: int = -10  # reports that are themselves objects of Kubernetes have readers of their own

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins objects of Kubernetes."""
        opening = reports.decode_head(head)
        if objects.is_collection(opening.lstrip()):
            return True
        patterns = _IN_JSON if opening.lstrip()[:1] in ("{", "[") else _IN_YAML
        return all(pattern.search(opening) for pattern in patterns)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, nodes, workloads with images and settings, rights, and the network."""
        skipped: list[Skipped] = []
        found = list(objects.objects(report, skipped.append))
        written = objects.collected_at(report)
        observed, assumed = _naming.moment(written)
        yield RunSeen(
            tool="kubernetes",
            observed_at=observed,
            observed_text=written,
            zone_assumed=assumed,
            settings=(("objects", str(len(found))),),
        )
        keys: list[str] = []
        cluster = objects.cluster_of(report, found)
        for record in _Reading(found, skipped).records():
            if isinstance(record, Sighting):
                keys.append(record.key)
                yield _within(cluster, record)
            else:
                yield record
        yield from _listed(objects.answered(report, cluster), keys)
        yield from dict.fromkeys(skipped)


def _within(cluster: str, one: Sighting) -> Sighting:
    """The sighting with the cluster in the name by which reports find each other; as it is where that is not known."""
    names = {value for kind, value in one.identifiers if kind == "artifact" and value.startswith(objects.NOWHERE)}
    if not cluster or not names:
        return one
    return msgspec.structs.replace(
        one,
        identifiers=tuple(
            (kind, f"kubernetes://{cluster}/{value.removeprefix(objects.NOWHERE)}" if value in names else value)
            for kind, value in one.identifiers
        ),
        attributes=(("cluster", cluster), *one.attributes),
    )


def _listed(answered: list[tuple[str, str, str]], keys: list[str]) -> Iterator[Listed]:
    """What a collection lists whole: all of a kind in the cluster, or in a namespace where only some were asked for."""
    places = [key.removeprefix(objects.NOWHERE).split("/") for key in keys]
    for server, call, namespace in answered:
        if kind := _LISTS.get(call):
            inside = [
                key
                for key, parts in zip(keys, places, strict=True)
                if len(parts) > 1 and parts[-2] == kind and namespace in ("", parts[0])
            ]
            where = f"{server}:{namespace}" if namespace else server
            yield Listed(extent=f"kubernetes:{where}:{kind}", assets=tuple(dict.fromkeys(inside)))


class _Reading:
    """The objects of one report, and what was said of them."""

    def __init__(self, found: list[Object], skipped: list[Skipped]) -> None:
        self.found = found
        self.skipped = skipped
        self.said = Ties()
        self.rights = Rights(found, self.said)
        self.accounts = {one.key: one for one in found if one.kind == "ServiceAccount"}
        self.workloads: list[Workload] = []
        self.nodes: dict[str, list[str]] = {}  # node -> workloads on it
        owners = {(one.kind, one.namespace, one.name): one for one in found if one.kind not in _READ}
        left: Counter[str] = Counter()
        for one in owners.values():
            workload = workloads.workload_of(one, owners)
            if workload is None:
                left[one.kind] += 1
                continue
            self.workloads.append(workload)
            if node := _naming.text(workload.pod.get("nodeName")):
                self.nodes.setdefault(node, []).append(workload.top.key)
        for kind, count in left.items():
            skipped.append(Skipped(f"kind {kind}", f"{count} objects of this kind are not read"))

    def records(self) -> Iterator[Record]:
        """Yield all in an order in which every key is sighted before it is named."""
        for one in self.found:  # first, so that what is in them does not sight them by their names only
            if one.kind == "Namespace":
                yield from self.said.sighting(_plain(one, "cloud_resource"))
                yield from self.rights.scope(one.key)
        for one in self.found:
            if one.kind == "Node":
                yield from self.node(one)
            elif one.kind == "ServiceAccount":
                yield from self.account(one)
        said: set[Finding] = set()
        for workload in self.workloads:
            yield from self.workload(workload, said)
        yield from self.placement()
        yield from self.rights.records()
        yield from self.everybody()
        yield from Network(self.found, self.workloads, self.said, self.skipped.append).records()

    def node(self, one: Object) -> Iterator[Record]:
        """Yield a node, and the user that its kubelet is."""
        yield from self.said.sighting(_node(one))
        user = identity("User", "", f"system:node:{one.name}")
        group = identity("Group", "", "system:nodes")
        yield from self.rights.tie("controls", CLUSTER, one.key, "Contains")
        yield from self.rights.holder(user)
        yield from self.rights.holder(group)
        yield from self.rights.tie("runs_as", one.key, user, "kubelet")
        yield from self.rights.tie("member_of", user, group, "every node")

    def account(self, one: Object) -> Iterator[Record]:
        """Yield a service account, and the cloud's identity that it may take on."""
        yield from self.said.sighting(_plain(one, "identity"))
        yield from self.rights.tie("controls", scope_of(one.namespace), one.key, "Contains")
        for annotation, kind in _CLOUDS:
            value = one.annotations.get(annotation, "").strip()
            if not value:
                continue
            key = value if kind == "arn" else f"{kind}:{value.lower()}"
            own = ("arn", value) if kind == "arn" else ("cloud_id", key)
            yield from self.said.sighting(Sighting(key=key, name=value, kind="identity", identifiers=(own,)))
            yield from self.rights.tie("controls", one.key, key, "workload identity")

    def workload(self, one: Workload, said: set[Finding]) -> Iterator[Record]:
        """Yield a workload, its images, its account, and what is dangerous about its settings."""
        top = one.top
        for sighting in self.said.sighting(_workload(one)):
            yield sighting
            yield Covered(asset=top.key, checks="kubernetes:workload", check_list=workloads.CHECKS)
        yield from self.rights.tie("controls", scope_of(top.namespace), top.key, "Contains")
        for image in _images(one):
            yield from self.said.sighting(image)
            yield from self.said.tie(Relation(kind="runs", source=f"asset:{top.key}", target=f"asset:{image.key}"))
        account = identity("ServiceAccount", top.namespace, one.account)
        mounted = self.token(one, account)
        yield from self.rights.holder(account)
        yield from self.rights.tie("runs_as", top.key, account, "token mounted" if mounted else "token not mounted")
        found = list(workloads.findings(one))
        if mounted and (bindings := self.rights.bound(account)):
            found.append(_token(top.key, account, bindings))
        for finding in found:
            if finding not in said:  # pods of one workload say the same
                said.add(finding)
                yield finding

    def token(self, one: Workload, account: str) -> bool:
        """Whether the token of the service account is in the containers: the pod decides, else the account, else yes."""
        own = one.pod.get("automountServiceAccountToken")
        if isinstance(own, bool):
            return own
        held = self.accounts.get(account)
        return held is None or held.body.get("automountServiceAccountToken") is not False

    def placement(self) -> Iterator[Record]:
        """Yield which node runs which workloads."""
        for name, keys in self.nodes.items():
            node = Object("Node", "", name, {})
            yield from self.said.sighting(_node(node))
            for key in dict.fromkeys(keys):
                yield from self.said.tie(Relation(kind="runs", source=f"asset:{node.key}", target=f"asset:{key}"))

    def everybody(self) -> Iterator[Record]:
        """Yield the groups that every service account is in, where a binding of this report names one."""
        accounts = {identity("ServiceAccount", w.top.namespace, w.account): w.top.namespace for w in self.workloads}
        accounts |= {key: one.namespace for key, one in self.accounts.items()}
        for key, namespace in accounts.items():
            for name in (*_EVERYBODY, f"system:serviceaccounts:{namespace}"):
                group = identity("Group", "", name)
                if self.rights.bound(group):
                    yield from self.rights.holder(key)
                    yield from self.rights.holder(group)  # its binding may name no role, and then it was not told
                    yield from self.rights.tie("member_of", key, group, "every service account")


def _own(one: Object) -> tuple[tuple[str, str], ...]:
    uid = (("cloud_id", f"kubernetes:{one.uid}"),) if one.uid else ()
    return (("artifact", one.key), *uid)


def _plain(one: Object, kind: facts.AssetKind) -> Sighting:
    shown = (("resource_type", one.kind), ("namespace", one.namespace))
    return Sighting(
        key=one.key,
        name=one.shown,
        kind=kind,
        identifiers=_own(one),
        attributes=tuple((name, text) for name, text in shown if text),
        tags=_tags(one.labels),
    )


def _tags(labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in labels.items() if value and not name.endswith("-hash"))


def _node(one: Object) -> Sighting:
    info = objects.words(one.body, "status", "nodeInfo")
    found: list[tuple[str, str]] = [("artifact", one.key)]
    provider = _naming.text(one.spec.get("providerID"))
    if provider:
        found.append(("cloud_id", _provided(provider)))
    for address in mappings(one.body, "status", "addresses"):
        found.extend(i for i in _naming.host_identifiers(_naming.text(address.get("address"))) if i[0] != "artifact")
    if uuid := info.get("systemUUID", ""):
        found.append(("bios_uuid", uuid.lower()))
    shown = {
        "resource_type": "Node", "provider_id": provider, "kubelet": info.get("kubeletVersion", ""),
        "kernel": info.get("kernelVersion", ""), "container_runtime": info.get("containerRuntimeVersion", ""),
    }  # fmt: skip
    return Sighting(
        key=one.key,
        name=one.name,
        kind="host",
        identifiers=tuple(dict.fromkeys(found)),
        os=info.get("osImage", ""),
        attributes=tuple((name, text) for name, text in shown.items() if text),
        tags=_tags(one.labels),
    )


def _provided(provider: str) -> str:
    """The cloud's own id of the machine that a node is, as the readers of that cloud write it."""
    if instance := _INSTANCE.match(provider):
        return instance.group(1)
    if provider.startswith("azure://"):
        return provider.removeprefix("azure://").lower()
    parts = provider.removeprefix("gce://").split("/")
    if provider.startswith("gce://") and len(parts) == 3:
        return "//compute.googleapis.com/projects/{}/zones/{}/instances/{}".format(*parts).lower()
    return provider.lower()


def _workload(one: Workload) -> Sighting:
    top = one.top
    secrets = sorted({name for name in _secrets(one) if name})
    shown = (
        ("namespace", top.namespace), ("resource_type", top.kind), ("service_account", one.account),
        ("secrets", ", ".join(secrets)), ("runtime_class", _naming.text(one.pod.get("runtimeClassName"))),
    )  # fmt: skip
    return Sighting(
        key=top.key,
        name=top.shown,
        kind="cloud_resource",
        identifiers=_own(top),
        attributes=tuple((name, text) for name, text in shown if text),
        tags=_tags(top.labels) or _tags(one.labels),
        authenticated=True,
    )


def _secrets(one: Workload) -> Iterator[str]:
    """Names of the secrets that a workload is given; never what is in them."""
    for volume in mappings(one.pod, "volumes"):
        yield _naming.text(mapping(volume, "secret").get("secretName"))
    for container in one.containers:
        for source in mappings(container, "envFrom"):
            yield _naming.text(mapping(source, "secretRef").get("name"))
        for variable in mappings(container, "env"):
            yield _naming.text(mapping(variable, "valueFrom", "secretKeyRef").get("name"))


def _images(one: Workload) -> Iterator[Sighting]:
    for container in one.containers:
        name = _naming.text(container.get("image")).strip()
        own = _naming.image_identifiers([name.partition("@")[0]], [name])
        if own:
            yield Sighting(key=f"image {own[0][1]}", name=name, kind="image", identifiers=own)


def _token(key: str, account: str, bindings: list[Object]) -> Finding:
    return Finding(
        asset=key,
        rule="k8s-token-with-rights",
        title="The token in the container is of a service account that holds roles",
        severity="low",
        kind="misconfiguration",
        resource=account.removeprefix("kubernetes:///"),
        proof="configuration",
        solution="Set automountServiceAccountToken to false unless the workload talks to the API server.",
        evidence=", ".join(sorted(f"{one.kind} {one.name}" for one in bindings)),
    )


PLUGIN = Kubernetes()

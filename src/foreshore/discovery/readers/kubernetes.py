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
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import Ties
from foreshore.discovery.readers._kubernetes_network import Network
from foreshore.discovery.readers._kubernetes_nodes import Nodes, tags
from foreshore.discovery.readers._kubernetes_objects import Object, identity
from foreshore.discovery.readers._kubernetes_pods import Pods, own
from foreshore.discovery.readers._kubernetes_rights import Rights, namespace_of
from foreshore.discovery.readers._kubernetes_secrets import Secrets
from foreshore.discovery.readers._kubernetes_workloads import Workload, workload_of
from foreshore.facts import Listed, Record, RunSeen, Sighting, Skipped

_IN_JSON = (regex(r'"apiVersion"\s*:\s*"'), regex(r'"kind"\s*:\s*"[A-Z]'))
_IN_YAML = (
    regex(r"^[ -]{0,12}['\"]?apiVersion['\"]?[ ]{0,4}:[ ]{0,4}\S", re.MULTILINE),
    regex(r"^[ -]{0,12}['\"]?kind['\"]?[ ]{0,4}:[ ]{0,4}['\"]?[A-Z]", re.MULTILINE),
)
_READ = frozenset(
    {"Node", "Namespace", "ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Service",
     "Ingress", "NetworkPolicy", "Secret"}
)  # fmt: skip
_LISTS = {
    "nodes": "Node", "namespaces": "Namespace", "serviceaccounts": "ServiceAccount", "pods": "Pod",
    "deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet", "jobs": "Job", "cronjobs": "CronJob",
}  # fmt: skip
_CLOUDS = (("eks.amazonaws.com/role-arn", "arn"), ("iam.gke.io/gcp-service-account", "google"))
_EVERYBODY = ("system:authenticated", "system:serviceaccounts")


@dataclass(frozen=True)
class Kubernetes:
    """Reads objects of Kubernetes: what runs, who may do what, what may reach what, and dangerous settings."""

    version: int = 3
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
        answered = objects.answered(report, cluster)
        yield from _listed(answered, keys)
        if not answered:
            yield from _told(cluster, found)
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
                key for key, parts in zip(keys, places, strict=True) if _is(kind, parts) and namespace in ("", parts[0])
            ]
            where = f"{server}:{namespace}" if namespace else server
            yield Listed(extent=f"kubernetes:{where}:{kind}", assets=tuple(dict.fromkeys(inside)))


def _told(cluster: str, found: list[Object]) -> Iterator[Listed]:
    """Each object that a report writes out: what is said of it holds until a later report writes it again."""
    for one in dict.fromkeys(one.shown for one in found):
        yield Listed(extent=f"kubernetes:{cluster}:object:{one}")


def _is(kind: str, parts: list[str]) -> bool:
    """Whether a key's parts are those of an object of a kind, or of a container in one."""
    return len(parts) > 1 and (parts[-2] == kind or (parts[-2] == "Container" and parts[1] == kind))


class _Reading:
    """The objects of one report, and what was said of them."""

    def __init__(self, found: list[Object], skipped: list[Skipped]) -> None:
        self.found = found
        self.skipped = skipped
        self.said = Ties()
        self.rights = Rights(found, self.said)
        self.accounts = {one.key: one for one in found if one.kind == "ServiceAccount"}
        self.workloads: list[Workload] = []
        owners = {(one.kind, one.namespace, one.name): one for one in found if one.kind not in _READ}
        left: Counter[str] = Counter()
        for one in owners.values():
            workload = workload_of(one, owners)
            if workload is None:
                left[one.kind] += 1
                continue
            self.workloads.append(workload)
        for kind, count in left.items():
            skipped.append(Skipped(f"kind {kind}", f"{count} objects of this kind are not read"))

    def records(self) -> Iterator[Record]:
        """Yield all in an order in which every key is sighted before it is named."""
        for one in self.found:  # first, so that what is in them does not sight them by their names only
            if one.kind == "Namespace":
                yield from self.said.sighting(_namespace(one))
                yield from self.rights.scope(one.key)
        nodes = Nodes(self.found, self.workloads, self.rights)
        yield from nodes.records()
        for one in self.accounts.values():
            yield from self.account(one)
        pods = Pods(self.accounts, self.rights)
        for workload in self.workloads:
            yield from pods.records(workload)
        yield from nodes.placement()
        yield from self.rights.records()
        yield from Secrets(self.found, self.rights).records(sorted(self.rights.spaces))
        yield from self.everybody()
        yield from Network(self.found, self.workloads, self.said, self.skipped.append).records()

    def account(self, one: Object) -> Iterator[Record]:
        """Yield a service account, and the cloud's identity that it may take on."""
        yield from self.said.sighting(_plain(one, "identity"))
        yield from self.rights.holder(one.key)
        for annotation, kind in _CLOUDS:
            value = one.annotations.get(annotation, "").strip()
            if not value:
                continue
            key = value if kind == "arn" else f"{kind}:{value.lower()}"
            own = ("arn", value) if kind == "arn" else ("cloud_id", key)
            yield from self.said.sighting(Sighting(key=key, name=value, kind="identity", identifiers=(own,)))
            yield from self.rights.tie("runs_as", one.key, key, "workload identity")

    def everybody(self) -> Iterator[Record]:
        """Yield the groups that every service account is in, where a binding of this report names one."""
        for key in list(self.rights.accounts):
            for name in (*_EVERYBODY, f"system:serviceaccounts:{namespace_of(key)}"):
                group = identity("Group", "", name)
                if self.rights.bound(group):
                    yield from self.rights.holder(group)  # its binding may name no role, and then it was not told
                    yield from self.rights.tie("member_of", key, group, "every service account")


def _namespace(one: Object) -> Sighting:
    """A namespace, with the level of pod security that it enforces."""
    seen = _plain(one, "cloud_resource")
    level = one.labels.get("pod-security.kubernetes.io/enforce", "").lower()
    return msgspec.structs.replace(seen, attributes=(*seen.attributes, *((("pod_security", level),) if level else ())))


def _plain(one: Object, kind: facts.AssetKind) -> Sighting:
    shown = (("resource_type", one.kind), ("namespace", one.namespace))
    return Sighting(
        key=one.key,
        name=one.shown,
        kind=kind,
        identifiers=own(one),
        attributes=tuple((name, text) for name, text in shown if text),
        tags=tags(one.labels),
    )


PLUGIN = Kubernetes()

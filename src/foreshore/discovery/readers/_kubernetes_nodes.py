"""The nodes of a cluster, what runs on which, and the one that stands for all where a report lists none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _kubernetes_objects as objects
from foreshore.discovery.readers import _kubernetes_workloads as workloads
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._kubernetes_objects import Object, identity, mappings
from foreshore.discovery.readers._kubernetes_rights import CLUSTER, Rights
from foreshore.discovery.readers._kubernetes_workloads import Workload
from foreshore.facts import Record, Relation, Sighting

ANY = Object("Node", "", "every-node", {})
ON_NODE = "pod"
ONE_OF = "one of its pods"
_INSTANCE = regex(r"^aws:///[\w-]+/(i-[0-9a-f]+)$")
_CONTROL = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


class Nodes:
    """The nodes of one report and the workloads on them."""

    def __init__(self, found: Iterable[Object], running: list[Workload], rights: Rights) -> None:
        self.rights = rights
        self.running = running
        self.listed = [one for one in found if one.kind == "Node"]
        self.on: dict[str, dict[str, Workload]] = {}  # node -> workloads by their key
        for one in running:
            if name := _naming.text(one.pod.get("nodeName")):
                self.on.setdefault(name, {})[one.top.key] = one
        self.stands_in = not self.listed and not self.on and bool(running or rights.bindings)

    def records(self) -> Iterator[Record]:
        """Yield every node, and the user that its kubelet is."""
        for one in self.listed:
            yield from self.node(one, node(one))
        for name in self.on:  # those that the report does not hold
            one = Object("Node", "", name, {})
            yield from self.node(one, node(one))
        if self.stands_in:
            yield from self.node(ANY, _any())

    def node(self, one: Object, seen: Sighting) -> Iterator[Record]:
        """Yield one node with what is true of every node."""
        yield from self.rights.said.sighting(seen)
        user = identity("User", "", f"system:node:{one.name}")
        group = identity("Group", "", "system:nodes")
        yield from self.rights.tie("controls", CLUSTER, one.key, "Contains node")
        if one is ANY and not self.rights.bound(group):
            return  # nobody's user in a group that nothing is said of
        yield from self.rights.holder(user)
        yield from self.rights.holder(group)
        yield from self.rights.tie("runs_as", one.key, user, "kubelet")
        yield from self.rights.tie("member_of", user, group, "every node")

    def placement(self) -> Iterator[Record]:
        """Yield which node runs which workloads.

        Of a workload that may lead to its node, and has pods on several, a node holds one pod only: the others lead
        elsewhere, so that who has this node does not have those.
        """
        spread: dict[str, int] = {}
        for held in self.on.values():
            for key in held:
                spread[key] = spread.get(key, 0) + 1
        open_ = {one.top.key: workloads.leads_out(workloads.findings(one)) for one in self.running}
        for name, held in self.on.items():
            for key, one in held.items():
                note = ONE_OF if spread[key] > 1 and open_[key] else ON_NODE
                yield from self.runs(identity("Node", "", name), one, note)
        for one in self.running if self.stands_in else ():
            yield from self.runs(ANY.key, one, ON_NODE)

    def runs(self, node_key: str, one: Workload, note: str) -> Iterator[Record]:
        """Yield that a node runs a workload, and each of its containers that is an asset of its own."""
        for key in dict.fromkeys((one.top.key, *map(one.key_of, one.containers))):
            yield from self.rights.said.tie(
                Relation(kind="runs", source=f"asset:{node_key}", target=f"asset:{key}", note=note)
            )


def _any() -> Sighting:
    return Sighting(
        key=ANY.key,
        name=ANY.shown,
        kind="cloud_resource",
        identifiers=(("artifact", ANY.key),),
        attributes=(("resource_type", "Node"), ("stands_for", "every node of the cluster, as none is listed")),
    )


def node(one: Object) -> Sighting:
    """A node by all that it says of itself: the machine that it is, at its provider and by its addresses."""
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
        "resource_type": "Node", "node_role": "control-plane" if any(map(one.labels.__contains__, _CONTROL)) else "",
        "provider_id": provider, "kubelet": info.get("kubeletVersion", ""),
        "kernel": info.get("kernelVersion", ""), "container_runtime": info.get("containerRuntimeVersion", ""),
    }  # fmt: skip
    return Sighting(
        key=one.key,
        name=one.name,
        kind="host",
        identifiers=tuple(dict.fromkeys(found)),
        os=info.get("osImage", ""),
        attributes=tuple((name, text) for name, text in shown.items() if text),
        tags=tags(one.labels),
    )


def tags(labels: dict[str, str]) -> tuple[str, ...]:
    """Labels as tags, without those that change with every pod."""
    return tuple(f"{name}={value}" for name, value in labels.items() if value and not name.endswith("-hash"))


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
